"""
One TCP connection of a remote: lines in, lines out, silence, and how fast it is
read and written (remote-adapters.md 2.1, 8, 19).
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.interfaces import IAddress, IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from lsserver.remote.sockets import host_of
from lsserver.remote.splitting import MAX_LINE, LineTooLongError, Splitter

TURN_SECONDS = 0.02
"""How long the lines of one connection may keep the reactor busy at a stretch."""

LINES_AT_ONCE = 64
"""Lines handed over between two looks at the clock."""

MAX_UNSENT = 8 * 1024 * 1024
"""Characters of requests that may wait for a remote that does not read."""

CLOSE_SECONDS = 5.0
"""How long a remote may take to read what was sent before it is cut off."""


class Owner(Protocol):
    """Who a connection tells of what happens to it."""

    def connected(self, connection: RemoteConnection) -> None:
        """It is up."""

    def lines_received(self, connection: RemoteConnection, lines: list[str]) -> None:
        """At least one line."""

    def silent(self, connection: RemoteConnection) -> None:
        """Nothing has come for C{keepalive_timeout}."""

    def broken(self, connection: RemoteConnection, why: str) -> None:
        """The peer does not speak the protocol."""

    def disconnected(self, connection: RemoteConnection, why: str) -> None:
        """It is gone."""


class RemoteConnection(TwistedProtocol):
    """
    @ivar peer: the address, for logs.
    @ivar host: the host in it, to tell whether two connections belong together.
    @ivar closing: it will be closed, and what still comes is ignored.
    """

    def __init__(
        self,
        owner: Owner,
        clock: IReactorTime,
        keepalive_timeout: int | None,
        max_line: int = MAX_LINE,
        max_unsent: int = MAX_UNSENT,
    ) -> None:
        """
        @param keepalive_timeout: milliseconds.
        """
        self.peer = "?"
        self.host = ""
        self.closing = False
        self._owner = owner
        self._clock = clock
        self._keepalive = None if keepalive_timeout is None else keepalive_timeout / 1_000
        self._splitter = Splitter(max_line)
        self._lines: list[str] = []
        self._at = 0
        self._max_unsent = max_unsent
        self._outlet = Outlet()
        self._heard = 0.0
        self._timers: dict[str, IDelayedCall] = {}
        self._reason: str | None = None

    def connectionMade(self) -> None:
        """Set the socket up."""
        transport: Any = self.transport
        address: IAddress = transport.getPeer()
        self.host = host_of(address)
        port = getattr(address, "port", None)
        self.peer = self.host if port is None else f"{self.host}:{port}"
        if hasattr(transport, "setTcpNoDelay"):
            transport.setTcpNoDelay(True)
            transport.setTcpKeepAlive(True)
        transport.registerProducer(self._outlet, True)
        self._heard = self._clock.seconds()
        if self._keepalive is not None:
            self._timers["keepalive"] = self._clock.callLater(self._keepalive, self._listen)
        self._owner.connected(self)

    # In

    def dataReceived(self, data: bytes) -> None:
        """Hand over the lines in C{data}, or the first of them if that takes long."""
        if self.closing:
            return
        try:
            lines = self._splitter.feed(data)
        except LineTooLongError as error:
            self._owner.broken(self, str(error))
            return
        if not lines:
            return
        self._heard = self._clock.seconds()
        if self._lines:
            # A transport may deliver a little more after it was told to pause.
            self._lines = self._lines[self._at :] + lines
            self._at = 0
        else:
            self._lines = lines
            self._hand_over()

    def _hand_over(self) -> None:
        """
        Nothing more is read until all that was read has been handed over, so the
        remote is slowed down by TCP and what waits here is never more than a chunk.
        """
        until = self._clock.seconds() + TURN_SECONDS
        lines, total = self._lines, len(self._lines)
        while self._at < total and not self.closing:
            at = self._at
            self._at = at + LINES_AT_ONCE
            self._owner.lines_received(self, lines[at : self._at] if total > LINES_AT_ONCE else lines)
            if self._clock.seconds() > until and self._at < total:
                self._pause()
                return
        self._lines, self._at = [], 0
        if self._timers.pop("turn", None) is not None and not self.closing:
            self._transport.resumeProducing()

    def _pause(self) -> None:
        if "turn" not in self._timers:
            self._transport.pauseProducing()
        self._timers["turn"] = self._clock.callLater(0, self._hand_over)

    def _listen(self) -> None:
        """See whether the remote has been silent for too long."""
        assert self._keepalive is not None
        # While lines wait here the remote is not to blame for the silence.
        left = self._heard + self._keepalive - self._clock.seconds() if not self._lines else self._keepalive
        if left > 0:
            self._timers["keepalive"] = self._clock.callLater(left, self._listen)
        elif not self.closing:
            self._timers["keepalive"] = self._clock.callLater(self._keepalive, self._listen)
            self._owner.silent(self)

    # Out

    @property
    def congested(self) -> bool:
        """The remote has stopped reading and too much waits for it already."""
        return self._outlet.unsent > self._max_unsent

    def send(self, line: str) -> None:
        """Send a line of ASCII; ignored when the connection is closing."""
        if not self.closing:
            self._outlet.count(len(line))
            self._transport.write(line.encode("ascii") + b"\r\n")

    def close(self, reason: str, last_line: str | None = None) -> None:
        """
        Close the connection, after what has been sent.

        @param reason: for L{Owner.disconnected}.
        """
        if self.closing:
            return
        if last_line is not None:
            self.send(last_line)
        self.closing = True
        self._reason = reason
        self._timers["close"] = self._clock.callLater(CLOSE_SECONDS, self._transport.abortConnection)
        # A registered producer would keep the transport open.
        self._transport.unregisterProducer()
        self._transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """What was read before the end counts."""
        for timer in self._timers.values():
            if timer.active():
                timer.cancel()
        if self._lines and not self.closing:
            rest = self._lines[self._at :]
            self._lines, self._at = [], 0
            self._owner.lines_received(self, rest)
        self.closing = True
        self._owner.disconnected(self, self._reason or reason.getErrorMessage())

    @property
    def _transport(self) -> Any:
        return self.transport


@implementer(IPushProducer)
class Outlet:
    """
    Counts what has been written since the transport said that it is full.

    @ivar unsent: that number, 0 while it is not full.
    """

    def __init__(self) -> None:
        self.unsent = 0
        self._full = False

    def count(self, size: int) -> None:
        """So much is about to be written."""
        if self._full:
            self.unsent += size

    def pauseProducing(self) -> None:
        """The transport is full."""
        self._full = True

    def resumeProducing(self) -> None:
        """It has sent everything."""
        self._full = False
        self.unsent = 0

    def stopProducing(self) -> None:
        """The connection is gone."""
