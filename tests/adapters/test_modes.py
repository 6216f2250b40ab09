from enum import Enum

from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.modes import Mode


class Other(Enum):
    """As the SDK has it."""

    RAW = "R"
    MERGE = "M"


class ModeTests(SynchronousTestCase):
    def test_a_mode_is_its_name(self) -> None:
        self.assertTrue(Mode.MERGE == "MERGE")
        self.assertTrue("MERGE".__eq__(Mode.MERGE))
        self.assertFalse(Mode.MERGE == "RAW")
        self.assertEqual(f"{Mode.COMMAND}", "COMMAND")

    def test_a_mode_is_the_same_mode_of_another_enumeration(self) -> None:
        self.assertTrue(Mode.MERGE == Other.MERGE)
        self.assertTrue(Other.MERGE == Mode.MERGE)
        self.assertTrue(Mode.MERGE != Other.RAW)
        self.assertFalse(Mode.MERGE != Other.MERGE)

    def test_it_may_be_looked_up_by_either(self) -> None:
        self.assertEqual({Other.MERGE: 1}[Mode.MERGE], 1)  # type: ignore[index]
        self.assertEqual({"MERGE": 1}[Mode.MERGE], 1)
        self.assertIn(Mode.RAW, (Other.RAW,))
