"""
What both kinds of proxies have in common: ports, one remote at a time, and what
happens when it goes (remote-adapters.md 1.1, 7, 16).

A plain proxy starts the server when its remote has come and ends it when the
remote goes. A robust one lets the server start without a remote and waits for
the next one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IDelayedCall, IListeningPort
from twisted.internet.protocol import Factory
from twisted.logger import Logger, LogLevel

from lsserver.adapters.errors import DataProviderError, MetadataProviderError
from lsserver.adapters.interfaces import IAdapterContext
from lsserver.remote import settings as parameters
from lsserver.remote import sockets, tls, versions
from lsserver.remote.connection import RemoteConnection
from lsserver.remote.counterpart import Counterpart, RemoteAwayError, State
from lsserver.remote.replies import METHODS
from lsserver.remote.settings import ParameterError, ProxySettings

SERVER_INSTANCE = secrets.token_hex(8)
"""C{server.instance_id}: new at each start of the server."""

_log = Logger(namespace="LightstreamerProxyAdapters")


class Proxy:
    """
    @ivar robust: which of the two kinds it is.
    @ivar remote: the remote, while it is ready.
    @ivar ports: open ports; that of requests first.
    @ivar gone_for_good: a remote was refused and no other one is admitted.
    """

    init_method: str
    error_class: type[MetadataProviderError | DataProviderError]
    blocking = False
    settings: ProxySettings

    def __init__(self, robust: bool = True) -> None:
        self.robust = robust
        self.label = "?"
        self.remote: Counterpart | None = None
        self.ports: list[IListeningPort] = []
        self.gone_for_good = False
        self._set_id = ""
        self._name: str | None = None
        self._clock: Any = None
        self._instance = secrets.token_hex(8)
        self._generation = 0
        self._counterpart: Counterpart | None = None
        self._connections: set[RemoteConnection] = set()
        self._whitelist: frozenset[str] | None = None
        self._started: Deferred[None] | None = None
        self._timers: list[IDelayedCall] = []
        self._paused = False
        self._stopping = False
        self._connecting: Deferred[Any] | None = None
        self._listener: Any = None
        self._fault: Exception | None = None

    # The contract of adapters

    def set_context(self, context: IAdapterContext) -> None:
        """Called first, by the server."""
        self._clock = context.reactor
        self._set_id = context.set_id
        self._name = context.name
        self.label = f"{context.set_id}/{context.name or 'metadata'}"

    def initialize(self, configured: dict[str, str], config_file: str | None = None) -> Deferred[None]:
        """
        Open the ports and wait for the remote, as long as this kind of proxy does.

        @raise MetadataProviderError: or L{DataProviderError}: a parameter is wrong, a
            port cannot be had, the remote has refused.
        """
        try:
            folder = Path(config_file) if config_file else None
            self.settings = parameters.read(configured, folder if folder is None or folder.is_dir() else folder.parent)
            self._tls = None if self.settings.tls is None else tls.context(self.settings.tls, self.settings.remote_host)
        except ParameterError as error:
            raise self.error_class(str(error)) from None
        return Deferred.fromCoroutine(self._start())

    def set_listener(self, listener: Any) -> None:
        """Called once, after L{initialize}."""
        self._listener = listener
        if self._fault is not None:
            listener.failure(self._fault)

    def stop(self) -> Deferred[None]:
        """Close everything, without a word to the remote (15)."""
        self._stopping = True
        for timer in self._timers:
            if timer.active():
                timer.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
        self._start_failed(RemoteAwayError("the server stops"))
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        ports, self.ports = self.ports, []
        for port in ports:
            await maybeDeferred(port.stopListening)
        if self._counterpart is not None:
            self._counterpart.drop("the server stops")
        for connection in list(self._connections):
            connection.close("the server stops")

    # Start

    async def _start(self) -> None:
        settings = self.settings
        self._whitelist = await self._resolved(settings.whitelist)
        started: Deferred[None] = Deferred()
        self._started = started
        if settings.remote_host is not None:
            _log.info(
                "{label}: connecting to {host}:{port}",
                label=self.label,
                host=settings.remote_host,
                port=settings.request_reply_port,
            )
            self._connect()
        else:
            self._listen(settings.request_reply_port, False)
            if settings.notify_port is not None:
                self._listen(settings.notify_port, True)
        if self.robust and settings.first_connection_timeout is not None:
            self._later(settings.first_connection_timeout, self._start_without)
        await started

    def _later(self, millis: int, function: Any, *args: Any) -> None:
        self._timers = [timer for timer in self._timers if timer.active()]
        self._timers.append(self._clock.callLater(millis / 1_000, function, *args))

    def _start_without(self) -> None:
        started, self._started = self._started, None
        if started is not None:
            _log.warn("{label}: no remote has come yet, the server starts without it", label=self.label)
            started.callback(None)

    def _start_failed(self, error: Exception) -> None:
        started, self._started = self._started, None
        if started is not None:
            started.errback(self.error_class(str(error)))

    async def _resolved(self, names: Iterable[str]) -> frozenset[str] | None:
        """
        The addresses that may connect; C{None} = all.

        @raise DataProviderError: or L{MetadataProviderError}: a name has no address.
        """
        found: set[str] = set()
        for name in names:
            some = await sockets.addresses(self._clock, name)
            if not some:
                raise self.error_class(f"remote_address_whitelist: there is no host {name!r}")
            found |= some
        return frozenset(found) if found else None

    # Connections

    def _listen(self, port: int, is_notify: bool) -> None:
        """
        @raise DataProviderError: or L{MetadataProviderError}: the port cannot be had.
        """
        factory = _Remotes(self, is_notify)
        try:
            opened = sockets.listen(self._clock, port, self.settings.interface, self._tls, factory)
        except CannotListenError as error:
            reason = getattr(error.socketError, "strerror", None) or error.socketError
            raise self.error_class(f"cannot listen on port {port}: {reason}") from None
        self.ports.append(opened)
        _log.info(
            "{label}: waiting for the remote{kind} on port {port}{tls}",
            label=self.label,
            kind="'s notifications" if is_notify else "",
            port=getattr(opened.getHost(), "port", port),
            tls=" (TLS)" if self._tls is not None else "",
        )

    def _connect(self) -> None:
        """Be the client of the remote."""
        if self._stopping or self._paused or self.gone_for_good:
            return
        self._connecting = sockets.connect(
            self._clock,
            self.settings.remote_host or "",
            self.settings.request_reply_port,
            self._tls,
            _Remotes(self, False),
        )

        def failed(failure: Any) -> None:
            if not self._stopping:
                _log.info(
                    "{label}: cannot connect to {host}:{port}: {error}",
                    label=self.label,
                    host=self.settings.remote_host,
                    port=self.settings.request_reply_port,
                    error=failure.getErrorMessage(),
                )
                self._later(self.settings.connection_retry, self._connect)

        self._connecting.addErrback(failed)

    def admits(self, address: IAddress, is_notify: bool) -> bool:
        """Whether a peer may connect; asked before any byte is exchanged."""
        host = sockets.host_of(address)
        why = None
        if self.settings.remote_host is None and self._whitelist is not None and host not in self._whitelist:
            why = "it is not in the whitelist"
        elif self._paused or self.gone_for_good or self._stopping:
            why = "no remote is admitted now"
        elif self._counterpart is not None and not self._counterpart.takes(is_notify):
            why = "another remote is connected"
        if why is not None:
            _log.warn("{label}: a connection from {host} is refused: {why}", label=self.label, host=host, why=why)
        return why is None

    def connected(self, connection: RemoteConnection, is_notify: bool) -> None:
        """A connection is up."""
        self._connections.add(connection)
        if self._counterpart is None:
            self._counterpart = Counterpart(self, self.settings, self._clock)
        elif not self._counterpart.takes(is_notify):
            connection.close("another remote is connected")
            return
        _log.info("{label}: connection from {peer}", label=self.label, peer=connection.peer)
        self._counterpart.add(connection, is_notify)

    def disconnected(self, connection: RemoteConnection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        if self.settings.remote_host is not None and not self._connections and not self._stopping:
            self._later(self.settings.connection_retry, self._connect)

    # What happens to the remote

    def init_parameters(self) -> dict[str, str]:
        """What the remote is told first (7)."""
        found = {"ARI.version": versions.ADVERTISED, "keepalive_hint.millis": str(self.settings.keepalive_hint)}
        found["adapters_conf.id"] = self._set_id
        if self._name is not None:
            found["data_provider.name"] = self._name
        found["server.instance_id"] = SERVER_INSTANCE
        if self.robust:
            found["proxy.instance_id"] = self._instance
        return found | dict(self.settings.remote_params)

    def new_generation(self) -> str:
        """The time in milliseconds, or a little later if that was taken (2.5)."""
        self._generation = max(self._generation + 1, int(self._clock.seconds() * 1_000))
        return f"{self._generation:016x}"

    def remote_ready(self, counterpart: Counterpart) -> None:
        """The remote can be asked."""
        self.remote = counterpart
        self.available(counterpart)
        started, self._started = self._started, None
        if started is not None:
            started.callback(None)

    def remote_refused(self, counterpart: Counterpart, error: Exception) -> None:
        """The remote's adapter cannot work with this server, or not now."""
        if not self.robust:
            self._start_failed(error)
            self._failed(error)
            return
        pause = self.settings.connection_recovery_timeout
        if pause is None:
            self.gone_for_good = True
            _log.error(
                "{label}: the remote has refused: {error}; as connection_recovery_timeout_millis is negative "
                "no other one is admitted until the server is started again",
                label=self.label,
                error=error,
            )
            self._start_failed(error)
        else:
            self._paused = True
            self._later(pause, self._resume)

    def _resume(self) -> None:
        self._paused = False
        if self.settings.remote_host is not None and not self._connections:
            self._connect()

    def remote_lost(self, counterpart: Counterpart, why: str, was_ready: bool, was_refused: bool) -> None:
        """The remote is gone; for a plain proxy that is the end."""
        self._counterpart = None
        if not was_ready:
            if not self._stopping:
                level = LogLevel.info if was_refused else LogLevel.warn
                _log.emit(level, "{label}: the connection has ended: {why}", label=counterpart.label, why=why)
            return
        self.remote = None
        if self._stopping:
            return
        _log.error("{label} is lost: {why}", label=counterpart.label, why=why)
        if self.robust:
            self.unavailable()
        else:
            self._failed(RemoteAwayError(f"{self.label}: the remote is lost: {why}"))

    def _failed(self, error: Exception) -> None:
        """End the server, unless it has not started yet."""
        if self._stopping or self._fault is not None:
            return
        self._fault = error
        if self._listener is not None:
            self._listener.failure(error)

    def adapter_failed(self, counterpart: Counterpart, text: str) -> None:
        """The remote adapter says that it cannot go on (C{FAL}, C{EF})."""
        if counterpart.state is State.READY:
            counterpart.drop(f"the adapter has failed: {text}")

    def other_line(self, counterpart: Counterpart, line: str, tokens: list[str]) -> None:
        """Answers, and lines that make no sense."""
        method = tokens[1] if len(tokens) > 1 else ""
        if method == "RAC":
            _log.debug("{label}: credentials that come late are ignored", label=counterpart.label)
        elif method in METHODS:
            if not counterpart.answered(tokens):
                _log.debug("{label}: {method}: nobody waits for this answer", label=counterpart.label, method=method)
        else:
            counterpart.stray(line, "an unknown kind of line")

    # For the two kinds of adapters

    def available(self, counterpart: Counterpart) -> None:
        """A remote is ready, the first or another one."""

    def unavailable(self) -> None:
        """The remote of a robust proxy is lost."""

    def lines_received(self, counterpart: Counterpart, lines: list[str]) -> None:
        """Lines of the remote, which is ready."""
        raise NotImplementedError


class _Remotes(Factory):
    """Makes the connections of one port."""

    noisy = False

    def __init__(self, proxy: Proxy, is_notify: bool) -> None:
        self._proxy = proxy
        self._is_notify = is_notify

    def buildProtocol(self, addr: IAddress | None) -> RemoteConnection | None:
        """C{None} closes the connection."""
        if addr is None or not self._proxy.admits(addr, self._is_notify):
            return None
        owner = _Ownership(self._proxy, self._is_notify)
        return RemoteConnection(owner, self._proxy._clock, self._proxy.settings.keepalive_timeout)


class _Ownership:
    """Ties a connection to the remote that it belongs to."""

    def __init__(self, proxy: Proxy, is_notify: bool) -> None:
        self._proxy = proxy
        self._is_notify = is_notify
        self._counterpart: Counterpart | None = None

    def connected(self, connection: RemoteConnection) -> None:
        self._proxy.connected(connection, self._is_notify)
        found = self._proxy._counterpart
        if found is not None and connection in (found.main, found.notify):
            self._counterpart = found

    def lines_received(self, connection: RemoteConnection, lines: list[str]) -> None:
        if self._counterpart is not None:
            self._counterpart.received(connection, lines)

    def silent(self, connection: RemoteConnection) -> None:
        if self._counterpart is not None:
            self._counterpart.silent(connection)

    def broken(self, connection: RemoteConnection, why: str) -> None:
        if self._counterpart is not None:
            self._counterpart.broken(why)

    def disconnected(self, connection: RemoteConnection, why: str) -> None:
        if self._counterpart is not None:
            self._counterpart.lost(connection, why)
        self._proxy.disconnected(connection)
