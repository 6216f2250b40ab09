"""
Events of a Remote Data Adapter: how many per second of CPU, beside the same feed in
process and beside a line reader that does nothing.

All of them get the same bytes, in chunks as a socket gives them, in turn, round
after round; the figure to quote is the median of the ratios of the same round::

    python benchmarks/remote.py                        # 10 fields, 100 items
    python benchmarks/remote.py --fields 4 --items 1 --rounds 9

Needs an installed lsserver. Figures are kept in RESULTS.md.
"""

from __future__ import annotations

import argparse
import gc
import statistics
from collections.abc import Callable
from time import process_time
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.protocols.basic import LineReceiver
from zope.interface import implementer

from lsserver.adapters.adapter_set import AdapterOptions, AdapterSet, SetOptions
from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.adapters.providers import DataProvider
from lsserver.engine.client import Client
from lsserver.engine.connection import IStreamConnection, Sender
from lsserver.engine.kernel import Kernel
from lsserver.engine.settings import EngineSettings
from lsserver.remote.data import RemoteDataProvider
from lsserver.tlcp.dialect import dialect_for
from lsserver.tlcp.parsing import parse_http
from lsserver.tlcp.versions import Version
from lsserver.transport.framing import TextFramer

CHUNK = 64 * 1024
"""What one read of a socket gives at most."""


class Peer:
    """A remote in memory."""

    def __init__(self, factory: Any) -> None:
        address = IPv4Address("TCP", "127.0.0.1", 50_000)
        self.protocol = factory.buildProtocol(address)
        self.wire = StringTransport(peerAddress=address)
        self.protocol.makeConnection(self.wire)

    def answer(self, rest: str) -> list[str]:
        """Answer all requests since the last call; their ids."""
        lines = [line.split("|") for line in self.wire.value().decode().split("\r\n")[:-1]]
        self.wire.clear()
        self.feed("".join(f"{line[0]}|{line[1]}|{rest}\r\n" for line in lines).encode())
        return [line[0] for line in lines]

    def feed(self, data: bytes) -> None:
        """Bytes from the remote."""
        self.protocol.dataReceived(data)


@implementer(IStreamConnection)
class Sink:
    """A client that reads at once."""

    websocket = True
    writable = True
    framing = TextFramer(1 << 20)

    @property
    def sender(self) -> Sender | None:
        return self

    def send(self, data: bytes) -> int:
        return len(data)

    def unsent(self, rest: bytes) -> None: ...
    def write(self, data: bytes) -> None: ...
    def refuse(self, line: bytes) -> None:
        raise RuntimeError(line.decode())

    def unavailable(self) -> None: ...
    def overhead(self, size: int) -> int:
        return 4

    def end(self, close_socket: bool, last: bytes = b"") -> None: ...
    def abort(self) -> None: ...


class Silent(DataProvider):
    """A Data Adapter in process that is fed from outside."""

    def subscribe(self, item_name: str) -> None: ...
    def unsubscribe(self, item_name: str) -> None: ...


class Server:
    """An engine with one Data Adapter whose items are subscribed."""

    def __init__(self, adapter: Any, items: list[str]) -> None:
        self.reactor = MemoryReactorClock()
        # No timer may run in here, so time stands still.
        options = SetOptions(
            metadata=AdapterOptions(parameters={"item_family_1": ".*", "modes_for_item_family_1": "MERGE"}),
            data={"DEFAULT": AdapterOptions(parameters={"request_reply_port": "1"})},
        )
        self.set = AdapterSet(
            "BENCH", LiteralBasedProvider(), {"DEFAULT": adapter}, options=options, reactor=self.reactor
        )
        self.kernel = Kernel(EngineSettings(), self.reactor)
        self.kernel.add_adapter_set(self.set)
        self.started = Deferred.fromCoroutine(self.kernel.start())
        self.items = items

    def subscribe(self, subscribers: int) -> None:
        """Each session has all items; without any, the items are forced."""
        listener: Any = self.set.data["DEFAULT"].listener
        for item in self.items:
            listener.force_subscription(item)
        for _ in range(subscribers):
            client = Client(dialect=dialect_for(Version(2, 5)), remote_ip="127.0.0.1", show_ip=False)  # type: ignore[arg-type]
            (create,) = parse_http("create_session", b"", b"LS_adapter_set=BENCH&LS_cid=x")
            sessions: list[Any] = []
            self.kernel.create_session(create, Sink(), client).addCallback(sessions.append)  # type: ignore[arg-type]
            if sessions[0] is None:
                raise SystemExit("no session could be created")
            schema = "%20".join(f"field{n}" for n in range(10))
            body = f"LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group={'%20'.join(self.items)}&LS_schema={schema}"
            (add,) = parse_http("control", b"", body.encode())
            self.kernel.control(add, client, sessions[0])  # type: ignore[arg-type]
        self.reactor.advance(0)


def line_reader(chunks: list[bytes]) -> Callable[[], None]:
    """The floor."""

    class Reader(LineReceiver):
        delimiter = b"\n"
        MAX_LENGTH = 16 * 1024 * 1024
        count = 0

        def lineReceived(self, line: bytes) -> None:
            self.count += 1

    reader = Reader()
    reader.makeConnection(StringTransport())  # type: ignore[no-untyped-call]

    def run() -> None:
        for chunk in chunks:
            reader.dataReceived(chunk)  # type: ignore[no-untyped-call]

    return run


def remote(
    items: list[str], make: Callable[[dict[str, str]], list[bytes]], subscribers: int, engine: bool = True
) -> Callable[[], None]:
    """
    The whole way of an event: bytes, lines, decoding, engine, sessions.

    @param engine: if not, events go nowhere once they are decoded.
    """
    adapter = RemoteDataProvider()
    server = Server(adapter, items)
    peer = Peer(server.reactor.tcpServers[0][1])
    peer.feed(b"1|RAC|S|enableClosePacket|S|true|S|SDK|S|Java+Remote+Adapter+SDK\r\n")
    peer.answer("S|ARI.version|S|1.9.1")
    server.subscribe(subscribers)
    chunks = make(dict(zip(items, peer.answer("V"), strict=True)))
    if not engine:
        for item in adapter.items.values():
            item.receive = lambda shape, values, is_snapshot: None

    def run() -> None:
        for chunk in chunks:
            peer.feed(chunk)
            server.reactor.advance(0)

    return run


def in_process(
    items: list[str], events: list[tuple[str, dict[str, str]]], subscribers: int, turn: int
) -> Callable[[], None]:
    """The same events from an adapter in the server, C{turn} of them in a turn of the reactor."""
    server = Server(Silent(), items)
    server.subscribe(subscribers)
    update = server.set.data["DEFAULT"].listener.update  # type: ignore[union-attr]

    def run() -> None:
        for start in range(0, len(events), turn):
            for item, event in events[start : start + turn]:
                update(item, event)
            server.reactor.advance(0)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=50_000, help="of one run (default %(default)s)")
    parser.add_argument("--fields", type=int, default=10, help="of one event (default %(default)s)")
    parser.add_argument("--items", type=int, default=100, help="(default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="(default %(default)s)")
    arguments = parser.parse_args()
    items = [f"item{n}" for n in range(arguments.items)]
    events = [
        (items[n % len(items)], {f"field{m}": f"{n * 7 % 9973}.{m}{n % 10}" for m in range(arguments.fields)})
        for n in range(arguments.events)
    ]

    def lines(ids: dict[str, str]) -> list[str]:
        return [
            f"1795478083571|UD3|S|{item}|S|{ids[item]}|B|0|" + "|".join(f"S|{k}|S|{v}" for k, v in event.items())
            for item, event in events
        ]

    def chunks(ids: dict[str, str]) -> list[bytes]:
        data = "".join(f"{line}\n" for line in lines(ids)).encode()
        return [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]

    some_ids = dict.fromkeys(items, "20000018bcfe56800")
    per_turn = arguments.events // len(chunks(some_ids))
    runs = {
        "line reader": line_reader(chunks(some_ids)),
        "decoding only": remote(items, chunks, 0, engine=False),
        "in process, 0 subscribers": in_process(items, events, 0, per_turn),
        "remote, 0 subscribers": remote(items, chunks, 0),
        "in process, 1 subscriber": in_process(items, events, 1, per_turn),
        "remote, 1 subscriber": remote(items, chunks, 1),
        "in process, 100 subscribers": in_process(items, events, 100, per_turn),
        "remote, 100 subscribers": remote(items, chunks, 100),
    }
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(arguments.rounds):
        for name, run in runs.items():
            gc.collect()
            started = process_time()
            run()
            rates[name].append(arguments.events / (process_time() - started))
    print(f"{len(lines(some_ids)[0])} bytes a line, {arguments.fields} fields, {arguments.items} items")
    for name, rate in rates.items():
        floor = statistics.median(one / other for one, other in zip(rate, rates["line reader"], strict=True))
        median = statistics.median(rate)
        print(f"{name:28} {median:12,.0f} events/s {1e6 / median:8.2f} us/event {floor:6.2f} of the line reader")


if __name__ == "__main__":
    main()
