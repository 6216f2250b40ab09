"""
The protocol version that a client announces, and what follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from lsserver.tlcp.dialect import TlcpDialect, dialect_for
from lsserver.tlcp.parsing import query_version
from lsserver.tlcp.versions import LATEST, UnsupportedVersion, from_query, from_subprotocol


@dataclass(frozen=True, slots=True)
class Announced:
    """
    @ivar dialect: to answer in.
    @ivar problem: why nothing but a refusal can be answered, C{None} if the version is supported.
    """

    dialect: TlcpDialect
    problem: str | None = None


def announced_in_query(query: bytes) -> Announced:
    """Of an HTTP request (tlcp.md 1.1)."""
    try:
        return Announced(dialect_for(from_query(query_version(query))))
    except UnsupportedVersion as error:
        return Announced(dialect_for(LATEST), error.text)


def announced_by_subprotocol(name: str) -> Announced:
    """Of a WebSocket."""
    try:
        return Announced(dialect_for(from_subprotocol(name)))
    except UnsupportedVersion as error:
        return Announced(dialect_for(LATEST), error.text)
