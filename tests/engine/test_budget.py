"""How many requests somebody may send."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from lsserver.engine.budget import BURST_SECONDS, Budget


class Debts(SynchronousTestCase):
    """Requests that are late rather than refused."""

    def test_paid_as_time_passes(self) -> None:
        clock = Clock()
        budget = Budget(2, clock.seconds)
        for _ in range(2 * BURST_SECONDS):
            self.assertEqual(budget.owe(), 0)
        self.assertEqual([budget.owe(), budget.owe()], [0.5, 1.0])
        self.assertEqual(budget.debt(), 1.0)
        clock.advance(0.25)
        self.assertEqual(budget.debt(), 0.75)
        clock.advance(5)
        self.assertEqual(budget.debt(), 0)
