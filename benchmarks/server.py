"""A server to be measured: started as a user starts it, watched from outside."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Server:
    """
    C{twistd -n lsserver} with the adapter sets of the benchmarks.

    @ivar log: its lines.
    """

    def __init__(self, configuration: str = "", *options: str) -> None:
        """
        @param configuration: text of a TOML file.
        """
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name) / "lsserver.toml"
        file.write_text(configuration)
        self.log: list[str] = []
        command = [str(Path(sys.executable).with_name("twistd")), "-n", "lsserver", "--port", str(self.port)]
        command += ["--no-demo", "--no-pages", "--adapters-dir", str(HERE / "sets"), "--config", str(file), *options]
        self._process = subprocess.Popen(
            command,
            cwd=self._folder.name,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "default::ResourceWarning"},
        )
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._listening.wait(30) or self._process.poll() is not None:
            raise SystemExit("the server did not start:\n" + "\n".join(self.log[-20:]))

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            line = line.rstrip("\n")
            if not re.search(r"session \S+ of .* (created|closed)", line):
                self.log.append(line)
            if "listening on" in line:
                self._listening.set()
        self._listening.set()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def rss(self) -> float:
        """MiB in memory."""
        match = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        assert match is not None
        return int(match[1]) / 1024

    def files(self) -> int:
        """Open ones."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu(self) -> float:
        """Seconds of both kinds so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

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
        self._folder.cleanup()
        return status
