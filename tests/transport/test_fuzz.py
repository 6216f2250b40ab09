"""
Whatever bytes come, in whatever pieces: no exception escapes, nothing is logged as
an error, nothing piles up, and nothing is left of a connection that is gone.
"""

from __future__ import annotations

import ipaddress
import struct
import time
from typing import Any, ClassVar

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.errors import ItemsError, SchemaError
from lsserver.engine.quotas import network_of
from lsserver.tlcp.dialect import dialect_for
from lsserver.tlcp.versions import LATEST
from lsserver.transport.channel import Channel
from lsserver.transport.client_info import ClientInfo
from lsserver.transport.cors import OriginCheck
from lsserver.transport.proxy import MAX_V2, V2, ProxyFactory
from lsserver.transport.settings import AllowAccessFrom, CrossDomainPolicy, TransportSettings
from lsserver.transport.site import make_site
from tests.engine.world import World as Engine
from tests.tlcp.test_fuzz import NAMES, body
from tests.transport.fakes import SUBPROTOCOL, WebSocketClient, Wire, World, frame, frames

LIMIT = 1_000
"""Bytes of a request, so that examples get there."""

SETTINGS = TransportSettings(request_limit=LIMIT, max_headers=20)

targets = st.one_of(
    st.sampled_from([f"/lightstreamer/{name}.txt?LS_protocol=TLCP-2.5.0".encode() for name in NAMES]),
    st.sampled_from([b"/", b"/lightstreamer", b"/lightstreamer/", b"*", b"//", b"/%00", b"/%", b"/..", b"?", b""]),
    st.binary(max_size=20),
)
methods = st.one_of(st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"PRI"]), st.binary(max_size=5))
versions = st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.11", b"", b"\xff"])
headers = st.one_of(
    st.builds(
        lambda name, value: name + b": " + value,
        st.sampled_from(
            [
                *(b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Upgrade", b"Expect", b"Origin"),
                *(b"Sec-WebSocket-Key", b"Sec-WebSocket-Version", b"Sec-WebSocket-Protocol", b"X-Forwarded-For"),
                *(b"Cookie", b"Range", b"If-None-Match", b"If-Modified-Since", b"Content-Type", b"User-Agent"),
            ]
        ),
        st.one_of(
            st.sampled_from(
                [
                    *(b"5", b"0", b"-1", b"+5", b"0x5", b"5, 5", b"9" * 30, b"chunked", b"identity", b"gzip"),
                    *(b"close", b"keep-alive", b"Upgrade", b"websocket", b"100-continue", b"13", SUBPROTOCOL.encode()),
                    *(b"dGhlIHNhbXBsZSBub25jZQ==", b"http://a", b"null", b"bytes=0-1,2-", b"a=b; c", b"\xff"),
                ]
            ),
            st.binary(max_size=20),
        ),
    ),
    st.binary(max_size=30),
)
contents = st.one_of(
    body, st.sampled_from([b"5\r\nhello\r\n0\r\n\r\n", b"zz\r\n", b"5;x=y\r\n", b"0\r\nX: y\r\n\r\n"]), st.binary()
)
requests = st.builds(
    lambda method, target, version, lines, end, content: (
        b"%b %b %b\r\n%b%b%b" % (method, target, version, b"".join(line + b"\r\n" for line in lines), end, content)
    ),
    methods,
    targets,
    versions,
    st.lists(headers, max_size=6),
    st.sampled_from([b"\r\n", b"\r\n", b"\n", b""]),
    contents,
)

payloads = st.one_of(
    st.builds(lambda name, lines: name.encode() + b"\r\n" + lines, st.sampled_from((*NAMES, "wsok", "x")), body),
    st.binary(max_size=150),
    st.integers(LIMIT - 5, LIMIT + 5).map(lambda size: b"control\r\n" + b"x" * size),
)


def masked(payload: bytes, longer: bool = False) -> bytes:
    """A text frame with a mask, and perhaps with a longer length than it needs."""
    size = struct.pack("!BH", 0xFE, len(payload)) if longer else bytes([0x80 | len(payload)])
    return b"\x81" + size + b"\1\2\3\4" + bytes(byte ^ (number % 4 + 1) for number, byte in enumerate(payload))


good_frames = st.builds(frame, st.sampled_from([0, 1, 1, 1, 2, 8, 9, 10]), payloads, st.booleans())
odd_frames = st.builds(
    lambda first, second, rest: bytes([first, second]) + rest, st.integers(0, 255), st.integers(0, 255), st.binary()
)
lengths = st.builds(
    lambda first, size, rest: bytes([first, 0xFF]) + struct.pack("!Q", size) + rest,
    st.sampled_from([0x01, 0x81, 0x82, 0x80, 0x88]),
    st.integers(0, 2**64 - 1),
    st.binary(max_size=90),
)
proxy_headers = st.one_of(
    st.binary(max_size=300),
    st.binary(max_size=90).map(lambda data: b"PROXY " + data),
    st.builds(
        lambda family, words, end: b"PROXY " + b" ".join([family, *words]) + end,
        st.sampled_from([b"TCP4", b"TCP6", b"UNKNOWN", b"UDP4", b""]),
        st.lists(
            st.sampled_from([b"1.2.3.4", b"::1", b"fe80::1%x", b"80", b"65536", b"-1", b"", b"\xff", b"9" * 40]),
            max_size=6,
        ),
        st.sampled_from([b"\r\n", b"\n", b""]),
    ),
    st.builds(
        lambda command, family, size, content: V2 + struct.pack("!BBH", command, family, size) + content,
        st.sampled_from([0x20, 0x21, 0x22, 0x11, 0x00, 0xFF]),
        st.sampled_from([0x00, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32, 0xFF]),
        st.sampled_from([0, 4, 11, 12, 35, 36, 216, 300, 4_080, 4_081, 65_535]),
        st.binary(max_size=400),
    ),
)
cuts = st.lists(st.integers(0, 3_000), max_size=6)


def pieces(data: bytes, where: list[int]) -> list[bytes]:
    """Segments, as TCP may make them."""
    ends = [0, *sorted(end for end in where if end < len(data)), len(data)]
    return [data[start:end] for start, end in zip(ends, ends[1:], strict=False) if end > start]


class FuzzCase(SynchronousTestCase):
    def feed(self, wire: Wire, data: bytes, where: list[int]) -> bytes:
        """What comes back. A connection that is closed is not written to."""
        answer = b""
        for piece in pieces(data, where):
            if wire.lost is not None:
                break
            answer += wire.send(piece)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertNotIn(b"Traceback", answer)
        return answer

    def over(self, world: Any, wire: Wire) -> None:
        """The client goes; nothing is left, except what waits for a session that may come back."""
        wire.drop()
        self.assertEqual(world.site.connections.open, 0)
        self.assertEqual(self.flushLoggedErrors(), [])


class Http(FuzzCase):
    @given(st.lists(requests, min_size=1, max_size=3), cuts)
    @settings(max_examples=400, deadline=None)
    @example([b"GET / HTTP/1.1\r\nX:\r\n \r\n\r\n"], [])
    @example([b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n"], [])
    def test_requests(self, sent: list[bytes], where: list[int]) -> None:
        world = World(SETTINGS)
        wire = world.connect()
        answer = self.feed(wire, b"".join(sent), where)
        self.assertTrue(not answer or answer.startswith(b"HTTP/1."), answer)
        self.bounded(wire, max(map(len, pieces(b"".join(sent), where)), default=0))
        self.over(world, wire)
        self.assertEqual(world.clock.getDelayedCalls(), [])

    def bounded(self, wire: Wire, read: int) -> None:
        """@param read: most bytes that have come at once."""
        channel: Any = wire.server.next
        if isinstance(channel, Channel) and channel._upgraded is None:
            self.assertLessEqual(len(channel._buffer), LIMIT + 2 + read)
            self.assertLessEqual(len(channel._partial), LIMIT)
            for request in channel.requests:
                if not request.finished and request.content is not None and not request.content.closed:
                    self.assertLessEqual(len(request.content.getvalue()), LIMIT)

    @given(st.binary(max_size=3_000), cuts)
    def test_bytes(self, data: bytes, where: list[int]) -> None:
        world = World(SETTINGS)
        wire = world.connect()
        self.feed(wire, data, where)
        self.bounded(wire, len(data))
        self.over(world, wire)
        self.assertEqual(world.clock.getDelayedCalls(), [])

    @given(proxy_headers, requests, cuts)
    @settings(max_examples=300, deadline=None)
    def test_behind_a_proxy(self, header: bytes, request: bytes, where: list[int]) -> None:
        world = World(SETTINGS)
        wire = Wire(ProxyFactory(world.site, world.clock, 1_000).buildProtocol(None))
        self.feed(wire, header + request, where)
        read = max(map(len, pieces(header + request, where)), default=0)
        self.assertLessEqual(len(wire.server._head), MAX_V2 + read)
        self.over(world, wire)
        self.assertEqual(world.clock.getDelayedCalls(), [])


forwards = st.lists(
    st.one_of(
        st.sampled_from(["1.2.3.4", "1.2.3.4:80", "[::1]:80", "::1", "fe80::1%<b>", "unknown", "", "9" * 50, "[", "%"]),
        st.ip_addresses().map(str),
        st.text(max_size=9),
    ),
    max_size=6,
).map(",".join)


class Headers(SynchronousTestCase):
    """Those that somebody relies on."""

    @given(forwards, st.integers(0, 4))
    def test_forwarded_for(self, value: str, local: int) -> None:
        """Whatever they say, the address of the client is one, and that of the socket if they say nothing."""
        info = ClientInfo(settings=TransportSettings(skip_local_forwards=local), server_name="x")
        client = info.client(dialect_for(LATEST), {"x-forwarded-for": value}, StringTransport())
        ipaddress.ip_address(client.remote_ip)
        if not local:
            self.assertEqual(client.remote_ip, "192.168.1.1")
        network_of(client.remote_ip)

    @given(
        st.one_of(
            st.text(max_size=30),
            st.builds(
                "{}://{}{}{}".format,
                st.sampled_from(["http", "https", "ftp", "HTTP", ""]),
                st.sampled_from(["", "x.", "evil-", "www.", "a@", "[", "*."]),
                st.sampled_from(
                    ["example.com", "EXAMPLE.com", "example.com.evil.org", "example.comevil", "[::1]", "*"]
                ),
                st.sampled_from(["", ":443", ":", ":x", "/", ":443@evil.org", "?", "#"]),
            ),
        ),
        st.one_of(st.none(), st.text(max_size=20), st.just("push.example.com:8080")),
    )
    def test_origin(self, origin: str, host: str | None) -> None:
        """What is allowed is below the domain that is, or the server itself; no header is more than one line."""
        check = OriginCheck(CrossDomainPolicy(allow_access_from=(AllowAccessFrom(host="*.example.com"),)))
        for verdict in (check.check(origin, host), check.preflight(origin, host)):
            if verdict.allowed:
                scheme, _, authority = origin.lower().partition("://")
                name = authority.partition("]")[0].strip("[") if authority[0] == "[" else authority.partition(":")[0]
                same = host is not None and name in host.lower()
                self.assertTrue(same or (scheme in ("http", "https") and name.endswith(".example.com")), origin)
                self.assertNotIn("@", authority)


class Costs(SynchronousTestCase):
    """
    What comes a byte at a time, sixteen times as much of it: about sixteen times the work, not 256 times,
    in CPU time of this thread.
    """

    WAYS: ClassVar[dict[str, tuple[bytes, bytes, int]]] = {
        "a line": (b"", b"x", 400),
        "headers": (b"GET / HTTP/1.1\r\n", b"a:b\r\n", 400),
        "one header": (b"GET / HTTP/1.1\r\nX: ", b"x", 400),
        "a body": (b"POST / HTTP/1.1\r\nContent-Length: 20000\r\n\r\n", b"x", 400),
        "chunks": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 400),
        "a chunk": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4e20\r\n", b"x", 400),
        "the length of a chunk": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x", 60),
        "trailers": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"a:b\r\n", 400),
        "requests behind one that waits": (
            b"POST /lightstreamer/control.txt?LS_protocol=TLCP-2.5.0 HTTP/1.1\r\nContent-Length: 40\r\n\r\n"
            b"LS_reqId=1&LS_op=destroy&LS_session=S100",
            b"x",
            400,
        ),
    }

    def work(self, first: bytes, more: bytes, size: int, websocket: bool = False) -> float:
        taken = []
        for _ in range(3):
            world = World(TransportSettings(request_limit=50_000, max_headers=100_000))
            world.kernel.hold = True
            wire = world.websocket().wire if websocket else world.connect()
            wire.send(first)
            stream = [bytes([byte]) for byte in (more * size)[:size]]
            begin = time.thread_time()
            for piece in stream:
                if wire.lost is None:
                    wire.send(piece)
            taken.append(time.thread_time() - begin)
            wire.drop()
        return min(taken)

    def test_http(self) -> None:
        for name, (first, more, size) in self.WAYS.items():
            short, long = self.work(first, more, size), self.work(first, more, 16 * size)
            self.assertLess(long, 64 * short + 0.01, name)

    def test_websocket(self) -> None:
        for name, first, more in (
            ("a message", frame(1, b"x" * 20_000)[:8], b"x"),
            ("fragments", b"", b"\x01\x81\0\0\0\0x" + b"\x00\x81\0\0\0\0x" * 20_000),
            ("messages", b"", frame(1, b"heartbeat\r\n")),
            ("pings", b"", frame(9, b"x" * 100)),
            ("a message that is too long", b"\x81\xff" + struct.pack("!Q", 1 << 30) + bytes(4), b"x"),
        ):
            short, long = (self.work(first, more, size, True) for size in (400, 6_400))
            self.assertLess(long, 64 * short + 0.01, name)


class WebSocket(FuzzCase):
    @given(st.lists(st.one_of(good_frames, odd_frames, lengths), max_size=6), cuts, st.booleans())
    @settings(max_examples=400, deadline=None)
    def test_frames(self, sent: list[bytes], where: list[int], hold: bool) -> None:
        world = World(SETTINGS)
        client = world.websocket()
        world.kernel.hold = hold
        socket = client.socket
        self.feed(client.wire, b"".join(sent), where)
        read = max(map(len, pieces(b"".join(sent), where)), default=0)
        self.assertLessEqual(sum(map(len, socket._parts)), LIMIT + read)
        if client.wire.lost is None:
            if not world.kernel.cancelled:
                world.kernel.decide()
            world.clock.advance(30)
        self.over(world, client.wire)
        self.assertEqual(world.clock.getDelayedCalls(), [])

    @given(st.binary(max_size=500), cuts)
    def test_bytes(self, data: bytes, where: list[int]) -> None:
        world = World(SETTINGS)
        client = world.websocket()
        self.feed(client.wire, data, where)
        self.over(world, client.wire)
        self.assertEqual(world.clock.getDelayedCalls(), [])


masked_texts = st.builds(
    lambda text, mask: (
        bytes([0x81])
        + (bytes([0x80 | len(text)]) if len(text) < 126 else struct.pack("!BH", 0xFE, len(text)))
        + mask
        + bytes(byte ^ mask[number % 4] for number, byte in enumerate(text))
    ),
    st.one_of(payloads, st.text(max_size=90).map(str.encode), st.integers(124, 128).map(lambda size: b"x" * size)),
    st.binary(min_size=4, max_size=4),
)


class TwoWays(SynchronousTestCase):
    """Whole text messages go a short way, all else through Autobahn; nobody can tell which way a message went."""

    @given(st.lists(st.one_of(masked_texts, masked_texts, good_frames, odd_frames, lengths), max_size=6), cuts)
    @settings(max_examples=300, deadline=None)
    @example([masked(b"wsok"), masked(b"\xff"), masked(b"wsok")], [])
    @example([masked(b"x" * 126, longer=True), masked(b"x" * 125, longer=True)], [])
    @example([masked(b"wsok"), frame(1, b"ws", fin=False), frame(9, b"p"), frame(0, b"ok"), masked(b"wsok")], [])
    def test_same(self, sent: list[bytes], where: list[int]) -> None:
        self.assertEqual(*(self.seen(short, sent, where) for short in (True, False)))

    def seen(self, short: bool, sent: list[bytes], where: list[int]) -> tuple[object, ...]:
        """What comes of it."""
        world = World(SETTINGS)
        client = world.websocket()
        if not short:
            client.socket._take_whole = lambda data: data
        answer = b""
        for piece in pieces(b"".join(sent), where):
            if client.wire.lost is None:
                answer += client.wire.send(piece)
        # In how many frames the replies come is not the same: they are gathered for what is read at once.
        told = [(opcode, payload) for opcode, payload in frames(answer) if opcode != 0x81]
        lines = b"".join(payload for opcode, payload in frames(answer) if opcode == 0x81)
        kernel = world.kernel
        asked = [kernel.created and [request for request, _ in kernel.created], kernel.controls, kernel.heartbeats]
        return told, lines, str(asked), type(client.wire.lost)


class Server:
    """The real engine and a site, with adapters that accept everything."""

    def __init__(self) -> None:
        self.engine = Engine(max_pending_messages=5, max_buffer_size=5)
        self.clock = self.engine.clock
        # As the calls of adapters have it: an empty answer is none.
        self.engine.metadata.answers |= {
            "get_items": lambda *arguments: arguments[2].split() or ItemsError("none"),
            "get_schema": lambda *arguments: arguments[4].split() or SchemaError("none"),
            "is_selected": lambda event: True,
        }
        self.site = make_site(self.engine.kernel, SETTINGS, server_name="Test", reactor=self.clock)

    def connect(self) -> Wire:
        return Wire(self.site.buildProtocol(None))

    def end(self) -> None:
        """All that a session may wait for."""
        for _ in range(4):
            self.engine.data.update("a", {"x": "1", "key": "k", "command": "ADD"}, False)
            self.clock.advance(20)


adds = st.builds(
    lambda sub, mode, group, schema, more: (
        f"LS_reqId=1&LS_op=add&LS_subId={sub}&LS_mode={mode}&LS_group={group}&LS_schema={schema}{more}".encode()
    ),
    st.integers(0, 3),
    st.sampled_from(["MERGE", "DISTINCT", "RAW", "COMMAND", "X"]),
    st.sampled_from(["a", "a%20b", "a%20a", "", "%20"]),
    st.sampled_from(["x", "key%20command", "x%20x", ""]),
    st.sampled_from(["", "&LS_snapshot=true", "&LS_snapshot=3", "&LS_requested_max_frequency=0.1", "&LS_selector=s"]),
)
operations = st.one_of(
    adds,
    st.builds(
        "LS_reqId=2&LS_op={}&LS_subId={}{}".format,
        st.sampled_from(["delete", "reconf", "constrain", "force_rebind", "destroy", "activate"]),
        st.integers(0, 3),
        st.sampled_from(
            ["", "&LS_requested_max_frequency=2", "&LS_requested_max_bandwidth=0.1", "&LS_close_socket=true"]
        ),
    ).map(str.encode),
)
messages = st.builds(
    "LS_reqId=3&LS_message=m{}{}{}".format,
    st.sampled_from(["", "&LS_sequence=s", "&LS_sequence=t"]),
    st.sampled_from(["", "&LS_msg_prog=1", "&LS_msg_prog=2", "&LS_msg_prog=9", "&LS_msg_prog=999999999999"]),
    st.sampled_from(["", "&LS_max_wait=1", "&LS_outcome=false", "&LS_ack=false"]),
).map(str.encode)
creates = st.sampled_from(
    [
        b"create_session\r\nLS_adapter_set=TEST&LS_cid=x",
        b"create_session\r\nLS_adapter_set=TEST&LS_cid=x&LS_polling=true&LS_polling_millis=1000&LS_idle_millis=0",
        b"create_session\r\nLS_adapter_set=TEST&LS_cid=x\r\nLS_op=add&LS_subId=1&LS_mode=RAW&LS_group=a&LS_schema=x",
        b"bind_session\r\n",
        b"bind_session\r\nLS_recovery_from=0",
        b"bind_session\r\nLS_polling=true",
        b"heartbeat\r\n\r\n",
        b"wsok",
    ]
)
conversations = st.lists(
    st.one_of(
        creates,
        operations.map(lambda line: b"control\r\n" + line),
        st.lists(operations, max_size=3).map(lambda lines: b"control\r\n" + b"\r\n".join(lines)),
        messages.map(lambda line: b"msg\r\n" + line),
        payloads,
    ),
    max_size=12,
)


class WholeServer(FuzzCase):
    """Requests that mean something, in an order that does not."""

    @given(creates, conversations, st.lists(st.sampled_from([0, 0, 0, 0.1, 1, 30]), max_size=12))
    @settings(max_examples=300, deadline=None)
    def test_conversations(self, first: bytes, sent: list[bytes], waits: list[float]) -> None:
        server = Server()
        client = WebSocketClient(server.connect())
        client.handshake(SUBPROTOCOL)
        for number, payload in enumerate([first, *sent]):
            if client.wire.lost is not None:
                break
            self.feed(client.wire, frame(1, payload), [])
            server.engine.data.update("a", {"x": str(number), "key": "k", "command": "UPDATE"}, False)
            server.clock.advance(waits[number] if number < len(waits) else 0)
            client.wire.take()
        self.over(server, client.wire)
        server.end()
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(server.engine.kernel.sessions, {})
        calls = server.engine.metadata
        self.assertEqual(len(calls.called("notify_new_session")), len(calls.called("notify_session_close")))
        subscribed = [item for call, item in server.engine.adapter.calls if call == "subscribe"]
        unsubscribed = [item for call, item in server.engine.adapter.calls if call == "unsubscribe"]
        self.assertEqual(sorted(subscribed), sorted(unsubscribed))
