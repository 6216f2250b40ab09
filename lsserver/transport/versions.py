"""
The protocol version that a client announces, and what follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from lsserver.engine.dialect import IDialect
from lsserver.tlcp.dialect import dialect_for
from lsserver.tlcp.parsing import query_version
from lsserver.tlcp.versions import LATEST, UnsupportedVersion, Version, from_query, from_subprotocol


@dataclass(frozen=True, slots=True)
class Announced:
    """
    @ivar dialect: to answer in.
    @ivar problem: why nothing but a refusal can be answered, C{None} if the version is supported.
    """

    dialect: IDialect
    problem: str | None = None


@lru_cache(maxsize=64)
def announced_in_query(query: bytes) -> Announced:
    """Of an HTTP request (tlcp.md 1.1)."""
    try:
        return Announced(_dialect(from_query(query_version(query))))
    except UnsupportedVersion as error:
        return Announced(_dialect(LATEST), error.text)


@lru_cache(maxsize=64)
def announced_by_subprotocol(name: str) -> Announced:
    """Of a WebSocket."""
    try:
        return Announced(_dialect(from_subprotocol(name)))
    except UnsupportedVersion as error:
        return Announced(_dialect(LATEST), error.text)


def _dialect(version: Version) -> IDialect:
    # The wire language knows nothing of the engine, which declares that it provides what it needs.
    return cast(IDialect, dialect_for(version))
