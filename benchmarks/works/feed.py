"""H: events into an item that no session has, as they come from an adapter in the server's process."""

from __future__ import annotations

import statistics

from benchmarks import machine
from benchmarks.rounds import note
from benchmarks.server import Server
from benchmarks.table import Row
from benchmarks.talking import Talk
from benchmarks.works.work import Outcome, Settings

FIELDS = 10
KINDS = (("reactor", "from the reactor thread", 300_000), ("thread", "from another thread", 150_000))


def measure(settings: Settings) -> Outcome:
    """As L{Work.measure}. The time is that of the clock: a thread shares the core as it shares the interpreter."""
    events = round((100_000 if settings.quick else 300_000) * settings.scale)
    rates: dict[str, list[float]] = {}
    with Server(core=machine.SERVER_CORE) as server:
        for number in range(settings.count(5)):
            for kind, _, _ in KINDS:
                start = len(server.log)
                # A session each time: one that only talks is over after some seconds.
                talk = Talk(server.port)
                talk.say(f"!flood%20{kind}%20{events}%20{FIELDS}")
                talk.close()
                match = server.wait_for(r"flood: (\d+) events in ([\d.e-]+) s", 60, start)
                rates.setdefault(kind, []).append(int(match[1]) / float(match[2]))
                note(f"  round {number + 1}, {kind}: {rates[kind][-1]:.0f} events/s")
    rows = []
    for kind, words, aim in KINDS:
        rate = statistics.median(rates[kind])
        rows.append(
            Row(
                "H",
                f"{rate / 1000:.0f} k events/s {words}, {FIELDS} fields",
                aim=f">= {aim // 1000} k/s",
                met=rate >= aim,
            )
        )
    return Outcome(rows)
