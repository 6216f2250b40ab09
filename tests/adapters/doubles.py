"""Stand-ins for what surrounds the adapters: reactor, engine, and adapters themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from lsserver.adapters.adapter_set import AdapterSet, SetOptions
from lsserver.adapters.interfaces import FieldValue, IItemEventSink, IMetadataControlListener, ItemReceiver
from lsserver.adapters.invocation import CallSettings
from lsserver.adapters.providers import DataProvider, MetadataProvider

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds for a thread to do what it is told at once."""


class ThreadClock(Clock):
    """A clock whose reactor thread is the test's, which takes turns when told."""

    def __init__(self) -> None:
        super().__init__()
        self.wakeups: SimpleQueue[Callable[[], Any]] = SimpleQueue()

    def callFromThread(self, function: Callable[..., Any], *args: Any) -> None:
        self.wakeups.put(lambda: function(*args))

    def turn(self) -> None:
        """Wait for one call from a thread and make it."""
        self.wakeups.get(timeout=PATIENCE)()

    def wait_for(self, awaitable: Awaitable[T]) -> T:
        """Take turns until there is a result."""
        deferred = started(awaitable)
        outcome: list[Any] = []
        deferred.addBoth(outcome.append)
        while not outcome:
            self.turn()
            self.advance(0)
        return result_of(outcome[0])


def result_of(outcome: Any) -> Any:
    if hasattr(outcome, "raiseException"):
        outcome.raiseException()
    return outcome


def started(awaitable: Awaitable[T]) -> Deferred[T]:
    async def run() -> T:
        return await awaitable

    return Deferred.fromCoroutine(run())


@implementer(IItemEventSink)
class Sink:
    """The engine's side of a Data Adapter: writes down what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.mode: Deferred[str | None] = succeed("MERGE")

    def update(self, item: str, event: dict[str, FieldValue], is_snapshot: bool) -> None:
        self.calls.append(("update", item, event, is_snapshot))

    def receiver(self, item: str) -> ItemReceiver:
        return lambda shape, values, is_snapshot: self.update(
            item, dict(zip(shape.names, values, strict=True)), is_snapshot
        )

    def end_of_snapshot(self, item: str) -> None:
        self.calls.append(("end_of_snapshot", item))

    def clear_snapshot(self, item: str) -> None:
        self.calls.append(("clear_snapshot", item))

    def declare_field_diff_order(self, item: str, orders: dict[str, tuple[str, ...]]) -> None:
        self.calls.append(("declare_field_diff_order", item, orders))

    def force_subscription(self, item: str) -> Deferred[str | None]:
        self.calls.append(("force_subscription", item))
        return self.mode

    def unforce_subscription(self, item: str) -> Deferred[None]:
        self.calls.append(("unforce_subscription", item))
        return succeed(None)

    def failure(self, exception: BaseException) -> None:
        self.calls.append(("failure", exception))


@implementer(IMetadataControlListener)
class Control:
    """The engine's side of a Metadata Adapter."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def force_session_termination(
        self, session_id: str, cause_code: int | None = None, cause_message: str | None = None
    ) -> Deferred[None]:
        self.calls.append((session_id, cause_code, cause_message))
        return succeed(None)

    def failure(self, exception: BaseException) -> None:
        self.calls.append(("failure", exception))


class Items(DataProvider):
    """A Data Adapter that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def subscribe(self, item_name: str) -> Any:
        self.told.append(("subscribe", item_name))

    def unsubscribe(self, item_name: str) -> Any:
        self.told.append(("unsubscribe", item_name))


class Answers(MetadataProvider):
    """Gives what it was made with, for every method of that name."""

    def __init__(self, **answers: Any) -> None:
        self.told: list[tuple[Any, ...]] = []
        for name, answer in answers.items():
            setattr(self, name, self._answering(name, answer))

    def _answering(self, name: str, answer: Any) -> Any:
        def positional(*args: Any) -> Any:
            self.told.append((name, *args))
            if isinstance(answer, Exception):
                raise answer
            return answer(*args) if callable(answer) else answer

        return positional


class SetCase(SynchronousTestCase):
    """Tests with an adapter set."""

    def setUp(self) -> None:
        self.clock = ThreadClock()
        self.control = Control()
        self.sinks: dict[str, Sink] = {}

    def sink(self, name: str) -> Sink:
        return self.sinks.setdefault(name, Sink())

    def make(
        self,
        metadata: Any = None,
        data: Any = None,
        *,
        options: SetOptions | None = None,
        start: bool = True,
        **calls: int,
    ) -> AdapterSet:
        """A set, started unless said otherwise; C{calls}: see L{CallSettings}."""
        adapters = data if isinstance(data, dict) else {"DEFAULT": data or Items()}
        one = AdapterSet(
            "SET",
            metadata or MetadataProvider(),
            adapters,
            options=options,
            calls=CallSettings(**calls),
            reactor=self.clock,
        )
        if start:
            self.start(one)
        return one

    def start(self, one: AdapterSet) -> None:
        deferred = started(one.start(self.control, self.sink))
        outcome: list[Any] = []
        deferred.addBoth(outcome.append)
        while not outcome:
            self.clock.turn()
            self.clock.advance(0)
        result_of(outcome[0])

    def now(self, awaitable: Awaitable[T]) -> T:
        """The result of what needs no turn of the reactor."""
        return self.successResultOf(started(awaitable))

    def error(self, awaitable: Awaitable[Any], *kinds: type[BaseException]) -> Any:
        """The exception of what fails without a turn of the reactor."""
        return self.failureResultOf(started(awaitable), *kinds).value
