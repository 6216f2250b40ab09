"""MERGE: one record, of which clients get what has changed (tlcp.md 8.1, adapters-api.md 14, 18)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.grants import ItemGrant
from tests.engine.world import FakeClient, World

SUBSCRIBED = ["SUBOK,1,1,2", "CONF,1,unlimited,filtered"]


class Snapshots(SynchronousTestCase):
    """The record as it is when the subscription starts."""

    def setUp(self) -> None:
        self.world = World()
        self.client = self.world.session()

    def test_transcript(self) -> None:
        """tlcp.md 11.1: two items, snapshots, an update, a reconfiguration, the end."""
        self.assertEqual(self.client.subscribe(1, "MERGE", "item1 item2", "name price"), "REQOK,1")
        self.world.data.update("item1", {"name": "ACME", "price": "3.04"}, True)
        self.world.data.update("item2", {"name": "Foo|Bar"}, True)
        self.world.turn()
        self.world.data.update("item1", {"price": "3.05"}, False)
        self.assertEqual(
            self.client.read(),
            [
                "SUBOK,1,2,2",
                "CONF,1,unlimited,filtered",
                "U,1,1,ACME|3.04",
                "U,1,2,Foo%7CBar|#",
                "U,1,1,|3.05",
            ],
        )
        self.assertEqual(
            self.client.control("LS_reqId=2&LS_subId=1&LS_op=reconf&LS_requested_max_frequency=2.5"), "REQOK,2"
        )
        self.assertEqual(self.client.read(), ["CONF,1,2.5,filtered"])
        self.assertEqual(self.client.control("LS_reqId=3&LS_subId=1&LS_op=delete"), "REQOK,3")
        self.assertEqual(self.client.read(), ["UNSUB,1"])

    def test_held_until_the_adapter_supplies_it(self) -> None:
        """tlcp.md 6.5: nothing is sent while the snapshot is awaited."""
        self.client.subscribe(1, "MERGE", "item1", "a b")
        self.assertEqual(self.client.read(), SUBSCRIBED)
        self.world.data.update("item1", {"a": "1", "b": "2"}, True)
        self.assertEqual(self.client.read(), ["U,1,1,1|2"])

    def test_empty_snapshot_is_nulls(self) -> None:
        """adapters-api.md 14: an EOS without an event gives one update of nulls, and no EOS line."""
        self.client.subscribe(1, "MERGE", "item1", "a b")
        self.world.data.end_of_snapshot("item1")
        self.assertEqual(self.client.read(), [*SUBSCRIBED, "U,1,1,#|#"])

    def test_empty_snapshot_only_for_those_who_asked(self) -> None:
        self.client.subscribe(1, "MERGE", "item1", "a b", "")
        self.world.data.end_of_snapshot("item1")
        self.assertEqual(self.client.read(), SUBSCRIBED)

    def test_late_subscriber_after_an_empty_snapshot(self) -> None:
        self.client.subscribe(1, "MERGE", "item1", "a b")
        self.world.data.end_of_snapshot("item1")
        self.client.read()
        self.client.subscribe(2, "MERGE", "item1", "a b")
        self.assertEqual(self.client.read()[2:], ["U,2,1,#|#"])

    def test_end_of_snapshot_sends_nothing_after_the_event(self) -> None:
        """tlcp.md 6.5: never EOS in MERGE."""
        self.client.subscribe(1, "MERGE", "item1", "a b")
        self.world.data.update("item1", {"a": "1"}, True)
        self.world.data.end_of_snapshot("item1")
        self.assertEqual(self.client.read(), [*SUBSCRIBED, "U,1,1,1|#"])

    def test_first_real_time_event_ends_the_wait(self) -> None:
        """adapters-api.md 14: an UPD before the SNAP means that there is none."""
        self.client.subscribe(1, "MERGE", "item1", "a b")
        self.client.read()
        self.world.data.update("item1", {"a": "1"}, False)
        self.assertEqual(self.client.read(), ["U,1,1,1|#"])

    def test_second_snapshot_event_is_an_update(self) -> None:
        """adapters-api.md 14: in MERGE the first SNAP ends the snapshot."""
        self.client.subscribe(1, "MERGE", "item1", "a b", "")
        self.world.data.update("item1", {"a": "1", "b": "2"}, True)
        self.assertEqual(self.client.read(), SUBSCRIBED)
        self.world.data.update("item1", {"a": "3"}, True)
        self.assertEqual(self.client.read(), ["U,1,1,3|2"])

    def test_no_snapshot_from_the_adapter(self) -> None:
        """tlcp.md 6.5: nothing until the first update."""
        self.world.adapter.snapshot_available = False
        self.client.subscribe(1, "MERGE", "item1", "a b")
        self.assertEqual(self.client.read(), SUBSCRIBED)
        self.world.data.update("item1", {"b": ""}, False)
        self.assertEqual(self.client.read(), ["U,1,1,#|$"])

    def test_snapshot_flag_when_there_is_no_snapshot(self) -> None:
        """adapters-api.md 14: a SNAP that is not expected is an UPD."""
        self.world.adapter.snapshot_available = False
        self.client.subscribe(1, "MERGE", "item1", "a b", "")
        self.world.data.update("item1", {"a": "1"}, True)
        self.assertEqual(self.client.read(), [*SUBSCRIBED, "U,1,1,1|#"])

    def test_state_grows_without_a_snapshot(self) -> None:
        """adapters-api.md 14: who comes late gets what has been collected."""
        self.world.adapter.snapshot_available = False
        self.client.subscribe(1, "MERGE", "item1", "a")
        self.world.data.update("item1", {"a": "1"}, False)
        self.world.data.update("item1", {"b": "2"}, False)
        self.client.read()
        self.client.subscribe(2, "MERGE", "item1", "a b")
        self.assertEqual(self.client.read()[2:], ["U,2,1,1|2"])

    def test_not_requested(self) -> None:
        """tlcp.md 11.6: the first update is full, merged into the record the server knows."""
        self.client.subscribe(1, "MERGE", "item1", "a b")
        self.world.data.update("item1", {"a": "1", "b": "2"}, True)
        self.client.read()
        self.client.subscribe(2, "MERGE", "item1", "a b", "LS_snapshot=false")
        self.assertEqual(self.client.read(), ["SUBOK,2,1,2", "CONF,2,unlimited,filtered"])
        self.world.data.update("item1", {"a": "3"}, False)
        self.assertEqual(sorted(self.client.read()), ["U,1,1,3|", "U,2,1,3|2"])

    def test_not_requested_and_the_event_changes_nothing(self) -> None:
        """An event starts the newcomer even if it repeats what is known."""
        self.client.subscribe(1, "MERGE", "item1", "a b")
        self.world.data.update("item1", {"a": "1", "b": "2"}, True)
        self.client.read()
        self.client.subscribe(2, "MERGE", "item1", "a b", "")
        self.client.read()
        self.world.data.update("item1", {"a": "1"}, False)
        self.assertEqual(self.client.read(), ["U,2,1,1|2"])

    def test_not_requested_and_the_frequency_changes_before_the_first_event(self) -> None:
        """The event comes once all the same."""
        for sub_id, more in enumerate(("", "LS_requested_buffer_size=3"), 1):
            self.client.subscribe(sub_id, "MERGE", "item1", "a b", more)
            self.client.control(f"LS_reqId=x&LS_op=reconf&LS_subId={sub_id}&LS_requested_max_frequency=5")
            self.client.read()
        self.world.data.update("item1", {"a": "1"}, False)
        self.assertEqual(self.client.read(), ["U,1,1,1|#", "U,2,1,1|#"])
        self.world.advance(1)
        self.assertEqual(self.client.lines(), [])

    def test_not_requested_and_the_event_is_about_other_fields(self) -> None:
        self.client.subscribe(1, "MERGE", "item1", "a")
        self.world.data.update("item1", {"a": "1"}, True)
        self.client.read()
        self.client.subscribe(2, "MERGE", "item1", "a", "")
        self.client.read()
        self.world.data.update("item1", {"z": "1"}, False)
        self.assertEqual(self.client.read(), [])

    def test_number_instead_of_true(self) -> None:
        """tlcp.md 5.2: a number counts as true outside DISTINCT."""
        self.client.subscribe(1, "MERGE", "item1", "a b", "LS_snapshot=5")
        self.world.data.update("item1", {"a": "1"}, True)
        self.assertEqual(self.client.read()[2:], ["U,1,1,1|#"])

    def test_events_while_the_adapter_subscribes(self) -> None:
        """adapters-api.md 13: events may come before subscribe returns."""
        self.world.adapter.on_subscribe = lambda item: self.world.data.update(item, {"a": "1"}, True)
        self.client.subscribe(1, "MERGE", "item1", "a b")
        self.assertEqual(self.client.read(), [*SUBSCRIBED, "U,1,1,1|#"])

    def test_two_sessions_share_one_subscription(self) -> None:
        """Checklist 11: one subscribe, the second is served from the state, one unsubscribe."""
        self.client.subscribe(1, "MERGE", "item1", "a")
        self.world.data.update("item1", {"a": "1"}, True)
        other = self.world.session()
        other.subscribe(1, "MERGE", "item1", "a")
        self.assertEqual(other.read()[2:], ["U,1,1,1"])
        self.client.control("LS_reqId=1&LS_op=delete&LS_subId=1")
        self.assertEqual(self.world.adapter.calls, [("subscribe", "item1")])
        other.control("LS_reqId=1&LS_op=delete&LS_subId=1")
        self.assertEqual(self.world.adapter.calls, [("subscribe", "item1"), ("unsubscribe", "item1")])

    def test_state_ends_with_the_item(self) -> None:
        """adapters-api.md 14: a released item starts over."""
        self.client.subscribe(1, "MERGE", "item1", "a")
        self.world.data.update("item1", {"a": "1"}, True)
        self.client.control("LS_reqId=1&LS_op=delete&LS_subId=1")
        self.client.read()
        self.client.subscribe(2, "MERGE", "item1", "a")
        self.assertEqual(self.client.read(), ["SUBOK,2,1,1", "CONF,2,unlimited,filtered"])
        self.world.data.update("item1", {"a": "2"}, True)
        self.assertEqual(self.client.read(), ["U,2,1,2"])

    def test_item_twice_in_a_group(self) -> None:
        self.client.subscribe(1, "MERGE", "item1 item1", "a")
        self.world.data.update("item1", {"a": "1"}, True)
        self.assertEqual(self.client.read()[2:], ["U,1,1,1", "U,1,2,1"])


class Updates(SynchronousTestCase):
    """What an event comes to on the wire."""

    def setUp(self) -> None:
        self.world = World()
        self.client = self.started("a b c")

    def started(self, schema: str, more: str = "LS_snapshot=true") -> FakeClient:
        client = self.world.session()
        client.subscribe(1, "MERGE", "item1", schema, more)
        self.world.data.update("item1", {"a": "1", "b": "2", "c": "3"}, True)
        client.read()
        return client

    def update(self, **fields: str | bytes | None) -> None:
        self.world.data.update("item1", fields, False)

    def test_missing_field_is_unchanged(self) -> None:
        """Checklist 15."""
        self.update(b="x")
        self.assertEqual(self.client.read(), ["U,1,1,|x|"])

    def test_null_and_empty(self) -> None:
        """Checklist 15: None is #, the empty text is $."""
        self.update(a=None, b="", c="3")
        self.assertEqual(self.client.read(), ["U,1,1,#|$|"])

    def test_bytes_are_latin1(self) -> None:
        """adapters-api.md 15."""
        self.update(a=b"\xe9")
        self.assertEqual(self.client.read(), ["U,1,1,é|^2".replace("^2", "|")])

    def test_nothing_changed(self) -> None:
        """adapters-api.md 18: what says nothing new is not sent."""
        self.update(a="1", b="2")
        self.assertEqual(self.client.read(), [])

    def test_field_that_nobody_subscribed(self) -> None:
        self.update(z="1")
        self.assertEqual(self.client.read(), [])

    def test_field_that_is_never_reported(self) -> None:
        client = self.world.session()
        client.subscribe(1, "MERGE", "item1", "a unknown")
        self.assertEqual(client.read()[2:], ["U,1,1,1|#"])

    def test_field_twice_in_a_schema(self) -> None:
        client = self.world.session()
        client.subscribe(1, "MERGE", "item1", "a b a")
        self.assertEqual(client.read()[2:], ["U,1,1,1|2|1"])
        self.update(a="7")
        self.assertEqual(client.read(), ["U,1,1,7||7"])

    def test_events_of_one_turn_become_one_update(self) -> None:
        """tlcp.md 8.2: the newer event overrides the fields it carries and keeps the others."""
        self.update(a="x")
        self.update(b="y")
        self.update(a="z")
        self.assertEqual(self.client.read(), ["U,1,1,z|y|"])

    def test_there_and_back_again(self) -> None:
        """Merging may leave nothing to say."""
        self.update(a="x")
        self.update(a="1")
        self.assertEqual(self.client.read(), [])

    def test_slow_socket_conflates(self) -> None:
        """tlcp.md 8.6: while the socket is full updates stay where they are."""
        self.client.stall()
        for value in "xyz":
            self.update(a=value)
            self.assertEqual(self.client.read(), [])
        self.update(b="w")
        self.client.resume()
        self.assertEqual(self.client.read(), ["U,1,1,z|w|"])

    def test_slow_client_changes_nobody_else(self) -> None:
        """DESIGN: each gets its own step."""
        other = self.world.session()
        other.subscribe(1, "MERGE", "item1", "a b c")
        other.read()
        self.client.stall()
        self.update(a="x")
        self.assertEqual(other.read(), ["U,1,1,x||"])
        self.update(b="y")
        self.assertEqual(other.read(), ["U,1,1,|y|"])
        self.client.resume()
        self.assertEqual(self.client.read(), ["U,1,1,x|y|"])

    def test_unbound_conflates(self) -> None:
        """tlcp.md 10.3."""
        self.client.lose()
        self.update(a="x")
        self.world.turn()
        self.update(a="y")
        self.client.bind()
        self.assertIn("U,1,1,y||", self.client.read())

    def test_delta_delivery_switched_off(self) -> None:
        """tlcp.md 7.5: every value is sent."""
        self.world = World(delta_delivery=False)
        client = self.started("a b c")
        self.update(b="x")
        self.assertEqual(client.read(), ["U,1,1,1|x|3"])

    def test_order_of_items_is_that_of_their_events(self) -> None:
        self.client.subscribe(2, "MERGE", "p q", "a", "")
        self.client.read()
        self.world.data.update("q", {"a": "1"}, False)
        self.world.data.update("p", {"a": "2"}, False)
        self.assertEqual(self.client.read(), ["U,2,2,1", "U,2,1,2"])

    def test_events_of_other_items_and_adapters_are_ignored(self) -> None:
        self.world.data.update("item9", {"a": "x"}, False)
        self.world.set.sinks["OTHER"].update("item1", {"a": "x"}, False)
        self.assertEqual(self.client.read(), [])

    def test_many_subscriptions_of_one_state(self) -> None:
        """The lines kept for a step are bounded, and each client gets its own."""
        clients = []
        for number in range(1, 300):
            client = self.world.session()
            client.subscribe(number, "MERGE", "item1", "a b c")
            clients.append(client)
        self.world.turn()
        for number, client in enumerate(clients, 1):
            self.assertEqual(client.lines()[2:], [f"U,{number},1,1|2|3"])


class Clearing(SynchronousTestCase):
    """C{clear_snapshot} (adapters-api.md 14.1): an update of nulls, never CS."""

    def setUp(self) -> None:
        self.world = World()
        self.client = self.world.session()
        self.client.subscribe(1, "MERGE", "item1", "a b")

    def test_all_fields_become_null(self) -> None:
        self.world.data.update("item1", {"a": "1"}, True)
        self.client.read()
        self.world.data.clear_snapshot("item1")
        self.assertEqual(self.client.read(), ["U,1,1,#|"])

    def test_clear_during_the_snapshot_completes_it(self) -> None:
        self.world.data.clear_snapshot("item1")
        self.assertEqual(self.client.read(), [*SUBSCRIBED, "U,1,1,#|#"])

    def test_clear_counts_for_who_comes_later(self) -> None:
        self.world.data.update("item1", {"a": "1", "c": "1"}, True)
        self.world.data.clear_snapshot("item1")
        self.client.read()
        self.client.subscribe(2, "MERGE", "item1", "a c")
        self.assertEqual(self.client.read()[2:], ["U,2,1,#|#"])

    def test_clear_of_an_item_nobody_wants(self) -> None:
        self.world.data.clear_snapshot("item9")
        self.world.data.end_of_snapshot("item9")
        self.world.data.declare_field_diff_order("item9", {"a": ("JSONPATCH",)})
        self.client.read()


class Buffers(SynchronousTestCase):
    """Buffers of more than one, and unfiltered dispatching (tlcp.md 8.4)."""

    def setUp(self) -> None:
        self.world = World(max_buffer_size=3)
        self.client = self.world.session()

    def subscribe(self, more: str) -> None:
        self.client.subscribe(1, "MERGE", "item1", "a b", "LS_snapshot=true&" + more)
        self.world.data.update("item1", {"a": "0", "b": "0"}, True)
        self.client.read()

    def burst(self, *values: str) -> list[str]:
        for value in values:
            self.world.data.update("item1", {"a": value}, False)
        return self.client.read()

    def test_short_bursts_get_through(self) -> None:
        self.subscribe("LS_requested_buffer_size=3")
        self.assertEqual(self.burst("1", "2", "3"), ["U,1,1,1|", "U,1,1,2|", "U,1,1,3|"])

    def test_overflow_is_silent(self) -> None:
        """adapters-api.md 6.3: a full buffer evicts the oldest and MERGE tells nobody."""
        self.subscribe("LS_requested_buffer_size=2")
        self.assertEqual(self.burst("1", "2", "3"), ["U,1,1,2|", "U,1,1,3|"])

    def test_nothing_is_lost_with_the_oldest(self) -> None:
        """What it carried is in those that came after it."""
        self.subscribe("LS_requested_buffer_size=2")
        self.world.data.update("item1", {"b": "x"}, False)
        self.assertEqual(self.burst("1", "2"), ["U,1,1,1|x", "U,1,1,2|"])

    def test_adapter_limits_the_buffer(self) -> None:
        self.world.metadata.answers["grant_items"] = ItemGrant(buffer_size=1)
        self.subscribe("LS_requested_buffer_size=3")
        self.assertEqual(self.burst("1", "2", "3"), ["U,1,1,3|"])

    def test_server_limits_the_buffer(self) -> None:
        self.subscribe("LS_requested_buffer_size=unlimited")
        self.assertEqual(self.burst("1", "2", "3", "4"), ["U,1,1,2|", "U,1,1,3|", "U,1,1,4|"])

    def test_unfiltered_sends_every_event(self) -> None:
        """tlcp.md 8.2; also one that changes nothing."""
        self.client.subscribe(1, "MERGE", "item1", "a b", "LS_snapshot=true&LS_requested_max_frequency=unfiltered")
        self.assertEqual(self.client.read(), ["SUBOK,1,1,2", "CONF,1,unlimited,unfiltered"])
        self.world.data.update("item1", {"a": "0", "b": "0"}, True)
        self.assertEqual(self.burst("1", "2", "2"), ["U,1,1,0|0", "U,1,1,1|", "U,1,1,2|", "U,1,1,|"])

    def test_unfiltered_overflow_is_told(self) -> None:
        """tlcp.md 6.7, 8.2: the oldest go and OV has their number."""
        self.subscribe("LS_requested_max_frequency=unfiltered")
        self.assertEqual(self.burst("1", "2", "3", "4", "5"), ["OV,1,1,2", "U,1,1,3|", "U,1,1,4|", "U,1,1,5|"])

    def test_unfiltered_late_subscriber(self) -> None:
        self.subscribe("")
        other = self.world.session()
        other.subscribe(1, "MERGE", "item1", "a b", "LS_snapshot=true&LS_requested_max_frequency=unfiltered")
        self.assertEqual(other.read()[2:], ["U,1,1,0|0"])

    def test_unfiltered_without_snapshot(self) -> None:
        self.subscribe("")
        other = self.world.session()
        other.subscribe(1, "MERGE", "item1", "a b", "LS_requested_max_frequency=unfiltered")
        other.read()
        self.burst("1", "2")
        self.assertEqual(other.lines(), ["U,1,1,1|0", "U,1,1,2|"])

    def test_unfiltered_empty_snapshot(self) -> None:
        self.client.subscribe(1, "MERGE", "item1", "a b", "LS_snapshot=true&LS_requested_max_frequency=unfiltered")
        self.world.data.end_of_snapshot("item1")
        self.assertEqual(self.client.read()[2:], ["U,1,1,#|#"])

    def test_unsubscribed_buffers_are_forgotten(self) -> None:
        self.subscribe("LS_requested_buffer_size=3")
        self.client.stall()
        self.burst("1", "2")
        self.client.control("LS_reqId=1&LS_op=delete&LS_subId=1")
        self.client.resume()
        self.assertEqual(self.client.read(), ["UNSUB,1"])
