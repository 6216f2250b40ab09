"""
permessage-deflate (RFC 7692), without context takeover in either direction.

What is sent is compressed without regard to what was sent before, so one
compressed frame is good for every client that has accepted the extension: it is
made once, and no connection has a compressor of its own. What is received is
inflated up to the request limit and no further, with a decompressor that lives as
long as the message.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from autobahn.exception import PayloadCorruptError, PayloadExceededError

from lsserver.transport.framing import MAX_REMEMBERED, TextFramer

NAME = "permessage-deflate"

WINDOW_BITS = 12
"""
Of what is sent, unless the client has room for less. Within single messages a larger
window finds hardly more, and a compressor of 32 KB is made much faster than one of 256 KB.
"""

MIN_WINDOW_BITS = 9
"""zlib cannot do with the 8 that the protocol allows."""

MEMORY_LEVEL = 5

MAX_KEPT = 524_288
"""Bytes of messages of which the frames are kept."""

TEXT = 0x41
"""The first byte of a compressed text message: RSV1 and the opcode."""

_TAIL = b"\x00\x00\xff\xff"
"""The end of a flush, which does not travel (7.2.1)."""

_ALREADY_ENDED = (b"", b"\x00")
"""What may follow a last block of deflate in a message (7.2.3.4)."""

_BITS = re.compile("[89]|1[0-5]")


@dataclass(frozen=True, slots=True)
class Agreement:
    """
    What a client and we have agreed on.

    @ivar answer: the value of the header C{Sec-WebSocket-Extensions}.
    @ivar window_bits: of what is sent.
    """

    answer: str
    window_bits: int


def negotiate(offers: Iterable[str]) -> Agreement | None:
    """
    Accept the first good offer (5.1, 7.1).

    @param offers: values of C{Sec-WebSocket-Extensions} in a request.
    """
    for value in offers:
        # No extension has parameters with a comma or a semicolon within quotes.
        for offer in value.split(","):
            name, *parameters = offer.split(";")
            if name.strip().lower() == NAME and (agreement := _accept(parameters)) is not None:
                return agreement
    return None


def _accept(parameters: Iterable[str]) -> Agreement | None:
    seen: dict[str, str | None] = {}
    for name, value in _parsed(parameters):
        if name in seen or not _valid(name, value):
            return None
        seen[name] = value
    answer = f"{NAME}; server_no_context_takeover; client_no_context_takeover"
    wanted = seen.get("server_max_window_bits")
    if wanted is None:
        return Agreement(answer, WINDOW_BITS)
    bits = min(int(wanted), WINDOW_BITS)
    return Agreement(f"{answer}; server_max_window_bits={bits}", bits)


def _parsed(parameters: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    for parameter in parameters:
        name, equals, value = parameter.partition("=")
        yield name.strip().lower(), value.strip().strip('"') if equals else None


def _valid(name: str, value: str | None) -> bool:
    match name:
        case "server_no_context_takeover" | "client_no_context_takeover":
            return value is None
        case "server_max_window_bits":
            return value is not None and _BITS.fullmatch(value) is not None
        case "client_max_window_bits":
            # We inflate with the largest window, whatever the client uses.
            return value is None or _BITS.fullmatch(value) is not None
    return False


class DeflatingFramer(TextFramer):
    """
    Text messages that are compressed where that makes them shorter.

    Lines that many clients get are often put together for each of them, in equal
    but different objects, and compressing costs much more than looking them up. So
    here frames are kept by what they contain, besides the last one by identity.

    Those who share it have agreed on the same window.

    @ivar compressed: how many messages were compressed; sending them again does not count.
    """

    __slots__ = ("_frames", "_kept", "_plain", "_threshold", "_window_bits", "compressed")

    def __init__(self, plain: TextFramer, window_bits: int, max_frame: int, threshold: int) -> None:
        """
        @param plain: makes the frames of what is not compressed.
        @param max_frame: as in L{TextFramer}, of compressed bytes.
        @param threshold: shorter messages are not compressed; bytes.
        """
        super().__init__(max_frame)
        self._plain = plain
        self._window_bits = window_bits
        self._threshold = threshold
        self._frames: dict[bytes, bytes] = {}
        self._kept = 0
        self.compressed = 0

    def encode(self, data: bytes) -> bytes:
        """As in L{Framer<lsserver.transport.framing.Framer>}."""
        size = len(data)
        if size < self._threshold:
            frame = self._uncompressed(data)
        elif size > MAX_REMEMBERED:
            return self._shorter(data)
        else:
            found = self._frames.get(data)
            frame = self._keep(data) if found is None else found
        self.data, self.frame = data, frame
        return frame

    def deflated(self, first: int, data: bytes) -> bytes:
        """
        One message, compressed.

        @param first: opcode and reserved bits of the first frame.
        """
        self.compressed += 1
        deflate = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -self._window_bits, MEMORY_LEVEL)
        payload = deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH)
        return self._framed(first, payload[: -len(_TAIL)])

    def _shorter(self, data: bytes) -> bytes:
        frame, plain = self.deflated(TEXT, data), self._uncompressed(data)
        return frame if len(frame) < len(plain) else plain

    def _uncompressed(self, data: bytes) -> bytes:
        plain = self._plain
        return plain.frame if data is plain.data else plain.encode(data)

    def _keep(self, data: bytes) -> bytes:
        self._kept += len(data)
        if self._kept > MAX_KEPT:
            self._frames.clear()
            self._kept = len(data)
        frame = self._frames[data] = self._shorter(data)
        return frame

    # Lengths and limits of bandwidth are those of the lines, as with the compression
    # that the official server has for HTTP; so the base class's overhead is right.


class Inflater:
    """
    The receiving half of one connection, with the methods that Autobahn calls on an
    extension.
    """

    EXTENSION_NAME = NAME

    __slots__ = ("_inflate", "_limit", "_most", "_received", "_size")

    def __init__(self, limit: int, most: int) -> None:
        """
        @param limit: bytes of a message, inflated. The first byte beyond is still
            passed on, so that the message is found too long; no further one is.
        @param most: compressed bytes of a message before it is given up.
        """
        self._limit = limit
        self._most = most
        # Only while there is a message of which more is to be inflated.
        self._inflate: Any = None
        self._size = 0
        self._received = 0

    def start_decompress_message(self) -> None:
        """A message begins."""
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._size = self._received = 0

    def decompress_message_data(self, data: bytes, max_output_len: int | None = None) -> bytes:
        """
        A part of the message, inflated.

        @raise PayloadExceededError: it is so long that it is not read to its end.
        @raise PayloadCorruptError: it is no deflated data.
        """
        self._received += len(data)
        if self._received > self._most:
            self._inflate = None
            raise PayloadExceededError("the compressed message is far too long")
        if self._inflate is None:
            return b""
        inflated = self._inflated(data, self._limit + 1 - self._size)
        self._size += len(inflated)
        if self._size > self._limit:
            self._inflate = None
        return inflated

    def end_decompress_message(self) -> None:
        """
        The message has ended.

        @raise PayloadCorruptError: in the middle of something.
        """
        if self._inflate is not None and not self._inflate.eof and self._inflated(_TAIL, 1):
            raise PayloadCorruptError("the message ends within a block")
        self._inflate = None

    def _inflated(self, data: bytes, most: int) -> bytes:
        try:
            inflated: bytes = self._inflate.decompress(data, most)
        except zlib.error as error:
            raise PayloadCorruptError(f"no deflated data: {error}") from error
        if self._inflate.eof and self._inflate.unused_data not in _ALREADY_ENDED:
            raise PayloadCorruptError("there is something behind the last block")
        return inflated
