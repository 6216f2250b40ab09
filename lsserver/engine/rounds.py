"""
Looks at all sessions now and then, a few in each turn of the reactor: what was sent long ago need
not be kept (C{session_recovery_millis}, tlcp.md 10.5), and what is kept for one session may be too
much (C{max_session_memory}). The writes of sessions know nothing of either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsserver.engine.session import Session
    from lsserver.engine.wheel import Timer, Wheel

STEPS = 16
"""Parts of a round, so that no turn has to look at all sessions."""

AGEING_ROUNDS = 4
"""In C{session_recovery_millis}. What was sent is kept for that time, and at most for 2.6 times as long."""

MEMORY_MILLIS = 1000
"""Between two looks at the memory of a session."""


class Rounds:
    """
    One round after the other.

    @param millis: that a round takes; 0 = there are none.
    @param sessions: those there are.
    @param visit: what is to be done with each.
    """

    def __init__(
        self,
        wheel: Wheel,
        millis: float,
        sessions: Callable[[], Iterable[Session]],
        visit: Callable[[Session], None],
    ) -> None:
        self._wheel = wheel
        self._step_millis = millis / STEPS
        self._sessions = sessions
        self._visit = visit
        self._timer: Timer | None = None

    def start(self) -> None:
        """Begin the first round."""
        if self._step_millis:
            self._round()

    def stop(self) -> None:
        """No more rounds."""
        if self._timer is not None:
            self._timer.cancel()

    def _round(self) -> None:
        sessions = list(self._sessions())
        size = len(sessions) // STEPS + 1
        self._step([sessions[start : start + size] for start in range(0, STEPS * size, size)])

    def _step(self, parts: list[list[Session]]) -> None:
        for session in parts.pop():
            self._visit(session)
        if parts:
            self._timer = self._wheel.after(self._step_millis, self._step, parts)
        else:
            self._timer = self._wheel.after(self._step_millis, self._round)
