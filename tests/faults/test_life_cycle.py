"""
Real client SDKs on connections that are cut, halved, ended, stalled, delayed and dribbled at every
point of the life of a session, on every transport.

Whatever happens, an application that counts sees nothing twice, nothing out of order and no hole,
or else a new session in between: never a part of a recovery. Messages of a sequence
arrive once and in order.

A test class is one SDK on one transport, a test one fault at one point, as
C{Node9HttpPolling.test_stall_at_subok}.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.faults.proxy import FaultyProxy, Point
from tests.interop.drivers import DRIVERS, Driver
from tests.interop.scenario import Scenario, Script, Seen
from tests.interop.server import Server

WIDTH = {"Node9": 24, "Python2": 12}
"""Runs that are played at a time. Each has several threads in Python."""

SECONDS = 400
"""After which a class is given up."""

UPDATES = 36
"""Numbers that each client counts, twenty a second: so few that a slow machine can keep up with all of them."""

MESSAGES = 5
"""Of one sequence, that each client sends meanwhile."""

SETS = Path(__file__).parent / "sets"
TRANSPORTS = ("WS-STREAMING", "WS-POLLING", "HTTP-STREAMING", "HTTP-POLLING")
POLLING = ("WS-POLLING", "HTTP-POLLING")

UPDATE = Point("update", True, b"U,1,1,", 10)
CUT_BEFORE = (UPDATE, "cut")

POINTS: dict[Point, tuple[str, ...]] = {
    Point("handshake", False, b"Upgrade: websocket"): ("WS-STREAMING",),
    Point("create", False, b"create_session"): TRANSPORTS,
    Point("handshake_answer", True, b" 101 "): ("WS-STREAMING",),
    Point("conok", True, b"CONOK"): TRANSPORTS,
    Point("loop", True, b"LOOP,"): (*POLLING, "HTTP-STREAMING"),
    Point("bind", False, b"bind_session"): (*POLLING, "HTTP-STREAMING"),
    Point("subscribe", False, b"LS_op=add"): TRANSPORTS,
    Point("subok", True, b"SUBOK"): TRANSPORTS,
    UPDATE: TRANSPORTS,
    Point("message", False, b"LS_message="): TRANSPORTS,
    Point("outcome", True, b"MSGDONE"): TRANSPORTS,
}
"""
With the transports on which they exist. A client that was forced to a transport and cannot begin to
use it gives up for good, as it should; so no WebSocket that fails under polling, and see L{GIVES_UP}.
"""

GIVES_UP = {
    ("HTTP-STREAMING", "stall_at_bind"),
    ("HTTP-STREAMING", "stall_at_subok"),
}

RECOVERING = (
    Point("recovery", False, b"LS_recovery_from"),
    Point("replay", True, b"PROG,"),
)
"""Points that are reached after another cut only."""

SAME_SESSION = {"update", "message", "outcome", "recovery", "replay"}
"""Points at which the session is well established; after them it must be the same to the end."""

FAULTS = ("cut", "halve", "end", "orphan", "stall", "delay", "dribble")

OPTIONS = {
    "RetryDelay": 2000,
    "FirstRetryMaxDelay": 50,
    "KeepaliveInterval": 1000,
    "StalledTimeout": 1000,
    "ReconnectTimeout": 2000,
    "IdleTimeout": 1000,
}
"""So that clients notice early."""


@cache
def server() -> Server:
    """The one that the tests of this module have in common."""
    return Server("--adapters-dir", str(SETS))


def faults_on(transport: str) -> dict[str, list[tuple[Point, str]]]:
    """What happens in each test of a transport."""
    found = {}
    for point, transports in POINTS.items():
        if transport in transports:
            for fault in FAULTS:
                if (transport, f"{fault}_at_{point.name}") not in GIVES_UP:
                    found[f"{fault}_at_{point.name}"] = [(point, fault)]
    for point in RECOVERING:
        for fault in FAULTS:
            found[f"{fault}_at_{point.name}"] = [CUT_BEFORE, (point, fault)]
    return found


def script(name: str) -> Scenario:
    """Count, and send."""
    s = Script()
    s.connect(adapter_set="FAULTS", options=OPTIONS, wait=False)
    s.subscribe("raw", "RAW", "raw.{run} raw.echo.{run}", "n")
    s.subscribe("merge", "MERGE", "merge.{run}", "n", snapshot="yes")
    s.subscribe("command", "COMMAND", "command.{run}", "n key command", frequency="unfiltered")
    s.until("raw", "update", "raw.{run}", count=15)
    for number in range(1, MESSAGES + 1):
        s.send(f"echo.{{run}}|{number}", f"m{number}", sequence="S", queue=True)
    for number in range(1, MESSAGES + 1):
        s.until(f"m{number}")
    for sub in ("raw", "command"):
        s.until(sub, "update", count=UPDATES)
    # By then what the messages have set off has come as well, if it comes at all.
    s.until_further("raw", "update", "raw.{run}", count=5)
    s.leave_out("raw", "merge", "command", *(f"m{number}" for number in range(1, MESSAGES + 1)))
    s.check(consistent)
    return Scenario(name, s.steps, s.expected, s.checks, s.loose, lambda sdk, transport: True)


def consistent(seen: Seen) -> None:
    """Nothing twice, nothing out of order, no hole, but for the beginning of a new session."""
    newest: dict[str, int] = {}
    snapshots: dict[str, int] = {}
    fresh: set[str] = set()
    session = None
    for channel, what, *rest in seen.events:
        if channel == "client" and what == "session" and rest[0] != session:
            session = rest[0]
            fresh = set(newest)
        elif what == "lost":
            raise AssertionError(f"{channel}: lost {rest}")
        elif what == "update":
            item, snapshot, (text, *_) = rest
            number, before = int(text), newest.get(item)
            if snapshot and (before is None or item in fresh):
                # Rows come in any order. The first update after them is a later one.
                snapshots[item] = max(number, snapshots.get(item, 0))
                continue
            before = snapshots.pop(item, before)
            if before is not None and number != before + 1:
                if number <= before and item not in fresh:
                    raise AssertionError(f"{item}: {number} after {before}")
                if item.startswith(("raw.", "command.")) and item not in fresh:
                    raise AssertionError(f"{item}: hole between {before} and {number}")
            fresh.discard(item)
            newest[item] = number
    if len(sessions(seen)) == 1:
        outcomes = [seen.of(f"m{number}")[0][0] for number in range(1, MESSAGES + 1)]
        assert outcomes == ["processed"] * MESSAGES, f"messages in one session: {outcomes}"
        echoes = [event[2][0] for event in seen.of("raw", "update") if ".echo." in event[0]]
        assert echoes == [str(number) for number in range(1, MESSAGES + 1)], f"messages arrived as {echoes}"


def sessions(seen: Seen) -> set[str]:
    """Their ids."""
    return {event[0] for event in seen.of("client", "session")}


class Cycle:
    """What the classes share."""

    timeout = SECONDS + 60
    driver: ClassVar[Driver]
    transport: ClassVar[str]
    results: ClassVar[dict[str, Seen]]
    struck: ClassVar[dict[str, int]]

    @classmethod
    async def play(cls) -> None:
        """All runs of the class."""
        cls.driver.arguments(), cls.driver.folder(), cls.driver.environment()  # skip before anything starts
        proxies: dict[str, FaultyProxy] = {}
        runs = []
        # Those that take long first.
        for name, faults in sorted(faults_on(cls.transport).items(), key=lambda one: one[1][-1][1] != "stall"):
            run = cls.run_of(name)
            proxies[run] = await FaultyProxy(reactor, server().port, faults).start()
            runs.append(script(name).job(run, proxies[run].address, cls.transport))
        try:
            cls.results = await cls.driver.play(
                reactor, runs, lambda run, what: None, WIDTH[cls.driver.sdk.name], SECONDS
            )
        finally:
            for proxy in proxies.values():
                await proxy.stop()
        cls.struck = {run: proxy.struck for run, proxy in proxies.items()}

    @classmethod
    def run_of(cls, name: str) -> str:
        """A name for the run that is unique on the server."""
        return f"{cls.__name__}.{name}"


def _class(driver: Driver, transport: str) -> type[TestCase]:
    name = driver.sdk.name + "".join(word.capitalize() for word in re.findall("[A-Z]+", transport))
    body: dict[str, Any] = {"driver": driver, "transport": transport, "__module__": __name__, "__doc__": None}
    for test, faults in faults_on(transport).items():
        body[f"test_{test}"] = _test(test, faults)
    return type(name, (Cycle, TestCase), body)


def _test(name: str, faults: list[tuple[Point, str]]) -> Callable[[Any], Deferred[None]]:
    async def run(self: Any) -> None:
        cls = type(self)
        if "results" not in cls.__dict__:
            await cls.play()
        seen = cls.results[cls.run_of(name)]
        problems = script(name).problems(cls.run_of(name), seen)
        if cls.struck[cls.run_of(name)] != len(faults):
            problems.append(f"only {cls.struck[cls.run_of(name)]} of {len(faults)} faults happened")
        elif faults[-1][0].name in SAME_SESSION and len(sessions(seen)) != 1:
            problems.append(f"the session was not recovered: {sessions(seen)}, {seen.of('client', 'status')}")
        if problems:
            self.fail("\n".join(problems))

    def test(self: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(run(self))

    test.__name__ = f"test_{name}"
    return test


for _driver in ("Node9", "Python2"):
    for _transport in TRANSPORTS:
        _made = _class(DRIVERS[_driver], _transport)
        globals()[_made.__name__] = _made
del _made
