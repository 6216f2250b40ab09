"""Typed values out of the tokens of one line, in order (remote-adapters.md 2.2)."""

from __future__ import annotations

from lsserver.adapters.modes import Mode
from lsserver.remote.codec import (
    CodecError,
    Decoder,
    decode_algorithms,
    decode_bool,
    decode_bytes,
    decode_float,
    decode_int,
    decode_modes,
    shown,
)


class Tokens:
    """
    Reads pairs of type and value.

    @param tokens: the raw tokens; one empty token at the end is none at all.
    @param at: where to begin.
    """

    def __init__(self, tokens: list[str], at: int, decode: Decoder) -> None:
        self._tokens = tokens
        self._at = at
        self._decode = decode
        self._end = len(tokens)
        if self._end > at and not tokens[-1] and (self._end - at) % 2:
            self._end -= 1

    @property
    def more(self) -> bool:
        """Whether there is anything left."""
        return self._at < self._end

    @property
    def next_type(self) -> str:
        """The type of what comes next, empty at the end."""
        return self._tokens[self._at] if self.more else ""

    def _value(self, kind: str) -> str:
        if not self.more:
            raise CodecError(f"a value of type {kind} is missing at the end")
        found = self._tokens[self._at]
        if found != kind:
            raise CodecError(f"there is {shown(found)} where the type {kind} is expected")
        if self._at + 1 >= self._end:
            raise CodecError(f"the line ends where a value of type {kind} is expected")
        self._at += 2
        return self._tokens[self._at - 1]

    def string(self) -> str | None:
        """Type C{S}."""
        return self._decode(self._value("S"))

    def text(self) -> str:
        """
        Type C{S} where null makes no sense.

        @raise CodecError: it is null.
        """
        value = self.string()
        if value is None:
            raise CodecError("a string is null that must not be")
        return value

    def integer(self) -> int:
        """Type C{I}."""
        return decode_int(self._value("I"))

    def double(self) -> float:
        """Type C{D}."""
        return decode_float(self._value("D"))

    def boolean(self) -> bool:
        """Type C{B}."""
        return decode_bool(self._value("B"))

    def modes(self) -> frozenset[Mode]:
        """Type C{M}."""
        return decode_modes(self._value("M"))

    def algorithms(self) -> tuple[str, ...] | None:
        """Type C{F}."""
        return decode_algorithms(self._value("F"))

    def field_value(self) -> str | bytes | None:
        """Type C{S} or C{Y}; no bytes at all is an empty token."""
        return decode_bytes(self._value("Y")) if self.next_type == "Y" else self.string()

    def skip_index(self) -> None:
        """C{I|n}, which Java and .NET put before a field name of an indexed event."""
        if self.next_type == "I":
            self.integer()

    def void(self) -> None:
        """The lone token C{V}."""
        if self.next_type != "V":
            raise CodecError(f"there is {shown(self.next_type)} where V is expected")
        self._at += 1

    def finish(self) -> None:
        """
        @raise CodecError: there is more.
        """
        if self.more:
            raise CodecError(f"there is {shown(self.next_type)} after the end")

    def pairs(self) -> dict[str, str | None]:
        """All that is left, as a flat list of names and values."""
        found: dict[str, str | None] = {}
        while self.more:
            name = self.text()
            found[name] = self.string()
        return found
