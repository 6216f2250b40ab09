"""Libraries for WebSockets, with the smallest program that publishes: no sessions, no recovery, no modes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from benchmarks import machine
from benchmarks.certificate import certificate
from benchmarks.client import Figures, Load, run
from benchmarks.programs import BUILD, HERE
from benchmarks.server import Program

SCRIPT = ["--step=S:SUB {item}", "--step=w:SUBOK"]


def compression(wanted: bool) -> dict[str, str]:
    """What tells a program to offer permessage-deflate."""
    return {"BENCHMARK_COMPRESSION": "deflate" if wanted else ""}


def asking(wanted: bool) -> list[str]:
    """Clients that ask for it, or not."""
    return [*SCRIPT, "--deflate"] if wanted else SCRIPT


def publishing(
    command: list[str],
    load: Load,
    environment: dict[str, str] | None = None,
    tls: bool = False,
    script: Sequence[str] = SCRIPT,
) -> Figures:
    """
    Measure a program that publishes once it has as many subscriptions as it is told.

    @param command: without C{PORT SUBSCRIPTIONS ITEMS RATE BURST SIZE}.
    @param script: what clients say, and further options of the load client.
    """
    port = machine.free_port()
    # One subscription more than there are, and it never publishes.
    numbers = [port, load.clients * load.per_client + load.idle, load.items, load.rate, load.burst, load.size]
    command = [*command, *(f"{number:g}" for number in numbers)]
    files = certificate() if tls else None
    with Program(command, "listening", files=files, environment=environment) as server:
        return run(load, port, server.pids(), [*script, "--tls"] if tls else script)


@dataclass(frozen=True)
class NodeWs:
    """The package C{ws} of Node.js."""

    name: str = "Node ws"
    tls: bool = False
    deflate: bool = False

    def missing(self) -> str | None:
        """As L{benchmarks.contenders.Contender}."""
        return node_package_missing("ws")

    def measure(self, load: Load) -> Figures:
        """As L{benchmarks.contenders.Contender}."""
        environment = {**node_environment(), "BENCHMARK_TLS": "yes" if self.tls else "", **compression(self.deflate)}
        command = ["node", str(HERE / "peers" / "node_ws.js")]
        if self.deflate:
            # By a pool of threads, a message after the other for each client.
            load = load.eased(6_000)
        return publishing(command, load, environment, self.tls, asking(self.deflate))


def node_package_missing(name: str) -> str | None:
    """What is to be installed for it, C{None} if nothing is."""
    if shutil.which("node") is None:
        return "install Node.js"
    found = subprocess.run(["node", "-e", f"require('{name}')"], env=node_environment(), capture_output=True)
    return None if found.returncode == 0 else f"npm install --prefix benchmarks/build {name}"


def node_environment() -> dict[str, str]:
    """Where the packages are."""
    return {**os.environ, "NODE_PATH": str(BUILD / "node_modules")}


@dataclass(frozen=True)
class Websockets:
    """The Python package C{websockets}, and what it offers for this: C{broadcast}."""

    name: str = "websockets"
    deflate: bool = False

    def missing(self) -> str | None:
        """As L{benchmarks.contenders.Contender}."""
        return None if find_spec("websockets") else "pip install -e '.[bench]'"

    def measure(self, load: Load) -> Figures:
        """As L{benchmarks.contenders.Contender}."""
        command = [sys.executable, str(HERE / "peers" / "websockets_server.py")]
        return publishing(command, load, compression(self.deflate), script=asking(self.deflate))


@dataclass(frozen=True)
class PythonFloor:
    """As the floor in C, in Python: what an interpreter needs for C{send} alone."""

    name: str = "Python floor"

    def missing(self) -> str | None:
        """Nothing."""
        return None

    def measure(self, load: Load) -> Figures:
        """As L{benchmarks.contenders.Contender}."""
        return publishing([sys.executable, str(HERE / "peers" / "send_server.py")], load)


@dataclass(frozen=True)
class Autobahn:
    """The Python package C{autobahn} on Twisted, with its own C{sendPreparedMessage}."""

    name: str = "Autobahn"

    def missing(self) -> str | None:
        """It comes with lsserver."""
        return None

    def measure(self, load: Load) -> Figures:
        """As L{benchmarks.contenders.Contender}."""
        return publishing([sys.executable, str(HERE / "peers" / "autobahn_server.py")], load)
