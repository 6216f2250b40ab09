"""
The adapter set of the benchmarks: a feed in the server's own process, started by a message.

C{item|text} updates the field C{text} of the item; C{!feed}, C{!flood} and what they take stand at L{BenchMetadata}.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from feeding import STRIDE, numbers
from twisted.logger import Logger

from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.adapters.providers import DataProvider

KEYS = 100
"""Of a COMMAND item."""

AT_ONCE = 1000
"""Events of a flood in a turn of the reactor."""

_log = Logger(namespace="bench")


class Feed:
    """
    C{rate} updates a second, C{burst} of them at the same moment, each of the next of C{items} items, with the time
    in them from which the load client takes the latency.

    C{kind} is C{keyed} for items in mode COMMAND, and C{apart} for one burst in a turn of the reactor, even if more
    are due.
    """

    def __init__(self, data: BenchData, rate: float, burst: int, items: int, size: int, kind: str) -> None:
        self._listener = data.listener
        self._clock = data.clock
        self._period = round(burst / rate * 1e9)
        self._burst = burst
        self._items = [f"item{number:04}" for number in range(items)]
        head = len("U,1,1,k00|UPDATE|\r\n" if kind == "keyed" else "U,1,1,\r\n")
        self._tail = numbers(size - head - len("101.25|101.27|T=0123456789012345#0 "))
        self._keyed = kind == "keyed"
        self._apart = kind == "apart"
        self._sent = 0
        self._due = time.monotonic_ns()

    def go_on(self) -> None:
        """Send what is due, and come back for the next."""
        items, clock = self._items, time.monotonic_ns
        now = clock()
        while self._due <= now:
            self._due += self._period
            for _ in range(self._burst):
                turn, place = divmod(self._sent, len(items))
                number = place * STRIDE % len(items)
                cents = (turn + number) * 7 % 100
                now = clock()
                event = {
                    "bid": f"101.{cents:02}",
                    "ask": f"102.{cents:02}",
                    "text": f"T={now // 1000:016}#{number} {self._tail}",
                }
                if self._keyed:
                    event["key"] = f"k{turn % KEYS:02}"
                    event["command"] = "ADD" if turn < KEYS else "UPDATE"
                self._sent += 1
                self._listener.update(items[number], event, False)
            if self._apart:
                break
        self._clock.callLater(max(0.0, (self._due - clock()) / 1e9), self.go_on)


class BenchData(DataProvider):
    """Publishes what it is told to."""

    listener: Any
    clock: Any

    def set_context(self, context: Any) -> None:
        self.clock = context.reactor

    def set_listener(self, event_listener: Any) -> None:
        self.listener = event_listener

    def issnapshot_available(self, item_name: str) -> bool:
        """Items called C{ready…} have a snapshot at once."""
        return item_name.startswith("ready")

    def subscribe(self, item_name: str) -> None:
        """Updates come when they come."""
        if item_name.startswith("ready"):
            self.listener.update(item_name, {"text": item_name}, True)
            self.listener.end_of_snapshot(item_name)

    def unsubscribe(self, item_name: str) -> None:
        """Nothing to stop."""

    def publish(self, item: str, text: str) -> None:
        """One field, whatever the item."""
        self.listener.update(item, {"text": text}, False)

    def feed(self, rate: str, burst: str, items: str, size: str, kind: str) -> None:
        """Start a feed."""
        feed = Feed(self, float(rate), int(burst), int(items), int(size), kind)
        self.clock.callLater(0.0, feed.go_on)

    def flood(self, where: str, events: str, fields: str) -> None:
        """As many events as it takes, into an item that is subscribed and that no session has."""
        self.listener.force_subscription("flood").addCallback(lambda _: self._flood(where, int(events), int(fields)))

    def _flood(self, where: str, events: int, fields: int) -> None:
        names = [f"field{number}" for number in range(fields)]
        begin = time.perf_counter()

        def some(first: int) -> None:
            """In the reactor thread, a number of events in a turn."""
            for number in range(first, min(first + AT_ONCE, events)):
                value = f"{number % 9973}.25"
                self.listener.update("flood", dict.fromkeys(names, value), False)
            if first + AT_ONCE < events:
                self.clock.callLater(0, some, first + AT_ONCE)
            else:
                done()

        def all_of_them() -> None:
            """In a thread of its own."""
            for number in range(events):
                value = f"{number % 9973}.25"
                self.listener.update("flood", dict.fromkeys(names, value), False)
            self.clock.callFromThread(drained)

        def drained() -> None:
            """The events queued by the thread have reached the engine, or will soon."""
            if self.listener.queued:
                self.clock.callLater(0, drained)
            else:
                done()

        def done() -> None:
            _log.info("flood: {events} events in {seconds} s", events=events, seconds=time.perf_counter() - begin)

        if where == "thread":
            threading.Thread(target=all_of_them).start()
        else:
            some(0)


class BenchMetadata(LiteralBasedProvider):
    """
    C{!feed RATE BURST ITEMS SIZE plain|keyed|apart}, C{!flood reactor|thread EVENTS FIELDS}, or C{item|text}.
    """

    def set_context(self, context: Any) -> None:
        self._context = context

    def notify_user_message(self, user: str | None, session_id: str, message: str) -> None:
        data: BenchData = self._context.get_adapter("DEFAULT")
        name, *rest = message.split(" ")
        if name == "!feed":
            data.feed(*rest)
        elif name == "!flood":
            data.flood(*rest)
        else:
            item, _, text = message.partition("|")
            data.publish(item, text)
