"""Certificates of the ports, in every kind of store, on real sockets of the loopback interface."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12
from OpenSSL import SSL
from twisted.internet import reactor as global_reactor
from twisted.internet import ssl
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from lsserver.adapters.errors import DataProviderError
from lsserver.remote import jks as jks_format
from lsserver.remote.data import RemoteDataProvider
from tests.remote.doubles import RAC, Context, Listener
from tests.service.certificates import Certificates, make

reactor: Any = global_reactor
PASSWORD = "changeit"


def jks(entries: list[tuple[Any, list[bytes]]], password: str = PASSWORD) -> bytes:
    """A file of Java's own format: of keys in DER with their chains, and of trusted certificates."""
    secret = password.encode("utf-16-be")
    data = struct.pack(">III", 0xFEEDFEED, 2, len(entries))

    def text(value: str) -> bytes:
        return struct.pack(">H", len(value)) + value.encode()

    def value(tag: int, content: bytes) -> bytes:
        size = len(content)
        head = bytes([tag, size]) if size < 128 else bytes([tag, 0x82]) + struct.pack(">H", size)
        return head + content

    for key, chain in entries:
        data += struct.pack(">I", 2 if key is None else 1) + text("alias") + struct.pack(">Q", 0)
        if key is not None:
            salt = digest = b"s" * 20
            stream = b""
            while len(stream) < len(key):
                digest = hashlib.sha1(secret + digest).digest()
                stream += digest
            masked = bytes(a ^ b for a, b in zip(key, stream, strict=False))
            octets = salt + masked + hashlib.sha1(secret + key).digest()
            algorithm = value(0x30, b"\x06\x0a\x2b\x06\x01\x04\x01\x2a\x02\x11\x01\x01\x05\x00")
            envelope = value(0x30, algorithm + value(0x04, octets))
            data += struct.pack(">I", len(envelope)) + envelope + struct.pack(">I", len(chain))
        for certificate in chain:
            data += text("X.509") + struct.pack(">I", len(certificate)) + certificate
    return data + hashlib.sha1(secret + b"Mighty Aphrodite" + data).digest()


class TlsCase(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.files: Certificates = make(self.folder)

    def certificate(self, path: Path) -> x509.Certificate:
        return x509.load_pem_x509_certificate(path.read_bytes())

    def der(self, path: Path) -> bytes:
        return self.certificate(path).public_bytes(serialization.Encoding.DER)

    def key(self) -> Any:
        return load_pem_private_key(self.files.key.read_bytes(), None)

    def stores(self) -> dict[str, dict[str, str]]:
        """The server's certificate and key in every kind of keystore."""
        key, certificate = self.key(), self.certificate(self.files.certificate)
        encryption = serialization.BestAvailableEncryption(PASSWORD.encode())
        (self.folder / "k.p12").write_bytes(
            pkcs12.serialize_key_and_certificates(b"x", key, certificate, None, encryption)
        )
        plain = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self.folder / "k.jks").write_bytes(jks([(plain, [self.der(self.files.certificate)])]))
        (self.folder / "k.keystore").write_bytes((self.folder / "k.p12").read_bytes())
        (self.folder / "k.pem").write_bytes(self.files.key.read_bytes() + self.files.chain.read_bytes())
        return {
            file: {"tls.keystore.keystore_file": file, "tls.keystore.keystore_password": password} | kind
            for file, kind, password in (
                ("k.pem", {"tls.keystore.type": "PEM"}, ""),
                ("k.p12", {"tls.keystore.type": "PKCS12"}, PASSWORD),
                ("k.keystore", {}, PASSWORD),
                ("k.jks", {}, PASSWORD),
            )
        }

    def proxy(self, **parameters: str) -> RemoteDataProvider:
        proxy = RemoteDataProvider()
        proxy.set_context(Context(reactor, "QUOTES"))
        proxy.set_listener(Listener())
        found = {
            "request_reply_port": "0",
            "interface": "127.0.0.1",
            "tls": "Y",
            "first_connection_timeout_millis": "0",
            **{name.replace("__", "."): value for name, value in parameters.items()},
        }
        self.started = proxy.initialize(found, str(self.folder))
        self.addCleanup(proxy.stop)
        return proxy

    async def first_line(self, port: int, own: ssl.PrivateCertificate | None = None) -> str:
        """What a remote is told that trusts the authority of the tests."""
        root = ssl.trustRootFromCertificates([ssl.Certificate.loadPEM(self.files.authority.read_bytes())])
        options = ssl.optionsForClientTLS("localhost", trustRoot=root, clientCertificate=own)
        endpoint = wrapClientTLS(options, HostnameEndpoint(reactor, "127.0.0.1", port))
        peer = await endpoint.connect(Factory.forProtocol(Peer))
        peer.transport.write(RAC.encode() + b"\n")
        line: str = await peer.line.addTimeout(120, reactor)
        peer.transport.abortConnection()
        await peer.gone
        return line


class Peer(Protocol):
    """A remote that waits for a line."""

    def __init__(self) -> None:
        self.line: Deferred[str] = Deferred()
        self.gone: Deferred[None] = Deferred()
        self.data = b""

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        if b"\n" in self.data and not self.line.called:
            self.line.callback(self.data.decode())

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        if not self.line.called:
            self.line.errback(reason)
        self.gone.callback(None)


class PortTests(TlsCase):
    async def test_every_kind_of_store(self) -> None:
        for parameters in self.stores().values():
            proxy = self.proxy(**parameters)
            await self.started
            self.assertIn("|DPI|S|ARI.version|S|1.9.1", await self.first_line(proxy.ports[0].getHost().port))  # type: ignore[attr-defined]

    async def test_certificates_of_remotes(self) -> None:
        for name, trust in (
            ("t.pem", self.files.authority.read_bytes()),
            ("t.jks", jks([(None, [self.der(self.files.authority)])])),
        ):
            (self.folder / name).write_bytes(trust)
            proxy = self.proxy(
                **self.stores()["k.pem"],
                tls__force_client_auth="Y",
                tls__truststore__truststore_file=name,
                tls__truststore__type="PEM" if name == "t.pem" else "JKS",
                tls__truststore__truststore_password="" if name == "t.pem" else PASSWORD,
            )
            await self.started
            port = proxy.ports[0].getHost().port  # type: ignore[attr-defined]
            try:
                await self.first_line(port)
            except SSL.Error:
                pass
            else:
                self.fail("a remote without a certificate was admitted")
            own = ssl.PrivateCertificate.fromCertificateAndKeyPair(
                ssl.Certificate.loadPEM(self.files.certificate.read_bytes()),
                ssl.KeyPair.load(self.files.key.read_bytes(), SSL.FILETYPE_PEM),
            )
            self.assertIn("|DPI|", await self.first_line(port, own))

    async def test_protocols_and_ciphers(self) -> None:
        for parameters in (
            {"tls.allow_protocol.1": "TLSv1.2"},
            {"tls.allow_protocol.1": "TLSv1.2", "tls.allow_protocol.2": "TLSv1.3"},
            {"tls.remove_protocols.1": "TLSv1\\.2"},
            {"tls.allow_cipher_suite.1": "ECDHE-ECDSA-AES128-GCM-SHA256"},
            {"tls.allow_cipher_suite.1": "TLS_AES_128_GCM_SHA256"},
            {"tls.remove_cipher_suites.1": "CBC|SHA$", "tls.enforce_server_cipher_suite_preference": "Y"},
            {"tls.remove_cipher_suites.1": "^TLS_"},
            {"tls.remove_cipher_suites.1": "^(?!TLS_)", "tls.remove_protocols.1": "2"},
        ):
            proxy = self.proxy(**self.stores()["k.p12"], **parameters)
            await self.started
            self.assertIn("|DPI|", await self.first_line(proxy.ports[0].getHost().port))  # type: ignore[attr-defined]

    def test_what_is_wrong(self) -> None:
        stores = self.stores()
        (self.folder / "garbage").write_bytes(b"\xfe\xed\xfe\xed" + b"x" * 30)
        (self.folder / "text").write_text("hello")
        for parameters, complaint in (
            ({"tls.keystore.keystore_file": "none"}, "cannot read "),
            ({"tls.keystore.keystore_file": "garbage"}, "wrong password, or the file is damaged"),
            ({"tls.keystore.keystore_file": "text"}, "is not a JKS store that its password opens"),
            ({"tls.keystore.keystore_file": "text", "tls.keystore.type": "PEM"}, "is not a PEM store"),
            (stores["k.jks"] | {"tls.keystore.keystore_password": "x"}, "wrong password"),
            (stores["k.p12"] | {"tls.keystore.keystore_password": "x"}, "is not a PKCS12 store"),
            ({"tls.keystore.keystore_file": "server.pem", "tls.keystore.type": "PEM"}, "has no private key"),
            (stores["k.pem"] | {"tls.allow_protocol.1": "SSLv3"}, "no protocol is left"),
            (stores["k.pem"] | {"tls.allow_cipher_suite.1": "x"}, "do not work together"),
            (stores["k.pem"] | {"tls.remove_cipher_suites.1": "("}, "is no regular expression"),
            (stores["k.pem"] | {"tls.remove_cipher_suites.1": ""} | {"tls.remove_cipher_suites.2": "."}, "no cipher"),
            (stores["k.pem"] | {"tls.truststore.truststore_file": "k.jks"}, "wrong password"),
            (
                stores["k.pem"]
                | {"tls.truststore.truststore_file": "k.jks", "tls.truststore.truststore_password": PASSWORD},
                "has no certificate",
            ),
        ):
            error = self.assertRaises(DataProviderError, self.proxy, **parameters)
            self.assertIn(complaint, str(error))
            self.assertNotIn("\n", str(error))


class JksTests(TlsCase):
    """What only a damaged file has."""

    def closed(self, data: bytes) -> bytes:
        """A store with a digest that is right."""
        secret = PASSWORD.encode("utf-16-be")
        return data + hashlib.sha1(secret + b"Mighty Aphrodite" + data).digest()

    def test_damaged_files(self) -> None:
        key = self.key().private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        good = jks([(key, [b"x"])])[:-20]
        head = struct.pack(">II", 0xFEEDFEED, 2)
        for data, complaint in (
            (struct.pack(">III", 0xFEEDFEED, 3, 0), "unknown version 3"),
            (head + struct.pack(">II", 1, 9) + b"\0\0" + bytes(8), "unknown kind of entry 9"),
            (good[:60], "the file is damaged"),
            (good[:30], "the file is damaged"),
            (good[:-60] + bytes(60), "password than the store|damaged"),
            (good.replace(b"\x30\x82", b"\x31\x82"), "the key is damaged"),
        ):
            error = self.assertRaises(jks_format.JksError, jks_format.read, self.closed(data), PASSWORD)
            self.assertRegex(str(error), complaint)

    def test_only_the_first_key_counts(self) -> None:
        key = self.key().private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        found = jks_format.read(jks([(key, [b"one"]), (key, [b"two"]), (None, [b"three"])]), PASSWORD)
        assert found.key is not None
        self.assertEqual((found.key.chain, found.trusted), ((b"one",), [b"three"]))
        version_1 = struct.pack(">IIII", 0xFEEDFEED, 1, 1, 2) + b"\0\1a" + bytes(8) + struct.pack(">I", 1) + b"x"
        self.assertEqual(jks_format.read(self.closed(version_1), PASSWORD).trusted, [b"x"])


class InvertedTests(TlsCase):
    """The server connects to the remote."""

    async def test_without_tls(self) -> None:
        remote = Listening()
        port = reactor.listenTCP(0, remote, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.proxy(
            tls="N",
            remote_host="127.0.0.1",
            request_reply_port=str(port.getHost().port),
            connection_retry_millis="1",
        )
        for _ in range(2):
            peer = await remote.come()
            peer.transport.write(RAC.encode() + b"\n")
            self.assertIn("|DPI|S|ARI.version", await peer.line.addTimeout(120, reactor))
            peer.transport.abortConnection()
            await peer.gone

    async def test_a_remote_that_comes_late(self) -> None:
        free = reactor.listenTCP(0, Listening(), interface="127.0.0.1")
        number = free.getHost().port
        await free.stopListening()
        self.proxy(tls="N", remote_host="127.0.0.1", request_reply_port=str(number), connection_retry_millis="1")
        remote = Listening()
        port = reactor.listenTCP(number, remote, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        peer = await remote.come()
        peer.line.addErrback(lambda _: None)
        peer.transport.abortConnection()
        await peer.gone

    async def test_with_tls(self) -> None:
        (self.folder / "t.pem").write_bytes(self.files.authority.read_bytes())
        trust = {"tls__truststore__truststore_file": "t.pem", "tls__truststore__type": "PEM"}
        remote = Listening()
        options = ssl.PrivateCertificate.fromCertificateAndKeyPair(
            ssl.Certificate.loadPEM(self.files.certificate.read_bytes()),
            ssl.KeyPair.load(self.files.key.read_bytes(), SSL.FILETYPE_PEM),
        ).options()
        port = reactor.listenSSL(0, remote, options, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        for host, more in (
            ("localhost", {}),
            ("127.0.0.1", {"tls__skip_hostname_check": "Y"}),
            ("localhost", self.stores()["k.pem"]),
            ("127.0.0.1", self.stores()["k.pem"] | {"tls__skip_hostname_check": "Y"}),
        ):
            proxy = self.proxy(remote_host=host, request_reply_port=str(port.getHost().port), **trust, **more)
            peer = await remote.come()
            peer.transport.write(RAC.encode() + b"\n")
            self.assertIn("|DPI|S|ARI.version", await peer.line.addTimeout(120, reactor))
            await proxy.stop()
            await peer.gone


class Listening(Factory):
    """A remote that is a server."""

    noisy = False

    def __init__(self) -> None:
        self._come: list[Peer] = []
        self._waiting: list[Deferred[Peer]] = []

    def come(self) -> Deferred[Peer]:
        """Fires with the next connection."""
        waiter: Deferred[Peer] = Deferred()
        if self._come:
            waiter.callback(self._come.pop(0))
        else:
            self._waiting.append(waiter)
        return waiter.addTimeout(120, reactor)

    def buildProtocol(self, addr: Any) -> Peer:
        peer = Peer()
        made = peer.makeConnection

        def connected(transport: Any) -> None:
            made(transport)
            if self._waiting:
                self._waiting.pop(0).callback(peer)
            else:
                self._come.append(peer)

        peer.makeConnection = connected  # type: ignore[method-assign]
        return peer
