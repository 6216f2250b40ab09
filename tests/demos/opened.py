"""A demo adapter set as the server loads and starts it, with a recorder in place of the engine."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from lsserver.adapters.adapter_set import AdapterSet
from lsserver.adapters.interfaces import IMetadataControlListener
from lsserver.adapters.loader import load_folder
from lsserver.adapters.modes import Mode
from tests.adapters.doubles import Sink

ADAPTERS = Path(__file__).resolve().parents[2] / "adapters"


class Recorder(Sink):
    """Demos neither force subscriptions nor fail."""

    @property
    def updates(self) -> list[tuple[str, dict[str, Any], bool]]:
        """Item, event, whether snapshot."""
        return [(call[1], call[2], call[3]) for call in self.calls if call[0] == "update"]

    def force_subscription(self, item: str) -> Deferred[str | None]:
        raise AssertionError("a demo forces a subscription")

    def unforce_subscription(self, item: str) -> Deferred[None]:
        raise AssertionError("a demo forces a subscription")

    def failure(self, exception: BaseException) -> None:
        raise exception


@implementer(IMetadataControlListener)
class NoControl:
    """The demos do not close sessions."""

    def force_session_termination(
        self, session_id: str, cause_code: int | None = None, cause_message: str | None = None
    ) -> Deferred[None]:
        raise AssertionError("a demo closes a session")

    def failure(self, exception: BaseException) -> None:
        raise exception


@dataclass
class OpenedSet:
    """
    @ivar metadata: the Metadata Adapter object.
    @ivar data: the Data Adapter objects.
    @ivar recorders: what each of them has sent.
    """

    adapter_set: AdapterSet
    clock: Clock
    metadata: Any
    data: dict[str, Any]
    recorders: dict[str, Recorder]

    def assert_modes(self, case: SynchronousTestCase, item: str, expected: str | None, data_adapter: str) -> None:
        """The item may be subscribed in this mode only, or in none."""
        for mode in Mode:
            allowed = self.metadata.mode_may_be_allowed(item, mode, data_adapter=data_adapter)
            case.assertEqual(allowed, mode == expected, f"{item} of {data_adapter} in {mode}")


def open_set(folder: str, clock: Clock | None = None) -> OpenedSet:
    """
    Load and start the set in a folder of C{adapters}.

    @param clock: C{None} = a new one, some day in 2023.
    """
    if clock is None:
        clock = Clock()
        clock.advance(1_700_000_000)
    adapter_set = load_folder(ADAPTERS / folder, reactor=clock)
    recorders = {name: Recorder() for name in adapter_set.data}
    started = Deferred.fromCoroutine(adapter_set.start(NoControl(), recorders.__getitem__))
    failures: list[Any] = []
    started.addErrback(failures.append)
    if failures:
        failures[0].raiseException()
    if not started.called:
        raise AssertionError(f"adapter set {adapter_set.id} has not started")
    data = {name: handle.adapter for name, handle in adapter_set.data.items()}
    return OpenedSet(adapter_set, clock, adapter_set.metadata.adapter, data, recorders)


def market_module() -> ModuleType:
    """The module with the stock market, as the sets have it."""
    quotes: Any = sys.modules[type(open_set("stocklist").data["STOCKS"]).__module__]
    return sys.modules[quotes.Market.__module__]
