"""
Who has something to write in this turn of the reactor.

Whatever happens during a turn only marks streams as dirty; at the end of the turn
(or C{max_delay_millis} after the first mark) each of them writes once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

if TYPE_CHECKING:
    from lsserver.engine.stream import Stream

_log = Logger(namespace="LightstreamerLogger.pump")


class Flusher:
    """
    @ivar dirty: the streams that wait for the end of the turn. Code that marks
        many streams appends here by itself and calls L{schedule} once.
    """

    def __init__(self, clock: IReactorTime, max_delay_millis: int = 0) -> None:
        self._clock = clock
        self._delay = self._usual_delay = max_delay_millis / 1000
        self._scheduled = False
        self.dirty: list[Stream] = []

    def schedule(self) -> None:
        """Make sure that the dirty streams are flushed."""
        if not self._scheduled:
            self._scheduled = True
            self._clock.callLater(self._delay, self.flush)

    def stretch(self, seconds: float) -> None:
        """Gather for at least so long before each flush, until told otherwise."""
        self._delay = max(self._usual_delay, seconds)

    def flush(self) -> None:
        """Let every dirty stream write; one that fails is closed by itself and harms no other."""
        self._scheduled = False
        dirty, self.dirty = self.dirty, []
        now = self._clock.seconds()
        for stream in dirty:
            try:
                stream.flush(now)
            except Exception:
                _log.failure("flush of session {session} failed", session=stream.session_id)
                self._fail(stream)

    def _fail(self, stream: Stream) -> None:
        try:
            stream.fail()
        except Exception:
            # What cannot be written to may not take the end either.
            _log.failure("the end of session {session} failed", session=stream.session_id)
