"""Events from any thread (adapters-api.md 16, 17 and lines 22 to 25 and 27 of 26)."""

from collections.abc import Callable
from threading import Thread
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from lsserver.adapters.interfaces import IItemEventListener, IItemPublisher, IMetadataControlListener
from lsserver.adapters.listener import ItemEventListener, MetadataControlListener
from lsserver.adapters.modes import DiffAlgorithm
from lsserver.adapters.reactor_calls import CALLS_PER_TURN
from lsserver.adapters.shapes import Shape
from tests.adapters.doubles import Control, Sink, ThreadClock


def elsewhere(function: Callable[[], Any]) -> Any:
    """Call C{function} in another thread and wait for it."""
    results: list[Any] = []

    def work() -> None:
        try:
            results.append(function())
        except Exception as error:
            results.append(error)

    thread = Thread(target=work)
    thread.start()
    thread.join()
    return results[0]


class ListenerCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ThreadClock()
        self.sink = Sink()
        self.listener = ItemEventListener(self.sink, self.clock, "SET/DATA")


class ReactorThreadTests(ListenerCase):
    def test_it_keeps_the_contract(self) -> None:
        self.assertTrue(verifyObject(IItemEventListener, self.listener))
        publisher = self.listener.opened("i", smart=True)
        self.assertTrue(verifyObject(IItemPublisher, publisher))

    def test_calls_arrive_at_once(self) -> None:
        error = ValueError()
        self.listener.update("i", {"a": "1", "b": b"2", "c": None}, True)
        self.listener.update("i", {})
        self.listener.end_of_snapshot("i")
        self.listener.clear_snapshot("i")
        self.listener.failure(error)
        self.assertEqual(
            self.sink.calls,
            [
                ("update", "i", {"a": "1", "b": b"2", "c": None}, True),
                ("update", "i", {}, False),
                ("end_of_snapshot", "i"),
                ("clear_snapshot", "i"),
                ("failure", error),
            ],
        )
        self.assertTrue(self.clock.wakeups.empty())

    def test_the_event_is_copied(self) -> None:
        event: dict[str, str | bytes | None] = {"a": "1"}
        self.listener.update("i", event)
        event["a"] = "2"
        self.assertEqual(self.sink.calls[0][2], {"a": "1"})

    def test_other_types_are_refused_at_the_call(self) -> None:
        for event in (
            {"a": 1},
            {"a": None, "b": 1},
            {"a": 1.5},
            {"a": True},
            {"a": ["x"]},
            {"a": bytearray(b"x")},
            {1: "a"},
        ):
            self.assertRaises(TypeError, self.listener.update, "i", event)
        for call in (self.listener.end_of_snapshot, self.listener.clear_snapshot, self.listener.force_subscription):
            self.assertRaises(TypeError, call, b"i")
        self.assertRaises(TypeError, self.listener.update, None, {})
        self.assertEqual(self.sink.calls, [])

    def test_text_that_cannot_be_sent_is_refused_at_the_call(self) -> None:
        self.listener.update("i", {"a": "\U0001f600 é"})
        for event in ({"a": "\ud83d"}, {"a": "\ud83d", "b": "\ude00"}, {"a": None, "b": "é\ude00"}):
            self.assertRaises(ValueError, self.listener.update, "i", event)
        self.assertEqual(len(self.sink.calls), 1)

    def test_a_receiver(self) -> None:
        self.listener.receiver("i")(Shape(("a", "b")), ["1", None], True)
        self.assertEqual(self.sink.calls, [("update", "i", {"a": "1", "b": None}, True)])

    def test_diff_orders(self) -> None:
        self.listener.declare_field_diff_order(
            "i", {"a": [DiffAlgorithm.JSONPATCH, "DIFF_MATCH_PATCH"], "b": [], "c": None}
        )
        self.assertEqual(
            self.sink.calls, [("declare_field_diff_order", "i", {"a": ("JSONPATCH", "DIFF_MATCH_PATCH"), "b": ()})]
        )
        self.assertRaises(ValueError, self.listener.declare_field_diff_order, "i", {"a": ["ZIP"]})

    def test_a_forced_subscription_tells_the_mode(self) -> None:
        self.assertEqual(self.successResultOf(self.listener.force_subscription("i")), "MERGE")
        self.successResultOf(self.listener.unforce_subscription("i"))
        self.assertEqual(self.sink.calls, [("force_subscription", "i"), ("unforce_subscription", "i")])


class OtherThreadTests(ListenerCase):
    def test_the_engine_is_called_in_the_reactor_thread_in_order(self) -> None:
        def feed() -> None:
            self.listener.update("i", {"a": "1"}, True)
            self.listener.end_of_snapshot("i")
            self.listener.update("j", {"a": "2"})
            self.listener.clear_snapshot("i")
            self.listener.declare_field_diff_order("i", {"a": []})

        elsewhere(feed)
        self.assertEqual((self.sink.calls, self.listener.queued), ([], 5))
        self.clock.turn()
        self.assertEqual(
            self.sink.calls,
            [
                ("update", "i", {"a": "1"}, True),
                ("end_of_snapshot", "i"),
                ("update", "j", {"a": "2"}, False),
                ("clear_snapshot", "i"),
                ("declare_field_diff_order", "i", {"a": ()}),
            ],
        )

    def test_one_wakeup_for_many_events_and_turns_between_them(self) -> None:
        count = CALLS_PER_TURN * 2 + 1
        elsewhere(lambda: [self.listener.update("i", {"n": str(n)}) for n in range(count)])
        self.clock.turn()
        self.assertTrue(self.clock.wakeups.empty())
        self.assertEqual(len(self.sink.calls), CALLS_PER_TURN)
        self.clock.advance(0)
        self.clock.advance(0)
        self.assertEqual([call[2]["n"] for call in self.sink.calls], [str(n) for n in range(count)])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        elsewhere(lambda: self.listener.update("i", {}))
        self.clock.turn()
        self.assertEqual(len(self.sink.calls), count + 1)

    def test_order_of_each_of_many_threads(self) -> None:
        def feed(item: str) -> Thread:
            thread = Thread(target=lambda: [self.listener.update(item, {"n": str(n)}) for n in range(300)])
            thread.start()
            return thread

        for thread in [feed(item) for item in "abcd"]:
            thread.join()
        while self.listener.queued:
            if not self.clock.wakeups.empty():
                self.clock.turn()
            self.clock.advance(0)
        for item in "abcd":
            numbers = [int(call[2]["n"]) for call in self.sink.calls if call[1] == item]
            self.assertEqual(numbers, list(range(300)))

    def test_errors_are_raised_in_the_calling_thread(self) -> None:
        self.assertIsInstance(elsewhere(lambda: self.listener.update("i", {"a": 1})), TypeError)  # type: ignore[dict-item]

    def test_an_error_of_the_engine_loses_nothing_else(self) -> None:
        def failing(item: str) -> None:
            raise ValueError("oops")

        self.sink.end_of_snapshot = failing  # type: ignore[method-assign]
        elsewhere(lambda: [self.listener.end_of_snapshot("i"), self.listener.clear_snapshot("i")])
        self.clock.turn()
        self.assertEqual(self.sink.calls, [("clear_snapshot", "i")])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_what_was_queued_for_one_subscription_is_not_for_the_next(self) -> None:
        self.listener.opened("i")
        elsewhere(lambda: self.listener.update("i", {"n": "old"}))
        self.listener.closed("i")
        self.listener.opened("i")
        elsewhere(lambda: self.listener.update("i", {"n": "new"}))
        self.clock.turn()
        self.assertEqual(self.sink.calls, [("update", "i", {"n": "new"}, False)])

    def test_failure(self) -> None:
        error = ValueError()
        elsewhere(lambda: self.listener.failure(error))
        self.clock.turn()
        self.assertEqual(self.sink.calls, [("failure", error)])

    def test_a_forced_subscription(self) -> None:
        self.sink.mode = Deferred()
        answer = elsewhere(lambda: self.listener.force_subscription("i"))
        self.assertEqual(self.sink.calls, [])
        self.clock.turn()
        self.assertNoResult(answer)
        self.sink.mode.callback("COMMAND")
        self.assertEqual(self.successResultOf(answer), "COMMAND")

    def test_a_forced_subscription_that_the_engine_refuses(self) -> None:
        def refuse(item: str) -> Deferred[str | None]:
            raise ValueError("not inside of subscribe")

        self.sink.force_subscription = refuse  # type: ignore[method-assign]
        answer = elsewhere(lambda: self.listener.force_subscription("i"))
        self.clock.turn()
        self.failureResultOf(answer, ValueError)


class PublisherTests(ListenerCase):
    def test_calls_of_a_stale_publisher_are_ignored(self) -> None:
        stale = self.listener.opened("i", smart=True)
        fresh = self.listener.opened("i", smart=True)
        assert stale is not None and fresh is not None
        for publisher in (stale, fresh):
            publisher.update({"a": "1"}, True)
            publisher.end_of_snapshot()
            publisher.clear_snapshot()
            publisher.declare_field_diff_order({"a": ["JSONPATCH"]})
        self.assertEqual(
            self.sink.calls,
            [
                ("update", "i", {"a": "1"}, True),
                ("end_of_snapshot", "i"),
                ("clear_snapshot", "i"),
                ("declare_field_diff_order", "i", {"a": ("JSONPATCH",)}),
            ],
        )

    def test_calls_that_become_stale_while_they_are_queued_are_ignored(self) -> None:
        publisher = self.listener.opened("i", smart=True)
        assert publisher is not None
        elsewhere(lambda: publisher.update({"a": "1"}))
        self.listener.closed("i")
        self.clock.turn()
        self.assertEqual(self.sink.calls, [])

    def test_calls_of_another_thread(self) -> None:
        publisher = self.listener.opened("i", smart=True)
        assert publisher is not None
        elsewhere(lambda: publisher.update({"a": "1"}))
        self.clock.turn()
        self.assertEqual(self.sink.calls, [("update", "i", {"a": "1"}, False)])


class ControlTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ThreadClock()
        self.control = Control()
        self.listener = MetadataControlListener(self.control, self.clock, "SET/metadata")

    def test_it_keeps_the_contract(self) -> None:
        self.assertTrue(verifyObject(IMetadataControlListener, self.listener))

    def test_termination(self) -> None:
        self.successResultOf(self.listener.force_session_termination("S1"))
        self.successResultOf(self.listener.force_session_termination("S2", -3, "enough"))
        self.successResultOf(self.listener.force_session_termination("S3", 7))
        self.assertEqual(self.control.calls, [("S1", None, None), ("S2", -3, "enough"), ("S3", 0, "")])
        self.assertRaises(TypeError, self.listener.force_session_termination, 3)

    def test_termination_from_another_thread(self) -> None:
        answer = elsewhere(lambda: self.listener.force_session_termination("S1"))
        self.assertEqual(self.control.calls, [])
        self.clock.turn()
        self.successResultOf(answer)
        self.assertEqual(self.control.calls, [("S1", None, None)])

    def test_failure(self) -> None:
        errors = [ValueError(), KeyError()]
        self.listener.failure(errors[0])
        elsewhere(lambda: self.listener.failure(errors[1]))
        self.clock.turn()
        self.assertEqual(self.control.calls, [("failure", error) for error in errors])
