"""
Strings and other values as tokens of a line (remote-adapters.md 3 and 4).

Lines are text here: the bytes of a connection are UTF-8, and what is not valid
has become U+FFFD. The two encodings of strings differ in what comes in only;
what goes out is percent-encoded so that it is right in both.
"""

from __future__ import annotations

import math
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import quote, unquote

from lsserver.adapters.modes import DiffAlgorithm, Mode

NULL = "#"
EMPTY = "$"

Decoder: TypeAlias = Callable[[str], str | None]
"""From a raw token to the string, C{None} for null."""

MODE_LETTERS = {Mode.RAW: "R", Mode.MERGE: "M", Mode.DISTINCT: "D", Mode.COMMAND: "C"}
LETTER_MODES = {letter: mode for mode, letter in MODE_LETTERS.items()}
DIFF_LETTERS = {"J": DiffAlgorithm.JSONPATCH.value, "M": DiffAlgorithm.DIFF_MATCH_PATCH.value}


class CodecError(ValueError):
    """A token is not what it should be. The text is one readable line."""


def encode(value: str | None) -> str:
    """A string for any remote of any version: pure ASCII, never an empty token (4.4)."""
    if value is None:
        return NULL
    if not value:
        return EMPTY
    return quote(value, safe="", errors="replace")


def decode_form(token: str) -> str | None:
    """The old encoding: a plus sign is a space (4.1)."""
    if token == NULL:
        return None
    if token == EMPTY:
        return ""
    if "+" in token:
        token = token.replace("+", " ")
    return unquote(token) if "%" in token else token


def decode_smart(token: str) -> str | None:
    """The encoding since 1.9.0: a plus sign is one (4.2)."""
    if token == NULL:
        return None
    if token == EMPTY:
        return ""
    return unquote(token) if "%" in token else token


def decode_bytes(token: str) -> bytes | None:
    """
    Type C{Y}.

    @raise CodecError: not Base64.
    """
    if token == NULL:
        return None
    if token in (EMPTY, ""):
        return b""
    try:
        return b64decode(token, validate=True)
    except (Base64Error, ValueError):
        raise CodecError(f"{shown(token)} is not Base64") from None


def decode_int(token: str) -> int:
    """
    Types C{I} and C{L}.

    @raise CodecError: not a whole number.
    """
    digits = token[1:] if token[:1] in ("-", "+") else token
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 20):
        raise CodecError(f"{shown(token)} is not a whole number")
    return int(token)


def decode_float(token: str) -> float:
    """
    Type C{D}; null and what is not a finite number of zero or more come as 0,
    which means no limit wherever this type is used.

    @raise CodecError: not a number.
    """
    if token == NULL:
        return 0.0
    try:
        value = float(token)
    except ValueError:
        raise CodecError(f"{shown(token)} is not a number") from None
    return value if 0.0 < value < math.inf else 0.0


def decode_bool(token: str) -> bool:
    """
    Type C{B}.

    @raise CodecError: neither 0 nor 1.
    """
    if token not in ("0", "1"):
        raise CodecError(f"{shown(token)} is not a boolean")
    return token == "1"


def decode_modes(token: str) -> frozenset[Mode]:
    """
    Type C{M}; null is no mode at all.

    @raise CodecError: a letter that is no mode.
    """
    if token in (EMPTY, NULL):
        return frozenset()
    try:
        return frozenset(LETTER_MODES[letter] for letter in token)
    except KeyError:
        raise CodecError(f"{shown(token)} is not a set of modes") from None


def decode_algorithms(token: str) -> tuple[str, ...] | None:
    """
    Type C{F}: the algorithms in order of preference, C{None} = nothing declared.

    @raise CodecError: a letter that is no algorithm.
    """
    if token == NULL:
        return None
    if token == EMPTY:
        return ()
    try:
        return tuple(DIFF_LETTERS[letter] for letter in token)
    except KeyError:
        raise CodecError(f"{shown(token)} is not a list of diff algorithms") from None


def shown(text: str, limit: int = 80) -> str:
    """Text of a peer for a log line: quoted, one line, not too long."""
    return repr(text) if len(text) <= limit else f"{text[:limit]!r}... ({len(text)} characters)"
