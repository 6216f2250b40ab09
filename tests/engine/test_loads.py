"""What several groups have for a rider in one turn goes to it in one write (L{lsserver.engine.convoy.together})."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.engine.convoy import LOOK_BACK, Load, together
from tests.engine.world import FakeFraming

FRAMING = FakeFraming()


def load(number: int, riders: Any) -> Load:
    """One that can be told from others."""
    slots = {rider: f"slot of {rider}" for rider in riders}
    return Load([b"%d a" % number, b"%d b" % number], FRAMING, cast(Any, slots))


class Together(SynchronousTestCase):
    @given(st.lists(st.sets(st.integers(0, 5), min_size=1), max_size=3 * LOOK_BACK))
    def test_everybody_gets_everything_in_order(self, riders: list[set[int]]) -> None:
        """In one load each."""
        loads = together([load(number, those) for number, those in enumerate(riders)])
        got = {rider: one for one in loads for rider in one.riders}
        self.assertEqual(sum(len(one.riders) for one in loads), len(got))
        for rider in range(6):
            lines = [line for number, those in enumerate(riders) if rider in those for line in load(number, ()).lines]
            self.assertEqual(got[rider].lines if rider in got else [], lines)
            if rider in got:
                self.assertEqual(got[rider].riders[cast(Any, rider)], f"slot of {rider}")

    def test_one_for_the_same_riders(self) -> None:
        """Also when each group has them in two convoys."""
        loads = together([load(number, "abc" if number % 2 else "de") for number in range(20)])
        self.assertEqual([sorted(cast(Any, one.riders)) for one in loads], [["d", "e"], ["a", "b", "c"]])
        self.assertEqual([len(one.lines) for one in loads], [20, 20])

    def test_nothing(self) -> None:
        self.assertEqual(together([]), [])
