"""
Straight to the socket: the hot path of everything that sessions send.

C{transport.write} only queues bytes until the reactor finds the socket writable,
which costs more than the rest of a delivery. While nothing waits in the transport,
L{DirectWriter} calls C{send} itself; what the socket does not take goes to
C{transport.write}, and everything after it too until the transport has drained, so
that order, closing and back-pressure stay the transport's.

All knowledge about the inside of Twisted's transports is in this module; where an
attribute is missing, and for other transports, C{write} is used.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any, Protocol

from OpenSSL import SSL
from twisted.internet import tcp
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import BufferingTLSTransport
from zope.interface import implementer

from lsserver.engine.connection import Sender
from lsserver.transport.tls_sender import tls_sender

TCP_ATTRIBUTES = (
    "connected",
    "dataBuffer",
    "disconnecting",
    "offset",
    "producer",
    "producerPaused",
    "socket",
    "_tempDataBuffer",
    "_tempDataLen",
)
"""What must be there in a TCP or Unix transport."""

TLS_ATTRIBUTES = (
    "disconnecting",
    "_aggregator",
    "_appSendBuffer",
    "_handshakeDone",
    "_lostTLSConnection",
    "_tlsConnection",
)
"""What must be there in a TLS transport."""


class WriterOwner(Protocol):
    """What a L{DirectWriter} tells."""

    def congested(self) -> None:
        """Bytes wait for the socket: C{writable} has become false."""

    def drained(self) -> None:
        """The socket has taken everything: C{writable} has become true."""

    def stuck(self) -> None:
        """The socket has taken nothing for longer than the write timeout."""


def tcp_below(transport: Any) -> tcp.Connection | None:
    """The TCP or Unix transport at the bottom of a pile of wrappers, C{None} if it is something else."""
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    return transport if isinstance(transport, tcp.Connection) else None


def tune(transport: Any, write_timeout_millis: int) -> None:
    """
    Set the options that let the kernel find dead peers: keep-alive probes, and on
    Linux the longest time that sent bytes may stay unacknowledged.
    """
    bottom = tcp_below(transport)
    if bottom is None or bottom.socket.family not in (socket.AF_INET, socket.AF_INET6):
        return
    bottom.setTcpNoDelay(True)
    bottom.setTcpKeepAlive(True)
    if hasattr(socket, "TCP_USER_TIMEOUT") and write_timeout_millis:
        with contextlib.suppress(OSError):  # A kernel without it; our own timer is there as well.
            bottom.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, write_timeout_millis)


def bound_buffer(transport: Any, sendbuf: int) -> None:
    """
    Let the kernel hold about C{sendbuf} bytes of one stream at most: what it holds can
    neither be conflated any more, nor be recovered if it is more than is remembered.
    """
    bottom = tcp_below(transport)
    if sendbuf and bottom is not None and bottom.connected:
        bottom.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sendbuf)


@implementer(IPushProducer)
class DirectWriter:
    """
    Writes to one transport. The owner registers it as the transport's streaming
    producer, or has what is registered there pass C{pauseProducing} and
    C{resumeProducing} on to it.

    @ivar writable: nothing waits for the socket.
    @ivar write: send bytes, or queue them. Never fails: a broken connection is
        reported by the reactor.
    """

    __slots__ = (
        "_clock",
        "_handed",
        "_owner",
        "_queued",
        "_sender",
        "_taken",
        "_tcp",
        "_timeout",
        "_timer",
        "_tls",
        "_transport",
        "writable",
        "write",
    )

    def __init__(self, transport: Any, owner: WriterOwner, clock: IReactorTime, write_timeout_millis: int) -> None:
        self._transport = transport
        self._owner = owner
        self._clock = clock
        self._timeout = write_timeout_millis / 1000
        self._timer: IDelayedCall | None = None
        self._handed = 0
        self._queued = True
        self._taken = 0
        self.writable = True
        self.write: Callable[[bytes], None] = transport.write
        self._tcp, self._tls = _inside(transport)
        self._sender: Sender | None = None
        if self._tcp is not None:
            self.write = self._write_direct
            if self._tls is None:
                self._sender = self._tcp.socket

    @property
    def sender(self) -> Sender | None:
        """
        Takes bytes; C{None} while something waits. It is good until the owner is told that C{writable} has become
        false, or L{close} is called.
        """
        if not self.writable:
            return None
        if self._tcp is None:
            return self
        return None if self._queued and not self._begin_sending() else self._sender

    def send(self, data: bytes) -> int:
        """As L{sender} of a transport that does not show its socket: takes everything."""
        self.write(data)
        return len(data)

    def unsent(self, rest: bytes) -> None:
        """Queue what L{sender} has not taken."""
        if self._tcp is not None:
            self._queue(rest)

    def begin(self) -> None:
        """To be called once the writer hears of C{pauseProducing}: what was written before may still wait."""
        if self._tcp is not None and self._waiting():
            self._wait()

    @property
    def direct(self) -> bool:
        """Whether bytes go straight to a socket when they can."""
        return self._tcp is not None

    def close(self) -> None:
        """Nothing more is to be written; what waits is still sent."""
        self.write = _ignore
        self._stop_timer()
        if self._tcp is not None:
            self._sender = None  # It would keep the socket alive.
            self._tcp = self._tls = None

    def pending(self) -> int:
        """Bytes that wait for the socket, as far as that can be known."""
        return 0 if self._tcp is None else _unsent(self._tcp, self._tls)

    # Writing

    def _write_direct(self, data: bytes) -> None:
        # The transport is asked only while it may have something: everything that
        # is written comes through here, and its attributes are far away in memory.
        if self._queued and not self._begin_sending():
            self._queue(data)
            return
        assert self._sender is not None
        try:
            sent = self._sender.send(data)
        except OSError:
            # No room in the socket; or it is broken, which the reactor finds out by itself.
            sent = 0
        if sent != len(data):
            self._queue(data[sent:])

    def _begin_sending(self) -> bool:
        """Whether the transport has nothing to send any more, and will go on."""
        bottom, tls = self._tcp, self._tls
        if self._waiting() or bottom.disconnecting or not bottom.connected:
            return False
        if tls is not None:
            if tls.disconnecting or tls._lostTLSConnection or not tls._handshakeDone:
                return False
            if self._sender is None:
                self._sender = self._tls_sender(tls._tlsConnection, bottom.socket)
        self._queued = False
        return True

    def _tls_sender(self, connection: Any, below: socket.socket) -> Sender:
        sender = tls_sender(connection, below.send, self._hold)
        if connection.get_protocol_version() >= SSL.TLS1_3_VERSION:
            # What OpenSSL has to say by itself in this version, it says with the next write, or as its last word.
            return sender
        return CautiousSender(sender, lambda: self._tcp is not None and not self._waiting())

    def _hold(self, records: bytes) -> None:
        """Send what the socket has not taken of TLS."""
        if self._tcp is not None:
            self._queued = True
            self._handed += len(records)
            self._tcp.write(records)
            self._wait()

    def _queue(self, data: bytes) -> None:
        self._queued = True
        self._handed += len(data)
        self._transport.write(data)
        self._wait()

    def _waiting(self) -> bool:
        bottom, tls = self._tcp, self._tls
        if bottom.dataBuffer or bottom._tempDataBuffer:
            return True
        return tls is not None and bool(tls._appSendBuffer or getattr(tls._aggregator, "_buffer", None))

    # Back-pressure

    def _wait(self) -> None:
        """
        Have the transport tell when it has sent everything. By itself it pauses its
        producer only above its own mark, and resumes one only that it has paused.
        """
        bottom = self._tcp
        producer = bottom.producer if bottom is not None else None
        if producer is None or not bottom.connected:
            return
        # While it disconnects, what waits is the last: one that resumes somebody then forgets to close.
        if not bottom.producerPaused and not bottom.disconnecting:
            bottom.producerPaused = True
            producer.pauseProducing()
        elif self._tls is not None:
            producer.pauseProducing()
        self.pauseProducing()

    def pauseProducing(self) -> None:
        """The transport has more than it can send at once."""
        if self.writable:
            self.writable = False
            if self._timeout:
                self._taken = self._handed - self.pending()
                self._timer = self._clock.callLater(self._timeout, self._look)
            self._owner.congested()

    def resumeProducing(self) -> None:
        """The transport has sent everything, or some layer of it has."""
        if self._tcp is not None and self._waiting():
            self._wait()
            return
        if self._tcp is not None and self._tcp.disconnecting:
            # Once more, because it has resumed us in place of closing.
            self._tcp.startWriting()
        if not self.writable:
            self.writable = True
            self._stop_timer()
            self._owner.drained()

    def stopProducing(self) -> None:
        """The connection is lost, which the owner learns from elsewhere."""
        self._stop_timer()

    def _look(self) -> None:
        """Whether the peer has taken anything since the last look."""
        self._timer = None
        taken = self._handed - self.pending()
        if self._tcp is not None and taken > self._taken:
            self._taken = taken
            self._timer = self._clock.callLater(self._timeout, self._look)
        else:
            self._owner.stuck()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class CautiousSender:
    """For TLS 1.2: OpenSSL refuses to renegotiate as soon as it reads of it, and nothing may overtake that."""

    __slots__ = ("_free", "_sender")

    def __init__(self, sender: Sender, free: Callable[[], bool]) -> None:
        """
        @param free: whether nothing waits.
        """
        self._sender = sender
        self._free = free

    def send(self, data: bytes) -> int:
        """Nothing is taken while something waits."""
        return self._sender.send(data) if self._free() else 0


def unsent(transport: Any) -> int:
    """Bytes that were written to a transport and wait for the socket, as far as that can be known."""
    bottom, secure = _inside(transport)
    return 0 if bottom is None else _unsent(bottom, secure)


def _unsent(bottom: Any, secure: Any) -> int:
    waiting: int = len(bottom.dataBuffer) - bottom.offset + bottom._tempDataLen
    if secure is not None:
        waiting += sum(map(len, secure._appSendBuffer))
        waiting += sum(map(len, getattr(secure._aggregator, "_buffer", ())))
    return waiting


def _inside(transport: Any) -> tuple[Any, Any]:
    """
    The TCP transport below a transport and the TLS layer on it, C{None} for no TLS;
    twice C{None} if it is not as it should be.
    """
    top = _unwrapped(transport)
    if _has(top, tcp.Connection, TCP_ATTRIBUTES):
        return top, None
    if _has(top, BufferingTLSTransport, TLS_ATTRIBUTES):
        bottom = _unwrapped(top.transport)
        if _has(bottom, tcp.Connection, TCP_ATTRIBUTES):
            return bottom, top
    return None, None


def _unwrapped(transport: Any) -> Any:
    # A wrapper that only watches may be passed by; one that changes what is written may not.
    while isinstance(transport, ProtocolWrapper) and type(transport).write is ProtocolWrapper.write:
        transport = transport.transport
    return transport


def _has(transport: Any, kind: type, attributes: tuple[str, ...]) -> bool:
    return isinstance(transport, kind) and all(hasattr(transport, name) for name in attributes)


def _ignore(data: bytes) -> None:
    """Written after the end."""
