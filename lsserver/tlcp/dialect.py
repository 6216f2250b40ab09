"""
TLCP as a wire language: what the engine asks for when it has something to say.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from lsserver.tlcp import diff, notifications, values
from lsserver.tlcp.versions import Version


class TlcpValues:
    """The value codec of every version; it has no state."""

    __slots__ = ()

    terminator = notifications.TERMINATOR
    token = staticmethod(values.token)
    text = staticmethod(values.text)
    body = staticmethod(values.body)
    prefix = staticmethod(values.prefix)
    diff_body = staticmethod(diff.diff_body)


TLCP_VALUES = TlcpValues()
"""One for all versions, so that their sessions share encoded lists."""


class TlcpDialect:
    """
    The lines of one version. What a version must not be sent at all is for the
    engine to know from the flags; here is only what is written differently.
    """

    values = TLCP_VALUES

    conok = staticmethod(notifications.conok)
    conerr = staticmethod(notifications.conerr)
    end = staticmethod(notifications.end)
    loop = staticmethod(notifications.loop)
    servname = staticmethod(notifications.servname)
    clientip = staticmethod(notifications.clientip)
    cons = staticmethod(notifications.cons)
    prog = staticmethod(notifications.prog)
    noop = staticmethod(notifications.noop)
    probe = staticmethod(notifications.probe)
    sync = staticmethod(notifications.sync)
    wsok = staticmethod(notifications.wsok)
    reqok = staticmethod(notifications.reqok)
    reqerr = staticmethod(notifications.reqerr)
    error = staticmethod(notifications.error)
    subok = staticmethod(notifications.subok)
    subcmd = staticmethod(notifications.subcmd)
    conf = staticmethod(notifications.conf)
    eos = staticmethod(notifications.eos)
    cs = staticmethod(notifications.cs)
    ov = staticmethod(notifications.ov)
    unsub = staticmethod(notifications.unsub)
    msgfail = staticmethod(notifications.msgfail)

    def __init__(self, version: Version) -> None:
        self.version = str(version)
        self.recovery = version.recovery
        self.diffs = version.diffs
        self.temporary_refusals = version.temporary_refusals
        self._msgdone: Callable[[str | None, int, str], bytes] = (
            notifications.msgdone_with_response if version.message_response else _msgdone_without_response
        )

    def msgdone(self, sequence: str | None, progressive: int, response: str) -> bytes:
        """Message processed; versions before 2.5 are not told the response."""
        return self._msgdone(sequence, progressive, response)


def _msgdone_without_response(sequence: str | None, progressive: int, response: str) -> bytes:
    return notifications.msgdone(sequence, progressive)


@cache
def dialect_for(version: Version) -> TlcpDialect:
    """The one dialect of a version."""
    return TlcpDialect(version)
