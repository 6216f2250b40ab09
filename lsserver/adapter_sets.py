"""
Which adapter sets run: those of the folders, of the options, of Twisted plugins,
and the demos that ship.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.logger import Logger

from lsserver import installed
from lsserver.adapters import loader
from lsserver.adapters.adapter_set import AdapterSet
from lsserver.adapters.errors import LoadError
from lsserver.config import Configuration
from lsserver.reading import ConfigError
from lsserver.remote import sets as remote

log = Logger(namespace="LightstreamerLogger.init")


def load(configuration: Configuration, reactor: Any) -> list[AdapterSet]:
    """
    Load every adapter set. One that was asked for replaces a demo of the same id.

    @param reactor: for the adapters' calls and threads.
    @raise ConfigError: with one line for each source that cannot be loaded and
        for each id that is there twice.
    """
    general = configuration.general
    problems: list[str] = []
    found: dict[str, AdapterSet] = {}
    origin: dict[str, str] = {}

    def take(source: str, load_them: Callable[[], list[AdapterSet]]) -> list[AdapterSet]:
        try:
            return load_them()
        except LoadError as error:
            problems.append(f"{source}: {error}")
            return []

    def folder(path: Path) -> Callable[[], list[AdapterSet]]:
        variables = loader.environment() if general.enable_expansion_for_adapters_config else None
        shared = general.shared_dir
        return lambda: loader.scan(
            path,
            variables=variables,
            shared=shared,
            built_in=remote.BUILT_IN,
            calls=configuration.calls,
            reactor=reactor,
        )

    def line(text: str) -> Callable[[], list[AdapterSet]]:
        return lambda: [loader.from_option(text, calls=configuration.calls, reactor=reactor)]

    def remotes(text: str) -> Callable[[], list[AdapterSet]]:
        return lambda: [remote.from_option(text, calls=configuration.calls, reactor=reactor)]

    def plugins() -> list[AdapterSet]:
        found = loader.from_plugins()
        for one in found:
            one.calls = configuration.calls
        return found

    sources: list[tuple[str, Callable[[], list[AdapterSet]]]] = [
        *((f"adapters-dir {str(path)!r}", folder(path)) for path in general.adapters_dir),
        *((f"adapter {text!r}", line(text)) for text in general.adapter),
        *((f"remote {text!r}", remotes(text)) for text in general.remote),
        ("Twisted plugin", plugins),
    ]
    for source, load_them in sources:
        for one in take(source, load_them):
            if one.id in found:
                problems.append(f"adapter set {one.id!r} is there twice: {origin[one.id]} and {source}")
            found[one.id], origin[one.id] = one, source
    demos = installed.demo_adapters()
    if general.demo and demos is not None:
        for one in take(f"demos in {str(demos)!r}", folder(demos)):
            if one.id in found:
                log.info("{source} replaces the demo {id}", source=origin[one.id], id=one.id)
            else:
                found[one.id] = one
    if problems:
        raise ConfigError(problems)
    return list(found.values())


def described(adapter_set: AdapterSet) -> str:
    """One line about an adapter set for the people who start the server."""
    return f"adapter set {adapter_set.id}: data adapters {', '.join(adapter_set.data) or 'none'}"
