"""
Heads of responses (tlcp.md 2.6, 2.7).
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.web.http import Request as HttpRequest

from lsserver import __version__
from lsserver.transport.settings import TransportSettings, split_header

PLAIN = b"text/plain; charset=utf-8"
# The charset matters: browsers decode what they have received so far by it. The
# type is one that intermediaries do not know and so do not hold back.
ENRICHED = b"text/enriched; charset=utf-8"

_NO_CACHE = (
    (b"Cache-Control", b"no-store"),
    (b"Cache-Control", b"no-transform"),
    (b"Cache-Control", b"no-cache"),
    (b"Pragma", b"no-cache"),
    (b"Expires", b"Thu, 1 Jan 1970 00:00:00 GMT"),
)


def server_name(settings: TransportSettings) -> bytes:
    """The C{Server} header."""
    return f"lsserver/{__version__}".encode() if settings.server_tokens == "FULL" else b"lsserver"


class ResponseHeads:
    """Sets the headers that every answer of the protocol has."""

    def __init__(self, settings: TransportSettings) -> None:
        added = [split_header(line) for line in settings.response_http_headers.add]
        self._fixed = [*_NO_CACHE, *((name.encode(), value.encode()) for name, value in added)]
        self._echoed = [name.encode() for name in settings.response_http_headers.echo]
        self.stream_type = ENRICHED if settings.use_enriched_content_type else PLAIN
        fixed = [(b"Content-Type", self.stream_type), *self._fixed]
        self._stream_lines = b"".join(b"%b: %b\r\n" % header for header in fixed)

    def prepare(self, request: HttpRequest, content_type: bytes, more: Iterable[tuple[str, str]]) -> None:
        """
        Set the headers of a response.

        @param more: what the cross-origin check adds.
        """
        headers = request.responseHeaders
        headers.setRawHeaders(b"Content-Type", [content_type])
        for name, value in self._fixed:
            headers.addRawHeader(name, value)
        for name in self._echoed:
            for value in request.requestHeaders.getRawHeaders(name, []):
                headers.addRawHeader(name, value)
        for header, text in more:
            headers.addRawHeader(header.encode("latin-1", "replace"), text.encode("latin-1", "replace"))

    def stream(self, request: HttpRequest, more: Iterable[tuple[str, str]], length: bytes) -> bytes:
        """
        The head of a stream, up to and with the empty line: what L{prepare} would set, with
        what the request has set already, but most of it is the same for all.

        @param more: what the cross-origin check adds.
        @param length: the line that tells how long the body is, if there is one.
        """
        lines = [b"%b %d %b\r\n" % (request.clientproto, request.code, request.code_message)]
        for name, values in request.responseHeaders.getAllRawHeaders():
            lines += [b"%b: %b\r\n" % (name, value) for value in values]
        lines.append(self._stream_lines)
        for name in self._echoed:
            lines += [_line(name, value) for value in request.requestHeaders.getRawHeaders(name, [])]
        for header, text in more:
            lines.append(_line(header.encode("latin-1", "replace"), text.encode("latin-1", "replace")))
        lines += (length, b"\r\n")
        return b"".join(lines)


def _line(name: bytes, value: bytes) -> bytes:
    """A header whose value comes from a request. It has no line ends, but not because of anything here."""
    return b"%b: %b\r\n" % (name, b" ".join(value.splitlines()))
