"""
What a remote sends unasked (remote-adapters.md 2.4, 9, 14): events of items,
failures, requests of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from lsserver.remote.codec import CodecError, Decoder, decode_form, shown
from lsserver.remote.tokens import Tokens
from lsserver.remote.versions import Credentials

KEEPALIVE = "KEEPALIVE"

FieldValue: TypeAlias = str | bytes | None

EVENT_METHODS = frozenset({"UD3", "EOS", "CLS", "DFD"})


@dataclass(frozen=True, slots=True)
class TerminationRequest:
    """C{FST}: close a session; C{code} is C{None} if no cause is given."""

    request_id: str
    session_id: str
    code: int | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class UnsubscriptionRequest:
    """C{FUS}: end one subscription of a session."""

    request_id: str
    session_id: str
    win_index: int


def credentials(tokens: list[str]) -> Credentials:
    """
    A C{RAC} line.

    @raise CodecError: it is none.
    """
    if len(tokens) < 2 or tokens[1] != "RAC":
        raise CodecError(f"the first line is {shown('|'.join(tokens))}, not the remote's credentials")
    return Credentials.of(Tokens(tokens, 2, decode_form).pairs())


def update(tokens: list[str], decode: Decoder) -> dict[str, FieldValue]:
    """
    The fields of any C{UD3}, after its head.

    @raise CodecError: not pairs of a name and a value.
    """
    rest = Tokens(tokens, 8, decode)
    event: dict[str, FieldValue] = {}
    while rest.more:
        rest.skip_index()
        name = rest.text()
        event[name] = rest.field_value()
    return event


def event_head(tokens: list[str], decode: Decoder) -> tuple[str, str]:
    """
    Item and subscription id of an event.

    @raise CodecError: they are not there.
    """
    head = Tokens(tokens, 2, decode)
    return head.text(), head.text()


def snapshot_flag(tokens: list[str]) -> bool:
    """
    Of an C{UD3}.

    @raise CodecError: there is none.
    """
    if len(tokens) < 8 or tokens[6] != "B" or tokens[7] not in ("0", "1"):
        raise CodecError("the snapshot flag is missing")
    return tokens[7] == "1"


def diff_orders(tokens: list[str], decode: Decoder) -> dict[str, tuple[str, ...] | None]:
    """
    The fields of a C{DFD}.

    @raise CodecError: not pairs of a name and algorithms.
    """
    rest = Tokens(tokens, 6, decode)
    orders: dict[str, tuple[str, ...] | None] = {}
    while rest.more:
        name = rest.text()
        orders[name] = rest.algorithms()
    return orders


def failure_text(tokens: list[str], decode: Decoder) -> str:
    """The message of a C{FAL}; whatever form it has, the adapter has failed."""
    message = decode(tokens[3]) if len(tokens) > 3 else None
    return message or "no reason given"


def request(tokens: list[str], decode: Decoder) -> TerminationRequest | UnsubscriptionRequest:
    """
    C{FST} or C{FUS}.

    @raise CodecError: it is neither.
    """
    rest = Tokens(tokens, 2, decode)
    session_id = rest.text()
    found: TerminationRequest | UnsubscriptionRequest
    if tokens[1] == "FUS":
        found = UnsubscriptionRequest(tokens[0], session_id, rest.integer())
    elif rest.next_type == "V":
        rest.void()
        found = TerminationRequest(tokens[0], session_id)
    else:
        found = TerminationRequest(tokens[0], session_id, rest.integer(), rest.string())
    rest.finish()
    return found
