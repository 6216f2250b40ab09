"""
What every element of the configuration means, and its bounds.

The names are those of the official configuration file in lower case. Types and
defaults stand in the dataclasses that use the values; C{docs/configuration.md}
is made from both.
"""

from __future__ import annotations

from collections.abc import Mapping

from lsserver.reading import Element

LEVELS = ("debug", "info", "warn", "error", "critical")


def _millis(meaning: str, minimum: float = 0) -> Element:
    return Element(meaning, "ms", minimum)


ENGINE: Mapping[str, Element] = {
    "request_limit": Element("Largest request: a GET whole, a POST head and body each, a WebSocket message.", "bytes", 1000),
    "content_length": Element(
        "Length of one HTTP streaming response, after which the client binds again; also the longest poll response. "
        "A client may ask another.", "bytes", 1000
    ),
    "min_content_length": Element("The shortest streaming response that a client may ask for.", "bytes", 500),
    "session_timeout_millis": _millis("How long a session waits to be bound again after a connection ended in order.", 1),
    "session_recovery_millis": _millis("How long a session waits for a client whose connection broke. 0: no recovery."),
    "max_recovery_length": Element("Sent data kept for the recovery of a stream. 0: none.", "bytes", 0),
    "max_recovery_poll_length": Element("Longest poll response kept for recovery. 0: none, -1: no limit.", "bytes", -1),
    "subscription_timeout_millis": _millis("How long the items of a closed session stay subscribed at the Data Adapter."),
    "missing_message_timeout_millis": _millis("How long a message waits for an earlier one of its sequence."),
    "max_session_duration_minutes": Element(
        "Sessions older than this are closed; their clients open new ones at once.", "minutes", 1
    ),
    "max_streaming_millis": _millis("Longest duration of one HTTP streaming response.", 1),
    "default_keepalive_millis": _millis("Silence on a stream after which a keepalive is sent.", 1),
    "min_keepalive_millis": _millis("Shortest keepalive time that a client may ask for.", 1),
    "max_keepalive_millis": _millis("Longest keepalive time that a client may ask for.", 1),
    "max_polling_millis": _millis("Longest time between two polls that a client may ask for."),
    "max_idle_millis": _millis("Longest wait of a poll for data that a client may ask for."),
    "min_interpoll_millis": _millis("Shortest time between the starts of two polls of a session."),
    "sync_millis": _millis("Time between two messages that tell clients the server's clock.", 1),
    "max_buffer_size": Element("Most updates that wait for one client on one item; also the longest DISTINCT snapshot.", "updates", 1),
    "max_pending_notifications": Element("Most notifications that wait for one session before it is closed.", "notifications", 1),
    "max_pending_messages": Element("Most messages of one session that wait for their turn.", "messages", 1),
    "max_delay_millis": _millis("How long updates may wait to be sent together."),
    "max_sessions": Element("Most sessions at a time; further ones are refused.", "sessions", 0),
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
    "unexpected_wait_threshold_millis": _millis("A synchronous adapter call that takes longer is logged. 0: none."),
}

KEYSTORE: Mapping[str, Element] = {
    "keystore_file": Element("PEM file with the certificate and the chain up to its authority."),
    "private_key_file": Element("PEM file with the private key; when it is not in keystore_file."),
    "keystore_password": Element("Password of the private key."),
}

HTTP_SERVER: Mapping[str, Element] = {
    "name": Element("Name that clients see (SERVNAME). ASCII, without control characters, different for each."),
    "port": Element("TCP port.", minimum=1, maximum=65535),
    "listening_interface": Element("Address to bind; empty: all IPv4 addresses."),
    "backlog": Element("Connections that may wait to be accepted.", "connections", 1),
    "endpoint": Element("A Twisted endpoint string, in place of port, listening_interface, backlog and keystore."),
}

HTTPS_SERVER: Mapping[str, Element] = {
    **HTTP_SERVER,
    "keystore": Element("Certificate and private key."),
    "minimum_tls": Element("Oldest TLS version that is spoken.", choices=("1.2", "1.3")),
    "allow_cipher_suite": Element("Cipher suites up to TLS 1.2, as an OpenSSL cipher string; empty: a good choice."),
}

WEB_SERVER: Mapping[str, Element] = {
    "enabled": Element("Serve files of pages_dir at /."),
    "pages_dir": Element('Folder of the files; "none": the demo pages that are installed.'),
}

CONFIGURATION: Mapping[str, Element] = {
    "http_server": Element("Listening sockets without TLS."),
    "https_server": Element("Listening sockets with TLS."),
    "adapters_dir": Element("Folders with adapter sets, one in each subfolder that has an adapters.xml."),
    "adapter": Element("Adapter sets in one line, as for the option --adapter."),
    "demo": Element("Load the demo adapter sets that are installed."),
    "web_server": Element("The internal web server."),
    "log_level": Element("Least severe level that is logged.", choices=LEVELS),
    "log_config": Element("Levels of single categories, such as lsserver.engine; a category covers those below it.", choices=LEVELS),
}
