"""
Events of a Remote Data Adapter over a real connection, into a server started as a user starts it:
CPU time of the server for each, beside a C{LineReceiver} in a process of its own that gets the same bytes::

    python -m benchmarks.remote_sockets                    # 10 fields, 100 items; 0, 1 and 100 subscribers
    python -m benchmarks.remote_sockets --fields 4 --rounds 3

The remote of this script answers all requests, then sends as fast as it is read, and ends what it
sends: the server has read everything when it closes the connection. Without subscribers the items are
forced. Subscribers are WebSocket sessions with all items, whose bytes are thrown away.
"""

from __future__ import annotations

import argparse
import os
import selectors
import socket
import statistics
import sys
import threading
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver

from benchmarks import machine
from benchmarks.server import Program
from benchmarks.swarm import PROTOCOL
from lsserver.remote.data import RemoteDataProvider

ITEMS = [f"item{number}" for number in range(100)]
RAC = b"1|RAC|S|enableClosePacket|S|true|S|SDK|S|Java+Remote+Adapter+SDK\n"


class ForcedRemote(RemoteDataProvider):
    """A remote adapter whose items are subscribed although nobody wants them."""

    def set_listener(self, listener: Any) -> None:
        super().set_listener(listener)
        for item in ITEMS:
            listener.force_subscription(item)


class Reader(LineReceiver):
    """The floor: a line is an event, and nothing is done with it."""

    delimiter = b"\n"
    MAX_LENGTH = 16 * 1024 * 1024

    def lineReceived(self, line: bytes) -> None: ...


def serve(port: int) -> None:
    """Be the floor's process."""
    found: Any = reactor
    found.listenTCP(port, Factory.forProtocol(Reader), interface="127.0.0.1")
    print("listening", flush=True)
    found.run()


class Remote:
    """
    The other end of a Data Adapter.

    @ivar ids: of the subscription of each item.
    """

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.ids: dict[str, str] = {}
        lines = self.socket.makefile("rb")
        self.socket.sendall(RAC)
        while len(self.ids) < len(ITEMS):
            request, method, *rest = lines.readline().decode().rstrip("\r\n").split("|")
            if method == "SUB":
                self.ids[rest[1]] = request
                answer = "V"
            else:
                answer = "S|ARI.version|S|1.9.1"
            self.socket.sendall(f"{request}|{method}|{answer}\n".encode())

    def send_all(self, data: bytes) -> None:
        """Returns when everything has been read."""
        self.socket.sendall(data)
        self.socket.shutdown(socket.SHUT_WR)
        while self.socket.recv(65536):
            pass
        self.socket.close()


class Subscribers:
    """WebSocket sessions that have subscribed to all items, in MERGE; what comes is thrown away."""

    def __init__(self, port: int, count: int, fields: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._sockets = [self._subscribed(port, fields) for _ in range(count)]
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _subscribed(self, port: int, fields: int) -> socket.socket:
        one = socket.create_connection(("127.0.0.1", port))
        one.sendall(
            b"GET /lightstreamer HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            + f"Sec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n".encode()
        )
        self._wait_for(one, b"\r\n\r\n")
        one.sendall(_masked("create_session\r\nLS_adapter_set=REMOTE&LS_cid=bench&LS_send_sync=false"))
        self._wait_for(one, b"CONOK")
        schema = "%20".join(f"field{number}" for number in range(fields))
        subscribe = f"LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group={'%20'.join(ITEMS)}&LS_schema={schema}"
        one.sendall(_masked(f"control\r\n{subscribe}"))
        self._wait_for(one, b"SUBOK")
        self._selector.register(one, selectors.EVENT_READ)
        return one

    def _wait_for(self, one: socket.socket, what: bytes) -> None:
        seen = b""
        while what not in seen:
            seen += one.recv(65536)

    def _read(self) -> None:
        while self._selector.get_map():
            for key, _ in self._selector.select():
                if not key.fileobj.recv(1 << 20):  # type: ignore[union-attr]
                    self._selector.unregister(key.fileobj)

    def close(self) -> None:
        """All of them, and wait for that."""
        for one in self._sockets:
            one.shutdown(socket.SHUT_WR)
        self._thread.join()
        for one in self._sockets:
            one.close()


def _masked(text: str) -> bytes:
    """A text frame of a client, masked with zeros."""
    data = text.encode()
    assert 125 < len(data) < 65536 or len(data) <= 125
    length = bytes([0x80 | len(data)]) if len(data) <= 125 else b"\xfe" + len(data).to_bytes(2, "big")
    return b"\x81" + length + bytes(4) + data


def events(ids: dict[str, str], count: int, fields: int) -> bytes:
    """The same ones as C{remote.py} has."""
    lines = []
    for n in range(count):
        item = ITEMS[n % len(ITEMS)]
        values = "|".join(f"S|field{m}|S|{n * 7 % 9973}.{m}{n % 10}" for m in range(fields))
        lines.append(f"1795478083571|UD3|S|{item}|S|{ids[item]}|B|0|{values}\n")
    return "".join(lines).encode()


class LineReaderProcess(Program):
    """The floor."""

    def __init__(self) -> None:
        self.port = machine.free_port()
        super().__init__([sys.executable, "-m", __spec__.name, "--serve", str(self.port)], "listening", **_AROUND)

    def measure(self, count: int, fields: int) -> float:
        """Seconds of CPU for each event."""
        data = events(dict.fromkeys(ITEMS, "20000018bcfe56800"), count, fields)
        one = socket.create_connection(("127.0.0.1", self.port))
        begun = self.cpu()
        one.sendall(data)
        one.shutdown(socket.SHUT_WR)
        while one.recv(65536):
            pass
        one.close()
        return (self.cpu() - begun) / count


class RemoteServer(Program):
    """The server with one set, whose Data Adapter is this script."""

    def __init__(self) -> None:
        self.port, self.remote_port = machine.free_port(), machine.free_port()
        twistd = str(Path(sys.executable).with_name("twistd"))
        line = f"REMOTE,data={__spec__.name}:ForcedRemote,DEFAULT.request_reply_port={self.remote_port}"
        line += ",DEFAULT.first_connection_timeout_millis=0,DEFAULT.interface=127.0.0.1"
        command = [twistd, "-n", "lsserver", "--port", str(self.port), "--no-demo", "--no-pages", "--adapter", line]
        super().__init__(command, "listening on", **_AROUND)

    def measure(self, count: int, fields: int) -> float:
        """Seconds of CPU for each event."""
        remote = Remote(self.remote_port)
        data = events(remote.ids, count, fields)
        begun = self.cpu()
        remote.send_all(data)
        return (self.cpu() - begun) / count


_AROUND: dict[str, Any] = {"environment": {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000, help="of one run (default %(default)s)")
    parser.add_argument("--fields", type=int, default=10, help="of one event (default %(default)s)")
    parser.add_argument("--subscribers", type=int, nargs="*", default=[0, 1, 100], help="(default 0 1 100)")
    parser.add_argument("--rounds", type=int, default=5, help="(default %(default)s)")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        serve(arguments.serve)
        return
    with LineReaderProcess() as floor, RemoteServer() as server:
        if (os.cpu_count() or 1) > 1:
            # The servers have the other core.
            os.sched_setaffinity(0, {int(machine.LOAD_CORE)})
        for count in arguments.subscribers:
            subscribers = Subscribers(server.port, count, arguments.fields)
            # Fewer where each of them is much work.
            number = arguments.events // (10 if count > 10 else 1)
            rates, ratios = [], []
            for _ in range(arguments.rounds):
                one = floor.measure(arguments.events, arguments.fields)
                other = server.measure(number, arguments.fields)
                rates.append((1 / one, 1 / other))
                ratios.append(one / other)
            subscribers.close()
            floors, others = (statistics.median(rate) for rate in zip(*rates, strict=True))
            print(
                f"{count:4} subscribers: line reader {floors:10,.0f} events/s, remote {others:10,.0f} events/s, "
                f"{1e6 / others:6.2f} us/event, {statistics.median(ratios):5.2f} of the line reader",
                flush=True,
            )


if __name__ == "__main__":
    main()
