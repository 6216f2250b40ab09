"""MERGE, DISTINCT and RAW: snapshots, updates, the end of them; groups, schemas, selectors."""

from __future__ import annotations

from tests.interop.scenario import (
    SUBSCRIBED,
    UNLIMITED,
    UNSUBSCRIBED,
    OneOf,
    Script,
    Seen,
    assert_equal,
    scenario,
    update,
)

MERGE = "merge.{run}"
DISTINCT = "distinct.{run}"
RAW = "raw.{run}"


@scenario()
def merge_with_snapshot(s: Script) -> None:
    s.connect()
    s.prepare(MERGE, snapshot=[{"a": "1", "b": "", "c": None}])
    s.subscribe("s", "MERGE", MERGE, "a b c never", snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED, update(MERGE, "1", "", None, None, snapshot=True))
    s.publish(MERGE, {"a": "2"})
    s.see("s", update(MERGE, "2", "", None, None))
    s.publish(MERGE, {"b": None, "c": "", "other": "x"})
    s.see("s", update(MERGE, "2", None, "", None))
    s.publish(MERGE, {"a": "3", "b": "4", "c": "5", "never": "6"})
    s.see("s", update(MERGE, "3", "4", "5", "6"))
    s.read("value", "s", MERGE, "b")
    s.see("value", ["4"])
    s.unsubscribe("s")
    s.see("s", UNSUBSCRIBED)


@scenario()
def merge_without_snapshot(s: Script) -> None:
    s.connect()
    s.prepare(MERGE, snapshot=[{"a": "1", "b": "x"}])
    s.subscribe("s", "MERGE", MERGE, "a b", snapshot="no")
    s.see("s", SUBSCRIBED, UNLIMITED)
    s.publish(MERGE, {"a": "2"})
    s.see("s", update(MERGE, "2", "x"))
    s.publish(MERGE, {"b": "y"})
    s.see("s", update(MERGE, "2", "y"))


@scenario()
def merge_item_without_snapshot(s: Script) -> None:
    """The first update then counts as the snapshot."""
    s.connect()
    s.subscribe("s", "MERGE", MERGE, "a b", snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED)
    s.publish(MERGE, {"a": "1"})
    s.see("s", update(MERGE, "1", None, snapshot=True))
    s.publish(MERGE, {"b": "2"})
    s.see("s", update(MERGE, "1", "2"))


@scenario()
def merge_cleared(s: Script) -> None:
    s.connect()
    s.prepare(MERGE, snapshot=[{"a": "1", "b": "x"}])
    s.subscribe("s", "MERGE", MERGE, "a b", snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED, update(MERGE, "1", "x", snapshot=True))
    s.data("clear", item=MERGE)
    s.see("s", update(MERGE, None, None))
    s.publish(MERGE, {"b": "y"})
    s.see("s", update(MERGE, None, "y"))


@scenario()
def late_subscribers(s: Script) -> None:
    """They are served from the state that the server holds, in one session and in another."""
    s.connect()
    s.prepare(MERGE, snapshot=[{"a": "1", "b": "x"}])
    s.subscribe("first", "MERGE", MERGE, "a b", snapshot="yes")
    s.see("first", SUBSCRIBED, UNLIMITED, update(MERGE, "1", "x", snapshot=True))
    s.publish(MERGE, {"a": "2", "c": "new"})
    s.see("first", update(MERGE, "2", "x"))
    s.subscribe("second", "MERGE", MERGE, "c b a", snapshot="yes")
    s.see("second", SUBSCRIBED, UNLIMITED, update(MERGE, "new", "x", "2", snapshot=True))
    s.connect("other")
    s.subscribe("third", "MERGE", MERGE, "a c", snapshot="yes", client="other")
    s.see("third", SUBSCRIBED, UNLIMITED, update(MERGE, "2", "new", snapshot=True))
    s.unsubscribe("first")
    s.see("first", UNSUBSCRIBED)
    s.publish(MERGE, {"a": "3"})
    s.see("second", update(MERGE, "new", "x", "3"))
    s.see("third", update(MERGE, "3", "new"))


@scenario()
def several_items(s: Script) -> None:
    one, two, three = "merge.1.{run}", "merge.2.{run}", "merge.3.{run}"
    s.connect()
    for item in (one, two, three):
        s.prepare(item, snapshot=[{"a": item, "b": "0"}])
    s.subscribe("s", "MERGE", f"{one} {two} {three}", "a b", snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED)
    s.see("s", *(update(item, item, "0", snapshot=True) for item in (one, two, three)))
    s.publish(two, {"b": "1"})
    s.see("s", update(two, two, "1"))
    s.publish(three, {"b": "2"})
    s.see("s", update(three, three, "2"))
    s.publish(one, {"a": None})
    s.see("s", update(one, None, "0"))
    s.read("value", "s", two, "b")
    s.see("value", ["1"])


@scenario()
def group_and_schema(s: Script) -> None:
    """Names that only the Metadata Adapter can resolve: the application goes by position."""
    s.connect()
    s.prepare("merge.{run}.2", snapshot=[{"n": "7", "text": "seven"}])
    s.subscribe("s", "MERGE", group="pair.{run}", schema="numbers", count=2, snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED, update(2, "7", "seven", snapshot=True))
    s.publish("merge.{run}.1", {"n": "1", "text": None})
    s.see("s", update(1, "1", None, snapshot=True))


@scenario()
def distinct_with_snapshot(s: Script) -> None:
    s.connect()
    s.prepare(DISTINCT, snapshot=[{"a": "1", "b": "x"}, {"a": "2", "b": "x"}, {"a": "2", "b": None}])
    s.subscribe("s", "DISTINCT", DISTINCT, "a b", snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED)
    s.see("s", update(DISTINCT, "1", "x", snapshot=True), update(DISTINCT, "2", "x", snapshot=True))
    s.see("s", update(DISTINCT, "2", None, snapshot=True), ["end of snapshot", DISTINCT])
    s.publish(DISTINCT, {"a": "3", "b": "y"}, {"a": "3", "b": "y"}, {"a": "4"})
    s.see("s", update(DISTINCT, "3", "y"), update(DISTINCT, "3", "y"), update(DISTINCT, "4", None))
    s.data("clear", item=DISTINCT)
    s.see("s", ["clear", DISTINCT])
    s.publish(DISTINCT, {"a": "4", "b": "z"})
    s.see("s", update(DISTINCT, "4", "z"))
    s.subscribe("late", "DISTINCT", DISTINCT, "b a", snapshot="yes")
    s.see("late", SUBSCRIBED, UNLIMITED, update(DISTINCT, "z", "4", snapshot=True), ["end of snapshot", DISTINCT])
    s.unsubscribe("s")
    s.see("s", UNSUBSCRIBED)


@scenario()
def distinct_with_short_snapshot(s: Script) -> None:
    """The application asks for at most two events; the adapter keeps four."""
    item = "distinct.keep4.{run}"
    s.connect()
    s.prepare(item, snapshot=[{"a": str(n)} for n in range(1, 7)])
    s.subscribe("all", "DISTINCT", item, "a", snapshot="yes")
    s.see("all", SUBSCRIBED, UNLIMITED)
    s.see("all", *(update(item, str(n), snapshot=True) for n in range(3, 7)), ["end of snapshot", item])
    s.subscribe("two", "DISTINCT", item, "a", snapshot="2")
    s.see("two", SUBSCRIBED, UNLIMITED)
    s.see("two", update(item, "5", snapshot=True), update(item, "6", snapshot=True), ["end of snapshot", item])
    s.publish(item, {"a": "7"})
    s.see("two", update(item, "7"))
    s.see("all", update(item, "7"))


@scenario()
def distinct_without_snapshot(s: Script) -> None:
    s.connect()
    s.prepare(DISTINCT, snapshot=[{"a": "1"}])
    s.subscribe("s", "DISTINCT", DISTINCT, "a", snapshot="no")
    s.see("s", SUBSCRIBED, UNLIMITED)
    s.publish(DISTINCT, {"a": "2"}, {"a": "3"})
    s.see("s", update(DISTINCT, "2"), update(DISTINCT, "3"))


@scenario()
def distinct_with_empty_snapshot(s: Script) -> None:
    s.connect()
    s.subscribe("s", "DISTINCT", DISTINCT, "a", snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED, ["end of snapshot", DISTINCT])
    s.publish(DISTINCT, {"a": "1"})
    s.see("s", update(DISTINCT, "1"))


@scenario()
def raw(s: Script) -> None:
    """No snapshot, nothing is left out, missing fields are null."""
    s.connect()
    s.prepare(RAW, snapshot=[{"a": "0", "b": "0"}])
    s.subscribe("s", "RAW", RAW, "a b")
    # An application is told of no frequency, since there is none that could be changed.
    s.see("s", SUBSCRIBED, ["frequency", OneOf("unlimited", None)])
    s.publish(RAW, *({"a": str(n // 2), "b": str(n)} for n in range(1, 200)), {"a": "7"}, {"b": "7"})
    s.see("s", *(update(RAW, str(n // 2), str(n)) for n in range(1, 200)))
    s.see("s", update(RAW, "7", None), update(RAW, None, "7"))
    s.data("clear", item=RAW)
    s.publish(RAW, {"a": "end"})
    s.see("s", update(RAW, "end", None))


@scenario()
def raw_beside_another_mode(s: Script) -> None:
    s.connect()
    s.prepare(MERGE, snapshot=[{"a": "1", "b": "x"}])
    s.subscribe("merge", "MERGE", MERGE, "a b", snapshot="yes")
    s.see("merge", SUBSCRIBED, UNLIMITED, update(MERGE, "1", "x", snapshot=True))
    s.subscribe("raw", "RAW", MERGE, "a b")
    s.see("raw", SUBSCRIBED, ["frequency", OneOf("unlimited", None)])
    s.publish(MERGE, {"a": "2"})
    s.see("raw", update(MERGE, "2", None))
    s.see("merge", update(MERGE, "2", "x"))


@scenario()
def selector(s: Script) -> None:
    s.connect()
    s.subscribe("s", "DISTINCT", DISTINCT, "n", snapshot="yes", selector="even")
    s.see("s", SUBSCRIBED, UNLIMITED, ["end of snapshot", DISTINCT])
    s.data("count", items=[DISTINCT], upto=9, rate=1000)
    s.see("s", *(update(DISTINCT, str(n)) for n in (2, 4, 6, 8)))


@scenario()
def customized_updates(s: Script) -> None:
    s.connect(user="shouting{run}")
    s.connect("quiet")
    s.subscribe("loud", "DISTINCT", DISTINCT, "n text", snapshot="yes")
    s.see("loud", SUBSCRIBED, UNLIMITED, ["end of snapshot", DISTINCT])
    s.subscribe("soft", "DISTINCT", DISTINCT, "n text", snapshot="no", client="quiet")
    s.see("soft", SUBSCRIBED, UNLIMITED)
    s.publish(DISTINCT, {"n": "1", "text": "hello"}, {"n": "2", "text": None})
    s.see("loud", update(DISTINCT, "1", "HELLO"), update(DISTINCT, "2", None))
    s.see("soft", update(DISTINCT, "1", "hello"), update(DISTINCT, "2", None))


@scenario()
def unsubscribed_and_subscribed_again(s: Script) -> None:
    s.connect()
    s.prepare(MERGE, snapshot=[{"a": "1"}])
    for _ in range(3):
        s.subscribe("s", "MERGE", MERGE, "a", snapshot="yes")
        s.see("s", SUBSCRIBED, UNLIMITED, update(MERGE, "1", snapshot=True))
        s.publish(MERGE, {"a": "2"})
        s.see("s", update(MERGE, "2"))
        s.unsubscribe("s")
        s.see("s", UNSUBSCRIBED)
        s.publish(MERGE, {"a": "lost"})


@scenario()
def subscribed_before_connecting(s: Script) -> None:
    """And many of them: they go out in one batch."""
    s.connect("other")
    for n in range(30):
        s.data("prepare", client="other", wait=n == 29, item=f"merge.{n}." + "{run}", snapshot=[{"a": str(n)}])
    s.connect(wait=False)
    for n in range(30):
        s.subscribe(f"s{n}", "MERGE", f"merge.{n}." + "{run}", "a", snapshot="yes")
    for n in range(30):
        s.see(f"s{n}", SUBSCRIBED, UNLIMITED, update(f"merge.{n}." + "{run}", str(n), snapshot=True))
    s.adapter("tables")

    @s.check
    def connected(seen: Seen) -> None:
        assert_equal(seen.of("client", "status")[-1], ["CONNECTED:" + (seen.transport or "WS-STREAMING")])


@scenario()
def forced_unsubscription(s: Script) -> None:
    """The adapter ends a subscription; the client is told by UNSUB alone."""
    s.connect()
    s.subscribe("s", "MERGE", MERGE, "a", snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED)
    s.adapter("unsubscribe", group=MERGE)
    s.publish(MERGE, {"a": "lost"})
    s.send("ok", "barrier")
    s.until("barrier")
    s.leave_out("s", "barrier")

    @s.check
    def no_data(seen: Seen) -> None:
        assert_equal(seen.of("s", "update"), [])


@scenario()
def item_that_cannot_be_supplied(s: Script) -> None:
    """Clients have a valid subscription in which nothing comes."""
    s.connect()
    s.prepare(MERGE, fails=True)
    s.subscribe("s", "MERGE", MERGE, "a", snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED)
    s.publish(MERGE, {"a": "lost"})
    s.unsubscribe("s")
    s.see("s", UNSUBSCRIBED)
    s.prepare(MERGE, snapshot=[{"a": "1"}])
    s.subscribe("again", "MERGE", MERGE, "a", snapshot="yes")
    s.see("again", SUBSCRIBED, UNLIMITED, update(MERGE, "1", snapshot=True))
