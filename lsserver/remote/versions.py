"""The version that was agreed on with a remote, and what follows from it (remote-adapters.md 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lsserver.remote.codec import CodecError, Decoder, decode_form, decode_smart, shown

ADVERTISED = "1.9.1"
"""What every init request says. Current SDKs refuse anything lower."""

OLDEST = "1.8.0"
"""The version of remotes that answer the init request with no version."""

ACCEPTED = (OLDEST, "1.8.2", "1.8.3", "1.9.0", ADVERTISED)

NODE_SDK = "Node.js Adapter SDK"
"""Its reader of table descriptors takes no item lists (12.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """
    The C{RAC} line (6.1).

    @ivar may_close: the remote knows C{CLOSE} before a version is agreed on.
    @ivar sdk: what it calls itself; C{None} for SDKs with two connections.
    """

    user: str | None = None
    password: str | None = None
    may_close: bool = False
    sdk: str | None = None

    @classmethod
    def of(cls, parameters: Mapping[str, str | None]) -> Credentials:
        """From the parameters of the line; those that are unknown are of no interest."""
        return cls(
            user=parameters.get("user"),
            password=parameters.get("password"),
            may_close=parameters.get("enableClosePacket") == "true",
            sdk=parameters.get("SDK"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """
    @ivar smart: strings come in the encoding of 1.9.0.
    @ivar may_close: C{CLOSE} may be sent.
    @ivar new_tables: table descriptors have the Data Adapter's name.
    @ivar table_lists: and lists of items and statistics.
    """

    version: str
    smart: bool
    may_close: bool
    new_tables: bool
    table_lists: bool

    @property
    def decode(self) -> Decoder:
        """How the strings of everything but C{RAC} and the init reply are read."""
        return decode_smart if self.smart else decode_form


def agreed(answer: str | None, sdk: str | None, item_lists: str) -> Dialect:
    """
    @param answer: C{ARI.version} of the init reply, C{None} if it has none.
    @param sdk: from the C{RAC} line.
    @param item_lists: C{auto}, C{always} or C{never}.
    @raise CodecError: a version that was not offered.
    """
    version = OLDEST if answer is None else answer
    if version not in ACCEPTED:
        raise CodecError(f"the remote speaks protocol version {shown(version)}, the server {ADVERTISED} and older ones")
    smart = version >= "1.9.0"
    lists = item_lists == "always" or (item_lists == "auto" and sdk != NODE_SDK)
    return Dialect(
        version=version,
        smart=smart,
        may_close=version >= "1.8.3",
        new_tables=smart,
        table_lists=smart and lists,
    )
