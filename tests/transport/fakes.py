"""
A kernel without an engine, and connections without sockets, for the tests of the
transport.
"""

from __future__ import annotations

import base64
import os
import struct
from collections.abc import Iterable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from lsserver.engine.client import Client
from lsserver.tlcp.requests import BindSession, ControlRequest, CreateSession, Heartbeat
from lsserver.transport.settings import TransportSettings
from lsserver.transport.site import Site, make_site

VERSION = "LS_protocol=TLCP-2.5.0"
SUBPROTOCOL = "TLCP-2.5.0.lightstreamer.com"


class FakeSession:
    """What a transport sees of a session. Its test writes to C{connection} itself."""

    def __init__(self, session_id: str = "S1") -> None:
        self.id = session_id
        self.closed = False
        self.connection: Any = None
        self.lost: list[Any] = []
        self.writable: list[Any] = []
        self.congested: list[Any] = []

    def bind(self, connection: Any) -> None:
        old, self.connection = self.connection, connection
        if old is not None:
            old.abort()
        connection.write(f"CONOK,{self.id},50000,5000,*\r\n".encode())

    def stream_bound(self, connection: Any) -> bool:
        return self.connection is connection

    def stream_lost(self, connection: Any) -> None:
        self.lost.append(connection)
        if self.connection is connection:
            self.connection = None

    def stream_writable(self, connection: Any) -> None:
        self.writable.append(connection)

    def stream_congested(self, connection: Any) -> None:
        self.congested.append(connection)

    def loop(self, close_socket: bool = False) -> None:
        connection, self.connection = self.connection, None
        connection.write(b"LOOP,0\r\n")
        connection.end(close_socket)


class FakeKernel:
    """
    Accepts everything.

    @ivar refusal: the line to refuse creates and binds with, if any.
    @ivar hold: keep creates and control requests undecided, in C{pending}.
    @ivar failure: raise this on everything.
    """

    def __init__(self) -> None:
        self.sessions: dict[str, FakeSession] = {}
        self.created: list[tuple[CreateSession, Client]] = []
        self.bound: list[tuple[BindSession, Any]] = []
        self.controls: list[tuple[ControlRequest, Any]] = []
        self.heartbeats: list[tuple[Heartbeat, Any]] = []
        self.refusal: bytes | None = None
        self.hold = False
        self.failure: Exception | None = None
        self.pending: list[Any] = []
        self.cancelled = 0

    def create_session(self, request: CreateSession, connection: Any, client: Client) -> Deferred[Any]:
        self.created.append((request, client))
        result: Deferred[Any] = Deferred(self._cancelled)

        def decide() -> None:
            if self.failure is not None:
                result.errback(self.failure)
            elif self.refusal is not None:
                connection.refuse(self.refusal)
                result.callback(None)
            else:
                session = FakeSession(f"S{len(self.sessions) + 1}")
                self.sessions[session.id] = session
                session.bind(connection)
                result.callback(session)

        if self.hold:
            self.pending.append(decide)
        else:
            decide()
        return result

    def _cancelled(self, _: Any) -> None:
        self.cancelled += 1

    def bind_session(self, request: BindSession, connection: Any, client: Client, implicit: Any = None) -> Any:
        self.bound.append((request, implicit))
        if self.failure is not None:
            raise self.failure
        session = implicit if request.session is None else self.sessions.get(request.session)
        if session is None or self.refusal is not None:
            connection.refuse(self.refusal or b"CONERR,20,Session not found\r\n")
            return None
        session.bind(connection)
        return session

    def control(self, request: ControlRequest, client: Client, implicit: Any = None) -> Deferred[bytes]:
        self.controls.append((request, implicit))
        line = f"REQOK,{request.req_id}\r\n".encode() if request.ack else b""
        if not self.hold:
            return succeed(line)
        result: Deferred[bytes] = Deferred()

        def decide() -> None:
            if self.failure is not None:
                result.errback(self.failure)
            else:
                result.callback(line)

        self.pending.append(decide)
        return result

    def heartbeat(self, request: Heartbeat, implicit: Any = None) -> None:
        self.heartbeats.append((request, implicit))

    def decide(self, *order: int) -> None:
        """Decide what is pending, all of it or only these, in this order."""
        pending = self.pending
        self.pending = []
        for number in order or range(len(pending)):
            pending[number]()


class Wire(StringTransport):
    """A connection in memory that tells its protocol when it ends."""

    def __init__(self, protocol: Any) -> None:
        super().__init__(
            peerAddress=IPv4Address("TCP", "192.0.2.1", 12345), hostAddress=IPv4Address("TCP", "192.0.2.9", 8080)
        )
        self.server = protocol
        self.lost: Exception | None = None
        protocol.makeConnection(self)

    def loseConnection(self) -> None:
        self._lose(ConnectionDone())

    def abortConnection(self) -> None:
        self._lose(ConnectionAborted())

    def drop(self) -> None:
        """The client has gone."""
        self._lose(ConnectionDone())

    def _lose(self, reason: Exception) -> None:
        if self.lost is None:
            self.lost = reason
            self.connected = False
            self.disconnecting = True
            self.server.connectionLost(Failure(reason))

    def write(self, data: bytes) -> None:
        if self.lost is None:
            super().write(data)

    def pauseProducing(self) -> None:
        if self.lost is None:
            super().pauseProducing()

    def resumeProducing(self) -> None:
        if self.lost is None:
            super().resumeProducing()

    def unregisterProducer(self) -> None:
        # As real transports do: twice is harmless.
        self.producer = None

    def send(self, data: bytes) -> bytes:
        """Bytes from the client; gives what the server has written since."""
        self.server.dataReceived(data)
        return self.take()

    def take(self) -> bytes:
        data = self.value()
        self.clear()
        return data


class World:
    """A site with a fake kernel."""

    def __init__(self, settings: TransportSettings | None = None, clock: Clock | None = None, **options: Any) -> None:
        self.clock = clock or Clock()
        self.kernel = FakeKernel()
        options.setdefault("server_name", "Test")
        self.site: Site = make_site(
            self.kernel,  # type: ignore[arg-type]
            settings or TransportSettings(),
            reactor=self.clock,
            **options,
        )

    def connect(self) -> Wire:
        return Wire(self.site.buildProtocol(None))

    def ask(self, data: bytes) -> bytes:
        """One exchange on a connection of its own."""
        return self.connect().send(data)

    def websocket(self, subprotocol: str = SUBPROTOCOL, headers: Iterable[str] = ()) -> WebSocketClient:
        client = WebSocketClient(self.connect())
        client.handshake(subprotocol, headers)
        return client


def http(method: str, path: str, body: bytes | None = None, *headers: str, version: str = "1.1") -> bytes:
    """A request."""
    lines = [f"{method} {path} HTTP/{version}", "Host: push.example.com", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b"")


def post(name: str, body: bytes, query: str = VERSION, *headers: str) -> bytes:
    """A request of the protocol."""
    return http("POST", f"/lightstreamer/{name}.txt?{query}", body, *headers)


class Response:
    """One response, read from the beginning of bytes; C{rest} is what follows it."""

    def __init__(self, data: bytes) -> None:
        head, separator, rest = data.partition(b"\r\n\r\n")
        assert separator, f"no response in {data!r}"
        status, *lines = head.decode("latin-1").split("\r\n")
        self.version, code, self.reason = status.split(" ", 2)
        self.code = int(code)
        self.lines = [tuple(line.split(": ", 1)) for line in lines]
        self.headers = {name.lower(): value for name, value in self.lines}
        if "content-length" in self.headers:
            length = int(self.headers["content-length"])
            self.body, self.rest = rest[:length], rest[length:]
            self.complete = len(self.body) == length
        elif self.headers.get("transfer-encoding") == "chunked":
            self.body, self.rest, self.complete = unchunk(rest)
        else:
            self.body, self.rest, self.complete = rest, b"", False


def unchunk(data: bytes) -> tuple[bytes, bytes, bool]:
    """The bytes in chunks, what follows them, and whether the last chunk was there."""
    body = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        length = int(size, 16)
        assert rest[length : length + 2] == b"\r\n", f"bad chunk in {data!r}"
        body += rest[:length]
        data = rest[length + 2 :]
        if not length:
            return body, data, True
    return body, b"", False


def frame(opcode: int, payload: bytes, fin: bool = True, mask: bool = True) -> bytes:
    """A frame of a client."""
    size = len(payload)
    head = bytes([opcode | (0x80 if fin else 0)])
    flag = 0x80 if mask else 0
    if size < 126:
        head += bytes([flag | size])
    elif size < 65536:
        head += struct.pack("!BH", flag | 126, size)
    else:
        head += struct.pack("!BQ", flag | 127, size)
    if not mask:
        return head + payload
    key = os.urandom(4)
    keys = (key * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")
    return head + key + masked.to_bytes(size, "big")


def frames(data: bytes) -> list[tuple[int, bytes]]:
    """The opcodes (with the bit for the last fragment) and payloads of a server's frames."""
    found = []
    while data:
        first, second = data[0], data[1]
        assert not second & 0x80, "servers do not mask"
        size, start = second, 2
        if second == 126:
            size, start = struct.unpack("!H", data[2:4])[0], 4
        elif second == 127:
            size, start = struct.unpack("!Q", data[2:10])[0], 10
        assert len(data) >= start + size, "incomplete frame"
        found.append((first, data[start : start + size]))
        data = data[start + size :]
    return found


def texts(data: bytes) -> list[bytes]:
    """The text messages in a server's frames, fragments joined; there must be nothing else."""
    messages: list[bytes] = []
    inside = False
    for first, payload in frames(data):
        if first & 0x0F == 1:
            assert not inside
            messages.append(payload)
        else:
            assert first & 0x0F == 0 and inside, f"unexpected frame {first:x} {payload!r}"
            messages[-1] += payload
        inside = not first & 0x80
    assert not inside
    return messages


class WebSocketClient:
    """The client's end of a WebSocket in memory."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.response: Response | None = None

    def handshake(self, subprotocol: str | None, headers: Iterable[str] = (), path: str = "/lightstreamer") -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
        if subprotocol is not None:
            lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
        self.response = Response(self.wire.send(http("GET", path, None, *lines, *headers)))

    @property
    def socket(self) -> Any:
        """The server's protocol."""
        first = self.wire.server.next
        return getattr(first, "_upgraded", first)

    def send(self, *messages: bytes | str) -> list[bytes]:
        """Text messages in one segment; gives the messages that came since."""
        data = b"".join(frame(1, text.encode() if isinstance(text, str) else text) for text in messages)
        return texts(self.wire.send(data))

    def take(self) -> list[bytes]:
        return texts(self.wire.take())
