"""TLCP-diff: numbers, encoding, applying."""

import sys
from unittest.mock import Mock, patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.tlcp import tlcp_diff
from lsserver.tlcp.tlcp_diff import DiffError, apply, best_edits, fast_edits, make, number, plain_edits

EXAMPLES = (
    ("foo", "d", "foo"),
    ("foobar", "d", "foo"),
    ("foo", "c", "fo"),
    ("foobar", "bdzap", "fzap"),
    ("foobar", "bdzapcd", "fzapbar"),
    ("fzapbar", "aabg", "zapbar"),
    ("zapbar", "ddxyz", "zapxyz"),
    ("foobar", "adzapad", "zapfoo"),
    ("foobar", "cacc", "foar"),
    ("foobar", "baeb", "fr"),
    ("", "adfoo", "foo"),
    ("foo", "dg%$=,+|", "foo%$=,+|"),
    ("The quick brown fox jumps over the lazy dog", "kdredfBc", "The quick red fox jumps over the lazy dog"),
    ("A" * 30 + "x" + "B" * 30, "BecyzbBe", "A" * 30 + "yz" + "B" * 30),
    ("12:00:01", "hb2", "12:00:02"),
    ("hello world", "ggbrave af", "hello brave world"),
)

countable = st.text(alphabet=[chr(code) for code in (*range(0x20, 0x7F), *range(0xC0, 0x250))])


class NumberTests(SynchronousTestCase):
    def test_table(self) -> None:
        table = {0: "a", 3: "d", 25: "z", 26: "Ba", 29: "Bd", 40: "Bo", 52: "Ca", 675: "Zz", 676: "BAa", 999: "BMl"}
        for value, written in table.items():
            self.assertEqual(number(value), written)

    def test_leading_zeros_are_read(self) -> None:
        """Decoders compute value * 26 + digit, whatever the first digit is."""
        self.assertEqual(apply("foobar", "Ad"), "foo")
        self.assertEqual(apply("foobar", "Aa"), "")


class ApplyTests(SynchronousTestCase):
    def test_examples(self) -> None:
        for base, diff, result in EXAMPLES:
            self.assertEqual(apply(base, diff), result)

    def test_empty_diff(self) -> None:
        self.assertEqual(apply("foo", ""), "")

    def test_errors(self) -> None:
        """Counts beyond the base or the diff, and what is no number."""
        for base, diff in (("foo", "e"), ("foo", "aae"), ("foo", "bad"), ("foo", "adfo"), ("foo", "1"), ("foo", "A")):
            self.assertRaises(DiffError, apply, base, diff)


class MakeTests(SynchronousTestCase):
    def test_examples(self) -> None:
        """The diffs of the specification come out where the shortest script is the obvious one."""
        for base, diff, result in (EXAMPLES[1], EXAMPLES[2], EXAMPLES[6], *EXAMPLES[-5:]):
            self.assertEqual(make(base, result), diff)

    def test_ends(self) -> None:
        """Nothing is said about the rest of the base, and only what must be said."""
        self.assertEqual(make("foobar", "bar"), "aadd")
        self.assertEqual(make("foobar", ""), "a")
        self.assertEqual(make("", "foo"), "adfoo")
        self.assertEqual(make("", ""), "a")

    def test_uncountable(self) -> None:
        """Characters that clients count in different ways."""
        for text in ("a\u0301", "a\r\nb", "\U0001f600", "漢字", "a\tb", "\x7f", "\xad", "\x85"):
            self.assertIsNone(make("abc", text))
            self.assertIsNone(make(text, "abc"))

    @given(countable, countable)
    def test_round_trip(self, base: str, target: str) -> None:
        diff = make(base, target)
        assert diff is not None
        self.assertEqual(apply(base, diff), target)

    @given(countable, countable, countable, countable)
    def test_round_trip_of_alike(self, head: str, old: str, new: str, tail: str) -> None:
        base, target = head + old + tail, head + new + tail
        diff = make(base, target)
        assert diff is not None
        self.assertEqual(apply(base, diff), target)


class EnginesTests(SynchronousTestCase):
    @given(countable, countable, countable, countable)
    def test_python_engine(self, head: str, old: str, new: str, tail: str) -> None:
        """Without the compiled library the diffs are as good."""
        base, target = head + old + tail, head + new + tail
        with patch.object(tlcp_diff, "find_edits", plain_edits()):
            diff = make(base, target)
        assert diff is not None
        self.assertEqual(apply(base, diff), target)

    def test_compiled_engine(self) -> None:
        """It is told how long it may take; there are Pythons for which it is not to be had."""
        compiled = Mock(return_value=[("=", "a"), ("+", "b")])
        with patch.dict(sys.modules, {"fast_diff_match_patch": Mock(diff=compiled)}):
            self.assertEqual(fast_edits()("a", "ab"), [("=", "a"), ("+", "b")])
        (_, options) = compiled.call_args
        self.assertEqual(options["timelimit"], tlcp_diff.TIME_LIMIT)

    def test_choice(self) -> None:
        """The compiled one if it can be imported, else the other."""
        with patch.object(tlcp_diff, "fast_edits", return_value="fast"):
            self.assertEqual(best_edits(), "fast")
        with (
            patch.object(tlcp_diff, "fast_edits", side_effect=ImportError),
            patch.object(tlcp_diff, "plain_edits", return_value="plain"),
        ):
            self.assertEqual(best_edits(), "plain")
