"""
The proxy Metadata Adapter (remote-adapters.md 12, 13, 14, 16).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, gatherResults
from zope.interface import implementer

from lsserver.adapters.errors import CreditsError, MetadataProviderError, ResourceUnavailableError
from lsserver.adapters.interfaces import IMetadataControlListener, IMetadataProvider, IMpnHooks
from lsserver.adapters.modes import Mode
from lsserver.adapters.mpn import MpnDeviceInfo, MpnSubscriptionInfo
from lsserver.adapters.tables import TableInfo
from lsserver.remote import notifications, requests
from lsserver.remote.caches import Cache
from lsserver.remote.closings import Closing, Closings
from lsserver.remote.codec import CodecError, encode
from lsserver.remote.counterpart import Counterpart, RemoteAwayError
from lsserver.remote.inward import Inward
from lsserver.remote.notifications import KEEPALIVE, TerminationRequest
from lsserver.remote.pending import RequestTimeoutError
from lsserver.remote.proxy import Proxy
from lsserver.remote.replies import ItemData, RemoteMetadataError, Reply, UserItemData, UserProfile
from lsserver.remote.settings import AwayPolicy

USER_ITEM_SECONDS = 5.0
"""How long what holds for a user and an item is remembered."""

REQUEST_ID = "REQUEST_ID"
"""Ties C{NNS} to the C{NUS} before it; travels among the headers in between."""

AWAY_MESSAGE = "Service temporarily unavailable"

_CONTEXT_LEFT_OUT = frozenset({"HTTP_HEADERS", REQUEST_ID})

R = TypeVar("R")


@implementer(IMetadataProvider, IMpnHooks)
class RemoteMetadataProvider(Proxy):
    """A Metadata Adapter that asks another process."""

    init_method = "MPI"
    error_class = MetadataProviderError
    _listener: IMetadataControlListener

    def initialize(self, configured: dict[str, str], config_file: str | None = None) -> Deferred[None]:
        """See L{Proxy.initialize}."""
        started = super().initialize(configured, config_file)
        settings = self.settings
        # Sessions ask for the profile when they begin and never again.
        lifetime = settings.user_data_timeout / 1_000 if settings.clear_on_session_close else None
        self._profiles: Cache[str | None, UserProfile] = Cache(self._clock, lifetime)
        self._items: Cache[str, ItemData] = Cache(self._clock, None)
        self._user_items: Cache[tuple[str | None, str], UserItemData] = Cache(self._clock, USER_ITEM_SECONDS)
        self._closings = Closings(self.label, settings.close_notifications_recovery, self.robust)
        self._inward = Inward(self.label, self._terminate)
        self._request_ids = count(1)
        return started

    # Users and sessions

    def notify_user(self, user: str | None, password: str | None, http_headers: dict[str, str]) -> Deferred[None]:
        """C{NUS}."""
        headers = self._tagged(http_headers)
        return self._check_user("NUS", user, requests.notify_user(user, password, headers))

    def notify_user_with_principal(
        self, user: str | None, password: str | None, http_headers: dict[str, str], client_principal: str | None = None
    ) -> Deferred[None]:
        """C{NUA}."""
        headers = self._tagged(http_headers)
        arguments = requests.notify_user_with_principal(user, password, client_principal, headers)
        return self._check_user("NUA", user, arguments)

    def _tagged(self, headers: dict[str, str]) -> dict[str, str]:
        """The headers with an id for this request, which the caller's have from now on too."""
        headers[REQUEST_ID] = str(next(self._request_ids))
        return headers

    def _check_user(self, method: str, user: str | None, arguments: list[str]) -> Deferred[None]:
        if self.remote is None:
            policy = self.settings.notify_user_on_disconnection
            if policy is AwayPolicy.FORCE_RETRY:
                raise ResourceUnavailableError(f"{self.label}: the remote is away")
            if policy is AwayPolicy.SEND_CODE:
                message = self.settings.disconnection_message or AWAY_MESSAGE
                raise CreditsError(self.settings.disconnection_code, f"{self.label}: the remote is away", message)
        asked = self._ask(method, arguments, Reply.user_profile)
        return asked.addCallback(lambda profile: self._profiles.put(user, profile))

    def get_allowed_max_bandwidth(self, user: str | None) -> float:
        """From the last answer about the user."""
        return self._profile(user).max_bandwidth

    def wants_tables_notification(self, user: str | None) -> bool:
        """From the last answer about the user."""
        return self._profile(user).wants_tables

    def _profile(self, user: str | None) -> UserProfile:
        profile = self._profiles.get(user)
        if profile is None:
            raise RemoteMetadataError(f"{self.label}: what the remote has said of user {user!r} holds no longer")
        return profile

    def notify_new_session(self, user: str | None, session_id: str, client_context: dict[str, Any]) -> Deferred[None]:
        """C{NNS}."""
        context = {name: _text(value) for name, value in client_context.items() if name not in _CONTEXT_LEFT_OUT}
        context[REQUEST_ID] = (client_context.get("HTTP_HEADERS") or {}).get(REQUEST_ID)
        return Deferred.fromCoroutine(
            self._open_session(session_id, requests.notify_new_session(user, session_id, context))
        )

    async def _open_session(self, session_id: str, arguments: list[str]) -> None:
        session = self._inward.opening(session_id)
        accepted = False
        try:
            session.time_to_live = await self._ask("NNS", arguments, Reply.time_to_live)
            accepted = True
        except RequestTimeoutError:
            self._end_session_later(session_id)
            raise
        finally:
            self._inward.opened(session_id, accepted)

    def _end_session_later(self, session_id: str) -> None:
        """The remote may think that there is a session."""
        self.notify_session_close(session_id).addErrback(lambda _: None)

    def get_session_time_to_live(self, user: str | None, session_id: str) -> int:
        """From the answer about the session."""
        session = self._inward.sessions.get(session_id)
        return 0 if session is None else session.time_to_live

    def notify_session_close(self, session_id: str) -> Deferred[None]:
        """C{NSC}, now or when there is a remote again."""
        self._inward.sessions.pop(session_id, None)
        return self._tell_end("NSC", lambda _: [requests.strings(session_id)])

    def _tell_end(self, method: str, arguments: Callable[[Any], list[str]]) -> Deferred[None]:
        return Deferred.fromCoroutine(self._closings.tell(self.remote, Closing(method, arguments)))

    # Items

    def get_items(self, user: str | None, session_id: str, group: str) -> Deferred[list[str]]:
        """C{GIS}."""
        return self._ask("GIS", [requests.strings(user, group, session_id)], Reply.names)

    def get_schema(self, user: str | None, session_id: str, group: str, schema: str) -> Deferred[list[str]]:
        """C{GSC}."""
        return self._ask("GSC", [requests.strings(user, group, schema, session_id)], Reply.names)

    def prepare_items(self, user: str | None, items: Sequence[str]) -> Deferred[None]:
        """One C{GIT} and one C{GUI} for all items of which something is not known, at the same time."""
        asked: list[Deferred[Any]] = []
        unknown = [item for item in dict.fromkeys(items) if self._items.get(item) is None]
        if unknown:
            asked.append(self._ask_items(unknown))
        # All of them anew, so that none ceases to hold before the questions are asked.
        asked.append(self._ask_user_items(user, list(dict.fromkeys(items))))
        return gatherResults(asked, consumeErrors=True).addErrback(_first).addCallback(lambda _: None)

    def _ask_items(self, items: list[str]) -> Deferred[None]:
        def keep(found: list[ItemData]) -> None:
            for item, data in zip(items, found, strict=True):
                self._items.put(item, data)

        return self._ask("GIT", [requests.strings(*items)], lambda reply: reply.item_data(len(items))).addCallback(keep)

    def _ask_user_items(self, user: str | None, items: list[str]) -> Deferred[None]:
        if all(self._user_items.get((user, item)) is not None for item in items):
            return gatherResults([]).addCallback(lambda _: None)

        def keep(found: list[UserItemData]) -> None:
            for item, data in zip(items, found, strict=True):
                self._user_items.put((user, item), data)

        arguments = requests.user_items(user, items)
        return self._ask("GUI", arguments, lambda reply: reply.user_item_data(len(items))).addCallback(keep)

    def _about_item(self, item: str, answer: Callable[[ItemData], R]) -> R | Deferred[R]:
        known = self._items.get(item)
        if known is not None:
            return answer(known)
        return self._ask_items([item]).addCallback(lambda _: self._about_item(item, answer))

    def _about_user_item(self, user: str | None, item: str, answer: Callable[[UserItemData], R]) -> R | Deferred[R]:
        known = self._user_items.get((user, item))
        if known is not None:
            return answer(known)
        return self._ask_user_items(user, [item]).addCallback(lambda _: self._about_user_item(user, item, answer))

    def mode_may_be_allowed(self, item: str, mode: Mode) -> bool | Deferred[bool]:
        """C{GIT}."""
        return self._about_item(item, lambda data: mode in data.modes)

    def get_min_source_frequency(self, item: str) -> float | Deferred[float]:
        """C{GIT}."""
        return self._about_item(item, lambda data: data.min_source_frequency)

    def get_distinct_snapshot_length(self, item: str) -> int | Deferred[int]:
        """C{GIT}."""
        return self._about_item(item, lambda data: data.distinct_snapshot_length)

    def ismode_allowed(self, user: str | None, item: str, mode: Mode) -> bool | Deferred[bool]:
        """C{GUI}."""
        return self._about_user_item(user, item, lambda data: mode in data.modes)

    def get_allowed_max_item_frequency(self, user: str | None, item: str) -> float | Deferred[float]:
        """C{GUI}."""
        return self._about_user_item(user, item, lambda data: data.max_item_frequency)

    def get_allowed_buffer_size(self, user: str | None, item: str) -> int | Deferred[int]:
        """C{GUI}."""
        return self._about_user_item(user, item, lambda data: data.buffer_size)

    def isselector_allowed(self, user: str | None, item: str, selector: str) -> bool:
        """The protocol has no selectors."""
        return False

    def isselected(self, user: str | None, item: str, selector: str, event: Any) -> bool:
        """As L{isselector_allowed}."""
        return False

    def enable_update_customization(self, user: str | None, item: str) -> bool:
        """The protocol does not have that."""
        return False

    def customize_update(self, user: str | None, item: str, event: Any) -> None:
        """As L{enable_update_customization}."""

    # Subscriptions and messages

    def notify_new_tables(self, user: str | None, session_id: str, tables: list[TableInfo]) -> Deferred[None]:
        """C{NNT}, one for each table; the server has one at a time."""
        asked = [Deferred.fromCoroutine(self._open_table(user, session_id, table)) for table in tables]
        return gatherResults(asked, consumeErrors=True).addErrback(_first).addCallback(lambda _: None)

    async def _open_table(self, user: str | None, session_id: str, info: TableInfo) -> None:
        remote = self._needed()
        table = self._inward.subscribing(session_id, info)
        accepted = False
        try:
            arguments = requests.new_tables(remote.dialect, user, session_id, info)
            table.grants = await self._ask("NNT", arguments, Reply.table_grants)
            accepted = True
        except RequestTimeoutError:
            self.notify_tables_close(session_id, [info]).addErrback(lambda _: None)
            raise
        finally:
            self._inward.subscribed(session_id, info.win_index, accepted)

    def notify_tables_close(self, session_id: str, tables: list[TableInfo]) -> Deferred[None]:
        """C{NTC}, now or when there is a remote again."""
        told = [self._close_table(session_id, table) for table in tables]
        return gatherResults(told, consumeErrors=True).addErrback(_first).addCallback(lambda _: None)

    def _close_table(self, session_id: str, table: TableInfo) -> Deferred[None]:
        grants = self._inward.unsubscribed(session_id, table.win_index)
        return self._tell_end(
            "NTC", lambda dialect: requests.tables_close(dialect, session_id, table, grants.wants_statistics)
        )

    def notify_user_message(self, user: str | None, session_id: str, message: str) -> Deferred[None]:
        """C{NUM}, whose answer has no text."""
        return self._ask("NUM", [requests.strings(user, session_id, message)], Reply.void)

    # Mobile push

    def notify_mpn_device_access(self, user: str | None, session_id: str, device: MpnDeviceInfo) -> Deferred[None]:
        """C{MDA}."""
        return self._ask("MDA", requests.device_access(user, session_id, device), Reply.void)

    def notify_mpn_subscription_activation(
        self, user: str | None, session_id: str, table: TableInfo, mpn_subscription: MpnSubscriptionInfo
    ) -> Deferred[None]:
        """C{MSA}."""
        dialect = self._needed().dialect
        arguments = requests.subscription_activation(dialect, user, session_id, table, mpn_subscription)
        return self._ask("MSA", arguments, Reply.void)

    def notify_mpn_device_token_change(
        self, user: str | None, session_id: str, device: MpnDeviceInfo, new_device_token: str
    ) -> Deferred[None]:
        """C{MDC}."""
        arguments = requests.device_token_change(user, session_id, device, new_device_token)
        return self._ask("MDC", arguments, Reply.void)

    # The remote

    def _needed(self) -> Counterpart:
        if self.remote is None:
            raise RemoteMetadataError(f"{self.label}: the remote is away")
        return self.remote

    def _ask(self, method: str, arguments: Iterable[str], read: Callable[[Reply], R]) -> Deferred[R]:
        """
        @return: what C{read} makes of the answer, or what the remote has raised, or
            L{RemoteMetadataError}, L{RequestTimeoutError}.
        """
        return Deferred.fromCoroutine(self._asked(method, arguments, read))

    async def _asked(self, method: str, arguments: Iterable[str], read: Callable[[Reply], R]) -> R:
        try:
            return read(await self._needed().ask(method, arguments))
        except CodecError as error:
            raise RemoteMetadataError(f"{self.label}: the answer to {method} makes no sense: {error}") from None
        except RemoteAwayError as error:
            raise RemoteMetadataError(str(error)) from None

    def available(self, counterpart: Counterpart) -> None:
        """What was kept for the remote goes out before anything else."""
        if self.settings.clear_on_new_remote:
            self._profiles.clear()
            self._items.clear()
            self._user_items.clear()
        self._closings.resume(counterpart)

    def lines_received(self, counterpart: Counterpart, lines: list[str]) -> None:
        """Answers, requests and failures."""
        for line in lines:
            if line == KEEPALIVE:
                counterpart.keeps_alive = True
                continue
            tokens = line.split("|")
            method = tokens[1] if len(tokens) > 1 else ""
            if method in ("FST", "FUS"):
                self._requested(counterpart, line, tokens)
            elif method == "FAL":
                self.adapter_failed(counterpart, notifications.failure_text(tokens, counterpart.dialect.decode))
            else:
                self.other_line(counterpart, line, tokens)

    def _requested(self, counterpart: Counterpart, line: str, tokens: list[str]) -> None:
        try:
            request = notifications.request(tokens, counterpart.dialect.decode)
        except CodecError as wrong:
            counterpart.stray(line, str(wrong))
            if tokens[0].isalnum() and tokens[0].isascii():
                counterpart.tell(requests.line(tokens[0], tokens[1], "E", encode(str(wrong))))
            return
        if isinstance(request, TerminationRequest):
            self._inward.terminate(request, counterpart.tell)
        else:
            self._inward.unsubscribe(request, counterpart.tell)

    def _terminate(self, session_id: str, code: int | None, message: str | None) -> Deferred[None]:
        return self._listener.force_session_termination(session_id, code, message)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _first(failure: Any) -> Any:
    """The failure itself, of those that were gathered."""
    return failure.value.subFailure
