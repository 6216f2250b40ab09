"""How many requests somebody may send: a budget that fills up again as time passes."""

from __future__ import annotations

from collections.abc import Callable

BURST_SECONDS = 10
"""A client may be silent and then send what it has not sent in so many seconds: pages begin with many requests."""


class Budget:
    """
    @param rate: requests per second, measured over L{BURST_SECONDS}.
    @param now: the time, in seconds.
    """

    __slots__ = ("_left", "_now", "_rate", "_then")

    def __init__(self, rate: float, now: Callable[[], float]) -> None:
        self._rate = rate
        self._now = now
        self._then = now()
        self._left = rate * BURST_SECONDS

    def take(self) -> bool:
        """Spend one request, if there is one left."""
        self._fill()
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def owe(self) -> float:
        """
        Spend one request, whether there is one left or not.

        @return: seconds until the debt is paid, 0 if there is none.
        """
        self._fill()
        self._left -= 1
        return max(0.0, -self._left / self._rate)

    def debt(self) -> float:
        """Seconds until what was owed is paid."""
        self._fill()
        return max(0.0, -self._left / self._rate)

    def _fill(self) -> None:
        now = self._now()
        self._left = min(self._left + (now - self._then) * self._rate, self._rate * BURST_SECONDS)
        self._then = now
