"""Things with equal time limits."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from lsserver.transport.deadlines import Deadlines


class Row(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.late: list[str] = []
        self.deadlines: Deadlines[str] = Deadlines(self.clock, 10, self.late.append)

    def test_late(self) -> None:
        """Each in its own time."""
        self.deadlines.begin("a")
        self.clock.advance(4)
        self.deadlines.begin("b")
        self.clock.advance(5.9)
        self.assertEqual(self.late, [])
        self.clock.advance(0.1)
        self.assertEqual(self.late, ["a"])
        self.clock.advance(4)
        self.assertEqual(self.late, ["a", "b"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_in_time(self) -> None:
        """Whoever ends, however often, is not called, and with nobody there nothing runs."""
        self.deadlines.begin("a")
        self.deadlines.begin("b")
        self.deadlines.end("a")
        self.deadlines.end("a")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.deadlines.end("b")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(20)
        self.assertEqual(self.late, [])

    def test_begun_again(self) -> None:
        """The time counts from the last beginning."""
        self.deadlines.begin("a")
        self.clock.advance(8)
        self.deadlines.begin("a")
        self.clock.advance(9)
        self.assertEqual(self.late, [])
        self.clock.advance(1)
        self.assertEqual(self.late, ["a"])

    def test_begun_by_a_late_one(self) -> None:
        """What is called may begin something, itself too."""
        deadlines: Deadlines[str] = Deadlines(
            self.clock, 10, lambda what: (self.late.append(what), deadlines.begin(what))
        )
        deadlines.begin("a")
        deadlines.begin("b")
        self.clock.advance(10)
        self.clock.advance(10)
        self.assertEqual(self.late, ["a", "b", "a", "b"])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_no_limit(self) -> None:
        """Nothing is ever late."""
        deadlines: Deadlines[str] = Deadlines(self.clock, 0, self.late.append)
        deadlines.begin("a")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        deadlines.end("a")
