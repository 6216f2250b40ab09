"""
Where proxies come from: the keywords that C{adapters.xml} has in place of a
class, and one line of the command line (remote-adapters.md 18).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from lsserver.adapters.adapter_set import AdapterOptions, AdapterSet, SetOptions
from lsserver.adapters.errors import LoadError
from lsserver.adapters.invocation import CallSettings
from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.adapters.one_line import OneLine
from lsserver.adapters.resolving import BuiltIn
from lsserver.remote import settings
from lsserver.remote.data import RemoteDataProvider
from lsserver.remote.metadata import RemoteMetadataProvider
from lsserver.remote.settings import ParameterError

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
    line = _Line()
    set_id = line.read(text)
    return line.adapter_set(set_id, calls, reactor)


class _Line(OneLine):
    """Adapters that are ports; these are parameters too."""

    example = "ID,data=PORT"
    keys = "metadata"

    def __init__(self) -> None:
        super().__init__()
        self._metadata: dict[str, str] | None = None

    def take(self, key: str, value: str) -> bool:
        if key == "data":
            ports, _, adapter = value.strip().partition(":")
            port, plus, notify_port = ports.partition("+")
            self.add_data(value, adapter, {"request_reply_port": port} | ({"notify_port": notify_port} if plus else {}))
        elif key == "metadata":
            if self._metadata is not None:
                raise LoadError(f"{key}={value}: there is a metadata port already")
            self._metadata = {"request_reply_port": value.strip()}
        else:
            return False
        return True

    def adapter_set(self, set_id: str, calls: CallSettings | None, reactor: Any) -> AdapterSet:
        data = {
            name: self._options(name, LINE_PARAMETERS | LINE_DATA_PARAMETERS | ports)
            for name, ports in self.data.items()
        }
        if self._metadata is None:
            metadata: Any = LiteralBasedProvider()
            metadata_options = AdapterOptions(parameters=self.chosen("metadata"))
        else:
            metadata = RemoteMetadataProvider()
            metadata_options = self._options("metadata", LINE_PARAMETERS | LINE_METADATA_PARAMETERS | self._metadata)
        return AdapterSet(
            set_id,
            metadata,
            {name: RemoteDataProvider() for name in self.data},
            options=SetOptions(metadata=metadata_options, data=data, metadata_adapter_initialised_first=False),
            calls=calls,
            reactor=reactor,
        )

    def _options(self, adapter: str, defaults: dict[str, str]) -> AdapterOptions:
        parameters = defaults | self.chosen(adapter)
        try:
            settings.read(parameters)
        except ParameterError as error:
            raise LoadError(f"{adapter}: {error}") from None
        return AdapterOptions(parameters=parameters)
