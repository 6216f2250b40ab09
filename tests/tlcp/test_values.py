"""Tokens and lists of them."""

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.tlcp.values import EMPTY, NULL, JsonToken, body, decode_body, prefix, text, token

values = st.none() | st.text() | st.text(alphabet="#$^|%PT1a,\r\n é\u0301\u200d\u0600\u2028\U0001f600")


class TokenTests(SynchronousTestCase):
    def test_null_and_empty(self) -> None:
        self.assertEqual(token(None), NULL)
        self.assertEqual(token(""), EMPTY)
        self.assertEqual(token(b""), EMPTY)
        self.assertIsNone(text(NULL))
        self.assertEqual(text(EMPTY), "")

    def test_escapes(self) -> None:
        for value, written in (
            ("100%", b"100%25"),
            ("a|b", b"a%7Cb"),
            ("#1", b"%231"),
            ("a#1", b"a#1"),
            ("#", b"%23"),
            ("$", b"%24"),
            ("$x", b"%24x"),
            ("^", b"%5E"),
            ("^Px", b"%5EPx"),
            ("a^b$c", b"a^b$c"),
            ("x\r\ny", b"x%0D%0Ay"),
            ("\x00\t\x1f\x7f", b"%00%09%1F%7F"),
            ("a\x85b\u2028c\u2029", b"a%C2%85b%E2%80%A8c%E2%80%A9"),
            ('a, b & "c" = d + é', 'a, b & "c" = d + é'.encode()),
            ("|", b"%7C"),
        ):
            self.assertEqual(token(value), written)
            self.assertEqual(text(written), value)

    def test_usual_values_are_raw(self) -> None:
        self.assertEqual(token("20:04:40"), b"20:04:40")
        self.assertEqual(token("3.04"), b"3.04")

    def test_bytes_are_latin_1(self) -> None:
        self.assertEqual(token(b"3.04"), b"3.04")
        self.assertEqual(token(b"caf\xe9|"), "café%7C".encode())
        self.assertEqual(token(b"#\xe9"), "%23é".encode())
        self.assertEqual(token(b"^1"), b"%5E1")
        self.assertEqual(token(b"\x85"), b"%C2%85")

    def test_surrogates(self) -> None:
        """A lone half cannot be sent; a whole pair is the character it means."""
        self.assertEqual(token("a\ud800b"), "a\ufffdb".encode())
        self.assertEqual(token("\ud83d\ude00"), "\U0001f600".encode())
        self.assertEqual(token("\udfff"), "\ufffd".encode())

    def test_joining_characters(self) -> None:
        """What would join with the separator beside it into one cluster is encoded, there only."""
        for first in ("\u0301", "\u0903", "\u20dd", "\u200d", "\ufe0f", "\u0e33", "\U0001f3fb", "\U000e0020"):
            encoded = "".join(f"%{byte:02X}" for byte in first.encode())
            self.assertEqual(token(first), encoded.encode())
            self.assertEqual(token(first + "a" + first), (encoded + "a" + first).encode())
            self.assertEqual(token("a" + first), ("a" + first).encode())
        self.assertEqual(token("a\u0600"), b"a%D8%80")
        self.assertEqual(token("\u0600"), b"%D8%80")
        self.assertEqual(token("\u0600a"), "\u0600a".encode())
        self.assertEqual(token("\u0301\u0600"), b"%CC%81%D8%80")
        self.assertEqual(token("漢字"), "漢字".encode())

    @given(values)
    @example("\u0d4e")
    def test_round_trip(self, value: str | None) -> None:
        encoded = token(value)
        self.assertEqual(text(encoded), value)
        self.assertNotIn(b"|", encoded)
        self.assertEqual(len(encoded.decode().splitlines()), 1)
        if value:
            self.assertNotIn(encoded[:1], (b"#", b"$", b"^", b""))
            self.assertFalse(unicodedata.category(encoded.decode()[0]).startswith("M"))

    @given(st.binary())
    def test_round_trip_of_bytes(self, value: bytes) -> None:
        self.assertEqual(text(token(value)), value.decode("iso-8859-1"))
        self.assertEqual(token(value), token(value.decode("iso-8859-1")))

    def test_json_token(self) -> None:
        """A token that only remembers what the client has."""
        self.assertEqual(JsonToken(b"{}"), b"{}")
        self.assertEqual(hash(JsonToken(b"{}")), hash(b"{}"))
        self.assertEqual(text(JsonToken(b"{}")), "{}")


class BodyTests(SynchronousTestCase):
    def check(self, base: str | None, target: str, written: bytes) -> None:
        before = None if base is None else tuple(base.encode().split(b","))
        self.assertEqual(body(before, tuple(target.encode().split(b","))), written)

    def test_first_update(self) -> None:
        """Every field is said."""
        self.check(None, "a,#,$", b"a|#|$")

    def test_unchanged(self) -> None:
        self.check("a,b", "a,c", b"|c")
        self.check("a,b", "c,b", b"c|")
        self.check("a", "a", b"")
        self.check("a,b", "a,b", b"|")
        self.check("a,#,$", "b,#,$", b"b||")
        self.check("#,#", "$,#", b"$|")

    def test_runs(self) -> None:
        """Three or more in a row are counted."""
        self.check("a,b,c", "a,b,c", b"^3")
        self.check("a,b,c,d", "a,b,c,x", b"^3|x")
        self.check("a,b,c,d", "x,b,c,d", b"x|^3")
        self.check("a,b,c,d,e", "x,b,c,d,y", b"x|^3|y")
        self.check("a,b,c,d", "x,b,c,y", b"x|||y")
        self.check("a,b,c,d,e,f,g,h", "a,x,c,d,e,f,y,h", b"|x|^4|y|")
        self.check("a,b,c,d,e,f,g", "x,b,c,y,e,f,g", b"x|||y|^3")
        self.check("a,b,c,d,e,f,g,h", "a,b,x,d,e,f,y,h", b"||x|^3|y|")

    def test_equal_but_not_the_same(self) -> None:
        """Tokens that were made apart are unchanged as well."""
        self.assertEqual(body((bytes(bytearray(b"abc")),), (bytes(bytearray(b"abc")),)), b"")

    def test_command_transcript(self) -> None:
        """The base is the last update of the item, whichever key it was about."""
        rows = [
            "k1,ADD,10",
            "k2,ADD,20",
            "k1,UPDATE,11",
            "k1,UPDATE,12",
            "k2,DELETE,#",
        ]
        written = [b"k1|ADD|10", b"k2||20", b"k1|UPDATE|11", b"||12", b"k2|DELETE|#"]
        for base, target, line in zip([None, *rows], rows, written, strict=False):
            self.check(base, target, line)
        self.check("k2,DELETE,#", "k3,ADD,#", b"k3|ADD|")

    def test_prefix(self) -> None:
        self.assertEqual(prefix(12, 3), b"U,12,3,")

    @given(
        st.integers(1, 12).flatmap(
            lambda size: st.lists(st.tuples(*[values | st.sampled_from(["a", "b", ""])] * size), min_size=1, max_size=6)
        )
    )
    def test_round_trip(self, updates: list[tuple[str | None, ...]]) -> None:
        """A client that follows the updates ends with the values."""
        base = held = None
        for update in updates:
            target = tuple([token(value) for value in update])
            line = body(base, target)
            held = decode_body(held, line, len(update))
            self.assertEqual(held, update)
            if base is None:
                self.assertNotIn(b"", line.split(b"|"))
            self.assertFalse([piece for piece in line.split(b"|") if piece.startswith(b"^0")], line)
            base = target
