"""
How lines travel: as text messages of WebSocket (RFC 6455, 5) or as chunks of an
HTTP response (RFC 9112, 7.1).

One bytes object is often written to many connections in a row, so each framer
remembers the last one and its frame. It compares by identity: that costs nothing
and cannot be wrong while the object is held here.
"""

from __future__ import annotations

import struct
from typing import Protocol

from lsserver.engine.connection import Framing

MAX_REMEMBERED = 65_536
"""Longer data are hardly shared, and would be kept alive for nothing."""


class Framer(Framing, Protocol):
    """What can also tell how much it adds."""

    def overhead(self, size: int) -> int:
        """How much longer the bytes are than the lines, of which there are C{size} bytes."""


class TextFramer:
    """
    Unmasked text messages, in fragments if they are long.

    @param max_frame: longest payload of one frame, bytes.
    """

    __slots__ = ("_max_frame", "data", "frame")

    def __init__(self, max_frame: int) -> None:
        self._max_frame = max_frame
        # There is only one empty bytes object, so this must be right too.
        self.data = b""
        self.frame = _header(0x81, 0)

    def encode(self, data: bytes) -> bytes:
        """As in L{Framer}."""
        size = len(data)
        frame = _header(0x81, size) + data if size <= self._max_frame else self._framed(0x01, data)
        if size <= MAX_REMEMBERED:
            self.data, self.frame = data, frame
        return frame

    def _framed(self, first: int, payload: bytes) -> bytes:
        """
        One message.

        @param first: opcode and reserved bits of the first frame.
        """
        most = self._max_frame
        size = len(payload)
        if size <= most:
            return _header(0x80 | first, size) + payload
        # Clients put the fragments together before they look at the text, so that one
        # may end within a character.
        pieces = [_header(first, most), payload[:most]]
        for start in range(most, size, most):
            piece = payload[start : start + most]
            pieces += (_header(0x80 if start + most >= size else 0x00, len(piece)), piece)
        return b"".join(pieces)

    def overhead(self, size: int) -> int:
        """As in L{Framer}."""
        whole, rest = divmod(size, self._max_frame)
        if whole and not rest:
            whole, rest = whole - 1, self._max_frame
        return whole * len(_header(0, self._max_frame)) + len(_header(0, rest))


def _header(first: int, size: int) -> bytes:
    if size < 126:
        return bytes((first, size))
    if size < 65_536:
        return struct.pack("!BBH", first, 126, size)
    return struct.pack("!BBQ", first, 127, size)


class ChunkFramer:
    """Chunks of HTTP/1.1."""

    __slots__ = ("data", "frame")

    LAST = b"0\r\n\r\n"

    def __init__(self) -> None:
        self.data = b""
        self.frame = b""

    def encode(self, data: bytes) -> bytes:
        """As in L{Framer}. Nothing for no data, since an empty chunk would end the response."""
        frame = data and b"%x\r\n%b\r\n" % (len(data), data)
        if len(data) <= MAX_REMEMBERED:
            self.data, self.frame = data, frame
        return frame

    def overhead(self, size: int) -> int:
        """As in L{Framer}."""
        return len(b"%x" % size) + 4


class Unframed:
    """Nothing around the lines, for responses that end with their connections."""

    __slots__ = ("data", "frame")

    def __init__(self) -> None:
        self.data = self.frame = b""

    def encode(self, data: bytes) -> bytes:
        """As in L{Framing}. There is nothing to remember."""
        return data


UNFRAMED = Unframed()
