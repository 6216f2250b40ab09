"""
What one group has written, noted once for all who ride with it.

Sessions of other groups are sent the same lists at the same time, with other beginnings of lines and in between what
their other groups have. So a journal keeps the lists without the beginnings, and with each the number of the write, of
which there is one count for the whole engine: by these, what several groups have written to a session can be put in
order again when somebody asks for it (L{Outlet.settle<lsserver.engine.outlet.Outlet.settle>}).
"""

from __future__ import annotations

import sys
from array import array
from itertools import count

_numbers = count(1)

SLACK = 8
"""A journal is cut when it is longer than it may be by such a part: each cut moves what stays."""


class Journal:
    """
    @ivar count: lists so far, those included that are not kept any more.
    @ivar cut: the number of the newest write that is not kept any more.
    @ivar size: bytes of the lists that are kept.
    @ivar written_at: when something was last written, in seconds.
    """

    __slots__ = ("_limit", "_lists", "_marked_at", "_most", "_numbers", "_old", "count", "cut", "size", "written_at")

    def __init__(self, limit: int) -> None:
        """
        @param limit: bytes of the newest lists to keep at least, -1 = all.
        """
        self._limit = limit if limit >= 0 else sys.maxsize
        self._most = self._limit + self._limit // SLACK
        self._lists: list[bytes] = []
        self._numbers = array("q")
        self._old = 0
        self._marked_at = 0.0
        self.count = self.cut = self.size = 0
        self.written_at = 0.0

    def note(self, lists: list[bytes], now: float) -> None:
        """One more write."""
        number = next(_numbers)
        self.written_at = now
        for one in lists:
            self._lists.append(one)
            self._numbers.append(number)
            self.size += len(one)
        self.count += len(lists)
        if self.size > self._most:
            self._trim()

    def last(self, count: int) -> tuple[list[int], list[bytes]]:
        """
        The newest C{count} lists, at least one, and for each the number of its write. Those that are not kept any more
        are missing.
        """
        return self._numbers[-count:].tolist(), self._lists[-count:]

    def _trim(self) -> None:
        """Forget the oldest lists, as many as must go."""
        gone, size = 0, self.size
        while size > self._limit:
            size -= len(self._lists[gone])
            gone += 1
        self._forget(gone)

    def _forget(self, gone: int) -> None:
        if gone:
            self.cut = self._numbers[gone - 1]
            self.size -= sum(map(len, self._lists[:gone]))
            del self._lists[:gone]
            del self._numbers[:gone]
            self._old = max(0, self._old - gone)

    def age(self, now: float, seconds: float) -> None:
        """
        As L{RecoveryLog.age<lsserver.engine.recovery.RecoveryLog.age>}; everybody who rides may call it. Nobody asks
        for what is forgotten here: all of them have sockets that took everything.
        """
        if now - self._marked_at >= seconds:
            self._forget(self._old)
            self._old = len(self._lists)
            self._marked_at = now
