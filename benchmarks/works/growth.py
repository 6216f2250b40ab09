"""J: whether a unit costs the same when there are more of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from benchmarks.client import Load
from benchmarks.contenders import Contender, Floor, Lsserver
from benchmarks.plots import Line, Plot
from benchmarks.rounds import Rounds, in_turn_at
from benchmarks.table import Row
from benchmarks.works.fanout import NAP
from benchmarks.works.work import Outcome, Settings

FLAT = 1.2
"""By how much a figure may differ from the one in the middle."""


AIM = "flat, +- 20 %"


def spread(values: Sequence[float]) -> float:
    """The larger of: the highest by the one in the middle, that by the lowest."""
    middle = statistics.median(values)
    return max(max(values) / middle, middle / min(values))


def one_more(sizes: Sequence[int], costs: Sequence[float]) -> list[float]:
    """
    What each subscriber more costs, when an update to C{size} of them costs C{cost} for each: the update itself costs
    something as well, which at first is most of it.
    """
    first = sizes[0] * costs[0]
    return [(size * cost - first) / (size - sizes[0]) for size, cost in zip(sizes[1:], costs[1:], strict=True)]


def grown(
    settings: Settings, contenders: Sequence[Contender], loads: Sequence[Load], count: int
) -> tuple[dict[str, list[float]], list[Rounds]]:
    """CPU time for each message of each contender at each load, and the rounds."""
    every = in_turn_at(contenders, [settings.load(load) for load in loads], settings.count(count))
    names = [contender.name for contender in contenders]
    return {name: [rounds.cost(name) for rounds in every if name in rounds.figures] for name in names}, every


def listed(values: Sequence[float]) -> str:
    """For a cell."""
    return ", ".join(f"{value:.1f}" if value < 100 else f"{value:.0f}" for value in values)


def outcome(
    letter: str,
    what: str,
    settings: Settings,
    sizes: Sequence[int],
    make: Callable[[int], Load],
    ours: Lsserver,
    count: int,
    marginal: bool = False,
) -> Outcome:
    """Measure, and say how flat it is."""
    costs, every = grown(settings, [Floor(), ours], [make(size) for size in sizes], count)
    work = f"{letter} {what} {sizes[0]} to {sizes[-1]:,}"
    if any(len(values) < len(sizes) for values in costs.values()):
        reasons = {reason for rounds in every for reason in rounds.failures.values()}
        return Outcome([Row(work, "failed: " + "; ".join(reasons), aim="to work", met=False)])
    mine, floor = costs[ours.name], costs["C floor"]
    if marginal:
        unit, unit_of_floor = one_more(sizes, mine), one_more(sizes, floor)
        figure = f"{listed(mine)} us/message; each one more {listed(unit)} us"
        beside = f"C floor {listed(floor)} us/message; {listed(unit_of_floor)} us"
    else:
        unit, unit_of_floor = mine, floor
        figure, beside = f"{listed(mine)} us/message", f"C floor {listed(floor)} us/message"
    # The floor does not stay the same either: to its calls as to ours, memory is further away the more of it there is.
    times = [one / other for one, other in zip(unit, unit_of_floor, strict=True)]
    beyond = [one - other for one, other in zip(unit, unit_of_floor, strict=True)]
    flat = spread(unit)
    rows = [
        Row(work, figure, f"{beside}, of which the ratio is {spread(unit_of_floor):.2f}", flat, AIM, flat <= FLAT),
        Row(
            f"{letter} beside the floor",
            f"{', '.join(f'{one:.2f}' for one in times)} times the floor of the same run",
            f"{listed(beyond)} us more than it",
            spread(times),
        ),
    ]
    plot = Plot(
        f"growth-{what.replace(' ', '-')}",
        f"CPU time of a delivered message as {what} grow",
        what,
        "microseconds",
        [Line("lsserver", list(zip(sizes, mine, strict=True))), Line("C floor", list(zip(sizes, floor, strict=True)))],
        log_x=True,
    )
    return Outcome(
        rows,
        [] if settings.quick else [plot],
        ["J: the ratio is the largest to the middle one, or that to the smallest"],
    )


OFTEN = 5.5
"""
Updates a second that a subscriber gets at least. After a pause longer than its retransmission time-out, 0.2 s, Linux's
TCP acknowledges the next 16 segments at once, which on loopback the sender pays for: that would be the price of a low
rate, and not of many subscribers. The 16 with which each connection begins are left out as well.
"""


def subscribers(settings: Settings) -> Outcome:
    """J1: of one item."""
    sizes = (1, 100, 1000) if settings.quick else (1, 10, 100, 1000, 10_000)

    def load(clients: int) -> Load:
        rate = max(OFTEN, min(500.0, 40_000 / clients))
        return Load(clients=clients, rate=rate, seconds=1.5, warm=0.2 + 17 / rate, at_once=256, nap=NAP, calm=True)

    found = outcome("J1", "subscribers", settings, sizes, load, Lsserver(unfiltered=True), 3, marginal=True)
    found.notes.append(
        f"J1: each subscriber gets {OFTEN:g} updates/s or more; with fewer than 5 each costs half as much again, few"
        " subscribers or many, as TCP then acknowledges every segment at once (see below)"
    )
    return found


def items(settings: Settings) -> Outcome:
    """J2: that exist, one session for each; 5000 updates a second of all together, each in a turn of its own."""
    sizes = (1, 10_000) if settings.quick else (1, 10, 100, 1000, 10_000, 100_000)

    def load(count: int) -> Load:
        clients = min(count, 100)
        # Very large subscriptions are confirmed before the adapter has been asked for all of their items: hence calm.
        return Load(
            clients=clients,
            rate=5000,
            apart=True,
            items=count,
            per_client=count // clients,
            seconds=1.25,
            warm=0.4,
            calm=True,
        )

    return outcome("J2", "items", settings, sizes, load, Lsserver(unfiltered=True), 4)


def subscriptions(settings: Settings) -> Outcome:
    """J3: of each of twenty sessions; 5000 updates a second of all together, so that each has a turn of its own."""
    sizes = (1, 100) if settings.quick else (1, 10, 100, 1000)

    def load(count: int) -> Load:
        return Load(
            clients=20,
            rate=5000,
            apart=True,
            items=20 * count,
            per_client=count,
            seconds=1.25,
            warm=0.4,
            at_once=2,
            calm=True,
        )

    return outcome("J3", "subscriptions a session", settings, sizes, load, Lsserver(each=True, unfiltered=True), 4)
