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


class Pair:
    """
    @ivar transport: what a protocol of the server writes to.
    @ivar bottom: the TCP transport.
    @ivar client: the other end, which does not block.
    """

    def __init__(self, pem: bytes | None = None, protocol: Any = None, reactor: HandReactor | None = None) -> None:
        self.reactor = reactor or HandReactor()
        near, self.client = socket.socketpair()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.client.setblocking(False)
        self.protocol: Any = Remembers() if protocol is None else protocol
        self._clear: ssl.SSLObject | None = None
        if pem is None:
            self.bottom = HandConnection(near, self.protocol, self.reactor)
            self.protocol.makeConnection(self.bottom)
            return
        factory = Ready(self.protocol)
        wrapper = TLSMemoryBIOFactory(server_options(pem), False, factory, self.reactor).buildProtocol(None)
        assert wrapper is not None
        self.bottom = HandConnection(near, wrapper, self.reactor)
        wrapper.makeConnection(self.bottom)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._clear = context.wrap_bio(self._incoming, self._outgoing)
        for _ in range(6):
            with contextlib.suppress(ssl.SSLWantReadError):
                self._clear.do_handshake()
            if sent := self._outgoing.read():
                self.client.sendall(sent)
            self.turn()
            self._incoming.write(self._raw(1 << 20))

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

    def _raw(self, most: int) -> bytes:
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
        data = self._raw(most)
        if self._clear is None:
            return data
        self._incoming.write(data)
        clear = b""
        while True:
            try:
                part = self._clear.read(65_536)
            except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
                return clear
            if not part:
                return clear
            clear += part

    def close(self) -> None:
        self.client.close()
        if hasattr(self.bottom, "socket"):
            self.bottom.socket.close()
