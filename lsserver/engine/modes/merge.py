"""MERGE: one record; an event says which of its fields have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsserver.engine.layout import layout
from lsserver.engine.modes.base import Channel, Event
from lsserver.engine.slots.merge import MergeSlot
from lsserver.engine.slots.queue import QueueSlot
from lsserver.engine.update import Update
from lsserver.engine.view import Value, View

if TYPE_CHECKING:
    from lsserver.adapters.shapes import Shape
    from lsserver.engine.dialect import IValueCodec
    from lsserver.engine.item import Item
    from lsserver.engine.slots.base import Slot

MAX_SHAPES = 16
"""Kinds of events of an item that are kept apart, by the names of their fields."""


class MergeView(View["Slot"]):
    """
    @ivar current: the state as an update, C{None} as long as nothing is known.
    @ivar idle: slots that have or are about to send all there is: those to tell of the next step. Others will
        see it when their turn comes.
    @ivar leaders: those of groups, which are told of every step.
    @ivar queued: those that want every step (unfiltered, larger buffers), also by way of leaders.
    @ivar fresh: slots that got nothing yet and asked for no snapshot: the next
        event about one of their fields starts them, changed or not.
    @ivar steps: updates so far, for statistics.
    """

    __slots__ = ("_layout", "current", "fresh", "idle", "leaders", "queued", "steps")

    def __init__(self, item: Item, fields: tuple[str, ...], codec: IValueCodec) -> None:
        super().__init__(item, fields, codec)
        self.current: Update | None = None
        self.steps = 0
        self.idle: dict[MergeSlot, None] = {}
        self.leaders: dict[MergeSlot, None] = {}
        self.queued: dict[QueueSlot, None] = {}
        self.fresh: dict[Slot, None] = {}
        self._layout = layout(fields)

    def attach(self, slot: Slot) -> None:
        """A slot without a state of its own yet."""
        super().attach(slot)
        if isinstance(slot, MergeSlot):
            slot.joined = self.steps
        if slot.hooks is not None:
            return
        if slot.wants_snapshot:
            self._enter(slot)
        else:
            self.fresh[slot] = None

    def _enter(self, slot: Slot) -> None:
        slot.ready = True
        self.tell(slot)

    def tell(self, slot: Slot) -> None:
        """As in L{View}."""
        if isinstance(slot, MergeSlot):
            (self.idle if slot.prefix else self.leaders)[slot] = None
        else:
            assert isinstance(slot, QueueSlot)
            self.queued[slot] = None

    def ignore(self, slot: Slot) -> None:
        """As in L{View}."""
        for slots in (self.idle, self.leaders, self.queued, self.fresh):
            slots.pop(slot, None)  # type: ignore[call-overload]

    def step(self, event: Event, is_snapshot: bool) -> None:
        """Go on to the state after C{event}, and let everybody know who is in step."""
        if self.current is None:
            self.current = Update(self.vector(event))
            self._announce(True, is_snapshot)
            return
        vector = self.current.vector
        token = self.codec.token
        places_of = self._layout.places.get
        after: list[bytes] | None = None
        touched = False
        for name, value in event.items():
            places = places_of(name)
            if places is not None:
                touched = True
                encoded = token(value)
                for place in places:
                    if vector[place] != encoded:
                        if after is None:
                            after = list(vector)
                        after[place] = encoded
        if touched:
            if after is not None:
                self.current = Update(tuple(after))
            self._announce(after is not None, is_snapshot)

    def step_values(self, shape: Shape, values: list[Value], before: list[Value] | None) -> None:
        """
        As L{step}, for a real-time event in two parts.

        @param before: the values of the last event, if that had the same shape.
        """
        if self.current is None:
            self.step(dict(zip(shape.names, values, strict=True)), False)
            return
        plan = self._layout.plan(shape)
        if not plan:
            return
        vector = self.current.vector
        token = self.codec.token
        after: list[bytes] | None = None
        for index, places in plan:
            value = values[index]
            # Most fields of most events say what they said before.
            if before is None or before[index] != value:
                encoded = token(value)
                for place in places:
                    if vector[place] != encoded:
                        if after is None:
                            after = list(vector)
                        after[place] = encoded
        if after is not None:
            self.current = Update(tuple(after))
        self._announce(after is not None, False)

    def _announce(self, news: bool, is_snapshot: bool) -> None:
        if news:
            self.steps += 1
            for leader in self.leaders:
                leader.mark()
            if self.idle:
                self._tell()
        if self.queued:
            self._tell_queues(is_snapshot)
        if self.fresh and not is_snapshot:
            self._tell_fresh()

    def _tell(self) -> None:
        idle, self.idle = self.idle, {}
        now = self.item.now()
        for slot in idle:
            slot.offer(now)

    def _tell_queues(self, is_snapshot: bool) -> None:
        """Those that want an update whether or not it changes anything; a snapshot has no limits."""
        assert self.current is not None
        if is_snapshot:
            self.part_all()
            for slot in self.queued:
                slot.start([self.current])
            return
        now = self.item.now()
        for slot in self.queued:
            slot.push(self.current, now)

    def _tell_fresh(self) -> None:
        assert self.current is not None
        now = self.item.now()
        fresh, self.fresh = self.fresh, {}
        for slot in fresh:
            self._enter(slot)
            if isinstance(slot, QueueSlot):
                slot.push(self.current, now)
            else:
                slot.mark()


class MergeChannel(Channel[MergeView]):
    """
    @ivar values: the fields as last reported; C{known} is False as long as
        nothing was reported at all.
    """

    __slots__ = ("_newest", "_shape", "_unmerged", "_values", "known")

    mode = "MERGE"

    def __init__(self, item: Item) -> None:
        super().__init__(item)
        self.known = False
        self._values: dict[str, Value] = {}
        # The newest event, and of each other shape the last one before, oldest first. As each of them
        # replaces the one before of its shape, they are merged when somebody looks.
        self._shape: Shape | None = None
        self._newest: list[Value] = []
        self._unmerged: dict[Shape, list[Value]] = {}

    @property
    def values(self) -> dict[str, Value]:
        if self._shape is not None:
            self._merge()
        return self._values

    def _merge(self) -> None:
        if self._shape is not None:
            self._unmerged[self._shape] = self._newest
        for shape, values in self._unmerged.items():
            self._values.update(zip(shape.names, values, strict=True))
        self._unmerged.clear()
        self._shape = None

    def make_view(self, fields: tuple[str, ...], codec: IValueCodec) -> MergeView:
        view = MergeView(self.item, fields, codec)
        if self.known:
            view.current = Update(view.vector(self.values))
        return view

    def attach(self, slot: Slot, fields: tuple[str, ...], codec: IValueCodec) -> None:
        view = self.view(fields, codec)
        slot.view = view
        view.attach(slot)
        if slot.wants_snapshot and self.known and not self.item.in_snapshot:
            self._start(view, slot)

    def _start(self, view: MergeView, slot: Slot) -> None:
        if slot.hooks is not None:
            values = slot.hooks.apply(self.values, True)
            if values is not None:
                slot.ready = True
                slot.start([Update(view.vector(values))])
        elif isinstance(slot, QueueSlot):
            assert view.current is not None
            slot.start([view.current])
        else:
            slot.mark()

    def publish(self, event: Event, is_snapshot: bool) -> None:
        if self._shape is not None:
            self._merge()
        self._values.update(event)
        self.known = True
        self._step(event, is_snapshot)

    def _step(self, event: Event, is_snapshot: bool) -> None:
        for view in self.all_views:
            view.step(event, is_snapshot)
            if view.private:
                self._publish_private(view, is_snapshot)

    def publish_values(self, shape: Shape, values: list[Value]) -> None:
        """A real-time event in two parts."""
        before = None
        if shape is self._shape:
            before = self._newest
        else:
            self._change(shape)
        self._newest = values
        for view in self.all_views:
            view.step_values(shape, values, before)
            if view.private:
                self._publish_private(view, False)

    def _change(self, shape: Shape) -> None:
        """The newest event has another shape from now on."""
        unmerged = self._unmerged
        if self._shape is not None:
            unmerged[self._shape] = self._newest
        # The one before of that shape gives up its place in the line.
        unmerged.pop(shape, None)
        if len(unmerged) >= MAX_SHAPES:
            self._shape = None
            self._merge()
        self._shape = shape
        self.known = True

    def _publish_private(self, view: MergeView, is_snapshot: bool) -> None:
        now = self.item.now()
        for slot in list(view.private):
            if is_snapshot and not slot.wants_snapshot:
                continue
            assert slot.hooks is not None and isinstance(slot, QueueSlot)
            values = slot.hooks.apply(self.values, is_snapshot)
            if values is None:
                slot.filtered += 1
            elif is_snapshot:
                slot.start([Update(view.vector(values))])
            else:
                slot.push(Update(view.vector(values)), now)

    def end_of_snapshot(self) -> None:
        """An empty snapshot is one of nulls, for those who asked for one."""
        # Whatever is known at all has come after the snapshot, or was it.
        self.known = True
        for view in self.all_views:
            view.part_all()
            view.current = Update(view.vector({}))
            for slot in view.all_slots():
                if slot.wants_snapshot:
                    self._start(view, slot)

    def clear(self) -> None:
        """All fields become null, which is an update like any other."""
        names: dict[str, Value] = dict.fromkeys(self.values)
        self.values.update(names)
        self.known = True
        for view in self.all_views:
            names.update(dict.fromkeys(view.fields))
        self._step(names, False)
