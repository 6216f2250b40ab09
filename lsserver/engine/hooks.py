"""
Selectors and customizers: what the Metadata Adapter does to the events of one slot
before they enter its buffer (adapters-api.md 7).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsserver.adapters.events import ItemEvent

if TYPE_CHECKING:
    from lsserver.adapters.calls import MetadataHandle

Value = str | bytes | None

FIXED_IN_COMMAND = frozenset({"key", "command"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """The two hooks of one slot; selector first, then customizer."""

    metadata: MetadataHandle
    user: str | None
    item: str
    data_adapter: str
    selector: str | None
    customized: bool
    fixed: frozenset[str] = frozenset()

    def apply(self, values: Mapping[str, Value], is_snapshot: bool) -> Mapping[str, Value] | None:
        """The values for this slot, or C{None} if the event is not selected."""
        if self.selector is not None:
            event = ItemEvent(values, is_snapshot)
            if not self.metadata.is_selected(self.user, self.item, self.data_adapter, self.selector, event):
                return None
        if self.customized:
            event = ItemEvent(values, is_snapshot, self.fixed)
            if self.metadata.customize_update(self.user, self.item, self.data_adapter, event):
                return event.values()
        return values
