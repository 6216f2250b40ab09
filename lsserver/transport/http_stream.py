"""
A session's connection as an HTTP response: chunked, or until the end of the
connection for HTTP/1.0 (tlcp.md 2.7, 2.8).
"""

# Much of twisted.web and Autobahn has no types.
# mypy: disallow-untyped-calls=False
from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http
from zope.interface import implementer

from lsserver.engine.connection import Framing, IStreamConnection, Sender
from lsserver.transport.channel import Request
from lsserver.transport.cors import Headers
from lsserver.transport.direct import DirectWriter, bound_buffer
from lsserver.transport.framing import UNFRAMED, ChunkFramer
from lsserver.transport.headers import PLAIN, ResponseHeads
from lsserver.transport.stream import StreamConnection

RETRY_SECONDS = 5
"""When those who cannot be told otherwise may come back."""

_log = Logger(namespace="LightstreamerLogger.connections")


@implementer(IStreamConnection)
class HttpStream(StreamConnection):
    """One response to C{create_session} or C{bind_session}."""

    websocket = False

    def __init__(
        self,
        request: Request,
        heads: ResponseHeads,
        cors: Headers,
        framer: ChunkFramer,
        clock: IReactorTime,
        write_timeout_millis: int,
        sendbuf: int = 0,
    ) -> None:
        super().__init__()
        self._request = request
        self._heads = heads
        self._cors = cors
        self._clock = clock
        self._write_timeout = write_timeout_millis
        self._chunked = request.clientproto == b"HTTP/1.1"
        self._framer = framer
        self.framing: Framing = framer if self._chunked else UNFRAMED
        self._writer: DirectWriter | None = None
        self._sendbuf = sendbuf
        self._uncounted = 0
        request.streaming = True
        request.notifyFinish().addErrback(self._connection_lost)

    def _provided(self) -> IStreamConnection:
        return self

    @property
    def sender(self) -> Sender | None:
        """As in L{IStreamConnection}; there is no way before the head."""
        return None if self.over or self._writer is None else self._writer.sender

    def unsent(self, rest: bytes) -> None:
        """As in L{IStreamConnection}."""
        if not self.over and self._writer is not None:
            self._writer.unsent(rest)

    def write(self, data: bytes) -> None:
        """As in L{IStreamConnection}."""
        writer = self._writer
        if writer is None:
            self._first(data)
        else:
            framing = self.framing
            writer.write(framing.frame if data is framing.data else framing.encode(data))

    def _first(self, data: bytes) -> None:
        """The head and the first lines, with one call to the socket."""
        if self.over:
            return
        head = self._head(b"Transfer-Encoding: chunked\r\n" if self._chunked else b"")
        if self._chunked:
            data = self._framer.encode(data)
        request = self._request
        bound_buffer(request.channel.transport, self._sendbuf)
        writer = self._writer = self._new_writer()
        request.registerProducer(writer, True)
        writer.begin()
        writer.write(head + data)

    def _head(self, length: bytes) -> bytes:
        """The head of the response, which is sent from now on."""
        head = self._heads.stream(self._request, self._cors, length)
        # The request has nothing to add to what is written here, not even the last chunk.
        self._request.head_is_sent(chunked=False)
        self._uncounted = len(head)
        return head

    def _new_writer(self) -> DirectWriter:
        return DirectWriter(self._request.channel.transport, self, self._clock, self._write_timeout)

    def refuse(self, line: bytes) -> None:
        """As in L{IStreamConnection}."""
        if self.over:
            return
        if self._writer is not None:
            self.end(False, line)
            return
        self.over = True
        request = self._request
        self._heads.prepare(request, PLAIN, self._cors)
        request.respond(line)

    def unavailable(self) -> None:
        """As in L{IStreamConnection}."""
        if not self.over:
            self.over = True
            self._heads.prepare(self._request, PLAIN, self._cors)
            self._request.setHeader(b"Retry-After", b"%d" % RETRY_SECONDS)
            self._request.setResponseCode(http.SERVICE_UNAVAILABLE)
            self._request.respond(b"The server is overloaded.\r\n")

    def overhead(self, size: int) -> int:
        """As in L{IStreamConnection}."""
        head, self._uncounted = self._uncounted, 0
        return head + (self._framer.overhead(size) if self._chunked else 0)

    def end(self, close_socket: bool, last: bytes = b"") -> None:
        """As in L{IStreamConnection}."""
        if self.over:
            return
        if self._writer is None:
            # The whole response, so its length is known. What the socket does not take of it is
            # the channel's business, as with any other response.
            writer = self._new_writer()
            writer.write(self._head(b"Content-Length: %d\r\n" % len(last)) + last)
            writer.close()
        elif self._chunked:
            self._writer.write(self._framer.encode(last) + self._framer.LAST)
        elif last:
            self._writer.write(last)
        self.over = True
        self._stop_writing()
        if close_socket:
            self._request.close_after()
        self._request.finish()

    def abort(self) -> None:
        """As in L{IStreamConnection}."""
        if not self.over:
            self.over = True
            self._drop()

    def stuck(self) -> None:
        """The client does not read: as if the connection was lost."""
        _log.info("{peer} takes nothing, connection dropped", peer=self._request.getClientAddress())
        self.lost()
        self._drop()

    def _drop(self) -> None:
        self._stop_writing()
        self._request.channel.transport.abortConnection()

    def _stop_writing(self) -> None:
        if self._writer is not None:
            self._request.unregisterProducer()
            self._writer.close()
            # They know each other.
            self._writer = None

    def _connection_lost(self, reason: Failure) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self.lost()
        # It knows us, as the owner of its producer.
        del self._request
