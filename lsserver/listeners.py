"""
Listening sockets: what the configuration says of one, and its Twisted endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint, _parse, serverFromString
from twisted.internet.interfaces import IListeningPort, IOpenSSLContextFactory, IStreamServerEndpoint
from twisted.protocols.tls import TLSMemoryBIOFactory

from lsserver.tls import CertificateError, Certificates, Keystore, Reloaded, TlsSettings, Truststore
from lsserver.tls import reason as tls_reason
from lsserver.transport.proxy import ProxiedEndpoint, ProxyFactory
from lsserver.transport.settings import ResponseHttpHeaders, TransportSettings
from lsserver.transport.tls import context_of, harden, use_contexts_of

DEFAULT_NAME = "Lightstreamer HTTP Server"
DEFAULT_PORT = 8080
PROXIED = "haproxy:"
"""What an endpoint string of Twisted begins with for the PROXY protocol; here it stands for our own of it."""

_NAMED = re.compile(r"([^:@]*)@(.*)", re.DOTALL)


class ListenerError(Exception):
    """A listening socket cannot be what is asked. The text is one readable line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpServer:
    """
    One listening socket.

    @ivar endpoint: a Twisted endpoint string, in place of C{port},
        C{listening_interface}, C{backlog} and what C{https_server} has.
    @ivar response_http_headers: and the two below: C{None} = as for all sockets.
    @ivar proxy_protocol_enabled: all connections come through a proxy that says, by
        the PROXY protocol, whose they are.
    """

    name: str = ""
    port: int | None = None
    port_type: str = "GENERAL_PURPOSE"
    listening_interface: str = ""
    backlog: int = 4_096
    endpoint: str = ""
    response_http_headers: ResponseHttpHeaders | None = None
    client_identification_private: bool | None = None
    skip_local_forwards: int | None = None
    proxy_protocol_enabled: bool = False
    proxy_protocol_timeout_millis: int = 1_000

    @property
    def gives_principals(self) -> bool:
        """Whether the names in clients' certificates go to the Metadata Adapters."""
        return False

    def settings(self, common: TransportSettings) -> TransportSettings:
        """What the transport obeys on this socket: what the socket says wins over what all have in common."""
        own = {
            name: value
            for name in ("response_http_headers", "client_identification_private", "skip_local_forwards")
            if (value := getattr(self, name)) is not None
        }
        return replace(common, **own)

    def described(self) -> str:
        """How messages name the socket."""
        where = self.endpoint or f"port {self.port}"
        if self.listening_interface:
            where += f" of {self.listening_interface}"
        return f"{where} ({self.name})"

    def bind(self, reactor: Any) -> IStreamServerEndpoint:
        """
        The endpoint to listen on.

        @raise ListenerError: the endpoint string, a certificate or a key is not usable.
        """
        if self.endpoint:
            return self._from_endpoint(reactor)
        endpoint = TCP4ServerEndpoint(reactor, self.port, self.backlog, self.listening_interface)
        return self._proxied(reactor, endpoint) if self.proxy_protocol_enabled else endpoint

    def _from_endpoint(self, reactor: Any) -> IStreamServerEndpoint:
        text = self.endpoint
        proxied = text.startswith(PROXIED)
        endpoint = _from_string(reactor, text.removeprefix(PROXIED))
        if not (proxied or self.proxy_protocol_enabled):
            return endpoint
        if isinstance(endpoint, SSL4ServerEndpoint):
            raise ListenerError("TLS behind the PROXY protocol needs an https_server with port and keystore")
        return self._proxied(reactor, endpoint)

    def _proxied(
        self, reactor: Any, endpoint: IStreamServerEndpoint, context: IOpenSSLContextFactory | None = None
    ) -> IStreamServerEndpoint:
        return ProxiedEndpoint(endpoint, reactor, self.proxy_protocol_timeout_millis, context)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpsServer(HttpServer):
    """One listening socket with TLS."""

    keystore: Keystore | None = None
    minimum_tls: str = "1.2"
    allow_cipher_suite: str = ""
    use_client_auth: bool = False
    force_client_auth: bool = False
    truststore: Truststore | None = None

    @property
    def gives_principals(self) -> bool:
        """As for L{HttpServer}."""
        return self.use_client_auth or self.force_client_auth

    def bind(self, reactor: Any) -> IStreamServerEndpoint:
        """As for L{HttpServer}."""
        if self.endpoint:
            return self._from_endpoint(reactor)
        settings = TlsSettings(
            keystore=self.keystore or Keystore(),
            minimum_tls=self.minimum_tls,
            ciphers=self.allow_cipher_suite,
            ask=self.use_client_auth,
            force=self.force_client_auth,
            truststore=self.truststore,
        )
        try:
            context = Certificates(settings)
        except CertificateError as error:
            raise ListenerError(str(error)) from None
        if self.proxy_protocol_enabled:
            endpoint = TCP4ServerEndpoint(reactor, self.port, self.backlog, self.listening_interface)
            return self._proxied(reactor, endpoint, context)
        return SSL4ServerEndpoint(reactor, self.port, context, self.backlog, self.listening_interface)


def from_option(text: str) -> HttpServer:
    """
    The socket that C{--listen} asks for: an endpoint string, or C{NAME@} and one.
    A name has no colon, and every endpoint string has one before any at sign.

    @raise ListenerError: there is no endpoint string in it.
    """
    named = _NAMED.fullmatch(text)
    name, endpoint = (named[1].strip(), named[2]) if named else ("", text)
    if not endpoint:
        raise ListenerError("[NAME@]ENDPOINT, such as tcp:8080")
    return HttpServer(name=name, endpoint=endpoint)


def with_names(servers: Sequence[HttpServer]) -> tuple[HttpServer, ...]:
    """The sockets with a name for those without one; the names of clients' C{SERVNAME}."""
    taken = {server.name for server in servers}
    named = []
    for server in servers:
        if not server.name:
            name, number = DEFAULT_NAME, 1
            while name in taken:
                number += 1
                name = f"{DEFAULT_NAME} {number}"
            taken.add(name)
            server = replace(server, name=name)
        named.append(server)
    return tuple(named)


def problems_of(servers: Sequence[HttpServer], reactor: Any) -> list[str]:
    """One line for each thing that is wrong with the sockets, names included."""
    problems = []
    seen: set[str] = set()
    places: set[tuple[str, int]] = set()
    for server in servers:
        if server.name in seen:
            problems.append(f"two listeners are called {server.name!r}; names must differ")
        seen.add(server.name)
        # Some clients show the name as it is on the wire, where these two are encoded.
        if not (server.name.isascii() and server.name.isprintable()) or set(server.name) & set(",%"):
            problems.append(f"listener name {server.name!r}: must be ASCII without control characters, commas and %")
        if server.port and (place := (server.listening_interface, server.port)) in places:
            problems.append(f"two listeners are on {server.described()}")
        elif server.port:
            places.add(place)
        try:
            server.bind(reactor)
        except ListenerError as wrong:
            problems.append(f"listener {server.described()}: {wrong}")
    return problems


def has_tls(port: IListeningPort) -> bool:
    """Whether connections to an open socket begin with a TLS handshake."""
    factory = getattr(port, "factory", None)
    if isinstance(factory, ProxyFactory):
        factory = factory.wrapped
    return isinstance(factory, TLSMemoryBIOFactory)


def url_of(port: IListeningPort) -> str:
    """Where a browser finds an open socket."""
    scheme = "https" if has_tls(port) else "http"
    address = port.getHost()
    if isinstance(address, UNIXAddress):
        path = address.name or b""
        return f"{scheme}+unix:{path.decode(errors='replace') if isinstance(path, bytes) else path}"
    if not isinstance(address, IPv4Address | IPv6Address):
        return f"{scheme} on {address}"
    host = "localhost" if address.host in ("0.0.0.0", "::") else address.host
    if ":" in host:
        host = f"[{host}]"
    return f"{scheme}://{host}:{address.port}/"


def _from_string(reactor: Any, text: str) -> IStreamServerEndpoint:
    if "sslmethod=" in text:
        raise ListenerError("sslmethod is not taken; TLS 1.2 or newer is always spoken")
    try:
        endpoint = harden(serverFromString(reactor, text))
    except OSError as error:
        raise ListenerError(_unreadable(error)) from None
    except Exception as error:  # plugins and OpenSSL raise what they like; all of it means a wrong text
        raise ListenerError(
            f"not an endpoint ({_reason(error)}); examples: tcp:8080, tcp:8080:interface=127.0.0.1, "
            "ssl:8443:privateKey=key.pem:certKey=cert.pem"
        ) from None
    if context_of(endpoint) is not None:
        use_contexts_of(endpoint, Reloaded(_files_of(text), lambda: _context_again(reactor, text)))
    return endpoint


def _files_of(text: str) -> list[Path]:
    """The files of an C{ssl:} endpoint string that make its TLS context, the certificate first."""
    _, given = _parse(text)
    key = given.get("privateKey", "server.pem")
    files = [given.get("certKey", key), key, given.get("extraCertChain"), given.get("dhParameters")]
    return [Path(file) for file in dict.fromkeys(files) if file is not None]


def _context_again(reactor: Any, text: str) -> SSL.Context:
    """
    @raise CertificateError: the files of an C{ssl:} endpoint string have changed and are of no use now.
    """
    try:
        context = context_of(harden(serverFromString(reactor, text)))
        assert context is not None
        return context
    except OSError as error:
        raise CertificateError(_unreadable(error)) from None
    except Exception as error:  # as above
        raise CertificateError(f"the files of {text!r} do not work: {tls_reason(error)}") from None


def _unreadable(error: OSError) -> str:
    return f"cannot read {error.filename!r}: {error.strerror}"


def _reason(error: Exception) -> str:
    if isinstance(error, TypeError):
        return "missing or unknown argument"
    if isinstance(error, KeyError):
        return f"unknown {error.args[0]}"
    text = str(error) or type(error).__name__
    return " ".join(text.split())
