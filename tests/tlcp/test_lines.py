"""Request lines and percent-encoding."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.tlcp.lines import (
    encodable,
    escape_argument,
    format_line,
    is_text,
    parse_line,
    percent_decode,
    split_lines,
    split_notification,
)


class SplitLinesTests(SynchronousTestCase):
    def test_terminators(self) -> None:
        """CR LF and LF end a line; the last needs no end."""
        for body in (b"a=1\r\nb=2", b"a=1\nb=2", b"a=1\r\nb=2\r\n", b"a=1\nb=2\n"):
            self.assertEqual(split_lines(body), [b"a=1", b"b=2"])

    def test_empty(self) -> None:
        """No line at all is one request without parameters."""
        for body in (b"", b"\r\n", b"\n", b"\r\n\r\n", b"\r\n\n"):
            self.assertEqual(split_lines(body), [b""])

    def test_empty_lines(self) -> None:
        """Empty lines at the end are none; others are requests that are answered."""
        self.assertEqual(split_lines(b"a=1\r\n\r\n\r\n"), [b"a=1"])
        self.assertEqual(split_lines(b"\r\na=1\r\n\r\nb=2"), [b"", b"a=1", b"", b"b=2"])

    def test_lone_carriage_return(self) -> None:
        """CR alone is data."""
        self.assertEqual(split_lines(b"a=1\rb=2"), [b"a=1\rb=2"])


class ParseLineTests(SynchronousTestCase):
    def test_pairs(self) -> None:
        self.assertEqual(parse_line(b"a=1&b=2"), {"a": "1", "b": "2"})

    def test_empty_pieces(self) -> None:
        """Some clients end every line with an ampersand."""
        self.assertEqual(parse_line(b"&a=1&&b=2&"), {"a": "1", "b": "2"})
        self.assertEqual(parse_line(b""), {})
        self.assertEqual(parse_line(b"&"), {})

    def test_first_equals_sign(self) -> None:
        self.assertEqual(parse_line(b"a=b=c"), {"a": "b=c"})

    def test_no_value(self) -> None:
        self.assertEqual(parse_line(b"a&b="), {"a": "", "b": ""})

    def test_last_wins(self) -> None:
        self.assertEqual(parse_line(b"a=1&a=2"), {"a": "2"})

    def test_decoding(self) -> None:
        """Plus is space, percent sequences are UTF-8, in names too."""
        self.assertEqual(parse_line(b"a=x+y%20z%2B&%62=%C3%A9&c=\xc3\xa9"), {"a": "x y z+", "b": "é", "c": "é"})

    def test_bare_percent(self) -> None:
        self.assertEqual(parse_line(b"a=100%&b=%zz&c=%2"), {"a": "100%", "b": "%zz", "c": "%2"})

    def test_not_utf8(self) -> None:
        """Bad bytes do not hide the rest of the line."""
        for line in (b"a=1&b=%FF", b"a=1&b=\xff", b"a=1&b=%ED%A0%80"):
            parameters = parse_line(line)
            self.assertEqual(parameters["a"], "1")
            self.assertFalse(is_text(parameters.values()))
        self.assertTrue(is_text(parse_line("a=1&b=é".encode()).values()))

    @given(st.dictionaries(st.text(min_size=1), st.text()))
    def test_round_trip(self, parameters: dict[str, str]) -> None:
        self.assertEqual(parse_line(format_line(parameters)), parameters)

    @given(st.binary())
    def test_any_bytes(self, line: bytes) -> None:
        """Nothing makes it fail."""
        parse_line(line)
        split_lines(line)


class ArgumentTests(SynchronousTestCase):
    def test_specials(self) -> None:
        """What would end an argument or a line is encoded."""
        self.assertEqual(escape_argument("100%, a\r\nb"), b"100%25%2C a%0D%0Ab")
        self.assertEqual(escape_argument("\x00\x85\u2028\u2029"), b"%00%C2%85%E2%80%A8%E2%80%A9")
        self.assertEqual(escape_argument("a|b+c é #$^"), "a|b+c é #$^".encode())
        self.assertEqual(escape_argument(""), b"")

    def test_surrogates(self) -> None:
        """Two halves of a pair make a character, one alone is replaced."""
        self.assertEqual(escape_argument("\ud83d\ude00\ud83d"), "\U0001f600\ufffd".encode())
        self.assertEqual(encodable("\ude00\ud83d"), "\ufffd\ufffd")

    @given(st.text(), st.text())
    def test_round_trip(self, first: str, second: str) -> None:
        line = b"TAG,%s,%s\r\n" % (escape_argument(first), escape_argument(second))
        self.assertEqual(len(line.decode().splitlines()), 1)
        self.assertEqual(split_notification(line), ("TAG", first, second))

    def test_bare_percent(self) -> None:
        """Clients refuse what we must not send."""
        for raw in (b"100%", b"%2", b"%zz", b"%FF"):
            self.assertRaises(ValueError, percent_decode, raw)
        self.assertEqual(percent_decode(b"%C3%a9+"), "é+")
