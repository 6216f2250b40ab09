"""Frequency, buffers, bandwidth."""

from __future__ import annotations

from dataclasses import dataclass

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


TIMED = "n at held"
"""Fields of the numbers of an adapter, with the time on its clock."""


@dataclass(frozen=True)
class Pace:
    """
    What the adapter says about its numbers; how many of them come is a matter of time, of which a
    machine that is busy takes as much as it likes.

    @ivar numbers: that came.
    @ivar seconds: until the last one was sent.
    @ivar held: for how many of them the server could do nothing at all.
    @ivar streamed: whether they came as soon as they were sent; otherwise the client has to ask for them.
    """

    numbers: list[int]
    seconds: float
    held: float
    streamed: bool

    def at_most(self, rate: float, more: int = 3) -> None:
        """Not more than so many a second: the first, those after a full interval each, and the last."""
        most = more + rate * self.seconds
        assert len(self.numbers) <= most, f"{len(self.numbers)} updates in {self.seconds} s: {self.numbers}"

    def at_least(self, rate: float) -> None:
        """
        Not less than so many a second. Of a client that polls only that it got
        the last one: meanwhile, each answer has one update at most.
        """
        least = 1 + rate * (self.seconds - self.held) if self.streamed else 1
        assert len(self.numbers) >= least, (
            f"{len(self.numbers)} updates in {self.seconds} s, held up for {self.held} s: {self.numbers}"
        )


def pace(seen: Seen, sub: str, first: int, upto: int) -> Pace:
    """Of the updates with the numbers in a range; their first fields are those of L{TIMED}."""
    updates = [event[2] for event in seen.of(sub, "update") if first <= int(event[2][0]) <= upto]
    _, at, held = updates[-1][:3]
    streamed = seen.transport in ("WS-STREAMING", "HTTP-STREAMING")
    return Pace([int(update[0]) for update in updates], int(at) / 1000, int(held) / 1000, streamed)


@scenario()
def merge_limited_by_the_adapter(s: Script) -> None:
    item = "merge.max4.{run}"
    s.connect()
    s.subscribe("s", "MERGE", item, TIMED, snapshot="yes")
    s.until("s", "frequency")
    s.data("count", items=[item], upto=100, rate=50)
    s.until("s", "update", item, "*", ["100", "*", "*"])
    s.leave_out("s")

    @s.check
    def four_a_second(seen: Seen) -> None:
        assert_equal(seen.of("s", "frequency"), [[Number(4)]])
        increasing(seen, "s", 100)
        pace(seen, "s", 1, 100).at_most(4)
        pace(seen, "s", 1, 100).at_least(2)


@scenario()
def frequency_changed(s: Script) -> None:
    item = "merge.{run}"
    s.connect()
    s.subscribe("s", "MERGE", item, TIMED, snapshot="yes", frequency="2.5")
    s.see("s", SUBSCRIBED, ["frequency", Number(2.5)])
    s.data("count", items=[item], upto=50, rate=50)
    s.until("s", "update", item, "*", ["50", "*", "*"])
    s.step("frequency", sub="s", value="unlimited")
    s.until("s", "frequency", "unlimited")
    s.data("count", items=[item], first=51, upto=60, rate=20)
    s.until("s", "update", item, "*", ["60", "*", "*"])
    s.step("frequency", sub="s", value="1")
    s.until("s", "frequency", count=3)
    s.leave_out("s")

    @s.check
    def as_asked(seen: Seen) -> None:
        assert_equal(seen.of("s", "frequency"), [[Number(2.5)], ["unlimited"], [Number(1)]])
        increasing(seen, "s", 60)
        pace(seen, "s", 1, 50).at_most(2.5)
        pace(seen, "s", 1, 50).at_least(1)
        pace(seen, "s", 51, 60).at_least(8)


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
    s.subscribe("s", "COMMAND", item, TIMED + " key command", snapshot="yes")
    s.until("s", "end of snapshot")
    s.data("count", items=[item], upto=100, rate=100)
    for n in range(91, 101):
        s.until("s", "update", item, "*", [str(n), "*", "*", f"k{n % 10}", "*"])
    s.leave_out("s")

    @s.check
    def merged(seen: Seen) -> None:
        rows = [event[2] for event in seen.of("s", "update")]
        assert_equal(sorted(row[3] for row in rows if row[4] == "ADD"), [f"k{n}" for n in range(10)])
        # Two updates of each of the ten rows a second.
        pace(seen, "s", 1, 100).at_most(20, 30)
        pace(seen, "s", 1, 100).at_least(19)
        assert_equal(seen.of("s", "lost"), [])


@scenario()
def narrow_session(s: Script) -> None:
    """100 kbit/s are 12500 bytes a second; what does not fit is merged away."""
    item = "merge.{run}"
    s.connect(user="narrow{run}")
    s.subscribe("s", "MERGE", item, TIMED + " text", snapshot="yes")
    s.until("s", "subscribed")
    s.data("random", item=item, upto=200, rate=100, length=1000)
    s.until("s", "update", item, "*", ["200", "*", "*", "*"])
    s.leave_out("s")

    @s.check
    def narrow(seen: Seen) -> None:
        assert_equal(seen.of("client", "bandwidth")[-1], [Number(100)])
        increasing(seen, "s", 200)
        # Updates of 1 kB at 12.5 kB/s, after what has not been used of the beginning.
        pace(seen, "s", 1, 200).at_most(12.5, 20)
        pace(seen, "s", 1, 200).at_least(4.5)


@scenario()
def bandwidth_changed(s: Script) -> None:
    """Two seconds of 100 kB/s through 80 kbit/s, which are 10 kB/s, and then without a limit."""
    item = "merge.{run}"
    s.connect()
    s.step("bandwidth", value=80)
    s.until("client", "bandwidth", "80")
    s.subscribe("s", "MERGE", item, TIMED + " text", snapshot="yes")
    s.until("s", "subscribed")
    s.data("random", item=item, upto=100, rate=50, length=2000)
    s.until("s", "update", item, "*", ["100", "*", "*", "*"])
    s.step("bandwidth", value="unlimited")
    s.until("client", "bandwidth", "unlimited")
    s.data("random", item=item, first=101, upto=120, rate=20, length=2000)
    s.until("s", "update", item, "*", ["120", "*", "*", "*"])
    s.leave_out("s")

    @s.check
    def as_asked(seen: Seen) -> None:
        increasing(seen, "s", 120)
        # Updates of 2 kB at 10 kB/s, and then all that come.
        pace(seen, "s", 1, 100).at_most(5, 15)
        pace(seen, "s", 1, 100).at_least(2)
        pace(seen, "s", 101, 120).at_least(9)


@scenario()
def bandwidth_at_the_start(s: Script) -> None:
    """The application asks before it connects; the user is allowed less."""
    s.connect(user="narrow{run}", options={"RequestedMaxBandwidth": 400})
    s.until("client", "bandwidth", "*")

    @s.check
    def the_lower(seen: Seen) -> None:
        assert_equal(seen.of("client", "bandwidth")[-1], [Number(100)])
