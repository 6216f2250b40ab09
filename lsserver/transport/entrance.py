"""
Every connection begins here: it is counted, its TLS handshake is timed, and its first
bytes decide what becomes of it, a WebSocket at once or a connection of HTTP.
"""

# Much of twisted.web and Autobahn has no types.
# mypy: disallow-untyped-calls=False
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener, IProtocol
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from lsserver.engine.budget import Budget
from lsserver.transport.direct import tcp_below, tune
from lsserver.transport.limits import Lease
from lsserver.transport.tls import is_modern

if TYPE_CHECKING:
    from lsserver.transport.site import Site


@implementer(IProtocol, IHalfCloseableProtocol, IHandshakeListener)
class Entrance:
    """
    One connection, as long as nothing is known of it. What it becomes takes its place
    below the transport; where that is not possible everything is handed on.

    @ivar factory: of the connection.
    @ivar next: what it has become.
    """

    __slots__ = ("_budget", "_lease", "_shaking", "factory", "next", "transport")

    def __init__(self, site: Site) -> None:
        self.factory = site
        self.transport: Any = None
        self.next: Any = None
        self._lease: Lease | None = None
        self._budget: Budget | None = None
        self._shaking = False

    def makeConnection(self, transport: Any) -> None:
        """A client has connected."""
        site = self.factory
        settings = site.settings
        self.transport = transport
        self._lease = site.connections.enter(transport.getPeer(), not settings.skip_local_forwards)
        if self._lease is None:
            transport.abortConnection()
            return
        if settings.max_requests_per_second is not None:
            self._budget = Budget(settings.max_requests_per_second, site.reactor.seconds)
        tune(transport, settings.write_timeout_millis)
        if isinstance(transport, TLSMemoryBIOProtocol):
            self._shaking = True
            site.connections.handshakes.begin()
            site.shaking.begin(self)
        else:
            site.silent.begin(self)

    def connectionMade(self) -> None:
        """As in C{IProtocol}; L{makeConnection} has done everything."""

    def logPrefix(self) -> str:
        """How the reactor calls this in its log."""
        return "Entrance"

    # TLS

    def handshakeCompleted(self) -> None:
        """The TLS handshake is over: from now on it is the request that must come in time."""
        site = self.factory
        self._shaken()
        if not is_modern(self.transport.getHandle()):
            self.transport.abortConnection()
        else:
            site.silent.begin(self)

    def _shaken(self) -> None:
        if self._shaking:
            self._shaking = False
            self.factory.connections.handshakes.end()
            self.factory.shaking.end(self)

    def never_shaken(self) -> None:
        """The TLS handshake takes too long: there is nobody yet to say goodbye to."""
        self.transport.abortConnection()

    # The first bytes

    def dataReceived(self, data: bytes) -> None:
        """Bytes of a request."""
        if self.next is None:
            self.factory.silent.end(self)
            if self._lease is None or self._websocket(data):
                return
            self._http()
        self.next.dataReceived(data)

    def _websocket(self, data: bytes) -> bool:
        """Whether this is the usual beginning of a WebSocket, which has its place by now."""
        door = self.factory.door
        if door is None or (accepted := door.read(data)) is None:
            return False
        if self._budget is not None and not self._budget.take():
            return False
        protocol = door.open(accepted)
        protocol.lease, self._lease = self._lease, None
        if self._budget is not None:
            protocol.budget = self._budget
        self._become(protocol)
        handshake = accepted.handshake
        protocol.accept(handshake.headers["sec-websocket-key"], accepted.subprotocol)
        rest = data[handshake.size :]
        if rest:
            protocol.dataReceived(rest)
        return True

    def _http(self) -> None:
        channel = self.factory.channel()
        channel.lease, self._lease = self._lease, None
        channel.budget = self._budget
        self._become(channel)

    def _become(self, protocol: Any) -> None:
        self.next = protocol
        replace(self.transport, protocol)
        protocol.makeConnection(self.transport)

    def said_nothing(self) -> None:
        """For too long: what a connection of HTTP does then is right for all."""
        self._http()
        self.next.timeoutConnection()

    # The end

    def readConnectionLost(self) -> None:
        """The client will send nothing more."""
        above = IHalfCloseableProtocol(self.next, None)
        if above is not None:
            above.readConnectionLost()
        else:
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """We never close our half alone."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        if self.next is not None:
            self.next.connectionLost(reason)
            return
        self._shaken()
        self.factory.silent.end(self)
        if self._lease is not None:
            self._lease.end()


def replace(transport: Any, protocol: Any) -> None:
    """
    Have a transport talk to C{protocol} from now on, where that is possible; transports
    in memory go on as before.
    """
    if isinstance(transport, ProtocolWrapper):
        transport.wrappedProtocol = protocol
    elif tcp_below(transport) is not None:
        transport.protocol = protocol
