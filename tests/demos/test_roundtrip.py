"""The five boards."""

from __future__ import annotations

from datetime import datetime

from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.errors import NotificationError, SubscribeError
from tests.demos.opened import open_set

EMPTY = {"message": "-", "timestamp": "-", "date": "-", "IP": "-"}


class RoundTripTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.opened = open_set("roundtrip")
        self.metadata = self.opened.metadata
        self.adapter = self.opened.data["ROUNDTRIP_ADAPTER"]
        self.recorder = self.opened.recorders["ROUNDTRIP_ADAPTER"]
        self.metadata.notify_new_session(None, "S1", {"REMOTE_IP": "192.0.2.7"})

    def send(self, message: str) -> object:
        return self.metadata.notify_user_message(None, "S1", message)

    def test_boards_begin_empty(self) -> None:
        for number in range(5):
            self.assertTrue(self.adapter.issnapshot_available(f"roundtrip{number}"))
            self.adapter.subscribe(f"roundtrip{number}")
        self.assertEqual(self.recorder.updates, [(f"roundtrip{number}", EMPTY, True) for number in range(5)])

    def test_unknown_board(self) -> None:
        for item in ("roundtrip5", "roundtrip", "roundtrip00", "item1"):
            self.assertRaises(SubscribeError, self.adapter.subscribe, item)

    def test_message_is_shown_and_remembered(self) -> None:
        self.adapter.subscribe("roundtrip2")
        self.assertIsNone(self.send("RT|2|hello"))
        now = datetime.fromtimestamp(self.opened.clock.seconds())
        event = {
            "message": "hello",
            "timestamp": now.strftime("%H:%M:%S"),
            "date": now.strftime("%Y.%m.%d"),
            "IP": "192.0.2.7",
        }
        self.adapter.unsubscribe("roundtrip2")
        self.adapter.subscribe("roundtrip2")
        self.adapter.subscribe("roundtrip3")
        self.assertEqual(
            self.recorder.updates,
            [
                ("roundtrip2", EMPTY, True),
                ("roundtrip2", event, False),
                ("roundtrip2", event, True),
                ("roundtrip3", EMPTY, True),
            ],
        )

    def test_written_while_nobody_looks(self) -> None:
        self.send("RT|0|hello")
        self.recorder.calls.clear()
        self.adapter.subscribe("roundtrip0")
        [(_, event, is_snapshot)] = self.recorder.updates
        self.assertEqual((event["message"], is_snapshot), ("hello", True))

    def test_any_text(self) -> None:
        for text in ("a|b", "|", "||", "", " ", "è 日本 😀", "line\nline", "x" * 500):
            self.send("RT|4|" + text)
            item, event, _ = self.recorder.updates[-1]
            self.assertEqual((item, event["message"]), ("roundtrip4", text))

    def test_wrong_messages(self) -> None:
        for message in (
            "",
            "|",
            "RT",
            "RT|",
            "RT|0",
            "RT||x",
            "RT|5|x",
            "RT|-1|x",
            "RT|00|x",
            "RT| 0|x",
            "RT|٣|x",
            "RT|zero|x",
            "rt|0|x",
            "CHAT|x",
            "RT|0|" + "x" * 501,
            "x" * 40_000,
        ):
            error = self.assertRaises(NotificationError, self.send, message)
            self.assertLess(len(str(error)), 200)
        self.assertEqual(self.recorder.calls, [])

    def test_session_has_ended(self) -> None:
        self.metadata.notify_session_close("S1")
        self.assertRaises(NotificationError, self.send, "RT|0|late")

    def test_client_without_an_address(self) -> None:
        self.metadata.notify_new_session(None, "S2", {"REMOTE_IP": None})
        self.metadata.notify_user_message(None, "S2", "RT|0|x")
        self.assertEqual(self.recorder.updates[-1][1]["IP"], "-")

    def test_modes(self) -> None:
        for number in range(5):
            self.opened.assert_modes(self, f"roundtrip{number}", "MERGE", "ROUNDTRIP_ADAPTER")
        for item in ("roundtrip5", "roundtrip", "roundtrip00", "item1"):
            self.opened.assert_modes(self, item, None, "ROUNDTRIP_ADAPTER")
