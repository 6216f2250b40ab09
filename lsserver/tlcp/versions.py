"""
Protocol versions: how a client announces one and what each may be sent
(tlcp.md 1.1, 1.3, 1.5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_SUFFIX = ".lightstreamer.com"
_PREFIX = "TLCP-"
_GRAMMAR = re.compile(r"TLCP-([0-9]{1,6})\.([0-9]{1,6})\.[0-9]{1,6}")
_MAJOR = 2
_LAST_MINOR = 5


class UnsupportedVersion(Exception):
    """
    The client speaks something else.

    @ivar text: what to tell it, with code 65. End users see it and search for it.
    """

    def __init__(self, version: str | None = None) -> None:
        """@param version: the bare version, such as C{2.9.0}; C{None} = none that can be read."""
        text = "Unsupported protocol version"
        self.text = text if version is None else f"{text}: {version}"
        super().__init__(self.text)


@dataclass(frozen=True, order=True, slots=True)
class Version:
    """A supported version. The third number never matters to a server."""

    major: int
    minor: int

    @property
    def recovery(self) -> bool:
        """Sessions outlive their connections (since 2.1)."""
        return self.minor >= 1

    @property
    def temporary_refusals(self) -> bool:
        """C{CONERR} 5, 6 and 70 may be sent (since 2.2)."""
        return self.minor >= 2

    @property
    def incompatible_protocol_code(self) -> bool:
        """C{REQERR} 3 may be sent (since 2.3)."""
        return self.minor >= 3

    @property
    def diffs(self) -> bool:
        """Values may be diffs (since 2.4)."""
        return self.minor >= 4

    @property
    def message_response(self) -> bool:
        """C{MSGDONE} has a third argument (since 2.5)."""
        return self.minor >= 5

    def __str__(self) -> str:
        return f"TLCP-{self.major}.{self.minor}.0"


LATEST = Version(_MAJOR, _LAST_MINOR)


def from_query(value: str | None) -> Version:
    """
    The version that the parameter C{LS_protocol} announces.

    @param value: the decoded value, C{None} where the parameter is missing.
    @raise UnsupportedVersion: missing, malformed or another version.
    """
    match = _GRAMMAR.fullmatch(value or "")
    if match is None:
        raise UnsupportedVersion
    version = Version(int(match[1]), int(match[2]))
    if version.major != _MAJOR or version > LATEST:
        raise UnsupportedVersion(match[0].removeprefix(_PREFIX))
    return version


def from_subprotocol(value: str) -> Version:
    """
    The version that a WebSocket subprotocol announces.

    @raise UnsupportedVersion: malformed or another version.
    """
    if not value.endswith(_SUFFIX):
        raise UnsupportedVersion
    return from_query(value.removesuffix(_SUFFIX))


def choose_subprotocol(offered: Iterable[str]) -> str | None:
    """
    The subprotocol to echo in the handshake (tlcp.md 3.1).

    @return: the highest supported one; else the first C{TLCP-...} one, because an
        unsupported version is told to the client after the handshake; else C{None}.
    """
    best: str | None = None
    best_version: Version | None = None
    for name in offered:
        if not name.startswith(_PREFIX):
            continue
        try:
            version = from_subprotocol(name)
        except UnsupportedVersion:
            best = name if best is None else best
            continue
        if best_version is None or version > best_version:
            best, best_version = name, version
    return best
