"""
What adapters raise, and what the server makes of it (adapters-api.md 12).

The names and the constructor arguments are those of the official Python adapter
SDK, so that code written for it needs no change but the import.
"""

from __future__ import annotations


class LoadError(Exception):
    """An adapter set cannot be loaded or started; the text is one readable line."""


class AdapterTimeoutError(Exception):
    """An adapter method did not answer within C{adapter_call_timeout_millis}."""


class MetadataError(Exception):
    """Base of what Metadata Adapters raise. C{msg} goes to the log only."""

    def __init__(self, msg: str = "") -> None:
        super().__init__(msg)
        self.msg = msg


class MetadataProviderError(MetadataError):
    """Raised by C{initialize}: the server must not start."""


class NotificationError(MetadataError):
    """A notification that does not fit; messages fail with 34, requests with 68."""


class AccessError(MetadataError):
    """The user is unknown or the password is wrong: C{CONERR} 1, generic text."""


class ResourceUnavailableError(AccessError):
    """What decides about the user cannot be reached now: C{CONERR} 6, clients try again."""


class ItemsError(MetadataError):
    """The item group is not known: 21, or 22 when C{get_schema} raises it."""


class SchemaError(MetadataError):
    """The field schema is not known: 23."""


class CreditsError(MetadataError):
    """
    Something that this user is not granted; code and user message go to the client.

    @ivar client_error_code: zero or negative; a positive one becomes zero.
    @ivar client_user_msg: the text for the client, empty when none was given.
    """

    def __init__(self, client_error_code: int, msg: str, user_msg: str | None = None) -> None:
        super().__init__(msg)
        self.client_error_code = min(int(client_error_code), 0)
        self.client_user_msg = "" if user_msg is None else user_msg


class ConflictingSessionError(CreditsError):
    """
    From C{notify_new_session}: the session would be accepted if another were closed.

    @ivar conflicting_session_id: that other session.
    """

    def __init__(
        self, client_error_code: int, msg: str, conflicting_session_id: str, user_msg: str | None = None
    ) -> None:
        super().__init__(client_error_code, msg, user_msg)
        self.conflicting_session_id = conflicting_session_id


class ModeError(MetadataError):
    """An item may not be subscribed in this mode: 24."""


class SelectorError(MetadataError):
    """The selector is not allowed for an item: 25."""


class UnfilteredError(MetadataError):
    """
    Unfiltered dispatching is not possible for an item.

    @ivar prefiltered: because the item has a prefilter (27), else because the
        user has a frequency limit (26).
    """

    def __init__(self, msg: str, prefiltered: bool) -> None:
        super().__init__(msg)
        self.prefiltered = prefiltered


class DataError(Exception):
    """Base of what Data Adapters raise. C{msg} goes to the log only."""

    def __init__(self, msg: str = "") -> None:
        super().__init__(msg)
        self.msg = msg


class DataProviderError(DataError):
    """Raised by C{initialize}: the server must not start."""


class SubscribeError(DataError):
    """The item cannot be supplied; its clients stay subscribed and receive nothing."""


class FailureError(DataError):
    """The Data Adapter can no longer be trusted: the process ends."""
