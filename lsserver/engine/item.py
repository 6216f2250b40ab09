"""
One item of one Data Adapter: who is interested, whether the adapter is subscribed,
the phase of its snapshot, and its state in the mode it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from lsserver.adapters.errors import FailureError
from lsserver.engine.gate import Gate, State
from lsserver.engine.modes.base import Channel, Event
from lsserver.engine.modes.command import CommandChannel
from lsserver.engine.modes.distinct import DistinctChannel
from lsserver.engine.modes.merge import MergeChannel
from lsserver.engine.modes.raw import RawChannel
from lsserver.engine.prefilter import Prefilter

if TYPE_CHECKING:
    from typing import Any

    from twisted.internet.defer import Deferred

    from lsserver.adapters.grants import ItemGrant
    from lsserver.adapters.shapes import Shape
    from lsserver.engine.dialect import IValueCodec
    from lsserver.engine.feed import Feed
    from lsserver.engine.slots.base import Slot
    from lsserver.engine.view import Value

_log = Logger(namespace="LightstreamerLogger.subscriptions")

CHANNELS: dict[str, type[Channel[Any]]] = {
    "MERGE": MergeChannel,
    "DISTINCT": DistinctChannel,
    "COMMAND": CommandChannel,
}


class Item:
    """
    @ivar main: the item in the one mode of MERGE, DISTINCT and COMMAND that it has.
    @ivar provisional: nobody has asked for that mode yet; it only keeps the state.
    @ivar raw: the item in RAW, which can coexist with any mode.
    @ivar in_snapshot: the adapter has a snapshot to give and has not completed it.
    @ivar interest: subscriptions, enforcements and lingering ones.
    """

    __slots__ = (
        "_gate",
        "_merge",
        "_orders",
        "_prefilter",
        "_used",
        "distinct_snapshot_length",
        "enforcements",
        "feed",
        "flusher",
        "in_snapshot",
        "interest",
        "main",
        "name",
        "now",
        "provisional",
        "raw",
        "settings",
    )

    def __init__(self, feed: Feed, name: str) -> None:
        self.feed = feed
        self.name = name
        self.settings = feed.settings
        self.flusher = feed.flusher
        self.now = feed.now
        self.interest = 0
        self.enforcements = 0
        self.in_snapshot = False
        self.distinct_snapshot_length = 0
        self.main: Channel[Any] | None = None
        self._merge: MergeChannel | None = None
        self.provisional = False
        self.raw: RawChannel | None = None
        self._prefilter: Prefilter | None = None
        self._orders: dict[str, tuple[str, ...]] = {}
        self._used: set[str] = set()
        self._gate = Gate(self._subscribe, self._unsubscribe, self._released)

    # Interest

    @property
    def failed(self) -> bool:
        """The adapter refused the subscription."""
        return self._gate.state is State.FAILED

    def settled(self) -> Deferred[bool]:
        """As in L{Gate}."""
        return self._gate.settled()

    def may_be(self, mode: str) -> bool:
        """An item is handled in one of MERGE, DISTINCT and COMMAND only (adapters-api.md 4.1)."""
        return mode == "RAW" or self.main is None or self.provisional or self.main.mode == mode

    def reserve(self, mode: str, grant: ItemGrant) -> None:
        """A subscriber will come, for whom the mode is fixed from now on; L{attach} follows, or L{release}."""
        if mode == "RAW":
            if self.raw is None:
                self.raw = RawChannel(self)
        else:
            self.take_mode(mode, grant)
            self.provisional = False
        self.retain()
        if self._gate.state is not State.IDLE:
            # It stays as it is, or comes back. That the adapter has to be asked at all can wait.
            self._want()

    def attach(self, slot: Slot, mode: str, fields: tuple[str, ...], codec: IValueCodec) -> None:
        """
        The subscriber for whom the item was reserved comes. The slot is in place before the adapter is asked, so
        that it misses nothing.
        """
        channel = self.raw if mode == "RAW" else self.main
        assert channel is not None
        self._expect_snapshot()
        channel.attach(slot, fields, codec)
        # A hook that has seen the state may have ended every session.
        self._gate.want(self.interest > 0)

    def _want(self) -> None:
        self._expect_snapshot()
        self._gate.want(True)

    def take_mode(self, mode: str, grant: ItemGrant) -> Channel[Any]:
        """Fix the mode, which until now may have been a guess."""
        if self.main is None or (self.provisional and self.main.mode != mode):
            limit = self.settings.max_buffer_size
            self._used = self._fields_used()
            self.distinct_snapshot_length = max(0, min(grant.distinct_snapshot_length, limit))
            self.main = CHANNELS[mode](self)
            self._merge = self.main if isinstance(self.main, MergeChannel) else None
            self._prefilter = None
            if grant.min_source_frequency > 0 and mode != "COMMAND":
                self._prefilter = Prefilter(
                    self.feed.wheel, grant.min_source_frequency, mode == "MERGE", self._publish_realtime
                )
        return self.main

    def detach(self, slot: Slot, mode: str) -> None:
        """A subscriber goes; its interest may linger, see L{release}."""
        channel = self.raw if mode == "RAW" else self.main
        assert channel is not None
        channel.detach(slot)

    def retain(self) -> None:
        """One more reason to stay subscribed."""
        self.interest += 1

    def release(self, linger_seconds: float = 0.0) -> None:
        """One reason less, now or a little later."""
        if linger_seconds > 0:
            self.feed.wheel.after(linger_seconds * 1000, self.release)
            return
        self.interest -= 1
        if self.interest:
            return
        if self._gate.state is State.IDLE:
            # It was only reserved.
            self._released()
        else:
            self._gate.want(False)

    def enforce(self) -> None:
        """C{force_subscription}: subscribe even if no client is interested."""
        self.enforcements += 1
        self.retain()
        self._want()

    def _expect_snapshot(self) -> None:
        """The first interest of all: the snapshot can only come from the adapter."""
        if self._gate.state in (State.IDLE, State.UNSUBSCRIBING):
            self.in_snapshot = True

    # The adapter

    async def _subscribe(self) -> None:
        adapter = self.feed.adapter
        try:
            if self.main is None:
                # Only RAW subscribers so far: keep the state for whoever comes later.
                mode = await self.feed.metadata.fixed_mode(self.name, adapter.name)
                if mode is not None:
                    limits = await self.feed.metadata.item_limits(self.name, adapter.name, mode)
                    if self.main is None:
                        self.take_mode(mode, limits)
                        self.provisional = True
            available = await adapter.issnapshot_available(self.name)
            if not available:
                self.end_snapshot(silently=True)
            await adapter.subscribe(self.name)
        except Exception as error:
            self._adapter_raised("subscribed", error)
            raise
        _log.debug("item {item} of {adapter} subscribed", item=self.name, adapter=adapter.name)

    async def _unsubscribe(self) -> None:
        adapter = self.feed.adapter
        self._reset()
        try:
            await adapter.unsubscribe(self.name)
        except Exception as error:
            self._adapter_raised("unsubscribed", error)
        else:
            _log.debug("item {item} of {adapter} unsubscribed", item=self.name, adapter=adapter.name)

    def _adapter_raised(self, wanted: str, error: Exception) -> None:
        """No client is told. Logged in full where the adapter was called."""
        name = self.feed.adapter.name
        _log.warn("item {item} of {adapter} could not be {wanted}", item=self.name, adapter=name, wanted=wanted)
        if isinstance(error, FailureError):
            self.feed.failure(error)

    def _reset(self) -> None:
        """The state ends with the interest; whoever comes from now on belongs to the next subscription."""
        self.main = self._merge = self.raw = None
        self.provisional = self.in_snapshot = False
        self._orders.clear()
        self._used.clear()
        if self._prefilter is not None:
            self._prefilter.clear()
            self._prefilter = None

    def _released(self) -> None:
        """The adapter has let go of the item."""
        self.feed.forget(self)
        if not self.interest:
            # Whoever comes next gets another item. One that failed or was only reserved has its state still.
            self._reset()
            self._gate.retire()

    # Events

    def update(self, event: Event, is_snapshot: bool) -> None:
        """The adapter has news (adapters-api.md 14)."""
        if not self._gate.open:
            return
        if self._merge is None or self._prefilter is not None:
            self._used.update(event)
        if self.in_snapshot:
            if is_snapshot:
                if self.main is not None:
                    self.in_snapshot = self.main.mode != "MERGE"
                    self.main.publish(event, True)
                return
            # The first event that is not of the snapshot ends it.
            self.end_snapshot()
        if self.raw is not None and not is_snapshot:
            self.raw.publish(event, False)
        if self._prefilter is not None:
            self._prefilter.offer(event)
        elif self.main is not None:
            self.main.publish(event, False)

    def receive(self, shape: Shape, values: list[Value], is_snapshot: bool) -> None:
        """
        As L{update}, of an event in two parts. This is the way of nearly all events
        of remote adapters, and short where nobody needs more.
        """
        merge = self._merge
        if (
            merge is not None
            and self.raw is None
            and self._prefilter is None
            and not self.in_snapshot
            and self._gate.open
        ):
            merge.publish_values(shape, values)
        else:
            self.update(dict(zip(shape.names, values, strict=True)), is_snapshot)

    def _publish_realtime(self, event: Event) -> None:
        assert self.main is not None
        self.main.publish(event, False)

    def end_of_snapshot(self) -> None:
        """The adapter says that its snapshot is complete."""
        if self._gate.open:
            self.end_snapshot()

    def end_snapshot(self, silently: bool = False) -> None:
        """
        The snapshot is complete.

        @param silently: there never was one to come, which in MERGE says nothing about the state.
        """
        if self.in_snapshot:
            self.in_snapshot = False
            if self.main is not None and not (silently and self.main.mode == "MERGE"):
                self.main.end_of_snapshot()

    def clear_snapshot(self) -> None:
        """The adapter says that the state is empty."""
        if self._gate.open:
            if self._prefilter is not None:
                self._prefilter.clear()
            if self.main is not None:
                self.main.clear()
            self.in_snapshot = False

    # Diffs

    def declare_diff_order(self, orders: dict[str, tuple[str, ...]]) -> None:
        """First declaration of a field wins; one that was used before keeps the default (adapters-api.md 19)."""
        used = self._fields_used()
        for field, order in orders.items():
            if field not in self._orders and field not in used:
                self._orders[field] = order
        for channel in (self.main, self.raw):
            if channel is not None:
                channel.order_diffs()

    def _fields_used(self) -> set[str]:
        """Those that events have had. MERGE keeps them anyway, so that they need not be noted twice."""
        return self._used if self._merge is None else self._used.union(self._merge.values)

    def diff_order(self, field: str) -> tuple[str, ...]:
        """The algorithms to try on a field, in order."""
        return self._orders.get(field, self.settings.default_diff_order)
