from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.events import ItemEvent
from lsserver.adapters.hooks import SECONDS_BETWEEN_REPORTS, Hooks
from lsserver.adapters.methods import MetadataMethods
from lsserver.adapters.providers import MetadataProvider
from tests.adapters.doubles import Answers

EVENT = ItemEvent({"a": "1"}, False)


class HookTests(SynchronousTestCase):
    def hooks(self, adapter: Any) -> Hooks:
        self.time = 0.0
        return Hooks(MetadataMethods(adapter, "SET/metadata"), "SET/metadata", lambda: self.time)

    def selected(self, hooks: Hooks) -> bool:
        return hooks.is_selected("u", "i", "D", "s", EVENT)

    def customized(self, hooks: Hooks, event: ItemEvent = EVENT) -> bool:
        return hooks.customize_update("u", "i", "D", event)

    def test_the_defaults(self) -> None:
        hooks = self.hooks(MetadataProvider())
        self.assertTrue(self.selected(hooks))
        self.assertTrue(self.customized(hooks))
        self.assertEqual(EVENT.changes, {})

    def test_what_the_adapter_says(self) -> None:
        adapter = Answers(isselected=False, customize_update=lambda u, i, event: event.set_value("a", "2"))
        hooks = self.hooks(adapter)
        self.assertFalse(self.selected(hooks))
        event = ItemEvent({"a": "1"}, True)
        self.assertTrue(self.customized(hooks, event))
        self.assertEqual(event.values(), {"a": "2"})
        self.assertEqual(adapter.told[0], ("isselected", "u", "i", "s", EVENT))

    def test_the_data_adapter_is_told_to_those_who_ask(self) -> None:
        class Asks(MetadataProvider):
            def isselected(self, user: Any, item: Any, selector: Any, event: Any, data_adapter: str = "") -> bool:
                return data_adapter == "D"

        self.assertTrue(self.selected(self.hooks(Asks())))

    def test_errors_are_no_selection_and_no_change(self) -> None:
        hooks = self.hooks(Answers(isselected=ValueError("a"), customize_update=KeyError("b")))
        self.assertFalse(self.selected(hooks))
        self.assertFalse(self.customized(hooks))
        self.assertEqual(len(self.flushLoggedErrors(ValueError, KeyError)), 2)

    def test_errors_are_logged_once_in_a_while(self) -> None:
        def always_anew(*_: Any) -> bool:
            # One exception that is raised again and again gathers a traceback that trial cannot report.
            raise ValueError("a")

        hooks = self.hooks(Answers(isselected=always_anew))
        for _ in range(1000):
            self.selected(hooks)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.time += SECONDS_BETWEEN_REPORTS
        self.selected(hooks)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_waiting_is_an_error(self) -> None:
        async def coroutine(*_: Any) -> bool:
            return True

        class Awaitable:
            def __await__(self) -> Any:
                yield

        for answer in (coroutine, lambda *_: Deferred(), lambda *_: fail(ValueError("x")), lambda *_: Awaitable()):
            self.assertFalse(self.selected(self.hooks(Answers(isselected=answer))))
            self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
