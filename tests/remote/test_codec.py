from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.modes import Mode
from lsserver.remote.codec import (
    CodecError,
    decode_algorithms,
    decode_bool,
    decode_bytes,
    decode_float,
    decode_form,
    decode_int,
    decode_modes,
    decode_smart,
    encode,
    shown,
)

TEXTS = st.one_of(st.none(), st.text(st.characters(exclude_categories=("Cs",)), max_size=40), st.sampled_from("#$%|+ "))

VECTORS = [
    (None, "#", "#", "#"),
    ("", "$", "$", "$"),
    ("a b", "a+b", "a b", "a%20b"),
    ("a|b+c%", "a%7Cb%2Bc%25", "a%7Cb%2Bc%25", "a%7Cb%2Bc%25"),
    ("é€𩥪", "%C3%A9%E2%82%AC%F0%A9%A5%AA", "é€𩥪", "%C3%A9%E2%82%AC%F0%A9%A5%AA"),
    ("#", "%23", "%23", "%23"),
    ("$", "%24", "%24", "%24"),
    ("#x", "%23x", "#x", "%23x"),
    ("l1\r\nl2", "l1%0D%0Al2", "l1%0D%0Al2", "l1%0D%0Al2"),
]
"""Value; as old remotes write it; as new ones do; as we do."""


class StringTests(SynchronousTestCase):
    def test_vectors(self) -> None:
        for value, form, smart, ours in VECTORS:
            self.assertEqual(encode(value), ours)
            self.assertEqual(decode_form(form), value)
            self.assertEqual(decode_smart(smart), value)
            self.assertEqual((decode_form(ours), decode_smart(ours)), (value, value))

    @given(TEXTS)
    def test_what_is_sent_is_right_for_everybody(self, value: str | None) -> None:
        token = encode(value)
        self.assertTrue(token and token.isascii() and not set(token) & set("| +\r\n"))
        self.assertEqual((decode_form(token), decode_smart(token)), (value, value))

    @given(st.text(st.characters(exclude_categories=("Cs",)), max_size=40))
    def test_the_encoding_of_new_remotes(self, value: str) -> None:
        token = value
        for raw in "%|+\r\n":
            token = token.replace(raw, f"%{ord(raw):02X}")
        self.assertEqual(decode_smart({"": "$", "#": "%23", "$": "%24"}.get(token, token)), value)

    def test_lower_case_and_needless_escapes(self) -> None:
        self.assertEqual(decode_smart("%c3%a9%20%61+"), "é a+")
        self.assertEqual(decode_form("%c3%a9%20%61+"), "é a ")

    def test_what_is_no_utf_8(self) -> None:
        self.assertEqual(decode_smart("a%FFb"), "a\ufffdb")
        self.assertEqual(decode_smart("100%"), "100%")
        self.assertEqual(encode("\ud800"), "%3F")


class ValueTests(SynchronousTestCase):
    def wrong(self, decode: object, *tokens: str) -> None:
        for token in tokens:
            error = self.assertRaises(CodecError, decode, token)  # type: ignore[arg-type]
            self.assertIn(repr(token), str(error))

    def test_bytes(self) -> None:
        for token, value in (("6QB8", b"\xe9\x00|"), ("YWI=", b"ab"), ("#", None), ("$", b""), ("", b"")):
            self.assertEqual(decode_bytes(token), value)
        self.wrong(decode_bytes, "YWI", "é", "a*b=")

    def test_whole_numbers(self) -> None:
        self.assertEqual([decode_int(token) for token in ("0", "-7", "+30")], [0, -7, 30])
        self.wrong(decode_int, "", "-", "1.5", "#", "٣", "9" * 21)

    def test_numbers(self) -> None:
        for token, value in (
            ("12.5", 12.5),
            ("0", 0.0),
            ("1e-07", 1e-07),
            ("1.0E-7", 1e-07),
            ("1e+22", 1e22),
            ("#", 0.0),
            ("-1", 0.0),
            ("NaN", 0.0),
            ("inf", 0.0),
        ):
            self.assertEqual(decode_float(token), value)
        self.wrong(decode_float, "", "x", "$")

    def test_booleans(self) -> None:
        self.assertEqual((decode_bool("1"), decode_bool("0")), (True, False))
        self.wrong(decode_bool, "", "2", "true")

    def test_modes(self) -> None:
        self.assertEqual(decode_modes("MCDR"), frozenset(Mode))
        self.assertEqual(decode_modes("R"), {Mode.RAW})
        self.assertEqual((decode_modes("$"), decode_modes("#")), (frozenset(), frozenset()))
        self.wrong(decode_modes, "X", "M X", "Mi")
        self.assertEqual(decode_modes(""), frozenset())

    def test_diff_algorithms(self) -> None:
        self.assertEqual(decode_algorithms("JM"), ("JSONPATCH", "DIFF_MATCH_PATCH"))
        self.assertEqual((decode_algorithms("$"), decode_algorithms("#")), ((), None))
        self.wrong(decode_algorithms, "X")

    def test_long_texts_are_cut_for_logs(self) -> None:
        self.assertEqual(shown("a\n"), "'a\\n'")
        self.assertEqual(shown("a" * 100, 3), "'aaa'... (100 characters)")
