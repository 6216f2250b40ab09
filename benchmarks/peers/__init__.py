"""
Other servers, as their users run them, under the loads of lsserver. One that is not installed is left out.

What they need: C{pip install -e '.[bench]'}; C{npm install --prefix benchmarks/build ws socket.io faye}; the packages
C{nginx libnginx-mod-nchan mosquitto nats-server} of the system; Centrifugo, built by Go, and Crossbar.io in an
environment of its own (docs/performance.md has the commands).
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.contenders import Contender
from benchmarks.peers.brokers import BehindNginx, Mosquitto, Nats, Nchan
from benchmarks.peers.frameworks import FAYE, SOCKET_IO, PythonSocketIo
from benchmarks.peers.libraries import Autobahn, NodeWs, Websockets
from benchmarks.peers.routers import Centrifugo, Crossbar

FANOUT: tuple[Contender, ...] = (
    *(NodeWs(), Websockets(), Autobahn()),
    *(Nats(), Mosquitto(), Nchan(), Centrifugo(), Crossbar()),
    *(SOCKET_IO, FAYE, PythonSocketIo()),
)
"""One item to many."""

FANOUT_QUICK: tuple[Contender, ...] = (NodeWs(), Nchan())
"""Of these the nearest library and the nearest server, for a short run."""

ITEMS: tuple[Contender, ...] = (NodeWs(), Websockets(), Nats(), Mosquitto(), Centrifugo(), SOCKET_IO)
"""Several items for each client; those that are up to 50 000 messages a second."""

SECURE: tuple[Contender, ...] = (NodeWs("Node ws", tls=True), Nchan("nchan", tls=True), BehindNginx())
"""One item to many, with TLS."""

SECURE_QUICK: tuple[Contender, ...] = (Nchan("nchan", tls=True),)
"""Of these the cheapest, for a short run."""


def installed(peers: Sequence[Contender]) -> tuple[list[Contender], list[str]]:
    """Those that are there, and a line for each that is not."""
    there, lines = [], []
    for peer in peers:
        missing = peer.missing()
        if missing is None:
            there.append(peer)
        else:
            lines.append(f"{peer.name} is left out: {missing}")
    return there, lines
