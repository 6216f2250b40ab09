from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters import errors
from lsserver.adapters.modes import Mode
from lsserver.remote.codec import CodecError, decode_form, decode_smart, encode
from lsserver.remote.replies import (
    ItemData,
    RemoteDataError,
    RemoteMetadataError,
    Reply,
    TableGrants,
    UserItemData,
    UserProfile,
)

TEXTS = st.one_of(st.none(), st.text(st.characters(exclude_categories=("Cs",)), max_size=20))


def reply(line: str, smart: bool = True) -> Reply:
    return Reply(line.split("|"), decode_smart if smart else decode_form)


class ResultTests(SynchronousTestCase):
    def test_versions(self) -> None:
        self.assertEqual(reply("1|MPI|S|ARI.version|S|1.8.3|S|x|S|y").initialized(), "1.8.3")
        self.assertIsNone(reply("1|DPI|V").initialized())
        self.assertRaises(CodecError, reply("1|DPI|S|ARI.version").initialized)

    def test_nothing(self) -> None:
        reply("1|SUB|V").void()
        for line in ("1|SUB", "1|SUB|X", "1|SUB|V|V", "1|SUB|S|a"):
            self.assertRaises(CodecError, reply(line).void)

    def test_users(self) -> None:
        self.assertEqual(reply("1|NUS|D|12.5|B|1").user_profile(), UserProfile(12.5, True))
        self.assertEqual(reply("1|NUS|D|#|B|0").user_profile(), UserProfile(0.0, False))
        for line in ("1|NUS|V", "1|NUS|D|1", "1|NUS|D|1|B|2", "1|NUS|D|1|B|1|B|1"):
            self.assertRaises(CodecError, reply(line).user_profile)

    def test_time_to_live(self) -> None:
        for line, seconds in (("1|NNS|V", 0), ("1|NNS|I|0", 0), ("1|NNS|I|60", 60), ("1|NNS|I|-1", 0)):
            self.assertEqual(reply(line).time_to_live(), seconds)

    def test_names(self) -> None:
        self.assertEqual(reply("1|GIS|S|a b|S|$").names(), ["a b", ""])
        self.assertEqual((reply("1|GIS").names(), reply("1|GIS|").names()), ([], []))
        self.assertRaises(CodecError, reply("1|GIS|S|#").names)

    def test_item_data(self) -> None:
        line = "1|GIT|I|10|D|2.5|M|RM|I|-1|D|1e-07|M|$|I|0|D|1.0E-7|M|DC"
        self.assertEqual(
            reply(line).item_data(3),
            [
                ItemData(10, 2.5, frozenset({Mode.RAW, Mode.MERGE})),
                ItemData(0, 1e-07, frozenset()),
                ItemData(0, 1e-07, frozenset({Mode.DISTINCT, Mode.COMMAND})),
            ],
        )
        for count in (2, 4):
            self.assertRaises(CodecError, reply(line).item_data, count)

    def test_user_item_data(self) -> None:
        self.assertEqual(
            reply("1|GUI|I|30|D|3.0|M|M").user_item_data(1), [UserItemData(30, 3.0, frozenset({Mode.MERGE}))]
        )

    def test_tables(self) -> None:
        self.assertEqual(reply("1|NNT|V").table_grants(), TableGrants(False, False))
        self.assertEqual(reply("1|NNT|B|1|B|0").table_grants(), TableGrants(True, False))
        self.assertRaises(CodecError, reply("1|NNT|B|1").table_grants)


class ErrorTests(SynchronousTestCase):
    def error(self, line: str, smart: bool = True) -> Any:
        error = reply(line, smart).error()
        assert error is not None
        return error

    def test_no_error(self) -> None:
        self.assertIsNone(reply("1|GIS").error())
        self.assertIsNone(reply("1|GIS|S|E").error())

    def test_every_kind(self) -> None:
        for line, kind in (
            ("1|MPI|EM|x", errors.MetadataProviderError),
            ("1|DPI|ED|x", errors.DataProviderError),
            ("1|NUS|EA|x", errors.AccessError),
            ("1|NUA|ER|x", errors.ResourceUnavailableError),
            ("1|NNS|EN|x", errors.NotificationError),
            ("1|NTC|EN|x", errors.NotificationError),
            ("1|GIS|EI|x", errors.ItemsError),
            ("1|GSC|ES|x", errors.SchemaError),
            ("1|SUB|EU|x", errors.SubscribeError),
            ("1|USB|EF|x", errors.FailureError),
            ("1|NUS|E|x", RemoteMetadataError),
            ("1|SUB|E|x", RemoteDataError),
            ("1|SUB|EA|x", RemoteDataError),
            ("1|GIS|EA|x", RemoteMetadataError),
            ("1|GIS|EC|x|-1|y", RemoteMetadataError),
            ("1|NUS|EX|x|-1|y|S1", RemoteMetadataError),
            ("1|NUS|EQ|x", RemoteMetadataError),
        ):
            error = self.error(line)
            self.assertIs(type(error), kind, line)
            self.assertEqual(str(error), "x")

    def test_credits(self) -> None:
        error = self.error("1|NUS|EC|internal%3A+no+credit|-7|No+more+credit+%26+thanks", False)
        self.assertEqual(
            (str(error), error.client_error_code, error.client_user_msg),
            ("internal: no credit", -7, "No more credit & thanks"),
        )
        error = self.error("1|NUM|EC|#|5|#")
        self.assertEqual((str(error), error.client_error_code, error.client_user_msg), ("", 0, ""))
        self.assertEqual(self.error("1|NUM|EC|x").client_error_code, 0)
        self.assertRaises(CodecError, reply("1|NUM|EC|x|y|z").error)

    def test_conflicts(self) -> None:
        error = self.error("1|NNS|EX|too many|-5|Too many sessions|S111")
        self.assertIsInstance(error, errors.ConflictingSessionError)
        self.assertEqual((error.client_error_code, error.client_user_msg), (-5, "Too many sessions"))
        self.assertEqual(error.conflicting_session_id, "S111")
        error = self.error("1|NNS|EX|too+many|-5|#|S111", False)
        self.assertEqual((str(error), error.client_user_msg), ("too many", ""))

    def test_messages_that_are_null_or_missing(self) -> None:
        for line in ("1|NUS|E|#", "1|NUS|E", "1|NUS|E|$"):
            self.assertEqual(str(self.error(line)), "an error without a message")

    @given(TEXTS, TEXTS, st.integers(-1000, 0), st.booleans())
    def test_round_trips(self, message: str | None, user: str | None, code: int, smart: bool) -> None:
        error = self.error(f"1|NUM|EC|{encode(message)}|{code}|{encode(user)}", smart)
        self.assertEqual((error.msg, error.client_error_code, error.client_user_msg), (message or "", code, user or ""))
