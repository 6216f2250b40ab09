"""
Five boards that show what was last written on them: the items C{roundtrip0} to
C{roundtrip4}, mode MERGE, with the fields C{message}, C{timestamp} (HH:MM:SS),
C{date} (YYYY.MM.DD) and C{IP} (who wrote it).

A client writes by sending the message C{RT|<number>|text}; the time until it
sees its own text is the round trip.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from twisted.internet.interfaces import IReactorTime

from lsserver.adapters.errors import NotificationError, SubscribeError
from lsserver.adapters.interfaces import IAdapterContext
from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.adapters.providers import DataProvider

BOARDS = tuple(f"roundtrip{number}" for number in range(5))
EMPTY = {"message": "-", "timestamp": "-", "date": "-", "IP": "-"}
MAX_LENGTH = 500


class RoundTrip(DataProvider):
    """The Data Adapter: remembers what is on each board."""

    def __init__(self) -> None:
        self._boards = {board: dict(EMPTY) for board in BOARDS}

    def set_context(self, context: IAdapterContext) -> None:
        """Called first, by the server."""
        self._clock: IReactorTime = context.reactor

    def issnapshot_available(self, item_name: str) -> bool:
        """Always: what is on the board."""
        return True

    def subscribe(self, item_name: str) -> None:
        """Send what is on the board; changes come from L{write}."""
        if item_name not in self._boards:
            raise SubscribeError(f"there is no board {item_name}")
        self.listener.update(item_name, self._boards[item_name], True)

    def unsubscribe(self, item_name: str) -> None:
        """There is nothing to stop: the server ignores events that nobody has subscribed."""

    def write(self, board: str, address: str, text: str) -> None:
        """Put a text on a board."""
        now = datetime.fromtimestamp(self._clock.seconds())
        self._boards[board] = {
            "message": text,
            "timestamp": now.strftime("%H:%M:%S"),
            "date": now.strftime("%Y.%m.%d"),
            "IP": address,
        }
        self.listener.update(board, self._boards[board])


class RoundTripMetadata(LiteralBasedProvider):
    """The Metadata Adapter: knows where each session comes from, and passes on what it writes."""

    def set_context(self, context: IAdapterContext) -> None:
        """Called first, by the server."""
        self._context = context
        self._addresses: dict[str, str] = {}  # by session id

    def notify_new_session(self, user: str | None, session_id: str, client_context: dict[str, Any]) -> None:
        """A client comes."""
        self._addresses[session_id] = client_context.get("REMOTE_IP") or "-"

    def notify_session_close(self, session_id: str) -> None:
        """A client leaves."""
        del self._addresses[session_id]

    def notify_user_message(self, user: str | None, session_id: str, message: str) -> None:
        """C{RT|<number>|text}, where the text may be empty and may contain C{|}."""
        command, *parts = message.split("|", 2)
        # The session may have ended while its last message was on the way.
        address = self._addresses.get(session_id)
        if command != "RT" or len(parts) < 2 or address is None:
            raise NotificationError(f"wrong message {message[:100]!r}")
        number, text = parts
        if f"roundtrip{number}" not in BOARDS or len(text) > MAX_LENGTH:
            raise NotificationError(f"wrong message {message[:100]!r}")
        boards: RoundTrip = self._context.get_adapter("ROUNDTRIP_ADAPTER")
        boards.write(f"roundtrip{number}", address, text)
