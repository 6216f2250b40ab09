"""The portfolios."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.errors import NotificationError, SubscribeError
from tests.demos.opened import open_set

FIRST_ROWS = [(f"item{number}", "ADD", "100") for number in range(1, 6)]


class PortfolioTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.opened = open_set("portfolio")
        self.adapter = self.opened.data["PORTFOLIO_ADAPTER"]
        self.recorder = self.opened.recorders["PORTFOLIO_ADAPTER"]

    def order(self, message: str) -> None:
        self.assertEqual(self.opened.metadata.notify_user_message(None, "S1", message), "SUBMITTED")

    def rows(self, name: str) -> list[tuple[object, object, object]]:
        """The snapshot of a portfolio that is not subscribed: key, command, qty."""
        self.recorder.calls.clear()
        self.adapter.subscribe(name)
        self.adapter.unsubscribe(name)
        self.assertEqual(self.recorder.calls[-1], ("end_of_snapshot", name))
        for item, _, is_snapshot in self.recorder.updates:
            self.assertEqual((item, is_snapshot), (name, True))
        return [(event["key"], event["command"], event["qty"]) for _, event, _ in self.recorder.updates]

    def test_begins_with_five_rows(self) -> None:
        self.assertTrue(self.adapter.issnapshot_available("portfolio1"))
        for name in ("portfolio1", "portfolio10", "portfolio", "portfolio of Ann"):
            self.assertEqual(self.rows(name), FIRST_ROWS)

    def test_unknown_item(self) -> None:
        for item in ("item1", "", "Portfolio1"):
            self.assertRaises(SubscribeError, self.adapter.subscribe, item)

    def test_orders_change_rows(self) -> None:
        self.adapter.subscribe("portfolio1")
        self.recorder.calls.clear()
        self.order("BUY|portfolio1|item9|30")
        self.order("BUY|portfolio1|item9|12")
        self.order("SELL|portfolio1|item9|2")
        self.order("SELL|portfolio1|item9|40")
        self.order("SELL|portfolio1|item1|1")
        self.order("SELL|portfolio1|item2|500")
        self.order("BUY|portfolio1|item2|7")
        self.assertEqual(
            self.recorder.updates,
            [
                ("portfolio1", {"key": "item9", "command": "ADD", "qty": "30"}, False),
                ("portfolio1", {"key": "item9", "command": "UPDATE", "qty": "42"}, False),
                ("portfolio1", {"key": "item9", "command": "UPDATE", "qty": "40"}, False),
                ("portfolio1", {"key": "item9", "command": "DELETE"}, False),
                ("portfolio1", {"key": "item1", "command": "UPDATE", "qty": "99"}, False),
                ("portfolio1", {"key": "item2", "command": "DELETE"}, False),
                ("portfolio1", {"key": "item2", "command": "ADD", "qty": "7"}, False),
            ],
        )
        self.adapter.unsubscribe("portfolio1")
        self.assertEqual(
            self.rows("portfolio1"),
            [
                ("item1", "ADD", "99"),
                ("item3", "ADD", "100"),
                ("item4", "ADD", "100"),
                ("item5", "ADD", "100"),
                ("item2", "ADD", "7"),
            ],
        )

    def test_orders_for_a_portfolio_that_nobody_watches(self) -> None:
        self.order("BUY|portfolio2|item30|1")
        self.assertEqual(self.recorder.calls, [])
        self.assertEqual(self.rows("portfolio2"), [*FIRST_ROWS, ("item30", "ADD", "1")])

    def test_portfolios_are_independent(self) -> None:
        self.order("SELL|portfolio2|item1|100")
        self.assertEqual(self.rows("portfolio1"), FIRST_ROWS)

    def test_orders_without_effect(self) -> None:
        self.order("SELL|portfolio1|item9|1")
        self.order(f"BUY|portfolio1|item1|{2**31 - 1}")
        self.assertEqual(self.recorder.calls, [])
        self.assertEqual(self.rows("portfolio1"), FIRST_ROWS)

    def test_largest_quantity(self) -> None:
        self.order(f"BUY|portfolio1|item9|{2**31 - 1}")
        self.assertEqual(self.rows("portfolio1")[-1], ("item9", "ADD", "2147483647"))

    def test_wrong_messages(self) -> None:
        wrong = [
            "",
            "|",
            "BUY",
            "BUY|portfolio1|item1",
            "BUY|portfolio1|item1|",
            "BUY|portfolio1|item1|1|",
            "BUY|portfolio1|item1|1|2",
            "buy|portfolio1|item1|1",
            "HOLD|portfolio1|item1|1",
            "|portfolio1|item1|1",
            "BUY|folio1|item1|1",
            "BUY||item1|1",
            "BUY|portfolio1|item31|1",
            "BUY|portfolio1|item0|1",
            "BUY|portfolio1|item01|1",
            "BUY|portfolio1||1",
            "BUY|portfolio1|item1|0",
            "BUY|portfolio1|item1|-1",
            "SELL|portfolio1|item1|-1",
            "BUY|portfolio1|item1|+1",
            "BUY|portfolio1|item1|1.5",
            "BUY|portfolio1|item1| 1",
            "BUY|portfolio1|item1|1_0",
            "BUY|portfolio1|item1|1e3",
            "BUY|portfolio1|item1|²",
            "BUY|portfolio1|item1|٣",
            "BUY|portfolio1|item1|ten",
            "BUY|portfolio1|item1|2147483648",
            "BUY|portfolio1|item1|" + "9" * 40_000,
            "CHAT|hello",
            "x" * 40_000,
        ]
        self.adapter.subscribe("portfolio1")
        self.recorder.calls.clear()
        for message in wrong:
            error = self.assertRaises(NotificationError, self.opened.metadata.notify_user_message, None, "S1", message)
            self.assertLess(len(str(error)), 200)
        self.assertEqual(self.recorder.calls, [])

    def test_invented_names_are_not_kept_without_limit(self) -> None:
        self.adapter.subscribe("portfolio1")
        self.order("BUY|portfolio1|item9|1")
        self.order("BUY|portfolio2|item9|1")
        for number in range(1_500):
            self.order(f"BUY|portfolio_{number}|item9|1")
        self.adapter.unsubscribe("portfolio1")
        self.assertEqual(self.rows("portfolio1"), [*FIRST_ROWS, ("item9", "ADD", "1")])
        self.assertEqual(self.rows("portfolio_1499"), [*FIRST_ROWS, ("item9", "ADD", "1")])
        self.assertEqual(self.rows("portfolio2"), FIRST_ROWS)

    def test_portfolios_that_are_watched_are_kept(self) -> None:
        names = [f"portfolio{number}" for number in range(1_200)]
        for name in names:
            self.adapter.subscribe(name)
            self.order(f"SELL|{name}|item1|100")
        for name in names:
            self.adapter.unsubscribe(name)
            self.assertEqual(self.rows(name), FIRST_ROWS[1:])

    def test_modes(self) -> None:
        for item in ("portfolio1", "portfolio", "portfolioX"):
            self.opened.assert_modes(self, item, "COMMAND", "PORTFOLIO_ADAPTER")
            self.opened.assert_modes(self, item, None, "QUOTE_ADAPTER")
        self.opened.assert_modes(self, "item30", "MERGE", "QUOTE_ADAPTER")
        self.opened.assert_modes(self, "item30", None, "PORTFOLIO_ADAPTER")
        self.opened.assert_modes(self, "item31", None, "QUOTE_ADAPTER")
