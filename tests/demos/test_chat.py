"""The chat room."""

from __future__ import annotations

from datetime import datetime

from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.errors import NotificationError, SubscribeError
from tests.demos.opened import open_set


class ChatTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.opened = open_set("chat")
        self.metadata = self.opened.metadata
        self.room = self.opened.data["CHAT_ROOM"]
        self.recorder = self.opened.recorders["CHAT_ROOM"]
        self.come("S1")

    def come(self, session_id: str, address: str | None = "192.0.2.7", browser: str | None = "Mozilla/5.0") -> None:
        self.metadata.notify_new_session(None, session_id, {"REMOTE_IP": address, "USER_AGENT": browser})

    def say(self, message: str, session_id: str = "S1") -> object:
        return self.metadata.notify_user_message(None, session_id, message)

    def nick(self, session_id: str) -> object:
        self.say("CHAT|x", session_id)
        return self.recorder.updates[-1][1]["nick"]

    def test_only_one_room(self) -> None:
        self.room.subscribe("chat_room")
        self.room.unsubscribe("chat_room")
        self.assertRaises(SubscribeError, self.room.subscribe, "chat_room2")

    def test_history(self) -> None:
        """The server asks for it when the first one enters, and keeps it for the others."""
        self.assertTrue(self.room.issnapshot_available("chat_room"))
        self.assertEqual(self.metadata.get_distinct_snapshot_length("chat_room"), 30)
        self.room.subscribe("chat_room")
        self.assertEqual(self.recorder.calls, [("end_of_snapshot", "chat_room")])
        for number in range(40):
            self.say(f"CHAT|{number}")
        self.room.unsubscribe("chat_room")
        said = [(item, event) for item, event, _ in self.recorder.updates]
        self.recorder.calls.clear()
        self.room.subscribe("chat_room")
        self.assertEqual(self.recorder.updates, [(item, event, True) for item, event in said[-30:]])
        self.assertEqual(self.recorder.calls[-1], ("end_of_snapshot", "chat_room"))

    def test_what_is_said_to_an_empty_room(self) -> None:
        self.say("CHAT|hello")
        self.recorder.calls.clear()
        self.room.subscribe("chat_room")
        [(_, event, is_snapshot)] = self.recorder.updates
        self.assertEqual((event["message"], is_snapshot), ("hello", True))

    def test_message(self) -> None:
        self.assertIsNone(self.say("CHAT|hello"))
        now = self.opened.clock.seconds()
        self.assertEqual(
            self.recorder.updates,
            [
                (
                    "chat_room",
                    {
                        "message": "hello",
                        "IP": "192.0.2.7",
                        "nick": "Mozilla/5.0",
                        "timestamp": datetime.fromtimestamp(now).strftime("%H:%M:%S"),
                        "raw_timestamp": str(int(now * 1000)),
                    },
                    False,
                )
            ],
        )

    def test_any_text(self) -> None:
        for text in ("a|b", "|", "||", " ", "è 日本 😀", "line\nline", "CHAT|x", "x" * 40_000):
            self.say("CHAT|" + text)
            self.assertEqual(self.recorder.updates[-1][1]["message"], text)

    def test_wrong_messages(self) -> None:
        for message in ("", "CHAT", "CHAT|", "|", "chat|x", "CHATX|x", " CHAT|x", "hello", "IM|a|b|c", "x" * 40_000):
            error = self.assertRaises(NotificationError, self.say, message)
            self.assertLess(len(str(error)), 200)
        self.assertEqual(self.recorder.updates, [])

    def test_browsers_behind_one_address_are_told_apart(self) -> None:
        self.come("S2")
        self.come("S3")
        self.come("other browser", browser="curl/8")
        self.come("other address", address="192.0.2.8")
        self.assertEqual(self.nick("S1"), "Mozilla/5.0")
        self.assertEqual(self.nick("S2"), "Mozilla/5.0 [1]")
        self.assertEqual(self.nick("S3"), "Mozilla/5.0 [2]")
        self.assertEqual(self.nick("other browser"), "curl/8")
        self.assertEqual(self.nick("other address"), "Mozilla/5.0")
        self.metadata.notify_session_close("S2")
        self.come("S4")
        self.assertEqual(self.nick("S4"), "Mozilla/5.0 [1]")

    def test_client_that_says_nothing_about_itself(self) -> None:
        self.come("S2", address=None, browser=None)
        self.say("CHAT|x", "S2")
        event = self.recorder.updates[-1][1]
        self.assertEqual((event["IP"], event["nick"]), ("-", "unknown"))

    def test_session_has_ended(self) -> None:
        self.metadata.notify_session_close("S1")
        self.assertRaises(NotificationError, self.say, "CHAT|late")

    def test_modes(self) -> None:
        self.opened.assert_modes(self, "chat_room", "DISTINCT", "CHAT_ROOM")
        for item in ("chat_room2", "chat", "item1"):
            self.opened.assert_modes(self, item, None, "CHAT_ROOM")
