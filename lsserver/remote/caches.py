"""What a remote Metadata Adapter has said of users and items, for as long as it holds (remote-adapters.md 16.5)."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from twisted.internet.interfaces import IReactorTime

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MAX_ENTRIES = 100_000


class Cache(Generic[K, V]):
    """
    @param seconds: how long an entry holds; C{None} = until it is pushed out.
    @param size: entries; the oldest make room for new ones.
    """

    def __init__(self, clock: IReactorTime, seconds: float | None, size: int = MAX_ENTRIES) -> None:
        self._clock = clock
        self._seconds = seconds
        self._size = size
        self._entries: dict[K, tuple[float, V]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """The value, if there is one that holds still."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._seconds is not None and self._clock.seconds() > entry[0] + self._seconds:
            del self._entries[key]
            return None
        return entry[1]

    def put(self, key: K, value: V) -> None:
        """A new value."""
        self._entries.pop(key, None)
        while len(self._entries) >= self._size:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (self._clock.seconds(), value)

    def clear(self) -> None:
        """Nothing holds any longer."""
        self._entries.clear()
