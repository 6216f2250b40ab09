"""Connections and requests below the protocol: time, length, garbage."""

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from lsserver.transport.channel import MANY_PIECES
from lsserver.transport.settings import TransportSettings
from tests.transport.fakes import VERSION, Response, World, http, post
from tests.transport.sockets import HandReactor, Pair, certificate

HEARTBEAT = post("heartbeat", b"\r\n")


class Lengths(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(TransportSettings(request_limit=1000))

    def test_body_at_the_limit(self) -> None:
        body = b"LS_reqId=1&LS_op=destroy&LS_session=S1&LS_x="
        body += b"x" * (1000 - len(body))
        self.assertEqual(Response(self.world.ask(post("control", body))).body, b"REQOK,1\r\n")

    def test_body_too_long(self) -> None:
        """413, and the connection goes on."""
        wire = self.world.connect()
        response = Response(wire.send(post("control", b"x" * 1001)))
        self.assertEqual(response.code, 413)
        self.assertEqual(Response(wire.send(HEARTBEAT)).body, b"REQOK\r\n")
        self.assertEqual(self.world.kernel.controls, [])

    def test_nothing_is_kept(self) -> None:
        """Of a body that says it is too long, not a byte; of another one, no more than the limit."""
        for head in ("Content-Length: 9000", "Transfer-Encoding: chunked"):
            wire = self.world.connect()
            wire.send(http("POST", f"/lightstreamer/control.txt?{VERSION}", None, head))
            for _ in range(5):
                wire.send(b"64\r\n" + b"x" * 100 + b"\r\n" if "chunked" in head else b"x" * 100)
            request = wire.server.next.requests[0]
            self.assertLessEqual(len(request.content.getvalue()), 500 if "chunked" in head else 0)
            wire.drop()

    def test_chunked_too_long(self) -> None:
        wire = self.world.connect()
        data = wire.send(http("POST", f"/lightstreamer/control.txt?{VERSION}", None, "Transfer-Encoding: chunked"))
        for _ in range(11):
            data += wire.send(b"64\r\n" + b"x" * 100 + b"\r\n")
        self.assertEqual(data, b"")
        self.assertEqual(Response(wire.send(b"0\r\n\r\n")).code, 413)
        self.assertEqual(Response(wire.send(HEARTBEAT)).body, b"REQOK\r\n")

    def test_endless(self) -> None:
        """Not listened to for long: the answer comes early and the connection ends."""
        wire = self.world.connect()
        data = wire.send(http("POST", "/lightstreamer/control.txt", None, "Content-Length: 100000000"))
        for _ in range(17):
            data += wire.send(b"x" * 1000)
        response = Response(data)
        self.assertEqual((response.code, response.complete, response.headers["connection"]), (413, True, "close"))
        self.assertIsNotNone(wire.lost)
        self.assertEqual(wire.send(b"x" * 1000), b"")

    def test_expect(self) -> None:
        """A client that asks first is told at once."""
        head = ["Expect: 100-continue", "Content-Type: text/plain"]
        wire = self.world.connect()
        asked = wire.send(http("POST", f"/lightstreamer/heartbeat.txt?{VERSION}", None, *head, "Content-Length: 2"))
        self.assertEqual(asked, b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertEqual(Response(wire.send(b"\r\n")).body, b"REQOK\r\n")
        wire = self.world.connect()
        data = wire.send(http("POST", f"/lightstreamer/heartbeat.txt?{VERSION}", None, *head, "Content-Length: 2000"))
        self.assertEqual(Response(data).code, 413)
        self.assertIsNotNone(wire.lost)

    def test_query_too_long(self) -> None:
        self.assertEqual(Response(self.world.ask(http("GET", "/lightstreamer/control.txt?" + "x" * 1000))).code, 414)

    def test_head(self) -> None:
        """As long as the whole request may be."""
        lines = [f"X-{number}: {'x' * 93}" for number in range(9)]
        head = len(http("GET", "/", None, *lines))
        for more, code in ((1000 - head - 7, 404), (1001 - head - 7, 431)):
            data = http("GET", "/", None, *lines, "Y-1: " + "y" * more)
            self.assertEqual(len(data), 1000 if code == 404 else 1001)
            wire = self.world.connect()
            self.assertEqual(Response(wire.send(data)).code, code)
            self.assertEqual(wire.lost is not None, code == 431)

    def test_long_line(self) -> None:
        """Before its end has come."""
        for begin, code in ((b"", 414), (b"GET / HTTP/1.1\r\nX: ", 431)):
            wire = self.world.connect()
            response = Response(wire.send(begin + b"x" * 1100))
            self.assertEqual((response.code, response.complete, response.headers["connection"]), (code, True, "close"))
            self.assertIsNotNone(wire.lost)
            self.assertEqual(wire.send(b"x" * 1000), b"")

    def test_too_many_headers(self) -> None:
        world = World(TransportSettings(max_headers=10))
        for count, code in ((9, 404), (10, 431)):
            response = Response(world.ask(http("GET", "/", None, *[f"X-{number}: x" for number in range(count)])))
            self.assertEqual(response.code, code)
            self.assertEqual(response.reason, {404: "Not Found", 431: "Request Header Fields Too Large"}[code])

    def test_line_in_small_pieces(self) -> None:
        """Nothing is looked through again for each of them."""
        wire = self.world.connect()
        for _ in range(900):
            self.assertEqual(wire.send(b"x"), b"")
        self.assertEqual(wire.server.next._buffer, b"")
        self.assertEqual(Response(wire.send(b"x" * 103)).code, 414)
        wire = self.world.connect()
        data = b"".join(wire.send(bytes([byte])) for byte in HEARTBEAT * 2)
        self.assertEqual(data.count(b"REQOK\r\n"), 2)

    def test_many_small_pieces(self) -> None:
        """A byte at a time, while the request before is not answered yet."""
        wire = self.world.connect()
        self.world.kernel.hold = True
        wire.send(post("control", b"LS_reqId=1&LS_op=destroy&LS_session=S1"))
        for byte in HEARTBEAT * 3:
            wire.send(bytes([byte]))
            self.assertLessEqual(len(wire.server.next._dataBuffer), MANY_PIECES)
        self.world.kernel.decide()
        self.assertEqual(wire.take().count(b"REQOK\r\n"), 3)


class Unread(SynchronousTestCase):
    """A client that sends one request after the other and does not read the answers."""

    def test_answers_do_not_pile_up(self) -> None:
        """No request is looked at while the answers before it wait; none is forgotten."""
        world = World()
        world.kernel.hold = True
        wire = world.connect()
        wire.send(post("control", b"LS_reqId=1&LS_op=destroy&LS_session=S1") + HEARTBEAT * 20)
        channel = wire.server.next
        channel.pauseProducing()
        world.kernel.decide()
        self.assertEqual(wire.take().count(b"HTTP/1.1 200"), 1)
        self.assertEqual(wire.producerState, "paused")
        self.assertEqual(wire.send(HEARTBEAT), b"")
        channel.resumeProducing()
        self.assertEqual(wire.take().count(b"REQOK\r\n"), 21)
        self.assertEqual(wire.producerState, "producing")
        self.assertEqual(wire.send(HEARTBEAT).count(b"REQOK\r\n"), 1)

    def test_full_again(self) -> None:
        """Each time that the transport has room, only as much is answered as it takes."""
        world = World()
        wire = world.connect()
        wire.send(HEARTBEAT)
        channel = wire.server.next
        write = wire.write

        def full(data: bytes) -> None:
            write(data)
            channel.pauseProducing()

        self.patch(wire, "write", full)
        self.assertEqual(wire.send(HEARTBEAT * 10).count(b"HTTP/1.1 200"), 1)
        for _ in range(9):
            channel.resumeProducing()
            self.assertEqual(wire.take().count(b"HTTP/1.1 200"), 1)
        channel.resumeProducing()
        self.assertEqual((wire.take(), wire.producerState), (b"", "producing"))

    def test_too_late(self) -> None:
        """It does not wait for ever."""
        world = World()
        world.kernel.hold = True
        wire = world.connect()
        wire.send(post("control", b"LS_reqId=1&LS_op=destroy&LS_session=S1") + HEARTBEAT * 20)
        wire.server.next.pauseProducing()
        world.kernel.decide()
        world.clock.advance(20)
        world.clock.advance(15)
        self.assertIsNotNone(wire.lost)
        self.assertEqual(world.clock.getDelayedCalls(), [])


class Garbage(SynchronousTestCase):
    def test_garbage(self) -> None:
        """400, and the end of the connection."""
        for data in (
            b"hello\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
            b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
            b"GET / HTTP/1.1\r\nFolded: a\r\n b\r\n\r\n",
            b" GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        ):
            with self.subTest(data=data):
                wire = World().connect()
                answer = Response(wire.send(data))
                self.assertEqual((answer.code, answer.complete, answer.headers["server"]), (400, True, "lsserver"))
                self.assertIsNotNone(wire.lost)

    def test_odd_targets(self) -> None:
        """Nothing of this is found, and nothing breaks."""
        for target in ("http://x/y", "//", "/%", "/%00", "/%ff", "?", "x", "/lightstreamer/%ff", "/lightstreamer//"):
            with self.subTest(target=target):
                self.assertIn(Response(World().ask(http("GET", target))).code, (404, 426))

    def test_odd_headers(self) -> None:
        """Bytes that are no ASCII, in what is looked at."""
        world = World()
        data = post("heartbeat", b"\r\n").replace(b"Host: ", b"Origin: \xff\xfe\r\nUser-Agent: \xff\r\nHost: \x80")
        self.assertEqual(Response(world.ask(data)).body, b"REQOK\r\n")

    def test_no_host(self) -> None:
        self.assertEqual(
            Response(World().ask(HEARTBEAT.replace(b"Host: push.example.com\r\n", b""))).body, b"REQOK\r\n"
        )


class Times(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.wire = self.world.connect()

    def test_silent(self) -> None:
        """A connection without a request."""
        self.world.clock.advance(19.9)
        self.assertIsNone(self.wire.lost)
        self.world.clock.advance(0.1)
        self.assertIsNotNone(self.wire.lost)

    def test_slow_head(self) -> None:
        """A byte now and then does not help."""
        self.world.clock.advance(15)
        for byte in HEARTBEAT[:19]:
            self.wire.send(bytes([byte]))
            self.world.clock.advance(1)
        self.assertIsNone(self.wire.lost)
        self.wire.send(b"x")
        self.world.clock.advance(1)
        self.assertIsNotNone(self.wire.lost)

    def test_slow_body(self) -> None:
        """It has the same time again."""
        self.wire.send(http("POST", f"/lightstreamer/heartbeat.txt?{VERSION}", None, "Content-Length: 100"))
        for _ in range(19):
            self.wire.send(b"x")
            self.world.clock.advance(1)
        self.assertIsNone(self.wire.lost)
        self.world.clock.advance(1)
        self.assertIsNotNone(self.wire.lost)

    def test_kept_alive(self) -> None:
        """Between requests too."""
        for _ in range(3):
            self.world.clock.advance(15)
            self.assertEqual(Response(self.wire.send(HEARTBEAT)).body, b"REQOK\r\n")
        self.world.clock.advance(20)
        self.assertIsNotNone(self.wire.lost)

    def test_answer_takes_its_time(self) -> None:
        self.world.kernel.hold = True
        self.wire.send(post("control", b"LS_reqId=1&LS_op=destroy&LS_session=S1"))
        self.world.clock.advance(1000)
        self.assertIsNone(self.wire.lost)

    def test_streams_have_no_end(self) -> None:
        self.wire.send(post("create_session", b""))
        self.world.clock.advance(1000)
        self.assertIsNone(self.wire.lost)

    def test_no_limit(self) -> None:
        wire = World(TransportSettings(read_timeout_millis=0)).connect()
        wire.send(HEARTBEAT)
        self.assertEqual(self.world.clock.getDelayedCalls()[1:], [])
        self.assertIsNone(wire.lost)

    def test_connection_close(self) -> None:
        response = Response(self.wire.send(post("heartbeat", b"\r\n", VERSION, "Connection: close")))
        self.assertEqual(response.headers["connection"], "close")
        self.assertIsNotNone(self.wire.lost)

    def test_old_tls(self) -> None:
        """Dropped after the handshake, whoever has let it happen."""
        for version, dropped in ((SSL.TLS1_2_VERSION, False), (SSL.TLS1_2_VERSION - 1, True)):
            wire = self.world.connect()
            wire.getHandle = lambda version=version: Handle(version)  # type: ignore[attr-defined]
            wire.server.handshakeCompleted()
            self.assertEqual(wire.lost is not None, dropped)

    def test_half_closed(self) -> None:
        """A client that has nothing more to say still gets its answers."""
        self.world.kernel.hold = True
        self.wire.stopReading = lambda: None  # type: ignore[attr-defined]
        self.wire.send(post("control", b"LS_reqId=1&LS_op=destroy&LS_session=S1") + HEARTBEAT)
        self.wire.server.readConnectionLost()
        self.wire.server.readConnectionLost()
        self.assertIsNone(self.wire.lost)
        self.world.kernel.decide()
        response = Response(self.wire.value())
        self.assertEqual(response.body, b"REQOK,1\r\n")
        self.assertEqual(Response(response.rest).body, b"REQOK\r\n")
        self.assertIsNotNone(self.wire.lost)

    def test_half_closed_without_a_request(self) -> None:
        self.wire.server.readConnectionLost()
        self.assertIsNotNone(self.wire.lost)

    def test_half_closed_stream(self) -> None:
        """Means goodbye."""
        self.wire.send(post("create_session", b""))
        self.wire.server.readConnectionLost()
        self.wire.server.writeConnectionLost()
        self.assertIsNotNone(self.wire.lost)
        self.assertEqual(len(self.world.kernel.sessions["S1"].lost), 1)


class SlowPolls(SynchronousTestCase):
    """The answer to a poll that takes the client longer to read than connections may be idle."""

    pem: bytes | None = None

    def test_slow_poll(self) -> None:
        """Not cut off as long as something goes out; not kept for a client that has stopped to read."""
        reactor = HandReactor()
        world = World(TransportSettings(sendbuf=0), clock=reactor)
        pair = Pair(self.pem, world.site.buildProtocol(None), reactor)
        self.addCleanup(pair.close)
        pair.protocol.dataReceived(post("create_session", b"LS_polling=true"))
        session = world.kernel.sessions["S1"]
        session.connection.write(bytes(500_000))
        session.loop()
        for _ in range(4):
            reactor.advance(20)
            pair.read(30_000)
            pair.turn()
            self.assertIsNone(pair.protocol.next._abortingCall)
        reactor.advance(20)
        reactor.advance(20)
        self.assertIsNotNone(pair.protocol.next._abortingCall)
        reactor.advance(15)
        reactor.advance(0)
        self.assertFalse(pair.bottom.connected)


class SlowPollsOverTls(SlowPolls):
    pem = certificate()


class Handle:
    """An OpenSSL connection after its handshake."""

    def __init__(self, version: int) -> None:
        self._version = version

    def get_protocol_version(self) -> int:
        return self._version


class Faults(SynchronousTestCase):
    def test_own_fault(self) -> None:
        """500 without details; the log has them."""
        world = World()
        world.kernel.heartbeat = None  # type: ignore[assignment]
        response = Response(world.ask(HEARTBEAT))
        self.assertEqual(response.code, 500)
        self.assertNotIn(b"Traceback", response.body)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_protocols(self) -> None:
        """HTTP/2 is not offered, since a stream needs a connection of its own."""
        self.assertEqual(World().site.acceptableProtocols(), [b"http/1.1"])
