"""Listening, connecting, and the addresses of names, with or without TLS (remote-adapters.md 1.1)."""

from __future__ import annotations

from typing import Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IAddress, IHostResolution, IListeningPort, IResolutionReceiver
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

CONNECT_SECONDS = 30
"""Longest wait for a host that does not answer."""


def listen(reactor: Any, port: int, interface: str, secure: Any, factory: Factory) -> IListeningPort:
    """
    @param secure: a context factory, C{None} = no TLS.
    @raise CannotListenError: the port cannot be had.
    """
    made: Any = factory if secure is None else TLSMemoryBIOFactory(secure, False, factory)
    made.noisy = False
    opened: IListeningPort = reactor.listenTCP(port, made, interface=interface)
    return opened


def connect(reactor: Any, host: str, port: int, secure: Any, factory: Factory) -> Deferred[Any]:
    """
    @param secure: a client connection creator, C{None} = no TLS.
    @return: fires with the protocol.
    """
    endpoint: Any = HostnameEndpoint(reactor, host, port, timeout=CONNECT_SECONDS)
    if secure is not None:
        endpoint = wrapClientTLS(secure, endpoint)
    connecting: Deferred[Any] = endpoint.connect(factory)
    return connecting


def host_of(address: IAddress | None) -> str:
    """The host of an address; an IPv4 address on an IPv6 socket is one still."""
    if not isinstance(address, IPv4Address | IPv6Address):
        return "local"
    return address.host.removeprefix("::ffff:")


@implementer(IResolutionReceiver)
class _Addresses:
    def __init__(self) -> None:
        self.found: set[str] = set()
        self.done: Deferred[set[str]] = Deferred()

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """Nothing to do yet."""

    def addressResolved(self, address: IAddress) -> None:
        """One more."""
        self.found.add(host_of(address))

    def resolutionComplete(self) -> None:
        """That was all."""
        self.done.callback(self.found)


def addresses(reactor: Any, name: str) -> Deferred[set[str]]:
    """The addresses of a host, none if the name is unknown; of an address, itself."""
    if isIPAddress(name) or isIPv6Address(name):
        return succeed({name})
    receiver = _Addresses()
    reactor.nameResolver.resolveHostName(receiver, name)
    return receiver.done
