"""Threads that make more calls than the reactor can take."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock, Thread
from typing import Any

from twisted.internet.defer import CancelledError, succeed
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.adapter_set import AdapterSet
from lsserver.adapters.listener import ItemEventListener
from lsserver.adapters.providers import DataProvider
from lsserver.adapters.reactor_calls import PATIENCE, ReactorCalls
from tests.adapters.doubles import SetCase, Sink, ThreadClock

LIMIT = 10
FOR_EVER = 60.0
"""Longer than any test lasts."""


class CallsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ThreadClock()
        self.made: list[Any] = []
        self.logged: list[LogEvent] = []
        globalLogPublisher.addObserver(self.logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.logged.append)

    def calls(self, limit: int = LIMIT, patience: float = FOR_EVER) -> ReactorCalls:
        return ReactorCalls(self.clock, "SET/DATA", limit, patience)

    def thread(self, function: Callable[[], Any]) -> Thread:
        thread = Thread(target=function)
        thread.start()
        return thread

    def turns(self, until: Callable[[], bool]) -> None:
        """Be the reactor."""
        while not until():
            self.clock.turn()
            self.clock.advance(0)


class LimitTests(CallsCase):
    def test_a_thread_waits_for_the_reactor(self) -> None:
        calls = self.calls()
        waiting = []

        def feed() -> None:
            for number in range(500):
                calls.queue(self.made.append, number)
                waiting.append(calls.queued)

        thread = self.thread(feed)
        self.turns(lambda: len(self.made) == 500)
        thread.join()
        self.assertEqual(self.made, list(range(500)))
        # When it is told to go on, some are through.
        self.assertLessEqual(max(waiting), LIMIT)
        self.assertEqual(calls.queued, 0)

    def test_many_threads(self) -> None:
        """Each may add one call to those that wait; all go on, and each keeps its order."""
        calls = self.calls()
        most = []

        def feed(name: str) -> None:
            for number in range(200):
                calls.queue(self.made.append, (name, number))
                most.append(calls.queued)

        threads = [self.thread(lambda name=name: feed(name)) for name in "abcdef"]  # type: ignore[misc]
        self.turns(lambda: len(self.made) == 1200)
        for thread in threads:
            thread.join()
        self.assertLessEqual(max(most), LIMIT + len(threads))
        for name in "abcdef":
            self.assertEqual([made for made in self.made if made[0] == name], [(name, n) for n in range(200)])

    def test_it_is_told_once_in_a_while(self) -> None:
        calls = self.calls(1, 0.001)
        for _ in range(3):
            self.thread(lambda: [calls.queue(self.made.append, number) for number in range(3)]).join()
            self.clock.turn()
        (line,) = [event for event in self.logged if event["log_level"].name == "warn"]
        self.assertIn(
            "SET/DATA: its threads make more events than the server can take and have to wait",
            line["log_format"].format(**line),
        )

    def test_a_thread_for_which_the_reactor_waits(self) -> None:
        """An adapter may hold a lock while it sends, and take it when the server calls it."""
        calls = self.calls(1, 0.01)
        lock = Lock()

        def feed() -> None:
            with lock:
                for number in range(4):
                    calls.queue(self.made.append, number)

        thread = self.thread(feed)
        self.clock.wakeups.get()
        with lock:
            # All of them have gone through while the reactor stood still.
            self.assertEqual(calls.queued, 4)
        thread.join()

    def test_a_failure_of_the_adapter_does_not_wait(self) -> None:
        sink = Sink()
        listener = ItemEventListener(sink, self.clock, "SET/DATA", 1)
        listener._calls = calls = self.calls(1)
        calls.queue_at_once(self.made.append, 1)
        calls.queue_at_once(self.made.append, 2)
        error = ValueError()
        self.thread(lambda: listener.failure(error)).join()
        self.turns(lambda: bool(sink.calls))
        self.assertEqual((self.made, sink.calls), ([1, 2], [("failure", error)]))


class CloseTests(CallsCase):
    def test_threads_that_wait_go_on(self) -> None:
        calls = self.calls(1)
        thread = self.thread(lambda: [calls.queue(self.made.append, number) for number in range(100)])
        self.clock.wakeups.get()
        calls.close()
        thread.join()
        self.assertLessEqual(calls.queued, 2)

    def test_nothing_is_taken_any_more(self) -> None:
        calls = self.calls()
        calls.close()
        results: list[Any] = []
        self.thread(lambda: calls.queue(self.made.append, 1)).join()
        self.thread(lambda: results.append(calls.deferred(lambda: succeed(1)))).join()
        self.assertEqual(calls.queued, 0)
        self.failureResultOf(results[0], CancelledError)
        self.assertEqual(self.successResultOf(calls.deferred(lambda: succeed(1))), 1)


class Flood(DataProvider):
    """Sends without end from a thread of its own, for whose end it waits when it is stopped."""

    def __init__(self) -> None:
        self.stopping = False

    def set_listener(self, event_listener: Any) -> None:
        self._listener = event_listener

    def subscribe(self, item_name: str) -> None:
        self._thread = Thread(target=self._send, args=(item_name,))
        self._thread.start()

    def unsubscribe(self, item_name: str) -> None: ...

    def _send(self, item_name: str) -> None:
        number = 0
        while not self.stopping:
            self._listener.update(item_name, {"n": str(number)})
            number += 1

    def stop(self) -> None:
        self.stopping = True
        self._thread.join()


class SetTests(SetCase):
    def test_a_set_stops_although_a_thread_waits(self) -> None:
        flood = Flood()
        one: AdapterSet = self.make(data=flood, max_queued_events=LIMIT)
        self.now(one.data["DEFAULT"].subscribe("i"))
        self.clock.turn()
        # Nothing is drained while it stops, and still nobody waits for PATIENCE.
        self.assertGreaterEqual(PATIENCE, 1.0)
        self.now(one.stop())
        self.assertFalse(flood._thread.is_alive())
