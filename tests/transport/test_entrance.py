"""
The first bytes of connections: usual handshakes of WebSockets past twisted.web, all else
through it, and nobody can tell which way he came.
"""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.transport.channel import Channel
from lsserver.transport.handshake import by_name, read
from lsserver.transport.settings import AllowAccessFrom, CrossDomainPolicy, TransportSettings
from lsserver.transport.websocket import LinesSocket
from tests.transport.fakes import SUBPROTOCOL, Response, Wire, World, frame, texts

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
USUAL = {
    "Host": "push.example.com",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": SUBPROTOCOL,
}
CREATE = "create_session\r\nLS_cid=x&LS_user=u"


def head(changes: dict[str, str | None] | None = None, target: str = "/lightstreamer", *more: str) -> bytes:
    """The usual handshake with changes; C{None} leaves a header out."""
    headers = {**USUAL, **(changes or {})}
    lines = [
        f"GET {target} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items() if value is not None),
        *more,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


UNUSUAL: list[dict[str, str | None]] = [
    {},
    {"Host": None},
    {"Host": ""},
    {"Upgrade": "h2c, WebSocket"},
    {"Upgrade": "WEBSOCKET"},
    {"Upgrade": "h2c"},
    {"Connection": "close"},
    {"Connection": "upgrade"},
    {"Sec-WebSocket-Key": "short"},
    {"Sec-WebSocket-Key": None},
    {"Sec-WebSocket-Version": "8"},
    {"Sec-WebSocket-Version": "99"},
    {"Sec-WebSocket-Version": None},
    {"Sec-WebSocket-Protocol": None},
    {"Sec-WebSocket-Protocol": "chat"},
    {"Sec-WebSocket-Protocol": "TLCP-9.0.0.lightstreamer.com"},
    {"Sec-WebSocket-Protocol": f"chat , {SUBPROTOCOL}"},
    {"Origin": "https://www.example.com"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Content-Length": "3"},
    {"Expect": "100-continue"},
    {"X-Forwarded-For": "10.0.0.1, 10.0.0.2"},
    {"User-Agent": "A b"},
    {"Cookie": "a=b"},
    {"X Y": "z"},
    {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"},
    {"Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=3, permessage-deflate"},
]
TARGETS = [
    "/lightstreamer",
    "/lightstreamer/",
    "/push/lightstreamer",
    "/lightstreamer?x=y",
    "//lightstreamer",
    "/other",
]
SETTINGS = TransportSettings(
    service_url_prefix=("/push",),
    cross_domain_policy=CrossDomainPolicy(allow_access_from=(AllowAccessFrom(host="*.example.com"),)),
    max_headers=9,
    websocket_use_compression=True,
)


class TwoWays(SynchronousTestCase):
    """The same through the door and past it."""

    def ways(self, data: bytes) -> list[tuple[Any, ...]]:
        found = []
        for usual in (True, False):
            world = World(SETTINGS)
            if not usual:
                world.site.door = None
            wire = world.connect()
            answer = wire.send(data)
            status = Response(answer) if answer else None
            more: tuple[Any, ...] = ()
            if status is not None and status.code == 101:
                said = texts(wire.send(frame(1, CREATE.encode())))
                clients = [client for _, client in world.kernel.created]
                more = (said, [(one.headers, one.remote_ip, one.user_agent, one.forwarding_info) for one in clients])
            headers = sorted(status.lines) if status is not None else None
            found.append((status and status.code, headers, more, type(wire.lost)))
        return found

    @given(
        st.lists(st.sampled_from(UNUSUAL), max_size=3),
        st.sampled_from(TARGETS),
        st.lists(st.sampled_from(["Host: other", "X-A: 1", "X-A: 2", " folded", "X-Long: " + "x" * 100]), max_size=4),
    )
    @example([], "/lightstreamer", [])
    def test_same(self, changes: list[dict[str, str | None]], target: str, more: list[str]) -> None:
        together: dict[str, str | None] = {}
        for change in changes:
            together |= change
        one, other = self.ways(head(together, target, *more))
        self.assertEqual(one, other)

    def test_each(self) -> None:
        """Every change alone."""
        for change in UNUSUAL:
            one, other = self.ways(head(change))
            self.assertEqual(one, other, change)


class Ways(SynchronousTestCase):
    def became(self, wire: Wire) -> Any:
        return wire.server.next

    def test_usual(self) -> None:
        """Never an object of twisted.web."""
        for change in ({}, {"Origin": "https://www.example.com", "User-Agent": "Mozilla"}):
            wire = World().connect()
            self.assertEqual(Response(wire.send(head(change))).code, 101)
            self.assertIsInstance(self.became(wire), LinesSocket)

    def test_more_in_the_same_segment(self) -> None:
        """What follows the head is for the WebSocket."""
        world = World()
        wire = world.connect()
        answer = wire.send(head() + frame(1, CREATE.encode()) + frame(1, b"wsok"))
        rest = Response(answer).body
        self.assertEqual(texts(rest), [b"CONOK,S1,50000,5000,*\r\n", b"WSOK\r\n"])

    def test_in_pieces(self) -> None:
        """As any other request."""
        wire = World().connect()
        self.assertEqual(wire.send(head()[:20]), b"")
        self.assertEqual(Response(wire.send(head()[20:])).code, 101)
        self.assertIsInstance(self.became(wire), Channel)

    def test_too_many_requests(self) -> None:
        """The handshake counts as one."""
        world = World(TransportSettings(max_requests_per_second=1))
        wire = world.connect()
        wire.send(head())
        self.assertEqual(self.became(wire).budget.owe(), 0)

    def test_silent(self) -> None:
        """Who says nothing is disconnected, and forgotten."""
        world = World()
        wire = world.connect()
        world.clock.advance(19.9)
        self.assertIsNone(wire.lost)
        world.clock.advance(0.1)
        self.assertIsNotNone(wire.lost)
        self.assertEqual(world.site.connections.open, 0)
        self.assertEqual(world.clock.getDelayedCalls(), [])

    def test_gone_at_once(self) -> None:
        """A client that leaves before it has said anything."""
        world = World()
        world.connect().drop()
        self.assertEqual(world.site.connections.open, 0)
        self.assertEqual(world.clock.getDelayedCalls(), [])

    def test_half_closed(self) -> None:
        """A client that will not say anything."""
        world = World()
        wire = world.connect()
        wire.server.readConnectionLost()
        self.assertIsNotNone(wire.lost)

    def test_too_many_connections(self) -> None:
        """Nothing is read from one too many."""
        world = World(TransportSettings(max_connections=1))
        world.connect()
        wire = world.connect()
        self.assertIsNotNone(wire.lost)
        self.assertEqual(wire.send(head()), b"")

    def test_each_session_its_headers(self) -> None:
        """Adapters keep notes in them."""
        world = World()
        wire = world.connect()
        wire.send(head({"X-A": "1"}))
        for _ in range(2):
            wire.send(frame(1, CREATE.encode()))
            world.kernel.sessions[f"S{len(world.kernel.sessions)}"].loop()
        first, second = (client.headers for _, client in world.kernel.created)
        self.assertEqual(first, second)
        self.assertIsNot(first, second)
        self.assertEqual(first["x-a"], "1")


class Reading(SynchronousTestCase):
    @given(st.binary(max_size=200))
    @example(head())
    @example(head()[:-1])
    @example(head().replace(b"GET", b"PUT"))
    def test_anything(self, data: bytes) -> None:
        """Never fails."""
        found = read(data, 1_000, 20)
        if found is not None:
            self.assertEqual(data[: found.size], data)

    def test_limits(self) -> None:
        """What is too long, or too much, is somebody else's business."""
        self.assertIsNotNone(read(head(), len(head()), 6))
        self.assertIsNone(read(head(), len(head()) - 1, 6))
        self.assertIsNone(read(head(), len(head()), 5))

    def test_values(self) -> None:
        """Names in lower case, values without what is around them, UTF-8 or replaced."""
        self.assertEqual(by_name("A:  Grüße \r\nB:\r\n".encode()), {"a": "Grüße", "b": ""})
        self.assertEqual(by_name(b"A: \xff\r\n"), {"a": "�"})
