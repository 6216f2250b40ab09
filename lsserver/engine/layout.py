"""
Where the fields of a schema stand.

Clients of many items use few schemas. What depends on nothing else is kept once for all views of
a schema: it takes no memory for each item, and is still in the processor's caches when the next item has news.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from lsserver.adapters.shapes import Shape

    Places = tuple[int, ...]
    Plan = list[tuple[int, Places]]

MAX_SHAPES = 256
"""Kinds of events for which is remembered which of their values go where."""


class Layout:
    """
    @ivar places: of each field, positions in the schema; clients may ask for a field more than once.
    """

    __slots__ = ("__weakref__", "_plans", "places")

    def __init__(self, fields: tuple[str, ...]) -> None:
        self.places: dict[str, Places] = {}
        for position, field in enumerate(fields):
            self.places[field] = (*self.places.get(field, ()), position)
        self._plans: dict[Shape, Plan] = {}

    def plan(self, shape: Shape) -> Plan:
        """Which values of a shape go where."""
        plan = self._plans.get(shape)
        if plan is None:
            if len(self._plans) >= MAX_SHAPES:
                self._plans.clear()
            places = self.places
            plan = self._plans[shape] = [
                (index, places[name]) for index, name in enumerate(shape.names) if name in places
            ]
        return plan


_layouts: WeakValueDictionary[tuple[str, ...], Layout] = WeakValueDictionary()


def layout(fields: tuple[str, ...]) -> Layout:
    """The one of a schema, as long as anybody has it."""
    found = _layouts.get(fields)
    if found is None:
        found = _layouts[fields] = Layout(fields)
    return found
