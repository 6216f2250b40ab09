"""
What a server says, one function a line; the only place that writes a tag
(tlcp.md 2.6, 6.2). Every line ends with CR LF and every argument is always there,
because clients split at commas and read by position.
"""

from __future__ import annotations

import math
from functools import lru_cache

from lsserver.tlcp.lines import escape_argument

TERMINATOR = b"\r\n"

SHARED = 1024
"""Different lines of one kind that are remembered, since most sessions say the same and keep what they have said."""

_DECIMALS = 6
_UNLIMITED = b"unlimited"


def decimal(value: float) -> bytes:
    """
    A positive number as clients read it: digits, a dot, up to six decimals and no
    exponent, C{40.0} or C{2.5}; or C{unlimited}. Never rounded down to zero.
    """
    if math.isinf(value):
        return _UNLIMITED
    digits = f"{max(value, 10.0**-_DECIMALS):.{_DECIMALS}f}".rstrip("0")
    return (digits + "0" if digits.endswith(".") else digits).encode()


def conok(session_id: str, request_limit: int, keepalive_millis: int, control_link: str) -> bytes:
    """
    First line of an accepted create or bind. Clients do not decode the identifier
    and the control link, so both must need no encoding.
    """
    return b"CONOK,%s,%d,%d,%s\r\n" % (session_id.encode(), request_limit, keepalive_millis, control_link.encode())


def conerr(code: int, message: str) -> bytes:
    """Create or bind refused."""
    return b"CONERR,%d,%s\r\n" % (code, escape_argument(message))


def end(code: int, message: str) -> bytes:
    """Session closed by the server."""
    return b"END,%d,%s\r\n" % (code, escape_argument(message))


def loop(millis: int) -> bytes:
    """Please rebind, after so many milliseconds at most."""
    return b"LOOP,%d\r\n" % millis


def servname(name: str) -> bytes:
    """Configured name of the listening socket."""
    return b"SERVNAME,%s\r\n" % escape_argument(name)


def clientip(address: str) -> bytes:
    """
    Textual address of the peer. The zone of a link-local address says nothing to
    the client and has a percent sign, which clients would not decode: left out.
    """
    return b"CLIENTIP,%s\r\n" % escape_argument(address.partition("%")[0])


def cons(bandwidth: float | None) -> bytes:
    """Bandwidth in kbit/s, C{math.inf} = unlimited, C{None} = unmanaged."""
    return b"CONS,%s\r\n" % (b"unmanaged" if bandwidth is None else decimal(bandwidth))


def prog(progressive: int) -> bytes:
    """The data notification from which a recovered stream goes on."""
    return b"PROG,%d\r\n" % progressive


def noop(text: str) -> bytes:
    """Ignored by clients."""
    return b"NOOP,%s\r\n" % escape_argument(text)


def probe() -> bytes:
    """Nothing to say, still here."""
    return b"PROBE\r\n"


def sync(seconds: int) -> bytes:
    """Seconds since this connection was bound."""
    return b"SYNC,%d\r\n" % seconds


def wsok() -> bytes:
    """Answer to C{wsok}."""
    return b"WSOK\r\n"


def reqok(req_id: str | None) -> bytes:
    """Request accepted; C{None} for those without an identifier."""
    return b"REQOK\r\n" if req_id is None else b"REQOK,%s\r\n" % escape_argument(req_id)


def reqerr(req_id: str, code: int, message: str) -> bytes:
    """Request refused."""
    return b"REQERR,%s,%d,%s\r\n" % (escape_argument(req_id), code, escape_argument(message))


def error(code: int, message: str) -> bytes:
    """Request refused whose identifier could not be read."""
    return b"ERROR,%d,%s\r\n" % (code, escape_argument(message))


@lru_cache(SHARED)
def subok(sub_id: int, items: int, fields: int) -> bytes:
    """Subscription active: RAW, MERGE, DISTINCT."""
    return b"SUBOK,%d,%d,%d\r\n" % (sub_id, items, fields)


def subcmd(sub_id: int, items: int, fields: int, key: int, command: int) -> bytes:
    """Subscription active: COMMAND. Positions are 1-based."""
    return b"SUBCMD,%d,%d,%d,%d,%d\r\n" % (sub_id, items, fields, key, command)


@lru_cache(SHARED)
def conf(sub_id: int, frequency: float, unfiltered: bool) -> bytes:
    """Frequency in force, updates/s, C{math.inf} = unlimited."""
    return b"CONF,%d,%s,%s\r\n" % (sub_id, decimal(frequency), b"unfiltered" if unfiltered else b"filtered")


def eos(sub_id: int, item: int) -> bytes:
    """End of snapshot."""
    return b"EOS,%d,%d\r\n" % (sub_id, item)


def cs(sub_id: int, item: int) -> bytes:
    """Snapshot cleared."""
    return b"CS,%d,%d\r\n" % (sub_id, item)


def ov(sub_id: int, item: int, lost: int) -> bytes:
    """Events lost."""
    return b"OV,%d,%d,%d\r\n" % (sub_id, item, lost)


def unsub(sub_id: int) -> bytes:
    """Last line of a subscription."""
    return b"UNSUB,%d\r\n" % sub_id


def msgdone(sequence: str | None, progressive: int) -> bytes:
    """Message processed, for clients before 2.5, which accept two arguments only."""
    return b"MSGDONE,%s,%d\r\n" % (_sequence(sequence), progressive)


def msgdone_with_response(sequence: str | None, progressive: int, response: str) -> bytes:
    """Message processed, for clients of 2.5, which require the third argument."""
    return b"MSGDONE,%s,%d,%s\r\n" % (_sequence(sequence), progressive, escape_argument(response))


def msgfail(sequence: str | None, progressive: int, code: int, message: str) -> bytes:
    """Message failed. With code 39 the message is the number of messages skipped."""
    return b"MSGFAIL,%s,%d,%d,%s\r\n" % (_sequence(sequence), progressive, code, escape_argument(message))


def _sequence(name: str | None) -> bytes:
    return b"*" if name is None else escape_argument(name)
