"""
What a client may ask, typed.

The parsers live in L{lsserver.tlcp.parsing}; the engine sees only these values.
Numbers that may be C{unlimited} are floats, with C{math.inf} for unlimited.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

UNLIMITED = math.inf


class Mode(Enum):
    """Subscription modes, tlcp.md 8.1."""

    RAW = "RAW"
    MERGE = "MERGE"
    DISTINCT = "DISTINCT"
    COMMAND = "COMMAND"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Any request. C{session} is C{None} where the connection implies it."""

    session: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionParameters:
    """What create and bind say about the one connection they open, tlcp.md 4.1."""

    content_length: int | None = None
    polling: bool = False
    polling_millis: int = 0
    idle_millis: int = 0
    keepalive_millis: int | None = None
    inactivity_millis: int | None = None
    send_sync: bool = True
    reduce_head: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRequest(Request):
    """A line of C{control} or C{msg}; C{req_id} is empty in a combo request (tlcp.md 4.10)."""

    req_id: str = ""
    ack: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSession(Request):
    """tlcp.md 4.1. C{supported_diffs}: C{None} = all, else a set of C{P} and C{T}."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    adapter_set: str = "DEFAULT"
    client_id: str | None = None
    requested_max_bandwidth: float = UNLIMITED
    supported_diffs: frozenset[str] | None = None
    connection: ConnectionParameters = ConnectionParameters()
    ttl_millis: float | None = None
    old_session: str | None = None
    cause: str | None = None
    combo: tuple[ControlRequest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BindSession(Request):
    """tlcp.md 4.2. C{requested_max_bandwidth} C{None} = not mentioned."""

    recovery_from: int | None = None
    requested_max_bandwidth: float | None = None
    connection: ConnectionParameters = ConnectionParameters()
    cause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe(ControlRequest):
    """
    C{LS_op=add}, tlcp.md 5.2.

    @ivar snapshot_length: upper bound that the client set, C{None} = the server decides.
    @ivar requested_max_frequency: updates/s.
    @ivar requested_buffer_size: events; C{None} = the default of the mode.
    """

    sub_id: int
    mode: Mode
    group: str
    schema: str
    data_adapter: str = "DEFAULT"
    selector: str | None = None
    snapshot: bool = False
    snapshot_length: int | None = None
    requested_max_frequency: float = UNLIMITED
    unfiltered: bool = False
    requested_buffer_size: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscribe(ControlRequest):
    """C{LS_op=delete}, tlcp.md 5.3."""

    sub_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconfigure(ControlRequest):
    """C{LS_op=reconf}, tlcp.md 5.4. C{None} = no change."""

    sub_id: int
    requested_max_frequency: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Constrain(ControlRequest):
    """C{LS_op=constrain}, tlcp.md 5.5, kbit/s. C{None} = no change."""

    requested_max_bandwidth: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceRebind(ControlRequest):
    """C{LS_op=force_rebind}, tlcp.md 5.6."""

    polling_millis: int | None = None
    close_socket: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Destroy(ControlRequest):
    """C{LS_op=destroy}, tlcp.md 5.7."""

    cause_code: int | None = None
    cause_message: str | None = None
    close_socket: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRequest(ControlRequest):
    """Any of the mobile push operations, tlcp.md 13.1."""

    operation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(ControlRequest):
    """C{msg}, tlcp.md 9.1. C{sequence} C{None} = unordered."""

    message: str
    sequence: str | None = None
    progressive: int | None = None
    max_wait_millis: int | None = None
    outcome: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat(Request):
    """tlcp.md 5.9."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendLog(Request):
    """C{send_log}, tlcp.md 5.9: the lines of a remote log appender."""

    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WsOk(Request):
    """C{wsok}, tlcp.md 3.5."""


class RequestError(Exception):
    """
    A request that cannot be understood. C{req_id} is C{None} where it could not
    be read, and then the answer is C{ERROR} rather than C{REQERR} (tlcp.md 2.6).
    """

    def __init__(self, code: int, text: str, req_id: str | None = None) -> None:
        super().__init__(code, text, req_id)
        self.code = code
        self.text = text
        self.req_id = req_id
