"""
What clients that do not read cost their neighbours: latency of 1000 WebSocket clients, alone and
beside 100 that have stopped reading, round after round::

    python benchmarks/slow.py
    python benchmarks/slow.py --stalled 300 --rounds 7

The figure to quote is the median of the ratios of the same round.
"""

from __future__ import annotations

import argparse
import resource
import socket
import statistics
import sys
from pathlib import Path
from typing import Any

from fanout import HERE, free_port, load, running

HANDSHAKE = (
    "GET /lightstreamer HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: TLCP-2.5.0.lightstreamer.com\r\n\r\n"
)


def frame(text: str) -> bytes:
    """A client's text frame, masked with zeros."""
    payload = text.encode()
    assert 126 <= len(payload) < 65_536
    return b"\x81\xfe" + len(payload).to_bytes(2, "big") + bytes(4) + payload


def stalled(port: int) -> socket.socket:
    """A client that subscribes to everything there is, and reads no more."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.connect(("127.0.0.1", port))
    one.sendall(HANDSHAKE.encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += one.recv(4096)
    create = (
        "create_session\r\nLS_adapter_set=BENCH&LS_cid=stalled&LS_send_sync=false&LS_keepalive_millis=5000&LS_cause=api"
    )
    one.sendall(frame(create + "&LS_supported_diffs=&LS_polling=false&LS_reduce_head=false"))
    while b"CONS," not in data:
        data += one.recv(4096)
    add = "control\r\nLS_reqId=1&LS_op=add&LS_subId=1&LS_group=item0&LS_schema=text&LS_mode=RAW&LS_snapshot=false"
    one.sendall(frame(add + "&LS_ack=false&LS_requested_max_frequency=unlimited"))
    while b"SUBOK" not in data:
        data += one.recv(4096)
    return one


def measure(arguments: argparse.Namespace, stalling: int) -> dict[str, Any]:
    """Figures of the neighbours."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("twistd")), "-n", "lsserver", "--port", str(port)]
    command += ["--no-demo", "--no-pages", "--adapters-dir", str(HERE / "sets")]
    create = r"create_session\r\nLS_adapter_set=BENCH&LS_cid=bench&LS_send_sync=false\r\n"
    add = r"control\r\nLS_session={cap}&LS_reqId=1&LS_op=add&LS_subId=1&LS_group=item0&LS_schema=text&LS_mode=MERGE"
    pad = "x" * (arguments.size - len("U,1,1,T=\r\n") - 16)
    message = r"msg\r\nLS_session={cap}&LS_reqId=1&LS_outcome=false&LS_ack=false&LS_message=item0|{ts}" + pad + r"\r\n"
    with running(command, r"listening|Listening") as pid:
        sockets = [stalled(port) for _ in range(stalling)]
        options = ["--port", str(port), "--path", "/lightstreamer", "--proto", "TLCP-2.5.0.lightstreamer.com"]
        options += ["--step", f"s:{create}", "--step", "c:CONOK,", "--step", f"s:{add}", "--step", "w:SUBOK"]
        options += ["--pub-step", f"s:{create}", "--pub-step", "c:CONOK,", "--pub", f"s:{message}"]
        # The buffers of those who stall are full before the measurement begins.
        options += ["--pub-rate", str(arguments.rate), "--warm", "5"]
        figures = load(options, pid, arguments.seconds, arguments.clients)
        for one in sockets:
            one.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000, help="neighbours (default %(default)s)")
    parser.add_argument("--stalled", type=int, default=100, help="clients that do not read (default %(default)s)")
    parser.add_argument("--rate", type=float, default=20, help="updates/s (default %(default)s)")
    parser.add_argument("--size", type=int, default=1000, help="bytes of a line (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=6, help="measured seconds a round (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default %(default)s)")
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    halves, tails = [], []
    for number in range(1, arguments.rounds + 1):
        order = (0, arguments.stalled) if number % 2 else (arguments.stalled, 0)
        figures = {stalling: measure(arguments, stalling) for stalling in order}
        alone, beside = figures[0], figures[arguments.stalled]
        halves.append(beside["p50_ms"] / alone["p50_ms"])
        tails.append(beside["p99_ms"] / alone["p99_ms"])
        print(
            f"round {number}: alone p50 {alone['p50_ms']:.1f} ms, p99 {alone['p99_ms']:.1f} ms; beside"
            f" {arguments.stalled} that do not read p50 {beside['p50_ms']:.1f} ms, p99 {beside['p99_ms']:.1f} ms;"
            f" {beside['rss_kb'] / 1024 - alone['rss_kb'] / 1024:+.1f} MiB",
            flush=True,
        )
    print(f"median of the ratios: p50 {statistics.median(halves):.3f}, p99 {statistics.median(tails):.3f}")


if __name__ == "__main__":
    main()
