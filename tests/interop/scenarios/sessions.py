"""Sessions: options of the connection, changes of transport, the end from either side."""

from __future__ import annotations

from tests.interop.scenario import (
    ANY,
    SUBSCRIBED,
    UNLIMITED,
    OneOf,
    Script,
    Seen,
    assert_equal,
    one_session,
    scenario,
    update,
)

RAW = "raw.{run}"
MERGE = "merge.{run}"


def every_number(seen: Seen) -> None:
    """Whatever happened to the connection: RAW got each number once, MERGE grew up to the last."""
    raw = [int(value) for value in seen.values("raw", 0)]
    assert_equal(raw, list(range(1, raw[-1] + 1)), "RAW:")
    merge = [int(value) for value in seen.values("merge", 0)]
    assert merge == sorted(set(merge)), f"MERGE is not in order: {merge}"
    assert_equal(merge[-1], raw[-1], "the last of MERGE:")


def _counters(s: Script) -> None:
    s.subscribe("raw", "RAW", RAW, "n text")
    s.subscribe("merge", "MERGE", MERGE, "n text", snapshot="yes")
    s.until("raw", "subscribed")
    s.until("merge", "subscribed")
    s.leave_out("raw", "merge")
    s.check(every_number)


@scenario()
def names_and_addresses(s: Script) -> None:
    s.connect()
    s.send("ok", "m")
    s.until("m")
    s.leave_out("m")

    @s.check
    def told(seen: Seen) -> None:
        statuses = [event[0] for event in seen.of("client", "status")]
        assert_equal(statuses[0], "CONNECTING")
        assert not any(status.startswith("DISCONNECTED:") for status in statuses), statuses
        assert_equal(seen.of("client", "server")[-1], ["Lightstreamer HTTP Server"])
        assert seen.of("client", "address")[-1][0] in ("127.0.0.1", "::1")
        assert seen.of("client", "bandwidth")[-1] == ["unlimited"]
        one_session(seen)


@scenario()
def closed_and_opened_again(s: Script) -> None:
    """The subscription is made again in the new session."""
    s.connect()
    s.prepare(MERGE, snapshot=[{"n": "1"}])
    s.subscribe("s", "MERGE", MERGE, "n", snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED, update(MERGE, "1", snapshot=True))
    s.disconnect()
    s.step("reconnect")
    s.until("s", "subscribed", count=2)
    s.until("s", "update", MERGE, True, ["1"], count=2)
    s.leave_out("s")

    @s.check
    def two_sessions(seen: Seen) -> None:
        assert_equal(len({event[0] for event in seen.of("client", "session")}), 2, "sessions:")


@scenario()
def closed_by_the_adapter(s: Script) -> None:
    s.connect()
    s.adapter("close", wait=False)
    s.see("client:error", [OneOf(32, 39), ANY])
    s.until("client", "status", "DISCONNECTED")


@scenario()
def closed_by_the_adapter_with_a_reason(s: Script) -> None:
    s.connect()
    s.adapter("close", wait=False, code=-4, text="Bye, now: 100%")
    s.see("client:error", [-4, "Bye, now: 100%"])
    s.until("client", "status", "DISCONNECTED")


def _switches(s: Script, *transports: str) -> None:
    s.connect()
    _counters(s)
    s.data("count", items=[RAW, MERGE], upto=60 * (len(transports) + 1), rate=60)
    for number, transport in enumerate(transports, 1):
        s.until("raw", "update", count=60 * number)
        s.step("transport", value=transport)
        s.until("client", "status", f"CONNECTED:{transport}")
    s.until("raw", "update", count=60 * (len(transports) + 1))
    s.until("merge", "update", MERGE, "*", [str(60 * (len(transports) + 1)), ""])
    s.check(one_session)


@scenario(lambda sdk, transport: transport in ("WS-STREAMING", "HTTP-POLLING"))
def transport_changed(s: Script) -> None:
    """While data flows, to each of the others and back: nothing is lost, nothing comes twice."""
    _switches(s, "HTTP-STREAMING", "WS-POLLING", "HTTP-POLLING", "WS-STREAMING", "HTTP-STREAMING")


@scenario(lambda sdk, transport: transport in ("WS-POLLING", "HTTP-STREAMING"))
def transport_changed_otherwise(s: Script) -> None:
    _switches(s, "WS-STREAMING", "HTTP-POLLING", "WS-POLLING", "HTTP-STREAMING", "WS-STREAMING")


@scenario()
def short_responses(s: Script) -> None:
    """The content length ends HTTP responses all the time; also short poll times."""
    s.connect(options={"ContentLength": 5000, "IdleTimeout": 300, "PollingInterval": 50})
    _counters(s)
    s.data("count", items=[RAW, MERGE], upto=300, rate=300, padding=200)
    s.until("raw", "update", count=300)
    s.until("merge", "update", MERGE, "*", ["300", "*"])
    s.check(one_session)


@scenario(lambda sdk, transport: transport in ("WS-STREAMING", "HTTP-STREAMING", None))
def silence(s: Script) -> None:
    """
    Keepalives come, heartbeats are understood: nothing is stalled for six seconds. Without keepalives it would be
    after four and a half; all of them beyond one second are for machines that have other things to do.
    """
    options = {
        "KeepaliveInterval": 1000,
        "StalledTimeout": 3500,
        "ReconnectTimeout": 5000,
        "ReverseHeartbeatInterval": 700,
    }
    s.connect(options=options)
    s.send("slow:6000:", "m")
    s.until("m")
    s.leave_out("m")

    @s.check
    def not_stalled(seen: Seen) -> None:
        statuses = [event[0] for event in seen.of("client", "status")]
        assert "STALLED" not in statuses, statuses
        one_session(seen)


@scenario(lambda sdk, transport: transport in ("WS-STREAMING", "HTTP-STREAMING"))
def slowing(s: Script) -> None:
    """The server tells its clock."""
    s.connect(options={"SlowingEnabled": True})
    _counters(s)
    s.data("count", items=[RAW, MERGE], upto=50, rate=50)
    s.until("raw", "update", count=50)
    s.until("merge", "update", MERGE, "*", ["50", ""])
    s.check(one_session)


@scenario(lambda sdk, transport: transport in ("HTTP-STREAMING", "HTTP-POLLING"))
def extra_headers(s: Script) -> None:
    """In a browser, requests are then preceded by a question whether they may be made."""
    s.connect(options={"HttpExtraHeaders": {"X-Interop": "yes"}})
    s.send("ok", "m")
    s.until("m")
    s.leave_out("m")


@scenario(lambda sdk, transport: sdk.browser)
def cookies(s: Script) -> None:
    """In a browser, requests then carry credentials, which the server must allow by name."""
    s.connect(options={"CookieHandlingRequired": True})
    s.send("ok", "m")
    s.until("m")
    s.leave_out("m")
