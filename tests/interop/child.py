"""Child processes of the tests, and what they print."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Sequence


class Child:
    """
    A child process.

    @ivar lines: what it has printed so far, on both of its outputs.
    """

    def __init__(self, command: Sequence[str], folder: str | None = None, **environment: str) -> None:
        """
        @param folder: where it runs, C{None} for the current one.
        @param environment: variables besides those of this process.
        """
        self.lines: list[str] = []
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.hear(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def hear(self, line: str) -> None:
        """A line has come, in a thread of its own; whoever waits for one looks again afterwards."""
        self.lines.append(line)
