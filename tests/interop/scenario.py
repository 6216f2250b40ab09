"""
Scenarios: what an application does with a client SDK, step by step, and what it
must see. Each is written once and played by every SDK on every transport.

A scenario is a function that is given a L{Script} and is marked with
L{scenario}. A step is a dict, which C{node/interpreter.js} and
C{python/interpreter.py} carry out:

=============  ==================================================================
C{do}          what happens
=============  ==================================================================
connect        make the C{client}, with C{user}, C{password}, C{adapter_set} and
               C{options} (names of C{ConnectionOptions} without "set"), on the
               transport of the run unless C{forced} is false
disconnect     of the C{client}
reconnect      the C{client} that was disconnected
transport      force another transport, the C{value}
bandwidth      ask for a maximum bandwidth, the C{value}
subscribe      C{sub} names the subscription; C{items} or C{group}; C{fields}, or
               C{schema} with the C{count} of its fields; C{mode}, C{snapshot},
               C{frequency}, C{buffer}, C{selector}, C{data_adapter}; C{second}
               has the C{fields} and C{data_adapter} of a second level
unsubscribe    the subscription C{sub}
frequency      ask for another maximum frequency of C{sub}, the C{value}
read           what the client knows: C{item}, C{field}, and C{key} in COMMAND
send           a message: C{text}, C{sequence}, C{wait} (ms), C{queue} it while
               disconnected; C{as} names its outcome
until          wait until as many events as C{count} begin like C{event}, or so
               many as C{further} more than have come so far
outside        the test does C{what} to the connection
=============  ==================================================================

An event is a list; its first member is the channel: the name of a client, of a
subscription, or what C{as} said. The second says what happened:

=======================================  ========================================
client: status, session, error,          C{[status]}, C{[id]}, C{[code, text]},
bandwidth, server, address               C{[kbit/s]}, C{[name]}, C{[ip]}
subscription: subscribed, unsubscribed,
error, frequency, update,                C{[code, text]}, C{[value]}, C{[item,
                                         is snapshot, [values]]},
end of snapshot, clear, lost             C{[item]}, C{[item]}, C{[item, count]}
second error                             C{[code, text, key]}
message: processed, denied, error,       C{[response]}, C{[code, text]}, C{[]},
discarded, aborted                       C{[]}, C{[was it sent]}
read                                     the value itself
=======================================  ========================================
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import ANY

Event = list[Any]
TRANSPORTS = ("WS-STREAMING", "WS-POLLING", "HTTP-STREAMING", "HTTP-POLLING", None)
"""What the SDKs can be forced to; C{None}: the SDK finds out itself."""

SUBSCRIBED: Event = ["subscribed"]
UNSUBSCRIBED: Event = ["unsubscribed"]
UNLIMITED: Event = ["frequency", "unlimited"]

_INCIDENTAL = {"status", "session", "bandwidth", "server", "address"}
"""Events of clients that are compared only where a scenario says so."""


class Number:
    """Equal to a text that means the same number."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        try:
            return isinstance(other, str) and float(other) == self.value
        except ValueError:
            return False

    def __repr__(self) -> str:
        return f"Number({self.value})"


class Json:
    """Equal to a text that is the same JSON document."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and json.loads(other) == self.value

    def __repr__(self) -> str:
        return f"Json({self.value!r})"


class OneOf:
    """Equal to any of some values."""

    def __init__(self, *values: Any) -> None:
        self.values = values

    def __eq__(self, other: object) -> bool:
        return other in self.values

    def __repr__(self) -> str:
        return f"OneOf{self.values!r}"


def update(item: str | int, *values: Any, snapshot: Any = False) -> Event:
    """An update as the application sees it."""
    return ["update", item, snapshot, list(values)]


@dataclass(frozen=True)
class Sdk:
    """
    What scenarios must know about a client SDK.

    @ivar protocol: the TLCP version that it announces.
    @ivar unified: whether it is of the current code base (web and node 9, python).
    """

    name: str
    protocol: tuple[int, int]
    unified: bool = True
    browser: bool = False


@dataclass
class Seen:
    """What the application saw in one run, in order, and what went wrong with the run itself."""

    sdk: Sdk
    transport: str | None
    events: list[Event] = field(default_factory=list)
    problem: str | None = "the driver ended before the run did"

    def of(self, *beginning: Any) -> list[Event]:
        """The rest of the events that begin so."""
        size = len(beginning)
        return [event[size:] for event in self.events if event[:size] == list(beginning)]

    def values(self, sub: str, at: int) -> list[Any]:
        """The values of one field in the updates of a subscription."""
        return [event[2][at] for event in self.of(sub, "update")]


Check = Callable[[Seen], None]


@dataclass(frozen=True)
class Scenario:
    """A scenario, ready to be played."""

    name: str
    steps: list[dict[str, Any]]
    expected: dict[str, list[Event]]
    checks: list[Check]
    loose: set[str]
    applies: Callable[[Sdk, str | None], bool] = lambda sdk, transport: True
    network: str = ""

    def job(self, run: str, address: str, transport: str | None) -> dict[str, Any]:
        """The run, as the drivers want it. C{run} makes item and user names its own."""
        text = json.dumps(self.steps).replace("{run}", run).replace("{transport}", transport or "WS-STREAMING")
        return {"id": run, "address": address, "transport": transport, "steps": json.loads(text)}

    def problems(self, run: str, seen: Seen) -> list[str]:
        """What was not as expected, in lines; the last one tells how the connection was."""
        problems = self._problems(run, seen)
        if problems:
            problems.append(
                "connection: " + ", ".join(str(event[2]) for event in seen.events if event[1:2] == ["status"])
            )
        return problems

    def _problems(self, run: str, seen: Seen) -> list[str]:
        seen.events = json.loads(json.dumps(seen.events).replace(run, "{run}"))
        problems: list[str] = []
        channels: dict[str, list[Event]] = defaultdict(list)
        for channel, *rest in seen.events:
            channels[channel].append(rest)
            if rest[:1] and rest[0] in _INCIDENTAL | {"error"}:
                channels[f"{channel}:{rest[0]}"].append(rest[1:])
        for channel, events in channels.items():
            what = channel.partition(":")[2]
            if channel == "script":
                problems += [f"script: {event}" for event in events if event[0] != "processed"]
            elif channel == "outside" or what in _INCIDENTAL or channel in self.loose:
                pass
            elif channel not in self.expected and not self._split(channel, channels):
                problems.append(f"{channel}: unexpected {events}")
        for channel, wanted in self.expected.items():
            problems += _differences(channel, [_known_to(seen.sdk, event) for event in wanted], channels[channel])
        if seen.problem is not None:
            # What is missing is missing because the run has stopped.
            return [seen.problem, *(problem for problem in problems if ": never saw " not in problem)]
        if not problems:
            for check in self.checks:
                try:
                    check(seen)
                except AssertionError as error:
                    problems.append(f"{check.__name__}: {error}")
        return problems

    def _split(self, channel: str, channels: Iterable[str]) -> bool:
        """Whether the channel is a client's, looked at by kind of event; or an error of a subscription."""
        name, _, what = channel.partition(":")
        if what:
            return name in self.expected
        return any(other.startswith(f"{channel}:status") for other in channels)


def _known_to(sdk: Sdk, event: Event) -> Event:
    """Responses to messages came with protocol 2.5."""
    return ["processed", None] if event[:1] == ["processed"] and sdk.protocol < (2, 5) else event


def _differences(channel: str, wanted: list[Event], got: list[Event]) -> list[str]:
    for number, (one, other) in enumerate(zip(wanted, got, strict=False)):
        if one != other:
            return [f"{channel}, event {number}: {_difference(one, other)}; all: {_short(got)}"]
    if len(got) > len(wanted):
        return [f"{channel}: then also saw {_short(got[len(wanted) :])}"]
    if len(got) < len(wanted):
        return [f"{channel}: never saw {_short(wanted[len(got) :])}"]
    return []


def _difference(wanted: Event, got: Event) -> str:
    """Names the values of an update that differ, since there may be many."""
    if wanted[:3] == got[:3] and len(wanted) > 3 and len(wanted[3]) == len(got[3]):
        pairs = [(at, pair) for at, pair in enumerate(zip(wanted[3], got[3], strict=True)) if pair[0] != pair[1]]
        return ", ".join(f"value {at}: expected {one!r:.300}, saw {other!r:.300}" for at, (one, other) in pairs)
    return f"expected {wanted!r:.1000}, saw {got!r:.1000}"


def _short(events: list[Event]) -> str:
    text = repr(events)
    return text if len(text) < 800 else f"{text[:300]} ... {text[-400:]}"


class Script:
    """Writes a scenario, in the order in which things happen."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []
        self.expected: dict[str, list[Event]] = {}
        self.checks: list[Check] = []
        self.loose: set[str] = set()
        self._scripted = 0

    def connect(
        self, client: str = "client", wait: bool = True, adapter_set: str = "INTEROP", **arguments: Any
    ) -> None:
        """Open a session and, with C{wait}, wait until it is on the transport of the run."""
        self._do("connect", client=client, adapter_set=adapter_set, **arguments)
        if wait:
            self.until(client, "status", "CONNECTED:{transport}")

    def disconnect(self, client: str = "client", wait: bool = True) -> None:
        """Close the session."""
        self._do("disconnect", client=client)
        if wait:
            self.until(client, "status", "DISCONNECTED")

    def subscribe(
        self, sub: str, mode: str, items: str | None = None, fields: str | None = None, **arguments: Any
    ) -> None:
        """Subscribe; C{items} and C{fields} are names separated by spaces."""
        if items is not None:
            arguments["items"] = items.split(" ")
        if fields is not None:
            arguments["fields"] = fields.split(" ")
        self._do("subscribe", sub=sub, mode=mode, **arguments)

    def unsubscribe(self, sub: str, **arguments: Any) -> None:
        """End a subscription."""
        self._do("unsubscribe", sub=sub, **arguments)

    def send(self, text: str, name: str | None = None, **arguments: Any) -> None:
        """Send a message; its outcome is seen in the channel C{name}."""
        if name is not None:
            arguments["as"] = name
        self._do("send", text=text, **arguments)

    def step(self, do: str, **arguments: Any) -> None:
        """Any other step."""
        self._do(do, **arguments)

    def read(self, name: str, sub: str, item: str, field: str, key: str | None = None) -> None:
        """Ask the client for a value; it is seen in the channel C{name}."""
        self._do("read", sub=sub, item=item, field=field, **{"as": name}, **({} if key is None else {"key": key}))

    def adapter(self, do: str, client: str = "client", wait: bool = True, **arguments: Any) -> None:
        """Have the Metadata Adapter do something and, with C{wait}, wait until it is done."""
        text = json.dumps({"do": do, **arguments}, ensure_ascii=False)
        self.send(text, "script" if wait else None, sequence="SCRIPT", client=client)
        if wait:
            self._scripted += 1
            self.until("script", "processed", count=self._scripted)

    def data(self, method: str, *, client: str = "client", wait: bool = True, **arguments: Any) -> None:
        """Have a Data Adapter do something."""
        self.adapter("data", client, wait, method=method, **arguments)

    def prepare(self, item: str, **arguments: Any) -> None:
        """Say what an item sends when it is subscribed."""
        self.data("prepare", item=item, **arguments)

    def publish(self, item: str, *events: dict[str, Any], **arguments: Any) -> None:
        """Have an item send events."""
        self.data("publish", item=item, events=list(events), **arguments)

    def until(self, *event: Any, count: int = 1) -> None:
        """Wait for events."""
        self._do("until", event=list(event), count=count)

    def until_further(self, *event: Any, count: int = 1) -> None:
        """Wait for events beyond those that have come by then."""
        self._do("until", event=list(event), further=count)

    def see(self, channel: str, *events: Event) -> None:
        """
        These are the next events of the channel, and when all expectations are
        met, the only ones. C{client:error} and the like are channels too.
        """
        so_far = self.expected.setdefault(channel, [])
        so_far.extend(events)
        if so_far:
            self.until(*channel.split(":"), count=len(so_far))

    def check(self, check: Check) -> None:
        """Have a function look at everything in the end."""
        self.checks.append(check)

    def leave_out(self, *channels: str) -> None:
        """Events of these channels are for checks only."""
        self.loose.update(channels)
        for channel in channels:
            self.expected.pop(channel, None)

    def _do(self, do: str, **arguments: Any) -> None:
        self.steps.append({"do": do, **arguments})


SCENARIOS: dict[str, Scenario] = {}
"""All that were written, by name."""


def scenario(
    applies: Callable[[Sdk, str | None], bool] = lambda sdk, transport: True, network: str = ""
) -> Callable[[Callable[[Script], None]], Callable[[Script], None]]:
    """
    Marks a function that writes a scenario.

    @param applies: whether it makes sense with an SDK on a transport.
    @param network: which of L{tests.interop.proxy.NETWORKS} is between client and server.
    """

    def decorate(function: Callable[[Script], None]) -> Callable[[Script], None]:
        script = Script()
        function(script)
        name = function.__name__
        if name in SCENARIOS:
            raise ValueError(f"two scenarios are called {name}")
        SCENARIOS[name] = Scenario(name, script.steps, script.expected, script.checks, script.loose, applies, network)
        return function

    return decorate


def assert_equal(one: Any, other: Any, what: str = "") -> None:
    """For checks; of long lists only the place where they differ is told."""
    if one == other:
        return
    if isinstance(one, list) and isinstance(other, list) and max(len(one), len(other)) > 20:
        at = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), -1)
        what = f"{what} of {len(one)} and {len(other)} values, from number {at} on:"
        one, other = (values[max(0, at - 2) : at + 10] for values in (one, other))
    raise AssertionError(f"{what} expected {other!r:.2000}, saw {one!r:.2000}")


def one_session(seen: Seen) -> None:
    """The session was the same all the time."""
    ids: Sequence[Event] = seen.of("client", "session")
    assert_equal({len({tuple(event) for event in ids})}, {1}, f"session ids {ids}:")


__all__ = [
    "ANY", "SCENARIOS", "SUBSCRIBED", "TRANSPORTS", "UNLIMITED", "UNSUBSCRIBED", "Event", "Json", "Number", "OneOf",
    "Scenario", "Script", "Sdk", "Seen", "assert_equal", "one_session", "scenario", "update",
]  # fmt: skip
