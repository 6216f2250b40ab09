"""
What is asked of TLS beyond Twisted's defaults: no renegotiation, and never less
than TLS 1.2, whoever has made the endpoint.
"""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLContextFactory, IStreamServerEndpoint


def context_of(endpoint: IStreamServerEndpoint) -> SSL.Context | None:
    """The TLS context of an C{ssl:} endpoint, C{None} for others."""
    factory: Any = getattr(endpoint, "_sslContextFactory", None)
    return None if factory is None else factory.getContext()


def harden(endpoint: IStreamServerEndpoint) -> IStreamServerEndpoint:
    """
    Have an C{ssl:} endpoint refuse renegotiation, by which a client of TLS 1.2
    costs the server much more than itself. Other endpoints are left as they are.

    @return: C{endpoint}.
    """
    context = context_of(endpoint)
    if context is not None:
        context.set_options(SSL.OP_NO_RENEGOTIATION)
    return endpoint


def use_contexts_of(endpoint: IStreamServerEndpoint, factory: IOpenSSLContextFactory) -> None:
    """Have an C{ssl:} endpoint ask C{factory} for the context of each connection."""
    untyped: Any = endpoint
    untyped._sslContextFactory = factory


def is_modern(connection: Any) -> bool:
    """Whether a connection of OpenSSL, after its handshake, speaks TLS 1.2 or newer."""
    version: int = connection.get_protocol_version()
    return version >= SSL.TLS1_2_VERSION
