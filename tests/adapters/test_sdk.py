"""Adapters of the PyPI package lightstreamer-adapter run unchanged."""

from typing import Any

from lightstreamer_adapter.interfaces.metadata import MetadataError as SdkMetadataError
from lightstreamer_adapter.interfaces.metadata import Mode as SdkMode
from lightstreamer_adapter.interfaces.metadata import MpnPlatformType as SdkPlatform

from lsserver.adapters import loader
from lsserver.adapters.adapter_set import AdapterSet
from lsserver.adapters.errors import (
    AccessError,
    ConflictingSessionError,
    CreditsError,
    FailureError,
    ItemsError,
    LoadError,
    ModeError,
    NotificationError,
    SchemaError,
    SubscribeError,
)
from lsserver.adapters.mpn import MpnDeviceInfo, MpnPlatformType, MpnSubscriptionInfo
from tests.adapters.doubles import SetCase
from tests.adapters.test_tables import table


class SdkTests(SetCase):
    def load(self, more: str = "") -> AdapterSet:
        text = "SDK,data=tests.adapters.sets.sdk:Feed,metadata=tests.adapters.sets.sdk:Rules,param.a=1" + more
        one = loader.from_option(text, reactor=self.clock)
        self.start(one)
        return one

    def ask(self, awaitable: Any) -> Any:
        return self.clock.wait_for(awaitable)

    def refused(self, awaitable: Any, kind: type[Exception]) -> Any:
        with self.assertRaises(kind) as caught:
            self.ask(awaitable)
        return caught.exception

    def test_they_block(self) -> None:
        one = self.load()
        self.assertTrue(one.metadata.invoker.blocking)
        self.assertTrue(one.data["DEFAULT"].invoker.blocking)
        self.assertEqual(
            one.data["DEFAULT"].adapter.parameters,
            {"a": "1", "adapters_conf.id": "SDK", "data_provider.name": "DEFAULT"},
        )

    def test_an_adapter_that_cannot_start(self) -> None:
        error = self.assertRaises(LoadError, self.load, ",param.broken=yes")
        self.assertEqual(str(error), "adapter set SDK: Data Adapter DEFAULT cannot be initialised: no feed")

    def test_events_of_its_threads(self) -> None:
        handle = self.load().data["DEFAULT"]
        self.assertIs(self.ask(handle.issnapshot_available("i")), True)
        self.ask(handle.subscribe("i"))
        self.assertEqual(
            self.sink("DEFAULT").calls,
            [
                ("update", "i", {"greeting": "hello", "bytes": b"\xe9", "nothing": None}, True),
                ("end_of_snapshot", "i"),
                ("update", "i", {"greeting": "again"}, False),
            ],
        )
        self.ask(handle.unsubscribe("i"))
        self.assertEqual(handle.adapter.unsubscribed, "i")

    def test_refused_items(self) -> None:
        handle = self.load().data["DEFAULT"]
        self.assertEqual(str(self.refused(handle.subscribe("bad"), SubscribeError)), "no such item")
        self.refused(handle.subscribe("fatal"), FailureError)

    def test_refused_users(self) -> None:
        metadata = self.load().metadata

        def login(user: str) -> Any:
            return metadata.notify_user(user, "", {}, None, True)

        self.ask(login("known"))
        self.refused(login("unknown"), AccessError)
        poor = self.refused(login("poor"), CreditsError)
        self.assertEqual((poor.client_error_code, poor.client_user_msg), (0, ""))
        self.assertEqual(self.refused(login("confused"), CreditsError).client_error_code, 0)
        self.assertEqual(str(self.refused(login("lost"), Exception)), "something")
        self.assertEqual(len(self.flushLoggedErrors(SdkMetadataError)), 1)
        poorer = self.refused(login("poorer"), CreditsError)
        self.assertEqual((poorer.client_error_code, poorer.client_user_msg), (-7, "Pay first"))

    def test_refused_sessions(self) -> None:
        metadata = self.load().metadata
        conflict = self.refused(metadata.notify_new_session("twice", "S1", {}), ConflictingSessionError)
        self.assertEqual(
            (conflict.client_error_code, conflict.client_user_msg, conflict.conflicting_session_id),
            (-2, "Close the other", "S0"),
        )
        self.refused(metadata.notify_new_session("odd", "S1", {}), NotificationError)
        self.ask(metadata.notify_new_session("u", "S1", {}))
        self.assertEqual(self.ask(metadata.get_session_time_to_live("u", "S1")), 0)
        self.assertIs(self.ask(metadata.wants_tables_notification("u")), True)
        self.ask(metadata.notify_session_close("S1"))

    def test_groups_and_schemas(self) -> None:
        metadata = self.load().metadata
        self.assertEqual(self.ask(metadata.get_items("u", "S", "a b", "DEFAULT")), ["a", "b"])
        self.assertEqual(self.ask(metadata.get_schema("u", "S", "a b", "DEFAULT", "f g")), ["f", "g"])
        self.refused(metadata.get_items("u", "S", "none", "DEFAULT"), ItemsError)
        self.refused(metadata.get_schema("u", "S", "a", "DEFAULT", "none"), SchemaError)

    def test_modes_are_its_own_constants(self) -> None:
        metadata = self.load().metadata
        self.ask(metadata.grant_items("u", ["a", "b"], "DEFAULT", "MERGE", "selector", False))
        self.refused(metadata.grant_items("u", ["a"], "DEFAULT", "RAW", None, False), ModeError)
        self.assertEqual(self.ask(metadata.fixed_mode("a", "DEFAULT")), "MERGE")
        self.ask(metadata.notify_new_tables("u", "S", [table(mode="DISTINCT")]))
        self.assertEqual(metadata.adapter.told, [(3, SdkMode.DISTINCT, "a b", "f", 1, 2)])
        self.assertIs(metadata.adapter.told[0][1], SdkMode.DISTINCT)

    def test_messages_are_refused_by_default(self) -> None:
        error = self.refused(self.load().metadata.notify_user_message("u", "S", "x"), CreditsError)
        self.assertEqual((error.client_error_code, error.client_user_msg), (0, ""))

    def test_hooks_it_does_not_know(self) -> None:
        self.assertTrue(self.load().metadata.is_selected("u", "i", "DEFAULT", "s", None))  # type: ignore[arg-type]

    def test_push(self) -> None:
        metadata = self.load().metadata
        device = MpnDeviceInfo(MpnPlatformType.APPLE, "app", "token")
        self.ask(metadata.notify_mpn_device_access("u", "S", device))
        self.ask(
            metadata.notify_mpn_subscription_activation("u", "S", table(), MpnSubscriptionInfo(device, "{}", "true"))
        )
        self.assertEqual(metadata.adapter.told, [True, (SdkMode.MERGE, SdkPlatform.APPLE, "true")])
