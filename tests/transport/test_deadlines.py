"""What must come in time, when it comes one byte after the other."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path

from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase

from lsserver.transport.settings import TransportSettings
from tests.transport.fakes import VERSION, Response, Wire, World, http, post
from tests.transport.sockets import certificate, server_options, trust


class TcpWire(Wire):
    """What TLS takes for granted of TCP."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass


class HandshakeCase(SynchronousTestCase):
    """TLS, in memory: bytes go to and fro by hand."""

    def setUp(self) -> None:
        self.world = World(TransportSettings(handshake_timeout_millis=4_000, handshake_pool_max_queue=2))
        pem = certificate()
        self.factory = TLSMemoryBIOFactory(server_options(pem), False, self.world.site, self.world.clock)
        self.wire = self.connect()
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        folder = Path(self.mktemp())
        folder.mkdir()
        self.client = trust(pem, folder).wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def connect(self) -> TcpWire:
        return TcpWire(self.factory.buildProtocol(None))

    def shake(self) -> bytes:
        """What the client sends next."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.client.do_handshake()
        return self.outgoing.read()


class Handshakes(HandshakeCase):
    """They must come to an end."""

    def dribble(self, data: bytes, seconds: float) -> None:
        """A byte each tenth of a second, for so long."""
        for byte in data[: round(seconds * 10)]:
            self.assertIsNone(self.wire.lost)
            self.wire.send(bytes([byte]))
            self.world.clock.advance(0.1)

    def test_dribbled(self) -> None:
        self.dribble(self.shake(), 3.9)
        self.assertIsNone(self.wire.lost)
        self.world.clock.advance(0.2)
        self.assertIsNotNone(self.wire.lost)
        self.assertEqual(self.world.site.connections.open, 0)

    def test_not_finished(self) -> None:
        """The client's last word is part of it."""
        self.incoming.write(self.wire.send(self.shake()))
        last = self.shake()
        self.world.clock.advance(2)
        self.dribble(last[:-1], 1.9)
        self.assertIsNone(self.wire.lost)
        self.world.clock.advance(0.2)
        self.assertIsNotNone(self.wire.lost)

    def test_request_after_it(self) -> None:
        """
        It has its own time, from the end of the handshake, and no byte of it gives it
        more; then the client is told, and may answer for a while.
        """
        self.incoming.write(self.wire.send(self.shake()))
        self.world.clock.advance(3)
        self.incoming.write(self.wire.send(self.shake()))
        request = post("heartbeat", b"\r\n")
        for byte in request[:19]:
            self.client.write(bytes([byte]))
            self.wire.send(self.outgoing.read())
            self.world.clock.advance(1)
        self.assertEqual(self.wire.take(), b"")
        self.world.clock.advance(1)
        self.assertEqual(self.read(), b"", "the end of TLS")
        self.world.clock.advance(15)
        self.assertIsNotNone(self.wire.lost)

    def read(self) -> bytes:
        self.incoming.write(self.wire.take())
        return self.client.read()


class Port:
    """A listening port; notes whether it accepts connections."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("paused")

    def resumeProducing(self) -> None:
        self.told.append("accepts")


class ManyHandshakes(HandshakeCase):
    """C{handshake_pool_max_queue}: connections wait, none is refused."""

    def setUp(self) -> None:
        super().setUp()
        self.handshakes = self.world.site.connections.handshakes
        self.ports = [Port(), Port()]
        for port in self.ports:
            self.handshakes.watch(port)
        self.others = [self.connect()]

    def told(self, *what: str) -> None:
        for port in self.ports:
            self.assertEqual(port.told, list(what))

    def test_until_one_is_over(self) -> None:
        self.told()
        self.others += [self.connect(), self.connect()]
        self.assertEqual(self.handshakes.under_way, 4)
        self.told("paused")
        self.others.pop().drop()
        self.told("paused")
        self.incoming.write(self.wire.send(self.shake()))
        self.wire.send(self.shake())
        self.assertEqual(self.handshakes.under_way, 2)
        self.told("paused", "accepts")
        self.wire.drop()
        self.assertEqual(self.handshakes.under_way, 2, "it is counted once")

    def test_until_they_have_taken_too_long(self) -> None:
        self.others += [self.connect()]
        self.told("paused")
        self.world.clock.advance(4)
        self.told("paused", "accepts")
        self.assertEqual((self.handshakes.under_way, self.world.site.connections.open), (0, 0))

    def test_refused_connections_begin_none(self) -> None:
        world = World(TransportSettings(max_connections=0))
        factory = TLSMemoryBIOFactory(server_options(certificate()), False, world.site, world.clock)
        wire = TcpWire(factory.buildProtocol(None))
        self.assertEqual(world.site.connections.handshakes.under_way, 0)
        wire.drop()
        self.assertEqual(world.site.connections.handshakes.under_way, 0)

    def test_no_limit(self) -> None:
        handshakes = self.world.site.connections.handshakes = type(self.handshakes)(-1)
        handshakes.watch(self.ports[0])
        for _ in range(100):
            handshakes.begin()
        for _ in range(100):
            handshakes.end()
        self.told()

    def test_plain_connections_have_none(self) -> None:
        self.world.connect()
        self.assertEqual(self.handshakes.under_way, 2)


class Bodies(SynchronousTestCase):
    def test_every_kind(self) -> None:
        """Of a length that is told, in chunks, in the lines behind the last chunk."""
        for head, piece in (
            ("Content-Length: 100", b"x"),
            ("Transfer-Encoding: chunked", b"1\r\nx\r\n"),
            ("Transfer-Encoding: chunked", b"0"),
        ):
            world = World()
            wire = world.connect()
            wire.send(http("POST", f"/lightstreamer/heartbeat.txt?{VERSION}", None, head))
            if piece == b"0":
                wire.send(b"0\r\n")
                piece = b"X: y\r\n"
            for _ in range(19):
                wire.send(piece)
                world.clock.advance(1)
            self.assertIsNone(wire.lost, head)
            world.clock.advance(1)
            self.assertIsNotNone(wire.lost, head)

    def test_pipelined(self) -> None:
        """The time of a request does not begin before the answer to the one in front of it."""
        world = World()
        world.kernel.hold = True
        wire = world.connect()
        second = post("heartbeat", b"\r\n")
        wire.send(post("control", b"LS_reqId=1&LS_op=destroy&LS_session=S1") + second[:20])
        world.clock.advance(100)
        self.assertIsNone(wire.lost)
        world.kernel.decide()
        self.assertEqual(Response(wire.take()).body, b"REQOK,1\r\n")
        world.clock.advance(19)
        self.assertEqual(Response(wire.send(second[20:])).body, b"REQOK\r\n")
        wire.send(second[:20])
        world.clock.advance(20)
        self.assertIsNotNone(wire.lost)
