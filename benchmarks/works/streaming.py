"""E: HTTP streaming beside WebSockets."""

from __future__ import annotations

from benchmarks.contenders import Lsserver
from benchmarks.rounds import in_turn
from benchmarks.table import Row
from benchmarks.works.fanout import ONE, cpu, per_message, per_second
from benchmarks.works.work import Outcome, Settings

RATIO = 1.3


def measure(settings: Settings) -> Outcome:
    """As L{Work.measure}."""
    streams = Lsserver("HTTP streaming", streaming=True)
    rounds = in_turn([Lsserver("A"), streams], settings.load(ONE), settings.count(4))
    if streams.name not in rounds.figures:
        return Outcome([Row("E streaming", f"failed: {rounds.failures[streams.name]}", aim="to work", met=False)])
    ratio = rounds.ratio(streams.name, "A", cpu)
    beside = f"A {per_message(rounds, 'A')}"
    return Outcome(
        [Row("E streaming", per_second(rounds, streams.name), beside, ratio, f"<= {RATIO:g} x A", ratio <= RATIO)]
    )
