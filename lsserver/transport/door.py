"""The way of usual handshakes to WebSocket, past twisted.web."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lsserver.tlcp.versions import choose_subprotocol
from lsserver.transport.handshake import Handshake, read
from lsserver.transport.http import Surroundings
from lsserver.transport.versions import announced_by_subprotocol
from lsserver.transport.websocket import LinesSocket, WebSocketFactory


@dataclass(frozen=True, slots=True)
class Accepted:
    """
    A handshake to which nothing is to be said but yes.

    @ivar subprotocol: to answer with.
    """

    handshake: Handshake
    subprotocol: str


class Door:
    """
    Decides about usual handshakes as
    L{WebSocketResource<lsserver.transport.service_tree.WebSocketResource>} does about the others.

    @param paths: where WebSockets begin.
    """

    def __init__(self, around: Surroundings, factory: WebSocketFactory, paths: Iterable[bytes]) -> None:
        self._around = around
        self._factory = factory
        self._paths = frozenset(paths)

    def read(self, data: bytes) -> Accepted | None:
        """
        @param data: the first bytes of a connection.
        @return: C{None} if something else is to be said, or nothing yet.
        """
        settings = self._around.settings
        handshake = read(data, settings.request_limit, settings.max_headers)
        if handshake is None or not settings.websocket_enabled:
            return None
        headers = handshake.headers
        if handshake.target.partition(b"?")[0] not in self._paths:
            return None
        if not self._around.origins.check(headers.get("origin"), headers["host"]).allowed:
            return None
        subprotocol = choose_subprotocol([name.strip() for name in headers["sec-websocket-protocol"].split(",")])
        return None if subprotocol is None else Accepted(handshake, subprotocol)

    def open(self, accepted: Accepted) -> LinesSocket:
        """The connection, not yet connected."""
        announced = announced_by_subprotocol(accepted.subprotocol)
        offer = accepted.handshake.headers.get("sec-websocket-extensions")
        agreement = None if offer is None else self._factory.agree([offer])
        return self._factory.connection(announced, self._around.info, accepted.handshake.lines, agreement)
