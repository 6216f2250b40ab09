"""
The bandwidth limit of one session (tlcp.md 8.5, adapters-api.md 6.1).

A token bucket over the bytes that the server writes to the session's connections: lines,
the heads of frames and chunks around them, and the heads of responses (but not what
TLS and TCP add, nor the answers to control requests). It belongs to the session, so the
limit holds across the connections of polling.
"""

from __future__ import annotations

import math

BURST_SECONDS = 0.2
"""How much of an unused limit may be spent at once."""

MIN_BURST = 1.0
"""Bytes. However low the limit, a line goes as soon as those before it are paid for."""


class Bandwidth:
    """
    @ivar requested: what the client asked for, kbit/s.
    @ivar allowed: what the Metadata Adapter allows, kbit/s.
    @ivar limited: there is a limit at all.
    """

    __slots__ = ("_bytes_per_second", "_rest", "_since", "allowed", "limited", "requested")

    def __init__(self, requested: float, allowed: float) -> None:
        self.requested = requested
        self.allowed = allowed
        self._rest = 0.0
        self._since = 0.0
        self._apply()

    @property
    def effective(self) -> float:
        """kbit/s, the smaller of the two."""
        return min(self.requested, self.allowed)

    def request(self, kbps: float, now: float) -> None:
        """The client changes its mind."""
        self._settle(now)
        self.requested = kbps
        self._apply()

    def allow(self, kbps: float, now: float) -> None:
        """Somebody who may overrules the Metadata Adapter; what the client asked for is not forgotten."""
        self._settle(now)
        self.allowed = kbps
        self._apply()

    def _settle(self, now: float) -> None:
        """The time up to C{now} counts at the rate that held in it; without a limit all is paid for at once."""
        if self.limited:
            self.wait(now)
        else:
            self._rest, self._since = 0.0, now

    def _apply(self) -> None:
        self._bytes_per_second = self.effective * 1000 / 8
        self.limited = self._bytes_per_second != math.inf
        self._rest = min(self._rest, self._burst)

    @property
    def _burst(self) -> float:
        return max(self._bytes_per_second * BURST_SECONDS, MIN_BURST)

    def wait(self, now: float) -> float:
        """Seconds until something may be written; 0 = now."""
        rate = self._bytes_per_second
        if rate == math.inf:
            return 0.0
        self._rest = min(self._rest + (now - self._since) * rate, self._burst)
        self._since = now
        return 0.0 if self._rest > 0 else (1 - self._rest) / rate

    def spend(self, size: int) -> None:
        """C{size} bytes were written; the bucket may go below zero, and the next write waits for it."""
        if self.limited:
            self._rest -= size
