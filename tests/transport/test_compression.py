"""permessage-deflate: what is agreed on, sent and received."""

from __future__ import annotations

import tracemalloc
import zlib
from typing import Any

from autobahn.exception import PayloadCorruptError, PayloadExceededError
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.transport.compression import (
    MAX_KEPT,
    WINDOW_BITS,
    Agreement,
    DeflatingFramer,
    Inflater,
    negotiate,
)
from lsserver.transport.framing import MAX_REMEMBERED, TextFramer
from lsserver.transport.settings import TransportSettings
from tests.transport.fakes import WebSocketClient, World, frame, frames, texts

ANSWER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
TAIL = b"\x00\x00\xff\xff"
CREATE = b"create_session\r\nLS_adapter_set=TEST&LS_cid=x"
CONOK = b"CONOK,S1,50000,5000,*\r\n"

LINE = b"U,1,1," + b"|".join(b"%d.%02d" % (number, number * 7 % 100) for number in range(100)) + b"\r\n"


def deflate(data: bytes, flush: int = zlib.Z_SYNC_FLUSH, level: int = -1) -> bytes:
    """The payload of a client's message."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    return (compressor.compress(data) + compressor.flush(flush)).removesuffix(TAIL)


def inflate(payload: bytes, window_bits: int = WINDOW_BITS) -> bytes:
    """What a client makes of a payload, on its own."""
    return zlib.decompressobj(-window_bits).decompress(payload + TAIL)


def compressed_frame(payload: bytes, fin: bool = True, opcode: int = 1) -> bytes:
    return frame(opcode | (0x40 if opcode else 0), payload, fin)


def messages(data: bytes) -> list[tuple[bool, bytes]]:
    """Whether each message of the server was compressed, and its text."""
    found: list[tuple[bool, bytes]] = []
    for first, payload in frames(data):
        if first & 0x0F:
            found.append((bool(first & 0x40), payload))
        else:
            assert not first & 0x40, "RSV1 in a fragment that is not the first"
            found[-1] = (found[-1][0], found[-1][1] + payload)
    return [(compressed, inflate(payload) if compressed else payload) for compressed, payload in found]


class Negotiation(SynchronousTestCase):
    def check(self, offers: str, answer: str | None, window_bits: int = WINDOW_BITS) -> None:
        with self.subTest(offers=offers):
            expected = None if answer is None else Agreement(answer, window_bits)
            self.assertEqual(negotiate([offers]), expected)

    def test_usual_offers(self) -> None:
        """Of Chromium, Firefox, Node's ws."""
        for offers in (
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate",
            "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
            'PerMessage-Deflate;client_max_window_bits="10"',
            "x-webkit-deflate-frame, permessage-deflate ; client_max_window_bits = 12",
            'x; y="a b", permessage-deflate',
        ):
            self.check(offers, ANSWER)

    def test_small_windows(self) -> None:
        """The answer names a window no larger than the one that is asked for (7.1.2.1)."""
        for asked, answered in ((15, 12), (12, 12), (11, 11), (9, 9), (8, 8)):
            self.check(
                f"permessage-deflate; server_max_window_bits={asked}",
                f"{ANSWER}; server_max_window_bits={answered}",
                answered,
            )

    def test_bad_offers(self) -> None:
        """They are declined (7.1), as if there were none."""
        for parameters in (
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=09",
            "server_max_window_bits=x",
            "client_max_window_bits=",
            "client_max_window_bits=20",
            "server_no_context_takeover=1",
            "client_no_context_takeover=true",
            "client_no_context_takeover; client_no_context_takeover",
            "server_max_window_bits=10; server_max_window_bits=10",
            "unheard_of",
            ";",
        ):
            self.check(f"permessage-deflate; {parameters}", None)
        self.check("", None)
        self.check("permessage-bzip2, foo", None)

    def test_first_good_one(self) -> None:
        """Clients offer what they like best first."""
        self.check(
            "permessage-deflate; new, permessage-deflate; server_max_window_bits=10, permessage-deflate",
            f"{ANSWER}; server_max_window_bits=10",
            10,
        )
        self.assertEqual(negotiate(["foo", "permessage-deflate"]), Agreement(ANSWER, WINDOW_BITS))
        self.assertIsNone(negotiate([]))

    @given(st.text(max_size=60))
    def test_anything(self, text: str) -> None:
        negotiate([text, "permessage-deflate; " + text])


class Framer(SynchronousTestCase):
    def framer(self, window_bits: int = WINDOW_BITS, max_frame: int = 16_384, threshold: int = 300) -> DeflatingFramer:
        self.plain = TextFramer(max_frame)
        return DeflatingFramer(self.plain, window_bits, max_frame, threshold)

    def test_threshold(self) -> None:
        """Short messages go as they are, in the very frame that others get."""
        framer = self.framer()
        short = bytes(LINE[:299])
        plain = self.plain.encode(short)
        self.assertIs(framer.encode(short), plain)
        self.assertIs(framer.data, short)
        self.assertIs(framer.frame, plain)
        self.assertEqual(framer.compressed, 0)
        ((first, payload),) = frames(framer.encode(LINE[:300]))
        self.assertEqual((first, inflate(payload)), (0xC1, LINE[:300]))
        self.assertEqual(framer.compressed, 1)

    def test_does_not_grow(self) -> None:
        """What becomes no shorter is not sent compressed."""
        framer = self.framer(threshold=0)
        noise = bytes(range(256))
        self.assertEqual(frames(framer.encode(noise)), [(0x81, noise)])
        self.assertEqual(frames(framer.encode(b"")), [(0x81, b"")])

    def test_made_once(self) -> None:
        """For equal messages too that were put together for each client."""
        framer = self.framer()
        first, second = LINE + b"x", LINE + bytes([120])
        self.assertIsNot(first, second)
        made = framer.encode(first)
        framer.encode(b"between")
        self.assertIs(framer.encode(second), made)
        self.assertIs(framer.data, second)
        self.assertIs(framer.frame, made)
        self.assertEqual(framer.compressed, 1)

    def test_keeps_little(self) -> None:
        framer = self.framer()
        size = 60_000
        for number in range(100):
            data = b"%d" % number + bytes(size)
            framer.encode(data)
            self.assertLessEqual(sum(map(len, framer._frames)), MAX_KEPT)
        framer.encode(data)
        self.assertEqual(framer.compressed, 100)

    def test_long(self) -> None:
        """Neither is that kept, nor does it stay behind as the last one."""
        framer = self.framer()
        framer.encode(b"x")
        long = bytes(MAX_REMEMBERED + 1)
        self.assertEqual(messages(framer.encode(long)), [(True, long)])
        self.assertEqual((framer.data, framer._frames), (b"x", {}))

    def test_fragments(self) -> None:
        """Only the first frame says that the message is compressed (6.1)."""
        framer = self.framer(max_frame=125)
        parts = frames(framer.encode(LINE))
        self.assertEqual([first for first, _ in parts], [0x41, *[0x00] * (len(parts) - 2), 0x80])
        self.assertGreater(len(parts), 2)
        self.assertEqual(inflate(b"".join(payload for _, payload in parts)), LINE)

    def test_windows(self) -> None:
        """A client with a small window can inflate what it gets."""
        long = b"".join(b"%d," % (number * number) for number in range(2000))
        for bits in range(9, 13):
            payload = b"".join(part for _, part in frames(self.framer(bits, 1 << 20).encode(long)))
            self.assertEqual(inflate(payload, bits), long)

    @given(st.lists(st.binary(max_size=600) | st.sampled_from([LINE, LINE[:400]])), st.integers(125, 400))
    def test_round_trip(self, sent: list[bytes], max_frame: int) -> None:
        """Each can be read without those before it."""
        framer = self.framer(max_frame=max_frame, threshold=100)
        for data in sent:
            ((compressed, text),) = messages(framer.encode(data))
            self.assertEqual(text, data)
            self.assertFalse(compressed and len(data) < 100)


class Inflating(SynchronousTestCase):
    LIMIT = 1000

    def inflater(self, most: int = 1 << 30) -> Inflater:
        inflater = Inflater(self.LIMIT, most)
        inflater.start_decompress_message()
        return inflater

    @given(st.lists(st.binary(max_size=400), min_size=1, max_size=4), st.integers(1, 50), st.sampled_from([0, 1, 6]))
    def test_round_trip(self, sent: list[bytes], piece: int, level: int) -> None:
        """In pieces of any size, message after message on its own."""
        inflater = Inflater(self.LIMIT, 1 << 30)
        for data in sent:
            payload = deflate(data, level=level)
            inflater.start_decompress_message()
            parts = [inflater.decompress_message_data(payload[at : at + piece]) for at in range(0, len(payload), piece)]
            inflater.end_decompress_message()
            self.assertEqual(b"".join(parts), data)

    def test_last_block(self) -> None:
        """A client may end its data for good, with or without the beginning of an empty block behind (7.2.3.4)."""
        payload = deflate(b"Hello", zlib.Z_FINISH)
        for pieces in ([payload], [payload, b"\x00"], [payload + b"\x00"], [payload, b"", b"\x00"]):
            inflater = self.inflater()
            self.assertEqual(b"".join(map(inflater.decompress_message_data, pieces)), b"Hello")
            inflater.end_decompress_message()

    def test_behind_the_last_block(self) -> None:
        inflater = self.inflater()
        payload = deflate(b"Hello", zlib.Z_FINISH)
        self.assertRaises(PayloadCorruptError, inflater.decompress_message_data, payload + b"\x00\x00")
        self.assertRaises(PayloadCorruptError, inflater.decompress_message_data, b"more")

    def test_corrupt(self) -> None:
        inflater = self.inflater()
        self.assertRaises(PayloadCorruptError, inflater.decompress_message_data, b"\xff\xff\xff")
        inflater = self.inflater()
        inflater.decompress_message_data(deflate(LINE)[:-20])
        self.assertRaises(PayloadCorruptError, inflater.end_decompress_message)

    def test_limit(self) -> None:
        """It is that of what comes out; one byte more is let through, and no other."""
        inflater = self.inflater()
        self.assertEqual(len(inflater.decompress_message_data(deflate(bytes(self.LIMIT)))), self.LIMIT)
        inflater.end_decompress_message()
        for pieces in (1, 3):
            inflater = self.inflater()
            payload = deflate(bytes(self.LIMIT * 500))
            step = len(payload) // pieces
            sizes = [
                len(inflater.decompress_message_data(payload[at : at + step])) for at in range(0, len(payload), step)
            ]
            self.assertEqual(sum(sizes), self.LIMIT + 1)
            inflater.end_decompress_message()
            inflater.start_decompress_message()
            self.assertEqual(inflater.decompress_message_data(deflate(b"next")), b"next")

    def test_given_up(self) -> None:
        """Compressed bytes without end, of which nothing comes out."""
        inflater = self.inflater(most=1000)
        empty = b"\x00\x00\x00\xff\xff"
        for _ in range(200):
            self.assertEqual(inflater.decompress_message_data(empty), b"")
        self.assertRaises(PayloadExceededError, inflater.decompress_message_data, empty)
        self.assertRaises(PayloadExceededError, inflater.decompress_message_data, empty)
        inflater.end_decompress_message()

    def test_bomb(self) -> None:
        """10 MB in 10 KB are not inflated, and leave nothing behind."""
        payload = deflate(bytes(10 << 20))
        inflater = self.inflater()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        inflater.decompress_message_data(payload)
        _, peak = tracemalloc.get_traced_memory()
        inflater.end_decompress_message()
        left, _ = tracemalloc.get_traced_memory()
        self.assertLess(peak, 100_000)
        self.assertLess(left, 2_000)


class Sockets(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = self.make()

    def make(self, **settings: Any) -> World:
        return World(TransportSettings(websocket_use_compression=True, **settings))

    def open(self, *offers: str) -> WebSocketClient:
        return self.world.websocket(headers=[f"Sec-WebSocket-Extensions: {offer}" for offer in offers])

    def answer(self, client: WebSocketClient) -> str | None:
        assert client.response is not None
        self.assertEqual(client.response.code, 101)
        return client.response.headers.get("sec-websocket-extensions")

    def streaming(self, *offers: str) -> tuple[WebSocketClient, Any]:
        client = self.open(*offers)
        self.assertEqual(client.send(CREATE)[0][:6], b"CONOK,")
        return client, self.world.kernel.sessions[f"S{len(self.world.kernel.sessions)}"].connection

    def test_off(self) -> None:
        """By default, as the official server."""
        self.world = World()
        client, connection = self.streaming("permessage-deflate")
        self.assertIsNone(self.answer(client))
        connection.write(LINE)
        self.assertEqual(client.take(), [LINE])
        ((first, payload),) = frames(client.wire.send(compressed_frame(deflate(b"wsok"))))
        self.assertEqual((first, payload[:2]), (0x88, (1002).to_bytes(2, "big")))

    def test_answers(self) -> None:
        for offers, answer in (
            (["permessage-deflate; client_max_window_bits"], ANSWER),
            (["foo", "permessage-deflate; server_max_window_bits=9"], f"{ANSWER}; server_max_window_bits=9"),
            (["permessage-deflate; foo"], None),
            ([], None),
        ):
            self.assertEqual(self.answer(self.open(*offers)), answer)

    def test_sends(self) -> None:
        """Long messages compressed, short ones as they are."""
        client, connection = self.streaming("permessage-deflate")
        for data in (LINE, b"PROBE\r\n", LINE * 3):
            connection.write(data)
        data = client.wire.take()
        self.assertEqual(messages(data), [(True, LINE), (False, b"PROBE\r\n"), (True, LINE * 3)])
        self.assertLess(len(data), 2 * len(LINE))

    def test_shared(self) -> None:
        """One frame for all that have accepted, another for all others."""
        listeners = [self.streaming(*offers) for offers in (["permessage-deflate"], [], ["permessage-deflate"], [])]
        for _, connection in listeners:
            connection.write(LINE)
        got = [client.wire.take() for client, _ in listeners]
        self.assertEqual([messages(data) for data in got], [[(True, LINE)], [(False, LINE)]] * 2)
        (framer,) = listeners[0][0].socket.factory.deflating.values()
        self.assertEqual(framer.compressed, 1)

    def test_small_windows(self) -> None:
        """9 has a frame of its own; with 8 nothing is compressed."""
        clients = [self.streaming(f"permessage-deflate; server_max_window_bits={bits}") for bits in (9, 8)]
        long = b"".join(b"%d," % (number * number) for number in range(1000))
        for _, connection in clients:
            connection.write(long)
        ((first, payload),) = frames(clients[0][0].wire.take())
        self.assertEqual((first, inflate(payload, 9)), (0xC1, long))
        self.assertEqual(texts(clients[1][0].wire.take()), [long])

    def test_replies(self) -> None:
        """They are messages like any other."""
        self.world = self.make(websocket_compression_threshold=0)
        client = self.open("permessage-deflate")
        requests = b"\r\n".join(b"LS_reqId=%d&LS_op=destroy&LS_session=S1" % number for number in range(50))
        ((compressed, text),) = messages(client.wire.send(frame(1, b"control\r\n" + requests)))
        self.assertEqual((compressed, text), (True, b"".join(b"REQOK,%d\r\n" % number for number in range(50))))

    def test_overhead(self) -> None:
        """Limits of bandwidth count what the lines would need, as if nothing were compressed."""
        _, connection = self.streaming("permessage-deflate")
        _, other = self.streaming()
        self.assertEqual(connection.overhead(len(LINE)), other.overhead(len(LINE)))

    # Received

    def test_receives(self) -> None:
        """In one frame or in several, among messages that are not compressed and pings."""
        client = self.open("permessage-deflate")
        payload = deflate(CREATE)
        data = frame(1, b"wsok") + compressed_frame(payload[:9], fin=False) + frame(9, b"?")
        data += frame(0, payload[9:20], fin=False) + frame(0, payload[20:]) + compressed_frame(deflate(b"wsok"))
        found = frames(client.wire.send(data))
        answers = [payload for first, payload in found if first == 0x81]
        self.assertEqual(b"".join(answers), b"WSOK\r\n" + CONOK + b"WSOK\r\n")
        self.assertIn((0x8A, b"?"), found)

    def test_too_long(self) -> None:
        """The limit is that of the text; who sends more is told so, and may go on."""
        self.world = self.make(request_limit=1000)
        client = self.open("permessage-deflate")
        head = b"control\r\nLS_reqId=7&LS_op=destroy&LS_x="
        exact = head + b"x" * (1000 - len(head))
        self.assertEqual(client.send(), [])
        self.assertEqual(texts(client.wire.send(compressed_frame(deflate(exact))))[0][:7], b"REQOK,7")
        # The text is cut within a character.
        for long in (exact + b"x", head + "ä".encode() * 400_000, head + b"x" + "ä".encode() * 400_000):
            (line,) = texts(client.wire.send(compressed_frame(deflate(long))))
            self.assertEqual(line, b"REQERR,7,67,Malformed request: longer than the request limit\r\n")
        self.assertEqual(texts(client.wire.send(compressed_frame(deflate(b"wsok")))), [b"WSOK\r\n"])

    def test_far_too_long(self) -> None:
        """Compressed bytes without end: closed with 1009, as with those that are not compressed."""
        self.world = self.make(request_limit=1000)
        client = self.open("permessage-deflate")
        empty = b"\x00\x00\x00\xff\xff" * 100
        data = compressed_frame(empty, fin=False) + frame(0, empty, fin=False) * 200
        ((first, payload), *_) = frames(client.wire.send(data))
        self.assertEqual((first, payload[:2]), (0x88, (1009).to_bytes(2, "big")))

    def test_corrupt(self) -> None:
        """Closed with 1007: neither deflate nor UTF-8."""
        for payload in (b"\xff\xff\xff", deflate(b"\xff\xff"), deflate("ä".encode()[:1]), deflate(LINE)[:-9]):
            client = self.open("permessage-deflate")
            ((first, answer),) = frames(client.wire.send(compressed_frame(payload)))
            self.assertEqual((first, answer[:2]), (0x88, (1007).to_bytes(2, "big")))

    def test_marks_where_none_may_be(self) -> None:
        """RSV1 in a control frame, or in a fragment that is not the first: closed with 1002."""
        for data in (
            frame(0x49, b""),
            compressed_frame(b"\x00", fin=False) + frame(0x40, b"\x00"),
            frame(0x21, b"wsok"),
        ):
            client = self.open("permessage-deflate")
            ((first, answer),) = frames(client.wire.send(data))
            self.assertEqual((first, answer[:2]), (0x88, (1002).to_bytes(2, "big")))

    def test_no_memory_between_messages(self) -> None:
        """There is no decompressor while there is no message."""
        client = self.open("permessage-deflate")
        client.wire.send(compressed_frame(deflate(b"wsok")))
        self.assertIsNone(client.socket._perMessageCompress._inflate)
