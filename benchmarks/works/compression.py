"""Z: what permessage-deflate saves and costs, beside the same messages without it, and beside peers that compress."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.client import Load
from benchmarks.contenders import Contender, Lsserver
from benchmarks.peers.libraries import NodeWs, Websockets
from benchmarks.rounds import Rounds, in_turn
from benchmarks.table import Row
from benchmarks.works.fanout import ONE
from benchmarks.works.work import Outcome, Settings

SIZES = (100, 300, 1000)
"""Bytes of a line; it is of numbers, and compresses as they do."""

RATE = 20.0
"""Updates a second: half of A's, since the peers compress each message once for each client."""

ON = "[websocket]\nuse_compression = true\ncompression_threshold = 0\n"
OURS = Lsserver("compressed", configuration=ON, deflate=True)
PLAIN = Lsserver("plain")
PEERS: tuple[Contender, ...] = (NodeWs(deflate=True), Websockets(deflate=True))
"""
Clients ask for messages that stand each for itself, which is what lsserver makes, and which saves the peers the memory
of a compressor for each connection.
"""


def needed(rounds: Rounds, name: str) -> str:
    """Bytes and time."""
    return f"{rounds.octets(name):.0f} bytes, {rounds.cost(name):.2f} us/message"


def rows(work: str, rounds: Rounds) -> list[Row]:
    """Beside ourselves without compression, then beside the peers with it."""
    if OURS.name in rounds.failures:
        return [Row(work, f"failed: {rounds.failures[OURS.name]}", aim="to work", met=False)]
    found = []
    for name, words in ((PLAIN.name, "not compressed"), *((peer.name, peer.name) for peer in PEERS)):
        if name in rounds.failures:
            found.append(Row(work, needed(rounds, OURS.name), f"{words}: {rounds.failures[name]}"))
        elif name in rounds.figures:
            beside = f"{words} {needed(rounds, name)}"
            found.append(Row(work, needed(rounds, OURS.name), beside, rounds.cost_ratio(OURS.name, name)))
    return found


def measure(settings: Settings) -> Outcome:
    """As L{Work.measure}."""
    outcome = Outcome(notes=["Z: the ratio is that of CPU time"])
    sizes = (300,) if settings.quick else SIZES
    peers, lines = settings.those("Z", PEERS, ())
    outcome.notes += lines
    for size in sizes:
        load: Load = settings.load(replace(ONE, rate=RATE, size=size))
        rounds = in_turn([PLAIN, OURS, *(peers if size == 300 else ())], load, settings.count(3))
        outcome.rows += rows(f"Z {size} bytes", rounds)
    return outcome
