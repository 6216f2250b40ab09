"""
WebSocket connections below the protocol: Autobahn's handshake and receiving half,
with messages of limited length, sending straight to the socket, and an end that
does not depend on the client.
"""

# Much of twisted.web and Autobahn has no types.
# mypy: disallow-untyped-calls=False
from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha1
from http import HTTPStatus
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from autobahn.websocket.types import ConnectionRequest
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from lsserver.engine.budget import Budget
from lsserver.transport.compression import MIN_WINDOW_BITS, Agreement, DeflatingFramer, Inflater, negotiate
from lsserver.transport.direct import DirectWriter, bound_buffer
from lsserver.transport.framing import TextFramer
from lsserver.transport.lean_websocket import OPTIONS, LeanProtocol
from lsserver.transport.limits import Lease
from lsserver.transport.settings import TransportSettings

NORMAL = 1000
POLICY_VIOLATION = 1008
TOO_BIG = 1009
INTERNAL_ERROR = 1011

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What proves that a handshake was understood (RFC 6455, 1.3)."""

MAX_DISCARDED = 64
"""A message so many times longer than the limit is not read to its end: the socket is closed."""

MAX_UNREAD = 65_536
"""Bytes that may wait for a client which goes on sending, before nothing more is read from it."""

_log = Logger(namespace="LightstreamerLogger.connections.WS")


class FrameFactory(WebSocketServerFactory):
    """
    Makes the connections of one site.

    @ivar framer: for all of them, so that lines which many get are framed once.
    @ivar deflating: for those that have agreed on compression, by the size of the window.
    """

    def __init__(self, settings: TransportSettings, clock: IReactorTime, server_header: bytes) -> None:
        super().__init__(reactor=clock, server=server_header.decode())
        self.settings = settings
        self.clock = clock
        self.framer = TextFramer(settings.max_outbound_frame_size)
        self.deflating: dict[int, DeflatingFramer] = {}
        self.setProtocolOptions(**OPTIONS)
        self._accepted = (
            f"HTTP/1.1 101 Switching Protocols\r\nServer: {self.server}\r\n"
            "Upgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        )

    def acceptance(self, key: str, headers: Mapping[str, str]) -> bytes:
        """The answer to a handshake, as Autobahn writes it (RFC 6455, 4.2.2)."""
        proof = b64encode(sha1(key.encode() + MAGIC).digest()).decode()
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{self._accepted}{proof}\r\n{more}\r\n".encode("latin-1")

    def agree(self, offers: Iterable[str]) -> Agreement | None:
        """
        On compression, with one client, if that is allowed here.

        @param offers: values of C{Sec-WebSocket-Extensions}.
        """
        return negotiate(offers) if self.settings.websocket_use_compression else None

    def framer_for(self, agreement: Agreement) -> TextFramer:
        """The one that a client gets who has agreed to this."""
        bits = agreement.window_bits
        if bits < MIN_WINDOW_BITS:
            return self.framer
        framer = self.deflating.get(bits)
        if framer is None:
            settings = self.settings
            framer = self.deflating[bits] = DeflatingFramer(
                self.framer, bits, settings.max_outbound_frame_size, settings.websocket_compression_threshold
            )
        return framer


class FrameProtocol(LeanProtocol):
    """
    One connection. What it needs of the messages is in the methods that raise
    C{NotImplementedError}.

    @ivar writer: everything that is sent goes through it, Autobahn's control frames too.
    @ivar lease: the connection's place among all.
    @ivar budget: how many requests may come on it; C{None} if that is not limited.
    @ivar framer: makes the frames of messages.
    @ivar agreement: what the handshake is to say on compression, C{None} for nothing.
    """

    budget: Budget | None = None
    agreement: Agreement | None = None
    _perMessageCompress: Any
    _isMessageCompressed: bool

    # Autobahn adds up there what was inflated, for a limit of its own that is not set.
    message_data_total_length = 0

    # As long as nothing special happens they are what they are here, and take no room.
    _parts: list[bytes] = []
    _size = 0
    _binary = False
    _drop_call: IDelayedCall | None = None
    _deadline: IDelayedCall | None = None
    _completed = False
    _holding: frozenset[str] = frozenset()
    _abrupt = False
    _lost = False

    def __init__(self) -> None:
        super().__init__()
        self.lease: Lease | None = None
        self.factory: FrameFactory = None  # type: ignore[assignment]
        self.framer: TextFramer = None  # type: ignore[assignment]
        self.writer: DirectWriter = None  # type: ignore[assignment]

    # What the messages are for

    def opened(self) -> None:
        """The handshake is done."""

    def messageReceived(self, payload: bytes) -> None:
        """A text message, valid UTF-8."""
        raise NotImplementedError

    def messageTooLong(self, head: bytes) -> None:
        """A text message above the limit has ended; C{head} is how it began."""
        raise NotImplementedError

    def binaryReceived(self) -> None:
        """A binary message has ended."""
        raise NotImplementedError

    def closed(self) -> None:
        """The connection is gone."""

    # Connection

    def connectionMade(self) -> None:
        """The HTTP connection has become ours."""
        settings = self.factory.settings
        self.framer = self.factory.framer
        bound_buffer(self.transport, settings.sendbuf)
        self.writer = DirectWriter(self.transport, self, self.factory.clock, settings.write_timeout_millis)
        self.transport.registerProducer(self.writer, True)
        self.writer.begin()

    def sendHttpErrorResponse(self, code: int, reason: str, responseHeaders: Any = None) -> None:
        """The handshake is wrong. Autobahn's reason repeats what the client has sent, so it is not given."""
        body = "This is no handshake of a WebSocket.\r\n"
        lines = [
            f"HTTP/1.1 {code} {HTTPStatus(code).phrase}",
            f"Server: {self.factory.server}",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in responseHeaders or ()),
            "",
            body,
        ]
        self.sendData("\r\n".join(lines).encode())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self._lost = True
        if self._drop_call is not None:
            self._drop_call.cancel()
            self._drop_call = None
        self._stop_deadline()
        if self.failedByMe:
            _log.info("{peer}: {why}; WebSocket closed", peer=self.peer, why=self.wasNotCleanReason)
        self.state = self.STATE_CLOSED
        if self.lease is not None:
            self.lease.end()
        self.writer.close()
        self.closed()
        # They know each other.
        del self.writer

    def dataReceived(self, data: bytes) -> None:
        """Bytes of frames."""
        self._dataReceived(data)
        self._limit_time()

    # A message must be complete in time, counted from its first byte: what comes
    # slowly is kept and watched by us all the while.

    def _limit_time(self) -> None:
        incomplete = self.data or self.inside_message or self.current_frame is not None
        if not incomplete and self._deadline is None:
            return
        if self._completed or not incomplete:
            self._completed = False
            self._stop_deadline()
        if incomplete and self._deadline is None and not self._holding and self.state == self.STATE_OPEN:
            wait = self.factory.settings.read_timeout_millis / 1000
            if wait:
                self._deadline = self.factory.clock.callLater(wait, self._too_slow)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        _log.info("{peer} sends a message too slowly, connection dropped", peer=self.peer)
        self.drop()

    def processControlFrame(self) -> Any:
        """A ping, a pong or a close is complete."""
        if not self.inside_message:
            self._completed = True
        return super().processControlFrame()

    def onConnect(self, request: ConnectionRequest) -> tuple[str | None, dict[str, str]]:
        """Only the one subprotocol to answer with gets here, and no extension."""
        headers = {} if self.agreement is None else self._agree(self.agreement)
        return (request.protocols[0] if request.protocols else None), headers

    def _agree(self, agreement: Agreement) -> dict[str, str]:
        limit = self.factory.settings.request_limit
        self._perMessageCompress = Inflater(limit, MAX_DISCARDED * limit)
        self.framer = self.factory.framer_for(agreement)
        return {"Sec-WebSocket-Extensions": agreement.answer}

    def accept(self, key: str, subprotocol: str) -> None:
        """
        Answer a handshake that somebody else has read and found good.

        @param key: C{Sec-WebSocket-Key}.
        """
        headers = {"Sec-WebSocket-Protocol": subprotocol}
        if self.agreement is not None:
            headers |= self._agree(self.agreement)
        self.sendData(self.factory.acceptance(key, headers))
        self.state = self.STATE_OPEN
        self.onOpen()

    def longest(self) -> int:
        """As in L{LeanProtocol}."""
        return self.factory.settings.request_limit

    def onOpen(self) -> None:
        """The handshake is done."""
        self.opened()

    # Sending

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """What Autobahn sends: the handshake and control frames."""
        self.writer.write(data)
        self._restrain()

    def send_text(self, data: bytes) -> None:
        """Send complete lines in a text message."""
        if self.state == self.STATE_OPEN:
            framer = self.framer
            self.writer.write(framer.frame if data is framer.data else framer.encode(data))
            self._restrain()

    def _restrain(self) -> None:
        """Do not read from a client that goes on asking but does not take the answers."""
        if not self.writer.writable and self.writer.pending() > MAX_UNREAD:
            self.hold("congested")

    def hold(self, why: str) -> None:
        """Stop reading, until L{release} was called for every reason."""
        if not self._holding and self.state == self.STATE_OPEN:
            self.transport.pauseProducing()
            self._stop_deadline()
        self._holding |= {why}

    def release(self, why: str) -> None:
        """A reason not to read is gone."""
        if why in self._holding:
            self._holding -= {why}
            if not self._holding and self.state != self.STATE_CLOSED:
                self.transport.resumeProducing()
                self._limit_time()

    # WriterOwner

    def congested(self) -> None:
        """Bytes wait for the socket."""

    def drained(self) -> None:
        """The socket has taken everything."""
        self.release("congested")

    def stuck(self) -> None:
        """The client does not read."""
        self.drop()

    # Receiving

    def onMessageBegin(self, isBinary: bool) -> None:
        """The first frame of a message begins."""
        self._binary = isBinary
        self._parts = []
        self._size = 0

    def onMessageFrameBegin(self, length: int) -> None:
        """A frame begins. Its length is what it says, and nothing of it is here yet."""
        if self._size + length > MAX_DISCARDED * self.factory.settings.request_limit and self.state == self.STATE_OPEN:
            self.close(TOO_BIG)

    def onMessageFrameData(self, payload: bytes) -> None:
        """Some bytes of a frame."""
        before = self._size
        self._size += len(payload)
        if self._isMessageCompressed and self._size > self.factory.settings.request_limit:
            # The rest is not inflated, and where that begins may be within a character.
            self.utf8validateIncomingCurrentMessage = False
        # Of what is too long, the beginning is kept: it may say whom to answer. Empty
        # fragments may come without end.
        if payload and not self._binary and before <= self.factory.settings.request_limit:
            self._parts.append(payload)

    def onMessageFrameEnd(self) -> None:
        """A frame has ended."""

    def onMessageEnd(self) -> None:
        """The last frame of a message has ended."""
        parts, self._parts = self._parts, []
        self._completed = True
        if self.state != self.STATE_OPEN or self.failedByMe:
            return
        if self._binary:
            self.binaryReceived()
        elif self._size > self.factory.settings.request_limit:
            self.messageTooLong(b"".join(parts))
        else:
            self.messageReceived(b"".join(parts))

    # The end

    def close(self, code: int) -> None:
        """Close in order, with a close frame; the client need not answer it."""
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code=code)

    def drop(self) -> None:
        """Break the connection without a further byte."""
        self._abrupt = True
        if self.state == self.STATE_CLOSED:
            self._closeConnection(True)
        else:
            self.wasClean = True  # Otherwise Autobahn takes it for a fault and warns.
            self.dropConnection(abort=True)

    def ending(self) -> None:
        """A close frame is about to be sent; no message may follow it."""

    def sendCloseFrame(self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False) -> None:
        """Send a close frame, and set a term to what comes after it."""
        if self.state == self.STATE_OPEN:
            self.ending()
            super().sendCloseFrame(code, reasonUtf8, isReply)
            self._term()

    def _closeConnection(self, abort: bool = False) -> None:
        # After the closing handshake Autobahn would reset the connection, although
        # the peer has done nothing wrong.
        super()._closeConnection(self._abrupt)
        if not self._abrupt:
            self._term()

    def _term(self) -> None:
        """A client that does not read, or does not answer, keeps even an orderly end from coming."""
        if self._drop_call is None and not self._lost:
            wait = self.factory.settings.websocket_max_closing_wait_millis / 1000
            self._drop_call = self.factory.clock.callLater(wait, self._drop_late)

    def _drop_late(self) -> None:
        self._drop_call = None
        self.drop()
