"""B: many items, of which each session has a few."""

from __future__ import annotations

from benchmarks.client import Load
from benchmarks.contenders import Floor, Lsserver
from benchmarks.peers import ITEMS
from benchmarks.peers.libraries import PythonFloor
from benchmarks.rounds import in_turn
from benchmarks.table import Row
from benchmarks.works.fanout import beside_python, compare
from benchmarks.works.work import Outcome, Settings

FEW = Load(clients=1000, rate=1000, items=1000, per_client=10, seconds=2.5, warm=0.7)
MANY = Load(clients=1000, rate=5000, items=1000, per_client=10, seconds=2.5, warm=0.7)
FLOOR = 1.5
TAIL = 5.0
"""Milliseconds of latency that 99 of 100 messages may have."""


def measure(settings: Settings) -> Outcome:
    """As L{Work.measure}."""
    outcome = Outcome()
    for load, count in ((MANY, 1),) if settings.quick else ((FEW, 2), (MANY, 4)):
        load = settings.load(load)
        work = f"B {load.deliveries() / 1000:.0f} k/s"
        floors = [Floor()] if settings.quick else [Floor(), PythonFloor()]
        rounds = in_turn([*floors, Lsserver()], load, settings.count(count))
        outcome.rows += compare(work, rounds, (), ("C floor", FLOOR)) + beside_python(work, rounds)
    if {"lsserver", "C floor"} <= rounds.figures.keys():
        tail, floor = (rounds.median(name, lambda figures: figures.p99) for name in ("lsserver", "C floor"))
        beside = f"C floor {floor:.2f} ms"
        outcome.rows.append(
            Row(work, f"p99 {tail:.2f} ms", beside, tail / max(floor, 0.01), f"<= {TAIL:g} ms", tail <= TAIL)
        )
    peers, outcome.notes = settings.those("B", ITEMS, ())
    if peers:
        beside_peers = in_turn([Lsserver(), *peers], settings.load(MANY), settings.count(2))
        outcome.rows += compare(work, beside_peers, peers, None)
    return outcome
