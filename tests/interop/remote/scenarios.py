"""What a client sees of the adapters of C{adapters.md}; see L{tests.interop.scenario}."""

from __future__ import annotations

from collections.abc import Callable

from tests.interop.scenario import (
    SUBSCRIBED,
    UNLIMITED,
    UNSUBSCRIBED,
    OneOf,
    Scenario,
    Script,
    Seen,
    assert_equal,
    update,
)

SCENARIOS: dict[str, Scenario] = {}
TEXT = "é€𩥪 |%+#$\r\n"
SET = "{set}"
"""Becomes the id of the adapter set."""


def scenario(function: Callable[[Script], None]) -> None:
    """Marks a function that writes a scenario."""
    script = Script()
    function(script)
    name = function.__name__
    SCENARIOS[name] = Scenario(
        name, script.steps, script.expected, script.checks, script.loose, lambda sdk, transport: True
    )


@scenario
def merge(s: Script) -> None:
    item = "merge.{run}"
    s.connect(adapter_set=SET)
    s.subscribe("s", "MERGE", item, "a b c d", snapshot="yes", data_adapter="REMOTE")
    # The two events come together, so that the client may get one update.
    s.until("s", "update", item, "*", ["#", TEXT, None, "é|"])
    s.unsubscribe("s")
    s.until("s", "unsubscribed")
    s.leave_out("s")

    def the_first_is_the_snapshot(seen: Seen) -> None:
        first, *rest = seen.of("s", "update", item)
        assert_equal([first[0], *(event[0] for event in rest)], [True] + [False] * len(rest))
        if rest:
            assert_equal(first[1], ["1", TEXT, "", "é|"])

    s.check(the_first_is_the_snapshot)


@scenario
def distinct(s: Script) -> None:
    item = "distinct.{run}"
    s.connect(adapter_set=SET)
    s.subscribe("s", "DISTINCT", item, "a", snapshot="yes", data_adapter="REMOTE")
    s.see("s", SUBSCRIBED, UNLIMITED, update(item, "one", snapshot=True), update(item, "two", snapshot=True))
    s.see("s", ["end of snapshot", item], update(item, "three"))


@scenario
def command(s: Script) -> None:
    item = "command.{run}"
    s.connect(adapter_set=SET)
    s.subscribe("s", "COMMAND", item, "key command a", snapshot="yes", data_adapter="REMOTE")
    s.see("s", SUBSCRIBED, UNLIMITED)
    s.see("s", update(item, "k1", "ADD", "1", snapshot=True), update(item, "k2", "ADD", "2", snapshot=True))
    s.see("s", ["end of snapshot", item], update(item, "k1", "UPDATE", "1b"), update(item, "k2", "DELETE", None))


@scenario
def raw(s: Script) -> None:
    item = "raw.{run}"
    s.connect(adapter_set=SET)
    s.subscribe("s", "RAW", item, "a", data_adapter="REMOTE")
    s.see("s", SUBSCRIBED, UNLIMITED, update(item, "1"), update(item, "1"))


@scenario
def several_items(s: Script) -> None:
    items = [f"merge.{{run}}{number}" for number in range(12)]
    s.connect(adapter_set=SET)
    s.subscribe("s", "MERGE", " ".join(items), "c", snapshot="no", data_adapter="REMOTE")
    s.until("s", "subscribed")
    for item in items:
        s.until("s", "update", item)
    s.leave_out("s")


@scenario
def an_item_that_fails(s: Script) -> None:
    s.connect(adapter_set=SET)
    s.subscribe("s", "MERGE", "fails.{run}", "a", snapshot="no", data_adapter="REMOTE")
    s.see("s", SUBSCRIBED, UNLIMITED)
    s.unsubscribe("s")
    s.see("s", UNSUBSCRIBED)
    s.subscribe("s", "MERGE", "fails.{run}", "a", snapshot="no", data_adapter="REMOTE")
    s.see("s", SUBSCRIBED, UNLIMITED)


@scenario
def subscriptions_refused(s: Script) -> None:
    s.connect(adapter_set=SET)
    s.subscribe("group", "MERGE", group="bad", schema="a", data_adapter="REMOTE")
    s.until("group", "error", 21)
    s.subscribe("schema", "MERGE", group="merge.{run}", schema="bad", data_adapter="REMOTE")
    s.until("schema", "error", 23)
    s.subscribe("mode", "DISTINCT", "merge.{run}", "a", data_adapter="REMOTE")
    s.until("mode", "error", 24)
    s.subscribe("selector", "MERGE", "merge.{run}", "a", data_adapter="REMOTE", selector="x")
    s.until("selector", "error", 25)
    for name in ("group", "schema", "mode", "selector"):
        s.leave_out(name, f"{name}:error")


@scenario
def a_subscription_refused_by_its_notification(s: Script) -> None:
    s.connect(adapter_set=SET, user="notables")
    s.subscribe("s", "MERGE", "merge.{run}", "a", data_adapter="REMOTE")
    s.see("s", ["error", -9, "table refused"])


@scenario
def access_denied(s: Script) -> None:
    s.connect(adapter_set=SET, user="denied", password="x", wait=False)
    s.until("client", "error", 1)
    s.leave_out("client:error")


@scenario
def no_credit(s: Script) -> None:
    s.connect(adapter_set=SET, user="nocredit", wait=False)
    s.see("client:error", [-7, "No more credit & thanks"])


@scenario
def messages(s: Script) -> None:
    s.connect(adapter_set=SET)
    s.send("hello é | +", "accepted", sequence="S")
    s.see("accepted", ["processed", OneOf("", None)])
    s.send("credits", "denied", sequence="S")
    s.see("denied", ["denied", -3, "refused | for you"])
    s.send("notif", "wrong", sequence="S")
    s.see("wrong", ["error"])
    s.send("crash", "failed", sequence="S")
    s.see("failed", ["error"])
    s.send("hello again", "last", sequence="S")
    s.see("last", ["processed", OneOf("", None)])
