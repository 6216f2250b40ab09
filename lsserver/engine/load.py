"""
How busy the server is, and what that means for those who want to come in (configuration
elements C{max_reactor_lag_millis}, C{server_pool_max_queue}, C{prestarted_max_queue}).

A call that is due every L{PERIOD} tells by how much the reactor is late. When it is late
again and again, or more calls of adapters wait than may, the server is overloaded: new
sessions are refused or wait at the door, and whoever is in goes on; with fewer and
larger writes if it is the reactor that is late, since an adapter that is slow is no reason to
let anybody wait for his updates. It is over when a second has passed in which all was well.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from lsserver.engine.refusal import Refusal
from lsserver.tlcp.codes import SessionCode

if TYPE_CHECKING:
    from lsserver.engine.flusher import Flusher
    from lsserver.engine.settings import EngineSettings

_log = Logger(namespace="LightstreamerLogger.kernel")

PERIOD = 0.1
"""Seconds between two looks."""

LATE_LOOKS = 3
"""
So many late looks in a row are an overload. Fewer are long turns: ten thousand clients that come at once make two, and
nobody else is served sooner if the last of them are sent away.
"""

CALM_LOOKS = 10
"""So many good looks in a row are the end of it."""

ADMITTED_PER_LOOK = 25
"""Sessions let in from the door at each good look, so that they do not cause the next overload."""

PATIENCE = 50.0
"""Seconds that a client waits at the door; those that wait at all allow 60 (tlcp.md 10.8, code 5)."""

MAX_STRETCH = 0.25
"""Seconds. The longest flush interval that an overload causes."""


class Waiting:
    """
    One creation at the door.

    @ivar decided: fires when it may go on, fails with a L{Refusal} when it may not, or
        with C{CancelledError} when its client has gone.
    """

    def __init__(self, until: float) -> None:
        self.until = until
        self.decided: Deferred[None] = Deferred()

    def abandon(self) -> None:
        """The client is gone."""
        self.decided.cancel()


class Load:
    """
    @param queued: calls of adapters that wait; infinitely many if more than a pool of their own allows.
    @param unused: sessions that were created and not used yet.
    @ivar lag: by how many seconds the last look was late.
    @ivar overloaded: new sessions have to wait or to go.
    """

    def __init__(
        self,
        settings: EngineSettings,
        clock: IReactorTime,
        flusher: Flusher,
        queued: Callable[[], float],
        unused: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._flusher = flusher
        self._queued = queued
        self._unused = unused
        self._door: deque[Waiting] = deque()
        self._call: IDelayedCall | None = None
        self._due = 0.0
        self._late = 0
        self._busy = False
        self._calm = 0
        self.lag = 0.0
        self.overloaded = False

    def start(self) -> None:
        """Begin to look."""
        self._due = self._clock.seconds() + PERIOD
        self._call = self._clock.callLater(PERIOD, self._look)

    def stop(self) -> None:
        """No more looks; who waits is sent away."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        while self._door:
            self._refuse(self._door.popleft())

    def enter(self, patient: bool) -> Waiting | None:
        """
        Somebody wants a session.

        @param patient: the client waits as long as it takes (C{LS_ttl_millis=unlimited}).
        @return: C{None} if it may go on at once.
        @raise Refusal: code 5, come back later.
        """
        if not self.overloaded:
            # Queues can fill up within one turn, so they are looked at for each.
            if self._full() is None:
                return None
            self._begin()
        if not patient or len(self._door) >= self._settings.max_waiting_creations:
            raise _overloaded()
        waiting = Waiting(self._clock.seconds() + PATIENCE)
        self._door.append(waiting)
        return waiting

    def _full(self) -> str | None:
        """The queue that is too long, in words."""
        settings = self._settings
        queued = self._queued()
        if queued == math.inf:
            return "more calls of adapters wait than the max_queue of their pool"
        if 0 <= settings.server_pool_max_queue < queued:
            return "calls of adapters wait"
        if 0 <= settings.prestarted_max_queue < self._unused():
            return "sessions wait to be used"
        return None

    def _look(self) -> None:
        now = self._clock.seconds()
        self.lag = now - self._due
        self._due = now + PERIOD
        self._call = self._clock.callLater(PERIOD, self._look)
        most = self._settings.max_reactor_lag_millis / 1000
        late = bool(most) and self.lag > most
        self._late = self._late + 1 if late else 0
        if self._late >= LATE_LOOKS:
            self._busy = True
        full = self._full()
        if self._late >= LATE_LOOKS or full is not None:
            self._calm = 0
            if not self.overloaded:
                self._begin()
        elif most and self.lag > most / 2:
            self._calm = 0
        else:
            self._calm += 1
        if self.overloaded:
            self._go_on(now)

    def _begin(self) -> None:
        self.overloaded = True
        self._calm = 0
        _log.warn(
            "overloaded, new sessions have to wait: reactor late by {lag:.0f} ms, {why}",
            lag=self.lag * 1000,
            why=self._full() or "no queue too long",
        )

    def _go_on(self, now: float) -> None:
        """Another look during an overload."""
        if self._calm < CALM_LOOKS:
            if self._busy:
                self._flusher.stretch(min(max(self.lag, PERIOD), MAX_STRETCH))
            for waiting in [one for one in self._door if one.until <= now or one.decided.called]:
                self._door.remove(waiting)
                self._refuse(waiting)
            return
        self._busy = False
        self._flusher.stretch(0.0)
        for _ in range(min(len(self._door), ADMITTED_PER_LOOK)):
            waiting = self._door.popleft()
            if not waiting.decided.called:
                waiting.decided.callback(None)
        if not self._door:
            self.overloaded = False
            _log.info("no longer overloaded")

    def _refuse(self, waiting: Waiting) -> None:
        if not waiting.decided.called:
            waiting.decided.errback(_overloaded())


def _overloaded() -> Refusal:
    return Refusal(SessionCode.OVERLOADED, SessionCode.OVERLOADED.text)
