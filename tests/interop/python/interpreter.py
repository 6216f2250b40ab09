"""
Runs scenarios with one of the Python client SDKs: C{python interpreter.py < job}.

Input and output as of C{../node/node.js}; what a step means is written in
C{../scenario.py}; C{../node/interpreter.js} does the same for JavaScript. The
SDK is the C{lightstreamer} package found in C{PYTHONPATH}; C{CA_FILE} names a
certificate to trust.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lightstreamer.client import (  # type: ignore[import-not-found]
    ClientListener,
    ClientMessageListener,
    LightstreamerClient,
    Subscription,
    SubscriptionListener,
)

STEP_SECONDS = 60

_output = threading.Lock()


def tell(*line: Any) -> None:
    """One line of output; called in any thread."""
    with _output:
        print(json.dumps(line), flush=True)


def matches(pattern: list[Any], event: list[Any]) -> bool:
    """Whether an event begins as a pattern does; "*" in a pattern stands for anything."""
    if len(pattern) > len(event):
        return False
    for part, actual in zip(pattern, event, strict=False):
        if part == "*":
            continue
        if isinstance(part, list) and isinstance(actual, list):
            if len(part) != len(actual) or not matches(part, actual):
                return False
        elif part != actual:
            return False
    return True


def number(value: Any) -> Any:
    """One text for one number, whatever type the SDK gives it."""
    try:
        return f"{float(value):g}"
    except (TypeError, ValueError):
        return value


class Player:
    """One run. Its steps are the methods called C{do_...}."""

    def __init__(self, run: dict[str, Any]) -> None:
        self.run = run
        self.clients: dict[str, Any] = {}
        self.subscriptions: dict[str, Any] = {}
        self.seen: list[list[Any]] = []
        self.over = False
        self.news = threading.Condition()

    def note(self, *event: Any) -> None:
        """The application saw something; called in the SDK's threads."""
        with self.news:
            if self.over:
                return
            self.seen.append(list(event))
            tell("saw", self.run["id"], list(event))
            self.news.notify_all()

    def play(self) -> str | None:
        """What went wrong, if anything."""
        try:
            for number, step in enumerate(self.run["steps"]):
                arguments = {name: value for name, value in step.items() if name != "do"}
                if getattr(self, "do_" + step["do"])(**arguments) is False:
                    return f"step {number}: never saw {json.dumps(step)}"
        except Exception as error:  # the test shows it
            return f"{type(error).__name__}: {error}"
        finally:
            with self.news:
                self.over = True
            for client in self.clients.values():
                client.disconnect()
        return None

    def do_until(self, event: list[Any], count: int = 1, further: int = 0) -> bool:
        def found() -> int:
            return sum(matches(event, one) for one in self.seen)

        with self.news:
            if further:
                count = found() + further
            return self.news.wait_for(lambda: found() >= count, timeout=STEP_SECONDS)

    def do_connect(
        self,
        client: str = "client",
        user: str | None = None,
        password: str | None = None,
        adapter_set: str | None = None,
        options: dict[str, Any] | None = None,
        forced: bool = True,
    ) -> None:
        one = LightstreamerClient(self.run["address"], adapter_set)
        if user is not None:
            one.connectionDetails.setUser(user)
        if password is not None:
            one.connectionDetails.setPassword(password)
        if forced and self.run["transport"]:
            one.connectionOptions.setForcedTransport(self.run["transport"])
        for name, value in (options or {}).items():
            getattr(one.connectionOptions, "set" + name)(value)
        one.addListener(Watcher(self, client, one))
        self.clients[client] = one
        one.connect()

    def do_reconnect(self, client: str = "client") -> None:
        self.clients[client].connect()

    def do_disconnect(self, client: str = "client") -> None:
        self.clients[client].disconnect()

    def do_transport(self, value: str | None, client: str = "client") -> None:
        self.clients[client].connectionOptions.setForcedTransport(value)

    def do_bandwidth(self, value: Any, client: str = "client") -> None:
        self.clients[client].connectionOptions.setRequestedMaxBandwidth(value)

    def do_subscribe(
        self,
        sub: str,
        mode: str,
        client: str = "client",
        items: list[str] | None = None,
        group: str | None = None,
        fields: list[str] | None = None,
        schema: str | None = None,
        count: int = 0,
        second: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        one = Subscription(mode, items, fields) if items and fields else Subscription(mode, None, None)
        if items:
            one.setItems(items)
        else:
            one.setItemGroup(group)
        if fields:
            one.setFields(fields)
        else:
            one.setFieldSchema(schema)
        setters = {
            "data_adapter": one.setDataAdapter,
            "snapshot": one.setRequestedSnapshot,
            "frequency": one.setRequestedMaxFrequency,
            "buffer": one.setRequestedBufferSize,
            "selector": one.setSelector,
        }
        for name, value in settings.items():
            setters[name](value)
        if second:
            one.setCommandSecondLevelFields(second["fields"])
            one.setCommandSecondLevelDataAdapter(second["data_adapter"])
        names = [*fields, *(second["fields"] if second else [])] if fields else list(range(1, count + 1))
        one.addListener(Reader(self, sub, names))
        self.subscriptions[sub] = one
        self.clients[client].subscribe(one)

    def do_unsubscribe(self, sub: str, client: str = "client") -> None:
        self.clients[client].unsubscribe(self.subscriptions[sub])

    def do_frequency(self, sub: str, value: Any) -> None:
        self.subscriptions[sub].setRequestedMaxFrequency(value)

    def do_read(self, sub: str, item: Any, field: Any, key: str | None = None, **name: str) -> None:
        one = self.subscriptions[sub]
        value = one.getValue(item, field) if key is None else one.getCommandValue(item, key, field)
        self.note(name["as"], value)

    def do_send(
        self,
        text: str,
        sequence: str | None = None,
        wait: int | None = None,
        queue: bool = False,
        client: str = "client",
        **name: str,
    ) -> None:
        listener = Outcome(self, name["as"]) if name else None
        self.clients[client].sendMessage(text, sequence, wait, listener, queue)

    def do_outside(self, what: str) -> None:
        self.note("outside", what)


class Watcher(ClientListener):  # type: ignore[misc]
    def __init__(self, player: Player, name: str, client: Any) -> None:
        self.player, self.name, self.client = player, name, client

    def onStatusChange(self, status: str) -> None:
        self.player.note(self.name, "status", status)
        if status.startswith("CONNECTED:") and status != "CONNECTED:STREAM-SENSING":
            self.player.note(self.name, "session", self.client.connectionDetails.getSessionId())

    def onServerError(self, code: int, message: str) -> None:
        self.player.note(self.name, "error", code, message)

    def onPropertyChange(self, name: str) -> None:
        if name == "realMaxBandwidth":
            self.player.note(self.name, "bandwidth", number(self.client.connectionOptions.getRealMaxBandwidth()))
        elif name == "serverSocketName":
            self.player.note(self.name, "server", self.client.connectionDetails.getServerSocketName())
        elif name == "clientIp":
            self.player.note(self.name, "address", self.client.connectionDetails.getClientIp())


class Reader(SubscriptionListener):  # type: ignore[misc]
    def __init__(self, player: Player, name: str, fields: list[Any]) -> None:
        self.player, self.name, self.fields = player, name, fields

    def note(self, *event: Any) -> None:
        self.player.note(self.name, *event)

    def onSubscription(self) -> None:
        self.note("subscribed")

    def onUnsubscription(self) -> None:
        self.note("unsubscribed")

    def onSubscriptionError(self, code: int, message: str) -> None:
        self.note("error", code, message)

    def onRealMaxFrequency(self, frequency: str | None) -> None:
        self.note("frequency", frequency)

    def onItemUpdate(self, update: Any) -> None:
        values = [update.getValue(field) for field in self.fields]
        self.note("update", update.getItemName() or update.getItemPos(), update.isSnapshot(), values)

    def onEndOfSnapshot(self, itemName: str | None, itemPos: int) -> None:
        self.note("end of snapshot", itemName or itemPos)

    def onClearSnapshot(self, itemName: str | None, itemPos: int) -> None:
        self.note("clear", itemName or itemPos)

    def onItemLostUpdates(self, itemName: str | None, itemPos: int, lostUpdates: int) -> None:
        self.note("lost", itemName or itemPos, lostUpdates)

    def onCommandSecondLevelSubscriptionError(self, code: int, message: str, key: str) -> None:
        self.note("second error", code, message, key)


class Outcome(ClientMessageListener):  # type: ignore[misc]
    def __init__(self, player: Player, name: str) -> None:
        self.player, self.name = player, name

    def onProcessed(self, msg: str, response: str | None = None) -> None:
        self.player.note(self.name, "processed", response)

    def onDeny(self, msg: str, code: int, error: str) -> None:
        self.player.note(self.name, "denied", code, error)

    def onError(self, msg: str) -> None:
        self.player.note(self.name, "error")

    def onDiscarded(self, msg: str) -> None:
        self.player.note(self.name, "discarded")

    def onAbort(self, msg: str, sentOnNetwork: bool) -> None:
        self.player.note(self.name, "aborted", sentOnNetwork)


def play(run: dict[str, Any]) -> None:
    """Play one run."""
    tell("end", run["id"], Player(run).play())


def main() -> None:
    """Run the job."""
    job = json.load(sys.stdin)
    if "CA_FILE" in os.environ:
        LightstreamerClient.setTrustManagerFactory(ssl.create_default_context(cafile=os.environ["CA_FILE"]))
    with ThreadPoolExecutor(job["width"]) as pool:
        for run in job["runs"]:
            pool.submit(play, run)
    sys.stdout.flush()
    os._exit(0)  # the SDK's threads do not end


if __name__ == "__main__":
    main()
