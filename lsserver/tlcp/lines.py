"""
Lines and percent-encoding, both ways (tlcp.md 2.3, 2.4, 6.1).

Text that was not valid UTF-8 is kept with one lone surrogate per bad byte, so that
a request can still be answered by its identifier; L{is_text} tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote_to_bytes

_SURROGATES = re.compile("[\ud800-\udfff]")
_SURROGATE_PAIRS = re.compile("([\ud800-\udbff])([\udc00-\udfff])")
_ARGUMENT = re.compile("[\x00-\x1f%,\x7f\x85\u2028\u2029]")


def percent(match: re.Match[str]) -> str:
    """A replacement for C{re.sub}: what matched, as percent-encoded UTF-8."""
    return "".join([f"%{byte:02X}" for byte in match[0].encode()])


def encodable(text: str) -> str:
    """
    L{text} without surrogates: a pair becomes its character, a lone one U+FFFD.
    """
    if _SURROGATES.search(text) is None:
        return text
    joined = _SURROGATE_PAIRS.sub(
        lambda match: chr(0x10000 + (ord(match[1]) - 0xD800) * 0x400 + ord(match[2]) - 0xDC00), text
    )
    return _SURROGATES.sub("\ufffd", joined)


def is_text(values: Iterable[str]) -> bool:
    """Whether all of L{values} were valid UTF-8."""
    return all(value.isascii() or _SURROGATES.search(value) is None for value in values)


def escape_argument(text: str) -> bytes:
    """An ordinary argument of a notification or response: no comma, no line end, no bare percent sign."""
    return _ARGUMENT.sub(percent, encodable(text)).encode()


def split_lines(body: bytes) -> list[bytes]:
    """
    The request lines of a body, at least one. Lines end with CR LF or LF. Empty
    lines at the end are not requests, unless there is nothing else: a body that is
    empty or only line ends is one request without parameters.
    """
    lines = [line.removesuffix(b"\r") for line in body.split(b"\n")]
    while len(lines) > 1 and not lines[-1]:
        lines.pop()
    return lines


class CutLine(dict[str, str]):
    """The parameters of a request line that is not as long as it says."""


def parse_line(line: bytes) -> dict[str, str]:
    """
    The parameters of one request line or query string; the last of equal names wins.
    """
    parameters = {}
    for piece in line.split(b"&"):
        if piece:
            name, _, value = piece.partition(b"=")
            parameters[_decode(name)] = _decode(value)
    return parameters


def _decode(raw: bytes) -> str:
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8", "surrogateescape")


def format_line(parameters: Mapping[str, str]) -> bytes:
    """The request line of a client that encodes everything that may be encoded."""
    return "&".join([f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters.items()]).encode()


_BARE_PERCENT = re.compile(b"%(?![0-9A-Fa-f]{2})")


def percent_decode(raw: bytes) -> str:
    """
    What a client makes of an encoded argument, value or diff.

    @raise ValueError: a bare percent sign, which some clients refuse, or not UTF-8.
    """
    if _BARE_PERCENT.search(raw) is not None:
        raise ValueError("a percent sign that is not encoded")
    return unquote_to_bytes(raw).decode()


def split_notification(line: bytes) -> tuple[str, ...]:
    """
    A line from the server as a client sees it: the tag and the arguments, split at
    commas and then decoded.

    @param line: with or without its terminator. Not for C{U} lines, whose values
        have rules of their own.
    @raise ValueError: see L{percent_decode}.
    """
    return tuple([percent_decode(piece) for piece in line.removesuffix(b"\r\n").split(b",")])
