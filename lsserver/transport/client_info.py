"""
Who sent a request: what adapters, logs and clients themselves are told about it
(adapters-api.md 3.1, 3.2; configuration-and-management.md 3).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.web.http_headers import Headers

from lsserver.engine.client import Client
from lsserver.engine.dialect import IDialect
from lsserver.transport.settings import TransportSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientInfo:
    """
    Makes L{Client}s for one listening socket.

    @ivar server_name: name of the socket, which clients are told.
    @ivar control_only: no sessions are created on it.
    @ivar priority: those who come here are let in whatever the load.
    @ivar use_client_auth: the names in client certificates go to the adapters.
    """

    settings: TransportSettings
    server_name: str
    control_only: bool = False
    priority: bool = False
    use_client_auth: bool = False

    def client(self, dialect: IDialect, headers: dict[str, str], transport: Any) -> Client:
        """
        @param headers: of the request, or of the handshake of the WebSocket that it came on, as
            L{by_name} gives them. The adapter gets this very dict.
        @param transport: of the connection.
        """
        peer = transport.getPeer()
        address, port = (peer.host, peer.port) if isinstance(peer, IPv4Address | IPv6Address) else ("", 0)
        forwards = forwarded_for(headers)
        if not self.settings.forward_cookies:
            # Cookies are sent by browsers whichever page asks, so they prove nothing.
            headers.pop("cookie", None)
        address, forwards = origin(address, forwards, self.settings.skip_local_forwards)
        return Client(
            dialect=dialect,
            remote_ip=_normal(address),
            remote_port=port,
            user_agent=headers.get("user-agent", ""),
            forwarding_info=", ".join(forwards),
            server_name=self.server_name,
            headers=headers,
            principal=principal(transport) if self.use_client_auth else None,
            use_client_auth=self.use_client_auth,
            show_ip=bool(address) and not self.settings.client_identification_private,
            control_only=self.control_only,
            priority=self.priority,
        )


def forwarding(headers: Headers) -> dict[str, str]:
    """As L{by_name}, but only what tells where a request comes from: all that matters for a session that exists."""
    values = headers.getRawHeaders(b"x-forwarded-for")
    return {"x-forwarded-for": _joined(values)} if values else {}


def by_name(headers: Headers) -> dict[str, str]:
    """All headers as adapters get them, in a new dict."""
    return {name.lower().decode("latin-1"): _joined(values) for name, values in headers.getAllRawHeaders()}


def _joined(values: Iterable[bytes]) -> str:
    return ",".join([value.decode("utf-8", "replace") for value in values])


def forwarded_for(headers: dict[str, str]) -> list[str]:
    """The entries of X-Forwarded-For, the farthest first."""
    return [entry for part in headers.get("x-forwarded-for", "").split(",") if (entry := part.strip())]


def origin(peer: str, forwards: list[str], local: int) -> tuple[str, list[str]]:
    """
    The address of the client, and the entries of X-Forwarded-For that are farther
    than it.

    @param local: how many entries at the end our own proxies have added.
    """
    if not local or not forwards:
        return peer, forwards
    # Fewer than expected: the request came past some of the proxies, and all are ours.
    position = max(len(forwards) - local, 0)
    return _bare(forwards[position]) or peer, forwards[:position]


def _bare(entry: str) -> str | None:
    """An address without the port that some proxies add; C{None} if it is none."""
    candidates = [entry, entry.strip("[]"), entry.rpartition(":")[0].strip("[]")]
    for candidate in candidates:
        try:
            # A scope may be any text, and means something on the proxy only.
            return str(ipaddress.ip_address(candidate.partition("%")[0]))
        except ValueError:
            continue
    return None


@lru_cache(maxsize=1024)
def _normal(address: str) -> str:
    """IPv4 addresses as such, also where the socket speaks IPv6."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)


def principal(transport: Any) -> str | None:
    """The subject of the client's certificate in RFC 4514 form, C{None} without one."""
    certificate = getattr(transport, "getPeerCertificate", lambda: None)()
    if certificate is None:
        return None
    name: str = certificate.to_cryptography().subject.rfc4514_string()
    return name
