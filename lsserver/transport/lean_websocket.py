"""
Autobahn's receiving half without what each of its connections costs: some hundred
attributes that hardly ever differ from their defaults, and objects that nobody asks.

What differs is in the instance, the rest in the class. A whole text message in one
frame, which is what clients send, is taken here: Autobahn needs 40 us for it and this
needs 3. Everything else, and everything that is not as it should be, goes the long way.
"""

# Autobahn has no types.
# mypy: disallow-untyped-calls=False
from __future__ import annotations

from collections import deque
from functools import cached_property
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.protocol import TrafficStats
from autobahn.websocket.utf8validator import Utf8Validator
from twisted.internet.task import Clock

WHOLE_TEXT = 0x81
"""The first byte of a text message in one frame."""

MASKED = 0x80
LONGER = MASKED | 126
"""The second byte of a frame with a length of two bytes."""

NO_MASK = bytes(4)


class _Nobody:
    """In place of Deferreds that nobody waits for."""

    def callback(self, result: Any) -> None:
        """Autobahn has something to tell."""


_HANDSHAKE = (
    *("http_headers", "http_status_line", "http_request_uri", "http_request_path", "http_request_params"),
    *("http_request_host", "http_response_data", "websocket_origin", "websocket_protocols", "_wskey"),
    *("websocket_extensions", "websocket_extensions_in_use", "websocket_protocol_in_use"),
)
"""What Autobahn keeps of a handshake, and nobody needs afterwards."""


class LeanProtocol(WebSocketServerProtocol):
    """
    A connection that has no more attributes than it needs. The sending half is not here
    but in L{sendData} of the subclass.

    @ivar longest: bytes of a message that the short way takes.
    """

    # So are Autobahn's options, see below.
    is_open: Any = _Nobody()
    is_closed: Any = _Nobody()
    trafficStats: Any = TrafficStats()
    send_queue: Any = deque(maxlen=0)
    trackedTimings: Any = None
    state = WebSocketServerProtocol.STATE_CONNECTING
    send_state = WebSocketServerProtocol.SEND_STATE_GROUND
    triggered = False
    data = b""
    inside_message = False
    current_frame: Any = None
    websocket_version = 13
    wasMaxFramePayloadSizeExceeded = False
    wasMaxMessagePayloadSizeExceeded = False
    closedByMe = False
    failedByMe = False
    droppedByMe = False
    wasClean = False
    wasNotCleanReason: Any = None
    wasServerConnectionDropTimeout = False
    wasOpenHandshakeTimeout = False
    wasCloseHandshakeTimeout = False
    wasServingFlashSocketPolicyFile = False
    localCloseCode: Any = None
    localCloseReason: Any = None
    remoteCloseCode: Any = None
    remoteCloseReason: Any = None
    openHandshakeTimeoutCall: Any = None
    closeHandshakeTimeoutCall: Any = None
    autoPingTimeoutCall: Any = None
    autoPingPending: Any = None
    autoPingPendingCall: Any = None
    _perMessageCompress: Any = None

    transport: Any

    def __init__(self) -> None:
        """The base class would make objects that are in the class here. See also L{LinesSocket}."""
        self.state = self.STATE_CONNECTING
        self.connected = 0
        self.transport = None

    def _connectionMade(self) -> None:
        """The same: every state is what it is in the class."""

    @cached_property
    def utf8validator(self) -> Any:  # type: ignore[override]
        """Of a message that comes in more than one piece."""
        return Utf8Validator()

    @property
    def peer(self) -> str:
        """Its address, for log lines."""
        peer = self.transport.getPeer()
        host, port = getattr(peer, "host", None), getattr(peer, "port", None)
        return str(peer) if host is None else f"{host}:{port}"

    @peer.setter
    def peer(self, peer: str) -> None:
        """Autobahn puts what a proxy says there; we have our own rules for that."""

    def _onOpen(self) -> None:
        for name in _HANDSHAKE:
            self.__dict__.pop(name, None)
        self.onOpen()

    def longest(self) -> int:
        """Bytes of a message that may be taken the short way."""
        raise NotImplementedError

    def messageReceived(self, payload: bytes) -> None:
        """A text message, valid UTF-8."""
        raise NotImplementedError

    def _dataReceived(self, data: bytes) -> None:
        if self.state == self.STATE_OPEN and self.current_frame is None and not self.inside_message and not self.data:
            data = self._take_whole(data)
        if data:
            super()._dataReceived(data)

    def _take_whole(self, data: bytes) -> bytes:
        """
        The messages at the beginning of C{data} that are as they usually are.

        @return: the rest.
        """
        start, end = 0, len(data)
        longest = self.longest()
        while end - start >= 6 and data[start] == WHOLE_TEXT and self.state == self.STATE_OPEN:
            size = data[start + 1]
            begin = start + 6
            if size < LONGER:
                size -= MASKED
            elif size == LONGER and end - start >= 8:
                size = int.from_bytes(data[start + 2 : start + 4])
                begin += 2
                if size < 126:
                    break
            else:
                break
            if not 0 <= size <= min(longest, end - begin):
                break
            payload = data[begin : begin + size]
            mask = data[begin - 4 : begin]
            if mask != NO_MASK:
                payload = unmasked(payload, mask)
            if not payload.isascii() and not _is_utf8(payload):
                break
            start = begin + size
            self.messageReceived(payload)
        return data[start:] if start else data


def unmasked(payload: bytes, mask: bytes) -> bytes:
    """The payload of a client's frame (RFC 6455, 5.3)."""
    size = len(payload)
    masks = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(masks)).to_bytes(size)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _configure() -> None:
    """Have Autobahn's options, as they are set below, in the class."""
    factory = WebSocketServerFactory(reactor=Clock())
    factory.setProtocolOptions(**OPTIONS)
    for name in WebSocketServerProtocol.CONFIG_ATTRS:
        value = getattr(factory, name)
        setattr(LeanProtocol, name, staticmethod(value) if callable(value) else value)


OPTIONS: dict[str, Any] = {
    "webStatus": False,
    # Origins are checked before, by our own policy.
    "allowNullOrigin": True,
    "failByDrop": False,
    # The handshake has been received already, and the closing one is timed by FrameProtocol.
    "openHandshakeTimeout": 0,
    "closeHandshakeTimeout": 0,
}
"""For Autobahn's factories."""

_configure()
