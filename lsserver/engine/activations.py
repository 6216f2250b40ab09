"""
The subscriptions of one session that are on their way: a client may repeat an C{add} whose
answer it misses, or delete what it has asked for before the answer is there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred

from lsserver.engine.refusal import Refusal
from lsserver.tlcp.codes import ControlCode

MAX_CLOSED = 1_000
"""Ids of closed subscriptions that are remembered, to tell a late C{add} from a new one."""


class Activations:
    """By the ids of the subscriptions, which the client chooses."""

    __slots__ = ("_closed", "_waiting")

    def __init__(self) -> None:
        # Made when they are needed: most sessions have subscriptions that stay. They are many.
        self._waiting: dict[int, list[Deferred[Exception | None]]] | None = None
        self._closed: deque[int] | tuple[()] = ()

    async def add(self, sub_id: int, activate: Callable[[], Awaitable[None]]) -> None:
        """
        Activate a subscription, or wait for the outcome if it is on its way already.

        @raise Refusal: it was closed meanwhile, or what C{activate} raised when it was asked first.
        """
        waiting = self._waiting
        if waiting is not None and sub_id in waiting:
            error = await self.outcome(sub_id)
            if error is not None:
                raise error
            return
        if sub_id in self._closed:
            raise Refusal(ControlCode.SUBSCRIPTION_NOT_FOUND, ControlCode.SUBSCRIPTION_NOT_FOUND.text)
        if waiting is None:
            waiting = self._waiting = {}
        waiting[sub_id] = []
        try:
            await activate()
        except Exception as error:
            self._finish(sub_id, error)
            raise
        self._finish(sub_id, None)

    async def outcome(self, sub_id: int) -> Exception | None:
        """Wait for an C{add} that is on its way, if there is one; why it failed."""
        if self._waiting is None or sub_id not in self._waiting:
            return None
        waiter: Deferred[Exception | None] = Deferred()
        self._waiting[sub_id].append(waiter)
        return await waiter

    def _finish(self, sub_id: int, outcome: Exception | None) -> None:
        assert self._waiting is not None
        waiters = self._waiting.pop(sub_id)
        if not self._waiting:
            self._waiting = None
        for waiter in waiters:
            waiter.callback(outcome)

    def closed(self, sub_id: int) -> None:
        """The subscription is no more, and will not come again."""
        if not self._closed:
            self._closed = deque(maxlen=MAX_CLOSED)
        self._closed.append(sub_id)
