"""
TLCP-diff: text as copies from and additions to an earlier text (tlcp.md 7.8).

A diff is a cycle of the sections COPY n, ADD n and n characters, DEL n, which may
end after any of them. What is left of the base is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TypeAlias

Edits: TypeAlias = Iterable[tuple[str, str]]
"""Pairs of C{=}, C{+} or C{-} and the text meant."""

TIME_LIMIT = 0.005
"""Seconds after which the search for a short diff ends with what it has."""

# Counts are UTF-16 units for most clients and grapheme clusters for Swift. Where every
# character is one of these the two agree (tlcp.md 7.7).
_COUNTABLE = re.compile("[\x20-\x7e\xa0-\xac\xae-\u024f]*")


class DiffError(ValueError):
    """A diff that does not apply."""


def make(before: str, after: str) -> str | None:
    """
    The diff, not yet percent-encoded, that makes L{after} of L{before}; C{None}
    where clients would not agree on how to count characters.
    """
    if _COUNTABLE.fullmatch(before) is None or _COUNTABLE.fullmatch(after) is None:
        return None
    return _written(find_edits(before, after))


def fast_edits() -> Callable[[str, str], Edits]:
    """The compiled diff-match-patch; raises C{ImportError} where there is none."""
    diff = import_module("fast_diff_match_patch").diff

    def edits(before: str, after: str) -> Edits:
        found: Edits = diff(
            before, after, timelimit=TIME_LIMIT, checklines=False, cleanup="Efficiency", counts_only=False
        )
        return found

    return edits


def plain_edits() -> Callable[[str, str], Edits]:
    """The one in Python, which is everywhere."""
    engine = import_module("diff_match_patch").diff_match_patch()
    engine.Diff_Timeout = TIME_LIMIT

    def edits(before: str, after: str) -> Edits:
        found = engine.diff_main(before, after, False)
        engine.diff_cleanupEfficiency(found)
        return [("=+-"[operation], piece) for operation, piece in found]

    return edits


def best_edits() -> Callable[[str, str], Edits]:
    """The better of the two that can be imported."""
    try:
        return fast_edits()
    except ImportError:  # it is compiled, and not for every platform
        return plain_edits()


find_edits = best_edits()


def _written(edits: Edits) -> str:
    pieces: list[str] = []
    copied = deleted = 0
    added = ""
    for operation, piece in edits:
        if operation == "+":
            added += piece
        elif operation == "-":
            deleted += len(piece)
        else:
            if added or deleted:
                pieces += (number(copied), number(len(added)), added, number(deleted))
                copied, added, deleted = 0, "", 0
            copied += len(piece)
    # A last DEL is left out: the rest of the base is dropped anyway.
    pieces.append(number(copied))
    if added:
        pieces += (number(len(added)), added)
    return "".join(pieces)


def number(value: int) -> str:
    """L{value} in base 26: capital letters but for the last digit, which ends it."""
    value, last = divmod(value, 26)
    digits = chr(ord("a") + last)
    while value:
        value, digit = divmod(value, 26)
        digits = chr(ord("A") + digit) + digits
    return digits


_NUMBER = re.compile("([A-Z]*)([a-z])")


def apply(before: str, diff: str) -> str:
    """
    What a client makes of a decoded diff.

    @raise DiffError: it does not apply.
    """
    pieces: list[str] = []
    read = position = section = 0
    while read < len(diff):
        match = _NUMBER.match(diff, read)
        if match is None:
            raise DiffError(f"no number at {read} in the diff")
        read = match.end()
        count = 0
        for digit in match[1]:
            count = count * 26 + ord(digit) - ord("A")
        count = count * 26 + ord(match[2]) - ord("a")
        if section == 1:
            if read + count > len(diff):
                raise DiffError("the diff adds more than it has")
            pieces.append(diff[read : read + count])
            read += count
        else:
            if position + count > len(before):
                raise DiffError("the diff goes beyond the end of the base")
            if section == 0:
                pieces.append(before[position : position + count])
            position += count
        section = (section + 1) % 3
    return "".join(pieces)
