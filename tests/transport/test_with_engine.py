"""The transport with the real engine behind it: transcripts of tlcp.md 11, as the client's socket sees them."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.adapter_set import AdapterSet
from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.adapters.providers import DataProvider
from lsserver.engine.kernel import Kernel
from lsserver.engine.settings import EngineSettings
from lsserver.transport.settings import TransportSettings
from lsserver.transport.site import make_site
from tests.transport.fakes import SUBPROTOCOL, Response, WebSocketClient, Wire, frame, frames, http, post, texts

HEAD = b"SERVNAME,Test\r\nCLIENTIP,192.0.2.1\r\n"
ADD = "LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=item1&LS_schema=a%20b"


class Feed(DataProvider):
    """Whatever is subscribed can be updated."""

    def set_listener(self, event_listener: Any) -> None:
        self.listener = event_listener

    def issnapshot_available(self, item_name: str) -> bool:
        return False

    def subscribe(self, item_name: str) -> None:
        """Nothing to do."""

    def unsubscribe(self, item_name: str) -> None:
        """Nothing to do."""


class WithEngine(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.feed = Feed()
        kernel = Kernel(EngineSettings(), self.clock)
        metadata = LiteralBasedProvider()
        kernel.add_adapter_set(AdapterSet("TEST", metadata, {"DEFAULT": self.feed}, reactor=self.clock))
        self.successResultOf(Deferred.fromCoroutine(kernel.start()))
        self.site = make_site(kernel, TransportSettings(), server_name="Test", reactor=self.clock)

    def connect(self) -> Wire:
        return Wire(self.site.buildProtocol(None))

    def websocket(self, wire: Wire | None = None) -> WebSocketClient:
        client = WebSocketClient(wire or self.connect())
        client.handshake(SUBPROTOCOL)
        return client

    def turn(self) -> None:
        for _ in range(3):
            self.clock.advance(0)

    def session_id(self, data: bytes) -> str:
        match = re.search(rb"CONOK,([^,]+),", data)
        assert match, data
        return match[1].decode()

    def test_websocket(self) -> None:
        """11.1."""
        client = self.websocket()
        wsok, head = client.send("wsok", "create_session\r\nLS_adapter_set=TEST&LS_cid=x&LS_send_sync=false")
        sid = self.session_id(head).encode()
        self.assertEqual(wsok, b"WSOK\r\n")
        self.assertEqual(head, b"CONOK," + sid + b",50000,5000,*\r\n" + HEAD + b"CONS,unlimited\r\n")
        self.assertEqual(client.send(f"control\r\nLS_reqId=1&{ADD}"), [b"REQOK,1\r\n"])
        self.feed.listener.update("item1", {"a": "x|y", "b": None})
        self.turn()
        self.assertEqual(b"".join(client.take()), b"SUBOK,1,1,2\r\nCONF,1,unlimited,filtered\r\nU,1,1,x%7Cy|#\r\n")
        self.feed.listener.update("item1", {"a": "z"})
        self.turn()
        self.assertEqual(client.take(), [b"U,1,1,z|\r\n"])
        for _ in range(60):
            self.clock.advance(0.1)
        self.assertEqual(client.take(), [b"PROBE\r\n"])
        data = client.wire.send(frame(1, b"control\r\nLS_reqId=4&LS_op=destroy&LS_close_socket=true"))
        self.turn()
        data += client.wire.take()
        self.assertEqual(
            frames(data),
            [
                (0x81, b"REQOK,4\r\n"),
                (0x81, b"END,31,Destroy invoked by client\r\n"),
                (0x88, (1000).to_bytes(2, "big")),
            ],
        )

    def test_http_streaming(self) -> None:
        """11.3, with C{force_rebind} at the end (11.2)."""
        wire, control = self.connect(), self.connect()
        poll = "LS_polling=true&LS_polling_millis=0&LS_idle_millis=0"
        response = Response(wire.send(post("create_session", f"LS_adapter_set=TEST&LS_cid=x&{poll}".encode())))
        sid = self.session_id(response.body)
        self.assertTrue(response.complete)
        self.assertTrue(response.body.endswith(b"CONS,unlimited\r\nLOOP,0\r\n"))
        stream = wire.send(post("bind_session", f"LS_session={sid}&LS_content_length=50000000".encode()))
        self.assertIn(b"NOOP,sending placeholder data\r\n", stream)
        answer = Response(control.send(post("control", f"LS_session={sid}&LS_reqId=1&{ADD}".encode())))
        self.assertEqual(answer.body, b"REQOK,1\r\n")
        self.feed.listener.update("item1", {"a": "1", "b": "2"})
        self.turn()
        stream += wire.take()
        answer = Response(control.send(post("control", f"LS_session={sid}&LS_reqId=2&LS_op=force_rebind".encode())))
        self.assertEqual(answer.body, b"REQOK,2\r\n")
        self.turn()
        response = Response(stream + wire.take())
        self.assertTrue(response.complete)
        self.assertTrue(
            response.body.endswith(b"SUBOK,1,1,2\r\nCONF,1,unlimited,filtered\r\nU,1,1,1|2\r\nLOOP,0\r\n"),
            response.body[-200:],
        )

    def test_from_transport_to_transport(self) -> None:
        """HTTP, then WebSocket on the same connection, then HTTP again, which takes over."""
        wire = self.connect()
        poll = "LS_polling=true&LS_polling_millis=0&LS_idle_millis=0"
        sid = self.session_id(wire.send(post("create_session", f"LS_adapter_set=TEST&{poll}".encode())))
        client = self.websocket(wire)
        (head,) = client.send(f"bind_session\r\nLS_session={sid}")
        self.assertEqual(self.session_id(head), sid)
        other = self.connect()
        data = other.send(post("bind_session", f"LS_session={sid}".encode()))
        self.assertEqual(self.session_id(data), sid)
        self.assertIsNotNone(wire.lost)

    def test_websocket_polling(self) -> None:
        """11.5."""
        client = self.websocket()
        (data,) = client.send("create_session\r\nLS_adapter_set=TEST")
        sid = self.session_id(data)
        client.send("control\r\nLS_reqId=1&LS_op=force_rebind")
        self.turn()
        self.assertEqual(client.take(), [b"LOOP,0\r\n"])
        poll = f"bind_session\r\nLS_session={sid}&LS_polling=true&LS_polling_millis=0&LS_idle_millis=19000"
        head = b"".join(client.send(poll))
        self.assertTrue(head.startswith(f"CONOK,{sid},50000,19000,*\r\n".encode()))
        self.assertEqual(client.send(f"control\r\nLS_reqId=2&{ADD}&LS_ack=false"), [])
        self.turn()
        lines = b"".join(client.take())
        self.assertTrue(lines.startswith(b"SUBOK,1,1,2\r\n"))
        self.assertTrue(lines.endswith(b"LOOP,0\r\n"))
        # Two polls in a row: the second takes the place of the first, on the same socket.
        client.send(poll)
        again = b"".join(client.send(poll))
        self.assertTrue(again.startswith(b"CONOK,"))
        self.assertIsNone(client.wire.lost)

    def test_polls_in_few_pieces(self) -> None:
        """A poll that need not wait is answered in one piece, whose length is known; one that waits in two."""
        poll = "LS_polling=true&LS_polling_millis=0&LS_idle_millis="
        wire = self.connect()
        written: list[bytes] = []
        self.patch(wire, "write", written.append)
        wire.send(post("create_session", f"LS_adapter_set=TEST&LS_cid=x&{poll}0".encode()))
        (data,) = written
        response = Response(data)
        sid = self.session_id(response.body)
        self.assertTrue(response.complete)
        self.assertEqual(response.headers["content-length"], str(len(response.body)))
        self.assertNotIn("transfer-encoding", response.headers)
        self.assertTrue(response.body.endswith(b"CONS,unlimited\r\nLOOP,0\r\n"))
        written.clear()
        wire.send(post("bind_session", f"LS_session={sid}&{poll}19000".encode()))
        (head,) = written
        self.assertIn(b"CONOK,%b,50000,19000,*\r\n" % sid.encode(), head)
        self.connect().send(post("control", f"LS_session={sid}&LS_reqId=1&{ADD}".encode()))
        self.turn()
        _, rest = written
        response = Response(head + rest)
        self.assertEqual((response.complete, response.rest), (True, b""))
        self.assertEqual(response.body.split(b"\r\n")[-3:], [b"CONF,1,unlimited,filtered", b"LOOP,0", b""])
        # The connection is as good as new.
        written.clear()
        wire.send(post("bind_session", f"LS_session={sid}&{poll}0".encode()))
        self.assertTrue(Response(b"".join(written)).complete)

    def test_poll_of_an_old_client(self) -> None:
        """HTTP/1.0 knows no chunks."""
        poll = "LS_adapter_set=TEST&LS_cid=x&LS_polling=true&LS_polling_millis=0&LS_idle_millis=0"
        wire = self.connect()
        path = "/lightstreamer/create_session.txt?LS_protocol=TLCP-2.5.0"
        response = Response(wire.send(http("POST", path, poll.encode(), version="1.0")))
        self.assertEqual(response.headers["content-length"], str(len(response.body)))
        self.assertTrue(response.body.endswith(b"LOOP,0\r\n"))
        self.assertIsNotNone(wire.lost)

    def test_refusals(self) -> None:
        """11.12, on both transports."""
        for text, expected in (
            ("create_session\r\nLS_adapter_set=NONE", b"CONERR,2,Requested Adapter Set not available\r\n"),
            ("bind_session\r\nLS_session=S0", b"CONERR,20,Session not found\r\n"),
        ):
            name, body = text.split("\r\n")
            self.assertEqual(self.websocket().send(text), [expected])
            self.assertEqual(Response(self.connect().send(post(name, body.encode()))).body, expected)

    def test_connection_lost(self) -> None:
        """The session can be recovered."""
        client = self.websocket()
        (data,) = client.send("create_session\r\nLS_adapter_set=TEST")
        sid = self.session_id(data)
        client.send(f"control\r\nLS_reqId=1&{ADD}")
        self.turn()
        self.assertEqual(len(texts(client.wire.value())), 1)
        client.wire.drop()
        again = self.websocket()
        lines = again.send(f"bind_session\r\nLS_session={sid}&LS_recovery_from=0")
        self.turn()
        self.assertIn(b"PROG,0\r\nSUBOK,1,1,2\r\nCONF,", b"".join(lines + again.take()))
