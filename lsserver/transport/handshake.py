"""
The usual head of a WebSocket handshake, recognised in one go.

twisted.web makes a dozen objects of every request, and most connections send this one
request and no other. Whatever is not exactly as it usually is, wrong or only rare, is
none of this module's business: L{read} does not know it, and the connection goes the
way of all requests, where the answers to what is wrong are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEAD = re.compile(
    rb"GET (?P<target>/[!-~]*) HTTP/1\.1\r\n(?P<lines>(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n)+)\r\n"
)
_KEY = re.compile("[A-Za-z0-9+/]{22}==")

_ONCE = ("host", "connection", "upgrade", "sec-websocket-key", "sec-websocket-version", "sec-websocket-protocol")
"""What must be there, and not twice."""

_ELSEWHERE = frozenset(("content-length", "transfer-encoding", "expect"))
"""What makes it another kind of request."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """
    @ivar target: path and query, as they came.
    @ivar lines: the headers as they came, which L{by_name} understands.
    @ivar headers: values by the names of headers in lower case, none of them twice.
    @ivar size: bytes of the whole head.
    """

    target: bytes
    lines: bytes
    headers: dict[str, str]
    size: int


def read(data: bytes, longest: int, most_headers: int) -> Handshake | None:
    """
    The handshake that C{data} begins with.

    @param longest: bytes of the head.
    @return: C{None} if it is not a usual one, or not complete.
    """
    end = data.find(b"\r\n\r\n", 0, longest) + 4
    if end < 4:
        return None
    match = _HEAD.fullmatch(data, 0, end)
    if match is None:
        return None
    lines = match["lines"]
    headers: dict[str, str] = {}
    for line in lines.decode("latin-1").split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        name = name.lower()
        if name in headers or name in _ELSEWHERE:
            return None
        headers[name] = value.strip(" \t")
    if len(headers) > most_headers or not _usual(headers):
        return None
    return Handshake(match["target"], lines, headers, end)


def _usual(headers: dict[str, str]) -> bool:
    return (
        all(name in headers for name in _ONCE)
        and headers["upgrade"].lower() == "websocket"
        and "upgrade" in [token.strip() for token in headers["connection"].lower().split(",")]
        and headers["sec-websocket-version"] == "13"
        and _KEY.fullmatch(headers["sec-websocket-key"]) is not None
        and bool(headers["host"])
    )


def by_name(lines: bytes) -> dict[str, str]:
    """The headers of a L{Handshake} as adapters get them, in a new dict."""
    headers = {}
    for line in lines.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        headers[name.lower().decode("ascii")] = value.strip(b" \t").decode("utf-8", "replace")
    return headers
