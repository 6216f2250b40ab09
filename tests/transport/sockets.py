"""Twisted's TCP and TLS transports on a pair of sockets, driven by hand instead of by a reactor."""

from __future__ import annotations

import contextlib
import datetime
import errno
import socket
import ssl
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet import tcp
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions, PrivateCertificate
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory


def certificate(name: str = "localhost") -> bytes:
    """A self-signed certificate and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + signed.public_bytes(serialization.Encoding.PEM)


def server_options(pem: bytes) -> CertificateOptions:
    return PrivateCertificate.loadPEM(pem).options()


def trust(pem: bytes, folder: Path) -> ssl.SSLContext:
    """A client that trusts this certificate only."""
    path = folder / "trusted.pem"
    path.write_bytes(pem)
    return ssl.create_default_context(cafile=str(path))


class HandReactor(Clock):
    """Remembers who wants to read and to write."""

    def __init__(self) -> None:
        super().__init__()
        self.reading: set[Any] = set()
        self.writing: set[Any] = set()
        self.addReader = self.reading.add
        self.addWriter = self.writing.add
        self.removeReader = self.reading.discard
        self.removeWriter = self.writing.discard


class HandConnection(tcp.Connection):
    """A server's transport on one end of a socket pair, with a small send buffer."""

    logstr = "test"

    def __init__(self, end: socket.socket, protocol: Any, reactor: HandReactor) -> None:
        super().__init__(end, protocol, reactor)  # type: ignore[arg-type]
        self.connected = 1
        self.startReading()

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Not for pairs of sockets."""

    def getPeer(self) -> Any:
        return None

    def getHost(self) -> Any:
        return None


class Remembers(Protocol):
    """The server's protocol."""

    def __init__(self) -> None:
        self.lost: Any = None

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = reason


class Ready(Factory):
    """Builds the protocol that is there already."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: Any) -> Any:
        return self._protocol


class TlsClient:
    """The client's end of TLS, in memory."""

    def __init__(self, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, secrets: Path | None = None) -> None:
        """
        @param secrets: a file that gets the secrets of the connection.
        """
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = newest
        if secrets is not None:
            context.keylog_filename = str(secrets)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing)

    def shake(self) -> None:
        """Go on with the handshake."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.do_handshake()

    def sent(self) -> bytes:
        """What is to go to the server."""
        return self._outgoing.read()

    def received(self, data: bytes) -> None:
        """From the server."""
        self._incoming.write(data)

    def read(self) -> bytes:
        """All that can be decrypted."""
        clear = b""
        while True:
            try:
                part = self._tls.read(65_536)
            except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
                return clear
            if not part:
                return clear
            clear += part


class Pair:
    """
    @ivar transport: what a protocol of the server writes to.
    @ivar bottom: the TCP transport.
    @ivar client: the other end, which does not block.
    """

    def __init__(
        self,
        pem: bytes | None = None,
        protocol: Any = None,
        reactor: HandReactor | None = None,
        tls: TlsClient | None = None,
    ) -> None:
        self.reactor = reactor or HandReactor()
        near, self.client = socket.socketpair()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.client.setblocking(False)
        self.protocol: Any = Remembers() if protocol is None else protocol
        self._tls: TlsClient | None = None
        if pem is None:
            self.bottom = HandConnection(near, self.protocol, self.reactor)
            self.protocol.makeConnection(self.bottom)
            return
        factory = Ready(self.protocol)
        wrapper = TLSMemoryBIOFactory(server_options(pem), False, factory, self.reactor).buildProtocol(None)
        assert wrapper is not None
        self.bottom = HandConnection(near, wrapper, self.reactor)
        wrapper.makeConnection(self.bottom)
        self._tls = tls or TlsClient()
        for _ in range(6):
            self._tls.shake()
            self.send()
            self.turn()
            self._tls.received(self.raw())

    def send(self) -> None:
        """What the client's TLS has to send."""
        assert self._tls is not None
        if data := self._tls.sent():
            self.client.sendall(data)

    @property
    def transport(self) -> Any:
        return self.protocol.transport

    def turn(self) -> None:
        """One turn of the reactor on the server's side."""
        self.reactor.advance(0)
        if self.bottom in self.reactor.writing:
            self._check(self.bottom.doWrite())
        if self.bottom in self.reactor.reading:
            self._check(self.bottom.doRead())

    def _check(self, result: Any) -> None:
        if result is not None:
            from twisted.python.failure import Failure

            self.bottom.connectionLost(Failure(result))

    def raw(self, most: int = 1 << 20) -> bytes:
        """What has arrived at the client's socket."""
        data = b""
        while len(data) < most:
            try:
                part = self.client.recv(min(most - len(data), 65_536))
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    raise
                break
            if not part:
                break
            data += part
        return data

    def read(self, most: int = 1 << 30) -> bytes:
        """What has arrived at the client; C{most} bytes from the socket at most."""
        data = self.raw(most)
        if self._tls is None:
            return data
        self._tls.received(data)
        return self._tls.read()

    def close(self) -> None:
        self.client.close()
        if hasattr(self.bottom, "socket"):
            self.bottom.socket.close()
