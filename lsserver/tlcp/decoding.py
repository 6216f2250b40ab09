"""
Lists of update lines as a client reads them (tlcp.md 7.1, 7.3, 7.6, 7.8): what every
encoded list is checked against. Stricter than clients are, never more lenient.
"""

from __future__ import annotations

import re

from lsserver.tlcp import json_patch, tlcp_diff
from lsserver.tlcp.lines import percent_decode

_UNCHANGED = re.compile(rb"\^([0-9]{1,9})")


class DecodeError(ValueError):
    """A list that some client would refuse or misread."""


class JsonText(str):
    """A value that the client holds as a JSON document; its text is the client's own."""

    __slots__ = ()


def decode_body(previous: tuple[str | None, ...] | None, body: bytes, fields: int) -> tuple[str | None, ...]:
    """
    The values after an update.

    @param previous: the values before it, as this function gave them; C{None} = this
        is the first update of the item.
    @param body: what follows the second comma of a C{U} line, without terminator.
    @param fields: size of the schema.
    @raise DecodeError: the list is wrong.
    """
    values: list[str | None] = []
    for token in body.split(b"|"):
        unchanged = 1 if not token else 0
        match = _UNCHANGED.fullmatch(token)
        if match is not None:
            unchanged = int(match[1])
            if not unchanged:
                raise DecodeError("^0 covers no field")
        if len(values) + (unchanged or 1) > fields:
            raise DecodeError(f"more than {fields} fields")
        if not unchanged:
            values.append(_value(None if previous is None else previous[len(values)], token, first=previous is None))
        elif previous is None:
            raise DecodeError("an unchanged field in a first update")
        else:
            values += previous[len(values) : len(values) + unchanged]
    if len(values) < fields:
        raise DecodeError(f"{len(values)} of {fields} fields")
    return tuple(values)


def _value(previous: str | None, token: bytes, *, first: bool) -> str | None:
    if token == b"#":
        return None
    if token == b"$":
        return ""
    if token[:1] in (b"#", b"$"):
        raise DecodeError(f"a marker that is not encoded: {token!r}")
    try:
        if token[:1] != b"^":
            return percent_decode(token)
        return _patched(previous, token, first=first)
    except DecodeError:
        raise
    except ValueError as error:
        raise DecodeError(f"{token!r}: {error}") from error


def _patched(previous: str | None, token: bytes, *, first: bool) -> str:
    tag, payload = token[:2], percent_decode(token[2:])
    if tag not in (b"^P", b"^T"):
        raise DecodeError(f"a marker that is not encoded: {token!r}")
    if first:
        raise DecodeError("a diff in a first update")
    if previous is None:
        raise DecodeError("a diff against null")
    if tag == b"^P":
        return JsonText(json_patch.apply(previous, payload))
    if isinstance(previous, JsonText):
        raise DecodeError("a text diff against a JSON document")
    return tlcp_diff.apply(previous, payload)
