"""
MERGE, filtered, with the usual buffer of one: conflation by reference.

The slot has no queue. It is in step when its client holds the view's current
vector; one that was held back keeps its old vector and, when its turn comes, gets
the list from that one to the current one. While it waits for its turn it is not told of
any updates, so that a held back client costs nothing at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsserver.engine.slots.base import MAX_LINES, Slot

if TYPE_CHECKING:
    from lsserver.engine.modes.merge import MergeView


class MergeSlot(Slot):
    """
    @ivar joined: how many updates the view had seen when the slot came, or got its snapshot.
    """

    __slots__ = ("joined",)

    view: MergeView
    joined: int

    def offer(self, now: float) -> None:
        """There is news: ask for a turn now, or when the frequency limit allows one."""
        if now >= self.due:
            self.mark()
        else:
            self.sleep(self.due)

    def take(self, lines: list[bytes], now: float, most: int = MAX_LINES) -> bool:
        """At most one line: from what the client holds to what is."""
        if not self.ready:
            return False
        if now < self.due:
            self.sleep(self.due)
            return False
        view = self.view
        update = view.current
        if update is not None:
            snapshot = self.sent is None and self.wants_snapshot
            line = view.line_if_news(update, self)
            if line is not None:
                lines.append(line)
                if snapshot:
                    # The limit and the statistics begin with what comes after it.
                    self.joined = view.steps
                else:
                    self.realtime += 1
                    if self.period:
                        # It need not be told of what it may not send; by then there will be news.
                        self.due = due = self.after(self.due, now)
                        self.sleep(due)
                        return False
        view.rest(self)
        return False

    def take_all(self, lists: list[bytes], now: float) -> None:
        """As in L{Slot}. What leads others is ready and waits for nothing."""
        update = self.view.current
        if update is not None and update.vector != self.sent:
            lists.append(self.view.line_for_one(update, self))
            self.realtime += 1

    def fire(self) -> None:
        """As in L{Slot}. While the slot slept it was told nothing, so it looks by itself whether there is news."""
        stream = self.stream
        if 0.0 < self.wake_at <= stream.wheel.turned_at:
            self.wake_at = 0.0
            if not self.pending:
                view = self.view
                update = view.current
                assert update is not None, "what has sent nothing does not sleep"
                if update.vector == self.sent:
                    view.tell(self)
                else:
                    self.pending = True
                    stream.enqueue(self)

    def suppressed(self) -> int:
        """Whatever the view stepped through without this client."""
        return max(0, self.view.steps - self.joined - self.realtime)
