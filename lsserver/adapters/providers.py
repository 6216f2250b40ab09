"""
Base classes for adapters: the defaults of the official convenience classes
(adapters-api.md 5 and 13). An adapter overrides what it has an opinion about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from zope.interface import implementer

from lsserver.adapters.errors import CreditsError
from lsserver.adapters.interfaces import (
    FieldValue,
    IDataProvider,
    IItemEventListener,
    IMetadataControlListener,
    IMetadataProvider,
    IMpnHooks,
    MaybeAsync,
)
from lsserver.adapters.modes import Mode


@implementer(IMetadataProvider, IMpnHooks)
class MetadataProvider:
    """
    Accepts everybody and every mode, takes groups and schemas for lists
    separated by spaces, sets no limit and refuses messages. Good for
    development; production code decides at least L{notify_user} and
    L{mode_may_be_allowed}.

    @ivar listener: the L{IMetadataControlListener}, after L{set_listener}.
    """

    listener: IMetadataControlListener | None = None

    def initialize(self, parameters: dict[str, str], config_file: str | None = None) -> MaybeAsync[None]:
        """Nothing to prepare."""
        return None

    def set_listener(self, listener: IMetadataControlListener) -> MaybeAsync[None]:
        """Keep the listener."""
        self.listener = listener
        return None

    def notify_user(self, user: str | None, password: str | None, http_headers: dict[str, str]) -> MaybeAsync[None]:
        """Accept."""
        return None

    def notify_user_with_principal(
        self, user: str | None, password: str | None, http_headers: dict[str, str], client_principal: str | None = None
    ) -> MaybeAsync[None]:
        """What L{notify_user} says."""
        return self.notify_user(user, password, http_headers)

    def get_allowed_max_bandwidth(self, user: str | None) -> MaybeAsync[float]:
        """No limit."""
        return 0.0

    def wants_tables_notification(self, user: str | None) -> MaybeAsync[bool]:
        """No."""
        return False

    def notify_new_session(self, user: str | None, session_id: str, client_context: dict[str, Any]) -> MaybeAsync[None]:
        """Accept."""
        return None

    def get_session_time_to_live(self, user: str | None, session_id: str) -> MaybeAsync[float]:
        """No limit."""
        return 0.0

    def notify_session_close(self, session_id: str) -> MaybeAsync[None]:
        """Not interested."""
        return None

    def get_items(self, user: str | None, session_id: str, group: str) -> MaybeAsync[list[str]]:
        """The names in C{group}, which are separated by spaces."""
        return [name for name in group.split(" ") if name]

    def get_schema(self, user: str | None, session_id: str, group: str, schema: str) -> MaybeAsync[list[str]]:
        """The names in C{schema}, which are separated by spaces."""
        return [name for name in schema.split(" ") if name]

    def prepare_items(self, user: str | None, items: Sequence[str]) -> MaybeAsync[None]:
        """Nothing to prepare."""
        return None

    def ismode_allowed(self, user: str | None, item: str, mode: Mode) -> MaybeAsync[bool]:
        """Yes."""
        return True

    def mode_may_be_allowed(self, item: str, mode: Mode) -> MaybeAsync[bool]:
        """Yes, so that the first subscription of an item decides about its mode."""
        return True

    def isselector_allowed(self, user: str | None, item: str, selector: str) -> MaybeAsync[bool]:
        """Yes."""
        return True

    def isselected(self, user: str | None, item: str, selector: str, event: Any) -> bool:
        """Yes."""
        return True

    def enable_update_customization(self, user: str | None, item: str) -> MaybeAsync[bool]:
        """No."""
        return False

    def customize_update(self, user: str | None, item: str, event: Any) -> None:
        """Leave the event as it is."""

    def get_allowed_max_item_frequency(self, user: str | None, item: str) -> MaybeAsync[float]:
        """No limit."""
        return 0.0

    def get_allowed_buffer_size(self, user: str | None, item: str) -> MaybeAsync[int]:
        """No limit."""
        return 0

    def get_min_source_frequency(self, item: str) -> MaybeAsync[float]:
        """No prefilter."""
        return 0.0

    def get_distinct_snapshot_length(self, item: str) -> MaybeAsync[int]:
        """No events are kept."""
        return 0

    def notify_new_tables(self, user: str | None, session_id: str, tables: list[Any]) -> MaybeAsync[None]:
        """Accept."""
        return None

    def notify_tables_close(self, session_id: str, tables: list[Any]) -> MaybeAsync[None]:
        """Not interested."""
        return None

    def notify_user_message(self, user: str | None, session_id: str, message: str) -> MaybeAsync[str | None]:
        """
        Refuse.

        @raise CreditsError: always, code 0.
        """
        raise CreditsError(0, "Unsupported function", "Unsupported function")

    def notify_mpn_device_access(self, user: str | None, session_id: str, device: Any) -> MaybeAsync[None]:
        """Accept."""
        return None

    def notify_mpn_subscription_activation(
        self, user: str | None, session_id: str, table: Any, mpn_subscription: Any
    ) -> MaybeAsync[None]:
        """Accept."""
        return None

    def notify_mpn_device_token_change(
        self, user: str | None, session_id: str, device: Any, new_device_token: str
    ) -> MaybeAsync[None]:
        """Accept."""
        return None


@implementer(IDataProvider)
class DataProvider:
    """
    Supplies every item and has no snapshot; L{subscribe} and L{unsubscribe} are
    for the subclass.

    @ivar listener: the L{IItemEventListener}, after L{set_listener}.
    """

    listener: IItemEventListener

    def initialize(self, parameters: dict[str, str], config_file: str | None = None) -> MaybeAsync[None]:
        """Nothing to prepare."""
        return None

    def set_listener(self, event_listener: IItemEventListener) -> MaybeAsync[None]:
        """Keep the listener."""
        self.listener = event_listener
        return None

    def issnapshot_available(self, item_name: str) -> MaybeAsync[bool]:
        """No."""
        return False

    def subscribe(self, item_name: str) -> MaybeAsync[None]:
        """Start sending events of the item."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to subscribe an item")

    def unsubscribe(self, item_name: str) -> MaybeAsync[None]:
        """Stop sending events of the item."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to unsubscribe an item")


def as_event(values: Mapping[str, object]) -> dict[str, FieldValue]:
    """
    An event from Python values: numbers become their shortest text, booleans
    C{true} and C{false}; text, bytes and C{None} stay.

    @raise TypeError: a value of another type.
    """
    event: dict[str, FieldValue] = {}
    for name, value in values.items():
        if value is None or isinstance(value, (str, bytes)):
            event[name] = value
        elif isinstance(value, bool):
            event[name] = "true" if value else "false"
        elif isinstance(value, (int, float, Decimal)):
            event[name] = str(value)
        else:
            raise TypeError(f"field {name!r} has a value of type {type(value).__name__}")
    return event
