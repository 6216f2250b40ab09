"""
One listening socket's worth of everything: pages, the protocol over HTTP, and the
way to WebSocket.
"""

# Much of twisted.web and Autobahn has no types.
# mypy: disallow-untyped-calls=False
from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.web import server
from twisted.web.resource import IResource, Resource

from lsserver.engine.kernel import Kernel
from lsserver.transport.channel import Channel, Request
from lsserver.transport.client_info import ClientInfo
from lsserver.transport.cors import OriginCheck
from lsserver.transport.deadlines import Deadlines
from lsserver.transport.door import Door
from lsserver.transport.entrance import Entrance
from lsserver.transport.framing import ChunkFramer
from lsserver.transport.headers import ResponseHeads
from lsserver.transport.headers import server_name as server_header
from lsserver.transport.http import Surroundings
from lsserver.transport.limits import Connections
from lsserver.transport.pages import Pages
from lsserver.transport.service_tree import Missing, ServiceResource
from lsserver.transport.settings import TransportSettings
from lsserver.transport.websocket import WebSocketFactory

SERVICE = b"lightstreamer"


class Site(server.Site):
    """
    The factory for connections to one listening socket.

    @ivar resource: further resources may be put below it.
    @ivar server_header: value of the C{Server} header.
    @ivar connections: counts those of this site, and perhaps of others.
    @ivar settings: of all connections.
    @ivar door: where usual handshakes of WebSockets go; C{None} has them go the way of all requests.
    @ivar shaking: connections in a TLS handshake.
    @ivar silent: those that have sent nothing yet.
    """

    protocol: Any = Channel

    def __init__(
        self,
        resource: Resource,
        settings: TransportSettings,
        reactor: IReactorTime,
        connections: Connections | None = None,
    ) -> None:
        super().__init__(
            resource,
            Request,
            timeout=settings.read_timeout_millis / 1000 or None,
            reactor=reactor,
            parsePOSTFormSubmission=False,
        )
        self.server_header = server_header(settings)
        self.connections = connections or Connections(
            settings.max_connections, settings.max_connections_per_ip, reactor, settings.handshake_pool_max_queue
        )
        self.settings = settings
        self.door: Door | None = None
        self.shaking: Deadlines[Entrance] = Deadlines(
            reactor, settings.handshake_timeout_millis / 1000, Entrance.never_shaken
        )
        self.silent: Deadlines[Entrance] = Deadlines(
            reactor, settings.read_timeout_millis / 1000, Entrance.said_nothing
        )

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A new connection."""
        return Entrance(self)

    def channel(self) -> Channel:
        """For a connection that begins with HTTP."""
        channel: Channel = super().buildProtocol(None)
        channel.settings = self.settings
        return channel

    def acceptableProtocols(self) -> list[bytes]:
        """For TLS clients that ask: streams need a connection of their own, so no HTTP/2."""
        return [b"http/1.1"]

    # There is no access log: the categories of our own log say more, and cost less.

    def startFactory(self) -> None:
        """Listening begins."""

    def stopFactory(self) -> None:
        """Listening ends."""

    def log(self, request: Any) -> None:
        """A response is finished."""


class Root(Resource):
    """
    The path C{/}: the service, also below the prefixes that are configured; then
    what has been put here; then the pages.
    """

    def __init__(self, service: Resource, prefixes: Iterable[str], pages: Resource | None) -> None:
        super().__init__()
        self._service = service
        self._pages = pages
        self._places = [[SERVICE]]
        for prefix in prefixes:
            self._places.append([*(part.encode() for part in prefix[1:].split("/")), SERVICE])

    def service_paths(self) -> list[bytes]:
        """Where the service is, as clients usually write it."""
        paths = [b"/" + b"/".join(place) for place in self._places]
        return paths + [path + b"/" for path in paths]

    def getChildWithDefault(self, path: bytes, request: Request) -> IResource:
        """The resource for a path that begins with C{path}."""
        # Some proxies and some configured addresses double the slashes.
        parts = [part for part in [path, *request.postpath[:-1]] if part] if request.postpath else []
        parts += request.postpath[-1:] or [path]
        for place in self._places:
            if parts[: len(place)] == place:
                request.prepath = list(place)
                request.postpath = parts[len(place) :]
                return self._service
        if path in self.children:
            found: IResource = self.children[path]
            return found
        if self._pages is None:
            return Missing()
        request.postpath.insert(0, path)
        return self._pages


def make_site(
    kernel: Kernel,
    settings: TransportSettings,
    *,
    server_name: str,
    pages: Path | Iterable[Path] | None = None,
    strict_pages: Collection[Path] = (),
    control_only: bool = False,
    priority: bool = False,
    use_client_auth: bool = False,
    healthcheck: bool = True,
    reactor: IReactorTime | None = None,
    connections: Connections | None = None,
) -> Site:
    """
    The factory to listen with.

    @param server_name: name of the listening socket, which clients see.
    @param pages: folders of static pages; what is in several is taken from the first.
    @param strict_pages: those of them whose pages have no scripts of their own, and may have none.
    @param control_only: sessions are not created on this socket.
    @param priority: sessions are created on this socket whatever the load.
    @param use_client_auth: the names in client certificates go to the adapters.
    @param healthcheck: answer C{/lightstreamer/healthcheck}.
    @param reactor: for timers; the global one by default.
    @param connections: counts those of several sites; those of this one by default.
    """
    if reactor is None:
        from twisted.internet import reactor as global_reactor

        reactor = global_reactor
    assert reactor is not None
    around = Surroundings(
        kernel=kernel,
        settings=settings,
        clock=reactor,
        heads=ResponseHeads(settings),
        origins=OriginCheck(settings.cross_domain_policy),
        info=ClientInfo(
            settings=settings,
            server_name=server_name,
            control_only=control_only,
            priority=priority,
            use_client_auth=use_client_auth,
        ),
        framer=ChunkFramer(),
    )
    websockets = WebSocketFactory(kernel, settings, reactor, server_header(settings))
    folders = [pages] if isinstance(pages, Path) else list(pages or ())
    root = Root(
        ServiceResource(around, websockets, healthcheck),
        settings.service_url_prefix,
        Pages(folders, strict_pages) if folders else None,
    )
    site = Site(root, settings, reactor, connections)
    site.door = Door(around, websockets, root.service_paths())
    return site
