"""
The contracts between the server and the code of adapters.

Names, arguments and meaning follow the official Python adapter SDK
(C{lightstreamer_adapter.interfaces}), so that its adapters run here unchanged;
what the in-process API of the official server has beyond it is added. Any
method but C{isselected} and C{customize_update} may return a value, a
L{Deferred<twisted.internet.defer.Deferred>} or a coroutine. An adapter whose
methods wait says so with L{IBlockingAdapter} or a class attribute
C{blocking = True}, and is then called in threads.

A Metadata Adapter's methods about items are told the Data Adapter when they
have a parameter called C{data_adapter}: it gets the name, by keyword.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

from twisted.internet.defer import Deferred
from twisted.plugin import IPlugin
from zope.interface import Attribute, Interface

from lsserver.adapters.modes import Mode
from lsserver.adapters.shapes import Shape

T = TypeVar("T")
MaybeAsync: TypeAlias = T | Awaitable[T]
"""What an adapter may return where C{T} is asked for."""

FieldValue: TypeAlias = str | bytes | None
"""The value of a field: text, ISO-8859-1 text as bytes, or null."""

ItemReceiver: TypeAlias = Callable[[Shape, list[FieldValue], bool], None]
"""Takes the events of one item: names, values, whether it is of the snapshot."""


class IItemEvent(Interface):
    """The whole state of an item (in COMMAND: of a key) as one subscriber would get it (7)."""

    is_snapshot: bool = Attribute("Whether the event belongs to the snapshot.")

    def names() -> list[str]:
        """The fields that have a value or are null, in no order."""

    def get_value(field_name: str) -> str | None:
        """The value as text; C{None} for null and for unknown fields."""

    def get_bytes(field_name: str) -> bytes | None:
        """The value as bytes (text is encoded as UTF-8); C{None} as above."""


class ICustomizableItemEvent(IItemEvent):
    """An event on its way to one buffer; changes reach that buffer only."""

    def set_value(field_name: str, value: FieldValue) -> None:
        """
        Change, add or (with C{None}) remove a field.

        @raise ValueError: for C{key} and C{command} of a COMMAND subscription.
        @raise TypeError: for a value of another type.
        """


class ISubscriptionStatistics(Interface):
    """What became of one item of a subscription that has ended (8)."""

    total_real_time: int = Attribute("Updates sent, without the snapshot.")
    total_lost: int = Attribute("Dropped for buffer limits, and signalled to the client.")
    total_filtered: int = Attribute("Suppressed by filtering or by the selector.")


class ITableInfo(Interface):
    """A subscription, as C{notify_new_tables} and C{notify_tables_close} see it (8)."""

    win_index: int = Attribute("The subscription inside its session; pairs new and close.")
    mode: Mode = Attribute("The mode, equal to its name.")
    group: str = Attribute("The item group, as the client sent it.")
    data_adapter: str = Attribute("Name of the Data Adapter.")
    schema: str = Attribute("The field schema, as the client sent it.")
    selector: str | None = Attribute("The selector, if any.")
    min: int = Attribute("1-based position of the first item taken.")
    max: int = Attribute("1-based position of the last item taken.")
    subscribed_items: Sequence[str] = Attribute("The item names that the group stands for.")
    subscription_statistics: Sequence[Any] | None = Attribute(
        "On close one L{ISubscriptionStatistics} per item, else C{None}."
    )

    def force_unsubscription() -> Deferred[None]:
        """
        End the subscription against the client's will; no effect when it has
        ended. May be called in any thread.
        """


class IMetadataControlListener(Interface):
    """What the server offers to a Metadata Adapter; callable from any thread (10)."""

    def force_session_termination(
        session_id: str, cause_code: int | None = None, cause_message: str | None = None
    ) -> Deferred[None]:
        """
        Close a session of this adapter set. Its client gets code 32, or
        C{cause_code} (positive ones become 0) with C{cause_message}. Ids that
        are unknown here do nothing and succeed.
        """

    def failure(exception: BaseException) -> None:
        """The adapter cannot go on: the process ends with a non-zero status."""


class IAdapterContext(Interface):
    """Given to C{set_context} of an adapter that has such a method, before C{initialize}."""

    set_id: str = Attribute("Id of the adapter set.")
    name: str | None = Attribute("Name of this Data Adapter; C{None} for the Metadata Adapter.")
    reactor: Any = Attribute("The reactor of the server.")

    def get_adapter(name: str | None) -> Any:
        """
        The adapter object of the same set with this name, C{None} = the
        Metadata Adapter.

        @raise KeyError: there is none.
        """


class IMetadataProvider(Interface):
    """
    Knows users, sessions, item groups, field schemas and limits (3, 4, 5).

    C{set_listener}, C{notify_user_with_principal}, C{get_session_time_to_live},
    C{prepare_items} and the methods about selectors and customizing may be missing; the defaults
    of L{lsserver.adapters.providers.MetadataProvider} then hold.
    """

    def initialize(parameters: dict[str, str], config_file: str | None = None) -> MaybeAsync[None]:
        """
        Called once, first.

        @param parameters: those configured, and C{adapters_conf.id}.
        @param config_file: the file that the parameter C{config_file} names
            (relative to the adapter's folder), else the adapter's folder, else
            C{None}.
        @raise Exception: anything: the server does not start.
        """

    def set_listener(listener: Any) -> MaybeAsync[None]:
        """Called once, after C{initialize}, with an L{IMetadataControlListener}."""

    def notify_user(user: str | None, password: str | None, http_headers: dict[str, str]) -> MaybeAsync[None]:
        """
        May this user open a session? Returning means yes.

        @param http_headers: names in lower case. What the adapter adds is found
            in C{client_context["HTTP_HEADERS"]} of C{notify_new_session}.
        @raise AccessError: unknown user or wrong password.
        @raise ResourceUnavailableError: cannot tell now.
        @raise CreditsError: not now, with a code for the client.
        """

    def notify_user_with_principal(
        user: str | None, password: str | None, http_headers: dict[str, str], client_principal: str | None = None
    ) -> MaybeAsync[None]:
        """Instead of C{notify_user} on ports that ask for client certificates."""

    def get_allowed_max_bandwidth(user: str | None) -> MaybeAsync[float]:
        """kbit/s for a session of this user; 0 = no limit."""

    def wants_tables_notification(user: str | None) -> MaybeAsync[bool]:
        """Whether C{notify_new_tables} and C{notify_tables_close} are called for this user."""

    def notify_new_session(user: str | None, session_id: str, client_context: dict[str, Any]) -> MaybeAsync[None]:
        """
        A session is about to start. Returning means that it exists and that
        exactly one C{notify_session_close} follows.

        @param client_context: C{REMOTE_IP}, C{REMOTE_PORT}, C{USER_AGENT},
            C{FORWARDING_INFO}, C{LOCAL_SERVER}, C{CLIENT_TYPE}, C{CLIENT_VERSION},
            C{HTTP_HEADERS} (3.2).
        @raise CreditsError: refused.
        @raise ConflictingSessionError: another session must be closed first.
        @raise NotificationError: something is inconsistent.
        """

    def get_session_time_to_live(user: str | None, session_id: str) -> MaybeAsync[float]:
        """Seconds after which the session is closed; zero or less = no limit."""

    def notify_session_close(session_id: str) -> MaybeAsync[None]:
        """The session has ended; exceptions are only logged."""

    def get_items(user: str | None, session_id: str, group: str) -> MaybeAsync[list[str]]:
        """
        The item names that C{group} stands for.

        @raise ItemsError: the group is not known.
        """

    def get_schema(user: str | None, session_id: str, group: str, schema: str) -> MaybeAsync[list[str]]:
        """
        The field names that C{schema} stands for.

        @raise ItemsError: the group is not known.
        @raise SchemaError: the schema is not known.
        """

    def prepare_items(user: str | None, items: Sequence[str]) -> MaybeAsync[None]:
        """
        The items of a subscription, before the methods below are asked about each
        of them: an adapter that has to ask elsewhere may do it for all at once.

        @raise Exception: anything: the subscription is refused.
        """

    def ismode_allowed(user: str | None, item: str, mode: Mode) -> MaybeAsync[bool]:
        """Whether this user may subscribe the item in this mode."""

    def mode_may_be_allowed(item: str, mode: Mode) -> MaybeAsync[bool]:
        """
        Whether the item makes sense in this mode, whoever asks. Of MERGE,
        DISTINCT and COMMAND at most one may be accepted for an item.
        """

    def isselector_allowed(user: str | None, item: str, selector: str) -> MaybeAsync[bool]:
        """Whether the selector may be used with the item."""

    def isselected(user: str | None, item: str, selector: str, event: Any) -> bool:
        """
        Whether an event passes the selector. Called for each event in the
        reactor thread, must be quick, may not wait.
        """

    def enable_update_customization(user: str | None, item: str) -> MaybeAsync[bool]:
        """Whether C{customize_update} is called for this user and item."""

    def customize_update(user: str | None, item: str, event: Any) -> None:
        """
        Change an L{ICustomizableItemEvent} for one subscriber. Called for each
        event in the reactor thread, must be quick, may not wait.
        """

    def get_allowed_max_item_frequency(user: str | None, item: str) -> MaybeAsync[float]:
        """Updates/second; 0 = no limit."""

    def get_allowed_buffer_size(user: str | None, item: str) -> MaybeAsync[int]:
        """Events; 0 = no limit."""

    def get_min_source_frequency(item: str) -> MaybeAsync[float]:
        """Events/second to which the item is resampled for everybody; 0 = no prefilter."""

    def get_distinct_snapshot_length(item: str) -> MaybeAsync[int]:
        """Events kept as snapshot of an item in DISTINCT mode; 0 = none."""

    def notify_new_tables(user: str | None, session_id: str, tables: list[Any]) -> MaybeAsync[None]:
        """
        Subscriptions are about to start. Returning accepts them and a
        C{notify_tables_close} follows.

        @param tables: L{ITableInfo} objects, one.
        @raise CreditsError: refused.
        @raise NotificationError: something is inconsistent.
        """

    def notify_tables_close(session_id: str, tables: list[Any]) -> MaybeAsync[None]:
        """Subscriptions have ended; exceptions are only logged."""

    def notify_user_message(user: str | None, session_id: str, message: str) -> MaybeAsync[str | None]:
        """
        A message of the client. May arrive after C{notify_session_close}.

        @return: a response text for the client, or C{None}.
        @raise CreditsError: denied, with a code for the client.
        @raise NotificationError: the message is wrong.
        """


OPTIONAL_METADATA_METHODS = frozenset(
    {
        "set_listener",
        "notify_user_with_principal",
        "get_session_time_to_live",
        "prepare_items",
        "isselector_allowed",
        "isselected",
        "enable_update_customization",
        "customize_update",
    }
)
"""Methods of L{IMetadataProvider} that an adapter may leave out."""


class IMpnHooks(Interface):
    """Optional methods of a Metadata Adapter about mobile push notifications (11)."""

    def notify_mpn_device_access(user: str | None, session_id: str, device: Any) -> MaybeAsync[None]:
        """May the user use this L{lsserver.adapters.mpn.MpnDeviceInfo}?"""

    def notify_mpn_subscription_activation(
        user: str | None, session_id: str, table: Any, mpn_subscription: Any
    ) -> MaybeAsync[None]:
        """May this L{lsserver.adapters.mpn.MpnSubscriptionInfo} start?"""

    def notify_mpn_device_token_change(
        user: str | None, session_id: str, device: Any, new_device_token: str
    ) -> MaybeAsync[None]:
        """May the device get a new token?"""


class IItemEventListener(Interface):
    """
    Where a Data Adapter sends its data (16); one per adapter, for its whole
    life, callable from any thread and while holding any lock. Calls about items
    that are not subscribed are ignored.
    """

    def update(item_name: str, item_event: Mapping[str, FieldValue], issnapshot: bool = False) -> None:
        """
        New values of fields. A field that is missing is not reported (in MERGE:
        unchanged), C{None} makes it null. The mapping is copied.

        @raise TypeError: a value is neither str, bytes nor C{None}.
        @raise ValueError: a text that has no UTF-8 form.
        """

    def end_of_snapshot(item_name: str) -> None:
        """The snapshot is complete."""

    def clear_snapshot(item_name: str) -> None:
        """The item's state is empty now."""

    def declare_field_diff_order(item_name: str, field_map: Mapping[str, Sequence[str] | None]) -> None:
        """
        For each field the algorithms (L{DiffAlgorithm<lsserver.adapters.modes.DiffAlgorithm>}
        or its names) to try, in order; empty = no differences, C{None} = no
        information. The first declaration of a field since C{subscribe} counts.

        @raise ValueError: an algorithm that does not exist.
        """

    def force_subscription(item_name: str) -> Deferred[str | None]:
        """
        Subscribe the item whether clients want it or not, and keep it until
        L{unforce_subscription}. Counted. Fires with the name of the mode after
        C{subscribe}, with C{None} if that failed.
        """

    def unforce_subscription(item_name: str) -> Deferred[None]:
        """Undo one L{force_subscription}."""

    def failure(exception: BaseException) -> None:
        """The adapter cannot go on: the process ends with a non-zero status."""


class IItemPublisher(Interface):
    """
    Sends events of one item for one subscription of it (17); what it is told
    after that subscription has ended is ignored. Callable from any thread.
    """

    item_name: str = Attribute("The item.")
    active: bool = Attribute("Whether the subscription lasts.")

    def update(item_event: Mapping[str, FieldValue], issnapshot: bool = False) -> None:
        """As L{IItemEventListener}."""

    def end_of_snapshot() -> None: ...
    def clear_snapshot() -> None: ...
    def declare_field_diff_order(field_map: Mapping[str, Sequence[str] | None]) -> None: ...


class IItemEventSink(Interface):
    """
    The engine's side of one Data Adapter: validated calls in the reactor thread
    only. Events of items that are not subscribed are ignored.
    """

    def update(item: str, event: dict[str, FieldValue], is_snapshot: bool) -> None: ...
    def receiver(item: str) -> ItemReceiver:
        """
        A short cut past L{update} for the events of one item, as long as it is
        subscribed: names and values of the fields, and whether it is of the snapshot.
        """

    def end_of_snapshot(item: str) -> None: ...
    def clear_snapshot(item: str) -> None: ...
    def declare_field_diff_order(item: str, orders: dict[str, tuple[str, ...]]) -> None:
        """C{orders}: names of L{DiffAlgorithm<lsserver.adapters.modes.DiffAlgorithm>}."""

    def force_subscription(item: str) -> Deferred[str | None]: ...
    def unforce_subscription(item: str) -> Deferred[None]: ...
    def failure(exception: BaseException) -> None: ...


class IDataProviderBase(Interface):
    """What the two kinds of Data Adapters share (13)."""

    def initialize(parameters: dict[str, str], config_file: str | None = None) -> MaybeAsync[None]:
        """As L{IMetadataProvider.initialize}; C{data_provider.name} is in the parameters too."""

    def set_listener(event_listener: Any) -> MaybeAsync[None]:
        """Called once, after C{initialize}, with an L{IItemEventListener}."""

    def issnapshot_available(item_name: str) -> MaybeAsync[bool]:
        """Whether a snapshot follows C{subscribe}; asked before each C{subscribe}."""

    def unsubscribe(item_name: str) -> MaybeAsync[None]:
        """Nobody wants the item any more. After it, no more events."""


class IDataProvider(IDataProviderBase):
    """
    Knows items and publishes their events on demand. C{subscribe} and
    C{unsubscribe} of an item strictly alternate and never overlap.
    """

    def subscribe(item_name: str) -> MaybeAsync[None]:
        """
        Somebody wants the item. Events may be sent at once.

        @raise SubscribeError: it cannot be supplied; no C{unsubscribe} follows.
        @raise FailureError: the adapter cannot go on.
        """


class ISmartDataProvider(IDataProviderBase):
    """A Data Adapter that gets a new L{IItemPublisher} for each subscription (17)."""

    def subscribe(item_name: str, publisher: Any) -> MaybeAsync[None]:
        """As L{IDataProvider.subscribe}."""


class IStoppable(Interface):
    """Optional, for both kinds of adapters."""

    def stop() -> MaybeAsync[None]:
        """The server stops; called once, after the last session has been closed."""


class IBlockingAdapter(Interface):
    """Marker: methods of this adapter may block, so they are called in threads (22)."""

    blocking: Literal[True] = Attribute("Always true.")


class IAdapterSetPlugin(IPlugin):
    """A Twisted plugin, in C{twisted.plugins}, that brings an adapter set."""

    def adapter_set() -> Any:
        """A new L{AdapterSet<lsserver.adapters.adapter_set.AdapterSet>}."""
