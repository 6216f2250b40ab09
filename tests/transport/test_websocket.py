"""The protocol on a WebSocket (tlcp.md 3)."""

from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from lsserver.engine.connection import IStreamConnection
from lsserver.tlcp.requests import Message
from lsserver.transport.settings import TransportSettings
from lsserver.transport.websocket import MAX_QUEUED
from tests.transport.fakes import (
    SUBPROTOCOL,
    Response,
    WebSocketClient,
    World,
    frame,
    frames,
    http,
    post,
    texts,
)

CREATE = "create_session\r\nLS_adapter_set=TEST&LS_cid=x"
CONOK = b"CONOK,S1,50000,5000,*\r\n"
DESTROY = "control\r\nLS_reqId=%s&LS_op=destroy"


class Base(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.kernel = self.world.kernel

    def open(self, subprotocol: str = SUBPROTOCOL) -> WebSocketClient:
        client = self.world.websocket(subprotocol)
        assert client.response is not None
        self.assertEqual(client.response.code, 101)
        return client


class Handshake(Base):
    def handshake(self, subprotocol: str | None, *headers: str, path: str = "/lightstreamer") -> Response:
        client = WebSocketClient(self.world.connect())
        client.handshake(subprotocol, headers, path)
        assert client.response is not None
        return client.response

    def test_echo(self) -> None:
        """The subprotocol comes back; no extension does."""
        response = self.handshake(SUBPROTOCOL, "Sec-WebSocket-Extensions: permessage-deflate")
        self.assertEqual(response.code, 101)
        self.assertEqual(response.headers["sec-websocket-protocol"], SUBPROTOCOL)
        self.assertNotIn("sec-websocket-extensions", response.headers)
        self.assertEqual(response.headers["server"], "lsserver")

    def test_highest_of_several(self) -> None:
        response = self.handshake(f"chat, TLCP-2.1.0.lightstreamer.com, {SUBPROTOCOL}")
        self.assertEqual(response.headers["sec-websocket-protocol"], SUBPROTOCOL)

    def test_none(self) -> None:
        for subprotocol in (None, "chat", "TLCP"):
            self.assertEqual(self.handshake(subprotocol).code, 403)

    def test_trailing_slash(self) -> None:
        self.assertEqual(self.handshake(SUBPROTOCOL, path="/lightstreamer/").code, 101)

    def test_disabled(self) -> None:
        self.world = World(TransportSettings(websocket_enabled=False))
        self.assertEqual(self.handshake(SUBPROTOCOL).code, 403)

    def test_bad_handshakes(self) -> None:
        head = ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Protocol: {SUBPROTOCOL}"]
        for method, version, headers, code in (
            ("GET", "1.1", [], 426),
            ("GET", "1.1", ["Upgrade: websocket"], 426),
            ("GET", "1.1", ["Upgrade: h2c", "Connection: Upgrade"], 426),
            ("POST", "1.1", head, 400),
            ("GET", "1.0", head, 400),
            ("GET", "1.1", head, 400),
            ("GET", "1.1", [*head, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: x"], 400),
            ("GET", "1.1", [*head, "Sec-WebSocket-Version: 7", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="], 400),
        ):
            with self.subTest(headers=headers):
                wire = self.world.connect()
                self.assertEqual(
                    Response(wire.send(http(method, "/lightstreamer", None, *headers, version=version))).code, code
                )

    def test_unsupported_version(self) -> None:
        """Echoed, and told to whoever asks for a session (1.5)."""
        name = "TLCP-2.9.0.lightstreamer.com"
        client = self.open(name)
        assert client.response is not None
        self.assertEqual(client.response.headers["sec-websocket-protocol"], name)
        self.assertEqual(client.send("wsok"), [b"WSOK\r\n"])
        text = b"65,Unsupported protocol version: 2.9.0\r\n"
        self.assertEqual(client.send(CREATE), [b"CONERR," + text])
        self.assertEqual(client.send("bind_session\r\nLS_session=S1"), [b"CONERR," + text])
        self.assertEqual(client.send(DESTROY % 1), [b"ERROR," + text])
        self.assertEqual(client.send("heartbeat\r\n\r\n"), [])
        self.assertEqual(self.kernel.created + self.kernel.bound + self.kernel.controls, [])

    def test_on_a_used_connection(self) -> None:
        """Clients turn the connection that served the creation into a WebSocket (12.2)."""
        wire = self.world.connect()
        wire.send(post("create_session", b"LS_cid=x&LS_polling=true"))
        self.kernel.sessions["S1"].loop()
        wire.clear()
        client = WebSocketClient(wire)
        client.handshake(SUBPROTOCOL)
        self.assertEqual(client.send("bind_session\r\nLS_session=S1"), [CONOK])
        self.world.clock.advance(50)
        self.assertIsNone(wire.lost)

    def test_impatient(self) -> None:
        """Frames right behind the handshake, in the same segment."""
        wire = self.world.connect()
        request = http(
            "GET",
            "/lightstreamer",
            None,
            "Upgrade: websocket",
            "Connection: keep-alive, Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            f"Sec-WebSocket-Protocol: {SUBPROTOCOL}",
        )
        response = wire.send(request + frame(1, b"wsok") + frame(1, CREATE.encode()))
        self.assertEqual(texts(response.partition(b"\r\n\r\n")[2]), [b"WSOK\r\n", CONOK])
        self.assertIn(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", response)

    def test_client_info(self) -> None:
        """The headers of the handshake go with every session that is created here, each in a dict of its own."""
        client = self.world.websocket(headers=["User-Agent: Agent", "X-One: 1", "X-One: 2"])
        client.send(CREATE)
        self.kernel.sessions["S1"].loop()
        client.take()
        client.send(CREATE)
        (_, first), (_, second) = self.kernel.created
        self.assertEqual((first.user_agent, first.remote_ip), ("Agent", "192.0.2.1"))
        self.assertEqual(first.headers["x-one"], "1,2")
        self.assertEqual(first.headers, second.headers)
        self.assertIsNot(first.headers, second.headers)


class Requests(Base):
    def test_wsok_and_create(self) -> None:
        """C{WSOK} comes before C{CONOK} (3.5)."""
        self.assertEqual(self.open().send("wsok", CREATE), [b"WSOK\r\n", CONOK])

    def test_wsok_while_creating(self) -> None:
        """It waits for nothing."""
        self.kernel.hold = True
        client = self.open()
        self.assertEqual(client.send(CREATE, "wsok"), [b"WSOK\r\n"])

    def test_stream(self) -> None:
        client = self.open()
        client.send(CREATE)
        session = self.kernel.sessions["S1"]
        verifyObject(IStreamConnection, session.connection)
        self.assertTrue(session.connection.websocket)
        session.connection.write(b"U,1,1,a|b\r\n")
        self.assertEqual(client.take(), [b"U,1,1,a|b\r\n"])

    def test_long_lines(self) -> None:
        """Above the largest frame, in fragments (3.1)."""
        client = self.open()
        client.send(CREATE)
        line = b"U,1,1," + b"x" * 40_000 + b"\r\n"
        self.kernel.sessions["S1"].connection.write(line)
        data = client.wire.take()
        self.assertEqual([len(payload) for _, payload in frames(data)], [16_384, 16_384, len(line) - 32_768])
        self.assertEqual(texts(data), [line])

    def test_implied_session(self) -> None:
        """C{LS_session} may be left out (3.7)."""
        client = self.open()
        client.send(CREATE)
        session = self.kernel.sessions["S1"]
        self.assertEqual(client.send(DESTROY % 7), [b"REQOK,7\r\n"])
        self.assertIs(self.kernel.controls[0][1], session)
        session.loop()
        client.take()
        client.send("heartbeat\r\n\r\n", "bind_session\r\nLS_polling=true")
        self.assertIs(self.kernel.heartbeats[0][1], session)
        self.assertIs(self.kernel.bound[0][1], session)

    def test_before_any_session(self) -> None:
        """The kernel says what it thinks of it."""
        client = self.open()
        self.assertEqual(client.send("control\r\nLS_reqId=1&LS_op=destroy&LS_session=S5"), [b"REQOK,1\r\n"])
        self.assertEqual(client.send(DESTROY % 2), [b"REQOK,2\r\n"])
        self.assertEqual([implicit for _, implicit in self.kernel.controls], [None, None])

    def test_batch(self) -> None:
        """The answers to what came together go together."""
        client = self.open()
        client.send(CREATE)
        self.assertEqual(
            client.send("control\r\nLS_reqId=1&LS_op=destroy\r\nLS_reqId=2\r\nLS_reqId=3&LS_op=destroy"),
            [b"REQOK,1\r\nREQERR,2,67,Malformed request: LS_op is missing\r\nREQOK,3\r\n"],
        )

    def test_not_acknowledged(self) -> None:
        client = self.open()
        client.send(CREATE)
        self.assertEqual(client.send("msg\r\nLS_reqId=1&LS_message=x&LS_ack=false&LS_msg_prog=1"), [])
        self.assertFalse(self.kernel.controls[0][0].ack)

    def test_verbatim_messages(self) -> None:
        """js8 counts characters instead of encoding them (3.2)."""
        client = self.open()
        client.send(CREATE)
        line = "LS_reqId=5&LS_ack=false&LS_outcome=false&LS_message=a & b=c%\r\n\N{PILE OF POO}"
        units = len(line.encode("utf-16-le")) // 2
        client.send(f"msg\r\nLS_unq={units}&{line}\r\nLS_unq={units}&{line}")
        messages = [request for request, _ in self.kernel.controls]
        self.assertEqual(len(messages), 2)
        for message in messages:
            assert isinstance(message, Message)
            self.assertEqual(message.message, "a & b=c%\r\n\N{PILE OF POO}")

    def test_heartbeats(self) -> None:
        """No answer (5.9)."""
        client = self.open()
        self.assertEqual(client.send("heartbeat", "heartbeat\r\n", "heartbeat\r\n\r\n", "heartbeat\r\n\n"), [])
        self.assertEqual(len(self.kernel.heartbeats), 4)
        self.assertEqual(client.send("send_log\r\nLS_log1=x"), [])

    def test_answers_before_notifications(self) -> None:
        """C{REQOK} precedes what follows from the request (6.13)."""
        client = self.open()
        client.send(CREATE)
        connection = self.kernel.sessions["S1"].connection
        answer = self.kernel.control

        def control(*arguments: Any) -> Any:
            result = answer(*arguments)
            result.addCallback(
                lambda line: self.world.clock.callLater(0, connection.write, b"SUBOK,1,1,1\r\n") and line
            )
            return result

        self.kernel.control = control  # type: ignore[method-assign]
        client.send(DESTROY % 1)
        self.world.clock.advance(0)
        self.assertEqual(client.take(), [b"SUBOK,1,1,1\r\n"])

    def test_fragmented(self) -> None:
        """A request in several frames, with a ping in between."""
        client = self.open()
        text = CREATE.encode()
        data = client.wire.send(
            frame(1, text[:5], fin=False) + frame(9, b"hi") + frame(0, text[5:20], fin=False) + frame(0, text[20:])
        )
        self.assertEqual(frames(data), [(0x8A, b"hi"), (0x81, CONOK)])

    def test_byte_by_byte(self) -> None:
        client = self.open()
        data = b"".join(client.wire.send(bytes([byte])) for byte in frame(1, CREATE.encode()))
        self.assertEqual(texts(data), [CONOK])


class Garbage(Base):
    """The socket stays open (3.9)."""

    def assertUsable(self, client: WebSocketClient) -> None:
        self.assertEqual(client.send("wsok"), [b"WSOK\r\n"])

    def test_unknown_request(self) -> None:
        client = self.open()
        (line,) = client.send("dance\r\nLS_reqId=1")
        self.assertTrue(line.startswith(b"ERROR,67,"))
        self.assertUsable(client)

    def test_binary(self) -> None:
        client = self.open()
        (line,) = texts(client.wire.send(frame(2, b"\xff\x00") + frame(2, b"")))
        self.assertEqual(line.count(b"ERROR,67,"), 2)
        self.assertUsable(client)

    def test_bad_session_requests(self) -> None:
        """Always C{CONERR} (2.13)."""
        client = self.open()
        for text in ("bind_session", "bind_session\r\n\r\n", "create_session\r\nLS_requested_max_bandwidth=x"):
            (line,) = client.send(text)
            if self.kernel.bound:
                self.assertEqual(line, b"CONERR,20,Session not found\r\n")
                self.kernel.bound.clear()
            else:
                self.assertTrue(line.startswith(b"CONERR,6"), line)
        self.assertUsable(client)

    def test_too_long(self) -> None:
        """The request that is too long is answered, if it says who it is (2.4)."""
        client = self.open()
        long = "x" * 50_000
        (line,) = client.send(f"msg\r\nLS_reqId=9&LS_message={long}")
        self.assertTrue(line.startswith(b"REQERR,9,67,"))
        (line,) = client.send(f"msg\r\nLS_message={long}")
        self.assertTrue(line.startswith(b"ERROR,67,"))
        (line,) = client.send(f"create_session\r\nLS_user={long}")
        self.assertTrue(line.startswith(b"CONERR,67,"))
        (line,) = client.send(long + "x")
        self.assertTrue(line.startswith(b"ERROR,67,"))
        self.assertUsable(client)
        self.assertEqual(self.kernel.controls, [])

    def test_just_not_too_long(self) -> None:
        client = self.open()
        head = "msg\r\nLS_reqId=9&LS_session=S1&LS_message="
        self.assertEqual(client.send(head + "x" * (50_000 - len(head))), [b"REQOK,9\r\n"])

    def test_many_fragments(self) -> None:
        """The limit is that of the message, and nothing beyond it is kept."""
        client = self.open()
        data = client.wire.send(frame(1, b"msg\r\nLS_reqId=4&LS_message=", fin=False))
        for _ in range(40):
            data += client.wire.send(frame(0, b"x" * 10_000, fin=False))
        self.assertEqual(data, b"")
        self.assertLess(sum(map(len, client.socket._parts)), 70_000)
        (line,) = texts(client.wire.send(frame(0, b"end")))
        self.assertTrue(line.startswith(b"REQERR,4,67,"))
        self.assertUsable(client)

    def test_empty_fragments(self) -> None:
        """They add up to nothing, however many."""
        client = self.open()
        client.wire.send(frame(1, b"ws", fin=False) + frame(0, b"", fin=False) * 1000)
        self.assertEqual(client.socket._parts, [b"ws"])
        self.assertEqual(texts(client.wire.send(frame(0, b"ok"))), [b"WSOK\r\n"])

    def test_absurdly_long(self) -> None:
        """Not read to its end."""
        client = self.open()
        header = frame(1, b"")[:1] + b"\xff" + (1 << 40).to_bytes(8, "big") + b"abcd"
        self.assertEqual(frames(client.wire.send(header)), [(0x88, (1009).to_bytes(2, "big"))])
        self.world.clock.advance(1)
        self.assertIsNotNone(client.wire.lost)

    def test_not_utf_8(self) -> None:
        """1007, as RFC 6455 8.1 wants it."""
        client = self.open()
        ((first, payload),) = frames(client.wire.send(frame(1, b"wsok\xff")))
        self.assertEqual((first, payload[:2]), (0x88, (1007).to_bytes(2, "big")))

    def test_not_masked(self) -> None:
        """1002, as RFC 6455 5.1 wants it; nothing is executed after it."""
        client = self.open()
        found = frames(client.wire.send(frame(1, CREATE.encode(), mask=False) + frame(1, CREATE.encode())))
        self.assertEqual([(first, payload[:2]) for first, payload in found], [(0x88, (1002).to_bytes(2, "big"))])
        self.assertEqual(self.kernel.created, [])

    def test_own_fault(self) -> None:
        """1011, after which clients come back with a delay (3.9)."""
        client = self.open()
        self.kernel.heartbeat = None  # type: ignore[assignment]
        self.assertEqual(frames(client.wire.send(frame(1, b"heartbeat"))), [(0x88, (1011).to_bytes(2, "big"))])
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_kernel_fails(self) -> None:
        client = self.open()
        self.kernel.failure = ZeroDivisionError()
        (line,) = client.send(CREATE)
        self.assertTrue(line.startswith(b"CONERR,68,"))
        (line,) = client.send("bind_session\r\nLS_session=S1")
        self.assertTrue(line.startswith(b"CONERR,68,"))
        self.kernel.hold = True
        client.send("control\r\nLS_reqId=1&LS_op=destroy&LS_session=S1")
        self.kernel.decide()
        (line,) = client.take()
        self.assertTrue(line.startswith(b"REQERR,1,68,"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 3)


class Order(Base):
    """3.6."""

    def test_control_waits_for_create(self) -> None:
        self.kernel.hold = True
        client = self.open()
        self.assertEqual(client.send(CREATE, DESTROY % 1, DESTROY % 2), [])
        self.assertEqual(self.kernel.controls, [])
        self.kernel.hold = False
        self.kernel.decide()
        self.assertEqual(client.take(), [CONOK, b"REQOK,1\r\n", b"REQOK,2\r\n"])

    def test_create_fails(self) -> None:
        """What relied on the session is not answered; what names another one is."""
        self.kernel.hold = True
        self.kernel.refusal = b"CONERR,1,no\r\n"
        client = self.open()
        client.send(CREATE, DESTROY % 1, "control\r\nLS_reqId=2&LS_op=destroy&LS_session=S8")
        self.kernel.hold = False
        self.kernel.decide()
        self.assertEqual(client.take(), [b"CONERR,1,no\r\n", b"REQOK,2\r\n"])

    def test_bind_fails(self) -> None:
        client = self.open()
        data = client.send(
            "bind_session\r\nLS_session=S9", DESTROY % 1, "control\r\nLS_reqId=2&LS_op=destroy&LS_session=S8"
        )
        self.assertEqual(data, [b"CONERR,20,Session not found\r\nREQOK,2\r\n"])
        self.assertEqual(client.send(CREATE, DESTROY % 3), [CONOK, b"REQOK,3\r\n"])

    def test_two_creates(self) -> None:
        """The second waits for the first, and is refused if that streams."""
        self.kernel.hold = True
        client = self.open()
        client.send(CREATE, CREATE)
        self.assertEqual(len(self.kernel.created), 1)
        self.kernel.decide()
        first, second = client.take()
        self.assertEqual(first, CONOK)
        self.assertTrue(second.startswith(b"CONERR,69,"))

    def test_creates_in_a_row(self) -> None:
        """Each is decided before what follows it."""
        self.kernel.hold = True
        self.kernel.refusal = b"CONERR,1,no\r\n"
        client = self.open()
        client.send(CREATE, DESTROY % 1, CREATE, DESTROY % 2)
        self.kernel.decide()
        self.assertEqual(client.take(), [b"CONERR,1,no\r\n"])
        self.kernel.refusal = None
        self.kernel.decide()
        self.assertEqual(client.take(), [CONOK])
        self.kernel.decide()
        self.assertEqual(client.take(), [b"REQOK,2\r\n"])

    def test_too_many_wait(self) -> None:
        """Nothing more is read meanwhile."""
        self.kernel.hold = True
        client = self.open()
        client.send(CREATE)
        client.send(*([DESTROY % 1] * MAX_QUEUED))
        self.assertEqual(client.wire.producerState, "paused")
        self.kernel.hold = False
        self.kernel.decide()
        self.assertEqual(client.wire.producerState, "producing")
        self.assertEqual(len(self.kernel.controls), MAX_QUEUED)

    def test_client_goes_while_creating(self) -> None:
        self.kernel.hold = True
        client = self.open()
        client.send(CREATE, DESTROY % 1)
        client.wire.drop()
        self.assertEqual(self.kernel.cancelled, 1)
        self.assertEqual(self.kernel.controls, [])


class OneStream(Base):
    """3.8."""

    def test_streaming_in_place(self) -> None:
        client = self.open()
        client.send(CREATE)
        session = self.kernel.sessions["S1"]
        for text in (CREATE, "bind_session\r\nLS_session=S1", "bind_session\r\nLS_session=S1&LS_polling=true"):
            (line,) = client.send(text)
            self.assertTrue(line.startswith(b"CONERR,69,"))
        self.assertEqual((session.lost, len(self.kernel.created), self.kernel.bound), ([], 1, []))
        self.assertEqual(client.send(DESTROY % 1), [b"REQOK,1\r\n"])
        self.assertIs(self.kernel.controls[0][1], session)

    def test_rebind_after_loop(self) -> None:
        client = self.open()
        client.send(CREATE)
        self.kernel.sessions["S1"].loop()
        self.assertEqual(client.take(), [b"LOOP,0\r\n"])
        self.assertEqual(client.send("bind_session\r\nLS_session=S1"), [CONOK])

    def test_create_after_refusal(self) -> None:
        client = self.open()
        client.send("bind_session\r\nLS_session=S9")
        self.assertEqual(client.send(CREATE), [CONOK])

    def test_poll_replaces_poll(self) -> None:
        """The session moves on within the socket, which nobody notices."""
        client = self.open()
        client.send(CREATE + "&LS_polling=true&LS_idle_millis=1000")
        self.assertEqual(client.send("bind_session\r\nLS_polling=true"), [CONOK])
        session = self.kernel.sessions["S1"]
        self.assertEqual(session.lost, [])
        self.assertIsNone(client.wire.lost)
        session.loop()
        self.assertEqual(client.take(), [b"LOOP,0\r\n"])

    def test_poll_of_another_session(self) -> None:
        """The first has lost its connection then."""
        client = self.open()
        client.send(CREATE + "&LS_polling=true")
        first = self.kernel.sessions["S1"]
        connection = first.connection
        client.send(CREATE)
        self.assertEqual(first.lost, [connection])
        connection.write(b"PROBE\r\n")
        self.assertEqual(client.take(), [])

    def test_refused_beside_a_poll(self) -> None:
        """The poll goes on."""
        client = self.open()
        client.send(CREATE + "&LS_polling=true")
        client.send("bind_session\r\nLS_session=S9")
        session = self.kernel.sessions["S1"]
        self.assertEqual(session.lost, [])
        session.loop()
        self.assertEqual(client.take(), [b"LOOP,0\r\n"])
        client.wire.drop()
        self.assertEqual(session.lost, [])

    def test_taken_over(self) -> None:
        """By another socket: this one is cut without a byte (10.6)."""
        old, new = self.open(), self.open()
        old.send(CREATE)
        self.assertEqual(new.send("bind_session\r\nLS_session=S1"), [CONOK])
        self.assertIsInstance(old.wire.lost, ConnectionAborted)
        self.assertEqual(old.wire.value(), b"")
        self.assertEqual(self.kernel.sessions["S1"].lost, [])

    def test_taken_over_by_http(self) -> None:
        old, new = self.open(), self.world.connect()
        old.send(CREATE)
        self.assertEqual(Response(new.send(post("bind_session", b"LS_session=S1"))).body, CONOK)
        self.assertIsNotNone(old.wire.lost)


CLOSE_1000 = (0x88, (1000).to_bytes(2, "big"))


class Ends(Base):
    """3.9."""

    def test_client_goes(self) -> None:
        client = self.open()
        client.send(CREATE)
        session = self.kernel.sessions["S1"]
        connection = session.connection
        client.wire.drop()
        self.assertEqual(session.lost, [connection])
        connection.write(b"PROBE\r\n")
        self.assertEqual(client.wire.value(), b"")
        self.assertEqual(self.world.clock.getDelayedCalls(), [])

    def test_close_socket(self) -> None:
        """Close frame 1000 after the last line; the client need not answer."""
        client = self.open()
        client.send(CREATE)
        self.kernel.sessions["S1"].loop(close_socket=True)
        self.assertEqual(frames(client.wire.take()), [(0x81, b"LOOP,0\r\n"), CLOSE_1000])
        self.assertIsNone(client.wire.lost)
        self.assertEqual(client.wire.send(frame(1, CREATE.encode())), b"")
        self.assertEqual(len(self.kernel.created), 1)
        self.world.clock.advance(1)
        self.assertIsInstance(client.wire.lost, ConnectionAborted)
        self.assertEqual(self.kernel.sessions["S1"].lost, [])
        self.assertEqual(self.world.clock.getDelayedCalls(), [])

    def test_close_answered(self) -> None:
        """Then the connection ends in order."""
        client = self.open()
        client.send(CREATE)
        self.kernel.sessions["S1"].loop(close_socket=True)
        client.wire.send(frame(8, (1000).to_bytes(2, "big")))
        self.assertIsInstance(client.wire.lost, ConnectionDone)

    def test_stuck_while_closing(self) -> None:
        """Neither the write timeout nor the term of the closing does harm twice."""
        client = self.open()
        client.send(CREATE)
        self.kernel.sessions["S1"].loop(close_socket=True)
        client.wire.producer.pauseProducing()
        client.socket.stuck()
        self.assertIsInstance(client.wire.lost, ConnectionAborted)
        client.socket.drop()
        client.socket.close(1000)
        self.world.clock.advance(200)

    def test_client_closes(self) -> None:
        """Its frame is answered, and nothing follows."""
        client = self.open()
        client.send(CREATE)
        session = self.kernel.sessions["S1"]
        connection = session.connection
        data = client.wire.send(frame(8, (1001).to_bytes(2, "big")))
        self.assertEqual(frames(data), [CLOSE_1000])
        self.assertEqual(session.lost, [connection])
        connection.write(b"PROBE\r\n")
        self.assertEqual(client.wire.value(), b"")
        self.assertIsNotNone(client.wire.lost)

    def test_destroy_and_close(self) -> None:
        """Clients say goodbye and leave at once; the answer has nowhere to go."""
        self.kernel.hold = True
        client = self.open()
        client.send(CREATE)
        self.kernel.decide()
        client.wire.send(frame(1, (DESTROY % 1).encode()) + frame(8, b""))
        self.kernel.decide()

    def test_early_and_silent(self) -> None:
        """A socket may wait for a session to be created elsewhere (3.1), but not for ever."""
        client = self.open()
        self.world.clock.advance(59)
        self.assertIsNone(client.wire.lost)
        self.assertEqual(client.take(), [])
        self.world.clock.advance(1)
        self.assertEqual(frames(client.wire.take()), [CLOSE_1000])
        self.world.clock.advance(1)
        self.assertIsNotNone(client.wire.lost)

    def test_used(self) -> None:
        """Neither a stream nor a client that asks now and then is idle."""
        streaming, asking = self.open(), self.open()
        streaming.send(CREATE)
        for _ in range(10):
            self.world.clock.advance(30)
            self.assertEqual(asking.send("wsok"), [b"WSOK\r\n"])
        self.assertIsNone(streaming.wire.lost)
        self.assertIsNone(asking.wire.lost)

    def test_only_pings(self) -> None:
        """They use nothing."""
        client = self.open()
        for _ in range(6):
            self.world.clock.advance(10)
            client.wire.send(frame(9, b""))
        self.world.clock.advance(1)
        self.assertIsNotNone(client.wire.lost)

    def test_never_idle(self) -> None:
        self.world = World(TransportSettings(websocket_idle_millis=0))
        client = self.open()
        self.world.clock.advance(10_000)
        self.assertIsNone(client.wire.lost)

    def test_no_pings(self) -> None:
        """Some clients do not answer them (12.2)."""
        client = self.open()
        client.send(CREATE)
        for _ in range(100):
            self.world.clock.advance(30)
        self.assertEqual(client.wire.value(), b"")


class BackPressure(Base):
    def test_writable(self) -> None:
        client = self.open()
        client.send(CREATE)
        session = self.kernel.sessions["S1"]
        client.wire.producer.pauseProducing()
        self.assertFalse(session.connection.writable)
        client.wire.producer.resumeProducing()
        self.assertTrue(session.connection.writable)
        self.assertEqual(session.writable, [session.connection])

    def test_bound_while_congested(self) -> None:
        """A new stream begins as the socket is."""
        client = self.open()
        client.wire.producer.pauseProducing()
        client.send(CREATE)
        session = self.kernel.sessions["S1"]
        self.assertFalse(session.connection.writable)
        client.wire.producer.resumeProducing()
        self.assertEqual(session.writable, [session.connection])

    def test_drained_before_the_session_is_known(self) -> None:
        """The session is told as soon as it is."""
        self.kernel.hold = True
        client = self.open()
        client.send(CREATE)
        client.wire.producer.pauseProducing()
        client.wire.producer.resumeProducing()
        self.kernel.decide()
        session = self.kernel.sessions["S1"]
        self.assertEqual(session.writable, [session.connection])

    def test_drained_while_another_session_is_refused(self) -> None:
        """The poll that goes on learns of it."""
        client = self.open()
        client.send(CREATE + "&LS_polling=true")
        session = self.kernel.sessions["S1"]
        client.wire.producer.pauseProducing()
        self.kernel.hold, self.kernel.refusal = True, b"CONERR,1,no\r\n"
        client.send(CREATE)
        client.wire.producer.resumeProducing()
        self.kernel.decide()
        self.assertTrue(session.connection.writable)
        self.assertEqual(session.writable, [session.connection])

    def test_congested_while_another_session_is_refused(self) -> None:
        client = self.open()
        client.send(CREATE + "&LS_polling=true")
        session = self.kernel.sessions["S1"]
        self.kernel.hold, self.kernel.refusal = True, b"CONERR,1,no\r\n"
        client.send(CREATE)
        client.wire.producer.pauseProducing()
        self.kernel.decide()
        self.assertFalse(session.connection.writable)
        client.wire.producer.resumeProducing()
        self.assertEqual(session.writable, [session.connection])

    def test_stuck(self) -> None:
        client = self.open()
        client.send(CREATE)
        session = self.kernel.sessions["S1"]
        connection = session.connection
        client.wire.producer.pauseProducing()
        self.world.clock.advance(120)
        self.assertIsInstance(client.wire.lost, ConnectionAborted)
        self.assertEqual(session.lost, [connection])
        self.assertEqual(self.world.clock.getDelayedCalls(), [])
