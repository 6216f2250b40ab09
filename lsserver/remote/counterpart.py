"""
The process at the other end, from its first connection to the loss of it
(remote-adapters.md 1.2, 1.3, 1.4).

==========  ==========================  ==================================
state       what comes                  what follows
==========  ==========================  ==================================
GREETING    credentials, or enough      the init request goes out, INIT
            time without them
INIT        its answer                  READY, or the remote is refused
READY       everything else             requests may be sent
CLOSED
==========  ==========================  ==================================
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Protocol

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from lsserver.remote import notifications, requests
from lsserver.remote.codec import CodecError, decode_form, shown
from lsserver.remote.connection import RemoteConnection
from lsserver.remote.notifications import KEEPALIVE
from lsserver.remote.pending import PendingRequests
from lsserver.remote.replies import Reply
from lsserver.remote.settings import ProxySettings
from lsserver.remote.versions import OLDEST, Credentials, Dialect, agreed

GREETING_SECONDS = 1.0
"""How long credentials are waited for when they are not asked for: they tell which SDK it is."""

REFUSAL_SECONDS = 0.5
"""Delay before wrong credentials are refused, against guessing."""

MAX_STRAY_LINES = 100
"""Lines that make no sense before a remote counts as broken."""

_SHOWN_STRAY_LINES = 5

_log = Logger(namespace="LightstreamerProxyAdapters")


class RemoteAwayError(Exception):
    """There is no remote, or it has gone before it answered."""


class State(Enum):
    """See the table above."""

    GREETING = "greeting"
    INIT = "init"
    READY = "ready"
    CLOSED = "closed"


class Host(Protocol):
    """The proxy, as the remote's end of it needs it."""

    label: str
    init_method: str

    def init_parameters(self) -> dict[str, str]:
        """What the init request says."""

    def new_generation(self) -> str:
        """The end of the ids of one connection, which no other one has."""

    def remote_ready(self, counterpart: Counterpart) -> None:
        """The remote has accepted the init request."""

    def remote_refused(self, counterpart: Counterpart, error: Exception) -> None:
        """The remote has not; its connections are being closed."""

    def remote_lost(self, counterpart: Counterpart, why: str, was_ready: bool, was_refused: bool) -> None:
        """Its connections are gone or going; the log says already why it was refused."""

    def lines_received(self, counterpart: Counterpart, lines: list[str]) -> None:
        """Lines of a remote that is ready."""


class Counterpart:
    """
    @ivar dialect: once it is ready.
    @ivar main: the connection that requests go out on.
    @ivar notify: the second connection of old Data SDKs.
    @ivar keeps_alive: it has sent a C{KEEPALIVE}.
    """

    dialect: Dialect

    def __init__(self, host: Host, settings: ProxySettings, clock: IReactorTime) -> None:
        self.state = State.GREETING
        self.main: RemoteConnection | None = None
        self.notify: RemoteConnection | None = None
        self.keeps_alive = False
        self._host = host
        self._settings = settings
        self._clock = clock
        self._credentials: dict[RemoteConnection, Credentials] = {}
        self._patience: dict[RemoteConnection, IDelayedCall] = {}
        self._waived: set[RemoteConnection] = set()
        self._pending: PendingRequests | None = None
        self._stray = 0
        # The log says why.
        self._refused = False

    @property
    def label(self) -> str:
        """The adapter and its peer, for logs."""
        one = self.main or self.notify
        return f"{self._host.label}: remote {one.peer if one is not None else '?'}"

    # What the proxy asks

    def ask(self, method: str, arguments: Iterable[str], request_id: str | None = None) -> Deferred[Reply]:
        """
        Send a request to a remote that is ready.

        @return: the answer, or an exception: what the answer stands for,
            L{RemoteAwayError}, L{RequestTimeoutError<lsserver.remote.pending.RequestTimeoutError>}.
        """
        if self.state is not State.READY or self._pending is None or self.main is None:
            return fail(RemoteAwayError(f"{self._host.label}: the remote is away"))
        if self.main.congested:
            return fail(RemoteAwayError(f"{self.label} does not read what it is sent"))
        return self._pending.ask(method, arguments, self._settings.timeout, request_id)

    def new_id(self) -> str:
        """For a request whose id means something."""
        assert self._pending is not None
        return self._pending.new_id()

    def answered(self, tokens: list[str]) -> bool:
        """An answer; whether somebody has waited for it."""
        return self._pending is not None and self._pending.answered(tokens, self.dialect.decode)

    def tell(self, line: str) -> None:
        """Answer a request of the remote, which has to read what it asks for."""
        if self.main is None:
            return
        if self.main.congested:
            self.drop("it does not read what it is sent")
        else:
            self.main.send(line)

    def drop(self, why: str, close_reason: str | None = None) -> None:
        """
        End the connections.

        @param close_reason: say it to the remote, if it understands that.
        """
        if self.state is State.CLOSED:
            return
        was_ready = self.state is State.READY
        self.state = State.CLOSED
        for timer in self._patience.values():
            timer.cancel()
        self._patience.clear()
        for connection in (self.main, self.notify):
            if connection is not None:
                line = None
                if close_reason is not None and connection is self.main and self._may_close(connection, was_ready):
                    line = requests.close(close_reason)
                connection.close(why, line)
        if self._pending is not None:
            self._pending.fail(RemoteAwayError(f"{self._host.label}: the remote has gone: {why}"))
        self._host.remote_lost(self, why, was_ready, self._refused)

    def _may_close(self, connection: RemoteConnection, was_ready: bool) -> bool:
        if not self._settings.close_packet:
            return False
        if was_ready:
            return self.dialect.may_close
        credentials = self._credentials.get(connection)
        return credentials is not None and credentials.may_close

    # What the connections tell

    def takes(self, is_notify: bool) -> bool:
        """Whether a connection of this kind is missing."""
        return self.state is not State.CLOSED and (self.notify if is_notify else self.main) is None

    def add(self, connection: RemoteConnection, is_notify: bool) -> None:
        """A connection is up."""
        other = self.main if is_notify else self.notify
        if is_notify:
            self.notify = connection
        else:
            self.main = connection
        if other is not None and other.host != connection.host:
            self.drop(f"its two connections come from different hosts, {other.host} and {connection.host}")
            return
        if self._settings.credentials is None:
            seconds, expired = GREETING_SECONDS, self._waive
        else:
            seconds, expired = self._settings.credentials_deadline / 1_000, self._nobody
        self._patience[connection] = self._clock.callLater(seconds, expired, connection)

    def received(self, connection: RemoteConnection, lines: list[str]) -> None:
        """Lines of one of the connections."""
        for index, line in enumerate(lines):
            if self.state is State.READY:
                self._host.lines_received(self, lines[index:] if index else lines)
                return
            if self.state is State.CLOSED:
                return
            self._early(connection, line)

    def silent(self, connection: RemoteConnection) -> None:
        """The keepalive timeout is over. Some remotes of the oldest version know nothing of it."""
        if self.state is State.READY and self.dialect.version == OLDEST and not self.keeps_alive:
            return
        self.drop(f"nothing has come for {self._settings.keepalive_timeout} ms", requests.KEEPALIVE_TIMEOUT)

    def broken(self, why: str) -> None:
        """The peer does not speak the protocol."""
        self.drop(why)

    def lost(self, connection: RemoteConnection, why: str) -> None:
        """A connection is gone, and with it the remote."""
        if self.state is not State.CLOSED:
            self.drop(why)

    def stray(self, line: str, why: str) -> None:
        """A line that is of no use, which a remote that works does not send."""
        if self.state is State.CLOSED:
            return
        self._stray += 1
        if self._stray <= _SHOWN_STRAY_LINES:
            _log.warn("{label}: {why}: {line} is ignored", label=self.label, why=why, line=shown(line))
        if self._stray > MAX_STRAY_LINES:
            self.broken(f"more than {MAX_STRAY_LINES} lines make no sense")

    # Before it is ready

    def _early(self, connection: RemoteConnection, line: str) -> None:
        if line == KEEPALIVE:
            self.keeps_alive = True
        if line == KEEPALIVE and (connection in self._credentials or self._settings.credentials is None):
            return
        tokens = line.split("|")
        method = tokens[1] if len(tokens) > 1 else ""
        if connection not in self._credentials and (method == "RAC" or self.state is State.GREETING):
            self._greeted(connection, tokens)
        elif self.state is State.INIT and method == self._host.init_method and self._pending is not None:
            if not self._pending.answered(tokens, decode_form):
                self.stray(line, "an answer that nobody waits for")
        elif connection is self.notify and method in notifications.EVENT_METHODS:
            _log.debug("{label}: an event before the init request is ignored", label=self.label)
        else:
            self.broken(f"{shown(line)} is not what a remote says at the beginning")

    def _greeted(self, connection: RemoteConnection, tokens: list[str]) -> None:
        try:
            credentials = notifications.credentials(tokens)
        except CodecError as wrong:
            self.broken(str(wrong))
            return
        self._credentials[connection] = credentials
        timer = self._patience.pop(connection, None)
        if timer is not None:
            timer.cancel()
        if self._accepts(credentials):
            self._advance()
        else:
            self._refused = True
            _log.error(
                "{label}: wrong credentials of user {user!r}, the connection is closed",
                label=self.label,
                user=credentials.user,
            )
            self._patience[connection] = self._clock.callLater(REFUSAL_SECONDS, self._refuse, connection)

    def _accepts(self, credentials: Credentials) -> bool:
        known = self._settings.credentials
        if known is None:
            return True
        if credentials.user is None or credentials.password is None:
            return False
        given = (credentials.user.encode(), credentials.password.encode())
        # All pairs are compared, so that the time tells nothing.
        matches = [
            hmac.compare_digest(given[0], user.encode()) & hmac.compare_digest(given[1], password.encode())
            for user, password in known
        ]
        return any(matches)

    def _refuse(self, connection: RemoteConnection) -> None:
        del self._patience[connection]
        self.drop(requests.WRONG_CREDENTIALS, requests.WRONG_CREDENTIALS)

    def _nobody(self, connection: RemoteConnection) -> None:
        del self._patience[connection]
        self.broken("it has not sent its credentials")

    def _waive(self, connection: RemoteConnection) -> None:
        del self._patience[connection]
        self._waived.add(connection)
        self._advance()

    def _advance(self) -> None:
        """Send the init request when all that it takes is there."""
        main, notify = self.main, self.notify
        if self.state is not State.GREETING or main is None or not self._known(main):
            return
        credentials = self._credentials.get(main)
        # An SDK that tells its name has one connection only.
        two = self._settings.notify_port is not None and (credentials is None or credentials.sdk is None)
        if not two or (notify is not None and self._known(notify)):
            self._initialize(main)

    def _known(self, connection: RemoteConnection) -> bool:
        if connection in self._waived:
            return True
        return connection in self._credentials and connection not in self._patience

    def _initialize(self, main: RemoteConnection) -> None:
        self.state = State.INIT
        settings = self._settings
        self._pending = PendingRequests(self.label, self._host.new_generation(), self._clock, main.send)
        parameters = self._host.init_parameters()
        answer = self._pending.ask(self._host.init_method, requests.pairs(parameters), settings.init_timeout)
        answer.addCallbacks(self._initialized, self._failed)

    def _initialized(self, reply: Reply) -> None:
        assert self.main is not None
        credentials = self._credentials.get(self.main)
        sdk = None if credentials is None else credentials.sdk
        try:
            self.dialect = agreed(reply.initialized(), sdk, self._settings.table_item_lists)
        except CodecError as wrong:
            self._failed(Failure(reply.unexpected(str(wrong))))
            return
        self.state = State.READY
        _log.info(
            "{label} is ready: protocol {version}, SDK {sdk}",
            label=self.label,
            version=self.dialect.version,
            sdk=sdk or "not told",
        )
        self._host.remote_ready(self)

    def _failed(self, failure: Failure) -> None:
        if self.state is State.CLOSED or failure.check(RemoteAwayError):
            return
        _log.error("{label} cannot be initialized: {error}", label=self.label, error=failure.getErrorMessage())
        error = failure.value
        refused: Callable[[Counterpart, Exception], None] = self._host.remote_refused
        assert isinstance(error, Exception)
        refused(self, error)
        self._refused = True
        self.drop("it could not be initialized")
