"""
Field values and the lists of them in update lines (tlcp.md 7.1-7.5).

A value is kept as a token: its final bytes in a list, made once and shared by all
who watch it. Tokens compare like the values they stand for.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from lsserver.tlcp.decoding import decode_body
from lsserver.tlcp.lines import encodable, percent

__all__ = ["EMPTY", "NULL", "JsonToken", "Vector", "body", "decode_body", "escape", "prefix", "text", "token"]

Vector = tuple[bytes, ...]
"""One token for each field of a schema."""

NULL = b"#"
EMPTY = b"$"

# Everything but these may be raw; they are encoded wherever they are. The controls
# and the Unicode line ends would be line ends in some clients.
_CONTROL_BYTES = bytes(range(0x20)) + b"\x7f"
_SPECIAL_BYTES = _CONTROL_BYTES + b"%|"
# Translated by this, only what has none of them stays what it is.
_WITHOUT_SPECIAL = bytes.maketrans(_SPECIAL_BYTES, b"x" * len(_SPECIAL_BYTES))
_SPECIAL = re.compile("[\x00-\x1f%|\x7f\x85\u2028\u2029]")
_MARKERS = "#$^"
_MARKER_BYTES = b"#$^"

# Swift splits at grapheme clusters, so that a character which joins with a separator
# beside it would hide that separator: joiners, marks and modifiers at the start of a
# value, prepended signs at its end. Categories M* cover most of the former.
_JOINS_BEFORE = frozenset("\u0e33\u0eb3\u200c\u200d\uff9e\uff9f") | {
    chr(code) for code in (*range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080))
}
_JOINS_AFTER = frozenset(
    chr(code)
    for code in (
        *range(0x0600, 0x0606),
        *(0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x0D4E, 0x110BD, 0x110CD, 0x111C2, 0x111C3, 0x113D1),
        *(0x1193F, 0x11941, *range(0x11A84, 0x11A8A), 0x11D46, 0x11F02),
    )
)
_FIRST_THAT_MAY_JOIN = "\u0300"


class JsonToken(bytes):
    """
    A token that stands for a value which the client now holds as a JSON document
    with a text of its own, because the last it got was a JSON Patch (tlcp.md 7.6).
    """

    __slots__ = ()


def token(value: str | bytes | None) -> bytes:
    """
    The token of a value.

    @param value: C{bytes} are ISO-8859-1 text. Surrogates that are not a pair
        become U+FFFD.
    """
    if value is None:
        return NULL
    if not value:
        return EMPTY
    if not value.isascii():
        return _token(value if isinstance(value, str) else value.decode("iso-8859-1"))
    raw = value.encode() if isinstance(value, str) else value
    # The usual value needs nothing. Translating finds special bytes without a loop.
    if raw[0] not in _MARKER_BYTES:
        if raw.translate(_WITHOUT_SPECIAL) == raw:
            return raw
        if len(raw.translate(None, _CONTROL_BYTES)) == len(raw):
            return raw.replace(b"%", b"%25").replace(b"|", b"%7C")
    return _token(raw.decode())


def _token(value: str) -> bytes:
    value = encodable(value)
    body = escape(value)
    first, last = value[0], value[-1]
    if first in _MARKERS or (
        first >= _FIRST_THAT_MAY_JOIN and (unicodedata.category(first)[0] == "M" or first in _JOINS_BEFORE)
    ):
        body = _encoded(first) + body[1:]
    if last in _JOINS_AFTER:
        body = body[:-1] + _encoded(last)
    return body.encode()


def escape(text: str) -> str:
    """The rule that holds everywhere in a value or diff: special characters percent-encoded."""
    return _SPECIAL.sub(percent, text)


def _encoded(character: str) -> str:
    return "".join([f"%{byte:02X}" for byte in character.encode()])


def text(token: bytes) -> str | None:
    """The value of a token."""
    if token == NULL:
        return None
    if token == EMPTY:
        return ""
    return unquote_to_bytes(token).decode()


def body(base: Vector | None, target: Vector) -> bytes:
    """
    The list that takes a client from L{base} to L{target}.

    @param base: what the client holds, C{None} before the first update of the item,
        which must give every field.
    """
    if base is None:
        return b"|".join(target)
    # One pass without calls for the fields that changed: this runs for every step of every view.
    pieces: list[bytes] = []
    run = 0
    for old, new in zip(base, target, strict=True):
        if new is old or new == old:
            run += 1
            continue
        if run:
            pieces.append(_unchanged(run))
            run = 0
        pieces.append(new)
    if run:
        pieces.append(_unchanged(run))
    return b"|".join(pieces)


def _unchanged(fields: int) -> bytes:
    """What says that so many fields in a row are unchanged; a count is shorter from the third on."""
    return b"^%d" % fields if fields > 2 else b"|"[: fields - 1]


@lru_cache(maxsize=65536)
def prefix(sub_id: int, item: int) -> bytes:
    """What precedes the list in an update line."""
    return b"U,%d,%d," % (sub_id, item)
