"""
What the Metadata Adapter is told of the subscriptions of one session (adapters-api.md 8).

A close never overtakes the opening it belongs to, and the end of the session is told
after every one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred, DeferredLock, succeed
from twisted.logger import Logger

from lsserver.adapters.tables import SubscriptionStatistics, TableInfo

if TYPE_CHECKING:
    from lsserver.adapters.calls import MetadataHandle

_log = Logger(namespace="LightstreamerLogger.subscriptions")

R = TypeVar("R")


class TableNotifications:
    """
    @param sequential: one call at a time, C{sequentialize_table_notifications}.
    """

    def __init__(self, metadata: MetadataHandle, user: str | None, session_id: str, sequential: bool) -> None:
        self._metadata = metadata
        self._user = user
        self._session_id = session_id
        self._lock = DeferredLock() if sequential else None
        self._running = 0
        self._ended = False
        self._idle: list[Deferred[None]] = []

    async def opened(self, table: TableInfo) -> bool:
        """
        Ask the adapter; what it raises refuses the subscription.

        @return: False if the session ended meanwhile: the adapter knows of no table then.
        """
        return await self._run(self._open(table))

    async def _open(self, table: TableInfo) -> bool:
        if not await self._in_turn(lambda: self._ask(table)):
            return False
        # Looked at after its turn, because the next call may be one that ends the session.
        if self._ended:
            # Told here and now, because the end of the session waits for this call only.
            nothing = [SubscriptionStatistics(0, 0, 0) for _ in table.subscribed_items]
            await self._in_turn(lambda: self._close(final(table, nothing)))
            return False
        return True

    async def _ask(self, table: TableInfo) -> bool:
        if self._ended:
            return False
        await self._metadata.notify_new_tables(self._user, self._session_id, [table])
        return True

    def closed(self, table: TableInfo, statistics: list[SubscriptionStatistics]) -> None:
        """Tell the adapter; what it raises is only logged."""
        Deferred.fromCoroutine(self._run(self._in_turn(lambda: self._close(final(table, statistics)))))

    async def _close(self, table: TableInfo) -> None:
        try:
            await self._metadata.notify_tables_close(self._session_id, [table])
        except Exception:
            _log.failure("notify_tables_close failed for session {session}", session=self._session_id)

    async def _in_turn(self, call: Callable[[], Coroutine[Any, Any, R]]) -> R:
        if self._lock is None:
            return await call()
        await self._lock.acquire()
        try:
            return await call()
        finally:
            self._lock.release()

    async def _run(self, call: Coroutine[Any, Any, R]) -> R:
        """Have the end of the session wait for a call."""
        self._running += 1
        try:
            return await call
        finally:
            self._running -= 1
            if not self._running:
                idle, self._idle = self._idle, []
                for waiter in idle:
                    waiter.callback(None)

    def end(self) -> None:
        """The session is over: what is not open yet does not open any more."""
        self._ended = True

    async def idle(self) -> None:
        """Wait until no call is on its way."""
        if self._running:
            waiter: Deferred[None] = Deferred()
            self._idle.append(waiter)
            await waiter


def final(table: TableInfo, statistics: list[SubscriptionStatistics]) -> TableInfo:
    """The table as it is shown when it is closed."""
    return replace(table, subscription_statistics=statistics, force_unsubscription=lambda: succeed(None))
