"""
What is below C{/lightstreamer} (tlcp.md 2.1): the requests over HTTP, the way to
WebSocket, and the health check.
"""

# Much of twisted.web and Autobahn has no types.
# mypy: disallow-untyped-calls=False
from __future__ import annotations

from twisted.web import http
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from lsserver.tlcp.versions import choose_subprotocol
from lsserver.transport.channel import Channel
from lsserver.transport.channel import Request as HttpRequest
from lsserver.transport.http import CONTROL_REQUESTS, SESSION_REQUESTS, ControlResource, SessionResource, Surroundings
from lsserver.transport.versions import announced_by_subprotocol
from lsserver.transport.websocket import WebSocketFactory

UPGRADE_REQUIRED = 426


class Missing(Resource):
    """There is nothing."""

    isLeaf = True

    def render(self, request: HttpRequest) -> int:
        """404."""
        request.respond_with(http.NOT_FOUND, b"There is nothing here.\r\n")
        return NOT_DONE_YET


class HealthCheck(Resource):
    """For load balancers. It asks nobody."""

    isLeaf = True

    def render(self, request: HttpRequest) -> int:
        """C{OK}, whatever the method."""
        request.setHeader(b"Cache-Control", b"no-store")
        request.respond_with(http.OK, b"OK\r\n")
        return NOT_DONE_YET


class WebSocketResource(Resource):
    """Where WebSockets begin."""

    isLeaf = True

    def __init__(self, around: Surroundings, factory: WebSocketFactory) -> None:
        super().__init__()
        self._around = around
        self._factory = factory

    def render(self, request: HttpRequest) -> int:
        """Hand the connection over if a WebSocket is asked for and allowed."""
        upgrades = _tokens(request, "upgrade")
        if "websocket" not in upgrades or "upgrade" not in _tokens(request, "connection"):
            request.setHeader(b"Upgrade", b"websocket")
            request.respond_with(UPGRADE_REQUIRED, b"This is where WebSockets begin.\r\n")
        elif request.method != b"GET" or request.clientproto != b"HTTP/1.1":
            request.respond_with(http.BAD_REQUEST, b"A WebSocket begins with a GET of HTTP/1.1.\r\n")
        else:
            self._upgrade(request)
        return NOT_DONE_YET

    def _upgrade(self, request: HttpRequest) -> None:
        around = self._around
        verdict = around.origins.check(request.header("origin"), request.header("host"))
        subprotocol = choose_subprotocol(_list(request, "sec-websocket-protocol"))
        if not around.settings.websocket_enabled:
            # Clients turn to HTTP at once when the handshake fails.
            request.respond_with(http.FORBIDDEN, b"WebSocket is disabled.\r\n")
        elif not verdict.allowed:
            request.respond_with(http.FORBIDDEN, b"This origin is not allowed.\r\n")
        elif subprotocol is None:
            request.respond_with(http.FORBIDDEN, b"A TLCP subprotocol must be offered.\r\n")
        else:
            self._hand_over(request, subprotocol)

    def _hand_over(self, request: HttpRequest, subprotocol: str) -> None:
        channel: Channel = request.channel
        headers = request.requestHeaders
        announced = announced_by_subprotocol(subprotocol)
        lines = b"".join(b"%b: %b\r\n" % (name, b",".join(values)) for name, values in headers.getAllRawHeaders())
        offers = (value.decode("latin-1") for value in headers.getRawHeaders(b"sec-websocket-extensions", ()))
        socket = self._factory.connection(announced, self._around.info, lines, self._factory.agree(offers))
        handshake = [b"GET /lightstreamer HTTP/1.1", b"Upgrade: websocket", b"Connection: Upgrade"]
        for name in (b"host", b"sec-websocket-key", b"sec-websocket-version"):
            handshake += [b"%b: %b" % (name, value) for value in headers.getRawHeaders(name, [])]
        handshake += [b"sec-websocket-protocol: " + subprotocol.encode("latin-1"), b"", b""]
        channel.upgrade(socket, b"\r\n".join(handshake))


def _list(request: HttpRequest, name: str) -> list[str]:
    values = request.requestHeaders.getRawHeaders(name.encode(), [])
    return [part.strip() for value in values for part in value.decode("latin-1").split(",")]


def _tokens(request: HttpRequest, name: str) -> list[str]:
    return [token.lower() for token in _list(request, name)]


class ServiceResource(Resource):
    """C{/lightstreamer}, which is a folder and the place for WebSockets at once."""

    def __init__(self, around: Surroundings, websockets: WebSocketFactory, healthcheck: bool) -> None:
        super().__init__()
        self._websocket = WebSocketResource(around, websockets)
        for name in SESSION_REQUESTS:
            self.putChild(f"{name}.txt".encode(), SessionResource(name, around))
        for name in CONTROL_REQUESTS:
            self.putChild(f"{name}.txt".encode(), ControlResource(name, around))
        self.putChild(b"", self._websocket)
        if healthcheck:
            self.putChild(b"healthcheck", HealthCheck())

    def render(self, request: HttpRequest) -> int:
        """Without a slash at the end."""
        return self._websocket.render(request)

    def getChild(self, path: bytes, request: HttpRequest) -> IResource:
        """Any other name."""
        return Missing()
