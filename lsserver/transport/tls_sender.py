"""
From bytes to the records of TLS, and on to the socket, in as few steps as there can be.

pyOpenSSL's checks and copies cost more than the encryption of a short line, above all because they go
through memory of each connection that a thousand others have pushed out of the caches meanwhile. So L{LeanSender}
calls OpenSSL itself, with the pointers that pyOpenSSL keeps. Where they are not as this module knows them,
L{PublicSender} does the same by documented methods.

All knowledge about the inside of pyOpenSSL is in this module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from OpenSSL import SSL, _util

from lsserver.engine.connection import Sender

ROOM = 32_768
"""Of the buffer for records: the largest is half as long."""

RECORD_OVERHEAD = 128
"""Bytes that a record of TLS 1.2 or 1.3 is longer than what is in it, at most and with some to spare."""

Send = Callable[[bytes | memoryview], int]
"""That of a socket."""

Hold = Callable[[bytes], None]
"""Sends, after everything before, what a socket has not taken."""


class TlsSender(Sender, Protocol):
    """Writes to one connection whose handshake is done, and never fails."""

    def send(self, data: bytes, /) -> int:
        """
        Encrypt bytes, and send all that has become of them.

        @return: how many bytes OpenSSL has taken: one record's at most, none while it must read first, or when the
            connection has ended. What it has to say about that, it says to the next who tries.
        """


class PublicSender:
    """By the methods of pyOpenSSL's C{Connection}."""

    __slots__ = ("_connection", "_hold", "_send")

    def __init__(self, connection: Any, send: Send, hold: Hold) -> None:
        self._connection = connection
        self._send = send
        self._hold = hold

    def send(self, data: bytes) -> int:
        """As in L{TlsSender}."""
        connection = self._connection
        try:
            taken: int = connection.send(data)
        except SSL.Error:
            return 0
        # A buffer of the largest size would cost as much as the encryption of a short line.
        records = read(connection, taken + RECORD_OVERHEAD)
        try:
            sent = self._send(records)
        except OSError:
            sent = 0
        if sent != len(records):
            self._hold(records[sent:])
        return taken


class LeanSender:
    """By OpenSSL's functions, with one buffer for all connections."""

    __slots__ = ("_bio", "_connection", "_hold", "_send", "_ssl")

    def __init__(self, connection: Any, send: Send, hold: Hold) -> None:
        self._bio = connection._from_ssl
        self._connection = connection
        self._hold = hold
        self._send = send
        self._ssl = connection._ssl

    def send(self, data: bytes) -> int:
        """As in L{TlsSender}."""
        taken: int = _ssl_write(self._ssl, data, len(data))
        if taken <= 0:
            # The queue of errors is the thread's: the next connection would take them for its own.
            _clear_errors()
            return 0
        size: int = _bio_read(self._bio, _buffer, ROOM)
        records = _view[:size] if 0 < size < ROOM else self._more_than_usual(size)
        try:
            sent = self._send(records)
        except OSError:
            # No room in the socket; or it is broken, which the reactor finds out by itself.
            sent = 0
        if sent != len(records):
            self._hold(bytes(records[sent:]))
        return taken

    def _more_than_usual(self, size: int) -> bytes:
        # Nothing but a record is in there, as far as anybody has seen.
        return _view[: max(size, 0)].tobytes() + read(self._connection, ROOM)


def tls_sender(connection: Any, send: Send, hold: Hold) -> TlsSender:
    """
    @param connection: pyOpenSSL's, with memory below it; its handshake is done.
    @param send: the socket's.
    @param hold: is called while L{TlsSender.send} is.
    """
    kind = LeanSender if LEAN and _has_pointers(connection) else PublicSender
    return kind(connection, send, hold)


def read(connection: Any, room: int) -> bytes:
    """All that a connection has to send, probably less than C{room} bytes."""
    records = b""
    try:
        while True:
            part: bytes = connection.bio_read(room)
            records += part
            if len(part) < room:
                return records
    except SSL.WantReadError:
        return records


def _has_pointers(connection: Any) -> bool:
    names = {"_ssl": "SSL *", "_from_ssl": "BIO *"}
    return type(connection) is SSL.Connection and all(
        isinstance(getattr(connection, name, None), _ffi.CData) and _ffi.typeof(getattr(connection, name)).cname == kind
        for name, kind in names.items()
    )


_ffi: Any = getattr(_util, "ffi", None)
_lib: Any = getattr(_util, "lib", None)

FUNCTIONS = ("SSL_write", "BIO_read", "ERR_clear_error")
"""Of OpenSSL."""

LEAN = _ffi is not None and all(hasattr(_lib, name) for name in FUNCTIONS)
"""Whether this pyOpenSSL has them where they are looked for."""

if LEAN:
    _ssl_write, _bio_read, _clear_errors = (getattr(_lib, name) for name in FUNCTIONS)
    _buffer = _ffi.new("char[]", ROOM)
    _view = memoryview(_ffi.buffer(_buffer))
