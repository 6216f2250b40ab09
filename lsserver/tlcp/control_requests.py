"""
Request lines of C{control} and C{msg} (tlcp.md 5, 9.1, 13.1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypedDict

from lsserver.tlcp.codes import ControlCode
from lsserver.tlcp.lines import CutLine, is_text
from lsserver.tlcp.parameters import InvalidParameter, Parameters, invalid, whole
from lsserver.tlcp.requests import (
    UNLIMITED,
    Constrain,
    ControlRequest,
    Destroy,
    ForceRebind,
    Message,
    Mode,
    PushRequest,
    Reconfigure,
    RequestError,
    Subscribe,
    Unsubscribe,
)

_MALFORMED = ControlCode.MALFORMED_REQUEST
_SEQUENCE = re.compile("[A-Za-z0-9_]+")
_RESERVED_SEQUENCE = "UNORDERED_MESSAGES"
_MAX_PROGRESSIVE = 2**31 - 1
_PUSH_OPERATIONS = frozenset({"register", "reset_badge", "activate", "pn_reconf", "deactivate"})


class Common(TypedDict):
    """What every request of this kind has."""

    session: str | None
    req_id: str
    ack: bool


Parser = Callable[[Parameters, Common], ControlRequest]


def parse_identified(values: Mapping[str, str], parser: Parser) -> ControlRequest | RequestError:
    """
    A request that names itself with C{LS_reqId}.

    @return: the request or what is wrong with it, never raised, so that the other
        lines of a batch are not affected.
    """
    req_id = values.get("LS_reqId")
    if not req_id or not is_text((req_id,)):
        return RequestError(_MALFORMED, _MALFORMED.text)
    if not is_text(values.values()):
        return RequestError(_MALFORMED, f"{_MALFORMED.text}: not valid UTF-8", req_id)
    if isinstance(values, CutLine):
        return RequestError(_MALFORMED, f"{_MALFORMED.text}: not as long as LS_unq says", req_id)
    parameters = Parameters(values)
    try:
        return parser(
            parameters,
            Common(session=parameters.session(), req_id=req_id, ack=parameters.flag("LS_ack", default=True)),
        )
    except InvalidParameter as error:
        return RequestError(error.code, error.text, req_id)


def parse_anonymous(parameters: Parameters) -> ControlRequest:
    """
    A line of a combo request: an operation, or a message, which has no C{LS_op}
    (tlcp.md 4.10).

    @raise InvalidParameter: see its code.
    """
    parser = parse_message if "LS_op" not in parameters and "LS_message" in parameters else parse_operation
    return parser(parameters, Common(session=None, req_id="", ack=True))


def parse_operation(parameters: Parameters, common: Common) -> ControlRequest:
    """
    A line of C{control}.

    @raise InvalidParameter: see its code.
    """
    operation = parameters.required("LS_op")
    parser = _OPERATIONS.get(operation)
    if parser is not None:
        return parser(parameters, common)
    if operation in _PUSH_OPERATIONS:
        return PushRequest(operation=operation, **common)
    raise InvalidParameter(_MALFORMED, f"{_MALFORMED.text}: unknown LS_op")


def _subscribe(parameters: Parameters, common: Common) -> Subscribe:
    sub_id = parameters.required_integer("LS_subId", 1)
    name = parameters.required("LS_mode")
    if name not in Mode.__members__:
        raise invalid("LS_mode")
    mode = Mode[name]
    group = parameters.required("LS_group")
    schema = parameters.required("LS_schema")
    snapshot, snapshot_length = _snapshot(parameters, mode)
    frequency, unfiltered = _frequency(parameters, mode)
    buffer_size = None
    if mode in (Mode.MERGE, Mode.DISTINCT) and not unfiltered:
        buffer_size = parameters.whole_limit("LS_requested_buffer_size")
    data_adapter = parameters.text("LS_data_adapter")
    return Subscribe(
        sub_id=sub_id,
        mode=mode,
        group=group,
        schema=schema,
        data_adapter="DEFAULT" if data_adapter is None else data_adapter,
        selector=parameters.text("LS_selector"),
        snapshot=snapshot,
        snapshot_length=snapshot_length,
        requested_max_frequency=frequency,
        unfiltered=unfiltered,
        requested_buffer_size=buffer_size,
        **common,
    )


def _snapshot(parameters: Parameters, mode: Mode) -> tuple[bool, int | None]:
    """A length means something in DISTINCT only; elsewhere it is a yes. RAW has no snapshot."""
    value = parameters.text("LS_snapshot")
    if value is None or mode is Mode.RAW:
        return False, None
    if not value[:1].isdigit():
        return parameters.flag("LS_snapshot"), None
    length = whole("LS_snapshot", value, 0)
    return length > 0, length if mode is Mode.DISTINCT and length else None


def _frequency(parameters: Parameters, mode: Mode) -> tuple[float, bool]:
    """The updates/s asked for and whether none may be filtered; nothing to choose in RAW."""
    name = "LS_requested_max_frequency"
    if mode is Mode.RAW:
        return UNLIMITED, False
    if (parameters.text(name) or "").lower() == "unfiltered":
        return UNLIMITED, True
    frequency = parameters.limit(name)
    return UNLIMITED if frequency is None else frequency, False


def _unsubscribe(parameters: Parameters, common: Common) -> Unsubscribe:
    return Unsubscribe(sub_id=parameters.required_integer("LS_subId", 1), **common)


def _reconfigure(parameters: Parameters, common: Common) -> Reconfigure:
    return Reconfigure(
        sub_id=parameters.required_integer("LS_subId", 1),
        requested_max_frequency=parameters.limit("LS_requested_max_frequency"),
        **common,
    )


def _constrain(parameters: Parameters, common: Common) -> Constrain:
    return Constrain(requested_max_bandwidth=parameters.limit("LS_requested_max_bandwidth"), **common)


def _force_rebind(parameters: Parameters, common: Common) -> ForceRebind:
    return ForceRebind(
        polling_millis=parameters.integer("LS_polling_millis"),
        close_socket=parameters.flag("LS_close_socket"),
        **common,
    )


def _destroy(parameters: Parameters, common: Common) -> Destroy:
    code = parameters.signed("LS_cause_code")
    message = None
    if code is not None:
        # Positive codes are the server's own; a missing text is the word null (tlcp.md 5.7).
        code = min(code, 0)
        message = parameters.text("LS_cause_message")
        message = "null" if message is None else message
    return Destroy(cause_code=code, cause_message=message, close_socket=parameters.flag("LS_close_socket"), **common)


_OPERATIONS: dict[str, Parser] = {
    "add": _subscribe,
    "delete": _unsubscribe,
    "reconf": _reconfigure,
    "constrain": _constrain,
    "force_rebind": _force_rebind,
    "destroy": _destroy,
}


def parse_message(parameters: Parameters, common: Common) -> Message:
    """
    A line of C{msg}.

    @raise InvalidParameter: see its code.
    """
    message = parameters.required("LS_message")
    sequence = parameters.text("LS_sequence")
    if sequence is not None and (_SEQUENCE.fullmatch(sequence) is None or sequence == _RESERVED_SEQUENCE):
        raise invalid("LS_sequence")
    progressive = parameters.integer("LS_msg_prog", 1, _MAX_PROGRESSIVE)
    outcome = parameters.flag("LS_outcome", default=True)
    max_wait = None
    if sequence is not None:
        if progressive is None:
            parameters.required("LS_msg_prog")
        max_wait = parameters.integer("LS_max_wait")
    return Message(
        message=message,
        sequence=sequence,
        progressive=progressive,
        max_wait_millis=max_wait,
        # Without a number there is no way to tell the outcome (tlcp.md 9.1).
        outcome=outcome and progressive is not None,
        **common,
    )
