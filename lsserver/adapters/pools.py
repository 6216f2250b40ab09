"""
The pools of an adapter set (adapters-api.md 20 and 22).

A L{Lane} bounds how many calls of one kind are under way and queues the rest.
All bookkeeping happens in the reactor thread; calls of blocking adapters are
carried out by daemon threads of the lane, never by those of the reactor, so
that an adapter that hangs can stop neither name resolution nor the process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

DEFAULT_MAX_SIZE = 100
"""Threads of a lane that is not configured. They are started when needed."""

DEFAULT_MAX_FREE = 10
"""Idle threads that such a lane keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """
    One pool element of C{adapters.xml}.

    @ivar max_size: threads, for blocking adapters; zero = no limit, C{None} = default.
    @ivar max_free: idle threads kept; C{None} = C{max_size} where that is given.
    @ivar max_pending_requests: calls of other adapters that may be unanswered at
        a time; zero, less or C{None} = no limit.
    @ivar max_queue: queued calls beyond which the lane counts as overloaded;
        C{None} or less than zero = never.
    """

    max_size: int | None = None
    max_free: int | None = None
    max_pending_requests: int | None = None
    max_queue: int | None = None


class _Worker:
    """A daemon thread; runs what it is given, one after the other."""

    def __init__(self, name: str) -> None:
        self._inbox: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while (task := self._inbox.get()) is not None:
            task()

    def run(self, task: Callable[[], None]) -> None:
        self._inbox.put(task)

    def quit(self) -> None:
        self._inbox.put(None)


class Job:
    """
    One call in a lane.

    @ivar done: fires with what the call returned, or its Failure.
    @ivar running: the Deferred that a call which does not block has returned.
    """

    __slots__ = ("_lane", "blocking", "done", "function", "given_up", "running", "started")

    def __init__(self, lane: Lane, function: Callable[[], Any], blocking: bool) -> None:
        self._lane = lane
        self.function = function
        self.blocking = blocking
        self.done: Deferred[Any] = Deferred()
        self.running: Deferred[Any] | None = None
        self.started = False
        self.given_up = False

    @property
    def lane_name(self) -> str:
        """Name of the lane."""
        return self._lane.name

    def give_up(self) -> bool:
        """
        Nobody waits any more: take the call out of the queue, or count its place
        as free although it still runs.

        @return: whether it will never run.
        """
        return self._lane.give_up(self)


class _Gate:
    """Calls under way and calls waiting."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.active = 0
        self.waiting: deque[Job] = deque()
        self.starting = False

    def admits(self) -> bool:
        return self.limit is None or self.active < self.limit


class Lane:
    """
    Calls of one kind to one adapter set.

    @ivar name: for logs and management, such as C{DEMO.AUTHENTICATION}.
    @ivar settings: what was configured.
    """

    def __init__(
        self,
        name: str,
        reactor: IReactorFromThreads,
        settings: PoolSettings | None = None,
        *,
        asynchronous_limit: int | None = None,
    ) -> None:
        """
        @param asynchronous_limit: calls of adapters that do not block which may be
            unanswered at a time; C{None} = what C{max_pending_requests} says.
        """
        self.name = name
        self.settings = settings = PoolSettings() if settings is None else settings
        self._reactor = reactor
        size = DEFAULT_MAX_SIZE if settings.max_size is None else settings.max_size
        free = settings.max_free
        if free is None:
            free = DEFAULT_MAX_FREE if settings.max_size is None else size
        self._max_free = free
        limit = settings.max_pending_requests if asynchronous_limit is None else asynchronous_limit
        self._blocking = _Gate(size if size > 0 else None)
        self._asynchronous = _Gate(limit if limit is not None and limit > 0 else None)
        self._idle: list[_Worker] = []
        self._threads = 0
        self._stopped = False

    @property
    def limits_asynchronous(self) -> bool:
        """Whether calls of adapters that do not block must go through L{submit}."""
        return self._asynchronous.limit is not None

    @property
    def waiting(self) -> int:
        """Queued calls."""
        return len(self._blocking.waiting) + len(self._asynchronous.waiting)

    @property
    def active(self) -> int:
        """Calls under way that went through L{submit}."""
        return self._blocking.active + self._asynchronous.active

    @property
    def threads(self) -> int:
        """Threads alive, busy or idle."""
        return self._threads

    @property
    def overloaded(self) -> bool:
        """Whether new sessions should be refused because of this lane."""
        limit = self.settings.max_queue
        return limit is not None and limit >= 0 and self.waiting > limit

    def submit(self, function: Callable[[], Any], blocking: bool) -> Job:
        """
        Call C{function}, in a thread when C{blocking}, as soon as there is place.
        Its place is free again when it has returned, and when the Deferred that
        it returned has fired if it was not blocking.
        """
        job = Job(self, function, blocking)
        gate = self._gate(job)
        if self._stopped:
            job.done.errback(CancelledError(f"{self.name} has been stopped"))
        elif gate.admits():
            self._start(gate, job)
        else:
            gate.waiting.append(job)
        return job

    def give_up(self, job: Job) -> bool:
        """See L{Job.give_up}."""
        gate = self._gate(job)
        if not job.started:
            if job in gate.waiting:
                gate.waiting.remove(job)
            return True
        if not job.given_up and not job.done.called:
            job.given_up = True
            self._free(gate)
        return False

    def stop(self) -> None:
        """No more calls: those queued fail, threads end when what they run has returned."""
        self._stopped = True
        for gate in (self._blocking, self._asynchronous):
            while gate.waiting:
                gate.waiting.popleft().done.errback(CancelledError(f"{self.name} has been stopped"))
        while self._idle:
            self._retire(self._idle.pop())

    def _gate(self, job: Job) -> _Gate:
        return self._blocking if job.blocking else self._asynchronous

    def _start(self, gate: _Gate, job: Job) -> None:
        gate.active += 1
        job.started = True
        if not job.blocking:
            self._call(job)
            return
        if self._idle:
            worker = self._idle.pop()
        else:
            self._threads += 1
            worker = _Worker(f"lsserver {self.name}")
        worker.run(lambda: self._in_thread(job, worker))

    def _call(self, job: Job) -> None:
        try:
            result = job.function()
        except Exception:
            result = Failure()
        if isinstance(result, Deferred):
            job.running = result
            result.addBoth(lambda outcome: self._finished(job, outcome))
        else:
            self._finished(job, result)

    def _in_thread(self, job: Job, worker: _Worker) -> None:
        try:
            outcome = job.function()
        except Exception:
            outcome = Failure()
        except BaseException as error:
            # Somebody in the reactor thread waits for an outcome, whatever it is.
            outcome = Failure(RuntimeError(f"{type(error).__name__} raised in {self.name}: {error}"))
        self._reactor.callFromThread(self._returned, job, worker, outcome)

    def _returned(self, job: Job, worker: _Worker, outcome: Any) -> None:
        if self._stopped or len(self._idle) >= self._max_free:
            self._retire(worker)
        else:
            self._idle.append(worker)
        self._finished(job, outcome)

    def _finished(self, job: Job, outcome: Any) -> None:
        if not job.given_up:
            self._free(self._gate(job))
        if isinstance(outcome, Failure):
            job.done.errback(outcome)
        else:
            job.done.callback(outcome)

    def _free(self, gate: _Gate) -> None:
        gate.active -= 1
        if gate.starting:
            # A call that we started below has returned at once: the loop goes on.
            return
        gate.starting = True
        try:
            while gate.waiting and gate.admits():
                self._start(gate, gate.waiting.popleft())
        finally:
            gate.starting = False

    def _retire(self, worker: _Worker) -> None:
        self._threads -= 1
        worker.quit()
