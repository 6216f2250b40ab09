"""
A chat with one room: the item C{chat_room}, mode DISTINCT, with the fields
C{message}, C{IP}, C{nick}, C{timestamp} (HH:MM:SS) and C{raw_timestamp}
(milliseconds since 1970).

A client posts by sending the message C{CHAT|text}. Nobody logs in: people are
told apart by their address and their browser.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from lsserver.adapters.errors import NotificationError, SubscribeError
from lsserver.adapters.interfaces import IAdapterContext, IItemEventListener
from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.adapters.providers import DataProvider

ROOM = "chat_room"


class ChatRoom(DataProvider):
    """The Data Adapter: publishes what was said. The history is kept by the server."""

    _log = Logger()

    def set_context(self, context: IAdapterContext) -> None:
        """Called first, by the server."""
        self._clock: IReactorTime = context.reactor

    def set_listener(self, event_listener: IItemEventListener) -> None:
        """
        Keep the room subscribed while nobody is in it: the server then keeps its
        history, and nothing that is said to an empty room is lost.
        """
        super().set_listener(event_listener)
        opened = event_listener.force_subscription(ROOM)
        opened.addErrback(lambda failure: self._log.failure("The chat room cannot be opened", failure))

    def subscribe(self, item_name: str) -> None:
        """There is nothing to start: messages come from L{say}."""
        if item_name != ROOM:
            raise SubscribeError(f"there is no chat room {item_name}")

    def unsubscribe(self, item_name: str) -> None:
        """There is nothing to stop."""

    def say(self, address: str, nick: str, text: str) -> None:
        """Publish a message."""
        now = self._clock.seconds()
        self.listener.update(
            ROOM,
            {
                "message": text,
                "IP": address,
                "nick": nick,
                "timestamp": datetime.fromtimestamp(now).strftime("%H:%M:%S"),
                "raw_timestamp": str(int(now * 1000)),
            },
        )


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
