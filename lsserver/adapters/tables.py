"""What a Metadata Adapter is told about subscriptions (adapters-api.md 8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from lsserver.adapters.interfaces import ISubscriptionStatistics, ITableInfo
from lsserver.adapters.modes import Mode


@implementer(ISubscriptionStatistics)
@dataclass(frozen=True, slots=True)
class SubscriptionStatistics:
    """Counts over the whole life of one item of a subscription."""

    total_real_time: int
    total_lost: int
    total_filtered: int


def _nothing_to_unsubscribe() -> Deferred[None]:
    return succeed(None)


@implementer(ITableInfo)
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableInfo:
    """
    One subscription. C{mode} may be given as text; C{min} and C{max} are 1-based.
    Without C{force_unsubscription} that call does nothing, as on close.
    """

    win_index: int
    mode: Mode
    group: str
    data_adapter: str
    schema: str
    selector: str | None = None
    min: int
    max: int
    subscribed_items: Sequence[str]
    subscription_statistics: Sequence[SubscriptionStatistics] | None = None
    force_unsubscription: Callable[[], Deferred[None]] = _nothing_to_unsubscribe

    def __post_init__(self) -> None:
        if type(self.mode) is str:
            object.__setattr__(self, "mode", Mode(self.mode))
