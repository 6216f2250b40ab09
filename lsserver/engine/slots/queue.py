"""
A bounded queue of shared events: DISTINCT, RAW, everything unfiltered, and MERGE
with a buffer of more than one.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from lsserver.engine.slots.base import MAX_LINES
from lsserver.engine.slots.buffered import BufferedSlot

if TYPE_CHECKING:
    from lsserver.engine.update import Update


class QueueSlot(BufferedSlot):
    """
    @ivar capacity: events that may wait; the oldest makes room for the newest.
    @ivar lossless: the client is told of every event that had to go (C{OV}).
    """

    __slots__ = ("capacity", "lossless", "queue")

    def __init__(self, *args: Any, capacity: int, lossless: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.capacity = max(1, capacity)
        self.lossless = lossless
        self.queue: deque[Update] = deque()

    def push(self, update: Update, now: float) -> None:
        """One more event."""
        queue = self.queue
        if len(queue) >= self.capacity:
            queue.popleft()
            if self.lossless:
                self.lose()
            else:
                self.filtered += 1
        queue.append(update)
        if not self.pending:
            if now >= self.due:
                self.mark()
            else:
                self.sleep(self.due)

    def clear(self) -> None:
        """
        The item was cleared. Events that wait are obsolete, but a lossless slot
        keeps their order and sends them before the marker.
        """
        before: list[Update | bytes]
        if self.lossless:
            before = [*self.head, *self.queue]
        else:
            self.filtered += len(self.queue)
            before = [entry for entry in self.head if isinstance(entry, bytes)]
        self.queue.clear()
        self.clear_after(before, 2 * self.capacity + 2)

    def take(self, lines: list[bytes], now: float, most: int = MAX_LINES) -> bool:
        """Losses, which are older than anything that waits, head, then what the frequency limit lets through."""
        if self.lost:
            self.take_lost(lines)
        if self.head:
            most = self.take_head(lines, most)
        queue = self.queue
        if not most or not queue:
            return bool(self.head or queue)
        line = self.view.line
        if self.period:
            if now >= self.due:
                lines.append(line(queue.popleft(), self))
                self.realtime += 1
                self.advance(now)
            if queue:
                self.sleep(self.due)
            return False
        for _ in range(min(len(queue), most)):
            lines.append(line(queue.popleft(), self))
            self.realtime += 1
        return bool(queue)
