"""Writing straight to the socket, and what Twisted's transports must have for it."""

import hashlib
import random
import ssl
from typing import Any

from OpenSSL import SSL
from twisted.internet import tcp
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Factory
from twisted.internet.testing import StringTransport
from twisted.protocols import policies, tls
from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper
from twisted.trial.unittest import SynchronousTestCase

from lsserver.transport import direct, tls_sender
from lsserver.transport.direct import DirectWriter, tcp_below, tune
from tests.transport.sockets import Pair, TlsClient, certificate

PEM = certificate()


class Owner:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def congested(self) -> None:
        self.told.append("congested")

    def drained(self) -> None:
        self.told.append("drained")

    def stuck(self) -> None:
        self.told.append("stuck")


class Base(SynchronousTestCase):
    pem: bytes | None = None

    def setUp(self) -> None:
        self.pair = Pair(self.pem, tls=self.client())
        self.addCleanup(self.pair.close)
        self.owner = Owner()
        self.writer = DirectWriter(self.pair.transport, self.owner, self.pair.reactor, 10_000)
        self.pair.transport.registerProducer(self.writer, True)
        self.writer.begin()

    def client(self) -> TlsClient | None:
        """Another one than usual."""
        return None

    def fill(self) -> bytes:
        """Write until the socket is full; gives all that was written."""
        written = b""
        while self.writer.writable:
            data = b"%06d " % len(written) * 50
            self.writer.write(data)
            written += data
        return written

    def drain(self) -> bytes:
        """Let the client read everything."""
        received = b""
        while True:
            data = self.pair.read()
            received += data
            waiting = self.writer.pending()
            self.pair.turn()
            if not data and not waiting:
                return received


class Tcp(Base):
    """On a TCP transport."""

    def test_at_once(self) -> None:
        """No turn of the reactor is needed."""
        self.assertTrue(self.writer.direct)
        self.writer.write(b"one")
        self.writer.write(b"two")
        self.assertEqual(self.pair.read(), b"onetwo")
        self.assertEqual(self.owner.told, [])

    def test_congested_and_drained(self) -> None:
        """Not writable as soon as a byte waits, writable when none does."""
        written = self.fill()
        self.assertGreater(self.writer.pending(), 0)
        self.assertEqual(self.owner.told, ["congested"])
        self.pair.turn()
        self.assertFalse(self.writer.writable)
        self.assertEqual(self.drain(), written)
        self.assertTrue(self.writer.writable)
        self.assertEqual(self.owner.told, ["congested", "drained"])
        self.assertEqual(self.writer.pending(), 0)
        self.writer.write(b"again")
        self.assertEqual(self.pair.read(), b"again")

    def test_the_short_way(self) -> None:
        """What the sender does not take is handed to C{unsent}, and then there is no such way until it is gone."""
        self.writer.write(b"first ")
        written = b"first "
        while (sender := self.writer.sender) is not None:
            data = b"%06d " % len(written) * 50
            try:
                taken = sender.send(data)
            except OSError:
                taken = 0
            if taken != len(data):
                self.writer.unsent(data[taken:])
            written += data
        self.assertEqual(self.owner.told, ["congested"])
        self.writer.write(b"last")
        self.assertEqual(self.drain(), written + b"last")
        sender = self.writer.sender
        assert sender is not None
        self.assertEqual(sender.send(b"again"), 5)
        self.assertEqual(self.pair.read(), b"again")

    def test_no_short_way_past_others(self) -> None:
        """Bytes that the transport got from somebody else go first."""
        self.pair.transport.write(b"first ")
        sender = self.writer.sender
        if sender is not None:
            sender.send(b"second")
        else:
            self.writer.write(b"second")
        self.assertEqual(self.drain(), b"first second")

    def test_order(self) -> None:
        """What is written while something waits comes after it, whoever writes."""
        written = self.fill()
        self.writer.write(b"<writer>")
        self.pair.transport.write(b"<transport>")
        self.writer.write(b"<writer>")
        self.assertEqual(self.drain(), written + b"<writer><transport><writer>")

    def test_behind_the_transport(self) -> None:
        """Bytes that others wrote before are never overtaken."""
        self.pair.transport.write(b"first ")
        self.writer.write(b"second")
        self.assertFalse(self.writer.writable)
        self.assertEqual(self.drain(), b"first second")
        self.assertTrue(self.writer.writable)

    def test_random_reader(self) -> None:
        """A client that stalls and reads slowly gets everything, in order."""
        source = random.Random(1)
        sent, received = hashlib.sha256(), hashlib.sha256()
        total = got = number = 0
        while total < 2_000_000:
            for _ in range(source.randrange(5) if self.writer.writable or source.random() < 0.2 else 0):
                data = b"%d;" % number * source.randrange(1, 3000)
                number += 1
                self.writer.write(data)
                sent.update(data)
                total += len(data)
            for _ in range(source.randrange(4)):
                self.pair.turn()
            data = self.pair.read(source.randrange(20_000))
            received.update(data)
            got += len(data)
        data = self.drain()
        received.update(data)
        self.assertEqual(got + len(data), total)
        self.assertEqual(received.digest(), sent.digest())
        self.assertTrue(self.writer.writable)
        self.assertGreater(self.owner.told.count("drained"), 5)
        self.assertEqual(self.owner.told, ["congested", "drained"] * self.owner.told.count("drained"))

    def test_stuck(self) -> None:
        """Told when the client has taken nothing for the whole time."""
        self.fill()
        self.pair.turn()
        self.pair.reactor.advance(9)
        self.assertEqual(self.owner.told, ["congested"])
        self.pair.reactor.advance(1)
        self.assertEqual(self.owner.told, ["congested", "stuck"])
        self.assertEqual(self.pair.reactor.getDelayedCalls(), [])

    def test_slow_is_not_stuck(self) -> None:
        """As long as something goes out, it goes on."""
        self.fill()
        self.writer.write(bytes(400_000))
        for _ in range(5):
            self.pair.turn()
            self.pair.read(50_000)
            for _ in range(8):
                self.pair.turn()
            self.pair.reactor.advance(10)
        self.assertNotIn("stuck", self.owner.told)
        self.pair.reactor.advance(10)
        self.pair.reactor.advance(10)
        self.assertIn("stuck", self.owner.told)

    def test_no_timeout(self) -> None:
        writer = DirectWriter(self.pair.transport, self.owner, self.pair.reactor, 0)
        writer.pauseProducing()
        self.assertEqual(self.pair.reactor.getDelayedCalls(), [])

    def test_drained_stops_the_timer(self) -> None:
        self.fill()
        self.drain()
        self.assertEqual(self.pair.reactor.getDelayedCalls(), [])

    def test_broken(self) -> None:
        """The reactor finds out; nothing is raised here."""
        self.pair.client.close()
        self.writer.write(b"x" * 10)
        self.writer.write(b"x" * 10)
        self.pair.turn()
        self.assertIsNotNone(self.pair.protocol.lost)
        self.writer.write(b"more")
        self.assertEqual(self.pair.reactor.getDelayedCalls(), [])

    def test_after_lose_connection(self) -> None:
        """What waits is sent, nothing is added, and the connection ends."""
        written = self.fill()
        self.pair.transport.unregisterProducer()
        self.pair.transport.loseConnection()
        self.writer.close()
        self.writer.write(b"late")
        self.assertTrue(self.drain().startswith(written))
        if self.pem is not None:
            # TLS ends when the client has agreed, or has gone.
            self.pair.client.close()
        self.pair.turn()
        self.assertIsNotNone(self.pair.protocol.lost)

    def test_closed(self) -> None:
        self.writer.close()
        self.writer.write(b"late")
        self.pair.turn()
        self.assertEqual((self.pair.read(), self.writer.pending()), (b"", 0))

    def test_paused_by_the_transport(self) -> None:
        """Above its own mark the transport pauses us itself."""
        self.writer.write(bytes(300_000))
        self.assertFalse(self.writer.writable)
        self.assertEqual(len(self.drain()), 300_000)
        self.assertEqual(self.owner.told, ["congested", "drained"])


class Tls(Tcp):
    """The same over TLS."""

    pem = PEM

    def test_encrypted(self) -> None:
        self.writer.write(b"secret")
        self.assertNotIn(b"secret", self.pair.raw())

    def test_large(self) -> None:
        """More than one record is left to the transport."""
        data = bytes(range(256)) * 200
        self.writer.write(data)
        self.assertFalse(self.writer.writable)
        self.assertEqual(self.drain(), data)
        self.assertTrue(self.writer.writable)

    def test_records_that_are_longer_than_usual(self) -> None:
        """All of it is sent, however OpenSSL makes it."""
        for overhead in (-9, 0, 22):  # 22 is just what TLS 1.3 adds.
            self.patch(tls_sender, "RECORD_OVERHEAD", overhead)
            self.patch(tls_sender, "ROOM", 10 + overhead)
            self.writer.write(b"0123456789")
            self.assertEqual(self.drain(), b"0123456789")

    def test_empty(self) -> None:
        self.writer.write(b"")
        self.assertEqual(self.drain(), b"")

    def test_takes_a_part(self) -> None:
        """pyOpenSSL may take less than it was offered."""
        real = self.pair.transport._tlsConnection
        self.pair.transport._tlsConnection = Partly(real)
        self.writer.write(b"0123456789")
        self.pair.transport._tlsConnection = real
        self.assertEqual(self.drain(), b"0123456789")

    def test_wants_to_read(self) -> None:
        """So the transport keeps the bytes until it has read."""
        real = self.pair.transport._tlsConnection
        self.pair.transport._tlsConnection = Refusing(real)
        self.writer.write(b"0123456789")
        self.pair.turn()
        self.assertFalse(self.writer.writable)
        self.pair.transport._tlsConnection = real
        self.pair.transport._unbufferPendingWrites()
        self.assertEqual(self.drain(), b"0123456789")
        self.assertTrue(self.writer.writable)


class TlsByThePublicWay(Tls):
    """A pyOpenSSL that has changed inside: slower, but it works."""

    def setUp(self) -> None:
        self.patch(tls_sender, "LEAN", False)
        super().setUp()


class OlderTls(Tls):
    """TLS 1.2, as clients still speak it."""

    def client(self) -> TlsClient:
        return TlsClient(ssl.TLSVersion.TLSv1_2)


class Partly:
    """An OpenSSL connection that takes three bytes at a time."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def send(self, data: bytes) -> int:
        return int(self._real.send(data[:3]))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class Refusing(Partly):
    """An OpenSSL connection that must read first."""

    def send(self, data: bytes) -> int:
        raise SSL.WantReadError


class Others(SynchronousTestCase):
    """Transports that are not what they should be."""

    def test_in_memory(self) -> None:
        transport = StringTransport()
        owner = Owner()
        writer = DirectWriter(transport, owner, Pair().reactor, 1000)
        writer.begin()
        writer.write(b"x")
        self.assertEqual((transport.value(), writer.direct, writer.pending()), (b"x", False, 0))
        writer.pauseProducing()
        self.assertIsNone(writer.sender)
        writer.resumeProducing()
        self.assertEqual(owner.told, ["congested", "drained"])
        writer.close()
        writer.write(b"y")
        writer.unsent(b"z")
        self.assertEqual(transport.value(), b"x")

    def test_without_an_attribute(self) -> None:
        """A Twisted that has changed inside: slower, but it works."""
        for pem, name in ((None, "TCP_ATTRIBUTES"), (PEM, "TLS_ATTRIBUTES")):
            self.patch(direct, name, (*getattr(direct, name), "_gone"))
            pair = Pair(pem)
            self.addCleanup(pair.close)
            writer = DirectWriter(pair.transport, Owner(), pair.reactor, 0)
            self.assertFalse(writer.direct)
            self.assertEqual(direct.unsent(pair.transport), 0)
            writer.write(b"x")
            for _ in range(3):
                pair.turn()
            self.assertEqual(pair.read(), b"x")

    def test_wrapped(self) -> None:
        """The PROXY protocol's wrapper is passed by; one that has its own C{write} is not."""
        pair = Pair()
        self.addCleanup(pair.close)
        factory = policies.WrappingFactory(Factory())
        proxied = HAProxyProtocolWrapper(factory, pair.protocol)
        proxied.makeConnection(pair.bottom)
        self.assertTrue(DirectWriter(proxied, Owner(), pair.reactor, 0).direct)
        throttled = policies.ThrottlingProtocol(policies.ThrottlingFactory(Factory()), pair.protocol)
        throttled.transport = pair.bottom
        self.assertFalse(DirectWriter(throttled, Owner(), pair.reactor, 0).direct)


class Guards(SynchronousTestCase):
    """
    What this version of Twisted is like inside. When one of these fails after an
    upgrade, L{lsserver.transport.direct} must be read again.
    """

    def test_tcp_attributes(self) -> None:
        pair = Pair()
        self.addCleanup(pair.close)
        for name in direct.TCP_ATTRIBUTES:
            self.assertTrue(hasattr(pair.bottom, name), name)
        self.assertEqual((pair.bottom.dataBuffer, pair.bottom._tempDataBuffer), (b"", []))
        self.assertEqual((pair.bottom.connected, pair.bottom.disconnecting), (1, 0))

    def test_tls_attributes(self) -> None:
        pair = Pair(PEM)
        self.addCleanup(pair.close)
        for name in direct.TLS_ATTRIBUTES:
            self.assertTrue(hasattr(pair.transport, name), name)
        self.assertEqual((pair.transport._aggregator._buffer, pair.transport._appSendBuffer), ([], []))
        self.assertTrue(pair.transport._handshakeDone)
        self.assertFalse(pair.transport._lostTLSConnection)
        self.assertIsInstance(pair.transport, tls.BufferingTLSTransport)

    def test_written_bytes_are_seen(self) -> None:
        """C{write} puts them where the writer looks."""
        pair = Pair()
        self.addCleanup(pair.close)
        pair.bottom.write(b"abc")
        self.assertEqual(pair.bottom._tempDataBuffer, [b"abc"])
        self.assertEqual(pair.bottom._tempDataLen, 3)
        pair.bottom.write(bytes(1_000_000))
        pair.turn()
        self.assertTrue(pair.bottom.dataBuffer)
        self.assertGreater(pair.bottom.offset, 0)

    def test_drained_buffer_is_empty(self) -> None:
        """Nothing is left over that would look like waiting bytes."""
        pair = Pair()
        self.addCleanup(pair.close)
        pair.bottom.write(b"abc")
        pair.turn()
        self.assertEqual((pair.bottom.dataBuffer, pair.bottom._tempDataBuffer, pair.bottom.offset), (b"", [], 0))

    def test_resumes_whom_it_has_paused(self) -> None:
        """C{producerPaused} is what makes a drained transport resume its producer."""
        pair = Pair()
        self.addCleanup(pair.close)
        owner = Owner()
        writer = DirectWriter(pair.bottom, owner, pair.reactor, 0)
        pair.bottom.registerProducer(writer, True)
        pair.bottom.write(b"abc")
        pair.turn()
        self.assertEqual(owner.told, [])
        pair.bottom.write(b"abc")
        pair.bottom.producerPaused = True
        writer.pauseProducing()
        pair.turn()
        self.assertEqual(owner.told, ["congested", "drained"])
        self.assertFalse(pair.bottom.producerPaused)

    def test_lost_connection_is_not_connected(self) -> None:
        """Before anything else is taken apart."""
        from twisted.python.failure import Failure

        for pem in (None, PEM):
            pair = Pair(pem)
            pair.bottom.connectionLost(Failure(ConnectionLost()))
            self.assertEqual(pair.bottom.connected, 0)
            pair.client.close()


class Tuning(SynchronousTestCase):
    def test_not_for_others(self) -> None:
        """Pipes and transports in memory have no such options."""
        self.assertIsNone(tcp_below(StringTransport()))
        tune(StringTransport(), 1000)
        pair = Pair(PEM)
        self.addCleanup(pair.close)
        self.assertIs(tcp_below(pair.transport), pair.bottom)
        self.assertIsInstance(pair.bottom, tcp.Connection)
        tune(pair.transport, 1000)
