"""The server, started as a user starts it."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import lsserver
from tests.interop.child import Child

SETS = Path(__file__).parent / "sets"
COMMON = ("--adapters-dir", str(SETS), "--no-demo", "--config", str(Path(__file__).with_name("server.toml")))
START_SECONDS = 120
STOP_SECONDS = 60
"""Both are there against tests that hang, on a machine that is busy with other things."""

_LISTENING = re.compile(r"listening on (https?)://[^:/]+:([0-9]+)/")


class Server(Child):
    """
    A child process C{twistd -n lsserver} with the adapter sets of this folder.

    @ivar urls: of its listening sockets.
    @ivar lines: of its log.
    """

    def __init__(self, *options: str, port: bool = True) -> None:
        """
        Returns when the server listens.

        @param options: further ones of the command line.
        @param port: whether to listen on a free TCP port without TLS.
        @raise RuntimeError: it ends, or does not start in time.
        """
        self.urls: list[str] = []
        self._folder = tempfile.mkdtemp(prefix="lsserver-interop-")
        self._kept: list[tempfile.TemporaryDirectory[str]] = []
        sockets = 1 if port else 0
        sockets += options.count("--listen")
        listen = ["--port", "0"] if port else []
        super().__init__(
            [_twistd(), "-n", "lsserver", *listen, *COMMON, *options],
            self._folder,
            PYTHONPATH=_with_package(os.environ.get("PYTHONPATH", "")),
        )
        atexit.register(self.stop)
        with self._news:
            started = self._news.wait_for(
                lambda: len(self.urls) == sockets or not self._reader.is_alive(), timeout=START_SECONDS
            )
        if not started or len(self.urls) != sockets:
            self.stop()
            raise RuntimeError("the server does not start:\n" + "\n".join(self.lines[-30:]))

    def keep(self, folder: tempfile.TemporaryDirectory[str]) -> None:
        """Remove a folder when the server has ended."""
        self._kept.append(folder)

    @property
    def port(self) -> int:
        """Of the first socket."""
        return int(self.urls[0].rpartition(":")[2].rstrip("/"))

    def stop(self) -> int:
        """End the server in order; its exit status, or -9 when it had to be killed."""
        atexit.unregister(self.stop)
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self._reader.join()
        shutil.rmtree(self._folder, ignore_errors=True)
        for folder in self._kept:
            folder.cleanup()
        return status

    def wait_for_line(self, pattern: str, start: int = 0, seconds: float = START_SECONDS) -> bool:
        """Whether a line of the log, from number C{start} on, matches within a time."""
        deadline = time.monotonic() + seconds
        with self._news:
            return self._news.wait_for(
                lambda: any(re.search(pattern, line) for line in self.lines[start:]), deadline - time.monotonic()
            )

    def faults(self, start: int = 0) -> list[str]:
        """The tracebacks in the log from line C{start} on, but for those that the adapters were asked for."""
        entries: list[str] = []
        for line in self.lines[start:]:
            if line.startswith("\t") and entries:
                entries[-1] += "\n" + line
            else:
                entries.append(line)
        return [entry for entry in entries if "Traceback" in entry and "a fault that was asked for" not in entry]

    def hear(self, line: str) -> None:
        """As in L{Child}."""
        super().hear(line)
        found = _LISTENING.search(line)
        if found:
            self.urls.append(f"{found[1]}://127.0.0.1:{found[2]}/")


@cache
def shared() -> Server:
    """The one that the tests of this process have in common; ends with the process."""
    return Server()


def _twistd() -> str:
    """The script of the same environment."""
    return str(Path(sys.executable).with_name("twistd"))


def _with_package(path: str) -> str:
    """C{PYTHONPATH} such that the child imports the package that is being tested."""
    root = str(Path(lsserver.__file__).parent.parent)
    return os.pathsep.join([root, *(part for part in [path] if part)])
