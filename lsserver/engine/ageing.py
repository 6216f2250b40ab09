"""
What was sent long ago need not be kept: no client asks for it any more (C{session_recovery_millis},
tlcp.md 10.5).

The writes of sessions know nothing of that. Rounds through all sessions, spread over the
time that they may take, have the logs forget what is too old.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsserver.engine.session import Session
    from lsserver.engine.wheel import Timer, Wheel

ROUNDS = 4
"""In C{session_recovery_millis}. What was sent is kept for that time, and at most for 2.6 times as long."""

STEPS = 16
"""Parts of a round, so that no turn has to look at all sessions."""


class Ageing:
    """
    @param recovery_millis: what was sent stays for at least so long; 0 = nothing is kept anyway.
    @param sessions: those there are.
    """

    def __init__(self, wheel: Wheel, recovery_millis: int, sessions: Callable[[], Iterable[Session]]) -> None:
        self._wheel = wheel
        self._step_millis = recovery_millis / ROUNDS / STEPS
        self._sessions = sessions
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
        now = self._wheel.now()
        for session in parts.pop():
            session.stream.age(now)
        if parts:
            self._timer = self._wheel.after(self._step_millis, self._step, parts)
        else:
            self._timer = self._wheel.after(self._step_millis, self._round)
