"""
A model of what the engine promises: the truth of an item as its adapter told it, with
what each subscriber is owed, and a client that applies whatever it is sent, counts data
notifications and recovers with its count, as the SDKs do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lsserver.tlcp.decoding import JsonText, decode_body
from tests.engine.world import FakeClient, World

Values = tuple[str | None, ...]
Event = dict[str, str | None]

HISTORY = 10
COUNTED = frozenset({"SUBOK", "SUBCMD", "CONF", "U", "EOS", "CS", "OV", "UNSUB"})
IGNORED = frozenset({"CONOK", "SERVNAME", "CONS", "NOOP", "PROBE", "SYNC"})


@dataclass(eq=False)
class Subscription:
    """
    One subscription of one client to one item.

    @ivar lossless: RAW or unfiltered: every event, or an C{OV} for it.
    @ivar owed: what is to come, in order: values, C{"EOS"} or C{"CS"}.
    @ivar touched: COMMAND, keys that there was an event about.
    @ivar received: what came, likewise; C{lost}: the sum of C{OV}.
    @ivar values: what the client holds.
    @ivar held: the same for a client that corrects commands in place (tlcp.md 7.4).
    @ivar rows: COMMAND, the table that the client has built.
    """

    sub_id: int
    item: Item
    mode: str
    schema: tuple[str, ...]
    snapshot: bool
    length: int | None
    lossless: bool
    waiting: bool = False
    owed: list[Values | str] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    received: list[Values | str] = field(default_factory=list)
    lost: int = 0
    stage: str = "asked"
    values: Values | None = None
    held: Values | None = None
    rows: dict[str, Values] = field(default_factory=dict)

    def project(self, event: Mapping[str, str | None]) -> Values:
        """The event as this schema shows it."""
        return tuple(event.get(name) for name in self.schema)

    def owe(self, event: Mapping[str, str | None]) -> None:
        """The event is to come."""
        self.owed.append(self.project(event))


class Item:
    """The truth about one item (adapters-api.md 14, 18)."""

    def __init__(self, name: str, mode: str, available: bool) -> None:
        self.name = name
        self.mode = mode
        self.available = available
        self.subscriptions: list[Subscription] = []
        self.reset()

    def reset(self) -> None:
        """Nobody is interested any more."""
        self.in_snapshot = False
        self.main = False
        self.known = False
        self.record: Event = {}
        self.history: list[Event] = []
        self.table: dict[str, Event] = {}

    def of(self, mode: str) -> list[Subscription]:
        """The subscriptions in a mode."""
        return [one for one in self.subscriptions if one.mode == mode]

    def subscribe(self, one: Subscription) -> None:
        """A subscriber comes."""
        first = not self.subscriptions
        if first:
            self.in_snapshot = True
        self.subscriptions.append(one)
        if one.mode != "RAW":
            self.main = True
            if one.snapshot:
                one.waiting = True
                if not self.in_snapshot and (self.mode != "MERGE" or self.known):
                    self.start(one)
        if first and not self.available:
            self.end_snapshot(silently=True)

    def unsubscribe(self, one: Subscription) -> None:
        """A subscriber goes."""
        self.subscriptions.remove(one)
        if not self.subscriptions:
            self.reset()

    def start(self, one: Subscription) -> None:
        """The snapshot as it is now."""
        one.waiting = False
        if self.mode == "MERGE":
            one.owe(self.record)
            return
        if self.mode == "DISTINCT":
            length = len(self.history) if one.length is None else min(one.length, len(self.history))
            for event in self.history[len(self.history) - length :]:
                one.owe(event)
        else:
            for key, row in self.table.items():
                one.owe({**row, "key": key, "command": "ADD"})
        one.owed.append("EOS")

    def end_snapshot(self, silently: bool = False) -> None:
        """It is complete."""
        if not self.in_snapshot:
            return
        self.in_snapshot = False
        if not self.main or (silently and self.mode == "MERGE"):
            return
        if self.mode == "MERGE":
            if self.known:
                return
            self.known = True
        for one in self.of(self.mode):
            if one.waiting:
                self.start(one)

    def update(self, event: Event, is_snapshot: bool) -> None:
        """An event of the adapter."""
        if not self.subscriptions:
            return
        if is_snapshot and self.in_snapshot:
            if self.main:
                self.publish(event, True)
                self.in_snapshot = self.mode != "MERGE"
            return
        self.end_snapshot()
        if not is_snapshot:
            for one in self.of("RAW"):
                one.owe(event)
        if self.main:
            self.publish(event, False)

    def publish(self, event: Event, is_snapshot: bool) -> None:
        """For the subscribers that are not RAW."""
        if self.mode == "MERGE":
            known, self.known = self.known, True
            self.record.update(event)
            for one in self.of("MERGE"):
                about = not known or any(name in event for name in one.schema)
                if about and (one.snapshot or not is_snapshot):
                    one.waiting = False
                    one.owe(self.record)
        elif self.mode == "DISTINCT":
            self.history = [*self.history, event][-HISTORY:]
            if not is_snapshot:
                for one in self.of("DISTINCT"):
                    one.owe(event)
        else:
            self.publish_row(event, is_snapshot)

    def publish_row(self, event: Event, is_snapshot: bool) -> None:
        """The state rules of COMMAND."""
        key, command = event.get("key"), event.get("command")
        if key is None or command not in ("ADD", "UPDATE", "DELETE"):
            return
        known = self.table.pop(key, None) if command == "DELETE" else self.table.get(key)
        if command == "DELETE":
            if known is None:
                return
            row: Event = {}
        elif command == "UPDATE" and known is not None:
            row = self.table[key] = {**known, **event}
        else:
            command = "ADD" if known is None else "UPDATE"
            row = self.table[key] = dict(event)
        if not is_snapshot:
            for one in self.of("COMMAND"):
                one.touched.add(key)
                one.owe({**row, "key": key, "command": command})

    def clear(self) -> None:
        """C{clear_snapshot}."""
        if not self.subscriptions:
            return
        if self.main and self.mode == "MERGE":
            names = {name for one in self.of("MERGE") for name in one.schema} | set(self.record)
            self.publish(dict.fromkeys(names), False)
        elif self.main:
            self.history = []
            self.table = {}
            self.end_snapshot()
            for one in self.of(self.mode):
                one.owed.append("CS")
                one.touched.clear()
        self.in_snapshot = False


def same(got: Values | str, owed: Values | str) -> bool:
    """Values as a client sees them; a document counts by what it says."""
    if isinstance(got, str) or isinstance(owed, str):
        return got == owed
    return all(one == other or same_document(one, other) for one, other in zip(got, owed, strict=True))


def same_document(got: str | None, owed: str | None) -> bool:
    """What a client holds as a document has a text of its own."""
    if not isinstance(got, JsonText) or owed is None:
        return False
    try:
        return bool(json.loads(got) == json.loads(owed))
    except ValueError:
        return False


def in_order(received: Iterable[Values | str], owed: list[Values | str]) -> bool:
    """Whether everything that came was owed, in that order."""
    position = 0
    for got in received:
        while position < len(owed) and not same(got, owed[position]):
            position += 1
        if position == len(owed):
            return False
        position += 1
    return True


class ModelClient:
    """
    A client application with one session.

    @ivar count: data notifications processed since the session began.
    @ivar skip: data notifications to ignore, after a C{PROG}.
    @ivar looped: the connection is over, in good order.
    @ivar cut: the connection broke, the client has noticed.
    """

    def __init__(self, world: World, parameters: str) -> None:
        self.world = world
        self.client: FakeClient = world.session(parameters)
        self.subscriptions: dict[int, Subscription] = {}
        self.count = 0
        self.skip = 0
        self.looped = False
        self.cut = False
        self.recovering = False
        self.unread: list[str] = []

    def subscribe(self, one: Subscription, more: str) -> None:
        """Ask for it."""
        self.subscriptions[one.sub_id] = one
        snapshot = str(one.length) if one.length is not None else str(one.snapshot).lower()
        answer = self.client.subscribe(
            one.sub_id, one.mode, one.item.name, " ".join(one.schema), f"LS_snapshot={snapshot}&{more}"
        )
        assert answer == f"REQOK,{one.sub_id}", answer

    def unsubscribe(self, one: Subscription) -> None:
        """Do not want it any more."""
        assert self.client.control(f"LS_reqId=x&LS_op=delete&LS_subId={one.sub_id}") == "REQOK,x"

    def bind(self, parameters: str, websocket: bool) -> None:
        """After a LOOP, or in the midst of it all: everything that was sent is read first."""
        self.read()
        assert not self.cut
        self.looped = False
        self.recovering = False
        assert self.client.bind(parameters, websocket) is not None

    def lose(self, received: int, noticed: bool) -> None:
        """The connection breaks, after some of what was sent has come through."""
        self.read(received)
        self.unread = []
        assert self.client.session is not None
        if noticed and self.client.session.stream_bound(self.client.connection):
            self.client.lose()
        self.cut = True
        self.looped = False

    def recover(self, parameters: str, websocket: bool) -> None:
        """Bind with the count."""
        self.cut = False
        self.recovering = True
        assert self.client.bind(f"LS_recovery_from={self.count}&{parameters}", websocket) is not None

    def read(self, most: int | None = None) -> None:
        """Take what has come, or some of it."""
        if self.cut:
            return
        self.unread += self.client.lines()
        number = len(self.unread) if most is None else min(most, len(self.unread))
        taken, self.unread = self.unread[:number], self.unread[number:]
        for line in taken:
            self.take(line)

    def take(self, line: str) -> None:
        """One line, as the SDKs take it."""
        tag, _, rest = line.partition(",")
        assert not self.looped, f"{line} after LOOP"
        if tag == "LOOP":
            self.looped = True
        elif tag == "PROG":
            assert self.recovering and int(rest) <= self.count, line
            self.recovering = False
            self.skip = self.count - int(rest)
        elif tag in COUNTED:
            assert not self.recovering, f"{line} before PROG"
            if self.skip:
                self.skip -= 1
            else:
                self.count += 1
                self.notified(tag, rest)
        else:
            assert tag in IGNORED, line

    def notified(self, tag: str, rest: str) -> None:
        """A data notification (tlcp.md 6)."""
        sub_id, _, rest = rest.partition(",")
        one = self.subscriptions[int(sub_id)]
        if tag in ("SUBOK", "SUBCMD"):
            assert one.stage == "asked" and (tag == "SUBCMD") == (one.mode == "COMMAND")
            one.stage = "subscribed"
        elif tag == "CONF":
            assert one.stage in ("subscribed", "active")
            one.stage = "active"
        elif tag == "UNSUB":
            assert one.stage == "active"
            one.stage = "over"
        else:
            assert one.stage == "active", f"{tag} while {one.stage}"
            item, _, body = rest.partition(",")
            assert item == "1"
            if tag == "U":
                self.updated(one, body)
            elif tag == "OV":
                assert one.lossless or one.mode == "COMMAND"
                one.lost += int(body)
            else:
                assert one.mode in ("DISTINCT", "COMMAND")
                assert tag == "CS" or "EOS" not in one.received
                one.received.append(tag)
                if tag == "CS":
                    one.rows.clear()

    def updated(self, one: Subscription, body: str) -> None:
        """An update, decoded against what this client holds."""
        one.values = decode_body(one.values, body.encode(), len(one.schema))
        one.received.append(one.values)
        if one.mode != "COMMAND":
            return
        held = list(decode_body(one.held, body.encode(), len(one.schema)))
        key, command = held[one.schema.index("key")], held[one.schema.index("command")]
        assert key is not None
        if one.snapshot and not one.lossless:
            told = one.values[one.schema.index("command")]
            assert (told == "ADD") == (key not in one.rows), f"{told} {key}"
        if command == "DELETE":
            one.rows.pop(key, None)
            one.held = tuple(held)
        else:
            held[one.schema.index("command")] = "UPDATE" if key in one.rows else "ADD"
            one.held = one.rows[key] = tuple(held)
