"""
How many there may be: sessions of one user and from one address, subscriptions and
items of one session. Every limit may be C{None}: there is none then.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Hashable
from typing import TYPE_CHECKING

from lsserver.engine.refusal import Refusal
from lsserver.tlcp.codes import ControlCode, SessionCode

if TYPE_CHECKING:
    from lsserver.engine.settings import EngineSettings

IPV6_PREFIX = 64
"""Bits of an IPv6 address that tell who it is: the rest is the choice of whoever has the network."""

_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"(?:{_BYTE}\.){{3}}{_BYTE}")


def network_of(address: str) -> str:
    """What is counted as one address: an IPv4 address, or the IPv6 network that a subscriber gets; empty if unknown."""
    # Most addresses are such, and the module of addresses takes its time.
    if _IPV4.fullmatch(address):
        return address
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return ""
    # A socket that speaks IPv6 shows clients of IPv4 like that.
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))


class Quota:
    """
    So many of each.

    @param most: of one key.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._taken: dict[Hashable, int] = {}

    @property
    def limited(self) -> bool:
        """Whether anybody needs to count."""
        return self._most is not None

    def take(self, key: Hashable, beyond: int = 0) -> bool:
        """
        Take one, if there is one left.

        @param beyond: so many more than the limit, because as many are about to be given back.
        """
        taken = self._taken.get(key, 0)
        if self._most is not None and taken >= self._most + beyond:
            return False
        self._taken[key] = taken + 1
        return True

    def give_back(self, key: Hashable) -> None:
        """Give back what was taken."""
        left = self._taken[key] - 1
        if left:
            self._taken[key] = left
        else:
            del self._taken[key]


class Places:
    """
    The places that one session takes, in the quotas of its user and its address. An
    attempt to create a session takes them before there is one.

    @ivar address: as L{network_of} gives it.
    """

    __slots__ = ("_taken", "address")

    def __init__(self, address: str) -> None:
        self.address = address
        self._taken: tuple[tuple[Quota, Hashable], ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to give back."""
        return bool(self._taken)

    def take(self, quota: Quota, key: Hashable, beyond: int, text: str) -> None:
        """
        @raise Refusal: there is none left.
        """
        if quota.limited:
            if not quota.take(key, beyond):
                raise Refusal(SessionCode.SESSION_COUNT, text)
            self._taken += ((quota, key),)

    def leave(self) -> None:
        """Give all of them back; no matter how often."""
        taken, self._taken = self._taken, ()
        for quota, key in taken:
            quota.give_back(key)


class Allotment:
    """
    What one session has of what it may have.

    @ivar items: in all its subscriptions; counted only if there is a limit for all.
    """

    __slots__ = ("_numbers", "_settings", "items")

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._numbers: dict[int, int] | None = None
        if settings.max_subscriptions_per_session is not None or settings.max_items_per_session is not None:
            self._numbers = {}
        self.items = 0

    def subscription(self, sub_id: int) -> None:
        """
        One more.

        @raise Refusal: there are too many.
        """
        if self._numbers is None:
            return
        most = self._settings.max_subscriptions_per_session
        if most is not None and len(self._numbers) >= most:
            raise Refusal(ControlCode.SUBSCRIPTIONS_NOT_LICENSED, "Too many subscriptions in this session")
        self._numbers[sub_id] = 0

    def size(self, sub_id: int, items: int, fields: int) -> None:
        """
        It has so many items, of so many fields.

        @raise Refusal: that is too many.
        """
        settings = self._settings
        if settings.max_items_per_subscription is not None and items > settings.max_items_per_subscription:
            raise Refusal(ControlCode.BAD_GROUP, "Too many items in the group")
        if settings.max_fields_per_subscription is not None and fields > settings.max_fields_per_subscription:
            raise Refusal(ControlCode.BAD_SCHEMA, "Too many fields in the schema")
        if settings.max_items_per_session is not None and self.items + items > settings.max_items_per_session:
            raise Refusal(ControlCode.SUBSCRIPTIONS_NOT_LICENSED, "Too many items in this session")
        if self._numbers is not None:
            self._numbers[sub_id] = items
            self.items += items

    def release(self, sub_id: int) -> None:
        """The subscription is closed, or did not open; no matter how often that is told."""
        if self._numbers is not None:
            self.items -= self._numbers.pop(sub_id, 0)
