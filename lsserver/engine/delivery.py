"""
The last step of the fan-out: the same lines to many sessions, one system call for each.

Nearly all of the time that a large fan-out takes is spent here, most of it in the kernel,
whose data of a thousand sockets fill the caches. So as little as possible is touched of each session: of one that
rides (L{lsserver.engine.convoy}) what sends, of one that walks what is read and written in L{Delivery.write}, and
the end of its log.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from twisted.logger import Logger

from lsserver.engine.convoy import Load, together
from lsserver.engine.recovery import Entry, lines_of

if TYPE_CHECKING:
    from lsserver.engine.connection import Framing, Sender
    from lsserver.engine.convoy import Fallen
    from lsserver.engine.group import Group
    from lsserver.engine.settings import EngineSettings
    from lsserver.engine.stream import Stream

_log = Logger(namespace="LightstreamerLogger.pump")

MAX_LINES = 1024
"""Lines written in one turn, so that a long backlog does not keep the others waiting."""

MAX_PREFIX = 32
"""Bytes of what a line begins with, at most, to see at a glance that some lines are not too much."""

PART = 4
"""
This part of C{max_recovery_length} is written at once. What waits for a slow client in
the transport, and in the kernel (C{sendbuf}), must still be remembered when its connection breaks.
"""

MAX_WRITE = 65_536
"""Bytes written at once where nothing is remembered, or everything."""


Carried = tuple["Group", list[bytes]]
"""A group, and lines without their beginnings that its convoys are sent."""


def most_at_once(settings: EngineSettings) -> int:
    """Bytes written to a stream at once."""
    limit = settings.max_recovery_length
    return max(1, limit // PART) if limit > 0 else MAX_WRITE


class Batch:
    """
    What some streams have got so far in a turn, the same lines in the same order.

    @ivar before: what they had got before that; C{None} if that was nothing.
    @ivar lines: what has come last.
    @ivar streams: those for whom it was the last.
    """

    __slots__ = ("before", "lines", "streams")

    def __init__(self, before: Batch | None, lines: list[bytes]) -> None:
        self.before = before
        self.lines = lines
        self.streams: list[Stream] = []

    def entry(self) -> Entry:
        """All of it."""
        if self.before is None:
            return self.lines[0] if len(self.lines) == 1 else tuple(self.lines)
        parts = []
        batch: Batch | None = self
        while batch is not None:
            parts.append(batch.lines)
            batch = batch.before
        return tuple([line for lines in reversed(parts) for line in lines])


class Delivery:
    """
    One turn's writes to streams whose way is clear: nothing waits before them, and nothing limits them.

    @ivar failed: streams whose transport could not even be asked.
    """

    __slots__ = ("_batched", "_carried", "_most", "_walked", "failed", "now")

    def __init__(self, now: float, most: int) -> None:
        """
        @param most: bytes written to a stream at once.
        """
        self.now = now
        self._most = most
        self._batched: list[Stream] = []
        self._carried: list[Carried] = []
        self._walked: list[Stream] = []
        self.failed: list[Stream] = []

    def add(self, streams: Collection[Stream], lines: list[bytes], aside: list[Stream]) -> None:
        """
        Lines that are perhaps not the only ones of this turn: each stream writes them with the others, in L{finish}.
        """
        batched = self._batched
        first = Batch(None, lines)
        further: dict[Batch, Batch] = {}
        for stream in streams:
            if stream.sender is None or stream.dirty:
                aside.append(stream)
                continue
            before = stream.batch
            if before is None:
                stream.batch = first
                batched.append(stream)
            else:
                batch = further.get(before)
                if batch is None:
                    batch = further[before] = Batch(before, lines)
                stream.batch = batch

    def carry(self, group: Group, lists: list[bytes]) -> None:
        """Lines without their beginnings that the convoys of a group are sent in L{finish}."""
        self._carried.append((group, lists))

    def finish(self) -> None:
        """Write what is to be carried and what was added. Then those ride who have walked for long enough."""
        if self._carried:
            self.send_carried()
        if self._batched:
            self._write_batches()
        walked, self._walked = self._walked, []
        for stream in walked:
            stream.ride()

    def send_carried(self) -> None:
        """Write what is to be carried."""
        carried, self._carried = self._carried, []
        fallen: list[Fallen] = []
        if self._simple(carried):
            for group, lists in carried:
                # Noted first: who walks because its socket is full now has got this.
                group.note(lists, self.now)
                for convoy in group.convoys.values():
                    convoy.send(lists, fallen)
        else:
            loads = self._loads(carried)
            for group, lists in carried:
                group.note(lists, self.now)
            for load in loads:
                load.send(fallen)
        for stream, frame, taken in fallen:
            self._fell_short(stream, frame, taken)

    def _simple(self, carried: list[Carried]) -> bool:
        """Whether nobody gets something of two groups, or too much."""
        riders: set[Sender] = set()
        count = 0
        alone = len(carried) == 1
        for group, lists in carried:
            size = len(lists[0]) if len(lists) == 1 else sum(map(len, lists))
            if len(lists) > MAX_LINES or size + len(lists) * MAX_PREFIX > self._most:
                return False
            if not alone:
                for convoy in group.convoys.values():
                    count += len(convoy.riders)
                    riders.update(convoy.riders)
                if len(riders) < count:
                    return False
        return True

    def _loads(self, carried: list[Carried]) -> list[Load]:
        """One for each rider."""
        loads = together(
            [
                Load([convoy.prefix + one for one in lists], convoy.framing, convoy.riders)
                for group, lists in carried
                for convoy in group.convoys.values()
            ]
        )
        return [load for load in loads if self._can_be_carried(load)]

    def _can_be_carried(self, load: Load) -> bool:
        """Whether it is not too much for one write; otherwise its riders walk, and get it in parts."""
        lines = load.lines
        if len(lines) <= MAX_LINES and sum(map(len, lines)) <= self._most:
            return True
        for slot in list(load.riders.values()):
            slot.stream.schedule()
            slot.stream.put_back(lines)
        return False

    def _write_batches(self) -> None:
        # Streams that have got the same lines write the same bytes.
        batches: list[Batch] = []
        for stream in self._batched:
            batch = stream.batch
            assert batch is not None
            stream.batch = None
            if not batch.streams:
                batches.append(batch)
            batch.streams.append(stream)
        self._batched.clear()
        late: list[Stream] = []
        for batch in batches:
            entry = batch.entry()
            self.write(batch.streams, entry, late)
            # Another slot of theirs has left its group meanwhile, and what it has is still to come.
            for stream in late:
                stream.put_back(lines_of(entry))
            late.clear()

    def write(self, streams: Collection[Stream], entry: Entry, aside: list[Stream]) -> None:
        """
        Write the same lines to many, at least one.

        @param aside: gets those that cannot be written to now, and so have got nothing.
        """
        lines = lines_of(entry)
        data = b"".join(lines) if len(lines) > 1 else lines[0]
        count, size, now = len(lines), len(data), self.now
        framing: Framing | None = None
        frame, length = b"", 0
        too_much = count > MAX_LINES or size > self._most
        for stream in streams:
            sender = stream.sender
            if sender is None or stream.dirty:
                aside.append(stream)
                continue
            try:
                if too_much or (stream.metered is not None and not stream.pay(size)):
                    stream.put_back(lines)
                    stream.schedule()
                    continue
                if stream.framing is not framing:
                    framing = stream.framing
                    assert framing is not None
                    frame = framing.frame if framing.data is data else framing.encode(data)
                    length = len(frame)
                try:
                    taken = sender.send(frame)
                except OSError:
                    # No room in the socket; or it is broken, which the reactor finds out by itself.
                    taken = 0
                stream.written_at = now
                stream.own_log.append(entry, count, size)
                if taken != length:
                    stream.unsent(frame[taken:])
                stream.walks -= 1
                if not stream.walks:
                    self._walked.append(stream)
            except Exception:
                _log.failure("writing to session {session} failed", session=stream.session_id)
                self.failed.append(stream)

    def _fell_short(self, stream: Stream, frame: bytes, taken: int) -> None:
        """
        Not all of a frame was sent to a stream that rode.

        @param taken: bytes that were; -1 = it could not be tried.
        """
        try:
            if taken >= 0:
                stream.unsent(frame[taken:])
                return
        except Exception:
            _log.failure("writing to session {session} failed", session=stream.session_id)
        self.failed.append(stream)
