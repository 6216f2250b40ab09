"""
Streams that all get the same, and nothing else, so that one account is kept for all of them.

Most sessions of a large fan-out have nothing to write but what one group has for them. What
they were sent, how much that was and when, is then the same for each, and is noted once; of the
stream itself not even the memory is read. When something else comes up for it
(a line of its own, a full socket, a second group) the stream leaves,
settles, which brings its own log up to date, and is written to like any other; it comes back
when all of that is over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.logger import Logger

from lsserver.engine.delivery import MAX_LINES
from lsserver.engine.recovery import RecoveryLog

if TYPE_CHECKING:
    from lsserver.engine.connection import Framing
    from lsserver.engine.delivery import Delivery
    from lsserver.engine.group import Group
    from lsserver.engine.outlet import Outlet
    from lsserver.engine.slots.base import Slot
    from lsserver.engine.stream import Stream

_log = Logger(namespace="LightstreamerLogger.pump")

Key = tuple[bytes, "Framing", int]
"""What the lines begin with, what is put around them, how much is remembered."""

PART_LINES = 64
"""Lines that are one entry of the log. Those who leave take over the entries: with fewer of them that is quick."""

PART_SIZE = 4_096
"""Bytes at which fewer lines are an entry."""


class Convoy:
    """
    Members of a group, see L{Outlet.steady}.

    @ivar slots: of the members.
    """

    __slots__ = (
        "_framing",
        "_group",
        "_key",
        "_log",
        "_part",
        "_part_size",
        "_prefix",
        "_sends",
        "_streams",
        "_written_at",
        "slots",
    )

    def __init__(self, group: Group, key: Key) -> None:
        self._group = group
        self._key = key
        self._prefix, self._framing, limit = key
        self._log = RecoveryLog(limit)
        # The newest lines, which are not in the log yet.
        self._part: list[bytes] = []
        self._part_size = 0
        self._written_at = 0.0
        # Of all members, in the same order; empty when somebody has come or gone.
        self._sends: list[Callable[[bytes], int]] = []
        self._streams: list[Stream] = []
        self.slots: dict[Stream, Slot] = {}

    def join(self, stream: Stream, slot: Slot) -> None:
        """A stream that has been steady since it was last written to."""
        self.slots[stream] = slot
        self._sends, self._streams = [], []
        stream.convoy = self
        stream.joined = self._log.sent + len(self._part)

    def leave(self, stream: Stream) -> None:
        """From now on it is written to for itself."""
        self.settle(stream)
        stream.convoy = None
        self._sends, self._streams = [], []
        self._group.walk(self.slots.pop(stream))
        if not self.slots:
            del self._group.convoys[self._key]

    def part(self) -> None:
        """Let everybody leave."""
        for stream in list(self.slots):
            self.leave(stream)

    def settle(self, stream: Outlet) -> None:
        """Note in the stream's own log what it has got."""
        log, part = self._log, self._part
        new = log.sent + len(part) - stream.joined
        if not new:
            return
        stream.joined += new
        stream.written_at = max(stream.written_at, self._written_at)
        if new > len(part):
            stream.own_log.follow(log, stream.joined - new)
        else:
            part = part[-new:]
        if part:
            stream.own_log.append(tuple(part), len(part), sum(map(len, part)))

    def age(self, now: float, seconds: float) -> None:
        """As L{RecoveryLog.age}; every member may call it."""
        if now - self._log.marked_at >= seconds:
            self._close_part()
            self._log.age(now, seconds)

    def can_carry(self, count: int, size: int) -> bool:
        """Whether so many lines, of so many bytes without their beginnings, may be written at once."""
        # All streams have the same settings.
        return count <= MAX_LINES and size + count * len(self._prefix) <= next(iter(self.slots)).most

    def write(self, lists: list[bytes], delivery: Delivery) -> None:
        """
        Write lines to all, at least one.

        @param lists: the lines without their beginnings.
        """
        prefix, framing = self._prefix, self._framing
        lines = [prefix + one for one in lists]
        data = b"".join(lines) if len(lines) > 1 else lines[0]
        frame = framing.frame if framing.data is data else framing.encode(data)
        length = len(frame)
        sends, streams = self._sends, self._streams
        if not sends:
            streams = self._streams = list(self.slots)
            sends = self._sends = [stream.send for stream in streams]  # type: ignore[misc]
        # Noted first: who leaves because its socket is full now has got this.
        self._note(lines, len(data))
        self._written_at = delivery.now
        short: list[tuple[Callable[[bytes], int], int]] = []
        for send in sends:
            try:
                taken = send(frame)
            except OSError:
                # No room in the socket; or it is broken, which the reactor finds out by itself.
                taken = 0
            except Exception:
                _log.failure("writing to a session failed")
                taken = -1
            if taken != length:
                short.append((send, taken))
        if short:
            by_send = dict(zip(map(id, sends), streams, strict=True))
            for send, taken in short:
                delivery.fell_short(by_send[id(send)], frame, taken)

    def _note(self, lines: list[bytes], size: int) -> None:
        self._part += lines
        self._part_size += size
        if len(self._part) >= PART_LINES or self._part_size >= PART_SIZE:
            self._close_part()

    def _close_part(self) -> None:
        if self._part:
            self._log.append(tuple(self._part), len(self._part), self._part_size)
            self._part.clear()
            self._part_size = 0
