"""The bandwidth of a session (tlcp.md 8.5, 5.5; adapters-api.md 6.1)."""

from __future__ import annotations

import math

from twisted.trial.unittest import SynchronousTestCase

from lsserver.engine.bandwidth import Bandwidth
from tests.engine.world import FakeClient, World


class Announced(SynchronousTestCase):
    """What C{CONS} says: the smaller of what is requested and what is allowed."""

    def cons(self, parameters: str, allowed: float) -> str:
        world = World()
        world.metadata.answers["get_allowed_max_bandwidth"] = allowed
        return world.client().create(parameters).lines()[-1]

    def test_nobody_limits(self) -> None:
        self.assertEqual(self.cons("", 0), "CONS,unlimited")

    def test_client_limits(self) -> None:
        self.assertEqual(self.cons("LS_requested_max_bandwidth=40.5", 0), "CONS,40.5")

    def test_adapter_limits(self) -> None:
        self.assertEqual(self.cons("LS_requested_max_bandwidth=unlimited", 30), "CONS,30.0")

    def test_both_limit(self) -> None:
        self.assertEqual(self.cons("LS_requested_max_bandwidth=40", 30), "CONS,30.0")
        self.assertEqual(self.cons("LS_requested_max_bandwidth=20", 30), "CONS,20.0")


class Constrained(SynchronousTestCase):
    """C{constrain} (tlcp.md 5.5, 11.9)."""

    def setUp(self) -> None:
        self.world = World()
        self.client = self.world.session()

    def constrain(self, value: str | None) -> list[str]:
        more = f"&LS_requested_max_bandwidth={value}" if value is not None else ""
        self.assertEqual(self.client.control(f"LS_reqId=5&LS_op=constrain{more}"), "REQOK,5")
        return self.client.read()

    def test_transcript(self) -> None:
        self.assertEqual(self.constrain("40.5"), ["CONS,40.5"])
        self.assertEqual(self.constrain("unlimited"), ["CONS,unlimited"])

    def test_no_change(self) -> None:
        self.constrain("40.5")
        self.assertEqual(self.constrain(None), ["CONS,40.5"])

    def test_adapter_caps_it(self) -> None:
        self.world.metadata.answers["get_allowed_max_bandwidth"] = 30
        self.client = self.world.session()
        self.assertEqual(self.constrain("unlimited"), ["CONS,30.0"])

    def test_silenced_for_the_session(self) -> None:
        """tlcp.md 4.8."""
        self.client = self.world.session("LS_reduce_head=true")
        self.assertEqual(self.constrain("40.5"), [])

    def test_while_unbound(self) -> None:
        """The next bind announces it."""
        self.client.lose()
        self.assertEqual(self.constrain("40.5"), [])
        self.client.bind()
        self.assertEqual(self.client.lines()[-1], "CONS,40.5")

    def test_while_polling(self) -> None:
        """CONS alone does not complete a poll (tlcp.md 4.7)."""
        self.client.bind("LS_polling=true&LS_idle_millis=10000")
        self.client.lines()
        self.assertEqual(self.constrain("40.5"), ["CONS,40.5"])
        self.assertEqual(self.client.connection.state, "open")

    def test_while_the_socket_is_full(self) -> None:
        self.client.stall()
        self.assertEqual(self.constrain("40.5"), [])
        self.client.resume()
        self.assertEqual(self.client.read(), ["CONS,40.5"])

    def test_at_the_end_of_a_response(self) -> None:
        """Where it does not fit, the next bind says it."""
        self.client = self.world.session("LS_content_length=1", websocket=False)
        self.shrink()
        self.assertEqual(self.constrain("40.5"), ["LOOP,0"])
        self.client.bind()
        self.assertIn("CONS,40.5", self.client.lines())

    def shrink(self) -> None:
        """Leave almost no room in the response."""
        assert self.client.session is not None and self.client.session.stream.binding is not None
        self.client.session.stream.binding.room = 20

    def test_at_the_end_of_a_poll(self) -> None:
        self.client = self.world.session("LS_polling=true", websocket=False)
        for _ in range(2):
            self.client.bind("LS_polling=true")
        self.client.bind("LS_polling=true&LS_idle_millis=10000")
        self.shrink()
        self.client.lines()
        self.assertEqual(self.constrain("40.5"), ["LOOP,0"])
        self.client.bind("LS_polling=true&LS_idle_millis=10000")
        self.assertIn("CONS,40.5", self.client.lines())

    def test_on_a_bind(self) -> None:
        """tlcp.md 4.2: java4 and js8 may say it there."""
        self.client.lose()
        self.client.bind("LS_requested_max_bandwidth=7")
        self.assertEqual(self.client.lines()[-1], "CONS,7.0")


class Held(SynchronousTestCase):
    """What a limit does to the stream."""

    def setUp(self) -> None:
        self.world = World()

    def flood(self, client: FakeClient, seconds: float) -> int:
        """Bytes that the client gets meanwhile, with more to say than the limit allows."""
        before = len(client.connection.data)
        for number in range(int(seconds * 64)):
            self.world.data.update("item1", {"a": f"{number:0>100}"}, False)
            self.world.advance(1 / 64)
        return len(client.connection.data) - before

    def test_limit_holds(self) -> None:
        client = self.world.session("LS_requested_max_bandwidth=8")
        client.subscribe(1, "MERGE", "item1", "a", "")
        self.flood(client, 2)
        self.assertApproximates(self.flood(client, 10) / 10, 1000, 30)

    def test_updates_conflate_meanwhile(self) -> None:
        """tlcp.md 8.5."""
        client = self.world.session("LS_requested_max_bandwidth=8")
        client.subscribe(1, "MERGE", "item1", "a", "")
        self.flood(client, 5)
        self.world.advance(5)
        self.assertEqual(client.lines()[-1], f"U,1,1,{319:0>100}")

    def test_delays_what_may_not_be_dropped(self) -> None:
        """adapters-api.md 6.1: the limit is absolute."""
        client = self.world.session("LS_requested_max_bandwidth=8")
        client.subscribe(1, "RAW", "item1", "a", "")
        client.read()
        for number in range(100):
            self.world.data.update("item1", {"a": f"{number:0>90}"}, False)
        self.world.advance(1)
        self.assertLess(len(client.lines()), 25)
        self.world.advance(10)
        self.assertEqual(client.lines()[-1], f"U,1,1,{99:0>90}")

    def test_items_take_turns(self) -> None:
        """tlcp.md 8.5: round-robin."""
        client = self.world.session("LS_requested_max_bandwidth=8")
        client.subscribe(1, "MERGE", "item1 item2 item3", "a", "")
        client.read()
        for number in range(640):
            for item in ("item1", "item2", "item3"):
                self.world.data.update(item, {"a": f"{number:0>100}"}, False)
            self.world.advance(1 / 64)
        lines = client.lines()
        counts = [sum(line.startswith(f"U,1,{item},") for line in lines) for item in (1, 2, 3)]
        self.assertLessEqual(max(counts) - min(counts), 1)

    def test_holds_across_polls(self) -> None:
        """adapters-api.md 6.1."""
        client = self.world.session("LS_requested_max_bandwidth=8&LS_polling=true")
        client.subscribe(1, "MERGE", "item1", "a", "")
        size = 0
        for number in range(640):
            self.world.data.update("item1", {"a": f"{number:0>100}"}, False)
            self.world.advance(1 / 64)
            if client.connection.state != "open":
                size += len(client.connection.data)
                client.bind("LS_polling=true&LS_reduce_head=true")
        self.assertLess(size / 10, 1300)

    def test_unlimited_times_are_not_held_against_it(self) -> None:
        """What was sent without a limit does not count once there is one."""
        client = self.world.session("LS_requested_max_bandwidth=8&LS_polling=true")
        client.subscribe(1, "RAW", "item1", "a", "")
        client.bind("LS_polling=true")
        client.control("LS_reqId=1&LS_op=constrain&LS_requested_max_bandwidth=unlimited")
        for _ in range(3):
            self.world.data.update("item1", {"a": "x" * 100_000}, False)
            client.bind("LS_polling=true")
        client.control("LS_reqId=1&LS_op=constrain&LS_requested_max_bandwidth=8")
        client.bind("LS_idle_millis=0")
        client.read()
        self.world.data.update("item1", {"a": "y"}, False)
        self.world.advance(1)
        self.assertEqual(client.lines(), ["U,1,1,y"])

    def test_raised_while_it_waits(self) -> None:
        client = self.world.session("LS_requested_max_bandwidth=0.1")
        client.subscribe(1, "RAW", "item1", "a", "")
        for _ in range(20):
            self.world.data.update("item1", {"a": "x" * 100}, False)
        self.assertEqual(client.read(), [])
        client.control("LS_reqId=1&LS_op=constrain&LS_requested_max_bandwidth=unlimited")
        self.assertEqual(
            client.lines() + client.read(),
            ["CONS,unlimited", "SUBOK,1,1,1", "CONF,1,unlimited,unfiltered"] + ["U,1,1," + "x" * 100] + ["U,1,1,"] * 19,
        )

    def test_raised_to_another_limit_while_it_waits(self) -> None:
        """The new limit counts at once, not when the old one would have allowed more."""
        client = self.world.session("LS_requested_max_bandwidth=0.1")
        client.subscribe(1, "RAW", "item1", "a", "")
        self.world.advance(100)
        for number in range(20):
            self.world.data.update("item1", {"a": str(number) * 1000}, False)
        self.assertTrue(client.read()[-1].startswith("U,1,1,000"))
        client.control("LS_reqId=1&LS_op=constrain&LS_requested_max_bandwidth=800")
        self.world.advance(1)
        self.assertEqual(len(client.lines()), 1 + 19)
        self.world.advance(100)
        self.assertFalse([line for line in client.lines() if line.startswith("U")])

    def test_absurdly_low(self) -> None:
        """A limit that no clock can express harms nobody else."""
        client = self.world.session("LS_requested_max_bandwidth=1e-319")
        client.subscribe(1, "RAW", "item1", "a", "")
        for _ in range(20):
            self.world.data.update("item1", {"a": "x" * 100}, False)
            client.read()
        self.world.advance(5)
        assert client.session is not None
        self.assertFalse(client.session.closed)


class Bucket(SynchronousTestCase):
    """The token bucket by itself."""

    def test_unlimited(self) -> None:
        bandwidth = Bandwidth(math.inf, math.inf)
        bandwidth.spend(10**9)
        self.assertFalse(bandwidth.limited)
        self.assertEqual(bandwidth.wait(0), 0)

    def test_debt_is_waited_for(self) -> None:
        bandwidth = Bandwidth(80, math.inf)
        self.assertTrue(bandwidth.limited)
        self.assertEqual(bandwidth.wait(100), 0)
        bandwidth.spend(12_000)
        self.assertApproximates(bandwidth.wait(100), 1.0, 0.01)
        self.assertEqual(bandwidth.wait(101.1), 0)

    def test_savings_are_bounded(self) -> None:
        bandwidth = Bandwidth(80, math.inf)
        bandwidth.wait(1000)
        bandwidth.spend(2000)
        self.assertGreater(bandwidth.wait(1000), 0)

    def test_a_change_does_not_forgive_a_debt(self) -> None:
        """The time before it counts at the rate that held then."""
        bandwidth = Bandwidth(8, math.inf)
        bandwidth.wait(100)
        bandwidth.spend(10_200)
        self.assertApproximates(bandwidth.wait(100), 10.0, 0.01)
        bandwidth.request(80, 105)
        self.assertApproximates(bandwidth.wait(105), 0.5, 0.01)
        bandwidth.allow(8, 105.25)
        self.assertApproximates(bandwidth.wait(105.25), 2.5, 0.01)

    def test_changes_at_once_give_nothing(self) -> None:
        bandwidth = Bandwidth(8, math.inf)
        bandwidth.wait(100)
        bandwidth.spend(10_200)
        for number in range(100):
            bandwidth.request(8 + number % 2, 100)
        self.assertApproximates(bandwidth.wait(100), 8.89, 0.01)

    def test_no_debt_remains_of_a_time_without_limit(self) -> None:
        bandwidth = Bandwidth(8, math.inf)
        bandwidth.wait(100)
        bandwidth.spend(10_200)
        bandwidth.request(math.inf, 100)
        bandwidth.request(8, 101)
        self.assertLess(bandwidth.wait(101), 0.01)
        self.assertEqual(bandwidth.wait(101.01), 0)
