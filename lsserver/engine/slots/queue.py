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
    @ivar queue: the events that wait, an empty tuple if none do.
    """

    __slots__ = ("capacity", "lossless", "queue")

    def __init__(self, *args: Any, capacity: int, lossless: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.capacity = max(1, capacity)
        self.lossless = lossless
        self.queue: deque[Update] | tuple[()] = ()

    def push(self, update: Update, now: float) -> None:
        """One more event."""
        queue = self.queue or deque()
        if len(queue) >= self.capacity:
            queue.popleft()
            if self.lossless:
                self.lose()
            else:
                self.filtered += 1
        queue.append(update)
        self.queue = queue
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
        self.queue = ()
        self.clear_after(before, 2 * self.capacity + 2)

    def take(self, lines: list[bytes], now: float, most: int = MAX_LINES) -> bool:
        """Losses, which are older than anything that waits, head, then what the frequency limit lets through."""
        if self.lost:
            self.take_lost(lines)
        if self.head:
            most = self.take_head(lines, most)
        queue = self.queue
        if most and queue:
            self._take_queue(queue, lines, now, most)
            if queue:
                # With a limit the slot wakes by itself.
                return not self.period
            self.queue = ()
        elif self.head or queue:
            return True
        self.view.rest(self)
        return False

    def _take_queue(self, queue: deque[Update], lines: list[bytes], now: float, most: int) -> None:
        line = self.view.line
        if self.period:
            if now >= self.due:
                lines.append(line(queue.popleft(), self))
                self.realtime += 1
                self.advance(now)
            if queue:
                self.sleep(self.due)
        else:
            for _ in range(min(len(queue), most)):
                lines.append(line(queue.popleft(), self))
                self.realtime += 1

    # In a group

    def kind(self) -> tuple[Any, ...]:
        """The buffers must be alike."""
        return *super().kind(), self.capacity, self.lossless

    def waiting(self) -> tuple[Update, ...]:
        """As in L{Slot}."""
        return tuple(self.queue)

    def wait_for(self, waiting: tuple[Update, ...]) -> None:
        """As in L{Slot}."""
        self.queue = deque(waiting) if waiting else ()
