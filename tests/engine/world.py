"""
A server without sockets: the engine on a fake clock, adapters that do what a test
says, and connections that note what they are sent.

Tests read as conversations::

    world = World()
    client = world.client()
    client.create()
    client.control("LS_op=add&LS_subId=1&…")
    world.data.update("item1", {"a": "1"})
    world.turn()
    self.assertEqual(client.lines(), [...])
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from zope.interface import implementer

from lsserver.adapters.grants import ItemGrant
from lsserver.engine.client import Client
from lsserver.engine.connection import IStreamConnection, Sender
from lsserver.engine.dialect import IDialect
from lsserver.engine.kernel import Kernel
from lsserver.engine.session import Session
from lsserver.engine.settings import EngineSettings
from lsserver.tlcp.dialect import dialect_for
from lsserver.tlcp.parsing import parse_http
from lsserver.tlcp.requests import BindSession, ControlRequest, CreateSession, Heartbeat, RequestError
from lsserver.tlcp.versions import Version

Hook = Callable[..., Any]

NEWEST = Version(2, 5)


async def settle(answer: Any) -> Any:
    """An answer, or what it becomes; exceptions are raised."""
    if isinstance(answer, BaseException):
        raise answer
    if isinstance(answer, Awaitable):
        answer = await answer
        if isinstance(answer, BaseException):
            raise answer
    return answer


class FakeMetadata:
    """
    Accepts everything. C{answers} changes that: by method name, a value, an
    exception to raise, a Deferred, or a function of the arguments that gives one of these.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.calls: list[tuple[Any, ...]] = []

    async def _answer(self, name: str, default: Any, *arguments: Any) -> Any:
        self.calls.append((name, *arguments))
        answer = self.answers.get(name, default)
        if callable(answer):
            answer = answer(*arguments)
        return await settle(answer)

    def called(self, name: str) -> list[tuple[Any, ...]]:
        """The arguments of every call of a method."""
        return [arguments for method, *arguments in self.calls if method == name]  # type: ignore[misc]

    async def notify_user(self, *arguments: Any) -> None:
        await self._answer("notify_user", None, *arguments)

    async def get_allowed_max_bandwidth(self, user: str | None) -> float:
        return float(await self._answer("get_allowed_max_bandwidth", 0.0, user))

    async def wants_tables_notification(self, user: str | None) -> bool:
        return bool(await self._answer("wants_tables_notification", False, user))

    async def notify_new_session(self, *arguments: Any) -> None:
        await self._answer("notify_new_session", None, *arguments)

    async def get_session_time_to_live(self, *arguments: Any) -> float:
        return float(await self._answer("get_session_time_to_live", 0.0, *arguments))

    async def notify_session_close(self, session_id: str) -> None:
        await self._answer("notify_session_close", None, session_id)

    async def get_items(self, user: str | None, session_id: str, group: str, data_adapter: str) -> list[str]:
        return list(await self._answer("get_items", group.split(), user, session_id, group, data_adapter))

    async def get_schema(
        self, user: str | None, session_id: str, group: str, data_adapter: str, schema: str
    ) -> list[str]:
        return list(await self._answer("get_schema", schema.split(), user, session_id, group, data_adapter, schema))

    async def grant_items(
        self,
        user: str | None,
        items: list[str],
        data_adapter: str,
        mode: str,
        selector: str | None,
        unfiltered: bool,
    ) -> list[ItemGrant]:
        grant = ItemGrant(distinct_snapshot_length=10)
        answer = await self._answer("grant_items", grant, user, items, data_adapter, mode, selector, unfiltered)
        return list(answer) if isinstance(answer, list) else [answer] * len(items)

    async def fixed_mode(self, item: str, data_adapter: str) -> str | None:
        answer: str | None = await self._answer("fixed_mode", None, item, data_adapter)
        return answer

    async def item_limits(self, item: str, data_adapter: str, mode: str) -> ItemGrant:
        grant = ItemGrant(distinct_snapshot_length=10)
        answer: ItemGrant = await self._answer("item_limits", grant, item, data_adapter, mode)
        return answer

    async def notify_new_tables(self, *arguments: Any) -> None:
        await self._answer("notify_new_tables", None, *arguments)

    async def notify_tables_close(self, *arguments: Any) -> None:
        await self._answer("notify_tables_close", None, *arguments)

    async def notify_user_message(self, user: str | None, session_id: str, message: str) -> str | None:
        answer: str | None = await self._answer("notify_user_message", None, user, session_id, message)
        return answer

    def is_selected(self, user: str | None, item: str, data_adapter: str, selector: str, event: Any) -> bool:
        return bool(self.answers["is_selected"](event))

    def customize_update(self, user: str | None, item: str, data_adapter: str, event: Any) -> bool:
        return bool(self.answers["customize_update"](event))


class FakeData:
    """A Data Adapter that the test plays; C{calls} has what the engine asked for."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.snapshot_available: Any = True
        self.on_subscribe: Any = None
        self.on_unsubscribe: Any = None
        self.calls: list[tuple[str, str]] = []

    async def issnapshot_available(self, item: str) -> bool:
        answer = self.snapshot_available
        return bool(await settle(answer(item) if callable(answer) else answer))

    async def subscribe(self, item: str) -> None:
        self.calls.append(("subscribe", item))
        answer = self.on_subscribe
        await settle(answer(item) if callable(answer) else answer)

    async def unsubscribe(self, item: str) -> None:
        self.calls.append(("unsubscribe", item))
        answer = self.on_unsubscribe
        await settle(answer(item) if callable(answer) else answer)


class FakeSet:
    """Looks like an adapter set."""

    def __init__(self, set_id: str, *adapters: str, sequentialize: bool = False) -> None:
        self.id = set_id
        self.metadata = FakeMetadata()
        self.data = {name: FakeData(name) for name in adapters}
        self.sequentialize_table_notifications = sequentialize
        self.sinks: dict[str, Any] = {}
        self.control: Any = None
        self.stopped = False
        self.waiting_calls = 0.0

    async def start(self, control: Any, sink_for: Callable[[str], Any]) -> None:
        self.control = control
        self.sinks = {name: sink_for(name) for name in self.data}

    async def stop(self) -> None:
        self.stopped = True


class FakeFraming:
    """Adds nothing, and remembers the last lines like the real ones."""

    def __init__(self) -> None:
        self.data = self.frame = b""

    def encode(self, data: bytes) -> bytes:
        self.data = self.frame = data
        return data


@implementer(IStreamConnection)
class FakeConnection:
    """
    @ivar data: everything written.
    @ivar most: bytes that L{send} takes at once, C{None} if it takes nothing and says so by an exception.
    @ivar queued: what it did not take; the transport sends it later, so it is in C{data} as well.
    @ivar congested: told when that begins.
    @ivar added: what a real connection would have added to it.
    @ivar state: C{open}, C{refused}, C{unavailable}, C{ended}, C{closed} (ended with the socket) or C{aborted}.
    """

    framings = (FakeFraming(), FakeFraming())

    def __init__(self, websocket: bool) -> None:
        self.websocket = websocket
        self.framing = self.framings[websocket]
        self.most: float | None = math.inf
        self.queued = b""
        self.congested: Callable[[FakeConnection], None] = lambda connection: None
        self.writable = True
        self.data = b""
        self.state = "open"
        self.writes = 0
        self.added = 0

    def write(self, data: bytes) -> None:
        assert self.state == "open", f"write after {self.state}: {data!r}"
        assert data.endswith(b"\r\n"), data
        self.data += data
        self.writes += 1
        self.added += self.overhead(len(data))

    @property
    def sender(self) -> Sender | None:
        return self

    def send(self, frame: bytes) -> int:
        assert self.writable
        if self.most is None:
            raise BlockingIOError
        taken = min(len(frame), self.most)
        self.write(frame)
        return int(taken)

    def unsent(self, rest: bytes) -> None:
        if self.most is None:
            self.write(rest)
        self.queued += rest
        self.writable = False
        self.congested(self)

    def refuse(self, line: bytes) -> None:
        assert self.state == "open" and not self.data
        self.data = line
        self.state = "refused"

    def unavailable(self) -> None:
        assert self.state == "open" and not self.data
        self.state = "unavailable"

    def overhead(self, size: int) -> int:
        return 2 if self.websocket else len(f"{size:x}") + 4

    def end(self, close_socket: bool, last: bytes = b"") -> None:
        assert self.state == "open"
        if last:
            self.write(last)
        self.state = "closed" if close_socket else "ended"

    def abort(self) -> None:
        assert self.state == "open"
        self.state = "aborted"


class FakeClient:
    """
    One client application.

    @ivar connection: the newest stream connection.
    @ivar session: the session, once it is created.
    """

    def __init__(self, world: World, version: Version, websocket: bool) -> None:
        self.world = world
        self.websocket = websocket
        self.client = Client(dialect=cast(IDialect, dialect_for(version)), remote_ip="127.0.0.1", show_ip=False)
        self.session: Session | None = None
        self.creation: Deferred[Session | None] | None = None
        self.connection = FakeConnection(websocket)
        self._read = 0

    def create(self, parameters: str = "", *lines: str, websocket: bool | None = None) -> FakeClient:
        """C{create_session}; more lines make a combo request."""
        body = "&".join(part for part in ("LS_adapter_set=TEST&LS_cid=x", parameters) if part)
        request = self._parse("create_session", "\r\n".join([body, *lines]))
        assert isinstance(request, CreateSession), request
        self._connect(websocket)

        def created(session: Session | None) -> None:
            self.session = session

        self.creation = self.world.kernel.create_session(request, self.connection, self.client)
        self.creation.addCallback(created)
        return self

    def bind(self, parameters: str = "", websocket: bool | None = None) -> Session | None:
        """C{bind_session} of the client's session."""
        assert self.session is not None
        request = self._parse("bind_session", f"LS_session={self.session.id}&{parameters}")
        assert isinstance(request, BindSession), request
        self._connect(websocket)
        return self.world.kernel.bind_session(request, self.connection, self.client)

    def _connect(self, websocket: bool | None) -> None:
        self.connection = FakeConnection(self.websocket if websocket is None else websocket)
        self.connection.congested = self._congested
        self._read = 0

    def lose(self) -> None:
        """The connection breaks."""
        assert self.session is not None
        self.session.stream_lost(self.connection)

    def stall(self) -> None:
        """The client stops reading."""
        assert self.session is not None
        self.connection.writable = False
        self.session.stream_congested(self.connection)

    def _congested(self, connection: FakeConnection) -> None:
        assert self.session is not None
        self.session.stream_congested(connection)

    def resume(self) -> None:
        """The client reads again."""
        assert self.session is not None
        self.connection.most = math.inf
        self.connection.writable = True
        self.session.stream_writable(self.connection)

    def send(self, body: str, name: str = "control") -> Deferred[bytes]:
        """A C{control} or C{msg} line of the session; fires with the response."""
        request = self._parse(name, body)
        assert isinstance(request, ControlRequest), request
        if not self.websocket:
            request = replace(request, ack=True)
        return self.world.kernel.control(request, self.client, self.session)

    def control(self, body: str, name: str = "control") -> str:
        """As L{send}, where the answer comes at once."""
        answers: list[bytes] = []
        self.send(body, name).addCallback(answers.append)
        assert answers, "no answer yet"
        return answers[0].decode().rstrip("\r\n")

    def subscribe(self, sub_id: int, mode: str, group: str, schema: str, more: str = "LS_snapshot=true") -> str:
        """An C{add}, answered at once."""
        return self.control(
            f"LS_reqId={sub_id}&LS_op=add&LS_subId={sub_id}&LS_mode={mode}"
            f"&LS_group={group.replace(' ', '%20')}&LS_schema={schema.replace(' ', '%20')}&{more}"
        )

    def message(self, body: str) -> str:
        """A C{msg} line, answered at once."""
        return self.control(body, "msg")

    def heartbeat(self) -> None:
        """C{heartbeat}."""
        self.world.kernel.heartbeat(Heartbeat(), self.session)

    def _parse(self, name: str, body: str) -> Any:
        (request,) = parse_http(name, b"", body.encode())
        if isinstance(request, RequestError):
            raise request
        return request

    def lines(self) -> list[str]:
        """What came on the stream since the last look, without line ends."""
        data = self.connection.data[self._read :].decode()
        self._read = len(self.connection.data)
        return data.split("\r\n")[:-1]

    def read(self) -> list[str]:
        """As L{lines}, at the end of the turn."""
        self.world.turn()
        return self.lines()


class World:
    """
    @ivar set: the adapter set C{TEST}, with the Data Adapters C{DEFAULT} and C{OTHER}.
    @ivar data: the sink of the default Data Adapter: what the adapter says goes here.
    """

    def __init__(self, sequentialize: bool = False, **settings: Any) -> None:
        self.clock = Clock()
        self.failures: list[BaseException] = []
        self.kernel = Kernel(EngineSettings(**settings), self.clock, self.failures.append)
        self.set = FakeSet("TEST", "DEFAULT", "OTHER", sequentialize=sequentialize)
        self.kernel.add_adapter_set(self.set)  # type: ignore[arg-type]
        Deferred.fromCoroutine(self.kernel.start())
        self.metadata = self.set.metadata
        self.adapter = self.set.data["DEFAULT"]
        self.data = self.set.sinks["DEFAULT"]

    def client(self, version: Version = NEWEST, websocket: bool = True) -> FakeClient:
        """A client that has not done anything yet."""
        return FakeClient(self, version, websocket)

    def session(self, parameters: str = "", version: Version = NEWEST, websocket: bool = True) -> FakeClient:
        """A client with a session, whose head has been read."""
        client = self.client(version, websocket).create(parameters)
        client.lines()
        return client

    def turn(self) -> None:
        """The end of the reactor's turn."""
        self.clock.advance(0)

    def advance(self, seconds: float) -> None:
        """Time passes, in steps small enough for every timer."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(min(1 / 64, end - self.clock.seconds()))
        self.clock.advance(0)
