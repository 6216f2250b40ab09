"""The transport on real sockets: slow readers, reused connections, TLS."""

import hashlib
import socket
import ssl
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from lsserver.transport.direct import tcp_below
from lsserver.transport.settings import TransportSettings
from lsserver.transport.websocket_frames import FrameProtocol
from tests.transport.fakes import SUBPROTOCOL, VERSION, Response, frame, frames, http, post, texts, unchunk
from tests.transport.loopback import LoopbackTestCase, Reader, reactor

HANDSHAKE = http(
    "GET",
    "/lightstreamer",
    None,
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    f"Sec-WebSocket-Protocol: {SUBPROTOCOL}",
)
CREATE = frame(1, b"create_session\r\nLS_cid=x")


class Tcp(LoopbackTestCase):
    async def upgraded(self) -> Reader:
        reader = await self.connect()
        reader.transport.write(HANDSHAKE)  # type: ignore[union-attr]
        await reader.until_has(b"\r\n\r\n")
        self.assertTrue(reader.take().startswith(b"HTTP/1.1 101 "))
        return reader

    async def flood(self, reader: Reader) -> tuple[bytes, int]:
        """Write to a client that does not read, then let it read; gives all lines and how often the writer stopped."""
        session = self.kernel.sessions["S1"]
        connection = session.connection
        transport: Any = reader.transport
        self.shrink(reader)
        written, stops = [], 0
        for round_ in range(4):
            transport.pauseProducing()
            number = 0
            while connection.writable:
                line = b"U,1,1,%d|%d|" % (round_, number) + b"x" * (number * 37 % 3000) + b"\r\n"
                connection.write(line)
                written.append(line)
                number += 1
            # A session that goes on all the same loses nothing.
            connection.write(b"PROBE\r\n")
            written.append(b"PROBE\r\n")
            stops += 1
            told: Deferred[Any] = Deferred()
            self.patch(session, "stream_writable", told.callback)
            transport.resumeProducing()
            self.assertIs(await told, connection)
            self.assertTrue(connection.writable)
        return b"".join(written), stops

    async def test_slow_websocket(self) -> None:
        """Not writable while bytes wait, told when it is again, and nothing lost or out of order."""
        await self.listen()
        reader = await self.upgraded()
        reader.transport.write(CREATE)  # type: ignore[union-attr]
        await reader.until_has(b"CONOK")
        written, stops = await self.flood(reader)
        self.kernel.sessions["S1"].loop()
        await reader.until_has(b"LOOP,0\r\n")
        received = b"".join(texts(reader.take()))
        expected = b"CONOK,S1,50000,5000,*\r\n" + written + b"LOOP,0\r\n"
        self.assertEqual((len(received), stops), (len(expected), 4))
        self.assertEqual(hashlib.sha256(received).digest(), hashlib.sha256(expected).digest())

    async def test_slow_http(self) -> None:
        await self.listen()
        reader = await self.connect()
        reader.transport.write(post("create_session", b"LS_cid=x"))  # type: ignore[union-attr]
        await reader.until_has(b"CONOK")
        written, _ = await self.flood(reader)
        self.kernel.sessions["S1"].loop()
        await reader.until_has(b"\r\n0\r\n\r\n")
        response = Response(reader.take())
        self.assertTrue(response.complete)
        expected = b"CONOK,S1,50000,5000,*\r\n" + written + b"LOOP,0\r\n"
        self.assertEqual(hashlib.sha256(response.body).digest(), hashlib.sha256(expected).digest())
        # The connection is as good as new.
        reader.transport.write(post("heartbeat", b"\r\n"))  # type: ignore[union-attr]
        await reader.until_has(b"REQOK\r\n")

    async def test_upgrade_after_http(self) -> None:
        """One connection: create over HTTP, then WebSocket, then the bind (12.2)."""
        await self.listen()
        reader = await self.connect()
        transport: Any = reader.transport
        transport.write(post("create_session", b"LS_cid=x&LS_polling=true"))
        await reader.until_has(b"CONOK")
        self.kernel.sessions["S1"].loop()
        await reader.until_has(b"\r\n0\r\n\r\n")
        reader.take()
        transport.write(HANDSHAKE)
        await reader.until_has(b"\r\n\r\n")
        reader.take()
        transport.write(frame(1, b"bind_session\r\nLS_session=S1") + frame(1, b"control\r\nLS_reqId=1&LS_op=destroy"))
        await reader.until_has(b"REQOK,1\r\n")
        self.assertEqual(texts(reader.take()), [b"CONOK,S1,50000,5000,*\r\n", b"REQOK,1\r\n"])

    async def test_asks_but_does_not_read(self) -> None:
        """Nothing more is read from it until it takes its answers, which are all there then."""
        await self.listen()
        reader = await self.upgraded()
        transport: Any = reader.transport
        transport.pauseProducing()
        self.shrink(reader)
        held: Deferred[None] = Deferred()
        hold = FrameProtocol.hold
        sockets = []

        def holding(protocol: FrameProtocol, why: str) -> None:
            hold(protocol, why)
            if not held.called:
                sockets.append(protocol)
                held.callback(None)

        self.patch(FrameProtocol, "hold", holding)
        count, request = 0, b"control\r\nLS_session=S1&LS_reqId=%06d&LS_op=destroy"
        while not held.called:
            for _ in range(200):
                transport.write(frame(1, request % count))
                count += 1
            await turn()
        (server,) = sockets
        self.assertLess(server.writer.pending(), 300_000)
        before = len(self.kernel.controls)
        for _ in range(20):
            await turn()
        self.assertEqual(len(self.kernel.controls), before)
        last = b"REQOK,%06d\r\n" % (count - 1)
        self.shrink(reader, 1 << 20)
        transport.resumeProducing()
        await reader.until_has(last)
        lines = b"".join(texts(reader.take())).split(b"\r\n")[:-1]
        self.assertEqual(lines, [b"REQOK,%06d" % number for number in range(count)])

    async def test_pings_but_does_not_read(self) -> None:
        """The same for pings."""
        await self.listen()
        reader = await self.upgraded()
        transport: Any = reader.transport
        transport.pauseProducing()
        self.shrink(reader)
        held: Deferred[None] = Deferred()
        hold = FrameProtocol.hold

        def holding(protocol: FrameProtocol, why: str) -> None:
            hold(protocol, why)
            if not held.called:
                held.callback(None)

        self.patch(FrameProtocol, "hold", holding)
        count = 0
        while not held.called:
            transport.write(frame(9, b"x" * 125) * 500)
            count += 500
            await turn()
        self.shrink(reader, 1 << 20)
        transport.resumeProducing()
        await reader.until(lambda: len(reader.data) >= count * 127)
        self.assertEqual(frames(reader.take()), [(0x8A, b"x" * 125)] * count)

    async def test_close_socket(self) -> None:
        """The connection ends although the client never answers the close frame."""
        await self.listen(TransportSettings(websocket_max_closing_wait_millis=10))
        reader = await self.upgraded()
        reader.transport.write(CREATE)  # type: ignore[union-attr]
        await reader.until_has(b"CONOK")
        self.kernel.sessions["S1"].loop(close_socket=True)
        await reader.lost
        self.assertEqual(frames(reader.take())[-1], (0x88, (1000).to_bytes(2, "big")))

    async def test_stuck(self) -> None:
        """A client that takes nothing loses its connection, the session does not lose itself."""
        await self.listen(TransportSettings(write_timeout_millis=50, sendbuf=0))
        reader = await self.upgraded()
        transport: Any = reader.transport
        transport.write(CREATE)
        await reader.until_has(b"CONOK")
        transport.pauseProducing()
        session = self.kernel.sessions["S1"]
        connection = session.connection
        lost: Deferred[Any] = Deferred()
        self.patch(session, "stream_lost", lost.callback)
        while connection.writable:
            connection.write(bytes(10_000))
        self.assertIs(await lost, connection)

    async def test_half_closed(self) -> None:
        """A client that says it has nothing more to say gets its answer."""
        if self.tls:
            return  # TLS has no half of a connection to close.
        await self.listen()
        reader = await self.connect()
        transport: Any = reader.transport
        transport.write(post("heartbeat", b"\r\n"))
        transport.loseWriteConnection()
        await reader.lost
        self.assertEqual(Response(reader.take()).body, b"REQOK\r\n")

    async def test_options_of_the_socket(self) -> None:
        """No delay, and dead peers are found."""
        await self.listen()
        reader = await self.upgraded()
        reader.transport.write(CREATE)  # type: ignore[union-attr]
        await reader.until_has(b"CONOK")
        bottom = tcp_below(self.kernel.sessions["S1"].connection._writer._transport)
        assert bottom is not None
        self.assertTrue(bottom.getTcpNoDelay() and bottom.getTcpKeepAlive())
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            self.assertEqual(bottom.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT), 120_000)

    async def test_direct(self) -> None:
        """What sessions write does not wait for the reactor."""
        await self.listen()
        reader = await self.upgraded()
        reader.transport.write(CREATE)  # type: ignore[union-attr]
        await reader.until_has(b"CONOK")
        connection = self.kernel.sessions["S1"].connection
        await turn()
        self.assertTrue(connection._writer.direct)
        self.patch(type(tcp_below(connection._writer._transport)), "write", None)
        connection.write(b"PROBE\r\n")
        self.assertTrue(connection.writable)
        await reader.until_has(b"PROBE\r\n")


class Tls(Tcp):
    """The same with TLS 1.3."""

    tls = True

    async def test_old_versions(self) -> None:
        """Less than TLS 1.2 is not spoken."""
        await self.listen()
        port = self.port.getHost().port

        def attempt() -> str | None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
            with (
                socket.create_connection(("127.0.0.1", port)) as plain,
                context.wrap_socket(plain) as secure,
            ):
                return secure.version()

        await self.assertFailure(deferToThread(attempt), OSError)

    async def test_slow_handshake(self) -> None:
        """A client that says nothing is not waited for as long as for a request."""
        await self.listen(TransportSettings(handshake_timeout_millis=20))
        self.tls = False
        reader = await self.connect()
        await reader.lost
        self.assertEqual(reader.take(), b"")

    async def test_client_certificate(self) -> None:
        """None was asked for, so there is no principal."""
        await self.listen(use_client_auth=True)
        reader = await self.connect()
        reader.transport.write(post("create_session", b"", VERSION))  # type: ignore[union-attr]
        await reader.until_has(b"CONOK")
        self.assertIsNone(self.kernel.created[0][1].principal)
        self.assertEqual(unchunk(reader.take().partition(b"\r\n\r\n")[2])[0], b"CONOK,S1,50000,5000,*\r\n")


def turn() -> Deferred[None]:
    """The next turn of the reactor."""
    result: Deferred[None] = Deferred()
    reactor.callLater(0, result.callback, None)
    return result
