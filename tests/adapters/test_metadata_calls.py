"""What the engine gets of a Metadata Adapter that does not block."""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed

from lsserver.adapters.errors import (
    AccessError,
    AdapterTimeoutError,
    ConflictingSessionError,
    CreditsError,
    ItemsError,
    NotificationError,
    ResourceUnavailableError,
    SchemaError,
)
from lsserver.adapters.mpn import MpnDeviceInfo, MpnPlatformType, MpnSubscriptionInfo
from lsserver.adapters.providers import MetadataProvider
from lsserver.adapters.tables import TableInfo
from tests.adapters.doubles import Answers, SetCase, started
from tests.adapters.test_tables import table


class SessionTests(SetCase):
    def test_no_turn_of_the_reactor_is_needed(self) -> None:
        metadata = self.make().metadata
        self.assertIsNone(self.now(metadata.notify_user("u", "p", {}, None, False)))
        self.assertEqual(self.now(metadata.get_allowed_max_bandwidth("u")), 0.0)
        self.assertIs(self.now(metadata.wants_tables_notification("u")), False)
        self.assertIsNone(self.now(metadata.notify_new_session("u", "S1", {})))
        self.assertEqual(self.now(metadata.get_session_time_to_live("u", "S1")), 0.0)
        self.assertIsNone(self.now(metadata.notify_session_close("S1")))

    def test_the_headers_are_one_object_all_the_way(self) -> None:
        headers = {"host": "h"}

        def notify_user(user: Any, password: Any, http_headers: dict[str, str]) -> None:
            http_headers["role"] = "admin"

        adapter = Answers(notify_user=notify_user, notify_new_session=None)
        metadata = self.make(adapter).metadata
        self.now(metadata.notify_user(None, None, headers, None, False))
        self.now(metadata.notify_new_session(None, "S1", {"HTTP_HEADERS": headers}))
        self.assertIs(adapter.told[0][3], headers)
        self.assertIs(adapter.told[1][3]["HTTP_HEADERS"], headers)
        self.assertEqual(headers["role"], "admin")

    def test_the_principal_is_given_on_ports_that_ask_for_one(self) -> None:
        adapter = Answers(notify_user_with_principal=None)
        self.now(self.make(adapter).metadata.notify_user("u", "p", {}, "CN=x", True))
        self.assertEqual(adapter.told, [("notify_user_with_principal", "u", "p", {}, "CN=x")])

    def test_without_a_method_for_principals_the_user_is_still_checked(self) -> None:
        adapter = Answers(notify_user=AccessError("no"))
        self.error(self.make(adapter).metadata.notify_user("u", "p", {}, "CN=x", True), AccessError)

    def test_refusals_come_out_as_they_are(self) -> None:
        for error in (
            AccessError("no"),
            ResourceUnavailableError("later"),
            CreditsError(7, "no", None),
            ConflictingSessionError(-1, "no", "S0"),
            NotificationError("what"),
        ):
            for answer in (error, lambda *_, e=error: fail(e)):
                metadata = self.make(Answers(notify_user=answer, notify_new_session=answer)).metadata
                self.assertIs(self.error(metadata.notify_user("u", None, {}, None, False), type(error)), error)
                self.assertIs(self.error(metadata.notify_new_session("u", "S1", {}), type(error)), error)

    def test_other_exceptions_come_out_and_are_logged_with_the_adapter(self) -> None:
        metadata = self.make(Answers(notify_user=ValueError("oops"))).metadata
        self.error(metadata.notify_user("u", None, {}, None, False), ValueError)
        [failure] = self.flushLoggedErrors(ValueError)
        self.assertEqual(str(failure.value), "oops")

    def test_an_adapter_cannot_exit(self) -> None:
        def leave(*_: Any) -> None:
            raise SystemExit(1)

        self.error(self.make(Answers(notify_user=leave)).metadata.notify_user("u", None, {}, None, False), RuntimeError)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_limits_are_numbers_and_not_negative(self) -> None:
        for given, limit in ((5, 5.0), (2.5, 2.5), (-1, 0.0), (float("inf"), 0.0)):
            metadata = self.make(
                Answers(get_allowed_max_bandwidth=given, get_session_time_to_live=lambda *_, g=given: succeed(g))
            ).metadata
            self.assertEqual(self.now(metadata.get_allowed_max_bandwidth("u")), limit)
            self.assertEqual(self.now(metadata.get_session_time_to_live("u", "S")), limit)
        for wrong in (None, "5", True, float("nan")):
            metadata = self.make(Answers(get_allowed_max_bandwidth=wrong)).metadata
            self.error(metadata.get_allowed_max_bandwidth("u"), TypeError)

    def test_closing_never_fails(self) -> None:
        for answer in (ValueError("oops"), lambda *_: fail(ValueError("oops"))):
            metadata = self.make(Answers(notify_session_close=answer, notify_tables_close=answer)).metadata
            self.assertIsNone(self.now(metadata.notify_session_close("S1")))
            self.assertIsNone(self.now(metadata.notify_tables_close("S1", [table()])))
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)


class GroupTests(SetCase):
    def test_names(self) -> None:
        metadata = self.make(Answers(get_items=("a", "b"), get_schema=lambda *_: succeed(["f"]))).metadata
        self.assertEqual(self.now(metadata.get_items("u", "S", "g", "DEFAULT")), ["a", "b"])
        self.assertEqual(self.now(metadata.get_schema("u", "S", "g", "DEFAULT", "s")), ["f"])

    def test_what_is_no_list_of_names(self) -> None:
        for wrong in ([], None, "a b", b"a", 3, ["a", None], ["a", 3]):
            metadata = self.make(Answers(get_items=wrong, get_schema=wrong)).metadata
            self.error(metadata.get_items("u", "S", "g", "DEFAULT"), ItemsError)
            self.error(metadata.get_schema("u", "S", "g", "DEFAULT", "s"), SchemaError)

    def test_a_schema_may_be_refused_because_of_the_group(self) -> None:
        metadata = self.make(Answers(get_schema=ItemsError("no"))).metadata
        self.error(metadata.get_schema("u", "S", "g", "DEFAULT", "s"), ItemsError)

    def test_the_data_adapter_is_told_to_those_who_ask(self) -> None:
        class Asks(MetadataProvider):
            def get_items(self, user: Any, session_id: Any, group: Any, data_adapter: str = "") -> list[str]:
                return [user, session_id, group, data_adapter]

            def get_schema(self, user: Any, session_id: Any, group: Any, schema: Any, *, data_adapter: str) -> Any:
                return [user, session_id, group, schema, data_adapter]

        metadata = self.make(Asks()).metadata
        self.assertEqual(self.now(metadata.get_items("u", "S", "g", "DEFAULT")), ["u", "S", "g", "DEFAULT"])
        self.assertEqual(self.now(metadata.get_schema("u", "S", "g", "DEFAULT", "s")), ["u", "S", "g", "s", "DEFAULT"])


class TableTests(SetCase):
    def test_the_adapter_may_force_the_unsubscription(self) -> None:
        forced: list[str] = []

        def force() -> Deferred[None]:
            forced.append("yes")
            return succeed(None)

        adapter = Answers(notify_new_tables=None, notify_tables_close=None)
        metadata = self.make(adapter).metadata
        mine = table(force_unsubscription=force)
        self.now(metadata.notify_new_tables("u", "S", [mine]))
        told: TableInfo = adapter.told[0][3][0]
        self.assertEqual((told.win_index, told.mode, told.subscribed_items), (3, "MERGE", ["a", "b"]))
        self.assertIsNone(self.successResultOf(told.force_unsubscription()))
        self.assertEqual(forced, ["yes"])
        self.now(metadata.notify_tables_close("S", [mine]))
        self.assertEqual(adapter.told[1][2][0].win_index, 3)

    def test_a_refusal(self) -> None:
        metadata = self.make(Answers(notify_new_tables=CreditsError(-5, "no"))).metadata
        self.error(metadata.notify_new_tables("u", "S", [table()]), CreditsError)


class MessageTests(SetCase):
    def test_responses(self) -> None:
        for answer in ("thanks", None):
            metadata = self.make(Answers(notify_user_message=answer)).metadata
            self.assertEqual(self.now(metadata.notify_user_message("u", "S", "hello")), answer)

    def test_other_responses_are_errors(self) -> None:
        self.error(self.make(Answers(notify_user_message=3)).metadata.notify_user_message("u", "S", "x"), TypeError)

    def test_messages_are_refused_by_default(self) -> None:
        error = self.error(self.make().metadata.notify_user_message("u", "S", "x"), CreditsError)
        self.assertEqual(error.client_error_code, 0)


class FixedModeTests(SetCase):
    def fixed(self, *allowed: str) -> str | None:
        metadata = self.make(Answers(mode_may_be_allowed=lambda item, mode: mode in allowed)).metadata
        return self.now(metadata.fixed_mode("item", "DEFAULT"))

    def test_the_only_one(self) -> None:
        for mode in ("MERGE", "COMMAND", "DISTINCT"):
            self.assertEqual(self.fixed("RAW", mode), mode)

    def test_the_first_of_several(self) -> None:
        self.assertEqual(self.fixed("DISTINCT", "COMMAND"), "COMMAND")
        self.assertEqual(self.fixed("DISTINCT", "MERGE"), "MERGE")

    def test_none_when_there_is_only_raw(self) -> None:
        self.assertIsNone(self.fixed("RAW"))


class LateTests(SetCase):
    """Answers that come when nobody waits any more."""

    def test_a_session_accepted_after_the_time_limit_is_closed(self) -> None:
        answer: Deferred[None] = Deferred()
        adapter = Answers(notify_new_session=lambda *_: answer, notify_session_close=None)
        metadata = self.make(adapter, adapter_call_timeout_millis=2_000).metadata
        creation = started(metadata.notify_new_session("u", "S1", {}))
        self.clock.advance(1.9)
        self.assertNoResult(creation)
        self.clock.advance(0.1)
        self.failureResultOf(creation, AdapterTimeoutError)
        self.assertEqual(len(adapter.told), 1)
        answer.callback(None)
        self.assertEqual(adapter.told[1:], [("notify_session_close", "S1")])

    def test_a_session_refused_after_the_time_limit_is_not(self) -> None:
        answer: Deferred[None] = Deferred()
        adapter = Answers(notify_new_session=lambda *_: answer, notify_session_close=None)
        metadata = self.make(adapter, adapter_call_timeout_millis=2_000).metadata
        creation = started(metadata.notify_new_session("u", "S1", {}))
        self.clock.advance(2)
        self.failureResultOf(creation, AdapterTimeoutError)
        answer.errback(CreditsError(0, "no"))
        self.assertEqual(len(adapter.told), 1)

    def test_a_session_accepted_after_the_client_has_gone_is_closed(self) -> None:
        cancelled: list[Any] = []
        answer: Deferred[None] = Deferred(cancelled.append)
        adapter = Answers(notify_new_session=lambda *_: answer, notify_session_close=None)
        creation = started(self.make(adapter).metadata.notify_new_session("u", "S1", {}))
        creation.cancel()
        self.failureResultOf(creation, CancelledError)
        self.assertEqual(cancelled, [])
        answer.callback(None)
        self.assertEqual(adapter.told[1:], [("notify_session_close", "S1")])

    def test_tables_accepted_too_late_are_closed(self) -> None:
        answer: Deferred[None] = Deferred()
        adapter = Answers(notify_new_tables=lambda *_: answer, notify_tables_close=None)
        metadata = self.make(adapter, adapter_call_timeout_millis=1_000).metadata
        subscription = started(metadata.notify_new_tables("u", "S1", [table()]))
        self.clock.advance(1)
        self.failureResultOf(subscription, AdapterTimeoutError)
        answer.callback(None)
        self.assertEqual(adapter.told[1][:2], ("notify_tables_close", "S1"))

    def test_a_login_is_cancelled_with_the_client(self) -> None:
        cancelled: list[Any] = []
        answer: Deferred[None] = Deferred(cancelled.append)
        metadata = self.make(Answers(notify_user=lambda *_: answer)).metadata
        login = started(metadata.notify_user("u", "", {}, None, False))
        login.cancel()
        self.failureResultOf(login, CancelledError)
        self.assertEqual(cancelled, [answer])

    def test_there_is_no_time_limit_by_default(self) -> None:
        answer: Deferred[None] = Deferred()
        metadata = self.make(Answers(notify_user=lambda *_: answer)).metadata
        login = started(metadata.notify_user("u", "", {}, None, False))
        self.clock.advance(100_000)
        answer.callback(None)
        self.successResultOf(login)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class PushTests(SetCase):
    def test_the_hooks_are_called(self) -> None:
        adapter = Answers(
            notify_mpn_device_access=None,
            notify_mpn_subscription_activation=None,
            notify_mpn_device_token_change=CreditsError(-1, "no"),
        )
        metadata = self.make(adapter).metadata
        device = MpnDeviceInfo(MpnPlatformType.GOOGLE, "app", "token")
        self.assertEqual(str(device), "Google/app/token")
        subscription = MpnSubscriptionInfo(device, "{}")
        self.now(metadata.notify_mpn_device_access("u", "S", device))
        self.now(metadata.notify_mpn_subscription_activation("u", "S", table(), subscription))
        self.error(metadata.notify_mpn_device_token_change("u", "S", device, "other"), CreditsError)
        self.assertEqual(adapter.told[0], ("notify_mpn_device_access", "u", "S", device))
        self.assertEqual(adapter.told[1][4], subscription)
        self.assertEqual(adapter.told[2][4], "other")
