"""
Why sessions were closed, for clients that were away at that moment (tlcp.md 4.9, 10.1).

A client between two polls, or on its way back from a broken connection, asks for a session
that is gone. Told only that there is none, it would open another at once, and so undo what
closed this one: a C{destroy}, or a second session of a user who may have only one.
"""

from __future__ import annotations

from collections import OrderedDict

MAX_CAUSES = 10_000
"""Sessions that are remembered at most, the newest ones."""


class Causes:
    """
    @param seconds: how long a client may stay away.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._causes: OrderedDict[str, tuple[float, int, str]] = OrderedDict()

    def remember(self, session_id: str, code: int, text: str, now: float) -> None:
        """A session was closed at C{now}."""
        self._expire(now)
        if len(self._causes) >= MAX_CAUSES:
            self._causes.popitem(last=False)
        self._causes[session_id] = (now + self._seconds, code, text)

    def find(self, session_id: str, now: float) -> tuple[int, str] | None:
        """What C{END} is to say, if it is still known."""
        self._expire(now)
        found = self._causes.get(session_id)
        return None if found is None else found[1:]

    def _expire(self, now: float) -> None:
        # Closed in the order of time, and all of them are kept for as long.
        while self._causes:
            oldest = next(iter(self._causes))
            if self._causes[oldest][0] > now:
                return
            del self._causes[oldest]
