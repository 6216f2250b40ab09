"""Child processes that play scenarios with the SDKs."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from tests.interop import tools
from tests.interop.scenario import Sdk, Seen

Outside = Callable[[str, str], None]
"""Told the run and what shall be done to its connection."""


@dataclass(frozen=True)
class Driver:
    """
    How to play scenarios with one SDK.

    @ivar stumbles: a pattern of the texts of errors 61 (which clients make up
        themselves) that are the SDK's own faults. Such a run is played once more.
    """

    sdk: Sdk
    arguments: Callable[[], list[str]]
    folder: Callable[[], Path]
    environment: Callable[[], dict[str, str]] = dict
    stumbles: str = "(?!)"

    async def play(
        self,
        reactor: Any,
        runs: Sequence[dict[str, Any]],
        outside: Outside,
        width: int,
        seconds: float,
        **environment: str,
    ) -> dict[str, Seen]:
        """
        What was seen in each run.

        @param width: how many runs to play at a time.
        @param seconds: after which the driver is ended; what was seen so far counts.
        @raise unittest.SkipTest: something that this SDK needs is not installed.
        """
        seen = await self._play(reactor, runs, outside, width, seconds, environment)
        again = [_renamed(run) for run in runs if self._stumbled(seen[run["id"]])]
        if again:
            second = await self._play(
                reactor, again, lambda run, what: outside(run.removesuffix(AGAIN), what), width, seconds, environment
            )
            for run, one in second.items():
                one.events = json.loads(json.dumps(one.events).replace(run, run.removesuffix(AGAIN)))
                seen[run.removesuffix(AGAIN)] = one
        return seen

    def _stumbled(self, seen: Seen) -> bool:
        return any(
            event[1:3] == ["error", 61] and re.search(self.stumbles, str(event[3])) is not None for event in seen.events
        )

    def _play(
        self,
        reactor: Any,
        runs: Sequence[dict[str, Any]],
        outside: Outside,
        width: int,
        seconds: float,
        environment: dict[str, str],
    ) -> Deferred[dict[str, Seen]]:
        arguments = self.arguments()
        player = _Player({run["id"]: Seen(self.sdk, run["transport"]) for run in runs}, outside)
        limit = reactor.callLater(seconds, player.kill)
        process = reactor.spawnProcess(
            player, arguments[0], arguments, {**os.environ, **self.environment(), **environment}, str(self.folder())
        )
        process.write(json.dumps({"width": width, "runs": list(runs)}).encode())
        process.closeStdin()

        def finished(seen: dict[str, Seen]) -> dict[str, Seen]:
            if limit.active():
                limit.cancel()
            return seen

        return player.finished.addCallback(finished)


AGAIN = "again"


def _renamed(run: dict[str, Any]) -> dict[str, Any]:
    """The same run with items and users of its own."""
    renamed: dict[str, Any] = json.loads(json.dumps(run).replace(run["id"], run["id"] + AGAIN))
    return renamed


class _Player(ProcessProtocol):
    """Reads what a driver prints."""

    def __init__(self, seen: dict[str, Seen], outside: Outside) -> None:
        self._seen = seen
        self._outside = outside
        self._rest = b""
        self._errors = b""
        self.finished: Deferred[dict[str, Seen]] = Deferred()

    def kill(self) -> None:
        """The time is over."""
        self.transport.signalProcess("KILL")  # type: ignore[union-attr]

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line)

    def _line(self, line: bytes) -> None:
        if not line.startswith(b'["'):
            self._errors += line + b"\n"  # an SDK that has something to say
            return
        kind, run, what = json.loads(line)
        if kind == "end":
            self._seen[run].problem = what
            return
        self._seen[run].events.append(what)
        if what[0] == "outside":
            self._outside(run, what[1])

    def errReceived(self, data: bytes) -> None:
        self._errors += data

    def processEnded(self, reason: Failure) -> None:
        status = getattr(reason.value, "exitCode", None)
        if status != 0:
            text = self._errors.decode(errors="replace")[-2000:]
            for seen in self._seen.values():
                if seen.problem is not None:
                    seen.problem += f" (status {status}): {text}"
        self.finished.callback(self._seen)


def _node(program: str, *arguments: Callable[[], str]) -> Callable[[], list[str]]:
    script = str(tools.HERE / "node" / program)
    return lambda: [str(tools.need(tools.node)), script, *(argument() for argument in arguments)]


def _python(folder: Callable[[], Path]) -> tuple[Callable[[], list[str]], Callable[[], dict[str, str]]]:
    script = str(tools.HERE / "python" / "interpreter.py")
    return lambda: [sys.executable, script], lambda: {"PYTHONPATH": str(tools.need(folder))}


_NODE_SDKS: Callable[[], Path] = lambda: tools.need(tools.node_sdks)  # noqa: E731
_TEMPORARY: Callable[[], Path] = lambda: tools.HERE  # noqa: E731
_PYTHON_1, _PYTHON_1_PATH = _python(tools.python_sdk_1)
_PYTHON_2, _PYTHON_2_PATH = _python(tools.python_sdk_2)

# These SDKs close connections in one thread while another works with them.
_PYTHON_STUMBLES = "'NoneType' object has no attribute|cannot switch state from SSLProtocolState"

DRIVERS = {
    driver.sdk.name: driver
    for driver in (
        Driver(Sdk("Node9", (2, 5)), _node("node.js", lambda: "lightstreamer-client-node"), _NODE_SDKS),
        Driver(
            Sdk("Node8", (2, 1), unified=False), _node("node.js", lambda: "lightstreamer-client-node-8"), _NODE_SDKS
        ),
        Driver(Sdk("Web9", (2, 5), browser=True), _node("web.js", lambda: str(tools.need(tools.chromium))), _NODE_SDKS),
        Driver(Sdk("Python2", (2, 5)), _PYTHON_2, _TEMPORARY, _PYTHON_2_PATH, _PYTHON_STUMBLES),
        Driver(Sdk("Python1", (2, 4)), _PYTHON_1, _TEMPORARY, _PYTHON_1_PATH, _PYTHON_STUMBLES),
    )
}
