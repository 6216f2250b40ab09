"""
Calls from any thread, made in the reactor thread in batches: one wake-up of the
reactor for many calls, a bounded number of calls in a turn, and a bounded number
that wait. The order of the calls of one thread is kept.

A thread that calls when too many calls wait has to wait itself, until the reactor has
caught up with half of them. The reactor thread never waits; but it may be waiting for
that very thread, for a lock or for its end. So a thread that sees the reactor make no
call at all for L{PATIENCE} goes on, one call further: nothing locks up, and what waits
grows by one call a second of each thread at most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Condition, get_ident
from time import monotonic
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.logger import Logger

CALLS_PER_TURN = 500
"""How many calls are made before the reactor may do something else."""

MAX_QUEUED = 10_000
"""Calls that may wait, if nothing else is configured."""

PATIENCE = 1.0
"""Seconds without any progress after which a thread no longer waits for the reactor."""

SECONDS_BETWEEN_REPORTS = 60.0
"""How often is told that threads have to wait."""

_log = Logger(namespace="LightstreamerLogger.adapters")


class ReactorCalls:
    """
    Calls from any thread, made in the thread that created this object.

    @param label: the adapter in log lines.
    @param limit: how many calls may wait, in round figures: each thread may add one.
    """

    def __init__(self, reactor: Any, label: str, limit: int = MAX_QUEUED, patience: float = PATIENCE) -> None:
        self._reactor = reactor
        self._label = label
        self._limit = limit
        self._patience = patience
        self._thread = get_ident()
        self._queue: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        # Guards what is below. The queue needs no guard: both of its ends are atomic.
        self._room = Condition()
        self._awake = False
        self._closed = False
        self._made = 0
        self._waiting = 0
        self._slowed = 0
        self._told = -SECONDS_BETWEEN_REPORTS

    @property
    def queued(self) -> int:
        """Calls not made yet."""
        return len(self._queue)

    def here(self) -> bool:
        """Whether this is the reactor thread."""
        return get_ident() == self._thread

    def queue(self, function: Callable[..., None], *args: Any) -> None:
        """
        Call C{function} in the reactor thread, soon; wait if too many calls wait.
        Ignored once this is closed.
        """
        self.queue_at_once(function, *args)
        if len(self._queue) > self._limit:
            self._wait()

    def queue_at_once(self, function: Callable[..., None], *args: Any) -> None:
        """As L{queue}, without any wait."""
        if self._closed:
            return
        self._queue.append((function, args))
        if not self._awake:
            with self._room:
                if self._awake:
                    return
                self._awake = True
            self._reactor.callFromThread(self._drain)

    def deferred(self, function: Callable[[], Deferred[Any]]) -> Deferred[Any]:
        """What C{function} comes to when called in the reactor thread, where the result fires."""
        if self.here():
            return function()
        if self._closed:
            return fail(CancelledError(f"{self._label}: the server stops"))
        result: Deferred[Any] = Deferred()
        self.queue(lambda: _chain(function, result))
        return result

    def close(self) -> None:
        """Nobody is interested any more: let go of threads that wait, and take no calls."""
        with self._room:
            self._closed = True
            self._room.notify_all()

    def _wait(self) -> None:
        with self._room:
            self._waiting += 1
            self._slowed += 1
            made = self._made
            while len(self._queue) > self._limit // 2 and not self._closed:
                if not self._room.wait(self._patience) and self._made == made:
                    break
                made = self._made
            self._waiting -= 1

    def _drain(self) -> None:
        queue = self._queue
        made = 0
        while made < CALLS_PER_TURN:
            try:
                function, args = queue.popleft()
            except IndexError:
                break
            made += 1
            try:
                function(*args)
            except Exception:
                _log.failure("{label}: a call that it made from a thread of its own has failed", label=self._label)
        with self._room:
            self._made += made
            if self._waiting and len(queue) <= self._limit // 2:
                self._room.notify_all()
            # Whoever appends from here on sees that it has to wake the reactor, or is seen here.
            self._awake = False
            if queue:
                self._awake = True
                self._reactor.callLater(0, self._drain)
        if self._slowed and monotonic() - self._told >= SECONDS_BETWEEN_REPORTS:
            self._told = monotonic()
            _log.warn(
                "{label}: its threads make more events than the server can take and have to wait, {count} times so far",
                label=self._label,
                count=self._slowed,
            )
            self._slowed = 0


def _chain(function: Callable[[], Deferred[Any]], result: Deferred[Any]) -> None:
    try:
        function().chainDeferred(result)
    except Exception:
        result.errback()
