"""The works that the server is measured by, each with its aim."""

from __future__ import annotations

from benchmarks.works import (
    compression,
    connecting,
    fanout,
    feed,
    growth,
    idle,
    items,
    latency,
    modes,
    streaming,
    throttling,
    tls,
)
from benchmarks.works.work import Outcome, Settings, Work

WORKS: dict[str, Work] = {
    work.letter: work
    for work in (
        Work("A", "one item, 1000 sessions, one message a write", fanout.one_a_write),
        Work("A10", "ten items, 1000 sessions, ten messages a write", fanout.ten_a_write),
        Work("B", "1000 items, 10 of them for each of 1000 sessions", items.measure),
        Work("L", "latency over load", latency.measure),
        Work("C", "5000 sessions, 20 items each, one update a second an item", throttling.measure),
        Work("D", "other modes, and messages of 1 KB", modes.measure),
        Work("E", "HTTP streaming", streaming.measure),
        Work("F", "making sessions", connecting.making),
        Work("G", "keeping sessions", connecting.keeping),
        Work("H", "events into an item that nobody has", feed.measure),
        Work("I", "TLS", tls.measure),
        Work("Z", "compression", compression.measure),
        Work("K", "an idle server", idle.measure),
        Work("J1", "more subscribers", growth.subscribers),
        Work("J2", "more items", growth.items),
        Work("J3", "more subscriptions a session", growth.subscriptions),
    )
}

__all__ = ["WORKS", "Outcome", "Settings", "Work", "chosen"]


def chosen(letters: list[str]) -> list[Work]:
    """
    The works with these letters, all if there are none; C{J} stands for J1, J2 and J3.

    @raise KeyError: there is no such work.
    """
    if not letters:
        return list(WORKS.values())
    found = []
    for letter in letters:
        some = [work for name, work in WORKS.items() if name == letter or name.rstrip("123") == letter == "J"]
        if not some:
            raise KeyError(letter)
        found += some
    return found
