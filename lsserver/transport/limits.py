"""How many connections there may be, in all and from one address."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from lsserver.engine.quotas import Quota, network_of

TELL_SECONDS = 60
"""Refused connections are logged with the first one, and then together: whoever floods us must not fill the log."""

_log = Logger(namespace="LightstreamerLogger.connections")


class Connections:
    """
    The open connections of the server.

    @param most: of them, C{None} for no limit.
    @param most_from_one: from one IPv4 address or IPv6 network.
    @ivar open: how many there are.
    """

    def __init__(self, most: int | None, most_from_one: int | None, clock: IReactorTime) -> None:
        self._most = most
        self._from_one = Quota(most_from_one)
        self._clock = clock
        self._refused = 0
        self._told = -float(TELL_SECONDS)
        self.open = 0

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
