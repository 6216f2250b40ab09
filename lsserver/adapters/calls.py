"""
What the engine calls: one face for adapters that answer at once, that return
Deferreds, that are coroutines, and that block.

Every method gives an awaitable. Exceptions are those of
L{lsserver.adapters.errors}, L{AdapterTimeoutError<lsserver.adapters.errors.AdapterTimeoutError>},
or whatever the adapter raised; they have been logged already.

When an awaitable fails, for the engine the call has not happened: a session, a
subscription or an item that the adapter accepts too late is closed again here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from inspect import iscoroutine
from typing import Any, TypeVar, cast

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.threads import blockingCallFromThread
from twisted.logger import Logger

from lsserver.adapters import grants
from lsserver.adapters.errors import AdapterTimeoutError, ItemsError, MetadataError, SchemaError
from lsserver.adapters.grants import ItemGrant
from lsserver.adapters.hooks import Hooks
from lsserver.adapters.interfaces import ICustomizableItemEvent, IItemEvent
from lsserver.adapters.invocation import Invoker
from lsserver.adapters.listener import ItemEventListener
from lsserver.adapters.methods import DataMethods, MetadataMethods
from lsserver.adapters.modes import Mode
from lsserver.adapters.mpn import MpnDeviceInfo, MpnSubscriptionInfo
from lsserver.adapters.pools import Lane
from lsserver.adapters.reactor_calls import ReactorCalls
from lsserver.adapters.sdk import SdkValues
from lsserver.adapters.tables import TableInfo

_log = Logger(namespace="LightstreamerLogger.adapters")

R = TypeVar("R")

_FIXED_MODES = (Mode.MERGE, Mode.COMMAND, Mode.DISTINCT)


class MetadataHandle:
    """
    The Metadata Adapter of a set.

    @ivar adapter: the adapter itself.
    @ivar invoker: how it is called; C{invoker.label} is its name in logs.
    """

    def __init__(
        self,
        adapter: Any,
        invoker: Invoker,
        reactor: Any,
        *,
        authentication: Lane,
        messages: Lane,
        session: Lane,
        data: Mapping[str, Lane],
        sdk: SdkValues,
    ) -> None:
        """
        @param session: the lane of what belongs to no Data Adapter.
        @param data: the lane of each Data Adapter.
        """
        self.adapter = adapter
        self.invoker = invoker
        self.methods = MetadataMethods(adapter, invoker.label)
        self._reactor = reactor
        self._authentication = authentication
        self._messages = messages
        self._session = session
        self._data = data
        self._sdk = sdk
        self._calls = ReactorCalls(reactor, invoker.label)
        hooks = Hooks(self.methods, invoker.label)
        self.is_selected: Callable[[str | None, str, str, str, IItemEvent], bool] = hooks.is_selected
        self.customize_update: Callable[[str | None, str, str, ICustomizableItemEvent], bool] = hooks.customize_update

    async def notify_user(
        self,
        user: str | None,
        password: str | None,
        headers: dict[str, str],
        principal: str | None,
        use_principal: bool,
    ) -> None:
        """
        Step 3 of session creation; cancelling it cancels the adapter's work.

        @param headers: given to the adapter as it is, which may change it.
        @param use_principal: the port asks for client certificates.
        """
        if use_principal:
            name, function = "notify_user_with_principal", self.methods.notify_user_with_principal
            arguments: tuple[Any, ...] = (user, password, headers, principal)
        else:
            name, function = "notify_user", self.methods.notify_user
            arguments = (user, password, headers)
        await self.invoker.call(self._authentication, name, function, *arguments, cancellable=True)

    async def get_allowed_max_bandwidth(self, user: str | None) -> float:
        """kbit/s; 0 = unlimited."""
        name = "get_allowed_max_bandwidth"
        answer = await self.invoker.call(self._session, name, self.methods.get_allowed_max_bandwidth, user)
        return grants.number(answer, name)

    async def wants_tables_notification(self, user: str | None) -> bool:
        """Whether the adapter is told about this user's subscriptions."""
        function = self.methods.wants_tables_notification
        return bool(await self.invoker.call(self._session, "wants_tables_notification", function, user))

    async def notify_new_session(self, user: str | None, session_id: str, client_context: dict[str, Any]) -> None:
        """
        Step 6. When it succeeds L{notify_session_close} must follow, when it
        fails or is cancelled it must not.
        """

        def left(eventual: Deferred[Any]) -> None:
            eventual.addCallback(lambda _: Deferred.fromCoroutine(self.notify_session_close(session_id)))

        function = self.methods.notify_new_session
        arguments = (user, session_id, client_context)
        await self.invoker.call(self._session, "notify_new_session", function, *arguments, left=left)

    async def get_session_time_to_live(self, user: str | None, session_id: str) -> float:
        """Seconds; 0 = no limit."""
        name = "get_session_time_to_live"
        answer = await self.invoker.call(self._session, name, self.methods.get_session_time_to_live, user, session_id)
        return grants.number(answer, name)

    async def notify_session_close(self, session_id: str) -> None:
        """Never raises: what the adapter raises is only logged."""
        await self._notified(self._session, "notify_session_close", self.methods.notify_session_close, session_id)

    async def get_items(self, user: str | None, session_id: str, group: str, data_adapter: str) -> list[str]:
        """
        @raise ItemsError: also when what the adapter gave is no list of names, or empty.
        """
        answer = await self.invoker.call(
            self._data[data_adapter], "get_items", self.methods.get_items, user, session_id, group, data_adapter
        )
        return self._names("get_items", answer, ItemsError)

    async def get_schema(
        self, user: str | None, session_id: str, group: str, data_adapter: str, schema: str
    ) -> list[str]:
        """
        @raise ItemsError: the group is wrong.
        @raise SchemaError: also when what the adapter gave is no list of names, or empty.
        """
        lane = self._data[data_adapter]
        arguments = (user, session_id, group, schema, data_adapter)
        answer = await self.invoker.call(lane, "get_schema", self.methods.get_schema, *arguments)
        return self._names("get_schema", answer, SchemaError)

    async def grant_items(
        self,
        user: str | None,
        items: Sequence[str],
        data_adapter: str,
        mode: str,
        selector: str | None,
        unfiltered: bool,
    ) -> list[ItemGrant]:
        """
        Steps 5 to 11 of a subscription.

        @return: one grant per item.
        @raise ModeError: 24.
        @raise SelectorError: 25.
        @raise UnfilteredError: 26 or 27.
        """
        known = Mode(mode)
        program = grants.questions(
            self.methods, user, items, data_adapter, known, self._sdk.mode(known), selector, unfiltered
        )
        return await self._ask(self._data[data_adapter], "grant_items", program)

    async def fixed_mode(self, item: str, data_adapter: str) -> str | None:
        """
        Which of MERGE, COMMAND and DISTINCT an item has that was forced by its
        Data Adapter, so that no subscription tells: the only one possible, else
        the first one; C{None} when there is none.
        """

        def program() -> grants.Questions[list[str]]:
            possible = []
            for mode in _FIXED_MODES:
                arguments = (item, self._sdk.mode(mode), data_adapter)
                if (yield self.methods.mode_may_be_allowed, arguments):
                    possible.append(mode.value)
            return possible

        possible = await self._ask(self._data[data_adapter], "mode_may_be_allowed", program())
        if len(possible) > 1:
            _log.info(
                "{label}: item {item} may be had in {modes}; without a subscriber that decides it is kept as {mode}",
                label=self.invoker.label,
                item=item,
                modes=", ".join(possible),
                mode=possible[0],
            )
        return possible[0] if possible else None

    async def item_limits(self, item: str, data_adapter: str, mode: str) -> ItemGrant:
        """
        What holds for an item whoever subscribes to it: the prefilter and, in
        DISTINCT, the length of the snapshot.
        """

        def program() -> grants.Questions[ItemGrant]:
            source, snapshot = 0.0, 0
            if mode != Mode.COMMAND:
                answer = yield self.methods.get_min_source_frequency, (item, data_adapter)
                source = grants.number(answer, "get_min_source_frequency")
            if mode == Mode.DISTINCT:
                answer = yield self.methods.get_distinct_snapshot_length, (item, data_adapter)
                snapshot = grants.count(answer, "get_distinct_snapshot_length")
            return ItemGrant(min_source_frequency=source, distinct_snapshot_length=snapshot)

        return await self._ask(self._data[data_adapter], "get_distinct_snapshot_length", program())

    async def notify_new_tables(self, user: str | None, session_id: str, tables: Sequence[TableInfo]) -> None:
        """
        Step 12, only if the adapter wants it. When it succeeds
        L{notify_tables_close} must follow, when it fails or is cancelled it must not.
        """

        def left(eventual: Deferred[Any]) -> None:
            eventual.addCallback(lambda _: Deferred.fromCoroutine(self.notify_tables_close(session_id, tables)))

        lane = self._data[tables[0].data_adapter]
        arguments = (user, session_id, self._tables(tables))
        await self.invoker.call(lane, "notify_new_tables", self.methods.notify_new_tables, *arguments, left=left)

    async def notify_tables_close(self, session_id: str, tables: Sequence[TableInfo]) -> None:
        """Never raises: what the adapter raises is only logged."""
        function = self.methods.notify_tables_close
        await self._notified(self._session, "notify_tables_close", function, session_id, self._tables(tables))

    async def notify_user_message(self, user: str | None, session_id: str, message: str) -> str | None:
        """
        @return: the response text, if any.
        @raise TypeError: the adapter answered with something else.
        """
        function = self.methods.notify_user_message
        answer = await self.invoker.call(self._messages, "notify_user_message", function, user, session_id, message)
        if answer is not None and not isinstance(answer, str):
            raise TypeError(f"{self.invoker.label}: notify_user_message has returned {answer!r}, not a text")
        return answer

    async def notify_mpn_device_access(self, user: str | None, session_id: str, device: MpnDeviceInfo) -> None:
        """May the user use the device?"""
        function = self.methods.notify_mpn_device_access
        await self.invoker.call(
            self._session, "notify_mpn_device_access", function, user, session_id, self._sdk.device(device)
        )

    async def notify_mpn_subscription_activation(
        self, user: str | None, session_id: str, table: TableInfo, subscription: MpnSubscriptionInfo
    ) -> None:
        """May the push subscription start?"""
        function = self.methods.notify_mpn_subscription_activation
        arguments = (user, session_id, self._tables([table])[0], self._sdk.mpn_subscription(subscription))
        await self.invoker.call(self._session, "notify_mpn_subscription_activation", function, *arguments)

    async def notify_mpn_device_token_change(
        self, user: str | None, session_id: str, device: MpnDeviceInfo, new_device_token: str
    ) -> None:
        """May the device have this token?"""
        function = self.methods.notify_mpn_device_token_change
        arguments = (user, session_id, self._sdk.device(device), new_device_token)
        await self.invoker.call(self._session, "notify_mpn_device_token_change", function, *arguments)

    async def _notified(self, lane: Lane, name: str, function: Callable[..., Any], *args: Any) -> None:
        try:
            await self.invoker.call(lane, name, function, *args)
        except Exception as error:
            # The invoker has logged it with its traceback; there is nobody to tell.
            _log.debug("{label}: {name}: {error} ignored", label=self.invoker.label, name=name, error=repr(error))

    async def _ask(self, lane: Lane, name: str, program: grants.Questions[R]) -> R:
        """Carry out the calls of C{program}, in one go when the adapter blocks."""
        if self.invoker.blocking:
            return cast(R, await self.invoker.call(lane, name, self._ask_in_thread, program))
        answer = None
        while True:
            try:
                function, arguments = program.send(answer)
            except StopIteration as done:
                return cast(R, done.value)
            answer = self.invoker.ask(lane, function.__name__, function, arguments)
            if iscoroutine(answer):
                answer = await answer

    def _ask_in_thread(self, program: grants.Questions[R]) -> R:
        answer = None
        while True:
            try:
                function, arguments = program.send(answer)
            except StopIteration as done:
                return cast(R, done.value)
            answer = function(*arguments)
            if isinstance(answer, Awaitable):
                answer = blockingCallFromThread(self._reactor, self.invoker.resolve, answer)

    def _names(self, method: str, answer: Any, error: type[MetadataError]) -> list[str]:
        names = list(answer) if isinstance(answer, Iterable) and not isinstance(answer, (str, bytes)) else None
        if not names or not all(isinstance(name, str) for name in names):
            _log.error(
                "{label}: {method} has returned {answer!r}", label=self.invoker.label, method=method, answer=answer
            )
            raise error(f"{method} has given no names")
        return names

    def _tables(self, tables: Sequence[TableInfo]) -> list[TableInfo]:
        """The tables as the adapter may use them, in any thread."""
        return [self._sdk.table(replace(table, force_unsubscription=self._anywhere(table))) for table in tables]

    def _anywhere(self, table: TableInfo) -> Callable[[], Deferred[None]]:
        return lambda: self._calls.deferred(table.force_unsubscription)


class _LeftBehind:
    """Calls for one item that were given up and have not ended, and who waits for that."""

    def __init__(self) -> None:
        self.calls = 0
        self.waiting: list[Deferred[None]] = []


class DataHandle:
    """
    One Data Adapter of a set.

    @ivar name: its name in the set.
    @ivar adapter: the adapter itself.
    @ivar listener: what it sends its events to, once started.
    """

    def __init__(self, name: str, adapter: Any, invoker: Invoker, lane: Lane, clock: Any) -> None:
        self.name = name
        self.adapter = adapter
        self.invoker = invoker
        self.methods = DataMethods(adapter, invoker.label)
        self.listener: ItemEventListener | None = None
        self._lane = lane
        self._clock = clock
        self._left: dict[str, _LeftBehind] = {}

    async def issnapshot_available(self, item: str) -> bool:
        """Whether a snapshot follows L{subscribe}."""
        function = self.methods.issnapshot_available
        return bool(await self.invoker.call(self._lane, "issnapshot_available", function, item))

    async def subscribe(self, item: str) -> None:
        """
        Events may come before it returns. When it fails there must be no
        L{unsubscribe}.

        @raise FailureError: the process must end.
        """
        await self._alternate(item)
        assert self.listener is not None, "an adapter set is started before it is used"
        publisher = self.listener.opened(item, self.methods.smart)
        arguments = (item,) if publisher is None else (item, publisher)

        def left(eventual: Deferred[Any]) -> None:
            # For the engine it failed, so that the engine will not unsubscribe.
            eventual.addCallback(lambda _: Deferred.fromCoroutine(self._unsubscribe(item)))
            self._wait_for(item, eventual)

        try:
            await self.invoker.call(self._lane, "subscribe", self.methods.subscribe, *arguments, left=left)
        except BaseException:
            self.listener.closed(item)
            raise

    async def unsubscribe(self, item: str) -> None:
        """The item's events are ignored from the moment of the call."""
        assert self.listener is not None, "what was not subscribed is not unsubscribed"
        self.listener.closed(item)
        await self._unsubscribe(item)

    async def _unsubscribe(self, item: str) -> None:
        def left(eventual: Deferred[Any]) -> None:
            self._wait_for(item, eventual)

        await self.invoker.call(self._lane, "unsubscribe", self.methods.unsubscribe, item, left=left)

    def _wait_for(self, item: str, eventual: Deferred[Any]) -> None:
        """Hold back the next call for the item until one that was given up has ended."""
        left = self._left.setdefault(item, _LeftBehind())
        left.calls += 1

        def ended(_: Any) -> None:
            left.calls -= 1
            if not left.calls:
                del self._left[item]
                while left.waiting:
                    left.waiting.pop(0).callback(None)

        eventual.addErrback(lambda _: None)
        eventual.addCallback(ended)

    async def _alternate(self, item: str) -> None:
        """
        Calls for one item never overlap, even after one was given up.

        @raise AdapterTimeoutError: the old one still has not ended.
        """
        while (left := self._left.get(item)) is not None:
            turn: Deferred[None] = Deferred(left.waiting.remove)
            left.waiting.append(turn)
            limit = self.invoker.settings.adapter_call_timeout_millis
            if limit > 0:
                turn.addTimeout(limit / 1_000, self._clock)
            try:
                await turn
            except TimeoutError:
                text = f"{self.invoker.label}: an earlier call for item {item!r} has still not ended"
                raise AdapterTimeoutError(text) from None
