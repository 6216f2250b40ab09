"""
What adapters get to talk to the server, from whatever thread (adapters-api.md 16, 17).

In the reactor thread a call goes straight to the engine. Calls of other threads
are queued, see L{lsserver.adapters.reactor_calls}.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
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
from lsserver.adapters.reactor_calls import MAX_QUEUED, ReactorCalls


def checked_event(item_event: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
    """
    A copy of an event.

    @raise TypeError: a value is neither str, bytes nor C{None}.
    @raise ValueError: a text that has no UTF-8 form.
    """
    event = dict(item_event)
    try:
        # Nearly all events are texts and nothing else: in one piece they are looked at in no time.
        "".join(event)
        text = "".join(event.values())  # type: ignore[arg-type]
        if not text.isascii():
            text.encode()
    except (TypeError, UnicodeEncodeError):
        _check_fields(event)
    return event


def _check_fields(event: Mapping[str, FieldValue]) -> None:
    for name, value in event.items():
        if not isinstance(name, str):
            raise TypeError(f"a field name must be str, not {type(name).__name__}")
        if isinstance(value, str):
            if not value.isascii():
                _check_text(name, value)
        elif value is not None and not isinstance(value, bytes):
            raise TypeError(f"field {name!r} must be str, bytes or None, not {type(value).__name__}")


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
    @param max_queued_events: how many calls of other threads may wait.

    An event queued during one subscription of an item never reaches the next
    one: it carries the number of the subscription that it was queued in.
    """

    def __init__(self, sink: IItemEventSink, reactor: Any, label: str, max_queued_events: int = MAX_QUEUED) -> None:
        self.sink = sink
        self._calls = ReactorCalls(reactor, label, max_queued_events)
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

    def close(self) -> None:
        """The adapter will be stopped; none of its threads has to wait any more."""
        self._calls.close()

    def update(self, item_name: str, item_event: Mapping[str, FieldValue], issnapshot: bool = False) -> None:
        """See L{IItemEventListener}."""
        _check_item(item_name)
        event = checked_event(item_event)
        if self._calls.here():
            self.sink.update(item_name, event, bool(issnapshot))
        else:
            self._calls.queue(self._update, self._numbers.get(item_name), item_name, event, bool(issnapshot))

    def _update(self, number: int | None, item_name: str, event: dict[str, FieldValue], issnapshot: bool) -> None:
        if self._numbers.get(item_name) == number:
            self.sink.update(item_name, event, issnapshot)

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
            self._calls.queue_at_once(self.sink.failure, exception)

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
            self._calls.queue_at_once(self._engine.failure, exception)
