"""
Requests that open a stream: C{create_session} and C{bind_session} (tlcp.md 4.1, 4.2, 4.10).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lsserver.tlcp.codes import COMBO_FAILED_PREFIX, SessionCode
from lsserver.tlcp.control_requests import parse_anonymous
from lsserver.tlcp.lines import is_text
from lsserver.tlcp.parameters import InvalidParameter, Parameters
from lsserver.tlcp.requests import (
    UNLIMITED,
    BindSession,
    ConnectionParameters,
    ControlRequest,
    CreateSession,
    RequestError,
)

_MALFORMED = SessionCode.MALFORMED_REQUEST
_DIFFS = frozenset("PT")


def parse_create(lines: Iterable[Mapping[str, str]]) -> CreateSession | RequestError:
    """
    A creation.

    @param lines: the parameters of the creation, with or without those of one
        control request; then those of more control requests, a line each.
    @return: the request or what is wrong with it, never raised.
    """
    first, *others = [_parameters(values) for values in lines]
    try:
        return _create(_checked(first), others)
    except InvalidParameter as error:
        return RequestError(error.code, error.text)


def _parameters(values: Mapping[str, str]) -> Parameters | None:
    """C{None} for what is not UTF-8."""
    return Parameters(values) if is_text(values.values()) else None


def _checked(parameters: Parameters | None) -> Parameters:
    if parameters is None:
        raise InvalidParameter(_MALFORMED, f"{_MALFORMED.text}: not valid UTF-8")
    return parameters


def _create(parameters: Parameters, others: list[Parameters | None]) -> CreateSession:
    adapter_set = parameters.text("LS_adapter_set")
    bandwidth = parameters.limit("LS_requested_max_bandwidth")
    return CreateSession(
        user=parameters.text("LS_user"),
        password=parameters.text("LS_password"),
        adapter_set="DEFAULT" if adapter_set is None else adapter_set,
        client_id=parameters.text("LS_cid"),
        requested_max_bandwidth=UNLIMITED if bandwidth is None else bandwidth,
        supported_diffs=_supported_diffs(parameters),
        connection=_connection(parameters),
        ttl_millis=_ttl(parameters),
        old_session=parameters.text("LS_old_session") or None,
        cause=parameters.text("LS_cause"),
        combo=_combo(parameters, others),
    )


def _combo(parameters: Parameters, others: list[Parameters | None]) -> tuple[ControlRequest, ...]:
    lines = [parameters] if "LS_op" in parameters or "LS_message" in parameters else []
    try:
        return tuple([parse_anonymous(_checked(line)) for line in [*lines, *others]])
    except InvalidParameter as error:
        raise InvalidParameter(SessionCode.COMBO_FAILED, COMBO_FAILED_PREFIX + error.text) from error


def _supported_diffs(parameters: Parameters) -> frozenset[str] | None:
    value = parameters.text("LS_supported_diffs")
    return None if value is None else _DIFFS.intersection(tag.strip() for tag in value.split(","))


def _ttl(parameters: Parameters) -> float | None:
    value = parameters.text("LS_ttl_millis")
    return None if value is not None and value.lower() == "unknown" else parameters.whole_limit("LS_ttl_millis")


def _connection(parameters: Parameters) -> ConnectionParameters:
    """What belongs to the other kind of connection is not looked at (tlcp.md 4.3)."""
    content_length = parameters.integer("LS_content_length")
    reduce_head = parameters.flag("LS_reduce_head")
    if parameters.flag("LS_polling"):
        return ConnectionParameters(
            content_length=content_length,
            polling=True,
            polling_millis=parameters.integer("LS_polling_millis") or 0,
            idle_millis=parameters.integer("LS_idle_millis") or 0,
            reduce_head=reduce_head,
        )
    return ConnectionParameters(
        content_length=content_length,
        # Zero asks for the server's own choice.
        keepalive_millis=parameters.integer("LS_keepalive_millis") or None,
        inactivity_millis=parameters.integer("LS_inactivity_millis") or None,
        send_sync=parameters.flag("LS_send_sync", default=True),
        reduce_head=reduce_head,
    )


def parse_bind(values: Mapping[str, str], *, session_implied: bool) -> BindSession | RequestError:
    """
    A rebind.

    @param session_implied: the connection knows which session where the request does
        not say, as on a WebSocket.
    @return: the request or what is wrong with it, never raised.
    """
    try:
        parameters = _checked(_parameters(values))
        session = parameters.session()
        if session is None and not session_implied:
            raise InvalidParameter(SessionCode.INVALID_VALUE, "LS_session is missing")
        return BindSession(
            session=session,
            recovery_from=parameters.integer("LS_recovery_from"),
            requested_max_bandwidth=parameters.limit("LS_requested_max_bandwidth"),
            connection=_connection(parameters),
            cause=parameters.text("LS_cause"),
        )
    except InvalidParameter as error:
        return RequestError(error.code, error.text)
