"""
What one connection of a session has agreed on, and its timers (tlcp.md 4.4, 10.2).

Everything here ends with the connection; what outlives it belongs to the session.
"""

from __future__ import annotations

from random import random
from typing import TYPE_CHECKING

from lsserver.engine.connection import IStreamConnection
from lsserver.engine.settings import EngineSettings
from lsserver.engine.wheel import Timer, Wheel
from lsserver.tlcp.requests import ConnectionParameters

if TYPE_CHECKING:
    from lsserver.engine.stream import Stream

LOOP_ROOM = 14
"""Bytes kept free in a response of limited length for C{LOOP} and its argument."""


def clamp(value: int, least: int, most: int) -> int:
    """C{value}, or the bound that it passes."""
    return max(least, min(value, most))


class Binding:
    """
    @ivar idle_millis: how long an empty poll is held.
    @ivar keepalive_millis: silence after which C{PROBE} is sent, streaming only.
    @ivar polling_millis: how long the client may stay away after this poll.
    @ivar room: bytes that the response may still take, C{None} on WebSocket.
    @ivar last_request: when the client last asked for anything.
    @ivar not_before: a poll is not answered before this time (C{min_interpoll_millis}).
    @ivar empty: no data notification was written yet.
    @ivar tail: what is written together with the end of a poll, which is about to come.
    """

    __slots__ = (
        "_inactivity",
        "_patience",
        "_patience_since",
        "_send_sync",
        "_settings",
        "_stream",
        "_timers",
        "_wheel",
        "bound_at",
        "closed",
        "connection",
        "empty",
        "idle_millis",
        "keepalive_millis",
        "last_request",
        "not_before",
        "polling",
        "polling_millis",
        "room",
        "tail",
    )

    def __init__(
        self,
        stream: Stream,
        connection: IStreamConnection,
        parameters: ConnectionParameters,
        settings: EngineSettings,
        wheel: Wheel,
    ) -> None:
        self._stream = stream
        self._wheel = wheel
        self._settings = settings
        self._timers: list[Timer] = []
        self.connection = connection
        self.polling = parameters.polling
        self.polling_millis = clamp(parameters.polling_millis, 0, settings.max_polling_millis) if self.polling else 0
        self.idle_millis = clamp(parameters.idle_millis, 0, settings.max_idle_millis)
        keepalive = parameters.keepalive_millis
        if keepalive is None:
            keepalive = settings.default_keepalive_millis
        self.keepalive_millis = clamp(keepalive, settings.min_keepalive_millis, settings.max_keepalive_millis)
        self._inactivity = parameters.inactivity_millis
        self._send_sync = parameters.send_sync
        self.room: int | None = None
        if not connection.websocket:
            length = parameters.content_length or settings.content_length
            self.room = max(length, settings.min_content_length)
        self.bound_at = self.last_request = wheel.now()
        self._patience_since, self._patience = self.bound_at, float(self.keepalive_millis)
        self.not_before = 0.0
        self.empty = True
        self.tail = b""
        self.closed = False

    @property
    def announced_millis(self) -> int:
        """Third argument of C{CONOK}."""
        return self.idle_millis if self.polling else self.keepalive_millis

    def start(self) -> None:
        """The head was written: let the timers run."""
        if self.polling:
            if self.idle_millis:
                self._after(self.idle_millis, self._stream.end_poll)
            return
        self._after(self.keepalive_millis, self._keepalive)
        if self._send_sync:
            self._after(self._settings.sync_millis, self._sync, 1)
        if self._inactivity:
            self._after(self._inactivity + self._settings.session_timeout_millis, self._check_activity)
        if self._settings.max_streaming_millis and not self.connection.websocket:
            self._after(self._settings.max_streaming_millis, self._stream.loop, 0)

    def stop(self) -> None:
        """The connection is no longer the session's."""
        self.closed = True
        timers, self._timers = self._timers, []
        for timer in timers:
            timer.cancel()

    def _after(self, millis: float, function: object, *arguments: object) -> None:
        self._timers = [timer for timer in self._timers if timer.active]
        self._timers.append(self._wheel.after(millis, function, *arguments))  # type: ignore[arg-type]

    def _keepalive(self) -> None:
        # The hot path only notes when it wrote; whether that was recent enough is
        # asked here, once per interval.
        last_write = self._stream.last_write
        if last_write != self._patience_since:
            self._patience_since = last_write
            part = 1 - random() / 2 if self._settings.default_keepalive_randomize else 1
            self._patience = self.keepalive_millis * part
        rest = self._patience - (self._wheel.now() - last_write) * 1000
        if rest <= 0:
            if self.connection.writable:
                self._stream.write_aside(self._stream.dialect.probe())
            self._patience_since, self._patience = self._stream.last_write, self.keepalive_millis
            rest = self.keepalive_millis
        if not self.closed:
            self._after(rest, self._keepalive)

    def _sync(self, count: int) -> None:
        if self.connection.writable:
            self._stream.write_aside(self._stream.dialect.sync(round(self._wheel.now() - self.bound_at)))
        if not self.closed:
            period = self._settings.sync_millis / 1000
            due = self.bound_at + (count + 1) * period
            self._after((due - self._wheel.now()) * 1000, self._sync, count + 1)

    def _check_activity(self) -> None:
        # tlcp.md 10.7: the promised interval, then the session timeout as grace.
        assert self._inactivity is not None
        allowed = self._inactivity + self._settings.session_timeout_millis
        rest = allowed - (self._wheel.now() - self.last_request) * 1000
        if rest <= 0:
            self._stream.loop(0)
        else:
            self._after(rest, self._check_activity)
