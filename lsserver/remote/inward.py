"""
Requests that a remote Metadata Adapter makes: to close a session, to end a
subscription (remote-adapters.md 14).

A remote may make them while it is still being asked about the session or the
subscription; then they wait for the end of that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from lsserver.adapters.tables import TableInfo
from lsserver.remote import requests
from lsserver.remote.codec import encode
from lsserver.remote.notifications import TerminationRequest, UnsubscriptionRequest
from lsserver.remote.replies import TableGrants

_log = Logger(namespace="LightstreamerProxyAdapters")


class Table:
    """
    A subscription that the remote knows or is asked about.

    @ivar grants: C{None} until it has been accepted.
    """

    __slots__ = ("grants", "info")

    def __init__(self, info: TableInfo) -> None:
        self.info = info
        self.grants: TableGrants | None = None


MAX_HELD = 100
"""Requests of the remote that wait for its own answer about the session or subscription they are for."""

TOO_MANY = "too many requests wait for the answer to another one"


class RemoteSession:
    """
    A session that the remote knows or is asked about.

    @ivar time_to_live: seconds, 0 = no limit.
    @ivar tables: its subscriptions by number.
    """

    __slots__ = ("tables", "time_to_live")

    def __init__(self) -> None:
        self.time_to_live = 0
        self.tables: dict[int, Table] = {}


class Inward:
    """
    @ivar sessions: by id.
    @param terminate: closes a session of the server.
    """

    def __init__(self, label: str, terminate: Callable[[str, int | None, str | None], Deferred[None]]) -> None:
        self.sessions: dict[str, RemoteSession] = {}
        self._label = label
        self._terminate = terminate
        self._opening: dict[str, list[Callable[[], None]]] = {}
        self._subscribing: dict[tuple[str, int], list[Callable[[], None]]] = {}

    def opening(self, session_id: str) -> RemoteSession:
        """The remote is being asked about a session."""
        self._opening[session_id] = []
        session = self.sessions[session_id] = RemoteSession()
        return session

    def opened(self, session_id: str, accepted: bool) -> None:
        """It has answered."""
        if not accepted:
            self.sessions.pop(session_id, None)
        for held in self._opening.pop(session_id, ()):
            held()

    def subscribing(self, session_id: str, info: TableInfo) -> Table:
        """The remote is being asked about a subscription."""
        self._subscribing[session_id, info.win_index] = []
        table = Table(info)
        session = self.sessions.get(session_id)
        if session is not None:
            session.tables[info.win_index] = table
        return table

    def subscribed(self, session_id: str, win_index: int, accepted: bool) -> None:
        """It has answered."""
        if not accepted:
            self.unsubscribed(session_id, win_index)
        for held in self._subscribing.pop((session_id, win_index), ()):
            held()

    def unsubscribed(self, session_id: str, win_index: int) -> TableGrants:
        """The subscription has ended. What the remote had asked for is returned."""
        session = self.sessions.get(session_id)
        table = None if session is None else session.tables.pop(win_index, None)
        return TableGrants() if table is None or table.grants is None else table.grants

    def terminate(self, request: TerminationRequest, reply: Callable[[str], None]) -> None:
        """
        C{FST}.

        @param reply: sends the answer, which comes always.
        """

        def refuse(text: str) -> None:
            reply(self._refused("FST", request.request_id, text))

        if self._waits(self._opening.get(request.session_id), partial(self.terminate, request, reply), refuse):
            return
        if request.code is not None and request.code > 0:
            refuse("the code must not be positive")
            return
        work = self._terminate(request.session_id, request.code, request.message)
        self._finish(work, requests.line(request.request_id, "FST", "V"), request.request_id, reply)

    def unsubscribe(self, request: UnsubscriptionRequest, reply: Callable[[str], None]) -> None:
        """C{FUS}."""
        held = self._subscribing.get((request.session_id, request.win_index))
        again = partial(self.unsubscribe, request, reply)
        if self._waits(held, again, lambda text: reply(self._refused("FUS", request.request_id, text))):
            return
        session = self.sessions.get(request.session_id)
        table = None if session is None else session.tables.get(request.win_index)
        if table is None:
            # It is gone, which is what the remote wants.
            reply(requests.line(request.request_id, "FUS", "B|1"))
        elif table.grants is None or not table.grants.may_unsubscribe:
            reply(requests.line(request.request_id, "FUS", "B|0"))
        else:
            success = requests.line(request.request_id, "FUS", "B|1")
            self._finish(table.info.force_unsubscription(), success, request.request_id, reply)

    def _waits(
        self, held: list[Callable[[], None]] | None, again: Callable[[], None], refuse: Callable[[str], None]
    ) -> bool:
        """
        Whether the remote is still being asked about what its request is for. That is performed C{again} then, when
        the remote has answered.
        """
        if held is None:
            return False
        if len(held) < MAX_HELD:
            held.append(again)
        else:
            refuse(TOO_MANY)
        return True

    def _finish(self, work: Deferred[None], success: str, request_id: str, reply: Callable[[str], None]) -> None:
        """Answer when the work is done; C{success} is the whole answer."""
        method = success.split("|")[1]

        def failed(failure: Any) -> None:
            _log.failure("{label}: {method} has failed", failure, label=self._label, method=method)
            reply(self._refused(method, request_id, failure.getErrorMessage()))

        work.addCallbacks(lambda _: reply(success), failed)

    def _refused(self, method: str, request_id: str, text: str) -> str:
        return requests.line(request_id, method, "E", encode(text))
