"""
The gate between the interest in one item and the Data Adapter (adapters-api.md 13, 23.7).

C{subscribe} and C{unsubscribe} of an item strictly alternate and never overlap. There
is no queue of calls: while one is on its way only the wish is noted, and compared with
what is when the call has come back, so a quick unsubscribe and subscribe collapse.

The whole life of a gate, C{state → event → state}:

=============  ==================  ====================================
IDLE           wanted              SUBSCRIBING (calls subscribe)
SUBSCRIBING    returned, wanted    ACTIVE
SUBSCRIBING    returned, unwanted  UNSUBSCRIBING (calls unsubscribe)
SUBSCRIBING    raised              FAILED
ACTIVE         unwanted            UNSUBSCRIBING (calls unsubscribe)
UNSUBSCRIBING  returned or raised  IDLE, or SUBSCRIBING if wanted again
FAILED         unwanted            IDLE
=============  ==================  ====================================
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum

from twisted.internet.defer import Deferred


class State(Enum):
    """See the table above."""

    IDLE = "idle"
    SUBSCRIBING = "subscribing"
    ACTIVE = "active"
    UNSUBSCRIBING = "unsubscribing"
    FAILED = "failed"


class Gate:
    """
    @ivar open: events of the adapter are let through, from the moment before it is
        asked to subscribe.
    @param subscribe: asks the adapter; what it raises makes the item fail.
    @param unsubscribe: asks the adapter; must not raise.
    @param released: called when the gate has become idle.
    """

    __slots__ = ("_released", "_subscribe", "_unsubscribe", "_waiting", "_wanted", "open", "state")

    def __init__(
        self,
        subscribe: Callable[[], Awaitable[None]],
        unsubscribe: Callable[[], Awaitable[None]],
        released: Callable[[], None],
    ) -> None:
        self._subscribe = subscribe
        self._unsubscribe = unsubscribe
        self._released = released
        self._wanted = False
        self._waiting: list[Deferred[bool]] = []
        self.state = State.IDLE
        self.open = False

    def _enter(self, state: State) -> None:
        self.state = state
        self.open = state in (State.SUBSCRIBING, State.ACTIVE)

    def want(self, wanted: bool) -> None:
        """Somebody is interested, or nobody any more."""
        self._wanted = wanted
        if wanted and self.state is State.IDLE:
            self._start(self._run_subscribe())
        elif not wanted and self.state is State.ACTIVE:
            self._start(self._run_unsubscribe())
        elif not wanted and self.state is State.FAILED:
            self._idle()

    def settled(self) -> Deferred[bool]:
        """Fires with True once the item is subscribed, with False if that failed or is not wanted any more."""
        waiter: Deferred[bool] = Deferred()
        if self.state in (State.SUBSCRIBING, State.UNSUBSCRIBING):
            self._waiting.append(waiter)
        else:
            waiter.callback(self.state is State.ACTIVE)
        return waiter

    def retire(self) -> None:
        """
        Nobody will want the item any more. Those whom the gate calls know it: without this they would stay in
        memory until the garbage collector comes.
        """
        del self._subscribe, self._unsubscribe, self._released

    def _start(self, call: Awaitable[None]) -> None:
        Deferred.fromCoroutine(call)  # type: ignore[arg-type]

    async def _run_subscribe(self) -> None:
        self._enter(State.SUBSCRIBING)
        try:
            await self._subscribe()
        except Exception:
            # Logged where the adapter is called. Clients keep a valid subscription
            # that gets nothing, and there is no retry until all interest is gone.
            self._enter(State.FAILED)
            self._settle(False)
            # Whoever was told may have given up, and with that everything is done already.
            if not self._wanted and self.state is State.FAILED:
                self._idle()
            return
        if self._wanted:
            self._enter(State.ACTIVE)
            self._settle(True)
        else:
            await self._run_unsubscribe()

    async def _run_unsubscribe(self) -> None:
        self._enter(State.UNSUBSCRIBING)
        await self._unsubscribe()
        self._idle()

    def _idle(self) -> None:
        self._enter(State.IDLE)
        self._released()
        if self._wanted:
            self._start(self._run_subscribe())
        else:
            self._settle(False)

    def _settle(self, active: bool) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(active)
