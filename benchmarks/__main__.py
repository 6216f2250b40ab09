"""
The table of aims, beside the peers that are installed::

    python -m benchmarks                  # everything, about 25 minutes
    python -m benchmarks --quick          # one short round of each, a minute and a half
    python -m benchmarks A K --save       # some works; keep their figures in RESULTS.md
    python -m benchmarks J                # J1, J2 and J3

It wants the machine for itself: a core for the server and one for the load. Needed are a C compiler and an
installed lsserver (C{pip install -e '.[bench]'} has the peers in Python as well).
"""

from __future__ import annotations

import argparse
import datetime
import sys
import time
import traceback
from collections.abc import Sequence

from benchmarks import machine
from benchmarks.results import save
from benchmarks.rounds import note
from benchmarks.table import Row, as_text
from benchmarks.works import WORKS, Outcome, Settings, Work, chosen


def measured(work: Work, settings: Settings) -> Outcome:
    """What came of a work; one that breaks off is a row that says why, and the others go on."""
    try:
        return work.measure(settings)
    except Exception as reason:
        traceback.print_exc()
        return Outcome([Row(work.letter, f"failed: {type(reason).__name__}: {reason}", aim="to work", met=False)])


def main(arguments: Sequence[str]) -> int:
    """Measure and print; the exit status is 0 whether or not the aims are met."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    listed = "; ".join(f"{work.letter}: {work.title}" for work in WORKS.values())
    parser.add_argument("works", nargs="*", metavar="WORK", help=listed)
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument("--rounds", type=int, help="of each, in place of what each work has")
    parser.add_argument("--no-peers", action="store_true", help="lsserver and the C floor only")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the clients, to try the harness")
    parser.add_argument("--save", action="store_true", help="keep the figures in results.json, RESULTS.md and plots/")
    options = parser.parse_args(arguments)
    try:
        works = chosen(options.works)
    except KeyError as unknown:
        parser.error(f"there is no work {unknown}; there are {', '.join(WORKS)}")
    if options.rounds is not None and options.rounds < 1 or not 0 < options.scale <= 1:
        parser.error("--rounds is 1 or more, --scale more than 0 and at most 1")
    settings = Settings(options.quick, options.rounds, not options.no_peers, options.scale)
    outcomes: dict[str, Outcome] = {}
    begin = time.monotonic()
    for work in works:
        started = time.monotonic()
        note(f"{work.letter}: {work.title}")
        outcomes[work.letter] = measured(work, settings)
        note(f"  {time.monotonic() - started:.1f} s")
    rows = [row for outcome in outcomes.values() for row in outcome.rows]
    notes = dict.fromkeys(text for outcome in outcomes.values() for text in outcome.notes)
    conditions = machine.description()
    print(as_text(rows))
    print("", *notes, sep="\n")
    print(", ".join(f"{name} {value}" for name, value in conditions.items()))
    aims = [row for row in rows if row.met is not None]
    print(
        f"{sum(1 for row in aims if row.met)} of {len(aims)} rows with an aim meet it; {time.monotonic() - begin:.0f} s"
    )
    if options.save:
        save(outcomes, list(WORKS), datetime.date.today().isoformat(), conditions)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
