"""
TLS on the ports of proxies, and towards remotes that listen (remote-adapters.md 17).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    KeyPair,
    PrivateCertificate,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)
from zope.interface import implementer

from lsserver.remote import stores
from lsserver.remote.settings import ParameterError, TlsSettings
from lsserver.remote.stores import Identity, StoreError

_PROTOCOLS = {"TLSv1.2": SSL.OP_NO_TLSv1_2, "TLSv1.3": SSL.OP_NO_TLSv1_3}
_TLS13_SUITE = "TLS_"


def context(settings: TlsSettings, remote_host: str | None) -> Any:
    """
    What makes connections secure: for a port a context factory, else a client
    connection creator.

    @param remote_host: the server is the client of this host; C{None} = it listens.
    @raise ParameterError: names the file or the parameter that is not usable.
    """
    try:
        identity = None if settings.keystore is None else stores.identity(settings.keystore)
        trusted = None if settings.truststore is None else stores.certificates(settings.truststore)
        if remote_host is not None:
            return _client(remote_host, identity, trusted, settings.skip_hostname_check)
        options = _PortOptions(settings, identity, trusted)
        options.getContext()
        return options
    except StoreError as error:
        raise ParameterError(str(error)) from None
    except (SSL.Error, ValueError) as error:
        raise ParameterError(f"tls: the certificate, its key and the ciphers do not work together: {error}") from None


def _client(host: str, identity: Identity | None, trusted: list[Any] | None, unchecked: bool) -> Any:
    root = platformTrust() if trusted is None else trustRootFromCertificates([Certificate(one) for one in trusted])
    if unchecked:
        return _AnyName(
            CertificateOptions(
                trustRoot=root,
                privateKey=None if identity is None else identity.key,
                certificate=None if identity is None else identity.certificate,
            )
        )
    own = None
    if identity is not None:
        own = PrivateCertificate.fromCertificateAndKeyPair(Certificate(identity.certificate), KeyPair(identity.key))
    return optionsForClientTLS(host, trustRoot=root, clientCertificate=own)


@implementer(IOpenSSLClientConnectionCreator)
class _AnyName:
    """Checks who signed the certificate, but not for which host."""

    def __init__(self, options: CertificateOptions) -> None:
        self._context = options.getContext()

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        """The connection of one protocol."""
        return SSL.Connection(self._context, None)


class _PortOptions(CertificateOptions):
    """The server's end."""

    def __init__(self, settings: TlsSettings, identity: Identity | None, trusted: list[Any] | None) -> None:
        super().__init__(
            privateKey=None if identity is None else identity.key,
            certificate=None if identity is None else identity.certificate,
            extraCertChain=[] if identity is None else list(identity.chain),
        )
        self._settings = settings
        self._trusted = trusted

    def _makeContext(self, skipCiphers: bool = False) -> Any:
        made = super()._makeContext(skipCiphers)
        settings = self._settings
        if self._trusted is not None:
            store: Any = made.get_cert_store()
            for certificate in self._trusted:
                store.add_cert(certificate)
        if settings.force_client_auth:
            made.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *checked: bool(checked[4]))
        if settings.enforce_server_cipher_order:
            made.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE)
        _limit_protocols(made, settings)
        if settings.remove_cipher_suites:
            # Asking a context for its suites makes it unchangeable.
            suites = SSL.Connection(super()._makeContext(skipCiphers), None).get_cipher_list()
            kept = [
                one for one in suites if not any(_matches(pattern, one) for pattern in settings.remove_cipher_suites)
            ]
            _limit_ciphers(made, kept)
        elif settings.allow_cipher_suites:
            _limit_ciphers(made, settings.allow_cipher_suites)
        return made


def _limit_protocols(made: Any, settings: TlsSettings) -> None:
    """
    Unless configured it is TLS 1.2: what servers of 1.3 send after the handshake
    makes some connections of the Python SDK go deaf, since it reads and writes in
    two threads, and there is no way not to send it.
    """
    left = set(settings.allow_protocols or _PROTOCOLS) & set(_PROTOCOLS)
    chosen = any(name.startswith(_TLS13_SUITE) for name in settings.allow_cipher_suites)
    if not (chosen or settings.allow_protocols or settings.remove_protocols):
        left = {"TLSv1.2"}
    for pattern in settings.remove_protocols:
        left = {name for name in left if not _matches(pattern, name)}
    if not left:
        raise ParameterError(f"tls: no protocol is left; there are {', '.join(_PROTOCOLS)}")
    for name, option in _PROTOCOLS.items():
        if name not in left:
            made.set_options(option)


def _limit_ciphers(made: Any, suites: Sequence[str]) -> None:
    """The names are those of OpenSSL, which are those of the IANA for TLS 1.3."""
    newer = [name for name in suites if name.startswith(_TLS13_SUITE)]
    older = [name for name in suites if not name.startswith(_TLS13_SUITE)]
    if not suites:
        raise ParameterError("tls.remove_cipher_suites leaves no cipher suite")
    if older:
        made.set_cipher_list(":".join(older).encode())
    else:
        made.set_options(SSL.OP_NO_TLSv1_2)
    if newer:
        made.set_tls13_ciphersuites(":".join(newer).encode())
    else:
        made.set_options(SSL.OP_NO_TLSv1_3)


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error as error:
        raise ParameterError(f"tls: {pattern!r} is no regular expression: {error}") from None
