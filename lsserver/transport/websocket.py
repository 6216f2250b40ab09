"""
TLCP on a WebSocket (tlcp.md 3): requests in order of arrival, and the streams that
sessions are bound to, one after the other.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from lsserver.engine.kernel import Kernel
from lsserver.engine.session import Session
from lsserver.tlcp.codes import ControlCode, SessionCode
from lsserver.tlcp.lines import parse_line
from lsserver.tlcp.parsing import parse_websocket
from lsserver.tlcp.requests import (
    BindSession,
    ControlRequest,
    CreateSession,
    Heartbeat,
    Request,
    RequestError,
    SendLog,
    WsOk,
)
from lsserver.transport.client_info import ClientInfo
from lsserver.transport.compression import Agreement
from lsserver.transport.deadlines import Deadlines
from lsserver.transport.handshake import by_name
from lsserver.transport.settings import TransportSettings
from lsserver.transport.versions import Announced
from lsserver.transport.websocket_frames import (
    INTERNAL_ERROR,
    NORMAL,
    POLICY_VIOLATION,
    FrameFactory,
    FrameProtocol,
)
from lsserver.transport.websocket_stream import WebSocketStream

MAX_QUEUED = 256
"""Requests that wait for a session which is being created, before nothing more is read."""

MAX_DEBT = 30
"""Seconds that a client may be ahead of the requests that it is allowed; the connection is closed beyond that."""

TOO_LONG = "Malformed request: longer than the request limit"

_log = Logger(namespace="LightstreamerLogger.connections.WS")


class WebSocketFactory(FrameFactory):
    """Makes the connections of one site."""

    def __init__(self, kernel: Kernel, settings: TransportSettings, clock: IReactorTime, server_header: bytes) -> None:
        super().__init__(settings, clock, server_header)
        self.kernel = kernel
        self.idle: Deadlines[LinesSocket] = Deadlines(clock, settings.websocket_idle_millis / 1000, LinesSocket.unused)

    def connection(
        self, announced: Announced, info: ClientInfo, headers: bytes, agreement: Agreement | None
    ) -> LinesSocket:
        """
        A connection for a handshake that was found good.

        @param info: describes the peer, anew for each session that it asks for.
        @param headers: of the handshake, as L{by_name} reads them.
        @param agreement: on compression.
        """
        protocol = LinesSocket(self.kernel, announced, info, headers)
        protocol.factory = self
        if agreement is not None:
            protocol.agreement = agreement
        return protocol


class LinesSocket(FrameProtocol):
    """
    One connection.

    @ivar session: what a request without C{LS_session} refers to (3.7).
    @ivar stream: what C{session} is bound to here, if it is.
    """

    factory: WebSocketFactory

    # As in the base class: what is usually like this takes no room in every connection.
    _queue: deque[Request | RequestError] | tuple[()] = ()
    _slowed: IDelayedCall | None = None

    def __init__(self, kernel: Kernel, announced: Announced, info: ClientInfo, headers: bytes) -> None:
        super().__init__()
        # Whatever changes sooner or later is set here: Python keeps the names of attributes
        # once for all connections, but only of those that the first ones have got early.
        self.session: Session | None = None
        self.stream: WebSocketStream | None = None
        self.replies: list[bytes] = []
        self._receiving = False
        self._creating = False
        self._refused = False
        self._quiet = True
        self._kernel = kernel
        self._announced = announced
        self._info = info
        self._headers = headers

    # Life

    def opened(self) -> None:
        """The handshake is done."""
        self._watch()

    def closed(self) -> None:
        """The connection is gone."""
        self.factory.idle.end(self)
        if self._slowed is not None:
            self._slowed.cancel()
            self._slowed = None
        self._queue = ()
        self._lose_stream()

    def ending(self) -> None:
        """Nothing may follow the close frame."""
        self.flush()
        self._queue = ()
        self._lose_stream()

    def _lose_stream(self) -> None:
        stream, self.stream = self.stream, None
        if stream is not None:
            stream.lost()

    def _watch(self) -> None:
        """
        Close the connection when nothing uses it. Clients may open it early and be
        silent until their session is created elsewhere (3.1), so not too soon.
        """
        self._quiet = True
        self.factory.idle.begin(self)

    def unused(self) -> None:
        """No stream has used the connection for so long."""
        if self.stream is not None or self._creating:
            # It will be watched again when that is over.
            return
        if self._quiet:
            self.close(NORMAL)
        else:
            self._watch()

    # Writing

    def reply(self, line: bytes) -> None:
        """Send a line; with others in one message while requests are being read."""
        if line:
            self.replies.append(line)
            if not self._receiving:
                self.flush()

    def flush(self) -> None:
        """Send the replies that wait."""
        if self.replies:
            # Streams know this very list.
            data = b"".join(self.replies)
            self.replies.clear()
            self.send_text(data)

    def congested(self) -> None:
        """Bytes wait for the socket."""
        if self.stream is not None:
            self.stream.congested()

    def drained(self) -> None:
        """The socket has taken everything."""
        super().drained()
        if self.stream is not None:
            self.stream.drained()

    # Reading

    def dataReceived(self, data: bytes) -> None:
        """Bytes of frames; the replies to all requests in them are sent together."""
        self._receiving = True
        try:
            super().dataReceived(data)
        except Exception:
            _log.failure("reading from {peer} failed", peer=self.peer)
            self.close(INTERNAL_ERROR)
        finally:
            self._receiving = False
            self.flush()

    def messageReceived(self, payload: bytes) -> None:
        """A request, or several of one kind."""
        requests = parse_websocket(payload)
        for request in requests:
            if isinstance(request, RequestError) and _names_session_request(payload):
                request = _SessionError(request)
            self._arrived(request)

    def messageTooLong(self, head: bytes) -> None:
        """Answer whom it may concern; the socket remains usable."""
        code = ControlCode.MALFORMED_REQUEST
        if _names_session_request(head):
            self._arrived(_SessionError(RequestError(code, TOO_LONG)))
            return
        lines = head.replace(b"\r\n", b"\n").split(b"\n", 2)
        parameters = parse_line(lines[1]) if len(lines) > 1 else {}
        self._arrived(RequestError(code, TOO_LONG, parameters.get("LS_reqId") or None))

    def binaryReceived(self) -> None:
        """No request is binary."""
        code = ControlCode.MALFORMED_REQUEST
        self._arrived(RequestError(code, f"{code.text}: binary message"))

    def _arrived(self, request: Request | RequestError) -> None:
        """Answer a request now, or when the session that it may refer to has been created."""
        self._quiet = False
        if self.budget is not None:
            self._slow_down(self.budget.owe())
        if isinstance(request, WsOk):
            self.reply(self._announced.dialect.wsok())
        elif self._creating:
            if not self._queue:
                self._queue = deque()
            self._queue.append(request)
            if len(self._queue) >= MAX_QUEUED:
                self.hold("queue")
        else:
            self._execute(request)

    def _slow_down(self, debt: float) -> None:
        """Read nothing more until it is time for the next request; what has been read already is executed."""
        if debt > MAX_DEBT:
            _log.info("{peer} sends far too many requests, connection closed", peer=self.peer)
            self.close(POLICY_VIOLATION)
        elif debt and self._slowed is None:
            self.hold("rate")
            self._slowed = self.factory.clock.callLater(debt, self._paid)

    def _paid(self) -> None:
        self._slowed = None
        assert self.budget is not None
        self._slow_down(self.budget.debt())
        if self._slowed is None:
            self.release("rate")

    def _execute(self, request: Request | RequestError) -> None:
        if isinstance(request, _SessionError):
            self._refuse(request.code, request.text)
        elif isinstance(request, RequestError):
            self.reply(self._error(request))
        elif self._announced.problem is not None:
            self._unsupported(request, self._announced.problem)
        elif isinstance(request, CreateSession | BindSession):
            self._open(request)
        elif isinstance(request, ControlRequest):
            self._control(request)
        elif isinstance(request, Heartbeat):
            self._kernel.heartbeat(request, self.session)
        elif isinstance(request, SendLog):
            _log.debug("log of a client: {lines}", lines=request.lines)

    def _error(self, error: RequestError) -> bytes:
        if error.req_id is None:
            return self._announced.dialect.error(error.code, error.text)
        return self._announced.dialect.reqerr(error.req_id, error.code, error.text)

    def _unsupported(self, request: Request, problem: str) -> None:
        if isinstance(request, CreateSession | BindSession):
            self._refuse(SessionCode.INVALID_VALUE, problem)
        elif isinstance(request, ControlRequest):
            self.reply(self._announced.dialect.error(ControlCode.INVALID_VALUE, problem))

    def _refuse(self, code: int, text: str) -> None:
        """A create or bind that nobody else is asked about."""
        self._refused = self.stream is None
        self.reply(self._announced.dialect.conerr(code, text))

    # Requests

    def _control(self, request: ControlRequest) -> None:
        if request.session is None and self._refused:
            # What was sent on the assumption of a session that has been refused (3.6).
            return
        result = self._kernel.control(request, self._announced, self.session)
        result.addCallbacks(self.reply, self._control_failed, errbackArgs=(request,))

    def _control_failed(self, failure: Failure, request: ControlRequest) -> None:
        _log.failure("request {request} failed", failure, request=request)
        code = ControlCode.INTERNAL_ERROR
        self.reply(self._announced.dialect.reqerr(request.req_id, code, code.text))

    def _open(self, request: CreateSession | BindSession) -> None:
        """Let a session have the socket, unless one has it already (3.8)."""
        before = self.stream
        if before is not None and not before.polling:
            code = SessionCode.STREAMING_IN_PLACE
            self.reply(self._announced.dialect.conerr(code, code.text))
            return
        stream = self.stream = WebSocketStream(self, self.framer, request.connection.polling)
        # Adapters may keep notes in the headers of a session, so each has its own.
        client = self._info.client(self._announced.dialect, by_name(self._headers), self.transport)
        self._refused = False
        self.factory.idle.end(self)
        if isinstance(request, BindSession):
            stream.bind(self._kernel, request, client, self.session)
            self._opened(stream, before)
        else:
            self._creating = True
            created: Deferred[None] = stream.create(self._kernel, request, client)
            created.addCallback(lambda _: self._created(stream, before))

    def _created(self, stream: WebSocketStream, before: WebSocketStream | None) -> None:
        self._creating = False
        if self.state != self.STATE_OPEN:
            return
        self._opened(stream, before)
        if self._queue:
            self._execute_queue(self._queue)

    def _execute_queue(self, queue: deque[Request | RequestError]) -> None:
        """What has waited for a session, as far as it need not wait for the next."""
        self._queue = ()
        while queue and not self._creating:
            request = queue.popleft()
            if self.session is None and self._depends(request):
                continue
            self._execute(request)
        if queue:
            queue.extend(self._queue)
            self._queue = queue
        if len(self._queue) < MAX_QUEUED:
            self.release("queue")

    def _depends(self, request: Request | RequestError) -> bool:
        return self._refused and isinstance(request, ControlRequest) and request.session is None

    def _opened(self, stream: WebSocketStream, before: WebSocketStream | None) -> None:
        self.session = stream.session
        self._refused = stream.session is None
        if before is not None and not before.over:
            # A poll is still waiting here.
            if stream.session is None:
                self.stream = before
                # It was not told while the other one had its place.
                if not self.writer.writable:
                    before.congested()
                elif not before.writable:
                    before.drained()
            else:
                before.lost()

    # What streams tell

    def stream_ended(self, stream: WebSocketStream, close_socket: bool) -> None:
        """C{LOOP}, C{END} or a refusal was written; the socket is free for another bind."""
        if self.stream is stream:
            self.stream = None
            if self.state == self.STATE_OPEN:
                self._watch()
        if close_socket:
            self.close(NORMAL)

    def stream_aborted(self, stream: WebSocketStream) -> None:
        """The session went elsewhere, perhaps to the next stream on this very socket."""
        if self.stream is stream:
            self.stream = None
            self.drop()


class _SessionError(RequestError):
    """A C{create_session} or C{bind_session} that cannot be understood: answered with C{CONERR} (2.13)."""

    def __init__(self, error: RequestError) -> None:
        super().__init__(error.code, error.text)


def _names_session_request(payload: bytes) -> bool:
    return payload.startswith((b"create_session\r", b"create_session\n", b"bind_session\r", b"bind_session\n")) or (
        payload in (b"create_session", b"bind_session")
    )
