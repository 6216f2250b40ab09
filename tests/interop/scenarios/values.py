"""Values that need care on the wire, and differences in place of values."""

from __future__ import annotations

import json
from typing import Any

from tests.interop.scenario import (
    SUBSCRIBED,
    UNLIMITED,
    Json,
    OneOf,
    Script,
    Seen,
    assert_equal,
    scenario,
    update,
)

VALUES: list[str | None] = [
    None, "", " ", "#", "$", "^", "#1", "$1", "^1", "^0", "^P[]", "^Tb", "a#$^",
    "|", "||", "a|b", "%", "100%", "%41", "%7C", "+", "a+b c", "&x=y", ",", "a,b,",
    "\r\n", "a\nb", "a\rb", "\t", "a\x00b", "\x1f", "\x7f", "\x85", "\u2028\u2029",
    "è", "€", "日本語", "😀", "a😀|b👩‍👩‍👧", "\u0301x", "e\u0301", "x\ufeff", "\uffff", "x" * 9_000,
    '{"a": ["b|c", null]}', "<a href='x'>\"y\"</a>", "\\n", "null", " led", "trailed ", None, None, None, None, "",
]  # fmt: skip
FIELDS = [f"f{n}" for n in range(len(VALUES))]


def _event(shift: int) -> dict[str, str | None]:
    """The values, each in another field."""
    return dict(zip(FIELDS, VALUES[shift:] + VALUES[:shift], strict=True))


def _seen(item: str, event: dict[str, str | None], snapshot: bool = False) -> list[Any]:
    return update(item, *(event[name] for name in FIELDS), snapshot=snapshot)


@scenario()
def values_in_merge(s: Script) -> None:
    item = "merge.{run}"
    first, second, third = _event(0), _event(1), _event(7)
    s.connect()
    s.prepare(item, snapshot=[first])
    s.subscribe("s", "MERGE", item, " ".join(FIELDS), snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED, _seen(item, first, True))
    s.publish(item, second)
    s.see("s", _seen(item, second))
    changes = {name: value for name, value in third.items() if len(name) == 2}
    s.publish(item, changes)
    s.see("s", _seen(item, {**second, **changes}))
    s.publish(item, third)
    s.see("s", _seen(item, third))


@scenario()
def values_in_distinct(s: Script) -> None:
    item = "distinct.{run}"
    s.connect()
    s.prepare(item, snapshot=[_event(0), _event(3)])
    s.subscribe("s", "DISTINCT", item, " ".join(FIELDS), snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED, _seen(item, _event(0), True), _seen(item, _event(3), True))
    s.see("s", ["end of snapshot", item])
    s.publish(item, _event(4))
    s.see("s", _seen(item, _event(4)))


@scenario()
def values_in_raw(s: Script) -> None:
    item = "raw.{run}"
    s.connect()
    s.subscribe("s", "RAW", item, " ".join(FIELDS))
    s.see("s", SUBSCRIBED, ["frequency", OneOf("unlimited", None)])
    for shift in (0, 20, 21, 21):
        s.publish(item, _event(shift))
        s.see("s", _seen(item, _event(shift)))


@scenario()
def values_in_command(s: Script) -> None:
    """Keys are values too."""
    item = "command.{run}"
    keys = [value for value in VALUES if value]
    s.connect()
    s.prepare(item, snapshot=[{"key": key, "command": "ADD", "x": "0", "back": key[::-1]} for key in keys[:20]])
    s.subscribe("s", "COMMAND", item, "key command x back", snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED)
    s.see(
        "s", *(update(item, key, "ADD", "0", key[::-1], snapshot=True) for key in keys[:20]), ["end of snapshot", item]
    )
    for key in keys[20:]:
        s.publish(item, {"key": key, "command": "ADD", "x": key, "back": None}, wait=False)
        s.see("s", update(item, key, "ADD", key, None))
    for key in keys[18:25]:
        s.publish(item, {"key": key, "command": "DELETE"}, wait=False)
        s.see("s", update(item, key, "DELETE", None, None))


@scenario()
def bytes_are_latin_1(s: Script) -> None:
    """An adapter that sends bytes instead of text."""
    item = "merge.{run}"
    text = "".join(map(chr, range(1, 256)))
    s.connect()
    s.prepare(item, snapshot=[{"a": text}], as_bytes=True)
    s.subscribe("s", "MERGE", item, "a", snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED, update(item, text, snapshot=True))


@scenario()
def text_differences(s: Script) -> None:
    """TLCP-diff: the application must see plain values."""
    item = "merge.{run}"
    line = "The quick brown fox jumps over the lazy dog, again and again and again."
    texts = [
        line, line.replace("brown", "red"), line.replace("dog", "cat"), line, "", "x", line, line + line, line[:-1],
        None, line, line.replace("a", "A"), "a|b%+" + line, "😀" + line, "😀" + line + "!", line, "è" + line,
    ]  # fmt: skip
    s.connect()
    s.prepare(item, snapshot=[{"a": "foobar", "n": "0"}], diffs={"a": ["DIFF_MATCH_PATCH"]})
    s.subscribe("s", "MERGE", item, "a n", snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED, update(item, "foobar", "0", snapshot=True))
    for number, text in enumerate(texts, 1):
        s.publish(item, {"a": text, "n": str(number)}, wait=False)
        s.see("s", update(item, text, str(number)))


def _document(**changes: Any) -> dict[str, Any]:
    return {"text": "a document that is long enough to be patched", "list": [1, 2.5, True, None, "x|y%"], **changes}


@scenario()
def json_patches(s: Script) -> None:
    """The application sees an equal document; its text is the client's own."""
    item = "merge.{run}"
    documents: list[Any] = [
        _document(n=1),
        _document(n=2),
        _document(n=2, more={"a/b": "~", "è": "€ 😀"}),
        _document(n=2, more={"a/b": "~1", "è": "€|"}, list=[2.5, True, None, "x|y%", "end"]),
        _document(n=2, more={}, list=[]),
        [_document(n=1), _document(n=2)],
        _document(n=1, text="100% of it, a | b, \r\n and so on and so on, and so on", list=None),
    ]
    s.connect()
    s.prepare(item, snapshot=[{"a": "null", "n": "0"}], diffs={"a": ["JSONPATCH", "DIFF_MATCH_PATCH"]})
    s.subscribe("s", "MERGE", item, "a n", snapshot="yes")
    s.see("s", SUBSCRIBED, UNLIMITED, update(item, Json(None), "0", snapshot=True))
    for number, document in enumerate(documents, 1):
        text = json.dumps(document, ensure_ascii=False)
        s.publish(item, {"a": text, "n": str(number)}, wait=False)
        s.see("s", update(item, Json(document), str(number)))
    for number, text in enumerate(("not JSON {", "not JSON [", '{"back": 1}'), len(documents) + 1):
        s.publish(item, {"a": text, "n": str(number)}, wait=False)
        s.see("s", update(item, text, str(number)))
    s.read("last", "s", item, "a")
    s.see("last", ['{"back": 1}'])


@scenario()
def differences_in_command(s: Script) -> None:
    """The base of a difference is the row before, whatever its key."""
    item = "command.{run}"
    s.connect()
    s.prepare(item, snapshot=[{"key": "k1", "command": "ADD", "a": "foo bar baz"}], diffs={"a": ["DIFF_MATCH_PATCH"]})
    s.subscribe("s", "COMMAND", item, "key command a", snapshot="yes")
    s.see(
        "s", SUBSCRIBED, UNLIMITED, update(item, "k1", "ADD", "foo bar baz", snapshot=True), ["end of snapshot", item]
    )
    for key, command, text in (
        ("k2", "ADD", "foo bar bax"),
        ("k1", "UPDATE", "foo bar"),
        ("k2", "UPDATE", "foo bar baz"),
        ("k1", "DELETE", None),
        ("k2", "UPDATE", "foo bar ba"),
        ("k1", "ADD", "foo bar bat"),
    ):
        s.publish(item, {"key": key, "command": command, "a": text}, wait=False)
        s.see("s", update(item, key, command, text))


@scenario()
def many_updates_in_one_go(s: Script) -> None:
    """Lines that do not fit into one frame or chunk, and whose characters are cut anywhere."""
    item = "distinct.{run}"
    texts = [f"{n} " + "è€😀" * (n * 37 % 60) for n in range(300)]
    s.connect()
    s.subscribe("s", "DISTINCT", item, "a", snapshot="yes", buffer="unlimited")
    s.see("s", SUBSCRIBED, UNLIMITED, ["end of snapshot", item])
    for start in range(0, 300, 20):  # a message has a size limit
        s.publish(item, *({"a": text} for text in texts[start : start + 20]), wait=False)
    s.until("s", "update", count=300)
    s.leave_out("s")

    @s.check
    def all_of_them(seen: Seen) -> None:
        assert_equal(seen.values("s", 0), texts)
