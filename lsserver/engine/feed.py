"""
The items of one Data Adapter by name, and the listener end of the adapter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from zope.interface import implementer

from lsserver.adapters.interfaces import FieldValue, IItemEventSink, ItemReceiver
from lsserver.adapters.shapes import Shape
from lsserver.engine.item import Item

if TYPE_CHECKING:
    from lsserver.adapters.calls import DataHandle, MetadataHandle
    from lsserver.engine.flusher import Flusher
    from lsserver.engine.modes.base import Event
    from lsserver.engine.settings import EngineSettings
    from lsserver.engine.wheel import Wheel

_log = Logger(namespace="LightstreamerLogger.subscriptions")


def _ignored(shape: Shape, values: list[FieldValue], is_snapshot: bool) -> None:
    """An event of an item that nobody is interested in."""


@implementer(IItemEventSink)
class Feed:
    """
    @ivar adapter: the Data Adapter; C{None} until the adapter set starts.
    @param failed: told of a fatal fault of the adapter.
    """

    def __init__(
        self,
        adapter: DataHandle,
        metadata: MetadataHandle,
        settings: EngineSettings,
        wheel: Wheel,
        flusher: Flusher,
        failed: Callable[[BaseException], None],
    ) -> None:
        self.adapter = adapter
        self.metadata = metadata
        self.settings = settings
        self.wheel = wheel
        # One bound method for all items.
        self.now = wheel.now
        self.flusher = flusher
        self._failed = failed
        self._items: dict[str, Item] = {}

    @property
    def items(self) -> list[Item]:
        """The items that somebody is interested in."""
        return list(self._items.values())

    def item(self, name: str) -> Item:
        """The item, made if need be."""
        item = self._items.get(name)
        if item is None:
            item = self._items[name] = Item(self, name)
        return item

    def find(self, name: str) -> Item | None:
        """The item, if anybody is interested in it."""
        return self._items.get(name)

    def forget(self, item: Item) -> None:
        """
        The adapter has let go of an item. If somebody came meanwhile, the item
        stays and its state starts over.
        """
        if not item.interest:
            self._items.pop(item.name, None)

    # IItemEventSink, always in the reactor's thread

    def update(self, item: str, event: Event, is_snapshot: bool) -> None:
        """An event of the adapter."""
        found = self._items.get(item)
        if found is not None:
            found.update(event, is_snapshot)

    def receiver(self, item: str) -> ItemReceiver:
        """Whoever subscribes an item has one, and keeps it until the adapter has let go of it."""
        found = self._items.get(item)
        return _ignored if found is None else found.receive

    def end_of_snapshot(self, item: str) -> None:
        """The snapshot of the item is complete."""
        found = self._items.get(item)
        if found is not None:
            found.end_of_snapshot()

    def clear_snapshot(self, item: str) -> None:
        """The state of the item is empty."""
        found = self._items.get(item)
        if found is not None:
            found.clear_snapshot()

    def declare_field_diff_order(self, item: str, orders: dict[str, tuple[str, ...]]) -> None:
        """Which diff algorithms to try on which fields."""
        found = self._items.get(item)
        if found is not None:
            found.declare_diff_order(orders)

    def force_subscription(self, item: str) -> Deferred[str | None]:
        """Fires with the mode of the item once it is subscribed, C{None} if that failed."""
        found = self.item(item)
        found.enforce()

        def mode(active: bool) -> str | None:
            if not active:
                return None
            return found.main.mode if found.main is not None else "RAW"

        return found.settled().addCallback(mode)

    def unforce_subscription(self, item: str) -> Deferred[None]:
        """Undo one enforcement; fires when the item has settled."""
        found = self._items.get(item)
        if found is None or not found.enforcements:
            return succeed(None)
        found.enforcements -= 1
        found.release()
        return found.settled().addCallback(lambda _: None)

    def failure(self, exception: BaseException) -> None:
        """The adapter is beyond repair."""
        self._failed(exception)
