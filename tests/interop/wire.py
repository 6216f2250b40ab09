"""
A client that knows nothing: it sends the bytes it is told to and gives back the
lines that come. Blocking sockets, no protocol library.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
from typing import Any
from urllib.parse import quote

SECONDS = 60.0
CRLF = b"\r\n"


class Gone(Exception):
    """The stream has ended."""


class Stream:
    """Lines from the server; each must end with CRLF and have no CR or LF inside."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.raw = b""
        self.body = b""
        self.size = 0

    def line(self, seconds: float = SECONDS) -> str:
        """
        The next line.

        @raise Gone: there is none.
        @raise TimeoutError: none came in time.
        """
        while CRLF not in self.body:
            self.socket.settimeout(seconds)
            self.more()
        line, _, self.body = self.body.partition(CRLF)
        assert b"\r" not in line and b"\n" not in line, line
        return line.decode()

    def more(self) -> None:
        """Read some of what the server sends into C{body}."""
        raise NotImplementedError

    def receive(self) -> None:
        """Read from the socket."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Gone("closed")
        self.raw += data

    def exactly(self, count: int) -> bytes:
        """Bytes from the socket."""
        while len(self.raw) < count:
            self.receive()
        data, self.raw = self.raw[:count], self.raw[count:]
        return data

    def until(self, mark: bytes) -> bytes:
        """Bytes up to a mark, without it."""
        while mark not in self.raw:
            self.receive()
        data, _, self.raw = self.raw.partition(mark)
        return data

    def drop(self) -> None:
        """Close the connection, at once and without a word."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.socket.close()


class WebSocket(Stream):
    """
    A WebSocket connection.

    @ivar closed: code of the close frame that the server has sent.
    """

    def __init__(self, port: int, version: str, path: str = "/lightstreamer") -> None:
        super().__init__(socket.create_connection(("127.0.0.1", port), SECONDS))
        self.closed: int | None = None
        key = base64.b64encode(os.urandom(16))
        protocol = f"TLCP-{version}.lightstreamer.com"
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key.decode()}\r\n"
            f"Sec-WebSocket-Protocol: {protocol}\r\n\r\n".encode()
        )
        status, *headers = self.until(b"\r\n\r\n").split(CRLF)
        assert status.startswith(b"HTTP/1.1 101 "), status
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in headers)}
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        assert fields[b"sec-websocket-accept"] == accept, headers
        assert fields[b"sec-websocket-protocol"].decode() == protocol, headers
        assert b"sec-websocket-extensions" not in fields, headers

    def send(self, *lines: str, end: str = "") -> None:
        """One text message of some lines, as the frames of a client are: masked."""
        self.frame(1, (("\r\n".join(lines)) + end).encode())

    def frame(self, opcode: int, payload: bytes) -> None:
        """Send a frame."""
        size = len(payload)
        if size < 126:
            head = bytes([0x80 | opcode, 0x80 | size])
        else:
            head = bytes([0x80 | opcode, 0x80 | 126]) + size.to_bytes(2, "big")
        mask = os.urandom(4)
        self.socket.sendall(head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)))

    def more(self) -> None:
        message = b""
        while True:
            first, second = self.exactly(2)
            size = second & 0x7F
            assert not second & 0x80, "servers do not mask"
            assert not first & 0x70, "no extension was agreed on"
            if size == 126:
                size = int.from_bytes(self.exactly(2), "big")
            elif size == 127:
                size = int.from_bytes(self.exactly(8), "big")
            payload = self.exactly(size)
            opcode = first & 15
            if opcode == 8:
                self.closed = int.from_bytes(payload[:2], "big")
                raise Gone(f"close frame {self.closed}")
            if opcode == 9:
                self.frame(10, payload)
                continue
            assert opcode == (0 if message else 1), f"opcode {opcode}"
            message += payload
            if first & 0x80:
                break
        assert message.endswith(CRLF), f"a message that ends inside a line: {message[-100:]!r}"
        self.body += message


class Http(Stream):
    """
    A POST request and its response.

    @ivar status: the status line.
    @ivar headers: with names in lower case; a list of values each.
    """

    def __init__(self, port: int, path: str, *lines: str, end: str = "", version: str | None = "2.5.0") -> None:
        super().__init__(socket.create_connection(("127.0.0.1", port), SECONDS))
        if version is not None:
            path += ("&" if "?" in path else "?") + f"LS_protocol=TLCP-{version}"
        body = ("\r\n".join(lines) + end).encode()
        self.socket.sendall(
            f"POST /lightstreamer/{path} HTTP/1.1\r\nHost: localhost:8080\r\nContent-Length: {len(body)}\r\n"
            "Content-Type: text/plain\r\n\r\n".encode()
            + body
        )
        self.status = ""
        self.headers: dict[str, list[str]] = {}
        self._left: int | None = None
        self._ended = False

    def head(self) -> None:
        """Read the head of the response, if it was not read yet."""
        if self.status:
            return
        status, *headers = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        self.status = status
        for line in headers:
            name, _, value = line.partition(":")
            self.headers.setdefault(name.lower(), []).append(value.strip())
        if "content-length" in self.headers:
            self._left = int(self.headers["content-length"][0])

    def more(self) -> None:
        self.head()
        assert self.status == "HTTP/1.1 200 OK", self.status
        if self._ended or self._left == 0:
            raise Gone("end of the response")
        if self._left is not None:
            data = self.exactly(self._left)
            self._left = 0
        else:
            assert self.headers.get("transfer-encoding") == ["chunked"], self.headers
            data = self.exactly(int(self.until(CRLF), 16))
            assert self.exactly(2) == CRLF
            self._ended = not data
        self.size += len(data)
        self.body += data


class Conversation:
    """
    One or more connections about one session, whose id is called C{S1} in what is
    expected and in what is sent.

    @ivar session: the id.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.session = ""
        self._open: list[Stream] = []

    def websocket(self, version: str = "2.5.0") -> WebSocket:
        """Open a WebSocket."""
        stream = WebSocket(self.port, version)
        self._open.append(stream)
        return stream

    def post(self, path: str, *lines: str, end: str = "", version: str | None = "2.5.0") -> Http:
        """Send a request over HTTP; C{path} without C{LS_protocol}."""
        real = (self._real(line) for line in lines)
        stream = Http(self.port, self._real(path), *real, end=end, version=version)
        self._open.append(stream)
        return stream

    def ask(self, path: str, *lines: str, end: str = "", version: str | None = "2.5.0") -> list[str]:
        """The lines of a whole response over HTTP."""
        stream = self.post(path, *lines, end=end, version=version)
        return self.rest(stream)

    def send(self, stream: WebSocket, *lines: str, end: str = "") -> None:
        """Send a message, S1 in it being the session."""
        stream.send(*(self._real(line) for line in lines), end=end)

    def line(self, stream: Stream, seconds: float = SECONDS, probes: bool = False) -> str:
        """The next line. Where the server was silent for long it says C{PROBE}, which is left out if not asked for."""
        line = stream.line(seconds)
        while line == "PROBE" and not probes:
            line = stream.line(seconds)
        if line.startswith("CONOK,"):
            session = line.split(",")[1]
            assert session.isalnum() and len(session) > 10, session
            assert self.session in ("", session), f"{session} in place of {self.session}"
            self.session = session
        return line.replace(self.session, "S1") if self.session else line

    def see(self, stream: Stream, *lines: str, seconds: float = SECONDS) -> None:
        """The next lines must be these, byte by byte."""
        for number, wanted in enumerate(lines):
            try:
                got = self.line(stream, seconds, wanted == "PROBE")
            except (Gone, TimeoutError) as error:
                raise AssertionError(f"expected {lines[number:]!r}, but: {error!r}") from None
            assert got == wanted, f"expected {wanted!r}, got {got!r}"

    def head(self, stream: Stream, keepalive: int, *bandwidth: str) -> None:
        """
        The lines that begin a connection on which a session is bound again. What
        has not changed since the last one, the server need not repeat.
        """
        self.see(stream, f"CONOK,S1,50000,{keepalive},*")
        padding = 0
        optional = ["SERVNAME,Lightstreamer HTTP Server", "CLIENTIP,127.0.0.1"]
        while True:
            line = self.line(stream)
            if line in optional:
                optional = optional[optional.index(line) + 1 :]
            elif line == "NOOP,sending placeholder data":
                padding += len(line) + 2
            elif line in bandwidth:
                break
            else:
                raise AssertionError(f"{line!r} in the head of the stream")
        streaming = isinstance(stream, Http) and keepalive == 5000
        assert (1500 < padding < 4000) if streaming else not padding, f"{padding} bytes of padding"

    def rest(self, stream: Stream, seconds: float = SECONDS, probes: bool = False) -> list[str]:
        """All lines that come until the stream ends; as for C{line}."""
        lines = []
        try:
            while True:
                lines.append(self.line(stream, seconds, probes))
        except Gone:
            assert not stream.body, f"an unfinished line: {stream.body!r}"
            return lines

    def nothing(self, stream: WebSocket, number: int) -> None:
        """
        Nothing has come so far: the answer to a request that is wrong on purpose is
        what comes next.
        """
        self.send(stream, "control", f"LS_reqId={number}&LS_op=delete&LS_subId=999")
        self.see(stream, f"REQERR,{number},19,Specified subscription not found")

    def ended(self, stream: Stream, seconds: float = SECONDS) -> None:
        """The stream must have ended."""
        lines = self.rest(stream, seconds)
        assert not lines, f"further lines: {lines}"

    def adapter(self, do: str, adapter_set: str = "TEST", **arguments: Any) -> None:
        """Have the Metadata Adapter do something, through a session of its own."""
        other = Conversation(self.port)
        cid = "LS_cid=mgQkwtwdysogQz2BJ4Ji%20kOj2Bg"
        polling = "LS_polling=true&LS_polling_millis=0&LS_idle_millis=0"
        other.ask("create_session.txt", f"LS_adapter_set={adapter_set}&{cid}&{polling}")
        text = quote(json.dumps({"do": do, **arguments}), safe="")
        answer = other.ask("msg.txt", f"LS_session=S1&LS_reqId=1&LS_message={text}&LS_msg_prog=1")
        assert answer == ["REQOK,1"], answer
        lines = other.ask("bind_session.txt", f"LS_session=S1&{polling}")
        assert "MSGDONE,*,1," in lines, lines
        other.ask("control.txt", "LS_session=S1&LS_reqId=2&LS_op=destroy")
        other.close()

    def data(self, method: str, adapter_set: str = "TEST", **arguments: Any) -> None:
        """Have a Data Adapter do something."""
        self.adapter("data", adapter_set, method=method, **arguments)

    def close(self) -> None:
        """Drop every connection."""
        for stream in self._open:
            stream.socket.close()

    def _real(self, text: str) -> str:
        return text.replace("LS_session=S1", f"LS_session={self.session}").replace(
            "LS_old_session=S1", f"LS_old_session={self.session}"
        )


def patched(base: str, diff: str) -> str:
    """What a client makes of a TLCP-diff: sections copy, add, delete, with base 26 numbers."""
    result, position, at, kind = "", 0, 0, 0
    while at < len(diff):
        number = 0
        while diff[at].isupper():
            number = number * 26 + ord(diff[at]) - ord("A")
            at += 1
        number = number * 26 + ord(diff[at]) - ord("a")
        at += 1
        if kind == 1:
            assert at + number <= len(diff), diff
            result += diff[at : at + number]
            at += number
        else:
            assert position + number <= len(base), diff
            if kind == 0:
                result += base[position : position + number]
            position += number
        kind = (kind + 1) % 3
    return result
