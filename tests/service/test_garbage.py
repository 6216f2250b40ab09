"""The garbage collector of a server."""

import gc
import weakref
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from lsserver.garbage import PERIOD, THRESHOLDS, Collector


class Cycle:
    """Refers to itself."""

    itself: Any


class CollectorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.collector = Collector(self.clock)
        self.addCleanup(self.collector.stop)

    def test_start_and_stop(self) -> None:
        """What there is is frozen, and everything as before in the end."""
        before = gc.get_threshold()
        self.collector.start()
        self.assertEqual(gc.get_threshold(), THRESHOLDS)
        self.assertGreater(gc.get_freeze_count(), 1_000)
        self.collector.stop()
        self.assertEqual(gc.get_threshold(), before)
        self.assertEqual(gc.get_freeze_count(), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_not_started(self) -> None:
        """A server that could not start."""
        before = gc.get_threshold()
        self.collector.stop()
        self.assertEqual(gc.get_threshold(), before)

    def test_once_an_hour(self) -> None:
        """Cycles go, and again the next time."""
        self.collector.start()
        for _ in range(2):
            cycle = Cycle()
            cycle.itself = cycle
            seen = weakref.ref(cycle)
            del cycle
            self.clock.advance(PERIOD)
            self.assertIsNone(seen())
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
