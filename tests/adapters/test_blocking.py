"""Adapters that block are called in threads of their own (adapters-api.md 22, 23.4)."""

import math
from threading import Event, get_ident
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.threads import blockingCallFromThread
from zope.interface import implementer

from lsserver.adapters.adapter_set import AdapterOptions, SetOptions
from lsserver.adapters.errors import AccessError, AdapterTimeoutError, ModeError
from lsserver.adapters.grants import ItemGrant
from lsserver.adapters.interfaces import IBlockingAdapter
from lsserver.adapters.pools import PoolSettings
from lsserver.adapters.providers import MetadataProvider
from tests.adapters.doubles import PATIENCE, Items, SetCase, started
from tests.adapters.test_tables import table


class Rules(MetadataProvider):
    """Remembers in which threads it was called, and can be made to hang."""

    blocking = True

    def __init__(self) -> None:
        self.threads: dict[str, int] = {}
        self.hold = Event()
        self.closed: list[str] = []

    def here(self, method: str) -> None:
        self.threads[method] = get_ident()

    def notify_user(self, user: Any, password: Any, http_headers: Any) -> None:
        self.here("notify_user")
        if user == "hang":
            self.hold.wait(PATIENCE)
        elif user is None:
            raise AccessError("no")

    def notify_new_session(self, user: Any, session_id: Any, client_context: Any) -> None:
        self.here("notify_new_session")
        self.hold.wait(PATIENCE)

    def notify_session_close(self, session_id: str) -> None:
        self.closed.append(session_id)

    def mode_may_be_allowed(self, item: str, mode: Any) -> Any:
        self.here("mode_may_be_allowed")
        return succeed(item != "bad")

    async def get_allowed_max_item_frequency(self, user: Any, item: str) -> float:
        return await succeed(2.0)

    def get_distinct_snapshot_length(self, item: str) -> int:
        self.here("get_distinct_snapshot_length")
        return 5

    def isselected(self, user: Any, item: Any, selector: Any, event: Any) -> bool:
        self.here("isselected")
        return True

    def notify_new_tables(self, user: Any, session_id: Any, tables: Any) -> None:
        blockingCallFromThread(self.reactor, tables[0].force_unsubscription)


class BlockingTests(SetCase):
    def rules(self) -> Rules:
        adapter = Rules()
        adapter.reactor = self.clock  # type: ignore[attr-defined]
        self.addCleanup(adapter.hold.set)
        return adapter

    def test_the_reactor_thread_is_left_alone(self) -> None:
        adapter = self.rules()
        metadata = self.make(adapter).metadata
        self.clock.wait_for(metadata.notify_user("u", "p", {}, None, False))
        self.assertNotEqual(adapter.threads["notify_user"], get_ident())
        with self.assertRaises(AccessError):
            self.clock.wait_for(metadata.notify_user(None, "p", {}, None, False))

    def test_a_login_that_hangs_stops_nobody_else(self) -> None:
        metadata = self.make(self.rules()).metadata
        hanging = started(metadata.notify_user("hang", "", {}, None, False))
        self.clock.wait_for(metadata.notify_user("other", "", {}, None, False))
        self.assertEqual(self.clock.wait_for(metadata.get_items("other", "S", "a", "DEFAULT")), ["a"])
        self.assertNoResult(hanging)

    def test_a_session_that_hangs_times_out_and_is_closed_when_it_succeeds(self) -> None:
        adapter = self.rules()
        metadata = self.make(adapter, adapter_call_timeout_millis=1_000).metadata
        creation = started(metadata.notify_new_session("u", "S1", {}))
        self.clock.advance(1)
        self.failureResultOf(creation, AdapterTimeoutError)
        adapter.hold.set()
        self.clock.turn()
        self.clock.turn()
        self.assertEqual(adapter.closed, ["S1"])

    def test_the_limits_of_all_items_are_asked_in_one_go(self) -> None:
        adapter = self.rules()
        metadata = self.make(adapter).metadata
        grants = self.clock.wait_for(metadata.grant_items("u", ["a", "b"], "DEFAULT", "DISTINCT", None, False))
        self.assertEqual(grants, [ItemGrant(max_frequency=2.0, distinct_snapshot_length=5)] * 2)
        self.assertEqual(adapter.threads["mode_may_be_allowed"], adapter.threads["get_distinct_snapshot_length"])
        self.assertNotEqual(adapter.threads["mode_may_be_allowed"], get_ident())
        with self.assertRaises(ModeError):
            self.clock.wait_for(metadata.grant_items("u", ["a", "bad"], "DEFAULT", "MERGE", None, False))
        self.assertEqual(self.clock.wait_for(metadata.fixed_mode("a", "DEFAULT")), "MERGE")

    def test_an_exception_that_ends_generators_ends_nothing_here(self) -> None:
        adapter = self.rules()
        adapter.ismode_allowed = lambda *_: next(iter(()))  # type: ignore[method-assign]
        with self.assertRaises(RuntimeError):
            self.clock.wait_for(self.make(adapter).metadata.grant_items("u", ["a"], "DEFAULT", "RAW", None, False))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_hooks_are_called_in_place(self) -> None:
        adapter = self.rules()
        self.assertTrue(self.make(adapter).metadata.is_selected("u", "i", "DEFAULT", "s", None))
        self.assertEqual(adapter.threads["isselected"], get_ident())

    def test_tables_may_be_used_in_threads(self) -> None:
        forced: list[int] = []

        def force() -> Deferred[None]:
            forced.append(get_ident())
            return succeed(None)

        metadata = self.make(self.rules()).metadata
        self.clock.wait_for(metadata.notify_new_tables("u", "S", [table(force_unsubscription=force)]))
        self.assertEqual(forced, [get_ident()])

    def test_an_asynchronous_answer_of_a_blocking_adapter(self) -> None:
        class Both(Items):
            blocking = True

            def subscribe(self, item_name: str) -> Any:
                self.answer: Deferred[None] = Deferred()
                return self.answer

        adapter = Both()
        handle = self.make(data=adapter).data["DEFAULT"]
        subscription = started(handle.subscribe("i"))
        self.clock.turn()
        self.assertNoResult(subscription)
        adapter.answer.callback(None)
        self.successResultOf(subscription)

    def test_an_item_that_hangs_stops_no_other_item(self) -> None:
        hold = Event()
        self.addCleanup(hold.set)

        class Hangs(Items):
            blocking = True

            def subscribe(self, item_name: str) -> None:
                if item_name == "hang":
                    hold.wait(PATIENCE)
                self.listener.update(item_name, {"a": "1"})

        handle = self.make(data=Hangs()).data["DEFAULT"]
        hanging = started(handle.subscribe("hang"))
        self.clock.wait_for(handle.subscribe("i"))
        self.assertNoResult(hanging)
        self.assertEqual(self.sink("DEFAULT").calls, [("update", "i", {"a": "1"}, False)])


class DeclarationTests(SetCase):
    def test_who_blocks(self) -> None:
        @implementer(IBlockingAdapter)
        class Marked(Items):
            pass

        class Attribute(Items):
            blocking = True

        def blocks(adapter: Any, option: bool | None = None) -> bool:
            options = SetOptions(data={"DEFAULT": AdapterOptions(blocking=option)})
            return self.make(data=adapter, options=options, start=False).data["DEFAULT"].invoker.blocking

        self.assertFalse(blocks(Items()))
        self.assertTrue(blocks(Marked()))
        self.assertTrue(blocks(Attribute()))
        self.assertTrue(blocks(Items(), True))
        self.assertFalse(blocks(Attribute(), False))


class PoolTests(SetCase):
    def lanes(self, **pools: Any) -> list[str]:
        one = self.make(data={"A": Items(), "B": Items()}, options=SetOptions(**pools), start=False)
        return [lane.name for lane in one.lanes]

    def test_each_kind_has_its_pool(self) -> None:
        self.assertEqual(self.lanes(), ["SET.AUTHENTICATION", "SET.MSG", "SET.SET", "SET.DATA.A", "SET.DATA.B"])

    def test_data_adapters_without_a_pool_share_that_of_the_set(self) -> None:
        self.assertEqual(
            self.lanes(adapter_set_pool=PoolSettings(max_size=3), data_pools={"B": PoolSettings(max_size=2)}),
            ["SET.AUTHENTICATION", "SET.MSG", "SET.SET", "SET.DATA.B"],
        )

    def test_pending_messages_are_limited(self) -> None:
        answers: list[Deferred[str]] = []

        class Slow(MetadataProvider):
            def notify_user_message(self, user: Any, session_id: Any, message: str) -> Deferred[str]:
                answers.append(Deferred())
                return answers[-1]

        pool = PoolSettings(max_pending_requests=1, max_queue=0)
        one = self.make(Slow(), options=SetOptions(messages_pool=pool))
        first, second = (started(one.metadata.notify_user_message("u", "S", text)) for text in "ab")
        self.assertEqual((len(answers), one.overloaded), (1, True))
        answers[0].callback("yes")
        self.assertEqual(self.successResultOf(first), "yes")
        self.assertEqual((len(answers), one.overloaded), (2, False))
        self.assertNoResult(second)

    def test_waiting_calls(self) -> None:
        """What the server counts: pools with a C{max_queue} count by that, not by their calls."""

        class Slow(MetadataProvider):
            def notify_user_message(self, user: Any, session_id: Any, message: str) -> Deferred[str]:
                return Deferred()

        for max_queue, counted in ((None, 2), (-1, 0), (5, 0), (1, math.inf)):
            pool = PoolSettings(max_pending_requests=1, max_queue=max_queue)
            one = self.make(Slow(), options=SetOptions(messages_pool=pool))
            for text in "abc":
                started(one.metadata.notify_user_message("u", "S", text))
            self.assertEqual(one.waiting_calls, counted, max_queue)

    def test_a_login_that_waits_or_runs_can_be_cancelled(self) -> None:
        cancelled: list[Any] = []

        class Slow(MetadataProvider):
            def notify_user(self, user: Any, password: Any, http_headers: Any) -> Deferred[None]:
                return Deferred(cancelled.append)

        pool = PoolSettings(max_pending_requests=1)
        one = self.make(Slow(), options=SetOptions(authentication_pool=pool))
        first, second = (started(one.metadata.notify_user("u", "", {}, None, False)) for _ in range(2))
        second.cancel()
        self.failureResultOf(second)
        self.assertEqual(cancelled, [])
        first.cancel()
        self.failureResultOf(first)
        self.assertEqual(len(cancelled), 1)
        self.assertEqual([(lane.active, lane.waiting) for lane in one.lanes], [(0, 0)] * 4)
