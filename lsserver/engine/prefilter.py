"""
The prefilter of one item: a buffer of one event that resamples what the Data Adapter
sends before it reaches anybody (C{get_min_source_frequency}, adapters-api.md 6.5).
"""

from __future__ import annotations

from collections.abc import Callable

from lsserver.engine.modes.base import Event
from lsserver.engine.wheel import Wheel


class Prefilter:
    """
    @param frequency: events/s that are let through.
    @param merge: whether an event that waits is completed by the next (MERGE) or
        replaced by it (DISTINCT).
    @param publish: where events go.
    """

    def __init__(self, wheel: Wheel, frequency: float, merge: bool, publish: Callable[[Event], None]) -> None:
        self._wheel = wheel
        self._period = 1 / frequency
        self._merge = merge
        self._publish = publish
        self._due = 0.0
        self._waiting: Event | None = None

    def offer(self, event: Event) -> None:
        """An event comes: let it through, or keep it until the next may go."""
        if self._waiting is not None:
            self._waiting = {**self._waiting, **event} if self._merge else event
            return
        now = self._wheel.now()
        if now >= self._due:
            self._due = now + self._period
            self._publish(event)
        else:
            self._waiting = event
            self._wheel.at(self._due, self.flush)

    def flush(self) -> None:
        """Let through what waits."""
        event, self._waiting = self._waiting, None
        if event is not None:
            now = self._wheel.now()
            self._due = max(self._due + self._period, now)
            self._publish(event)

    def clear(self) -> None:
        """What waits is obsolete."""
        self._waiting = None
