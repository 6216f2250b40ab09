"""
A session: from the creation to the close, on whatever connections (tlcp.md 10).

C{state → event → state}; what is written to the client is in brackets:

=======  ===========================================  =======
BOUND    poll answered, response full, forced rebind  UNBOUND  [LOOP]
BOUND    connection lost, recovery possible           UNBOUND
BOUND    bind from elsewhere                          BOUND    [new connection only]
UNBOUND  bind                                         BOUND    [CONOK …]
UNBOUND  nobody came back in time                     CLOSED
any      destroy, adapter, conflict, duration         CLOSED   [END, if bound]
any      recovery impossible                          CLOSED   [CONERR 4, to who asked]
any      server stops                                 CLOSED   [nothing: clients come back]
=======  ===========================================  =======
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from lsserver.engine.activations import Activations
from lsserver.engine.bandwidth import Bandwidth
from lsserver.engine.binding import Binding
from lsserver.engine.budget import Budget
from lsserver.engine.client import Client
from lsserver.engine.connection import IStreamConnection
from lsserver.engine.heading import Heading
from lsserver.engine.large import LargeSubscriptions
from lsserver.engine.messages import Messages
from lsserver.engine.quotas import Allotment
from lsserver.engine.refusal import Refusal
from lsserver.engine.stream import Stream
from lsserver.engine.subscribing import prepare
from lsserver.engine.tables import TableNotifications
from lsserver.engine.view import diffs_code
from lsserver.tlcp.codes import ControlCode, SessionCode
from lsserver.tlcp.requests import BindSession, ControlRequest, CreateSession, Destroy, Message, Subscribe

if TYPE_CHECKING:
    from lsserver.engine.flusher import Flusher
    from lsserver.engine.hosting import HostedSet
    from lsserver.engine.settings import EngineSettings
    from lsserver.engine.subscription import Subscription
    from lsserver.engine.wheel import Timer, Wheel

_log = Logger(namespace="LightstreamerLogger.requests")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every session of a server shares."""

    settings: EngineSettings
    wheel: Wheel
    flusher: Flusher
    forget: Callable[[Session], None]
    remember: Callable[[Session, int, str], None]
    later: Callable[[Callable[[], None]], None]
    large: LargeSubscriptions


class Session:
    """
    @ivar user: as the client sent it; C{None} = anonymous.
    @ivar wants_tables: the Metadata Adapter wants to know of this user's subscriptions.
    @ivar large: where large subscriptions of all sessions wait for each other.
    @ivar allotment: how much of what it may have is in use.
    """

    def __init__(
        self,
        around: Surroundings,
        hosted: HostedSet,
        session_id: str,
        request: CreateSession,
        client: Client,
        allowed_bandwidth: float,
        wants_tables: bool,
    ) -> None:
        self.id = session_id
        self.hosted = hosted
        self.user = request.user
        self.dialect = client.dialect
        self.settings = around.settings
        self.wants_tables = wants_tables
        self.diffs = diffs_code(request.supported_diffs) if client.dialect.diffs else 0
        self.bandwidth = Bandwidth(request.requested_max_bandwidth, allowed_bandwidth)
        self.stream = Stream(
            session_id, client.dialect, around.settings, around.wheel, around.flusher, self.bandwidth, self
        )
        self.subscriptions: dict[int, Subscription] = {}
        self._activations = Activations()
        self.allotment = Allotment(around.settings)
        self.large = around.large
        self.closed = False
        self._around = around
        self._wheel = around.wheel
        self._heading = Heading(request.connection.reduce_head)
        rate = around.settings.max_session_requests_per_second
        self._budget = Budget(rate, around.wheel.now) if rate is not None else None
        # Made when they are needed: most sessions send no messages, and have an adapter
        # that does not want to know. They are many.
        self._messages: Messages | None = None
        self._tables: TableNotifications | None = None
        self._over_at_last: Deferred[None] | None = None
        self._expiry: Timer | None = None
        self._duration: Timer | None = None
        self._unbound_at = around.wheel.now()

    @property
    def over(self) -> Deferred[None]:
        """Fires once C{notify_session_close} has returned."""
        if self._over_at_last is None:
            self._over_at_last = Deferred()
        return self._over_at_last

    @property
    def tables(self) -> TableNotifications:
        """What the Metadata Adapter is told of the subscriptions."""
        if self._tables is None:
            hosted = self.hosted
            self._tables = TableNotifications(hosted.metadata, self.user, self.id, hosted.sequentialize)
        return self._tables

    def notify(self, line: bytes) -> None:
        """A data notification that is never dropped; nothing once the session is over."""
        self.stream.notify(line)

    # Connections

    def bind_first(self, connection: IStreamConnection, request: CreateSession, client: Client) -> None:
        """Answer the creation."""
        self._bind(connection, request, client, [], None)

    def bind(self, connection: IStreamConnection, request: BindSession, client: Client) -> bool:
        """
        Answer a bind, with the replay if it is a recovery (tlcp.md 10.5).

        @return: False if the session could not be recovered: it is closed then.
        """
        replay: list[bytes] = []
        if request.recovery_from is None:
            # What was sent on earlier connections has been received.
            self.stream.log.received()
        else:
            missing = self.stream.log.rewind(request.recovery_from) if self._recoverable else None
            if missing is None:
                code = SessionCode.RECOVERY_IMPOSSIBLE
                connection.refuse(self.dialect.conerr(code, code.text))
                self.vanish("recovery impossible")
                return False
            replay = missing
        if request.requested_max_bandwidth is not None:
            self.bandwidth.request(request.requested_max_bandwidth, self._wheel.now())
        self._bind(connection, request, client, replay, request.recovery_from)
        return True

    @property
    def _recoverable(self) -> bool:
        return self.dialect.recovery and self.settings.session_recovery_millis > 0

    def _bind(
        self,
        connection: IStreamConnection,
        request: CreateSession | BindSession,
        client: Client,
        replay: list[bytes],
        recovery_from: int | None,
    ) -> None:
        old = self.stream.unbind()
        if old is not None:
            # Takeover: the losing connection gets nothing more, not even END (tlcp.md 10.6).
            old.connection.abort()
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        binding = Binding(self.stream, connection, request.connection, self.settings, self._wheel)
        head = self._heading.lines(
            self,
            binding,
            client,
            created=isinstance(request, CreateSession),
            reduced=request.connection.reduce_head,
            recovery_from=recovery_from,
        )
        if isinstance(request, CreateSession):
            # Whatever idle time it asks for: clients of version 8 give a session up
            # whose creation is held, and make the next.
            binding.idle_millis = 0
        self.stream.bind(binding, head, replay)

    def stream_bound(self, connection: IStreamConnection) -> bool:
        """Whether the session writes to that connection."""
        binding = self.stream.binding
        return binding is not None and binding.connection is connection

    def stream_writable(self, connection: IStreamConnection) -> None:
        """What was written earlier has reached the socket."""
        if self.stream_bound(connection):
            self.stream.adjust()
            self.stream.schedule()

    def stream_congested(self, connection: IStreamConnection) -> None:
        """The socket has not taken everything."""
        if self.stream_bound(connection):
            self.stream.adjust()

    def stream_lost(self, connection: IStreamConnection) -> None:
        """The connection broke without a word."""
        if not self.stream_bound(connection):
            return
        self.stream.unbind()
        if self._recoverable:
            self.unbound(self.settings.session_recovery_millis)
        else:
            self.vanish("connection lost")

    def unbound(self, grace_millis: float) -> None:
        """No connection: wait for the next one."""
        self._unbound_at = self._wheel.now()
        if not self.closed:
            self._expiry = self._wheel.after(grace_millis, self.vanish, "not bound again in time")

    def touch(self) -> None:
        """A request that refers to the session has come (tlcp.md 10.7)."""
        if self.stream.binding is not None:
            self.stream.binding.last_request = self._wheel.now()

    # Control requests

    def spend(self, request: ControlRequest) -> None:
        """
        Count a request.

        @raise Refusal: the session sends too many.
        """
        if self._budget is not None and not isinstance(request, Destroy) and not self._budget.take():
            raise Refusal(ControlCode.INTERNAL_ERROR, "Too many requests")

    async def subscribe(self, request: Subscribe) -> None:
        """
        C{add}. One that is repeated is answered as the first one was.

        @raise Refusal: see L{prepare}.
        """
        if request.sub_id not in self.subscriptions:
            await self._activations.add(request.sub_id, lambda: self._open(request))

    async def _open(self, request: Subscribe) -> None:
        sub_id = request.sub_id
        self.allotment.subscription(sub_id)
        try:
            subscription = await prepare(self, request)
        except Exception:
            self.allotment.release(sub_id)
            raise
        self.subscriptions[sub_id] = subscription
        try:
            subscription.open()
        except Exception:
            if not self.closed:
                self._close(sub_id)
            raise
        if self.closed:
            raise Refusal(ControlCode.SESSION_NOT_FOUND, ControlCode.SESSION_NOT_FOUND.text)

    async def unsubscribe(self, sub_id: int) -> None:
        """
        C{delete}, which waits for an C{add} that is on its way.

        @raise Refusal: there is no such subscription.
        """
        await self._activations.outcome(sub_id)
        self._close(sub_id)

    def _close(self, sub_id: int) -> None:
        subscription = self.subscriptions.pop(sub_id, None)
        if subscription is None:
            raise Refusal(ControlCode.SUBSCRIPTION_NOT_FOUND, ControlCode.SUBSCRIPTION_NOT_FOUND.text)
        self.allotment.release(sub_id)
        subscription.close()
        self._activations.closed(sub_id)
        # Before the line, which may be the one too many that ends the session.
        self.tell_closed(subscription)
        self.notify(self.dialect.unsub(sub_id))

    def force_unsubscription(self, sub_id: int) -> Deferred[None]:
        """What the Metadata Adapter asks for (adapters-api.md 8); no matter if it is gone already."""

        async def force() -> None:
            try:
                await self.unsubscribe(sub_id)
            except Refusal:
                _log.debug("session {session}: subscription {sub_id} is gone", session=self.id, sub_id=sub_id)

        return Deferred.fromCoroutine(force())

    def tell_closed(self, subscription: Subscription) -> None:
        """Let the Metadata Adapter know, if it wants to."""
        if subscription.table is not None:
            self.tables.closed(subscription.table, subscription.statistics())

    async def reconfigure(self, sub_id: int, frequency: float | None) -> None:
        """
        C{reconf}, which waits for an C{add} that is on its way.

        @raise Refusal: no such subscription, or an unfiltered one.
        """
        await self._activations.outcome(sub_id)
        subscription = self.subscriptions.get(sub_id)
        if subscription is None:
            raise Refusal(ControlCode.SUBSCRIPTION_NOT_FOUND, ControlCode.SUBSCRIPTION_NOT_FOUND.text)
        if subscription.unfiltered and subscription.mode.value != "RAW":
            code = ControlCode.UNFILTERED_RECONFIGURATION
            raise Refusal(code, code.text)
        if frequency is None or subscription.unfiltered:
            subscription.configured()
        else:
            subscription.reconfigure(frequency)

    def constrain(self, bandwidth: float | None) -> None:
        """C{constrain}."""
        if bandwidth is not None:
            self.bandwidth.request(bandwidth, self._wheel.now())
        self._constrained()

    def allow_bandwidth(self, kbps: float) -> None:
        """Another limit than the Metadata Adapter's (adapters-api.md 6.1), in kbit/s; infinite = none."""
        self.bandwidth.allow(kbps, self._wheel.now())
        self._constrained()

    def _constrained(self) -> None:
        line = self._heading.constrained(self)
        if line is not None:
            self.stream.write_soon(line)
        self.stream.adjust()
        self.stream.schedule()

    def force_rebind(self, close_socket: bool) -> None:
        """C{force_rebind}: the client is asked to bind again, if it is bound, once it has its answer."""
        binding = self.stream.binding

        def rebind() -> None:
            if binding is not None and self.stream.binding is binding:
                self.stream.loop(binding.polling_millis, close_socket)

        self._around.later(rebind)

    def destroy(self, code: int, text: str, close_socket: bool) -> None:
        """C{destroy}: from now on nobody finds the session; C{END} follows the answer to the request."""
        self._around.forget(self)
        self._around.later(lambda: self.close(code, text, close_socket))

    def send_message(self, message: Message) -> None:
        """
        C{msg}.

        @raise Refusal: see L{Messages.accept}.
        """
        if self._messages is None:
            settings = self.settings
            self._messages = Messages(
                self,
                self._wheel,
                settings.missing_message_timeout_millis,
                settings.max_pending_messages,
                settings.max_message_length,
            )
        self._messages.accept(message)

    async def deliver(self, message: str) -> str | None:
        """Hand a message to the Metadata Adapter."""
        return await self.hosted.metadata.notify_user_message(self.user, self.id, message)

    # Looked at now and then

    def age(self) -> None:
        """Forget what no client asks for any more."""
        self.stream.age(self._wheel.now())

    @property
    def memory(self) -> int:
        """
        Bytes that are kept for this session alone: sent lines, lines that wait and may not be dropped,
        and messages that wait. Updates that wait are shared with other sessions, and bounded in number.
        """
        return self.stream.memory + (0 if self._messages is None else self._messages.memory)

    def check_memory(self) -> None:
        """To be called if there is a C{max_session_memory}."""
        most, memory = self.settings.max_session_memory, self.memory
        assert most is not None
        if memory > most:
            self.vanish(f"{memory} bytes are kept for it, more than max_session_memory")

    # The end

    def limit_duration(self, millis: float) -> None:
        """Close the session after so long; clients come back by themselves."""
        code = SessionCode.MAX_DURATION
        self._duration = self._wheel.after(millis, self.close, code, code.text)

    def close(self, code: int, text: str, close_socket: bool = False) -> None:
        """Close the session and tell the client why, if it is bound."""
        if not self.closed:
            # Even if it is bound: what is written now may be lost with its connection.
            self._around.remember(self, code, text)
            try:
                self.stream.end(code, text, close_socket)
            finally:
                self._over(f"{int(code)} {text}")

    def vanish(self, why: str) -> None:
        """Close the session without a word to the client."""
        if not self.closed:
            self.stream.drop()
            self._over(why)

    def overflowed(self) -> None:
        """The client does not take what may not be dropped."""
        self.vanish("too many notifications waiting")

    def failed(self) -> None:
        """Something is wrong on our side."""
        self.close(SessionCode.SERVER_ERROR, SessionCode.SERVER_ERROR.text)

    def _over(self, why: str) -> None:
        self.closed = True
        self._around.forget(self)
        for timer in (self._expiry, self._duration):
            if timer is not None:
                timer.cancel()
        if self._messages is not None:
            self._messages.close()
        if self._tables is not None:
            self._tables.end()
        # A page that is loaded again finds its items still subscribed. The time that
        # the session was unbound counts.
        linger = self.settings.subscription_timeout_millis / 1000
        if self._expiry is not None:
            linger -= self._wheel.now() - self._unbound_at
        # An adapter that is told of one may ask to end another.
        subscriptions, self.subscriptions = self.subscriptions, {}
        for subscription in subscriptions.values():
            subscription.close(linger)
            self.tell_closed(subscription)
        _log.info("session {session} of {user!r} closed: {why}", session=self.id, user=self.user, why=why)
        Deferred.fromCoroutine(self._notify_close())

    async def _notify_close(self) -> None:
        if self._tables is not None:
            await self._tables.idle()
        try:
            await self.hosted.metadata.notify_session_close(self.id)
        except Exception:
            _log.failure("notify_session_close failed for session {session}", session=self.id)
        # They know the session, which nobody knows any more: without this it would stay in
        # memory until the garbage collector comes.
        self.stream.disown()
        self._messages = self._tables = None
        self.over.callback(None)
