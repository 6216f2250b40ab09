"""I: A over TLS."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.contenders import Lsserver
from benchmarks.peers import SECURE, SECURE_QUICK
from benchmarks.rounds import in_turn
from benchmarks.table import Row
from benchmarks.works.fanout import ONE, per_message, per_second
from benchmarks.works.work import Outcome, Settings

RATIO = 1.3


def measure(settings: Settings) -> Outcome:
    """As L{Work.measure}."""
    ours = Lsserver("lsserver", tls=True)
    peers, lines = settings.those("I", SECURE, SECURE_QUICK)
    load = replace(ONE, clients=500) if settings.quick else ONE
    rounds = in_turn([ours, *peers], settings.load(load), settings.count(3))
    if ours.name not in rounds.figures:
        return Outcome([Row("I", f"failed: {rounds.failures[ours.name]}", aim="to work", met=False)], notes=lines)
    rows = []
    measured = [peer.name for peer in peers if peer.name in rounds.figures]
    cheapest = min(measured, key=rounds.cost, default=None)
    for name in measured:
        ratio = rounds.cost_ratio(ours.name, name)
        aim = f"<= {RATIO:g} x the cheapest peer" if name == cheapest else ""
        beside = f"{name} {per_message(rounds, name)}"
        rows.append(Row("I", per_second(rounds, ours.name), beside, ratio, aim, ratio <= RATIO if aim else None))
    if not measured:
        rows.append(Row("I", per_second(rounds, ours.name), aim=f"<= {RATIO:g} x the cheapest peer"))
    return Outcome(rows, notes=lines)
