"""Frequency, buffers, bandwidth."""

from __future__ import annotations

from tests.interop.scenario import (
    SUBSCRIBED,
    UNLIMITED,
    Number,
    OneOf,
    Script,
    Seen,
    assert_equal,
    scenario,
    update,
)


def increasing(seen: Seen, sub: str, last: int) -> list[int]:
    """The values of the first field of a subscription: numbers that grow, up to the last one."""
    numbers = [int(value) for value in seen.values(sub, 0)]
    assert numbers == sorted(set(numbers)), f"not in order: {numbers}"
    assert_equal(numbers[-1], last, "last number:")
    return numbers


@scenario()
def merge_limited_by_the_adapter(s: Script) -> None:
    item = "merge.max4.{run}"
    s.connect()
    s.subscribe("s", "MERGE", item, "n", snapshot="yes")
    s.until("s", "frequency")
    s.data("count", items=[item], upto=100, rate=50)
    s.until("s", "update", item, "*", ["100"])
    s.leave_out("s")

    @s.check
    def four_a_second(seen: Seen) -> None:
        assert_equal(seen.of("s", "frequency"), [[Number(4)]])
        count = len(increasing(seen, "s", 100))
        assert 5 <= count <= 11, f"{count} updates in two seconds"


@scenario()
def frequency_changed(s: Script) -> None:
    item = "merge.{run}"
    s.connect()
    s.subscribe("s", "MERGE", item, "n", snapshot="yes", frequency="2.5")
    s.see("s", SUBSCRIBED, ["frequency", Number(2.5)])
    s.data("count", items=[item], upto=50, rate=50)
    s.until("s", "update", item, "*", ["50"])
    s.step("frequency", sub="s", value="unlimited")
    s.until("s", "frequency", "unlimited")
    s.data("count", items=[item], first=51, upto=60, rate=20)
    s.until("s", "update", item, "*", ["60"])
    s.step("frequency", sub="s", value="1")
    s.until("s", "frequency", count=3)
    s.leave_out("s")

    @s.check
    def as_asked(seen: Seen) -> None:
        assert_equal(seen.of("s", "frequency"), [[Number(2.5)], ["unlimited"], [Number(1)]])
        numbers = increasing(seen, "s", 60)
        slow = [number for number in numbers if number <= 50]
        assert 2 <= len(slow) <= 5, f"{slow} in one second"
        if seen.transport in ("WS-STREAMING", "HTTP-STREAMING"):
            assert sum(number > 50 for number in numbers) >= 5, f"{numbers}"


@scenario()
def asked_for_more_than_allowed(s: Script) -> None:
    item = "merge.max3.{run}"
    s.connect()
    s.subscribe("s", "MERGE", item, "n", snapshot="yes", frequency="20")
    s.see("s", SUBSCRIBED, ["frequency", Number(3)])


@scenario()
def merge_unfiltered(s: Script) -> None:
    """No update is left out, even when they come all at once."""
    item = "merge.{run}"
    s.connect()
    s.subscribe("s", "MERGE", item, "n", snapshot="yes", frequency="unfiltered")
    s.see("s", SUBSCRIBED, UNLIMITED)
    s.data("count", items=[item], upto=300, rate=1_000_000)
    s.see("s", update(item, "1", snapshot=True), *(update(item, str(n)) for n in range(2, 301)))


@scenario()
def raw_at_high_rate(s: Script) -> None:
    item = "raw.{run}"
    s.connect()
    s.subscribe("s", "RAW", item, "n")
    s.see("s", SUBSCRIBED, ["frequency", OneOf("unlimited", None)])
    s.data("count", items=[item], upto=500, rate=500)
    s.see("s", *(update(item, str(n)) for n in range(1, 501)))


@scenario()
def raw_overflow(s: Script) -> None:
    """More than the server keeps, in a session that may not send that much: the oldest are lost, and told."""
    item = "raw.{run}"
    s.connect()
    s.step("bandwidth", value=40)
    s.until("client", "bandwidth", "40")
    s.subscribe("s", "RAW", item, "n text")
    s.until("s", "subscribed")
    s.data("count", items=[item], upto=3000, rate=1_000_000, padding=20)
    s.step("bandwidth", value="unlimited")
    s.until("s", "update", item, "*", ["3000", "*"])
    s.leave_out("s")

    @s.check
    def nothing_silently(seen: Seen) -> None:
        got = len(increasing(seen, "s", 3000))
        lost = sum(event[1] for event in seen.of("s", "lost"))
        assert lost > 0, "nothing was lost"
        assert_equal(got + lost, 3000, "updates and lost ones:")


@scenario()
def distinct_buffer(s: Script) -> None:
    """At a low frequency the oldest events go first."""
    item = "distinct.{run}"
    s.connect()
    s.subscribe("s", "DISTINCT", item, "n", snapshot="yes", frequency="10", buffer="3")
    s.until("s", "end of snapshot")
    s.data("count", items=[item], upto=50, rate=1_000_000)
    s.until("s", "update", item, "*", ["50"])
    s.leave_out("s")

    @s.check
    def first_and_last_ones(seen: Seen) -> None:
        assert_equal(increasing(seen, "s", 50)[-3:], [48, 49, 50])
        assert len(seen.of("s", "update")) <= 5


@scenario()
def commands_limited(s: Script) -> None:
    """Updates of a row are merged; rows are not lost."""
    item = "command.max2.{run}"
    s.connect()
    s.subscribe("s", "COMMAND", item, "n key command", snapshot="yes")
    s.until("s", "end of snapshot")
    s.data("count", items=[item], upto=100, rate=100)
    for n in range(91, 101):
        s.until("s", "update", item, "*", [str(n), f"k{n % 10}", "*"])
    s.leave_out("s")

    @s.check
    def merged(seen: Seen) -> None:
        rows = [event[2] for event in seen.of("s", "update")]
        assert_equal(sorted(row[1] for row in rows if row[2] == "ADD"), [f"k{n}" for n in range(10)])
        assert 20 <= len(rows) <= 50, f"{len(rows)} rows"
        assert_equal(seen.of("s", "lost"), [])


@scenario()
def narrow_session(s: Script) -> None:
    """100 kbit/s are 12500 bytes a second; what does not fit is merged away."""
    item = "merge.{run}"
    s.connect(user="narrow{run}")
    s.subscribe("s", "MERGE", item, "n text", snapshot="yes")
    s.until("s", "subscribed")
    s.data("random", item=item, upto=200, rate=100, length=1000)
    s.until("s", "update", item, "*", ["200", "*"])
    s.leave_out("s")

    @s.check
    def narrow(seen: Seen) -> None:
        assert_equal(seen.of("client", "bandwidth")[-1], [Number(100)])
        count = len(increasing(seen, "s", 200))
        assert 10 <= count <= 45, f"{count} updates of 1 kB in two seconds at 12.5 kB/s"


@scenario()
def bandwidth_changed(s: Script) -> None:
    """Two seconds of 100 kB/s through 80 kbit/s, which are 10 kB/s, and then without a limit."""
    item = "merge.{run}"
    s.connect()
    s.step("bandwidth", value=80)
    s.until("client", "bandwidth", "80")
    s.subscribe("s", "MERGE", item, "n text", snapshot="yes")
    s.until("s", "subscribed")
    s.data("random", item=item, upto=100, rate=50, length=2000)
    s.until("s", "update", item, "*", ["100", "*"])
    s.step("bandwidth", value="unlimited")
    s.until("client", "bandwidth", "unlimited")
    s.data("random", item=item, first=101, upto=120, rate=20, length=2000)
    s.until("s", "update", item, "*", ["120", "*"])
    s.leave_out("s")

    @s.check
    def as_asked(seen: Seen) -> None:
        numbers = increasing(seen, "s", 120)
        slow = [number for number in numbers if number <= 100]
        assert 5 <= len(slow) <= 25, f"{len(slow)} updates of 2 kB in two seconds at 10 kB/s"
        if seen.transport in ("WS-STREAMING", "HTTP-STREAMING"):
            assert sum(number > 100 for number in numbers) >= 10, f"{numbers}"


@scenario()
def bandwidth_at_the_start(s: Script) -> None:
    """The application asks before it connects; the user is allowed less."""
    s.connect(user="narrow{run}", options={"RequestedMaxBandwidth": 400})
    s.until("client", "bandwidth", "*")

    @s.check
    def the_lower(seen: Seen) -> None:
        assert_equal(seen.of("client", "bandwidth")[-1], [Number(100)])
