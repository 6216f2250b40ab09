"""
One timer wheel for everything that waits.

Hundreds of thousands of throttled slots, keepalives and session timeouts cost one
delayed call of the reactor: timers that are due in the same tick share a bucket,
and only the earliest bucket is known to the clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

_log = Logger(namespace="LightstreamerLogger.scheduler")

TICK = 1 / 128
"""Seconds. A power of two, so that whole seconds are whole ticks."""

HORIZON = 64.0
"""
Seconds. An alarm that is due later fires so soon all the same, and is put again if it is still
wanted: clients choose such times, and what they have left must not be held for so long.
"""


LONGEST = 1 / 200
"""Seconds of a turn in which alarms fire, those of a tick together; later ticks have to wait for the next turn."""


class Alarm(Protocol):
    """What the wheel can hold. Slots, of which there may be very many, are their own alarms."""

    def fire(self) -> None:
        """The time has come that L{Wheel.put} gave; whether it still matters is to be looked at."""


class Timer:
    """One thing to do at a time; L{cancel} is cheap and may come at any moment."""

    __slots__ = ("_arguments", "_function", "_wheel", "when")

    def __init__(self, wheel: Wheel, when: float, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self.when = when
        self._wheel = wheel
        self._function: Callable[..., object] | None = function
        self._arguments = arguments

    @property
    def active(self) -> bool:
        """True until the timer has fired or was cancelled."""
        return self._function is not None

    def cancel(self) -> None:
        """Do nothing when the time comes. Harmless after it has come."""
        self._function = None
        self._arguments = ()

    def fire(self) -> None:
        """Run the function, once and not before its time."""
        function, arguments = self._function, self._arguments
        if function is None:
            return
        if self.when > self._wheel.turned_at:
            self._wheel.put(self.when, self)
            return
        self.cancel()
        function(*arguments)


class Wheel:
    """
    Timers on a clock, at most one L{TICK} late and never early.

    @ivar turned_at: when the newest turn began, which is what the alarms that it fires may take for now.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._buckets: dict[int, list[Alarm]] = {}
        self._ticks: list[int] = []
        self._call: IDelayedCall | None = None
        self._next = 0
        self._past = -1
        self.turned_at = -math.inf

    def now(self) -> float:
        """Seconds on the clock."""
        return self._clock.seconds()

    def at(self, when: float, function: Callable[..., object], *arguments: Any) -> Timer:
        """Call C{function} at C{when} (seconds on the clock), or in the next tick if that has passed."""
        timer = Timer(self, when, function, arguments)
        self.put(when, timer)
        return timer

    def put(self, when: float, alarm: Alarm) -> float:
        """
        Fire C{alarm} then, at most L{HORIZON} from now. It cannot be taken back.

        @return: when it will fire.
        """
        # There is no bucket in the past, and none beyond the horizon.
        bucket = self._buckets.get(math.ceil(when / TICK)) if when < math.inf else None
        if bucket is not None:
            bucket.append(alarm)
            return when
        when = min(when, self._clock.seconds() + HORIZON)
        tick = max(math.ceil(when / TICK), self._past + 1)
        bucket = self._buckets.get(tick)
        if bucket is not None:
            bucket.append(alarm)
            return when
        self._buckets[tick] = [alarm]
        heappush(self._ticks, tick)
        if self._call is None or tick < self._next:
            self._arm()
        return when

    def after(self, millis: float, function: Callable[..., object], *arguments: Any) -> Timer:
        """Call C{function} in C{millis} milliseconds."""
        return self.at(self._clock.seconds() + millis / 1000, function, *arguments)

    def stop(self) -> None:
        """Forget all timers, so that nothing keeps the clock busy."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self._buckets.clear()
        self._ticks.clear()

    def _arm(self) -> None:
        if self._call is not None:
            self._call.cancel()
        self._next = self._ticks[0]
        self._call = self._clock.callLater(max(0.0, self._next * TICK - self._clock.seconds()), self._turn)

    def _turn(self) -> None:
        self._call = None
        # What is asked for from now on comes in a later tick, so that a timer that
        # sets itself again for a time in the past cannot keep this turn going.
        self.turned_at = self._clock.seconds()
        self._past = tick = math.floor(self.turned_at / TICK)
        end = self.turned_at + LONGEST
        ticks = self._ticks
        while ticks and ticks[0] <= tick:
            for timer in self._buckets.pop(heappop(ticks)):
                try:
                    timer.fire()
                except Exception:
                    _log.failure("a timer failed")
            # Those who were woken have something to write, the earliest first.
            if self._clock.seconds() > end:
                break
        # A timer that was added while the others ran may have armed the clock already.
        if ticks and (self._call is None or self._next > ticks[0]):
            self._arm()
