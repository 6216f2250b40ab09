"""
Typed access to the parameters of one request (tlcp.md 4.3).

Lenient where clients differ: booleans in any case, and whatever is no boolean is
false. A bad number cannot be guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from lsserver.tlcp.codes import ControlCode
from lsserver.tlcp.requests import UNLIMITED

_INTEGER = re.compile("[0-9]{1,18}")
_SIGNED = re.compile("[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?")


class InvalidParameter(Exception):
    """
    A parameter that is missing or cannot be what it must be.

    @ivar code: 65 for a bad value, 67 for a missing parameter; the same numbers are
        used with every tag.
    @ivar text: what to tell the client.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


def invalid(name: str) -> InvalidParameter:
    """The error for a value that the parameter cannot have."""
    return InvalidParameter(ControlCode.INVALID_VALUE, f"Invalid value of {name}")


class Parameters:
    """The decoded parameters of a request line."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str | None:
        """The text, C{None} where the parameter is missing."""
        return self._values.get(name)

    def required(self, name: str) -> str:
        """
        The text, which may be empty.

        @raise InvalidParameter: 67, missing.
        """
        value = self._values.get(name)
        if value is None:
            raise InvalidParameter(ControlCode.MALFORMED_REQUEST, f"Malformed request: {name} is missing")
        return value

    def session(self) -> str | None:
        """C{LS_session}; an empty one is none."""
        return self._values.get("LS_session") or None

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean; anything but C{true} is false."""
        value = self._values.get(name)
        return default if value is None else value.lower() == "true"

    def integer(self, name: str, minimum: int = 0, maximum: int | None = None) -> int | None:
        """
        A whole number, C{None} where the parameter is missing.

        @raise InvalidParameter: 65, not a number or out of bounds.
        """
        value = self._values.get(name)
        return None if value is None else whole(name, value, minimum, maximum)

    def required_integer(self, name: str, minimum: int) -> int:
        """
        A whole number.

        @raise InvalidParameter: 67, missing; 65, not a number or below L{minimum}.
        """
        return whole(name, self.required(name), minimum)

    def signed(self, name: str) -> int | None:
        """
        A whole number with an optional sign, C{None} where the parameter is missing.

        @raise InvalidParameter: 65, not a number.
        """
        value = self._values.get(name)
        if value is None:
            return None
        if _SIGNED.fullmatch(value) is None:
            raise invalid(name)
        return int(value)

    def limit(self, name: str) -> float | None:
        """
        A positive decimal number or C{unlimited} (C{math.inf}), C{None} where the
        parameter is missing.

        @raise InvalidParameter: 65, anything else.
        """
        return self._limit(name, _positive)

    def whole_limit(self, name: str) -> float | None:
        """
        A positive whole number or C{unlimited} (C{math.inf}), C{None} where the
        parameter is missing.

        @raise InvalidParameter: 65, anything else.
        """
        return self._limit(name, lambda name, value: whole(name, value, 1))

    def _limit(self, name: str, read: Callable[[str, str], float]) -> float | None:
        value = self._values.get(name)
        if value is None:
            return None
        return UNLIMITED if value.lower() == "unlimited" else read(name, value)


def _positive(name: str, value: str) -> float:
    """
    The decimal number that L{value} is.

    @raise InvalidParameter: 65, not a number, or not above zero.
    """
    # Some runtimes write large numbers with an exponent.
    number = float(value) if _DECIMAL.fullmatch(value) else 0.0
    if number <= 0:
        raise invalid(name)
    return number


def whole(name: str, value: str, minimum: int, maximum: int | None = None) -> int:
    """
    The number that L{value} is.

    @raise InvalidParameter: 65, not a number or out of bounds.
    """
    if _INTEGER.fullmatch(value) is None:
        raise invalid(name)
    number = int(value)
    if number < minimum or (maximum is not None and number > maximum):
        raise invalid(name)
    return number
