"""
Other servers, as their users run them, under the loads of lsserver. One that is not installed is left out.

What they need: C{pip install -e '.[bench]'}; C{npm install --prefix benchmarks/build ws}; the packages
C{nginx libnginx-mod-nchan mosquitto nats-server} of the system.
"""

from __future__ import annotations

from benchmarks.contenders import Contender
from benchmarks.peers.brokers import BehindNginx, Mosquitto, Nats, Nchan
from benchmarks.peers.libraries import Autobahn, NodeWs, Websockets

FANOUT: tuple[Contender, ...] = (NodeWs(), Websockets(), Autobahn(), Nats(), Mosquitto(), Nchan())
"""One item to many."""

FANOUT_QUICK: tuple[Contender, ...] = (NodeWs(), Websockets(), Nchan())
"""Of these the one that is nearest of each kind, for a short run."""

ITEMS: tuple[Contender, ...] = (NodeWs(), Websockets(), Nats(), Mosquitto())
"""Several items for each client."""

SECURE: tuple[Contender, ...] = (NodeWs("Node ws", tls=True), Nchan("nchan", tls=True), BehindNginx())
"""One item to many, with TLS."""


def installed(peers: tuple[Contender, ...]) -> tuple[list[Contender], list[str]]:
    """Those that are there, and a line for each that is not."""
    there, lines = [], []
    for peer in peers:
        missing = peer.missing()
        if missing is None:
            there.append(peer)
        else:
            lines.append(f"{peer.name} is left out: {missing}")
    return there, lines
