"""
Five thousand sessions that come, go, stall and are cut, for half an hour::

    python -m benchmarks.soak
    python -m benchmarks.soak --minutes 5 --sessions 1000

Each client counts; the end says what must be true: no client saw anything missing, doubled or out of
order, all got their updates to the end and could leave, memory in the second half did not grow, no file
stayed open, nothing was logged as wrong. The exit status is 1 if one of these is not so, and each one that is not
has a line. Overloads are no fault: whoever shares the machine causes them, and they must be over by themselves; the
same is true of a call of the adapter, which does nothing that takes time, that "has blocked the server".
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import statistics
import sys
import time

from benchmarks.server import Server
from benchmarks.swarm import Member, Swarm, raise_limit

CONFIGURATION = """
write_timeout_millis = 10000
session_recovery_millis = 13000
"""
ITEMS = 50
GROWTH = 0.05
"""Of memory, that counts as none: allocators do not give everything back."""
PAUSE = re.compile("overloaded, new sessions have to wait|has blocked the server")
LEAST_UP = 0.9
"""Of the clients, that must have a session at the end; the others are just coming, going or cut."""


def adds(number: int) -> list[tuple[str, str, str]]:
    """What a client subscribes."""
    item = number % ITEMS
    if number % 4 == 1:
        # With nothing else to write, it is written to together with others.
        return [("RAW", f"raw.{item}", "")]
    found = [("RAW", f"raw.{item}", ""), ("MERGE", f"merge.{item}", "&LS_snapshot=true")]
    if number % 3 == 0:
        found.append(("COMMAND", f"command.{item}", "&LS_requested_max_frequency=unfiltered&LS_snapshot=true"))
    if number % 10 == 0:
        found.append(("MERGE", f"fast.{item}", "&LS_requested_max_frequency=2"))
    if number % 20 == 5:
        # Enough to fill what the kernel holds for a client that stalls.
        found.append(("RAW", f"fast.{item}", ""))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, help="duration (default %(default)s)")
    parser.add_argument("--sessions", type=int, default=5000, help="clients at a time (default %(default)s)")
    parser.add_argument("--life", type=float, default=120, help="mean life of a client, s (default %(default)s)")
    parser.add_argument("--trouble", type=float, default=60, help="mean time between troubles, s (default %(default)s)")
    arguments = parser.parse_args()
    raise_limit()
    server = Server(CONFIGURATION)
    files_before = server.files()
    swarm = Swarm(server.port)
    numbers = iter(range(10**9))
    chosen = random.Random(1)

    def one() -> None:
        member = swarm.add(*adds(next(numbers)))
        swarm.later(chosen.expovariate(1 / arguments.life) + 5, leave, member)
        trouble_later(member)

    def leave(member: Member) -> None:
        if not stopping:
            member.leave()
            one()

    def trouble_later(member: Member) -> None:
        swarm.later(chosen.expovariate(1 / arguments.trouble) + 1, trouble, member)

    def trouble(member: Member) -> None:
        if stopping or member.closing:
            return
        kind = chosen.random()
        if kind < 0.6:
            member.cut()
            swarm.counts["cut"] += 1
        elif kind < 0.9:
            member.stall(chosen.uniform(1, 8))
            swarm.counts["stalled"] += 1
        else:
            member.stall(chosen.uniform(15, 45))
            swarm.counts["stalled longer than the write timeout"] += 1
        trouble_later(member)

    stopping = False
    begin = time.monotonic()
    for number in range(arguments.sessions):
        swarm.later(number * 0.004, one)
    samples: list[tuple[float, float]] = []
    silent = 0
    end = begin + 60 * arguments.minutes
    print(f"{arguments.sessions} sessions for {arguments.minutes:g} minutes, port {server.port}", flush=True)
    while time.monotonic() < end:
        cpu, updates, at = server.cpu(), swarm.updates, time.monotonic()
        swarm.run(min(10.0, max(0.1, end - at)))
        passed = time.monotonic() - at
        samples.append((time.monotonic() - begin, server.rss()))
        silent += passed > 5 and swarm.updates == updates
        print(
            f"{samples[-1][0]:6.0f} s: {swarm.up} up, {(swarm.updates - updates) / passed:.0f} updates/s,"
            f" {server.rss():.1f} MiB, {server.files()} files, {100 * (server.cpu() - cpu) / passed:.0f} % of a core,"
            f" {swarm.counts['inconsistencies']} inconsistencies",
            flush=True,
        )
    stopping = True
    up = swarm.up
    for member in list(swarm.members):
        member.leave()
    swarm.run(30, lambda: not swarm.members)
    swarm.run(2)
    files_after = server.files()
    status = server.stop()
    second = samples[len(samples) // 2 :]
    # The level at the end of the second half against that at its beginning.
    third = max(1, len(second) // 3)
    before, after = (statistics.median(rss for _, rss in part) for part in (second[:third], second[-third:]))
    growth = after / before - 1
    pauses = [line for line in server.complaints() if PAUSE.search(line)]
    complaints = [line for line in server.complaints() if line not in pauses]
    print()
    for what, count in sorted(swarm.counts.items()):
        print(f"{count:9} {what}")
    print(f"{swarm.updates} updates; {up} of {arguments.sessions} up at the end")
    print(f"memory: {before:.1f} MiB -> {after:.1f} MiB in the second half ({100 * growth:+.1f} %)")
    print(f"open files: {files_before} before, {files_after} after; exit status {status}")
    print(f"overloads, and pauses of the machine: {len(pauses)}", *pauses[:5], sep="\n  ")
    print(f"complaints in the log: {len(complaints)}", *complaints[:10], sep="\n  ")
    print(f"inconsistencies: {swarm.counts['inconsistencies']}", *swarm.problems[:10], sep="\n  ")
    faults = {
        f"memory grew by {100 * growth:.1f} % in the second half": growth >= GROWTH,
        f"{files_after - files_before} files stayed open": files_after > files_before,
        f"{len(complaints)} lines of the log tell of something wrong": bool(complaints),
        f"{swarm.counts['inconsistencies']} times a client was told something that cannot be": bool(swarm.problems),
        f"only {up} clients had a session at the end": up < LEAST_UP * arguments.sessions,
        f"{silent} looks found no updates": silent > 0,
        f"{len(swarm.members)} sessions did not end when asked": bool(swarm.members),
        f"the server ended with status {status}": status not in (0, -signal.SIGTERM),
    }
    wrong = [what for what, so in faults.items() if so]
    print("fine" if not wrong else "NOT FINE: " + "; ".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
