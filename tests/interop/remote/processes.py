"""Adapter processes of tests, and the server that they connect to."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Any

from tests.interop.child import Child
from tests.interop.remote.sdks import RemoteSdk
from tests.interop.server import Server

SECONDS = 120
"""Longest wait for a line or an end."""


class AdapterProcess(Child):
    """A child process with one or two adapters."""

    def __init__(self, sdk: RemoteSdk, job: dict[str, Any]) -> None:
        """
        @raise unittest.SkipTest: something that the SDK needs is not installed.
        """
        super().__init__(sdk.command(job), PYTHONIOENCODING="utf-8")

    def printed(self, pattern: str, count: int = 1, seconds: float = SECONDS) -> list[re.Match[str]]:
        """
        The first lines that match, as soon as there are so many.

        @raise AssertionError: there are less in the end.
        """

        def found() -> list[re.Match[str]]:
            return [match for line in self.lines if (match := re.search(pattern, line))]

        deadline = time.monotonic() + seconds
        with self._news:
            self._news.wait_for(
                lambda: len(found()) >= count or not self._reader.is_alive(), deadline - time.monotonic()
            )
            matches = found()
        if len(matches) < count:
            text = "\n".join(self.lines[-40:])
            raise AssertionError(f"{pattern!r} was printed {len(matches)} times, not {count}:\n{text}")
        return matches

    def kill(self) -> None:
        """As C{kill -9}; harmless when it has ended."""
        self.process.kill()
        self.process.wait(SECONDS)
        self._reader.join(SECONDS)

    def ended(self, seconds: float = SECONDS) -> int:
        """Its exit status, when it has ended by itself."""
        return self.process.wait(seconds)


class RemoteServer(Server):
    """A server with sets of remote adapters, on ports that are free."""

    def __init__(self, remotes: Iterable[str], *options: str) -> None:
        """
        @param remotes: for C{--remote}, with 0 for each port.
        """
        super().__init__(*options, *(part for line in remotes for part in ("--remote", line)))

    def ports(self, label: str) -> list[int]:
        """The ports of one adapter, such as C{SET/metadata}: of requests, and of notifications if there is one."""
        pattern = re.compile(rf"\] {re.escape(label)}: waiting for the remote('s notifications)? on port ([0-9]+)")
        return [int(match[2]) for line in self.lines if (match := pattern.search(line))]

    def wait_until_ready(self, label: str, times: int = 1, seconds: float = SECONDS) -> None:
        """
        Until the remote of an adapter has been initialized so many times.

        @raise AssertionError: it has not.
        """
        self.wait_for_lines(rf"\] {re.escape(label)}: remote \S+ is ready", times, seconds)

    def wait_for_lines(self, pattern: str, times: int = 1, seconds: float = SECONDS) -> None:
        """
        Until so many lines of the log match.

        @raise AssertionError: they do not.
        """
        deadline = time.monotonic() + seconds
        with self._news:
            if not self._news.wait_for(
                lambda: sum(bool(re.search(pattern, line)) for line in self.lines) >= times,
                deadline - time.monotonic(),
            ):
                raise AssertionError(f"{pattern!r} was not logged {times} times:\n" + "\n".join(self.lines[-40:]))
