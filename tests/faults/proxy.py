"""A TCP proxy that harms a connection at a given point of the conversation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ServerEndpoint
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

DELAY = 0.5
"""Seconds for which a delayed connection keeps everything."""

PIECES = 12
"""Parts in which a dribbling connection passes on what it gets."""


@dataclass(frozen=True)
class Point:
    """
    A point of the conversation: the C{count}th time that one side says something.

    @ivar server: whether it is the server.
    @ivar says: what its bytes must contain.
    """

    name: str
    server: bool
    says: bytes
    count: int = 1


def unmasked(data: bytes) -> bytes:
    """What clients say in WebSocket frames; they send whole ones."""
    said = b""
    while len(data) >= 6:
        size, start = data[1] & 0x7F, 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        key, payload = data[start : start + 4], data[start + 4 : start + 4 + size]
        said += bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))
        data = data[start + 4 + size :]
    return said


class Link:
    """One connection through the proxy."""

    def __init__(self, proxy: FaultyProxy, client: Protocol) -> None:
        self.proxy = proxy
        self.client: Any = client
        self.server: Any = None
        self.stalled = False
        self.dead = False
        self._upgraded = False
        self._early: list[bytes] = []
        self._kept: list[tuple[bool, bytes]] | None = None

    def connected(self, server: Protocol) -> None:
        """The server has accepted."""
        self.server = server
        early, self._early = self._early, []
        for data in early:
            server.transport.write(data)  # type: ignore[union-attr]

    def passing(self, from_server: bool, data: bytes) -> None:
        """One side has said something."""
        self._upgraded = self._upgraded or (from_server and b" 101 " in data)
        said = unmasked(data) if self._upgraded and not from_server else data
        fault = self.proxy.due(from_server, said)
        if self.stalled or self.dead:
            return
        if self._kept is not None:
            self._kept.append((from_server, data))
        elif fault is not None:
            getattr(self, fault)(from_server, data)
        else:
            self._pass(from_server, data)

    def _pass(self, from_server: bool, data: bytes) -> None:
        if from_server:
            self.client.transport.write(data)
        elif self.server is None:
            self._early.append(data)
        else:
            self.server.transport.write(data)

    # Faults

    def cut(self, from_server: bool, data: bytes) -> None:
        """Reset on both sides, before anything of it has passed."""
        self.dead = True
        self.reset()

    def halve(self, from_server: bool, data: bytes) -> None:
        """Reset on both sides after the first half has passed."""
        self._pass(from_server, data[: len(data) // 2])
        self.dead = True
        self.proxy.later(0, self.reset)

    def end(self, from_server: bool, data: bytes) -> None:
        """Ended in order on both sides after the first half has passed."""
        self._pass(from_server, data[: len(data) // 2])
        self.dead = True
        for side in (self.client, self.server):
            if side is not None:
                side.transport.loseConnection()

    def orphan(self, from_server: bool, data: bytes) -> None:
        """Reset on the side of the client; the server hears nothing of it."""
        self._pass(from_server, data[: len(data) // 2])
        self.dead = True
        self.proxy.later(0, self.client.transport.abortConnection)

    def stall(self, from_server: bool, data: bytes) -> None:
        """Nothing passes any more, and nobody is told."""
        self.stalled = True

    def delay(self, from_server: bool, data: bytes) -> None:
        """Everything is kept for a while and then passes in order."""
        self._kept = [(from_server, data)]
        self.proxy.later(DELAY, self._release)

    def dribble(self, from_server: bool, data: bytes) -> None:
        """It passes in small parts, one after the other; what follows waits for its turn."""
        size = -(-len(data) // PIECES)
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        self._kept = []

        def piece() -> None:
            if self.dead:
                return
            if pieces:
                self._pass(from_server, pieces.pop(0))
                self.proxy.later(0.01, piece)
            else:
                self._release()

        piece()

    def _release(self) -> None:
        kept, self._kept = self._kept or [], None
        if not self.dead:
            for from_server, data in kept:
                self._pass(from_server, data)

    def reset(self) -> None:
        """Both sides."""
        self.dead = True
        for side in (self.client, self.server):
            if side is not None:
                side.transport.abortConnection()


class _Side(Protocol):
    """One half of a link."""

    def __init__(self, proxy: FaultyProxy, link: Link | None = None) -> None:
        self._proxy = proxy
        self._is_server = link is not None
        self._link = link

    def connectionMade(self) -> None:
        self._proxy.opened(self)
        if self._link is None:
            self._link = Link(self._proxy, self)
            self._proxy.connect(self._link)
        else:
            self._link.connected(self)

    def dataReceived(self, data: bytes) -> None:
        assert self._link is not None
        self._link.passing(self._is_server, data)

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        link = self._link
        assert link is not None
        other = link.client if self._is_server else link.server
        if other is not None and not link.stalled and not link.dead:
            other.transport.loseConnection()
        self._proxy.closed(self)


class FaultyProxy:
    """
    Stands between a client and a server.

    @ivar address: where the client finds it.
    @ivar struck: how many of the faults have happened.
    """

    address = ""

    def __init__(self, reactor: Any, port: int, faults: Sequence[tuple[Point, str]]) -> None:
        """
        @param port: of the server on this machine.
        @param faults: points, and the methods of L{Link} for what happens there, one after the other.
        """
        self.struck = 0
        self._reactor = reactor
        self._target = HostnameEndpoint(reactor, "127.0.0.1", port)
        self._faults = faults
        self._count = 0
        self._open: set[_Side] = set()
        self._port: IListeningPort | None = None
        self._calls: list[Any] = []
        self._stopped = False
        self._gone: Deferred[None] | None = None

    async def start(self) -> FaultyProxy:
        """Listen on a free port of this machine."""
        factory = Factory.forProtocol(lambda: _Side(self))  # type: ignore[arg-type]
        factory.noisy = False
        self._port = await TCP4ServerEndpoint(self._reactor, 0, interface="127.0.0.1").listen(factory)
        self.address = f"http://127.0.0.1:{self._port.getHost().port}/"
        return self

    async def stop(self) -> None:
        """Stop listening and reset what is open."""
        assert self._port is not None
        self._stopped = True
        await self._port.stopListening()
        for call in self._calls:
            if call.active():
                call.cancel()
        for side in list(self._open):
            side.transport.abortConnection()  # type: ignore[union-attr]
        if self._open:
            self._gone = Deferred()
            await self._gone

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        """As C{callLater}, until the proxy is stopped."""
        self._calls.append(self._reactor.callLater(seconds, call))

    def due(self, from_server: bool, data: bytes) -> str | None:
        """The fault that happens now, if any."""
        if self.struck >= len(self._faults):
            return None
        point, fault = self._faults[self.struck]
        if point.server is not from_server or point.says not in data:
            return None
        self._count += data.count(point.says)
        if self._count < point.count:
            return None
        self._count = 0
        self.struck += 1
        return fault

    def connect(self, link: Link) -> None:
        """A client has come."""
        factory = Factory.forProtocol(lambda: _Side(self, link))  # type: ignore[arg-type]
        factory.noisy = False
        self._target.connect(factory).addErrback(lambda failure: link.client.transport.loseConnection())

    def opened(self, side: _Side) -> None:
        """A half has its connection."""
        if self._stopped:
            side.transport.abortConnection()  # type: ignore[union-attr]
        self._open.add(side)

    def closed(self, side: _Side) -> None:
        """A half has lost its connection."""
        self._open.discard(side)
        if self._gone is not None and not self._open:
            gone, self._gone = self._gone, None
            gone.callback(None)
