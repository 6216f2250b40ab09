"""
Large subscriptions, one in a turn of the reactor: each takes as long as thousands of updates do, and many
clients may ask for theirs at the same moment.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

LARGE = 50
"""Items. Smaller subscriptions need not wait."""


class LargeSubscriptions:
    """Who may go on, in the order in which they come."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._taken = False
        self._waiting: deque[Deferred[None]] = deque()

    async def turn(self) -> None:
        """Wait for a turn in which no other large subscription is dealt with."""
        if self._taken:
            waiter: Deferred[None] = Deferred(self._waiting.remove)
            self._waiting.append(waiter)
            await waiter
        else:
            self._take()

    def _take(self) -> None:
        self._taken = True
        self._clock.callLater(0, self._next)

    def _next(self) -> None:
        self._taken = False
        if self._waiting:
            self._take()
            self._waiting.popleft().callback(None)
