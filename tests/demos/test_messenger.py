"""The messenger."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.errors import CreditsError, NotificationError, SubscribeError
from tests.demos.opened import open_set


class MessengerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.opened = open_set("messenger")
        self.adapter = self.opened.data["SIMPLE_MESSENGER"]
        self.recorder = self.opened.recorders["SIMPLE_MESSENGER"]

    def send(self, message: str) -> object:
        return self.opened.metadata.notify_user_message(None, "S1", message)

    def received(self) -> list[tuple[str, str, str, str]]:
        """Since the last call: item, from, to, text."""
        updates = [
            (item, event["fromNick"], event["toNick"], event["message"])
            for item, event, is_snapshot in self.recorder.updates
            if not is_snapshot and "fromNick" in event
        ]
        self.recorder.calls.clear()
        return updates

    def test_list_of_nobody(self) -> None:
        self.assertTrue(self.adapter.issnapshot_available("buddy_list"))
        self.adapter.subscribe("buddy_list")
        self.assertEqual(self.recorder.calls, [("end_of_snapshot", "buddy_list")])

    def test_list_shows_who_is_there_then_who_comes_and_leaves(self) -> None:
        self.adapter.subscribe("im_bob")
        self.adapter.subscribe("im_ann")
        self.adapter.subscribe("im_zoe")
        self.adapter.unsubscribe("im_zoe")
        self.assertEqual(self.recorder.calls, [])
        self.adapter.subscribe("buddy_list")
        self.adapter.subscribe("im_cid")
        self.adapter.unsubscribe("im_bob")
        self.adapter.unsubscribe("buddy_list")
        self.adapter.unsubscribe("im_ann")
        self.adapter.subscribe("im_dan")
        self.assertEqual(
            self.recorder.calls,
            [
                ("update", "buddy_list", {"key": "ann", "command": "ADD"}, True),
                ("update", "buddy_list", {"key": "bob", "command": "ADD"}, True),
                ("end_of_snapshot", "buddy_list"),
                ("update", "buddy_list", {"key": "cid", "command": "ADD"}, False),
                ("update", "buddy_list", {"key": "bob", "command": "DELETE"}, False),
            ],
        )

    def test_unknown_item(self) -> None:
        for item in ("chat_room", "", "IM_ann"):
            self.assertRaises(SubscribeError, self.adapter.subscribe, item)

    def test_messages_have_no_snapshot_of_their_own(self) -> None:
        self.assertFalse(self.adapter.issnapshot_available("im_ann"))
        self.assertEqual(self.opened.metadata.get_distinct_snapshot_length("im_ann"), 30)

    def test_both_ends_get_the_message(self) -> None:
        self.adapter.subscribe("im_ann")
        self.adapter.subscribe("im_bob")
        self.assertIsNone(self.send("IM|ann|bob|hello"))
        self.assertEqual(self.received(), [("im_bob", "ann", "me", "hello"), ("im_ann", "me", "bob", "hello")])

    def test_only_the_receiver_is_there(self) -> None:
        self.adapter.subscribe("im_bob")
        self.send("IM|ann|bob|hello")
        self.assertEqual(self.received(), [("im_bob", "ann", "me", "hello")])

    def test_receiver_is_not_there(self) -> None:
        self.adapter.subscribe("im_ann")
        self.send("IM|ann|bob|hello")
        self.assertEqual(self.received(), [("im_ann", "me", "nobody", "hello")])

    def test_nobody_is_there(self) -> None:
        self.send("IM|ann|bob|hello")
        self.send("IM|ann|ann|hello")
        self.assertEqual(self.received(), [])

    def test_to_oneself(self) -> None:
        self.adapter.subscribe("im_ann")
        self.send("IM|ann|ann|note")
        self.assertEqual(self.received(), [("im_ann", "me", "me", "note")])

    def test_any_text(self) -> None:
        self.adapter.subscribe("im_bob")
        for text in ("a|b", "|", "||x|", "", " ", "è 日本 😀", "line\nline", "x" * 40_000):
            self.send("IM|ann|bob|" + text)
            self.assertEqual(self.received(), [("im_bob", "ann", "me", text)])

    def test_missing_parts(self) -> None:
        for message in ("IM", "IM|", "IM|ann", "IM|ann|bob", "IM||bob|x", "IM|ann||x", "IM|||", "IM|" + "x" * 40_000):
            error = self.assertRaises(CreditsError, self.send, message)
            self.assertEqual((error.client_error_code, error.client_user_msg), (-1, "Wrong message"))
            self.assertLess(len(str(error)), 200)
        self.assertEqual(self.recorder.calls, [])

    def test_wrong_messages(self) -> None:
        for message in ("", "|", "im|ann|bob|x", "CHAT|x", "IMX|ann|bob|x", "hello", "x" * 40_000):
            error = self.assertRaises(NotificationError, self.send, message)
            self.assertLess(len(str(error)), 200)

    def test_modes(self) -> None:
        self.opened.assert_modes(self, "buddy_list", "COMMAND", "SIMPLE_MESSENGER")
        self.opened.assert_modes(self, "im_ann", "DISTINCT", "SIMPLE_MESSENGER")
        for item in ("im_", "im_a|b", "buddy_list2", "item1"):
            self.opened.assert_modes(self, item, None, "SIMPLE_MESSENGER")
