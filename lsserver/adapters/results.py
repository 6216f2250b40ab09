"""What adapter methods return, as Deferreds that belong to the server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any
from weakref import WeakKeyDictionary

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure


class _FanOut:
    """The one callback on an adapter's Deferred, for everybody who got it."""

    def __init__(self) -> None:
        self.fired = False
        self.outcome: Any = None
        self.waiting: list[Deferred[Any]] = []

    def fire(self, outcome: Any) -> None:
        self.fired, self.outcome = True, outcome
        # One by one, since a callback may cancel those that still wait.
        while self.waiting:
            deferred = self.waiting.pop(0)
            if isinstance(outcome, Failure):
                deferred.errback(outcome)
            else:
                deferred.callback(outcome)


class Results:
    """
    Adapters may answer several calls with the same Deferred, such as two logins
    of one user which wait for one look-up. A Deferred has one chain of
    callbacks, so that the second caller would see what the first one left, an
    acceptance where there was a refusal. Here each caller gets its own.
    """

    def __init__(self) -> None:
        self._fans: WeakKeyDictionary[Deferred[Any], _FanOut] = WeakKeyDictionary()

    def deferred(self, awaitable: Awaitable[Any], cancellable: bool) -> Deferred[Any]:
        """
        @param cancellable: cancelling the result cancels the adapter's work, if
            nobody else waits for it.
        @return: a new Deferred with the outcome.
        """
        if not isinstance(awaitable, Deferred):
            if isinstance(awaitable, asyncio.Future):
                return Deferred.fromFuture(awaitable)
            return Deferred.fromCoroutine(_run(awaitable))
        fan = self._fans.get(awaitable)
        if fan is None:
            fan = self._fans[awaitable] = _FanOut()
            awaitable.addBoth(fan.fire)
        source = awaitable

        def cancel(caller: Deferred[Any]) -> None:
            fan.waiting.remove(caller)
            if cancellable and not fan.waiting:
                source.cancel()

        result: Deferred[Any] = Deferred(cancel)
        fan.waiting.append(result)
        if fan.fired:
            fan.fire(fan.outcome)
        return result


async def _run(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
