"""
An adapter that does wrong, in a server with two sessions: one line of the log names
the adapter, the session that asked gets the protocol's answer, and the other one
notices nothing. What single parts do is in C{tests/adapters} and C{tests/engine}.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.adapter_set import AdapterSet
from lsserver.adapters.invocation import CallSettings
from lsserver.adapters.providers import DataProvider, MetadataProvider
from lsserver.adapters.reactor_calls import CALLS_PER_TURN
from lsserver.engine.kernel import Kernel
from lsserver.engine.settings import EngineSettings
from tests.adapters.doubles import ThreadClock
from tests.engine.world import NEWEST, FakeClient

Fault = Callable[..., Any]


def fail(*_: Any, **__: Any) -> Any:
    raise RuntimeError("the adapter is at fault")


class Data(DataProvider):
    """
    @ivar faults: what is done instead, by method, for items whose name begins with C{bad}.
    """

    def __init__(self) -> None:
        self.faults: dict[str, Fault] = {}
        self.told: list[tuple[str, str]] = []

    def issnapshot_available(self, item_name: str) -> Any:
        return self._do("issnapshot_available", item_name, False)

    def subscribe(self, item_name: str) -> Any:
        return self._do("subscribe", item_name, None)

    def unsubscribe(self, item_name: str) -> Any:
        return self._do("unsubscribe", item_name, None)

    def _do(self, method: str, item: str, answer: Any) -> Any:
        self.told.append((method, item))
        if item.startswith("bad") and method in self.faults:
            return self.faults[method](item)
        return answer


class Metadata(MetadataProvider):
    """
    @ivar method: this one is at fault when it is about the user C{bad}.
    """

    def __init__(self, method: str, fault: Fault) -> None:
        self.bad_sessions: set[str] = set()
        original = getattr(super(), method)

        def called(*arguments: Any, **keywords: Any) -> Any:
            about_bad = any(argument == "bad" or argument in self.bad_sessions for argument in map(str, arguments))
            return (fault if about_bad else original)(*arguments, **keywords)

        if method != "notify_new_session":
            setattr(self, method, called)
        self._fault = fault if method == "notify_new_session" else None

    def notify_new_session(self, user: str | None, session_id: str, client_context: dict[str, Any]) -> Any:
        if user == "bad":
            self.bad_sessions.add(session_id)
            return self._fault() if self._fault is not None else None
        return None

    def wants_tables_notification(self, user: str | None) -> Any:
        return True

    def enable_update_customization(self, user: str | None, item: str) -> Any:
        return user == "bad"

    def notify_user_message(self, user: str | None, session_id: str, message: str) -> Any:
        return None


class Server(SynchronousTestCase):
    """A kernel with one set of real adapters."""

    def use(self, metadata: Any = None, **calls: int) -> None:
        self.clock = ThreadClock()
        self.data = Data()
        self.kernel = Kernel(EngineSettings(), self.clock)
        self.kernel.add_adapter_set(
            AdapterSet(
                "TEST",
                metadata or MetadataProvider(),
                {"DEFAULT": self.data},
                calls=CallSettings(**calls),
                reactor=self.clock,
            )
        )
        self.successResultOf(Deferred.fromCoroutine(self.kernel.start()))
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def turn(self) -> None:
        self.clock.advance(0)

    def client(self, user: str) -> FakeClient:
        client = FakeClient(self, NEWEST, True)  # type: ignore[arg-type]
        client.create(f"LS_user={user}")
        client.lines()
        return client

    def neighbour(self) -> FakeClient:
        """A session that has its item."""
        client = self.client("good")
        self.assertEqual(client.subscribe(1, "MERGE", "good", "x"), "REQOK,1")
        self.goes_on(client)
        return client

    def goes_on(self, client: FakeClient) -> None:
        """It gets its updates and its answers."""
        self.number = getattr(self, "number", 0) + 1
        client.read()
        self.data.listener.update("good", {"x": str(self.number)})
        self.assertEqual(client.read(), [f"U,1,1,{self.number}"])
        self.assertEqual(client.control("LS_reqId=8&LS_op=constrain"), "REQOK,8")

    def lines(self) -> list[str]:
        """Warnings and worse."""
        bad = [event for event in self.events if event["log_level"] >= LogLevel.warn]
        self.flushLoggedErrors()
        return [formatEvent(event).splitlines()[0] for event in bad]

    def one_line(self, *parts: str) -> None:
        """One line that names the adapter, whatever else tells what became of it."""
        named = [line for line in self.lines() if parts[0] in line]
        self.assertEqual(len(named), 1, self.lines())
        for part in parts:
            self.assertIn(part, named[0])


class Raising(Server):
    def test_data_adapter(self) -> None:
        for method in ("issnapshot_available", "subscribe", "unsubscribe"):
            self.use()
            good, bad = self.neighbour(), self.client("u")
            self.data.faults[method] = fail
            self.assertEqual(bad.subscribe(1, "MERGE", "bad", "x"), "REQOK,1")
            self.assertEqual(bad.control("LS_reqId=2&LS_op=delete&LS_subId=1"), "REQOK,2")
            self.turn()
            self.one_line("TEST/DEFAULT", method)
            self.goes_on(good)
            # The item is not lost for ever.
            self.data.faults.clear()
            self.assertEqual(bad.subscribe(3, "MERGE", "bad", "x"), "REQOK,3")
            self.data.listener.update("bad", {"x": "back"})
            self.assertIn("U,3,1,back", bad.read())

    def test_metadata_adapter(self) -> None:
        refused = "CONERR,66,"
        answers = {
            "notify_user": refused,
            "get_allowed_max_bandwidth": refused,
            "wants_tables_notification": refused,
            "notify_new_session": refused,
            "get_session_time_to_live": refused,
            "get_items": "REQERR,1,66,",
            "get_schema": "REQERR,1,66,",
            "ismode_allowed": "REQERR,1,66,",
            "get_allowed_max_item_frequency": "REQERR,1,66,",
            "get_allowed_buffer_size": "REQERR,1,66,",
            "isselector_allowed": "REQERR,1,66,",
            "notify_new_tables": "REQERR,1,66,",
            "notify_user_message": "REQOK,1",
            "notify_tables_close": "REQOK,1",
            "notify_session_close": "REQOK,1",
            "isselected": "REQOK,1",
            "customize_update": "REQOK,1",
        }
        for method, answer in answers.items():
            self.use(Metadata(method, fail))
            good, bad = self.neighbour(), FakeClient(self, NEWEST, True)  # type: ignore[arg-type]
            bad.create("LS_user=bad")
            first = "".join(bad.lines())
            if answer == refused:
                self.assertTrue(first.startswith(refused), (method, first))
            else:
                more = "LS_selector=s" if method in ("isselector_allowed", "isselected") else ""
                told = bad.subscribe(1, "MERGE", "bad", "x", more)
                if method == "notify_user_message":
                    told = bad.message("LS_reqId=1&LS_message=hello&LS_msg_prog=1")
                self.assertTrue(told.startswith(answer), (method, told))
                for number in range(50):
                    self.data.listener.update("bad", {"x": str(number)})
                    self.turn()
                self.assertEqual(any(",35," in line for line in bad.read()), method == "notify_user_message")
                self.assertEqual(bad.control("LS_reqId=2&LS_op=destroy"), "REQOK,2")
                self.turn()
                self.assertNotIn(bad.session.id if bad.session else "", self.kernel.sessions)
            self.one_line("TEST/metadata", method)
            self.goes_on(good)


class Hanging(Server):
    def test_data_adapter(self) -> None:
        """Its item waits; a line tells of it, at the latest when the time is up."""
        for method in ("issnapshot_available", "subscribe", "unsubscribe"):
            self.use(adapter_call_timeout_millis=30_000)
            good, bad = self.neighbour(), self.client("u")
            never: Deferred[None] = Deferred()
            self.data.faults[method] = lambda item, never=never: never
            self.assertEqual(bad.subscribe(1, "MERGE", "bad", "x"), "REQOK,1")
            self.assertEqual(bad.subscribe(2, "MERGE", "other", "x"), "REQOK,2")
            self.assertEqual(bad.control("LS_reqId=3&LS_op=delete&LS_subId=1"), "REQOK,3")
            self.data.listener.update("other", {"x": "goes"})
            self.assertIn("U,2,1,goes", bad.read())
            self.goes_on(good)
            self.clock.pump([1] * 2)
            self.one_line("TEST/DEFAULT", method, "has not answered for 1000 ms")
            self.goes_on(good)

    def test_metadata_adapter(self) -> None:
        for method in ("notify_user", "notify_new_session", "get_items", "notify_new_tables", "notify_user_message"):
            self.use(Metadata(method, lambda *_: Deferred()))
            good, bad = self.neighbour(), FakeClient(self, NEWEST, True)  # type: ignore[arg-type]
            bad.create("LS_user=bad")
            if bad.session is not None:
                bad.send("LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=bad&LS_schema=x")
                bad.send("LS_reqId=2&LS_message=hello", "msg")
            self.goes_on(good)
            self.clock.pump([1] * 2)
            self.one_line("TEST/metadata", method, "has not answered for 1000 ms")
            self.goes_on(good)


class Flooding(Server):
    def in_thread(self, function: Callable[[], None], threads: int = 1) -> None:
        """Run it in other threads, to the end."""
        running = [threading.Thread(target=function) for _ in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join(30)
            self.assertFalse(thread.is_alive())

    def test_others_have_their_turn(self) -> None:
        """So many events a turn; what is filtered ends with the newest, without having been sent in full."""
        self.use()
        good, bad = self.neighbour(), self.client("u")
        bad.subscribe(1, "MERGE", "flood", "x", "LS_requested_max_frequency=1")
        count = 20 * CALLS_PER_TURN

        def flood() -> None:
            for number in range(count):
                self.data.listener.update("flood", {"x": str(number)})

        self.in_thread(flood)
        self.clock.turn()
        turns = 0
        while self.clock.getDelayedCalls() and turns < 19:
            turns += 1
            self.goes_on(good)
        self.clock.pump([0.5] * 8)
        updates = [line for line in bad.read() if line.startswith("U")]
        self.assertEqual(updates[-1], f"U,1,1,{count - 1}")
        self.assertLess(len(updates), 10)
        self.assertEqual(self.lines(), [])

    def test_more_than_can_be_taken(self) -> None:
        """The thread has to wait, and nothing is lost."""
        self.use(max_queued_events=10)
        good, bad = self.neighbour(), self.client("u")
        bad.subscribe(1, "RAW", "flood", "x")
        sent: list[bool] = []

        def flood() -> None:
            for number in range(500):
                self.data.listener.update("flood", {"x": str(number)})
            self.clock.callFromThread(sent.append, True)

        thread = threading.Thread(target=flood)
        thread.start()
        while not sent:
            self.clock.turn()
            self.clock.advance(0)
        thread.join()
        self.clock.advance(0)
        updates = [line for line in bad.read() if line.startswith("U")]
        self.assertEqual(updates, [f"U,1,1,{number}" for number in range(500)])
        self.goes_on(good)

    def test_bad_events_without_end(self) -> None:
        self.use()
        good, bad = self.neighbour(), self.client("u")
        bad.subscribe(1, "COMMAND", "rows", "key command x")
        bad.read()
        for number in range(1_000):
            self.data.listener.update("rows", {"x": str(number)})
            self.data.listener.update("rows", {"key": "k", "command": "REPLACE", "x": "1"})
        self.assertEqual(bad.read(), [])
        self.one_line("DEFAULT", "rows", "events dropped")
        self.data.listener.update("rows", {"key": "k", "command": "ADD", "x": "1"})
        self.assertEqual(bad.read(), ["U,1,1,k|ADD|1"])
        self.goes_on(good)

    def test_many_threads(self) -> None:
        """Each has its own item; the last event of each is the one that stays."""
        self.use()
        client = self.client("u")
        items = [f"i{number}" for number in range(8)]
        client.subscribe(1, "MERGE", " ".join(items), "x")
        names = iter(items)
        lock = threading.Lock()

        def send() -> None:
            with lock:
                item = next(names)
            for number in range(300):
                self.data.listener.update(item, {"x": str(number)})
                self.data.listener.update("good", {"x": "nobody"})

        self.in_thread(send, 8)
        self.clock.turn()
        self.clock.pump([0] * 20)
        lines = client.read()
        for number, _ in enumerate(items, 1):
            self.assertEqual([line for line in lines if line.startswith(f"U,1,{number},")][-1], f"U,1,{number},299")


class OutOfTurn(Server):
    def test_after_unsubscribe(self) -> None:
        """Nobody gets it, and it is no reason for a line."""
        self.use()
        good, client = self.neighbour(), self.client("u")
        client.subscribe(1, "MERGE", "item", "x")
        client.control("LS_reqId=2&LS_op=delete&LS_subId=1")
        client.read()
        listener = self.data.listener
        for item in ("item", "never subscribed"):
            listener.update(item, {"x": "late"})
            listener.update(item, {"x": "late"}, True)
            listener.end_of_snapshot(item)
            listener.clear_snapshot(item)
            listener.declare_field_diff_order(item, {"x": []})
            self.successResultOf(listener.unforce_subscription(item))
        self.assertEqual(client.read(), [])
        self.assertEqual(self.lines(), [])
        self.goes_on(good)

    def test_twice(self) -> None:
        """
        Snapshots that end twice or go on after their end, which are news then; states
        that are cleared twice; answers that are there already.
        """
        metadata: Any = MetadataProvider()
        metadata.get_distinct_snapshot_length = lambda item: 10
        self.use(metadata)
        good, client = self.neighbour(), self.client("u")
        self.data.faults["issnapshot_available"] = lambda item: succeed(True)
        self.data.faults["subscribe"] = lambda item: succeed("an answer that nobody asked for")
        client.subscribe(1, "DISTINCT", "bad", "x")
        client.read()
        listener = self.data.listener
        listener.update("bad", {"x": "1"}, True)
        listener.end_of_snapshot("bad")
        listener.end_of_snapshot("bad")
        listener.update("bad", {"x": "2"}, True)
        listener.end_of_snapshot("bad")
        self.assertEqual(client.read(), ["U,1,1,1", "EOS,1,1", "U,1,1,2"])
        listener.clear_snapshot("bad")
        listener.clear_snapshot("bad")
        self.assertEqual(client.read(), ["CS,1,1", "CS,1,1"])
        self.assertEqual(self.lines(), [])
        self.goes_on(good)

    def test_wrong_types(self) -> None:
        """Refused at the call, to the adapter's face; nothing of it gets further."""
        self.use()
        good, client = self.neighbour(), self.client("u")
        client.subscribe(1, "MERGE", "item", "x y")
        client.read()
        listener = self.data.listener
        wrong: list[Any] = [{"x": 1}, {"x": 1.5}, {"x": ["a"]}, {1: "a"}, {"x": object()}, {"y": "a", "x": True}]
        for event in wrong:
            self.assertRaises(TypeError, listener.update, "item", event)
        self.assertRaises(ValueError, listener.update, "item", {"x": "\ud800"})
        self.assertRaises(TypeError, listener.update, None, {"x": "a"})
        self.assertRaises(TypeError, listener.update, "item", None)
        self.assertRaises(TypeError, listener.end_of_snapshot, 1)
        self.assertEqual(client.read(), [])
        listener.update("item", {"x": b"\xe9", "y": "\U0001f600", "unknown": "z"})
        self.assertEqual(client.read(), ["U,1,1,é|\U0001f600"])
        self.goes_on(good)

    def test_wrong_answers(self) -> None:
        """Of the Metadata Adapter: not what the contract says."""
        for method, wrong, told in (
            ("get_items", "REQERR,1,21,", 7),
            ("get_items", "REQERR,1,21,", ["a", None]),
            ("get_schema", "REQERR,1,23,", "text"),
            ("get_allowed_buffer_size", "REQERR,1,66,", "many"),
            ("get_allowed_max_item_frequency", "REQERR,1,66,", object()),
        ):
            self.use(Metadata(method, lambda *_, told=told: told))
            good, bad = self.neighbour(), self.client("bad")
            answer = bad.subscribe(1, "MERGE", "bad", "x")
            self.assertTrue(answer.startswith(wrong), (method, told, answer))
            self.flushLoggedErrors()
            self.goes_on(good)
