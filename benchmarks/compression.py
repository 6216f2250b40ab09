"""
What permessage-deflate saves and costs: bytes on the wire and CPU time of the server for each delivered message,
beside the same without it::

    python -m benchmarks.compression                  # 1000 clients; messages of 100, 300 and 1000 bytes
    python -m benchmarks.compression --quick          # one short round
    python -m benchmarks.compression --size 2000 --rate 10

All clients get the same updates of one item. Measured in turn are a server without C{websocket.use_compression}, one
with it and clients that ask for it, and one with it and clients that do not; the figures to quote are medians of the
ratios of the same round. Threshold 0, so that messages below the default one show what they would cost.
"""

from __future__ import annotations

import argparse
import os
import random
import select
import socket
import statistics
import time
import zlib
from dataclasses import dataclass
from urllib.parse import quote

from benchmarks import machine
from benchmarks.server import Server
from benchmarks.talking import Talk

HANDSHAKE = (
    "GET /lightstreamer HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: TLCP-2.5.0.lightstreamer.com\r\n"
)
OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
CREATE = "create_session\r\nLS_adapter_set=BENCH&LS_cid=bench&LS_send_sync=false&LS_keepalive_millis=30000"
ADD = "control\r\nLS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_schema=text&LS_group=item&LS_snapshot=false"
ADD += "&LS_requested_max_frequency=unlimited"
ON = "[websocket]\nuse_compression = true\ncompression_threshold = 0\n"

AT_ONCE = 50
"""Clients that connect before others are done."""


@dataclass(frozen=True)
class Contender:
    """
    @ivar configuration: of the server.
    @ivar offer: what clients ask for in their handshakes.
    """

    name: str
    configuration: str
    offer: str


CONTENDERS = (
    Contender("off", "", OFFER),
    Contender("on", ON, OFFER),
    Contender("not asked for", ON, ""),
)


@dataclass(frozen=True)
class Figures:
    """
    Of one size of messages.

    @ivar us: CPU time of the server for each delivered message, microseconds.
    @ivar octets: on the wire for each of them, with the head of the frame.
    """

    us: float
    octets: float


def frame(text: str) -> bytes:
    """A client's, with a mask of zeros."""
    payload = text.encode()
    size = len(payload)
    head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFE]) + size.to_bytes(2)
    return head + bytes(4) + payload


def text_of(data: bytes) -> bytes:
    """The text of the complete frames in what the server has sent."""
    found = []
    while len(data) >= 4:
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4]), 4
        payload = data[start : start + size]
        if len(payload) < size:
            break
        if data[0] & 0x40:
            payload = zlib.decompressobj(-15).decompress(payload + b"\x00\x00\xff\xff")
        found.append(payload)
        data = data[start + size :]
    return b"".join(found)


def numbers(size: int) -> str:
    """Text like a line of prices, of which no two are alike."""
    text = ""
    while len(text) < size:
        text += f"{random.uniform(1, 200):.2f} {random.randrange(100, 9900)} "
    return text[:size]


class Crowd:
    """Clients that only count what comes, but for the first, which reads it too."""

    def __init__(self, port: int, count: int, offer: str) -> None:
        self._sockets: list[socket.socket] = []
        # All at once would be an overload.
        for start in range(0, count, AT_ONCE):
            some = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(min(AT_ONCE, count - start))]
            for one in some:
                one.sendall(f"{HANDSHAKE}{offer}\r\n".encode())
            for one in some:
                head = one.recv(65_536)
                if not head.startswith(b"HTTP/1.1 101 ") or not head.endswith(b"\r\n\r\n"):
                    raise SystemExit(f"unexpected: {head!r}")
            for text, answer in ((CREATE, b"CONOK,"), (ADD, b"SUBOK,1")):
                for one in some:
                    one.sendall(frame(text))
                for one in some:
                    self._wait(one, answer)
            self._sockets += some
        self._epoll = select.epoll()
        for one in self._sockets:
            one.setblocking(False)
            self._epoll.register(one, select.EPOLLIN)
        self._by_file = {one.fileno(): one for one in self._sockets}
        self._buffer = bytearray(1 << 18)
        self.octets = 0
        self.read = b""

    @staticmethod
    def _wait(one: socket.socket, answer: bytes) -> None:
        data = b""
        while answer not in (text := text_of(data)):
            part = one.recv(65_536)
            data += part
            if not part or b"CONERR," in text:
                raise SystemExit(f"unexpected: {data!r}")

    def listen(self, until: float) -> None:
        """Take what comes."""
        first = self._sockets[0].fileno()
        while (left := until - time.monotonic()) > 0:
            for file, _ in self._epoll.poll(left):
                size = self._by_file[file].recv_into(self._buffer)
                self.octets += size
                if file == first:
                    self.read += self._buffer[:size]

    def close(self) -> None:
        """All connections."""
        self._epoll.close()
        for one in self._sockets:
            one.close()


def measure(contender: Contender, sizes: list[int], options: argparse.Namespace) -> dict[int, Figures]:
    """What came of each size."""
    found = {}
    with Server(contender.configuration, core=machine.SERVER_CORE) as server:
        crowd = Crowd(server.port, options.clients, contender.offer)
        talk = Talk(server.port)
        crowd.listen(time.monotonic() + 0.5)
        for size in sizes:
            crowd.octets, crowd.read = 0, b""
            before, sent = server.cpu(), 0
            due = time.monotonic()
            end = due + options.seconds
            while due < end:
                talk.say("item" + quote("|" + numbers(size - len("U,1,1,\r\n")), safe=""))
                sent += 1
                due += 1 / options.rate
                crowd.listen(due)
            crowd.listen(time.monotonic() + 0.3)
            delivered = text_of(crowd.read).count(b"U,1,1,") * options.clients
            if not delivered:
                raise SystemExit("no update arrived")
            if delivered != sent * options.clients:
                print(f"{contender.name}: {delivered // options.clients} of {sent} updates arrived, the rest conflated")
            found[size] = Figures((server.cpu() - before) / delivered * 1e6, crowd.octets / delivered)
        talk.close()
        crowd.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000, help="WebSocket clients (default %(default)s)")
    parser.add_argument("--rate", type=float, default=20, help="updates/s of the item (default %(default)s)")
    parser.add_argument("--size", type=int, action="append", help="bytes of a line (default 100, 300 and 1000)")
    parser.add_argument("--seconds", type=float, default=2, help="measured seconds of each size (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default %(default)s)")
    parser.add_argument("--quick", action="store_true", help="one short round")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, min(options.seconds, 1.0)
    sizes = options.size or [100, 300, 1000]
    machine.raise_limit()
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {int(machine.LOAD_CORE)})
    rounds: dict[str, list[dict[int, Figures]]] = {contender.name: [] for contender in CONTENDERS}
    for _ in range(options.rounds):
        for contender in CONTENDERS:
            rounds[contender.name].append(measure(contender, sizes, options))
    for size in sizes:
        off = [found[size] for found in rounds["off"]]
        for name, all_sizes in rounds.items():
            these = [found[size] for found in all_sizes]
            us = statistics.median(one.us for one in these)
            octets = statistics.median(one.octets for one in these)
            us_ratio = statistics.median(one.us / other.us for one, other in zip(these, off, strict=True))
            octets_ratio = statistics.median(one.octets / other.octets for one, other in zip(these, off, strict=True))
            print(
                f"{size} bytes, {name}: {octets:.0f} bytes a message ({octets_ratio:.2f}), {us:.2f} us ({us_ratio:.2f})"
            )


if __name__ == "__main__":
    main()
