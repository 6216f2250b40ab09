"""
A Data and a Metadata Adapter for any version of the Python Remote Adapter SDK:
C{python adapters.py JOB}, where C{JOB} is a JSON object with C{data} and
C{metadata} (lists of ports), C{user}, C{password} and C{ca}, each optional.

What the adapters do is written in C{../adapters.md}. Each line that is printed
tells of one call.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import threading
from typing import Any

from lightstreamer_adapter.interfaces.data import DataProvider, SubscribeError  # type: ignore[import-not-found]
from lightstreamer_adapter.interfaces.metadata import (  # type: ignore[import-not-found]
    AccessError,
    CreditsError,
    ItemsError,
    MetadataProvider,
    NotificationError,
    SchemaError,
)
from lightstreamer_adapter.server import DataProviderServer, MetadataProviderServer  # type: ignore[import-not-found]

_output = threading.Lock()

MODES = {"merge": "MERGE", "clock": "MERGE", "distinct": "DISTINCT", "command": "COMMAND", "raw": "RAW"}


def tell(*words: Any) -> None:
    """One line of output; called in any thread."""
    with _output:
        print(*words, flush=True)


class Data(DataProvider):  # type: ignore[misc]
    def initialize(self, parameters: Any, config_file: Any = None) -> None:
        tell("data", "initialize", json.dumps(parameters))
        self.clocks: dict[str, threading.Event] = {}

    def set_listener(self, event_listener: Any) -> None:
        self.listener = event_listener

    def issnapshot_available(self, item_name: str) -> bool:
        return item_name.split(".")[0] in ("merge", "distinct", "command")

    def subscribe(self, item_name: str) -> None:
        tell("subscribe", item_name)
        kind = item_name.split(".")[0]
        send, end = self.listener.update, self.listener.end_of_snapshot
        if kind == "fails":
            raise SubscribeError("no such item")
        if kind == "merge":
            send(item_name, {"a": "1", "b": "é€𩥪 |%+#$\r\n", "c": "", "d": b"\xe9|"}, True)
            send(item_name, {"a": "#", "c": None}, False)
        elif kind == "distinct":
            send(item_name, {"a": "one"}, True)
            send(item_name, {"a": "two"}, True)
            end(item_name)
            send(item_name, {"a": "three"}, False)
        elif kind == "command":
            send(item_name, {"key": "k1", "command": "ADD", "a": "1"}, True)
            send(item_name, {"key": "k2", "command": "ADD", "a": "2"}, True)
            end(item_name)
            send(item_name, {"key": "k1", "command": "UPDATE", "a": "1b"}, False)
            send(item_name, {"key": "k2", "command": "DELETE"}, False)
        elif kind == "raw":
            send(item_name, {"a": "1"}, False)
            send(item_name, {"a": "1"}, False)
        elif kind == "clock":
            stop = self.clocks[item_name] = threading.Event()
            threading.Thread(target=self.run_clock, args=(item_name, stop), daemon=True).start()

    def run_clock(self, item_name: str, stop: threading.Event) -> None:
        ticks = 0
        while not stop.wait(0.05):
            ticks += 1
            self.listener.update(item_name, {"a": str(ticks), "b": str(os.getpid())}, False)

    def unsubscribe(self, item_name: str) -> None:
        tell("unsubscribe", item_name)
        if item_name in self.clocks:
            self.clocks.pop(item_name).set()


class Metadata(MetadataProvider):  # type: ignore[misc]
    def initialize(self, parameters: Any, config_file: Any = None) -> None:
        tell("metadata", "initialize", json.dumps(parameters))

    def notify_user(self, user: Any, password: Any, http_headers: Any, client_principal: Any = None) -> None:
        if user == "denied":
            raise AccessError("wrong password")
        if user == "nocredit":
            raise CreditsError(-7, "internal: no credit", "No more credit & thanks")

    def get_items(self, user: Any, session_id: str, group: str) -> Any:
        if group == "bad":
            raise ItemsError("unknown group")
        return group.split(" ")

    def get_schema(self, user: Any, session_id: str, group: str, schema: str) -> Any:
        if schema == "bad":
            raise SchemaError("unknown schema")
        return schema.split(" ")

    def mode_may_be_allowed(self, item: str, mode: Any) -> bool:
        return MODES.get(item.split(".")[0], "MERGE") == mode.name

    def get_distinct_snapshot_length(self, item: str) -> int:
        return 10

    def wants_tables_notification(self, user: Any) -> bool:
        return True

    def notify_new_tables(self, user: Any, session_id: str, tables: Any) -> None:
        tell("tables", tables[0].group, tables[0].schema, tables[0].min, tables[0].max)
        if user == "notables":
            raise CreditsError(-9, "refused", "table refused")

    def notify_tables_close(self, session_id: str, tables: Any) -> None:
        tell("tables closed", tables[0].group)

    def notify_new_session(self, user: Any, session_id: str, client_context: Any) -> None:
        tell("session", session_id)

    def notify_session_close(self, session_id: str) -> None:
        tell("session closed", session_id)

    def notify_user_message(self, user: Any, session_id: str, message: str) -> None:
        tell("message", message)
        if message == "credits":
            raise CreditsError(-3, "refused", "refused | for you")
        if message == "notif":
            raise NotificationError("wrong message")
        if message == "crash":
            raise RuntimeError("unexpected")


def main() -> None:
    job = json.loads(sys.argv[1])
    context = ssl.create_default_context(cafile=job["ca"]) if "ca" in job else None
    servers = []
    for kind, server_class, adapter in (
        ("metadata", MetadataProviderServer, Metadata),
        ("data", DataProviderServer, Data),
    ):
        if kind in job:
            more = {} if context is None else {"ssl_context": context}
            server = server_class(adapter(), ("localhost" if context else "127.0.0.1", *job[kind]), kind, **more)
            if "user" in job:
                server.remote_user, server.remote_password = job["user"], job["password"]
            servers.append(server)
    for server in servers:
        server.start()
    tell("started")
    threading.Event().wait()


main()
