"""
COMMAND, filtered: MERGE for each key, and ADD and DELETE that must not be dropped.
"""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, Any

from lsserver.engine.slots.base import MAX_LINES
from lsserver.engine.slots.buffered import BufferedSlot

if TYPE_CHECKING:
    from lsserver.engine.group import Group
    from lsserver.engine.modes.command import CommandView
    from lsserver.engine.update import Update

ADD = "ADD"
UPDATE = "UPDATE"
DELETE = "DELETE"


class CommandSlot(BufferedSlot):
    """
    @ivar rows: what is pending for each key, in the order in which the keys came up.
    @ivar capacity: pending rows at most.
    @ivar keys_due: when the next UPDATE of a key may go, with a frequency limit.
    """

    __slots__ = ("capacity", "keys_due", "rows")

    view: CommandView

    def __init__(self, *args: Any, capacity: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.capacity = max(1, capacity)
        self.rows: dict[str, Update] = {}
        self.keys_due: dict[str, float] = {}

    def push(self, update: Update, now: float) -> None:
        """One more event, merged with what is pending for its key (adapters-api.md 18)."""
        key = update.key
        rows = self.rows
        pending = rows.get(key)
        if pending is None:
            if len(rows) >= self.capacity:
                self._make_room()
            rows[key] = update
        elif update.command == DELETE:
            if pending.command == ADD:
                # The client never hears of the key.
                del rows[key]
                self.filtered += 2
                return
            rows[key] = update
            self.filtered += 1
        else:
            # An ADD that the client has not seen stays one; a DELETE it has not
            # seen and an ADD after it make an UPDATE.
            command = ADD if pending.command == ADD else UPDATE
            rows[key] = self.view.variant(update, command)
            self.filtered += 1
        if not self.pending:
            due = self.keys_due.get(key, -math.inf) if rows[key].command == UPDATE else -math.inf
            if now >= due:
                self.mark()
            else:
                self.sleep(due)

    def _make_room(self) -> None:
        """Drop the oldest UPDATE silently; failing that, the oldest row, which the client is told."""
        for key, update in self.rows.items():
            if update.command == UPDATE:
                del self.rows[key]
                self.filtered += 1
                return
        key = next(iter(self.rows))
        del self.rows[key]
        # It may have been the key's DELETE.
        self.keys_due.pop(key, None)
        self.lose()

    def clear(self) -> None:
        """All keys are gone: what is pending is obsolete, only the marker counts."""
        self.filtered += len(self.rows)
        self.rows.clear()
        self.keys_due.clear()
        self.clear_after([entry for entry in self.head if isinstance(entry, bytes)], self.capacity + 2)

    def take(self, lines: list[bytes], now: float, most: int = MAX_LINES) -> bool:
        """Losses, which are older than anything that waits, head, then a line for each key whose time has come."""
        if self.lost:
            self.take_lost(lines)
        if self.head:
            most = self.take_head(lines, most)
        rows = self.rows
        if not most or not rows:
            if self.head or rows:
                return True
        elif self.period:
            return self._take_limited(lines, now, most)
        else:
            self._take_rows(lines, most)
            if rows:
                return True
        self.view.rest(self)
        return False

    def _take_rows(self, lines: list[bytes], most: int) -> None:
        line, rows = self.view.line, self.rows
        for key in list(islice(rows, most)):
            lines.append(line(rows.pop(key), self))
            self.realtime += 1

    def _take_limited(self, lines: list[bytes], now: float, most: int) -> bool:
        keys_due = self.keys_due
        earliest = None
        for key, update in list(self.rows.items()):
            due = keys_due.get(key, -math.inf)
            if update.command == UPDATE and now < due:
                earliest = due if earliest is None else min(earliest, due)
                continue
            if not most:
                return True
            most -= 1
            del self.rows[key]
            lines.append(self.view.line(update, self))
            self.realtime += 1
            if update.command == DELETE:
                keys_due.pop(key, None)
            else:
                keys_due[key] = self.after(due, now)
        if earliest is not None:
            self.sleep(earliest)
        return False

    def set_frequency(self, frequency: float) -> None:
        """The new limit counts for every key from its last update."""
        shift = 1 / frequency - self.period
        self.keys_due = {key: due + shift for key, due in self.keys_due.items()}
        super().set_frequency(frequency)

    # In a group

    def kind(self) -> tuple[Any, ...]:
        """The buffers must be alike."""
        return *super().kind(), self.capacity

    def lead(self, group: Group) -> CommandSlot:
        """With tables of its own."""
        leader = super().lead(group)
        leader.rows, leader.keys_due = {}, {}
        return leader

    def waiting(self) -> dict[str, Update]:
        """As in L{Slot}."""
        return self.rows.copy()

    def wait_for(self, waiting: dict[str, Update]) -> None:
        """As in L{Slot}."""
        self.rows = waiting.copy()
