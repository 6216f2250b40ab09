"""
The log of data notifications already sent, for session recovery (tlcp.md 10.5).

It refers to the very bytes that were sent, which sessions share, and replays
them unchanged: encoding again from the state of the items would be wrong, since
"unchanged" and diffs depend on what the client was sent before.
"""

from __future__ import annotations

from collections import deque

Entry = bytes | tuple[bytes, ...]
"""What was sent in one write: a line, or several of them. The tuples are shared like the lines."""


def lines_of(entry: Entry) -> tuple[bytes, ...]:
    """The lines of an entry."""
    return (entry,) if isinstance(entry, bytes) else entry


class RecoveryLog:
    """
    @ivar sent: data notifications written since the session began, the
        progressive number of the newest.
    @ivar limit: bytes to keep at most, or -1.
    @ivar size: bytes that are kept.
    """

    __slots__ = ("_entries", "_marked_at", "_old", "limit", "sent", "size")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.sent = 0
        # Most sessions have sent nothing lately, and an empty deque is as large as a page of text.
        self._entries: deque[Entry] | None = None
        self.size = 0
        self._old = 0
        self._marked_at = 0.0

    @property
    def oldest(self) -> int:
        """The smallest count from which a client can still be brought up to date."""
        return self.sent - sum(len(lines_of(entry)) for entry in self._entries or ())

    def append(self, entry: Entry, count: int, size: int) -> None:
        """
        Remember what was written, in the order in which that was done.

        @param count: lines in C{entry}.
        @param size: bytes in C{entry}.
        """
        self.sent += count
        limit = self.limit
        if limit == 0:
            self.received()
            return
        if self._entries is None:
            self._entries = deque()
        self._entries.append(entry)
        size += self.size
        self.size = size
        if size > limit >= 0:
            self._trim()

    def skip(self, count: int) -> None:
        """So many lines were written that are not kept, so that what is older is of no use."""
        self.received()
        self.sent += count

    def _trim(self) -> None:
        """Forget the oldest lines, as many as must go."""
        while self.size > self.limit:
            old = self._old
            lines = self._forget()
            for number, line in enumerate(lines, 1):
                self.size -= len(line)
                if number < len(lines) and self.size <= self.limit:
                    assert self._entries is not None
                    self._entries.appendleft(lines[number:])
                    self._old = old
                    break

    def _forget(self) -> tuple[bytes, ...]:
        """The oldest entry."""
        assert self._entries is not None
        self._old = max(0, self._old - 1)
        return lines_of(self._entries.popleft())

    def age(self, now: float, seconds: float) -> None:
        """
        Forget what had been sent already C{seconds} or more ago. To be called now and
        then: lines live for twice that time and the time between two calls, at most.
        """
        if now - self._marked_at < seconds:
            return
        for _ in range(self._old):
            self.size -= sum(map(len, self._forget()))
        self._old = len(self._entries or ())
        if not self._old:
            self._entries = None
        self._marked_at = now

    def received(self) -> None:
        """The client has proved that it got everything: nothing needs to be kept."""
        self._entries = None
        self.size = self._old = 0

    def rewind(self, count: int) -> list[bytes] | None:
        """
        Go back to where the client is: forget what it has, and give back what it misses,
        which is to be sent and appended again.

        @param count: data notifications that the client has processed.
        @return: C{None} if what it misses is not kept, or C{count} is impossible.
        """
        oldest = self.oldest
        if not oldest <= count <= self.sent:
            return None
        kept = [line for entry in self._entries or () for line in lines_of(entry)]
        self.received()
        self.sent = count
        return kept[count - oldest :]
