"""Contenders in turn, round after round, and what to make of it."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence

from benchmarks.client import Figures, Load, LoadError
from benchmarks.contenders import Contender
from benchmarks.server import ServerError


def note(text: str) -> None:
    """Tell whoever waits how far it has got."""
    print(text, file=sys.stderr, flush=True)


class Rounds:
    """
    What several contenders made of one load.

    @ivar figures: of each, by name, in the order of the rounds; those that failed once are not there.
    @ivar failures: why, by name.
    """

    def __init__(self) -> None:
        self.figures: dict[str, list[Figures]] = {}
        self.failures: dict[str, str] = {}

    def go_on(self, contender: Contender, load: Load, where: str) -> None:
        """Measure once more, unless it has failed before; C{where} is what to call this time."""
        name = contender.name
        if name in self.failures:
            return
        try:
            figures = contender.measure(load)
        except (LoadError, ServerError, OSError) as reason:
            self.failures[name] = str(reason)
            self.figures.pop(name, None)
            note(f"  {name}: {reason}")
            return
        self.figures.setdefault(name, []).append(figures)
        note(f"{where}, {name}: {described(figures)}")

    def cost(self, name: str) -> float:
        """
        CPU time of the server for each message, microseconds: a quarter of all slices of all rounds needed less.

        What the same code needs goes up and down by a third within a second, as others on the machine take more or
        less of the cache that all its processors share. The lower quartile is what it needs when it is left alone, and
        differs by 3 % between runs where means differ by 10 %. For loads that are alike at all times.
        """
        slices = [cost for figures in self.figures[name] for cost in figures.slices or (figures.us,)]
        return statistics.quantiles(slices, method="inclusive")[0] if len(slices) > 1 else slices[0]

    def cost_ratio(self, name: str, other: str) -> float:
        """Of a contender to another."""
        return self.cost(name) / self.cost(other)

    def octets(self, name: str) -> float:
        """Bytes that arrived for each message."""
        return self.median(name, lambda figures: figures.octets)

    def median(self, name: str, what: Callable[[Figures], float]) -> float:
        """One figure of a contender."""
        return statistics.median(map(what, self.figures[name]))

    def ratio(self, name: str, other: str, what: Callable[[Figures], float]) -> float:
        """The median of the ratios of the same round."""
        return median_of_ratios(
            [what(figures) for figures in self.figures[name]], [what(figures) for figures in self.figures[other]]
        )


def median_of_ratios(ones: Sequence[float], others: Sequence[float]) -> float:
    """
    Of figures of the same rounds.

    @raise ValueError: not as many of the one as of the other, or none.
    """
    ratios = [one / other for one, other in zip(ones, others, strict=True)]
    if not ratios:
        raise ValueError("no round was measured")
    return statistics.median(ratios)


def in_turn(contenders: Sequence[Contender], load: Load, count: int) -> Rounds:
    """
    Measure each of them C{count} times, interleaved; the order turns round with each round, since a machine may get
    slower as it gets warmer.
    """
    (rounds,) = in_turn_at(contenders, [load], count)
    return rounds


def in_turn_at(contenders: Sequence[Contender], loads: Sequence[Load], count: int) -> list[Rounds]:
    """
    As L{in_turn} with each of several loads, all of them in each round: a minute in which the machine is slow is then
    one of them all, and not the price of a load.

    @return: what was made of each load.
    """
    found = [Rounds() for _ in loads]
    for number in range(count):
        points = [(place, contender) for place in range(len(loads)) for contender in contenders]
        for place, contender in points if number % 2 == 0 else reversed(points):
            at = f", {loads[place].scale()}" if len(loads) > 1 else ""
            found[place].go_on(contender, loads[place], f"  round {number + 1}{at}")
    return found


def described(figures: Figures) -> str:
    """In a line."""
    lost = f", {figures.lost} connections lost" if figures.lost else ""
    if not figures.rate:
        each = f"{figures.setup_us:.0f} us and {figures.kb_per_client:.1f} KB each"
        return f"there after {figures.setup_s:.1f} s, {each}{lost}"
    return (
        f"{figures.us:.2f} us/message, {figures.rate:.0f} messages/s,"
        f" p50 {figures.p50:.2f} ms, p99 {figures.p99:.2f} ms, {figures.cpu:.0f} % of the core{lost}"
    )
