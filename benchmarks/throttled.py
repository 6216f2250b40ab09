"""
Hundreds of thousands of items that are limited in frequency, in one process, on a fake clock: what the timers
cost, and how many of them the reactor knows::

    python benchmarks/throttled.py
    python benchmarks/throttled.py --slots 100000 --seconds 5
"""

from __future__ import annotations

import argparse
import random
import resource
import time

from twisted.internet.task import Clock

from lsserver.engine.wheel import Wheel


class Sleeper:
    """As a limited slot does it: an alarm a period after the last update."""

    __slots__ = ("due", "period", "wheel", "woken")

    def __init__(self, wheel: Wheel, period: float) -> None:
        self.wheel = wheel
        self.period = period
        self.woken = 0
        self.due = 0.0

    def fire(self) -> None:
        """It is time."""
        if 0.0 < self.due <= self.wheel.now():
            self.woken += 1
            self.due += self.period
            self.wheel.put(self.due, self)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, default=300_000, help="limited slots (default %(default)s)")
    parser.add_argument("--seconds", type=int, default=5, help="simulated (default %(default)s)")
    arguments = parser.parse_args()
    chosen = random.Random(1)
    clock = Clock()
    wheel = Wheel(clock)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    slots = [Sleeper(wheel, chosen.choice((0.5, 1.0, 2.0, 3.0))) for _ in range(arguments.slots)]
    begin = time.process_time()
    for slot in slots:
        slot.due = chosen.uniform(0, slot.period)
        wheel.put(slot.due, slot)
    set_up = time.process_time() - begin
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    most, longest = 0, 0.0
    begin = time.process_time()
    for _ in range(arguments.seconds * 128):
        before = time.process_time()
        clock.advance(1 / 128)
        longest = max(longest, time.process_time() - before)
        most = max(most, len(clock.getDelayedCalls()))
    passed = time.process_time() - begin
    woken = sum(slot.woken for slot in slots)
    print(
        f"{arguments.slots} slots, {woken / arguments.seconds:.0f} wake-ups/s: {1e6 * passed / woken:.2f} us each"
        f" ({100 * passed / arguments.seconds:.0f} % of a core), {1e6 * set_up / arguments.slots:.2f} us to set one,"
        f" {1024 * memory / arguments.slots:.0f} bytes a slot with its timer,"
        f" longest turn {1000 * longest:.1f} ms, timers of the reactor: {most}"
    )


if __name__ == "__main__":
    main()
