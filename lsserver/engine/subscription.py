"""A subscription: one item group through one field schema in one mode, with a slot for each item."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from lsserver.adapters.tables import SubscriptionStatistics, TableInfo
from lsserver.engine.hooks import FIXED_IN_COMMAND, Hooks
from lsserver.engine.slots.command import CommandSlot
from lsserver.engine.slots.merge import MergeSlot
from lsserver.engine.slots.queue import QueueSlot
from lsserver.tlcp.requests import Mode, Subscribe

if TYPE_CHECKING:
    from lsserver.adapters.grants import ItemGrant
    from lsserver.engine.feed import Feed
    from lsserver.engine.item import Item
    from lsserver.engine.session import Session
    from lsserver.engine.slots.base import Slot

_log = Logger(namespace="LightstreamerLogger.subscriptions")

PART = 100
"""Items attached in a turn of the reactor, each of which may have an adapter called."""


@dataclass(slots=True)
class Place:
    """
    One item of a subscription.

    @ivar grant: what the Metadata Adapter grants.
    @ivar item: from the moment when the subscription opens, which reserves it; before that it may
        come and go with the interest of others.
    """

    name: str
    grant: ItemGrant
    slot: Slot = field(init=False)
    item: Item = field(init=False)


class Subscription:
    """
    @ivar places: one for each item of the group, in its order.
    @ivar table: what the Metadata Adapter was told, C{None} if it does not want to know.
    @ivar active: C{SUBOK} was queued and C{UNSUB} was not.
    """

    __slots__ = (
        *("_attached", "_feed", "_requested", "_reserved", "active", "fields", "mode", "places"),
        *("session", "sub_id", "table", "unfiltered"),
    )

    def __init__(
        self, session: Session, request: Subscribe, feed: Feed, fields: tuple[str, ...], places: list[Place]
    ) -> None:
        self.session = session
        self.sub_id = request.sub_id
        self.mode = request.mode
        self.fields = fields
        self.places = places
        self.unfiltered = request.unfiltered or request.mode is Mode.RAW
        self.table: TableInfo | None = None
        self.active = False
        self._feed = feed
        self._requested = request.requested_max_frequency
        self._reserved = 0
        self._attached = 0
        for index, place in enumerate(places, 1):
            place.slot = self._slot(index, place, request)

    def _slot(self, index: int, place: Place, request: Subscribe) -> Slot:
        """The slot that suits the mode, the dispatching and the buffer (adapters-api.md 6.3)."""
        session, grant = self.session, place.grant
        limit = session.settings.max_buffer_size
        hooks = None
        if request.selector is not None or grant.customized:
            hooks = Hooks(
                metadata=self._feed.metadata,
                user=session.user,
                item=place.name,
                data_adapter=self._feed.adapter.name,
                selector=request.selector,
                customized=grant.customized,
                fixed=FIXED_IN_COMMAND if request.mode is Mode.COMMAND else frozenset(),
            )
        common: dict[str, Any] = {
            "diffs": session.diffs,
            "frequency": self._frequency(grant),
            "wants_snapshot": request.snapshot and request.mode is not Mode.RAW,
            "snapshot_length": request.snapshot_length,
            "hooks": hooks,
        }
        place_of = (session.stream, self.sub_id, index)
        if self.unfiltered:
            return QueueSlot(*place_of, capacity=limit, lossless=True, **common)
        if request.mode is Mode.COMMAND:
            return CommandSlot(*place_of, capacity=limit, **common)
        capacity = self._buffer_size(grant, limit, request.requested_buffer_size)
        if request.mode is Mode.MERGE and capacity == 1 and hooks is None:
            return MergeSlot(*place_of, **common)
        return QueueSlot(*place_of, capacity=capacity, lossless=False, **common)

    def _frequency(self, grant: ItemGrant) -> float:
        if self.unfiltered:
            return math.inf
        return min(self._requested, grant.max_frequency if grant.max_frequency > 0 else math.inf)

    def _buffer_size(self, grant: ItemGrant, limit: int, requested: float | None) -> int:
        if requested is None:
            requested = 1 if self.mode is Mode.MERGE else math.inf
        allowed = grant.buffer_size if grant.buffer_size > 0 else math.inf
        return max(1, int(min(requested, allowed, limit)))

    @property
    def frequency(self) -> float:
        """The highest of the items, updates/s (tlcp.md 6.4)."""
        return max(self._frequency(place.grant) for place in self.places)

    @property
    def possible(self) -> bool:
        """Whether every item may be had in this mode, which depends on the others who have it."""
        items = [self._feed.find(place.name) for place in self.places]
        return all(item is None or item.may_be(self.mode.value) for item in items)

    def open(self) -> None:
        """
        Tell the client, and let the updates come; if there are very many items, of the first of them, and of the others
        in later turns.
        """
        for place in self.places:
            place.item = self._feed.item(place.name)
            self._reserved += 1
            place.item.reserve(self.mode.value, place.grant)
        self.active = True
        stream, dialect = self.session.stream, self.session.dialect
        items, fields = len(self.places), len(self.fields)
        if self.mode is Mode.COMMAND:
            key, command = self.fields.index("key") + 1, self.fields.index("command") + 1
            stream.notify(dialect.subcmd(self.sub_id, items, fields, key, command))
        else:
            stream.notify(dialect.subok(self.sub_id, items, fields))
        self.configured()
        if not self._attach():
            Deferred.fromCoroutine(self._attach_others())

    def _attach(self) -> bool:
        """Some more of the slots. True if there is nothing left to do."""
        values = self.session.dialect.values
        for place in self.places[self._attached : self._attached + PART]:
            # Any of this may end the session: too much waits for its client, or its end is
            # what an adapter does when it is asked to subscribe.
            if not self.active:
                break
            self._attached += 1
            place.item.attach(place.slot, self.mode.value, self.fields, values)
        return not self.active or self._attached == len(self.places)

    async def _attach_others(self) -> None:
        try:
            done = False
            while not done:
                await self.session.large.turn()
                done = self._attach()
        except Exception:
            _log.failure("session {session}: items of {sub_id} failed", session=self.session.id, sub_id=self.sub_id)
            self.session.failed()

    def configured(self) -> None:
        """Tell the client the frequency in force."""
        self.session.stream.notify(self.session.dialect.conf(self.sub_id, self.frequency, self.unfiltered))

    def reconfigure(self, frequency: float) -> None:
        """A new limit from the client; that of the Metadata Adapter stays. Confirmed before it shows."""
        self._requested = frequency
        self.configured()
        for place in self.places[: self._attached]:
            place.slot.set_frequency(self._frequency(place.grant))
        for place in self.places[self._attached :]:
            place.slot.period = 1 / self._frequency(place.grant)

    def close(self, linger_seconds: float = 0.0) -> None:
        """No more updates; the interest in the items may linger."""
        self.active = False
        attached = self.places[: self._attached]
        self.session.stream.withdraw(place.slot for place in attached)
        for place in attached:
            place.slot.close()
            place.item.detach(place.slot, self.mode.value)
        for place in self.places[: self._reserved]:
            place.item.release(linger_seconds)

    def statistics(self) -> list[SubscriptionStatistics]:
        """Of the whole life of the subscription, one for each item."""
        known = [
            SubscriptionStatistics(place.slot.realtime, place.slot.lost_total, place.slot.suppressed())
            for place in self.places[: self._attached]
        ]
        return known + [SubscriptionStatistics(0, 0, 0)] * (len(self.places) - self._attached)
