"""DISTINCT: a sequence of independent events, of which the newest are kept."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from lsserver.engine.modes.base import Channel, Event
from lsserver.engine.slots.queue import QueueSlot
from lsserver.engine.update import Update
from lsserver.engine.view import View

if TYPE_CHECKING:
    from lsserver.engine.dialect import IValueCodec
    from lsserver.engine.item import Item
    from lsserver.engine.slots.base import Slot


class DistinctView(View["Slot"]):
    """All slots are queues."""


class Entry:
    """An event of the history, with the updates that views made of it."""

    __slots__ = ("event", "updates")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.updates: dict[DistinctView, Update] = {}

    def update(self, view: DistinctView) -> Update:
        """The event as the view shows it, the same object to everybody."""
        update = self.updates.get(view)
        if update is None:
            update = self.updates[view] = Update(view.vector(self.event))
        return update


class DistinctChannel(Channel[DistinctView]):
    """
    @ivar history: the newest events, as many as the Metadata Adapter said.
    """

    mode = "DISTINCT"

    def __init__(self, item: Item) -> None:
        super().__init__(item)
        self.history: deque[Entry] = deque(maxlen=item.distinct_snapshot_length)

    def make_view(self, fields: tuple[str, ...], codec: IValueCodec) -> DistinctView:
        return DistinctView(self.item, fields, codec)

    def attach(self, slot: Slot, fields: tuple[str, ...], codec: IValueCodec) -> None:
        view = self.view(fields, codec)
        slot.view = view
        view.attach(slot)
        if not slot.wants_snapshot:
            slot.ready = True
        elif not self.item.in_snapshot:
            self._start(view, slot)

    def detach(self, slot: Slot) -> None:
        super().detach(slot)
        if slot.view.empty:
            for entry in self.history:
                entry.updates.pop(slot.view, None)  # type: ignore[call-overload]

    def _start(self, view: DistinctView, slot: Slot) -> None:
        length = len(self.history)
        if slot.snapshot_length is not None:
            length = min(length, slot.snapshot_length)
        skip = len(self.history) - length
        entries = [entry for number, entry in enumerate(self.history) if number >= skip]
        snapshot: list[Update | bytes] = []
        for entry in entries:
            if slot.hooks is None:
                snapshot.append(entry.update(view))
            else:
                values = slot.hooks.apply(entry.event, True)
                if values is not None:
                    snapshot.append(Update(view.vector(values)))
        slot.start([*snapshot, slot.end_of_snapshot()])

    def publish(self, event: Event, is_snapshot: bool) -> None:
        entry = Entry(event)
        self.history.append(entry)
        if is_snapshot:
            # Held until it is complete: nobody can tell how many are the newest before.
            return
        now = self.item.now()
        for view in self.views.values():
            if view.slots:
                update = entry.update(view)
                for slot in view.slots:
                    assert isinstance(slot, QueueSlot)
                    slot.push(update, now)
            for slot in view.private:
                assert isinstance(slot, QueueSlot) and slot.hooks is not None
                values = slot.hooks.apply(event, False)
                if values is None:
                    slot.filtered += 1
                else:
                    slot.push(Update(view.vector(values)), now)

    def end_of_snapshot(self) -> None:
        """Those who waited for the snapshot get it."""
        for view in self.views.values():
            for slot in view.all_slots():
                if not slot.ready:
                    self._start(view, slot)

    def clear(self) -> None:
        """The history is gone, and so is what waits in filtered slots."""
        self.history.clear()
        self.item.end_snapshot()
        for view in self.views.values():
            for slot in view.all_slots():
                assert isinstance(slot, QueueSlot)
                slot.clear()
