"""
JSON Patch between two texts, RFC 6902 (tlcp.md 7.6).

Numbers are kept as they are written: 1.0 is not 1, and no digit is lost.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from jsonpatch import JsonPatch, JsonPatchException
from jsonpointer import JsonPointerException

MAX_LENGTH = 10 * 1024
"""Characters above which no patch is tried: the work is done while others wait."""

Json: TypeAlias = Any
"""A document: dict, list, str, bool, None and L{Number}."""


class PatchError(ValueError):
    """A patch that does not apply."""


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number as written."""

    text: str


class _Ambiguous(ValueError):
    """Valid JSON that parsers do not agree on."""


def parse(text: str) -> Json:
    """
    The document.

    @raise ValueError: not JSON, or clients may read it differently: C{NaN} and the
        like, repeated names.
    @raise RecursionError: nested too deeply.
    """
    return json.loads(
        text, parse_int=Number, parse_float=Number, parse_constant=_no_constant, object_pairs_hook=_unique
    )


def _no_constant(name: str) -> NoReturn:
    raise _Ambiguous(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _Ambiguous("a name is repeated in an object")
    return result


def serialize(document: Json) -> str:
    """The document without white space, its members in the order they have."""
    if isinstance(document, dict):
        members = [f"{_quoted(name)}:{serialize(value)}" for name, value in document.items()]
        return "{" + ",".join(members) + "}"
    if isinstance(document, list):
        return "[" + ",".join([serialize(value) for value in document]) + "]"
    if isinstance(document, Number):
        return document.text
    return _quoted(document)


def _quoted(scalar: str | bool | None) -> str:
    raw = json.dumps(scalar, ensure_ascii=False)
    try:
        raw.encode()
    except UnicodeEncodeError:
        return json.dumps(scalar)
    return raw


def make(before: str, after: str) -> str | None:
    """
    The patch, not yet percent-encoded, that makes L{after} of L{before}, with
    C{add}, C{remove} and C{replace} only; C{None} where there is none: something is
    not JSON or too long, or the documents are equal and only their texts differ.
    """
    if max(len(before), len(after)) > MAX_LENGTH:
        return None
    operations: list[Json] = []
    try:
        _compare("", parse(before), parse(after), operations)
        return serialize(operations) if operations else None
    except (ValueError, RecursionError):
        return None


def _compare(path: str, before: Json, after: Json, operations: list[Json]) -> None:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        _compare_objects(path, before, after, operations)
    elif isinstance(before, list) and isinstance(after, list):
        _compare_arrays(path, before, after, operations)
    else:
        operations.append({"op": "replace", "path": path, "value": after})


def _compare_objects(path: str, before: dict[str, Json], after: dict[str, Json], operations: list[Json]) -> None:
    for name in before:
        if name not in after:
            operations.append({"op": "remove", "path": f"{path}/{_escaped(name)}"})
    for name, value in after.items():
        if name in before:
            _compare(f"{path}/{_escaped(name)}", before[name], value, operations)
        else:
            operations.append({"op": "add", "path": f"{path}/{_escaped(name)}", "value": value})


def _compare_arrays(path: str, before: list[Json], after: list[Json], operations: list[Json]) -> None:
    shorter = min(len(before), len(after))
    start = 0
    while start < shorter and before[start] == after[start]:
        start += 1
    same = 0
    while same < shorter - start and before[-1 - same] == after[-1 - same]:
        same += 1
    old_end, new_end = len(before) - same, len(after) - same
    both_end = min(old_end, new_end)
    for index in range(start, both_end):
        _compare(f"{path}/{index}", before[index], after[index], operations)
    for index in range(old_end - 1, both_end - 1, -1):
        operations.append({"op": "remove", "path": f"{path}/{index}"})
    for index in range(both_end, new_end):
        operations.append({"op": "add", "path": f"{path}/{index}", "value": after[index]})


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def apply(before: str, patch: str) -> str:
    """
    What a client makes of a decoded patch: the document as a text of its own.

    @raise PatchError: not JSON, not a patch, or it does not apply.
    """
    try:
        return serialize(JsonPatch(parse(patch)).apply(parse(before)))
    except (ValueError, TypeError, RecursionError, JsonPatchException, JsonPointerException) as error:
        raise PatchError(f"the patch does not apply: {error}") from error
