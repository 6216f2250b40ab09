"""How many connections there may be, in all and from one address, and how many in a TLS handshake."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from lsserver.engine.quotas import Quota, network_of

TELL_SECONDS = 60
"""Refused connections are logged with the first one, and then together: whoever floods us must not fill the log."""

_log = Logger(namespace="LightstreamerLogger.connections")


class Handshakes:
    """
    The TLS handshakes that have begun and are not over (C{handshake_pool_max_queue}). While there are too many,
    connections wait where the system keeps them: none is refused, and those that have begun come to an end.

    @param most: how many there may be, less than 0 = no limit. A few more begin when many connections come at once.
    @ivar under_way: how many there are.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._ports: list[Any] = []
        self._paused = False
        self.under_way = 0

    def watch(self, port: Any) -> None:
        """
        @param port: where connections with TLS begin; it can be paused.
        """
        self._ports.append(port)

    def begin(self) -> None:
        """One more."""
        self.under_way += 1
        if not self._paused and self.under_way > self._most >= 0:
            self._paused = True
            for port in self._ports:
                port.pauseProducing()

    def end(self) -> None:
        """One less, however it has ended."""
        self.under_way -= 1
        if self._paused and self.under_way <= self._most:
            self._paused = False
            for port in self._ports:
                port.resumeProducing()


class Connections:
    """
    The open connections of the server.

    @param most: of them, C{None} for no limit.
    @param most_from_one: from one IPv4 address or IPv6 network.
    @param most_handshakes: as for L{Handshakes}.
    @ivar open: how many there are.
    @ivar handshakes: of them.
    """

    def __init__(
        self, most: int | None, most_from_one: int | None, clock: IReactorTime, most_handshakes: int = -1
    ) -> None:
        self._most = most
        self._from_one = Quota(most_from_one)
        self._clock = clock
        self._refused = 0
        self._told = -float(TELL_SECONDS)
        self.open = 0
        self.handshakes = Handshakes(most_handshakes)

    def enter(self, peer: Any, count_address: bool = True) -> Lease | None:
        """
        Count a connection.

        @param peer: its address.
        @param count_address: it comes from the client itself, not from a proxy of many.
        @return: to be ended with the connection; C{None} if there are too many.
        """
        address = network_of(peer.host) if count_address and isinstance(peer, IPv4Address | IPv6Address) else ""
        if self._most is not None and self.open >= self._most:
            self._refuse(peer, "there are {open} already")
            return None
        if address and not self._from_one.take(address):
            self._refuse(peer, "there are too many from its address")
            return None
        self.open += 1
        return Lease(self, address)

    def _refuse(self, peer: Any, why: str) -> None:
        self._refused += 1
        now = self._clock.seconds()
        if now - self._told >= TELL_SECONDS:
            self._told = now
            _log.warn(
                "{count} connections refused, the last one of {peer}: " + why,
                count=self._refused,
                peer=getattr(peer, "host", peer),
                open=self.open,
            )
            self._refused = 0

    def _leave(self, address: str) -> None:
        self.open -= 1
        if address:
            self._from_one.give_back(address)


class Lease:
    """One connection's place."""

    __slots__ = ("_address", "_connections")

    def __init__(self, connections: Connections, address: str) -> None:
        self._connections: Connections | None = connections
        self._address = address

    def end(self) -> None:
        """The connection is gone; no matter how often that is told."""
        connections, self._connections = self._connections, None
        if connections is not None:
            connections._leave(self._address)
