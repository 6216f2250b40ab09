"""
The log of data notifications already sent, for session recovery (tlcp.md 10.5).

It refers to the very bytes that were sent, which sessions share, and replays
them unchanged: encoding again from the state of the items would be wrong, since
"unchanged" and diffs depend on what the client was sent before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence


class RecoveryLog:
    """
    @ivar sent: data notifications written since the session began, the
        progressive number of the newest.
    @ivar limit: bytes to keep at most, or -1.
    @ivar size: bytes that are kept.
    """

    __slots__ = ("_lines", "_mark", "_marked_at", "limit", "sent", "size")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.sent = 0
        self._lines: deque[bytes] = deque()
        self.size = 0
        self._mark = 0
        self._marked_at = 0.0

    @property
    def oldest(self) -> int:
        """The smallest count from which a client can still be brought up to date."""
        return self.sent - len(self._lines)

    def append(self, lines: Sequence[bytes]) -> None:
        """Remember lines in the order in which they were written."""
        self.sent += len(lines)
        if self.limit == 0:
            self.received()
            return
        self._lines.extend(lines)
        size = self.size
        for line in lines:
            size += len(line)
        self.size = size
        if size > self.limit >= 0:
            self._trim()

    def _trim(self) -> None:
        lines = self._lines
        while lines and self.size > self.limit:
            self.size -= len(lines.popleft())

    def age(self, now: float, seconds: float) -> None:
        """
        Forget what had been sent already C{seconds} or more ago. To be called now and
        then: lines live for twice that time and the time between two calls, at most.
        """
        if now - self._marked_at < seconds:
            return
        lines = self._lines
        for _ in range(self._mark - self.oldest):
            self.size -= len(lines.popleft())
        self._mark = self.sent
        self._marked_at = now

    def received(self) -> None:
        """The client has proved that it got everything: nothing needs to be kept."""
        self._lines.clear()
        self.size = 0

    def rewind(self, count: int) -> list[bytes] | None:
        """
        Go back to where the client is: forget what it has, and give back what it misses,
        which is to be sent and appended again.

        @param count: data notifications that the client has processed.
        @return: C{None} if what it misses is not kept, or C{count} is impossible.
        """
        if not self.oldest <= count <= self.sent:
            return None
        skip = count - self.oldest
        missing = [line for number, line in enumerate(self._lines) if number >= skip]
        self.received()
        self.sent = count
        self._mark = min(self._mark, count)
        return missing
