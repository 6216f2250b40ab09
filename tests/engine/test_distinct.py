"""DISTINCT: independent events, of which the newest are kept (tlcp.md 8.1, adapters-api.md 6.4, 14)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.grants import ItemGrant
from tests.engine.world import FakeClient, World

SUBSCRIBED = ["SUBOK,1,1,1", "CONF,1,unlimited,filtered"]


class DistinctCase(SynchronousTestCase):
    """Clients of the item C{news}, field t."""

    def setUp(self) -> None:
        self.world = World()
        self.client = self.world.session()

    def events(self, *values: str | None, snapshot: bool = False) -> None:
        for value in values:
            self.world.data.update("news", {"t": value} if value is not None else {}, snapshot)

    def subscribe(self, more: str = "LS_snapshot=true") -> None:
        self.assertEqual(self.client.subscribe(1, "DISTINCT", "news", "t", more), "REQOK,1")

    def late(self, more: str = "LS_snapshot=true") -> FakeClient:
        client = self.world.session()
        client.subscribe(1, "DISTINCT", "news", "t", more)
        return client


class Snapshots(DistinctCase):
    """The events that are kept."""

    def test_transcript(self) -> None:
        """tlcp.md 11.6, with LS_snapshot=2."""
        self.subscribe("LS_snapshot=2")
        self.events("n-2", "n-1", "n", snapshot=True)
        self.world.data.end_of_snapshot("news")
        lines = self.client.read()
        self.events("n+1")
        lines += self.client.read()
        self.world.data.clear_snapshot("news")
        lines += self.client.read()
        self.assertEqual(lines, [*SUBSCRIBED, "U,1,1,n-1", "U,1,1,n", "EOS,1,1", "U,1,1,n+1", "CS,1,1"])

    def test_others_have_their_turn_in_between(self) -> None:
        """A long snapshot gives way to those who wait behind it, where lines are counted out."""
        self.world.metadata.answers["grant_items"] = ItemGrant(distinct_snapshot_length=40)
        self.client.lose()
        self.client.bind("LS_recovery_from=0&LS_polling=true")
        self.subscribe()
        self.client.subscribe(2, "MERGE", "other", "t", "")
        self.events(*map(str, range(40)), snapshot=True)
        self.world.data.end_of_snapshot("news")
        self.world.data.update("other", {"t": "x"}, False)
        self.world.advance(1)
        self.client.bind("LS_polling=true")
        lines = [line for line in self.client.read() if line.startswith(("U,", "EOS"))]
        self.assertEqual(lines.index("U,2,1,x"), 16)
        lines.remove("U,2,1,x")
        self.assertEqual(lines, [*(f"U,1,1,{number}" for number in range(40)), "EOS,1,1"])

    def test_held_until_it_is_complete(self) -> None:
        """adapters-api.md 14."""
        self.subscribe()
        self.events("1", snapshot=True)
        self.assertEqual(self.client.read(), SUBSCRIBED)
        self.world.data.end_of_snapshot("news")
        self.assertEqual(self.client.read(), ["U,1,1,1", "EOS,1,1"])

    def test_without_end_of_snapshot(self) -> None:
        """Checklist 14: it appears with the first real-time event."""
        self.subscribe()
        self.events("1", snapshot=True)
        self.client.read()
        self.events("2")
        self.assertEqual(self.client.read(), ["U,1,1,1", "EOS,1,1", "U,1,1,2"])

    def test_no_snapshot_from_the_adapter(self) -> None:
        """tlcp.md 6.5: EOS at once."""
        self.world.adapter.snapshot_available = False
        self.subscribe()
        self.assertEqual(self.client.read(), [*SUBSCRIBED, "EOS,1,1"])

    def test_not_requested(self) -> None:
        self.subscribe("LS_snapshot=false")
        self.events("1", snapshot=True)
        self.world.data.end_of_snapshot("news")
        self.events("2")
        self.assertEqual(self.client.read(), [*SUBSCRIBED, "U,1,1,2"])

    def test_the_adapter_sets_the_length(self) -> None:
        """adapters-api.md 6.4: the history is as long as the Metadata Adapter says."""
        self.world.metadata.answers["grant_items"] = ItemGrant(distinct_snapshot_length=2)
        self.subscribe("LS_snapshot=7")
        self.events("1", "2", "3", snapshot=True)
        self.world.data.end_of_snapshot("news")
        self.assertEqual(self.client.read()[2:], ["U,1,1,2", "U,1,1,3", "EOS,1,1"])

    def test_length_zero(self) -> None:
        """Checklist 10: no events, EOS all the same."""
        self.world.metadata.answers["grant_items"] = ItemGrant(distinct_snapshot_length=0)
        self.subscribe()
        self.events("1", snapshot=True)
        self.world.data.end_of_snapshot("news")
        self.assertEqual(self.client.read()[2:], ["EOS,1,1"])

    def test_the_server_limits_the_length(self) -> None:
        self.world = World(max_buffer_size=1)
        self.client = self.world.session()
        self.subscribe()
        self.events("1", "2", snapshot=True)
        self.world.data.end_of_snapshot("news")
        self.assertEqual(self.client.read()[2:], ["U,1,1,2", "EOS,1,1"])

    def test_snapshot_zero_is_no_snapshot(self) -> None:
        self.subscribe("LS_snapshot=0")
        self.world.data.end_of_snapshot("news")
        self.assertEqual(self.client.read(), SUBSCRIBED)

    def test_late_subscribers(self) -> None:
        """Served from the state, oldest first."""
        self.subscribe()
        self.events("1", snapshot=True)
        self.events("2", "3")
        self.assertEqual(self.late().read()[2:], ["U,1,1,1", "U,1,1,2", "U,1,1,3", "EOS,1,1"])
        self.assertEqual(self.late("LS_snapshot=1").read()[2:], ["U,1,1,3", "EOS,1,1"])

    def test_missing_field_is_null(self) -> None:
        """adapters-api.md 18."""
        self.subscribe("")
        self.events("1", None)
        self.assertEqual(self.client.read()[2:], ["U,1,1,1", "U,1,1,#"])

    def test_equal_events_are_events(self) -> None:
        """Unchanged markers are only a compression."""
        self.subscribe("")
        self.events("1", "1")
        self.assertEqual(self.client.read()[2:], ["U,1,1,1", "U,1,1,"])

    def test_one_of_two_goes(self) -> None:
        """The other keeps what they share."""
        self.subscribe()
        self.events("1")
        late = self.late()
        late.control("LS_reqId=2&LS_op=delete&LS_subId=1")
        self.client.read()
        self.events("2")
        self.assertEqual(self.client.read(), ["U,1,1,2"])

    def test_gone_subscribers_leave_nothing_behind(self) -> None:
        """Their view and what it made of the history."""
        self.subscribe()
        self.events("1")
        late = self.world.session()
        late.subscribe(1, "DISTINCT", "news", "t u")
        late.read()
        late.control("LS_reqId=2&LS_op=delete&LS_subId=1")
        again = self.world.session()
        again.subscribe(1, "DISTINCT", "news", "t u")
        self.assertEqual(again.read()[2:], ["U,1,1,1|#", "EOS,1,1"])


class Buffer(DistinctCase):
    """Events that wait for a slow client (tlcp.md 8.4)."""

    def stalled(self, more: str, *values: str) -> list[str]:
        self.subscribe(more)
        self.client.read()
        self.client.stall()
        self.events(*values)
        self.world.turn()
        self.client.resume()
        return self.client.read()

    def test_nothing_is_merged(self) -> None:
        self.assertEqual(self.stalled("", "1", "2"), ["U,1,1,1", "U,1,1,2"])

    def test_oldest_is_dropped_silently(self) -> None:
        """Checklist 18."""
        self.assertEqual(self.stalled("LS_requested_buffer_size=2", "1", "2", "3"), ["U,1,1,2", "U,1,1,3"])

    def test_adapter_limits_the_buffer(self) -> None:
        self.world.metadata.answers["grant_items"] = ItemGrant(buffer_size=1)
        self.assertEqual(self.stalled("", "1", "2", "3"), ["U,1,1,3"])

    def test_server_limits_the_buffer(self) -> None:
        self.world = World(max_buffer_size=2)
        self.client = self.world.session()
        self.assertEqual(self.stalled("LS_requested_buffer_size=unlimited", "1", "2", "3"), ["U,1,1,2", "U,1,1,3"])

    def test_unfiltered_overflow_is_told(self) -> None:
        self.world = World(max_buffer_size=2)
        self.client = self.world.session()
        self.assertEqual(
            self.stalled("LS_requested_max_frequency=unfiltered", "1", "2", "3", "4"),
            ["OV,1,1,2", "U,1,1,3", "U,1,1,4"],
        )

    def test_snapshot_is_not_limited_by_the_buffer(self) -> None:
        """adapters-api.md 6.4: sent as if unfiltered."""
        self.subscribe("LS_snapshot=true&LS_requested_buffer_size=1")
        self.events("1", "2", "3", snapshot=True)
        self.world.data.end_of_snapshot("news")
        self.assertEqual(self.client.read()[2:], ["U,1,1,1", "U,1,1,2", "U,1,1,3", "EOS,1,1"])

    def test_long_queue_takes_more_than_one_turn(self) -> None:
        values = [str(number) for number in range(700)]
        self.assertEqual(self.stalled("", *values), [f"U,1,1,{value}" for value in values])


class Clearing(DistinctCase):
    """C{clear_snapshot} (adapters-api.md 14.1)."""

    def test_history_is_emptied(self) -> None:
        self.subscribe()
        self.events("1")
        self.world.data.clear_snapshot("news")
        self.assertEqual(self.client.read()[2:], ["EOS,1,1", "CS,1,1"])
        self.assertEqual(self.late().read()[2:], ["EOS,1,1"])

    def test_base_survives(self) -> None:
        """Checklist 17."""
        self.subscribe()
        self.events("1")
        self.client.read()
        self.world.data.clear_snapshot("news")
        self.events("1")
        self.assertEqual(self.client.read(), ["CS,1,1", "U,1,1,"])

    def test_clear_during_the_snapshot_completes_it(self) -> None:
        self.subscribe()
        self.events("1", snapshot=True)
        self.world.data.clear_snapshot("news")
        self.assertEqual(self.client.read()[2:], ["EOS,1,1", "CS,1,1"])

    def test_snapshot_that_waits_for_the_socket_is_dropped_but_not_its_end(self) -> None:
        self.subscribe()
        self.client.read()
        self.client.stall()
        self.events("1", snapshot=True)
        self.world.data.end_of_snapshot("news")
        self.world.data.clear_snapshot("news")
        self.client.resume()
        self.assertEqual(self.client.read(), ["EOS,1,1", "CS,1,1"])

    def test_unfiltered_keeps_what_precedes_it(self) -> None:
        self.subscribe("LS_requested_max_frequency=unfiltered")
        self.client.read()
        self.client.stall()
        self.events("1")
        self.world.data.clear_snapshot("news")
        self.events("2")
        self.client.resume()
        self.assertEqual(self.client.read(), ["U,1,1,1", "CS,1,1", "U,1,1,2"])

    def test_endless_clearing_does_not_pile_up(self) -> None:
        """Memory is bounded whatever the adapter does with a client that does not read."""
        for more in ("", "LS_snapshot=true", "LS_snapshot=true&LS_requested_max_frequency=unfiltered"):
            self.world = World(max_buffer_size=5)
            self.client = self.world.session()
            self.subscribe(more)
            self.client.read()
            self.client.stall()
            for number in range(100):
                self.events(str(number))
                self.world.data.clear_snapshot("news")
            self.client.resume()
            lines = self.client.read()
            self.assertLess(len(lines), 30)
            self.assertEqual(lines.count("EOS,1,1"), int("snapshot" in more))
            lost = sum(int(line.split(",")[3]) for line in lines if line.startswith("OV"))
            came = sum(line.startswith("U") for line in lines)
            self.assertEqual(lost + came, 100 if "unfiltered" in more else 0)
