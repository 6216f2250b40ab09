"""Reading of TOML tables into dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from lsserver.reading import Element, Reader


@dataclass(frozen=True)
class Rule:
    host: str = "*"
    port: int = 0


@dataclass(frozen=True)
class Policy:
    enabled: bool = True
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Settings:
    wait_millis: int = 100
    ratio: float = 0.5
    limit: int | None = 7
    name: str = "x"
    kind: str = "A"
    on: bool = True
    names: tuple[str, ...] = ()
    file: Path | None = None
    policy: Policy = Policy()
    socket_size: int = 1
    free: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, str] = field(default_factory=dict)
    unlisted: int = 3


@dataclass(frozen=True)
class Others:
    wait_millis: int = 100


@dataclass(frozen=True)
class Strict:
    """Has something to say itself about its values."""

    name: str = "x"

    def __post_init__(self) -> None:
        if self.name == "y":
            raise ValueError("name: 'y' is taken")


@dataclass(frozen=True)
class Outer:
    strict: Strict = Strict()


SETTINGS = {
    "wait_millis": Element("", "ms", 1),
    "ratio": Element("", minimum=0, maximum=1),
    "limit": Element("", "rows", 0),
    "name": Element(""),
    "kind": Element("", choices=("A", "B")),
    "on": Element(""),
    "names": Element(""),
    "file": Element(""),
    "policy": Element(""),
    "socket_size": Element("", path="socket.size"),
    "free": Element(""),
    "levels": Element("", choices=("info", "warn")),
}
NESTED = {Policy: {"enabled": Element(""), "rules": Element("")}, Rule: {"host": Element(""), "port": Element("")}}


class ReadingTests(SynchronousTestCase):
    def read(self, table: dict[str, Any], environment: Mapping[str, str] | None = None) -> tuple[Settings, list[str]]:
        reader = Reader("a.toml", Path("/etc/ls"), environment or {}, NESTED)
        found = reader.read(table, {Settings: SETTINGS})
        return found[Settings], reader.problems

    def value(self, table: dict[str, Any], environment: Mapping[str, str] | None = None) -> Settings:
        settings, problems = self.read(table, environment)
        self.assertEqual(problems, [])
        return settings

    def problem(self, table: dict[str, Any], environment: Mapping[str, str] | None = None) -> str:
        settings, problems = self.read(table, environment)
        self.assertEqual(settings, Settings())
        self.assertEqual(len(problems), 1, problems)
        return problems[0]

    def test_nothing_is_the_defaults(self) -> None:
        self.assertEqual(self.value({}), Settings())

    def test_scalars(self) -> None:
        settings = self.value({"wait_millis": 5, "ratio": 1, "limit": 0, "name": "n", "kind": "b", "on": False})
        self.assertEqual(settings, Settings(5, 1.0, 0, "n", "B", False))
        self.assertIsInstance(settings.ratio, float)

    def test_booleans_of_the_official_file(self) -> None:
        self.assertFalse(self.value({"on": "N"}).on)
        self.assertTrue(self.value({"on": "y"}).on)

    def test_none(self) -> None:
        self.assertIsNone(self.value({"limit": "none"}).limit)

    def test_an_empty_text_is_no_value(self) -> None:
        self.assertEqual(self.value({"name": "", "wait_millis": ""}), Settings())

    def test_lists(self) -> None:
        self.assertEqual(self.value({"names": ["a", "b"]}).names, ("a", "b"))
        self.assertEqual(self.value({"names": "a"}).names, ("a",))

    def test_paths_are_relative_to_the_file(self) -> None:
        self.assertEqual(self.value({"file": "p/q"}).file, Path("/etc/ls/p/q"))
        self.assertEqual(self.value({"file": "/p/q"}).file, Path("/p/q"))

    def test_a_field_with_a_path_is_in_a_table(self) -> None:
        self.assertEqual(self.value({"socket": {"size": 4}}).socket_size, 4)

    def test_tables(self) -> None:
        settings = self.value({"policy": {"enabled": "N", "rules": [{"host": "a"}, {"port": 3}]}})
        self.assertEqual(settings.policy, Policy(False, (Rule("a"), Rule(port=3))))

    def test_free_tables(self) -> None:
        settings = self.value({"free": {"a": "1", "b": {"c": "2"}}, "levels": {"x.y": "WARN"}})
        self.assertEqual(settings.free, {"a": "1", "b.c": "2"})
        self.assertEqual(settings.levels, {"x.y": "warn"})

    def test_environment(self) -> None:
        table = {"wait_millis": "$env.W", "on": "$env.O", "names": ["$env.A", "$env.B"], "name": "$$env.W"}
        settings = self.value(table, {"W": "9", "O": "N", "A": "a"})
        self.assertEqual(settings, Settings(wait_millis=9, on=False, names=("a",), name="$env.W"))

    def test_one_key_of_two_classes(self) -> None:
        reader = Reader("a.toml", Path(), {}, NESTED)
        found = reader.read({"wait_millis": 2}, {Settings: SETTINGS, Others: {"wait_millis": Element("", "ms", 1)}})
        self.assertEqual((found[Settings].wait_millis, found[Others].wait_millis), (2, 2))

    def test_a_wrong_value_of_two_classes_is_one_problem(self) -> None:
        reader = Reader("a.toml", Path(), {}, NESTED)
        reader.read({"wait_millis": 0}, {Settings: SETTINGS, Others: {"wait_millis": Element("", "ms", 1)}})
        self.assertEqual(len(reader.problems), 1)

    def test_what_a_class_finds_wrong_is_told_with_its_place(self) -> None:
        reader = Reader("a.toml", Path(), {}, {Strict: {"name": Element("")}})
        found = reader.read(
            {"name": "y", "strict": {"name": "y"}}, {Strict: {"name": Element("")}, Outer: {"strict": Element("")}}
        )
        self.assertEqual(reader.problems, ["a.toml: strict: name: 'y' is taken", "a.toml: name: 'y' is taken"])
        self.assertEqual(found, {Strict: Strict(), Outer: Outer()})

    def test_wrong_values_are_told_with_what_is_allowed(self) -> None:
        for table, told in [
            ({"wait_millis": 0}, "wait_millis = 0: must be a whole number, 1 or more (ms)"),
            ({"wait_millis": "7"}, 'wait_millis = "7": must be a whole number, 1 or more (ms)'),
            ({"wait_millis": 1.5}, "wait_millis = 1.5: must be a whole number, 1 or more (ms)"),
            ({"wait_millis": True}, "wait_millis = true: must be a whole number, 1 or more (ms)"),
            ({"ratio": 2}, "ratio = 2: must be a number from 0 to 1"),
            ({"ratio": float("nan")}, "ratio = nan: must be a number from 0 to 1"),
            ({"limit": -1}, 'limit = -1: must be a whole number, 0 or more (rows), or "none"'),
            ({"name": 3}, "name = 3: must be a text"),
            ({"kind": "C"}, 'kind = "C": must be one of A, B'),
            ({"on": "maybe"}, 'on = "maybe": must be true or false'),
            ({"on": 1}, "on = 1: must be true or false"),
            ({"names": [1]}, "names = [1]: must be a list, each a text"),
            ({"file": 1}, 'file = 1: must be a path, or "none"'),
            ({"policy": 1}, "policy = 1: must be a table"),
            ({"socket": 1}, "socket = 1: must be a table"),
            ({"free": 1}, "free = 1: must be a table of texts"),
            ({"free": {"a": 1}}, "free = {'a': 1}: must be a table of texts"),
            ({"levels": {"a": "loud"}}, "levels = {'a': 'loud'}: must be a table, each value one of info, warn"),
        ]:
            self.assertEqual(self.problem(table), f"a.toml: {told}")

    def test_wrong_values_of_the_environment(self) -> None:
        told = self.problem({"wait_millis": "$env.W"}, {"W": "many"})
        self.assertEqual(told, 'a.toml: wait_millis = "$env.W": must be a whole number, 1 or more (ms)')

    def test_wrong_values_in_tables_name_their_place(self) -> None:
        _, problems = self.read({"policy": {"enabled": 3, "rules": [{"host": "a"}, {"port": "b", "pot": 1}]}})
        self.assertEqual(
            problems,
            [
                "a.toml: policy.enabled = 3: must be true or false",
                'a.toml: policy.rules[2].port = "b": must be a whole number',
                "a.toml: unknown key 'policy.rules[2].pot'; the nearest known one is 'port'",
            ],
        )

    def test_unknown_keys_name_the_nearest(self) -> None:
        for table, key, nearest in [
            ({"wait_milis": 1}, "wait_milis", "wait_millis"),
            ({"size": 1}, "size", "socket.size"),
            ({"socket": {"sice": 1}}, "socket.sice", "socket.size"),
        ]:
            self.assertEqual(self.problem(table), f"a.toml: unknown key {key!r}; the nearest known one is {nearest!r}")
        self.assertIn("the nearest known one is", self.problem({"qqqqqqqqqqqqqq": 1}))

    def test_every_problem_is_told(self) -> None:
        _, problems = self.read({"wait_millis": 0, "ratio": "a", "nam": 1})
        self.assertEqual(len(problems), 3)
