"""K: one update a second to one client, from a server that does nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from benchmarks.client import Load, LoadError
from benchmarks.contenders import Floor, Lsserver
from benchmarks.rounds import note
from benchmarks.server import ServerError
from benchmarks.table import Row
from benchmarks.works.work import Outcome, Settings

SELDOM = Load(clients=1, rate=1, seconds=90.0, warm=1.0)
"""As the aim has it: 90 messages."""

OFTEN = Load(clients=1, rate=20, seconds=2.5, warm=0.3)
"""For a quick run."""

TAIL = 1.0
"""Milliseconds, for 99 of 100."""


def measure(settings: Settings) -> Outcome:
    """As L{Work.measure}. The floor has its turn at the same time: neither keeps the core awake for the other."""
    load = OFTEN if settings.quick else SELDOM
    if settings.scale < 1:
        load = settings.load(OFTEN)
    with ThreadPoolExecutor() as both:
        ours, floor = both.submit(Lsserver().measure, load), both.submit(Floor().measure, load)
        try:
            found, beside = ours.result(), floor.result()
        except (LoadError, ServerError) as reason:
            return Outcome([Row("K", f"failed: {reason}", aim="to work", met=False)])
    note(f"  lsserver p50 {found.p50:.2f} ms, p99 {found.p99:.2f} ms; C floor {beside.p50:.2f} ms, {beside.p99:.2f} ms")
    figure = f"p99 {found.p99:.2f} ms, p50 {found.p50:.2f} ms, {load.rate:g} update/s"
    other = f"C floor p99 {beside.p99:.2f} ms, p50 {beside.p50:.2f} ms"
    ratio = found.p50 / max(beside.p50, 0.01)
    return Outcome([Row("K", figure, other, ratio, f"p99 <= {TAIL:g} ms", found.p99 <= TAIL)])
