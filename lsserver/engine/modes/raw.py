"""RAW: events are forwarded as they are; nothing is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsserver.engine.modes.base import Channel, Event
from lsserver.engine.modes.buffered import BufferedView

if TYPE_CHECKING:
    from lsserver.engine.dialect import IValueCodec
    from lsserver.engine.slots.base import Slot


class RawChannel(Channel[BufferedView]):
    """Snapshot requests are not considered, snapshot events discarded."""

    __slots__ = ()

    mode = "RAW"

    def make_view(self, fields: tuple[str, ...], codec: IValueCodec) -> BufferedView:
        return BufferedView(self.item, fields, codec)

    def attach(self, slot: Slot, fields: tuple[str, ...], codec: IValueCodec) -> None:
        view = self.view(fields, codec)
        slot.view = view
        view.attach(slot)  # type: ignore[arg-type]
        slot.ready = True

    def publish(self, event: Event, is_snapshot: bool) -> None:
        now = self.item.now()
        for view in self.all_views:
            if view.slots:
                view.push(view.plain(event), now)
            view.push_private(event, view.plain, now)
