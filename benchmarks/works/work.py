"""What a work is, and how thoroughly it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from benchmarks.client import Load
from benchmarks.contenders import Contender
from benchmarks.peers import installed
from benchmarks.plots import Plot
from benchmarks.table import Row


@dataclass(frozen=True)
class Settings:
    """
    How thoroughly.

    @ivar quick: one short round of each.
    @ivar rounds: of a full run, C{None} for as many as each work has by itself.
    @ivar peers: whether others than the floor are measured.
    @ivar scale: the part of the clients that come; less than 1 only to try the harness.
    """

    quick: bool = False
    rounds: int | None = None
    peers: bool = True
    scale: float = 1.0

    def count(self, rounds: int) -> int:
        """Rounds of something that has so many in a full run."""
        return 1 if self.quick else self.rounds or rounds

    def load(self, load: Load) -> Load:
        """As it is in a full run, or shorter."""
        if self.quick:
            load = replace(load, seconds=min(load.seconds, 0.6), warm=min(load.warm, 0.3))
        if self.scale < 1:
            fewer = max(1, round(load.clients * self.scale))
            load = replace(load, clients=fewer, seconds=0.3, warm=0.1)
        return load

    def those(
        self, work: str, full: Sequence[Contender], quick: Sequence[Contender]
    ) -> tuple[list[Contender], list[str]]:
        """The peers that take part in a work, and a line for each reason why others do not."""
        if not self.peers:
            return [], [f"{work}: no peers, as asked for"]
        if not self.quick:
            return installed(full)
        there, lines = installed(quick)
        skipped = [peer.name for peer in full if peer not in quick]
        if skipped:
            lines.append(f"{work}: only in full runs: {', '.join(skipped)}")
        return there, lines


@dataclass
class Outcome:
    """
    What came of a work.

    @ivar notes: what a reader of the rows has to know.
    """

    rows: list[Row] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Work:
    """One of them."""

    letter: str
    title: str
    measure: Callable[[Settings], Outcome]
