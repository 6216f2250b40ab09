"""
Items that count by themselves, so that a client whose connection breaks has something
to miss, and items that repeat what clients send.

The first part of a name is the mode: C{raw.x}, C{merge.x}, C{distinct.x} and C{command.x} count
as long as they are subscribed; C{raw.echo.x} has what was sent as C{echo.x|number}.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from lsserver.adapters.interfaces import IAdapterContext
from lsserver.adapters.providers import DataProvider, MetadataProvider

PERIOD = 0.05
"""Seconds between two numbers."""

KEYS = 5
"""Rows of COMMAND items."""


class TickingData(DataProvider):
    """The Data Adapter."""

    def set_context(self, context: IAdapterContext) -> None:
        """Called first, by the server."""
        self._clock: IReactorTime = context.reactor
        self._calls: dict[str, IDelayedCall | None] = {}

    def issnapshot_available(self, item_name: str) -> bool:
        """Counting starts from nothing."""
        return False

    def subscribe(self, item_name: str) -> None:
        """Count from 1."""
        self._calls[item_name] = None
        if ".echo." not in item_name:
            self._count(item_name, 1, self._clock.seconds())

    def unsubscribe(self, item_name: str) -> None:
        """Stop."""
        call = self._calls.pop(item_name)
        if call is not None:
            call.cancel()

    def echo(self, item: str, number: str) -> None:
        """What a client has sent."""
        if item in self._calls:
            self.listener.update(item, {"n": number})

    def _count(self, item: str, number: int, due: float) -> None:
        event: dict[str, Any] = {"n": str(number)}
        if item.startswith("command."):
            event["key"] = f"k{number % KEYS}"
            event["command"] = "ADD" if number <= KEYS else "UPDATE"
        self.listener.update(item, event)
        due += PERIOD
        delay = max(0.0, due - self._clock.seconds())
        self._calls[item] = self._clock.callLater(delay, self._count, item, number + 1, due)


class TickingMetadata(MetadataProvider):
    """The Metadata Adapter: lists separated by spaces, modes by name."""

    def set_context(self, context: IAdapterContext) -> None:
        """Called first, by the server."""
        self._context = context

    def get_items(self, user: str | None, session_id: str, group: str) -> list[str]:
        """Names separated by spaces."""
        return group.split(" ")

    def get_schema(self, user: str | None, session_id: str, group: str, schema: str) -> list[str]:
        """Names separated by spaces."""
        return schema.split(" ")

    def mode_may_be_allowed(self, item: str, mode: str) -> bool:
        """The one that the item is called after."""
        return mode == item.partition(".")[0].upper()

    def notify_user_message(self, user: str | None, session_id: str, message: str) -> None:
        """C{echo.x|number}."""
        item, _, number = message.partition("|")
        data: Any = self._context.get_adapter("DEFAULT")
        data.echo(f"raw.{item}", number)
