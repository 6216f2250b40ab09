"""What a connection and its session leave behind must go by itself: the garbage collector seldom comes."""

from __future__ import annotations

import gc
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.adapter_set import AdapterSet
from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.engine.kernel import Kernel
from lsserver.engine.settings import EngineSettings
from lsserver.transport.settings import TransportSettings
from lsserver.transport.site import make_site
from tests.transport.fakes import SUBPROTOCOL, WebSocketClient, Wire, frame, post
from tests.transport.test_with_engine import ADD, Feed

CREATE = "LS_adapter_set=TEST&LS_cid=x&LS_send_sync=false"


class NothingLeft(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.kernel = Kernel(EngineSettings(), self.clock)
        data: Any = Feed()
        self.kernel.add_adapter_set(AdapterSet("TEST", LiteralBasedProvider(), {"DEFAULT": data}, reactor=self.clock))
        self.successResultOf(Deferred.fromCoroutine(self.kernel.start()))
        self.site = make_site(self.kernel, TransportSettings(), server_name="Test", reactor=self.clock)
        # Somebody who stays, and keeps the item.
        self.stays = self.websocket()

    def turn(self) -> None:
        for _ in range(3):
            self.clock.advance(0)

    def drop(self, *wires: Wire) -> None:
        """As a transport of Twisted forgets its protocol when the connection is lost."""
        for wire in wires:
            wire.drop()
            wire.server = wire.producer = None  # type: ignore[assignment]

    def session_id(self, data: bytes) -> str:
        match = re.search(rb"CONOK,([^,]+),", data)
        assert match, data
        return match[1].decode()

    def forgotten(self) -> None:
        """Nobody comes back to the sessions, and no timer of theirs is left in the wheel."""
        for _ in range(100):
            self.clock.advance(1)
        self.assertEqual(len(self.kernel.sessions), 1)
        self.stays.wire.clear()

    def nothing_left(self, life: Callable[[], None]) -> None:
        life()
        self.forgotten()
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                life()
            self.forgotten()
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            left = Counter(f"{type(one).__module__}.{type(one).__name__}" for one in gc.garbage)
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
        self.assertEqual(dict(left), {}, dict(left))

    def websocket(self) -> WebSocketClient:
        client = WebSocketClient(Wire(self.site.buildProtocol(None)))
        client.handshake(SUBPROTOCOL)
        client.send(f"create_session\r\n{CREATE}", f"control\r\nLS_reqId=1&{ADD}", "msg\r\nLS_reqId=2&LS_message=m")
        self.turn()
        return client

    def test_websocket(self) -> None:
        """Cut."""

        def life() -> None:
            self.drop(self.websocket().wire)

        self.nothing_left(life)

    def test_websocket_destroyed(self) -> None:
        """Ended in order."""

        def life() -> None:
            client = self.websocket()
            client.wire.send(frame(1, b"control\r\nLS_reqId=4&LS_op=destroy&LS_close_socket=true"))
            self.turn()
            client.wire.send(frame(8, (1000).to_bytes(2, "big")))
            self.drop(client.wire)

        self.nothing_left(life)

    def test_websocket_recovered(self) -> None:
        """Cut, and taken up again elsewhere."""

        def life() -> None:
            client = self.websocket()
            sid = list(self.kernel.sessions)[-1]
            self.drop(client.wire)
            again = WebSocketClient(Wire(self.site.buildProtocol(None)))
            again.handshake(SUBPROTOCOL)
            again.send(f"bind_session\r\nLS_session={sid}&LS_recovery_from=0")
            self.drop(again.wire)

        self.nothing_left(life)

    def test_http_streaming(self) -> None:
        """A stream and a connection for control requests."""

        def life() -> None:
            wire, control = Wire(self.site.buildProtocol(None)), Wire(self.site.buildProtocol(None))
            sid = self.session_id(wire.send(post("create_session", CREATE.encode())))
            control.send(post("control", f"LS_session={sid}&LS_reqId=1&{ADD}".encode()))
            self.turn()
            self.drop(wire, control)

        self.nothing_left(life)

    def test_http_polling(self) -> None:
        """Several polls on one connection."""

        def life() -> None:
            wire = Wire(self.site.buildProtocol(None))
            poll = "LS_polling=true&LS_polling_millis=0&LS_idle_millis=0"
            sid = self.session_id(wire.send(post("create_session", f"{CREATE}&{poll}".encode())))
            for _ in range(3):
                wire.send(post("bind_session", f"LS_session={sid}&{poll}".encode()))
                self.turn()
            self.drop(wire)

        self.nothing_left(life)

    def test_refused(self) -> None:
        """Never a session."""

        def life() -> None:
            wire = Wire(self.site.buildProtocol(None))
            wire.send(post("create_session", b"LS_adapter_set=NONE&LS_cid=x"))
            client = WebSocketClient(Wire(self.site.buildProtocol(None)))
            client.handshake(SUBPROTOCOL)
            client.send("create_session\r\nLS_adapter_set=NONE&LS_cid=x")
            self.drop(wire, client.wire)

        self.nothing_left(life)
