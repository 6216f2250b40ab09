"""
Slots whose clients hold the same and are owed the same: what happens to one of them happens to all.

A group has a leader, a slot without a client, that the view knows instead of the
members. What an update costs before it is sent is done once, for the leader; for each member
there is only the write (L{lsserver.engine.delivery}), which is cheapest for those that have
nothing else to write: they ride (L{lsserver.engine.convoy}), the others walk. A slot is a member while it is in
step: it has sent everything, and nothing holds its stream up. When that is not so any more
it leaves with a copy of what the leader holds, goes its own way, and comes back when it has
caught up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

from lsserver.engine.convoy import Convoy
from lsserver.engine.journal import Journal

if TYPE_CHECKING:
    from lsserver.engine.connection import Framing
    from lsserver.engine.delivery import Delivery
    from lsserver.engine.slots.base import Slot
    from lsserver.engine.stream import Stream
    from lsserver.engine.view import View

_log = Logger(namespace="LightstreamerLogger.pump")


class Group:
    """
    What the leader has for a stream.

    @ivar leader: holds what every member holds, and what comes up for them in this turn.
    @ivar walkers: members that are written to one by one, by what their lines begin with.
    @ivar convoys: the others, by what their lines begin with and what is put around them.
    @ivar journal: what the convoys were sent; C{None} if there are none.
    """

    __slots__ = ("_flusher", "_limited", "_view", "convoys", "journal", "kind", "leader", "walkers")

    sender = None
    """Nobody joins the leader to another group."""

    def __init__(self, view: View[Any], first: Slot) -> None:
        """
        @param first: the first member, or one that is just like it; it is not added.
        """
        self._view = view
        self._flusher = view.item.flusher
        self.walkers: dict[bytes, dict[Stream, Slot]] = {}
        self.convoys: dict[tuple[bytes, Framing], Convoy] = {}
        self.journal: Journal | None = None
        # How many ride and have responses of limited length.
        self._limited = 0
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
            yield from convoy.riders.values()

    def add(self, slot: Slot) -> None:
        """A slot has caught up."""
        stream = slot.stream
        if stream.rides:
            stream.walk()
        slot.group = self
        slot.follow(self.leader)
        stream.members[slot] = None
        self.walkers.setdefault(slot.prefix, {})[stream] = slot

    def remove(self, slot: Slot, memory: tuple[Any, ...]) -> None:
        """A slot goes its own way, from where the leader was."""
        stream = slot.stream
        if stream.rides:
            stream.walk()
        self._forget_walker(slot)
        del stream.members[slot]
        slot.group = None
        slot.recall(memory)

    def _forget_walker(self, slot: Slot) -> None:
        alike = self.walkers[slot.prefix]
        del alike[slot.stream]
        if not alike:
            del self.walkers[slot.prefix]

    # See Outlet, which alone decides who rides

    def take_up(self, slot: Slot) -> None:
        """A member rides from now on."""
        stream = slot.stream
        assert stream.framing is not None and stream.sender is not None
        self._forget_walker(slot)
        if self.journal is None:
            settings = stream.settings
            self.journal = Journal(settings.max_recovery_length if settings.session_recovery_millis else 0)
        slot.noted = self.journal.count
        key = slot.prefix, stream.framing
        convoy = self.convoys.get(key)
        if convoy is None:
            convoy = self.convoys[key] = Convoy(*key)
        convoy.riders[stream.sender] = slot
        self._limited += stream.metered is not None

    def convoy(self, slot: Slot) -> Convoy:
        """That of a member who rides."""
        assert slot.stream.framing is not None
        return self.convoys[slot.prefix, slot.stream.framing]

    def set_down(self, slot: Slot) -> None:
        """A member walks from now on."""
        stream = slot.stream
        assert stream.framing is not None and stream.sender is not None
        convoy = self.convoy(slot)
        del convoy.riders[stream.sender]
        if stream.metered is not None:
            self._limited -= 1
            convoy.unlimit(slot)
        if not convoy.riders:
            del self.convoys[slot.prefix, stream.framing]
            if not self.convoys:
                self.journal = None
        self.walkers.setdefault(slot.prefix, {})[stream] = slot

    def enqueue(self, slot: Slot) -> None:
        """The leader has something to say."""
        flusher = self._flusher
        flusher.groups.append(self)
        if not flusher.scheduled:
            flusher.schedule()

    def flush(self, delivery: Delivery, alone: bool) -> None:
        """
        Send every member what the leader has.

        @param alone: no other group has anything in this turn.
        """
        if not self.convoys and not self.walkers:
            return
        leader = self.leader
        leader.pending = False
        memory = leader.memory()
        lists: list[bytes] = []
        if leader.lost:
            # The line that tells it has other things in it: every slot must say it by itself.
            self._dismiss_all(delivery, memory)
            return
        try:
            leader.take_all(lists, delivery.now)
        except Exception:
            # Each member will fail alike; then its session is closed, and no other.
            _log.failure("a group of {item} failed", item=self._view.item.name)
            self._dismiss_all(delivery, memory)
            return
        if lists:
            if self._limited:
                self._set_down_full(lists, delivery)
            if self.convoys:
                delivery.carry(self, lists)
            if self.walkers:
                left: list[Slot] = []
                self._write(lists, delivery, alone and not self._double(), left)
                if left:
                    self._dismiss(left, memory)

    def note(self, lists: list[bytes], now: float) -> None:
        """What those who ride are sent."""
        if self.journal is not None:
            self.journal.note(lists, now)
        if self._limited:
            for convoy in self.convoys.values():
                convoy.sent += convoy.size(lists)

    def _set_down_full(self, lists: list[bytes], delivery: Delivery) -> None:
        """Those walk for whose responses it is perhaps too much: there it is looked at closely."""
        full = [slot for convoy in self.convoys.values() for slot in convoy.full(convoy.size(lists))]
        if full:
            # They may have got something of other groups in this turn.
            delivery.send_carried()
            for slot in full:
                if slot.stream.rides:
                    slot.stream.walk()

    def _dismiss_all(self, delivery: Delivery, memory: tuple[Any, ...]) -> None:
        # Who rides may have got something of other groups in this turn, and must not leave without it.
        delivery.send_carried()
        self._dismiss(list(self.members()), memory)

    def _dismiss(self, slots: list[Slot], memory: tuple[Any, ...]) -> None:
        """Let members go who have got nothing of this turn's."""
        for slot in slots:
            self.remove(slot, memory)
            self._view.tell(slot)
            slot.mark()
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
