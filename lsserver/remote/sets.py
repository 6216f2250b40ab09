"""
Where proxies come from: the keywords that C{adapters.xml} has in place of a
class, and one line of the command line (remote-adapters.md 18).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lsserver.adapters.adapter_set import AdapterOptions, AdapterSet, SetOptions
from lsserver.adapters.errors import LoadError
from lsserver.adapters.invocation import CallSettings
from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.adapters.resolving import BuiltIn
from lsserver.remote import settings
from lsserver.remote.data import RemoteDataProvider
from lsserver.remote.metadata import RemoteMetadataProvider
from lsserver.remote.settings import ParameterError

DEFAULT = "DEFAULT"

LINE_PARAMETERS = {
    "first_connection_timeout_millis": "0",
    "connection_recovery_timeout_millis": "1000",
    "keepalive_timeout_millis": "30000",
    "keepalive_hint_millis": "10000",
}
"""Where one line differs from the official defaults: the server starts and goes on without its remotes."""

LINE_DATA_PARAMETERS = {"events_recovery": "use_snapshot"}
LINE_METADATA_PARAMETERS = {"close_notifications_recovery": "unneeded"}


def _proxy(robust: bool, is_metadata: bool) -> Any:
    return (RemoteMetadataProvider if is_metadata else RemoteDataProvider)(robust)


BUILT_IN: Mapping[str, BuiltIn] = {
    "PROXY_FOR_REMOTE_ADAPTER": partial(_proxy, False),
    "ROBUST_PROXY_FOR_REMOTE_ADAPTER": partial(_proxy, True),
}
"""What makes the adapters that C{adapters.xml} names by a keyword."""


def from_option(text: str, *, calls: CallSettings | None = None, reactor: Any = None) -> AdapterSet:
    r"""
    The adapter set whose remotes one line describes, such as::

        DEMO,data=6661:QUOTES,metadata=6663,QUOTES.auth=Y

    First the id, then in any order, separated by commas:

      - C{data=PORT} is a port for the Data Adapter C{DEFAULT}, C{data=PORT:NAME}
        for one with a name; at least one.
      - C{data=PORT+NOTIFY_PORT:NAME} adds the second port that old SDKs need; new
        ones need no other line.
      - C{metadata=PORT}; a L{LiteralBasedProvider} if it is missing.
      - C{param.x=y}: parameter C{x} of all adapters of the set.
      - C{metadata.x=y} and C{NAME.x=y}: of one of them.

    The proxies are robust ones, and wait for no remote when the server starts.
    C{\,} is a comma in a value.

    @raise LoadError: says which part is wrong.
    """
    set_id, *parts = [part.replace("\\,", ",") for part in re.split(r"(?<!\\),", text)]
    if not set_id.strip() or "=" in set_id:
        raise LoadError("a set of remote adapters begins with its id: ID,data=PORT")
    line = _Line()
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals:
            raise LoadError(f"{part!r} must be written name=value")
        line.take(key.strip(), value)
    return line.adapter_set(set_id.strip(), calls, reactor)


@dataclass
class _Line:
    """The parts of one line; the ports are parameters too."""

    data: dict[str, dict[str, str]] = field(default_factory=dict)
    metadata: dict[str, str] | None = None
    parameters: list[tuple[str, str, str]] = field(default_factory=list)

    def take(self, key: str, value: str) -> None:
        owner, dot, name = key.partition(".")
        if key == "data":
            ports, _, adapter = value.strip().partition(":")
            adapter = adapter or DEFAULT
            if adapter in self.data or adapter in ("param", "metadata"):
                taken = "is there twice" if adapter in self.data else "is a reserved name"
                raise LoadError(f"{key}={value}: Data Adapter {adapter} {taken}")
            port, plus, notify_port = ports.partition("+")
            self.data[adapter] = {"request_reply_port": port} | ({"notify_port": notify_port} if plus else {})
        elif key == "metadata":
            if self.metadata is not None:
                raise LoadError(f"{key}={value}: there is a metadata port already")
            self.metadata = {"request_reply_port": value.strip()}
        elif dot and owner and name:
            self.parameters.append((owner, name, value))
        else:
            raise LoadError(f"{key!r} must be data, metadata, param.NAME, metadata.NAME or ADAPTER.NAME")

    def adapter_set(self, set_id: str, calls: CallSettings | None, reactor: Any) -> AdapterSet:
        if not self.data:
            raise LoadError(f"adapter set {set_id} has no data=PORT")
        for owner, name, _ in self.parameters:
            if owner not in ("param", "metadata") and owner not in self.data:
                raise LoadError(f"{owner}.{name}: there is no Data Adapter {owner}")
        data = {
            name: self._options(name, LINE_PARAMETERS | LINE_DATA_PARAMETERS | ports)
            for name, ports in self.data.items()
        }
        if self.metadata is None:
            metadata: Any = LiteralBasedProvider()
            metadata_options = AdapterOptions(parameters=self._chosen("metadata"))
        else:
            metadata = RemoteMetadataProvider()
            metadata_options = self._options("metadata", LINE_PARAMETERS | LINE_METADATA_PARAMETERS | self.metadata)
        return AdapterSet(
            set_id,
            metadata,
            {name: RemoteDataProvider() for name in self.data},
            options=SetOptions(metadata=metadata_options, data=data, metadata_adapter_initialised_first=False),
            calls=calls,
            reactor=reactor,
        )

    def _chosen(self, adapter: str) -> dict[str, str]:
        """The parameters of one adapter; its own win over those of all."""
        chosen = [parameter for parameter in self.parameters if parameter[0] in ("param", adapter)]
        chosen.sort(key=lambda parameter: parameter[0] == adapter)
        return {name: value for _, name, value in chosen}

    def _options(self, adapter: str, defaults: dict[str, str]) -> AdapterOptions:
        parameters = defaults | self._chosen(adapter)
        try:
            settings.read(parameters)
        except ParameterError as error:
            raise LoadError(f"{adapter}: {error}") from None
        return AdapterOptions(parameters=parameters)
