"""
The way from the outbox of one session to whatever connection it is bound to: when something may be written, how
much of it, and what is written besides updates.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from twisted.logger import Logger

from lsserver.engine.bandwidth import Bandwidth
from lsserver.engine.binding import LOOP_ROOM, Binding
from lsserver.engine.delivery import MAX_LINES
from lsserver.engine.outbox import Outbox, Owner
from lsserver.engine.wheel import TICK

if TYPE_CHECKING:
    from lsserver.engine.connection import Sender
    from lsserver.engine.dialect import IDialect
    from lsserver.engine.flusher import Flusher
    from lsserver.engine.settings import EngineSettings
    from lsserver.engine.wheel import Timer, Wheel

_log = Logger(namespace="LightstreamerLogger.pump")

LATENESS = 1 / 64
"""Seconds. Two ticks of the wheel."""


class Stream(Outbox):
    """
    @ivar binding: the connection, C{None} while unbound.
    @ivar lateness: seconds by which an update may be late without the next being late as well.
    """

    __slots__ = (
        "_alarm",
        "_aside",
        "_last_poll",
        "binding",
        "dialect",
        "lateness",
        "session_id",
    )

    def __init__(
        self,
        session_id: str,
        dialect: IDialect,
        settings: EngineSettings,
        wheel: Wheel,
        flusher: Flusher,
        bandwidth: Bandwidth,
        owner: Owner,
    ) -> None:
        super().__init__(settings, wheel, flusher, bandwidth, owner)
        self.session_id = session_id
        self.dialect = dialect
        self._alarm: Timer | None = None
        self._aside: list[bytes] = []
        self._last_poll = -math.inf
        self.binding: Binding | None = None
        self.lateness = LATENESS + settings.max_delay_millis / 1000

    def schedule(self) -> None:
        """Write at the end of the turn."""
        if not self.dirty:
            self.dirty = True
            if self.rides:
                self.walk()
            self.flusher.dirty.append(self)
            self.flusher.schedule()

    def age(self, now: float) -> None:
        """
        Forget what was sent long ago, as long as the connection seems to be fine; what a
        client that is away or does not read will ask for is kept.
        """
        binding = self.binding
        if binding is not None and binding.connection.writable:
            seconds = self.settings.session_recovery_millis / 1000
            self.own_log.age(now, seconds)
            if self.rides:
                for journal in self.journals():
                    journal.age(now, seconds)

    # Bound and unbound

    def bind(self, binding: Binding, head: bytes, replay: list[bytes]) -> None:
        """
        Write to a connection from now on.

        @param head: the first lines; none of them is a data notification.
        @param replay: data notifications that were sent before and are to be sent
            again, within the limits of this connection like any other.
        """
        self.binding = binding
        settings = self.settings
        if not self.dialect.recovery or not settings.session_recovery_millis:
            self.own_log.limit = 0
        elif binding.polling:
            self.own_log.limit = settings.max_recovery_poll_length
        else:
            self.own_log.limit = settings.max_recovery_length
        self.framing = binding.connection.framing
        self.metered = binding if binding.room is not None else None
        self.written_at = self.wheel.now()
        self.pending[:0] = replay
        prompt = binding.polling and not binding.idle_millis
        if prompt:
            self._count(binding, head)
            binding.tail = head
        elif head:
            self._write(binding, head)
        binding.start()
        self.adjust()
        if binding.polling:
            binding.not_before = self._last_poll + settings.min_interpoll_millis / 1000
            self._last_poll = max(self.wheel.now(), binding.not_before)
        if prompt:
            # Answered at once, with whatever there is.
            self.flusher.flush_groups(self.wheel.now())
            self.flush(self.wheel.now())
            if binding.tail and not binding.closed:
                # Not yet, for one reason or another; but the client is told that it is bound.
                self._write(binding, b"")
        elif self.pending:
            self.schedule()

    def adjust(self) -> None:
        """See whether updates may take the short way; to be called after anything that this depends on."""
        binding = self.binding
        sender = None
        if binding is not None and not binding.polling and not self.bandwidth.limited and binding.connection.writable:
            sender = binding.connection.sender
        if self.rides and sender is not self.sender:
            self.walk()
        self.sender = sender

    def unbind(self) -> Binding | None:
        """Let go of the connection without a word; gives back what was bound."""
        binding, self.binding = self.binding, None
        if self.rides:
            self.walk()
        self.sender = self.metered = None
        self._aside.clear()
        if binding is not None:
            binding.stop()
        return binding

    def loop(self, millis: int, close_socket: bool = False) -> None:
        """Ask the client, which is bound, to bind again in C{millis}, and let go of the connection."""
        binding = self.unbind()
        assert binding is not None
        self._last(binding, self.dialect.loop(millis), close_socket)
        self._owner.unbound(millis + self.settings.session_timeout_millis)

    def end(self, code: int, message: str, close_socket: bool = False) -> None:
        """The session is over. Nothing that is pending is sent any more."""
        self.close()
        binding = self.unbind()
        if binding is not None:
            self._last(binding, self.dialect.end(code, message), close_socket)

    def drop(self) -> None:
        """The session is over and the client is not told (tlcp.md 10.8, restart)."""
        self.close()
        binding = self.unbind()
        if binding is not None:
            binding.connection.abort()

    def close(self) -> None:
        """Forget what is pending."""
        self.closed = True
        if self._alarm is not None:
            self._alarm.cancel()
        self.pending = []
        self.log.received()

    def disown(self) -> None:
        """The session is over and wants to be told nothing any more."""
        assert self.closed
        del self._owner

    def fail(self) -> None:
        """A flush went wrong."""
        self._owner.failed()

    # Writing

    def flush(self, now: float) -> None:
        """Write what is pending, as far as connection, limits and the turn allow."""
        self.dirty = False
        binding = self.binding
        # While there is a short way none of this needs to be looked at; it is far away in memory.
        if binding is None or (self.sender is None and not binding.connection.writable):
            return
        if self._aside:
            lines, self._aside = self._aside, []
            self.write_aside(b"".join(lines))
            if binding.closed:
                return
        if self.sender is None and (binding.polling or self.bandwidth.limited):
            self._flush_limited(binding, now)
            return
        pending = self.pending
        if not pending:
            return
        self.pending = []
        batch: list[bytes] = []
        for number, entry in enumerate(pending, 1):
            if isinstance(entry, bytes):
                batch.append(entry)
            else:
                entry.pending = False
                if entry.take(batch, now):
                    entry.mark()
            if len(batch) >= MAX_LINES:
                self.pending[:0] = pending[number:]
                self.schedule()
                break
        if batch:
            self._send(binding, batch, now)

    def _send(self, binding: Binding, lines: list[bytes], now: float) -> None:
        """Data notifications, all in one write."""
        data = lines[0] if len(lines) == 1 else b"".join(lines)
        if self.sender is not None and self.metered is None and len(data) <= self.flusher.most:
            self.own_log.append(data if len(lines) == 1 else tuple(lines), len(lines), len(data))
            self.written_at = now
            self._send_at_once(self.sender, data)
            return
        if len(data) > self.flusher.most and not binding.polling:
            lines = self._first_part(lines)
            data = b"".join(lines)
        room = binding.room
        if room is not None:
            if len(data) + LOOP_ROOM > room:
                self._send_last(binding, lines)
                return
            binding.room = room - len(data)
        self.own_log.append(data if len(lines) == 1 else tuple(lines), len(lines), len(data))
        binding.empty = False
        self.written_at = now
        if binding.polling:
            # The caller ends the poll now.
            binding.tail += data
        else:
            binding.connection.write(data)

    def _send_at_once(self, sender: Sender, data: bytes) -> None:
        """The short way, as in L{Delivery<lsserver.engine.delivery.Delivery>}."""
        framing = self.framing
        assert framing is not None
        frame = framing.frame if framing.data is data else framing.encode(data)
        try:
            taken = sender.send(frame)
        except OSError:
            taken = 0
        if taken != len(frame):
            self.unsent(frame[taken:])

    def _first_part(self, lines: list[bytes]) -> list[bytes]:
        """What may be written at once, a line at least. The rest is encoded, so it goes first next time."""
        fitting, size = 1, len(lines[0])
        while fitting < len(lines) and size + len(lines[fitting]) <= self.flusher.most:
            size += len(lines[fitting])
            fitting += 1
        self.put_back(lines[fitting:])
        self.schedule()
        return lines[:fitting]

    def _send_last(self, binding: Binding, lines: list[bytes]) -> None:
        """
        Not all of it fits in the response: send what fits and ask the client to
        come again. The rest has been encoded in order, so it goes first then.
        """
        assert binding.room is not None
        fitting, size = 0, 0
        for line in lines:
            # A line larger than any response must be delivered all the same, alone.
            if size + len(line) + LOOP_ROOM > binding.room and (fitting or not binding.empty):
                break
            size += len(line)
            fitting += 1
        self.put_back(lines[fitting:])
        if fitting:
            data = b"".join(lines[:fitting])
            self.own_log.append(tuple(lines[:fitting]), fitting, len(data))
            if binding.polling:
                binding.tail += data
            else:
                binding.connection.write(data)
        self.loop(binding.polling_millis)

    # What a delivery needs besides

    def pay(self, size: int) -> bool:
        """Whether a response of limited length has room for so many bytes, which are written then."""
        binding = self.metered
        assert binding is not None and binding.room is not None
        if size + LOOP_ROOM > binding.room:
            return False
        binding.room -= size
        binding.empty = False
        return True

    def unsent(self, rest: bytes) -> None:
        """The socket has not taken everything."""
        assert self.binding is not None
        self.binding.connection.unsent(rest)

    # With limits

    def _flush_limited(self, binding: Binding, now: float) -> None:
        """As L{flush}, entry by entry, for polls and for sessions with a bandwidth limit."""
        if not self.pending:
            if binding.polling and (not binding.idle_millis or not binding.empty):
                self.end_poll()
            return
        wait = max(self.bandwidth.wait(now), binding.not_before - now)
        if wait > 0:
            self._sleep(now + wait)
            return
        lines = self._gather(binding, now)
        if lines:
            self._send(binding, lines, now)
            if self.bandwidth.limited and not binding.polling:
                self.bandwidth.spend(binding.connection.overhead(sum(map(len, lines))))
        if binding.closed:
            return
        if binding.polling:
            if lines or not binding.empty or not binding.idle_millis:
                self.end_poll()
        elif self.pending:
            self.schedule()

    def _sleep(self, due: float) -> None:
        """Look again at C{due}, unless that is done before: a limit may be raised while it is waited for."""
        alarm = self._alarm
        if alarm is not None and alarm.active:
            if due >= alarm.when - TICK:
                return
            alarm.cancel()
        self._alarm = self.wheel.at(due, self.schedule)

    def _gather(self, binding: Binding, now: float) -> list[bytes]:
        """Lines until nothing is pending, the response is full or the bandwidth is spent."""
        lines: list[bytes] = []
        bandwidth = self.bandwidth
        # With a limit the items take turns line by line; without one there is only
        # the end of the response, which should not be missed by much.
        most = 1 if bandwidth.limited else 16
        room = binding.room if binding.room is not None else math.inf
        while self.pending and room > 0:
            pending, self.pending = self.pending, []
            for number, entry in enumerate(pending, 1):
                before = len(lines)
                if isinstance(entry, bytes):
                    lines.append(entry)
                else:
                    entry.pending = False
                    if entry.take(lines, now, most):
                        entry.mark()
                size = sum(map(len, lines[before:]))
                room -= size
                bandwidth.spend(size)
                if room <= 0 or bandwidth.wait(now):
                    self.pending[:0] = pending[number:]
                    return lines
        return lines

    def end_poll(self) -> None:
        """The poll is answered, or was held as long as it may be."""
        binding = self.binding
        assert binding is not None and binding.polling
        if self.wheel.now() < binding.not_before:
            self.wheel.at(binding.not_before, self._end_poll_of, binding)
        else:
            self.loop(binding.polling_millis)

    def _end_poll_of(self, binding: Binding) -> None:
        if self.binding is binding:
            self.end_poll()

    def write_soon(self, line: bytes) -> None:
        """A line that is no data notification, at the end of the turn; of no use while unbound."""
        if self.binding is not None:
            self._aside.append(line)
            self.schedule()

    def write_aside(self, line: bytes) -> None:
        """A line that is no data notification, at once; the client is bound."""
        binding = self.binding
        assert binding is not None
        if self.rides:
            self.reckon()
        if binding.room is not None and len(line) + LOOP_ROOM > binding.room:
            self.loop(binding.polling_millis)
            return
        self._write(binding, line)
        if self.rides:
            self.allow()

    def _write(self, binding: Binding, data: bytes) -> None:
        data = self._with_tail(binding, data)
        binding.connection.write(data)
        self._count_overhead(binding, data)

    def _last(self, binding: Binding, line: bytes, close_socket: bool) -> None:
        """Write the last line, with what waits for it, and end the connection's part in the session."""
        data = self._with_tail(binding, line)
        binding.connection.end(close_socket, data)
        self._count_overhead(binding, data)

    def _with_tail(self, binding: Binding, data: bytes) -> bytes:
        self._count(binding, data)
        tail, binding.tail = binding.tail, b""
        return tail + data

    def _count(self, binding: Binding, data: bytes) -> None:
        if binding.room is not None:
            binding.room -= len(data)
        self.written_at = self.wheel.now()
        if self.bandwidth.limited:
            self.bandwidth.spend(len(data))

    def _count_overhead(self, binding: Binding, data: bytes) -> None:
        if self.bandwidth.limited:
            self.bandwidth.spend(binding.connection.overhead(len(data)))
