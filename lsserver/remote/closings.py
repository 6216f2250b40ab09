"""
Close notifications, C{NTC} and C{NSC}, which a robust proxy keeps for the next
remote (remote-adapters.md 16.3).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from lsserver.adapters.errors import MetadataError
from lsserver.remote.codec import CodecError
from lsserver.remote.counterpart import Counterpart, RemoteAwayError
from lsserver.remote.pending import RequestTimeoutError
from lsserver.remote.replies import RemoteMetadataError
from lsserver.remote.settings import CloseRecovery
from lsserver.remote.versions import Dialect

MAX_KEPT = 100_000
"""Notifications kept while there is no remote; beyond it the oldest are lost."""

_log = Logger(namespace="LightstreamerProxyAdapters")


@dataclass(slots=True, eq=False)
class Closing:
    """
    One notification.

    @ivar arguments: makes them for a remote of some version.
    @ivar processed: the remote has answered, or has not in time.
    @ivar answered: it has answered.
    """

    method: str
    arguments: Callable[[Dialect], list[str]]
    processed: bool = False
    answered: bool = False


class Closings:
    """
    @ivar kept: in the order of the calls, from the first that was not surely processed.
    """

    def __init__(self, label: str, recovery: CloseRecovery, robust: bool) -> None:
        self._label = label
        self._recovery = recovery
        self._robust = robust
        self.kept: deque[Closing] = deque()

    async def tell(self, remote: Counterpart | None, closing: Closing) -> None:
        """
        Tell the remote, or keep the notification for the next one.

        @raise MetadataError: what the remote has raised.
        @raise RequestTimeoutError: it has not answered.
        """
        if remote is None and not self._robust:
            raise RemoteMetadataError(f"{self._label}: the remote is away")
        if self._recovery is not CloseRecovery.UNNEEDED:
            self._keep(closing)
        if remote is not None:
            await self._send(remote, closing)

    def _keep(self, closing: Closing) -> None:
        self.kept.append(closing)
        if len(self.kept) > MAX_KEPT:
            self.kept.popleft()
            _log.warn("{label}: a close notification is lost, more than {max} wait", label=self._label, max=MAX_KEPT)

    async def _send(self, remote: Counterpart, closing: Closing) -> None:
        try:
            reply = await remote.ask(closing.method, closing.arguments(remote.dialect))
            closing.answered = True
            self._processed(closing)
            reply.void()
        except RemoteAwayError as error:
            if not self._robust:
                raise RemoteMetadataError(str(error)) from None
        except RequestTimeoutError:
            self._processed(closing)
            raise
        except CodecError as error:
            raise RemoteMetadataError(f"{closing.method}: {error}") from None
        except MetadataError:
            closing.answered = True
            self._processed(closing)
            raise

    def _processed(self, closing: Closing) -> None:
        closing.processed = True
        while self.kept and self.kept[0].processed:
            self.kept.popleft()

    def resume(self, remote: Counterpart) -> None:
        """Another remote is there: what it must hear goes out before anything else."""
        waiting = list(self.kept)
        if self._recovery is CloseRecovery.OPTIMISTIC:
            answered = [index for index, closing in enumerate(waiting) if closing.answered]
            waiting = waiting[answered[-1] + 1 :] if answered else waiting
        self.kept = deque(waiting)
        for closing in waiting:
            closing.processed = closing.answered = False
        if waiting:
            _log.info("{label}: {count} close notifications are sent again", label=self._label, count=len(waiting))
        for closing in waiting:
            Deferred.fromCoroutine(self._send(remote, closing)).addErrback(self._log_failed, closing)

    def _log_failed(self, failure: Failure, closing: Closing) -> None:
        _log.warn(
            "{label}: {method}: {error}", label=self._label, method=closing.method, error=failure.getErrorMessage()
        )
