"""
What a user may have of the items of a subscription: steps 5 to 11 of
adapters-api.md 4, written once for adapters that answer at once and for those
that do not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol, TypeAlias, TypeVar

from lsserver.adapters.errors import ModeError, SelectorError, UnfilteredError
from lsserver.adapters.modes import Mode

Question: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...]]
R = TypeVar("R")
Questions: TypeAlias = Generator[Question, Any, R]
"""Yields calls to make, is sent what each comes to, returns the conclusion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemGrant:
    """
    The limits of one item for one subscription; zero = no limit, none is negative.

    @ivar max_frequency: updates/second.
    @ivar min_source_frequency: events/second of the prefilter.
    @ivar buffer_size: events.
    @ivar distinct_snapshot_length: events; here zero = no snapshot.
    @ivar customized: whether C{customize_update} is to be called.
    """

    max_frequency: float = 0.0
    min_source_frequency: float = 0.0
    buffer_size: int = 0
    distinct_snapshot_length: int = 0
    customized: bool = False


class ItemQuestions(Protocol):
    """The adapter's methods, those about one item taking the Data Adapter's name last."""

    prepare_items: Callable[..., Any]
    mode_may_be_allowed: Callable[..., Any]
    ismode_allowed: Callable[..., Any]
    isselector_allowed: Callable[..., Any]
    get_allowed_max_item_frequency: Callable[..., Any]
    get_min_source_frequency: Callable[..., Any]
    get_allowed_buffer_size: Callable[..., Any]
    get_distinct_snapshot_length: Callable[..., Any]
    enable_update_customization: Callable[..., Any]


def number(value: Any, method: str) -> float:
    """
    A limit that an adapter gave; what is negative or infinite means no limit.

    @raise TypeError: not a number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise TypeError(f"{method} has returned {value!r}, not a number")
    limit = float(value)
    if math.isnan(limit):
        raise TypeError(f"{method} has returned {value!r}, not a number")
    return limit if 0.0 < limit < math.inf else 0.0


def count(value: Any, method: str) -> int:
    """
    As L{number}, for what is counted.

    @raise TypeError: not a number, or not a whole one.
    """
    limit = number(value, method)
    if limit != int(limit):
        raise TypeError(f"{method} has returned {value!r}, not a whole number")
    return int(limit)


def questions(
    adapter: ItemQuestions,
    user: str | None,
    items: Sequence[str],
    data_adapter: str,
    mode: Mode,
    adapter_mode: Any,
    selector: str | None,
    unfiltered: bool,
) -> Questions[list[ItemGrant]]:
    """
    @param adapter_mode: the mode as the adapter knows it.
    @raise ModeError: an item may not be had in this mode.
    @raise SelectorError: an item may not be had with this selector.
    @raise UnfilteredError: an item may not be had unfiltered.
    """
    yield adapter.prepare_items, (user, list(items))
    merge_or_distinct = mode in (Mode.MERGE, Mode.DISTINCT)
    for item in items:
        possible = yield adapter.mode_may_be_allowed, (item, adapter_mode, data_adapter)
        if not possible or not (yield adapter.ismode_allowed, (user, item, adapter_mode, data_adapter)):
            raise ModeError(f"mode {mode.value} is not allowed for item {item!r}")
    if selector is not None:
        for item in items:
            if not (yield adapter.isselector_allowed, (user, item, selector, data_adapter)):
                raise SelectorError(f"selector {selector!r} is not allowed for item {item!r}")
    frequencies = [0.0] * len(items)
    if mode != Mode.RAW:
        for index, item in enumerate(items):
            limit = yield adapter.get_allowed_max_item_frequency, (user, item, data_adapter)
            frequencies[index] = number(limit, "get_allowed_max_item_frequency")
            if unfiltered and frequencies[index]:
                raise UnfilteredError(f"item {item!r} has a frequency limit", prefiltered=False)
    grants = []
    for item, frequency in zip(items, frequencies, strict=True):
        source, buffer, snapshot = 0.0, 0, 0
        if merge_or_distinct:
            source = number((yield adapter.get_min_source_frequency, (item, data_adapter)), "get_min_source_frequency")
            if unfiltered and source:
                raise UnfilteredError(f"item {item!r} has a prefilter", prefiltered=True)
            if not unfiltered:
                size = yield adapter.get_allowed_buffer_size, (user, item, data_adapter)
                buffer = count(size, "get_allowed_buffer_size")
        if mode == Mode.DISTINCT:
            length = yield adapter.get_distinct_snapshot_length, (item, data_adapter)
            snapshot = count(length, "get_distinct_snapshot_length")
        customized = bool((yield adapter.enable_update_customization, (user, item, data_adapter)))
        grants.append(
            ItemGrant(
                max_frequency=frequency,
                min_source_frequency=source,
                buffer_size=buffer,
                distinct_snapshot_length=snapshot,
                customized=customized,
            )
        )
    return grants
