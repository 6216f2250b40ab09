"""
What adapters get to talk to the server, from whatever thread (adapters-api.md 16, 17).

In the reactor thread a call goes straight to the engine. Calls of other threads
are queued and handed over in batches: one wake-up of the reactor for many
events, a bounded number of events in a turn. The order of the calls of one
thread is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from threading import Lock, get_ident
from time import monotonic
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from lsserver.adapters.interfaces import (
    FieldValue,
    IItemEventListener,
    IItemEventSink,
    IItemPublisher,
    IMetadataControlListener,
    ItemReceiver,
)
from lsserver.adapters.modes import DiffAlgorithm

EVENTS_PER_TURN = 500
"""How many queued calls are handed over before the reactor may do something else."""

MANY_QUEUED = 100_000
"""Queued calls beyond which an adapter is told to be too fast."""

SECONDS_BETWEEN_REPORTS = 60.0
"""How often that is told."""

_log = Logger(namespace="LightstreamerLogger.adapters")


class ReactorCalls:
    """
    Calls from any thread, made in the thread that created this object.

    @param label: the adapter in log lines.
    """

    def __init__(self, reactor: Any, label: str) -> None:
        self._reactor = reactor
        self._label = label
        self._told = -SECONDS_BETWEEN_REPORTS
        self._thread = get_ident()
        self._queue: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._lock = Lock()
        self._awake = False

    @property
    def queued(self) -> int:
        """Calls not made yet."""
        return len(self._queue)

    def here(self) -> bool:
        """Whether this is the reactor thread."""
        return get_ident() == self._thread

    def queue(self, function: Callable[..., None], *args: Any) -> None:
        """Call C{function} in the reactor thread, soon."""
        with self._lock:
            self._queue.append((function, args))
            if self._awake:
                return
            self._awake = True
        self._reactor.callFromThread(self._drain)

    def deferred(self, function: Callable[[], Deferred[Any]]) -> Deferred[Any]:
        """What C{function} comes to when called in the reactor thread, where the result fires."""
        if self.here():
            return function()
        result: Deferred[Any] = Deferred()
        self.queue(lambda: _chain(function, result))
        return result

    def _drain(self) -> None:
        if len(self._queue) > MANY_QUEUED and monotonic() - self._told >= SECONDS_BETWEEN_REPORTS:
            self._told = monotonic()
            _log.warn(
                "{label}: {count} events wait; it makes more than the server can take",
                label=self._label,
                count=len(self._queue),
            )
        for _ in range(EVENTS_PER_TURN):
            with self._lock:
                if not self._queue:
                    self._awake = False
                    return
                function, args = self._queue.popleft()
            try:
                function(*args)
            except Exception:
                _log.failure("{label}: a call that it made from a thread of its own has failed", label=self._label)
        self._reactor.callLater(0, self._drain)


def _chain(function: Callable[[], Deferred[Any]], result: Deferred[Any]) -> None:
    try:
        function().chainDeferred(result)
    except Exception:
        result.errback()


def checked_event(item_event: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
    """
    A copy of an event.

    @raise TypeError: a value is neither str, bytes nor C{None}.
    @raise ValueError: a text that has no UTF-8 form.
    """
    event = dict(item_event)
    for name, value in event.items():
        if not isinstance(name, str):
            raise TypeError(f"a field name must be str, not {type(name).__name__}")
        if isinstance(value, str):
            if not value.isascii():
                _check_text(name, value)
        elif value is not None and not isinstance(value, bytes):
            raise TypeError(f"field {name!r} must be str, bytes or None, not {type(value).__name__}")
    return event


def _check_text(name: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"field {name!r} is a text with half a surrogate pair") from None


def checked_orders(field_map: Mapping[str, Sequence[str] | None]) -> dict[str, tuple[str, ...]]:
    """
    The declared algorithms; fields with C{None} are left out.

    @raise ValueError: an algorithm that does not exist.
    """
    return {
        name: tuple(DiffAlgorithm(algorithm).value for algorithm in order)
        for name, order in field_map.items()
        if order is not None
    }


def _check_item(item_name: str) -> None:
    if not isinstance(item_name, str):
        raise TypeError(f"an item name must be str, not {type(item_name).__name__}")


@implementer(IItemEventListener)
class ItemEventListener:
    """
    Between one Data Adapter and the engine. It must be created in the reactor
    thread.

    @ivar sink: the engine's side.
    @param label: the adapter in log lines.

    An event queued during one subscription of an item never reaches the next
    one: it carries the number of the subscription that it was queued in.
    """

    def __init__(self, sink: IItemEventSink, reactor: Any, label: str) -> None:
        self.sink = sink
        self._calls = ReactorCalls(reactor, label)
        self._numbers: dict[str, int] = {}
        self._last_number = 0
        self._publishers: dict[str, ItemPublisher] = {}

    @property
    def queued(self) -> int:
        """Calls from other threads that the engine has not seen yet."""
        return self._calls.queued

    @property
    def trusted_update(self) -> Callable[[str, dict[str, FieldValue], bool], None]:
        """
        L{update} without its checks and its copy: for adapters in the reactor
        thread that make a new dict of right values for each event and let go of it.
        """
        return self.sink.update

    def receiver(self, item_name: str) -> ItemReceiver:
        """
        As L{trusted_update}, for one item from the call of C{subscribe} on, as long
        as it is subscribed. The list of values is let go of.
        """
        return self.sink.receiver(item_name)

    def opened(self, item_name: str, smart: bool = False) -> ItemPublisher | None:
        """The item is about to be subscribed. In the reactor thread."""
        self.closed(item_name)
        self._last_number += 1
        self._numbers[item_name] = self._last_number
        if not smart:
            return None
        publisher = self._publishers[item_name] = ItemPublisher(item_name, self)
        return publisher

    def closed(self, item_name: str) -> None:
        """The item is not, or no longer, subscribed. In the reactor thread."""
        self._numbers.pop(item_name, None)
        publisher = self._publishers.pop(item_name, None)
        if publisher is not None:
            publisher.active = False

    def update(self, item_name: str, item_event: Mapping[str, FieldValue], issnapshot: bool = False) -> None:
        """See L{IItemEventListener}."""
        _check_item(item_name)
        event = checked_event(item_event)
        if self._calls.here():
            self.sink.update(item_name, event, bool(issnapshot))
        else:
            self._later(item_name, self.sink.update, item_name, event, bool(issnapshot))

    def end_of_snapshot(self, item_name: str) -> None:
        """See L{IItemEventListener}."""
        _check_item(item_name)
        self._now_or_later(item_name, self.sink.end_of_snapshot, item_name)

    def clear_snapshot(self, item_name: str) -> None:
        """See L{IItemEventListener}."""
        _check_item(item_name)
        self._now_or_later(item_name, self.sink.clear_snapshot, item_name)

    def declare_field_diff_order(self, item_name: str, field_map: Mapping[str, Sequence[str] | None]) -> None:
        """See L{IItemEventListener}."""
        _check_item(item_name)
        self._now_or_later(item_name, self.sink.declare_field_diff_order, item_name, checked_orders(field_map))

    def force_subscription(self, item_name: str) -> Deferred[str | None]:
        """
        See L{IItemEventListener}. From a thread of the adapter's own, wait with
        C{blockingCallFromThread(reactor, listener.force_subscription, item)}.
        """
        _check_item(item_name)
        return self._calls.deferred(lambda: self.sink.force_subscription(item_name))

    def unforce_subscription(self, item_name: str) -> Deferred[None]:
        """See L{IItemEventListener}."""
        _check_item(item_name)
        return self._calls.deferred(lambda: self.sink.unforce_subscription(item_name))

    def failure(self, exception: BaseException) -> None:
        """See L{IItemEventListener}."""
        if self._calls.here():
            self.sink.failure(exception)
        else:
            self._calls.queue(self.sink.failure, exception)

    def publish(self, publisher: ItemPublisher, function: Callable[..., None], *args: Any) -> None:
        """A call of a publisher, dropped if its subscription has ended by the time it is made."""
        if not self._calls.here():
            self._calls.queue(self.publish, publisher, function, *args)
        elif publisher.active:
            function(*args)

    def _now_or_later(self, item_name: str, function: Callable[..., None], *args: Any) -> None:
        if self._calls.here():
            function(*args)
        else:
            self._later(item_name, function, *args)

    def _later(self, item_name: str, function: Callable[..., None], *args: Any) -> None:
        self._calls.queue(self._if_same, self._numbers.get(item_name), item_name, function, args)

    def _if_same(
        self, number: int | None, item_name: str, function: Callable[..., None], args: tuple[Any, ...]
    ) -> None:
        if self._numbers.get(item_name) == number:
            function(*args)


@implementer(IItemPublisher)
class ItemPublisher:
    """
    One subscription of one item, for the adapter that supplies it.

    @ivar active: becomes false when the subscription ends.
    """

    __slots__ = ("_listener", "active", "item_name")

    def __init__(self, item_name: str, listener: ItemEventListener) -> None:
        self.item_name = item_name
        self.active = True
        self._listener = listener

    def update(self, item_event: Mapping[str, FieldValue], issnapshot: bool = False) -> None:
        """See L{IItemPublisher}."""
        if self.active:
            event = checked_event(item_event)
            self._listener.publish(self, self._listener.sink.update, self.item_name, event, bool(issnapshot))

    def end_of_snapshot(self) -> None:
        """See L{IItemPublisher}."""
        if self.active:
            self._listener.publish(self, self._listener.sink.end_of_snapshot, self.item_name)

    def clear_snapshot(self) -> None:
        """See L{IItemPublisher}."""
        if self.active:
            self._listener.publish(self, self._listener.sink.clear_snapshot, self.item_name)

    def declare_field_diff_order(self, field_map: Mapping[str, Sequence[str] | None]) -> None:
        """See L{IItemPublisher}."""
        orders = checked_orders(field_map)
        if self.active:
            self._listener.publish(self, self._listener.sink.declare_field_diff_order, self.item_name, orders)


@implementer(IMetadataControlListener)
class MetadataControlListener:
    """Between one Metadata Adapter and the engine. It must be created in the reactor thread."""

    def __init__(self, engine: IMetadataControlListener, reactor: Any, label: str) -> None:
        self._engine = engine
        self._calls = ReactorCalls(reactor, label)

    def force_session_termination(
        self, session_id: str, cause_code: int | None = None, cause_message: str | None = None
    ) -> Deferred[None]:
        """See L{IMetadataControlListener}. The engine gets codes that are not positive."""
        if not isinstance(session_id, str):
            raise TypeError(f"a session id must be str, not {type(session_id).__name__}")
        code = None if cause_code is None else min(int(cause_code), 0)
        message = "" if cause_message is None and code is not None else cause_message
        return self._calls.deferred(lambda: self._engine.force_session_termination(session_id, code, message))

    def failure(self, exception: BaseException) -> None:
        """See L{IMetadataControlListener}."""
        if self._calls.here():
            self._engine.failure(exception)
        else:
            self._calls.queue(self._engine.failure, exception)
