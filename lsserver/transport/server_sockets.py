"""
Accepted connections as Twisted makes them, in less memory.
"""

# Twisted's transports have no types.
# mypy: disallow-untyped-calls=False
from __future__ import annotations

from typing import Any

from twisted.internet import tcp


class Server(tcp.Server):
    """
    A connection with all its attributes from the beginning.

    Python keeps the names of attributes once for all objects of a class, but only of
    those that the first objects have got early; Twisted adds some later, and with that
    every connection has a table of names of its own, 600 bytes of them.
    """

    def __init__(self, *arguments: Any) -> None:
        self.producer = None
        self.producerPaused = False
        self.streamingProducer = False
        self.disconnecting = False
        self.disconnected = 0
        self.dataBuffer = b""
        self.offset = 0
        super().__init__(*arguments)


def lean(port: Any) -> None:
    """Have a port make such connections, if it is one of TCP as they usually are."""
    if isinstance(port, tcp.Port) and port.transport is tcp.Server:
        port.transport = Server  # type: ignore[assignment]
