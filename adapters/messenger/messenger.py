"""
Instant messages between people who have chosen a nick.

Whoever subscribes C{im_<nick>} (mode DISTINCT, fields C{fromNick}, C{toNick},
C{message}) is there under that nick, and C{buddy_list} (mode COMMAND, fields
C{key} and C{command}) shows who is. A client sends C{IM|from|to|text}.

Anybody may write under any name: a real messenger takes the sender from the
user who has logged in.
"""

from __future__ import annotations

from lsserver.adapters.errors import CreditsError, NotificationError, SubscribeError
from lsserver.adapters.interfaces import IAdapterContext
from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.adapters.providers import DataProvider

BUDDIES = "buddy_list"
INBOX = "im_"

# What clients are shown in place of the nick of the reader, and of somebody who is not there.
ME = "me"
NOBODY = "nobody"


class Messenger(DataProvider):
    """The Data Adapter: who is there is who is subscribed."""

    def __init__(self) -> None:
        self._present: set[str] = set()
        self._list_watched = False

    def issnapshot_available(self, item_name: str) -> bool:
        """The list has one. For the messages the server shows what it has seen pass."""
        return item_name == BUDDIES

    def subscribe(self, item_name: str) -> None:
        """Somebody comes, or the list is looked at: then say who is there already."""
        if item_name == BUDDIES:
            self._list_watched = True
            for nick in sorted(self._present):
                self.listener.update(BUDDIES, {"key": nick, "command": "ADD"}, True)
            self.listener.end_of_snapshot(BUDDIES)
        elif item_name.startswith(INBOX):
            nick = item_name.removeprefix(INBOX)
            self._present.add(nick)
            self._tell(nick, "ADD")
        else:
            raise SubscribeError(f"there is no item {item_name}")

    def unsubscribe(self, item_name: str) -> None:
        """Somebody leaves, or nobody looks at the list any more."""
        if item_name == BUDDIES:
            self._list_watched = False
        else:
            nick = item_name.removeprefix(INBOX)
            self._present.remove(nick)
            self._tell(nick, "DELETE")

    def _tell(self, nick: str, command: str) -> None:
        if self._list_watched:
            self.listener.update(BUDDIES, {"key": nick, "command": command})

    def send(self, sender: str, receiver: str, text: str) -> None:
        """Both ends see the message, each as its own reader would write it."""
        if sender == receiver:
            self._deliver(sender, ME, ME, text)
        elif receiver in self._present:
            self._deliver(receiver, sender, ME, text)
            self._deliver(sender, ME, receiver, text)
        else:
            self._deliver(sender, ME, NOBODY, text)

    def _deliver(self, nick: str, from_nick: str, to_nick: str, text: str) -> None:
        if nick in self._present:
            self.listener.update(INBOX + nick, {"fromNick": from_nick, "toNick": to_nick, "message": text})


class MessengerMetadata(LiteralBasedProvider):
    """The Metadata Adapter: passes on what clients send."""

    def set_context(self, context: IAdapterContext) -> None:
        """Called first, by the server."""
        self._context = context

    def notify_user_message(self, user: str | None, session_id: str, message: str) -> None:
        """C{IM|from|to|text}, where the text may contain C{|}."""
        command, *parts = message.split("|", 3)
        if command != "IM":
            raise NotificationError(f"wrong message {message[:100]!r}")
        if len(parts) < 3 or not parts[0] or not parts[1]:
            # Unlike the text of other exceptions, the last argument is shown to the client.
            raise CreditsError(-1, f"wrong message {message[:100]!r}", "Wrong message")
        messenger: Messenger = self._context.get_adapter("SIMPLE_MESSENGER")
        messenger.send(*parts)
