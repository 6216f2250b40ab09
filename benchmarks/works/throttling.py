"""C: many sessions whose items are limited to one update a second each."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.client import Figures, Load
from benchmarks.contenders import Lsserver
from benchmarks.rounds import in_turn
from benchmarks.table import Row
from benchmarks.works.items import MANY
from benchmarks.works.work import Outcome, Settings

THROTTLED = Load(clients=5000, rate=5000, items=200, per_client=20, seconds=5.0, warm=2.5, every=1.0, at_once=256)
LATE = 50.0
"""Milliseconds after the second."""


def mean(figures: Figures) -> float:
    """CPU time for each message over the whole time: what comes once a second is not alike in all parts of it."""
    return figures.us


def measure(settings: Settings) -> Outcome:
    """As L{Work.measure}."""
    load = settings.load(THROTTLED)
    # The second after which the next update may come has to be in what is measured.
    throttled = replace(load, seconds=1.5, warm=1.2, clients=min(load.clients, 2000)) if settings.quick else load
    ours, free = Lsserver("throttled", limit=1.0), Lsserver("lsserver")
    figures, unlimited = in_turn([ours], throttled, 1), in_turn([free], settings.load(MANY), 1)
    for name, reason in (figures.failures | unlimited.failures).items():
        return Outcome([Row("C", f"{name} failed: {reason}", aim="to work", met=False)])
    ratio = figures.median("throttled", mean) / unlimited.median("lsserver", mean)
    (found,) = figures.figures["throttled"]
    expected = throttled.clients * throttled.per_client
    tail, most = found.late
    rows = [
        Row(
            "C",
            f"{figures.median('throttled', mean):.2f} us/message",
            f"B {unlimited.median('lsserver', mean):.2f} us/message",
            ratio,
            "<= B",
            ratio <= 1,
        ),
        Row(
            "C",
            f"latest {most:.1f} ms after its second (99 %: {tail:.1f} ms); {found.rate / 1000:.0f} k/s,"
            f" {found.cpu:.0f} % of a core",
            f"{expected / 1000:.0f} k/s asked",
            aim=f"nobody later than {LATE:g} ms",
            met=most <= LATE,
        ),
    ]
    return Outcome(rows)
