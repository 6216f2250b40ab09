"""DISTINCT: a sequence of independent events, of which the newest are kept."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from lsserver.engine.modes.base import Event
from lsserver.engine.modes.buffered import BufferedView, HeldChannel
from lsserver.engine.slots.buffered import BufferedSlot
from lsserver.engine.update import Update

if TYPE_CHECKING:
    from lsserver.engine.dialect import IValueCodec
    from lsserver.engine.item import Item
    from lsserver.engine.slots.base import Slot


class Entry:
    """An event of the history, with the updates that views made of it."""

    __slots__ = ("event", "updates")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.updates: dict[BufferedView, Update] = {}

    def update(self, view: BufferedView) -> Update:
        """The event as the view shows it, the same object to everybody."""
        update = self.updates.get(view)
        if update is None:
            update = self.updates[view] = view.plain(self.event)
        return update


class DistinctChannel(HeldChannel[BufferedView]):
    """
    @ivar history: the newest events, as many as the Metadata Adapter said.
    """

    __slots__ = ("history",)

    mode = "DISTINCT"

    def __init__(self, item: Item) -> None:
        super().__init__(item)
        self.history: deque[Entry] = deque(maxlen=item.distinct_snapshot_length)

    def make_view(self, fields: tuple[str, ...], codec: IValueCodec) -> BufferedView:
        return BufferedView(self.item, fields, codec)

    def detach(self, slot: Slot) -> None:
        super().detach(slot)
        if slot.view.empty:
            for entry in self.history:
                entry.updates.pop(slot.view, None)  # type: ignore[call-overload]

    def snapshot(self, view: BufferedView, slot: BufferedSlot) -> list[Update]:
        """The newest events, as many as the client wants."""
        length = len(self.history)
        if slot.snapshot_length is not None:
            length = min(length, slot.snapshot_length)
        updates = []
        for entry in islice(self.history, len(self.history) - length, None):
            if slot.hooks is None:
                updates.append(entry.update(view))
            else:
                values = slot.hooks.apply(entry.event, True)
                if values is not None:
                    updates.append(view.plain(values))
        return updates

    def publish(self, event: Event, is_snapshot: bool) -> None:
        entry = Entry(event)
        self.history.append(entry)
        if is_snapshot:
            # Held until it is complete: nobody can tell how many are the newest before.
            return
        now = self.item.now()
        for view in self.all_views:
            if view.slots:
                view.push(entry.update(view), now)
            view.push_private(event, view.plain, now)

    def clear(self) -> None:
        """The history is gone, and so is what waits in filtered slots."""
        self.history.clear()
        self.item.end_snapshot()
        for view in self.all_views:
            view.part_all()
            for slot in view.all_slots():
                slot.clear()
