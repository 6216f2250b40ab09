"""The names adapters use for modes and for diff algorithms."""

from __future__ import annotations

from enum import Enum, StrEnum


class Mode(StrEnum):
    """
    A subscription mode. Equal to its name as text, and to the constant of that
    name in any other enumeration, such as the one of the official SDK.
    """

    RAW = "RAW"
    MERGE = "MERGE"
    DISTINCT = "DISTINCT"
    COMMAND = "COMMAND"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Enum):
            return self is other or self.name == other.name
        return self.value == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = StrEnum.__hash__


class DiffAlgorithm(StrEnum):
    """A way of sending a changed value as a difference (adapters-api.md 19)."""

    JSONPATCH = "JSONPATCH"
    DIFF_MATCH_PATCH = "DIFF_MATCH_PATCH"
