"""RAW: events as they are (tlcp.md 8.1, adapters-api.md 14, 18)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.grants import ItemGrant
from tests.engine.world import World

SUBSCRIBED = ["SUBOK,1,1,2", "CONF,1,unlimited,unfiltered"]


class Raw(SynchronousTestCase):
    """Clients of the item C{log}, fields lev and txt."""

    def setUp(self) -> None:
        self.world = World(max_buffer_size=3)
        self.client = self.world.session()
        self.assertEqual(self.client.subscribe(1, "RAW", "log", "lev txt", ""), "REQOK,1")

    def events(self, *texts: str) -> None:
        for text in texts:
            self.world.data.update("log", {"lev": "INFO", "txt": text}, False)

    def test_transcript(self) -> None:
        """tlcp.md 11.6."""
        self.events("start", "stop")
        lines = self.client.read()
        self.client.stall()
        self.events("a", "b", "c", "d", "e")
        self.world.data.update("log", {"lev": "WARN"}, False)
        self.client.resume()
        lines += self.client.read()
        self.assertEqual(
            lines,
            [
                *SUBSCRIBED,
                "U,1,1,INFO|start",
                "U,1,1,|stop",
                "OV,1,1,3",
                "U,1,1,|d",
                "U,1,1,|e",
                "U,1,1,WARN|#",
            ],
        )

    def test_snapshot_is_not_considered(self) -> None:
        """adapters-api.md 14: no error, snapshot events are discarded."""
        self.client.subscribe(2, "RAW", "log", "lev txt", "LS_snapshot=true")
        self.world.data.update("log", {"txt": "old"}, True)
        self.world.data.end_of_snapshot("log")
        self.world.data.update("log", {"txt": "old too"}, True)
        self.assertEqual(self.client.read(), [*SUBSCRIBED, "SUBOK,2,1,2", "CONF,2,unlimited,unfiltered"])

    def test_equal_events_are_events(self) -> None:
        self.events("a", "a")
        self.assertEqual(self.client.read()[2:], ["U,1,1,INFO|a", "U,1,1,|"])

    def test_clear_is_nothing(self) -> None:
        """adapters-api.md 14.1."""
        self.events("a")
        self.client.read()
        self.world.data.clear_snapshot("log")
        self.assertEqual(self.client.read(), [])

    def test_limits_do_not_count(self) -> None:
        """Checklist 9: neither a frequency limit nor a prefilter nor a buffer size."""
        self.world.metadata.answers["grant_items"] = ItemGrant(buffer_size=1)
        self.client.subscribe(2, "RAW", "log", "lev txt", "LS_requested_max_frequency=1&LS_requested_buffer_size=1")
        self.client.read()
        self.events("a", "b", "c")
        self.assertEqual(
            self.client.read(),
            ["U,1,1,INFO|a", "U,1,1,|b", "U,1,1,|c", "U,2,1,INFO|a", "U,2,1,|b", "U,2,1,|c"],
        )

    def test_coexists_with_another_mode(self) -> None:
        """tlcp.md 8.1."""
        self.world.data.update("log", {"lev": "0", "txt": "0"}, True)
        self.assertEqual(self.client.subscribe(2, "MERGE", "log", "lev txt", "LS_snapshot=true"), "REQOK,2")
        self.client.read()
        self.events("a", "b")
        self.assertEqual(self.client.read(), ["U,2,1,INFO|b", "U,1,1,INFO|a", "U,1,1,|b"])
        self.assertEqual(self.world.adapter.calls, [("subscribe", "log")])

    def test_keeps_the_state_for_who_comes_later(self) -> None:
        """adapters-api.md 16: the mode that the item may have is guessed."""
        self.world = World()
        self.world.metadata.answers["fixed_mode"] = "MERGE"
        client = self.world.session()
        client.subscribe(1, "RAW", "log", "txt", "")
        self.world.data.update("log", {"txt": "a"}, True)
        self.events("b")
        client.subscribe(2, "MERGE", "log", "txt", "LS_snapshot=true")
        self.assertEqual(
            client.read(),
            ["SUBOK,1,1,1", "CONF,1,unlimited,unfiltered", "U,1,1,b"]
            + ["SUBOK,2,1,1", "CONF,2,unlimited,filtered", "U,2,1,b"],
        )

    def test_guess_does_not_bind_anybody(self) -> None:
        """The first subscription fixes the mode (adapters-api.md 4.1)."""
        self.world = World()
        self.world.metadata.answers["fixed_mode"] = "MERGE"
        client = self.world.session()
        client.subscribe(1, "RAW", "log", "txt", "")
        self.world.data.end_of_snapshot("log")
        self.assertEqual(client.subscribe(2, "DISTINCT", "log", "txt"), "REQOK,2")
        self.events("b")
        self.assertEqual(client.read()[4:], ["EOS,2,1", "U,2,1,b", "U,1,1,b"])

    def test_guessed_history_is_as_long_as_the_adapter_says(self) -> None:
        self.world = World()
        self.world.metadata.answers["fixed_mode"] = "DISTINCT"
        self.world.metadata.answers["item_limits"] = ItemGrant(distinct_snapshot_length=2)
        client = self.world.session()
        client.subscribe(1, "RAW", "log", "txt", "")
        self.events("a", "b", "c")
        client.read()
        client.subscribe(2, "DISTINCT", "log", "txt")
        self.assertEqual(client.read()[2:], ["U,2,1,b", "U,2,1,c", "EOS,2,1"])
        self.events("d")
        client.subscribe(3, "DISTINCT", "log", "txt")
        lines = [line for line in client.read() if line.split(",")[1] == "3"]
        self.assertEqual(lines[2:], ["U,3,1,c", "U,3,1,d", "EOS,3,1"])

    def test_item_that_may_only_be_raw(self) -> None:
        """No other state is kept."""
        self.events("a")
        self.assertEqual(self.client.read()[2:], ["U,1,1,INFO|a"])

    def test_two_schemas(self) -> None:
        self.client.subscribe(2, "RAW", "log", "txt", "")
        self.client.read()
        self.events("a")
        self.assertEqual(self.client.read(), ["U,1,1,INFO|a", "U,2,1,a"])

    def test_unsubscription_of_one_of_two(self) -> None:
        self.client.subscribe(2, "RAW", "log", "lev txt", "")
        self.client.control("LS_reqId=3&LS_op=delete&LS_subId=1")
        self.client.read()
        self.events("a")
        self.assertEqual(self.client.read(), ["U,2,1,INFO|a"])
