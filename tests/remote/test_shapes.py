"""Events as most of them are, which are not read token by token."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.shapes import Shape
from lsserver.remote.codec import decode_form, decode_smart, encode
from lsserver.remote.shapes import MAX_LENGTH, MAX_SHAPES, Shapes
from tests.remote.doubles import RemoteCase

NAMES = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
VALUES = st.one_of(st.none(), NAMES)

ODD = ["", "S", "Y", "I", "B", "V", "X", "0", "1", "a", "b", "x+y", "#", "$", "%23", "%7C", "%", "YWI=", "é", "UD3"]
"""What tokens of lines may be that somebody has got wrong."""

TAILS = st.one_of(
    st.lists(st.tuples(st.sampled_from("SSSYIX"), st.sampled_from(ODD)).map("|".join), max_size=8).map(
        lambda pairs: "".join(f"|{pair}" for pair in pairs)
    ),
    st.lists(st.sampled_from(ODD), max_size=8).map(lambda tokens: "".join(f"|{token}" for token in tokens)),
    st.lists(
        st.sampled_from(["|S|a", "|S|b", "|S|a|S|1", "|S|b|S|2", "|S|a|Y|YWI=", "|I|0|S|a|S|1", "|"]), max_size=5
    ).map("".join),
)
HEADS = st.sampled_from(["0|UD3", "1700000000000|UD3", "0|EOS", "0|UD3|S", "UD3", "0|0|UD3", "|UD3", "0|CLS", "0|DFD"])
FLAGS = st.sampled_from(["|B|0", "|B|1", "|B|2", "|S|0", "", "|B"])


class ShortCutCase(RemoteCase):
    """Tests of what comes of a line, and of whether it is the same whichever way it takes."""

    def comes_to(self, lines: list[str], version: str, short: bool) -> list[Any]:
        """What two items are told, and what is logged."""
        self.doCleanups()
        self.setUp()
        proxy = self.data()
        remote = self.ready(version)
        ids = {}
        for item in ("i", "j k"):
            proxy.subscribe(item)
            ids[item] = remote.answer("V")[0]
        known = [f"0|UD3|S|i|S|{ids['i']}|B|0|S|a|S|0|S|b|S|0", f"0|UD3|S|j%20k|S|{ids['j k']}|B|0|S|a|S|0"]
        if not short:
            proxy._heads = {}
        remote.send(*known, *(line.replace("ID", ids["i"]).replace("OTHER", ids["j k"]) for line in lines))
        logged = [*self.logs("warn"), *self.logs("error")]
        return [[line.replace(ids["i"], "ID").replace(ids["j k"], "OTHER") for line in logged], self.listener.taken()]


class ShortCutTests(ShortCutCase):
    def test_usual_events(self) -> None:
        lines = ["0|UD3|S|i|S|ID|B|0|S|a|S|1|S|b|S|x y", "0|UD3|S|j%20k|S|OTHER|B|0|S|a|S|%23", "0|UD3|S|i|S|ID|B|0"]
        for version in ("1.8.3", "1.9.1"):
            warnings, told = self.comes_to(lines, version, True)
            self.assertEqual(warnings, [])
            self.assertEqual(
                told[2:],
                [
                    ("update", "i", {"a": "1", "b": "x y"}, False),
                    ("update", "j k", {"a": "#"}, False),
                    ("update", "i", {}, False),
                ],
            )

    def test_values_that_must_be_decoded(self) -> None:
        line = "0|UD3|S|i|S|ID|B|1|S|a|S|1+1|S|b%7C|S|#|S|c|S|$|S|d|S|%24"
        for version, plus in (("1.8.3", "1 1"), ("1.9.1", "1+1")):
            _, told = self.comes_to([line], version, True)
            self.assertEqual(told[2:], [("update", "i", {"a": plus, "b|": None, "c": "", "d": "$"}, True)])

    def test_what_is_malformed_after_events_that_were_not(self) -> None:
        for rest in ("|S|a|S|1|S|b|S|2|3", "|S|a|S|1|2|S|b|S|2", "|S|a|S|1|S|b", "|S|a|X|1|S|b|S|2", "|S|#|S|1"):
            warnings, told = self.comes_to([f"0|UD3|S|i|S|ID|B|0{rest}"], "1.9.1", True)
            self.assertEqual((len(warnings), told[2:]), (1, []), rest)

    def test_a_name_twice(self) -> None:
        line = "0|UD3|S|i|S|ID|B|0|S|a|S|1|S|a|S|2"
        self.assertEqual(self.comes_to([line], "1.9.1", True)[1][2:], [("update", "i", {"a": "2"}, False)])

    def test_the_next_remote_writes_names_in_another_way(self) -> None:
        proxy = self.data()
        remote = self.ready("1.8.3")
        proxy.subscribe("i")
        sub_id = remote.answer("V")[0]
        remote.send(*[f"0|UD3|S|i|S|{sub_id}|B|0|S|a+b|S|1"] * 2)
        remote.leave()
        remote = self.ready("1.9.1")
        sub_id = remote.answer("V")[0]
        remote.send(*[f"0|UD3|S|i|S|{sub_id}|B|0|S|a+b|S|1"] * 2)
        events = [event for kind, _, event, *_ in (told for told in self.listener.taken() if told[0] == "update")]
        self.assertEqual(events, [{"a b": "1"}, {"a b": "1"}, {"a+b": "1"}, {"a+b": "1"}])

    @settings(deadline=None)
    @given(st.lists(st.tuples(HEADS, FLAGS, TAILS), min_size=1, max_size=4), st.sampled_from(["1.8.3", "1.9.1"]))
    def test_any_line(self, parts: list[tuple[str, str, str]], version: str) -> None:
        lines = [f"{head}|S|i|S|ID{flag}{tail}" for head, flag, tail in parts]
        self.assertEqual(self.comes_to(lines, version, True), self.comes_to(lines, version, False), lines)

    @settings(deadline=None)
    @given(st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=4), st.sampled_from(["1.8.3", "1.9.1"]))
    def test_round_trips(self, events: list[dict[str, str | None]], version: str) -> None:
        def line(event: dict[str, str | None]) -> str:
            fields = "".join(f"|S|{encode(name)}|S|{encode(value)}" for name, value in event.items())
            return f"0|UD3|S|i|S|ID|B|0{fields}"

        warnings, told = self.comes_to([line(event) for event in events], version, True)
        self.assertEqual((warnings, told[2:]), ([], [("update", "i", event, False) for event in events]))


class ShapesTests(SynchronousTestCase):
    def test_one_for_all_that_are_alike(self) -> None:
        shapes = Shapes()
        shape = shapes.of(["a", "b%7C"], decode_smart)
        assert shape is not None
        self.assertEqual(shape.names, ("a", "b|"))
        self.assertIs(shapes.of(["a", "b%7C"], decode_smart), shape)
        other = shapes.of(["b%7C", "a"], decode_smart)
        self.assertIsInstance(other, Shape)
        self.assertIsNot(other, shape)

    def test_what_is_none(self) -> None:
        for names in (["a", "a"], ["%61", "a"], ["#"], ["a", "b|Y|YWI="], ["x" * (MAX_LENGTH + 1)]):
            self.assertIsNone(Shapes().of(names, decode_form), names)

    def test_no_more_than_so_many(self) -> None:
        shapes = Shapes()
        for number in range(3 * MAX_SHAPES):
            self.assertIsNotNone(shapes.of([str(number)], decode_smart))
        self.assertLessEqual(len(shapes._known), MAX_SHAPES)
