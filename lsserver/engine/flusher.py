"""
Who has something to write in this turn of the reactor.

Whatever happens during a turn only marks streams as dirty; at the end of the turn
(or C{max_delay_millis} after the first mark) each of them writes once. If there are too many of them
for one turn, they write in the order in which they came up, in as many turns as it takes.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from lsserver.engine.delivery import Delivery, most_at_once

if TYPE_CHECKING:
    from lsserver.engine.group import Group
    from lsserver.engine.settings import EngineSettings
    from lsserver.engine.stream import Stream

_log = Logger(namespace="LightstreamerLogger.pump")


LONGEST = 1 / 200
"""Seconds of a turn in which streams write one by one; those that are left have to wait for the next."""


class Flusher:
    """
    @ivar dirty: the streams that wait for the end of the turn.
    @ivar groups: the groups of slots that do.
    @ivar scheduled: there will be a flush.
    @ivar most: bytes that a stream writes at once.
    @ivar gone: the part of a crowd, who are too many for one turn, that has had its turn; 0.0 if there is no crowd.
    """

    def __init__(self, clock: IReactorTime, settings: EngineSettings) -> None:
        self._clock = clock
        self._delay = self._usual_delay = settings.max_delay_millis / 1000
        self.most = most_at_once(settings)
        self.scheduled = False
        self.dirty: list[Stream] = []
        self.gone = 0.0
        self._crowd = 0
        self._leaving: deque[Stream] = deque()
        self.groups: list[Group] = []

    def schedule(self) -> None:
        """Make sure that the dirty streams are flushed."""
        if not self.scheduled:
            self.scheduled = True
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
            self.scheduled = False
        going_on = bool(self._leaving)
        self._leaving += self.dirty
        self.dirty.clear()
        if not going_on:
            self._write()

    def _write(self) -> None:
        """Those whose turn has ended, as many as fit into this one."""
        seconds, leaving = self._clock.seconds, self._leaving
        now = seconds()
        end = now + LONGEST
        if self._crowd:
            self._crowd = max(self._crowd, len(leaving))
            self.gone = 1.0 - len(leaving) / self._crowd
        while leaving and now < end:
            stream = leaving.popleft()
            try:
                stream.flush(now)
            except Exception:
                _log.failure("flush of session {session} failed", session=stream.session_id)
                self._fail(stream)
            # Of each by itself: when its next updates are due depends on it, and those who were written to one after
            # the other must not all be due at once then.
            now = seconds()
        if leaving:
            self._crowd = max(self._crowd, len(leaving))
            self._clock.callLater(0, self._write)
        else:
            self._crowd, self.gone = 0, 0.0

    def flush_groups(self, now: float) -> None:
        """Let the groups write. Afterwards their members have for themselves what they could not send."""
        if not self.groups:
            return
        groups, self.groups = self.groups, []
        delivery = Delivery(now, self.most)
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
