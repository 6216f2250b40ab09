"""
TLCP over HTTP (tlcp.md 2): one resource for each name of a request.
"""

# Much of twisted.web and Autobahn has no types.
# mypy: disallow-untyped-calls=False
from __future__ import annotations

from dataclasses import dataclass, replace

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from lsserver.engine.client import Client, Speaker
from lsserver.engine.dialect import IDialect
from lsserver.engine.kernel import Kernel
from lsserver.tlcp.codes import ControlCode, SessionCode
from lsserver.tlcp.parsing import parse_http
from lsserver.tlcp.requests import (
    BindSession,
    ControlRequest,
    CreateSession,
    Heartbeat,
    Request,
    RequestError,
)
from lsserver.transport.channel import Request as HttpRequest
from lsserver.transport.client_info import ClientInfo, by_name, forwarding
from lsserver.transport.cors import Headers, OriginCheck
from lsserver.transport.framing import ChunkFramer
from lsserver.transport.headers import PLAIN, ResponseHeads
from lsserver.transport.http_stream import HttpStream
from lsserver.transport.settings import TransportSettings
from lsserver.transport.versions import announced_in_query

SESSION_REQUESTS = ("create_session", "bind_session")
CONTROL_REQUESTS = ("control", "msg", "heartbeat", "send_log")
ALLOWED = b"GET, HEAD, OPTIONS, POST"

_log = Logger(namespace="LightstreamerLogger.connections.http")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the resources of one listening socket share."""

    kernel: Kernel
    settings: TransportSettings
    clock: IReactorTime
    heads: ResponseHeads
    origins: OriginCheck
    info: ClientInfo
    framer: ChunkFramer


class ProtocolResource(Resource):
    """What all names of requests have in common; C{answer} is what they do not."""

    isLeaf = True

    def __init__(self, name: str, around: Surroundings) -> None:
        super().__init__()
        self._name = name
        self._around = around

    def render(self, request: HttpRequest) -> int:
        """Answer one HTTP request."""
        around = self._around
        method = request.method
        if request.postpath:
            request.respond_with(http.NOT_FOUND, b"There is nothing here.\r\n")
        elif method not in (b"POST", b"GET", b"HEAD", b"OPTIONS"):
            request.setHeader(b"Allow", ALLOWED)
            request.respond_with(http.NOT_ALLOWED, b"Requests are sent with POST, or with GET.\r\n")
        else:
            origin, host = request.header("origin"), request.header("host")
            if method == b"OPTIONS":
                verdict = around.origins.preflight(origin, host)
                request.setHeader(b"Allow", ALLOWED)
            else:
                verdict = around.origins.check(origin, host)
            if method in (b"HEAD", b"OPTIONS") or not verdict.allowed:
                # A page that may not use the server learns nothing, not even of an error.
                around.heads.prepare(request, PLAIN, verdict.headers)
                request.respond(b"")
            else:
                self.answer(request, verdict.headers)
        return NOT_DONE_YET

    def answer(self, request: HttpRequest, cors: Headers) -> None:
        """Execute a request that may be executed."""
        raise NotImplementedError

    def _parse(self, request: HttpRequest) -> list[Request | RequestError]:
        return parse_http(self._name, request.query, request.content.read() if request.method == b"POST" else None)


class SessionResource(ProtocolResource):
    """C{create_session} and C{bind_session}: the response is a stream."""

    def answer(self, request: HttpRequest, cors: Headers) -> None:
        """As in L{ProtocolResource}."""
        around = self._around
        stream = HttpStream(
            request,
            around.heads,
            cors,
            around.framer,
            around.clock,
            around.settings.write_timeout_millis,
            around.settings.sendbuf,
        )
        announced = announced_in_query(request.query)
        dialect = announced.dialect
        if announced.problem is not None:
            stream.refuse(dialect.conerr(SessionCode.INVALID_VALUE, announced.problem))
            return
        (asked,) = self._parse(request)
        if isinstance(asked, RequestError):
            # Never ERROR: clients would wait for more, or try again for ever (2.13).
            stream.refuse(dialect.conerr(asked.code, asked.text))
        elif isinstance(asked, CreateSession):
            stream.create(around.kernel, asked, self._client(request, dialect, by_name(request.requestHeaders)))
        elif isinstance(asked, BindSession):
            stream.bind(around.kernel, asked, self._client(request, dialect, forwarding(request.requestHeaders)))

    def _client(self, request: HttpRequest, dialect: IDialect, headers: dict[str, str]) -> Client:
        return self._around.info.client(dialect, headers, request.channel.transport)


class ControlResource(ProtocolResource):
    """
    The other names: one line of answer for each request, in their order, when all
    are decided (2.6).
    """

    def answer(self, request: HttpRequest, cors: Headers) -> None:
        """As in L{ProtocolResource}."""
        announced = announced_in_query(request.query)
        dialect = announced.dialect
        if announced.problem is not None:
            self._respond([dialect.error(ControlCode.INVALID_VALUE, announced.problem)], request, cors)
            return
        lines = [self._line(asked, announced, dialect) for asked in self._parse(request)]
        gatherResults(lines).addCallback(self._respond, request, cors)

    def _respond(self, lines: list[bytes], request: HttpRequest, cors: Headers) -> None:
        self._around.heads.prepare(request, PLAIN, cors)
        request.respond(b"".join(lines))

    def _line(self, asked: Request | RequestError, client: Speaker, dialect: IDialect) -> Deferred[bytes]:
        """Never fails, never empty: a client that misses a line asks again for ever."""
        result: Deferred[bytes] = Deferred()
        if isinstance(asked, ControlRequest):
            # Over HTTP every request is answered, whatever it says.
            asked = replace(asked, ack=True)
            result = self._around.kernel.control(asked, client)
            result.addErrback(self._failed, asked, dialect)
        elif isinstance(asked, RequestError):
            code, text, req_id = asked.code, asked.text, asked.req_id
            result.callback(dialect.error(code, text) if req_id is None else dialect.reqerr(req_id, code, text))
        else:
            if isinstance(asked, Heartbeat):
                self._around.kernel.heartbeat(asked)
            else:
                _log.debug("log of a client: {log}", log=asked)
            result.callback(dialect.reqok(None))
        return result

    def _failed(self, failure: Failure, asked: ControlRequest, dialect: IDialect) -> bytes:
        _log.failure("request {request} failed", failure, request=asked)
        code = ControlCode.INTERNAL_ERROR
        return dialect.reqerr(asked.req_id, code, code.text)
