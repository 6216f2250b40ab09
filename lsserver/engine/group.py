"""
Slots whose clients hold the same and are owed the same: what happens to one of them happens to all.

A group has a leader, a slot without a client, that the view knows instead of the
members. What an update costs before it is sent is done once, for the leader; for each member
there is only the write (L{lsserver.engine.delivery}), which is cheapest for those that have
nothing else to write (L{lsserver.engine.convoy}). A slot is a member while it is in
step: it has sent everything, and nothing holds its stream up. When that is not so any more
it leaves with a copy of what the leader holds, goes its own way, and comes back when it has
caught up.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

from lsserver.engine.convoy import Convoy

if TYPE_CHECKING:
    from lsserver.engine.convoy import Key
    from lsserver.engine.delivery import Delivery
    from lsserver.engine.slots.base import Slot
    from lsserver.engine.stream import Stream
    from lsserver.engine.view import View

_log = Logger(namespace="LightstreamerLogger.pump")


LOOK_EVERY = 64
"""Turns after which it is seen who of those that are written to one by one may join others."""


class Group:
    """
    What the leader has for a stream.

    @ivar leader: holds what every member holds, and what comes up for them in this turn.
    @ivar walkers: members that are written to one by one, by what their lines begin with.
    @ivar convoys: the others, by what they have in common.
    """

    __slots__ = ("_flusher", "_turns", "_view", "convoys", "kind", "leader", "walkers")

    send = None
    """Nobody joins the leader to another group."""

    def __init__(self, view: View[Any], first: Slot) -> None:
        """
        @param first: the first member, or one that is just like it; it is not added.
        """
        self._view = view
        self._flusher = view.item.flusher
        self._turns = 0
        self.walkers: dict[bytes, dict[Stream, Slot]] = {}
        self.convoys: dict[Key, Convoy] = {}
        self.kind = first.kind()
        self.leader = first.lead(self)

    @property
    def empty(self) -> bool:
        """Whether everybody has left."""
        return not self.walkers and not self.convoys

    def members(self) -> Iterator[Slot]:
        """All of them."""
        for walkers in self.walkers.values():
            yield from walkers.values()
        for convoy in self.convoys.values():
            yield from convoy.slots.values()

    def add(self, slot: Slot) -> None:
        """A slot has caught up."""
        slot.group = self
        slot.follow(self.leader)
        stream = slot.stream
        stream.groups += 1
        if stream.steady:
            self._ride(slot)
            return
        if stream.convoy is not None:
            # That of another group, or of this one, for another subscription.
            stream.convoy.leave(stream)
        self.walk(slot)

    def remove(self, slot: Slot, memory: tuple[Any, ...]) -> None:
        """A slot goes its own way, from where the leader was."""
        stream = slot.stream
        if stream.convoy is not None:
            stream.convoy.leave(stream)
        alike = self.walkers[slot.prefix]
        del alike[stream]
        if not alike:
            del self.walkers[slot.prefix]
        stream.groups -= 1
        slot.group = None
        slot.recall(memory)

    def walk(self, slot: Slot) -> None:
        """A member is in no convoy, or not any more."""
        self.walkers.setdefault(slot.prefix, {})[slot.stream] = slot

    def _ride(self, slot: Slot) -> None:
        stream = slot.stream
        assert stream.framing is not None
        key = slot.prefix, stream.framing, stream.own_log.limit
        convoy = self.convoys.get(key)
        if convoy is None:
            convoy = self.convoys[key] = Convoy(self, key)
        convoy.join(stream, slot)

    def _gather(self) -> None:
        """Let those ride who may by now."""
        for prefix, walkers in list(self.walkers.items()):
            for slot in [slot for stream, slot in walkers.items() if stream.steady]:
                del walkers[slot.stream]
                self._ride(slot)
            if not walkers:
                del self.walkers[prefix]

    def enqueue(self, slot: Slot) -> None:
        """The leader has something to say."""
        self._flusher.groups.append(self)
        self._flusher.schedule()

    def flush(self, delivery: Delivery, alone: bool) -> None:
        """
        Send every member what the leader has.

        @param alone: no other group has anything in this turn.
        """
        if self.empty:
            return
        leader = self.leader
        leader.pending = False
        memory = leader.memory()
        lists: list[bytes] = []
        left: list[Slot] = []
        if not self._take(lists, delivery.now):
            left += self.members()
        elif lists:
            size = sum(map(len, lists))
            for convoy in list(self.convoys.values()):
                if not convoy.can_carry(len(lists), size):
                    convoy.part()
            if self.walkers:
                self._write(lists, delivery, alone and not self._double(), left)
            # After the walkers: who leaves a convoy because its socket is full now has got the lines.
            for convoy in list(self.convoys.values()):
                convoy.write(lists, delivery)
            self._turns += 1
            if self.walkers and self._turns % LOOK_EVERY == 0:
                self._gather()
        for slot in left:
            self.remove(slot, memory)
            self._view.tell(slot)
            slot.mark()
        if left:
            self._view.forget_empty(self)

    def _write(self, lists: list[bytes], delivery: Delivery, alone: bool, left: list[Slot]) -> None:
        """Write to the walkers; C{left} gets those that cannot be written to."""
        aside: list[Stream] = []
        for prefix, members in self.walkers.items():
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

    def _double(self) -> bool:
        """Whether a session has the item twice: it is to be written to once."""
        if len(self.walkers) == 1:
            return False
        streams = [stream for members in self.walkers.values() for stream in members]
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
