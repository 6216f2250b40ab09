"""
What the transport obeys, named like the elements of the official configuration
file. Every default of the transport is here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def split_header(text: str) -> tuple[str, str]:
    """
    The name and the value of a header line.

    @raise ValueError: it is none, or would break the response.
    """
    name, colon, value = text.partition(":")
    if not colon or not _TOKEN.fullmatch(name):
        raise ValueError(f"{text!r} is not a header: it must look like 'Name: value'")
    if not (value.isprintable() and value.isascii()):
        raise ValueError(f"header {text!r} has characters that no header may have")
    return name, value.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseHttpHeaders:
    """
    Headers of every response of the protocol.

    @ivar add: lines such as C{"X-Accel-Buffering: no"}.
    @ivar echo: names of request headers that are sent back as they came.
    """

    add: tuple[str, ...] = ("X-Accel-Buffering: no",)
    echo: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for line in self.add:
            split_header(line)
        for name in self.echo:
            split_header(name + ":")


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowAccessFrom:
    """
    One origin, or a family of them, that browsers' pages may come from.

    @ivar scheme: C{http}, C{https} or another one; C{*} = http and https.
    @ivar host: a name, an address, C{*.second.level} or C{*}.
    @ivar port: a number or C{*}. C{*} in all three is any origin at all.
    """

    scheme: str = "*"
    host: str = "*"
    port: str = "*"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\*|[a-zA-Z][a-zA-Z0-9+.-]*", self.scheme):
            raise ValueError(f"allow_access_from: scheme {self.scheme!r} must be '*' or the name of a scheme")
        if self.host.startswith("*."):
            if "." not in self.host[2:].strip(".") or "*" in self.host[1:]:
                raise ValueError(f"allow_access_from: host {self.host!r} must give at least the second level domain")
        elif self.host != "*" and (not self.host or re.search(r"[*/\s]", self.host)):
            raise ValueError(
                f"allow_access_from: host {self.host!r} must be '*', '*.' and a domain, a name or an address"
            )
        if self.port != "*" and not (re.fullmatch("[0-9]{1,5}", self.port) and 0 < int(self.port) < 65536):
            raise ValueError(f"allow_access_from: port {self.port!r} must be '*' or a port number")


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossDomainPolicy:
    """
    Which pages may use the server from a browser.

    @ivar options_max_age: seconds for which browsers may keep a preflight answer.
    @ivar accept_extra_headers: request headers that pages may add, separated by a comma.
    @ivar accept_credentials: cookies, HTTP authentication and certificates may come along.
    """

    allow_access_from: tuple[AllowAccessFrom, ...] = (AllowAccessFrom(),)
    options_max_age: int = 3600
    accept_extra_headers: str = ""
    accept_credentials: bool = True

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\s,!#$%&'*+.^_`|~0-9A-Za-z-]*", self.accept_extra_headers):
            raise ValueError(f"accept_extra_headers: {self.accept_extra_headers!r} is not a list of header names")


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportSettings:
    """
    All times in milliseconds, all lengths in bytes unless the name says otherwise;
    a time of 0 means without limit.

    @ivar read_timeout_millis: for the head of a request, once more for its body, and
        for a WebSocket message; also how long an idle connection is kept.
    @ivar write_timeout_millis: how long the client may take nothing of what waits for it.
    @ivar handshake_timeout_millis: for the TLS handshake.
    @ivar handshake_pool_max_queue: TLS handshakes at a time, less than 0 = no limit.
    @ivar max_headers: of one request.
    @ivar max_connections: of all sockets together, C{None} = no limit.
    @ivar max_connections_per_ip: of them, from one IPv4 address or IPv6 network of 64 bits.
    @ivar max_requests_per_second: of one connection, over ten seconds.
    @ivar websocket_idle_millis: how long a WebSocket without a stream and without
        requests is kept.
    @ivar websocket_use_compression: clients that ask for it get messages compressed
        (permessage-deflate), and may send such.
    @ivar websocket_compression_threshold: shorter messages are not compressed.
    @ivar sendbuf: bytes of a stream that the kernel may hold, 0 = as many as it likes.
        Linux takes it twice and counts its own notes, so it is about what is sent.
    @ivar max_outbound_frame_size: longer WebSocket messages are sent in fragments.
    @ivar service_url_prefix: paths before C{/lightstreamer}, besides none.
    @ivar forward_cookies: adapters see the C{cookie} header.
    @ivar server_tokens: C{MINIMAL} or C{FULL}: whether the C{Server} header tells the version.
    @ivar skip_local_forwards: entries at the end of X-Forwarded-For that come from our own proxies.
    @ivar client_identification_private: C{CLIENTIP} is not sent.
    """

    request_limit: int = 50_000
    read_timeout_millis: int = 20_000
    write_timeout_millis: int = 120_000
    handshake_timeout_millis: int = 4_000
    handshake_pool_max_queue: int = 1_000
    max_headers: int = 200
    max_connections: int | None = None
    max_connections_per_ip: int | None = None
    max_requests_per_second: int | None = None
    websocket_enabled: bool = True
    websocket_max_closing_wait_millis: int = 1_000
    websocket_idle_millis: int = 60_000
    websocket_use_compression: bool = False
    websocket_compression_threshold: int = 300
    max_outbound_frame_size: int = 16_384
    sendbuf: int = 16_384
    service_url_prefix: tuple[str, ...] = ()
    cross_domain_policy: CrossDomainPolicy = field(default_factory=CrossDomainPolicy)
    forward_cookies: bool = False
    server_tokens: str = "MINIMAL"
    response_http_headers: ResponseHttpHeaders = field(default_factory=ResponseHttpHeaders)
    use_enriched_content_type: bool = True
    skip_local_forwards: int = 0
    client_identification_private: bool = False

    def __post_init__(self) -> None:
        if self.server_tokens not in ("MINIMAL", "FULL"):
            raise ValueError(f"server_tokens: {self.server_tokens!r} must be MINIMAL or FULL")
        if self.max_outbound_frame_size < 125:
            raise ValueError(f"max_outbound_frame_size: {self.max_outbound_frame_size} must be 125 or more")
        for prefix in self.service_url_prefix:
            if not re.fullmatch(r"(/[^/?#\s]+)+", prefix):
                raise ValueError(f"service_url_prefix: {prefix!r} must be an absolute path, such as '/push'")
