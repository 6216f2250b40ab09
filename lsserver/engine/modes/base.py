"""What the four modes have in common: the views of an item, by schema and value codec."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lsserver.engine.slots.base import Slot
from lsserver.engine.view import Value, View

if TYPE_CHECKING:
    from lsserver.engine.dialect import IValueCodec
    from lsserver.engine.item import Item

V = TypeVar("V", bound="View[Any]")

Event = Mapping[str, Value]


class Channel(ABC, Generic[V]):
    """
    One item in one mode.

    @ivar all_views: the views of now. Some of them may go while others are told the news: hooks are
        code of adapters, which may end a session or a subscription.
    """

    __slots__ = ("_views", "all_views", "item")

    mode: str

    def __init__(self, item: Item) -> None:
        self.item = item
        self._views: dict[tuple[tuple[str, ...], int], V] = {}
        self.all_views: tuple[V, ...] = ()

    def view(self, fields: tuple[str, ...], codec: IValueCodec) -> V:
        """The view of a schema, made if need be."""
        key = (fields, id(codec))
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = self.make_view(fields, codec)
            self.all_views = tuple(self._views.values())
        return view

    @abstractmethod
    def make_view(self, fields: tuple[str, ...], codec: IValueCodec) -> V:
        """A new view that shows the state as it is."""

    @abstractmethod
    def attach(self, slot: Slot, fields: tuple[str, ...], codec: IValueCodec) -> None:
        """A subscriber comes."""

    def detach(self, slot: Slot) -> None:
        """A subscriber goes."""
        view = slot.view
        view.detach(slot)
        if view.empty:
            self._views.pop((view.fields, id(view.codec)), None)
            self.all_views = tuple(self._views.values())

    @abstractmethod
    def publish(self, event: Event, is_snapshot: bool) -> None:
        """An event; C{is_snapshot} only while a snapshot is expected."""

    def end_of_snapshot(self) -> None:
        """The snapshot is complete."""

    def clear(self) -> None:
        """C{clear_snapshot} of the Data Adapter."""

    def order_diffs(self) -> None:
        """The item has learned more about the diff algorithms of its fields."""
        for view in self.all_views:
            view.order_diffs()
