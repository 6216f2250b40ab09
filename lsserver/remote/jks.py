"""
The format of Java's own keystores, C{JKS}: big-endian, closed by a SHA-1 digest of
password, a fixed phrase and content; keys are masked with a stream of SHA-1 digests.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.serialization import load_der_private_key

_MAGIC = 0xFEEDFEED
_PHRASE = b"Mighty Aphrodite"
_KEY_ENTRY, _TRUSTED_ENTRY = 1, 2
_DIGEST_SIZE = 20


class JksError(ValueError):
    """Not a keystore, or the password is wrong."""


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A private key, and its certificates in DER, its own first."""

    key: Any
    chain: tuple[bytes, ...]


@dataclass(slots=True)
class Keystore:
    """The first key if there is one, and the trusted certificates in DER."""

    key: KeyEntry | None = None
    trusted: list[bytes] = field(default_factory=list)


def recognised(data: bytes) -> bool:
    """Whether the file has this format."""
    return data[:4] == struct.pack(">I", _MAGIC)


def read(data: bytes, password: str) -> Keystore:
    """
    @raise JksError: damaged, or another password.
    """
    secret = password.encode("utf-16-be")
    content, digest = data[:-_DIGEST_SIZE], data[-_DIGEST_SIZE:]
    if hashlib.sha1(secret + _PHRASE + content).digest() != digest:
        raise JksError("wrong password, or the file is damaged")
    try:
        return _entries(_Bytes(content), secret)
    except struct.error:
        raise JksError("the file is damaged") from None


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, form: str) -> int:
        value: int = struct.unpack_from(form, self._data, self._at)[0]
        self._at += struct.calcsize(form)
        return value

    def block(self, form: str) -> bytes:
        size = self.number(form)
        self._at += size
        if self._at > len(self._data):
            raise struct.error
        return self._data[self._at - size : self._at]


def _entries(data: _Bytes, secret: bytes) -> Keystore:
    data.number(">I")
    version = data.number(">I")
    if version not in (1, 2):
        raise JksError(f"unknown version {version}")

    def certificate() -> bytes:
        if version == 2:
            data.block(">H")
        return data.block(">I")

    found = Keystore()
    for _ in range(data.number(">I")):
        kind = data.number(">I")
        data.block(">H")
        data.number(">Q")
        if kind == _TRUSTED_ENTRY:
            found.trusted.append(certificate())
        elif kind == _KEY_ENTRY:
            masked = data.block(">I")
            chain = tuple(certificate() for _ in range(data.number(">I")))
            if found.key is None:
                found.key = KeyEntry(_unmasked(masked, secret), chain)
        else:
            raise JksError(f"unknown kind of entry {kind}")
    return found


def _unmasked(envelope: bytes, secret: bytes) -> Any:
    """The private key of an entry."""
    masked = _octets(envelope)
    salt, body, check = masked[:_DIGEST_SIZE], masked[_DIGEST_SIZE:-_DIGEST_SIZE], masked[-_DIGEST_SIZE:]
    stream = bytearray()
    digest = salt
    while len(stream) < len(body):
        digest = hashlib.sha1(secret + digest).digest()
        stream += digest
    plain = bytes(one ^ other for one, other in zip(body, stream, strict=False))
    if hashlib.sha1(secret + plain).digest() != check:
        raise JksError("the key has another password than the store")
    return load_der_private_key(plain, None)


def _octets(der: bytes) -> bytes:
    """The octet string of an EncryptedPrivateKeyInfo, whose algorithm is always the same."""
    sequence, _ = _value(der, 0x30)
    _, rest = _value(sequence, 0x30)
    octets, _ = _value(rest, 0x04)
    return octets


def _value(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the first DER value, and what follows it."""
    if len(der) < 2 or der[0] != tag:
        raise JksError("the key is damaged")
    size, start = der[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(der[2:start], "big")
    return der[start : start + size], der[start + size :]
