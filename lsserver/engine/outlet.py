"""What the fan-out touches of each stream."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lsserver.engine.binding import LOOP_ROOM

if TYPE_CHECKING:
    from lsserver.engine.binding import Binding
    from lsserver.engine.connection import Framing, Sender
    from lsserver.engine.delivery import Batch
    from lsserver.engine.journal import Journal
    from lsserver.engine.recovery import RecoveryLog
    from lsserver.engine.slots.base import Slot

WALKS = 6
"""
Writes to a stream for itself, and one more for each of its memberships, before it rides: to come and to go takes
as long as some of them.
"""

WORTH_WHILE = 1024
"""Bytes that each group may write into a response of limited length, at least, for its stream to ride."""


class Outlet:
    """
    It is a class of its own so that these attributes are neighbours in memory: slots are laid out by
    class, and within one by name.

    @ivar batch: what this turn's L{Delivery<lsserver.engine.delivery.Delivery>} has gathered.
    @ivar dirty: the flusher has the stream in its list.
    @ivar framing: makes what C{sender} takes.
    @ivar members: those of the session's slots that are in a group.
    @ivar metered: the connection, if its length is limited.
    @ivar own_log: what was sent, except what it has got riding since it was last settled.
    @ivar rides: it is written to by the convoys (L{lsserver.engine.convoy}) of all groups that it is in, and by nobody
        else.
    @ivar sender: the short way to the socket, see L{IStreamConnection<lsserver.engine.connection.IStreamConnection>};
        C{None} while there is none, or what is written must be looked at one by one (polls, bandwidth).
    @ivar walks: writes until it may ride.
    @ivar written_at: when anything was written, except while it rode, in seconds.
    """

    __slots__ = (
        "batch",
        "dirty",
        "framing",
        "members",
        "metered",
        "own_log",
        "rides",
        "sender",
        "walks",
        "written_at",
    )

    batch: Batch | None
    dirty: bool
    framing: Framing | None
    members: dict[Slot, None]
    metered: Binding | None
    own_log: RecoveryLog
    rides: bool
    sender: Sender | None
    walks: int
    written_at: float

    # Riding

    def ride(self) -> None:
        """Be written to with others from now on, if nothing but what the groups have is to be written."""
        self.walks = WALKS + len(self.members)
        if self.sender is None or self.dirty or self.batch is not None:
            return
        groups = {slot.group for slot in self.members}
        # Who has an item twice is to be written to once.
        if not groups or len(groups) < len(self.members) or self._allowance < WORTH_WHILE:
            return
        self.rides = True
        for slot in self.members:
            assert slot.group is not None
            slot.group.take_up(slot)
        self.allow()

    def walk(self) -> None:
        """Be written to for itself from now on."""
        self.settle()
        self.reckon()
        self.rides = False
        self.walks = WALKS + len(self.members)
        for slot in self.members:
            assert slot.group is not None
            slot.group.set_down(slot)

    def settle(self) -> None:
        """Note in the own log what was sent while it rode, as much of it as that keeps."""
        numbers: list[int] = []
        lists: list[bytes] = []
        prefixes: list[bytes] = []
        new = cut = parts = 0
        for slot, journal in zip(self.members, self.journals(), strict=True):
            count = journal.count - slot.noted
            if count:
                slot.noted = journal.count
                new += count
                parts += 1
                self.written_at = max(self.written_at, journal.written_at)
                theirs, their_lists = journal.last(count)
                if len(theirs) < count:
                    cut = max(cut, journal.cut)
                numbers += theirs
                lists += their_lists
                prefixes += [slot.prefix] * len(theirs)
        if not new:
            return
        # The numbers of a write are all of one group, so that its lines stay in order.
        order: Sequence[int] = (
            range(len(numbers)) if parts == 1 else sorted(range(len(numbers)), key=numbers.__getitem__)
        )
        limit, size = self.own_log.limit, 0
        lines: list[bytes] = []
        for place in reversed(order):
            size += len(prefixes[place]) + len(lists[place])
            # What is older than something that is not kept is of no use.
            if numbers[place] <= cut or size > limit >= 0:
                size -= len(prefixes[place]) + len(lists[place])
                break
            lines.append(prefixes[place] + lists[place])
        if new > len(lines):
            self.own_log.skip(new - len(lines))
        if lines:
            self.own_log.append(tuple(reversed(lines)), len(lines), size)

    # Riding with a response of limited length: the groups together may write half of what there is room for

    @property
    def _allowance(self) -> float:
        """Bytes that each group may write."""
        if self.metered is None:
            return math.inf
        assert self.metered.room is not None
        return (self.metered.room - LOOP_ROOM) // (2 * len(self.members))

    def allow(self) -> None:
        """Let the groups write as much as there is room for now; to be called while it rides."""
        if self.metered is not None:
            allowance = int(self._allowance)
            for slot in self.members:
                assert slot.group is not None
                slot.group.convoy(slot).limit(slot, allowance)

    def reckon(self) -> None:
        """Take what was written while it rode from what there is room for; L{allow} follows, unless it walks now."""
        binding = self.metered
        if binding is not None:
            assert binding.room is not None
            for slot in self.members:
                assert slot.group is not None
                binding.room -= slot.group.convoy(slot).spent(slot)

    def journals(self) -> Iterator[Journal]:
        """Of all groups, while it rides."""
        for slot in self.members:
            assert slot.group is not None and slot.group.journal is not None
            yield slot.group.journal

    @property
    def log(self) -> RecoveryLog:
        """What was sent, all of it."""
        if self.rides:
            self.settle()
        return self.own_log

    @property
    def last_write(self) -> float:
        """When anything was written, in seconds."""
        if self.rides:
            return max(self.written_at, max(journal.written_at for journal in self.journals()))
        return self.written_at
