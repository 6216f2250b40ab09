"""L: latency as the load of B grows, until a core is full."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.contenders import Contender, Floor, Lsserver
from benchmarks.peers.libraries import NodeWs
from benchmarks.plots import Line, Plot
from benchmarks.rounds import in_turn
from benchmarks.table import Row
from benchmarks.works.items import MANY
from benchmarks.works.work import Outcome, Settings

RATES = (500, 1000, 2500, 5000, 7500, 10_000, 12_500)
"""Updates a second, each to ten sessions."""

KEPT_UP = 0.97
"""The part of the messages that arrive when a server keeps up."""


def measure(settings: Settings) -> Outcome:
    """As L{Work.measure}. A curve takes its time: a quick run has none."""
    if settings.quick:
        return Outcome(notes=["L: only in full runs"])
    peers, lines = settings.those("L", (NodeWs(),), ())
    contenders: list[Contender] = [Floor(), Lsserver(), *peers]
    points: dict[str, list[tuple[float, float]]] = {}
    best = 0.0
    for rate in RATES:
        load = settings.load(replace(MANY, rate=rate, seconds=1.5))
        rounds = in_turn(contenders, load, 1)
        for name, (figures,) in rounds.figures.items():
            kept_up = figures.rate >= KEPT_UP * load.deliveries()
            if not kept_up:
                # What comes after that is the length of a queue.
                contenders = [one for one in contenders if one.name != name]
                continue
            x = load.deliveries() / 1000
            points.setdefault(f"{name} p50", []).append((x, figures.p50))
            points.setdefault(f"{name} p99", []).append((x, figures.p99))
            if name == "lsserver":
                best = x
    plot = Plot(
        "latency",
        "Latency over load: 1000 items, 10 for each of 1000 sessions",
        "thousand messages a second, server on one core",
        "milliseconds",
        [Line(name, line) for name, line in points.items() if line],
        log_y=True,
    )
    rows = [Row("L", f"keeps up with {best:.0f} k messages/s on a core")]
    return Outcome(rows, [plot] if points else [], lines)
