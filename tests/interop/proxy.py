"""A TCP proxy in the test process that does what networks do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure


class Link:
    """One connection through the proxy, seen from the middle."""

    def __init__(self, proxy: Proxy, client: ToClient) -> None:
        self.proxy = proxy
        self.client = client
        self.server: ToServer | None = None
        self.deaf = False
        self.heard = False
        self.request = b""
        self._waiting: list[bytes] = []

    def from_client(self, data: bytes) -> None:
        """Pass on what the client sends."""
        self.request = (self.request + data)[:2000]
        if self.proxy.refuses(self.request):
            self.abort()
            return
        data = self.proxy.passed(self, data)
        if self.server is None:
            self._waiting.append(data)
        else:
            self.server.write(data)

    def connected(self, server: ToServer) -> None:
        """The server has accepted."""
        self.server = server
        for data in self._waiting:
            server.write(data)

    def from_server(self, data: bytes) -> None:
        """Pass on what the server sends, unless the client hears nothing any more."""
        if not self.deaf:
            self.proxy.answer(self, data)

    def abort(self) -> None:
        """Reset the connection on both sides."""
        self.deaf = True
        self.client.abort()
        if self.server is not None:
            self.server.abort()

    def cut(self, server_too: bool) -> None:
        """
        End the connection in the middle of what the server says. The client gets
        what was passed on before: a browser that has not seen the head of a
        response may send the request again by itself, and neither the page nor the
        server would know.
        """
        self.deaf = True
        self.client.close()
        if server_too and self.server is not None:
            self.server.abort()


class _Side(Protocol):
    """One half of a link."""

    def __init__(self, link: Link | None = None) -> None:
        self.link = link

    def write(self, data: bytes) -> None:
        """Send."""
        self.transport.write(data)  # type: ignore[union-attr]

    def close(self) -> None:
        """Close after what was written."""
        self.transport.loseConnection()  # type: ignore[union-attr]

    def abort(self) -> None:
        """Reset."""
        self.transport.abortConnection()  # type: ignore[union-attr]


class ToClient(_Side):
    """The half that the client connected to."""

    def connectionMade(self) -> None:
        self.link = Link(self.factory.proxy, self)
        self.link.proxy.opened(self.link)

    def dataReceived(self, data: bytes) -> None:
        assert self.link is not None
        self.link.from_client(data)

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        assert self.link is not None
        self.link.proxy.closed(self.link)


class ToServer(_Side):
    """The half towards the server."""

    def connectionMade(self) -> None:
        assert self.link is not None
        self.link.connected(self)

    def dataReceived(self, data: bytes) -> None:
        assert self.link is not None
        self.link.from_server(data)

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        assert self.link is not None
        self.link.proxy.server_closed(self.link)


class Proxy:
    """
    Stands between clients and a server.

    @ivar address: where clients find it.
    """

    address = ""

    def __init__(self, reactor: Any, port: int, whole_polls: bool = False) -> None:
        """
        @param port: of the server on this machine.
        @param whole_polls: whether the answer to a poll is lost as a whole.
        """
        self._reactor = reactor
        self._whole_polls = whole_polls
        self._target = HostnameEndpoint(reactor, "127.0.0.1", port)
        self._links: set[Link] = set()
        self._servers: set[Link] = set()
        self._port: Any = None
        self._gone: Deferred[None] | None = None
        self._cut: Callable[[Link, bytes], None] | None = None

    async def start(self) -> Proxy:
        """Listen on a free port of this machine."""
        factory = Factory.forProtocol(ToClient)
        factory.proxy = self  # type: ignore[attr-defined]
        self._port = await TCP4ServerEndpoint(self._reactor, 0, interface="127.0.0.1").listen(factory)
        self.address = f"http://127.0.0.1:{self._port.getHost().port}/"
        return self

    async def stop(self) -> None:
        """Stop listening and reset what is open."""
        await self._port.stopListening()
        for link in self._links | self._servers:
            link.abort()
        if self._links or self._servers:
            gone = self._gone = Deferred()
            await gone

    def cut(self, how: str) -> None:
        """
        When the server next sends something, pass on the first half of it and then

          - C{cut both sides}: end the connection;
          - C{cut the client}: end it for the client; the server does not notice;
          - C{cut twice}: end it, and do the same to the next answer that brings data.
        """
        self._cut = {"cut both sides": self._both, "cut the client": self._client, "cut twice": self._twice}[how]

    def _half(self, link: Link, data: bytes) -> None:
        if not self._is_whole(link):
            head = data.index(b"\r\n\r\n") + 4 if data.startswith(b"HTTP/") else 0
            link.client.write(data[: head + (len(data) - head) // 2])

    def _is_whole(self, link: Link) -> bool:
        return self._whole_polls and b"LS_polling=true" in link.request

    def _both(self, link: Link, data: bytes) -> None:
        self._cut = None
        self._half(link, data)
        link.cut(server_too=True)

    def _client(self, link: Link, data: bytes) -> None:
        self._cut = None
        self._half(link, data)
        link.cut(server_too=False)

    def _twice(self, link: Link, data: bytes) -> None:
        self._both(link, data)
        self._cut = self._both

    def refuses(self, request: bytes) -> bool:
        """Whether to reset a connection on which this was sent so far."""
        return False

    def passed(self, link: Link, data: bytes) -> bytes:
        """What goes on to the server of what a client sends."""
        return data

    def answer(self, link: Link, data: bytes) -> None:
        """Pass on what the server sent, or not. Only lines of updates are cut: what is about to be lost is data."""
        whole = self._is_whole(link)
        if self._cut is None or (whole and link.heard):
            link.heard = True
            link.client.write(data)
        elif b"U," in data:
            self._cut(link, data)
        elif not whole:
            link.client.write(data)

    def opened(self, link: Link) -> None:
        """A client has connected."""
        self._links.add(link)
        self._servers.add(link)
        server = Factory.forProtocol(lambda: ToServer(link))
        self._target.connect(server).addErrback(lambda failure: self.server_closed(link))

    def closed(self, link: Link) -> None:
        """The client's side is gone."""
        self._links.discard(link)
        # One that was cut for the client only stays open for the server, until the server ends it.
        if not link.deaf and link.server is not None:
            link.server.close()
        self._look()

    def server_closed(self, link: Link) -> None:
        """The server's side is gone."""
        self._servers.discard(link)
        if not link.deaf:
            link.client.close()
        self._look()

    def _look(self) -> None:
        if self._gone is not None and not self._links and not self._servers:
            gone, self._gone = self._gone, None
            gone.callback(None)


class NoWebSocket(Proxy):
    """A network that resets connections on which WebSocket is asked for."""

    def refuses(self, request: bytes) -> bool:
        return b"upgrade: websocket" in request.lower()


class Buffering(NoWebSocket):
    """
    One that, besides, keeps the answer to every request until it is complete, so
    that nothing arrives from a stream while it lasts.
    """

    def __init__(self, reactor: Any, port: int, whole_polls: bool = False) -> None:
        super().__init__(reactor, port, whole_polls)
        self._kept: dict[Link, list[bytes]] = {}

    def answer(self, link: Link, data: bytes) -> None:
        kept = self._kept.setdefault(link, [])
        kept.append(data)
        whole = b"".join(kept)
        head, _, body = whole.partition(b"\r\n\r\n")
        if b"transfer-encoding: chunked" in head.lower() and not whole.endswith(b"0\r\n\r\n"):
            return
        del self._kept[link]
        link.client.write(whole)


class Losing(Proxy):
    """One that loses a WebSocket message: every one in which the word LOST stands."""

    def __init__(self, reactor: Any, port: int, whole_polls: bool = False) -> None:
        super().__init__(reactor, port, whole_polls)
        self._rest: dict[Link, bytes] = {}

    def passed(self, link: Link, data: bytes) -> bytes:
        if link not in self._rest:
            if b"upgrade: websocket" not in link.request.lower() or not data.endswith(b"\r\n\r\n"):
                return data
            self._rest[link] = b""
            return data
        rest, frames = self._rest[link] + data, []
        while (length := _frame_length(rest)) is not None:
            frame, rest = rest[:length], rest[length:]
            if b"LOST" not in _payload(frame):
                frames.append(frame)
        self._rest[link] = rest
        return b"".join(frames)


def _head_length(frame: bytes) -> int:
    """Of a client's frame, which is masked."""
    return {126: 8, 127: 14}.get(frame[1] & 0x7F, 6)


def _frame_length(data: bytes) -> int | None:
    """Of the first frame in C{data}, C{None} if it is not complete."""
    if len(data) < 2 or len(data) < _head_length(data):
        return None
    head = _head_length(data)
    length = data[1] & 0x7F if head == 6 else int.from_bytes(data[2 : head - 4])
    return head + length if len(data) >= head + length else None


def _payload(frame: bytes) -> bytes:
    head = _head_length(frame)
    mask = frame[head - 4 : head]
    return bytes(byte ^ mask[number % 4] for number, byte in enumerate(frame[head:]))


NETWORKS = {"breaking": Proxy, "no websocket": NoWebSocket, "buffering": Buffering, "losing": Losing}
"""What can be between client and server, by what scenarios call it."""
