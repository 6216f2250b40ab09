"""
A session's connection as a part of what a WebSocket carries: from the create or
bind to the next C{LOOP} or C{END} (tlcp.md 3.4, 3.8).
"""

from __future__ import annotations

from typing import Protocol

from zope.interface import implementer

from lsserver.engine.connection import IStreamConnection, Sender
from lsserver.transport.direct import DirectWriter
from lsserver.transport.framing import TextFramer
from lsserver.transport.stream import StreamConnection


class StreamSocket(Protocol):
    """
    The WebSocket, as its streams see it.

    @ivar replies: lines that must go out before the next notification.
    """

    writer: DirectWriter
    replies: list[bytes]

    def flush(self) -> None:
        """Send C{replies}."""

    def reply(self, line: bytes) -> None:
        """Send a line, perhaps with others."""

    def stream_ended(self, stream: WebSocketStream, close_socket: bool) -> None:
        """C{stream} has sent its last line."""

    def stream_aborted(self, stream: WebSocketStream) -> None:
        """The client of C{stream} must not hear any more of it."""


@implementer(IStreamConnection)
class WebSocketStream(StreamConnection):
    """
    The answer to one C{create_session} or C{bind_session}.

    @ivar polling: the client asked for a poll.
    """

    __slots__ = ("_replies", "_socket", "_writer", "framing", "polling")

    websocket = True

    def __init__(self, socket: StreamSocket, framer: TextFramer, polling: bool) -> None:
        super().__init__()
        self.polling = polling
        self.writable = socket.writer.writable
        self._socket = socket
        self._writer = socket.writer
        self.framing = framer
        self._replies = socket.replies

    def _provided(self) -> IStreamConnection:
        return self

    @property
    def sender(self) -> Sender | None:
        """As in L{IStreamConnection}. Replies never wait at the end of a turn."""
        return None if self.over else self._writer.sender

    def unsent(self, rest: bytes) -> None:
        """As in L{IStreamConnection}."""
        if not self.over:
            self._writer.unsent(rest)

    def write(self, data: bytes) -> None:
        """As in L{IStreamConnection}."""
        if self.over:
            return
        if self._replies:
            self._socket.flush()
        framer = self.framing
        self._writer.write(framer.frame if data is framer.data else framer.encode(data))

    def refuse(self, line: bytes) -> None:
        """As in L{IStreamConnection}."""
        if not self.over:
            self.over = True
            self._socket.reply(line)
            self._socket.stream_ended(self, False)

    def unavailable(self) -> None:
        """As in L{IStreamConnection}."""
        self.abort()

    def overhead(self, size: int) -> int:
        """As in L{IStreamConnection}."""
        return self.framing.overhead(size)

    def end(self, close_socket: bool, last: bytes = b"") -> None:
        """As in L{IStreamConnection}."""
        if not self.over:
            if last:
                self.write(last)
            self.over = True
            self._socket.stream_ended(self, close_socket)

    def abort(self) -> None:
        """As in L{IStreamConnection}."""
        if not self.over:
            self.over = True
            self._socket.stream_aborted(self)
