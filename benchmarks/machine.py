"""The machine that is measured on: cores, processes, what to call it."""

from __future__ import annotations

import os
import platform
import re
import resource
import shutil
import socket
from importlib import metadata
from pathlib import Path

SERVER_CORE = "0"
LOAD_CORE = "1"


def pinned(core: str | None, command: list[str]) -> list[str]:
    """The command on one core, where the machine has two and the tool for it."""
    if core is not None and shutil.which("taskset") and (os.cpu_count() or 1) > 1:
        return ["taskset", "-c", core, *command]
    return command


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def raise_limit() -> int:
    """Allow as many sockets as the system does; how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def family(pid: int) -> list[int]:
    """A process and those that it has started."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    """On a processor so far, of all threads, to the nanosecond."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9


def resident(pid: int) -> int:
    """KiB in memory."""
    match = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert match is not None
    return int(match[1])


def description() -> dict[str, str]:
    """What a figure depends on, for those who read it later."""
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "lsserver": metadata.version("lsserver"),
        "twisted": metadata.version("twisted"),
        "autobahn": metadata.version("autobahn"),
    }
