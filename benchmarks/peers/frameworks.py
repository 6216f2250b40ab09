"""
Frameworks that have rooms or channels, and a protocol of their own over WebSockets, with what they do by default.

All of them send a frame for each client and message. What they add to WebSockets is compared as well: names of events
and channels around each message, and pings.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.util import find_spec

from benchmarks.client import Figures, Load
from benchmarks.peers.libraries import node_environment, node_package_missing, publishing
from benchmarks.programs import HERE

SOCKET_IO = [
    "--path=/socket.io/?EIO=4&transport=websocket",
    "--step=w:0{",
    "--step=s:40",
    "--step=w:40{",
    '--step=S:42["sub","{item}"]',
    "--step=w:SUBOK",
]
"""Engine.IO opens, the client joins the main namespace, then it sends an event for each room."""

FAYE = [
    "--path=/faye",
    '--step=s:[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["websocket"],"id":"1"}]',
    '--step=c:"clientId":"',
    '--step=s:[{"channel":"/meta/connect","clientId":"{cap}","connectionType":"websocket","id":"2"}]',
    '--step=S:[{"channel":"/meta/subscribe","clientId":"{cap}","subscription":"/item{item}","id":"s{j}"}]',
    "--step=w:/meta/subscribe",
]
"""Bayeux. The server holds the C{connect} for 45 seconds, which is longer than any load."""


@dataclass(frozen=True)
class SocketIo:
    """socket.io for Node.js."""

    name: str = "socket.io"

    def missing(self) -> str | None:
        """As L{benchmarks.contenders.Contender}."""
        return node_package_missing("socket.io")

    def measure(self, load: Load) -> Figures:
        """As L{benchmarks.contenders.Contender}."""
        command = ["node", str(HERE / "peers" / "socket_io.js")]
        return publishing(command, load, node_environment(), script=SOCKET_IO)


@dataclass(frozen=True)
class Faye:
    """Faye for Node.js."""

    name: str = "Faye"

    def missing(self) -> str | None:
        """As L{benchmarks.contenders.Contender}."""
        return node_package_missing("faye")

    def measure(self, load: Load) -> Figures:
        """As L{benchmarks.contenders.Contender}."""
        command = ["node", str(HERE / "peers" / "faye_server.js")]
        return publishing(command, load.eased(30_000), node_environment(), script=FAYE)


@dataclass(frozen=True)
class PythonSocketIo:
    """python-socketio on aiohttp."""

    name: str = "python-socketio"

    def missing(self) -> str | None:
        """As L{benchmarks.contenders.Contender}."""
        return None if find_spec("socketio") and find_spec("aiohttp") else "pip install -e '.[bench]'"

    def measure(self, load: Load) -> Figures:
        """As L{benchmarks.contenders.Contender}."""
        command = [sys.executable, str(HERE / "peers" / "socketio_server.py")]
        return publishing(command, load.eased(6_000), script=SOCKET_IO)
