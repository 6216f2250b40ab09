"""The adapter set of the benchmarks: a message is an update of the item that it names."""

from __future__ import annotations

from typing import Any

from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.adapters.providers import DataProvider


class BenchData(DataProvider):
    """Publishes what it is told to."""

    listener: Any

    def set_listener(self, event_listener: Any) -> None:
        self.listener = event_listener

    def issnapshot_available(self, item_name: str) -> bool:
        return False

    def subscribe(self, item_name: str) -> None:
        """Updates come when they come."""

    def unsubscribe(self, item_name: str) -> None:
        """Nothing to stop."""

    def publish(self, item: str, text: str) -> None:
        """One field, whatever the item."""
        self.listener.update(item, {"text": text}, False)


class BenchMetadata(LiteralBasedProvider):
    """C{item|text} publishes a text."""

    def set_context(self, context: Any) -> None:
        self._context = context

    def notify_user_message(self, user: str | None, session_id: str, message: str) -> None:
        item, _, text = message.partition("|")
        self._context.get_adapter("DEFAULT").publish(item, text)
