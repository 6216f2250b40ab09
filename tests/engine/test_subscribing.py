"""C{add} and C{delete}: every answer (tlcp.md 5.2, 5.3, 5.10; adapters-api.md 4)."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.errors import (
    CreditsError,
    ItemsError,
    ModeError,
    NotificationError,
    SchemaError,
    SelectorError,
    UnfilteredError,
)
from lsserver.engine.large import LARGE
from lsserver.engine.subscription import PART, Subscription
from lsserver.tlcp.requests import ControlRequest
from tests.engine.world import FakeClient, World

ADD = "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=item1%20item2&LS_schema=a"
DELETE = "LS_reqId=2&LS_op=delete&LS_subId=1"


class SubscribingCase(SynchronousTestCase):
    """A client with a session."""

    def setUp(self) -> None:
        self.world = World()
        self.metadata = self.world.metadata
        self.client = self.world.session("LS_user=u")

    def answer(self, method: str, answer: Any) -> None:
        self.metadata.answers[method] = answer

    def answers(self, *bodies: str, client: FakeClient | None = None) -> list[str]:
        """Send requests; the list fills with the answers as they come."""
        got: list[str] = []
        for body in bodies:
            (client or self.client).send(body).addCallback(lambda line: got.append(line.decode().rstrip()))
        return got


class Refused(SubscribingCase):
    """Checks in their order."""

    def refused(self, code: int, body: str = ADD) -> str:
        answer = self.client.control(body)
        self.assertTrue(answer.startswith(f"REQERR,1,{code},"), answer)
        # Checklist 5: nothing reaches the Data Adapter, nothing the client's stream.
        self.assertEqual(self.world.adapter.calls, [])
        self.assertEqual(self.client.read(), [])
        self.assertEqual(self.world.kernel.adapter_sets["TEST"].feeds["DEFAULT"].items, [])
        return answer

    def test_data_adapter(self) -> None:
        self.refused(17, ADD + "&LS_data_adapter=NOPE")
        self.assertEqual(self.metadata.called("get_items"), [])

    def test_other_data_adapter(self) -> None:
        self.assertEqual(self.client.control(ADD + "&LS_data_adapter=OTHER"), "REQOK,1")
        self.assertEqual(self.world.set.data["OTHER"].calls, [("subscribe", "item1"), ("subscribe", "item2")])

    def test_group(self) -> None:
        self.answer("get_items", ItemsError("item PF_secret"))
        self.assertEqual(self.refused(21), "REQERR,1,21,Invalid item group")

    def test_group_for_schema(self) -> None:
        self.answer("get_schema", ItemsError("no"))
        self.refused(22)

    def test_schema(self) -> None:
        self.answer("get_schema", SchemaError("no"))
        self.refused(23)

    def test_command_fields(self) -> None:
        for schema, code in (("command%20a", 15), ("key%20a", 16)):
            self.refused(code, f"LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=COMMAND&LS_group=i&LS_schema={schema}")

    def test_mode(self) -> None:
        """tlcp.md 11.12."""
        self.answer("grant_items", ModeError("no"))
        self.assertEqual(self.refused(24), "REQERR,1,24,Invalid mode for these items")

    def test_selector(self) -> None:
        self.answer("grant_items", SelectorError("no"))
        self.refused(25)

    def test_unfiltered_with_a_frequency_limit(self) -> None:
        """Checklist 9."""
        self.answer("grant_items", UnfilteredError("no", prefiltered=False))
        self.refused(26)

    def test_unfiltered_with_a_prefilter(self) -> None:
        self.answer("grant_items", UnfilteredError("no", prefiltered=True))
        self.refused(27)

    def test_unexpected_exceptions(self) -> None:
        """66, without the text."""
        for method in ("get_items", "get_schema", "grant_items"):
            self.setUp()
            self.answer(method, ZeroDivisionError("secret"))
            self.assertEqual(self.refused(66), "REQERR,1,66,Unexpected exception in the Metadata Adapter")

    def test_notification(self) -> None:
        for error, code in (
            (CreditsError(-2, "log", "Pay"), -2),
            (NotificationError("no"), 68),
            (ZeroDivisionError("secret"), 66),
        ):
            self.setUp()
            self.answer("wants_tables_notification", True)
            self.client = self.world.session()
            self.answer("notify_new_tables", error)
            self.refused(code)

    def test_session(self) -> None:
        self.assertEqual(self.client.control("LS_session=S0&" + ADD), "REQERR,1,20,Session not found")

    def test_bad_request(self) -> None:
        """What no parser makes."""
        assert self.client.session is not None
        answer = self.successResultOf(
            self.world.kernel.control(ControlRequest(req_id="1"), self.client.client, self.client.session)
        )
        self.assertEqual(answer, b"REQERR,1,67,Malformed request\r\n")

    def test_push(self) -> None:
        """adapters-api.md 11: refused with 40."""
        answer = self.client.control("LS_reqId=1&LS_op=register&PN_type=Apple&PN_appId=a&PN_deviceToken=t")
        self.assertTrue(answer.startswith("REQERR,1,40,"), answer)

    def test_fault_of_the_server(self) -> None:
        """68 if the id is known (tlcp.md 5.10)."""
        assert self.client.session is not None
        self.client.session.subscribe = None  # type: ignore[assignment,method-assign]
        self.assertEqual(self.client.control(ADD), "REQERR,1,68,Internal error during request processing")
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)


class Modes(SubscribingCase):
    """Mode compatibility (adapters-api.md 4.1)."""

    def add(self, sub_id: int, mode: str, group: str = "item1") -> str:
        return self.client.subscribe(sub_id, mode, group, "key command")

    def test_one_of_three(self) -> None:
        """Refused while the item is active in another mode."""
        self.assertEqual(self.add(1, "MERGE"), "REQOK,1")
        self.assertTrue(self.add(2, "DISTINCT").startswith("REQERR,2,24,"))
        self.assertTrue(self.add(3, "COMMAND", "item2 item1").startswith("REQERR,3,24,"))
        self.assertEqual(self.add(4, "RAW"), "REQOK,4")
        self.assertEqual(self.world.adapter.calls, [("subscribe", "item1")])

    def test_free_again(self) -> None:
        self.add(1, "MERGE")
        self.client.control(DELETE)
        self.assertEqual(self.add(2, "DISTINCT"), "REQOK,2")

    def test_raw_fixes_nothing(self) -> None:
        self.add(1, "RAW")
        self.assertEqual(self.add(2, "DISTINCT"), "REQOK,2")

    def test_race(self) -> None:
        """Two that were both checked before either was there."""
        waiting = [Deferred[None](), Deferred[None]()]
        self.answer("wants_tables_notification", True)
        self.client = self.world.session()
        pending = list(waiting)
        self.answer("notify_new_tables", lambda *_: pending.pop(0))
        got = self.answers(
            "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=item1&LS_schema=a",
            "LS_reqId=2&LS_op=add&LS_subId=2&LS_mode=DISTINCT&LS_group=item1&LS_schema=a",
        )
        waiting[0].callback(None)
        waiting[1].callback(None)
        self.assertEqual(got, ["REQOK,1", "REQERR,2,24,Invalid mode for these items"])
        self.assertEqual([tables[0].win_index for _, tables in self.metadata.called("notify_tables_close")], [2])

    def test_item_released_while_another_subscription_is_on_its_way(self) -> None:
        """The item that is then subscribed is the one whose events are heard."""
        waiting: Deferred[None] = Deferred()
        self.add(1, "MERGE")
        self.answer("wants_tables_notification", True)
        other = self.world.session()
        self.answer("notify_new_tables", waiting)
        got = self.answers(ADD, client=other)
        self.client.control(DELETE)
        waiting.callback(None)
        self.assertEqual(got, ["REQOK,1"])
        self.world.data.update("item1", {"a": "1"}, False)
        self.assertEqual(other.read()[2:], ["U,1,1,1"])


class Large(SubscribingCase):
    """One with many items has a turn of the reactor for itself; small ones wait for nothing."""

    GROUP = "%20".join(f"item{number}" for number in range(LARGE))

    def add(self, number: int, group: str = GROUP) -> str:
        return f"LS_reqId={number}&LS_op=add&LS_subId={number}&LS_mode=MERGE&LS_group={group}&LS_schema=a"

    def test_one_in_a_turn(self) -> None:
        got = self.answers(*map(self.add, (1, 2, 3)), self.add(4, "item0"))
        self.assertEqual(got, ["REQOK,1", "REQOK,4"])
        self.world.clock.callLater(0, got.append, "others")
        self.world.turn()
        self.assertEqual(got[2:], ["REQOK,2", "others", "REQOK,3"])

    def test_alone(self) -> None:
        """The next one, a turn later, does not wait."""
        for number in (1, 2):
            self.assertEqual(self.answers(self.add(number)), [f"REQOK,{number}"])
            self.world.turn()

    def test_session_that_ends_while_it_waits(self) -> None:
        """The Metadata Adapter is asked no more on its behalf."""
        other = self.world.session()
        self.answers(self.add(1))
        got = self.answers(self.add(1), client=other)
        assert other.session is not None
        other.session.vanish("gone")
        self.world.turn()
        self.assertEqual(len(got), 1)
        self.assertTrue(got[0].startswith("REQERR,1,20,"), got)
        self.assertEqual(len(self.metadata.called("grant_items")), 1)

    def test_request_that_is_given_up(self) -> None:
        """The others wait no longer for it."""
        self.answers(self.add(1))
        given_up = self.client.send(self.add(2))
        got = self.answers(self.add(3))
        given_up.cancel()
        self.flushLoggedErrors()
        self.world.turn()
        self.assertEqual(got, ["REQOK,3"])


class Parts(SubscribingCase):
    """Very many items come to their slots in several turns of the reactor."""

    COUNT = 2 * PART + 50
    LAST = f"item{COUNT - 1}"

    def add(self, mode: str = "MERGE", more: str = "") -> str:
        """The first part is there, the others are not."""
        group = "%20".join(f"item{number}" for number in range(self.COUNT))
        body = f"LS_reqId=1&LS_op=add&LS_subId=1&LS_mode={mode}&LS_group={group}&LS_schema=a&{more}"
        answer = self.client.control(body)
        self.assertEqual(len(self.asked("subscribe")), PART)
        return answer

    def asked(self, method: str) -> list[str]:
        return [item for name, item in self.world.adapter.calls if name == method]

    def items(self) -> int:
        return len(self.world.kernel.adapter_sets["TEST"].feeds["DEFAULT"].items)

    def update(self, item: str, value: str, is_snapshot: bool = False) -> None:
        self.world.data.update(item, {"a": value}, is_snapshot)

    def test_all_in_the_end(self) -> None:
        self.assertEqual(self.add(), "REQOK,1")
        self.world.clock.callLater(0, lambda: self.update("item0", str(len(self.asked("subscribe")))))
        self.world.turn()
        for number in range(1, self.COUNT):
            self.update(f"item{number}", "x")
        lines = self.client.read()
        self.assertEqual(lines[0], f"SUBOK,1,{self.COUNT},1")
        # Others have had a turn in between.
        self.assertIn(lines[2], (f"U,1,1,{PART}", f"U,1,1,{2 * PART}"))
        self.assertEqual(lines[3:], [f"U,1,{number},x" for number in range(2, self.COUNT + 1)])

    def test_ends_in_the_middle(self) -> None:
        """Whoever was not asked to subscribe is not asked to unsubscribe."""
        for mode in ("MERGE", "DISTINCT", "COMMAND", "RAW"):
            self.setUp()
            group = "%20".join(f"item{number}" for number in range(self.COUNT))
            self.client.control(
                f"LS_reqId=1&LS_op=add&LS_subId=1&LS_mode={mode}&LS_group={group}&LS_schema=a%20key%20command"
            )
            self.assertEqual(self.items(), self.COUNT)
            self.client.control(DELETE)
            self.world.turn()
            self.assertEqual((len(self.asked("subscribe")), len(self.asked("unsubscribe"))), (PART, PART), mode)
            self.assertEqual(self.items(), 0)
            self.assertEqual(self.client.lines()[-1], "UNSUB,1")

    def test_session_ends_in_the_middle(self) -> None:
        self.add()
        assert self.client.session is not None
        self.client.session.vanish("gone")
        self.world.advance(30)
        self.assertEqual((len(self.asked("subscribe")), len(self.asked("unsubscribe"))), (PART, PART))
        self.assertEqual(self.items(), 0)

    def test_mode_is_fixed_at_once(self) -> None:
        self.add()
        other = self.world.session()
        self.assertTrue(other.subscribe(1, "DISTINCT", self.LAST, "a").startswith("REQERR,1,24,"))
        self.assertEqual(other.subscribe(2, "MERGE", self.LAST, "a"), "REQOK,2")
        self.assertEqual(self.asked("subscribe")[PART:], [self.LAST])
        self.world.turn()
        self.assertEqual(len(self.asked("subscribe")), self.COUNT)
        self.update(self.LAST, "1")
        self.assertEqual(other.read()[-1], "U,2,1,1")
        self.assertEqual(self.client.read()[-1], f"U,1,{self.COUNT},1")

    def test_another_frequency_in_the_middle(self) -> None:
        """Of those that are there, and of those that come."""
        self.add(more="LS_requested_max_frequency=unlimited")
        self.client.control("LS_reqId=2&LS_op=reconf&LS_subId=1&LS_requested_max_frequency=1")
        self.client.read()
        for value in "12":
            for item in ("item0", self.LAST):
                self.update(item, value)
            self.world.turn()
        self.assertEqual(self.client.lines(), ["U,1,1,1", f"U,1,{self.COUNT},1"])
        self.world.advance(1)
        self.assertEqual(sorted(self.client.lines()), ["U,1,1,2", f"U,1,{self.COUNT},2"])

    def test_adapter_that_ends_it(self) -> None:
        """Asked for an item of a later part."""
        self.add()

        def ask(item: str) -> None:
            if item == f"item{PART + 3}":
                self.client.control(DELETE)

        self.world.adapter.on_subscribe = ask
        self.world.turn()
        self.assertEqual(self.asked("unsubscribe"), self.asked("subscribe"))
        self.assertEqual(len(self.asked("subscribe")), PART + 4)
        self.assertEqual(self.items(), 0)

    def test_item_that_is_about_to_go(self) -> None:
        """Reserved while the adapter is asked to unsubscribe, it comes back with a snapshot of its own."""
        waiting: Deferred[None] = Deferred()
        other = self.world.session()
        other.subscribe(1, "MERGE", self.LAST, "a")
        self.world.adapter.on_unsubscribe = waiting
        other.control(DELETE)
        self.world.adapter.calls.clear()
        self.add(more="LS_snapshot=true")
        waiting.callback(None)
        self.update(self.LAST, "new", True)
        self.assertEqual(self.client.read()[-1], f"U,1,{self.COUNT},new")
        self.assertEqual(sorted(self.asked("subscribe")), sorted(f"item{number}" for number in range(self.COUNT)))

    def test_fault_of_the_server(self) -> None:
        """As one in a flush: END 33."""
        self.add()
        self.patch(Subscription, "_attach", lambda _: 1 / 0)
        self.assertTrue(self.client.read()[-1].startswith("END,33,"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class Retransmission(SubscribingCase):
    """The same C{LS_subId} again (tlcp.md 5.2, 5.3)."""

    def test_repeated_add(self) -> None:
        """REQOK and nothing else."""
        self.client.control(ADD)
        self.client.read()
        self.assertEqual(self.client.control(ADD.replace("LS_reqId=1", "LS_reqId=9")), "REQOK,9")
        self.assertEqual(self.client.read(), [])
        self.assertEqual(len(self.metadata.called("get_items")), 1)

    def test_repeated_while_activating(self) -> None:
        waiting: Deferred[list[str]] = Deferred()
        self.answer("get_items", waiting)
        got = self.answers(ADD, ADD.replace("LS_reqId=1", "LS_reqId=9"))
        waiting.callback(["item1"])
        self.assertEqual(got, ["REQOK,9", "REQOK,1"])
        self.assertEqual(self.client.read(), ["SUBOK,1,1,1", "CONF,1,unlimited,filtered"])

    def test_repeated_while_failing(self) -> None:
        """The same error."""
        waiting: Deferred[list[str]] = Deferred()
        self.answer("get_items", waiting)
        got = self.answers(ADD, ADD.replace("LS_reqId=1", "LS_reqId=9"))
        waiting.errback(ItemsError("no"))
        self.assertEqual(sorted(got), ["REQERR,1,21,Invalid item group", "REQERR,9,21,Invalid item group"])

    def test_after_a_failure(self) -> None:
        self.answer("get_items", ItemsError("no"))
        self.client.control(ADD)
        del self.metadata.answers["get_items"]
        self.assertEqual(self.client.control(ADD), "REQOK,1")

    def test_after_the_delete(self) -> None:
        """19: the id is used up."""
        self.client.control(ADD)
        self.client.control(DELETE)
        self.assertEqual(self.client.control(ADD), "REQERR,1,19,Specified subscription not found")

    def test_repeated_delete(self) -> None:
        """Harmless (js8)."""
        self.client.control(ADD)
        self.assertEqual(self.client.control(DELETE), "REQOK,2")
        self.assertEqual(self.client.control(DELETE), "REQERR,2,19,Specified subscription not found")
        self.assertEqual(self.client.read()[-1], "UNSUB,1")

    def test_unknown_delete(self) -> None:
        self.assertEqual(self.client.control(DELETE), "REQERR,2,19,Specified subscription not found")

    def test_delete_while_activating(self) -> None:
        """It waits for the add, then succeeds."""
        waiting: Deferred[list[str]] = Deferred()
        self.answer("get_items", waiting)
        got = self.answers(ADD, DELETE)
        self.assertEqual(got, [])
        waiting.callback(["item1"])
        self.assertEqual(sorted(got), ["REQOK,1", "REQOK,2"])
        self.assertEqual(self.client.read(), ["SUBOK,1,1,1", "CONF,1,unlimited,filtered", "UNSUB,1"])

    def test_two_deletes_while_activating(self) -> None:
        waiting: Deferred[list[str]] = Deferred()
        self.answer("get_items", waiting)
        got = self.answers(ADD, DELETE, DELETE)
        waiting.callback(["item1"])
        self.assertEqual(sorted(got), ["REQERR,2,19,Specified subscription not found", "REQOK,1", "REQOK,2"])

    def test_delete_while_failing(self) -> None:
        waiting: Deferred[list[str]] = Deferred()
        self.answer("get_items", waiting)
        got = self.answers(ADD, DELETE)
        waiting.errback(ItemsError("no"))
        self.assertEqual(
            sorted(got), ["REQERR,1,21,Invalid item group", "REQERR,2,19,Specified subscription not found"]
        )

    def test_activation_that_fails_for_no_known_reason(self) -> None:
        """Who waits for it is not told that all is well."""
        waiting: Deferred[list[str]] = Deferred()
        self.answer("get_items", waiting)
        got = self.answers(ADD, ADD.replace("LS_reqId=1", "LS_reqId=9"))
        self.patch(Subscription, "open", lambda subscription: 1 / 0)
        waiting.callback(["item1"])
        self.assertEqual(
            sorted(got),
            [
                "REQERR,1,68,Internal error during request processing",
                "REQERR,9,68,Internal error during request processing",
            ],
        )
        self.flushLoggedErrors(ZeroDivisionError)

    def test_activation_that_fails_as_the_session_ends(self) -> None:
        waiting: Deferred[list[str]] = Deferred()
        self.answer("get_items", waiting)
        got = self.answers(ADD)

        def fail(subscription: Subscription) -> None:
            subscription.session.vanish("fault")
            raise ZeroDivisionError

        self.patch(Subscription, "open", fail)
        waiting.callback(["item1"])
        self.assertEqual(got, ["REQERR,1,68,Internal error during request processing"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_no_ack(self) -> None:
        """tlcp.md 5.10: nothing, on WebSocket; over HTTP the transport asks for one."""
        self.assertEqual(self.successResultOf(self.client.send(ADD + "&LS_ack=false")), b"")
        http = self.world.session(websocket=False)
        self.assertEqual(self.successResultOf(http.send(ADD + "&LS_ack=false")), b"REQOK,1\r\n")

    def test_errors_are_always_sent(self) -> None:
        self.assertTrue(self.client.control(DELETE + "&LS_ack=false").startswith("REQERR,2,19"))


class Races(SubscribingCase):
    """Sessions that end, connections that break."""

    def test_session_ends_while_activating(self) -> None:
        for method in ("get_items", "get_schema", "grant_items"):
            self.setUp()
            waiting: Deferred[Any] = Deferred()
            self.answer(method, waiting)
            got = self.answers(ADD)
            self.client.control("LS_reqId=3&LS_op=destroy")
            self.world.turn()
            waiting.callback(["item1"] if method == "get_items" else ["a"])
            if method == "grant_items":
                self.assertTrue(got[0].startswith("REQERR,1,"), got)
            else:
                self.assertEqual(got, ["REQERR,1,20,Session not found"])
            self.assertEqual(self.world.adapter.calls, [])

    def test_adapter_that_ends_the_session(self) -> None:
        """While it is asked to subscribe the first of two items."""
        assert self.client.session is not None
        session_id = self.client.session.id
        self.world.adapter.on_subscribe = lambda item: self.world.set.control.force_session_termination(session_id)
        self.assertEqual(self.client.control(ADD), "REQERR,1,20,Session not found")
        self.assertEqual(self.world.adapter.calls, [("subscribe", "item1")])
        self.world.advance(10)
        self.assertEqual(self.world.adapter.calls, [("subscribe", "item1"), ("unsubscribe", "item1")])

    def test_pages_that_are_loaded_again_find_their_items(self) -> None:
        """adapters-api.md 13: interest lingers after a session."""
        self.client.control(ADD)
        self.client.control("LS_reqId=3&LS_op=destroy")
        self.world.advance(4.9)
        self.assertEqual([name for name, _ in self.world.adapter.calls], ["subscribe"] * 2)
        self.world.advance(0.2)
        self.assertEqual([name for name, _ in self.world.adapter.calls], ["subscribe"] * 2 + ["unsubscribe"] * 2)

    def test_time_already_waited_counts(self) -> None:
        self.world = World(subscription_timeout_millis=15_000)
        self.client = self.world.session()
        self.client.control(ADD)
        self.client.lose()
        self.world.advance(13.1)
        assert self.client.session is not None
        self.assertTrue(self.client.session.closed)
        self.assertNotIn(("unsubscribe", "item1"), self.world.adapter.calls)
        self.world.advance(2)
        self.assertIn(("unsubscribe", "item1"), self.world.adapter.calls)

    def test_explicit_unsubscription_does_not_linger(self) -> None:
        self.client.control(ADD)
        self.client.control(DELETE)
        self.assertIn(("unsubscribe", "item1"), self.world.adapter.calls)

    def test_reqok_comes_before_subok(self) -> None:
        """tlcp.md 6.13."""
        self.assertEqual(self.client.control(ADD), "REQOK,1")
        self.assertEqual(self.client.lines(), [])

    def test_position_of_items_and_decorated_names(self) -> None:
        """adapters-api.md 4: the adapter's array defines positions."""
        self.answer("get_items", lambda user, session_id, group, adapter: ["PF_u", "x"])
        self.client.subscribe(1, "MERGE", "portfolio x", "a", "")
        self.world.data.update("PF_u", {"a": "1"}, False)
        self.assertEqual(self.client.read(), ["SUBOK,1,2,1", "CONF,1,unlimited,filtered", "U,1,1,1"])

    def test_arguments(self) -> None:
        self.client.control(ADD + "&LS_selector=sel")
        assert self.client.session is not None
        session_id = self.client.session.id
        self.assertEqual(self.metadata.called("get_items"), [["u", session_id, "item1 item2", "DEFAULT"]])
        self.assertEqual(self.metadata.called("get_schema"), [["u", session_id, "item1 item2", "DEFAULT", "a"]])
        self.assertEqual(
            self.metadata.called("grant_items"), [["u", ["item1", "item2"], "DEFAULT", "MERGE", "sel", False]]
        )

    def test_what_waits_is_looked_through_once(self) -> None:
        """Not once for each item, of which there may be thousands."""

        class Entries(list):  # type: ignore[type-arg]
            looks = 0

            def __iter__(self) -> Any:
                self.looks += 1
                return super().__iter__()

        self.client.stall()
        for number in (1, 2):
            self.client.subscribe(number, "MERGE", "item1 item2 item3", "a", "")
        for number in (1, 2, 3):
            self.world.data.update(f"item{number}", {"a": "1"}, False)
        assert self.client.session is not None
        stream = self.client.session.stream
        entries = stream.pending = Entries(stream.pending)
        self.client.control(DELETE)
        self.assertEqual(entries.looks, 1)
        self.client.resume()
        updates = [line for line in self.client.read() if line.startswith("U,")]
        self.assertEqual(updates, ["U,2,1,1", "U,2,2,1", "U,2,3,1"])

    def test_forgotten_ids_are_bounded(self) -> None:
        """The oldest may be used again."""
        for number in range(1, 1003):
            self.client.subscribe(number, "MERGE", "item1", "a")
            self.client.control(f"LS_reqId=2&LS_op=delete&LS_subId={number}")
        self.assertEqual(self.client.subscribe(1, "MERGE", "item1", "a"), "REQOK,1")
