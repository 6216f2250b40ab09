"""A site on a real socket, and a client that reads when it likes."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, serverFromString, wrapClientTLS
from twisted.internet.protocol import Protocol
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.trial.unittest import TestCase

from lsserver.transport.direct import tcp_below
from lsserver.transport.settings import TransportSettings
from lsserver.transport.site import make_site
from lsserver.transport.tls import harden
from tests.transport.fakes import FakeKernel
from tests.transport.sockets import certificate

reactor: Any = _reactor


class Reader(Protocol):
    """Collects what comes; tests wait for what they need."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.lost: Deferred[Any] = Deferred()
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        self._look()

    def connectionLost(self, reason: Any = None) -> None:
        self.lost.callback(None)

    def until(self, condition: Callable[[], bool]) -> Deferred[None]:
        """Fires as soon as this is true of what has come."""
        result: Deferred[None] = Deferred()
        self._waiting.append((condition, result))
        self._look()
        return result

    def until_has(self, wanted: bytes) -> Deferred[None]:
        return self.until(lambda: wanted in self.data)

    def take(self) -> bytes:
        data = bytes(self.data)
        self.data.clear()
        return data

    def _look(self) -> None:
        ready = [entry for entry in self._waiting if entry[0]()]
        for entry in ready:
            self._waiting.remove(entry)
            entry[1].callback(None)


class LoopbackTestCase(TestCase):
    """
    @ivar tls: listen with TLS.
    @ivar channels: the server's ends of all connections.
    """

    tls = False
    timeout = 120

    async def listen(self, settings: TransportSettings | None = None, **options: Any) -> None:
        self.kernel = FakeKernel()
        site = make_site(
            self.kernel,  # type: ignore[arg-type]
            settings or TransportSettings(),
            server_name="Test",
            **options,
        )
        self.channels: list[Any] = []
        build = site.buildProtocol

        def remembering(address: Any) -> Any:
            self.channels.append(build(address))
            return self.channels[-1]

        self.patch(site, "buildProtocol", remembering)
        await self.open(site)

    async def open(self, site: Any) -> None:
        """Listen, until the test ends."""
        text = "tcp:0:interface=127.0.0.1"
        if self.tls:
            self.pem = certificate()
            path = Path(self.mktemp())
            path.write_bytes(self.pem)
            text = f"ssl:0:interface=127.0.0.1:privateKey={path}"
        self.port = await harden(serverFromString(reactor, text)).listen(site)
        self.addCleanup(self.port.stopListening)

    def shrink(self, reader: Reader, size: int = 4096) -> None:
        """Small buffers on both ends of the latest connection, so that little is enough to fill them; or large ones."""
        for transport, option in (
            (reader.transport, socket.SO_RCVBUF),
            (self.channels[-1].transport, socket.SO_SNDBUF),
        ):
            bottom = tcp_below(transport)
            assert bottom is not None
            bottom.socket.setsockopt(socket.SOL_SOCKET, option, size)

    async def connect(self) -> Reader:
        endpoint: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)
        if self.tls:
            endpoint = wrapClientTLS(
                optionsForClientTLS("localhost", trustRoot=Certificate.loadPEM(self.pem)), endpoint
            )
        reader = await connectProtocol(endpoint, Reader())

        async def gone() -> None:
            if not reader.lost.called:
                reader.transport.abortConnection()
                await reader.lost

        self.addCleanup(lambda: Deferred.fromCoroutine(gone()))
        return reader
