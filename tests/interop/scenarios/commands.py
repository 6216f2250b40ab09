"""COMMAND: rows that come, change and go, and a second level of items behind them."""

from __future__ import annotations

from tests.interop.scenario import SUBSCRIBED, UNLIMITED, UNSUBSCRIBED, OneOf, Script, Seen, scenario, update

ITEM = "command.{run}"
FIELDS = "key command qty"


def row(key: str, command: str, quantity: str | None = None) -> dict[str, str | None]:
    """An event of the adapter."""
    return (
        {"key": key, "command": command} if command == "DELETE" else {"key": key, "command": command, "qty": quantity}
    )


@scenario()
def command_with_snapshot(s: Script) -> None:
    s.connect()
    s.prepare(ITEM, snapshot=[row("k1", "ADD", "10"), row("k2", "ADD", "20")])
    s.subscribe("s", "COMMAND", ITEM, FIELDS, snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED)
    s.see("s", update(ITEM, "k1", "ADD", "10", snapshot=True), update(ITEM, "k2", "ADD", "20", snapshot=True))
    s.see("s", ["end of snapshot", ITEM])
    for event in (
        row("k1", "UPDATE", "11"),
        row("k1", "UPDATE", "12"),
        row("k2", "DELETE"),
        row("k3", "ADD", None),
        row("k3", "UPDATE", ""),
        row("k2", "ADD", "21"),
        row("k1", "DELETE"),
    ):
        s.publish(ITEM, event, wait=False)
        s.see("s", update(ITEM, event["key"], event["command"], event.get("qty")))
    for number, (key, value) in enumerate({"k1": None, "k2": "21", "k3": ""}.items()):
        s.read(f"row{number}", "s", ITEM, "qty", key)
        s.see(f"row{number}", [value])
    s.subscribe("late", "COMMAND", ITEM, "command key", snapshot="yes")
    s.see("late", SUBSCRIBED, UNLIMITED)
    s.see(
        "late",
        update(ITEM, "ADD", OneOf("k2", "k3"), snapshot=True),
        update(ITEM, "ADD", OneOf("k2", "k3"), snapshot=True),
    )
    s.see("late", ["end of snapshot", ITEM])
    s.unsubscribe("s")
    s.see("s", UNSUBSCRIBED)


@scenario()
def command_with_empty_snapshot(s: Script) -> None:
    s.connect()
    s.prepare(ITEM, snapshot=[])
    s.subscribe("s", "COMMAND", ITEM, FIELDS, snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED, ["end of snapshot", ITEM])
    s.publish(ITEM, row("k", "ADD", "1"))
    s.see("s", update(ITEM, "k", "ADD", "1"))


@scenario()
def command_without_snapshot(s: Script) -> None:
    """Rows that the application has not seen are new to it whatever the adapter calls them."""
    s.connect()
    s.prepare(ITEM, snapshot=[row("k1", "ADD", "10"), row("k2", "ADD", "20")])
    s.subscribe("s", "COMMAND", ITEM, FIELDS, snapshot="no")
    s.see("s", SUBSCRIBED, UNLIMITED)
    s.publish(ITEM, row("k3", "ADD", "30"))
    s.see("s", update(ITEM, "k3", "ADD", "30"))
    s.publish(ITEM, row("k1", "UPDATE", "11"))
    s.see("s", update(ITEM, "k1", OneOf("ADD", "UPDATE"), "11"))
    s.publish(ITEM, row("k1", "UPDATE", "12"))
    s.see("s", update(ITEM, "k1", "UPDATE", "12"))


@scenario()
def command_cleared(s: Script) -> None:
    s.connect()
    s.prepare(ITEM, snapshot=[row("k1", "ADD", "10"), row("k2", "ADD", "20")])
    s.subscribe("s", "COMMAND", ITEM, FIELDS, snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED)
    s.see("s", update(ITEM, "k1", "ADD", "10", snapshot=True), update(ITEM, "k2", "ADD", "20", snapshot=True))
    s.see("s", ["end of snapshot", ITEM])
    s.data("clear", item=ITEM)
    s.see("s", ["clear", ITEM])
    s.publish(ITEM, row("k2", "ADD", "20"))
    s.see("s", update(ITEM, "k2", "ADD", "20"))
    s.data("clear", item=ITEM)
    s.see("s", ["clear", ITEM])
    s.subscribe("late", "COMMAND", ITEM, FIELDS, snapshot="yes")
    s.see("late", SUBSCRIBED, UNLIMITED, ["end of snapshot", ITEM])


@scenario()
def command_put_right(s: Script) -> None:
    """The server mends what the adapter confuses; a missing field of an UPDATE is unchanged."""
    s.connect()
    s.prepare(ITEM, snapshot=[row("k1", "ADD", "10")])
    s.subscribe("s", "COMMAND", ITEM, FIELDS, snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED, update(ITEM, "k1", "ADD", "10", snapshot=True), ["end of snapshot", ITEM])
    s.publish(ITEM, row("k2", "UPDATE", "20"))
    s.see("s", update(ITEM, "k2", "ADD", "20"))
    s.publish(ITEM, row("k1", "ADD", "11"))
    s.see("s", update(ITEM, "k1", "UPDATE", "11"))
    s.publish(ITEM, row("k3", "DELETE"))
    s.publish(ITEM, {"key": "k2", "command": "UPDATE"})
    s.publish(ITEM, {"command": "UPDATE", "qty": "no key"})
    s.publish(ITEM, {"key": "k1", "command": "CHANGE", "qty": "no command"})
    s.publish(ITEM, row("k1", "UPDATE", "12"))
    # Whether an update that changes nothing is sent is up to the server.
    s.until("s", "update", ITEM, False, ["k1", "UPDATE", "12"])
    s.leave_out("s")

    @s.check
    def only_these(seen: Seen) -> None:
        rows = [tuple(event[2]) for event in seen.of("s", "update")]
        noise = {("k2", "UPDATE", "20")}
        wanted = [("k1", "ADD", "10"), ("k2", "ADD", "20"), ("k1", "UPDATE", "11"), ("k1", "UPDATE", "12")]
        assert [one for one in rows if one not in noise] == wanted, f"saw {rows}"


def _second(s: Script, item: str, key: str, **arguments: str) -> None:
    second = {"fields": ["price", "name"], "data_adapter": "SECOND"}
    s.subscribe("s", "COMMAND", item, FIELDS, snapshot="yes", second=second, **arguments)


@scenario()
def two_levels(s: Script) -> None:
    """The key is the name of an item of another Data Adapter, whose fields are added to the row."""
    key = "merge.leaf.{run}"
    s.connect()
    s.prepare(ITEM, snapshot=[])
    s.data("prepare", item=key, adapter="SECOND", snapshot=[{"price": "1.5", "name": "ACME"}])
    _second(s, ITEM, key)
    s.see("s", SUBSCRIBED, UNLIMITED, ["end of snapshot", ITEM])
    s.publish(ITEM, row(key, "ADD", "10"))
    s.see("s", update(ITEM, key, "ADD", "10", None, None))
    s.see("s", update(ITEM, key, "UPDATE", "10", "1.5", "ACME", snapshot=OneOf(True, False)))
    s.publish(key, {"price": "1.6"}, adapter="SECOND")
    s.see("s", update(ITEM, key, "UPDATE", "10", "1.6", "ACME"))
    s.publish(ITEM, row(key, "UPDATE", "11"))
    s.see("s", update(ITEM, key, "UPDATE", "11", "1.6", "ACME"))
    s.read("quantity", "s", ITEM, "qty", key)
    s.see("quantity", ["11"])
    s.publish(ITEM, row(key, "DELETE"))
    # The SDKs do not agree on whether a row that is deleted still has its second level.
    s.see("s", update(ITEM, key, "DELETE", None, OneOf(None, "1.6"), OneOf(None, "ACME")))
    s.publish(ITEM, row(key, "ADD", "12"))
    s.see("s", update(ITEM, key, "ADD", "12", None, None))
    s.see("s", update(ITEM, key, "UPDATE", "12", "1.5", "ACME", snapshot=OneOf(True, False)))
    s.unsubscribe("s")
    s.see("s", UNSUBSCRIBED)


@scenario()
def two_levels_refused(s: Script) -> None:
    """One row whose second level does not exist; the others are not disturbed."""
    key, wrong = "merge.leaf.{run}", "merge.refused.{run}"
    s.connect()
    s.prepare(ITEM, snapshot=[row(wrong, "ADD", "1")])
    s.data("prepare", item=key, adapter="SECOND", snapshot=[{"price": "1.5", "name": None}])
    _second(s, ITEM, key)
    s.see("s", SUBSCRIBED, UNLIMITED, update(ITEM, wrong, "ADD", "1", None, None, snapshot=True))
    s.until("s", "end of snapshot")
    s.until("s", "second error", 21, "*", wrong)
    s.publish(ITEM, row(key, "ADD", "10"))
    s.until("s", "update", ITEM, "*", [key, "UPDATE", "10", "1.5", None])
    s.publish(ITEM, row(wrong, "UPDATE", "2"))
    s.until("s", "update", ITEM, "*", [wrong, "UPDATE", "2", None, None])
    s.leave_out("s")
