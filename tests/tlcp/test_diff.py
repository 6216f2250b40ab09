"""Lists with diffs: when they are allowed, and that clients make the right values of them."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.tlcp.diff import diff_body
from lsserver.tlcp.values import JsonToken, Vector, decode_body, token

T, P = "DIFF_MATCH_PATCH", "JSONPATCH"
OLD = "The quick brown fox jumps over the lazy dog"
NEW = "The quick red fox jumps over the lazy dog"
OLD_JSON = '{"name":"ACME","prices":[3.04,3.05,3.06],"active":true}'
NEW_JSON = '{"name":"ACME","prices":[3.04,3.07,3.06],"active":true}'
PATCH = b'^P[{"op":"replace","path":"/prices/1","value":3.07}]'


def vector(*values: str | None) -> Vector:
    return tuple([token(value) for value in values])


class DiffBodyTests(SynchronousTestCase):
    def one(
        self,
        old: str | None,
        new: str | None,
        *order: str,
        supported: frozenset[str] | None = None,
        min_length: int | None = 10,
    ) -> tuple[bytes, bytes]:
        line, held = diff_body(vector(old), vector(new), [order], supported, min_length)
        return line, held[0]

    def test_no_order(self) -> None:
        """No diff that the adapter did not ask for."""
        self.assertEqual(self.one(OLD, NEW), (NEW.encode(), NEW.encode()))

    def test_text(self) -> None:
        line, held = self.one(OLD, NEW, T)
        self.assertEqual((line, held), (b"^TkdredfBc", NEW.encode()))
        self.assertNotIsInstance(held, JsonToken)

    def test_escaped(self) -> None:
        """The diff is encoded as any value."""
        self.assertEqual(self.one("foo" * 10, "foo" * 10 + "%$=,+|", T)[0], b"^TBeg%25$=,+%7C")
        line = self.one(OLD_JSON, OLD_JSON.replace("ACME", "a|b"), P)[0]
        self.assertEqual(line, b'^P[{"op":"replace","path":"/name","value":"a%7Cb"}]')

    def test_json(self) -> None:
        line, held = self.one(OLD_JSON, NEW_JSON, P)
        self.assertEqual((line, held), (PATCH, NEW_JSON.encode()))
        self.assertIsInstance(held, JsonToken)

    def test_order(self) -> None:
        """The first that applies and is worth it wins."""
        self.assertEqual(self.one(OLD_JSON, NEW_JSON, P, T)[0], PATCH)
        self.assertTrue(self.one(OLD_JSON, NEW_JSON, T, P)[0].startswith(b"^T"))
        self.assertEqual(self.one(OLD, NEW, P, T)[0], b"^TkdredfBc")
        self.assertEqual(self.one(OLD_JSON + "漢", NEW_JSON, T, P)[0], NEW_JSON.encode())

    def test_supported(self) -> None:
        """Only what the client knows."""
        self.assertEqual(self.one(OLD_JSON, NEW_JSON, P, supported=frozenset("P"))[0], PATCH)
        self.assertTrue(self.one(OLD_JSON, NEW_JSON, P, T, supported=frozenset("T"))[0].startswith(b"^T"))
        self.assertEqual(self.one(OLD, NEW, T, supported=frozenset("P"))[0], NEW.encode())
        self.assertEqual(self.one(OLD, NEW, P, T, supported=frozenset())[0], NEW.encode())

    def test_null_and_empty(self) -> None:
        """No diff against null or to it, and none that is not shorter."""
        for old, new in ((None, NEW), (OLD, None), ("", NEW), (OLD, "")):
            self.assertEqual(self.one(old, new, P, T, min_length=None)[0], token(new))

    def test_shorter_only(self) -> None:
        self.assertEqual(self.one("abc", "xyz", T)[0], b"xyz")
        self.assertEqual(self.one('{"a":1,"b":2}', '{"a":1,"b":3}', P)[0], b'{"a":1,"b":3}')

    def test_minimum_length(self) -> None:
        """Both values must have it; C{None} asks for a patch wherever there is one."""
        size = len(OLD_JSON)
        self.assertEqual(self.one(OLD_JSON, NEW_JSON, P, min_length=size)[0], PATCH)
        self.assertEqual(self.one(OLD_JSON, NEW_JSON, P, min_length=size + 1)[0], NEW_JSON.encode())
        self.assertEqual(self.one("[1]", NEW_JSON, P, min_length=4)[0], NEW_JSON.encode())
        self.assertEqual(self.one("[1]", "[2]", P, min_length=None)[0], b'^P[{"op":"replace","path":"/0","value":2}]')

    def test_white_space(self) -> None:
        """Documents that differ in text only: the text matters, so it is sent."""
        self.assertEqual(self.one(OLD_JSON, OLD_JSON.replace(":", ": "), P)[0], token(OLD_JSON.replace(":", ": ")))

    def test_no_text_diff_after_patch(self) -> None:
        """After a patch a text diff would be fatal, until there was a full value."""
        base = (JsonToken(token(OLD_JSON)),)
        line, held = diff_body(base, vector(NEW_JSON), [[T]], None, 10)
        self.assertEqual(line, NEW_JSON.encode())
        self.assertNotIsInstance(held[0], JsonToken)
        self.assertEqual(diff_body(base, vector(NEW_JSON), [[T, P]], None, 10)[0], PATCH)
        self.assertTrue(diff_body(held, vector(OLD_JSON), [[T]], None, 10)[0].startswith(b"^T"))

    def test_unchanged_document(self) -> None:
        """Unchanged is allowed after a patch and does not change what the client holds."""
        document = JsonToken(token(OLD_JSON))
        line, held = diff_body((document, b"a"), vector(OLD_JSON, "b"), [[P], []], None, 10)
        self.assertEqual((line, held), (b"|b", (document, b"b")))
        self.assertIs(held[0], document)

    def test_target_is_shared(self) -> None:
        """Without documents the client holds the very vector that it was taken to."""
        target = vector(NEW, "b", "c", "d")
        line, held = diff_body(vector(OLD, "b", "c", "d"), target, [[T], [], [], []], None, 50)
        self.assertEqual(line, b"^TkdredfBc|^3")
        self.assertIs(held, target)


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
documents = st.recursive(
    scalars, lambda c: st.lists(c, max_size=4) | st.dictionaries(st.text(max_size=2), c, max_size=4)
)
jsons = documents.map(json.dumps)
texts = st.none() | st.text() | st.sampled_from([OLD, NEW, OLD_JSON, NEW_JSON, "", "|%#$^"]) | jsons


def same(held: str | None, wanted: str | None) -> bool:
    """What a client shows may be the same document in other words."""
    if held == wanted:
        return True
    if held is None or wanted is None:
        return False
    left: Any = json.loads(held)
    right: Any = json.loads(wanted)
    return bool(left == right)


class LoopTests(SynchronousTestCase):
    @given(
        st.lists(
            st.tuples(
                st.lists(st.sampled_from([T, P]), max_size=2, unique=True), st.sampled_from([None, "", "P", "T", "PT"])
            ),
            min_size=1,
            max_size=4,
        ).flatmap(
            lambda columns: st.tuples(
                st.just([order for order, _ in columns]),
                st.just(columns[0][1]),
                st.sampled_from([None, 0, 20]),
                st.lists(st.tuples(*[texts] * len(columns)), min_size=1, max_size=8),
            )
        )
    )
    def test_round_trip(
        self, case: tuple[list[list[str]], str | None, int | None, list[tuple[str | None, ...]]]
    ) -> None:
        """A client that follows the updates ends with the values, whatever is mixed."""
        orders, tags, min_length, updates = case
        supported = None if tags is None else frozenset(tags)
        base = vector(*updates[0])
        held = decode_body(None, b"|".join(base), len(orders))
        for update in updates[1:]:
            line, base = diff_body(base, vector(*update), orders, supported, min_length)
            held = decode_body(held, line, len(orders))
            self.assertEqual(base, vector(*update))
            for mine, wanted in zip(held, update, strict=True):
                self.assertTrue(same(mine, wanted), (line, mine, wanted))
            for one in line.split(b"|"):
                self.assertFalse(supported is not None and one[:1] == b"^" and chr(one[1]) in {"P", "T"} - supported)
