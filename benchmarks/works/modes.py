"""D: the other modes, for each byte beside A, and the official load test."""

from __future__ import annotations

from benchmarks.client import Load
from benchmarks.contenders import Lsserver
from benchmarks.rounds import Rounds, in_turn
from benchmarks.table import Row
from benchmarks.works.fanout import ONE, per_message
from benchmarks.works.work import Outcome, Settings

SLOWLY = Load(clients=4000, rate=4, size=1024, seconds=4.0, warm=1.0, at_once=128)
"""Four messages of 1 KB a second to each of 4000 sessions."""

FAST = Load(clients=4000, rate=11, size=1024, seconds=4.0, warm=1.0, at_once=128)
"""As many of them as the aim asks for, and a few more."""

RATIO = 1.5
MESSAGES = 40_000
MEAN = 250.0


def per_byte(rounds: Rounds, name: str) -> float:
    """What is compared: CPU time of the server for each byte that arrives, nanoseconds."""
    return rounds.cost(name) / rounds.octets(name) * 1000


def row(rounds: Rounds, name: str, base: Rounds | None = None) -> Row:
    """A mode beside A."""
    work = f"D {name}"
    plain = rounds if base is None else base
    for one, its in ((name, rounds), ("A", plain)):
        if one in its.failures:
            return Row(work, f"{one} failed: {its.failures[one]}", aim="to work", met=False)
    ratio = per_byte(rounds, name) / per_byte(plain, "A")
    figure = f"{per_byte(rounds, name):.1f} ns/byte, {per_message(rounds, name)}"
    beside = f"A {per_byte(plain, 'A'):.1f} ns/byte"
    return Row(work, figure, beside, ratio, f"<= {RATIO:g} x A a byte", ratio <= RATIO)


def measure(settings: Settings) -> Outcome:
    """As L{Work.measure}."""
    modes = [
        Lsserver("A"),
        Lsserver("COMMAND, 100 keys", mode="COMMAND"),
        Lsserver("DISTINCT, unfiltered", mode="DISTINCT", unfiltered=True),
    ]
    if settings.quick:
        modes.pop()
    rounds = in_turn(modes, settings.load(ONE), settings.count(3))
    rows = [row(rounds, mode.name) for mode in modes[1:]]
    raw = Lsserver("RAW, 1 KB", mode="RAW")
    if not settings.quick:
        rows.append(row(in_turn([raw], settings.load(SLOWLY), 1), raw.name, rounds))
    fast = in_turn([raw], settings.load(FAST), 1)
    if raw.name in fast.failures:
        rows.append(Row("D RAW, 1 KB", f"failed: {fast.failures[raw.name]}", aim="to work", met=False))
    else:
        (found,) = fast.figures[raw.name]
        met = found.rate >= MESSAGES and found.mean < MEAN
        figure = f"{found.rate / 1000:.1f} k messages/s, mean latency {found.mean:.1f} ms, {found.cpu:.0f} % of a core"
        rows.append(Row("D RAW, 1 KB", figure, aim=f">= {MESSAGES // 1000} k/s a core, mean < {MEAN:g} ms", met=met))
    skipped = ["D: only in full runs: DISTINCT, and RAW four times a second"] if settings.quick else []
    return Outcome(rows, notes=skipped)
