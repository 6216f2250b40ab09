"""
What the engine by itself costs for each delivered message, without sockets: sessions of the tests, on a
fake clock, whose connections take everything at once. Warm caches; in a server that sends to a thousand sockets in
between, every memory access is dearer::

    python -m benchmarks.engine                # every work, about 20 s
    python -m benchmarks.engine A C --profile  # some of them, and where the time goes
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.engine import world
from tests.engine.world import FakeClient, FakeConnection, World

Subscribe = Callable[[int, FakeClient], object]
SCHEMAS = {"COMMAND": "key command text"}


class Sink(FakeConnection):
    """Takes everything, at no cost."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        # Each has one of its own, as connections have.
        self.send = partial(len)  # type: ignore[method-assign]

    def write(self, data: bytes) -> None:
        """Nothing is kept of it."""


class Work:
    """Sessions, and what their items say."""

    def __init__(self, clients: int, subscribe: Subscribe, items: int) -> None:
        self.world = World()
        self.chosen = random.Random(1)
        for number in range(clients):
            subscribe(number, self.world.client().create())
        for number in range(items):
            self.say(number, 0)
        self.world.turn()

    def say(self, item: int, number: int) -> None:
        """An update; in COMMAND, of one of 100 keys."""
        event = {"text": f"{number:x>50}", "key": f"k{number % 100}", "command": "UPDATE"}
        self.world.data.update(f"item{item}", event, False)

    def sent(self) -> int:
        """Lines so far."""
        return sum(session.stream.log.sent for session in self.world.kernel.sessions.values())


def one_item(mode: str, more: str = "") -> tuple[Work, Callable[[Work, int], None], int]:
    """One item for 1000 sessions."""
    schema = SCHEMAS.get(mode, "text")

    def step(work: Work, number: int) -> None:
        work.say(0, number)
        work.world.advance(0.02)

    return Work(1000, lambda _, client: client.subscribe(1, mode, "item0", schema, more), 1), step, 300


def ten_items() -> tuple[Work, Callable[[Work, int], None], int]:
    """Ten items, all of which change in each turn, for 1000 sessions."""

    def step(work: Work, number: int) -> None:
        for item in range(10):
            work.say(item, number)
        work.world.advance(0.02)

    def subscribe(_: int, client: FakeClient) -> None:
        for item in range(10):
            client.subscribe(item + 1, "MERGE", f"item{item}", "text", "")

    return Work(1000, subscribe, 10), step, 100


def some_of_many() -> tuple[Work, Callable[[Work, int], None], int]:
    """Ten of 1000 items for each of 1000 sessions, five updates a turn."""

    def step(work: Work, number: int) -> None:
        for _ in range(5):
            work.say(work.chosen.randrange(1000), number)
        work.world.advance(0.001)

    def subscribe(number: int, client: FakeClient) -> None:
        for item in range(10):
            client.subscribe(item + 1, "MERGE", f"item{(number * 10 + item * 7) % 1000}", "text", "")

    return Work(1000, subscribe, 1000), step, 2000


def throttled() -> tuple[Work, Callable[[Work, int], None], int]:
    """Twenty of 200 items for each of 2000 sessions, once a second each, while the items change 25 times a second."""

    def step(work: Work, number: int) -> None:
        for _ in range(10):
            work.say(work.chosen.randrange(200), number)
        work.world.advance(0.002)

    def subscribe(number: int, client: FakeClient) -> None:
        for item in range(20):
            group = f"item{(number * 20 + item * 7) % 200}"
            client.subscribe(item + 1, "MERGE", group, "text", "LS_requested_max_frequency=1")

    work = Work(2000, subscribe, 0)
    for number in range(1000):
        step(work, number)
    return work, step, 1500


WORKS: dict[str, Callable[[], tuple[Work, Callable[[Work, int], None], int]]] = {
    "A": lambda: one_item("MERGE"),
    "A10": ten_items,
    "B": some_of_many,
    "C": throttled,
    "RAW": lambda: one_item("RAW"),
    "DISTINCT": lambda: one_item("DISTINCT", "LS_requested_max_frequency=unfiltered"),
    "COMMAND": lambda: one_item("COMMAND"),
}


def measure(name: str, profile: bool) -> None:
    """Run one work and print what it cost."""
    work, step, turns = WORKS[name]()
    gc.collect()
    gc.freeze()
    before = work.sent()
    profiler = cProfile.Profile() if profile else None
    begin = time.process_time()
    if profiler is not None:
        profiler.enable()
    for number in range(1, turns + 1):
        step(work, number)
    if profiler is not None:
        profiler.disable()
    passed = time.process_time() - begin
    delivered = work.sent() - before
    print(f"{name:9}{delivered:9} messages, {1e6 * passed / delivered:.2f} us each")
    if profiler is not None:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(15)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("works", nargs="*", metavar="WORK", help="of " + ", ".join(WORKS))
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    arguments = parser.parse_args()
    unknown = set(arguments.works) - set(WORKS)
    if unknown:
        parser.error("no such work: " + ", ".join(sorted(unknown)))
    chosen: Any = world
    chosen.FakeConnection = Sink
    for name in arguments.works or WORKS:
        measure(name, arguments.profile)


if __name__ == "__main__":
    main()
