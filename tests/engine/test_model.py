"""
Whatever happens to it, a client that applies what it is sent ends with the state that
the adapter has: nothing is lost silently, nothing doubled.
"""

from __future__ import annotations

import json
import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.shapes import Shape
from tests.engine.model import HISTORY, Event, Item, ModelClient, Subscription, in_order, same
from tests.engine.world import World

CLIENTS = 3
NAMES = ("a", "b", "key", "command")
FIELDS = st.sampled_from(["a", "b"])
CONNECTIONS = st.sampled_from(
    [
        ("", True),
        ("LS_content_length=3000", False),
        ("LS_content_length=100000", False),
        ("LS_polling=true", True),
        ("LS_polling=true&LS_idle_millis=500", True),
        ("LS_polling=true&LS_content_length=3000", False),
        ("LS_polling=true&LS_idle_millis=1000&LS_content_length=3000&LS_reduce_head=true", False),
    ]
)
CREATIONS = st.sampled_from(["", "", "LS_supported_diffs=T", "LS_supported_diffs=", "LS_reduce_head=true"])
SCHEMAS = {
    "COMMAND": st.sampled_from([("key", "command", "a"), ("b", "command", "a", "key")]),
    "OTHER": st.sampled_from([("a", "b"), ("b",), ("a", "b", "c", "a"), ("c",)]),
}
LIMITS = st.sampled_from(
    [
        "",
        "",
        "LS_requested_max_frequency=unfiltered",
        "LS_requested_max_frequency=3",
        "LS_requested_buffer_size=3",
        "LS_requested_buffer_size=3&LS_requested_max_frequency=20",
    ]
)


class Machine(RuleBasedStateMachine):
    """Items in every mode, clients that come, stall, break and recover."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.sub_id = 0
        self.shapes: dict[tuple[str, ...], Shape] = {}

    @initialize(
        available=st.lists(st.booleans(), min_size=4, max_size=4),
        orders=st.lists(
            st.sampled_from([(), ("JSONPATCH",), ("DIFF_MATCH_PATCH",), ("JSONPATCH", "DIFF_MATCH_PATCH")])
        ),
        min_length=st.sampled_from([None, 50]),
        patient=st.booleans(),
        riding=st.booleans(),
        options=st.sampled_from(
            [{}, {}, {"delta_delivery": False}, {"max_delay_millis": 30}, {"min_interpoll_millis": 300}]
        ),
        data=st.data(),
    )
    def start(
        self,
        available: list[bool],
        orders: list[tuple[str, ...]],
        min_length: int | None,
        patient: bool,
        riding: bool,
        options: dict[str, Any],
        data: st.DataObject,
    ) -> None:
        """The server, with the diffs that its adapter declares for each new subscription, and the first clients."""
        self.patient = patient
        self.riding = riding
        self.world = World(
            max_buffer_size=HISTORY,
            session_timeout_millis=10**9,
            session_recovery_millis=10**9,
            jsonpatch_min_length=min_length,
            **options,
        )
        self.items = [
            Item(name, mode, yes)
            for (name, mode), yes in zip(
                [("m", "MERGE"), ("d", "DISTINCT"), ("c", "COMMAND"), ("m2", "MERGE")], available, strict=True
            )
        ]
        # Those who are alike in everything go through the same, and ride.
        self.clients = [ModelClient(self.world, "" if riding else data.draw(CREATIONS)) for _ in range(CLIENTS)]
        by_name = {item.name: item for item in self.items}

        def subscribe(name: str) -> None:
            declared = dict(zip(("a", "b"), orders, strict=False))
            self.world.data.declare_field_diff_order(name, declared)

        self.world.adapter.snapshot_available = lambda name: by_name[name].available
        self.world.adapter.on_subscribe = subscribe
        for number in range(CLIENTS):
            for index in range(4) if riding else data.draw(st.lists(st.integers(0, 3), max_size=3, unique=True)):
                self.subscribe_to(number, index, False, True, None, data.draw(LIMITS), data)

    # What the adapter does

    def value(self, kind: str) -> str | None:
        """A value that is not like any other, or null, or empty."""
        self.number += 1
        text = f"{self.number}"
        match kind:
            case "null":
                return None
            case "empty":
                return ""
            case "json":
                return json.dumps({"number": self.number, "parity": self.number % 2, "text": "x" * 60})
            case "long":
                return f"A text that is long enough to be worth a difference, number {text}"
            case "special":
                return f"#{text}|100%\r\n^"
        return text

    KINDS = st.sampled_from(["short", "null", "empty", "json", "json", "long", "long", "special"])
    EVENTS = st.dictionaries(FIELDS, KINDS, max_size=2)

    CHANGES = st.tuples(
        st.integers(0, 9),
        EVENTS,
        st.sampled_from(["k1", "k2"]),
        st.sampled_from(["ADD", "UPDATE", "UPDATE", "UPDATE", "DELETE"]),
        st.sampled_from([False, False, False, False, False, True]),
        st.sampled_from([1, 1, 1, 1, 2, 15]),
        st.sampled_from([None, None, 0.0, 0.0, 0.1, 0.5]),
        st.booleans(),
    )

    @rule(changes=st.lists(CHANGES, min_size=1, max_size=8))
    def update(self, changes: list[tuple[int, dict[str, str], str, str, bool, int, float | None, bool]]) -> None:
        """Events and bursts of them, whole or in parts, in one turn or with time between them."""
        wanted = [item for item in self.items if item.subscriptions] or self.items
        for index, kinds, key, command, snapshot, repeat, pause, in_parts in changes:
            item = wanted[index % len(wanted)]
            for _ in range(repeat):
                event: Event = {name: self.value(kind) for name, kind in kinds.items()}
                if item.mode == "COMMAND":
                    event |= {"key": key, "command": command}
                item.update(dict(event), snapshot)
                if in_parts:
                    shape = self.shapes.setdefault(tuple(event), Shape(tuple(event)))
                    self.world.data.receiver(item.name)(shape, list(event.values()), snapshot)
                else:
                    self.world.data.update(item.name, event, snapshot)
            if pause is not None:
                self.world.advance(pause)
                self.let_ride()

    @rule(index=st.integers(0, 3))
    def end_of_snapshot(self, index: int) -> None:
        """The snapshot is complete."""
        item = self.items[index]
        if item.subscriptions:
            item.end_snapshot()
        self.world.data.end_of_snapshot(item.name)

    @rule(index=st.integers(0, 3))
    def clear(self, index: int) -> None:
        """The state is empty."""
        self.items[index].clear()
        self.world.data.clear_snapshot(self.items[index].name)

    # What clients do

    @rule(
        number=st.integers(0, CLIENTS - 1),
        index=st.integers(0, 3),
        raw=st.sampled_from([False, False, False, True]),
        snapshot=st.sampled_from([True, True, False]),
        length=st.sampled_from([None, None, 1, 3]),
        limits=LIMITS,
        data=st.data(),
    )
    def subscribe(
        self,
        number: int,
        index: int,
        raw: bool,
        snapshot: bool,
        length: int | None,
        limits: str,
        data: st.DataObject,
    ) -> None:
        """A subscription, early or late."""
        self.subscribe_to(number, index, raw, snapshot, length, limits, data)

    def subscribe_to(
        self,
        number: int,
        index: int,
        raw: bool,
        snapshot: bool,
        length: int | None,
        limits: str,
        data: st.DataObject,
    ) -> None:
        item = self.items[index]
        mode = "RAW" if raw else item.mode
        schemas = SCHEMAS["COMMAND" if item.mode == "COMMAND" else "OTHER"]
        if self.riding:
            schema, limits = ("key", "command", "a") if item.mode == "COMMAND" else ("a", "b"), ""
        else:
            schema = data.draw(schemas)
        self.sub_id += 1
        one = Subscription(
            self.sub_id,
            item,
            mode,
            schema,
            snapshot,
            length if snapshot and mode == "DISTINCT" else None,
            lossless=raw or "unfiltered" in limits,
        )
        # The engine subscribes at once, so that the adapter may be asked meanwhile.
        item.subscribe(one)
        self.clients[number].subscribe(one, limits)

    def some(self, number: int, which: int) -> Subscription | None:
        """One of the client's subscriptions that it has not ended."""
        owned = [one for one in self.clients[number].subscriptions.values() if one in one.item.subscriptions]
        return owned[which % len(owned)] if owned else None

    @rule(number=st.integers(0, CLIENTS - 1), which=st.integers(0, 9))
    def unsubscribe(self, number: int, which: int) -> None:
        """The end of one."""
        one = self.some(number, which)
        if one is not None:
            one.item.unsubscribe(one)
            self.clients[number].unsubscribe(one)

    @rule(
        number=st.integers(0, CLIENTS - 1), which=st.integers(0, 9), frequency=st.sampled_from(["1", "5", "unlimited"])
    )
    def reconfigure(self, number: int, which: int, frequency: str) -> None:
        """Another frequency."""
        one = self.some(number, which)
        if one is not None:
            self.clients[number].client.control(
                f"LS_reqId=x&LS_op=reconf&LS_subId={one.sub_id}&LS_requested_max_frequency={frequency}"
            )

    @rule(number=st.integers(0, CLIENTS - 1), bandwidth=st.sampled_from(["2", "20", "unlimited", "unlimited"]))
    def constrain(self, number: int, bandwidth: str) -> None:
        """Another bandwidth."""
        self.clients[number].client.control(f"LS_reqId=x&LS_op=constrain&LS_requested_max_bandwidth={bandwidth}")

    @rule(number=st.integers(0, CLIENTS - 1), writable=st.booleans())
    def stall(self, number: int, writable: bool) -> None:
        """The socket is full, or no longer."""
        client = self.clients[number].client
        if writable:
            client.resume()
        else:
            client.stall()

    @rule(number=st.integers(0, CLIENTS - 1), most=st.sampled_from([None, 0, 1, 30]))
    def fill(self, number: int, most: int | None) -> None:
        """The socket will take no more than a part of the next write."""
        self.clients[number].client.connection.most = most

    @rule(number=st.integers(0, CLIENTS - 1))
    def read(self, number: int) -> None:
        """The client takes what has come."""
        self.clients[number].read()

    @rule(number=st.integers(0, CLIENTS - 1), close=st.booleans())
    def force_rebind(self, number: int, close: bool) -> None:
        """The client wants to be asked to bind again."""
        self.clients[number].client.control(f"LS_reqId=x&LS_op=force_rebind&LS_close_socket={close}")

    @rule(number=st.integers(0, CLIENTS - 1), kind=CONNECTIONS)
    def bind(self, number: int, kind: tuple[str, bool]) -> None:
        """A plain bind, after a LOOP or before."""
        client = self.clients[number]
        if not client.cut:
            client.bind(*kind)

    @rule(number=st.integers(0, CLIENTS - 1), received=st.integers(0, 12), noticed=st.booleans())
    def lose(self, number: int, received: int, noticed: bool) -> None:
        """The connection breaks in the middle."""
        self.clients[number].lose(received, noticed)

    @rule(number=st.integers(0, CLIENTS - 1), kind=CONNECTIONS)
    def recover(self, number: int, kind: tuple[str, bool]) -> None:
        """The client comes back."""
        client = self.clients[number]
        if client.cut:
            client.recover(*kind)

    # Time

    @rule()
    def turn(self) -> None:
        """The end of a turn."""
        self.world.turn()
        self.let_ride()

    def let_ride(self) -> None:
        """Streams ride as soon as they may, and not after some writes: here nobody writes often."""
        if self.riding:
            for session in self.world.kernel.sessions.values():
                if not session.stream.rides:
                    session.stream.ride()

    @rule(seconds=st.sampled_from([0.02, 0.3, 2]))
    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.world.advance(seconds)
        self.let_ride()

    # What must hold

    def teardown(self) -> None:
        """All obstacles are gone: everybody gets the rest, and then has what is owed."""
        if not hasattr(self, "clients"):
            return
        for client in self.clients:
            self.heal(client)
        self.world.advance(14 if self.patient else 2)
        for client in self.clients:
            client.read()
            assert not client.looped and not client.skip and not client.recovering
            for one in client.subscriptions.values():
                check(one, one in one.item.subscriptions)

    def heal(self, client: ModelClient) -> None:
        """Nothing holds the client up any more, but perhaps its limits."""
        client.client.resume()
        bandwidth = "80" if self.patient else "unlimited"
        client.client.control(f"LS_reqId=x&LS_op=constrain&LS_requested_max_bandwidth={bandwidth}")
        for one in client.subscriptions.values():
            if one in one.item.subscriptions and not self.patient:
                client.client.control(
                    f"LS_reqId=x&LS_op=reconf&LS_subId={one.sub_id}&LS_requested_max_frequency=unlimited"
                )
        if client.cut:
            client.recover("", True)
        else:
            client.bind("", True)


def check(one: Subscription, alive: bool) -> None:
    """Whether a subscriber has got what it is owed."""
    owed, received = one.owed, one.received
    filtered_rows = one.mode == "COMMAND" and not one.lossless
    what = f"{one}\nowed {owed}\nreceived {received}"
    if not filtered_rows:
        assert in_order(received, owed), what
    if not alive:
        assert one.stage == "over", what
        return
    assert one.stage == "active", what
    assert received.count("EOS") == owed.count("EOS"), what
    if owed.count("CS") < 5:
        assert received.count("CS") == owed.count("CS"), what
    updates = [entry for entry in owed if not isinstance(entry, str)]
    came = [entry for entry in received if not isinstance(entry, str)]
    if one.lossless:
        assert len(came) + one.lost == len(updates), what
    elif one.mode == "COMMAND":
        check_rows(one, what)
    elif one.mode == "MERGE":
        assert bool(came) == bool(updates), what
        assert not came or same(came[-1], updates[-1]), what
    elif owed and owed[-1] not in ("CS", "EOS"):
        assert same(received[-1], owed[-1]), what


def check_rows(one: Subscription, what: str) -> None:
    """A table equals that of the adapter, as far as its client was told of it."""
    command = one.schema.index("command")
    table = one.item.table
    for key, row in one.rows.items():
        assert key in table, what
        truth = list(one.project({**table[key], "key": key}))
        truth[command] = row[command]
        assert same(row, tuple(truth)), what
    told = set(table) if one.snapshot and not one.waiting else one.touched & set(table)
    assert set(one.rows) == told, what


class Model(SynchronousTestCase):
    """
    The machine, run many times, always the same ones; C{LSSERVER_MODEL_EXAMPLES} makes it
    so many new ones, and what fails is made as short as possible.
    """

    def test_everybody_gets_what_is_owed(self) -> None:
        examples = os.environ.get("LSSERVER_MODEL_EXAMPLES")
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=int(examples or 300),
                stateful_step_count=40,
                deadline=None,
                derandomize=examples is None,
                database=None,
                report_multiple_bugs=False,
                phases=[Phase.generate, Phase.shrink] if examples else [Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
