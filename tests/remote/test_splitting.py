from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.remote.splitting import LineTooLongError, Splitter

LINES = st.lists(
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)), min_size=1, max_size=30), max_size=8
)


class SplitterTests(SynchronousTestCase):
    def cut(self, *chunks: bytes) -> list[str]:
        splitter = Splitter()
        return [line for chunk in chunks for line in splitter.feed(chunk)]

    @given(LINES, st.lists(st.integers(0, 400), max_size=6), st.sampled_from(["\n", "\r\n"]), st.booleans())
    def test_wherever_it_is_cut(self, lines: list[str], cuts: list[int], end: str, mark: bool) -> None:
        data = (("\ufeff" if mark else "") + "".join(line + end for line in lines)).encode()
        edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
        chunks = [data[start:stop] for start, stop in zip(edges, edges[1:], strict=False)]
        wanted = [lines[0].removeprefix("\ufeff") if not mark else lines[0], *lines[1:]] if lines else []
        self.assertEqual(self.cut(*chunks), [line for line in wanted if line])

    def test_only_line_feeds_end_lines(self) -> None:
        line = "a\u2028b\x85c\x0bd\x0ce\x1cf\x00g\rh"
        self.assertEqual(self.cut(line.encode() + b"\r\nx\n"), [line, "x"])

    def test_empty_lines_are_left_out(self) -> None:
        self.assertEqual(self.cut(b"\n\r\na\n\n\r\nb\r\n"), ["a", "b"])

    def test_a_cut_inside_a_character_and_before_a_line_feed(self) -> None:
        self.assertEqual(self.cut(b"\xc3", b"\xa9\r", b"\n"), ["é"])

    def test_what_is_no_utf_8(self) -> None:
        self.assertEqual(self.cut(b"a\xffb\n"), ["a\ufffdb"])

    def test_a_line_over_16_kib(self) -> None:
        self.assertEqual(self.cut(b"a" * 20_000, b"b" * 20_000 + b"\n"), ["a" * 20_000 + "b" * 20_000])

    def test_a_line_that_is_too_long(self) -> None:
        self.assertRaises(LineTooLongError, Splitter(10).feed, b"12345678901")
        self.assertRaises(LineTooLongError, Splitter(10).feed, b"12345678901\n")
        self.assertRaises(LineTooLongError, Splitter(10).feed, b"1\n12345678901\n")
        self.assertRaises(LineTooLongError, Splitter(10).feed, b"1\n12345678901")
        splitter = Splitter(10)
        self.assertEqual(splitter.feed(b"1234567890\n1234567890\n12345"), ["1234567890", "1234567890"])
        self.assertEqual(splitter.pending, 5)
        self.assertRaises(LineTooLongError, splitter.feed, b"678901")
