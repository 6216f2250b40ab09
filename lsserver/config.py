"""
The configuration as frozen values, and how it comes from a TOML file.

The defaults stand in these dataclasses, in
L{CallSettings<lsserver.adapters.invocation.CallSettings>},
L{EngineSettings<lsserver.engine.settings.EngineSettings>} and
L{TransportSettings<lsserver.transport.settings.TransportSettings>}, and nowhere else.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lsserver import elements
from lsserver.adapters.invocation import CallSettings
from lsserver.engine.settings import EngineSettings
from lsserver.listeners import DEFAULT_PORT, HttpServer, HttpsServer, with_names
from lsserver.reading import ConfigError, Element, Reader
from lsserver.tls import Keystore, Truststore
from lsserver.transport.settings import AllowAccessFrom, CrossDomainPolicy, ResponseHttpHeaders, TransportSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class WebServer:
    """The pages at C{/}."""

    enabled: bool = True
    pages_dir: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """The sockets that answer a load balancer's question."""

    available_on_all_servers: bool = False
    available_on_server: tuple[str, ...] = ()

    def on(self, name: str) -> bool:
        """Whether the socket of this name does."""
        return self.available_on_all_servers or name in self.available_on_server


@dataclass(frozen=True, slots=True, kw_only=True)
class General:
    """What is neither the engine's nor the transport's; keys at the top of the file."""

    http_server: tuple[HttpServer, ...] = ()
    https_server: tuple[HttpsServer, ...] = ()
    adapters_dir: tuple[Path, ...] = ()
    adapter: tuple[str, ...] = ()
    remote: tuple[str, ...] = ()
    demo: bool = True
    shared_dir: Path | None = None
    enable_expansion_for_adapters_config: bool = True
    web_server: WebServer = WebServer()
    healthcheck: Healthcheck = Healthcheck()
    log_level: str = "info"
    log_config: Mapping[str, str] = field(default_factory=dict)

    def listeners(self) -> tuple[HttpServer, ...]:
        """Every socket, named; the default one when none is configured."""
        return with_names((*self.http_server, *self.https_server) or (HttpServer(port=DEFAULT_PORT),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that the service is built from."""

    general: General = field(default_factory=General)
    calls: CallSettings = field(default_factory=CallSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    transport: TransportSettings = field(default_factory=TransportSettings)


GROUPS: Mapping[type, Mapping[str, Element]] = {
    General: elements.CONFIGURATION,
    CallSettings: elements.CALLS,
    EngineSettings: elements.ENGINE,
    TransportSettings: elements.TRANSPORT,
}
"""The dataclasses whose values are keys at the top of the file."""

NESTED: Mapping[type, Mapping[str, Element]] = {
    HttpServer: elements.HTTP_SERVER,
    HttpsServer: elements.HTTPS_SERVER,
    Keystore: elements.KEYSTORE,
    Truststore: elements.TRUSTSTORE,
    Healthcheck: elements.HEALTHCHECK,
    WebServer: elements.WEB_SERVER,
    CrossDomainPolicy: elements.CROSS_DOMAIN_POLICY,
    AllowAccessFrom: elements.ALLOW_ACCESS_FROM,
    ResponseHttpHeaders: elements.RESPONSE_HTTP_HEADERS,
}
"""The dataclasses that are tables of their own."""


def read_file(path: Path, environment: Mapping[str, str] = os.environ) -> Configuration:
    """
    The configuration in a TOML file. Relative paths in it are relative to its folder.

    @raise OSError: the file cannot be read.
    @raise ConfigError: with one line for each problem, naming file, key, value
        and what is allowed.
    """
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: not a TOML file: {error}"]) from None
    reader = Reader(str(path), path.absolute().parent, environment, NESTED, elements.NOT_TAKEN)
    found = reader.read(table, GROUPS)
    configuration = Configuration(
        general=found[General],
        calls=found[CallSettings],
        engine=found[EngineSettings],
        transport=found[TransportSettings],
    )
    problems = reader.problems or [f"{path}: {problem}" for problem in contradictions(configuration)]
    if problems:
        raise ConfigError(problems)
    return configuration


def contradictions(configuration: Configuration) -> list[str]:
    """Values that are allowed one by one, but not together; one line each."""
    engine, general = configuration.engine, configuration.general
    problems = []
    if not engine.min_keepalive_millis <= engine.default_keepalive_millis <= engine.max_keepalive_millis:
        problems.append(
            f"default_keepalive_millis = {engine.default_keepalive_millis}: must be from min_keepalive_millis "
            f"({engine.min_keepalive_millis}) to max_keepalive_millis ({engine.max_keepalive_millis})"
        )
    if engine.min_content_length > engine.content_length:
        problems.append(
            f"content_length = {engine.content_length}: must be min_content_length "
            f"({engine.min_content_length}) or more"
        )
    for kind, servers in (("http_server", general.http_server), ("https_server", general.https_server)):
        for number, server in enumerate(servers, 1):
            where = f"{kind}[{number}]"
            if server.endpoint and server.port is not None:
                problems.append(f"{where}: has both endpoint and port; one is needed")
            elif not server.endpoint and server.port is None:
                problems.append(f"{where}: has no port")
            if server.proxy_protocol_enabled and server.settings(configuration.transport).skip_local_forwards:
                problems.append(
                    f"{where}: has both proxy_protocol_enabled and skip_local_forwards; one tells the client"
                )
    names = {server.name for server in general.listeners()}
    for name in general.healthcheck.available_on_server:
        if name not in names:
            problems.append(f"healthcheck.available_on_server = {name!r}: there is no such socket")
    return problems
