"""
What DISTINCT, COMMAND and RAW have in common: slots with buffers, into which events
are pushed; and, in the first two, a snapshot that is held until it is complete.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from lsserver.engine.modes.base import Channel, Event
from lsserver.engine.slots.buffered import BufferedSlot
from lsserver.engine.update import Update
from lsserver.engine.view import View

if TYPE_CHECKING:
    from lsserver.engine.dialect import IValueCodec
    from lsserver.engine.item import Item
    from lsserver.engine.slots.base import Slot


class BufferedView(View[BufferedSlot]):
    """
    All slots have buffers.

    @ivar told: those who are told of events: leaders of groups, and slots that are in none.
    """

    __slots__ = ("told",)

    def __init__(self, item: Item, fields: tuple[str, ...], codec: IValueCodec) -> None:
        super().__init__(item, fields, codec)
        self.told: dict[BufferedSlot, None] = {}

    def attach(self, slot: BufferedSlot) -> None:
        """It is told of events from now on."""
        super().attach(slot)
        if slot.hooks is None:
            self.told[slot] = None

    def tell(self, slot: BufferedSlot) -> None:
        """As in L{View}."""
        self.told[slot] = None

    def ignore(self, slot: BufferedSlot) -> None:
        """As in L{View}."""
        self.told.pop(slot, None)

    def plain(self, event: Event) -> Update:
        """The event as it is; a field that it does not have is null."""
        return Update(self.vector(event))

    def push(self, update: Update, now: float) -> None:
        """An event for the slots that share it."""
        for slot in self.told:
            slot.push(update, now)

    def push_private(self, event: Event, make: Callable[[Event], Update], now: float) -> None:
        """An event for each slot with hooks, made of what they leave of it."""
        for slot in list(self.private):
            assert slot.hooks is not None
            seen = slot.hooks.apply(event, False)
            if seen is None:
                slot.filtered += 1
            else:
                slot.push(make(seen), now)


V = TypeVar("V", bound=BufferedView)


class HeldChannel(Channel[V]):
    """One item in a mode whose snapshot is held until it is complete."""

    __slots__ = ()

    def attach(self, slot: Slot, fields: tuple[str, ...], codec: IValueCodec) -> None:
        """A subscriber comes. It gets real-time events at once, or after the snapshot that it wants."""
        assert isinstance(slot, BufferedSlot)
        view = self.view(fields, codec)
        slot.view = view
        view.attach(slot)
        if not slot.wants_snapshot:
            slot.ready = True
        elif not self.item.in_snapshot:
            self._start(view, slot)

    def _start(self, view: V, slot: BufferedSlot) -> None:
        slot.start([*self.snapshot(view, slot), slot.end_of_snapshot()])

    @abstractmethod
    def snapshot(self, view: V, slot: BufferedSlot) -> list[Update]:
        """What a slot that wants the snapshot is to start with."""

    def end_of_snapshot(self) -> None:
        """Those who waited for the snapshot get it."""
        for view in self.all_views:
            for slot in view.all_slots():
                if not slot.ready:
                    self._start(view, slot)
