"""Items that count, so that a client can tell whether it has missed anything."""

from __future__ import annotations

from typing import Any

from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.adapters.providers import DataProvider

KEYS = 7


class SoakData(DataProvider):
    """
    C{raw.5}, C{merge.5}, C{command.5}: one number each C{period} seconds, C{fast.} ten
    times as often, with a C{text} of a hundred characters; C{quiet.} says nothing.
    """

    def set_context(self, context: Any) -> None:
        """Called first, by the server."""
        self._clock = context.reactor
        self._calls: dict[str, Any] = {}

    def initialize(self, parameters: dict[str, str], config_file: str | None = None) -> None:
        """Take the period."""
        self._period = float(parameters["period"])

    def issnapshot_available(self, item_name: str) -> bool:
        """None."""
        return False

    def subscribe(self, item_name: str) -> None:
        """Count from 1."""
        self._calls[item_name] = None
        period = self._period / 10 if item_name.startswith("fast.") else self._period
        if not item_name.startswith("quiet."):
            number = int(item_name.rpartition(".")[2])
            # Not all in the same turn.
            delay = period * (number * 0.618 % 1)
            self._calls[item_name] = self._clock.callLater(delay, self._count, item_name, period, 1)

    def unsubscribe(self, item_name: str) -> None:
        """Stop."""
        call = self._calls.pop(item_name)
        if call is not None:
            call.cancel()

    def _count(self, item: str, period: float, number: int) -> None:
        self._calls[item] = self._clock.callLater(period, self._count, item, period, number + 1)
        event: dict[str, Any] = {"n": str(number), "text": f"{number:0>100}"}
        if item.startswith("command."):
            event["key"] = f"k{number % KEYS}"
            event["command"] = "ADD" if number <= KEYS else "UPDATE"
        self.listener.update(item, event, False)


class SoakMetadata(LiteralBasedProvider):
    """Everybody may have everything."""
