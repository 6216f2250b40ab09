"""
What clients that do not read cost their neighbours: latency of 1000 WebSocket clients, alone and
beside 100 that have stopped reading, round after round::

    python -m benchmarks.slow
    python -m benchmarks.slow --stalled 300 --rounds 7

The figure to quote is the median of the ratios of the same round.
"""

from __future__ import annotations

import argparse
import socket
import statistics

from benchmarks import machine
from benchmarks.client import Figures, Load, run
from benchmarks.contenders import Lsserver
from benchmarks.server import Server

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
    add = "control\r\nLS_reqId=1&LS_op=add&LS_subId=1&LS_group=item0000&LS_schema=bid%20ask%20text&LS_mode=RAW"
    one.sendall(frame(add + "&LS_snapshot=false&LS_ack=false&LS_requested_max_frequency=unlimited"))
    while b"SUBOK" not in data:
        data += one.recv(4096)
    return one


def measure(arguments: argparse.Namespace, stalling: int) -> tuple[Figures, float]:
    """Figures of the neighbours, who all have C{item0000}, and MiB of the server."""
    # The buffers of those who stall are full before the measurement begins.
    load = Load(arguments.clients, arguments.rate, size=arguments.size, seconds=arguments.seconds, warm=5.0)
    with Server(core=machine.SERVER_CORE) as server:
        sockets = [stalled(server.port) for _ in range(stalling)]
        figures = run(load, server.port, server.pids(), Lsserver().script(load))
        memory = server.rss()
        for one in sockets:
            one.close()
        return figures, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000, help="neighbours (default %(default)s)")
    parser.add_argument("--stalled", type=int, default=100, help="clients that do not read (default %(default)s)")
    parser.add_argument("--rate", type=float, default=20, help="updates/s (default %(default)s)")
    parser.add_argument("--size", type=int, default=1000, help="bytes of a line (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=6, help="measured seconds a round (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default %(default)s)")
    arguments = parser.parse_args()
    machine.raise_limit()
    halves, tails = [], []
    for number in range(1, arguments.rounds + 1):
        order = (0, arguments.stalled) if number % 2 else (arguments.stalled, 0)
        figures = {stalling: measure(arguments, stalling) for stalling in order}
        (alone, before), (beside, after) = figures[0], figures[arguments.stalled]
        halves.append(beside.p50 / alone.p50)
        tails.append(beside.p99 / alone.p99)
        print(
            f"round {number}: alone p50 {alone.p50:.1f} ms, p99 {alone.p99:.1f} ms; beside"
            f" {arguments.stalled} that do not read p50 {beside.p50:.1f} ms, p99 {beside.p99:.1f} ms;"
            f" {after - before:+.1f} MiB",
            flush=True,
        )
    print(f"median of the ratios: p50 {statistics.median(halves):.3f}, p99 {statistics.median(tails):.3f}")


if __name__ == "__main__":
    main()
