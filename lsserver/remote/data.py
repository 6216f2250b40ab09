"""
The proxy Data Adapter (remote-adapters.md 9, 10, 11, 16).

One operation of an item is on its way at a time: the server waits for the end of
C{subscribe} before it calls C{unsubscribe}, so what remotes do with operations
that overtake each other never matters.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from lsserver.adapters.errors import DataError, DataProviderError, FailureError
from lsserver.adapters.interfaces import IDataProvider, ItemReceiver
from lsserver.adapters.shapes import Shape
from lsserver.remote import notifications, requests
from lsserver.remote.codec import CodecError, Decoder
from lsserver.remote.counterpart import Counterpart, RemoteAwayError
from lsserver.remote.notifications import KEEPALIVE
from lsserver.remote.pending import RequestTimeoutError
from lsserver.remote.proxy import Proxy
from lsserver.remote.replies import RemoteDataError
from lsserver.remote.settings import EventsRecovery
from lsserver.remote.shapes import Shapes

CONNECTING, CONNECTED, RECONNECTING = "connecting", "connected", "reconnecting"
"""What the field C{status} of the status item says."""

_log = Logger(namespace="LightstreamerProxyAdapters")


class RemoteItem:
    """
    An item that the server wants.

    @ivar sub_id: id of the C{SUB} that its events refer to; C{None} while there is
        nothing to unsubscribe.
    @ivar raw: the item's name as the remote writes it, once it has.
    @ivar pending: the C{SUB} has no answer yet.
    @ivar no_snapshot: snapshot events come too late and are dropped.
    @ivar receive: takes its events while it has an id.
    @ivar names: the fields of the last event, as the remote writes them, and
        C{shape}, what they are.
    """

    __slots__ = ("name", "names", "no_snapshot", "pending", "raw", "receive", "shape", "sub_id", "waiting")

    receive: ItemReceiver

    def __init__(self, name: str) -> None:
        self.name = name
        self.sub_id: str | None = None
        self.raw: str | None = None
        self.pending = False
        self.no_snapshot = False
        self.names: list[str] | None = None
        self.shape = Shape(())
        self.waiting: list[Deferred[None]] = []

    def settled(self) -> Deferred[None]:
        """Fires when no C{SUB} is on its way."""
        if not self.pending:
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        self.waiting.append(waiter)
        return waiter

    def settle(self) -> None:
        """The C{SUB} has been answered."""
        self.pending = False
        waiting, self.waiting = self.waiting, []
        for waiter in waiting:
            waiter.callback(None)


@implementer(IDataProvider)
class RemoteDataProvider(Proxy):
    """
    @ivar items: what the server wants, by name, without the status item.
    """

    init_method = "DPI"
    error_class = DataProviderError
    _listener: Any

    def __init__(self, robust: bool = True) -> None:
        super().__init__(robust)
        self.items: dict[str, RemoteItem] = {}
        self._by_id: dict[str, RemoteItem] = {}
        # What an event of an item has before its fields.
        self._heads: dict[str, tuple[RemoteItem, bool]] = {}
        self._shapes = Shapes()
        self._status = CONNECTING
        self._status_wanted = False

    # The contract of Data Adapters

    def issnapshot_available(self, item_name: str) -> bool:
        """Only the remote knows, and says so with an immediate end of snapshot (10)."""
        return True

    def subscribe(self, item_name: str) -> Deferred[None]:
        """
        Ask the remote, or remember the item for the next one. When the remote
        refuses, the item is subscribed but silent.

        @raise FailureError: it cannot go on, and this proxy is a plain one.
        """
        if item_name == self.settings.status_item:
            self._status_wanted = True
            self._listener.update(item_name, {"status": self._status}, True)
            return succeed(None)
        item = self.items[item_name] = RemoteItem(item_name)
        if self.remote is None:
            self._no_remote(item)
            return succeed(None)
        return Deferred.fromCoroutine(self._subscribe(self.remote, item))

    def unsubscribe(self, item_name: str) -> Deferred[None]:
        """
        Ask the remote, once it has answered what it was asked before.

        @raise SubscribeError: it did not go well.
        """
        if item_name == self.settings.status_item:
            self._status_wanted = False
            return succeed(None)
        item = self.items.pop(item_name, None)
        if item is None:
            return succeed(None)
        self._ignore_events(item)
        return item.settled().addCallback(lambda _: Deferred.fromCoroutine(self._unsubscribe(item)))

    # Subscriptions

    def _no_remote(self, item: RemoteItem) -> None:
        """Clients must not wait for a snapshot that does not come."""
        if not self.robust:
            raise RemoteDataError(f"{self.label}: the remote is away")
        item.no_snapshot = self.settings.events_recovery is EventsRecovery.LEAVE_HOLE
        self._listener.end_of_snapshot(item.name)

    async def _subscribe(self, remote: Counterpart, item: RemoteItem) -> None:
        sub_id = remote.new_id()
        item.sub_id = sub_id
        item.raw = item.names = None
        item.pending = True
        # Events may come before the answer.
        item.receive = self._listener.receiver(item.name)
        self._by_id[sub_id] = item
        self._heads[f"{sub_id}|B|0"] = (item, False)
        self._heads[f"{sub_id}|B|1"] = (item, True)
        try:
            (await remote.ask("SUB", [requests.strings(item.name)], sub_id)).void()
        except RequestTimeoutError as error:
            # It may still succeed, and its events are welcome then.
            _log.error("{error}; item {item}", error=error, item=item.name)
            self._end_snapshot(item)
        except RemoteAwayError as error:
            self._end_snapshot(item)
            if not self.robust:
                raise RemoteDataError(str(error)) from None
        except FailureError as error:
            self._end_snapshot(item)
            self.adapter_failed(remote, str(error))
            if not self.robust:
                raise
        except (DataError, CodecError) as error:
            # The item stays silent. Remotes count this as a subscription all the same
            # and want to hear the end of it; another remote may know the item.
            _log.error("{label}: item {item} is refused: {error}", label=remote.label, item=item.name, error=error)
            self._end_snapshot(item)
        finally:
            item.settle()

    async def _unsubscribe(self, item: RemoteItem) -> None:
        sub_id, item.sub_id = item.sub_id, None
        remote = self.remote
        if remote is None or sub_id is None:
            # An item that this remote was never asked for gets no answer from some.
            return
        try:
            (await remote.ask("USB", [requests.strings(item.name)])).void()
        except RemoteAwayError:
            # Its subscriptions are gone with it.
            return
        except FailureError as error:
            self.adapter_failed(remote, str(error))
            raise
        except CodecError as error:
            raise RemoteDataError(f"USB: {error}") from None

    def _log_failed(self, failure: Failure, item: RemoteItem) -> None:
        """For what nobody waits for."""
        _log.error("{label}: item {item}: {error}", label=self.label, item=item.name, error=failure.getErrorMessage())

    def _end_snapshot(self, item: RemoteItem) -> None:
        """None will come, and clients must not wait for it."""
        if self.items.get(item.name) is item:
            self._listener.end_of_snapshot(item.name)

    def _ignore_events(self, item: RemoteItem) -> None:
        if item.sub_id is not None:
            self._by_id.pop(item.sub_id, None)
            for flag in "01":
                self._heads.pop(f"{item.sub_id}|B|{flag}", None)

    # The remote comes and goes

    def available(self, counterpart: Counterpart) -> None:
        """Everything wanted is subscribed anew, at once."""
        for item in list(self.items.values()):
            item.no_snapshot = self.settings.events_recovery is EventsRecovery.LEAVE_HOLE
            Deferred.fromCoroutine(self._subscribe(counterpart, item)).addErrback(self._log_failed, item)
        self._tell_status(CONNECTED)

    def unavailable(self) -> None:
        """Items stay subscribed and silent."""
        self._by_id.clear()
        self._heads.clear()
        # The next remote may write names in another way.
        self._shapes = Shapes()
        for item in list(self.items.values()):
            item.sub_id = None
            if self.settings.events_recovery is EventsRecovery.ENFORCE_SNAPSHOT:
                self._listener.clear_snapshot(item.name)
            else:
                self._listener.end_of_snapshot(item.name)
        self._tell_status(RECONNECTING)

    def _tell_status(self, status: str) -> None:
        self._status = status
        if self._status_wanted and self.settings.status_item is not None:
            self._listener.update(self.settings.status_item, {"status": status})

    # Lines

    def lines_received(self, counterpart: Counterpart, lines: list[str]) -> None:
        """
        Events are the bulk of them, and each costs as little as it can. A line cut at
        C{|S|} has a head in three parts and then names and values in turn, if it is
        an event of strings as nearly all are: no name and no value has a bar in it.
        """
        decode = counterpart.dialect.decode
        plus = not counterpart.dialect.smart
        heads = self._heads
        start = None
        for line in lines:
            parts = line.split("|S|")
            try:
                item, snapshot = heads[parts[2]]
            except LookupError:
                pass
            else:
                names = parts[3::2]
                values: list[Any] = parts[4::2]
                # In one piece they are looked through in no time.
                text = "".join(values)
                if (
                    "|" not in text
                    and (names == item.names or self._named(item, names, decode))
                    and len(names) == len(values)
                    and parts[1] == item.raw
                    # Events of one millisecond begin alike.
                    and (parts[0] == start or parts[0].partition("|")[2] == "UD3")
                ):
                    start = parts[0]
                    if "%" in text or "#" in text or "$" in text or (plus and "+" in text):
                        values = [decode(value) for value in values]
                    if not (snapshot and item.no_snapshot):
                        item.receive(item.shape, values, snapshot)
                    continue
            if line == KEEPALIVE:
                counterpart.keeps_alive = True
            else:
                self._other_line(counterpart, line)

    def _named(self, item: RemoteItem, names: list[str], decode: Decoder) -> bool:
        """Take over the names of an event; whether they are names indeed."""
        shape = self._shapes.of(names, decode)
        if shape is None:
            return False
        item.names, item.shape = names, shape
        return True

    def _other_line(self, counterpart: Counterpart, line: str) -> None:
        tokens = line.split("|")
        method = tokens[1] if len(tokens) > 1 else ""
        if method in notifications.EVENT_METHODS:
            try:
                self._event(tokens, counterpart.dialect.decode)
            except CodecError as wrong:
                counterpart.stray(line, str(wrong))
        elif method == "FAL":
            text = notifications.failure_text(tokens, counterpart.dialect.decode)
            self.adapter_failed(counterpart, text)
        else:
            self.other_line(counterpart, line, tokens)

    def _event(self, tokens: list[str], decode: Decoder) -> None:
        """
        @raise CodecError: the line is malformed.
        """
        name, sub_id = notifications.event_head(tokens, decode)
        method = tokens[1]
        snapshot = method == "UD3" and notifications.snapshot_flag(tokens)
        item = self._by_id.get(sub_id)
        if item is None or item.name != name:
            _log.debug("{label}: an event of {item} is too late", label=self.label, item=name)
            return
        item.raw = tokens[3]
        if method == "UD3":
            event = notifications.update(tokens, decode)
            if not (snapshot and item.no_snapshot):
                self._listener.trusted_update(name, event, snapshot)
        elif method == "EOS":
            self._listener.end_of_snapshot(name)
        elif method == "CLS":
            self._listener.clear_snapshot(name)
        else:
            self._listener.declare_field_diff_order(name, notifications.diff_orders(tokens, decode))
