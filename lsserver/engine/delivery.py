"""
The last step of the fan-out: the same lines to many sessions, one system call for each.

Nearly all of the time that a large fan-out takes is spent here, most of it in the kernel,
whose data of a thousand sockets fill the caches. So the loop touches as little as it can of each
session: of its stream what is read and written below, and the end of its log.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from twisted.logger import Logger

from lsserver.engine.recovery import Entry, lines_of

if TYPE_CHECKING:
    from lsserver.engine.connection import Framing
    from lsserver.engine.stream import Stream

_log = Logger(namespace="LightstreamerLogger.pump")

MAX_LINES = 1024
"""Lines written in one turn, so that a long backlog does not keep the others waiting."""


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

    __slots__ = ("_batched", "failed", "now")

    def __init__(self, now: float) -> None:
        self.now = now
        self._batched: list[Stream] = []
        self.failed: list[Stream] = []

    def add(self, streams: Collection[Stream], lines: list[bytes], aside: list[Stream]) -> None:
        """
        Lines that are perhaps not the only ones of this turn: each stream writes them with the others, in L{finish}.
        """
        batched = self._batched
        first = Batch(None, lines)
        further: dict[Batch, Batch] = {}
        for stream in streams:
            if stream.send is None or stream.dirty:
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

    def finish(self) -> None:
        """Write what was added."""
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
        # All streams have the same settings.
        too_much = count > MAX_LINES or size > next(iter(streams)).most
        for stream in streams:
            send = stream.send
            if send is None or stream.dirty:
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
                    taken = send(frame)
                except OSError:
                    # No room in the socket; or it is broken, which the reactor finds out by itself.
                    taken = 0
                stream.written_at = now
                stream.own_log.append(entry, count, size)
                if taken != length:
                    stream.unsent(frame[taken:])
            except Exception:
                _log.failure("writing to session {session} failed", session=stream.session_id)
                self.failed.append(stream)

    def fell_short(self, stream: Stream, frame: bytes, taken: int) -> None:
        """
        Not all of a frame was sent with the others.

        @param taken: bytes that were; -1 = it could not be tried.
        """
        try:
            if taken >= 0:
                stream.unsent(frame[taken:])
                return
        except Exception:
            _log.failure("writing to session {session} failed", session=stream.session_id)
        self.failed.append(stream)
