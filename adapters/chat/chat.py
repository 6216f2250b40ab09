"""
A chat with one room: the item C{chat_room}, mode DISTINCT, with the fields
C{message}, C{IP}, C{nick}, C{timestamp} (HH:MM:SS) and C{raw_timestamp}
(milliseconds since 1970).

A client posts by sending the message C{CHAT|text}. Nobody logs in: people are
told apart by their address and their browser.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Any

from twisted.internet.interfaces import IReactorTime

from lsserver.adapters.errors import NotificationError, SubscribeError
from lsserver.adapters.interfaces import IAdapterContext
from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.adapters.providers import DataProvider

ROOM = "chat_room"
HISTORY = 30


class ChatRoom(DataProvider):
    """
    The Data Adapter: publishes what is said.

    Whoever enters gets the history from the server, which keeps as much of it as
    C{distinct_snapshot_length} says, for as long as somebody is in the room. For
    the time when it is empty it is kept here.
    """

    def __init__(self) -> None:
        self._history: deque[dict[str, str]] = deque(maxlen=HISTORY)

    def set_context(self, context: IAdapterContext) -> None:
        """Called first, by the server."""
        self._clock: IReactorTime = context.reactor

    def issnapshot_available(self, item_name: str) -> bool:
        """Always: what was said before."""
        return True

    def subscribe(self, item_name: str) -> None:
        """Somebody enters the empty room. What is said from now on comes from L{say}."""
        if item_name != ROOM:
            raise SubscribeError(f"there is no chat room {item_name}")
        for event in self._history:
            self.listener.update(ROOM, event, True)
        self.listener.end_of_snapshot(ROOM)

    def unsubscribe(self, item_name: str) -> None:
        """There is nothing to stop: the server ignores events that nobody has subscribed."""

    def say(self, address: str, nick: str, text: str) -> None:
        """Publish a message."""
        now = self._clock.seconds()
        event = {
            "message": text,
            "IP": address,
            "nick": nick,
            "timestamp": datetime.fromtimestamp(now).strftime("%H:%M:%S"),
            "raw_timestamp": str(int(now * 1000)),
        }
        self._history.append(event)
        self.listener.update(ROOM, event)


class ChatMetadata(LiteralBasedProvider):
    """The Metadata Adapter: knows who speaks, and passes on what clients say."""

    def set_context(self, context: IAdapterContext) -> None:
        """Called first, by the server."""
        self._context = context
        self._people: dict[str, tuple[str, str]] = {}  # address and nick by session id

    def notify_new_session(self, user: str | None, session_id: str, client_context: dict[str, Any]) -> None:
        """Somebody comes. Two pages of the same browser get different nicks."""
        address = client_context.get("REMOTE_IP") or "-"
        browser = client_context.get("USER_AGENT") or "unknown"
        present = set(self._people.values())
        nick, count = browser, 0
        while (address, nick) in present:
            count += 1
            nick = f"{browser} [{count}]"
        self._people[session_id] = (address, nick)

    def notify_session_close(self, session_id: str) -> None:
        """Somebody leaves."""
        del self._people[session_id]

    def notify_user_message(self, user: str | None, session_id: str, message: str) -> None:
        """Somebody says something: C{CHAT|text}."""
        command, _, text = message.partition("|")
        # The session may have ended while its last message was on the way.
        person = self._people.get(session_id)
        if command != "CHAT" or not text or person is None:
            raise NotificationError(f"wrong message {message[:100]!r}")
        room: ChatRoom = self._context.get_adapter("CHAT_ROOM")
        room.say(*person, text)
