"""
One call of one adapter method, whatever kind of adapter it is.

Methods of adapters that do not block are called in place; one that answers at
once costs no turn of the reactor. What answers later is watched: the log says
when it is slow, and a time limit or a caller that gives up ends the wait, never
the work of the adapter, which may still succeed (see C{late}).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NoReturn

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface.interface import Method

from lsserver.adapters.errors import AdapterTimeoutError, DataError, MetadataError
from lsserver.adapters.interfaces import IDataProvider, IMetadataProvider
from lsserver.adapters.pools import Job, Lane
from lsserver.adapters.reactor_calls import MAX_QUEUED
from lsserver.adapters.results import Results
from lsserver.adapters.sdk import translated

_log = Logger(namespace="LightstreamerLogger.adapters")


_TELLING = frozenset({"user", "session_id", "item", "item_name", "group", "schema"})
"""Names of the arguments that are logged when a call fails."""

_PLAIN = frozenset({bool, int, float, str, list, type(None)})
"""Of these types is what comes at once, nearly always; whether others are awaitable takes longer to find out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """
    @ivar unexpected_wait_threshold_millis: a call that takes longer is logged; 0 = none is.
    @ivar adapter_call_timeout_millis: a call that takes longer fails with
        L{AdapterTimeoutError}; 0 = no limit. A method that blocks the reactor
        thread cannot be interrupted, and C{initialize} may take as long as it needs.
    @ivar max_queued_events: how many events of one Data Adapter's own threads may
        wait for the reactor before those threads have to.
    """

    unexpected_wait_threshold_millis: int = 1_000
    adapter_call_timeout_millis: int = 0
    max_queued_events: int = MAX_QUEUED


class _Returned:
    """A result on its way out of a thread, which may be a Deferred itself."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Invoker:
    """
    Calls the methods of one adapter.

    @ivar label: the adapter in log lines, such as C{DEMO/QUOTE_ADAPTER}.
    @ivar blocking: call it in threads.
    """

    def __init__(self, label: str, blocking: bool, clock: IReactorTime, settings: CallSettings) -> None:
        self.label = label
        self.blocking = blocking
        self.settings = settings
        self._clock = clock
        self._results = Results()

    async def call(
        self,
        lane: Lane,
        method: str,
        function: Callable[..., Any],
        *args: Any,
        cancellable: bool = False,
        left: Callable[[Deferred[Any]], None] | None = None,
        limited: bool = True,
    ) -> Any:
        """
        @param method: the name, for log lines.
        @param cancellable: when the caller gives up, cancel the adapter's Deferred.
        @param left: called when the caller is told that the call failed although
            it goes on (time limit, or cancelled), with what it comes to in the end.
        @param limited: whether there is a time limit.
        @raise AdapterTimeoutError: the time limit has passed.
        @raise Exception: what the adapter raised, as the class of
            L{lsserver.adapters.errors} if there is one.
        """
        job: Job | None = None
        if self.blocking:
            job = lane.submit(lambda: _Returned(function(*args)), True)
            job.done.addCallback(self._out_of_thread, cancellable)
            pending = job.done
        elif lane.limits_asynchronous:
            job = lane.submit(lambda: self._here(method, function, args, cancellable), False)
            pending = job.done
        else:
            result = self._at_once(method, function, args, cancellable)
            if type(result) in _PLAIN or not isinstance(result, Deferred):
                return result
            pending = result
        return await self._outcome(pending, job, method, args, cancellable, left, limited)

    async def _outcome(
        self,
        pending: Deferred[Any],
        job: Job | None,
        method: str,
        args: tuple[Any, ...],
        cancellable: bool = False,
        left: Callable[[Deferred[Any]], None] | None = None,
        limited: bool = True,
    ) -> Any:
        limit = self.settings.adapter_call_timeout_millis if limited else 0
        try:
            return await self._watched(pending, job, method, cancellable, left, limit)
        except Exception as error:
            self._raise(method, args, error)

    def ask(self, lane: Lane, method: str, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """
        As L{call}, for one of many questions to an adapter that does not block: what it answers at once, as nearly all
        of them do, costs no coroutine.

        @return: the answer, or a coroutine that will have it.
        """
        if lane.limits_asynchronous:
            return self.call(lane, method, function, *args)
        result = self._at_once(method, function, args, False)
        if type(result) in _PLAIN or not isinstance(result, Deferred):
            return result
        return self._outcome(result, None, method, args)

    def resolve(self, value: Any) -> Deferred[Any]:
        """A Deferred with what an adapter's awaitable comes to. In the reactor thread only."""
        return self._results.deferred(value, False)

    def _raise(self, method: str, args: tuple[Any, ...], error: Exception) -> NoReturn:
        """Log what an adapter raised and raise what the engine knows for it."""
        known = translated(error)
        if isinstance(known, (MetadataError, DataError)):
            name = type(known).__name__
            _log.info("{label}: {method}: {name}: {error}", label=self.label, method=method, name=name, error=known)
        elif isinstance(known, AdapterTimeoutError):
            _log.error("{error}", error=known)
        elif not isinstance(known, CancelledError):
            _log.failure(
                "{label}: {method} has failed{about}", label=self.label, method=method, about=_about(method, args)
            )
        try:
            if known is error:
                raise error
            raise known from error
        finally:
            # The traceback knows this frame, and the frame must not know whose it is.
            del known, error

    def _at_once(self, method: str, function: Callable[..., Any], args: tuple[Any, ...], cancellable: bool) -> Any:
        """As L{_here}, of a call that nothing has to come before."""
        try:
            return self._here(method, function, args, cancellable)
        except Exception as error:
            self._raise(method, args, error)

    def _here(self, method: str, function: Callable[..., Any], args: tuple[Any, ...], cancellable: bool) -> Any:
        started = perf_counter()
        try:
            result = function(*args)
        except (SystemExit, GeneratorExit, asyncio.CancelledError) as error:
            raise RuntimeError(f"{self.label}: {method} has raised {type(error).__name__}") from error
        finally:
            threshold = self.settings.unexpected_wait_threshold_millis
            millis = (perf_counter() - started) * 1_000
            if 0 < threshold < millis:
                _log.warn(
                    "{label}: {method} has blocked the server for {millis:.0f} ms; "
                    "an adapter that waits should be declared blocking",
                    label=self.label,
                    method=method,
                    millis=millis,
                )
        if type(result) not in _PLAIN and isinstance(result, Awaitable):
            return self._results.deferred(result, cancellable)
        return result

    def _out_of_thread(self, returned: _Returned, cancellable: bool) -> Any:
        if isinstance(returned.value, Awaitable):
            return self._results.deferred(returned.value, cancellable)
        return returned.value

    def _watched(
        self,
        pending: Deferred[Any],
        job: Job | None,
        method: str,
        cancellable: bool,
        left: Callable[[Deferred[Any]], None] | None,
        limit: int,
    ) -> Deferred[Any]:
        """The outcome of C{pending} for the caller, who may cancel it at any time."""
        timers: list[IDelayedCall] = []
        eventual: Deferred[Any] | None = None

        def leave() -> None:
            nonlocal eventual
            eventual = Deferred()
            stop_timers()
            if left is not None:
                left(eventual)
            # What it comes to has been logged, whoever else wants to know.
            eventual.addErrback(lambda _: None)
            if job is not None and job.give_up():
                eventual.errback(CancelledError(f"{method} has not been called"))
            elif cancellable:
                (pending if job is None or job.running is None else job.running).cancel()

        def stop_timers() -> None:
            for timer in timers:
                if timer.active():
                    timer.cancel()

        outer: Deferred[Any] = Deferred(lambda _: leave())

        def fired(outcome: Any) -> None:
            if eventual is None:
                stop_timers()
                _fire(outer, outcome)
                return
            if not isinstance(outcome, Failure):
                _log.info("{label}: {method} succeeded too late", label=self.label, method=method)
            elif not isinstance(outcome.value, CancelledError):
                error = outcome.getErrorMessage()
                _log.info("{label}: {method} failed too late: {error}", label=self.label, method=method, error=error)
            _fire(eventual, outcome)

        def slow(millis: int) -> None:
            _log.warn(
                "{label}: {method} has not answered for {millis} ms (pool {lane})",
                label=self.label,
                method=method,
                millis=millis,
                lane="none" if job is None else job.lane_name,
            )

        def timed_out(millis: int) -> None:
            leave()
            outer.errback(AdapterTimeoutError(f"{self.label}: {method} has not answered within {millis} ms"))

        pending.addBoth(fired)
        if not outer.called:
            threshold = self.settings.unexpected_wait_threshold_millis
            if threshold > 0:
                timers.append(self._clock.callLater(threshold / 1_000, slow, threshold))
            if limit > 0:
                timers.append(self._clock.callLater(limit / 1_000, timed_out, limit))
        return outer


def _about(method: str, args: tuple[Any, ...]) -> str:
    """Who and what a call was about, without the secrets among its arguments."""
    for contract in (IMetadataProvider, IDataProvider):
        description = contract.get(method)
        if isinstance(description, Method):
            known = zip(description.positional, args, strict=False)
            return "".join(f", {name}={value!r}" for name, value in known if name in _TELLING)
    return ""


def _fire(deferred: Deferred[Any], outcome: Any) -> None:
    if isinstance(outcome, Failure):
        deferred.errback(outcome)
    else:
        deferred.callback(outcome)
