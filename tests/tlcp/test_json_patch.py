"""JSON Patch: documents, encoding, applying."""

import contextlib
import json
from typing import Any
from unittest import mock

import jsonpatch
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.tlcp import json_patch
from lsserver.tlcp.json_patch import MAX_LENGTH, PatchError, apply, make, parse, serialize

names = st.text(alphabet='ab/~"é', max_size=3)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
documents = st.recursive(
    scalars,
    lambda children: st.lists(children, max_size=5) | st.dictionaries(names, children, max_size=5),
    max_leaves=12,
)


class DocumentTests(SynchronousTestCase):
    def test_as_written(self) -> None:
        """Numbers keep their digits, members their order; white space goes."""
        self.assertEqual(
            serialize(parse('{ "b": [1.0, 1e5, -0, 12345678901234567890.10], "a": [true, false, null, "é\\n"] }')),
            '{"b":[1.0,1e5,-0,12345678901234567890.10],"a":[true,false,null,"é\\n"]}',
        )

    def test_lone_surrogate(self) -> None:
        """What cannot be sent as UTF-8 stays an escape."""
        self.assertEqual(serialize(parse('["\\ud800"]')), '["\\ud800"]')

    def test_not_json(self) -> None:
        for text in ("", "foo", "{", "NaN", "[Infinity]", '{"a":1,"a":2}', "{'a':1}"):
            self.assertRaises(ValueError, parse, text)

    @given(documents)
    def test_round_trip(self, document: Any) -> None:
        self.assertEqual(json.loads(serialize(parse(json.dumps(document)))), document)


class MakeTests(SynchronousTestCase):
    def check(self, before: str, after: str, patch: str | None) -> None:
        self.assertEqual(make(before, after), patch)
        if patch is not None:
            self.assertEqual(apply(before, patch), serialize(parse(after)))

    def test_objects(self) -> None:
        self.check('{"a":1,"b":[1,2]}', '{"a":2,"b":[1,2]}', '[{"op":"replace","path":"/a","value":2}]')
        self.check(
            '{"a":1,"b":{"c":1}}',
            '{"b":{"c":1,"d":"x"}}',
            '[{"op":"remove","path":"/a"},{"op":"add","path":"/b/d","value":"x"}]',
        )

    def test_names_are_escaped(self) -> None:
        self.check(
            '{"a/b":1,"~":1}', '{"a/b":2}', '[{"op":"remove","path":"/~0"},{"op":"replace","path":"/a~1b","value":2}]'
        )

    def test_arrays(self) -> None:
        self.check("[1,2,3]", "[1,9,3]", '[{"op":"replace","path":"/1","value":9}]')
        self.check(
            "[1,2,3,4,5]",
            "[1,5]",
            "".join(['[{"op":"remove","path":"/3"},', '{"op":"remove","path":"/2"},', '{"op":"remove","path":"/1"}]']),
        )
        self.check("[1,4]", "[1,2,3,4]", '[{"op":"add","path":"/1","value":2},{"op":"add","path":"/2","value":3}]')
        self.check("[1]", "[1,2]", '[{"op":"add","path":"/1","value":2}]')
        self.check('[{"a":1},7,8]', '[{"a":2},7,8]', '[{"op":"replace","path":"/0/a","value":2}]')
        self.check("[1,1,1]", "[1,1]", '[{"op":"remove","path":"/2"}]')

    def test_whole_document(self) -> None:
        self.check("[1]", '{"a":1}', '[{"op":"replace","path":"","value":{"a":1}}]')
        self.check("1", "2", '[{"op":"replace","path":"","value":2}]')

    def test_numbers_as_written(self) -> None:
        """1 is not 1.0, true is not 1, and no digit is lost."""
        self.check("[1]", "[1.0]", '[{"op":"replace","path":"/0","value":1.0}]')
        self.check("[1]", "[true]", '[{"op":"replace","path":"/0","value":true}]')
        self.check('["1"]', "[1]", '[{"op":"replace","path":"/0","value":1}]')
        self.check(
            "[0.12345678901234567890]",
            "[0.12345678901234567891]",
            '[{"op":"replace","path":"/0","value":0.12345678901234567891}]',
        )

    def test_none(self) -> None:
        """Equal documents, what is no JSON, what is too long or too deep."""
        self.check('{"a":1}', '{ "a": 1 }', None)
        self.check('{"a":1}', "foo", None)
        self.check("foo", '{"a":1}', None)
        self.check('{"a":1}', '{"a":NaN}', None)
        # How deep is too deep depends on the version of Python.
        with mock.patch.object(json_patch, "parse", side_effect=RecursionError):
            self.check("[[]]", "[1]", None)
        self.check(json.dumps("x" * MAX_LENGTH), "[1]", None)

    @given(documents, documents)
    def test_round_trip(self, before: Any, after: Any) -> None:
        """Our own client and another library make the same of every patch."""
        patch = make(json.dumps(before), json.dumps(after))
        if patch is None:
            self.assertEqual(before, after)
        else:
            self.assertEqual(json.loads(apply(json.dumps(before), patch)), after)
            self.assertEqual(jsonpatch.apply_patch(before, json.loads(patch)), after)


class ApplyTests(SynchronousTestCase):
    def test_other_operations(self) -> None:
        """Clients know all operations."""
        self.assertEqual(
            apply(
                '{"a":1,"b":[1.0]}',
                '[{"op":"test","path":"/a","value":1},{"op":"move","from":"/a","path":"/c"},'
                '{"op":"copy","from":"/b/0","path":"/b/-"}]',
            ),
            '{"b":[1.0,1.0],"c":1}',
        )

    def test_errors(self) -> None:
        for before, patch in (
            ("foo", "[]"),
            ("[1]", "foo"),
            ("[1]", "1"),
            ("[1]", "{}"),
            ("[1]", "[1]"),
            ("[1]", '[{"op":"replace","path":"/7","value":1}]'),
            ("[1]", '[{"op":"remove","path":"/x"}]'),
            ("[1]", '[{"op":"remove","path":7}]'),
            ("[1]", '[{"op":"add","path":"/0"}]'),
            ("[1]", '[{"op":"burn","path":"/0"}]'),
            ("[1]", '[{"op":"test","path":"/0","value":2}]'),
            ('"x"', '[{"op":"remove","path":"/a"}]'),
            ("null", '[{"op":"add","path":"/a/b","value":1}]'),
        ):
            self.assertRaises(PatchError, apply, before, patch)

    @given(
        documents,
        st.lists(
            st.dictionaries(
                st.sampled_from(["op", "path", "from", "value"]),
                st.sampled_from(
                    ["add", "remove", "replace", "move", "copy", "test", "", "/a", "/0", "/-", "/a/b", 1, None]
                ),
            )
        ),
    )
    def test_any_patch(self, before: Any, operations: list[Any]) -> None:
        """It applies or it does not: nothing else happens."""
        with contextlib.suppress(PatchError):
            parse(apply(json.dumps(before), json.dumps(operations)))
