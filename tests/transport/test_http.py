"""The protocol over HTTP (tlcp.md 2)."""

from twisted.internet.error import ConnectionAborted
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from lsserver.engine.connection import IStreamConnection
from lsserver.tlcp.requests import Destroy, Message
from lsserver.transport.settings import ResponseHttpHeaders, TransportSettings
from tests.transport.fakes import VERSION, Response, World, http, post

CREATE = post("create_session", b"LS_adapter_set=TEST&LS_user=u&LS_cid=x\r\n")


class Streams(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.kernel = self.world.kernel

    def test_create(self) -> None:
        """The head of 2.7, chunks, and lines as the session writes them."""
        wire = self.world.connect()
        data = wire.send(CREATE)
        response = Response(data)
        self.assertEqual((response.version, response.code), ("HTTP/1.1", 200))
        self.assertEqual(response.headers["content-type"], "text/enriched; charset=utf-8")
        self.assertEqual(response.headers["server"], "lsserver")
        self.assertEqual(response.headers["x-accel-buffering"], "no")
        self.assertEqual(response.headers["pragma"], "no-cache")
        self.assertEqual(
            [value for name, value in response.lines if name == "Cache-Control"],
            ["no-store", "no-transform", "no-cache"],
        )
        self.assertNotIn("content-length", response.headers)
        self.assertEqual((response.body, response.complete), (b"CONOK,S1,50000,5000,*\r\n", False))
        request, client = self.kernel.created[0]
        self.assertEqual((request.adapter_set, request.user), ("TEST", "u"))
        self.assertEqual(client.dialect.version, "TLCP-2.5.0")
        connection = self.kernel.sessions["S1"].connection
        verifyObject(IStreamConnection, connection)
        self.assertFalse(connection.websocket)
        connection.write(b"PROBE\r\n")
        self.assertEqual(wire.take(), b"7\r\nPROBE\r\n\r\n")

    def test_form_content_type(self) -> None:
        """Whatever the type says, a body is lines (2.4)."""
        for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"):
            wire = self.world.connect()
            wire.send(post("create_session", b"LS_user=a b+c%26&LS_cid=x", VERSION, f"Content-Type: {kind}"))
            self.assertEqual(self.kernel.created[-1][0].user, "a b c&")

    def test_get(self) -> None:
        """All parameters in the query (2.5)."""
        response = Response(
            self.world.ask(http("GET", f"/lightstreamer/create_session.txt?{VERSION}&LS_user=x%20y&LS_adapter_set=A"))
        )
        self.assertEqual(response.body, b"CONOK,S1,50000,5000,*\r\n")
        self.assertEqual(self.kernel.created[0][0].user, "x y")

    def test_head(self) -> None:
        """No session, no body."""
        data = self.world.ask(http("HEAD", f"/lightstreamer/create_session.txt?{VERSION}"))
        self.assertTrue(data.startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertTrue(data.endswith(b"\r\n\r\n"))
        self.assertEqual(self.kernel.created, [])

    def test_loop_keeps_the_connection(self) -> None:
        """After C{LOOP} the response is complete and the connection takes the next request."""
        wire = self.world.connect()
        wire.send(CREATE)
        self.kernel.sessions["S1"].loop()
        self.assertTrue(wire.take().endswith(b"8\r\nLOOP,0\r\n\r\n0\r\n\r\n"))
        response = Response(wire.send(post("bind_session", b"LS_session=S1")))
        self.assertEqual(response.body, b"CONOK,S1,50000,5000,*\r\n")
        self.assertIsNone(wire.lost)

    def test_loop_can_close(self) -> None:
        """C{LS_close_socket}."""
        wire = self.world.connect()
        wire.send(CREATE)
        self.kernel.sessions["S1"].loop(close_socket=True)
        self.assertTrue(wire.value().endswith(b"0\r\n\r\n"))
        self.assertIsNotNone(wire.lost)
        self.assertEqual(self.kernel.sessions["S1"].lost, [])

    def test_nothing_after_the_end(self) -> None:
        """Neither lines nor another end."""
        wire = self.world.connect()
        wire.send(CREATE)
        session = self.kernel.sessions["S1"]
        connection = session.connection
        session.loop()
        wire.clear()
        connection.write(b"PROBE\r\n")
        connection.end(True)
        connection.refuse(b"END,1,\r\n")
        connection.abort()
        self.assertEqual((wire.value(), wire.lost), (b"", None))

    def test_http_1_0(self) -> None:
        """Not chunked; the connection ends with the response."""
        wire = self.world.connect()
        data = wire.send(http("POST", f"/lightstreamer/create_session.txt?{VERSION}", b"LS_cid=x", version="1.0"))
        response = Response(data)
        self.assertNotIn("transfer-encoding", response.headers)
        self.assertEqual(response.body, b"CONOK,S1,50000,5000,*\r\n")
        self.kernel.sessions["S1"].loop()
        self.assertEqual(wire.value(), b"LOOP,0\r\n")
        self.assertIsNotNone(wire.lost)

    def test_refused(self) -> None:
        """Plain, with its length, and the connection is kept (4.9)."""
        self.kernel.refusal = b"CONERR,1,User/password check failed\r\n"
        wire = self.world.connect()
        response = Response(wire.send(CREATE))
        self.assertEqual(response.code, 200)
        self.assertEqual(response.headers["content-type"], "text/plain; charset=utf-8")
        self.assertEqual((response.body, response.complete), (self.kernel.refusal, True))
        response = Response(wire.send(post("bind_session", b"LS_session=S9")))
        self.assertEqual(response.body, self.kernel.refusal)

    def test_refused_after_the_beginning(self) -> None:
        """The line ends the stream."""
        wire = self.world.connect()
        wire.send(CREATE)
        self.kernel.sessions["S1"].connection.refuse(b"END,33,\r\n")
        self.assertEqual(wire.value(), b"9\r\nEND,33,\r\n\r\n0\r\n\r\n")

    def test_bad_requests(self) -> None:
        """Always C{CONERR} (2.13)."""
        for name, body in (("create_session", b"LS_requested_max_bandwidth=x"), ("bind_session", b"")):
            response = Response(self.world.ask(post(name, body)))
            self.assertEqual(response.code, 200)
            self.assertTrue(response.body.startswith(b"CONERR,6"), response.body)

    def test_versions(self) -> None:
        """1.5."""
        for query, text in (
            ("LS_protocol=TLCP-2.9.0", b"CONERR,65,Unsupported protocol version: 2.9.0\r\n"),
            ("LS_protocol=x", b"CONERR,65,Unsupported protocol version\r\n"),
            ("", b"CONERR,65,Unsupported protocol version\r\n"),
        ):
            self.assertEqual(Response(self.world.ask(post("create_session", b"", query))).body, text)
        response = Response(self.world.ask(post("control", b"LS_reqId=1", "LS_protocol=TLCP-3.0.0")))
        self.assertEqual(response.body, b"ERROR,65,Unsupported protocol version: 3.0.0\r\n")
        self.assertEqual((self.kernel.created, self.kernel.controls), ([], []))

    def test_client_goes(self) -> None:
        """The session is told."""
        wire = self.world.connect()
        wire.send(CREATE)
        session = self.kernel.sessions["S1"]
        connection = session.connection
        wire.drop()
        self.assertEqual(session.lost, [connection])
        connection.write(b"PROBE\r\n")

    def test_client_goes_while_pending(self) -> None:
        """The creation is cancelled."""
        self.kernel.hold = True
        wire = self.world.connect()
        wire.send(CREATE)
        wire.drop()
        self.assertEqual(self.kernel.cancelled, 1)

    def test_decided_later(self) -> None:
        self.kernel.hold = True
        wire = self.world.connect()
        self.assertEqual(wire.send(CREATE), b"")
        self.kernel.decide()
        self.assertEqual(Response(wire.take()).body, b"CONOK,S1,50000,5000,*\r\n")

    def test_kernel_fails(self) -> None:
        """The client hears of an internal error, the log of all of it."""
        self.kernel.failure = ZeroDivisionError()
        for request in (CREATE, post("bind_session", b"LS_session=S1")):
            response = Response(self.world.ask(request))
            self.assertTrue(response.body.startswith(b"CONERR,68,"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_takeover(self) -> None:
        """The old connection is cut without a byte (10.6)."""
        old, new = self.world.connect(), self.world.connect()
        old.send(CREATE)
        new.send(post("bind_session", b"LS_session=S1"))
        self.assertIsInstance(old.lost, ConnectionAborted)
        self.assertEqual(old.value(), b"")
        self.assertEqual(self.kernel.sessions["S1"].lost, [])

    def test_pipelined(self) -> None:
        """What follows a stream in the same segment is answered after it."""
        wire = self.world.connect()
        wire.send(CREATE + post("heartbeat", b"\r\n"))
        self.kernel.sessions["S1"].loop()
        self.assertTrue(wire.value().endswith(b"REQOK\r\n"))

    def test_writable_again(self) -> None:
        """What the transport says of its buffer reaches the session."""
        wire = self.world.connect()
        wire.send(CREATE)
        session = self.kernel.sessions["S1"]
        self.assertTrue(session.connection.writable)
        wire.producer.pauseProducing()
        self.assertFalse(session.connection.writable)
        wire.producer.resumeProducing()
        self.assertTrue(session.connection.writable)
        self.assertEqual(session.writable, [session.connection])

    def test_stuck(self) -> None:
        """A client that takes nothing for the write timeout is dropped."""
        wire = self.world.connect()
        wire.send(CREATE)
        session = self.kernel.sessions["S1"]
        connection = session.connection
        wire.producer.pauseProducing()
        self.world.clock.advance(119.9)
        self.assertIsNone(wire.lost)
        self.world.clock.advance(0.2)
        self.assertIsInstance(wire.lost, ConnectionAborted)
        self.assertEqual(session.lost, [connection])
        self.assertEqual(self.world.clock.getDelayedCalls(), [])

    def test_drained_in_time(self) -> None:
        wire = self.world.connect()
        wire.send(CREATE)
        wire.producer.pauseProducing()
        self.world.clock.advance(100)
        wire.producer.resumeProducing()
        self.world.clock.advance(100)
        self.assertIsNone(wire.lost)


class Controls(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.kernel = self.world.kernel

    def test_batch(self) -> None:
        """One line for each request, in their order, when the last is decided (2.6)."""
        self.kernel.hold = True
        wire = self.world.connect()
        body = b"LS_reqId=a&LS_op=destroy&LS_session=S1\r\nLS_reqId=b\r\nLS_reqId=c&LS_op=destroy&LS_session=S1\r\n"
        self.assertEqual(wire.send(post("control", body)), b"")
        second, first = reversed(self.kernel.pending)
        second()
        self.assertEqual(wire.value(), b"")
        first()
        response = Response(wire.value())
        self.assertEqual(response.headers["content-type"], "text/plain; charset=utf-8")
        lines = response.body.split(b"\r\n")
        self.assertEqual([lines[0], lines[1][:12], *lines[2:]], [b"REQOK,a", b"REQERR,b,67,", b"REQOK,c", b""])

    def test_always_acknowledged(self) -> None:
        response = Response(
            self.world.ask(post("msg", b"LS_reqId=1&LS_message=m&LS_ack=false&LS_outcome=false&LS_session=S"))
        )
        self.assertEqual(response.body, b"REQOK,1\r\n")
        request = self.kernel.controls[0][0]
        self.assertIsInstance(request, Message)
        self.assertTrue(request.ack)

    def test_session_in_the_query(self) -> None:
        self.world.ask(post("control", b"LS_reqId=1&LS_op=destroy", f"{VERSION}&LS_session=S7"))
        request, implicit = self.kernel.controls[0]
        self.assertIsInstance(request, Destroy)
        self.assertEqual((request.session, implicit), ("S7", None))

    def test_no_id(self) -> None:
        response = Response(self.world.ask(post("control", b"LS_op=destroy&LS_session=S1")))
        self.assertTrue(response.body.startswith(b"ERROR,67,"))

    def test_bare_answers(self) -> None:
        """Heartbeats and logs of clients, known sessions or not (5.9)."""
        for body in (b"", b"\n", b"\r\n", b"LS_session=nope"):
            self.assertEqual(Response(self.world.ask(post("heartbeat", body))).body, b"REQOK\r\n")
        self.assertEqual(len(self.kernel.heartbeats), 4)
        self.assertEqual(Response(self.world.ask(post("send_log", b"LS_log1=x"))).body, b"REQOK\r\n")
        self.assertEqual(
            Response(self.world.ask(http("GET", f"/lightstreamer/heartbeat.txt?{VERSION}"))).body, b"REQOK\r\n"
        )

    def test_kernel_fails(self) -> None:
        self.kernel.hold = True
        wire = self.world.connect()
        wire.send(post("control", b"LS_reqId=1&LS_op=destroy&LS_session=S1"))
        self.kernel.failure = ZeroDivisionError()
        self.kernel.decide()
        self.assertTrue(Response(wire.value()).body.startswith(b"REQERR,1,68,"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_client_goes(self) -> None:
        """Nobody is there for the answer."""
        self.kernel.hold = True
        wire = self.world.connect()
        wire.send(post("control", b"LS_reqId=1&LS_op=destroy&LS_session=S1"))
        wire.drop()
        self.kernel.decide()
        self.assertEqual(wire.value(), b"")

    def test_pipelined(self) -> None:
        """Requests in one segment are answered one after the other."""
        wire = self.world.connect()
        data = wire.send(post("heartbeat", b"\r\n") + post("control", b"LS_reqId=1&LS_op=destroy&LS_session=S1") * 2)
        bodies = []
        while data:
            response = Response(data)
            bodies.append(response.body)
            data = response.rest
        self.assertEqual(bodies, [b"REQOK\r\n", b"REQOK,1\r\n", b"REQOK,1\r\n"])

    def test_byte_by_byte(self) -> None:
        wire = self.world.connect()
        data = b"".join(wire.send(bytes([byte])) for byte in post("control", b"LS_reqId=1&LS_op=destroy&LS_session=S1"))
        self.assertEqual(Response(data).body, b"REQOK,1\r\n")

    def test_chunked_body(self) -> None:
        head = http("POST", f"/lightstreamer/heartbeat.txt?{VERSION}", None, "Transfer-Encoding: chunked")
        self.assertEqual(Response(self.world.ask(head + b"2\r\n\r\n\r\n0\r\n\r\n")).body, b"REQOK\r\n")


class Configured(SynchronousTestCase):
    def test_line_ends_in_what_is_sent_back(self) -> None:
        """A CR or LF alone is no line end to us, but it may be to others: no such header is accepted."""
        world = World(TransportSettings(response_http_headers=ResponseHttpHeaders(echo=("X-One",))))
        for header in ("X-One: a{}Set-Cookie: b", "Origin: http://a{}Set-Cookie: b"):
            for end in ("\r", "\n"):
                data = world.ask(post("create_session", b"LS_cid=x", VERSION, header.format(end)))
                self.assertEqual(Response(data).code, 400)
                self.assertNotIn(b"Set-Cookie", data)

    def test_headers(self) -> None:
        settings = TransportSettings(
            use_enriched_content_type=False,
            server_tokens="FULL",
            response_http_headers=ResponseHttpHeaders(add=("X-A: 1", "X-A: 2"), echo=("X-Request-Id",)),
        )
        response = Response(World(settings).ask(post("create_session", b"", VERSION, "X-Request-Id: 77")))
        self.assertEqual(response.headers["content-type"], "text/plain; charset=utf-8")
        self.assertRegex(response.headers["server"], "^lsserver/[0-9]")
        self.assertEqual([value for name, value in response.lines if name == "X-A"], ["1", "2"])
        self.assertEqual(response.headers["x-request-id"], "77")
        self.assertNotIn("x-accel-buffering", response.headers)

    def test_bad_settings(self) -> None:
        for values in (
            {"server_tokens": "NONE"},
            {"max_outbound_frame_size": 10},
            {"service_url_prefix": ("push",)},
            {"service_url_prefix": ("/push/",)},
        ):
            self.assertRaises(ValueError, TransportSettings, **values)
        for line in ("no colon", "a b: c", "X: a\r\nY: b", ": x"):
            self.assertRaises(ValueError, ResponseHttpHeaders, add=(line,))
        self.assertRaises(ValueError, ResponseHttpHeaders, echo=("a b",))
