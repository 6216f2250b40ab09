"""The prefilter of an item (adapters-api.md 6.5)."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.grants import ItemGrant
from tests.engine.world import World


class Prefilter(SynchronousTestCase):
    """An item that lets two events a second through."""

    def setUp(self) -> None:
        self.world = World()
        self.world.metadata.answers["grant_items"] = ItemGrant(min_source_frequency=2, distinct_snapshot_length=10)
        self.client = self.world.session()

    def event(self, snapshot: bool = False, **fields: Any) -> None:
        self.world.data.update("item1", fields, snapshot)

    def subscribe(self, mode: str, more: str = "") -> None:
        self.assertEqual(self.client.subscribe(1, mode, "item1", "a b", more), "REQOK,1")
        self.client.read()

    def test_merge(self) -> None:
        """What waits is completed by what comes."""
        self.subscribe("MERGE", "LS_requested_buffer_size=5")
        self.event(a="1", b="1")
        self.event(a="2")
        self.event(b="3")
        self.assertEqual(self.client.read(), ["U,1,1,1|1"])
        self.world.advance(0.6)
        self.assertEqual(self.client.lines(), ["U,1,1,2|3"])

    def test_distinct(self) -> None:
        """What waits is replaced by what comes."""
        self.subscribe("DISTINCT")
        self.event(a="1")
        self.event(a="2", b="2")
        self.event(a="3")
        self.assertEqual(self.client.read(), ["U,1,1,1|#"])
        self.world.advance(0.6)
        self.assertEqual(self.client.lines(), ["U,1,1,3|"])

    def test_pace(self) -> None:
        self.subscribe("DISTINCT")
        times = []
        for number in range(200):
            self.world.advance(1 / 64)
            self.event(a=str(number))
            times += [self.world.clock.seconds() for _ in self.client.read()]
        self.assertEqual([after - before for before, after in zip(times, times[1:], strict=False)], [0.5] * 6)

    def test_quiet_time_is_not_saved_up(self) -> None:
        self.subscribe("MERGE", "LS_requested_buffer_size=5")
        self.event(a="1")
        self.world.advance(10)
        self.event(a="2")
        self.event(a="3")
        self.assertEqual(self.client.read(), ["U,1,1,1|#", "PROBE", "U,1,1,2|"])

    def test_newest_state_comes(self) -> None:
        self.subscribe("MERGE")
        for value in "123":
            self.event(a=value)
        self.world.advance(5)
        self.assertEqual(self.client.lines(), ["U,1,1,1|#", "U,1,1,3|"])

    def test_common_to_all_sessions(self) -> None:
        self.subscribe("MERGE")
        self.event(a="1")
        self.event(a="2")
        other = self.world.session()
        other.subscribe(1, "MERGE", "item1", "a b", "LS_snapshot=true")
        self.assertEqual(other.read()[2:], ["U,1,1,1|#"])

    def test_raw_sees_all(self) -> None:
        """It is not prefiltered."""
        self.subscribe("MERGE")
        self.client.subscribe(2, "RAW", "item1", "a", "")
        self.client.read()
        for value in "123":
            self.event(a=value)
        self.assertEqual(self.client.read(), ["U,2,1,1", "U,2,1,2", "U,2,1,3", "U,1,1,1|#"])

    def test_command_has_none(self) -> None:
        self.client.subscribe(1, "COMMAND", "item1", "key command", "")
        self.client.read()
        for key in "123":
            self.event(key=key, command="ADD")
        self.assertEqual(len(self.client.read()), 3)

    def test_snapshot_is_not_filtered(self) -> None:
        self.subscribe("DISTINCT", "LS_snapshot=true")
        for value in "123":
            self.event(True, a=value)
        self.world.data.end_of_snapshot("item1")
        self.assertEqual(len(self.client.read()), 4)

    def test_clear_makes_what_waits_obsolete(self) -> None:
        self.subscribe("DISTINCT")
        self.event(a="1")
        self.event(a="2")
        self.world.data.clear_snapshot("item1")
        self.world.advance(5)
        self.assertEqual(self.client.lines(), ["CS,1,1"])
        self.event(a="3")
        self.assertEqual(self.client.read(), ["U,1,1,3|#"])

    def test_released_item(self) -> None:
        self.subscribe("DISTINCT")
        self.event(a="1")
        self.event(a="2")
        self.client.control("LS_reqId=1&LS_op=delete&LS_subId=1")
        self.world.advance(5)
        self.assertEqual(self.client.lines(), ["UNSUB,1"])
        self.client.subscribe(2, "DISTINCT", "item1", "a", "LS_snapshot=true")
        self.world.data.end_of_snapshot("item1")
        self.assertEqual(self.client.read()[2:], ["EOS,2,1"])

    def test_guessed_item(self) -> None:
        """adapters-api.md 6.5: it belongs to the item, not to whoever subscribes."""
        self.world.metadata.answers["fixed_mode"] = "MERGE"
        self.world.metadata.answers["item_limits"] = ItemGrant(min_source_frequency=2)
        self.world.data.force_subscription("item1")
        self.event(a="1")
        self.event(a="2")
        self.subscribe("MERGE", "LS_snapshot=true")
        self.assertIn("U,1,1,1|#", self.client.connection.data.decode())
        self.world.advance(0.6)
        self.assertEqual(self.client.lines(), ["U,1,1,2|"])

    def test_wrong_guess(self) -> None:
        """What waits in the mode that was guessed is dropped with its state."""
        self.world.metadata.answers["fixed_mode"] = "MERGE"
        self.world.metadata.answers["item_limits"] = ItemGrant(min_source_frequency=2)
        self.world.data.force_subscription("item1")
        self.event(a="1")
        self.event(a="2")
        self.client.subscribe(1, "COMMAND", "item1", "key command", "LS_snapshot=true")
        self.world.advance(5)
        self.assertEqual(self.client.lines()[2:], ["EOS,1,1"])
