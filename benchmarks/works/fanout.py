"""A and A10: one item to a thousand sessions over WebSockets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.client import Load
from benchmarks.contenders import Contender, Floor, Lsserver
from benchmarks.peers import FANOUT, FANOUT_QUICK, ITEMS
from benchmarks.peers.libraries import PythonFloor
from benchmarks.rounds import Rounds, in_turn
from benchmarks.table import Row
from benchmarks.works.work import Outcome, Settings

NAP = 0.0005
"""Of the load client, seconds."""

ONE = Load(clients=1000, rate=40, seconds=2.0, warm=0.7, nap=NAP)
"""The load of A."""

TEN = Load(clients=1000, rate=100, items=10, per_client=10, burst=10, seconds=2.0, warm=0.7, nap=NAP)
"""The load of A10."""

FLOOR = 1.2
FLOOR_OF_TEN = 1.6


def per_message(rounds: Rounds, name: str) -> str:
    """A figure with its unit."""
    return f"{rounds.cost(name):.2f} us/message"


def per_second(rounds: Rounds, name: str) -> str:
    """What a core could do at most."""
    return f"{rounds.cost(name):.2f} us/message ({1e3 / rounds.cost(name):.0f} k/s a core)"


def compare(
    work: str, rounds: Rounds, others: Sequence[Contender], floor: tuple[str, float] | None, ours: str = "lsserver"
) -> list[Row]:
    """
    Rows of CPU time for each message, beside the floor with its aim, then beside the others, which are to need more.

    @param floor: its name, and what of its time may be needed.
    """
    if ours not in rounds.figures:
        return [Row(work, f"failed: {rounds.failures[ours]}", aim="to work", met=False)]
    rows = []
    if floor is not None:
        name, aim = floor
        if name in rounds.failures:
            row = Row(work, per_second(rounds, ours), f"{name}: {rounds.failures[name]}", aim=f"<= {aim:g} x the floor")
        else:
            ratio = rounds.cost_ratio(ours, name)
            beside = f"{name} {per_message(rounds, name)}"
            row = Row(work, per_second(rounds, ours), beside, ratio, f"<= {aim:g} x the floor", ratio <= aim)
        rows.append(row)
    for other in others:
        if other.name in rounds.failures:
            rows.append(Row(work, "", f"{other.name}: {rounds.failures[other.name]}"))
            continue
        ratio = rounds.cost_ratio(ours, other.name)
        figure, beside = per_message(rounds, ours), f"{other.name} {per_message(rounds, other.name)}"
        rows.append(Row(work, figure, beside, ratio, "less than every peer", ratio < 1))
    return rows


def beside_python(work: str, rounds: Rounds) -> list[Row]:
    """
    A row without an aim: what C{send} alone costs in the language of lsserver, beside which the rest can be seen. None
    if it has not taken part.
    """
    ours, name, floor = Lsserver().name, PythonFloor().name, Floor().name
    if name in rounds.failures:
        return [Row(work, "", f"{name}: {rounds.failures[name]}")]
    if not {ours, name, floor} <= rounds.figures.keys():
        return []
    of_floor = f"{rounds.cost_ratio(name, floor):.2f} x the floor"
    beside = f"{name} {per_message(rounds, name)}, {of_floor}"
    return [Row(work, per_message(rounds, ours), beside, rounds.cost_ratio(ours, name))]


def one_a_write(settings: Settings) -> Outcome:
    """A."""
    peers, lines = settings.those("A", FANOUT, FANOUT_QUICK)
    load = settings.load(ONE)
    if settings.quick:
        rounds = in_turn([Floor(), Lsserver(), *peers], load, 1)
        return Outcome(compare("A", rounds, peers, ("C floor", FLOOR)), notes=lines)
    rounds = in_turn([Floor(), Lsserver(), PythonFloor()], load, settings.count(12))
    outcome = Outcome(compare("A", rounds, (), ("C floor", FLOOR)) + beside_python("A", rounds), notes=lines)
    if peers:
        beside = in_turn([Lsserver(), *peers], load, settings.count(3))
        outcome.rows += compare("A", beside, peers, None)
    return outcome


def ten_a_write(settings: Settings) -> Outcome:
    """A10. The others get their ten updates at the same moment and make of them what they do."""
    peers, lines = settings.those("A10", ITEMS, ())
    load = settings.load(TEN)
    rounds = in_turn([Floor(), Lsserver()], load, settings.count(6))
    outcome = Outcome(compare("A10", rounds, (), ("C floor", FLOOR_OF_TEN)), notes=lines)
    if peers:
        beside = in_turn([Lsserver(), *peers], replace(load, rate=load.rate / 2), settings.count(2))
        outcome.rows += compare("A10", beside, peers, None)
    return outcome
