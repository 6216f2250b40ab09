"""Update lists as a client reads them."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.tlcp.decoding import DecodeError, JsonText, decode_body


class ConformanceTests(SynchronousTestCase):
    def test_vectors(self) -> None:
        """The lines of the specification, one after the other."""
        values: tuple[str | None, ...] | None = None
        for line, expected in (
            (
                b"20:00:33|3.04|0.0|2.41|3.67|3.03|3.04|#|#|$",
                ("20:00:33", "3.04", "0.0", "2.41", "3.67", "3.03", "3.04", None, None, ""),
            ),
            (
                b"20:00:54|3.07|0.98|||3.06|3.07|||Suspended",
                ("20:00:54", "3.07", "0.98", "2.41", "3.67", "3.06", "3.07", None, None, "Suspended"),
            ),
            (
                b"20:04:16|3.02|-0.65|||3.01|3.02|||$",
                ("20:04:16", "3.02", "-0.65", "2.41", "3.67", "3.01", "3.02", None, None, ""),
            ),
            (
                b"20:04:40|^4|3.02|3.03|||",
                ("20:04:40", "3.02", "-0.65", "2.41", "3.67", "3.02", "3.03", None, None, ""),
            ),
            (
                b"20:06:10|3.05|0.32|^7",
                ("20:06:10", "3.05", "0.32", "2.41", "3.67", "3.02", "3.03", None, None, ""),
            ),
            (
                b"20:06:49|3.08|1.31|||3.08|3.09|||",
                ("20:06:49", "3.08", "1.31", "2.41", "3.67", "3.08", "3.09", None, None, ""),
            ),
        ):
            values = decode_body(values, line, 10)
            self.assertEqual(values, expected)

    def test_text_diffs(self) -> None:
        values: tuple[str | None, ...] | None = None
        for line, expected in (
            (b"foobar", "foobar"),
            (b"^Tbdzapcd", "fzapbar"),
            (b"^Taabg", "zapbar"),
            (b"^Tddxyz", "zapxyz"),
            (b"", "zapxyz"),
            (b"$", ""),
            (b"^Tadfoo", "foo"),
            (b"^Tdg%25$=,+%7C", "foo%$=,+|"),
        ):
            values = decode_body(values, line, 1)
            self.assertEqual(values, (expected,))

    def test_command_diffs(self) -> None:
        """The base belongs to the item, not to the key."""
        values: tuple[str | None, ...] | None = None
        for line, expected in ((b"k1|ADD|foo", "foo"), (b"k2|ADD|^Tc", "fo"), (b"k2|UPDATE|^Tb", "f")):
            values = decode_body(values, line, 3)
            self.assertEqual(values[2], expected)

    def test_json_patch(self) -> None:
        first = decode_body(None, b'20:00:33|{ "text": "aa%7Cbb", "attributes": [ { "font": "courier" }, "..." ] }', 2)
        self.assertNotIsInstance(first[1], JsonText)
        second = decode_body(
            first,
            b'20:00:54|^P[{"op":"replace","path":"/text","value":"aa%7Cbb%7Ccc"},'
            b'{"op":"add","path":"/attributes/1","value":"bold"}]',
            2,
        )
        self.assertEqual(second[1], '{"text":"aa|bb|cc","attributes":[{"font":"courier"},"bold","..."]}')
        self.assertIsInstance(second[1], JsonText)
        third = decode_body(second, b"20:04:16|", 2)
        self.assertIs(third[1], second[1])
        self.assertRaises(DecodeError, decode_body, third, b"|^Ta", 2)
        full = decode_body(third, b'|{"a":1}', 2)
        self.assertEqual(decode_body(full, b"|^Te", 2)[1], '{"a"')


class ErrorTests(SynchronousTestCase):
    def check(self, previous: tuple[str | None, ...] | None, body: bytes, fields: int, message: str) -> None:
        error = self.assertRaises(DecodeError, decode_body, previous, body, fields)
        self.assertIn(message, str(error))

    def test_number_of_fields(self) -> None:
        self.check(None, b"a|b", 3, "2 of 3 fields")
        self.check(None, b"a|b|c", 2, "more than 2 fields")
        self.check(("a", "b"), b"||", 2, "more than 2 fields")
        self.check(("a", "b"), b"x|^2", 2, "more than 2 fields")
        self.check(("a", "b", "c"), b"^2", 3, "2 of 3 fields")

    def test_zero_run(self) -> None:
        self.check(("a",), b"^0|a", 1, "^0")

    def test_first_update(self) -> None:
        self.check(None, b"a|", 2, "unchanged field in a first update")
        self.check(None, b"^1", 1, "unchanged field in a first update")
        self.check(None, b"^Ta", 1, "diff in a first update")
        self.check(None, b"^P[]", 1, "diff in a first update")

    def test_markers(self) -> None:
        for body in (b"#x", b"$x", b"##", b"^", b"^x", b"^1x"):
            self.check(("a",), body, 1, "not encoded")

    def test_percent(self) -> None:
        self.check(None, b"100%", 1, "percent")
        self.check(None, b"%FF", 1, "utf-8")

    def test_diffs(self) -> None:
        self.check((None,), b"^Ta", 1, "against null")
        self.check((None,), b"^P[]", 1, "against null")
        self.check(("foo",), b"^Tz", 1, "beyond the end")
        self.check(("foo",), b"^P[]", 1, "does not apply")
        self.check(("foo",), b"^T%", 1, "percent")

    @given(st.none() | st.just(("foo", None)) | st.just((JsonText("{}"), "")), st.binary())
    def test_any_bytes(self, previous: tuple[str | None, ...] | None, body: bytes) -> None:
        """It decodes or it does not: nothing else happens."""
        with contextlib.suppress(DecodeError):
            self.assertEqual(len(decode_body(previous, body, 2)), 2)
