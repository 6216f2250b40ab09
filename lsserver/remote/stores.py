"""
Keystores and truststores: PEM, PKCS12, and the JKS files of older Java versions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12
from cryptography.x509 import Certificate, load_der_x509_certificate, load_pem_x509_certificates
from OpenSSL.crypto import X509, PKey

from lsserver.remote import jks
from lsserver.remote.settings import Store

_PEM_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.+?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)


class StoreError(Exception):
    """A store cannot be used. The text names the file."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A key, its certificate, and the certificates between that and the authority; as pyOpenSSL has them."""

    key: PKey
    certificate: X509
    chain: tuple[X509, ...]


def identity(store: Store) -> Identity:
    """
    Key and certificate of a keystore.

    @raise StoreError: the file cannot be read or has none.
    """
    data = _read(store)
    try:
        key, certificates = _key_and_chain(store, data)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(store, error) from None
    if key is None or not certificates:
        raise StoreError(f"keystore {str(store.file)!r} has no private key with its certificate")
    first, *rest = (X509.from_cryptography(one) for one in certificates)
    return Identity(PKey.from_cryptography_key(key), first, tuple(rest))


def certificates(store: Store) -> list[X509]:
    """
    The certificates of a truststore.

    @raise StoreError: the file cannot be read or has none.
    """
    data = _read(store)
    try:
        found = _trusted(store, data)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(store, error) from None
    if not found:
        raise StoreError(f"truststore {str(store.file)!r} has no certificate")
    return [X509.from_cryptography(one) for one in found]


def _read(store: Store) -> bytes:
    try:
        return store.file.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read {str(store.file)!r}: {error.strerror}") from None


def _unusable(store: Store, error: Exception) -> StoreError:
    text = " ".join(str(error).split()) or type(error).__name__
    return StoreError(f"{str(store.file)!r} is not a {store.type} store that its password opens: {text}")


def _key_and_chain(store: Store, data: bytes) -> tuple[Any, list[Certificate]]:
    password = store.password.encode()
    if store.type == "PEM":
        key = _PEM_KEY.search(data)
        found = load_pem_x509_certificates(data)
        return (None if key is None else load_pem_private_key(key[0], password or None)), found
    if jks.recognised(data):
        entry = jks.read(data, store.password).key
        if entry is None:
            return None, []
        return entry.key, [load_der_x509_certificate(one) for one in entry.chain]
    # Java writes PKCS12 and still calls it JKS.
    opened = pkcs12.load_pkcs12(data, password or None)
    chain = [] if opened.cert is None else [opened.cert.certificate]
    return opened.key, [*chain, *(one.certificate for one in opened.additional_certs)]


def _trusted(store: Store, data: bytes) -> list[Certificate]:
    if store.type == "PEM":
        return load_pem_x509_certificates(data)
    if jks.recognised(data):
        return [load_der_x509_certificate(one) for one in jks.read(data, store.password).trusted]
    opened = pkcs12.load_pkcs12(data, store.password.encode() or None)
    return [one.certificate for one in opened.additional_certs]
