"""
The contract between a session and whatever it is bound to.

A transport makes one L{IStreamConnection} for each C{create_session} or
C{bind_session} request and hands it to the kernel; the session writes complete
lines to it. Framing (chunks, WebSocket frames) is the transport's business,
lines, their order and the content length are the session's.
"""

from __future__ import annotations

from typing import Protocol

from zope.interface import Attribute, Interface


class Framing(Protocol):
    """
    What a transport puts around lines; for all of its connections that do it alike. It
    remembers the last ones, which often go to many connections in a row.

    @ivar data: the lines that were framed last.
    @ivar frame: the bytes for them.
    """

    data: bytes
    frame: bytes

    def encode(self, data: bytes) -> bytes:
        """The bytes to send for complete lines; sets C{data} and C{frame} unless they are long."""


class Sender(Protocol):
    """A socket, or what does as one."""

    def send(self, data: bytes, /) -> int:
        """
        Take as many bytes as possible.

        @return: how many were taken.
        @raise OSError: none were.
        """


class IStreamConnection(Interface):
    """One response that a session is, or wants to be, bound to."""

    websocket: bool = Attribute("True on WebSocket, False on HTTP.")
    writable: bool = Attribute(
        "False while bytes written earlier still wait for the socket. The session leaves "
        "its updates where they are meanwhile, and is told by C{session.stream_writable(connection)}."
    )

    framing: Framing = Attribute("Makes what C{sender} takes.")
    sender: Sender | None = Attribute(
        "Sends bytes that C{framing} has made, without any of the ceremony of C{write}; what it does not take is to be "
        "handed to C{unsent}. It may be kept and called at the end of any turn, until the connection is lost, ended or "
        "not C{writable}, of which the session is told by C{session.stream_congested(connection)}. C{None} if there is "
        "no such way, or not yet. It is no bound method, because the fewer objects of each connection a fan-out "
        "touches the cheaper it is."
    )

    def unsent(rest: bytes) -> None:
        """Queue what C{sender} has not taken."""

    def write(data: bytes) -> None:
        """
        Send complete lines (each ends with CRLF). The first call on an HTTP
        response also sends its head. Ignored after the connection was lost.
        """

    def refuse(line: bytes) -> None:
        """
        Answer the request with this one line (C{CONERR} or C{END}) instead of a
        stream: on HTTP C{text/plain} with a Content-Length. Nothing follows.
        """

    def unavailable() -> None:
        """
        Answer the request with a failure of the transport instead of a line, which
        makes clients come back later: status 503 on HTTP, a broken connection on WebSocket.
        """

    def overhead(size: int) -> int:
        """
        Bytes that the transport has added to a write of C{size} bytes: the head of the
        chunk or frame and, the first time, of the response. Asked after
        each write by sessions with a bandwidth limit.
        """

    def end(close_socket: bool, last: bytes = b"") -> None:
        """
        Send the last lines, of which the very last is C{LOOP} or C{END}. HTTP: finish
        the response, and close the socket if asked. WebSocket: stay open for the next bind,
        or close with code 1000 if asked.
        """

    def abort() -> None:
        """Drop the connection without a further byte (takeover, tlcp.md 10.6)."""
