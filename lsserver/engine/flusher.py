"""
Who has something to write in this turn of the reactor.

Whatever happens during a turn only marks streams as dirty; at the end of the turn
(or C{max_delay_millis} after the first mark) each of them writes once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from lsserver.engine.delivery import Delivery

if TYPE_CHECKING:
    from lsserver.engine.group import Group
    from lsserver.engine.stream import Stream

_log = Logger(namespace="LightstreamerLogger.pump")


class Flusher:
    """
    @ivar dirty: the streams that wait for the end of the turn.
    @ivar groups: the groups of slots that do.
    """

    def __init__(self, clock: IReactorTime, max_delay_millis: int = 0) -> None:
        self._clock = clock
        self._delay = self._usual_delay = max_delay_millis / 1000
        self._scheduled = False
        self.dirty: list[Stream] = []
        self.groups: list[Group] = []

    def schedule(self) -> None:
        """Make sure that the dirty streams are flushed."""
        if not self._scheduled:
            self._scheduled = True
            self._clock.callLater(self._delay, self.flush)

    def stretch(self, seconds: float) -> None:
        """Gather for at least so long before each flush, until told otherwise."""
        self._delay = max(self._usual_delay, seconds)

    def flush(self) -> None:
        """Let everybody write; a stream that fails is closed by itself and harms no other."""
        now = self._clock.seconds()
        # Groups first: who cannot go with his group becomes dirty and has his turn below.
        try:
            self.flush_groups(now)
        finally:
            self._scheduled = False
        dirty, self.dirty = self.dirty, []
        for stream in dirty:
            try:
                stream.flush(now)
            except Exception:
                _log.failure("flush of session {session} failed", session=stream.session_id)
                self._fail(stream)

    def flush_groups(self, now: float) -> None:
        """Let the groups write. Afterwards their members have for themselves what they could not send."""
        groups, self.groups = self.groups, []
        delivery = Delivery(now)
        for group in groups:
            group.flush(delivery, len(groups) == 1)
        delivery.finish()
        for stream in delivery.failed:
            self._fail(stream)

    def _fail(self, stream: Stream) -> None:
        try:
            stream.fail()
        except Exception:
            # What cannot be written to may not take the end either.
            _log.failure("the end of session {session} failed", session=stream.session_id)
