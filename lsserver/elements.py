"""
What every element of the configuration means, and its bounds.

The names are those of the official configuration file in lower case. Types and
defaults stand in the dataclasses that use the values; C{docs/configuration.md}
is made from both.
"""

from __future__ import annotations

from collections.abc import Mapping

from lsserver.reading import Element

_NO_POOL = "everything but the calls of blocking adapters happens in one thread"
_NO_JAVA = "it is about the Java machine"
_OLD_WEB = "it is about web clients that are gone"
_OPENSSL = "OpenSSL's own choice is a good one"
_NO_COMPRESSION = "only WebSockets are compressed, see websocket.use_compression"

NOT_TAKEN: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *("server_pool_max_size", "server_pool_max_free", "accept_pool_max_size", "handshake_pool_size"),
            *("https_auth_pool_max_size", "https_auth_pool_max_free", "selector_pool_size", "selector_max_load"),
            *("timer_pool_size", "events_pool_size", "snapshot_pool_size", "pump_pool_size"),
        ),
        _NO_POOL,
    ),
    "accept_pool_max_queue": "requests are understood as they come; see max_reactor_lag_millis",
    "pump_pool_max_queue": "sessions are written in the turn in which they have something; see max_reactor_lag_millis",
    "https_auth_pool_max_queue": "handshake_pool_max_queue counts handshakes with client certificates as well",
    **dict.fromkeys(
        (
            *("max_common_nio_buffer_allocation", "max_common_pump_buffer_allocation", "reuse_pump_buffers"),
            *("tls_provider", "use_client_hints_for_tls_session_resumption", "ensure_stopping_service"),
        ),
        _NO_JAVA,
    ),
    "force_early_conversions": "a value is converted once, when the first session needs it",
    "max_mpn_devices": "there are no mobile push notifications",
    "mpn": "there are no mobile push notifications",
    "edition_conf": "there are no editions",
    "use_http_11": "HTTP/1.1 is always spoken",
    "use_chunked_encoding": "streams are always chunked for HTTP/1.1",
    "websocket.max_pong_delay_millis": "a ping is always answered at once",
    **dict.fromkeys(("use_protected_js", "allowed_domain", "control_link_machine_name"), _OLD_WEB),
    **dict.fromkeys(("use_compression", "compression_threshold"), _NO_COMPRESSION),
    "disable_tls_renegotiation": "renegotiation is always refused",
    **dict.fromkeys(("allow_protocol", "remove_protocols"), "see minimum_tls"),
    "remove_cipher_suites": "see allow_cipher_suite, in which OpenSSL takes '!NAME' as well",
    **dict.fromkeys(
        (
            *("enforce_server_cipher_suite_preference", "enable_stateless_tls_session_resumption"),
            *("tls_session_cache_size", "tls_session_timeout"),
        ),
        _OPENSSL,
    ),
    "show_password_on_request_log": "passwords are never logged",
    "logback_properties": "see log_level and log_config",
}
"""Elements of the official configuration that there are not, in lower case, and what takes their place."""

LEVELS = ("debug", "info", "warn", "error", "critical")


def _millis(meaning: str, minimum: float = 0, path: str = "") -> Element:
    return Element(meaning, "ms", minimum, path=path)


ENGINE: Mapping[str, Element] = {
    "request_limit": Element(
        "Largest request: a GET whole (else HTTP 414), a POST head (431) and body (413) each, a WebSocket message "
        "(ERROR, REQERR or CONERR 67).",
        "bytes",
        1000,
    ),
    "content_length": Element(
        "Length of one HTTP streaming response, after which the client binds again; also the longest poll response. "
        "A client may ask another.",
        "bytes",
        1000,
    ),
    "min_content_length": Element("The shortest streaming response that a client may ask for.", "bytes", 500),
    "session_timeout_millis": _millis(
        "How long a session waits to be bound again after a connection ended in order.", 1
    ),
    "session_recovery_millis": _millis("How long a session waits for a client whose connection broke. 0: no recovery."),
    "max_recovery_length": Element("Sent data kept for the recovery of a stream. 0: none.", "bytes", 0),
    "max_recovery_poll_length": Element("Longest poll response kept for recovery. 0: none, -1: no limit.", "bytes", -1),
    "subscription_timeout_millis": _millis(
        "How long the items of a closed session stay subscribed at the Data Adapter."
    ),
    "missing_message_timeout_millis": _millis("How long a message waits for an earlier one of its sequence."),
    "max_session_duration_minutes": Element(
        "Sessions older than this are closed; their clients open new ones at once.", "minutes", 1
    ),
    "max_streaming_millis": _millis("Longest duration of one HTTP streaming response.", 1),
    "default_keepalive_millis": _millis("Silence on a stream after which a keepalive is sent.", 1),
    "default_keepalive_randomize": Element(
        "The first keepalive after an update comes after a shorter time, by chance: half of it at least. So those of "
        "many sessions with the same updates do not come all at once.",
    ),
    "min_keepalive_millis": _millis("Shortest keepalive time that a client may ask for.", 1),
    "max_keepalive_millis": _millis("Longest keepalive time that a client may ask for.", 1),
    "max_polling_millis": _millis("Longest time between two polls that a client may ask for."),
    "max_idle_millis": _millis("Longest wait of a poll for data that a client may ask for."),
    "min_interpoll_millis": _millis("Shortest time between the starts of two polls of a session."),
    "sync_millis": _millis("Time between two messages that tell clients the server's clock.", 1),
    "max_buffer_size": Element(
        "Most updates that wait for one client on one item; also the longest DISTINCT snapshot.", "updates", 1
    ),
    "max_pending_notifications": Element(
        "Most notifications that wait for one session before it is closed.", "notifications", 1
    ),
    "max_pending_messages": Element(
        "Most messages of one session that wait for their turn or for the Metadata Adapter; the next one is answered "
        "with REQERR 68.",
        "messages",
        1,
    ),
    "max_message_length": Element("Longest message of a client; a longer one fails with MSGFAIL 34.", "characters", 1),
    "max_session_memory": Element(
        "Most bytes that are kept for one session and for no other: lines that wait and may not be dropped, messages "
        "that wait, what was sent and may have to be sent again. Sessions are looked at once a second; one that has "
        "more is closed. Updates that wait are not counted: sessions share them, and max_buffer_size bounds them.",
        "bytes",
        1000,
    ),
    "max_delay_millis": _millis("How long updates may wait to be sent together."),
    "max_sessions": Element("Most sessions at a time; further ones are refused with CONERR 8.", "sessions", 0),
    "max_sessions_per_user": Element(
        "Most sessions of one user in one adapter set; further ones are refused with CONERR 8. Sessions without a user "
        "do not count.",
        "sessions",
        1,
    ),
    "max_sessions_per_ip": Element(
        "Most sessions from one IPv4 address, or from one IPv6 network of 64 bits; further ones are refused with "
        "CONERR 8.",
        "sessions",
        1,
    ),
    "max_session_requests_per_second": Element(
        "Most control requests and messages of one session, on whatever connections, over ten seconds; the next one is "
        "answered with REQERR 68.",
        "per second",
        1,
    ),
    "max_subscriptions_per_session": Element(
        "Most subscriptions of one session; the next one is refused with REQERR 30.", "subscriptions", 1
    ),
    "max_items_per_session": Element(
        "Most items in all subscriptions of one session; what goes beyond is refused with REQERR 30.", "items", 1
    ),
    "max_items_per_subscription": Element("Most items of a group; a larger one is refused with REQERR 21.", "items", 1),
    "max_fields_per_subscription": Element(
        "Most fields of a schema; a larger one is refused with REQERR 23.", "fields", 1
    ),
    "max_reactor_lag_millis": _millis(
        "How late the reactor may be, again and again, before new sessions have to wait or are sent away. 0: no limit."
    ),
    "server_pool_max_queue": Element(
        "Most calls of adapters that wait for a thread or a place before new sessions have to wait or are sent away. "
        "-1: no limit. Pools with a max_queue of their own are counted by that.",
        "calls",
        -1,
    ),
    "prestarted_max_queue": Element(
        "Most sessions that were created and not used yet before new ones have to wait or are sent away. -1: no limit.",
        "sessions",
        -1,
    ),
    "max_waiting_creations": Element(
        "Most clients that may wait for the end of an overload; further ones are told to come back.", "clients", 0
    ),
    "delta_delivery": Element("Send only the fields that changed. No: every update carries every field."),
    "default_diff_order": Element(
        "Difference algorithms tried for fields of which the Data Adapter said nothing.",
        choices=("JSONPATCH", "DIFF_MATCH_PATCH"),
    ),
    "jsonpatch_min_length": Element(
        'Shortest value for which a JSON Patch is tried; "none": whenever one can be computed.', "characters", 0
    ),
    "preserve_unfiltered_command_ordering": Element("Unfiltered COMMAND subscriptions keep the order between keys."),
    "control_link_address": Element("Host, or host:port, that clients are told to use for the rest of a session."),
    "unexpected_wait_threshold_millis": _millis("An adapter call that takes longer is logged. 0: none is."),
}

CALLS: Mapping[str, Element] = {
    "unexpected_wait_threshold_millis": ENGINE["unexpected_wait_threshold_millis"],
    "adapter_call_timeout_millis": _millis(
        "An adapter call that takes longer fails; initialize may take as long as it needs. 0: no limit."
    ),
    "max_queued_events": Element(
        "Most events from threads of one Data Adapter that wait for the server; a thread that sends more has to wait "
        "until half of them are through.",
        "events",
        1,
    ),
}

TRANSPORT: Mapping[str, Element] = {
    "request_limit": ENGINE["request_limit"],
    "read_timeout_millis": _millis(
        "Time for the head of a request, again for its body, and for one WebSocket message, however many bytes come in "
        "it; idle connections too. Then the connection is closed. 0: no limit."
    ),
    "write_timeout_millis": _millis("How long a client may take nothing of what waits for it. 0: no limit."),
    "handshake_timeout_millis": _millis("Time for a TLS handshake. 0: no limit."),
    "handshake_pool_max_queue": Element(
        "Most TLS handshakes at a time. While there are more, TLS sockets accept no connection: the next ones wait in "
        "the backlog. -1: no limit.",
        "handshakes",
        -1,
    ),
    "max_headers": Element("Most headers of a request; one with more is answered with HTTP 431.", "headers", 10),
    "max_connections": Element(
        "Most connections of all sockets together, as far as the limit of open files allows; further ones are closed "
        "at once.",
        "connections",
        1,
    ),
    "max_connections_per_ip": Element(
        "Most connections from one IPv4 address, or from one IPv6 network of 64 bits; further ones are closed at once. "
        "Not on sockets with skip_local_forwards, where all come from the proxies.",
        "connections",
        1,
    ),
    "max_requests_per_second": Element(
        "Most requests on one connection, over ten seconds. HTTP answers the next one with 429; a WebSocket is not "
        "read from until it is its time.",
        "per second",
        1,
    ),
    "websocket_enabled": Element("Accept WebSocket; without it clients use HTTP streaming.", path="websocket.enabled"),
    "websocket_max_closing_wait_millis": _millis(
        "How long the client's closing frame is waited for.", path="websocket.max_closing_wait_millis"
    ),
    "websocket_idle_millis": _millis(
        "How long a WebSocket without a session and without requests is kept. 0: no limit.",
        path="websocket.idle_millis",
    ),
    "websocket_use_compression": Element(
        "Compress messages to clients that ask for it (permessage-deflate), and accept compressed ones. The official "
        "server never does.",
        path="websocket.use_compression",
    ),
    "websocket_compression_threshold": Element(
        "Shorter messages are not compressed.", "bytes", 0, path="websocket.compression_threshold"
    ),
    "max_outbound_frame_size": Element(
        "Longer WebSocket messages are sent in fragments.", "bytes", 125, path="websocket.max_outbound_frame_size"
    ),
    "sendbuf": Element(
        "Most bytes of a stream that the kernel holds for a slow client; less than max_recovery_length, or a client "
        "whose connection breaks cannot be given again what was in it. 0: the kernel decides.",
        "bytes",
        0,
    ),
    "service_url_prefix": Element("Paths, such as /push, under which /lightstreamer is found as well."),
    "cross_domain_policy": Element("Which pages may use the server from a browser."),
    "forward_cookies": Element("Metadata Adapters see the cookie header."),
    "server_tokens": Element("Whether the Server header tells the version.", choices=("MINIMAL", "FULL")),
    "response_http_headers": Element("Extra headers of every response of the protocol."),
    "use_enriched_content_type": Element(
        "Streams to native clients are text/enriched, which proxies do not hold back."
    ),
    "skip_local_forwards": Element(
        "Entries at the end of X-Forwarded-For that are of your own proxies. 0: the peer of the socket is the client.",
        "entries",
        0,
    ),
    "client_identification_private": Element(
        "Do not tell clients their address.", path="client_identification.private"
    ),
}

RESPONSE_HTTP_HEADERS: Mapping[str, Element] = {
    "add": Element('Header lines, such as "X-Accel-Buffering: no".'),
    "echo": Element("Names of request headers that are sent back."),
}

CROSS_DOMAIN_POLICY: Mapping[str, Element] = {
    "allow_access_from": Element("Allowed origins."),
    "options_max_age": Element("How long browsers may keep the answer to a preflight request.", "seconds", 0),
    "accept_extra_headers": Element("Request headers that pages may add, separated by commas."),
    "accept_credentials": Element("Cookies, HTTP authentication and certificates may come along."),
}

ALLOW_ACCESS_FROM: Mapping[str, Element] = {
    "scheme": Element('http, https or another scheme; "*": http and https.'),
    "host": Element('A name, an address, "*.example.com" or "*".'),
    "port": Element('A port or "*". "*" for scheme, host and port: any origin at all.'),
}

KEYSTORE: Mapping[str, Element] = {
    "keystore_file": Element("PEM file with the certificate and the chain up to its authority."),
    "private_key_file": Element("PEM file with the private key; when it is not in keystore_file."),
    "keystore_password": Element("Password of the private key."),
}

TRUSTSTORE: Mapping[str, Element] = {
    "truststore_file": Element("PEM file with the certificates of the authorities of clients' certificates."),
}

_OF_THIS_SOCKET = 'The same for this socket alone; "none": as under HTTP and WebSocket.'

HTTP_SERVER: Mapping[str, Element] = {
    "name": Element("Name that clients see (SERVNAME). ASCII, without control characters, different for each."),
    "port": Element("TCP port; 0: any that is free.", minimum=0, maximum=65535),
    "port_type": Element(
        "CONTROL_ONLY: no sessions are created here, only bound again and controlled. PRIORITY: whoever comes here is "
        "let in whatever the load, and beyond max_sessions; for those who look after the server, not for the public. "
        "CREATE_ONLY is a hint to people.",
        choices=("GENERAL_PURPOSE", "CREATE_ONLY", "CONTROL_ONLY", "PRIORITY"),
    ),
    "listening_interface": Element("Address to bind; empty: all IPv4 addresses."),
    "backlog": Element("Connections that may wait to be accepted.", "connections", 1),
    "endpoint": Element("A Twisted endpoint string, in place of port, listening_interface, backlog and keystore."),
    "response_http_headers": Element(_OF_THIS_SOCKET),
    "client_identification_private": Element(_OF_THIS_SOCKET, path="client_identification.private"),
    "skip_local_forwards": Element(_OF_THIS_SOCKET, "entries", 0),
    "proxy_protocol_enabled": Element(
        "All connections come through a proxy that says whose they are, by the PROXY protocol, version 1 or 2. Only "
        "the proxy may be able to reach such a socket."
    ),
    "proxy_protocol_timeout_millis": _millis("Time for the PROXY header. 0: no limit."),
}

HTTPS_SERVER: Mapping[str, Element] = {
    **HTTP_SERVER,
    "keystore": Element("Certificate and private key."),
    "minimum_tls": Element("Oldest TLS version that is spoken.", choices=("1.2", "1.3")),
    "allow_cipher_suite": Element("Cipher suites up to TLS 1.2, as an OpenSSL cipher string; empty: a good choice."),
    "use_client_auth": Element("Ask for client certificates; the name in one goes to the Metadata Adapter."),
    "force_client_auth": Element("Refuse connections without a valid client certificate."),
    "truststore": Element("Authorities of client certificates."),
}

HEALTHCHECK: Mapping[str, Element] = {
    "available_on_all_servers": Element("Answer /lightstreamer/healthcheck on every socket."),
    "available_on_server": Element("Names of the sockets that answer it."),
}

WEB_SERVER: Mapping[str, Element] = {
    "enabled": Element("Serve files of pages_dir at /."),
    "pages_dir": Element("Folder of files that go before the demo pages and the client module that are installed."),
}

CONFIGURATION: Mapping[str, Element] = {
    "http_server": Element("Listening sockets without TLS."),
    "https_server": Element("Listening sockets with TLS."),
    "adapters_dir": Element("Folders with adapter sets, one in each subfolder that has an adapters.xml."),
    "adapter": Element("Adapter sets in one line, as for the option --adapter."),
    "remote": Element("Sets of remote adapters in one line, as for the option --remote."),
    "demo": Element("Load the demo adapter sets that are installed."),
    "shared_dir": Element("Folder of modules that all adapter sets may import; none: shared in each of adapters_dir."),
    "enable_expansion_for_adapters_config": Element('Expand "$env.NAME" in each adapters.xml.'),
    "web_server": Element("The internal web server."),
    "healthcheck": Element("Where load balancers may ask how the server is."),
    "log_level": Element("Least severe level that is logged.", choices=LEVELS),
    "log_config": Element(
        "Levels of single categories, such as LightstreamerLogger.requests; a category covers those below it.",
        choices=LEVELS,
    ),
}
