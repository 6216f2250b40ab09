from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.remote import notifications
from lsserver.remote.codec import CodecError, decode_form, decode_smart, encode
from lsserver.remote.notifications import TerminationRequest, UnsubscriptionRequest
from lsserver.remote.versions import Credentials

NAMES = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
EVENTS = st.dictionaries(NAMES, st.one_of(st.none(), NAMES), max_size=5)


def update(line: str, smart: bool = True) -> object:
    return notifications.update(line.split("|"), decode_smart if smart else decode_form)


class UpdateTests(SynchronousTestCase):
    head = "0|UD3|S|item|S|1f|B|0"

    def test_plain_values(self) -> None:
        self.assertEqual(update(f"{self.head}|S|a|S|1|S|b|S|x y"), {"a": "1", "b": "x y"})
        self.assertEqual(update(f"{self.head}|S|a|S|1|S|b|S|x+y", False), {"a": "1", "b": "x y"})
        self.assertEqual(update(f"{self.head}|S|a|S|x+y"), {"a": "x+y"})

    def test_values_that_are_not_plain(self) -> None:
        line = f"{self.head}|S|a|S|#|S|b|S|$|S|c|S|%23|S|d|S|#x|S|e%7C|S|é"
        self.assertEqual(update(line), {"a": None, "b": "", "c": "#", "d": "#x", "e|": "é"})

    def test_bytes(self) -> None:
        line = f"{self.head}|S|a|Y|6QB8|S|b|Y|#|S|c|Y|$|S|d|Y||S|e|S|1|S|f|Y|"
        self.assertEqual(update(line, False), {"a": b"\xe9\x00|", "b": None, "c": b"", "d": b"", "e": "1", "f": b""})

    def test_indexed_events(self) -> None:
        self.assertEqual(update(f"{self.head}|I|0|S|a|S|v0|I|1|S|b|S|v1"), {"a": "v0", "b": "v1"})

    def test_events_without_fields(self) -> None:
        self.assertEqual(update(self.head), {})
        self.assertEqual(update(f"{self.head}|"), {})

    def test_an_empty_value_at_the_end(self) -> None:
        self.assertEqual(update(f"{self.head}|S|a|S|"), {"a": ""})

    def test_what_is_malformed(self) -> None:
        for rest in ("|S|a", "|S|a|S", "|S|a|X|1", "|a|b|c|d", "|S|#|S|1", "|S|a|S|1|S", "|S|a|Y|é", "|I|x|S|a|S|1"):
            self.assertRaises(CodecError, update, self.head + rest)

    @given(EVENTS, st.booleans())
    def test_round_trips(self, event: dict[str, str | None], smart: bool) -> None:
        line = self.head + "".join(f"|S|{encode(name)}|S|{encode(value)}" for name, value in event.items())
        self.assertEqual(update(line, smart), event)

    def test_heads(self) -> None:
        self.assertEqual(notifications.event_head(["0", "EOS", "S", "a b", "S", "1f"], decode_smart), ("a b", "1f"))
        self.assertEqual(notifications.event_head(["0", "EOS", "S", "a+b", "S", "1f"], decode_form), ("a b", "1f"))
        for line in ("0|EOS", "0|EOS|S|a", "0|EOS|S|#|S|1", "0|EOS|X|a|S|1"):
            self.assertRaises(CodecError, notifications.event_head, line.split("|"), decode_smart)
        self.assertTrue(notifications.snapshot_flag(["0", "UD3", "S", "a", "S", "1", "B", "1"]))
        for line in ("0|UD3|S|a|S|1", "0|UD3|S|a|S|1|B", "0|UD3|S|a|S|1|B|2", "0|UD3|S|a|S|1|S|1"):
            self.assertRaises(CodecError, notifications.snapshot_flag, line.split("|"))

    def test_diff_orders(self) -> None:
        line = "0|DFD|S|diff1|S|1f|S|js|F|JM|S|tx|F|M|S|no|F|$|S|un|F|#"
        self.assertEqual(
            notifications.diff_orders(line.split("|"), decode_smart),
            {"js": ("JSONPATCH", "DIFF_MATCH_PATCH"), "tx": ("DIFF_MATCH_PATCH",), "no": (), "un": None},
        )
        self.assertRaises(
            CodecError, notifications.diff_orders, ["0", "DFD", "S", "a", "S", "1", "S", "x"], decode_smart
        )


class OtherTests(SynchronousTestCase):
    def test_credentials(self) -> None:
        line = "1|RAC|S|password|S|p+w%7Cd|S|SDK|S|Java+Remote+Adapter+SDK|S|enableClosePacket|S|true|S|user|S|user1"
        self.assertEqual(
            notifications.credentials(line.split("|")),
            Credentials(user="user1", password="p w|d", may_close=True, sdk="Java Remote Adapter SDK"),
        )
        self.assertEqual(notifications.credentials(["1795478182855", "RAC", "S", "x", "S", "y"]), Credentials())
        for line in ("hello", "1|NUS|S|a", "1|RAC|S|a", "1|RAC|X|a|S|b"):
            self.assertRaises(CodecError, notifications.credentials, line.split("|"))

    def test_failures(self) -> None:
        for line, text in (
            ("2|FAL|E|meta broken", "meta broken"),
            ("2|FAL|E|#", "no reason given"),
            ("2|FAL", "no reason given"),
        ):
            self.assertEqual(notifications.failure_text(line.split("|"), decode_smart), text)

    def test_requests(self) -> None:
        for line, request in (
            ("64|FST|S|S1|V", TerminationRequest("64", "S1")),
            ("65|FST|S|S1|I|-13|S|go away %7C now", TerminationRequest("65", "S1", -13, "go away | now")),
            ("65|FST|S|S1|I|0|S|#", TerminationRequest("65", "S1", 0, None)),
            ("66|FUS|S|S1|I|1", UnsubscriptionRequest("66", "S1", 1)),
        ):
            self.assertEqual(notifications.request(line.split("|"), decode_smart), request)
        for line in ("64|FST|S|S1", "64|FST|S|S1|I|x|S|y", "64|FUS|S|S1", "64|FUS|S|S1|I|1|S|x", "64|FST|S|#|V"):
            self.assertRaises(CodecError, notifications.request, line.split("|"), decode_smart)
