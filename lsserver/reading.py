"""
From the tables of a TOML file to frozen dataclasses, with every problem found.

A dataclass says the type and the default of each value; an L{Element} beside it
says what the value means, its unit and its bounds. Nothing here knows which
elements there are: see L{lsserver.elements}.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

ENVIRONMENT = "$env."
"""A value C{"$env.NAME"} is taken from the environment; C{"$$env.…"} is that text itself."""


class ConfigError(Exception):
    """
    The configuration cannot be used.

    @ivar problems: one readable line for each thing that is wrong.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class Element:
    """
    What a value of the configuration means and which values it may have.

    @ivar path: dotted name in the file when it is not the name of the field.
    @ivar keys: the only allowed values, or for a free table the values of its keys.
    """

    meaning: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    path: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """One field of one dataclass and the place of its value in the file."""

    path: str
    name: str
    type: Any
    default: Any
    element: Element

    def allowed(self) -> str:
        """What a wrong value is told."""
        return describe(self.type, self.element)


def slots_of(cls: type, elements: Mapping[str, Element]) -> list[Slot]:
    """
    The slots of a dataclass: of its fields that have an element.
    """
    hints = typing.get_type_hints(cls)
    found = []
    for item in dataclasses.fields(cls):
        element = elements.get(item.name)
        if element is None:
            continue
        default = item.default
        if item.default_factory is not dataclasses.MISSING:
            default = item.default_factory()
        found.append(Slot(element.path or item.name, item.name, hints[item.name], default, element))
    return found


def describe(kind: Any, element: Element) -> str:
    """The allowed values of a type within an element's bounds, for people."""
    inner, optional = _without_none(kind)
    origin = typing.get_origin(inner)
    none = ', or "none"' if optional else ""
    if element.choices and inner is str:
        return "one of " + ", ".join(element.choices) + none
    if inner is bool:
        return "true or false" + none
    if inner in (int, float):
        number = "a whole number" if inner is int else "a number"
        unit = f" ({element.unit})" if element.unit else ""
        low, high = element.minimum, element.maximum
        if low is not None and high is not None:
            return f"{number} from {low:g} to {high:g}{unit}{none}"
        if low is not None:
            return f"{number}, {low:g} or more{unit}{none}"
        return f"{number}{unit}{none}"
    if inner is str:
        return "a text" + none
    if inner is Path:
        return "a path" + none
    if dataclasses.is_dataclass(inner):
        return "a table"
    if origin in (tuple, frozenset):
        part = typing.get_args(inner)[0]
        if dataclasses.is_dataclass(part):
            return "a table, or a list of tables"
        return f"a list, each {describe(part, element)}"
    return "a table of texts" if not element.choices else "a table, each value one of " + ", ".join(element.choices)


def _without_none(kind: Any) -> tuple[Any, bool]:
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        parts = [part for part in typing.get_args(kind) if part is not type(None)]
        return parts[0], len(parts) < len(typing.get_args(kind))
    return kind, False


class _Wrong(Exception):
    """A value is not of the allowed ones."""


class _Undefined(Exception):
    """A value counts as not given: an empty one, or an unknown variable."""


class _Expanded(str):
    """A text from the environment: it may stand for a number or a boolean."""


@dataclass(slots=True)
class Reader:
    """
    Reads one file; collects what is wrong in C{problems} instead of stopping.

    @ivar source: how the file is named in problems.
    @ivar folder: what relative paths are relative to.
    @ivar nested: the elements of dataclasses that occur as tables inside others.
    @ivar not_taken: known names in lower case, at whatever place, that are no elements; each with the reason.
    """

    source: str
    folder: Path
    environment: Mapping[str, str]
    nested: Mapping[type, Mapping[str, Element]]
    not_taken: Mapping[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def read(self, table: Mapping[str, Any], groups: Mapping[type, Mapping[str, Element]]) -> dict[type, Any]:
        """
        One instance of each class of C{groups}, whose fields share C{table}. A
        field of the same name in two of them gets the same value.
        """
        slots: dict[str, list[tuple[type, Slot]]] = {}
        for cls, elements in groups.items():
            for slot in slots_of(cls, elements):
                slots.setdefault(slot.path, []).append((cls, slot))
        values: dict[type, dict[str, Any]] = {cls: {} for cls in groups}
        self._walk(table, "", "", slots, values)
        return {cls: self._made(cls, given, "") for cls, given in values.items()}

    def _walk(
        self,
        table: Mapping[str, Any],
        prefix: str,
        where: str,
        slots: Mapping[str, list[tuple[type, Slot]]],
        values: dict[type, dict[str, Any]],
    ) -> None:
        for key, value in table.items():
            path = prefix + key
            shown = where + path
            if path in slots:
                for cls, slot in slots[path]:
                    try:
                        values[cls][slot.name] = self._convert(value, slot.type, slot.element, shown)
                    except _Undefined:
                        pass
                    except _Wrong:
                        self._tell(f"{shown} = {_show(value)}: must be {slot.allowed()}")
            elif any(known.startswith(path + ".") for known in slots):
                if isinstance(value, Mapping):
                    self._walk(value, path + ".", where, slots, values)
                else:
                    self._tell(f"{shown} = {_show(value)}: must be a table")
            elif (reason := self.not_taken.get(path.lower())) is not None:
                self._tell(f"{shown} is not needed here: {reason}")
            else:
                self._tell(f"unknown key {shown!r}; the nearest known one is {self._nearest(path, slots)!r}")

    def _nearest(self, path: str, slots: Iterable[str]) -> str:
        """The known path that looks most like C{path}; one that ends alike wins over one that begins alike."""
        known = list(slots)
        by_end = {name.rpartition(".")[2]: name for name in known}
        end = difflib.get_close_matches(path.rpartition(".")[2], by_end, 1, 0.8)
        if end:
            return by_end[end[0]]
        return difflib.get_close_matches(path, known, 1, 0.0)[0]

    def _convert(self, value: Any, kind: Any, element: Element, where: str) -> Any:
        """
        @raise _Wrong: the value is not allowed.
        @raise _Undefined: the value counts as not given.
        """
        inner, optional = _without_none(kind)
        origin = typing.get_origin(inner)
        if isinstance(value, str):
            value = self._expand(value)
            if value == "":
                raise _Undefined
            if optional and value.lower() == "none":
                return None
        if dataclasses.is_dataclass(inner):
            return self._table(value, typing.cast(type, inner), where)
        if origin in (tuple, frozenset):
            part = typing.get_args(inner)[0]
            parts = value if isinstance(value, list) else [value]
            converted = []
            for number, one in enumerate(parts, 1):
                place = f"{where}[{number}]" if len(parts) > 1 else where
                try:
                    converted.append(
                        self._convert(one, part, element, place + "." if dataclasses.is_dataclass(part) else place)
                    )
                except _Undefined:
                    continue
            return origin(converted)
        if origin is not None and issubclass(origin, Mapping):
            if not isinstance(value, Mapping):
                raise _Wrong
            return dict(self._leaves(value, element, ""))
        return _scalar(value, inner, element, self.folder)

    def _table(self, value: Any, cls: type[T], where: str) -> T:
        if not isinstance(value, Mapping):
            raise _Wrong
        slots = {slot.path: [(cls, slot)] for slot in slots_of(cls, self.nested[cls])}
        values: dict[type, dict[str, Any]] = {cls: {}}
        where = where.removesuffix(".")
        self._walk(value, "", where + ".", slots, values)
        return self._made(cls, values[cls], where)

    def _made(self, cls: type[T], given: Mapping[str, Any], where: str) -> T:
        """The instance; one with the defaults when the class itself finds something wrong with the values."""
        try:
            return cls(**given)
        except ValueError as error:
            self._tell(f"{where}: {error}" if where else str(error))
            return cls()

    def _tell(self, problem: str) -> None:
        line = f"{self.source}: {problem}"
        if line not in self.problems:
            self.problems.append(line)

    def _leaves(self, table: Mapping[str, Any], element: Element, prefix: str) -> Iterable[tuple[str, str]]:
        """The texts of a free table; a nested table is the same as dots in the names."""
        for key, value in table.items():
            if isinstance(value, Mapping):
                yield from self._leaves(value, element, f"{prefix}{key}.")
            elif isinstance(value, str):
                expanded = self._expand(value)
                if element.choices and expanded.lower() not in element.choices:
                    raise _Wrong
                yield prefix + key, expanded.lower() if element.choices else expanded
            else:
                raise _Wrong

    def _expand(self, value: str) -> str:
        if value.startswith("$" + ENVIRONMENT):
            return value[1:]
        if value.startswith(ENVIRONMENT):
            return _Expanded(self.environment.get(value.removeprefix(ENVIRONMENT), ""))
        return value


def _scalar(value: Any, kind: Any, element: Element, folder: Path) -> Any:
    if kind is bool:
        if isinstance(value, str) and value.lower() in ("y", "n", "true", "false"):
            return value.lower() in ("y", "true")
        if isinstance(value, bool):
            return value
        raise _Wrong
    if kind in (int, float):
        return _number(value, kind, element)
    if not isinstance(value, str):
        raise _Wrong
    if kind is Path:
        return folder / Path(value).expanduser()
    for choice in element.choices:
        if choice.lower() == value.lower():
            return choice
    if element.choices:
        raise _Wrong
    return str(value)


def _number(value: Any, kind: Any, element: Element) -> int | float:
    if isinstance(value, _Expanded):
        try:
            value = kind(value)
        except ValueError:
            raise _Wrong from None
    if isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)):
        raise _Wrong
    if element.minimum is not None and not value >= element.minimum:
        raise _Wrong
    if element.maximum is not None and not value <= element.maximum:
        raise _Wrong
    number: int | float = kind(value)
    return number


def _show(value: Any) -> str:
    """A value as it stands in a TOML file, near enough to be found there."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    return repr(value)
