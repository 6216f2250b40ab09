"""The load: what the clients do, and the program in C that does it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks import machine
from benchmarks.programs import build

LONGEST = 110.0
"""Seconds that one load may take, set-up and all."""


@dataclass(frozen=True)
class Load:
    """
    Clients that are there, what they have subscribed to, and what comes.

    @ivar rate: updates a second, of all items together.
    @ivar items: different ones.
    @ivar per_client: how many of them each client has.
    @ivar burst: updates that come at the same moment, each of another item.
    @ivar size: bytes of a line, with its end.
    @ivar at_once: clients that connect before others are done.
    @ivar every: seconds between two messages of an item, when that is to be watched.
    @ivar apart: updates have a turn of the server's loop each, even if several are due; lsserver only.
    @ivar nap: seconds that the clients sleep each time they have read what there was, so that nobody wakes them: what
        it costs to wake another processor, and whether that is asleep, is no business of the server. Their latency then
        says nothing.
    @ivar calm: updates begin when the server has done what the subscriptions have left to it.
    @ivar idle: nothing comes; the connections are held and memory is looked at.
    """

    clients: int = 1000
    rate: float = 40.0
    items: int = 1
    per_client: int = 1
    burst: int = 1
    size: int = 64
    seconds: float = 4.0
    warm: float = 1.0
    at_once: int = 64
    every: float = 0.0
    apart: bool = False
    nap: float = 0.0
    calm: bool = False
    idle: bool = False

    def deliveries(self) -> float:
        """Messages a second that all clients get together."""
        return self.rate * self.clients * self.per_client / self.items

    def scale(self) -> str:
        """How much of everything there is, in a few words."""
        return f"{self.clients} clients, {self.items} items, {self.per_client} each"

    def eased(self, most: float) -> Load:
        """
        No more messages a second than a server is up to, so that not the length of its queues is measured: fewer
        updates, of which each costs the same.
        """
        return replace(self, rate=self.rate * min(1.0, most / self.deliveries()))


@dataclass(frozen=True)
class Figures:
    """
    What came of a load.

    @ivar us: CPU time of the server for each delivered message, microseconds.
    @ivar slices: the same of each fifth of a second.
    @ivar octets: that arrived for each message, with the heads of frames.
    @ivar rate: messages a second that arrived.
    @ivar p50: latency, milliseconds; so are the others.
    @ivar late: milliseconds by which a message of an item came later than C{every} after the one before it: 99 of 100,
        and all.
    @ivar setup_us: CPU time of the server for each client until it had subscribed, microseconds.
    @ivar setup_s: seconds until all had.
    @ivar kb_per_client: memory that each client has cost the server, KiB; only of idle loads.
    @ivar lost: connections that the server closed.
    @ivar load_cpu: percent of a core that the load client itself used.
    """

    us: float = 0.0
    octets: float = 0.0
    rate: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    p999: float = 0.0
    most: float = 0.0
    mean: float = 0.0
    late: tuple[float, float] = (0.0, 0.0)
    setup_us: float = 0.0
    setup_s: float = 0.0
    kb_per_client: float = 0.0
    cpu: float = 0.0
    lost: int = 0
    load_cpu: float = 0.0
    slices: tuple[float, ...] = ()


class LoadError(Exception):
    """The load client gave up. The text is its own."""


def run(load: Load, port: int, pids: Sequence[int], script: Sequence[str]) -> Figures:
    """
    Have the clients come and count.

    @param pids: the processes of the server.
    @param script: further options of C{wsload}, what to say among them.
    @raise LoadError: it did not work.
    """
    options: dict[str, Any] = {
        "port": port,
        "pid": ",".join(map(str, pids)),
        "n": load.clients,
        "items": load.items,
        "per-conn": load.per_client,
        "inflight": load.at_once,
        "warm": load.warm,
        "dur": load.seconds,
        "every": load.every,
        "nap": round(load.nap * 1e6),
        "setup-timeout": LONGEST - load.seconds - load.warm,
    }
    command = [str(build("wsload")), *(f"--{name}={value}" for name, value in options.items()), *script]
    if load.calm:
        command.append("--calm")
    if load.idle:
        command.append("--idle")
    try:
        done = subprocess.run(
            machine.pinned(machine.LOAD_CORE, command), capture_output=True, text=True, timeout=LONGEST + 10
        )
    except subprocess.TimeoutExpired:
        raise LoadError("the load client did not end") from None
    if done.returncode != 0:
        raise LoadError(done.stderr.strip() or f"the load client ended with status {done.returncode}")
    return figures(json.loads(done.stdout.strip().splitlines()[-1]))


def figures(found: dict[str, Any]) -> Figures:
    """From what C{wsload} prints."""
    held = Figures(setup_us=found["setup_cpu_us_per_conn"], setup_s=found["setup_s"], lost=found["dead"])
    if "msgs" not in found:
        return replace(held, kb_per_client=found["kb_per_conn"], cpu=found["idle_cpu_pct"])
    if not found["msgs"]:
        raise LoadError("no message arrived")
    return replace(
        held,
        us=found["srv_us_per_msg"],
        octets=found["bytes"] / found["msgs"],
        rate=found["msgs_per_s"],
        p50=found["p50_ms"],
        p99=found["p99_ms"],
        p999=found["p999_ms"],
        most=found["max_ms"],
        mean=found["mean_ms"],
        late=(found["late_p99_ms"], found["late_max_ms"]),
        cpu=found["srv_cpu_pct"],
        load_cpu=found["client_cpu_pct"],
        slices=tuple(found["slices"]),
    )
