"""
The cause codes of the protocol, named (tlcp.md 10.8).

Two tables, chosen by the tag of the line and never by the number: 11, 35, 40 and
48 mean different things in each. Codes of zero and below belong to the Metadata
Adapter, or to the client that destroys its session, and have no name here.
"""

from __future__ import annotations

from enum import IntEnum


class SessionCode(IntEnum):
    """Codes of C{CONERR} and C{END}."""

    USER_CHECK_FAILED = 1
    ADAPTER_SET_NOT_AVAILABLE = 2
    INCOMPATIBLE_PROTOCOL = 3
    RECOVERY_IMPOSSIBLE = 4
    OVERLOADED = 5
    USER_CHECK_UNAVAILABLE = 6
    LICENSED_SESSION_COUNT = 7
    SESSION_COUNT = 8
    SERVER_LOAD = 9
    SESSIONS_BLOCKED = 10
    STREAMING_NOT_AVAILABLE = 11
    SESSION_NOT_FOUND = 20
    OTHER_INSTANCE = 21
    DESTROYED_BY_CLIENT = 31
    CLOSED_BY_SERVER = 32
    SERVER_ERROR = 33
    SERVER_ERROR_ALTERNATIVE = 34
    REPLACED_BY_USER = 35
    MANUAL_REBIND_ELSEWHERE = 40
    STALE_REQUEST = 41
    MAX_DURATION = 48
    CLIENT_VERSION_NOT_SUPPORTED = 60
    COMBO_FAILED = 64
    INVALID_VALUE = 65
    METADATA_ADAPTER_EXCEPTION = 66
    MALFORMED_REQUEST = 67
    INTERNAL_ERROR = 68
    STREAMING_IN_PLACE = 69
    NOT_ALLOWED_ON_PORT = 70
    CLIENT_TYPE_NOT_SUPPORTED = 71

    @property
    def text(self) -> str:
        """What to tell the client when there is nothing better to say."""
        return _SESSION_TEXTS[self]


class ControlCode(IntEnum):
    """Codes of C{REQERR}, C{ERROR} and C{MSGFAIL}."""

    INCOMPATIBLE_PROTOCOL = 3
    OTHER_INSTANCE = 11
    UNFILTERED_RECONFIGURATION = 13
    NO_KEY_FIELD = 15
    NO_COMMAND_FIELD = 16
    BAD_DATA_ADAPTER = 17
    SUBSCRIPTION_NOT_FOUND = 19
    SESSION_NOT_FOUND = 20
    BAD_GROUP = 21
    BAD_GROUP_FOR_SCHEMA = 22
    BAD_SCHEMA = 23
    MODE_NOT_ALLOWED = 24
    BAD_SELECTOR = 25
    UNFILTERED_LIMITED = 26
    UNFILTERED_PREFILTERED = 27
    UNFILTERED_NOT_LICENSED = 28
    RAW_NOT_LICENSED = 29
    SUBSCRIPTIONS_NOT_LICENSED = 30
    MESSAGE_TOO_LOW = 32
    MESSAGE_ALREADY_RECEIVED = 33
    MESSAGE_REJECTED = 34
    MESSAGE_ADAPTER_EXCEPTION = 35
    MESSAGE_SKIPPED = 38
    MESSAGES_SKIPPED = 39
    PUSH_DISABLED = 40
    PUSH_RESOURCE_FAILED = 41
    PUSH_BAD_PLATFORM = 42
    PUSH_BAD_APPLICATION = 43
    PUSH_BAD_TRIGGER = 44
    PUSH_DEVICE_NOT_FOUND = 45
    PUSH_SUBSCRIPTION_NOT_FOUND = 46
    PUSH_BAD_ARGUMENT_NAME = 47
    PUSH_DEVICE_SUSPENDED = 48
    PUSH_ARGUMENT_TOO_LONG = 49
    PUSH_NO_ITEMS = 50
    PUSH_PAYLOAD_TOO_LARGE = 51
    PUSH_BAD_FORMAT = 52
    PUSH_EMPTY_FORMAT = 53
    PUSH_MISMATCH = 56
    INVALID_VALUE = 65
    METADATA_ADAPTER_EXCEPTION = 66
    MALFORMED_REQUEST = 67
    INTERNAL_ERROR = 68

    @property
    def text(self) -> str:
        """What to tell the client when there is nothing better to say."""
        return _CONTROL_TEXTS[self]


COMBO_FAILED_PREFIX = "Unexpected error while initializing the session: "
"""Precedes the reason in the text of L{SessionCode.COMBO_FAILED} (tlcp.md 4.10)."""


_SESSION_TEXTS: dict[SessionCode, str] = {
    SessionCode.USER_CHECK_FAILED: "User/password check failed",
    SessionCode.ADAPTER_SET_NOT_AVAILABLE: "Requested Adapter Set not available",
    SessionCode.INCOMPATIBLE_PROTOCOL: "The session was created with an incompatible protocol version",
    SessionCode.RECOVERY_IMPOSSIBLE: "Requested progressive not available",
    SessionCode.OVERLOADED: "Server overloaded, please retry later",
    SessionCode.USER_CHECK_UNAVAILABLE: "User/password check temporarily not available",
    SessionCode.LICENSED_SESSION_COUNT: "Licensed session count limit reached",
    SessionCode.SESSION_COUNT: "Session count limit reached",
    SessionCode.SERVER_LOAD: "Server load limit reached",
    SessionCode.SESSIONS_BLOCKED: "New sessions are temporarily not accepted",
    SessionCode.STREAMING_NOT_AVAILABLE: "Streaming not available",
    SessionCode.SESSION_NOT_FOUND: "Session not found",
    SessionCode.OTHER_INSTANCE: "The session belongs to another server instance",
    SessionCode.DESTROYED_BY_CLIENT: "Destroy invoked by client",
    SessionCode.CLOSED_BY_SERVER: "Session closed by the server",
    SessionCode.SERVER_ERROR: "Unexpected error on the server while the session was in progress",
    SessionCode.SERVER_ERROR_ALTERNATIVE: "Unexpected error on the server while the session was in progress",
    SessionCode.REPLACED_BY_USER: "Another session of the same user has been opened",
    SessionCode.MANUAL_REBIND_ELSEWHERE: "The session has been rebound by another client",
    SessionCode.STALE_REQUEST: "The request is duplicated or stale",
    SessionCode.MAX_DURATION: "Maximum session duration reached",
    SessionCode.CLIENT_VERSION_NOT_SUPPORTED: "Client version not supported",
    SessionCode.COMBO_FAILED: "Unexpected error while initializing the session",
    SessionCode.INVALID_VALUE: "Invalid value in the request",
    SessionCode.METADATA_ADAPTER_EXCEPTION: "Unexpected exception in the Metadata Adapter",
    SessionCode.MALFORMED_REQUEST: "Malformed request",
    SessionCode.INTERNAL_ERROR: "Internal error during request processing",
    SessionCode.STREAMING_IN_PLACE: "A session is already streaming on this connection",
    SessionCode.NOT_ALLOWED_ON_PORT: "Session creation not allowed on this port",
    SessionCode.CLIENT_TYPE_NOT_SUPPORTED: "Client type not supported",
}


_CONTROL_TEXTS: dict[ControlCode, str] = {
    ControlCode.INCOMPATIBLE_PROTOCOL: "The session was created with an incompatible protocol version",
    ControlCode.OTHER_INSTANCE: "The session belongs to another server instance",
    ControlCode.UNFILTERED_RECONFIGURATION: "The frequency of an unfiltered subscription cannot be changed",
    ControlCode.NO_KEY_FIELD: "The field 'key' is missing from the schema of a COMMAND subscription",
    ControlCode.NO_COMMAND_FIELD: "The field 'command' is missing from the schema of a COMMAND subscription",
    ControlCode.BAD_DATA_ADAPTER: "Requested Data Adapter not available",
    ControlCode.SUBSCRIPTION_NOT_FOUND: "Specified subscription not found",
    ControlCode.SESSION_NOT_FOUND: "Session not found",
    ControlCode.BAD_GROUP: "Invalid item group",
    ControlCode.BAD_GROUP_FOR_SCHEMA: "Invalid item group for this field schema",
    ControlCode.BAD_SCHEMA: "Invalid field schema",
    ControlCode.MODE_NOT_ALLOWED: "Invalid mode for these items",
    ControlCode.BAD_SELECTOR: "Invalid selector for these items",
    ControlCode.UNFILTERED_LIMITED: "Unfiltered dispatching not allowed: an item has a frequency limit",
    ControlCode.UNFILTERED_PREFILTERED: "Unfiltered dispatching not possible: an item is filtered at its source",
    ControlCode.UNFILTERED_NOT_LICENSED: "Unfiltered dispatching not available",
    ControlCode.RAW_NOT_LICENSED: "RAW mode not available",
    ControlCode.SUBSCRIPTIONS_NOT_LICENSED: "Subscriptions not available",
    ControlCode.MESSAGE_TOO_LOW: "Message progressive number too low",
    ControlCode.MESSAGE_ALREADY_RECEIVED: "Message progressive number already received",
    ControlCode.MESSAGE_REJECTED: "The message has been rejected",
    ControlCode.MESSAGE_ADAPTER_EXCEPTION: "Unexpected exception while processing the message",
    ControlCode.MESSAGE_SKIPPED: "The specified progressive number has been skipped by timeout",
    # The message of a 39 is a count (tlcp.md 9.5): one skipped is the least there can be.
    ControlCode.MESSAGES_SKIPPED: "1",
    ControlCode.PUSH_DISABLED: "The MPN Module is disabled",
    ControlCode.PUSH_RESOURCE_FAILED: "The MPN request failed on an internal resource",
    ControlCode.PUSH_BAD_PLATFORM: "Invalid MPN platform",
    ControlCode.PUSH_BAD_APPLICATION: "Invalid MPN application",
    ControlCode.PUSH_BAD_TRIGGER: "Invalid MPN trigger",
    ControlCode.PUSH_DEVICE_NOT_FOUND: "MPN device not found",
    ControlCode.PUSH_SUBSCRIPTION_NOT_FOUND: "MPN subscription not found",
    ControlCode.PUSH_BAD_ARGUMENT_NAME: "Invalid argument name in the MPN trigger or format",
    ControlCode.PUSH_DEVICE_SUSPENDED: "The MPN device is suspended",
    ControlCode.PUSH_ARGUMENT_TOO_LONG: "An MPN argument is too long",
    ControlCode.PUSH_NO_ITEMS: "The MPN subscription has no items or no fields",
    ControlCode.PUSH_PAYLOAD_TOO_LARGE: "The MPN payload is too large",
    ControlCode.PUSH_BAD_FORMAT: "The MPN notification format is not valid JSON",
    ControlCode.PUSH_EMPTY_FORMAT: "The MPN notification format is empty",
    ControlCode.PUSH_MISMATCH: "The parameters do not match those of the MPN subscription",
    ControlCode.INVALID_VALUE: "Invalid value in the request",
    ControlCode.METADATA_ADAPTER_EXCEPTION: "Unexpected exception in the Metadata Adapter",
    ControlCode.MALFORMED_REQUEST: "Malformed request",
    ControlCode.INTERNAL_ERROR: "Internal error during request processing",
}
