"""
Selectors and customizers: called for each event of a buffer, in the reactor
thread, whatever kind of adapter it is (adapters-api.md 7 and 23.2).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from time import monotonic
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from lsserver.adapters.interfaces import ICustomizableItemEvent, IItemEvent
from lsserver.adapters.methods import MetadataMethods

SECONDS_BETWEEN_REPORTS = 60.0
"""A hook that fails for each event is logged this often."""

_log = Logger(namespace="LightstreamerLogger.adapters")


class Hooks:
    """Errors are logged, seldom, and never reach the engine."""

    def __init__(self, methods: MetadataMethods, label: str, now: Callable[[], float] = monotonic) -> None:
        self._isselected = methods.isselected
        self._customize_update = methods.customize_update
        self._label = label
        self._now = now
        self._reported: dict[str, float] = {}
        self._unreported: dict[str, int] = {}

    def is_selected(self, user: str | None, item: str, data_adapter: str, selector: str, event: IItemEvent) -> bool:
        """Whether the event passes; not when the adapter fails."""
        try:
            return bool(_at_once(self._isselected(user, item, selector, event, data_adapter)))
        except Exception:
            self._failed("isselected")
            return False

    def customize_update(self, user: str | None, item: str, data_adapter: str, event: ICustomizableItemEvent) -> bool:
        """Whether the changes made to the event are good; not when the adapter fails."""
        try:
            _at_once(self._customize_update(user, item, event, data_adapter))
        except Exception:
            self._failed("customize_update")
            return False
        return True

    def _failed(self, method: str) -> None:
        now = self._now()
        if now - self._reported.get(method, -SECONDS_BETWEEN_REPORTS) < SECONDS_BETWEEN_REPORTS:
            self._unreported[method] = self._unreported.get(method, 0) + 1
            return
        self._reported[method] = now
        more = self._unreported.pop(method, 0)
        _log.failure(
            "{label}: {method} has failed ({more} more times since the last report)",
            label=self._label,
            method=method,
            more=more,
        )


def _at_once(result: Any) -> Any:
    """
    @raise TypeError: the answer is not there yet.
    """
    if isinstance(result, Awaitable):
        if isinstance(result, Coroutine):
            result.close()
        elif isinstance(result, Deferred):
            result.addErrback(lambda _: None)
        raise TypeError("a method that is called for each event cannot be asynchronous")
    return result
