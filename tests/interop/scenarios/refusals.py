"""Users, sessions and subscriptions that are refused."""

from __future__ import annotations

from typing import Any

from tests.interop.scenario import ANY, SUBSCRIBED, UNLIMITED, Script, Seen, scenario

NO_ACCESS: tuple[int, str] = (1, "User/password check failed")


def _refused_user(user: str, code: int, text: Any, **arguments: Any) -> Any:
    def refused(s: Script) -> None:
        s.connect(wait=False, user=user + "{run}", **arguments)
        s.see("client:error", [code, text])
        s.until("client", "status", "DISCONNECTED")

    return refused


def _named(name: str, function: Any) -> Any:
    function.__name__ = name
    return function


for _name, _function in {
    "user_unknown": _refused_user("denied", *NO_ACCESS),
    "user_with_wrong_password": _refused_user("secret", *NO_ACCESS, password="open"),
    "user_without_password": _refused_user("secret", *NO_ACCESS),
    "user_without_credits": _refused_user("poor", -7, "No money, no data: 100% – désolé"),
    "user_without_place": _refused_user("unwelcome", -8, "Full"),
    "user_who_breaks_the_adapter": _refused_user("crash", 66, ANY),
    "adapter_set_unknown": _refused_user("anybody", 2, "Requested Adapter Set not available", adapter_set="NOWHERE"),
}.items():
    scenario()(_named(_name, _function))


@scenario()
def user_with_password(s: Script) -> None:
    s.connect(user="secret{run}", password="open, sesame & 100%")
    s.send("ok:in", "m")
    s.see("m", ["processed", "in"])


@scenario()
def user_who_must_come_again(s: Script) -> None:
    """The adapter cannot tell at first; the SDK tries again by itself."""
    s.connect(user="later{run}", options={"RetryDelay": 500})
    s.send("ok", "m")
    s.until("m")
    s.leave_out("m")


def _second_wins(s: Script) -> None:
    s.connect("second", user="single{run}")
    s.see("first:error", [35, ANY])
    s.until("first", "status", "DISCONNECTED")
    s.send("ok", "m", client="second")
    s.until("m")
    s.leave_out("m")


@scenario()
def conflicting_session(s: Script) -> None:
    """A user may have one session: the new one wins, the old one is closed with code 35."""
    s.connect("first", user="single{run}")
    _second_wins(s)


@scenario(lambda sdk, transport: transport is not None and transport.endswith("POLLING"))
def conflicting_session_between_polls(s: Script) -> None:
    """The client that is away hears of it when it comes back, and does not come back as a third session."""
    s.connect("first", user="single{run}", options={"PollingInterval": 700, "IdleTimeout": 0})
    _second_wins(s)


# Name, code, text that the application sees, subscription.
REFUSED: list[tuple[str, int, Any, dict[str, Any]]] = [
    ("group", 21, ANY, {"mode": "MERGE", "group": "refused", "fields": ["a"]}),
    ("schema", 23, ANY, {"mode": "MERGE", "items": ["merge.{run}"], "schema": "refused", "count": 1}),
    ("schema_for_group", 22, ANY, {"mode": "MERGE", "items": ["merge.{run}"], "schema": "unfit", "count": 1}),
    ("mode", 24, "Invalid mode for these items", {"mode": "DISTINCT", "items": ["merge.{run}"], "fields": ["a"]}),
    ("private", 24, "Invalid mode for these items", {"mode": "MERGE", "items": ["merge.private"], "fields": ["a"]}),
    ("data_adapter", 17, ANY, {"mode": "MERGE", "items": ["merge.{run}"], "fields": ["a"], "data_adapter": "NOWHERE"}),
    ("no_key", 15, ANY, {"mode": "COMMAND", "items": ["command.{run}"], "schema": "command a", "count": 2}),
    ("no_command", 16, ANY, {"mode": "COMMAND", "items": ["command.{run}"], "schema": "key a", "count": 2}),
    ("selector", 25, ANY, {"mode": "MERGE", "items": ["merge.{run}"], "fields": ["a"], "selector": "odd"}),
    ("limited", 26, ANY, {"mode": "MERGE", "items": ["merge.max2.{run}"], "fields": ["a"], "frequency": "unfiltered"}),
    (
        "prefiltered", 27, ANY,
        {"mode": "MERGE", "items": ["merge.prefilter5.{run}"], "fields": ["a"], "frequency": "unfiltered"},
    ),
    ("no_credits", -9, "Too dear, sorry", {"mode": "MERGE", "items": ["merge.costly"], "fields": ["a"]}),
    ("fault", 66, ANY, {"mode": "MERGE", "items": ["merge.broken"], "fields": ["a"]}),
    ("one_of_many", 21, ANY, {"mode": "MERGE", "items": ["merge.1.{run}", "merge.refused"], "fields": ["a"]}),
]  # fmt: skip


@scenario()
def subscriptions_refused(s: Script) -> None:
    """The reasons one after the other; the session goes on, and a refused subscription may be tried again."""
    s.connect()
    for name, code, text, arguments in REFUSED:
        s.step("subscribe", sub=name, **arguments)
        s.see(name, ["error", code, text])
    s.step("subscribe", sub="mode", mode="MERGE", items=["merge.{run}"], fields=["a"], snapshot="yes")
    s.see("mode", SUBSCRIBED, UNLIMITED)


@scenario()
def subscriptions_refused_together(s: Script) -> None:
    """All of them in one batch, good ones between."""
    s.connect()
    for number, (name, _, _, arguments) in enumerate(REFUSED):
        s.step("subscribe", sub=name, **arguments)
        s.subscribe(f"good{number}", "MERGE", f"merge.good{number}." + "{run}", "a", snapshot="yes")
    for number, (name, code, text, _) in enumerate(REFUSED):
        s.see(name, ["error", code, text])
        s.see(f"good{number}", SUBSCRIBED, UNLIMITED)

    @s.check
    def no_session_error(seen: Seen) -> None:
        assert not seen.of("client", "error")
