"""Servers between publishers and subscribers with protocols in JSON; the load client publishes, as their users do."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass

from benchmarks import machine
from benchmarks.client import Figures, Load, run
from benchmarks.peers.brokers import publisher, text
from benchmarks.programs import BUILD
from benchmarks.server import Program

CENTRIFUGO = "github.com/centrifugal/centrifugo/v6@v6.9.1"


def found(name: str, folder: str) -> str | None:
    """Where it is, in the system or where L{Contender.missing} says that it is to be put."""
    return shutil.which(name) or shutil.which(name, path=str(BUILD / folder))


@dataclass(frozen=True)
class Centrifugo:
    """
    Centrifugo with its engine in memory and without tokens, over its protocol in JSON. It writes what has come for a
    client meanwhile in one frame.
    """

    name: str = "Centrifugo"

    def missing(self) -> str | None:
        """As L{benchmarks.contenders.Contender}."""
        if found("centrifugo", "bin"):
            return None
        return f"install Go, then: GOBIN=$PWD/benchmarks/build/bin go install {CENTRIFUGO}"

    def measure(self, load: Load) -> Figures:
        """As L{benchmarks.contenders.Contender}."""
        port = machine.free_port()
        configuration = {
            "http_server": {"address": "127.0.0.1", "port": port},
            "client": {"insecure": True, "allowed_origins": ["*"], "channel_limit": 1000},
        }
        hello = ['s:{"id":1,"connect":{}}', 'w:"connect":']
        script = ["--path=/connection/websocket", *(f"--step={step}" for step in hello)]
        script += ['--step=S:{"id":2,"subscribe":{"channel":"item{item}"}}', '--step=w:"subscribe":']
        script += [f"--pub-step={step}" for step in hello]
        script += [f'--pub=s:{{"id":3,"publish":{{"channel":"item{{item}}","data":"{text(load)}"}}}}', *publisher(load)]
        command = [str(found("centrifugo", "bin")), "--config", "centrifugo.json"]
        files = {"centrifugo.json": json.dumps(configuration)}
        with Program(command, "serving websocket", files=files) as server:
            return run(load, port, server.pids(), script)


@dataclass(frozen=True)
class Crossbar:
    """Crossbar.io, one router, WAMP in JSON."""

    name: str = "crossbar"

    def missing(self) -> str | None:
        """As L{benchmarks.contenders.Contender}. With a hundred requirements it has an environment of its own."""
        if found("crossbar", "crossbar/bin"):
            return None
        return (
            "python3 -m venv benchmarks/build/crossbar && benchmarks/build/crossbar/bin/pip install crossbar"
            " (it wants Python 3.11 or newer)"
        )

    def measure(self, load: Load) -> Figures:
        """As L{benchmarks.contenders.Contender}."""
        load = load.eased(15_000)
        port = machine.free_port()
        allowed = {"uri": "", "match": "prefix", "allow": {"publish": True, "subscribe": True}}
        realm = {"name": "bench", "roles": [{"name": "anonymous", "permissions": [allowed]}]}
        endpoint = {"type": "tcp", "interface": "127.0.0.1", "port": port, "backlog": 4096}
        transport = {"type": "websocket", "endpoint": endpoint, "serializers": ["json"]}
        router = {"type": "router", "realms": [realm], "transports": [transport]}
        files = {"config.json": json.dumps({"version": 2, "workers": [router]})}
        hello = ['s:[1,"bench",{"roles":{"publisher":{},"subscriber":{}}}]', "w:[2,"]
        script = ["--proto=wamp.2.json", *(f"--step={step}" for step in hello)]
        script += ['--step=S:[32,{j},{},"bench.item{item}"]', "--step=w:[33,"]
        script += [f"--pub-step={step}" for step in hello]
        script += [f'--pub=s:[16,{{j}},{{}},"bench.item{{item}}",["{text(load)}"]]', *publisher(load)]
        command = [str(found("crossbar", "crossbar/bin")), "start", "--cbdir", "."]
        with Program(command, "NODE_BOOT_COMPLETE", files=files) as server:
            return run(load, port, server.pids(), script)
