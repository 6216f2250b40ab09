"""An adapter set: one Metadata Adapter, its Data Adapters, their pools and their life (adapters-api.md 2)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList, TimeoutError, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from lsserver.adapters.calls import DataHandle, MetadataHandle
from lsserver.adapters.errors import DataProviderError, LoadError, MetadataProviderError
from lsserver.adapters.interfaces import (
    IAdapterContext,
    IBlockingAdapter,
    IItemEventSink,
    IMetadataControlListener,
)
from lsserver.adapters.invocation import CallSettings, Invoker
from lsserver.adapters.listener import ItemEventListener, MetadataControlListener
from lsserver.adapters.pools import Lane, PoolSettings
from lsserver.adapters.sdk import SdkValues, sdk_module

STOP_SECONDS = 3.0
"""How long the adapters of a set may take to stop, together."""

_log = Logger(namespace="LightstreamerLogger.adapters")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterOptions:
    """
    What is configured for one adapter.

    @ivar parameters: given to C{initialize}.
    @ivar folder: the adapter's own folder, if it has one.
    @ivar blocking: call it in threads; C{None} = what the adapter says.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    blocking: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOptions:
    """
    What is configured for an adapter set; the pools are C{None} when not
    configured. C{data} and C{data_pools} are keyed by Data Adapter.
    """

    metadata: AdapterOptions = AdapterOptions()
    data: Mapping[str, AdapterOptions] = field(default_factory=dict)
    metadata_adapter_initialised_first: bool = True
    sequentialize_table_notifications: bool = False
    adapter_set_pool: PoolSettings | None = None
    authentication_pool: PoolSettings | None = None
    messages_pool: PoolSettings | None = None
    data_pools: Mapping[str, PoolSettings] = field(default_factory=dict)


class AdapterSet:
    """
    @ivar id: what clients name in C{LS_adapter_set}.
    @ivar metadata: the Metadata Adapter.
    @ivar data: the Data Adapters by name.
    @ivar sequentialize_table_notifications: one notification of a session at a time.
    @ivar lanes: the pools, for management and for the overload check.
    @ivar options: as configured.
    """

    def __init__(
        self,
        id: str,
        metadata: Any,
        data: Mapping[str, Any],
        *,
        options: SetOptions | None = None,
        calls: CallSettings | None = None,
        reactor: Any = None,
    ) -> None:
        """
        @param metadata: an L{IMetadataProvider<lsserver.adapters.interfaces.IMetadataProvider>}.
        @param data: by name, L{IDataProvider<lsserver.adapters.interfaces.IDataProvider>}s or
            L{ISmartDataProvider<lsserver.adapters.interfaces.ISmartDataProvider>}s, at least one.
        @param reactor: C{None} = the global one. C{callLater} is enough for
            adapters that neither block nor use threads.
        @raise LoadError: an adapter lacks methods, or there is no Data Adapter.
        """
        if not data:
            raise LoadError(f"adapter set {id}: there is no Data Adapter")
        if reactor is None:
            from twisted.internet import reactor
        self.id = id
        self.options = options = SetOptions() if options is None else options
        self.sequentialize_table_notifications = options.sequentialize_table_notifications
        self._reactor: Any = reactor
        self._calls = CallSettings() if calls is None else calls

        def lane(name: str, settings: PoolSettings | None, limit: int | None = None) -> Lane:
            return Lane(f"{id}.{name}", reactor, settings, asynchronous_limit=limit)

        shared = options.adapter_set_pool
        session = lane("SET", shared, shared.max_size if shared is not None else None)
        authentication = lane("AUTHENTICATION", options.authentication_pool)
        messages = lane("MSG", options.messages_pool)
        data_lanes: dict[str, Lane] = {}
        for name in data:
            own = options.data_pools.get(name)
            if own is None and shared is not None:
                data_lanes[name] = session
            else:
                data_lanes[name] = lane(f"DATA.{name}", own, own.max_size if own is not None else None)
        self.lanes: tuple[Lane, ...] = tuple(dict.fromkeys((authentication, messages, session, *data_lanes.values())))
        self._session_lane = session
        self._data_lanes = data_lanes
        self.metadata = MetadataHandle(
            metadata,
            self._invoker(f"{id}/metadata", metadata, options.metadata),
            reactor,
            authentication=authentication,
            messages=messages,
            session=session,
            data=data_lanes,
            sdk=SdkValues(sdk_module(metadata)),
        )
        self.data: dict[str, DataHandle] = {
            name: DataHandle(
                name,
                adapter,
                self._invoker(f"{id}/{name}", adapter, self._data_options(name)),
                data_lanes[name],
                reactor,
            )
            for name, adapter in data.items()
        }

    @property
    def calls(self) -> CallSettings:
        """How long calls may take; may be changed before L{start}."""
        return self._calls

    @calls.setter
    def calls(self, settings: CallSettings) -> None:
        self._calls = settings
        self.metadata.invoker.settings = settings
        for handle in self.data.values():
            handle.invoker.settings = settings

    @property
    def overloaded(self) -> bool:
        """Whether a pool has more queued calls than its C{max_queue}."""
        return any(lane.overloaded for lane in self.lanes)

    @property
    def waiting_calls(self) -> float:
        """
        Queued calls of the pools that have no C{max_queue} of their own; infinitely
        many if one that has is beyond it.
        """
        if self.overloaded:
            return math.inf
        return sum(lane.waiting for lane in self.lanes if lane.settings.max_queue is None)

    async def start(
        self, control_listener: IMetadataControlListener, item_listener_for: Callable[[str], IItemEventSink]
    ) -> None:
        """
        Initialise the adapters: the Metadata Adapter first unless configured
        otherwise, the Data Adapters together. In the reactor thread.

        @param item_listener_for: gives the engine's side of a Data Adapter, by name.
        @raise LoadError: an adapter cannot start; those that could are stopped again.
        """
        try:
            metadata = Deferred.fromCoroutine(self._start_metadata(control_listener))
            starting = [metadata]
            if self.options.metadata_adapter_initialised_first:
                await metadata
                starting = []
            for name in self.data:
                sink = item_listener_for(name)
                starting.append(Deferred.fromCoroutine(self._start_data(name, sink)))
            # All of them are waited for, so that what is stopped below has started.
            outcomes: list[tuple[bool, Any]] = await DeferredList(starting, consumeErrors=True)
            for succeeded, outcome in outcomes:
                if not succeeded:
                    outcome.raiseException()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """
        Tell the adapters that have a method C{stop}, Data Adapters first. Errors
        are logged; what takes longer than L{STOP_SECONDS} is not waited for.
        """
        for handle in self.data.values():
            if handle.listener is not None:
                # An adapter may wait for the end of its threads, and they for the reactor.
                handle.listener.close()
        clock: IReactorTime = self._reactor
        stopping = Deferred.fromCoroutine(self._stop_all())
        # The adapter's Deferred is left alone, it is only not waited for.
        patience: Deferred[None] = Deferred()
        stopping.addBoth(lambda _: None if patience.called else patience.callback(None))
        patience.addTimeout(STOP_SECONDS, clock)
        try:
            await patience
        except TimeoutError:
            _log.error("adapter set {id}: an adapter has not stopped within {s} s", id=self.id, s=STOP_SECONDS)
        for lane in self.lanes:
            lane.stop()

    async def _stop_all(self) -> None:
        data = [
            Deferred.fromCoroutine(self._stop_one(handle, self._data_lanes[name])) for name, handle in self.data.items()
        ]
        await gatherResults(data)
        await self._stop_one(self.metadata, self._session_lane)

    async def _stop_one(self, handle: MetadataHandle | DataHandle, lane: Lane) -> None:
        stop = getattr(handle.adapter, "stop", None)
        if callable(stop):
            try:
                await handle.invoker.call(lane, "stop", stop)
            except Exception as error:
                # The invoker has logged it with its traceback.
                _log.error("{label}: has not stopped: {error}", label=handle.invoker.label, error=repr(error))

    async def _start_metadata(self, control_listener: IMetadataControlListener) -> None:
        handle = self.metadata
        listener = MetadataControlListener(control_listener, self._reactor, handle.invoker.label)
        parameters = {**self.options.metadata.parameters, "adapters_conf.id": self.id}
        await self._initialize(handle, None, self._session_lane, self.options.metadata, parameters, listener)

    async def _start_data(self, name: str, sink: IItemEventSink) -> None:
        handle = self.data[name]
        listener = handle.listener = ItemEventListener(
            sink, self._reactor, handle.invoker.label, self._calls.max_queued_events
        )
        options = self._data_options(name)
        parameters = {**options.parameters, "adapters_conf.id": self.id, "data_provider.name": name}
        await self._initialize(handle, name, self._data_lanes[name], options, parameters, listener)

    async def _initialize(
        self,
        handle: MetadataHandle | DataHandle,
        name: str | None,
        lane: Lane,
        options: AdapterOptions,
        parameters: dict[str, str],
        listener: Any,
    ) -> None:
        set_context = getattr(handle.adapter, "set_context", None)
        config_file = _config_file(options)
        who = "the Metadata Adapter" if name is None else f"Data Adapter {name}"
        invoker = handle.invoker
        try:
            if callable(set_context):
                set_context(AdapterContext(self, name, self._reactor))
            initialize = handle.methods.initialize
            # Whoever loads much or waits for somebody does it here; nobody is kept from anything yet.
            await invoker.call(lane, "initialize", initialize, parameters, config_file, limited=False)
            await invoker.call(lane, "set_listener", handle.methods.set_listener, listener)
        except CancelledError:
            # Whoever starts the set has given up: nothing is wrong with the adapter.
            raise
        except Exception as error:
            text = str(error) if isinstance(error, (MetadataProviderError, DataProviderError)) else repr(error)
            raise LoadError(f"adapter set {self.id}: {who} cannot be initialised: {text}") from error

    def _data_options(self, name: str) -> AdapterOptions:
        return self.options.data.get(name, _NO_OPTIONS)

    def _invoker(self, label: str, adapter: Any, options: AdapterOptions) -> Invoker:
        blocking = options.blocking
        if blocking is None:
            blocking = (
                IBlockingAdapter.providedBy(adapter)
                or getattr(adapter, "blocking", False) is True
                or sdk_module(adapter) is not None
            )
        return Invoker(label, blocking, self._reactor, self._calls)


_NO_OPTIONS = AdapterOptions()


@implementer(IAdapterContext)
class AdapterContext:
    """How an adapter finds its server and the other adapters of its set."""

    def __init__(self, adapter_set: AdapterSet, name: str | None, reactor: Any) -> None:
        self._adapter_set = adapter_set
        self.set_id = adapter_set.id
        self.name = name
        self.reactor = reactor

    def get_adapter(self, name: str | None) -> Any:
        """
        @raise KeyError: there is no such Data Adapter.
        """
        return (self._adapter_set.metadata if name is None else self._adapter_set.data[name]).adapter


def _config_file(options: AdapterOptions) -> str | None:
    configured = options.parameters.get("config_file")
    if configured is None:
        return None if options.folder is None else str(options.folder)
    return configured if options.folder is None else str(options.folder / configured)
