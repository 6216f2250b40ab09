"""
Answers of the remote (remote-adapters.md 7, 9, 12, 13): results, and errors as
the exceptions that an adapter in the server would raise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from lsserver.adapters.errors import (
    AccessError,
    ConflictingSessionError,
    CreditsError,
    DataError,
    DataProviderError,
    FailureError,
    ItemsError,
    MetadataError,
    MetadataProviderError,
    NotificationError,
    ResourceUnavailableError,
    SchemaError,
    SubscribeError,
)
from lsserver.adapters.modes import Mode
from lsserver.remote.codec import Decoder, decode_form, decode_int
from lsserver.remote.tokens import Tokens

D = TypeVar("D")

DATA_METHODS = frozenset({"DPI", "SUB", "USB"})
METADATA_METHODS = frozenset(
    {"MPI", "NUS", "NUA", "NNS", "NSC", "GIS", "GSC", "GIT", "GUI", "NUM", "NNT", "NTC", "MDA", "MSA", "MDC"}
)
METHODS = DATA_METHODS | METADATA_METHODS

_MAY_DENY = frozenset({"NUS", "NUA", "NNS", "NNT", "NUM", "MDA", "MSA", "MDC"})
_MAY_OBJECT = frozenset({"NNS", "NSC", "NNT", "NTC", "NUM", "MDA", "MSA", "MDC"})

_PLAIN: dict[str, tuple[type[MetadataError | DataError], frozenset[str]]] = {
    "EM": (MetadataProviderError, frozenset({"MPI"})),
    "ED": (DataProviderError, frozenset({"DPI"})),
    "EA": (AccessError, frozenset({"NUS", "NUA"})),
    "ER": (ResourceUnavailableError, frozenset({"NUS", "NUA"})),
    "EN": (NotificationError, _MAY_OBJECT),
    "EI": (ItemsError, frozenset({"GIS", "GSC"})),
    "ES": (SchemaError, frozenset({"GSC"})),
    "EU": (SubscribeError, frozenset({"SUB", "USB"})),
    "EF": (FailureError, frozenset({"SUB", "USB"})),
}


class RemoteMetadataError(MetadataError):
    """The remote Metadata Adapter has raised something unexpected, or its answer makes no sense."""


class RemoteDataError(DataError):
    """As L{RemoteMetadataError}, of a remote Data Adapter."""


@dataclass(frozen=True, slots=True)
class UserProfile:
    """C{NUS}: kbit/s (0 = no limit), and whether the user's subscriptions are of interest."""

    max_bandwidth: float
    wants_tables: bool


@dataclass(frozen=True, slots=True)
class ItemData:
    """C{GIT}: what holds for an item whoever asks."""

    distinct_snapshot_length: int
    min_source_frequency: float
    modes: frozenset[Mode]


@dataclass(frozen=True, slots=True)
class UserItemData:
    """C{GUI}: what holds for an item and a user; zero = no limit."""

    buffer_size: int
    max_item_frequency: float
    modes: frozenset[Mode]


@dataclass(frozen=True, slots=True)
class TableGrants:
    """C{NNT}: what the remote may and wants to do with the subscription."""

    may_unsubscribe: bool = False
    wants_statistics: bool = False


class Reply:
    """
    The answer to one request.

    @param tokens: the whole line.
    @raise CodecError: any of the methods, if the answer makes no sense.
    """

    def __init__(self, tokens: list[str], decode: Decoder) -> None:
        self._tokens = tokens
        self._method = tokens[1]
        self._decode = decode

    def error(self) -> MetadataError | DataError | None:
        """What the adapter has raised, C{None} if nothing."""
        tokens = self._tokens
        kind = tokens[2] if len(tokens) > 2 else ""
        if not kind.startswith("E"):
            return None
        message = self._value(3) or ""
        if kind in ("EC", "EX") and self._method in (_MAY_DENY if kind == "EC" else ("NNS",)):
            code = decode_int(tokens[4]) if len(tokens) > 4 else 0
            user_message = self._value(5)
            if kind == "EC":
                return CreditsError(code, message, user_message)
            return ConflictingSessionError(code, message, self._value(6) or "", user_message)
        plain, methods = _PLAIN.get(kind, (None, frozenset()))
        if plain is not None and self._method in methods:
            return plain(message)
        return self.unexpected(message or "an error without a message")

    def unexpected(self, text: str) -> MetadataError | DataError:
        """For errors that have no class of their own."""
        return (RemoteDataError if self._method in DATA_METHODS else RemoteMetadataError)(text)

    def _value(self, at: int) -> str | None:
        return self._decode(self._tokens[at]) if len(self._tokens) > at else None

    def _arguments(self) -> Tokens:
        return Tokens(self._tokens, 2, self._decode)

    def initialized(self) -> str | None:
        """Of C{MPI} and C{DPI}: the version, C{None} for remotes that know of no versions."""
        arguments = Tokens(self._tokens, 2, decode_form)
        if arguments.next_type == "V":
            arguments.void()
            return None
        return arguments.pairs().get("ARI.version")

    def void(self) -> None:
        """Of most methods."""
        arguments = self._arguments()
        arguments.void()
        arguments.finish()

    def user_profile(self) -> UserProfile:
        """Of C{NUS} and C{NUA}."""
        arguments = self._arguments()
        profile = UserProfile(arguments.double(), arguments.boolean())
        arguments.finish()
        return profile

    def time_to_live(self) -> int:
        """Of C{NNS}: seconds, 0 = no limit."""
        arguments = self._arguments()
        if arguments.next_type == "V":
            arguments.void()
            return 0
        return max(0, arguments.integer())

    def names(self) -> list[str]:
        """Of C{GIS} and C{GSC}: may be empty."""
        arguments = self._arguments()
        found = []
        while arguments.more:
            found.append(arguments.text())
        return found

    def item_data(self, count: int) -> list[ItemData]:
        """Of C{GIT}, for C{count} items."""
        return self._triples(count, ItemData)

    def user_item_data(self, count: int) -> list[UserItemData]:
        """Of C{GUI}, for C{count} items."""
        return self._triples(count, UserItemData)

    def _triples(self, count: int, kind: Callable[[int, float, frozenset[Mode]], D]) -> list[D]:
        arguments = self._arguments()
        found = [kind(max(0, arguments.integer()), arguments.double(), arguments.modes()) for _ in range(count)]
        arguments.finish()
        return found

    def table_grants(self) -> TableGrants:
        """Of C{NNT}."""
        arguments = self._arguments()
        if arguments.next_type == "V":
            arguments.void()
            grants = TableGrants()
        else:
            grants = TableGrants(arguments.boolean(), arguments.boolean())
        arguments.finish()
        return grants
