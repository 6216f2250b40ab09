"""
The outbox of one session: what waits for its client.

Entries of the outbox are either complete lines, which are sent in order and never
dropped, or slots, which are asked for their lines when their turn comes. So what a
slow client misses is not queued up but stays in the slots, which conflate it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from lsserver.engine.outlet import Outlet
from lsserver.engine.recovery import RecoveryLog

if TYPE_CHECKING:
    from lsserver.engine.bandwidth import Bandwidth
    from lsserver.engine.flusher import Flusher
    from lsserver.engine.settings import EngineSettings
    from lsserver.engine.slots.base import Slot
    from lsserver.engine.wheel import Wheel


class Owner(Protocol):
    """What the session is told."""

    def unbound(self, grace_millis: float) -> None:
        """No connection any more; wait so long for the next."""

    def overflowed(self) -> None:
        """Lines that may not be dropped have piled up without bound."""

    def failed(self) -> None:
        """Something is wrong on our side; the session can't go on."""


class Outbox(Outlet, ABC):
    """
    @ivar pending: lines and slots, in the order in which they came up.
    @ivar closed: nothing more is to be sent.
    """

    __slots__ = ("_allowed", "_owner", "bandwidth", "closed", "flusher", "pending", "settings", "wheel")

    def __init__(
        self, settings: EngineSettings, wheel: Wheel, flusher: Flusher, bandwidth: Bandwidth, owner: Owner
    ) -> None:
        self.settings = settings
        self.wheel = wheel
        self.flusher = flusher
        self.bandwidth = bandwidth
        self._owner = owner
        self._allowed = 0
        self.closed = False
        self.dirty = False
        self.sender = None
        self.framing = None
        self.metered = None
        self.batch = None
        self.rides = False
        self.walks = 1
        self.members = {}
        self.written_at = wheel.now()
        self.pending: list[bytes | Slot] = []
        self.own_log = RecoveryLog(0)

    def notify(self, line: bytes) -> None:
        """A data notification that is never dropped."""
        if self.closed:
            return
        if not self._allowed:
            # Counted only when so many have come that it may be too many by now: there may be very many slots.
            lines = sum(isinstance(entry, bytes) for entry in self.pending)
            self._allowed = max(0, self.settings.max_pending_notifications - lines)
            if not self._allowed:
                self._owner.overflowed()
                return
        self._allowed -= 1
        self.pending.append(line)
        self.schedule()

    def enqueue(self, slot: Slot) -> None:
        """A slot has something to say."""
        self.pending.append(slot)
        if not self.dirty:
            self.schedule()

    def withdraw(self, slots: Iterable[Slot]) -> None:
        """Slots are gone, all those of a subscription at once: each look through what waits may be a long one."""
        gone = {id(slot) for slot in slots if slot.pending}
        if gone:
            self.pending = [entry for entry in self.pending if id(entry) not in gone]

    @abstractmethod
    def schedule(self) -> None:
        """Write at the end of the turn."""

    def put_back(self, lines: Iterable[bytes]) -> None:
        """Encoded lines that could not be written yet: they go first."""
        lines = list(lines)
        self.pending[:0] = lines
        self.bandwidth.spend(-sum(map(len, lines)))

    @property
    def memory(self) -> int:
        """Bytes of lines: those that wait and may not be dropped, and those that were sent and are kept."""
        return self.log.size + sum(len(entry) for entry in self.pending if isinstance(entry, bytes))
