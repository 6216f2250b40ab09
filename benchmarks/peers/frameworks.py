"""
Frameworks that have rooms or channels, and a protocol of their own over WebSockets, with what they do by default.

All of them send a frame for each client and message. What they add to WebSockets is compared as well: names of events
and channels around each message, and pings.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from benchmarks.client import Figures, Load
from benchmarks.peers.libraries import node_environment, node_package_missing, publishing
from benchmarks.programs import HERE

SOCKET_IO_SCRIPT = [
    "--path=/socket.io/?EIO=4&transport=websocket",
    "--step=w:0{",
    "--step=s:40",
    "--step=w:40{",
    '--step=S:42["sub","{item}"]',
    "--step=w:SUBOK",
]
"""Engine.IO opens, the client joins the main namespace, then it sends an event for each room."""

FAYE_SCRIPT = [
    "--path=/faye",
    '--step=s:[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["websocket"],"id":"1"}]',
    '--step=c:"clientId":"',
    '--step=s:[{"channel":"/meta/connect","clientId":"{cap}","connectionType":"websocket","id":"2"}]',
    '--step=S:[{"channel":"/meta/subscribe","clientId":"{cap}","subscription":"/item{item}","id":"s{j}"}]',
    "--step=w:/meta/subscribe",
]
"""Bayeux. The server holds the C{connect} for 45 seconds, which is longer than any load."""


@dataclass(frozen=True)
class NodeFramework:
    """
    A framework for Node.js.

    @ivar package: its name in the registry.
    @ivar program: the file that publishes.
    @ivar script: what clients say.
    @ivar most: messages a second that it is up to.
    """

    name: str
    package: str
    program: str
    script: Sequence[str]
    most: float = math.inf

    def missing(self) -> str | None:
        """As L{benchmarks.contenders.Contender}."""
        return node_package_missing(self.package)

    def measure(self, load: Load) -> Figures:
        """As L{benchmarks.contenders.Contender}."""
        command = ["node", str(HERE / "peers" / self.program)]
        return publishing(command, load.eased(self.most), node_environment(), script=self.script)


SOCKET_IO = NodeFramework("socket.io", "socket.io", "socket_io.js", SOCKET_IO_SCRIPT)
FAYE = NodeFramework("Faye", "faye", "faye_server.js", FAYE_SCRIPT, most=30_000)


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
        return publishing(command, load.eased(6_000), script=SOCKET_IO_SCRIPT)
