"""
Slots whose clients hold the same and are owed the same: what happens to one of them happens to all.

A group has a leader, a slot without a client, that the view knows instead of the
members. What an update costs before it is sent is done once, for the leader; for each member
there is only the write (L{lsserver.engine.delivery}). A slot is a member while it is in
step: it has sent everything, and nothing holds its stream up. When that is not so any more
it leaves with a copy of what the leader holds, goes its own way, and comes back when it has
caught up.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

if TYPE_CHECKING:
    from lsserver.engine.delivery import Delivery
    from lsserver.engine.slots.base import Slot
    from lsserver.engine.stream import Stream
    from lsserver.engine.view import View

_log = Logger(namespace="LightstreamerLogger.pump")


class Group:
    """
    What the leader has for a stream.

    @ivar leader: holds what every member holds, and what comes up for them in this turn.
    @ivar members: by what their lines begin with.
    """

    __slots__ = ("_flusher", "_view", "kind", "leader", "members")

    send = None
    """Nobody joins the leader to another group."""

    def __init__(self, view: View[Any], first: Slot) -> None:
        """
        @param first: the first member, or one that is just like it; it is not added.
        """
        self._view = view
        self._flusher = view.item.flusher
        self.members: dict[bytes, dict[Stream, Slot]] = {}
        self.kind = first.kind()
        self.leader = first.lead(self)

    def add(self, slot: Slot) -> None:
        """A slot has caught up."""
        self.members.setdefault(slot.prefix, {})[slot.stream] = slot
        slot.group = self
        slot.follow(self.leader)

    def remove(self, slot: Slot, memory: tuple[Any, ...]) -> None:
        """A slot goes its own way, from where the leader was."""
        alike = self.members[slot.prefix]
        del alike[slot.stream]
        if not alike:
            del self.members[slot.prefix]
        slot.group = None
        slot.recall(memory)

    def enqueue(self, slot: Slot) -> None:
        """The leader has something to say."""
        self._flusher.groups.append(self)
        self._flusher.schedule()

    def flush(self, delivery: Delivery, alone: bool) -> None:
        """
        Send every member what the leader has.

        @param alone: no other group has anything in this turn.
        """
        if not self.members:
            return
        leader = self.leader
        leader.pending = False
        memory = leader.memory()
        lists: list[bytes] = []
        aside: list[Stream] = []
        left: list[Slot] = []
        alone = alone and not self._double()
        if self._take(lists, delivery.now):
            for prefix, members in self.members.items():
                if lists:
                    lines = [prefix + one for one in lists]
                    if not alone:
                        delivery.add(members, lines, aside)
                    elif len(lines) == 1:
                        delivery.write(members, lines[0], aside)
                    else:
                        delivery.write(members, tuple(lines), aside)
                    if aside:
                        left += [members[stream] for stream in aside]
                        aside.clear()
        else:
            left += [slot for members in self.members.values() for slot in members.values()]
        for slot in left:
            self.remove(slot, memory)
            self._view.tell(slot)
            slot.mark()
        if left:
            self._view.forget_empty(self)

    def _double(self) -> bool:
        """Whether a session has the item twice: it is to be written to once."""
        if len(self.members) == 1:
            return False
        streams = [stream for members in self.members.values() for stream in members]
        return len(set(streams)) < len(streams)

    def _take(self, lists: list[bytes], now: float) -> bool:
        """What to send, without the beginnings of lines; False if every slot must say it by itself."""
        if self.leader.lost:
            # The line that tells it has other things in it.
            return False
        try:
            self.leader.take(lists, now, sys.maxsize)
        except Exception:
            # Each member will fail alike; then its session is closed, and no other.
            _log.failure("a group of {item} failed", item=self._view.item.name)
            return False
        return True
