"""What slots with a buffer of their own have in common: events are pushed into it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from lsserver.engine.slots.base import Slot

if TYPE_CHECKING:
    from lsserver.engine.update import Update


class BufferedSlot(Slot):
    """A slot that gets every event of its view, and drops or merges what does not fit."""

    __slots__ = ()

    @abstractmethod
    def push(self, update: Update, now: float) -> None:
        """One more event."""

    @abstractmethod
    def clear(self) -> None:
        """The item was cleared: what waits is obsolete, and the client is told."""
