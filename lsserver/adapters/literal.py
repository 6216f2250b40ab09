"""
The ready Metadata Adapter for groups and schemas that are plain lists
(adapters-api.md 21).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lsserver.adapters.errors import AccessError, MetadataProviderError
from lsserver.adapters.interfaces import MaybeAsync
from lsserver.adapters.modes import Mode
from lsserver.adapters.providers import MetadataProvider

_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_FAMILY = "item_family_"


@dataclass(frozen=True, slots=True)
class _Family:
    pattern: re.Pattern[str]
    data_adapter: str | None
    modes: frozenset[Mode]

    def has(self, item: str, data_adapter: str | None) -> bool:
        if self.data_adapter is not None and data_adapter is not None and self.data_adapter != data_adapter:
            return False
        return self.pattern.fullmatch(item) is not None


class LiteralBasedProvider(MetadataProvider):
    """
    Groups and schemas are lists separated by spaces. Parameters, all optional:

      - C{allowed_users}: names separated by commas; others are refused. The
        password is not looked at.
      - C{max_bandwidth} (kbit/s), C{max_frequency} (updates/s),
        C{prefilter_frequency} (events/s), C{buffer_size} (events): 0 = no limit,
        the default.
      - C{distinct_snapshot_length} (events): default 10.
      - C{item_family_<n>}: a regular expression for whole item names, n from 1
        upwards; C{modes_for_item_family_<n>}: the modes of these items,
        separated by commas or spaces, none when missing;
        C{data_adapter_for_item_family_<n>}: of this Data Adapter only. The
        first family that has the item decides. Without any family all modes
        are possible.

    The expressions are Python's, with C{\\d} and C{\\w} for ASCII only as in Java;
    C{\\Q…\\E}, C{\\p{…}} and class intersections do not exist.
    """

    def initialize(self, parameters: dict[str, str], config_file: str | None = None) -> MaybeAsync[None]:
        """
        @raise MetadataProviderError: names the parameter that is wrong.
        """
        users = parameters.get("allowed_users")
        self._users = None if users is None else frozenset(users.split(","))
        self._max_bandwidth = _decimal(parameters, "max_bandwidth")
        self._max_frequency = _decimal(parameters, "max_frequency")
        self._prefilter_frequency = _decimal(parameters, "prefilter_frequency")
        self._buffer_size = _integer(parameters, "buffer_size", 0)
        self._distinct_snapshot_length = _integer(parameters, "distinct_snapshot_length", 10)
        self._families = _families(parameters)
        return None

    @property
    def has_families(self) -> bool:
        """Whether the items have been told from others, after L{initialize}."""
        return bool(self._families)

    def notify_user(self, user: str | None, password: str | None, http_headers: dict[str, str]) -> MaybeAsync[None]:
        """
        @raise AccessError: the user is not in C{allowed_users}.
        """
        if self._users is not None and (user is None or user not in self._users):
            raise AccessError(f"user {user!r} is not allowed")
        return None

    def get_allowed_max_bandwidth(self, user: str | None) -> MaybeAsync[float]:
        """C{max_bandwidth}."""
        return self._max_bandwidth

    def get_allowed_max_item_frequency(self, user: str | None, item: str) -> MaybeAsync[float]:
        """C{max_frequency}."""
        return self._max_frequency

    def get_allowed_buffer_size(self, user: str | None, item: str) -> MaybeAsync[int]:
        """C{buffer_size}."""
        return self._buffer_size

    def get_min_source_frequency(self, item: str) -> MaybeAsync[float]:
        """C{prefilter_frequency}."""
        return self._prefilter_frequency

    def get_distinct_snapshot_length(self, item: str) -> MaybeAsync[int]:
        """C{distinct_snapshot_length}."""
        return self._distinct_snapshot_length

    def mode_may_be_allowed(self, item: str, mode: Mode, data_adapter: str | None = None) -> MaybeAsync[bool]:
        """As the first family says that has the item."""
        if not self._families:
            return True
        return any(mode in family.modes for family in self._first(item, data_adapter))

    def _first(self, item: str, data_adapter: str | None) -> list[_Family]:
        return next(([family] for family in self._families if family.has(item, data_adapter)), [])


def _decimal(parameters: Mapping[str, str], name: str) -> float:
    text = parameters.get(name, "0").strip()
    if not _DECIMAL.fullmatch(text):
        raise MetadataProviderError(f"parameter {name} must be a number, not {text!r}")
    return float(text)


def _integer(parameters: Mapping[str, str], name: str, default: int) -> int:
    text = parameters.get(name, str(default)).strip()
    if not _INTEGER.fullmatch(text):
        raise MetadataProviderError(f"parameter {name} must be a whole number, not {text!r}")
    return int(text)


def _families(parameters: Mapping[str, str]) -> list[_Family]:
    numbers = []
    for name in parameters:
        if name.startswith(_FAMILY):
            number = name.removeprefix(_FAMILY)
            if not re.fullmatch("[1-9][0-9]*", number):
                raise MetadataProviderError(f"parameter {name} must end with a number from 1 upwards")
            numbers.append(int(number))
    return [
        _Family(
            _pattern(parameters, f"{_FAMILY}{number}"),
            parameters.get(f"data_adapter_for_{_FAMILY}{number}"),
            _modes(parameters, f"modes_for_{_FAMILY}{number}"),
        )
        for number in sorted(numbers)
    ]


def _pattern(parameters: Mapping[str, str], name: str) -> re.Pattern[str]:
    try:
        return re.compile(parameters[name], re.ASCII)
    except re.error as error:
        raise MetadataProviderError(f"parameter {name} is no regular expression: {error}") from error


def _modes(parameters: Mapping[str, str], name: str) -> frozenset[Mode]:
    modes = set()
    for word in re.split("[, ]+", parameters.get(name, "")):
        if word in Mode.__members__:
            modes.add(Mode[word])
        elif word:
            known = ", ".join(Mode.__members__)
            raise MetadataProviderError(f"parameter {name}: {word!r} is no mode, which are {known}")
    return frozenset(modes)
