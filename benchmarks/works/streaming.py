"""E: HTTP streaming beside WebSockets, and long polling beside a bare resource of twisted.web."""

from __future__ import annotations

import re
import subprocess
import sys

from benchmarks.contenders import Lsserver
from benchmarks.programs import HERE
from benchmarks.rounds import in_turn, note
from benchmarks.table import Row
from benchmarks.works.fanout import ONE, per_message, per_second
from benchmarks.works.work import Outcome, Settings

RATIO = 1.3
RATIO_OF_POLLS = 1.5
ROUND = re.compile(r"round \d+, (\w+): lsserver (\d+) us/poll .* bare resource (\d+) ")
MEDIAN = re.compile(r"median of (\w+) polls: ([\d.]+)")


def measure(settings: Settings) -> Outcome:
    """As L{Work.measure}."""
    skipped = ["E: only in full runs: polls that are answered at once"] if settings.quick else []
    return Outcome([streaming(settings), *polling(settings)], notes=skipped)


def streaming(settings: Settings) -> Row:
    """Beside A."""
    streams = Lsserver("HTTP streaming", streaming=True)
    rounds = in_turn([Lsserver("A"), streams], settings.load(ONE), settings.count(4))
    for name, reason in rounds.failures.items():
        return Row("E streaming", f"{name} failed: {reason}", aim="to work", met=False)
    ratio = rounds.cost_ratio(streams.name, "A")
    beside = f"A {per_message(rounds, 'A')}"
    return Row("E streaming", per_second(rounds, streams.name), beside, ratio, f"<= {RATIO:g} x A", ratio <= RATIO)


def polling(settings: Settings) -> list[Row]:
    """Its own program: the clients are in Python, and stay on the core of the load."""
    command = [sys.executable, "-m", "benchmarks.polling", f"--clients={max(1, round(1000 * settings.scale))}"]
    command += ["--quick"] if settings.quick else [f"--rounds={settings.count(3)}", "--seconds=4"]
    done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True)
    note("".join(f"  {line}\n" for line in done.stdout.splitlines()).rstrip())
    if done.returncode:
        return [Row("E polling", f"failed: {done.stderr.strip()[-200:]}", aim="to work", met=False)]
    return polled(done.stdout)


def polled(printed: str) -> list[Row]:
    """A row for each kind of polls, from what C{benchmarks.polling} prints."""
    rows = []
    for kind, median in MEDIAN.findall(printed):
        rounds = [(int(ours), int(bare)) for name, ours, bare in ROUND.findall(printed) if name == kind]
        ours, bare = rounds[len(rounds) // 2]
        ratio = float(median)
        aim = f"<= {RATIO_OF_POLLS:g} x the bare resource"
        work = f"E polling, {kind}"
        rows.append(Row(work, f"{ours} us/poll", f"twisted.web {bare} us/poll", ratio, aim, ratio <= RATIO_OF_POLLS))
    return rows
