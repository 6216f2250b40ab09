"""How many connections, how many requests, and how slowly a message may come."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from lsserver.transport.limits import TELL_SECONDS, Connections
from lsserver.transport.settings import TransportSettings
from lsserver.transport.websocket import MAX_DEBT
from tests.transport.fakes import Response, WebSocketClient, World, frame, frames, post, texts

HEARTBEAT = post("heartbeat", b"\r\n")


class ConnectionCounts(SynchronousTestCase):
    def test_in_all(self) -> None:
        world = World(TransportSettings(max_connections=2))
        first, second, third = (world.connect() for _ in range(3))
        self.assertEqual([wire.lost is not None for wire in (first, second, third)], [False, False, True])
        self.assertEqual(world.site.connections.open, 2)
        first.drop()
        self.assertIsNone(world.connect().lost)
        self.assertIsNotNone(world.connect().lost)
        self.assertEqual(Response(second.send(HEARTBEAT)).body, b"REQOK\r\n", "those that are open go on")
        self.assertEqual(world.clock.getDelayedCalls(), world.clock.getDelayedCalls()[:2], "no timers for the others")

    def test_websockets_count(self) -> None:
        """From the beginning to their end, once."""
        world = World(TransportSettings(max_connections=1))
        client = world.websocket()
        self.assertIsNotNone(world.connect().lost)
        client.wire.drop()
        self.assertEqual(world.site.connections.open, 0)
        self.assertIsNone(world.connect().lost)

    def test_from_one_address(self) -> None:
        world = World(TransportSettings(max_connections_per_ip=1))
        self.assertIsNone(world.connect().lost)
        self.assertIsNotNone(world.connect().lost)

    def test_behind_proxies(self) -> None:
        """All come from their addresses."""
        world = World(TransportSettings(max_connections_per_ip=1, skip_local_forwards=1))
        for _ in range(3):
            self.assertIsNone(world.connect().lost)

    def test_several_sites(self) -> None:
        clock = Clock()
        both = Connections(1, None, clock)
        one, two = World(connections=both), World(connections=both)
        first = one.connect()
        self.assertIsNotNone(two.connect().lost)
        first.drop()
        self.assertIsNone(two.connect().lost)

    def test_addresses(self) -> None:
        connections = Connections(None, 1, Clock())
        self.assertIsNotNone(connections.enter(IPv6Address("TCP", "2001:db8::1", 1)))
        self.assertIsNone(connections.enter(IPv6Address("TCP", "2001:db8::2", 1)), "the same network")
        self.assertIsNotNone(connections.enter(IPv6Address("TCP", "2001:db8:0:1::1", 1)))
        for _ in range(2):
            self.assertIsNotNone(connections.enter(UNIXAddress(b"/x")))
            self.assertIsNotNone(connections.enter(None))
        self.assertEqual(connections.open, 6)

    def test_a_lease_ends_once(self) -> None:
        connections = Connections(None, 1, Clock())
        lease = connections.enter(IPv4Address("TCP", "192.0.2.1", 1))
        assert lease is not None
        lease.end()
        lease.end()
        self.assertEqual(connections.open, 0)

    def test_one_line(self) -> None:
        """A flood of connections is no flood of lines."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        clock = Clock()
        connections = Connections(None, 1, clock)
        peer = IPv4Address("TCP", "192.0.2.1", 1)
        for _ in range(100):
            connections.enter(peer)
        clock.advance(TELL_SECONDS)
        connections.enter(peer)
        told = [event for event in events if event.get("log_level") is LogLevel.warn]
        self.assertEqual([(event["count"], event["peer"]) for event in told], [(1, "192.0.2.1"), (99, "192.0.2.1")])


class RequestRates(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(TransportSettings(max_requests_per_second=1))

    def test_http(self) -> None:
        """Ten seconds' worth at once; then 429, and the connection goes on."""
        wire = self.world.connect()
        for _ in range(10):
            self.assertEqual(Response(wire.send(HEARTBEAT)).code, 200)
        response = Response(wire.send(HEARTBEAT))
        self.assertEqual((response.code, response.reason), (429, "Too Many Requests"))
        self.assertEqual(response.headers["retry-after"], "1")
        self.assertEqual(Response(self.world.ask(HEARTBEAT)).code, 200, "another connection")
        self.world.clock.advance(1)
        self.assertEqual(Response(wire.send(HEARTBEAT)).code, 200)
        self.assertEqual(Response(wire.send(HEARTBEAT)).code, 429)

    def test_websocket(self) -> None:
        """Nothing is lost; it is read from later."""
        client = self.world.websocket()
        self.assertEqual(client.send(*["wsok"] * 12), [b"WSOK\r\n" * 12])
        self.assertEqual(client.wire.producerState, "paused")
        self.world.clock.advance(1)
        self.assertEqual(client.wire.producerState, "paused")
        self.world.clock.advance(2)
        self.assertEqual(client.wire.producerState, "producing")
        self.assertEqual(client.send("wsok"), [b"WSOK\r\n"])

    def test_websocket_after_http(self) -> None:
        """It is one connection, and its handshake is a request."""
        wire = self.world.connect()
        for _ in range(9):
            wire.send(HEARTBEAT)
        client = WebSocketClient(wire)
        client.handshake("TLCP-2.5.0.lightstreamer.com")
        client.send("wsok")
        self.assertEqual(wire.producerState, "paused")
        wire.drop()
        self.assertEqual(self.world.clock.getDelayedCalls(), [])

    def test_far_too_many(self) -> None:
        client = self.world.websocket()
        data = client.wire.send(frame(1, b"wsok") * (10 + MAX_DEBT + 5))
        self.assertEqual(frames(data)[-1], (0x88, b"\x03\xf0"))
        self.world.clock.advance(1)
        self.assertIsNotNone(client.wire.lost)
        self.assertEqual(self.world.clock.getDelayedCalls(), [])


class SlowMessages(SynchronousTestCase):
    """A message of a WebSocket must be complete in time, in whatever pieces it comes."""

    def setUp(self) -> None:
        self.world = World(TransportSettings(websocket_idle_millis=0))
        self.client = self.world.websocket()
        self.wire = self.client.wire
        self.message = frame(1, b"heartbeat\r\n" + b"LS_x=" + b"x" * 100)

    def dribble(self, data: bytes, seconds: int) -> None:
        for byte in data[:seconds]:
            self.assertIsNone(self.wire.lost)
            self.wire.send(bytes([byte]))
            self.world.clock.advance(1)

    def test_dribbled(self) -> None:
        """A byte now and then does not help."""
        self.dribble(self.message, 20)
        self.assertIsNotNone(self.wire.lost)

    def test_fragments(self) -> None:
        """Nor do complete fragments, nor pings between them."""
        self.wire.send(frame(1, b"heartbeat\r\n", fin=False))
        for _ in range(19):
            self.world.clock.advance(1)
            self.wire.send(frame(0, b"x", fin=False) + frame(9, b"ping"))
            self.assertIsNone(self.wire.lost)
        self.world.clock.advance(1)
        self.assertIsNotNone(self.wire.lost)

    def test_half_a_ping(self) -> None:
        self.wire.send(frame(9, b"ping" * 9)[:20])
        self.world.clock.advance(20)
        self.assertIsNotNone(self.wire.lost)

    def test_too_long_and_slow(self) -> None:
        """What is thrown away must come in time too."""
        self.wire.send(frame(1, b"x" * 100_000)[:60_000])
        self.world.clock.advance(20)
        self.assertIsNotNone(self.wire.lost)

    def test_in_time(self) -> None:
        self.dribble(self.message, 19)
        self.wire.send(self.message[19:])
        self.world.clock.advance(30)
        self.assertIsNone(self.wire.lost)

    def test_one_after_the_other(self) -> None:
        """Each has its own time, even if there is never a moment without an unfinished one."""
        half = len(self.message) // 2
        rest = b""
        for _ in range(10):
            self.wire.send(rest + self.message[:half])
            rest = self.message[half:]
            self.world.clock.advance(15)
            self.assertIsNone(self.wire.lost)
        ping = frame(9, b"x" * 100)
        self.wire.send(rest + ping[:50])
        for _ in range(10):
            self.world.clock.advance(15)
            self.assertEqual(frames(self.wire.send(ping[50:] + ping[:50])), [(0x8A, b"x" * 100)])

    def test_not_while_nothing_is_read(self) -> None:
        """It is our fault then, and the client's time begins when we go on."""
        socket = self.client.socket
        self.wire.send(self.message[:20])
        socket.hold("test")
        self.world.clock.advance(30)
        self.assertIsNone(self.wire.lost)
        socket.release("test")
        self.world.clock.advance(19)
        self.assertIsNone(self.wire.lost)
        self.world.clock.advance(1)
        self.assertIsNotNone(self.wire.lost)

    def test_no_limit(self) -> None:
        world = World(TransportSettings(read_timeout_millis=0, websocket_idle_millis=0))
        client = world.websocket()
        client.wire.send(self.message[:20])
        world.clock.advance(1_000)
        self.assertEqual(texts(client.wire.send(self.message[20:])), [])
        self.assertIsNone(client.wire.lost)

    def test_client_goes(self) -> None:
        self.wire.send(self.message[:20])
        self.wire.drop()
        self.assertEqual(self.world.clock.getDelayedCalls(), [])
