"""RAW: events are forwarded as they are; nothing is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsserver.engine.modes.base import Channel, Event
from lsserver.engine.slots.queue import QueueSlot
from lsserver.engine.update import Update
from lsserver.engine.view import View

if TYPE_CHECKING:
    from lsserver.engine.dialect import IValueCodec
    from lsserver.engine.slots.base import Slot


class RawView(View["Slot"]):
    """All slots are queues."""


class RawChannel(Channel[RawView]):
    """Snapshot requests are not considered, snapshot events discarded."""

    mode = "RAW"

    def make_view(self, fields: tuple[str, ...], codec: IValueCodec) -> RawView:
        return RawView(self.item, fields, codec)

    def attach(self, slot: Slot, fields: tuple[str, ...], codec: IValueCodec) -> None:
        view = self.view(fields, codec)
        slot.view = view
        view.attach(slot)
        slot.ready = True

    def publish(self, event: Event, is_snapshot: bool) -> None:
        now = self.item.now()
        for view in self.views.values():
            if view.slots:
                update = Update(view.vector(event))
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
