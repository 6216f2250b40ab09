"""F and G: what sessions cost to make, and to keep."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.client import Figures, Load
from benchmarks.contenders import Contender, Lsserver
from benchmarks.peers.libraries import Autobahn, NodeWs, Websockets
from benchmarks.rounds import in_turn
from benchmarks.table import Row
from benchmarks.works.work import Outcome, Settings

SOME = Load(clients=3000, idle=True, seconds=1.0)
"""64 at a time."""

STORM = Load(clients=10_000, idle=True, seconds=1.0, at_once=10_000)
"""All at the same moment."""

KEPT = Load(clients=10_000, idle=True, seconds=3.0, at_once=256)
CPU = 400.0
MEMORY = 12.0
MEMORY_WITH_TLS = 40.0


def setup(figures: Figures) -> float:
    """Microseconds for each session."""
    return figures.setup_us


def memory(figures: Figures) -> float:
    """KiB for each session."""
    return figures.kb_per_client


def making(settings: Settings) -> Outcome:
    """F: connect, create a session, subscribe, first update; the peers open a WebSocket and answer one message."""
    peers, lines = settings.those("F", (NodeWs(), Websockets(), Autobahn()), (NodeWs(),))
    load = replace(SOME, clients=1000) if settings.quick else SOME
    rounds = in_turn([Lsserver(), *peers], settings.load(load), settings.count(3))
    rows = []
    if "lsserver" in rounds.figures:
        cost = rounds.median("lsserver", setup)
        rows.append(Row("F", f"{cost:.0f} us of CPU a session", aim=f"<= {CPU:g} us", met=cost <= CPU))
        for peer in peers:
            if peer.name in rounds.figures:
                other = f"{peer.name}, bare WebSocket, {rounds.median(peer.name, setup):.0f} us"
                rows.append(
                    Row("F", f"{cost:.0f} us of CPU a session", other, rounds.ratio("lsserver", peer.name, setup))
                )
    else:
        rows.append(Row("F", f"failed: {rounds.failures['lsserver']}", aim="to work", met=False))
    crowd = settings.load(replace(STORM, clients=2000, at_once=2000) if settings.quick else STORM)
    storm = in_turn([Lsserver()], crowd, 1)
    if "lsserver" in storm.figures:
        (found,) = storm.figures["lsserver"]
        figure = f"{crowd.clients} at once after {found.setup_s:.1f} s, {found.setup_us:.0f} us each"
        rows.append(Row("F", figure, aim="none refused", met=found.lost == 0))
    else:
        rows.append(Row("F", f"at once: {storm.failures['lsserver']}", aim="none refused", met=False))
    return Outcome(rows, notes=lines)


def keeping(settings: Settings) -> Outcome:
    """G."""
    rows: list[Row] = []
    peers, lines = settings.those("G", (NodeWs(), Websockets()), ())
    load = settings.load(KEPT)
    if settings.quick:
        load = replace(load, clients=min(load.clients, 1000))
    rounds = in_turn([Lsserver(), *peers], load, 1)
    kinds: list[tuple[Contender, str, float]] = [
        (Lsserver(), "G", MEMORY),
        (Lsserver("TLS", tls=True), "G TLS", MEMORY_WITH_TLS),
    ]
    for contender, work, aim in kinds:
        found = rounds if contender.name in rounds.figures else in_turn([contender], load, 1)
        if contender.name not in found.figures:
            rows.append(Row(work, f"failed: {found.failures[contender.name]}", aim="to work", met=False))
            continue
        cost = found.median(contender.name, memory)
        figure = f"{cost:.1f} KB a session, {load.clients} of them"
        rows.append(Row(work, figure, aim=f"<= {aim:g} KB", met=cost <= aim))
        for peer in peers if found is rounds else ():
            if peer.name in rounds.figures:
                other = f"{peer.name}, bare WebSocket, {rounds.median(peer.name, memory):.1f} KB"
                rows.append(Row(work, figure, other, rounds.ratio(contender.name, peer.name, memory)))
    return Outcome(rows, notes=lines)
