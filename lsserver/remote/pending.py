"""The requests of one connection that have no answer yet (remote-adapters.md 2.4, 2.5, 8.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from lsserver.adapters.errors import AdapterTimeoutError
from lsserver.remote import requests
from lsserver.remote.codec import CodecError, Decoder
from lsserver.remote.replies import Reply

MANY_TIMEOUTS = 3
"""Requests in a row without an answer after which the remote is said to hang."""

_log = Logger(namespace="LightstreamerProxyAdapters")


class RequestTimeoutError(AdapterTimeoutError):
    """The remote has not answered within C{timeout}, but may have done what it was asked."""


@dataclass(slots=True)
class _Request:
    method: str
    answer: Deferred[Reply]
    timer: IDelayedCall | None


class PendingRequests:
    """
    @param label: the adapter and its peer, for logs.
    @param generation: makes the ids of this connection differ from those of all others.
    @param send: writes a line.
    """

    def __init__(self, label: str, generation: str, clock: IReactorTime, send: Callable[[str], None]) -> None:
        self._label = label
        self._generation = generation
        self._clock = clock
        self._send = send
        self._last = 0
        self._requests: dict[str, _Request] = {}
        self._unanswered = 0

    def new_id(self) -> str:
        """An id that was never used."""
        self._last += 1
        return f"{self._last:x}{self._generation}"

    def ask(
        self, method: str, arguments: Iterable[str], timeout: int | None, request_id: str | None = None
    ) -> Deferred[Reply]:
        """
        Send a request.

        @param timeout: milliseconds, C{None} = no limit.
        @param request_id: from L{new_id}.
        @return: the answer, or the exception that it stands for, or
            L{RequestTimeoutError}.
        """
        if request_id is None:
            request_id = self.new_id()
        answer: Deferred[Reply] = Deferred(lambda _: self._forget(request_id))
        timer = None if timeout is None else self._clock.callLater(timeout / 1_000, self._expired, request_id, timeout)
        self._requests[request_id] = _Request(method, answer, timer)
        self._send(requests.line(request_id, method, *arguments))
        return answer

    def answered(self, tokens: list[str], decode: Decoder) -> bool:
        """
        A line that is no notification.

        @return: whether somebody has waited for it.
        """
        request = self._requests.get(tokens[0])
        if request is None or request.method != tokens[1]:
            return False
        self._forget(tokens[0])
        self._unanswered = 0
        reply = Reply(tokens, decode)
        try:
            error: Exception | None = reply.error()
        except CodecError as wrong:
            error = reply.unexpected(f"{request.method}: {wrong}")
        if error is None:
            request.answer.callback(reply)
        else:
            request.answer.errback(error)
        return True

    def fail(self, error: Exception) -> None:
        """No answer will come any more."""
        while self._requests:
            request_id, request = next(iter(self._requests.items()))
            self._forget(request_id)
            request.answer.errback(error)

    def _forget(self, request_id: str) -> None:
        request = self._requests.pop(request_id, None)
        if request is not None and request.timer is not None and request.timer.active():
            request.timer.cancel()

    def _expired(self, request_id: str, limit: int) -> None:
        request = self._requests.pop(request_id)
        self._unanswered += 1
        if self._unanswered == MANY_TIMEOUTS:
            _log.error(
                "{label}: {count} requests in a row have not been answered; the remote seems to hang",
                label=self._label,
                count=self._unanswered,
            )
        text = f"{self._label}: {request.method} has not been answered within {limit} ms"
        request.answer.errback(RequestTimeoutError(text))
