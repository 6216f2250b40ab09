"""
One item seen through one schema in one mode, by clients whose dialects write values alike.

A view keeps the slots that look through it and turns what the item says into
L{Update}s that all of them share.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lsserver.engine.group import Group
from lsserver.engine.update import MAX_SHARED_LINES, MAX_STEPS, Receiver, Step, Update

if TYPE_CHECKING:
    from lsserver.engine.dialect import IValueCodec, Vector
    from lsserver.engine.item import Item
    from lsserver.engine.slots.base import Slot

Value = str | bytes | None

S = TypeVar("S", bound="Slot")

DIFFS = {"P": 1, "T": 2}
ALL_DIFFS = 3
_SUPPORTED: tuple[frozenset[str] | None, ...] = (frozenset(), frozenset("P"), frozenset("T"), None)


def diffs_code(supported: frozenset[str] | None) -> int:
    """C{LS_supported_diffs} as the small number that slots carry: bit 1 = C{P}, bit 2 = C{T}."""
    return ALL_DIFFS if supported is None else sum(DIFFS.get(tag, 0) for tag in supported)


class View(ABC, Generic[S]):
    """
    @ivar slots: those that share the view's updates, as an ordered set.
    @ivar private: those that see updates of their own (selector, customizer).
    @ivar groups: by the kind of their members.
    """

    __slots__ = ("_delta", "_orders", "codec", "fields", "groups", "item", "private", "slots")

    def __init__(self, item: Item, fields: tuple[str, ...], codec: IValueCodec) -> None:
        self.item = item
        self.fields = fields
        self.codec = codec
        self.slots: dict[S, None] = {}
        self.private: dict[S, None] = {}
        self.groups: dict[tuple[Any, ...], Group] = {}
        self._orders: tuple[tuple[str, ...], ...] | None = None
        self._delta = item.settings.delta_delivery
        self.order_diffs()

    @property
    def empty(self) -> bool:
        """True when no slot looks through the view any more."""
        return not self.slots and not self.private

    def all_slots(self) -> list[S]:
        """Shared and private ones, those of now."""
        return [*self.slots, *self.private]

    def attach(self, slot: S) -> None:
        """Let a slot look through the view."""
        (self.slots if slot.hooks is None else self.private)[slot] = None

    def detach(self, slot: S) -> None:
        """Harmless if the slot is not there."""
        self.slots.pop(slot, None)
        self.private.pop(slot, None)
        self.ignore(slot)
        group = slot.group
        if group is not None:
            group.remove(slot, group.leader.memory())
            self.forget_empty(group)

    # Who is told of news, and who is in step with others

    @abstractmethod
    def tell(self, slot: S) -> None:
        """Let a shared slot, or the leader of a group, know of what comes."""

    @abstractmethod
    def ignore(self, slot: S) -> None:
        """Undo L{tell}; harmless if the slot is not told."""

    def rest(self, slot: S) -> None:
        """A slot has sent everything that it had: perhaps it can go with others from now on."""
        if slot.hooks is not None or not slot.ready:
            return
        # One alone needs no group, which is larger than the slot.
        if slot.period or slot.sent is None or slot.stream.sender is None or len(self.slots) == 1:
            self.tell(slot)
            return
        kind = slot.kind()
        group = self.groups.get(kind)
        if group is None:
            group = self.groups[kind] = Group(self, slot)
            self.tell(group.leader)  # type: ignore[arg-type]
        elif group.leader.pending or group.leader.sent != slot.sent:
            self.tell(slot)
            return
        group.add(slot)
        self.ignore(slot)

    def part(self, slot: S) -> None:
        """What is to be done with a slot cannot be done with all of its group, if it is in one."""
        group = slot.group
        if group is not None:
            group.remove(slot, group.leader.memory())
            self.tell(slot)
            if group.leader.pending:
                slot.mark()
            self.forget_empty(group)

    def part_all(self) -> None:
        """As L{part}, for every shared slot."""
        for slot in list(self.slots):
            self.part(slot)

    def forget_empty(self, group: Group) -> None:
        """Some members have left."""
        if group.empty:
            del self.groups[group.kind]
            self.ignore(group.leader)  # type: ignore[arg-type]

    # What it says

    def order_diffs(self) -> None:
        """Take over what the item knows of the diff algorithms of its fields."""
        orders = tuple(self.item.diff_order(field) for field in self.fields)
        self._orders = orders if any(orders) else None

    def vector(self, values: Mapping[str, Value]) -> Vector:
        """Every field of the schema; a missing one is null."""
        token = self.codec.token
        get = values.get
        return tuple([token(get(field)) for field in self.fields])

    def line(self, update: Update, slot: Receiver) -> bytes:
        """
        The line that takes the client of C{slot} to C{update}; from now on it holds that.
        """
        if not slot.prefix or len(self.slots) == 1:
            return self.line_for_one(update, slot)
        steps = update.steps
        key = id(slot.sent) * 4 + slot.diffs
        step = steps.get(key) if steps is not None else None
        if step is None:
            step = self._made(update, key, slot)
        slot.sent = step.result
        line = step.lines.get(slot.prefix)
        if line is None:
            line = self._line(step, slot.prefix)
        return line

    def line_if_news(self, update: Update, slot: Receiver) -> bytes | None:
        """As L{line}, but C{None} if the client holds that vector already."""
        if not slot.prefix or len(self.slots) == 1:
            return None if slot.sent == update.vector else self.line_for_one(update, slot)
        steps = update.steps
        key = id(slot.sent) * 4 + slot.diffs
        step = steps.get(key) if steps is not None else None
        if step is None:
            step = self._made(update, key, slot)
        if step.redundant:
            return None
        slot.sent = step.result
        line = step.lines.get(slot.prefix)
        if line is None:
            line = self._line(step, slot.prefix)
        return line

    def line_for_one(self, update: Update, slot: Receiver) -> bytes:
        """
        As L{line}, for the only slot of the view, or for the leader of a group, whose lines have no beginning: nobody
        else goes the same way, so that nothing is kept of it.
        """
        body, slot.sent = self._way(slot.sent, update.vector, slot.diffs)
        return slot.prefix + body + self.codec.terminator

    def _made(self, update: Update, key: int, slot: Receiver) -> Step:
        steps = update.steps
        if steps is None or len(steps) >= MAX_STEPS:
            steps = update.steps = {}
        base, target = slot.sent, update.vector
        step = steps[key] = Step(base, target, *self._way(base, target, slot.diffs))
        return step

    def _line(self, step: Step, prefix: bytes) -> bytes:
        if len(step.lines) >= MAX_SHARED_LINES:
            step.lines.clear()
        line = step.lines[prefix] = prefix + step.body + self.codec.terminator
        return line

    def _way(self, base: Vector | None, target: Vector, diffs: int) -> tuple[bytes, Vector]:
        """The list that takes a client from one vector to another, and what it holds then."""
        codec = self.codec
        if base is None or not self._delta:
            return codec.body(None, target), target
        if diffs and self._orders is not None:
            return codec.diff_body(
                base, target, self._orders, _SUPPORTED[diffs], self.item.settings.jsonpatch_min_length
            )
        return codec.body(base, target), target
