"""
What a session is bound to: one HTTP response, or a WebSocket until the next bind.

This module is what both have in common: the session that belongs to the
connection, and what becomes of it when the connection is lost.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from lsserver.engine.client import Client
from lsserver.engine.connection import IStreamConnection
from lsserver.engine.kernel import Kernel
from lsserver.engine.session import Session
from lsserver.tlcp.codes import SessionCode
from lsserver.tlcp.requests import BindSession, CreateSession

_log = Logger(namespace="LightstreamerLogger.connections")


class StreamConnection:
    """
    The part of an L{IStreamConnection} that does not write.

    @ivar writable: as in L{IStreamConnection}.
    @ivar over: nothing may be written any more.
    @ivar session: the session that was bound here last; C{None} until the request is decided.
    """

    __slots__ = ("_creating", "_drained_early", "over", "session", "writable")

    def __init__(self) -> None:
        self.writable = True
        self.over = False
        self.session: Session | None = None
        self._creating: Deferred[Any] | None = None
        self._drained_early = False

    def create(self, kernel: Kernel, request: CreateSession, client: Client) -> Deferred[None]:
        """
        Ask for a new session. Fires when that is decided, whatever came of it, or
        when the connection is lost before.
        """
        decided: Deferred[Any] = kernel.create_session(request, self._provided(), client)
        # It may have fired already, and then this is undone at once.
        self._creating = decided
        return decided.addCallback(self._bound).addErrback(self._failed, client)

    def bind(self, kernel: Kernel, request: BindSession, client: Client, implicit: Session | None = None) -> None:
        """Ask for a session that exists."""
        try:
            self._bound(kernel.bind_session(request, self._provided(), client, implicit))
        except Exception:
            self._failed(Failure(), client)

    def _provided(self) -> IStreamConnection:
        raise NotImplementedError

    def refuse(self, line: bytes) -> None:
        """As in L{IStreamConnection}."""
        raise NotImplementedError

    def _bound(self, session: Session | None) -> None:
        self._creating = None
        self.session = session
        if session is not None and self._drained_early:
            session.stream_writable(self._provided())

    def _failed(self, failure: Failure, client: Client) -> None:
        self._creating = None
        if failure.check(CancelledError) and self.over:
            return
        _log.failure("a session request failed", failure)
        if not self.over:
            code = SessionCode.INTERNAL_ERROR
            self.refuse(client.dialect.conerr(code, code.text))

    def lost(self) -> None:
        """The connection is gone."""
        if self.over:
            return
        self.over = True
        if self._creating is not None:
            self._creating.cancel()
        elif self.session is not None:
            self.session.stream_lost(self._provided())

    def congested(self) -> None:
        """As in L{WriterOwner<lsserver.transport.direct.WriterOwner>}."""
        self.writable = False
        if self.session is not None and not self.over:
            self.session.stream_congested(self._provided())

    def drained(self) -> None:
        """As in L{WriterOwner<lsserver.transport.direct.WriterOwner>}."""
        self.writable = True
        if self.session is None:
            self._drained_early = True
        elif not self.over:
            self.session.stream_writable(self._provided())
