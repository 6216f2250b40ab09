"""The invented stock market, and the Data Adapter that shows it."""

from __future__ import annotations

import random
from datetime import datetime

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.errors import NotificationError, SubscribeError
from tests.demos.opened import OpenedSet, market_module, open_set

FIELDS = {
    "stock_name",
    "last_price",
    "time",
    "pct_change",
    "bid_quantity",
    "bid",
    "ask",
    "ask_quantity",
    "min",
    "max",
    "ref_price",
    "open_price",
    "item_status",
    "timestamp",
}
PRICES = ("last_price", "bid", "ask", "min", "max", "ref_price", "open_price")


class Ear:
    """Remembers the trades it is told of."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.heard: list[tuple[float, str, dict[str, str]]] = []

    def traded(self, item: str, changes: dict[str, str]) -> None:
        self.heard.append((self.clock.seconds(), item, changes))


class MarketTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_700_000_000)
        self.module = market_module()
        self.market = self.module.Market(self.clock, random.Random(7))
        self.ear = Ear(self.clock)

    def run_for(self, seconds: int) -> None:
        self.clock.pump([0.05] * (seconds * 20))

    def test_thirty_stocks_with_different_names(self) -> None:
        names = {self.market.quote(f"item{number}")["stock_name"] for number in range(1, 31)}
        self.assertEqual(len(names), 30)
        for item in ("item0", "item31", "item", "item01", "stock1", ""):
            self.assertNotIn(item, self.market)

    def test_nothing_moves_unless_watched(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])
        before = self.market.quote("item3")
        self.run_for(10)
        after = self.market.quote("item3")
        self.assertEqual(before["last_price"], after["last_price"])
        self.market.watch("item3", self.ear)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.market.unwatch("item3", self.ear)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_pace(self) -> None:
        """Each stock is traded every half to three seconds, and they differ."""
        for number in range(1, 31):
            self.market.watch(f"item{number}", self.ear)
        start = self.clock.seconds()
        self.run_for(60)
        counts = []
        for number in range(1, 31):
            times = [start, *(when for when, item, _ in self.ear.heard if item == f"item{number}")]
            pauses = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
            self.assertGreaterEqual(min(pauses), 0.5 - 0.001)
            self.assertLessEqual(max(pauses), 3.0 + 0.051)
            counts.append(len(pauses))
        self.assertGreater(max(counts), 2 * min(counts))

    def test_two_watchers_see_the_same_trades(self) -> None:
        other = Ear(self.clock)
        self.market.watch("item1", self.ear)
        self.market.watch("item1", other)
        self.run_for(10)
        self.assertEqual(self.ear.heard, other.heard)
        self.market.unwatch("item1", self.ear)
        seen = len(self.ear.heard)
        self.run_for(10)
        self.assertEqual(len(self.ear.heard), seen)
        self.assertGreater(len(other.heard), seen)

    def test_watcher_may_leave_while_it_is_told(self) -> None:
        market = self.market

        class Once(Ear):
            def traded(self, item: str, changes: dict[str, str]) -> None:
                super().traded(item, changes)
                market.unwatch(item, self)

        once = Once(self.clock)
        market.watch("item2", once)
        self.run_for(10)
        self.assertEqual(len(once.heard), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_formats_and_relations_hold_over_many_trades(self) -> None:
        stock = self.module.Stock("X", 227, random.Random(3))
        quote = stock.quote(0.0)
        self.assertEqual(set(quote), FIELDS)
        for step in range(5_000):
            changes = stock.trade(1_700_000_000.25 + step)
            self.assertLessEqual(set(changes), FIELDS)
            quote.update(changes)
            self.assertEqual(quote, stock.quote(1_700_000_000.25 + step))
            for field in PRICES:
                self.assertRegex(quote[field], r"^\d+\.\d\d$")
            self.assertRegex(quote["pct_change"], r"^-?\d+\.\d\d$")
            self.assertNotEqual(quote["pct_change"], "-0.00")
            self.assertRegex(quote["time"], r"^\d\d:\d\d:\d\d$")
            self.assertEqual(quote["timestamp"], str(1_700_000_000_250 + step * 1000))
            price = {field: float(quote[field]) for field in PRICES}
            self.assertLessEqual(price["bid"], price["last_price"])
            self.assertLess(price["last_price"], price["ask"])
            self.assertLessEqual(price["min"], price["last_price"])
            self.assertGreaterEqual(price["max"], price["last_price"])
            self.assertEqual(int(quote["bid_quantity"]) % 500, 0)
            self.assertGreater(int(quote["ask_quantity"]), 0)
            change = (price["last_price"] - price["ref_price"]) / price["ref_price"] * 100
            self.assertApproximates(float(quote["pct_change"]), change, 0.01)
            self.assertEqual(quote["item_status"], "active")

    def test_prices_move_but_stay_sensible(self) -> None:
        for seed in range(5):
            stock = self.module.Stock("X", 1000, random.Random(seed))
            prices = [float(stock.trade(float(step))["last_price"]) for step in range(20_000)]
            self.assertGreater(len(set(prices)), 50)
            self.assertGreater(min(prices), 5.0)
            self.assertLess(max(prices), 20.0)

    def test_unchanged_extremes_are_not_repeated(self) -> None:
        stock = self.module.Stock("X", 1000, random.Random(1))
        repeated = sum("min" in stock.trade(float(step)) for step in range(1_000))
        self.assertLess(repeated, 500)

    def test_one_market_for_each_clock(self) -> None:
        other = Clock()
        market = self.module.market_of(self.clock)
        self.assertIs(self.module.market_of(self.clock), market)
        self.assertIsNot(self.module.market_of(other), market)


class QuoteAdapterTests(SynchronousTestCase):
    """The same in every set and under every name."""

    NAMES = (
        ("stocklist", "QUOTE_ADAPTER"),
        ("stocklist", "STOCKS"),
        ("welcome", "QUOTE_ADAPTER"),
        ("welcome", "STOCKS"),
        ("portfolio", "QUOTE_ADAPTER"),
    )

    def each(self) -> list[tuple[OpenedSet, str]]:
        return [(open_set(folder), name) for folder, name in self.NAMES]

    def test_snapshot_then_changes_then_nothing(self) -> None:
        for opened, name in self.each():
            adapter, recorder, clock = opened.data[name], opened.recorders[name], opened.clock
            self.assertTrue(adapter.issnapshot_available("item7"))
            adapter.subscribe("item7")
            [(item, snapshot, is_snapshot)] = recorder.updates
            self.assertEqual((item, set(snapshot), is_snapshot), ("item7", FIELDS, True))
            clock.pump([0.1] * 100)
            self.assertGreaterEqual(len(recorder.updates), 4)
            for item, changes, is_snapshot in recorder.updates[1:]:
                self.assertEqual((item, is_snapshot), ("item7", False))
                self.assertNotIn("stock_name", changes)
            adapter.unsubscribe("item7")
            seen = len(recorder.updates)
            clock.pump([0.1] * 100)
            self.assertEqual(len(recorder.updates), seen)
            self.assertEqual(clock.getDelayedCalls(), [])

    def test_subscribed_again_starts_from_the_present_values(self) -> None:
        opened = open_set("stocklist")
        adapter, recorder = opened.data["QUOTE_ADAPTER"], opened.recorders["QUOTE_ADAPTER"]
        adapter.subscribe("item2")
        opened.clock.pump([0.5] * 20)
        last = [changes["last_price"] for _, changes, _ in recorder.updates][-1]
        adapter.unsubscribe("item2")
        adapter.subscribe("item2")
        _, snapshot, is_snapshot = recorder.updates[-1]
        self.assertTrue(is_snapshot)
        self.assertEqual(snapshot["last_price"], last)
        adapter.unsubscribe("item2")

    def test_both_names_show_the_same_prices(self) -> None:
        opened = open_set("stocklist")
        for name in ("QUOTE_ADAPTER", "STOCKS"):
            opened.data[name].subscribe("item1")
        opened.clock.pump([0.5] * 20)
        self.assertEqual(opened.recorders["QUOTE_ADAPTER"].updates, opened.recorders["STOCKS"].updates)

    def test_sets_of_one_server_show_the_same_prices(self) -> None:
        clock = Clock()
        sets = [open_set(folder, clock) for folder in ("stocklist", "welcome", "portfolio")]
        for opened in sets:
            opened.data["QUOTE_ADAPTER"].subscribe("item1")
        clock.pump([0.5] * 20)
        first, *others = [opened.recorders["QUOTE_ADAPTER"].updates for opened in sets]
        self.assertGreater(len(first), 3)
        for other in others:
            self.assertEqual(other, first)

    def test_unknown_stock(self) -> None:
        adapter = open_set("stocklist").data["QUOTE_ADAPTER"]
        for item in ("item31", "item0", "portfolio1", ""):
            self.assertRaises(SubscribeError, adapter.subscribe, item)

    def test_stop(self) -> None:
        opened = open_set("stocklist")
        adapter = opened.data["STOCKS"]
        adapter.subscribe("item1")
        adapter.subscribe("item2")
        adapter.stop()
        self.assertEqual(opened.clock.getDelayedCalls(), [])
        adapter.unsubscribe("item1")

    def test_modes(self) -> None:
        for folder in ("stocklist", "welcome"):
            opened = open_set(folder)
            for number in range(1, 31):
                opened.assert_modes(self, f"item{number}", "MERGE", "QUOTE_ADAPTER")
            for item in ("item0", "item31", "item01", "item", "xitem1", "item1 "):
                opened.assert_modes(self, item, None, "QUOTE_ADAPTER")

    def test_times_are_local(self) -> None:
        opened = open_set("stocklist")
        opened.data["STOCKS"].subscribe("item1")
        [(_, snapshot, _)] = opened.recorders["STOCKS"].updates
        now = opened.clock.seconds()
        self.assertEqual(snapshot["time"], datetime.fromtimestamp(now).strftime("%H:%M:%S"))
        self.assertEqual(snapshot["timestamp"], str(int(now * 1000)))


class Messages(SynchronousTestCase):
    def test_every_message_is_wrong(self) -> None:
        for folder in ("stocklist", "welcome"):
            metadata = open_set(folder).metadata
            self.assertRaises(NotificationError, metadata.notify_user_message, None, "S1", "BUY|item1")
