"""What the Metadata Adapter is told of subscriptions (adapters-api.md 8)."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.errors import NotificationError
from lsserver.adapters.grants import ItemGrant
from lsserver.adapters.tables import SubscriptionStatistics, TableInfo
from tests.engine.world import World

ADD = "LS_reqId=1&LS_op=add&LS_subId={}&LS_mode=MERGE&LS_group=item1%20item2&LS_schema=a&LS_selector=s"
DELETE = "LS_reqId=2&LS_op=delete&LS_subId={}"


class TableCase(SynchronousTestCase):
    """A user whose subscriptions the adapter wants to know."""

    def setUp(self) -> None:
        self.use()

    def use(self, **options: Any) -> None:
        self.world = World(**options)
        self.metadata = self.world.metadata
        self.metadata.answers["wants_tables_notification"] = True
        self.metadata.answers["is_selected"] = lambda event: True
        self.client = self.world.session("LS_user=u")

    def opened(self) -> list[TableInfo]:
        return [tables[0] for _, _, tables in self.metadata.called("notify_new_tables")]

    def closed(self) -> list[TableInfo]:
        return [tables[0] for _, tables in self.metadata.called("notify_tables_close")]

    def names(self) -> list[str]:
        wanted = ("notify_new_tables", "notify_tables_close", "notify_session_close")
        return [name for name, *_ in self.metadata.calls if name in wanted]


class Notifications(TableCase):
    """Opened and closed, in order."""

    def test_what_is_told(self) -> None:
        self.client.control(ADD.format(7))
        assert self.client.session is not None
        ((user, session_id, (table,)),) = self.metadata.called("notify_new_tables")
        self.assertEqual((user, session_id), ("u", self.client.session.id))
        self.assertEqual(
            (table.win_index, table.mode, table.group, table.data_adapter, table.schema, table.selector),
            (7, "MERGE", "item1 item2", "DEFAULT", "a", "s"),
        )
        self.assertEqual((table.min, table.max, table.subscribed_items), (1, 2, ["item1", "item2"]))
        self.assertIsNone(table.subscription_statistics)

    def test_not_wanted(self) -> None:
        """Checklist 6."""
        self.metadata.answers["wants_tables_notification"] = False
        self.client = self.world.session()
        self.client.control(ADD.format(1))
        self.client.control(DELETE.format(1))
        self.client.control("LS_reqId=3&LS_op=destroy")
        self.world.turn()
        self.assertEqual(self.names(), ["notify_session_close"])

    def test_closed_on_unsubscription(self) -> None:
        self.client.control(ADD.format(1))
        self.client.control(DELETE.format(1))
        self.assertEqual([table.win_index for table in self.closed()], [1])

    def test_closed_before_the_session(self) -> None:
        """Checklist 7."""
        self.client.control(ADD.format(1))
        self.client.control(ADD.format(2))
        self.client.control("LS_reqId=3&LS_op=destroy")
        self.world.turn()
        self.assertEqual([table.win_index for table in self.closed()], [1, 2])
        self.assertEqual(self.names()[-1], "notify_session_close")

    def test_closed_before_a_session_that_its_end_line_ends(self) -> None:
        """The UNSUB that is one line too many."""
        self.use(max_pending_notifications=4)
        self.client.lose()
        self.client.control(ADD.format(1))
        self.client.control(ADD.format(2))
        self.client.control(DELETE.format(1))
        assert self.client.session is not None
        self.assertTrue(self.client.session.closed)
        self.assertEqual(self.names()[-3:], ["notify_tables_close"] * 2 + ["notify_session_close"])

    def test_session_close_waits_for_pending_ones(self) -> None:
        waiting: Deferred[None] = Deferred()
        self.metadata.answers["notify_tables_close"] = waiting
        self.client.control(ADD.format(1))
        self.client.control("LS_reqId=3&LS_op=destroy")
        self.world.turn()
        self.assertNotIn("notify_session_close", self.names())
        waiting.callback(None)
        self.assertEqual(self.names()[-1], "notify_session_close")

    def test_close_that_raises_is_only_logged(self) -> None:
        self.metadata.answers["notify_tables_close"] = NotificationError("no")
        self.client.control(ADD.format(1))
        self.assertEqual(self.client.control(DELETE.format(1)), "REQOK,2")
        self.assertEqual(len(self.flushLoggedErrors(NotificationError)), 1)

    def test_session_that_ends_while_one_opens(self) -> None:
        """Checklist 28: its close comes, and before the session's."""
        waiting: Deferred[None] = Deferred()
        self.metadata.answers["notify_new_tables"] = waiting
        got: list[bytes] = []
        self.client.send(ADD.format(1)).addCallback(got.append)
        self.client.control("LS_reqId=3&LS_op=destroy")
        self.world.turn()
        self.assertEqual(self.names(), ["notify_new_tables"])
        waiting.callback(None)
        self.assertEqual(self.names(), ["notify_new_tables", "notify_tables_close", "notify_session_close"])
        self.assertEqual(got, [b"REQERR,1,20,Session not found\r\n"])
        self.assertEqual(self.closed()[0].subscription_statistics, [SubscriptionStatistics(0, 0, 0)] * 2)

    def test_session_that_ends_while_one_is_refused(self) -> None:
        waiting: Deferred[None] = Deferred()
        self.metadata.answers["notify_new_tables"] = waiting
        self.client.send(ADD.format(1))
        self.client.control("LS_reqId=3&LS_op=destroy")
        self.world.turn()
        waiting.errback(NotificationError("no"))
        self.assertEqual(self.names(), ["notify_new_tables", "notify_session_close"])

    def test_late_answers_of_checks_do_not_hold_the_end(self) -> None:
        """adapters-api.md 10: their results are discarded."""
        waiting: Deferred[list[str]] = Deferred()
        self.metadata.answers["get_items"] = waiting
        self.client.send(ADD.format(1))
        self.client.control("LS_reqId=3&LS_op=destroy")
        self.world.turn()
        self.assertEqual(self.names(), ["notify_session_close"])
        waiting.callback(["item1"])
        self.assertEqual(self.names(), ["notify_session_close"])

    def test_may_overlap(self) -> None:
        self.metadata.answers["notify_new_tables"] = lambda *_: Deferred()
        self.client.send(ADD.format(1))
        self.client.send(ADD.format(2))
        self.assertEqual(len(self.opened()), 2)

    def test_one_at_a_time_if_wanted(self) -> None:
        """C{sequentialize_table_notifications}."""
        self.use(sequentialize=True)
        waiting = [Deferred[None](), Deferred[None]()]
        pending = list(waiting)
        self.metadata.answers["notify_new_tables"] = lambda *_: pending.pop(0)
        self.client.send(ADD.format(1))
        self.client.send(ADD.format(2))
        self.assertEqual(len(self.opened()), 1)
        waiting[0].callback(None)
        self.assertEqual(len(self.opened()), 2)
        self.client.control(DELETE.format(1))
        self.assertEqual(self.closed(), [])
        waiting[1].callback(None)
        self.assertEqual(len(self.closed()), 1)

    def test_end_while_one_waits_for_its_turn(self) -> None:
        """It is not opened any more."""
        self.use(sequentialize=True)
        waiting: Deferred[None] = Deferred()
        self.metadata.answers["notify_new_tables"] = waiting
        got: list[bytes] = []
        self.client.send(ADD.format(1))
        self.client.send(ADD.format(2)).addCallback(got.append)
        self.client.control("LS_reqId=3&LS_op=destroy")
        self.world.turn()
        waiting.callback(None)
        self.assertEqual(self.names(), ["notify_new_tables", "notify_tables_close", "notify_session_close"])
        self.assertEqual(got, [b"REQERR,1,20,Session not found\r\n"])

    def test_next_in_turn_ends_the_session(self) -> None:
        """Before the one whose turn is over has opened: it does not open, and nothing of it stays."""
        self.use(sequentialize=True)
        waiting: Deferred[None] = Deferred()

        def asked(user: str | None, session_id: str, tables: list[TableInfo]) -> Deferred[None] | None:
            if tables[0].win_index == 1:
                return waiting
            self.world.set.control.force_session_termination(session_id)
            return None

        self.metadata.answers["notify_new_tables"] = asked
        got: list[bytes] = []
        for sub_id in (1, 2):
            self.client.send(ADD.format(sub_id)).addCallback(got.append)
        waiting.callback(None)
        self.assertEqual(
            self.names(), ["notify_new_tables"] * 2 + ["notify_tables_close"] * 2 + ["notify_session_close"]
        )
        self.assertEqual(got, [b"REQERR,1,20,Session not found\r\n"] * 2)
        self.assertEqual(self.world.adapter.calls, [])


class Forced(TableCase):
    """C{force_unsubscription} (checklist 7, 8)."""

    def test_client_gets_unsub(self) -> None:
        self.client.control(ADD.format(1))
        self.client.read()
        (table,) = self.opened()
        self.successResultOf(table.force_unsubscription())
        self.assertEqual(self.client.read(), ["UNSUB,1"])
        self.assertEqual(len(self.closed()), 1)
        self.assertEqual(self.world.adapter.calls[-1], ("unsubscribe", "item2"))

    def test_once(self) -> None:
        """A no-op if it is gone already, and on what is given at the close."""
        self.client.control(ADD.format(1))
        (table,) = self.opened()
        for _ in range(2):
            self.successResultOf(table.force_unsubscription())
        self.successResultOf(self.closed()[0].force_unsubscription())
        self.assertEqual(len(self.closed()), 1)

    def test_inside_the_notification(self) -> None:
        """Held until the attempt has finished: SUBOK, then UNSUB."""
        self.metadata.answers["notify_new_tables"] = lambda user, session_id, tables: (
            tables[0].force_unsubscription() and None
        )
        self.assertEqual(self.client.control(ADD.format(1)), "REQOK,1")
        self.assertEqual(self.client.read(), ["SUBOK,1,2,1", "CONF,1,unlimited,filtered", "UNSUB,1"])
        self.assertEqual(len(self.closed()), 1)

    def test_inside_the_end_of_the_session(self) -> None:
        """An adapter that closes what belongs together: each is closed once, and then the session."""
        for sub_id in (1, 2, 3):
            self.client.control(ADD.format(sub_id))
        tables = self.opened()
        self.metadata.answers["notify_tables_close"] = lambda *_: (
            [table.force_unsubscription() for table in tables] and None
        )
        assert self.client.session is not None
        self.client.session.vanish("x")
        self.assertEqual(self.names()[3:], ["notify_tables_close"] * 3 + ["notify_session_close"])
        self.assertEqual([table.win_index for table in self.closed()], [1, 2, 3])

    def test_id_is_used_up(self) -> None:
        self.client.control(ADD.format(1))
        self.opened()[0].force_unsubscription()
        self.assertTrue(self.client.control(ADD.format(1)).startswith("REQERR,1,19,"))


class Statistics(TableCase):
    """Of the whole life of a subscription: sent, lost, filtered; the snapshot does not count."""

    def statistics(
        self, mode: str, events: list[dict[str, str]], more: str = "", stalled: bool = True, **options: Any
    ) -> SubscriptionStatistics:
        self.use(max_buffer_size=3, **options)
        self.client.subscribe(1, mode, "item1", "key command a", "LS_snapshot=true&" + more)
        self.world.data.update("item1", {"key": "k0", "command": "ADD", "a": "0"}, True)
        self.world.data.end_of_snapshot("item1")
        self.client.read()
        if stalled:
            self.client.stall()
        for event in events:
            self.world.data.update("item1", dict(event), False)
            self.world.turn()
        self.client.resume()
        self.world.turn()
        self.client.control(DELETE.format(1))
        (statistics,) = self.closed()[-1].subscription_statistics or ()
        assert isinstance(statistics, SubscriptionStatistics)
        return statistics

    EVENTS = [{"key": "k", "command": "UPDATE", "a": str(number)} for number in range(1, 6)]

    def test_all_sent(self) -> None:
        for mode in ("MERGE", "DISTINCT", "COMMAND", "RAW"):
            self.assertEqual(self.statistics(mode, self.EVENTS, stalled=False), SubscriptionStatistics(5, 0, 0), mode)

    def test_conflated(self) -> None:
        """Checklist 18."""
        for mode, sent in (("MERGE", 1), ("COMMAND", 1), ("DISTINCT", 3)):
            self.assertEqual(self.statistics(mode, self.EVENTS), SubscriptionStatistics(sent, 0, 5 - sent), mode)

    def test_lost(self) -> None:
        for mode in ("MERGE", "DISTINCT", "COMMAND"):
            self.assertEqual(
                self.statistics(mode, self.EVENTS, "LS_requested_max_frequency=unfiltered"),
                SubscriptionStatistics(3, 2, 0),
                mode,
            )
        self.assertEqual(self.statistics("RAW", self.EVENTS), SubscriptionStatistics(3, 2, 0))

    def test_cancelled_rows(self) -> None:
        events = [{"key": "k", "command": "ADD", "a": "1"}, {"key": "k", "command": "DELETE"}]
        self.assertEqual(self.statistics("COMMAND", events), SubscriptionStatistics(0, 0, 2))

    def test_overflow_of_rows(self) -> None:
        events = [{"key": f"k{number}", "command": "ADD"} for number in range(1, 6)]
        self.assertEqual(self.statistics("COMMAND", events), SubscriptionStatistics(3, 2, 0))
        events = [{"key": "k0", "command": "UPDATE"}, *events[:3]]
        self.assertEqual(self.statistics("COMMAND", events), SubscriptionStatistics(3, 0, 1))

    def test_cleared(self) -> None:
        """What a clear_snapshot made obsolete was filtered."""
        for mode in ("DISTINCT", "COMMAND"):
            self.use()
            self.client.subscribe(1, mode, "item1", "key command a", "LS_snapshot=true")
            self.world.data.end_of_snapshot("item1")
            self.client.read()
            self.client.stall()
            self.world.data.update("item1", dict(self.EVENTS[0]), False)
            self.world.data.clear_snapshot("item1")
            self.client.control(DELETE.format(1))
            self.assertEqual(self.closed()[-1].subscription_statistics, [SubscriptionStatistics(0, 0, 1)])

    def test_not_selected(self) -> None:
        """adapters-api.md 7: filtered in every mode, RAW included."""
        for mode in ("MERGE", "DISTINCT", "COMMAND", "RAW"):
            self.use()
            self.metadata.answers["is_selected"] = lambda event: event.get_value("a") != "3"
            self.client.subscribe(1, mode, "item1", "key command a", "LS_selector=s")
            for event in self.EVENTS:
                self.world.data.update("item1", dict(event), False)
                self.world.turn()
            self.client.control(DELETE.format(1))
            self.assertEqual(self.closed()[-1].subscription_statistics, [SubscriptionStatistics(4, 0, 1)], mode)

    def test_one_for_each_item(self) -> None:
        self.metadata.answers["grant_items"] = ItemGrant()
        self.client.subscribe(1, "MERGE", "item1 item2", "a", "")
        self.world.data.update("item2", {"a": "1"}, False)
        self.client.read()
        self.client.control(DELETE.format(1))
        self.assertEqual(
            self.closed()[-1].subscription_statistics,
            [SubscriptionStatistics(0, 0, 0), SubscriptionStatistics(1, 0, 0)],
        )
