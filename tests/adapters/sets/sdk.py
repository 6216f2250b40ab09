"""Adapters as one writes them for the PyPI package, with nothing of this server."""

import threading
from typing import Any

from lightstreamer_adapter.interfaces.data import (
    DataProvider,
    DataProviderError,
    FailureError,
    SubscribeError,
)
from lightstreamer_adapter.interfaces.metadata import (
    AccessError,
    ConflictingSessionError,
    CreditsError,
    ItemsError,
    MetadataError,
    MetadataProvider,
    Mode,
    MpnDeviceInfo,
    MpnPlatformType,
    NotificationError,
    SchemaError,
)


class Feed(DataProvider):  # type: ignore[misc]
    def initialize(self, parameters: dict[str, str], config_file: str | None = None) -> None:
        self.parameters = parameters
        if "broken" in parameters:
            raise DataProviderError("no feed")

    def set_listener(self, event_listener: Any) -> None:
        self.listener = event_listener

    def issnapshot_available(self, item_name: str) -> bool:
        return True

    def subscribe(self, item_name: str) -> None:
        if item_name == "bad":
            raise SubscribeError("no such item")
        if item_name == "fatal":
            raise FailureError("lost")

        def send() -> None:
            self.listener.update(item_name, {"greeting": "hello", "bytes": b"\xe9", "nothing": None}, True)
            self.listener.end_of_snapshot(item_name)
            self.listener.update(item_name, {"greeting": "again"}, False)

        self.thread = threading.Thread(target=send)
        self.thread.start()
        self.thread.join()

    def unsubscribe(self, item_name: str) -> None:
        self.unsubscribed = item_name


class Rules(MetadataProvider):  # type: ignore[misc]
    def __init__(self) -> None:
        self.told: list[Any] = []

    def notify_user(self, user: str, password: str, http_headers: dict[str, str]) -> None:
        if user == "unknown":
            raise AccessError("who?")
        if user == "poor":
            raise CreditsError(5, "no money")
        if user == "confused":
            raise CreditsError("none", "no money")
        if user == "lost":
            raise MetadataError("something")
        if user == "poorer":
            raise CreditsError("-7", "no money", "Pay first")

    def notify_new_session(self, user: str, session_id: str, client_context: dict[str, Any]) -> None:
        if user == "twice":
            raise ConflictingSessionError(-2, "one at a time", "S0", "Close the other")
        if user == "odd":
            raise NotificationError("odd")

    def get_items(self, user: str, session_id: str, group: str) -> list[str]:
        if group == "none":
            raise ItemsError("none")
        return list(super().get_items(user, session_id, group))

    def get_schema(self, user: str, session_id: str, group: str, schema: str) -> list[str]:
        if schema == "none":
            raise SchemaError("none")
        return list(super().get_schema(user, session_id, group, schema))

    def mode_may_be_allowed(self, item: str, mode: Mode) -> bool:
        return mode is Mode.MERGE

    def ismode_allowed(self, user: str, item: str, mode: Mode) -> bool:
        return {Mode.MERGE: True}[mode]

    def wants_tables_notification(self, user: str) -> bool:
        return True

    def notify_new_tables(self, user: str, session_id: str, tables: list[Any]) -> None:
        self.told.extend(
            (table.win_index, table.mode, table.group, table.schema, table.min, table.max) for table in tables
        )

    def notify_mpn_device_access(self, user: str, session_id: str, device: MpnDeviceInfo) -> None:
        self.told.append(device == MpnDeviceInfo(MpnPlatformType.APPLE, "app", "token"))

    def notify_mpn_subscription_activation(self, user: str, session_id: str, table: Any, mpn_subscription: Any) -> None:
        self.told.append((table.mode, mpn_subscription.device.mpn_platform_type, mpn_subscription.trigger))
