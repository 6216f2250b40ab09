"""
The server as a Twisted service: start order, stop order, and what C{twistd} asks for.
"""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred, DeferredList, TimeoutError, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized
from twisted.python.failure import Failure

from lsserver import adapter_sets, descriptors, installed, logs
from lsserver.adapters.adapter_set import AdapterSet
from lsserver.adapters.errors import DataProviderError, LoadError, MetadataProviderError
from lsserver.config import Configuration, WebServer
from lsserver.ending import STOP_SECONDS, Ending
from lsserver.engine.kernel import Kernel
from lsserver.garbage import Collector
from lsserver.listeners import HttpServer, ListenerError, has_tls, problems_of, url_of
from lsserver.options import Options, refuse, versions
from lsserver.reading import ConfigError
from lsserver.transport.limits import Connections
from lsserver.transport.server_sockets import lean
from lsserver.transport.site import make_site

__all__ = ["LightstreamerService", "Options", "makeService"]

log = Logger(namespace="LightstreamerLogger.init")

ADAPTER_STOP_SECONDS = STOP_SECONDS - 1
"""Longest wait for adapters at the end; what is left is for the reactor and its threads."""


class IEnding(Protocol):
    """What the service needs of L{Ending}."""

    def watch_signals(self) -> None: ...
    def begin(self) -> None: ...
    def fail(self) -> None: ...


class StartError(Exception):
    """The server cannot start. The text is one line for the operator."""


class LightstreamerService(MultiService):
    """
    Starts adapters, then opens the sockets; stops in the opposite order.

    @ivar kernel: the engine.
    @ivar connections: of clients, on all sockets.
    @ivar ports: the open sockets, in the order of the configuration.
    @ivar started: fires with C{None} when all sockets are open, and when the
        start was given up; by then the process is on its way to its end.
    """

    def __init__(
        self,
        configuration: Configuration,
        sets: Sequence[AdapterSet],
        reactor: Any,
        ending: IEnding,
        log_observer: Callable[[], ILogObserver] | None = None,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        """
        @param log_observer: makes the observer that C{twistd} is to log to.
        @param tell: shows the operator, apart from the log, why the server ends.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self.setName("lsserver")  # type: ignore[no-untyped-call]
        self.configuration = configuration
        self.kernel = Kernel(configuration.engine, reactor, self._adapter_failed)
        self.ports: list[IListeningPort] = []
        self.started: Deferred[None] = Deferred()
        transport = configuration.transport
        self.connections = Connections(
            transport.max_connections,
            transport.max_connections_per_ip,
            reactor,
            transport.handshake_pool_max_queue,
        )
        self._sets = sets
        self._collector = Collector(reactor)
        self._starting: Deferred[None] = Deferred()
        self._failed = False
        self._stopping = False
        self._reactor = reactor
        self._ending = ending
        self._log_observer = log_observer
        self._tell = tell
        for adapter_set in sets:
            self.kernel.add_adapter_set(adapter_set)

    def setServiceParent(self, parent: Any) -> None:
        """Also gives the application of C{twistd} the log observer that obeys the levels."""
        if self._log_observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._log_observer())
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]

    def startService(self) -> None:
        """
        Begin to start when the reactor runs, since before that a signal would not
        stop the server in order; L{started} tells the end of it.
        """
        super().startService()  # type: ignore[no-untyped-call]
        self._reactor.callWhenRunning(self._begin)

    def _begin(self) -> None:
        self._ending.watch_signals()
        self._starting = Deferred.fromCoroutine(self._start())
        self._starting.addErrback(self._start_failed)
        self._starting.addCallback(self.started.callback)

    async def _start(self) -> None:
        log.info("{versions}", versions=versions())
        files = descriptors.raise_limit()
        if files is not None:
            log.info("{files} open files, so about as many connections, are possible", files=files)
        await self.kernel.start()
        for adapter_set in self._sets:
            log.info("{set}", set=adapter_sets.described(adapter_set))
        for server in self.configuration.general.listeners():
            port = await self._listen(server)
            self.ports.append(port)
            log.info("{name} listening on {url}", name=server.name, url=url_of(port))
        self._collector.start()

    async def _listen(self, server: HttpServer) -> IListeningPort:
        """
        @raise StartError: the socket cannot be had.
        """
        general = self.configuration.general
        site = make_site(
            self.kernel,
            server.settings(self.configuration.transport),
            server_name=server.name,
            pages=pages_of(general.web_server),
            strict_pages=[installed.pages()],
            control_only=server.port_type == "CONTROL_ONLY",
            priority=server.port_type == "PRIORITY",
            use_client_auth=server.gives_principals,
            healthcheck=general.healthcheck.on(server.name),
            reactor=self._reactor,
            connections=self.connections,
        )
        site.noisy = False
        try:
            port: IListeningPort = await server.bind(self._reactor).listen(site)
            lean(port)
        except CannotListenError as error:
            reason = getattr(error.socketError, "strerror", None) or error.socketError
            raise StartError(f"cannot listen on {server.described()}: {reason}") from None
        except (OSError, ListenerError) as error:
            raise StartError(f"cannot listen on {server.described()}: {error}") from None
        if has_tls(port) and server.port_type != "PRIORITY":
            self.connections.handshakes.watch(port)
        return port

    def _start_failed(self, failure: Failure) -> None:
        if failure.check(CancelledError):
            return
        if failure.check(StartError, LoadError, MetadataProviderError, DataProviderError):
            self._give_up(failure.getErrorMessage())
        else:
            log.failure("the start failed", failure)
            self._give_up("the server could not start because of the error above")

    def _adapter_failed(self, exception: BaseException) -> None:
        """An adapter called C{failure()}: the server is of no use without it."""
        self._give_up(f"an adapter has failed, so the server ends: {exception}")

    def _give_up(self, line: str) -> None:
        log.critical("{line}", line=line)
        if not self._failed:
            self._failed = True
            self._ending.fail()
            if not self._stopping:
                self._reactor.stop()
        self._tell(line)

    def stopService(self) -> Deferred[None]:
        """
        Stop listening, drop the connections of the sessions without a word, so
        that their clients come back to the next server by themselves (tlcp.md
        10.8), and stop the adapters. It ends in time even if an adapter does not.
        """
        self._stopping = True
        self._ending.begin()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._starting.cancel()
        self._collector.stop()
        ports, self.ports = self.ports, []
        await DeferredList([maybeDeferred(port.stopListening) for port in ports])
        stopped = Deferred.fromCoroutine(self.kernel.stop())
        try:
            await stopped.addTimeout(ADAPTER_STOP_SECONDS, self._reactor)
        except TimeoutError:
            log.warn("adapters did not stop within {seconds:g} s", seconds=ADAPTER_STOP_SECONDS)
        children: Deferred[Any] = maybeDeferred(MultiService.stopService, self)
        await children


def pages_of(web_server: WebServer) -> list[Path]:
    """The folders to serve at C{/}; a file of an earlier one hides those of later ones."""
    if not web_server.enabled:
        return []
    own = [web_server.pages_dir] if web_server.pages_dir is not None else []
    return [*own, installed.pages()]


def makeService(options: Options) -> LightstreamerService:
    """
    What C{twistd} calls: load everything, so that what is wrong is told on the
    terminal, in one line each, before there is a daemon.
    """
    from twisted.internet import reactor

    general = options.configuration.general
    problems = problems_of(general.listeners(), reactor)
    sets: list[AdapterSet] = []
    try:
        sets = adapter_sets.load(options.configuration, reactor)
    except ConfigError as wrong:
        problems += wrong.problems
    if problems:
        refuse(problems)
    if options["check"]:
        print_summary(options.configuration, sets)
        raise SystemExit(0)
    decision = logs.predicate(general.log_level, general.log_config)
    return LightstreamerService(
        options.configuration,
        sets,
        reactor,
        Ending(lambda line: log.critical("{line}", line=line)),
        lambda: logs.FilteredLogger(options.parent or {}).observer(decision),
        _tell_last if logs.on_terminal(options.parent or {}) else _tell,
    )


def _tell(line: str) -> None:
    # sys.stderr is the log by now.
    print(f"lsserver: {line}", file=sys.__stderr__)


def _tell_last(line: str) -> None:
    """Where the log is: behind what C{twistd} has to say about the end."""
    atexit.register(_tell, line)


def print_summary(configuration: Configuration, sets: Sequence[AdapterSet]) -> None:
    """What C{--check} says about a configuration that is fine."""
    print(versions())
    for adapter_set in sets:
        print(adapter_sets.described(adapter_set))
    for server in configuration.general.listeners():
        print(f"listener {server.described()}")
    pages = pages_of(configuration.general.web_server)
    print(f"pages in {', '.join(map(str, pages)) or 'no folder'}")
    print("the configuration is fine")
