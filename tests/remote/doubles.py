"""Remotes, engines and reactors for tests, all in memory."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, TypeVar

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, ensureDeferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.interfaces import ItemReceiver
from lsserver.remote.codec import decode_form
from lsserver.remote.data import RemoteDataProvider
from lsserver.remote.metadata import RemoteMetadataProvider
from lsserver.remote.proxy import Proxy

T = TypeVar("T")

RAC = "1|RAC|S|enableClosePacket|S|true|S|SDK|S|Java+Remote+Adapter+SDK"
OLD_RAC = "1|RAC|S|enableClosePacket|S|true"


class Wire(StringTransport):
    """
    A transport that tells the protocol when it is closed.

    @ivar aborted: whether it was closed without sending the rest.
    """

    aborted = False
    protocol: Any = None

    def setTcpNoDelay(self, enabled: bool) -> None: ...
    def setTcpKeepAlive(self, enabled: bool) -> None: ...

    def loseConnection(self) -> None:
        if self.connected:
            self.connected = False
            self.protocol.connectionLost(Failure(ConnectionDone()))

    def abortConnection(self) -> None:
        self.aborted = True
        self.loseConnection()


class FakeRemote:
    """
    The other end of a connection.

    @ivar lines: what it has got, without the ends of lines.
    """

    def __init__(self, factory: Any, host: str = "127.0.0.1", port: int = 50_000) -> None:
        """
        @raise ConnectionRefusedError: the factory makes no protocol.
        """
        address = IPv4Address("TCP", host, port)
        self.protocol = factory.buildProtocol(address)
        if self.protocol is None:
            raise ConnectionRefusedError
        self.wire = Wire(peerAddress=address)
        self.wire.protocol = self.protocol
        self.protocol.makeConnection(self.wire)

    @property
    def lines(self) -> list[str]:
        sent = self.wire.value()
        assert sent.endswith(b"\r\n") or not sent
        return sent.decode("ascii").split("\r\n")[:-1]

    @property
    def connected(self) -> bool:
        return bool(self.wire.connected)

    def taken(self) -> list[str]:
        """The lines since the last call of this."""
        lines = self.lines
        self.wire.clear()
        return lines

    def last(self) -> list[str]:
        """The tokens of the only line since the last look."""
        (line,) = self.taken()
        return line.split("|")

    def send(self, *lines: str) -> None:
        """Lines, in one segment."""
        self.protocol.dataReceived("".join(line + "\n" for line in lines).encode())

    def answer(self, rest: str) -> list[str]:
        """Answer the only request since the last look, which is returned."""
        tokens = self.last()
        self.send(f"{tokens[0]}|{tokens[1]}|{rest}")
        return tokens

    def leave(self) -> None:
        """Close the connection."""
        self.wire.loseConnection()


def cut(line: str) -> list[str]:
    """The tokens of a line."""
    return line.split("|")


def plain(line: str) -> list[str]:
    """The tokens of a line that can be compared: without the id, strings decoded."""
    return [str(decode_form(token)) for token in line.split("|")[1:]]


class Context:
    """What a proxy is told of its set."""

    def __init__(self, reactor: Any, name: str | None) -> None:
        self.set_id = "DEMO"
        self.name = name
        self.reactor = reactor

    def get_adapter(self, name: str | None) -> Any:
        raise KeyError(name)


class Listener:
    """
    The engine's side of both kinds of adapters.

    @ivar events: the calls.
    """

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.failures: list[BaseException] = []
        self.termination: Deferred[None] | None = None

    def taken(self) -> list[tuple[Any, ...]]:
        """The events since the last call of this."""
        events, self.events = self.events, []
        return events

    def update(self, item: str, event: dict[str, Any], issnapshot: bool = False) -> None:
        self.events.append(("update", item, event, issnapshot))

    trusted_update = update

    def receiver(self, item: str) -> ItemReceiver:
        return lambda shape, values, is_snapshot: self.update(
            item, dict(zip(shape.names, values, strict=True)), is_snapshot
        )

    def end_of_snapshot(self, item: str) -> None:
        self.events.append(("eos", item))

    def clear_snapshot(self, item: str) -> None:
        self.events.append(("clear", item))

    def declare_field_diff_order(self, item: str, orders: dict[str, Any]) -> None:
        self.events.append(("diffs", item, orders))

    def force_session_termination(
        self, session_id: str, code: int | None = None, message: str | None = None
    ) -> Deferred[None]:
        self.events.append(("terminate", session_id, code, message))
        return succeed(None) if self.termination is None else self.termination

    def failure(self, exception: BaseException) -> None:
        self.failures.append(exception)


class RemoteCase(SynchronousTestCase):
    """Tests with a proxy."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.reactor.advance(1_700_000_000)
        self.listener = Listener()
        self.logged: list[LogEvent] = []
        globalLogPublisher.addObserver(self.logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.logged.append)

    def logs(self, level: str) -> list[str]:
        """The lines logged by proxies at a level."""
        return [
            event["log_format"].format(**event)
            for event in self.logged
            if event.get("log_namespace") == "LightstreamerProxyAdapters" and event["log_level"].name == level
        ]

    def begin(self, proxy: T, **parameters: str) -> T:
        """Initialize a proxy as a server does; C{tls_x} stands for C{tls.x}, ports are 6661 and so on."""
        assert isinstance(proxy, Proxy)
        name = "QUOTES" if isinstance(proxy, RemoteDataProvider) else None
        proxy.set_context(Context(self.reactor, name))
        found = {"request_reply_port": "6661"} | {key.replace("__", "."): value for key, value in parameters.items()}
        self.started = proxy.initialize(found)
        self.started.addCallback(lambda _: proxy.set_listener(self.listener))
        self.ended: list[Any] = []
        self.started.addBoth(self.ended.append)
        return proxy

    def data(self, robust: bool = True, **parameters: str) -> RemoteDataProvider:
        return self.begin(RemoteDataProvider(robust), **parameters)

    def metadata(self, robust: bool = True, **parameters: str) -> RemoteMetadataProvider:
        return self.begin(RemoteMetadataProvider(robust), **parameters)

    def names(self, addresses: dict[str, list[str]]) -> None:
        """Have the reactor know these hosts and no others."""

        class Resolver:
            def resolveHostName(self, receiver: Any, name: str, *args: Any, **kwargs: Any) -> None:
                receiver.resolutionBegan(None)
                for address in addresses.get(name, ()):
                    receiver.addressResolved(IPv4Address("TCP", address, 0))
                receiver.resolutionComplete()

        self.reactor.nameResolver = Resolver()  # type: ignore[assignment]

    def connect(self, notify: bool = False, host: str = "127.0.0.1", port: int = 50_000) -> FakeRemote:
        """A new connection of a remote."""
        factory = self.reactor.tcpServers[-1 if notify else 0][1]
        return FakeRemote(factory, host, port)

    def ready(self, version: str | None = "1.9.1", rac: str = RAC) -> FakeRemote:
        """A remote that has been initialized."""
        remote = self.connect()
        remote.send(rac)
        remote.answer("V" if version is None else f"S|ARI.version|S|{version}")
        return remote

    def now(self, awaitable: Awaitable[T] | T) -> T:
        """The result of what is there already."""
        if isinstance(awaitable, Deferred):
            return self.successResultOf(awaitable)
        if isinstance(awaitable, Awaitable):
            return self.successResultOf(ensureDeferred(awaitable))  # type: ignore[arg-type]
        return awaitable

    def error(self, deferred: Deferred[Any], kind: type[BaseException]) -> Any:
        """The exception of what has failed already."""
        return self.failureResultOf(deferred, kind).value
