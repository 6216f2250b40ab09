"""
Ten thousand sessions are cut at the same moment and come back as the SDKs do::

    python -m benchmarks.storm
    python -m benchmarks.storm --sessions 2000 --storms 5

How long until all are back, how many were recovered, and how long each had to wait. The exit status is 1 if
a client saw anything missing, doubled or out of order, or if not all came back.
"""

from __future__ import annotations

import argparse
import sys
import time

from benchmarks.server import Server
from benchmarks.swarm import Swarm, raise_limit

ITEMS = 50


def percentile(values: list[float], part: float) -> float:
    """Of a list that is not empty."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=10_000, help="clients (default %(default)s)")
    parser.add_argument("--storms", type=int, default=3, help="times that all are cut (default %(default)s)")
    parser.add_argument("--ramp", type=float, default=400, help="creations a second at first (default %(default)s)")
    arguments = parser.parse_args()
    raise_limit()
    server = Server("")
    swarm = Swarm(server.port)

    def one(number: int) -> None:
        swarm.add(("RAW", f"raw.{number % ITEMS}", ""))

    begin = time.monotonic()
    for number in range(arguments.sessions):
        swarm.later(number / arguments.ramp, one, number)
    swarm.run(300, lambda: len(swarm.members) == swarm.up == arguments.sessions)
    print(f"{swarm.up} up after {time.monotonic() - begin:.1f} s, {server.rss():.0f} MiB", flush=True)
    fine = swarm.up == arguments.sessions
    for storm in range(1, arguments.storms + 1):
        swarm.run(5)
        before, cpu = dict(swarm.counts), server.cpu()
        swarm.times.clear()
        begin = time.monotonic()
        for member in swarm.members:
            member.cut()
        back = swarm.run(120, lambda: swarm.up == arguments.sessions)
        took = time.monotonic() - begin
        changed = {
            name: count - before.get(name, 0) for name, count in swarm.counts.items() if count > before.get(name, 0)
        }
        print(
            f"storm {storm}: all back after {took:.1f} s, each within p50 {percentile(swarm.times, 0.5):.2f} s,"
            f" p99 {percentile(swarm.times, 0.99):.2f} s; {changed};"
            f" {server.cpu() - cpu:.1f} s of CPU, {server.rss():.0f} MiB",
            flush=True,
        )
        fine = fine and back
    swarm.run(5)
    print(f"inconsistencies: {swarm.counts['inconsistencies']}", *swarm.problems[:10], sep="\n  ")
    print("log:", *server.complaints()[:20], sep="\n  ")
    for member in list(swarm.members):
        member.leave()
    swarm.run(60, lambda: not swarm.members)
    server.stop()
    return 0 if fine and not swarm.problems else 1


if __name__ == "__main__":
    sys.exit(main())
