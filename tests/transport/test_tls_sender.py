"""Records of TLS, by the short way and by the public one; what pyOpenSSL must have for the former."""

from __future__ import annotations

import contextlib
import gc
import ssl
import weakref
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from OpenSSL._util import lib
from twisted.trial.unittest import SynchronousTestCase

from lsserver.transport import tls_sender
from lsserver.transport.direct import DirectWriter
from lsserver.transport.tls_sender import LeanSender, PublicSender, TlsSender
from tests.transport.sockets import Pair, TlsClient, certificate
from tests.transport.test_direct import Owner

PEM = certificate()


class Changing(TlsClient):
    """A client of TLS 1.3 that asks for new keys, which Python's C{ssl} has no means for. It can't write any more."""

    def __init__(self, secrets: Path) -> None:
        super().__init__(secrets=secrets)
        self._secrets = secrets
        self._more = b""

    def ask(self) -> None:
        """C{KeyUpdate} with C{update_requested} (RFC 8446, 4.6.3), in the client's first record after the handshake."""
        cipher = self._tls.cipher()
        assert cipher is not None and cipher[0] == "TLS_AES_256_GCM_SHA384", cipher
        lines = self._secrets.read_text().splitlines()
        secret = next(line.split()[2] for line in lines if line.startswith("CLIENT_TRAFFIC_SECRET_0 "))
        key, nonce = (expanded(bytes.fromhex(secret), *of) for of in ((b"key", 32), (b"iv", 12)))
        message = bytes([24, 0, 0, 1, 1, 22])  # The last byte says that it is part of a handshake.
        head = bytes([23, 3, 3, 0, len(message) + 16])
        self._more += head + AESGCM(key).encrypt(nonce, message, head)

    def sent(self) -> bytes:
        more, self._more = self._more, b""
        return super().sent() + more


def expanded(secret: bytes, label: bytes, length: int) -> bytes:
    """C{HKDF-Expand-Label} with an empty context (RFC 8446, 7.1)."""
    label = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0"
    return HKDFExpand(hashes.SHA384(), length, info).derive(secret)


class Renegotiating(TlsClient):
    """A client of TLS 1.2 by pyOpenSSL, which can ask for another handshake."""

    def __init__(self) -> None:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        self._connection = SSL.Connection(context, None)
        self._connection.set_connect_state()

    def ask(self) -> None:
        self._connection.renegotiate()
        self.shake()

    def shake(self) -> None:
        with contextlib.suppress(SSL.WantReadError):
            self._connection.do_handshake()

    def sent(self) -> bytes:
        return tls_sender.read(self._connection, 65_536)

    def received(self, data: bytes) -> None:
        if data:
            self._connection.bio_write(data)

    def read(self) -> bytes:
        clear = b""
        with contextlib.suppress(SSL.WantReadError):
            while True:
                clear += self._connection.recv(65_536)
        return clear


class Lean(SynchronousTestCase):
    """Records on a pair of sockets."""

    kind: type[TlsSender] = LeanSender

    def setUp(self) -> None:
        self.patch(tls_sender, "LEAN", self.kind is LeanSender)
        self.held: list[bytes] = []

    def pair(self, tls: TlsClient | None = None) -> Pair:
        pair = Pair(PEM, tls=tls)
        self.addCleanup(pair.close)
        return pair

    def sender(self, pair: Pair) -> TlsSender:
        made = tls_sender.tls_sender(pair.transport._tlsConnection, pair.bottom.socket.send, self.held.append)
        self.assertIsInstance(made, self.kind)
        return made

    def writer(self, pair: Pair) -> DirectWriter:
        writer = DirectWriter(pair.transport, Owner(), pair.reactor, 0)
        pair.transport.registerProducer(writer, True)
        writer.begin()
        return writer

    def test_sent(self) -> None:
        pair = self.pair()
        sender = self.sender(pair)
        for size in (1, 100, 2000):
            self.assertEqual(sender.send(bytes(size)), size)
            self.assertEqual(pair.read(), bytes(size))
        self.assertEqual(self.held, [])

    def test_one_record_at_once(self) -> None:
        pair = self.pair()
        self.assertEqual(self.sender(pair).send(bytes(20_000)), 16_384)
        assert pair._tls is not None
        pair._tls.received(pair.raw() + b"".join(self.held))
        self.assertEqual(pair.read(), bytes(16_384))

    def test_nothing(self) -> None:
        """It is no mistake either."""
        pair = self.pair()
        sender = self.sender(pair)
        self.assertEqual(sender.send(b""), 0)
        self.assertEqual(sender.send(b"x"), 1)
        self.assertEqual(pair.read(), b"x")

    def test_full(self) -> None:
        """What the socket does not take is held, and not overwritten by the next connection."""
        pair, other = self.pair(), self.pair()
        sender, written = self.sender(pair), b""
        while not self.held:
            written += b"%06d " % len(written) * 50
            self.assertEqual(sender.send(written[-350:]), 350)
        self.assertEqual(self.sender(other).send(bytes(1000)), 1000)
        raw = pair.raw()
        self.assertEqual(len(self.held), 1)
        assert pair._tls is not None
        pair._tls.received(raw + self.held[0])
        self.assertEqual(pair.read(), written)

    def test_broken(self) -> None:
        """Everything is held, for the reactor to find out."""
        pair = self.pair()
        sender = self.sender(pair)
        pair.bottom.socket.close()
        self.assertEqual(sender.send(b"late"), 4)
        self.assertEqual([len(records) for records in self.held], [4 + 22])

    def test_something_before(self) -> None:
        """Records that nobody has sent yet go first, however many there are."""
        pair = self.pair()
        for _ in range(3):
            self.assertEqual(pair.transport._tlsConnection.send(bytes(16_384)), 16_384)
        self.assertEqual(self.sender(pair).send(b"last"), 4)
        assert pair._tls is not None
        pair._tls.received(pair.raw() + b"".join(self.held))
        self.assertEqual(pair.read(), bytes(3 * 16_384) + b"last")

    def test_ended(self) -> None:
        """Nothing is taken, and no error is left for other connections."""
        pair = self.pair()
        sender = self.sender(pair)
        pair.transport._tlsConnection.shutdown()
        self.assertEqual(sender.send(b"late"), 0)
        self.assertEqual(lib.ERR_peek_error(), 0)
        self.assertEqual(self.held, [])

    def test_garbage(self) -> None:
        """The same after a client that does not speak TLS any more, and the transport closes the connection."""
        pair = self.pair()
        writer = self.writer(pair)
        writer.write(b"x")
        self.assertEqual(pair.read(), b"x")
        sender = writer.sender
        assert sender is not None
        pair.client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        self.assertIs(pair.bottom.doRead(), None)
        self.assertEqual(sender.send(b"late"), 0)
        self.assertEqual(lib.ERR_peek_error(), 0)
        writer.unsent(b"late")
        for _ in range(3):
            pair.turn()
        self.assertIsNotNone(pair.protocol.lost)

    def test_garbage_while_something_waits(self) -> None:
        """What waits is sent, and then the connection is closed."""
        pair = self.pair()
        writer, written = self.writer(pair), b""
        while writer.writable:
            writer.write(bytes(1000))
            written += bytes(1000)
        pair.client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        received = b""
        for _ in range(10):
            pair.turn()
            received += pair.raw()
        self.assertIsNotNone(pair.protocol.lost)
        assert pair._tls is not None
        pair._tls.received(received)
        self.assertRaises(ssl.SSLError, pair._tls.read)  # The alert at the end.

    def test_error_of_another(self) -> None:
        """One connection that has ended does not disturb the next."""
        ended, pair = self.pair(), self.pair()
        ended.transport._tlsConnection.shutdown()
        one, other = self.sender(ended), self.sender(pair)
        for _ in range(3):
            self.assertEqual((one.send(b"late"), other.send(b"good")), (0, 4))
            pair.transport._tlsConnection.send(b"!")
        other.send(b".")
        self.assertEqual(pair.read(), b"good!good!good!.")

    def test_new_keys(self) -> None:
        """The answer to a client that asks for new keys comes before what is encrypted with them."""
        client = Changing(Path(self.mktemp()))
        pair = self.pair(client)
        writer = self.writer(pair)
        writer.write(b"old keys, ")
        client.ask()
        pair.send()
        # What the client has sent is read in the middle of a turn, in which there may be a write as well.
        self.assertIs(pair.bottom.doRead(), None)
        writer.write(b"new ")
        writer.write(b"keys")
        raw = pair.raw()
        self.assertEqual(len(raw), 10 + 4 + 4 + 3 * 22 + (5 + 22))  # An update of keys has 5 bytes.
        client.received(raw)
        self.assertEqual(client.read(), b"old keys, new keys")

    def test_renegotiation_refused(self) -> None:
        """In TLS 1.2 the alert that says no comes by the reactor, and is not overtaken."""
        client = Renegotiating()
        pair = self.pair(client)
        writer = self.writer(pair)
        writer.write(b"one, ")
        self.assertTrue(writer.writable)
        client.ask()
        pair.send()
        self.assertIs(pair.bottom.doRead(), None)
        writer.write(b"two, ")
        self.assertFalse(writer.writable)
        for _ in range(3):
            pair.turn()
        self.assertTrue(writer.writable)
        writer.write(b"three")
        client.received(pair.raw())
        # Being refused is an error to OpenSSL's clients, but one after which they can go on to read.
        with contextlib.suppress(SSL.Error):
            self.assertEqual(client.read(), b"one, two, three")

    def test_no_cycle(self) -> None:
        """A writer that was closed goes by itself, with its connection."""
        pair = self.pair()
        owner = Owner()
        writer = DirectWriter(pair.transport, owner, pair.reactor, 0)
        writer.begin()
        writer.write(b"x")
        writer.close()
        gone = weakref.ref(owner)
        gc.disable()
        try:
            del owner, writer
            self.assertIsNone(gone())
        finally:
            gc.enable()

    def test_after_the_end(self) -> None:
        """A way that somebody has kept does no harm once its writer is closed."""
        for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            pair = self.pair(TlsClient(newest))
            writer = self.writer(pair)
            sender = writer.sender
            assert sender is not None
            while writer.writable:
                sender.send(bytes(1000))
            writer.close()
            sender.send(b"late")
            writer.unsent(b"late")
            self.assertEqual(writer.pending(), 0)


class Public(Lean):
    """The same by documented methods."""

    kind = PublicSender


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["write", "send", "other"]), st.integers(0, 20_000)),
        st.tuples(st.just("read"), st.integers(1, 60_000)),
        st.tuples(st.just("turn"), st.just(0)),
    ),
    max_size=60,
)


class Order(SynchronousTestCase):
    """Whichever way bytes go, by and by or at once: all arrive, in order."""

    @settings(max_examples=60, deadline=None)
    @given(STEPS, st.sampled_from([ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]))
    def test_lean(self, steps: list[tuple[str, int]], newest: ssl.TLSVersion) -> None:
        self.check(steps, newest)

    @settings(max_examples=60, deadline=None)
    @given(STEPS, st.sampled_from([ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]))
    def test_public(self, steps: list[tuple[str, int]], newest: ssl.TLSVersion) -> None:
        self.patch(tls_sender, "LEAN", False)
        self.check(steps, newest)

    def check(self, steps: list[tuple[str, int]], newest: ssl.TLSVersion) -> None:
        pair = Pair(PEM, tls=TlsClient(newest))
        try:
            writer = DirectWriter(pair.transport, Owner(), pair.reactor, 0)
            pair.transport.registerProducer(writer, True)
            writer.begin()
            written, received = [], b""
            for number, (step, size) in enumerate(steps):
                data = (b"%d," % number * size)[:size]
                if step == "read":
                    received += pair.read(size)
                elif step == "turn":
                    pair.turn()
                elif step == "send" and (sender := writer.sender) is not None:
                    taken = sender.send(data)
                    if taken != size:
                        writer.unsent(data[taken:])
                    written.append(data)
                elif step == "other" and not writer.writable:
                    # Others may write only while something waits anyway.
                    pair.transport.write(data)
                    written.append(data)
                elif step == "write":
                    writer.write(data)
                    written.append(data)
            for _ in range(1000):
                received += pair.read()
                pair.turn()
                if writer.writable and not writer.pending():
                    break
            self.assertEqual(received + pair.read(), b"".join(written))
            self.assertTrue(writer.writable)
        finally:
            pair.close()


class Guards(SynchronousTestCase):
    """
    What this version of pyOpenSSL is like inside. When one of these fails after an upgrade,
    L{lsserver.transport.tls_sender} must be read again.
    """

    def test_lean(self) -> None:
        self.assertTrue(tls_sender.LEAN)

    def test_other_connections(self) -> None:
        """One that is not pyOpenSSL's, or has changed inside, is written to by the public way."""
        pair = Pair(PEM)
        self.addCleanup(pair.close)
        connection: Any = pair.transport._tlsConnection

        class Wrapped:
            def __getattr__(self, name: str) -> Any:
                return getattr(connection, name)

        def made(connection: Any) -> TlsSender:
            return tls_sender.tls_sender(connection, pair.bottom.socket.send, self.fail)

        self.assertIsInstance(made(connection), LeanSender)
        self.assertIsInstance(made(Wrapped()), PublicSender)
        bio = connection._from_ssl
        for other in (None, connection._ssl):
            connection._from_ssl = other
            self.assertIsInstance(made(connection), PublicSender)
        del connection._from_ssl
        self.assertIsInstance(made(connection), PublicSender)
        connection._from_ssl = bio

    def test_longest_record(self) -> None:
        """It is shorter than the buffer."""
        for version in (None, Renegotiating()):
            pair = Pair(PEM, tls=version)
            self.addCleanup(pair.close)
            connection = pair.transport._tlsConnection
            self.assertEqual(connection.send(bytes(20_000)), 16_384)
            size = len(connection.bio_read(65_536))
            self.assertLess(size, 16_384 + tls_sender.RECORD_OVERHEAD)
            self.assertLess(size, tls_sender.ROOM)
            self.assertRaises(SSL.WantReadError, connection.bio_read, 65_536)
