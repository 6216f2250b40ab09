"""
One item to many WebSocket clients: CPU time per delivered message, beside the floor.

The floor is C{cserver.c}, an epoll loop that does nothing but send ready frames. Both
run in turn, round after round, on the same core with the same load on the other; the
figure to quote is the median of the ratios of the same round::

    python benchmarks/fanout.py                       # 1000 clients, 5 rounds
    python benchmarks/fanout.py --clients 200 --rate 100 --mode RAW

Needs a C compiler and an installed lsserver. Figures are kept in RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BUILD = HERE / "build"
SERVER_CORE, LOAD_CORE = "0", "1"


def build(name: str) -> Path:
    """Compile one of the C programs, unless that has been done."""
    source, program = HERE / f"{name}.c", BUILD / name
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        BUILD.mkdir(exist_ok=True)
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-w", "-o", program, source], check=True)
    return program


def pinned(core: str, command: list[str]) -> list[str]:
    """The command on one core, where the machine has two and the tool for it."""
    if shutil.which("taskset") and (os.cpu_count() or 1) > 1:
        return ["taskset", "-c", core, *command]
    return command


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    """Return when somebody listens on the port; the floor does not say so."""
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise SystemExit(f"nobody listens on port {port}")


@contextmanager
def running(command: list[str], ready: str | None) -> Iterator[int]:
    """A server on the first core; gives its process id once it says C{ready}."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            pinned(SERVER_CORE, command), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        try:
            seen = []
            while ready is not None:
                line = process.stdout.readline()
                seen.append(line)
                if not line:
                    raise SystemExit("the server did not start:\n" + "".join(seen))
                if re.search(ready, line):
                    break
            # A server whose log nobody reads stops sooner or later.
            drain = threading.Thread(target=process.stdout.read, daemon=True)
            drain.start()
            yield process.pid
        finally:
            process.terminate()
            process.wait(timeout=20)


def load(options: list[str], pid: int, seconds: float, clients: int) -> dict[str, Any]:
    """Run the load client on the second core; its figures."""
    command = [str(build("wsload")), "--n", str(clients), "--pid", str(pid), "--warm", "1", "--dur", str(seconds)]
    done = subprocess.run(
        pinned(LOAD_CORE, [*command, *options]), check=True, capture_output=True, text=True, timeout=300
    )
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def measure_floor(arguments: argparse.Namespace) -> dict[str, Any]:
    port = free_port()
    command = [str(build("cserver")), "--port", str(port), "--expect", str(arguments.clients)]
    command += ["--rate", str(arguments.rate), "--size", str(arguments.size)]
    with running(command, None) as pid:
        wait_for(port)
        options = ["--port", str(port), "--step", "s:SUB 0", "--step", "w:SUBOK"]
        return load(options, pid, arguments.seconds, arguments.clients)


def measure_lsserver(arguments: argparse.Namespace) -> dict[str, Any]:
    port = free_port()
    command = [str(Path(sys.executable).with_name("twistd")), "-n", "lsserver", "--port", str(port)]
    command += ["--no-demo", "--no-pages", "--adapters-dir", str(HERE / "sets")]
    create = r"create_session\r\nLS_adapter_set=BENCH&LS_cid=bench&LS_send_sync=false\r\n"
    add = r"control\r\nLS_session={cap}&LS_reqId=1&LS_op=add&LS_subId=1&LS_group=item0&LS_schema=text&LS_mode="
    pad = "x" * max(0, arguments.size - len("U,1,1,\r\n") - len("T=") - 16)
    message = r"msg\r\nLS_session={cap}&LS_reqId=1&LS_outcome=false&LS_ack=false&LS_message=item0|{ts}" + pad + r"\r\n"
    with running(command, r"listening|Listening") as pid:
        options = ["--port", str(port), "--path", "/lightstreamer", "--proto", "TLCP-2.5.0.lightstreamer.com"]
        options += [
            "--step",
            f"s:{create}",
            "--step",
            "c:CONOK,",
            "--step",
            f"s:{add}{arguments.mode}",
            "--step",
            "w:SUBOK",
        ]
        options += ["--pub-step", f"s:{create}", "--pub-step", "c:CONOK,", "--pub", f"s:{message}"]
        options += ["--pub-rate", str(arguments.rate)]
        return load(options, pid, arguments.seconds, arguments.clients)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000, help="WebSocket clients (default %(default)s)")
    parser.add_argument("--rate", type=float, default=30, help="updates/s of the item (default %(default)s)")
    parser.add_argument("--size", type=int, default=64, help="bytes of a line (default %(default)s)")
    parser.add_argument("--mode", default="MERGE", help="mode of the subscription (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=4, help="measured seconds a round (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default %(default)s)")
    arguments = parser.parse_args()
    ratios = []
    for number in range(1, arguments.rounds + 1):
        floor, ours = measure_floor(arguments), measure_lsserver(arguments)
        ratio = floor["srv_us_per_msg"] / ours["srv_us_per_msg"]
        ratios.append(ratio)
        print(
            f"round {number}: floor {floor['srv_us_per_msg']:.2f} us/message, lsserver {ours['srv_us_per_msg']:.2f}"
            f" ({1e6 / ours['srv_us_per_msg']:.0f} messages/s/core), {ratio:.2f} of the floor;"
            f" p50 {floor['p50_ms']:.1f}/{ours['p50_ms']:.1f} ms, p99 {floor['p99_ms']:.1f}/{ours['p99_ms']:.1f} ms,"
            f" {ours['rss_kb'] / 1024:.0f} MiB, lost connections {ours['dead']}"
        )
    print(f"median: {statistics.median(ratios):.2f} of the floor (1 = as fast as C)")


if __name__ == "__main__":
    main()
