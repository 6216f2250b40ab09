"""
When the garbage collector comes. It stops the world: with 10,000 sessions a look at all
objects takes 130 ms, and Python would take one whenever their number has grown by a
quarter. What connections and sessions leave behind goes without it, by counting
references, so it is only for the cycles of adapters and libraries.

Young objects are looked at as they come; all of them once an hour, at a time when nobody
is likely to notice another lateness.
"""

from __future__ import annotations

import gc
from time import perf_counter

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

THRESHOLDS = (5_000, 10, 1_000_000)
"""
Objects more than before until the young ones are looked at, 1 ms of work; so many times that, until those
of middle age are; and the oldest not by themselves.
"""

PERIOD = 3_600.0
"""Seconds between two looks at everything."""

_log = Logger(namespace="LightstreamerLogger.scheduler")


class Collector:
    """Sets the garbage collector for a server, and puts it back."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._call: IDelayedCall | None = None
        self._before = gc.get_threshold()

    def start(self) -> None:
        """Everything is loaded. What there is now stays, and is never looked at again."""
        gc.collect()
        gc.freeze()
        self._before = gc.get_threshold()
        gc.set_threshold(*THRESHOLDS)
        self._call = self._clock.callLater(PERIOD, self._collect)

    def stop(self) -> None:
        """As before; harmless if it has not started."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
            gc.set_threshold(*self._before)
            gc.unfreeze()

    def _collect(self) -> None:
        self._call = self._clock.callLater(PERIOD, self._collect)
        begin = perf_counter()
        found = gc.collect()
        millis = (perf_counter() - begin) * 1000
        _log.info("garbage collector: {found} objects in {millis:.0f} ms", found=found, millis=millis)
