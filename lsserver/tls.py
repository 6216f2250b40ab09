"""
Certificates of TLS sockets: PEM files that may be replaced while the server runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from OpenSSL import SSL
from OpenSSL.crypto import FILETYPE_PEM, X509, load_certificate, load_privatekey
from OpenSSL.crypto import Error as CryptoError
from twisted.internet.interfaces import IOpenSSLContextFactory
from twisted.internet.ssl import AcceptableCiphers, CertificateOptions, TLSVersion
from twisted.logger import Logger
from zope.interface import implementer

log = Logger(namespace="LightstreamerLogger.io.ssl")

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class CertificateError(Exception):
    """Certificates cannot be used. The text is one readable line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keystore:
    """
    The server's certificate.

    @ivar keystore_file: the certificate, then those of the chain.
    @ivar private_key_file: the key, when it is not in C{keystore_file}.
    """

    keystore_file: Path | None = None
    private_key_file: Path | None = None
    keystore_password: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truststore:
    """Authorities that may have signed clients' certificates."""

    truststore_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """
    What a TLS socket speaks.

    @ivar minimum_tls: C{1.2} or C{1.3}.
    @ivar ciphers: an OpenSSL cipher string; empty: Twisted's choice.
    @ivar ask: ask clients for a certificate.
    @ivar force: refuse clients without a valid one.
    """

    keystore: Keystore
    minimum_tls: str = "1.2"
    ciphers: str = ""
    ask: bool = False
    force: bool = False
    truststore: Truststore | None = None


@implementer(IOpenSSLContextFactory)
class Reloaded:
    """
    The TLS context of a socket, made anew when one of its files has changed, so
    that a renewed certificate needs no restart. Files that cannot be used are
    logged, and the context stays.
    """

    def __init__(self, files: Sequence[Path], load: Callable[[], SSL.Context]) -> None:
        """
        @param files: the first one is named in the log.
        @param load: makes the context of what they are now.
        @raise CertificateError: C{load} does.
        """
        self._files = files
        self._load = load
        self._stamp = self._stamps()
        self._context = load()

    def getContext(self) -> SSL.Context:
        """The context for the next connection."""
        stamp = self._stamps()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._context = self._load()
                log.info("{file} has changed and is used", file=str(self._files[0]))
            except CertificateError as error:
                log.error("{error}; the certificate from before stays in use", error=error)
        return self._context

    def _stamps(self) -> list[tuple[int, int]]:
        """What changes when a file does; a file that is not there has none."""
        found = []
        for file in self._files:
            try:
                state = file.stat()
            except OSError:
                continue
            found.append((state.st_mtime_ns, state.st_ino))
        return found


class Certificates(Reloaded):
    """The TLS context that the configuration asks for."""

    def __init__(self, settings: TlsSettings) -> None:
        """
        @raise CertificateError: a file is missing, cannot be read or is not what it should be.
        """
        keystore = settings.keystore
        if keystore.keystore_file is None:
            raise CertificateError("there is no keystore_file")
        trust = settings.truststore.truststore_file if settings.truststore is not None else None
        if trust is None and (settings.ask or settings.force):
            raise CertificateError("there is no truststore_file to check clients' certificates with")
        self._settings = settings
        self._certificate = keystore.keystore_file
        self._key = keystore.private_key_file or keystore.keystore_file
        self._trust = trust if settings.ask or settings.force else None
        files = [file for file in (self._certificate, self._key, self._trust) if file is not None]
        super().__init__(files, self._made)

    def _made(self) -> SSL.Context:
        settings = self._settings
        first, *chain = _certificates(self._certificate)
        key = _read(self._key)
        try:
            options = CertificateOptions(
                # A passphrase is always given, since OpenSSL would ask the terminal for one.
                privateKey=load_privatekey(FILETYPE_PEM, key, settings.keystore.keystore_password.encode()),
                certificate=first,
                extraCertChain=chain,
                raiseMinimumTo=TLSVersion.TLSv1_3 if settings.minimum_tls == "1.3" else TLSVersion.TLSv1_2,
                acceptableCiphers=(
                    AcceptableCiphers.fromOpenSSLCipherString(settings.ciphers) if settings.ciphers else None
                ),
                verify=self._trust is not None,
                requireCertificate=settings.force,
                caCerts=None if self._trust is None else _certificates(self._trust),
            )
            # By a renegotiation, a client of TLS 1.2 costs the server much more than itself.
            context: SSL.Context = options.getContext()
            context.set_options(SSL.OP_NO_RENEGOTIATION)
        except (CryptoError, SSL.Error, ValueError) as error:
            raise CertificateError(
                f"certificate {str(self._certificate)!r} and key {str(self._key)!r} do not work: {reason(error)}"
            ) from None
        return context


def _certificates(file: Path) -> list[X509]:
    blocks = _CERTIFICATE.findall(_read(file))
    try:
        found = [load_certificate(FILETYPE_PEM, block) for block in blocks]
    except CryptoError as error:
        raise CertificateError(f"{str(file)!r} has a certificate that cannot be read: {reason(error)}") from None
    if not found:
        raise CertificateError(f"{str(file)!r} has no certificate")
    return found


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CertificateError(f"cannot read {str(file)!r}: {error.strerror}") from None


def reason(error: Exception) -> str:
    """What OpenSSL says, whose errors are lists of library, function and reason."""
    parts = error.args[0] if error.args else ()
    if isinstance(parts, list):
        return ", ".join(str(part[-1]) for part in parts) or type(error).__name__
    return " ".join(str(error).split()) or type(error).__name__
