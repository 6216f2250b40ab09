"""A server to be measured: started as a user starts it, on a core of its own, watched from outside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks import machine
from benchmarks.programs import HERE

STARTS = 30.0
"""Seconds that a server may take."""


class ServerError(Exception):
    """A server did not start, or ended, or did not say what it should have. The text has the end of its log."""


class Program:
    """
    Any server: a process in a folder of its own.

    @ivar folder: its working directory, which ends with it.
    @ivar log: the lines that it has printed.
    """

    def __init__(
        self,
        command: list[str],
        ready: str,
        core: str | None = machine.SERVER_CORE,
        files: dict[str, str] | None = None,
        environment: dict[str, str] | None = None,
        drop: str | None = None,
    ) -> None:
        """
        @param ready: a regular expression that it prints when clients may come.
        @param files: to be written to its folder first.
        @param drop: lines that are not kept, there being one for each session.
        @raise ServerError: it ended, or did not get ready.
        """
        machine.raise_limit()
        self._folder = tempfile.TemporaryDirectory(prefix="benchmark-")
        self.folder = Path(self._folder.name)
        for name, text in (files or {}).items():
            (self.folder / name).write_text(text)
        self.log: list[str] = []
        self._drop = None if drop is None else re.compile(drop)
        self._changed = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            machine.pinned(core, command),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        # A server whose log nobody reads stops sooner or later.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.wait_for(ready, STARTS)
        except ServerError:
            self.stop()
            raise

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if self._drop is None or not self._drop.search(line):
                with self._changed:
                    self.log.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(self, pattern: str, seconds: float, start: int = 0) -> re.Match[str]:
        """
        What a line of the log from C{start} on has of a regular expression, at once or when it comes.

        @raise ServerError: it does not come.
        """
        wanted, deadline = re.compile(pattern), time.monotonic() + seconds
        with self._changed:
            while True:
                for line in self.log[start:]:
                    match = wanted.search(line)
                    if match:
                        return match
                start = len(self.log)
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    reason = "the server ended" if self._ended else f"no {pattern!r} within {seconds:.0f} s"
                    raise ServerError(f"{reason}:\n" + "\n".join(self.log[-20:]))
                self._changed.wait(left)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def pids(self) -> list[int]:
        """Of it and of those that it has started."""
        return machine.family(self.pid)

    def rss(self) -> float:
        """MiB in memory."""
        return machine.resident(self.pid) / 1024

    def files(self) -> int:
        """Open ones."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu(self) -> float:
        """Seconds of both kinds so far."""
        return machine.cpu_seconds(self.pid)

    def complaints(self) -> list[str]:
        """Lines of the log that are no mere information."""
        return [
            line
            for line in self.log
            if re.search(r"error|critical|Traceback|Unhandled|ResourceWarning|warn", line, re.I)
        ]

    def stop(self) -> int:
        """End it in order; the exit status."""
        self._process.terminate()
        try:
            status = self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._reader.join(5)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._folder.cleanup()
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Server(Program):
    """
    C{twistd -n lsserver} with the adapter sets of the benchmarks.

    @ivar port: where it listens.
    """

    def __init__(
        self,
        configuration: str = "",
        *options: str,
        core: str | None = None,
        tls: bool = False,
        files: dict[str, str] | None = None,
    ) -> None:
        """
        @param configuration: text of a TOML file.
        @param options: more of them, for the command line.
        @param core: the one it has to stay on, C{None} for any.
        @param tls: listen with TLS; C{cert.pem} and C{key.pem} are among the files.
        """
        self.port = machine.free_port()
        twistd = str(Path(sys.executable).with_name("twistd"))
        listen = ["--port", str(self.port)]
        if tls:
            listen = ["--listen", f"ssl:{self.port}:privateKey=key.pem:certKey=cert.pem:backlog=4096"]
        super().__init__(
            [
                *(twistd, "-n", "lsserver", *listen, "--no-demo", "--no-pages"),
                *("--adapters-dir", str(HERE / "sets"), "--config", "lsserver.toml", *options),
            ],
            "listening on",
            core,
            {"lsserver.toml": configuration, **(files or {})},
            {"PYTHONWARNINGS": "default::ResourceWarning"},
            r"session \S+ of .* (created|closed)",
        )
