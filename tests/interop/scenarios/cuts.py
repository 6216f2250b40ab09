"""
Connections that break in the middle (the session is recovered, nothing is lost and
nothing comes twice), and networks in which a transport does not work.
"""

from __future__ import annotations

from tests.interop.scenario import SUBSCRIBED, UNLIMITED, Script, Seen, assert_equal, one_session, scenario, update
from tests.interop.scenarios.sessions import every_number

RAW, MERGE, DISTINCT, COMMAND = "raw.{run}", "merge.{run}", "distinct.{run}", "command.{run}"
COUNT = 200

IMPATIENT = {
    "RetryDelay": 1000,
    "KeepaliveInterval": 1000,
    "StalledTimeout": 500,
    "ReconnectTimeout": 500,
    "IdleTimeout": 1500,
}
"""The Python SDK learns that a WebSocket is gone only from the silence that follows."""


def _count_with_cuts(s: Script, *cuts: str) -> None:
    s.connect(options=IMPATIENT)
    s.subscribe("raw", "RAW", RAW, "n text")
    s.subscribe("merge", "MERGE", MERGE, "n text", snapshot="yes")
    s.subscribe("distinct", "DISTINCT", DISTINCT, "n", snapshot="yes", frequency="unfiltered")
    s.subscribe("command", "COMMAND", COMMAND, "n key command", snapshot="yes", frequency="unfiltered")
    subs = ("raw", "merge", "distinct", "command")
    for sub in subs:
        s.until(sub, "subscribed")
    s.leave_out(*subs)
    items, size = [RAW, MERGE, DISTINCT, COMMAND], COUNT // (len(cuts) + 1)
    s.data("count", items=items, upto=size, rate=50, padding=50)
    for number, cut in enumerate(cuts, 1):
        # An SDK on a slow machine may be seconds behind. It must not have everything when the connection is cut, so
        # that the next part begins when it has the one before.
        done = number * size
        s.until("raw", "update", RAW, "*", [str(done), "*"])
        s.data("count", items=items, first=done + 1, upto=done + size, rate=25, padding=50)
        s.until("raw", "update", count=done + 5)
        s.step("outside", what=cut)
        s.until("raw", "update", count=done + 15)
    s.until("raw", "update", RAW, "*", [str(COUNT), "*"])
    s.until("merge", "update", MERGE, "*", [str(COUNT), "*"])
    s.until("distinct", "update", DISTINCT, "*", [str(COUNT)])
    s.until("command", "update", COMMAND, "*", [str(COUNT), "*", "*"])
    s.send("ok", "m")
    s.until("m", "processed")
    s.leave_out("m")
    s.check(every_number)
    s.check(one_session)

    @s.check
    def all_of_them(seen: Seen) -> None:
        everything = [str(n) for n in range(1, COUNT + 1)]
        assert_equal(seen.values("distinct", 0), everything, "DISTINCT:")
        assert_equal(seen.values("command", 0), everything, "COMMAND:")
        statuses = [event[0] for event in seen.of("client", "status")]
        assert "DISCONNECTED:TRYING-RECOVERY" in statuses, f"was never cut: {statuses}"


@scenario(network="breaking")
def cut_once(s: Script) -> None:
    """Both sides notice, in the middle of a line."""
    _count_with_cuts(s, "cut both sides")


@scenario(network="breaking")
def cut_at_the_client(s: Script) -> None:
    """The server does not notice, and writes on into nowhere until the client comes back."""
    _count_with_cuts(s, "cut the client")


@scenario(network="breaking")
def cut_again_and_again(s: Script) -> None:
    _count_with_cuts(s, "cut both sides", "cut the client", "cut both sides")


@scenario(network="breaking")
def cut_while_recovering(s: Script) -> None:
    """The answer to the recovery is lost as well."""
    _count_with_cuts(s, "cut twice")


def _finds(s: Script, transport: str) -> None:
    s.connect(wait=False, options={"IdleTimeout": 1000})
    s.until("client", "status", f"CONNECTED:{transport}")
    s.prepare(MERGE, snapshot=[{"a": "1"}])
    s.subscribe("s", "MERGE", MERGE, "a", snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED, update(MERGE, "1", snapshot=True))
    s.publish(MERGE, {"a": "2"})
    s.see("s", update(MERGE, "2"))
    s.check(one_session)


@scenario(lambda sdk, transport: transport is None, network="no websocket")
def no_websocket(s: Script) -> None:
    """The SDK finds that HTTP streaming works."""
    _finds(s, "HTTP-STREAMING")


@scenario(lambda sdk, transport: transport is None, network="buffering")
def buffering_proxy(s: Script) -> None:
    """And that it does not: it has the silent stream ended by C{force_rebind}, and polls."""
    _finds(s, "HTTP-POLLING")
