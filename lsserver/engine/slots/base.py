"""
What all slots have in common: what the client holds, and whether the stream knows
that there is something for it.
"""

from __future__ import annotations

import copy
import math
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from lsserver.engine.dialect import Vector
    from lsserver.engine.group import Group
    from lsserver.engine.hooks import Hooks
    from lsserver.engine.stream import Stream
    from lsserver.engine.update import Update
    from lsserver.engine.view import View

MAX_LINES = 256
"""A slot with a long queue lets others have their turn after so many lines."""

STRETCH = 1 / 4
"""
Seconds by which the interval is longer after a first update, or the first after a pause, for the last of a crowd that
is too many for one turn; for those before it less, in proportion. Short intervals are longer by a quarter at most. So
the crowd keeps its order, and there is room between one and the next everywhere. If it were left to chance how much
longer, some would still be due as close together as the processor can write, and if it is a little slower in a later
second, all who come after them are late.
"""

NEVER = -math.inf
"""When an update was last due, before the first. One number for all: there may be very many slots."""


class Slot(ABC):
    """
    One item of one subscription of one session.

    @ivar sent: the vector that the client holds, C{None} before the first update.
        It changes only when a line is taken, so it is what was sent, never what
        the adapter said meanwhile.
    @ivar pending: the slot is in the stream's list of things to write.
    @ivar head: snapshot and markers, sent before anything else and without limits;
        an empty tuple, which costs no memory, as long as there are none.
    @ivar group: those whom it goes with. The leader of the group has the state meanwhile: what the client
        holds, what waits, and what is counted are to be found there.
    @ivar noted: lists that the group's journal had when the stream was last settled, while it rides.
    @ivar period: seconds between updates, 0 = no frequency limit.
    @ivar ready: the slot has what it was to start with; real-time updates may follow.
    @ivar lost: events lost and not yet told to the client.
    """

    __slots__ = (
        "diffs",
        "due",
        "filtered",
        "group",
        "head",
        "hooks",
        "index",
        "lost",
        "lost_total",
        "noted",
        "period",
        "pending",
        "prefix",
        "ready",
        "realtime",
        "sent",
        "snapshot_length",
        "stream",
        "sub_id",
        "view",
        "wake_at",
        "wants_snapshot",
    )

    def __init__(
        self,
        stream: Stream,
        sub_id: int,
        index: int,
        *,
        diffs: int = 0,
        frequency: float = math.inf,
        wants_snapshot: bool = False,
        snapshot_length: int | None = None,
        hooks: Hooks | None = None,
    ) -> None:
        self.stream = stream
        self.sub_id = sub_id
        self.index = index
        self.diffs = diffs
        self.period = 1 / frequency if frequency < math.inf else 0.0
        self.wants_snapshot = wants_snapshot
        self.snapshot_length = snapshot_length
        self.hooks = hooks
        self.prefix = stream.dialect.values.prefix(sub_id, index)
        self.sent: Vector | None = None
        self.head: deque[Update | bytes] | tuple[()] = ()
        self.group: Group | None = None
        self.noted = 0
        self.pending = False
        self.ready = False
        self.wake_at = 0.0
        self.due = NEVER
        self.lost = 0
        self.lost_total = 0
        self.realtime = 0
        self.filtered = 0
        self.view: View[Any]

    def mark(self) -> None:
        """Ask for a turn, unless one is coming."""
        if not self.pending:
            self.pending = True
            self.stream.enqueue(self)

    def sleep(self, due: float) -> None:
        """Ask for a turn at C{due}, unless one is coming before."""
        if not self.pending and (not self.wake_at or due < self.wake_at):
            self.wake_at = self.stream.wheel.put(due, self)

    def fire(self) -> None:
        """The wheel has come to an alarm. One that was overtaken by an earlier one finds another time here, or none."""
        stream = self.stream
        if 0.0 < self.wake_at <= stream.wheel.turned_at:
            self.wake_at = 0.0
            if not self.pending:
                self.pending = True
                stream.enqueue(self)

    def close(self) -> None:
        """The subscription is gone, and the stream knows: no turn is asked for any more."""
        self.pending = True
        self.head = ()

    def start(self, snapshot: Iterable[Update | bytes]) -> None:
        """The initial state: updates, and the markers that belong to them."""
        self.ready = True
        self.head = deque((*self.head, *snapshot))
        self.mark()

    def end_of_snapshot(self) -> bytes:
        """The line that ends the snapshot of this slot."""
        return self.stream.dialect.eos(self.sub_id, self.index)

    def clear_after(self, before: Iterable[Update | bytes], most: int) -> None:
        """
        The item was cleared: send C{before}, then the line that says so.

        @param most: entries that may wait. If an adapter clears its item again and again
            while the client does not read, the oldest go: a later C{CS} says the same,
            updates are counted as lost, and only the end of the snapshot is kept.
        """
        head = self.head = deque(before)
        head.append(self.stream.dialect.cs(self.sub_id, self.index))
        if len(head) > most:
            dropped = [head.popleft() for _ in range(len(head) - most)]
            self.lose(sum(not isinstance(entry, bytes) for entry in dropped))
            end = self.end_of_snapshot()
            if end in dropped:
                head.appendleft(end)
        self.mark()

    def set_frequency(self, frequency: float) -> None:
        """
        A new limit in updates/s. It counts from the last update, so that asking again
        and again is no way around it; what waited for the old one is looked at again.
        """
        if self.group is not None:
            self.view.part(self)
        period = 1 / frequency
        self.due += period - self.period
        self.period = period
        self.wake_at = 0.0
        self.mark()

    @abstractmethod
    def take(self, lines: list[bytes], now: float, most: int = MAX_LINES) -> bool:
        """
        Append the lines for the client.

        @param now: the time in seconds.
        @param most: updates and markers at most.
        @return: True if there is more.
        """

    def take_all(self, lists: list[bytes], now: float) -> None:
        """As L{take}, for the leader of a group: everything that there is, and there is no limit."""
        self.take(lists, now, sys.maxsize)

    def take_head(self, lines: list[bytes], most: int) -> int:
        """Snapshot and markers; gives the number of lines that may still be taken, 0 if none."""
        head = self.head
        line = self.view.line
        while head and most:
            most -= 1
            entry = head.popleft()
            lines.append(entry if isinstance(entry, bytes) else line(entry, self))
        if not head:
            self.head = ()
        return most

    # In a group

    def kind(self) -> tuple[Any, ...]:
        """What slots must have in common, besides what they hold, to go through the same."""
        return type(self), self.diffs

    def lead(self, group: Group) -> Self:
        """A slot like this one, with nothing pending and without a client, to be the leader of a group."""
        leader = copy.copy(self)
        leader.stream = group  # type: ignore[assignment]
        leader.prefix = b""
        leader.due = NEVER
        leader.wake_at = 0.0
        leader.realtime = leader.filtered = leader.lost_total = 0
        return leader

    def follow(self, leader: Slot) -> None:
        """From now on the leader counts as well."""
        self.realtime -= leader.realtime
        self.filtered -= leader.filtered
        self.lost_total -= leader.lost_total

    def memory(self) -> tuple[Any, ...]:
        """What a leader holds, what waits, and what it has counted, for L{recall}."""
        return self.waiting(), self.sent, self.lost, self.realtime, self.filtered, self.lost_total

    def recall(self, memory: tuple[Any, ...]) -> None:
        """Go on from where the leader was."""
        waiting, self.sent, self.lost, realtime, filtered, lost_total = memory
        self.wait_for(waiting)
        self.realtime += realtime
        self.filtered += filtered
        self.lost_total += lost_total

    def waiting(self) -> Any:
        """A copy of what waits, for L{wait_for}; C{None} in a slot that keeps nothing."""
        return None

    def wait_for(self, waiting: Any) -> None:
        """Have the same waiting."""
        assert waiting is None

    def lose(self, events: int = 1) -> None:
        """Events that the client must be told it lost."""
        self.lost += events
        self.lost_total += events

    def take_lost(self, lines: list[bytes]) -> None:
        """The C{OV} line: events were lost since the last one."""
        lines.append(self.stream.dialect.ov(self.sub_id, self.index, self.lost))
        self.lost = 0

    def advance(self, now: float) -> None:
        """An update was taken: the next is due one period later."""
        self.due = self.after(self.due, now)

    def after(self, due: float, now: float) -> float:
        """When the next update may go after one that was due at C{due} and went at C{now}."""
        stream = self.stream
        late = now - due
        if late >= stream.lateness:
            due = now
        if late > self.period:
            due += stream.flusher.gone * min(self.period / 4, STRETCH)
        return due + self.period

    def suppressed(self) -> int:
        """Updates that filtering kept from the client, for the subscription's statistics."""
        return self.filtered
