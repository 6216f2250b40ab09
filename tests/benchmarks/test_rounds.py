"""Rounds of contenders, and the figures that are made of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import rounds
from benchmarks.client import Figures, Load, LoadError, figures
from benchmarks.rounds import Rounds, described, in_turn, in_turn_at, median_of_ratios
from benchmarks.server import ServerError
from benchmarks.table import Row
from benchmarks.works import compression
from benchmarks.works.fanout import compare
from benchmarks.works.growth import grown, one_more, spread
from benchmarks.works.work import Settings

LOAD = Load()


@dataclass
class Fake:
    """A contender whose figures are known."""

    name: str
    costs: list[float]
    calls: list[str] = field(default_factory=list)
    error: Exception | None = None
    loads: list[Load] = field(default_factory=list)

    def missing(self) -> None:
        """Nothing."""

    def measure(self, load: Load) -> Figures:
        """The next."""
        self.calls.append(self.name)
        self.loads.append(load)
        if self.error is not None and not self.costs:
            raise self.error
        return Figures(us=self.costs.pop(0), rate=1.0)


class RoundsTests(SynchronousTestCase):
    """C{in_turn}."""

    def setUp(self) -> None:
        self.notes: list[str] = []
        self.patch(rounds, "note", self.notes.append)

    def test_ratios_are_of_the_same_round(self) -> None:
        """A machine that gets slower from round to round changes nothing."""
        found = in_turn([Fake("one", [10.0, 20.0, 40.0]), Fake("other", [5.0, 10.0, 20.0])], LOAD, 3)
        self.assertEqual(found.ratio("one", "other", lambda figures: figures.us), 2.0)
        self.assertEqual(found.median("one", lambda figures: figures.us), 20.0)

    def test_the_order_turns_round(self) -> None:
        """Nobody is always first."""
        calls: list[str] = []
        in_turn([Fake("one", [1.0, 1.0], calls), Fake("other", [1.0, 1.0], calls)], LOAD, 2)
        self.assertEqual(calls, ["one", "other", "other", "one"])

    def test_one_that_fails_is_left_out(self) -> None:
        """It is not tried again, its earlier rounds do not count, and the others go on."""
        for error in (LoadError("too much"), ServerError("no port"), FileNotFoundError("gone")):
            calls: list[str] = []
            weak = Fake("weak", [1.0], calls, error)
            found = in_turn([weak, Fake("strong", [1.0, 2.0, 3.0], calls)], LOAD, 3)
            self.assertEqual(found.failures, {"weak": str(error)})
            self.assertEqual(list(found.figures), ["strong"])
            self.assertEqual(calls.count("weak"), 2)
            self.assertEqual(calls.count("strong"), 3)
            self.assertIn(f"weak: {error}", self.notes[-2] + self.notes[-3])

    def test_several_loads(self) -> None:
        """Each round has all of them, forwards and then backwards, and each keeps its own figures."""
        few, many = replace(LOAD, clients=1), replace(LOAD, clients=2)
        one, other = Fake("one", [1.0, 2.0, 3.0, 4.0]), Fake("other", [10.0, 20.0, 30.0, 40.0])
        first, second = in_turn_at([one, other], [few, many], 2)
        self.assertEqual(one.loads, [few, many, many, few])
        self.assertEqual([figures.us for figures in first.figures["one"]], [1.0, 4.0])
        self.assertEqual([figures.us for figures in second.figures["other"]], [20.0, 30.0])
        self.assertIn("round 2, 1 clients, 1 items, 1 each, one: 4.00 us", self.notes[-1])

    def test_one_load_that_is_too_much(self) -> None:
        """The others are measured all the same."""
        weak = Fake("weak", [1.0], error=LoadError("too much"))
        first, second = in_turn_at([weak], [LOAD, replace(LOAD, clients=2)], 3)
        self.assertEqual((first.failures, second.failures), ({"weak": "too much"}, {"weak": "too much"}))
        self.assertEqual([load.clients for load in weak.loads], [1000, 2, 1000])

    def test_growth(self) -> None:
        """The costs of a contender at each load, in their order."""
        loads = [replace(LOAD, clients=clients) for clients in (1, 10, 100)]
        costs, every = grown(Settings(rounds=2), [Fake("one", [1.0, 2.0, 3.0, 3.0, 2.0, 1.0])], loads, 7)
        self.assertEqual((costs, len(every)), ({"one": [1.0, 2.0, 3.0]}, 3))

    def test_cost_is_that_of_quiet_times(self) -> None:
        """The lower quartile of all slices, however bad the others are; what has no slices counts as one."""
        found = Rounds()
        found.figures = {
            "ours": [Figures(us=20.0, slices=(6.0, 6.0, 90.0)), Figures(us=9.0, slices=(6.0, 9.0))],
            "floor": [Figures(us=5.0), Figures(us=5.0), Figures(us=5.0), Figures(us=4.0)],
            "once": [Figures(us=7.0)],
        }
        self.assertEqual((found.cost("ours"), found.cost("once")), (6.0, 7.0))
        self.assertEqual(found.cost_ratio("ours", "floor"), 6.0 / 4.75)

    def test_no_round(self) -> None:
        """There is no ratio of nothing, and none of unequal numbers."""
        self.assertRaises(ValueError, median_of_ratios, [], [])
        self.assertRaises(ValueError, median_of_ratios, [1.0], [])


class FiguresTests(SynchronousTestCase):
    """What the load client prints."""

    PRINTED = {
        "setup_cpu_us_per_conn": 300.5,
        "setup_s": 1.5,
        "dead": 0,
        "msgs": 2000,
        "msgs_per_s": 1000,
        "bytes": 132_000,
        "srv_us_per_msg": 9.9,
        "p50_ms": 1.0,
        "p99_ms": 2.0,
        "p999_ms": 3.0,
        "max_ms": 4.0,
        "mean_ms": 1.1,
        "late_p99_ms": 5.0,
        "late_max_ms": 6.0,
        "srv_cpu_pct": 10.0,
        "client_cpu_pct": 11.0,
        "slices": [9.5, 10.3],
    }

    def test_messages(self) -> None:
        """Each has cost so much time, and so many bytes."""
        found = figures(self.PRINTED)
        self.assertEqual((found.us, found.rate, found.late, found.setup_us), (9.9, 1000, (5.0, 6.0), 300.5))
        self.assertEqual(found.octets, 66)
        self.assertEqual(found.slices, (9.5, 10.3))
        self.assertIn("9.90 us/message, 1000 messages/s", described(found))

    def test_idle(self) -> None:
        """Without messages, memory is what counts."""
        printed = {"setup_cpu_us_per_conn": 1.0, "setup_s": 2.0, "dead": 3, "kb_per_conn": 12.5, "idle_cpu_pct": 0.1}
        found = figures(printed)
        self.assertEqual((found.kb_per_client, found.lost, found.rate), (12.5, 3, 0.0))
        self.assertEqual(described(found), "there after 2.0 s, 1 us and 12.5 KB each, 3 connections lost")

    def test_silence(self) -> None:
        """Not a single message is an error, not a division by 0."""
        self.assertRaises(LoadError, figures, {**self.PRINTED, "msgs": 0})


class LoadTests(SynchronousTestCase):
    """Sizes."""

    def test_deliveries(self) -> None:
        """Of all clients together."""
        self.assertEqual(Load(clients=1000, rate=40).deliveries(), 40_000)
        self.assertEqual(Load(clients=1000, rate=5000, items=1000, per_client=10).deliveries(), 50_000)

    def test_settings(self) -> None:
        """A quick run is shorter, and has one round; a tried one has fewer clients."""
        full, quick, tried = Settings(), Settings(quick=True), Settings(scale=0.01)
        self.assertEqual(full.load(LOAD), LOAD)
        self.assertLess(quick.load(LOAD).seconds, LOAD.seconds)
        self.assertEqual(tried.load(LOAD).clients, 10)
        self.assertEqual(tried.load(Load(clients=1)).clients, 1)
        self.assertEqual((full.count(3), quick.count(3), Settings(rounds=7).count(3)), (3, 1, 7))


@dataclass
class Absent(Fake):
    """A contender that is not installed."""

    def missing(self) -> str:  # type: ignore[override]
        """What it takes."""
        return f"install {self.name}"


class ThoseTests(SynchronousTestCase):
    """Which peers take part, and what a reader is told of the others."""

    HERE, ELSEWHERE, GONE = Fake("here", []), Fake("elsewhere", []), Absent("gone", [])
    ALL = (HERE, ELSEWHERE, GONE)

    def test_full(self) -> None:
        """All that are installed; the others are named."""
        there, lines = Settings().those("A", self.ALL, (self.HERE,))
        self.assertEqual(there, [self.HERE, self.ELSEWHERE])
        self.assertEqual(lines, ["gone is left out: install gone"])

    def test_quick(self) -> None:
        """A few of them."""
        there, lines = Settings(quick=True).those("A", self.ALL, (self.HERE,))
        self.assertEqual(there, [self.HERE])
        self.assertEqual(lines, ["A: only in full runs: elsewhere, gone"])
        self.assertEqual(Settings(quick=True).those("A", self.ALL, self.ALL)[1], ["gone is left out: install gone"])

    def test_none(self) -> None:
        """If they are not wanted."""
        self.assertEqual(Settings(peers=False).those("A", self.ALL, ()), ([], ["A: no peers, as asked for"]))


class CompareTests(SynchronousTestCase):
    """Rows of a work whose contenders did not all work."""

    def rows(self, **failures: str) -> list[Row]:
        """Beside the floor and a peer."""
        found = Rounds()
        found.figures = {name: [Figures(us=6.0)] for name in ("floor", "lsserver", "peer") if name not in failures}
        found.failures = failures
        return compare("A", found, [Fake("peer", [])], ("floor", 1.2))

    def test_ours(self) -> None:
        """Has failed: that is all there is to say, and an aim that is missed."""
        (row,) = self.rows(lsserver="no port")
        self.assertEqual((row.figure, row.met), ("failed: no port", False))

    def test_floor(self) -> None:
        """Has failed: nothing is known of the aim, the peers still count."""
        beside_floor, beside_peer = self.rows(floor="no port")
        self.assertEqual((beside_floor.beside, beside_floor.ratio, beside_floor.met), ("floor: no port", None, None))
        self.assertEqual(beside_peer.ratio, 1.0)

    def test_peer(self) -> None:
        """Has failed: the row says why."""
        self.assertEqual(self.rows(peer="no port")[1].beside, "peer: no port")


class CompressionTests(SynchronousTestCase):
    """Rows of Z."""

    def test_rows(self) -> None:
        """Beside what is not compressed, and beside each peer that took part."""
        found = Rounds()
        found.figures = {
            "plain": [Figures(us=8.0, octets=304)],
            "compressed": [Figures(us=9.0, octets=180)],
            "Node ws": [Figures(us=90.0, octets=181)],
        }
        plain, node = compression.rows("Z", found)
        self.assertEqual(plain.beside, "not compressed 304 bytes, 8.00 us/message")
        self.assertEqual((plain.figure, plain.ratio, plain.met), ("180 bytes, 9.00 us/message", 1.125, None))
        self.assertEqual(node.ratio, 0.1)

    def test_failures(self) -> None:
        """Say why."""
        found = Rounds()
        found.figures, found.failures = {"compressed": [Figures(us=9.0)]}, {"plain": "no port", "Node ws": "gone"}
        self.assertEqual(
            [row.beside for row in compression.rows("Z", found)], ["not compressed: no port", "Node ws: gone"]
        )
        found.failures = {"compressed": "no port"}
        self.assertEqual([row.figure for row in compression.rows("Z", found)], ["failed: no port"])


class GrowthTests(SynchronousTestCase):
    """How flat it is."""

    def test_spread(self) -> None:
        """To the middle, upwards or downwards."""
        self.assertEqual(spread([10.0, 10.0, 10.0]), 1.0)
        self.assertEqual(spread([10.0, 10.0, 12.0]), 1.2)
        self.assertEqual(spread([5.0, 10.0, 11.0]), 2.0)

    def test_one_more(self) -> None:
        """An update that costs 30, and each of its subscribers 2."""
        sizes = (1, 10, 1000)
        costs = [(30 + 2 * size) / size for size in sizes]
        for cost in one_more(sizes, costs):
            self.assertAlmostEqual(cost, 2.0)
