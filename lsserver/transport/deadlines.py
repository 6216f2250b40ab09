"""
Many things that may all take equally long, with one timer of the reactor: whatever begins
last is due last, so they wait in a row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

T = TypeVar("T")


class Deadlines(Generic[T]):
    """
    @param seconds: that each may take; 0 for no limit.
    @param late: called with what has not ended in time. By then it has been forgotten.
    """

    def __init__(self, clock: IReactorTime, seconds: float, late: Callable[[T], None]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._late = late
        self._due: dict[T, float] = {}
        self._timer: IDelayedCall | None = None

    def begin(self, what: T) -> None:
        """From now on, also for what has begun before."""
        if self._seconds:
            self._due.pop(what, None)
            self._due[what] = self._clock.seconds() + self._seconds
            if self._timer is None:
                self._timer = self._clock.callLater(self._seconds, self._look)

    def end(self, what: T) -> None:
        """In time, or not begun at all."""
        # The timer stays: it will find who is next. But with nobody there it would keep the clock busy.
        if self._due.pop(what, None) is not None and not self._due and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        while self._due:
            what, due = next(iter(self._due.items()))
            if due > now:
                break
            del self._due[what]
            self._late(what)
        if self._due and self._timer is None:
            self._timer = self._clock.callLater(max(0.0, next(iter(self._due.values())) - now), self._look)
