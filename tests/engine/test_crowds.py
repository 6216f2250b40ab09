"""More to do than fits into a turn: who waits for what, and how those who are always due together part."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from lsserver.engine.flusher import LONGEST
from lsserver.engine.slots.base import STRETCH
from lsserver.engine.stream import LATENESS
from lsserver.engine.wheel import TICK, Wheel
from tests.engine.world import FakeClient, World


class Alarms(SynchronousTestCase):
    """Those of a tick fire together; if they take long, the next tick has to wait."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.wheel = Wheel(self.clock)
        self.fired: list[str] = []

    def fire(self, name: str, seconds: float) -> None:
        if not self.fired:
            self.clock.callLater(0, self.fired.append, "others")
        self.fired.append(name)
        self.clock.rightNow += seconds

    def fired_after(self, seconds: float) -> list[str]:
        for tick in (3, 1, 2):
            for place in "ab":
                self.wheel.at(tick * TICK, self.fire, f"{tick}{place}", seconds)
        self.clock.advance(10 * TICK)
        return self.fired

    def test_short(self) -> None:
        self.assertEqual(self.fired_after(0.0), ["1a", "1b", "2a", "2b", "3a", "3b", "others"])

    def test_long(self) -> None:
        self.assertEqual(self.fired_after(LONGEST), ["1a", "1b", "others", "2a", "2b", "3a", "3b"])


class CrowdCase(SynchronousTestCase):
    """Sessions to whom a write takes time."""

    def setUp(self) -> None:
        self.world = World()
        self.clock = self.world.clock
        self.clients: list[FakeClient] = []
        self.written: list[tuple[int, float]] = []

    def come(self, count: int, seconds: float, more: str) -> None:
        for number in range(count):
            client = self.world.session()
            client.subscribe(1, "MERGE", "item", "a", more)
            client.read()
            client.connection.write = self.slow(number, seconds)  # type: ignore[method-assign]
            self.clients.append(client)

    def slow(self, number: int, seconds: float) -> Callable[[bytes], None]:
        def write(data: bytes) -> None:
            if data.startswith(b"U,"):
                self.written.append((number, self.clock.seconds()))
                self.clock.rightNow += seconds

        return write

    def update(self, value: object) -> None:
        self.world.data.update("item", {"a": str(value)}, False)

    def feed(self, seconds: float) -> None:
        """An update every 1/64 s."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.update(self.clock.seconds())
            self.world.advance(1 / 64)

    def times(self, number: int) -> list[float]:
        return [when for one, when in self.written if one == number]

    def span(self, since: float) -> float:
        """The part of a second in which writes come, second after second, from a time on."""
        phases = sorted(when % 1 for _, when in self.written if when >= since)
        gaps = [after - before for before, after in zip(phases, [*phases[1:], phases[0] + 1], strict=True)]
        return 1 - max(gaps)


class Writes(CrowdCase):
    """They are written to in the order in which they came up, a number of them in a turn."""

    def test_others_have_a_turn_in_between(self) -> None:
        self.come(4, LONGEST, "LS_requested_max_frequency=1")
        self.update(1)
        self.clock.callLater(0, lambda: self.clock.callLater(0, self.written.append, (99, 0.0)))
        self.world.advance(1 / 64)
        self.assertEqual([number for number, _ in self.written], [0, 1, 99, 2, 3])

    def test_one_who_comes_later_has_to_wait(self) -> None:
        self.come(4, LONGEST, "LS_requested_max_frequency=1")
        late = self.world.session()
        late.subscribe(1, "MERGE", "other", "a", "")
        late.read()
        late.connection.write = self.slow(99, 0.0)  # type: ignore[method-assign]
        self.update(1)
        self.clock.callLater(0, self.world.data.update, "other", {"a": "1"}, False)
        self.world.advance(1 / 64)
        self.assertEqual([number for number, _ in self.written], [0, 1, 2, 3, 99])

    def test_fault_harms_no_other(self) -> None:
        self.come(4, LONGEST, "LS_requested_max_frequency=1")
        self.clients[1].connection.write = lambda data: 1 / 0  # type: ignore[method-assign, assignment, return-value]
        self.update(1)
        self.world.advance(1 / 64)
        self.assertEqual([number for number, _ in self.written], [0, 2, 3])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)


class Stretched(CrowdCase):
    """Limited sessions that began together do not stay together, and nobody gets more or much less than he may."""

    def intervals(self) -> list[float]:
        return [
            after - before
            for number in range(len(self.clients))
            for times in [self.times(number)]
            for before, after in zip(times, times[1:], strict=False)
        ]

    def test_few_stay_together(self) -> None:
        self.come(3, 0.0, "LS_requested_max_frequency=2")
        self.feed(5)
        self.assertEqual(set(self.intervals()), {0.5})

    def test_many_part(self) -> None:
        """Two hundred with a millisecond each are due within a second, but first within the fifth of one."""
        self.come(200, 0.001, "LS_requested_max_frequency=1")
        begin = self.clock.seconds()
        self.feed(20)
        first = [self.times(number)[:2] for number in range(200)]
        for before, after in first:
            self.assertGreaterEqual(after - before, 1.0 - LATENESS)
            self.assertLessEqual(after - before, 1.0 + STRETCH + 0.2)
        self.assertGreater(self.span(begin + 1), 0.4)
        for number in range(200):
            times = [when for when in self.times(number) if when >= begin + 3]
            for one, other in zip(times, times[1:], strict=False):
                self.assertGreaterEqual(other - one, 1.0 - LATENESS)
                self.assertLessEqual(other - one, 1.0 + 0.034)

    def test_in_order_and_evenly(self) -> None:
        """There is room between one and the next everywhere, and most intervals are as long as they are to be."""
        self.come(200, 0.001, "LS_requested_max_frequency=1")
        self.feed(4)
        first, second = ([self.times(number)[place] for number in range(200)] for place in (0, 1))
        self.assertEqual(sorted(first), first)
        order = sorted(range(200), key=second.__getitem__)
        # Those who are due in the same tick of the wheel may change places.
        self.assertLess(max(abs(number - place) for place, number in enumerate(order)), 10)
        # As close as they can be written to there would be 62 of them in this time.
        closest = max(sum(1 for other in second if one <= other < one + 1 / 16) for one in second)
        self.assertLess(closest, 35)
        longer = [after - before - 1 for before, after in zip(first, second, strict=True)]
        self.assertLess(abs(sum(longer) / 200 - STRETCH / 2), 0.02)

    def test_short_intervals(self) -> None:
        """Are longer by a quarter at most."""
        self.come(100, 0.001, "LS_requested_max_frequency=5")
        self.feed(2)
        for number in range(100):
            before, after = self.times(number)[:2]
            self.assertLess(after - before, 0.2 * 1.25 + 0.02)

    def test_nobody_gets_more_than_he_may(self) -> None:
        for mode, frequency in (("MERGE", 1.0), ("MERGE", 8.0)):
            self.setUp()
            self.come(30, 0.001, f"LS_requested_max_frequency={frequency}")
            self.feed(10)
            for number in range(30):
                times = self.times(number)
                rate = (len(times) - 1) / (times[-1] - times[0])
                self.assertLessEqual(rate, frequency * 1.005, mode)
                self.assertGreaterEqual(rate, frequency * 0.9, mode)
