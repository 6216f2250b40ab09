"""
From the bytes of a connection to lines, a whole chunk at a time (remote-adapters.md 2.1).
"""

from __future__ import annotations

MAX_LINE = 16 * 1024 * 1024
"""Longest line, in bytes, that a remote may send."""

_BOM = "\ufeff"


class LineTooLongError(Exception):
    """A line has more bytes than it may have."""


class Splitter:
    """
    Cuts at LF and nowhere else, takes one CR off before it, and leaves out empty
    lines. A byte order mark is skipped at the very beginning.
    """

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._begun = False

    @property
    def pending(self) -> int:
        """Bytes of a line that has not ended yet."""
        return self._size

    def feed(self, data: bytes) -> list[str]:
        """
        The lines that C{data} completes.

        @raise LineTooLongError: nothing more can be made of this connection.
        """
        end = data.rfind(b"\n")
        if end < 0:
            self._keep(data)
            return []
        whole = data[:end]
        if self._parts:
            self._parts.append(whole)
            whole = b"".join(self._parts)
            self._parts.clear()
            self._size = 0
        if len(whole) > self._limit and max(map(len, whole.split(b"\n"))) > self._limit:
            raise LineTooLongError(f"a line is longer than {self._limit} bytes")
        if end + 1 < len(data):
            self._keep(data[end + 1 :])
        text = whole.decode("utf-8", "replace")
        if not self._begun:
            self._begun = True
            text = text.removeprefix(_BOM)
        if "\r" in text:
            text = text.replace("\r\n", "\n").removesuffix("\r")
        lines = text.split("\n")
        return [line for line in lines if line] if "" in lines else lines

    def _keep(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size > self._limit:
            raise LineTooLongError(f"a line is longer than {self._limit} bytes")
