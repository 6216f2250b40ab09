"""Frames and chunks."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.transport.framing import MAX_REMEMBERED, ChunkFramer, TextFramer
from tests.transport.fakes import frames, texts, unchunk


class Texts(SynchronousTestCase):
    def test_lengths(self) -> None:
        """Every form of the length, RFC 6455 5.2."""
        framer = TextFramer(1 << 30)
        for size in (0, 1, 125, 126, 65_535, 65_536, 100_000):
            data = bytes(size)
            self.assertEqual(frames(framer.encode(data)), [(0x81, data)])

    def test_fragments(self) -> None:
        """The first says what it is, the last one that it is the last."""
        framer = TextFramer(125)
        found = frames(framer.encode(b"a" * 125 + b"b" * 125 + b"c"))
        self.assertEqual([first for first, _ in found], [0x01, 0x00, 0x80])
        self.assertEqual([payload[:1] for _, payload in found], [b"a", b"b", b"c"])

    def test_exact_multiple(self) -> None:
        """No empty fragment at the end."""
        self.assertEqual([first for first, _ in frames(TextFramer(125).encode(bytes(250)))], [0x01, 0x80])

    @given(st.binary(max_size=1000), st.integers(125, 400))
    def test_round_trip(self, data: bytes, most: int) -> None:
        framer = TextFramer(most)
        encoded = framer.encode(data)
        self.assertEqual(texts(encoded), [data])
        self.assertTrue(all(len(payload) <= most for _, payload in frames(encoded)))

    def test_remembers_the_object(self) -> None:
        """By identity: equal data in another object are framed again."""
        framer = TextFramer(125)
        data = bytes([65, 66])
        encoded = framer.encode(data)
        self.assertIs(framer.data, data)
        self.assertIs(framer.frame, encoded)

    def test_empty(self) -> None:
        """An empty message is one; an empty chunk would end the response."""
        for framer, empty in ((TextFramer(125), b"\x81\x00"), (ChunkFramer(), b"")):
            self.assertEqual((framer.data, framer.frame), (b"", empty))
            framer.encode(b"x")
            self.assertEqual(framer.encode(b""), empty)

    def test_forgets_long_data(self) -> None:
        """What is hardly shared is not kept alive."""
        for framer in (TextFramer(125), ChunkFramer()):
            framer.encode(b"x")
            framer.encode(bytes(MAX_REMEMBERED + 1))
            self.assertEqual(framer.data, b"x")


class Chunks(SynchronousTestCase):
    @given(st.lists(st.binary(min_size=1, max_size=40), max_size=8))
    def test_round_trip(self, pieces: list[bytes]) -> None:
        framer = ChunkFramer()
        encoded = b"".join(framer.encode(piece) for piece in pieces) + framer.LAST
        self.assertEqual(unchunk(encoded + b"next"), (b"".join(pieces), b"next", True))

    def test_remembers_the_object(self) -> None:
        framer = ChunkFramer()
        data = b"PROBE\r\n"
        encoded = framer.encode(data)
        self.assertEqual(encoded, b"7\r\nPROBE\r\n\r\n")
        self.assertIs(framer.data, data)
        self.assertIs(framer.frame, encoded)
