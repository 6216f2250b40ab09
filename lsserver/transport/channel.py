"""
HTTP connections and requests: those of twisted.web, with raw bodies of limited
length, a deadline for slow requests, and a way over to WebSocket.
"""

# Much of twisted.web and Autobahn has no types.
# mypy: disallow-untyped-calls=False
from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from io import BytesIO
from time import time
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web import http, server
from zope.interface import implementer

from lsserver.engine.budget import Budget
from lsserver.transport.direct import unsent
from lsserver.transport.entrance import replace
from lsserver.transport.limits import Lease
from lsserver.transport.settings import TransportSettings

LINGER = 16
"""
So many times the request limit is read and thrown away before the connection is
closed: a client that is still sending would not see the answer to what is too long.
"""

MANY_PIECES = 64
"""So many pieces of a request that must wait are kept before they are put together."""


@lru_cache(maxsize=1)
def _date(now: int) -> bytes:
    """For the head of every response of a second."""
    date: bytes = http.datetimeToString(now)
    return date


class Request(server.Request):
    """
    One request.

    @ivar query: the raw query string.
    @ivar streaming: the response is a stream that goes on until somebody ends it.
    @ivar too_long: the body is, and was thrown away.
    """

    channel: Any
    content: Any
    site: Any
    path: bytes
    prepath: list[bytes]
    postpath: list[bytes]

    defaultContentType = b"text/plain; charset=utf-8"

    def __init__(self, channel: Any, *args: Any, **kw: Any) -> None:
        super().__init__(channel, *args, **kw)
        self.query = b""
        self.streaming = False
        self.too_long = False
        self._length = 0

    def gotLength(self, length: int | None) -> None:
        """The head is complete."""
        self.content = BytesIO()
        if length is not None and length > self._limit:
            self.too_long = True

    @property
    def _limit(self) -> int:
        limit: int = self.channel.settings.request_limit
        return limit

    def handleContentChunk(self, data: bytes) -> None:
        """A part of the body."""
        self._length += len(data)
        if self.too_long or self._length > self._limit:
            self.too_long = True
            if self._length > LINGER * self._limit:
                self.channel.refuse_rest()
        else:
            self.content.write(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """The request is complete."""
        self.content.seek(0)
        self.args = {}
        self.method, self.uri, self.clientproto = command, path, version
        self.path, _, self.query = path.partition(b"?")
        self.process()

    def process(self) -> None:
        """Find the resource and have it answer."""
        self.site = site = self.channel.site
        self.setHeader(b"Server", site.server_header)
        self.setHeader(b"Date", _date(int(time())))
        budget = self.channel.budget
        if budget is not None and not budget.take():
            self.setHeader(b"Retry-After", b"1")
            self.respond_with(HTTPStatus.TOO_MANY_REQUESTS, b"Too many requests.\r\n")
            return
        if self.too_long:
            self.respond_with(http.REQUEST_ENTITY_TOO_LARGE, b"The request is too long.\r\n")
            return
        self.prepath = []
        self.postpath = [unquote_to_bytes(part) for part in self.path[1:].split(b"/")]
        if self.path == b"*":
            self.setHeader(b"Allow", b"GET, HEAD, POST, OPTIONS")
            self.respond(b"")
            return
        try:
            self.render(site.getResourceFor(self))
        except Exception:
            self.processingFailed(Failure())

    def header(self, name: str) -> str | None:
        """The last request header of that name."""
        value = self.requestHeaders.getRawHeaders(name.encode())
        return None if value is None else value[-1].decode("latin-1")

    def respond(self, body: bytes) -> None:
        """Send a whole body and be done; the headers are set already. Nothing if the client has gone."""
        if self._disconnected:
            return
        self.setHeader(b"Content-Length", b"%d" % len(body))
        self.write(body)
        self.finish()

    def respond_with(self, code: int, body: bytes) -> None:
        """As L{respond}, with a status and plain text."""
        self.setResponseCode(code, HTTPStatus(code).phrase.encode())
        self.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
        self.respond(body)

    def head_is_sent(self, chunked: bool) -> None:
        """Somebody else has written the head of the response and will write its body."""
        self.startedWriting = 1
        self.chunked = int(chunked)

    def close_after(self) -> None:
        """Close the connection when the response is finished."""
        self.channel.persistent = 0


@implementer(IHalfCloseableProtocol)
class Channel(http.HTTPChannel):
    """
    One connection, from its first bytes on. It hands everything on once it has become a WebSocket.

    @ivar settings: set by the factory, as are C{lease} and C{budget}.
    @ivar lease: its place among all connections.
    @ivar budget: how many requests may come; C{None} if that is not limited.
    """

    settings: TransportSettings
    site: Any
    transport: Any
    _networkProducer: Any

    def __init__(self) -> None:
        super().__init__()
        self.lease: Lease | None = None
        self.budget: Budget | None = None
        self._partial = bytearray()
        self._upgraded: Any = None
        self._idle = True
        self._unsent = 0
        self._half_closed = False

    def connectionMade(self) -> None:
        """A client has sent something that is not the usual beginning of a WebSocket."""
        settings = self.settings
        # A whole request of GET is in the head.
        self.MAX_LENGTH = self.totalHeadersSize = settings.request_limit
        self.maxHeaders = settings.max_headers
        super().connectionMade()

    # In time. The timer of the base class starts again with every byte, so that a
    # client could send one every few seconds for ever; here a head, and a body,
    # must be complete in time.

    def timeoutConnection(self) -> None:
        """Nothing has come for too long. But the client may still be reading the last answer."""
        waiting = unsent(self.transport)
        if waiting and waiting != self._unsent:
            self._unsent = waiting
            self.setTimeout(self.timeOut)
        else:
            super().timeoutConnection()

    def dataReceived(self, data: bytes) -> None:
        """Bytes of a request, or of several."""
        if self._upgraded is not None:
            self._upgraded.dataReceived(data)
            return
        if self._idle:
            self._idle = False
            self.resetTimeout()
        if self.line_mode and not self._busyReceiving:
            data = self._with_line_end(data)
        if data:
            LineReceiver.dataReceived(self, data)

    def _with_line_end(self, data: bytes) -> bytes:
        """
        Bytes with those before them, or nothing as long as a line has no end: the base
        class looks through all that it has of a line whenever a byte comes.
        """
        if b"\n" not in data and len(self._partial) + len(data) <= self.MAX_LENGTH:
            self._partial += data
            return b""
        data = bytes(self._partial) + data
        self._partial.clear()
        return data

    def allHeadersReceived(self) -> None:
        """The head is complete."""
        self.resetTimeout()
        request = self.requests[-1]
        refused = request.requestHeaders.hasHeader(b"Expect") and (self.length or 0) > self.settings.request_limit
        if refused:
            # No invitation to send what will be refused.
            request.requestHeaders.removeHeader(b"Expect")
        super().allHeadersReceived()
        if refused:
            self.refuse_rest()

    def rawDataReceived(self, data: bytes) -> None:
        """Bytes of a body, or of a request that must wait for its turn."""
        if self._upgraded is not None:
            self._upgraded.dataReceived(data)
        elif not self._refused:
            if len(self._dataBuffer) >= MANY_PIECES:
                # The base class adds up the lengths of all pieces whenever one comes.
                self._dataBuffer = [b"".join(self._dataBuffer)]
            super().rawDataReceived(data)

    # Heads that are too long

    def lineReceived(self, line: bytes) -> None:
        """A line of the head."""
        self._receivedHeaderSize += len(self.delimiter)
        if self._receivedHeaderSize + len(line) > self.totalHeadersSize:
            self.lineLengthExceeded(line)
        elif line.startswith((b" ", b"\t")):
            # Folded lines are obsolete, and putting them together takes the square of the time.
            self.refuse(HTTPStatus.BAD_REQUEST, b"A line begins with a space.\r\n")
        else:
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        """A line is longer than the whole head may be, or makes the head longer than that."""
        if self._receivedHeaderSize <= len(self.delimiter):
            self.refuse(HTTPStatus.REQUEST_URI_TOO_LONG, b"The address is too long.\r\n")
        else:
            self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, b"The headers are too long.\r\n")

    def headerReceived(self, line: bytes) -> bool:
        """One header is complete."""
        if self._receivedHeaderCount >= self.maxHeaders:
            self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, b"There are too many headers.\r\n")
            return False
        accepted: bool = super().headerReceived(line)
        if (
            accepted
            and line[:5].lower() == b"host:"
            and len(self.requests[-1].requestHeaders.getRawHeaders(b"host")) > 1
        ):
            # A proxy may have believed the other one.
            self.refuse(HTTPStatus.BAD_REQUEST, b"There is more than one Host.\r\n")
            return False
        return accepted

    def requestDone(self, request: http.Request) -> None:
        """A response is finished."""
        self._idle = True
        if self._waitingForTransport:
            # The base class would go on with what has been read: two thousand requests for a large page fit in one
            # segment, and all the answers would wait for a client that reads none.
            self.paused = True
            self._networkProducer.pauseProducing()
        super().requestDone(request)
        if self._half_closed and not self._handlingRequest:
            self.loseConnection()

    def resumeProducing(self) -> None:
        """The transport has room again."""
        super().resumeProducing()
        if self.paused:
            self.paused = False
            LineReceiver.dataReceived(self, b"")

    # Refused before the end

    _refused = False

    def refuse_rest(self) -> None:
        """The request is too long."""
        self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"The request is too long.\r\n")

    def _respondToBadRequestAndDisconnect(self) -> None:
        """What the base class does not understand, answered with a whole head."""
        self.refuse(HTTPStatus.BAD_REQUEST, b"The request cannot be understood.\r\n")

    def refuse(self, status: HTTPStatus, body: bytes) -> None:
        """Answer now, without reading the rest of the request, and close the connection."""
        if self._refused:
            return
        self._refused = True
        self.transport.writeSequence(
            [
                b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()),
                b"Server: " + self.site.server_header + b"\r\n",
                b"Content-Type: text/plain; charset=utf-8\r\n",
                b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body),
                body,
            ]
        )
        self.loseConnection()

    # A client that has nothing more to say may still read (nc -N does so).

    def readConnectionLost(self) -> None:
        """The client will send nothing more."""
        if self._half_closed:
            return
        self._half_closed = True
        if self.requests and self._handlingRequest and not self.requests[0].streaming:
            self.transport.stopReading()
        else:
            # Nobody who wants a stream closes his half; this is how most clients say goodbye.
            self.loseConnection()

    def writeConnectionLost(self) -> None:
        """We never close our half alone."""

    # WebSocket

    def upgrade(self, protocol: Any, handshake: bytes) -> None:
        """
        Let C{protocol} have the connection. The request that asked for it is not
        answered here.

        @param protocol: an C{IProtocol} that has the attributes C{lease} and C{budget}.
        @param handshake: that request, for the protocol to answer it.
        """
        transport = self.transport
        self._networkProducer.unregisterProducer()
        self.setTimeout(None)
        self._upgraded = protocol
        protocol.lease, self.lease = self.lease, None
        if self.budget is not None:
            protocol.budget = self.budget
        for request in self.requests:
            request.content.close()
        self.requests = []
        waiting, self._dataBuffer = b"".join(self._dataBuffer), []
        # The transport need not go through here any more; those in memory may.
        replace(transport, protocol)
        protocol.makeConnection(transport)
        self._networkProducer.resumeProducing()
        protocol.dataReceived(handshake + waiting)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        if self._upgraded is not None:
            self._upgraded.connectionLost(reason)
            return
        if self.lease is not None:
            self.lease.end()
        super().connectionLost(reason)
