"""The event that selectors and customizers see (adapters-api.md 7)."""

from __future__ import annotations

from collections.abc import Mapping

from zope.interface import implementer

from lsserver.adapters.interfaces import FieldValue, ICustomizableItemEvent


@implementer(ICustomizableItemEvent)
class ItemEvent:
    """
    A view of an item's whole state which collects changes without touching it.

    @ivar changes: what was set, by field; C{None} = removed.
    """

    __slots__ = ("_fixed", "_values", "changes", "is_snapshot")

    def __init__(
        self, values: Mapping[str, FieldValue], is_snapshot: bool, fixed: frozenset[str] = frozenset()
    ) -> None:
        """
        @param values: the state; not copied, so the view lasts as long as it does.
        @param fixed: fields that may not be changed, C{key} and C{command} in COMMAND.
        """
        self._values = values
        self._fixed = fixed
        self.is_snapshot = is_snapshot
        self.changes: dict[str, FieldValue] = {}

    def _get(self, field_name: str) -> FieldValue:
        if field_name in self.changes:
            return self.changes[field_name]
        return self._values.get(field_name)

    def names(self) -> list[str]:
        """The fields of the state and those added."""
        return [*self._values, *(name for name in self.changes if name not in self._values)]

    def get_value(self, field_name: str) -> str | None:
        """The value as text; bytes are ISO-8859-1."""
        value = self._get(field_name)
        return value.decode("iso-8859-1") if isinstance(value, bytes) else value

    def get_bytes(self, field_name: str) -> bytes | None:
        """The value as bytes; text is encoded as UTF-8."""
        value = self._get(field_name)
        return value.encode() if isinstance(value, str) else value

    def set_value(self, field_name: str, value: FieldValue) -> None:
        """
        Change, add or (C{None}) remove a field.

        @raise ValueError: the field may not be changed.
        @raise TypeError: a value of another type.
        """
        if field_name in self._fixed:
            raise ValueError(f"field {field_name!r} of a COMMAND subscription cannot be changed")
        if not isinstance(value, (str, bytes, type(None))):
            raise TypeError(f"field {field_name!r} has a value of type {type(value).__name__}")
        self.changes[field_name] = value

    def values(self) -> dict[str, FieldValue]:
        """The state with the changes."""
        return {**self._values, **self.changes}
