"""What a transport does for sessions under pressure: overhead, temporary refusals, buffers of the kernel."""

from __future__ import annotations

import socket
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from lsserver.transport.direct import bound_buffer, tcp_below
from lsserver.transport.framing import ChunkFramer, TextFramer
from lsserver.transport.settings import TransportSettings
from tests.transport.fakes import VERSION, Response, World, http, post
from tests.transport.loopback import LoopbackTestCase

CREATE = post("create_session", b"LS_adapter_set=DEMO&LS_cid=x")


def busy() -> World:
    """Its kernel has no time for anybody."""
    world = World()

    def create_session(request: Any, connection: Any, client: Any) -> Deferred[Any]:
        connection.unavailable()
        return succeed(None)

    world.kernel.create_session = create_session  # type: ignore[method-assign]
    return world


class Overhead(SynchronousTestCase):
    """What counts as bandwidth besides the lines."""

    @given(st.integers(1, 70_000), st.integers(125, 20_000))
    def test_frames(self, size: int, most: int) -> None:
        framer = TextFramer(most)
        self.assertEqual(framer.overhead(size), len(framer.encode(bytes(size))) - size)

    @given(st.integers(1, 70_000))
    def test_chunks(self, size: int) -> None:
        framer = ChunkFramer()
        self.assertEqual(framer.overhead(size), len(framer.encode(bytes(size))) - size)

    def written(self, version: str) -> tuple[int, int]:
        """Bytes on the wire, and as the session counts them."""
        world = World()
        wire = world.connect()
        data = wire.send(http("POST", f"/lightstreamer/create_session.txt?{VERSION}", b"LS_cid=x", version=version))
        connection = world.kernel.sessions["S1"].connection
        lines = b"CONOK,S1,50000,5000,*\r\n"
        counted = len(lines) + connection.overhead(len(lines))
        for size in (7, 300):
            connection.write(bytes(size))
            counted += size + connection.overhead(size)
        return len(data) + len(wire.take()), counted

    def test_responses(self) -> None:
        """The head of the response counts too."""
        for version in ("1.1", "1.0"):
            wire, counted = self.written(version)
            self.assertEqual(wire, counted, version)

    def test_websocket(self) -> None:
        world = World()
        client = world.websocket()
        client.send("create_session\r\nLS_cid=x")
        connection = world.kernel.sessions["S1"].connection
        connection.write(bytes(300))
        self.assertEqual(len(client.wire.value()), 300 + connection.overhead(300))


class Unavailable(SynchronousTestCase):
    """Clients that would take a code for final (tlcp.md 1.3)."""

    def test_http(self) -> None:
        wire = busy().connect()
        response = Response(wire.send(CREATE))
        self.assertEqual((response.code, response.headers["retry-after"]), (503, "5"))
        self.assertTrue(response.complete)
        self.assertIsNone(wire.lost)

    def test_websocket(self) -> None:
        client = busy().websocket()
        client.send("create_session\r\nLS_cid=x")
        self.assertIsNotNone(client.wire.lost)


class SendBuffer(LoopbackTestCase):
    """C{sendbuf}."""

    async def test_streams(self) -> None:
        await self.listen(TransportSettings(sendbuf=20_000))
        client = await self.connect()
        client.transport.write(CREATE)
        await client.until_has(b"CONOK")
        channel = self.kernel.sessions["S1"].connection._request.channel
        bottom = tcp_below(channel.transport)
        assert bottom is not None
        size = bottom.getHandle().getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        self.assertIn(size, (20_000, 40_000))

    def test_the_kernel_decides(self) -> None:
        bound_buffer(None, 20_000)
        bound_buffer(World().connect(), 0)


class SecureSendBuffer(SendBuffer):
    """Below TLS."""

    tls = True
