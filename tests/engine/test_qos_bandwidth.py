"""Bandwidth under load: exact over ten seconds, fair between items, changeable (tlcp.md 8.5; adapters-api.md 6.1)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.engine.world import FakeClient, World

KBPS = 1000 / 8
"""Bytes a second."""


def on_the_wire(client: FakeClient) -> int:
    """Bytes written to the connection, with what its kind adds to each write."""
    connection = client.connection
    return len(connection.data) + connection.added


class Flood(SynchronousTestCase):
    """More to say than the limit allows."""

    def effective(self, kbps: float, parameters: str, websocket: bool, size: int) -> float:
        """kbit/s over ten seconds, after five in which the heads of the first response are paid for."""
        world = World()
        client = world.session(f"LS_requested_max_bandwidth={kbps}&{parameters}", websocket=websocket)
        client.subscribe(1, "MERGE", "one two three", "a", "")
        chosen = random.Random(1)
        total = before = 0
        for number in range(15 * 64):
            if number == 5 * 64:
                before = total + on_the_wire(client)
            for item in ("one", "two", "three"):
                world.data.update(item, {"a": f"{number}{'x' * chosen.randrange(size)}"}, False)
            world.clock.advance(1 / 64)
            if client.connection.state == "ended":
                total += on_the_wire(client)
                client.bind(parameters)
        return (total + on_the_wire(client) - before) / 10 / KBPS

    def test_websocket(self) -> None:
        for kbps in (8, 40, 64.5, 400, 2000):
            self.assertApproximates(self.effective(kbps, "", True, 90 + int(12 * kbps)), kbps, 0.05 * kbps)

    def test_http_streaming(self) -> None:
        """Over several responses, since one is limited in length."""
        for kbps in (8, 40, 400):
            effective = self.effective(kbps, "LS_content_length=20000", False, 90 + int(12 * kbps))
            self.assertApproximates(effective, kbps, 0.05 * kbps)

    def test_polling(self) -> None:
        for websocket in (True, False):
            parameters = "LS_polling=true&LS_idle_millis=5000&LS_reduce_head=true"
            self.assertApproximates(self.effective(40, parameters, websocket, 90), 40, 2)

    def test_first_seconds(self) -> None:
        """What nobody used before the flood is not caught up with, except for a fifth of a second."""
        world = World()
        client = world.session("LS_requested_max_bandwidth=80")
        client.subscribe(1, "MERGE", "one", "a", "")
        world.advance(60)
        before = on_the_wire(client)
        for number in range(640):
            world.data.update("one", {"a": f"{number:0>200}"}, False)
            world.clock.advance(1 / 64)
        self.assertLess(on_the_wire(client) - before, 10_000 * 10 * 1.05)

    def test_changed_while_it_flows(self) -> None:
        """Each change is told and holds at once; the client's last word survives what the management says."""
        world = World()
        world.metadata.answers["get_allowed_max_bandwidth"] = 100
        client = world.session("LS_requested_max_bandwidth=40")
        session = client.session
        assert session is not None
        client.subscribe(1, "MERGE", "one two", "a", "")
        steps: list[tuple[Callable[[], None], float]] = [
            (lambda: session.constrain(20.0), 20.0),
            (lambda: session.constrain(200.0), 100.0),
            (lambda: session.allow_bandwidth(60.0), 60.0),
            (lambda: session.allow_bandwidth(float("inf")), 200.0),
            (lambda: session.constrain(float("inf")), float("inf")),
            (lambda: session.allow_bandwidth(30.0), 30.0),
        ]
        for change, kbps in steps:
            change()
            client.read()
            before, seen = on_the_wire(client), []
            for number in range(320):
                for item in ("one", "two"):
                    world.data.update(item, {"a": f"{number:0>300}"}, False)
                world.clock.advance(1 / 64)
                seen += client.lines()
            rate = (on_the_wire(client) - before) / 5 / KBPS
            if kbps == float("inf"):
                self.assertGreater(rate, 300)
            else:
                self.assertApproximates(rate, kbps, 0.08 * kbps + 1)
        told = [line for line in client.connection.data.decode().split("\r\n") if line.startswith("CONS,")]
        self.assertEqual(
            told, ["CONS,40.0", "CONS,20.0", "CONS,100.0", "CONS,60.0", "CONS,200.0", "CONS,unlimited", "CONS,30.0"]
        )


class Fair(SynchronousTestCase):
    """Fifty items of one session, from one update in five seconds to sixty a second."""

    ITEMS = 50

    def setUp(self) -> None:
        self.world = World()
        self.names = [f"item{number}" for number in range(self.ITEMS)]
        # Geometric: 0.2/s for the first, 60/s for the last.
        self.rates = [0.2 * 300 ** (number / (self.ITEMS - 1)) for number in range(self.ITEMS)]

    def publish(self, published: list[float]) -> list[int]:
        """
        What comes in a 64th of a second.

        @param published: updates so far of each item.
        @return: the items (from 1) that had news.
        """
        news = []
        for number, rate in enumerate(self.rates):
            before = int(published[number])
            published[number] += rate / 64
            if int(published[number]) > before:
                self.world.data.update(self.names[number], {"a": f"{int(published[number]):0>60}"}, False)
                news.append(number + 1)
        return news

    def run_for(self, client: FakeClient, seconds: int) -> tuple[Counter[int], dict[int, float]]:
        """Updates that each item (from 1) delivered, and the longest time that one of its updates had to wait."""
        published = [0.0] * self.ITEMS
        news: dict[int, float] = {}
        waits: dict[int, float] = dict.fromkeys(range(1, self.ITEMS + 1), 0.0)
        delivered: Counter[int] = Counter()
        for _ in range(seconds * 64):
            for item in self.publish(published):
                news.setdefault(item, self.world.clock.seconds())
            self.world.clock.advance(1 / 64)
            for line in client.lines():
                if line.startswith("U,"):
                    item = int(line.split(",")[2])
                    delivered[item] += 1
                    waits[item] = max(waits[item], self.world.clock.seconds() - news.pop(item))
        return delivered, waits

    def session(self, mode: str, more: str) -> FakeClient:
        client = self.world.session("LS_requested_max_bandwidth=16")
        client.subscribe(1, mode, " ".join(self.names), "a", more)
        self.world.advance(1)
        client.lines()
        return client

    def test_no_item_starves(self) -> None:
        """
        2000 bytes/s are some 28 lines/s for items that say 540/s together. A round through all
        of them takes less than two seconds, so that is what an item waits at most; what
        slow items do not use goes to the others alike.
        """
        client = self.session("MERGE", "")
        delivered, waits = self.run_for(client, 60)
        self.assertLess(max(waits.values()), 2.0)
        share = sorted(delivered.values())[-1]
        for number, rate in enumerate(self.rates, 1):
            # What is said while an item waits for its turn is one update.
            expected = min(60 / (1 / rate + max(waits.values())), share)
            self.assertGreaterEqual(delivered[number], 0.9 * expected - 2, f"item {number} with {rate:.1f}/s")
        fast = [delivered[number] for number, rate in enumerate(self.rates, 1) if rate > 5]
        self.assertLess(max(fast) - min(fast), 0.1 * share)

    def test_filtered_queues_are_fair_as_well(self) -> None:
        client = self.session("DISTINCT", "LS_requested_buffer_size=5")
        delivered = self.run_for_queues(client, 60)
        fast = [delivered[number] for number, rate in enumerate(self.rates, 1) if rate > 5]
        self.assertLess(max(fast) - min(fast), 0.1 * max(fast))
        for number, rate in enumerate(self.rates, 1):
            self.assertGreaterEqual(delivered[number], 0.9 * min(int(rate * 60), min(fast)) - 2)

    def run_for_queues(self, client: FakeClient, seconds: int) -> Counter[int]:
        published = [0.0] * self.ITEMS
        for _ in range(seconds * 64):
            self.publish(published)
            self.world.clock.advance(1 / 64)
        return Counter(int(line.split(",")[2]) for line in client.lines() if line.startswith("U,"))


class Resampled(SynchronousTestCase):
    """A MERGE item with a frequency limit ends with the newest value within one period."""

    @settings(max_examples=60, deadline=None)
    @given(
        st.sampled_from([0.5, 1.0, 3.0, 7.0, 20.0]),
        st.lists(st.integers(0, 40), min_size=1, max_size=30),
        st.sampled_from([0, 30]),
    )
    def test_newest_within_a_period(self, frequency: float, gaps: list[int], delay: int) -> None:
        world = World(max_delay_millis=delay)
        client = world.session()
        client.subscribe(1, "MERGE", "item", "a", f"LS_requested_max_frequency={frequency}")
        world.advance(0.1)
        client.lines()
        for number, gap in enumerate(gaps):
            world.data.update("item", {"a": str(number)}, False)
            world.advance(gap / 64)
        # One period, one tick of the wheel and the time for gathering.
        world.advance(1 / frequency + 1 / 64 + delay / 1000)
        self.assertEqual(client.lines()[-1], f"U,1,1,{len(gaps) - 1}")

    def rate(self, frequency: float, delay: int) -> float:
        """Updates a second of an item that changes all the time."""
        world = World(max_delay_millis=delay)
        client = world.session()
        client.subscribe(1, "MERGE", "item", "a", f"LS_requested_max_frequency={frequency}")
        for number in range(256 * 20):
            world.data.update("item", {"a": str(number)}, False)
            world.clock.advance(1 / 256)
        return sum(line.startswith("U,") for line in client.lines()) / 20

    def test_rates_hold(self) -> None:
        """Neither the ticks of the wheel nor the gathering make it slower, or faster."""
        for delay in (0, 30):
            for frequency in (0.5, 1.0, 3.0, 7.0, 12.0):
                self.assertApproximates(self.rate(frequency, delay), frequency, 0.05 * frequency + 0.05)


class Gathered(SynchronousTestCase):
    """C{max_delay_millis}: updates of a session are written together, and none waits longer."""

    def writes(self, delay: int) -> tuple[int, float]:
        """Writes in a second of 128 updates of four items, and the longest wait of one."""
        world = World(max_delay_millis=delay)
        client = world.session()
        client.subscribe(1, "RAW", "a b c d", "t", "")
        client.read()
        world.advance(1)
        client.lines()
        before, longest = client.connection.writes, 0.0
        for number in range(128):
            now = world.clock.seconds()
            world.data.update("abcd"[number % 4], {"t": f"{now!r}"}, False)
            for _ in range(8):
                world.clock.advance(1 / 1024)
                for line in client.lines():
                    longest = max(longest, world.clock.seconds() - float(line.rpartition(",")[2]))
        return client.connection.writes - before, longest

    def test_none(self) -> None:
        """The default: the end of the turn."""
        writes, longest = self.writes(0)
        self.assertEqual(writes, 128)
        self.assertLessEqual(longest, 1 / 1024)

    def test_some(self) -> None:
        writes, longest = self.writes(50)
        self.assertLessEqual(writes, 20)
        self.assertLessEqual(longest, 0.05 + 1 / 1024)
