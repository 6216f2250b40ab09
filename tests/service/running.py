"""A server in a process of its own, started as a user starts it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120
"""Longest wait for a line or an end."""


def twistd() -> str:
    """The C{twistd} of the Python that runs the tests."""
    beside = Path(sys.executable).parent / "twistd"
    return str(beside) if beside.is_file() else shutil.which("twistd") or "twistd"


class Running(ProcessProtocol):
    """
    A child process.

    @ivar output: what it has printed, standard output and error each.
    @ivar ended: fires with the exit status, minus the signal if one ended it.
    """

    def __init__(self) -> None:
        self.output = {1: "", 2: ""}
        self.ended: Deferred[int] = Deferred()
        self._awaited: list[tuple[re.Pattern[str], Deferred[re.Match[str]]]] = []

    @property
    def text(self) -> str:
        """Everything that it has printed."""
        return self.output[1] + self.output[2]

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self.output[childFD] += data.decode(errors="replace")
        for waiting in list(self._awaited):
            pattern, found = waiting
            if match := pattern.search(self.text):
                self._awaited.remove(waiting)
                found.callback(match)

    def processEnded(self, reason: Failure) -> None:
        for _, found in self._awaited:
            found.errback(AssertionError(f"the process ended, having printed:\n{self.text}"))
        self._awaited = []
        status: int | None = reason.value.exitCode  # type: ignore[attr-defined]
        self.ended.callback(-reason.value.signal if status is None else status)  # type: ignore[attr-defined]

    def printed(self, pattern: str) -> Deferred[re.Match[str]]:
        """Fires when what it has printed matches."""
        compiled = re.compile(pattern, re.MULTILINE)
        found: Deferred[re.Match[str]] = Deferred()
        if match := compiled.search(self.text):
            found.callback(match)
        else:
            self._awaited.append((compiled, found))
        return found.addTimeout(SECONDS, reactor, lambda *_: self._missing(pattern))  # type: ignore[arg-type]

    def _missing(self, pattern: str) -> re.Match[str]:
        raise AssertionError(f"{pattern!r} was not printed in {SECONDS} s, but:\n{self.text}")

    async def url(self) -> str:
        """The URL of the first socket, when it is open."""
        match = await self.printed(r"listening on (\S+)$")
        return match[1]

    def signal(self, name: str) -> None:
        """Send C{INT}, C{TERM} or another signal."""
        assert self.transport is not None
        self.transport.signalProcess(name)


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's variables, and what lets coverage see children that a signal ends."""
    found = dict(os.environ) | dict(changes or {})
    if "coverage" in sys.modules:
        path = [str(Path(__file__).parent / "coverage_hook"), found.get("PYTHONPATH", "")]
        found["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    return found


def start(
    case: TestCase, *arguments: str, cwd: Path, program: str | None = None, env: Mapping[str, str] | None = None
) -> Running:
    """Start a program, C{twistd} if none is named; it is killed when the test ends."""
    running = Running()
    command = [program or twistd(), *arguments]
    reactor.spawnProcess(running, command[0], command, environment(env), str(cwd))  # type: ignore[attr-defined]
    case.addCleanup(_end, running)
    return running


async def _end(running: Running) -> None:
    if not running.ended.called:
        with contextlib.suppress(ProcessExitedAlready):
            running.signal("KILL")
        await running.ended


def folder(case: TestCase) -> Path:
    """A new, empty folder."""
    path = Path(case.mktemp()).absolute()
    path.mkdir(parents=True)
    return path


def adapters(case: TestCase, code: str, xml: str = "") -> Path:
    """A folder with one adapter set, C{TEST}, whose Data Adapter C{DATA} is the class C{Data} in C{code}."""
    top = folder(case)
    (top / "one").mkdir()
    (top / "one" / "adapters.xml").write_text(
        '<adapters_conf id="TEST">'
        + (xml or '<data_provider name="DATA"><adapter_class>mine.Data</adapter_class></data_provider>')
        + "</adapters_conf>"
    )
    (top / "one" / "mine.py").write_text(code)
    return top
