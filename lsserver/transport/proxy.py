"""
The PROXY protocol, versions 1 and 2: a proxy of TCP connections says in front of
each one whose it is (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt).

Headers are understood by Twisted's parsers. What is added here is what its wrapper
lacks: headers that arrive in pieces, a time limit, addresses that are none, and a
connection that the protocol above learns of only when it is known whose it is.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHalfCloseableProtocol,
    IOpenSSLContextFactory,
    IProtocolFactory,
    IReactorTime,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.protocols.haproxy._exceptions import InvalidProxyHeader
from twisted.protocols.haproxy._v1parser import V1Parser
from twisted.protocols.haproxy._v2parser import V2Parser
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import directlyProvides, implementer, providedBy

V1 = b"PROXY "
V2 = V2Parser.PREFIX
MAX_V1 = 107
"""Bytes of the longest line of version 1, with its end."""

MAX_V2 = 4_096
"""Bytes of the longest header of version 2 that is taken: the addresses, and room for what proxies add."""

ADDRESSES = IPv4Address | IPv6Address

_log = Logger(namespace="LightstreamerLogger.connections")


class ProxyError(Exception):
    """What came is no header. The text says why."""


def header_size(data: bytes) -> int | None:
    """
    Bytes of the header that C{data} begins with, C{None} while that is not known.

    @raise ProxyError: there is none.
    """
    if data.startswith(V1):
        end = data.find(b"\r\n", 0, MAX_V1)
        if end < 0 and len(data) >= MAX_V1:
            raise ProxyError("the line is too long")
        return None if end < 0 else end + 2
    if data.startswith(V2):
        if len(data) < 16:
            return None
        size = 16 + int.from_bytes(data[14:16], "big")
        if size > MAX_V2:
            raise ProxyError("the header is too long")
        return size
    if V1.startswith(data) or V2.startswith(data):
        return None
    raise ProxyError("it does not begin with a PROXY header")


def addresses(header: bytes) -> tuple[Any, Any]:
    """
    Where the connection comes from and where it went to; C{None} twice if the proxy
    speaks for itself.

    @param header: as long as L{header_size} says.
    @raise ProxyError: it cannot be understood.
    """
    try:
        info = V2Parser.parse(header) if header.startswith(V2) else V1Parser.parse(header[:-2])
        for address in (info.source, info.destination):
            if isinstance(address, ADDRESSES):
                kind = ipaddress.IPv4Address if isinstance(address, IPv4Address) else ipaddress.IPv6Address
                kind(address.host)
                if not 0 <= address.port <= 65_535:
                    raise ValueError(f"there is no port {address.port}")
    except (InvalidProxyHeader, ValueError) as error:
        raise ProxyError(f"the header is wrong ({str(error) or type(error).__name__})") from None
    return info.source, info.destination


@implementer(IHalfCloseableProtocol)
class ProxyConnection(ProtocolWrapper):
    """
    One connection. What is above it is made when the header has come, and is told
    of the addresses in it.
    """

    factory: ProxyFactory
    wrappedProtocol: Any
    transport: Any

    def __init__(self, factory: ProxyFactory) -> None:
        super().__init__(factory, None)  # type: ignore[arg-type]
        self._head = b""
        self._over = False
        self._source: Any = None
        self._destination: Any = None
        self._timer: IDelayedCall | None = None

    def makeConnection(self, transport: Any) -> None:
        """The proxy has connected."""
        directlyProvides(self, providedBy(transport))
        Protocol.makeConnection(self, transport)
        if self.factory.timeout:
            self._timer = self.factory.clock.callLater(self.factory.timeout, self._too_late)

    def dataReceived(self, data: bytes) -> None:
        """Bytes of the header, or behind it."""
        if self.wrappedProtocol is not None:
            self.wrappedProtocol.dataReceived(data)
        elif not self._over:
            self._head += data
            self._look()

    def _look(self) -> None:
        try:
            size = header_size(self._head)
            if size is None or len(self._head) < size:
                return
            self._source, self._destination = addresses(self._head[:size])
        except ProxyError as error:
            self._refuse(str(error))
            return
        self._stop()
        rest, self._head = self._head[size:], b""
        above: Any = self.factory.wrapped.buildProtocol(self.getPeer())
        if above is None:
            self.transport.abortConnection()
            return
        self.wrappedProtocol = above
        above.makeConnection(self)
        if rest and self.wrappedProtocol is not None:
            self.wrappedProtocol.dataReceived(rest)

    def _too_late(self) -> None:
        self._timer = None
        self._refuse("there is none in time")

    def _refuse(self, why: str) -> None:
        self._stop()
        self._head = b""
        _log.info("PROXY header of {peer}: {why}; connection closed", peer=self.transport.getPeer(), why=why)
        self.transport.abortConnection()

    def _stop(self) -> None:
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def getPeer(self) -> IAddress:
        """Whose connection it is."""
        address: IAddress = self._source or self.transport.getPeer()
        return address

    def getHost(self) -> IAddress:
        """Where it went to."""
        address: IAddress = self._destination or self.transport.getHost()
        return address

    def readConnectionLost(self) -> None:
        """The client will send nothing more."""
        above = IHalfCloseableProtocol(self.wrappedProtocol, None)
        if above is None:
            self.transport.loseConnection()
        else:
            above.readConnectionLost()

    def writeConnectionLost(self) -> None:
        """We never close our half alone."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self._stop()
        above, self.wrappedProtocol = self.wrappedProtocol, None
        if above is not None:
            above.connectionLost(reason)


@implementer(IProtocolFactory)
class ProxyFactory(Factory):
    """
    @ivar wrapped: makes what is above the header.
    @ivar timeout: seconds for the header, 0 for no limit.
    """

    noisy = False

    def __init__(self, wrapped: IProtocolFactory, clock: IReactorTime, timeout_millis: int) -> None:
        self.wrapped = wrapped
        self.clock = clock
        self.timeout = timeout_millis / 1000

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """The proxy connects."""
        return ProxyConnection(self)

    def doStart(self) -> None:
        """Listening begins."""
        self.wrapped.doStart()

    def doStop(self) -> None:
        """Listening ends."""
        self.wrapped.doStop()


@implementer(IStreamServerEndpoint)
class ProxiedEndpoint:
    """
    An endpoint that is reached through proxies only.

    @param timeout_millis: for the header.
    @param context: for TLS, which begins behind the header.
    """

    def __init__(
        self,
        endpoint: IStreamServerEndpoint,
        clock: IReactorTime,
        timeout_millis: int,
        context: IOpenSSLContextFactory | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._timeout = timeout_millis
        self._context = context

    def listen(self, factory: IProtocolFactory) -> Deferred[Any]:
        """As L{IStreamServerEndpoint}."""
        if self._context is not None:
            factory = TLSMemoryBIOFactory(self._context, False, factory)
        listening: Deferred[Any] = self._endpoint.listen(ProxyFactory(factory, self._clock, self._timeout))
        return listening
