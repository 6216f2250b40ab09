"""The gate between interest and Data Adapter (adapters-api.md 13, 16; checklist 11-13, 24)."""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.errors import FailureError, SubscribeError
from lsserver.adapters.grants import ItemGrant
from lsserver.engine.gate import Gate, State
from lsserver.engine.item import Item
from tests.engine.world import World


class Table(SynchronousTestCase):
    """The transitions of the table in L{lsserver.engine.gate}."""

    def setUp(self) -> None:
        self.calls: list[str] = []
        self.pending: list[Deferred[None]] = []
        self.gate = Gate(lambda: self.call("subscribe"), lambda: self.call("unsubscribe"), self.released)

    async def call(self, name: str) -> None:
        self.calls.append(name)
        self.pending.append(Deferred())
        await self.pending[-1]

    def released(self) -> None:
        self.calls.append("released")

    def finish(self, error: Exception | None = None) -> None:
        waiting = self.pending.pop(0)
        if error is None:
            waiting.callback(None)
        else:
            waiting.errback(error)

    def become(self, state: State) -> None:
        """Get there in the shortest way."""
        if state is not State.IDLE:
            self.gate.want(True)
        if state is State.FAILED:
            self.finish(SubscribeError())
        if state in (State.ACTIVE, State.UNSUBSCRIBING):
            self.finish()
        if state is State.UNSUBSCRIBING:
            self.gate.want(False)
        self.assertIs(self.gate.state, state)
        self.calls.clear()

    def test_idle_wanted(self) -> None:
        self.gate.want(True)
        self.assertEqual((self.gate.state, self.calls), (State.SUBSCRIBING, ["subscribe"]))
        self.assertTrue(self.gate.open)

    def test_idle_unwanted(self) -> None:
        self.gate.want(False)
        self.assertEqual((self.gate.state, self.calls), (State.IDLE, []))

    def test_subscribing_returned_wanted(self) -> None:
        self.become(State.SUBSCRIBING)
        self.finish()
        self.assertEqual((self.gate.state, self.calls), (State.ACTIVE, []))

    def test_subscribing_returned_unwanted(self) -> None:
        self.become(State.SUBSCRIBING)
        self.gate.want(False)
        self.assertEqual(self.calls, [])
        self.finish()
        self.assertEqual((self.gate.state, self.calls), (State.UNSUBSCRIBING, ["unsubscribe"]))
        self.finish()
        self.assertEqual((self.gate.state, self.calls), (State.IDLE, ["unsubscribe", "released"]))

    def test_subscribing_back_and_forth(self) -> None:
        """Checklist 12: calls collapse."""
        self.become(State.SUBSCRIBING)
        for wanted in (False, True, False, True):
            self.gate.want(wanted)
        self.finish()
        self.assertEqual((self.gate.state, self.calls), (State.ACTIVE, []))

    def test_subscribing_raised(self) -> None:
        self.become(State.SUBSCRIBING)
        self.finish(SubscribeError())
        self.assertEqual((self.gate.state, self.calls), (State.FAILED, []))
        self.assertFalse(self.gate.open)

    def test_subscribing_raised_unwanted(self) -> None:
        self.become(State.SUBSCRIBING)
        self.gate.want(False)
        self.finish(SubscribeError())
        self.assertEqual((self.gate.state, self.calls), (State.IDLE, ["released"]))

    def test_active_unwanted(self) -> None:
        self.become(State.ACTIVE)
        self.gate.want(False)
        self.assertEqual((self.gate.state, self.calls), (State.UNSUBSCRIBING, ["unsubscribe"]))
        self.assertFalse(self.gate.open)

    def test_active_wanted(self) -> None:
        self.become(State.ACTIVE)
        self.gate.want(True)
        self.assertEqual((self.gate.state, self.calls), (State.ACTIVE, []))

    def test_unsubscribing_returned(self) -> None:
        self.become(State.UNSUBSCRIBING)
        self.finish()
        self.assertEqual((self.gate.state, self.calls), (State.IDLE, ["released"]))

    def test_unsubscribing_wanted_again(self) -> None:
        self.become(State.UNSUBSCRIBING)
        self.gate.want(True)
        self.assertEqual(self.calls, [])
        self.finish()
        self.assertEqual((self.gate.state, self.calls), (State.SUBSCRIBING, ["released", "subscribe"]))

    def test_failed_unwanted(self) -> None:
        self.become(State.FAILED)
        self.gate.want(False)
        self.assertEqual((self.gate.state, self.calls), (State.IDLE, ["released"]))

    def test_failed_wanted(self) -> None:
        """No retry until all interest is gone."""
        self.become(State.FAILED)
        self.gate.want(True)
        self.assertEqual((self.gate.state, self.calls), (State.FAILED, []))

    def test_settled(self) -> None:
        for state, answer in ((State.IDLE, False), (State.ACTIVE, True), (State.FAILED, False)):
            self.setUp()
            self.become(state)
            self.assertIs(self.successResultOf(self.gate.settled()), answer)

    def test_settled_later(self) -> None:
        self.become(State.UNSUBSCRIBING)
        waiting = self.gate.settled()
        self.gate.want(True)
        self.finish()
        self.assertNoResult(waiting)
        self.finish()
        self.assertTrue(self.successResultOf(waiting))

    def test_settled_without_interest(self) -> None:
        self.become(State.SUBSCRIBING)
        waiting = self.gate.settled()
        self.gate.want(False)
        self.finish()
        self.assertNoResult(waiting)
        self.finish()
        self.assertFalse(self.successResultOf(waiting))

    def test_whoever_comes_when_it_is_released(self) -> None:
        """Interest that the news of a failure awakes."""
        self.become(State.SUBSCRIBING)
        self.gate.want(False)
        self.gate.settled().addCallback(lambda _: self.gate.want(True))
        self.finish(SubscribeError())
        self.assertIs(self.gate.state, State.FAILED)
        self.gate.want(False)
        self.gate.want(True)
        self.assertIs(self.gate.state, State.SUBSCRIBING)


class Items(SynchronousTestCase):
    """The gate at work."""

    def setUp(self) -> None:
        self.world = World()
        self.adapter = self.world.adapter
        self.client = self.world.session()

    def add(self, sub_id: int = 1, mode: str = "MERGE") -> str:
        return self.client.subscribe(sub_id, mode, "item1", "key command")

    def delete(self, sub_id: int = 1) -> str:
        return self.client.control(f"LS_reqId=1&LS_op=delete&LS_subId={sub_id}")

    def update(self, value: str) -> None:
        self.world.data.update("item1", {"key": value, "command": "ADD"}, False)

    def test_subscribe_raises(self) -> None:
        """Checklist 13: the client keeps its subscription, gets nothing; no unsubscribe."""
        self.adapter.on_subscribe = SubscribeError("no")
        self.assertEqual(self.add(), "REQOK,1")
        self.update("x")
        self.assertEqual(self.client.read(), ["SUBOK,1,1,2", "CONF,1,unlimited,filtered"])
        feed = self.world.kernel.adapter_sets["TEST"].feeds["DEFAULT"]
        self.assertEqual([item.name for item in feed.items if item.failed], ["item1"])
        self.add(2)
        self.delete(1)
        self.assertEqual(self.adapter.calls, [("subscribe", "item1")])
        self.delete(2)
        self.assertEqual(feed.items, [])
        self.adapter.on_subscribe = None
        self.add(3)
        self.assertEqual(self.adapter.calls, [("subscribe", "item1")] * 2)

    def test_adapter_beyond_repair(self) -> None:
        """adapters-api.md 12: whoever runs the server is told."""
        fault = FailureError("broken")
        self.adapter.on_subscribe = fault
        self.add()
        self.adapter.on_unsubscribe = fault
        self.assertEqual(self.world.failures, [fault])

    def test_calls_for_an_item_that_is_not_subscribed(self) -> None:
        """adapters-api.md 16: ignored after a failure and during unsubscribe."""
        self.adapter.on_subscribe = SubscribeError("no")
        self.add(1, "COMMAND")
        self.update("x")
        self.world.data.end_of_snapshot("item1")
        self.world.data.clear_snapshot("item1")
        self.assertEqual(self.client.read()[2:], [])

    def test_snapshot_question_raises(self) -> None:
        """adapters-api.md 13: as if subscribe had, which is not called."""
        self.adapter.snapshot_available = SubscribeError("no")
        self.add()
        self.assertEqual(self.adapter.calls, [])

    def test_unsubscribe_raises(self) -> None:
        """Logged, and does not prevent later calls."""
        self.adapter.on_unsubscribe = ZeroDivisionError("no")
        self.add()
        self.delete()
        self.add(2)
        self.assertEqual([name for name, _ in self.adapter.calls], ["subscribe", "unsubscribe", "subscribe"])

    def test_quick_unsubscription(self) -> None:
        """Checklist 12: calls alternate and never overlap."""
        waiting: Deferred[None] = Deferred()
        self.adapter.on_subscribe = waiting
        self.add(1)
        self.delete(1)
        self.add(2)
        self.delete(2)
        self.assertEqual(self.adapter.calls, [("subscribe", "item1")])
        waiting.callback(None)
        self.assertEqual(self.adapter.calls, [("subscribe", "item1"), ("unsubscribe", "item1")])

    def test_subscribed_again_during_unsubscribe(self) -> None:
        """The state starts over; events of the old subscription are discarded."""
        waiting: Deferred[None] = Deferred()
        self.adapter.on_unsubscribe = waiting
        self.add(1)
        self.update("old")
        self.client.read()
        self.delete(1)
        self.add(2)
        self.update("late")
        self.assertEqual(self.client.read(), ["UNSUB,1", "SUBOK,2,1,2", "CONF,2,unlimited,filtered"])
        waiting.callback(None)
        self.world.data.update("item1", {"key": "new"}, True)
        self.assertEqual(self.client.read(), ["U,2,1,new|#"])
        self.assertEqual([name for name, _ in self.adapter.calls], ["subscribe", "unsubscribe", "subscribe"])

    def test_mode_is_free_during_unsubscribe(self) -> None:
        self.adapter.on_unsubscribe = Deferred()
        self.add(1)
        self.delete(1)
        self.assertEqual(self.add(2, "COMMAND"), "REQOK,2")

    def test_gone_again_during_unsubscribe(self) -> None:
        waiting: Deferred[None] = Deferred()
        self.adapter.on_unsubscribe = waiting
        self.add(1)
        self.delete(1)
        self.add(2)
        self.delete(2)
        waiting.callback(None)
        self.assertEqual(self.adapter.calls, [("subscribe", "item1"), ("unsubscribe", "item1")])
        self.assertEqual(self.world.kernel.adapter_sets["TEST"].feeds["DEFAULT"].items, [])

    def test_nothing_is_left_of_it(self) -> None:
        """Once nobody is interested any more it does not wait for the garbage collector."""

        def refused(item: str) -> None:
            raise SubscribeError("no")

        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        # Other tests may still have theirs.
        others = {id(thing) for thing in gc.get_objects() if type(thing) is Item}
        for sub_id, (mode, answer) in enumerate(
            (("MERGE", None), ("DISTINCT", None), ("COMMAND", None), ("RAW", None), ("MERGE", refused)), 1
        ):
            self.adapter.on_subscribe = answer
            self.add(sub_id, mode)
            self.update("x")
            self.client.read()
            self.delete(sub_id)
            self.client.read()
            self.assertEqual(self.world.data.items, [])
            items = [thing for thing in gc.get_objects() if type(thing) is Item and id(thing) not in others]
            self.assertEqual(items, [])

    def test_different_items_may_overlap(self) -> None:
        self.adapter.on_subscribe = lambda item: Deferred()
        self.client.subscribe(1, "MERGE", "a b", "x")
        self.assertEqual(self.adapter.calls, [("subscribe", "a"), ("subscribe", "b")])

    def test_late_snapshot_answer(self) -> None:
        """An adapter that takes its time to say that there is no snapshot."""
        waiting: Deferred[bool] = Deferred()
        self.adapter.snapshot_available = waiting
        self.add(1, "COMMAND")
        self.assertEqual(self.client.read()[2:], [])
        waiting.callback(False)
        self.assertEqual(self.client.read(), ["EOS,1,1"])

    def test_client_gone_before_the_snapshot_answer(self) -> None:
        waiting: Deferred[bool] = Deferred()
        self.adapter.snapshot_available = waiting
        self.add(1, "COMMAND")
        self.delete(1)
        waiting.callback(False)
        self.assertEqual(self.adapter.calls, [("subscribe", "item1"), ("unsubscribe", "item1")])


class Forced(SynchronousTestCase):
    """C{force_subscription} (adapters-api.md 16, checklist 24)."""

    def setUp(self) -> None:
        self.world = World()
        self.adapter = self.world.adapter
        self.world.metadata.answers["fixed_mode"] = "MERGE"

    def force(self) -> Any:
        return self.world.data.force_subscription("item1")

    def unforce(self) -> Any:
        return self.world.data.unforce_subscription("item1")

    def test_without_clients(self) -> None:
        self.assertEqual(self.successResultOf(self.force()), "MERGE")
        self.assertEqual(self.adapter.calls, [("subscribe", "item1")])

    def test_late_client(self) -> None:
        """Gets the snapshot from the state."""
        self.force()
        self.world.data.update("item1", {"a": "1"}, True)
        self.world.data.update("item1", {"a": "2"}, False)
        client = self.world.session()
        client.subscribe(1, "MERGE", "item1", "a")
        self.assertEqual(client.read()[2:], ["U,1,1,2"])

    def test_late_client_in_another_mode(self) -> None:
        """The guess was wrong: what follows is in the mode that is used."""
        self.force()
        self.world.data.update("item1", {"a": "1"}, True)
        client = self.world.session()
        self.assertEqual(client.subscribe(1, "DISTINCT", "item1", "a"), "REQOK,1")
        self.world.data.update("item1", {"a": "2"}, False)
        self.assertEqual(client.read()[2:], ["EOS,1,1", "U,1,1,2"])
        self.assertEqual(self.successResultOf(self.force()), "DISTINCT")

    def test_command(self) -> None:
        self.world.metadata.answers["fixed_mode"] = "COMMAND"
        self.force()
        self.world.data.update("item1", {"key": "k", "command": "ADD"}, False)
        client = self.world.session()
        client.subscribe(1, "COMMAND", "item1", "key command")
        self.assertEqual(client.read()[2:], ["U,1,1,k|ADD", "EOS,1,1"])

    def test_only_raw(self) -> None:
        self.world.metadata.answers["fixed_mode"] = None
        self.assertEqual(self.successResultOf(self.force()), "RAW")
        for snapshot in (True, False):
            self.world.data.update("item1", {"a": "1"}, snapshot)
        self.world.data.clear_snapshot("item1")
        self.world.data.declare_field_diff_order("item1", {"b": ("JSONPATCH",)})

    def test_waits_for_subscribe(self) -> None:
        waiting: Deferred[None] = Deferred()
        self.adapter.on_subscribe = waiting
        answer = self.force()
        self.assertNoResult(answer)
        waiting.callback(None)
        self.assertEqual(self.successResultOf(answer), "MERGE")

    def test_failed(self) -> None:
        """None, and the enforcement stays counted."""
        self.adapter.on_subscribe = SubscribeError("no")
        self.assertIsNone(self.successResultOf(self.force()))
        self.adapter.on_subscribe = None
        self.assertIsNone(self.successResultOf(self.force()))
        self.unforce()
        self.unforce()
        self.assertEqual(self.successResultOf(self.force()), "MERGE")

    def test_given_up_and_tried_again_when_it_failed(self) -> None:
        """All in one turn: the item of the second attempt is not forgotten with that of the first."""
        available: Deferred[bool] = Deferred()
        self.adapter.snapshot_available = available
        self.adapter.on_subscribe = lambda item: SubscribeError() if len(self.adapter.calls) == 1 else None
        modes: list[str | None] = []

        def again(mode: str | None) -> None:
            modes.append(mode)
            self.unforce()
            self.adapter.snapshot_available = True
            self.force().addCallback(modes.append)

        self.force().addCallback(again)
        available.callback(True)
        self.assertEqual(modes, [None, "MERGE"])
        self.assertEqual([item.name for item in self.world.data.items], ["item1"])

    def test_counted(self) -> None:
        """The last one releases the item."""
        self.force()
        self.force()
        self.successResultOf(self.unforce())
        self.assertEqual(self.adapter.calls, [("subscribe", "item1")])
        self.successResultOf(self.unforce())
        self.assertEqual(self.adapter.calls, [("subscribe", "item1"), ("unsubscribe", "item1")])

    def test_waits_for_unsubscribe(self) -> None:
        waiting: Deferred[None] = Deferred()
        self.adapter.on_unsubscribe = waiting
        self.force()
        answer = self.unforce()
        self.assertNoResult(answer)
        waiting.callback(None)
        self.successResultOf(answer)

    def test_unforced_meanwhile(self) -> None:
        waiting: Deferred[None] = Deferred()
        self.adapter.on_subscribe = waiting
        forced = self.force()
        self.unforce()
        waiting.callback(None)
        self.assertIsNone(self.successResultOf(forced))

    def test_without_enforcement(self) -> None:
        """Does nothing, also where a client is interested."""
        self.successResultOf(self.unforce())
        client = self.world.session()
        client.subscribe(1, "MERGE", "item1", "a")
        self.successResultOf(self.unforce())
        self.assertEqual(self.adapter.calls, [("subscribe", "item1")])

    def test_client_keeps_it(self) -> None:
        client = self.world.session()
        client.subscribe(1, "MERGE", "item1", "a")
        self.assertEqual(self.successResultOf(self.force()), "MERGE")
        client.control("LS_reqId=1&LS_op=delete&LS_subId=1")
        self.assertEqual(self.adapter.calls, [("subscribe", "item1")])
        self.successResultOf(self.unforce())
        self.assertEqual(self.adapter.calls, [("subscribe", "item1"), ("unsubscribe", "item1")])

    def test_client_comes_while_the_mode_is_guessed(self) -> None:
        """Its mode counts, whichever question is on its way."""
        for question, answer in (("fixed_mode", "MERGE"), ("item_limits", None)):
            self.setUp()
            waiting: Deferred[Any] = Deferred()
            self.world.metadata.answers[question] = waiting
            forced = self.force()
            client = self.world.session()
            client.subscribe(1, "DISTINCT", "item1", "a")
            waiting.callback(answer or ItemGrant())
            self.assertEqual(self.successResultOf(forced), "DISTINCT")
            self.world.data.update("item1", {"a": "2"}, True)
            self.world.data.end_of_snapshot("item1")
            self.assertEqual(client.read()[2:], ["U,1,1,2", "EOS,1,1"])
