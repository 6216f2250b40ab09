"""The PROXY protocol: who the client is, and what is no header."""

from __future__ import annotations

import socket
import struct
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet import reactor as _reactor
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase, TestCase

from lsserver.transport.direct import DirectWriter
from lsserver.transport.limits import Connections
from lsserver.transport.proxy import (
    MAX_V1,
    MAX_V2,
    V2,
    ProxiedEndpoint,
    ProxyError,
    ProxyFactory,
    addresses,
    header_size,
)
from lsserver.transport.settings import TransportSettings
from tests.transport.fakes import SUBPROTOCOL, Response, WebSocketClient, Wire, World, post
from tests.transport.loopback import Reader

reactor: Any = _reactor

ONE = b"PROXY TCP4 198.51.100.7 192.0.2.9 40000 80\r\n"
HEARTBEAT = post("heartbeat", b"\r\n")
CREATE = post("create_session", b"LS_adapter_set=TEST&LS_cid=x")


def two(family: int, body: bytes, command: int = 0x21) -> bytes:
    """A header of version 2."""
    return V2 + bytes([command, family]) + struct.pack("!H", len(body)) + body


def two_tcp4(address: str = "198.51.100.7", more: bytes = b"") -> bytes:
    body = socket.inet_aton(address) + socket.inet_aton("192.0.2.9") + struct.pack("!HH", 40000, 80)
    return two(0x11, body + more)


class Headers(SynchronousTestCase):
    def test_addresses(self) -> None:
        six = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "2001:db8::9")
        four = IPv4Address("TCP", "198.51.100.7", 40000)
        for header, source in (
            (ONE, four),
            (b"PROXY TCP6 2001:db8::7 2001:db8::9 40000 80\r\n", IPv6Address("TCP", "2001:db8::7", 40000)),
            (b"PROXY UNKNOWN\r\n".replace(b"\r", b" \r"), None),
            (b"PROXY UNKNOWN whatever else\r\n", None),
            (two_tcp4(), four),
            (two_tcp4(more=b"\x03\x00\x04abcd"), four),
            (two(0x21, six + struct.pack("!HH", 40000, 80)), IPv6Address("TCP", "2001:db8:0:0:0:0:0:7", 40000)),
            (two(0x31, b"/a".ljust(108, b"\0") + b"/b".ljust(108, b"\0")), UNIXAddress(b"/a")),
            (two(0x00, b"", 0x20), None),
            (two(0x00, b"x" * 20), None),
        ):
            self.assertEqual(header_size(header + b"rest"), len(header))
            self.assertEqual(addresses(header)[0], source, header)

    def test_wrong(self) -> None:
        """What Twisted's parsers let through, or fail at, among it."""
        for header in (
            b"PROXY TCP4 a b 1 2\r\n",
            b"PROXY TCP4 \xff \xff 1 2\r\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 x y\r\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n",
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
            b"PROXY TCP4 1.2.3.4\r\n",
            b"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
            b"PROXY SCTP 1.2.3.4 1.2.3.4 1 2\r\n",
            b"PROXY \r\n",
            two(0x11, b"short"),
            two(0x41, b"x" * 12),
            two(0x14, b"x" * 12),
            two(0x11, b"x" * 12, 0x22),
            two(0x11, b"x" * 12, 0x31),
        ):
            self.assertRaises(ProxyError, addresses, header)

    def test_not_a_header(self) -> None:
        for data in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01",
            b"PROXX",
            b"proxy TCP4 ",
            b"\r\n\r\n\0\r\nQUIX",
            b"PROXY " + b"x" * (MAX_V1 - 6),
            two(0x11, b"x" * MAX_V2),
        ):
            self.assertRaises(ProxyError, header_size, data)

    def test_not_yet(self) -> None:
        for header in (ONE, two_tcp4()):
            for end in range(16 if header.startswith(V2) else len(header) - 1):
                self.assertIsNone(header_size(header[:end]), header[:end])

    @given(
        st.one_of(
            st.binary(),
            st.binary().map(lambda data: b"PROXY " + data + b"\r\n"),
            st.builds(two, st.integers(0, 255), st.binary(max_size=230), st.integers(0, 255)),
        )
    )
    @example(b"PROXY TCP4 \xff \xff 1 2\r\n")
    @example(b"PROXY TCP4 1.2.3.4 1.2.3.4 \xd9\xa1 2\r\n")
    @example(two(0x11, b""))
    def test_nothing_else_is_raised(self, data: bytes) -> None:
        try:
            size = header_size(data)
            if size is not None and size <= len(data):
                addresses(data[:size])
        except ProxyError:
            pass


class Proxied(SynchronousTestCase):
    def setUp(self) -> None:
        self.use(TransportSettings())

    def use(self, settings: TransportSettings, **options: Any) -> None:
        self.world = World(settings, **options)
        self.factory = ProxyFactory(self.world.site, self.world.clock, 1000)

    def connect(self) -> Wire:
        return Wire(self.factory.buildProtocol(None))

    def test_the_client_is_known(self) -> None:
        for header in (ONE, two_tcp4()):
            wire = self.connect()
            self.assertIn(b"CONOK", wire.send(header + CREATE))
            _, client = self.world.kernel.created[-1]
            self.assertEqual((client.remote_ip, client.remote_port, client.show_ip), ("198.51.100.7", 40000, True))

    def test_forwarding(self) -> None:
        """All entries of X-Forwarded-For are on the client's side of the proxy."""
        self.connect().send(ONE + post("create_session", b"", "LS_protocol=TLCP-2.5.0", "X-Forwarded-For: 10.0.0.1"))
        _, client = self.world.kernel.created[-1]
        self.assertEqual((client.remote_ip, client.forwarding_info), ("198.51.100.7", "10.0.0.1"))

    def test_the_proxy_itself(self) -> None:
        """Its health checks are its own."""
        self.connect().send(two(0, b"", 0x20) + CREATE)
        self.assertEqual(self.world.kernel.created[-1][1].remote_ip, "192.0.2.1")

    def test_pieces(self) -> None:
        for header in (ONE, two_tcp4()):
            wire = self.connect()
            data = b""
            for byte in header + HEARTBEAT:
                data += wire.send(bytes([byte]))
            self.assertEqual(Response(data).body, b"REQOK\r\n")

    def test_websocket(self) -> None:
        client = WebSocketClient(self.connect())
        client.wire.send(ONE)
        client.handshake(SUBPROTOCOL)
        self.assertEqual(client.send("wsok"), [b"WSOK\r\n"])
        client.send("create_session\r\nLS_adapter_set=TEST")
        self.assertEqual(self.world.kernel.created[-1][1].remote_ip, "198.51.100.7")
        client.wire.drop()
        self.assertEqual(len(self.world.kernel.sessions["S1"].lost), 1)

    def test_garbage(self) -> None:
        """The connection ends, and nothing above it hears of it."""
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"PROXY TCP4 \xff 2 3 4\r\n" + HEARTBEAT, two(0x11, b"") + HEARTBEAT):
            wire = self.connect()
            self.assertEqual(wire.send(data), b"")
            self.assertIsNotNone(wire.lost)
            wire.send(HEARTBEAT)
        self.assertEqual(self.world.site.connections.open, 0)
        self.assertEqual(self.world.clock.getDelayedCalls(), [])

    def test_too_late(self) -> None:
        """However the bytes come."""
        wire = self.connect()
        for byte in ONE[:9]:
            wire.send(bytes([byte]))
            self.world.clock.advance(0.1)
        self.assertIsNone(wire.lost)
        self.world.clock.advance(0.2)
        self.assertIsNotNone(wire.lost)

    def test_no_limit(self) -> None:
        wire = Wire(ProxyFactory(self.world.site, self.world.clock, 0).buildProtocol(None))
        self.world.clock.advance(1_000)
        self.assertEqual(Response(wire.send(ONE + HEARTBEAT)).body, b"REQOK\r\n")

    def test_gone_before(self) -> None:
        wire = self.connect()
        wire.send(ONE[:10])
        wire.drop()
        self.assertEqual(self.world.clock.getDelayedCalls(), [])

    def test_limits(self) -> None:
        """By the client's address, not the proxy's."""
        self.use(TransportSettings(max_connections_per_ip=1))
        first = self.connect()
        first.send(two_tcp4())
        self.assertIsNone(first.lost)
        second = self.connect()
        second.send(two_tcp4() + HEARTBEAT)
        self.assertIsNotNone(second.lost)
        third = self.connect()
        third.send(two_tcp4("198.51.100.8"))
        self.assertIsNone(third.lost)

    def test_unwanted(self) -> None:
        factory: Any = Factory()
        factory.buildProtocol = lambda addr: None
        wire = Wire(ProxyFactory(factory, self.world.clock, 1000).buildProtocol(None))
        wire.send(ONE)
        self.assertIsNotNone(wire.lost)

    def test_half_closed(self) -> None:
        wire = self.connect()
        wire.send(ONE)
        wire.server.readConnectionLost()
        wire.server.writeConnectionLost()
        self.assertIsNotNone(wire.lost)
        wire = self.connect()
        wire.server.readConnectionLost()
        self.assertIsNotNone(wire.lost)


class OnSockets(TestCase):
    timeout = 120

    async def test_direct(self) -> None:
        """Streams go straight to the socket, as without a proxy."""
        world = World(connections=Connections(None, None, reactor))
        endpoint = ProxiedEndpoint(TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1"), reactor, 5000)
        port = await endpoint.listen(world.site)
        self.addCleanup(port.stopListening)
        reader = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port), Reader())
        reader.transport.write(ONE[:7])
        reader.transport.write(ONE[7:] + CREATE)
        await reader.until_has(b"CONOK")
        connection = world.kernel.sessions["S1"].connection
        writer = connection._writer
        assert isinstance(writer, DirectWriter)
        self.assertTrue(writer.direct)
        self.assertEqual(world.kernel.created[0][1].remote_ip, "198.51.100.7")
        reader.transport.loseConnection()
        await reader.lost
