"""What the engine gets of a Data Adapter that does not block."""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed

from lsserver.adapters.calls import DataHandle
from lsserver.adapters.errors import AdapterTimeoutError, FailureError, SubscribeError
from lsserver.adapters.interfaces import IItemPublisher
from lsserver.adapters.providers import DataProvider
from tests.adapters.doubles import Items, SetCase, started


class Late(Items):
    """Answers to C{subscribe} and C{unsubscribe} with the next Deferred of C{answers}."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.answers = list(answers)

    def subscribe(self, item_name: str) -> Any:
        super().subscribe(item_name)
        return self.answers.pop(0)

    def unsubscribe(self, item_name: str) -> Any:
        super().unsubscribe(item_name)
        return self.answers.pop(0)


class Smart(DataProvider):
    """Keeps the publishers it gets."""

    def __init__(self) -> None:
        self.publishers: list[IItemPublisher] = []

    def subscribe(self, item_name: str, publisher: IItemPublisher) -> None:  # type: ignore[override]
        self.publishers.append(publisher)
        publisher.update({"n": str(len(self.publishers))}, True)

    def unsubscribe(self, item_name: str) -> None:
        self.publishers[-1].update({"n": "late"})


class SubscribeTests(SetCase):
    def test_calls(self) -> None:
        adapter = Items()
        handle = self.make(data=adapter).data["DEFAULT"]
        self.assertEqual(handle.name, "DEFAULT")
        self.assertIs(self.now(handle.issnapshot_available("i")), False)
        self.now(handle.subscribe("i"))
        self.now(handle.unsubscribe("i"))
        self.assertEqual(adapter.told, [("subscribe", "i"), ("unsubscribe", "i")])

    def test_failures_come_out(self) -> None:
        class Fails(Items):
            def subscribe(self, item_name: str) -> Any:
                raise {"a": SubscribeError("no"), "b": FailureError("broken"), "c": ValueError("oops")}[item_name]

        handle = self.make(data=Fails()).data["DEFAULT"]
        self.error(handle.subscribe("a"), SubscribeError)
        self.error(handle.subscribe("b"), FailureError)
        self.error(handle.subscribe("c"), ValueError)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_events_may_come_during_the_call(self) -> None:
        class Quick(Items):
            def subscribe(self, item_name: str) -> Any:
                self.listener.update(item_name, {"a": "1"}, True)
                self.listener.end_of_snapshot(item_name)

        self.now(self.make(data=Quick()).data["DEFAULT"].subscribe("i"))
        self.assertEqual(self.sink("DEFAULT").calls, [("update", "i", {"a": "1"}, True), ("end_of_snapshot", "i")])

    def test_a_coroutine(self) -> None:
        class Coroutine(Items):
            async def issnapshot_available(self, item_name: str) -> bool:
                return await succeed(True)

        self.assertIs(self.now(self.make(data=Coroutine()).data["DEFAULT"].issnapshot_available("i")), True)


class LateSubscribeTests(SetCase):
    def given_up(self, adapter: Late) -> DataHandle:
        """That of an adapter which has not subscribed an item in time."""
        handle = self.make(data=adapter, adapter_call_timeout_millis=1_000).data["DEFAULT"]
        attempt = started(handle.subscribe("i"))
        self.clock.advance(1)
        self.failureResultOf(attempt, AdapterTimeoutError)
        return handle

    def test_an_item_accepted_too_late_is_unsubscribed_before_it_is_subscribed_again(self) -> None:
        first: Deferred[None] = Deferred()
        goodbye: Deferred[None] = Deferred()
        adapter = Late(first, goodbye, None)
        handle = self.given_up(adapter)
        again = started(handle.subscribe("i"))
        first.callback(None)
        self.assertEqual(adapter.told, [("subscribe", "i"), ("unsubscribe", "i")])
        self.assertNoResult(again)
        goodbye.callback(None)
        self.successResultOf(again)
        self.assertEqual(adapter.told[2:], [("subscribe", "i")])

    def test_an_item_refused_too_late_is_not_unsubscribed(self) -> None:
        first: Deferred[None] = Deferred()
        adapter = Late(first, None)
        handle = self.given_up(adapter)
        first.errback(SubscribeError("no"))
        self.now(handle.subscribe("i"))
        self.assertEqual(adapter.told, [("subscribe", "i")] * 2)

    def test_a_late_unsubscription_that_is_given_up_is_waited_for_too(self) -> None:
        first: Deferred[None] = Deferred()
        goodbye: Deferred[None] = Deferred()
        adapter = Late(first, goodbye, None)
        handle = self.given_up(adapter)
        first.callback(None)
        self.clock.advance(1)
        again = started(handle.subscribe("i"))
        self.assertNoResult(again)
        goodbye.callback(None)
        self.successResultOf(again)
        self.assertEqual([what for what, _ in adapter.told], ["subscribe", "unsubscribe", "subscribe"])

    def test_a_call_whose_caller_gave_up_is_waited_for_without_limit(self) -> None:
        first: Deferred[None] = Deferred()
        handle = self.make(data=Late(first, None)).data["DEFAULT"]
        given_up = started(handle.subscribe("i"))
        given_up.cancel()
        self.failureResultOf(given_up, CancelledError)
        again = started(handle.subscribe("i"))
        self.clock.advance(100_000)
        self.assertNoResult(again)
        first.errback(SubscribeError("no"))
        self.successResultOf(again)

    def test_an_item_that_hangs_fails_again(self) -> None:
        handle = self.make(data=Late(Deferred()), adapter_call_timeout_millis=1_000).data["DEFAULT"]
        for _ in range(2):
            attempt = started(handle.subscribe("i"))
            self.clock.advance(1)
            self.failureResultOf(attempt, AdapterTimeoutError)

    def test_an_item_that_hangs_stops_no_other_item(self) -> None:
        handle = self.make(data=Late(Deferred(), None)).data["DEFAULT"]
        self.assertNoResult(started(handle.subscribe("i")))
        self.now(handle.subscribe("j"))

    def test_a_slow_unsubscription_is_waited_for(self) -> None:
        goodbye: Deferred[None] = Deferred()
        adapter = Late(None, goodbye, None)
        handle = self.make(data=adapter, adapter_call_timeout_millis=1_000).data["DEFAULT"]
        self.now(handle.subscribe("i"))
        given_up = started(handle.unsubscribe("i"))
        self.clock.advance(1)
        self.failureResultOf(given_up, AdapterTimeoutError)
        again = started(handle.subscribe("i"))
        self.assertNoResult(again)
        goodbye.callback(None)
        self.successResultOf(again)


class SmartTests(SetCase):
    def test_each_subscription_has_its_publisher(self) -> None:
        adapter = Smart()
        handle = self.make(data=adapter).data["DEFAULT"]
        sink = self.sink("DEFAULT")
        self.now(handle.subscribe("i"))
        self.now(handle.unsubscribe("i"))
        self.now(handle.subscribe("i"))
        first, second = adapter.publishers
        self.assertEqual((first.active, second.active, second.item_name), (False, True, "i"))
        first.update({"n": "stale"})
        second.end_of_snapshot()
        self.assertEqual(
            sink.calls,
            [("update", "i", {"n": "1"}, True), ("update", "i", {"n": "2"}, True), ("end_of_snapshot", "i")],
        )

    def test_a_publisher_of_a_failed_subscription_is_stale(self) -> None:
        class Fails(Smart):
            def subscribe(self, item_name: str, publisher: IItemPublisher) -> None:  # type: ignore[override]
                super().subscribe(item_name, publisher)
                raise SubscribeError("no")

        adapter = Fails()
        self.error(self.make(data=adapter).data["DEFAULT"].subscribe("i"), SubscribeError)
        self.assertFalse(adapter.publishers[0].active)
