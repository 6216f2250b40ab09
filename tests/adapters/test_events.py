from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from lsserver.adapters.events import ItemEvent
from lsserver.adapters.interfaces import ICustomizableItemEvent

STATE: dict[str, str | bytes | None] = {"text": "h\xe9", "bytes": b"\xe9", "null": None}


class ItemEventTests(SynchronousTestCase):
    def test_it_keeps_the_contract(self) -> None:
        self.assertTrue(verifyObject(ICustomizableItemEvent, ItemEvent(STATE, True)))

    def test_values_as_text(self) -> None:
        event = ItemEvent(STATE, False)
        self.assertEqual([event.get_value(name) for name in ("text", "bytes", "null", "none")], ["hé", "é", None, None])

    def test_values_as_bytes(self) -> None:
        event = ItemEvent(STATE, False)
        self.assertEqual(
            [event.get_bytes(name) for name in ("text", "bytes", "null", "none")], [b"h\xc3\xa9", b"\xe9", None, None]
        )

    def test_changes_do_not_touch_the_state(self) -> None:
        event = ItemEvent(STATE, False)
        event.set_value("text", "new")
        event.set_value("more", b"x")
        self.assertEqual(event.get_value("text"), "new")
        self.assertEqual(STATE["text"], "hé")
        self.assertEqual(event.names(), ["text", "bytes", "null", "more"])
        self.assertEqual(event.values(), {**STATE, "text": "new", "more": b"x"})

    def test_a_field_is_removed_with_none(self) -> None:
        event = ItemEvent(STATE, False)
        event.set_value("text", None)
        self.assertIsNone(event.get_value("text"))

    def test_key_and_command_cannot_be_changed_in_command_mode(self) -> None:
        event = ItemEvent({"key": "k"}, False, frozenset({"key", "command"}))
        self.assertRaises(ValueError, event.set_value, "key", "other")

    def test_other_types_are_refused(self) -> None:
        self.assertRaises(TypeError, ItemEvent({}, False).set_value, "a", 1)
