"""What a remote Metadata Adapter is asked, and what becomes of its answers."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed

from lsserver.adapters.errors import (
    AccessError,
    ConflictingSessionError,
    CreditsError,
    ItemsError,
    NotificationError,
    ResourceUnavailableError,
    SchemaError,
)
from lsserver.adapters.interfaces import IMetadataProvider, IMpnHooks
from lsserver.adapters.methods import DataMethods, MetadataMethods
from lsserver.adapters.modes import Mode
from lsserver.adapters.mpn import MpnDeviceInfo, MpnPlatformType, MpnSubscriptionInfo
from lsserver.adapters.tables import SubscriptionStatistics, TableInfo
from lsserver.remote.connection import MAX_UNSENT
from lsserver.remote.data import RemoteDataProvider
from lsserver.remote.inward import MAX_HELD
from lsserver.remote.metadata import USER_ITEM_SECONDS, RemoteMetadataProvider
from lsserver.remote.pending import RequestTimeoutError
from lsserver.remote.replies import RemoteMetadataError
from tests.remote.doubles import RAC, FakeRemote, RemoteCase, cut, plain

NODE_RAC = "1|RAC|S|enableClosePacket|S|true|S|SDK|S|Node.js+Adapter+SDK"
CONTEXT = {"REMOTE_IP": "127.0.0.1", "FORWARDING_INFO": None, "HTTP_HEADERS": {"host": "h", "REQUEST_ID": "1"}}


def table(**changes: Any) -> TableInfo:
    values: dict[str, Any] = {
        "win_index": 1,
        "mode": Mode.MERGE,
        "group": "item1 item2",
        "data_adapter": "QUOTES",
        "schema": "last time",
        "min": 1,
        "max": 2,
        "subscribed_items": ["item1", "item2"],
    }
    return TableInfo(**(values | changes))


class MetadataCase(RemoteCase):
    def both(
        self, version: str | None = "1.9.1", rac: str = RAC, robust: bool = True, **parameters: str
    ) -> tuple[RemoteMetadataProvider, FakeRemote]:
        proxy = self.metadata(robust, **parameters)
        return proxy, self.ready(version, rac)

    def session(self, proxy: RemoteMetadataProvider, remote: FakeRemote, session_id: str = "S1") -> None:
        """A session that the remote has accepted."""
        deferred = proxy.notify_new_session("u", session_id, CONTEXT)
        remote.answer("V")
        self.now(deferred)


class ContractTests(RemoteCase):
    def test_they_are_adapters(self) -> None:
        methods = MetadataMethods(RemoteMetadataProvider(), "X")
        for name in (*IMetadataProvider, *IMpnHooks):
            self.assertTrue(callable(getattr(methods, name)), name)
        self.assertFalse(DataMethods(RemoteDataProvider(), "X").smart)

    def test_what_the_protocol_does_not_have(self) -> None:
        proxy = RemoteMetadataProvider()
        self.assertFalse(proxy.isselector_allowed("u", "i", "s"))
        self.assertFalse(proxy.isselected("u", "i", "s", None))
        self.assertFalse(proxy.enable_update_customization("u", "i"))
        self.assertIsNone(proxy.customize_update("u", "i", None))  # type: ignore[func-returns-value]


class UserTests(MetadataCase):
    def test_a_user(self) -> None:
        proxy, remote = self.both()
        headers = {"host": "localhost:8080", "user-agent": "Mozilla/5.0"}
        deferred = proxy.notify_user("u1", "p wd", headers)
        self.assertEqual(headers["REQUEST_ID"], "1")
        (line,) = remote.lines
        self.assertEqual(
            plain(line),
            cut("NUS|S|u1|S|p wd|S|host|S|localhost:8080|S|user-agent|S|Mozilla/5.0|S|REQUEST_ID|S|1"),
        )
        remote.answer("D|12.5|B|1")
        self.assertIsNone(self.now(deferred))  # type: ignore[func-returns-value]
        self.assertEqual(proxy.get_allowed_max_bandwidth("u1"), 12.5)
        self.assertIs(proxy.wants_tables_notification("u1"), True)

    def test_a_user_with_a_certificate(self) -> None:
        proxy, remote = self.both()
        deferred = proxy.notify_user_with_principal(None, "", {}, "CN=joe")
        self.assertEqual(remote.answer("D|0.0|B|0")[1:], cut("NUA|S|#|S|$|S|CN%3Djoe|S|REQUEST_ID|S|1"))
        self.now(deferred)
        self.assertEqual((proxy.get_allowed_max_bandwidth(None), proxy.wants_tables_notification(None)), (0, False))

    def test_refusals(self) -> None:
        for answer, kind in (
            ("EA|Wrong password", AccessError),
            ("ER|auth db down", ResourceUnavailableError),
            ("EC|no credit|-7|No more", CreditsError),
            ("E|boom", RemoteMetadataError),
            ("V", RemoteMetadataError),
            ("D|1", RemoteMetadataError),
            ("EC|x|y|z", RemoteMetadataError),
        ):
            proxy, remote = self.both()
            deferred = proxy.notify_user("u", None, {})
            remote.answer(answer)
            self.assertIs(type(self.failureResultOf(deferred).value), kind)
            self.setUp()

    def test_profiles_hold_for_a_while(self) -> None:
        proxy, remote = self.both(user_data_timeout="2000")
        deferred = proxy.notify_user("u", None, {})
        remote.answer("D|1|B|1")
        self.now(deferred)
        self.reactor.advance(2)
        self.assertEqual(proxy.get_allowed_max_bandwidth("u"), 1)
        self.reactor.advance(0.1)
        self.assertRaises(RemoteMetadataError, proxy.get_allowed_max_bandwidth, "u")

    def test_no_answer(self) -> None:
        proxy, remote = self.both(timeout="500")
        deferred = proxy.notify_user("u", None, {})
        self.reactor.advance(0.5)
        self.failureResultOf(deferred, RequestTimeoutError)
        remote.answer("D|1|B|1")
        self.assertRaises(RemoteMetadataError, proxy.get_allowed_max_bandwidth, "u")

    def test_no_limit_to_answer(self) -> None:
        proxy, remote = self.both(timeout="-1")
        deferred = proxy.notify_user("u", None, {})
        self.reactor.advance(100_000)
        remote.answer("D|1|B|1")
        self.now(deferred)

    def test_a_remote_that_does_not_read(self) -> None:
        proxy, remote = self.both()
        remote.wire.producer.pauseProducing()
        deferreds = [proxy.notify_user_message("u", "S1", "x" * 1024 * 1024) for _ in range(9)]
        self.assertNoResult(deferreds[0])
        for deferred in deferreds[-1:]:
            self.failureResultOf(deferred, RemoteMetadataError)
        remote.wire.producer.resumeProducing()
        self.assertNoResult(proxy.notify_user_message("u", "S1", "x"))


class AwayTests(MetadataCase):
    def away(self, **parameters: str) -> RemoteMetadataProvider:
        proxy = self.metadata(first_connection_timeout_millis="0", **parameters)
        self.reactor.advance(0)
        return proxy

    def test_users(self) -> None:
        proxy = self.away()
        self.failureResultOf(proxy.notify_user("u", None, {}), RemoteMetadataError)
        self.setUp()
        proxy = self.away(notify_user_on_disconnection="force_retry")
        self.assertRaises(ResourceUnavailableError, proxy.notify_user, "u", None, {})
        self.setUp()
        proxy = self.away(notify_user_disconnection_code="-8", notify_user_disconnection_msg="Come back")
        error = self.assertRaises(CreditsError, proxy.notify_user, "u", None, {})
        self.assertEqual((error.client_error_code, error.client_user_msg), (-8, "Come back"))
        self.setUp()
        proxy = self.away(notify_user_on_disconnection="send_code")
        error = self.assertRaises(CreditsError, proxy.notify_user_with_principal, "u", None, {}, None)
        self.assertEqual((error.client_error_code, error.client_user_msg), (0, "Service temporarily unavailable"))

    def test_everything_else(self) -> None:
        proxy = self.away()
        device = MpnDeviceInfo(MpnPlatformType.APPLE, "a", "t")
        for deferred in (
            proxy.get_items("u", "S1", "g"),
            proxy.get_schema("u", "S1", "g", "s"),
            proxy.prepare_items("u", ["i"]),
            proxy.notify_new_tables("u", "S1", [table()]),
            proxy.notify_user_message("u", "S1", "m"),
            proxy.notify_new_session("u", "S1", {}),
            proxy.notify_mpn_device_access("u", "S1", device),
        ):
            self.failureResultOf(deferred, RemoteMetadataError)
        self.assertRaises(
            RemoteMetadataError,
            proxy.notify_mpn_subscription_activation,
            "u",
            "S1",
            table(),
            MpnSubscriptionInfo(device, "{}"),
        )

    def test_pending_requests(self) -> None:
        proxy, remote = self.both()
        deferred = proxy.get_items("u", "S1", "g")
        remote.leave()
        self.failureResultOf(deferred, RemoteMetadataError)


class SessionTests(MetadataCase):
    def test_a_session(self) -> None:
        proxy, remote = self.both()
        deferred = proxy.notify_new_session("u1", "S1", CONTEXT)
        self.assertEqual(
            remote.answer("I|60")[1:],
            cut("NNS|S|u1|S|S1|S|REMOTE_IP|S|127.0.0.1|S|FORWARDING_INFO|S|#|S|REQUEST_ID|S|1"),
        )
        self.now(deferred)
        self.assertEqual(proxy.get_session_time_to_live("u1", "S1"), 60)
        deferred = proxy.notify_session_close("S1")
        self.assertEqual(remote.answer("V")[1:], ["NSC", "S", "S1"])
        self.now(deferred)
        self.assertEqual(proxy.get_session_time_to_live("u1", "S1"), 0)

    def test_refusals(self) -> None:
        for answer, kind in (
            ("EC|x|-1|y", CreditsError),
            ("EN|dup session", NotificationError),
            ("E|boom", RemoteMetadataError),
        ):
            proxy, remote = self.both()
            deferred = proxy.notify_new_session("u", "S1", CONTEXT)
            remote.answer(answer)
            self.failureResultOf(deferred, kind)
            self.assertEqual(remote.lines, [])
            self.setUp()

    def test_a_conflict(self) -> None:
        proxy, remote = self.both()
        deferred = proxy.notify_new_session("u", "S2", CONTEXT)
        remote.answer("EX|too many|-5|Too many sessions|S1")
        error = self.failureResultOf(deferred, ConflictingSessionError).value
        self.assertEqual(error.conflicting_session_id, "S1")  # type: ignore[attr-defined]
        proxy.notify_new_session("u", "S3", CONTEXT)
        self.assertEqual(remote.last()[-1], "1")

    def test_no_answer_may_mean_yes(self) -> None:
        proxy, remote = self.both(timeout="500")
        deferred = proxy.notify_new_session("u", "S1", CONTEXT)
        remote.taken()
        self.reactor.advance(0.5)
        self.failureResultOf(deferred, RequestTimeoutError)
        self.assertEqual(remote.answer("EN|no such session")[1:], ["NSC", "S", "S1"])

    def test_a_close_that_fails(self) -> None:
        proxy, remote = self.both()
        for answer, kind in (("EN|no", NotificationError), ("X", RemoteMetadataError)):
            deferred = proxy.notify_session_close("S1")
            remote.answer(answer)
            self.failureResultOf(deferred, kind)

    def test_a_close_without_an_answer(self) -> None:
        proxy, _ = self.both(timeout="500")
        deferred = proxy.notify_session_close("S1")
        self.reactor.advance(0.5)
        self.failureResultOf(deferred, RequestTimeoutError)
        self.assertEqual(len(proxy._closings.kept), 0)


class ItemTests(MetadataCase):
    def test_groups_and_schemas(self) -> None:
        proxy, remote = self.both()
        items = proxy.get_items("u1", "S1", "item1 item2")
        self.assertEqual(remote.answer("S|item1|S|item2")[1:], cut("GIS|S|u1|S|item1%20item2|S|S1"))
        self.assertEqual(self.now(items), ["item1", "item2"])
        fields = proxy.get_schema("u1", "S1", "g", "last time")
        self.assertEqual(remote.answer("S|last|S|time")[1:], cut("GSC|S|u1|S|g|S|last%20time|S|S1"))
        self.assertEqual(self.now(fields), ["last", "time"])
        for answer, kind in (("EI|x", ItemsError), ("ES|x", SchemaError)):
            fields = proxy.get_schema("u1", "S1", "g", "s")
            remote.answer(answer)
            self.failureResultOf(fields, kind)

    def test_a_thousand_items_in_one_round(self) -> None:
        proxy, remote = self.both()
        items = [f"item{n}" for n in range(1_000)]
        deferred = proxy.prepare_items("u1", [*items, "item0"])
        first, second = (line.split("|") for line in remote.taken())
        self.assertEqual((first[1], len(first)), ("GIT", 2 + 2 * 1_000))
        self.assertEqual((second[1], second[3], len(second)), ("GUI", "u1", 4 + 2 * 1_000))
        remote.send(f"{second[0]}|GUI" + "|I|30|D|3.0|M|M" * 1_000)
        self.assertNoResult(deferred)
        remote.send(f"{first[0]}|GIT" + "|I|10|D|2.5|M|RM" * 1_000)
        self.now(deferred)
        for item in items:
            self.assertIs(proxy.mode_may_be_allowed(item, Mode.RAW), True)
            self.assertIs(proxy.ismode_allowed("u1", item, Mode.RAW), False)
            self.assertEqual(proxy.get_allowed_max_item_frequency("u1", item), 3.0)
            self.assertEqual(proxy.get_allowed_buffer_size("u1", item), 30)
            self.assertEqual(proxy.get_min_source_frequency(item), 2.5)
            self.assertEqual(proxy.get_distinct_snapshot_length(item), 10)
        self.assertEqual(remote.lines, [])

    def test_what_is_remembered_and_for_how_long(self) -> None:
        proxy, remote = self.both()
        deferred = proxy.prepare_items("u1", ["a"])
        first, second = (line.split("|")[0] for line in remote.taken())
        remote.send(f"{first}|GIT|I|0|D|0|M|M", f"{second}|GUI|I|0|D|0|M|M")
        self.now(deferred)
        self.now(proxy.prepare_items("u1", ["a"]))
        self.assertEqual(remote.lines, [])
        deferred = proxy.prepare_items("u2", ["a"])
        self.assertEqual(remote.answer("I|0|D|0|M|M")[1:], cut("GUI|S|u2|S|a"))
        self.now(deferred)
        self.reactor.advance(USER_ITEM_SECONDS + 0.1)
        deferred = proxy.prepare_items("u1", ["a", "b"])
        lines = [line.split("|") for line in remote.taken()]
        self.assertEqual([line[1:] for line in lines], [["GIT", "S", "b"], cut("GUI|S|u1|S|a|S|b")])

    def test_errors_are_not_remembered(self) -> None:
        proxy, remote = self.both()
        for _ in range(2):
            deferred = proxy.prepare_items("u1", ["a"])
            first, second = (line.split("|")[0] for line in remote.taken())
            remote.send(f"{first}|GIT|E|boom", f"{second}|GUI|I|0|D|0")
            self.assertEqual(str(self.failureResultOf(deferred, RemoteMetadataError).value), "boom")

    def test_single_questions(self) -> None:
        proxy, remote = self.both()
        answer = proxy.mode_may_be_allowed("a", Mode.MERGE)
        self.assertEqual(remote.answer("I|1|D|2|M|M")[1:], ["GIT", "S", "a"])
        self.assertIs(self.now(answer), True)
        allowed = proxy.ismode_allowed("u", "a", Mode.MERGE)
        self.assertEqual(remote.answer("I|1|D|2|M|$")[1:], cut("GUI|S|u|S|a"))
        self.assertIs(self.now(allowed), False)

    def test_another_remote(self) -> None:
        for clear in ("Y", "N"):
            self.setUp()
            proxy, remote = self.both(clear_on_new_remote=clear)
            answer = proxy.mode_may_be_allowed("a", Mode.MERGE)
            remote.answer("I|1|D|2|M|M")
            self.now(answer)
            remote.leave()
            self.assertIs(proxy.mode_may_be_allowed("a", Mode.MERGE), True)
            remote = self.ready()
            self.assertIs(isinstance(proxy.mode_may_be_allowed("a", Mode.MERGE), Deferred), clear == "Y")


class TableTests(MetadataCase):
    def opened(self, proxy: RemoteMetadataProvider, remote: FakeRemote, answer: str = "V", **changes: Any) -> list[str]:
        """The request about a table that is accepted."""
        deferred = proxy.notify_new_tables("u1", "S1", [table(**changes)])
        tokens = remote.answer(answer)
        self.now(deferred)
        return tokens[1:]

    def closed(self, proxy: RemoteMetadataProvider, remote: FakeRemote, **changes: Any) -> list[str]:
        """The request about its end."""
        deferred = proxy.notify_tables_close("S1", [table(**changes)])
        tokens = remote.answer("V")
        self.now(deferred)
        return tokens[1:]

    OLD = "I|1|M|M|S|item1%20item2|S|last%20time|I|1|I|2|S|#"
    NEW = "I|1|M|M|S|item1%20item2|S|QUOTES|S|last%20time|I|1|I|2|S|#"
    ITEMS = "|I|2|S|item1|S|item2"

    def test_shape_a(self) -> None:
        proxy, remote = self.both("1.8.3")
        self.assertEqual(self.opened(proxy, remote), f"NNT|S|u1|S|S1|{self.OLD}".split("|"))
        self.assertEqual(self.closed(proxy, remote), f"NTC|S|S1|{self.OLD}".split("|"))

    def test_shape_b(self) -> None:
        proxy, remote = self.both()
        self.assertEqual(self.opened(proxy, remote), f"NNT|S|u1|S|S1|{self.NEW}{self.ITEMS}".split("|"))
        statistics = [SubscriptionStatistics(10, 0, 3), SubscriptionStatistics(7, 0, 1)]
        self.assertEqual(
            self.closed(proxy, remote, subscription_statistics=statistics),
            f"NTC|S|S1|{self.NEW}{self.ITEMS}|I|0".split("|"),
        )

    def test_statistics(self) -> None:
        proxy, remote = self.both()
        self.session(proxy, remote)
        self.opened(proxy, remote, "B|1|B|1")
        statistics = [SubscriptionStatistics(10, 0, 3), SubscriptionStatistics(7, 0, 1)]
        self.assertEqual(
            self.closed(proxy, remote, subscription_statistics=statistics),
            f"NTC|S|S1|{self.NEW}{self.ITEMS}|I|2|L|10|L|0|L|3|L|7|L|0|L|1".split("|"),
        )

    def test_shape_c(self) -> None:
        proxy, remote = self.both(rac=NODE_RAC)
        items = [f"i{n}" for n in range(7)]
        self.assertEqual(self.opened(proxy, remote, subscribed_items=items), f"NNT|S|u1|S|S1|{self.NEW}".split("|"))
        self.assertEqual(self.closed(proxy, remote), f"NTC|S|S1|{self.NEW}".split("|"))

    def test_the_shape_may_be_chosen(self) -> None:
        for choice, rac, lists in (("always", NODE_RAC, True), ("never", RAC, False)):
            self.setUp()
            proxy, remote = self.both(rac=rac, table_item_lists=choice)
            self.assertEqual(len(self.opened(proxy, remote)), 1 + 4 + 16 + (6 if lists else 0))

    def test_selectors_and_modes(self) -> None:
        proxy, remote = self.both(rac=NODE_RAC)
        tokens = self.opened(proxy, remote, mode="DISTINCT", selector="a b")
        self.assertEqual((tokens[8], tokens[-1]), ("D", "a%20b"))

    def test_refusals(self) -> None:
        for answer, kind in (
            ("EC|tbl|-9|table refused", CreditsError),
            ("EN|x", NotificationError),
            ("E|x", RemoteMetadataError),
            ("B|1", RemoteMetadataError),
        ):
            proxy, remote = self.both()
            deferred = proxy.notify_new_tables("u1", "S1", [table()])
            remote.answer(answer)
            self.failureResultOf(deferred, kind)
            self.setUp()

    def test_no_answer_may_mean_yes(self) -> None:
        proxy, remote = self.both(timeout="500")
        deferred = proxy.notify_new_tables("u1", "S1", [table()])
        remote.taken()
        self.reactor.advance(0.5)
        self.failureResultOf(deferred, RequestTimeoutError)
        self.assertEqual(remote.last()[1], "NTC")

    def test_push(self) -> None:
        proxy, remote = self.both("1.8.3")
        device = MpnDeviceInfo(MpnPlatformType.APPLE, "com.app", "tok1")
        subscription = MpnSubscriptionInfo(MpnDeviceInfo(MpnPlatformType.GOOGLE, "com.app", "tok1"), "{}")
        one = table(group="item1", schema="last", max=1, subscribed_items=["item1"])
        calls: list[tuple[Callable[..., Deferred[None]], tuple[Any, ...], str]] = [
            (proxy.notify_mpn_device_access, (device,), "MDA|S|u1|S|S1|P|A|S|com.app|S|tok1"),
            (
                proxy.notify_mpn_subscription_activation,
                (one, subscription),
                "MSA|S|u1|S|S1|I|1|M|M|S|item1|S|last|I|1|I|1|P|G|S|com.app|S|tok1|S|#|S|%7B%7D",
            ),
            (proxy.notify_mpn_device_token_change, (device, "tok2"), "MDC|S|u1|S|S1|P|A|S|com.app|S|tok1|S|tok2"),
        ]
        for function, arguments, wanted in calls:
            deferred = function("u1", "S1", *arguments)
            self.assertEqual("|".join(remote.answer("V")[1:]), wanted)
            self.now(deferred)

    def test_push_with_lists(self) -> None:
        for rac, size in ((RAC, 14 + 2 + 2), (NODE_RAC, 14)):
            self.setUp()
            proxy, remote = self.both(rac=rac)
            subscription = MpnSubscriptionInfo(MpnDeviceInfo(MpnPlatformType.GOOGLE, "a", "t"), "{}", "x")
            proxy.notify_mpn_subscription_activation("u", "S1", table(subscribed_items=["i"]), subscription)
            self.assertEqual(len(remote.last()), 2 + 4 + size + 6 + 4)


class MessageTests(MetadataCase):
    def test_outcomes(self) -> None:
        proxy, remote = self.both()
        deferred = proxy.notify_user_message("u1", "S1", "hello | + é")
        self.assertEqual(remote.answer("V")[1:], cut("NUM|S|u1|S|S1|S|hello%20%7C%20%2B%20%C3%A9"))
        self.assertIsNone(self.now(deferred))  # type: ignore[func-returns-value]
        for answer, kind in (
            ("EC|msg refused|-3|refused%7Cfor you", CreditsError),
            ("EN|no such session", NotificationError),
            ("E|unexpected", RemoteMetadataError),
        ):
            deferred = proxy.notify_user_message("u1", "S1", "m")
            remote.answer(answer)
            self.failureResultOf(deferred, kind)

    def test_answers_in_any_order(self) -> None:
        proxy, remote = self.both()
        first, second = proxy.notify_user_message("u", "S", "slow"), proxy.notify_user_message("u", "S", "x")
        ids = [line.partition("|")[0] for line in remote.taken()]
        remote.send(f"{ids[1]}|NUM|V")
        self.now(second)
        self.assertNoResult(first)
        remote.send(f"{ids[0]}|NUM|V")
        self.now(first)


class InwardTests(MetadataCase):
    def test_sessions_are_closed(self) -> None:
        _, remote = self.both()
        remote.send("64|FST|S|S1|V", "65|FST|S|S1|I|-13|S|go away %7C now", "66|FST|S|S1|I|0|S|#")
        self.assertEqual(
            self.listener.taken(),
            [("terminate", "S1", None, None), ("terminate", "S1", -13, "go away | now"), ("terminate", "S1", 0, None)],
        )
        self.assertEqual(remote.lines, ["64|FST|V", "65|FST|V", "66|FST|V"])

    def test_a_positive_code(self) -> None:
        _, remote = self.both()
        remote.send("64|FST|S|S1|I|1|S|x")
        self.assertEqual(remote.lines, ["64|FST|E|the%20code%20must%20not%20be%20positive"])
        self.assertEqual(self.listener.taken(), [])

    def test_what_the_server_cannot_do(self) -> None:
        _, remote = self.both()
        self.listener.termination = Deferred()
        remote.send("64|FST|S|S1|V")
        self.assertEqual(remote.lines, [])
        self.listener.termination.errback(RuntimeError("session in use"))
        self.assertEqual(remote.lines, ["64|FST|E|session%20in%20use"])
        self.flushLoggedErrors(RuntimeError)

    def test_malformed_requests_are_answered(self) -> None:
        _, remote = self.both()
        remote.send("64|FST|S|S1|X", "65|FUS|S|S1|I|x", "66|FUS", "|FUS|S")
        self.assertEqual([line.split("|")[:3] for line in remote.lines], [[str(n), kind, "E"] for n, kind in (
            (64, "FST"), (65, "FUS"), (66, "FUS"))])  # fmt: skip

    def test_a_session_in_creation(self) -> None:
        for answer in ("V", "EC|x|-1|y"):
            self.setUp()
            proxy, remote = self.both()
            deferred = proxy.notify_new_session("u", "S1", CONTEXT)
            request_id = remote.last()[0]
            remote.send("64|FST|S|S1|V")
            self.assertEqual((remote.lines, self.listener.taken()), ([], []))
            remote.send(f"{request_id}|NNS|{answer}")
            deferred.addErrback(lambda _: None)
            self.now(deferred)
            self.assertEqual(remote.lines, ["64|FST|V"])
            self.assertEqual(self.listener.taken(), [("terminate", "S1", None, None)])

    def test_no_more_than_so_many_wait(self) -> None:
        proxy, remote = self.both()
        deferred = proxy.notify_new_session("u", "S1", CONTEXT)
        request_id = remote.last()[0]
        remote.send(*(f"{number:x}|FST|S|S1|V" for number in range(100, 100 + MAX_HELD + 2)))
        self.assertEqual([line.split("|")[2] for line in remote.taken()], ["E", "E"])
        remote.send(f"{request_id}|NNS|V")
        self.now(deferred)
        self.assertEqual(len(remote.lines), MAX_HELD)
        deferred = proxy.notify_new_tables("u", "S1", [table()])
        request_id = remote.taken()[-1].split("|")[0]
        remote.send(*(f"{number:x}|FUS|S|S1|I|1" for number in range(100, 100 + MAX_HELD + 3)))
        self.assertEqual([line.split("|")[2] for line in remote.taken()], ["E", "E", "E"])
        remote.send(f"{request_id}|NNT|B|1|B|0")
        self.now(deferred)
        self.assertEqual(len(remote.lines), MAX_HELD)

    def test_a_remote_that_asks_and_does_not_read(self) -> None:
        """Answers do not pile up."""
        _, remote = self.both()
        remote.wire.producer.pauseProducing()
        for _ in range(10):
            remote.send(*["64|FST|S|S1|I|1|S|x"] * 20_000)
        self.assertFalse(remote.connected)
        self.assertLess(len(remote.wire.value()), 1.1 * MAX_UNSENT)
        self.assertEqual(
            self.logs("error"), ["DEMO/metadata: remote 127.0.0.1:50000 is lost: it does not read what it is sent"]
        )

    def subscription(self, answer: str) -> tuple[FakeRemote, list[str]]:
        """A session with a subscription; what is done to that."""
        proxy, remote = self.both()
        self.session(proxy, remote)
        done: list[str] = []

        def force() -> Deferred[None]:
            done.append("forced")
            return succeed(None)

        deferred = proxy.notify_new_tables("u", "S1", [table(force_unsubscription=force)])
        request_id = remote.last()[0]
        remote.send("64|FUS|S|S1|I|1")
        self.assertEqual((remote.lines, done), ([], []))
        remote.send(f"{request_id}|NNT|{answer}")
        deferred.addErrback(lambda _: None)
        self.now(deferred)
        return remote, done

    def test_subscriptions_are_ended(self) -> None:
        remote, done = self.subscription("B|1|B|0")
        self.assertEqual((remote.lines, done), (["64|FUS|B|1"], ["forced"]))

    def test_subscriptions_that_may_not_be_ended(self) -> None:
        for answer in ("B|0|B|1", "V"):
            self.setUp()
            remote, done = self.subscription(answer)
            self.assertEqual((remote.lines, done), (["64|FUS|B|0"], []))

    def test_subscriptions_that_are_gone(self) -> None:
        remote, done = self.subscription("EC|x|-1|y")
        remote.send("65|FUS|S|S9|I|1", "66|FUS|S|S1|I|7")
        self.assertEqual((remote.lines, done), (["64|FUS|B|1", "65|FUS|B|1", "66|FUS|B|1"], []))


class ClosingTests(MetadataCase):
    def story(self, recovery: str) -> list[str]:
        """Sessions 1 to 5 are closed, 1 and 3 answered, the last while there is no remote; what the next one gets."""
        proxy, remote = self.both(close_notifications_recovery=recovery)
        deferreds = [proxy.notify_session_close(f"S{n}") for n in range(1, 5)]
        ids = [line.partition("|")[0] for line in remote.taken()]
        remote.send(f"{ids[0]}|NSC|V", f"{ids[2]}|NSC|V")
        remote.leave()
        deferreds.append(proxy.notify_session_close("S5"))
        for deferred in deferreds:
            self.now(deferred)
        remote = self.ready()
        lines = remote.taken()
        remote.send(*(f"{line.partition('|')[0]}|NSC|EN|unknown" for line in lines))
        self.assertEqual(len(proxy._closings.kept), 0)
        return [line.split("|")[-1] for line in lines]

    def test_pessimistic(self) -> None:
        self.assertEqual(self.story("pessimistic"), cut("S2|S3|S4|S5"))

    def test_optimistic(self) -> None:
        self.assertEqual(self.story("optimistic"), ["S4", "S5"])

    def test_unneeded(self) -> None:
        self.assertEqual(self.story("unneeded"), [])

    def test_before_anything_else(self) -> None:
        proxy = self.metadata(first_connection_timeout_millis="0")
        self.reactor.advance(0)
        self.now(proxy.notify_tables_close("S1", [table()]))
        self.now(proxy.notify_session_close("S1"))
        remote = self.ready("1.8.3")
        self.assertEqual([line.split("|")[1] for line in remote.lines], ["NTC", "NSC"])

    def test_plain_proxies_keep_nothing(self) -> None:
        proxy, remote = self.both(robust=False)
        deferred = proxy.notify_session_close("S1")
        remote.leave()
        self.failureResultOf(deferred, RemoteMetadataError)
        self.failureResultOf(proxy.notify_session_close("S1"), RemoteMetadataError)
