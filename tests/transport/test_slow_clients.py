"""Clients on real sockets that stop to read: how they are found, and how their sessions go on."""

from __future__ import annotations

import re
import socket
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from lsserver.adapters.adapter_set import AdapterSet
from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.adapters.providers import DataProvider
from lsserver.engine.kernel import Kernel
from lsserver.engine.session import Session
from lsserver.engine.settings import EngineSettings
from lsserver.transport.direct import tcp_below
from lsserver.transport.settings import TransportSettings
from lsserver.transport.site import make_site
from tests.transport.fakes import SUBPROTOCOL, VERSION, Response, frame, http, post
from tests.transport.loopback import LoopbackTestCase, Reader

reactor: Any = _reactor

CREATE = "LS_adapter_set=TEST&LS_cid=x&LS_keepalive_millis=1000&LS_send_sync=false"
ADD = "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=RAW&LS_group=item&LS_schema=n%20text"
WRITE_TIMEOUT = 400


class Flood(DataProvider):
    """Says as much as it is told to."""

    count = 0

    def issnapshot_available(self, item_name: str) -> bool:
        """None."""
        return False

    def subscribe(self, item_name: str) -> None:
        """Whenever the test wants."""

    def unsubscribe(self, item_name: str) -> None:
        """Nothing to stop."""

    def burst(self) -> None:
        """Twenty kilobytes."""
        for _ in range(20):
            self.count += 1
            self.listener.update("item", {"n": str(self.count), "text": f"{self.count:0>1000}"}, False)


class SlowCase(LoopbackTestCase):
    """
    @ivar websocket: or HTTP streaming.
    """

    websocket = True
    timeout = 120

    async def serve(self, **engine: Any) -> None:
        """A server that soon loses its patience."""
        self.feed = Flood()
        self.engine = Kernel(EngineSettings(min_keepalive_millis=100, **engine), reactor)
        metadata = LiteralBasedProvider()
        self.engine.add_adapter_set(AdapterSet("TEST", metadata, {"DEFAULT": self.feed}, reactor=reactor))
        await self.engine.start()
        settings = TransportSettings(write_timeout_millis=WRITE_TIMEOUT)
        site = make_site(self.engine, settings, server_name="Test")
        await self.open(site)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.engine.stop()))

    async def request(self, name: str, parameters: str) -> Reader:
        """A connection that has asked for a stream."""
        client = await self.connect()
        transport: Any = client.transport
        if self.websocket:
            lines = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
            lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", f"Sec-WebSocket-Protocol: {SUBPROTOCOL}"]
            transport.write(http("GET", "/lightstreamer", None, *lines))
            await client.until_has(b" 101 ")
            client.take()
            transport.write(frame(1, f"{name}\r\n{parameters}".encode()))
        else:
            transport.write(post(name, parameters.encode()))
        return client

    async def subscribed(self, more: str = "") -> tuple[Reader, Session]:
        client = await self.request("create_session", CREATE + more)
        await client.until_has(b"CONS,")
        (session,) = self.engine.sessions.values()
        control = await self.connect()
        control.transport.write(post("control", f"LS_session={session.id}&{ADD}".encode()))  # type: ignore[union-attr]
        await control.until_has(b"REQOK")
        await client.until_has(b"CONF,1")
        return client, session

    def lines(self, data: bytes) -> list[str]:
        """The lines in a stream, without frames and chunks; what is incomplete is left out."""
        if not self.websocket:
            data = data.partition(b"\r\n\r\n")[2]
        payload = b""
        while data:
            if self.websocket:
                size, start = data[1] & 0x7F, 2
                if size == 126:
                    size, start = int.from_bytes(data[2:4], "big"), 4
            else:
                head, _, _ = data.partition(b"\r\n")
                size, start = int(head, 16), len(head) + 2
            payload += data[start : start + size]
            data = data[start + size + (0 if self.websocket else 2) :]
        return payload.decode().split("\r\n")[:-1]

    async def flood_until(self, condition: Any) -> None:
        """Updates all the time until something is true."""

        def burst() -> None:
            self.feed.burst()
            if condition():
                call.stop()

        call = LoopingCall(burst)
        await call.start(0.005)


class OverWebSocket(SlowCase):
    """A session whose client stops to read."""

    async def test_closed_and_recovered(self) -> None:
        """After the write timeout; then the client gets what it missed, and is told of what was dropped."""
        await self.serve(max_buffer_size=100)
        client, session = await self.subscribed()
        transport: Any = client.transport
        transport.pauseProducing()
        await self.flood_until(lambda: session.stream.binding is None)
        self.assertFalse(session.closed)
        waiting = session.subscriptions[1].places[0].slot
        self.assertLessEqual(len(waiting.queue), 100)  # type: ignore[attr-defined]
        self.assertLessEqual(session.stream.log.size, 65_536)
        transport.resumeProducing()
        await client.lost
        seen = self.lines(bytes(client.data))
        counted = sum(line.startswith(("U,", "SUBOK", "CONF", "OV")) for line in seen)
        again = await self.request(
            "bind_session", f"LS_session={session.id}&LS_recovery_from={counted}&LS_send_sync=false"
        )
        last = f"U,1,1,{self.feed.count}|".encode()
        await again.until(lambda: last in again.data or b"CONERR" in again.data)
        more = self.lines(bytes(again.data))
        self.assertIn(f"PROG,{counted}", more)
        numbers = [int(found[1]) for line in seen + more if (found := re.match(r"U,1,1,(\d+)\|", line))]
        lost = sum(int(line.rpartition(",")[2]) for line in seen + more if line.startswith("OV,"))
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertEqual(len(numbers) + lost, self.feed.count)
        self.assertGreater(lost, 0)

    async def test_reverse_heartbeat(self) -> None:
        """A client that promised to say something and does not is asked to come back, and then forgotten."""
        await self.serve(session_timeout_millis=300)
        client, session = await self.subscribed("&LS_inactivity_millis=100")
        await client.until_has(b"LOOP,0")
        await session.over
        self.assertEqual(self.engine.sessions, {})

    async def test_socket_options(self) -> None:
        """The kernel gives up a peer that acknowledges nothing, and keeps little for it."""
        await self.serve()
        _, session = await self.subscribed()
        assert session.stream.binding is not None
        connection: Any = session.stream.binding.connection
        top = connection._socket.transport if self.websocket else connection._request.channel.transport
        bottom = tcp_below(top)
        assert bottom is not None
        handle = bottom.getHandle()
        self.assertEqual(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), 1)
        self.assertIn(handle.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF), (16_384, 32_768))
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            self.assertEqual(handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT), WRITE_TIMEOUT)


class OverSecureWebSocket(OverWebSocket):
    tls = True


class OverHttp(OverWebSocket):
    websocket = False


class OverHttps(OverHttp):
    tls = True


class Polls(SlowCase):
    """The answer to a poll that nobody reads."""

    async def test_closed_and_recovered(self) -> None:
        await self.serve(max_buffer_size=500)
        poll = "LS_polling=true&LS_polling_millis=5000&LS_idle_millis=5000"
        client = await self.connect()
        transport: Any = client.transport
        transport.write(http("POST", f"/lightstreamer/create_session.txt?{VERSION}", f"{CREATE}&{poll}".encode()))
        await client.until_has(b"LOOP")
        (session,) = self.engine.sessions.values()
        transport.write(post("control", f"LS_session={session.id}&{ADD}".encode()))
        await client.until_has(b"REQOK")
        for _ in range(25):
            self.feed.burst()
        client.take()
        transport.write(post("bind_session", f"LS_session={session.id}&{poll}".encode()))
        transport.pauseProducing()
        while session.stream.binding is not None or session.stream.log.sent < 5:
            await self.soon()
        # The answer is half a megabyte; the session is kept, and so is all of it.
        again = await self.connect()
        again.transport.write(  # type: ignore[union-attr]
            post("bind_session", f"LS_session={session.id}&LS_recovery_from=2&{poll}&LS_idle_millis=0".encode())
        )
        await again.until_has(b"LOOP")
        numbers = [line for line in Response(bytes(again.data)).body.split(b"\r\n") if line.startswith(b"U,")]
        self.assertEqual(len(numbers), 500)

    def soon(self) -> Deferred[None]:
        """The next turn of the reactor."""
        later: Deferred[None] = Deferred()
        reactor.callLater(0, later.callback, None)
        return later
