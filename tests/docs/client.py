"""A small client over HTTP streaming, to see what the server of a page really sends."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from urllib.parse import unquote, urlencode

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import Agent, FileBodyProducer, readBody
from twisted.web.iweb import IResponse

SECONDS = 120
"""Longest wait for a line."""


class Refused(Exception):
    """
    @ivar tag: C{CONERR}, C{REQERR}, C{ERROR} or C{MSGFAIL}.
    """

    def __init__(self, tag: str, code: str, text: str) -> None:
        super().__init__(tag, code, text)
        self.tag = tag
        self.code = int(code)
        self.text = unquote(text)


class Session(Protocol):
    """
    A session whose stream is the response to its creation.

    @ivar lines: what came, in order.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.lines: list[str] = []
        self.id = ""
        self._rest = b""
        self._waiting: list[tuple[re.Pattern[str], int, Deferred[re.Match[str]]]] = []
        self._over: Deferred[None] = Deferred()
        self._requests = 0

    @classmethod
    async def create(cls, url: str, **parameters: str) -> Session:
        """
        @param url: of the server.
        @param parameters: of the request, without C{LS_}.
        @raise Refused: by the server.
        """
        session = cls(url)
        response = await _post(url, "create_session", cid="mgQkwtwdysogQz2BJ4Ji kOj2Bg", **parameters)
        response.deliverBody(session)
        answer = await session.seen("CON(OK|ERR),([^,]*)(?:,(.*))?")
        if answer[1] == "ERR":
            await session.close()
            raise Refused("CONERR", answer[2], answer[3])
        session.id = answer[2]
        return session

    async def control(self, op: str, **parameters: str | int) -> None:
        """
        @raise Refused: by the server.
        """
        await self._request("control", op=op, **parameters)

    async def subscribe(self, number: int, group: str, schema: str, mode: str, **parameters: str) -> None:
        """
        @raise Refused: by the server.
        """
        await self.control("add", subId=number, group=group, schema=schema, mode=mode, **parameters)

    async def send(self, text: str) -> str:
        """
        The response to a message.

        @raise Refused: by the server or by the adapter.
        """
        self._requests += 1
        number = self._requests
        await self._request("msg", message=text, msg_prog=number)
        outcome = await self.seen(rf"MSG(DONE|FAIL),\*,{number},([^,]*)(?:,(.*))?")
        if outcome[1] == "FAIL":
            raise Refused("MSGFAIL", outcome[2], outcome[3])
        return unquote(outcome[2])

    async def _request(self, name: str, **parameters: str | int) -> None:
        response = await _post(self.url, name, session=self.id, reqId="1", **parameters)
        line = (await readBody(response)).decode().strip()
        if line != "REQOK,1":
            answer = re.fullmatch("(REQERR|ERROR)(?:,1)?,(-?[0-9]+),(.*)", line)
            assert answer is not None, line
            raise Refused(*answer.groups())

    def seen(self, pattern: str, after: int = 0) -> Deferred[re.Match[str]]:
        """Fires with the first line that matches as a whole, of those from number C{after} on."""
        found: Deferred[re.Match[str]] = Deferred()
        self._waiting.append((re.compile(pattern), after, found))
        self._look()
        return found.addTimeout(SECONDS, reactor, lambda *_: self._missing(pattern))

    async def values(self, after: int = 0, subscription: int = 1, item: int = 1) -> list[str]:
        """The fields of an update, as they stand in the line."""
        line = await self.seen(rf"U,{subscription},{item},(.*)", after)
        return line[1].split("|")

    def _missing(self, pattern: str) -> re.Match[str]:
        raise AssertionError(f"no line {pattern!r} in {SECONDS} s, but {self.lines}")

    def _look(self) -> None:
        for waiting in list(self._waiting):
            pattern, after, found = waiting
            matches: Callable[[str], re.Match[str] | None] = pattern.fullmatch
            match = next((match for line in self.lines[after:] if (match := matches(line))), None)
            if match:
                self._waiting.remove(waiting)
                found.callback(match)

    def dataReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        self.lines += [line.decode() for line in lines]
        self._look()

    def connectionLost(self, reason: Failure = Failure(ConnectionError())) -> None:  # noqa: B008
        self._over.callback(None)

    async def close(self) -> None:
        """Leave without a word."""
        if not self._over.called:
            assert self.transport is not None
            self.transport.loseConnection()
            await self._over


async def _post(url: str, name: str, **parameters: str | int) -> IResponse:
    body = urlencode({f"LS_{key}": value for key, value in parameters.items()}).replace("+", "%20")
    address = f"{url}lightstreamer/{name}.txt?LS_protocol=TLCP-2.5.0"
    response: IResponse = await Agent(reactor).request(
        b"POST", address.encode(), bodyProducer=FileBodyProducer(BytesIO(body.encode()))
    )
    assert response.code == 200, response.code
    return response
