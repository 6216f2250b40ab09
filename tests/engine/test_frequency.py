"""Frequency limits (tlcp.md 8.3, adapters-api.md 6.2)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.grants import ItemGrant
from tests.engine.world import FakeClient, World


class FrequencyCase(SynchronousTestCase):
    """Subscriptions to C{item1} with a limit."""

    def setUp(self) -> None:
        self.world = World()
        self.client = self.world.session()

    def limit(self, frequency: float) -> None:
        self.world.metadata.answers["grant_items"] = ItemGrant(max_frequency=frequency)

    def subscribe(self, mode: str, schema: str, frequency: str, more: str = "") -> None:
        answer = self.client.subscribe(
            1, mode, "item1", schema, f"LS_requested_max_frequency={frequency}{more}" if frequency else more
        )
        self.assertEqual(answer, "REQOK,1")

    def update(self, **fields: str) -> None:
        self.world.data.update("item1", dict(fields), False)

    def times(self, seconds: float, client: FakeClient | None = None) -> list[float]:
        """When updates come, with an event of the adapter every 1/64 s."""
        client = client or self.client
        client.lines()
        start = self.world.clock.seconds()
        times = []
        number = 0
        while self.world.clock.seconds() < start + seconds:
            self.world.advance(1 / 64)
            number += 1
            self.update(a=str(number), key="k1", command="UPDATE")
            times += [self.world.clock.seconds() - start for line in client.read() if line.startswith("U,")]
        return times


class Confirmed(FrequencyCase):
    """What C{CONF} says: the smaller of the two (adapters-api.md 6.2)."""

    def confirmed(self, requested: str, allowed: float) -> str:
        self.limit(allowed)
        self.subscribe("MERGE", "a", requested)
        return self.client.read()[1]

    def test_both_are_numbers(self) -> None:
        self.assertEqual(self.confirmed("2", 3), "CONF,1,2.0,filtered")

    def test_the_adapter_allows_less(self) -> None:
        self.assertEqual(self.confirmed("2.5", 0.5), "CONF,1,0.5,filtered")

    def test_only_the_adapter_limits(self) -> None:
        self.assertEqual(self.confirmed("unlimited", 3), "CONF,1,3.0,filtered")

    def test_only_the_client_limits(self) -> None:
        self.assertEqual(self.confirmed("3", 0), "CONF,1,3.0,filtered")

    def test_nobody_limits(self) -> None:
        self.assertEqual(self.confirmed("", 0), "CONF,1,unlimited,filtered")

    def test_unfiltered(self) -> None:
        self.assertEqual(self.confirmed("unfiltered", 0), "CONF,1,unlimited,unfiltered")

    def test_highest_of_the_items(self) -> None:
        """tlcp.md 6.4."""
        self.world.metadata.answers["grant_items"] = lambda *_: [ItemGrant(max_frequency=1), ItemGrant(max_frequency=2)]
        self.client.subscribe(1, "MERGE", "item1 item2", "a", "LS_requested_max_frequency=5")
        self.assertEqual(self.client.read()[1], "CONF,1,2.0,filtered")


class Stalled(FrequencyCase):
    """The client does not read while an update waits for its time."""

    def test_alarm_of_what_waits_anyway(self) -> None:
        """Nothing is sent twice."""
        self.subscribe("DISTINCT", "a", "1")
        self.client.read()
        self.update(a="1")
        self.update(a="2")
        self.assertEqual(self.client.read(), ["U,1,1,1"])
        self.client.stall()
        self.world.data.clear_snapshot("item1")
        self.world.advance(2)
        self.assertEqual(self.client.read(), [])
        self.client.resume()
        self.assertEqual(self.client.read(), ["CS,1,1"])
        self.update(a="3")
        self.assertEqual(self.client.read(), ["U,1,1,3"])


class Pace(FrequencyCase):
    """How often updates come."""

    def test_merge(self) -> None:
        """First at once, then at intervals of 1/f; what is merged is the newest state."""
        self.subscribe("MERGE", "a", "4")
        self.assertEqual(self.times(1), [1 / 64 + i / 4 for i in range(4)])

    def test_newest_state_comes(self) -> None:
        self.subscribe("MERGE", "a b", "1")
        self.update(a="1")
        self.client.read()
        for value in "234":
            self.update(a=value)
        self.update(b="x")
        self.assertEqual(self.client.read(), [])
        self.world.advance(1)
        self.assertEqual(self.client.lines(), ["U,1,1,4|x"])

    def test_quiet_time_is_not_saved_up(self) -> None:
        self.subscribe("MERGE", "a", "4")
        self.update(a="x")
        self.world.advance(10)
        self.assertEqual(self.times(0.5), [1 / 64, 1 / 64 + 0.25])

    def test_distinct(self) -> None:
        """Whole events, in their order."""
        self.subscribe("DISTINCT", "a", "2")
        self.update(a="1")
        self.update(a="2")
        self.update(a="3")
        self.assertEqual(self.client.read()[2:], ["U,1,1,1"])
        self.world.advance(0.5)
        self.assertEqual(self.client.lines(), ["U,1,1,2"])
        self.world.advance(0.5)
        self.assertEqual(self.client.lines(), ["U,1,1,3"])

    def test_merge_with_a_larger_buffer(self) -> None:
        self.subscribe("MERGE", "a", "2", "&LS_requested_buffer_size=5")
        for value in "123":
            self.update(a=value)
        self.assertEqual(self.client.read()[2:], ["U,1,1,1"])
        self.world.advance(1)
        self.assertEqual(self.client.lines(), ["U,1,1,2", "U,1,1,3"])

    def test_command_limits_updates_of_each_key(self) -> None:
        """adapters-api.md 6.2: per key; ADD and DELETE go at once."""
        self.subscribe("COMMAND", "key command a", "2")
        for key in ("k1", "k2"):
            self.update(key=key, command="ADD", a="0")
        self.assertEqual(self.client.read()[2:], ["U,1,1,k1|ADD|0", "U,1,1,k2||"])
        self.update(key="k1", command="UPDATE", a="1")
        self.update(key="k1", command="UPDATE", a="2")
        self.update(key="k2", command="DELETE")
        self.assertEqual(self.client.read(), ["U,1,1,|DELETE|#"])
        self.world.advance(0.25)
        self.update(key="k3", command="ADD", a="9")
        self.assertEqual(self.client.read(), ["U,1,1,k3|ADD|9"])
        self.world.advance(0.25)
        self.assertEqual(self.client.lines(), ["U,1,1,k1|UPDATE|2"])

    def test_command_pace(self) -> None:
        self.subscribe("COMMAND", "key command a", "4")
        self.update(key="k1", command="ADD", a="0")
        self.client.read()
        self.world.advance(1)
        self.assertEqual(self.times(1), [1 / 64 + i / 4 for i in range(4)])

    def test_command_with_many_rows(self) -> None:
        """They take more than one turn."""
        self.subscribe("COMMAND", "key command a", "4")
        self.client.read()
        self.client.stall()
        for number in range(600):
            self.update(key=f"k{number}", command="ADD", a="0")
        self.client.resume()
        self.assertEqual(len(self.client.read()), 600)

    def test_snapshot_is_exempt(self) -> None:
        """adapters-api.md 14: the limit starts counting with real-time events."""
        self.subscribe("MERGE", "a", "1", "&LS_snapshot=true")
        self.world.data.update("item1", {"a": "0"}, True)
        self.assertEqual(self.client.read()[2:], ["U,1,1,0"])
        self.update(a="1")
        self.assertEqual(self.client.read(), ["U,1,1,1"])
        self.update(a="2")
        self.assertEqual(self.client.read(), [])

    def test_command_snapshot_is_exempt(self) -> None:
        self.subscribe("COMMAND", "key command a", "1", "&LS_snapshot=true")
        for key in ("k1", "k2"):
            self.world.data.update("item1", {"key": key, "command": "ADD", "a": "0"}, True)
        self.world.data.end_of_snapshot("item1")
        self.update(key="k1", command="UPDATE", a="1")
        self.assertEqual(self.client.read()[2:], ["U,1,1,k1|ADD|0", "U,1,1,k2||", "EOS,1,1", "U,1,1,k1|UPDATE|1"])

    def test_distinct_snapshot_is_exempt(self) -> None:
        self.subscribe("DISTINCT", "a", "1", "&LS_snapshot=true")
        for value in "12":
            self.world.data.update("item1", {"a": value}, True)
        self.update(a="3")
        self.assertEqual(self.client.read()[2:], ["U,1,1,1", "U,1,1,2", "EOS,1,1", "U,1,1,3"])

    def test_holds_across_polls(self) -> None:
        """adapters-api.md 6.2."""
        self.subscribe("MERGE", "a", "1")
        self.update(a="1")
        self.client.read()
        self.client.lose()
        self.update(a="2")
        self.client.bind("LS_polling=true&LS_idle_millis=20000")
        self.client.read()
        self.update(a="3")
        self.assertEqual(self.client.read(), [])
        self.world.advance(1)
        self.assertEqual(self.client.lines(), ["U,1,1,3", "LOOP,0"])

    def test_unsubscribed_while_it_waits(self) -> None:
        self.subscribe("MERGE", "a", "1")
        self.update(a="1")
        self.client.read()
        self.update(a="2")
        self.client.control("LS_reqId=2&LS_op=delete&LS_subId=1")
        self.assertEqual(self.client.read(), ["UNSUB,1"])
        self.world.advance(2)
        self.assertEqual(self.client.lines(), [])


class Reconfiguration(FrequencyCase):
    """C{reconf} (tlcp.md 5.4)."""

    def reconf(self, frequency: str, client: FakeClient | None = None) -> str:
        more = f"&LS_requested_max_frequency={frequency}" if frequency else ""
        return (client or self.client).control(f"LS_reqId=2&LS_op=reconf&LS_subId=1{more}")

    def test_confirmed(self) -> None:
        self.subscribe("MERGE", "a", "4")
        self.client.read()
        self.assertEqual(self.reconf("2.5"), "REQOK,2")
        self.assertEqual(self.client.read(), ["CONF,1,2.5,filtered"])

    def test_nothing_changes(self) -> None:
        """Confirmed all the same."""
        self.subscribe("MERGE", "a", "4")
        self.client.read()
        self.assertEqual(self.reconf(""), "REQOK,2")
        self.assertEqual(self.client.read(), ["CONF,1,4.0,filtered"])

    def test_the_adapter_limit_stays(self) -> None:
        """adapters-api.md 4: the answer obtained at start is kept."""
        self.limit(2)
        self.subscribe("MERGE", "a", "1")
        self.client.read()
        self.reconf("unlimited")
        self.assertEqual(self.client.read(), ["CONF,1,2.0,filtered"])

    def test_unknown_subscription(self) -> None:
        self.assertEqual(self.reconf("1"), "REQERR,2,19,Specified subscription not found")

    def test_unfiltered_cannot_be_changed(self) -> None:
        self.subscribe("MERGE", "a", "unfiltered")
        self.assertTrue(self.reconf("1").startswith("REQERR,2,13,"))

    def test_raw_has_nothing_to_change(self) -> None:
        self.subscribe("RAW", "a", "")
        self.client.read()
        self.assertEqual(self.reconf("1"), "REQOK,2")
        self.assertEqual(self.client.read(), ["CONF,1,unlimited,unfiltered"])

    def test_while_the_subscription_is_on_its_way(self) -> None:
        """As a delete, it waits for the add (tlcp.md 3.6)."""
        from twisted.internet.defer import Deferred

        waiting: Deferred[object] = Deferred()
        self.world.metadata.answers["get_items"] = waiting
        self.client.send("LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=item1&LS_schema=a")
        answers: list[bytes] = []
        self.client.send("LS_reqId=2&LS_op=reconf&LS_subId=1&LS_requested_max_frequency=2").addCallback(answers.append)
        waiting.callback(["item1"])
        self.assertEqual(answers, [b"REQOK,2\r\n"])
        self.assertEqual(self.client.read(), ["SUBOK,1,1,1", "CONF,1,unlimited,filtered", "CONF,1,2.0,filtered"])

    def test_confirmed_before_updates_at_the_new_rate(self) -> None:
        """tlcp.md 6.13."""
        for mode in ("MERGE", "DISTINCT", "COMMAND"):
            self.setUp()
            self.subscribe(mode, "key command a", "0.1")
            self.update(key="k1", command="ADD", a="1")
            self.client.read()
            self.update(key="k1", command="UPDATE", a="2")
            self.world.advance(1)
            self.reconf("unlimited")
            self.assertEqual(self.client.read(), ["CONF,1,unlimited,filtered", "U,1,1,|UPDATE|2"])

    def test_new_pace(self) -> None:
        for mode in ("MERGE", "DISTINCT", "COMMAND"):
            self.setUp()
            self.subscribe(mode, "key command a", "4", "&LS_requested_buffer_size=1")
            self.update(key="k1", command="ADD", a="1")
            self.times(1)
            self.reconf("2")
            self.world.advance(0.5)
            times = self.times(2)
            self.assertEqual([after - before for before, after in zip(times, times[1:], strict=False)], [0.5] * 3)

    def test_often_is_no_way_around_the_limit(self) -> None:
        """The interval since the last update counts, whatever the limit was then."""
        for mode in ("MERGE", "DISTINCT", "COMMAND"):
            self.setUp()
            self.limit(1)
            self.subscribe(mode, "key command a", "1", "&LS_requested_buffer_size=1")
            self.update(key="k1", command="ADD", a="0")
            self.update(key="k1", command="UPDATE", a="1")
            self.client.read()
            for number in range(10):
                self.update(key="k1", command="UPDATE", a=str(number))
                self.reconf("1")
                self.assertEqual(self.client.read(), ["CONF,1,1.0,filtered"], mode)

    def test_lower_limit_then_higher(self) -> None:
        """What waits for the old limit comes when the new one allows it."""
        self.subscribe("MERGE", "a", "0.1")
        self.update(a="1")
        self.client.read()
        self.update(a="2")
        self.client.read()
        self.reconf("2")
        self.assertEqual(self.client.read(), ["CONF,1,2.0,filtered"])
        self.world.advance(0.5)
        self.assertEqual(self.client.lines(), ["U,1,1,2"])

    def test_before_the_first_update(self) -> None:
        self.subscribe("MERGE", "a", "4")
        self.client.read()
        self.reconf("2")
        self.client.read()
        self.update(a="1")
        self.assertEqual(self.client.read(), ["U,1,1,1"])

    def test_absurdly_low(self) -> None:
        """A limit that no clock can express harms nobody."""
        self.subscribe("MERGE", "a", "1e-319")
        self.update(a="1")
        self.assertEqual(self.client.read()[2:], ["U,1,1,1"])
        self.update(a="2")
        self.assertEqual(self.client.read(), [])
