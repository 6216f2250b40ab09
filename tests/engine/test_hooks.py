"""Selectors and customizers (adapters-api.md 7, checklist 21)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.events import ItemEvent
from lsserver.adapters.grants import ItemGrant
from tests.engine.world import FakeClient, World

Selector = Callable[[ItemEvent], bool]
SELECTED = "LS_snapshot=true&LS_selector=s"


class HookCase(SynchronousTestCase):
    """Two clients of C{item1}: one with hooks, and one without, whom they must not touch."""

    MODE, SCHEMA = "MERGE", "a b"

    def setUp(self) -> None:
        self.world = World()
        self.seen: list[tuple[dict[str, Any], bool]] = []
        self.plain = self.world.session()
        self.client = self.world.session("LS_user=u")

    def select(self, selector: Selector) -> None:
        def selected(event: ItemEvent) -> bool:
            self.seen.append((event.values(), event.is_snapshot))
            return selector(event)

        self.world.metadata.answers["is_selected"] = selected

    def customize(self, customizer: Callable[[ItemEvent], object]) -> None:
        """False = it failed."""

        def customized(event: ItemEvent) -> bool:
            self.seen.append((event.values(), event.is_snapshot))
            return customizer(event) is not False

        self.world.metadata.answers["customize_update"] = customized
        self.world.metadata.answers["grant_items"] = lambda user, *_: [
            ItemGrant(customized=user == "u", distinct_snapshot_length=10)
        ]

    def subscribe(self, more: str = SELECTED) -> None:
        self.plain.subscribe(1, self.MODE, "item1", self.SCHEMA, "LS_snapshot=true")
        self.client.subscribe(1, self.MODE, "item1", self.SCHEMA, more)

    def event(self, snapshot: bool = False, **fields: Any) -> None:
        self.world.data.update("item1", fields, snapshot)

    def updates(self, client: FakeClient | None = None) -> list[str]:
        return [line for line in (client or self.client).read() if line[:2] not in ("SU", "CO")]


class Merge(HookCase):
    """MERGE: the whole record is shown."""

    def test_sees_the_full_state(self) -> None:
        self.select(lambda event: True)
        self.subscribe()
        self.event(True, a="1", b="2")
        self.event(a="3", z="9")
        self.assertEqual(self.seen, [({"a": "1", "b": "2"}, True), ({"a": "3", "b": "2", "z": "9"}, False)])

    def test_affects_its_own_buffer_only(self) -> None:
        self.select(lambda event: event.get_value("a") != "3")
        self.subscribe()
        self.event(True, a="1", b="2")
        self.assertEqual(self.updates(), ["U,1,1,1|2"])
        self.plain.read()
        self.event(a="3")
        self.assertEqual((self.updates(), self.plain.lines()), ([], ["U,1,1,3|"]))
        self.event(b="4", a="5")
        self.assertEqual(self.updates(), ["U,1,1,5|4"])

    def test_dropped_snapshot_delays_the_first_update(self) -> None:
        self.select(lambda event: not event.is_snapshot)
        self.subscribe()
        self.event(True, a="1", b="2")
        self.assertEqual(self.updates(), [])
        self.event(b="3")
        self.assertEqual(self.updates(), ["U,1,1,1|3"])

    def test_late_subscriber(self) -> None:
        self.plain.subscribe(1, "MERGE", "item1", "a b")
        self.event(True, a="1", b="2")
        self.select(lambda event: True)
        self.client.subscribe(1, "MERGE", "item1", "a b", SELECTED)
        self.assertEqual(self.updates(), ["U,1,1,1|2"])
        self.assertEqual(self.seen, [({"a": "1", "b": "2"}, True)])

    def test_late_subscriber_not_selected(self) -> None:
        self.plain.subscribe(1, "MERGE", "item1", "a b")
        self.event(True, a="1", b="2")
        self.select(lambda event: False)
        self.client.subscribe(1, "MERGE", "item1", "a b", SELECTED)
        self.assertEqual(self.updates(), [])

    def test_no_snapshot_wanted(self) -> None:
        self.select(lambda event: True)
        self.subscribe("LS_selector=s")
        self.event(True, a="1", b="2")
        self.assertEqual((self.updates(), self.seen), ([], []))
        self.event(a="3")
        self.assertEqual(self.updates(), ["U,1,1,3|2"])

    def test_empty_snapshot(self) -> None:
        self.select(lambda event: True)
        self.subscribe()
        self.world.data.end_of_snapshot("item1")
        self.assertEqual(self.updates(), ["U,1,1,#|#"])

    def test_customizer(self) -> None:
        """May change, add and remove fields; only its own buffer sees it."""

        def customizer(event: ItemEvent) -> bool:
            event.set_value("a", f"<{event.get_value('a')}>")
            event.set_value("b", None)
            return True

        self.customize(customizer)
        self.subscribe("LS_snapshot=true")
        self.event(True, a="1", b="2")
        self.assertEqual((self.updates(), self.updates(self.plain)), (["U,1,1,<1>|#"], ["U,1,1,1|2"]))
        self.event(a="3")
        self.assertEqual((self.updates(), self.updates(self.plain)), (["U,1,1,<3>|"], ["U,1,1,3|"]))

    def test_customizer_adds_a_field(self) -> None:
        self.customize(lambda event: event.set_value("b", "new"))
        self.subscribe("LS_snapshot=true")
        self.event(True, a="1")
        self.assertEqual(self.updates(), ["U,1,1,1|new"])

    def test_customizer_that_fails(self) -> None:
        """Not customised, and the session lives (the handle logs it)."""

        def customizer(event: ItemEvent) -> bool:
            event.set_value("a", "half done")
            return False

        self.customize(customizer)
        self.subscribe("LS_snapshot=true")
        self.event(True, a="1")
        self.assertEqual(self.updates(), ["U,1,1,1|#"])

    def test_selector_comes_first(self) -> None:
        self.customize(lambda event: event.set_value("a", "x"))
        self.select(lambda event: event.get_value("a") == "1")
        self.subscribe()
        self.event(True, a="1")
        self.assertEqual(self.updates(), ["U,1,1,x|#"])
        self.assertEqual(len(self.seen), 2)

    def test_conflation(self) -> None:
        """The buffer has the usual length of one."""
        self.select(lambda event: True)
        self.subscribe()
        self.event(True, a="1")
        self.updates()
        self.client.stall()
        for value in "234":
            self.event(a=value)
        self.client.resume()
        self.assertEqual(self.updates(), ["U,1,1,4|"])

    def test_frequency(self) -> None:
        self.select(lambda event: True)
        self.subscribe(SELECTED + "&LS_requested_max_frequency=1")
        self.event(True, a="1")
        self.event(a="2")
        self.event(a="3")
        self.assertEqual(self.updates(), ["U,1,1,1|#", "U,1,1,3|"])
        self.event(a="4")
        self.assertEqual(self.updates(), [])
        self.world.advance(1.1)
        self.assertEqual(self.client.lines(), ["U,1,1,4|"])

    def test_subscription_that_ends(self) -> None:
        self.select(lambda event: True)
        self.client.subscribe(1, "MERGE", "item1", "a b", SELECTED)
        self.client.control("LS_reqId=1&LS_op=delete&LS_subId=1")
        self.plain.subscribe(1, "MERGE", "item1", "a b")
        self.event(True, a="1")
        self.assertEqual(self.seen, [])


class Command(HookCase):
    """COMMAND: the row is shown, with its key and command."""

    MODE, SCHEMA = "COMMAND", "key command a"

    def test_sees_the_row(self) -> None:
        self.select(lambda event: True)
        self.subscribe()
        self.event(True, key="k", command="ADD", a="1")
        self.world.data.end_of_snapshot("item1")
        self.event(key="k", command="UPDATE")
        self.event(key="k", command="DELETE", a="2")
        self.assertEqual(
            self.seen,
            [
                ({"key": "k", "command": "ADD", "a": "1"}, True),
                ({"key": "k", "command": "UPDATE", "a": "1"}, False),
                ({"key": "k", "command": "DELETE", "a": "2"}, False),
            ],
        )
        self.assertEqual(self.updates(), ["U,1,1,k|ADD|1", "EOS,1,1", "U,1,1,|DELETE|#"])

    def test_selects_rows(self) -> None:
        self.select(lambda event: event.get_value("key") != "hidden")
        self.subscribe()
        for key in ("k", "hidden"):
            self.event(True, key=key, command="ADD")
        self.world.data.end_of_snapshot("item1")
        self.event(key="hidden", command="DELETE")
        self.event(key="k", command="DELETE")
        self.assertEqual(self.updates(), ["U,1,1,k|ADD|#", "EOS,1,1", "U,1,1,|DELETE|"])

    def test_customizer(self) -> None:
        """DELETE has nulls whatever it says."""
        self.customize(lambda event: event.set_value("a", "x"))
        self.subscribe("LS_snapshot=true")
        self.event(True, key="k", command="ADD", a="1")
        self.world.data.end_of_snapshot("item1")
        self.assertEqual(self.updates(), ["U,1,1,k|ADD|x", "EOS,1,1"])
        self.event(key="k", command="DELETE")
        self.assertEqual(self.updates(), ["U,1,1,|DELETE|#"])
        self.assertEqual(self.updates(self.plain), ["U,1,1,k|ADD|1", "EOS,1,1", "U,1,1,|DELETE|#"])

    def test_key_and_command_are_fixed(self) -> None:
        def customizer(event: ItemEvent) -> bool:
            for name in ("key", "command"):
                self.assertRaises(ValueError, event.set_value, name, "x")
            return True

        self.customize(customizer)
        self.subscribe("LS_snapshot=true")
        self.event(key="k", command="ADD", a="1")
        self.assertEqual(self.updates(), ["EOS,1,1", "U,1,1,k|ADD|1"])
        self.assertEqual(len(self.seen), 1)

    def test_clear_snapshot_is_shown(self) -> None:
        """A pseudo-event, of which answer and changes are ignored."""
        self.select(lambda event: False)
        self.subscribe()
        self.world.data.clear_snapshot("item1")
        self.assertEqual(self.seen, [({"key": None, "command": "DELETEALL"}, False)])
        self.assertEqual(self.updates(), ["EOS,1,1", "CS,1,1"])

    def test_merging(self) -> None:
        self.select(lambda event: True)
        self.subscribe()
        self.world.data.end_of_snapshot("item1")
        self.updates()
        self.client.stall()
        self.event(key="k", command="ADD", a="1")
        self.event(key="k", command="UPDATE", a="2")
        self.client.resume()
        self.assertEqual(self.updates(), ["U,1,1,k|ADD|2"])


class Distinct(HookCase):
    """DISTINCT: the event is shown."""

    MODE, SCHEMA = "DISTINCT", "a b"

    def test_selector(self) -> None:
        self.select(lambda event: event.get_value("a") != "2")
        self.subscribe()
        for value in "12":
            self.event(True, a=value)
        self.world.data.end_of_snapshot("item1")
        for value in "23":
            self.event(a=value)
        self.assertEqual([snapshot for _, snapshot in self.seen], [True, True, False, False])
        self.assertEqual(self.updates(), ["U,1,1,1|#", "EOS,1,1", "U,1,1,3|"])
        self.assertEqual(self.updates(self.plain), ["U,1,1,1|#", "U,1,1,2|", "EOS,1,1", "U,1,1,|", "U,1,1,3|"])

    def test_customizer(self) -> None:
        self.customize(lambda event: event.set_value("b", "x"))
        self.subscribe("LS_snapshot=true")
        self.event(a="1")
        self.assertEqual(self.updates(), ["EOS,1,1", "U,1,1,1|x"])

    def test_clear(self) -> None:
        self.select(lambda event: True)
        self.subscribe()
        self.world.data.clear_snapshot("item1")
        self.assertEqual((self.updates(), self.seen), (["EOS,1,1", "CS,1,1"], []))


class Raw(HookCase):
    """RAW: the event is shown."""

    MODE, SCHEMA = "RAW", "a b"

    def test_selector_and_customizer(self) -> None:
        self.customize(lambda event: event.set_value("b", "x"))
        self.select(lambda event: event.get_value("a") != "2")
        self.subscribe("LS_selector=s")
        for value in "123":
            self.event(a=value)
        self.assertEqual(self.updates(), ["U,1,1,1|x", "U,1,1,3|"])
        self.assertEqual(self.updates(self.plain), ["U,1,1,1|#", "U,1,1,2|", "U,1,1,3|"])


class Ending(SynchronousTestCase):
    """A hook that ends the session it is asked for: whoever else watches the item misses nothing."""

    def setUp(self) -> None:
        self.world = World(subscription_timeout_millis=0)
        self.world.metadata.answers["is_selected"] = self.selected

    def selected(self, event: ItemEvent) -> bool:
        assert self.first.session is not None
        self.world.set.control.force_session_termination(self.first.session.id)
        return True

    def updates(self, mode: str, *events: Callable[[], object], alone: bool = False) -> list[str]:
        """What a third client gets, after one that is ended, whose view is its own, and another one with a selector."""
        self.first, others = self.world.session(), [self.world.session() for _ in range(2)]
        self.first.subscribe(1, mode, "item1", "key command a b", SELECTED)
        if not alone:
            for client in others:
                client.subscribe(1, mode, "item1", "key command a", SELECTED)
        for event in events:
            event()
        self.assertEqual(self.first.read()[-1], "END,32,Session closed by the server")
        first, second = [[line for line in client.read() if line[:2] not in ("SU", "CO")] for client in others]
        self.assertEqual(first, second)
        return first

    def event(self, snapshot: bool = False, **fields: str) -> None:
        self.world.data.update("item1", {"key": "k", "command": "ADD", **fields}, snapshot)

    def test_update(self) -> None:
        ended = {"RAW": [], "MERGE": ["U,1,1,#|#|#"], "DISTINCT": ["EOS,1,1"], "COMMAND": ["EOS,1,1"]}
        for mode, before in ended.items():
            self.setUp()
            update = "U,1,1,k|ADD|" if mode == "MERGE" else "U,1,1,k|ADD|#"
            self.assertEqual(self.updates(mode, self.event), [*before, update])

    def test_snapshot(self) -> None:
        self.assertEqual(self.updates("MERGE", lambda: self.event(True)), ["U,1,1,k|ADD|#"])
        for mode in ("DISTINCT", "COMMAND"):
            self.setUp()
            lines = self.updates(mode, lambda: self.event(True), lambda: self.world.data.end_of_snapshot("item1"))
            self.assertEqual(lines, ["U,1,1,k|ADD|#", "EOS,1,1"])

    def test_clear(self) -> None:
        self.assertEqual(
            self.updates("COMMAND", lambda: self.world.data.clear_snapshot("item1")), ["EOS,1,1", "CS,1,1"]
        )

    def test_empty_snapshot(self) -> None:
        lines = self.updates("MERGE", lambda: self.world.data.end_of_snapshot("item1"))
        self.assertEqual(lines, ["U,1,1,#|#|#"])

    def test_item_goes_too(self) -> None:
        """There is nobody else."""
        self.assertEqual(self.updates("MERGE", lambda: self.event(True), alone=True), [])
        self.assertEqual(self.world.adapter.calls, [("subscribe", "item1"), ("unsubscribe", "item1")])

    def test_item_goes_while_somebody_comes(self) -> None:
        """The hook of one who comes ends all sessions: nobody is left for whom the adapter would be asked again."""
        old, self.first = self.world.session(), self.world.session()

        def selected(event: ItemEvent) -> bool:
            for client in (old, self.first):
                assert client.session is not None
                self.world.set.control.force_session_termination(client.session.id)
            return True

        self.world.metadata.answers["is_selected"] = selected
        old.subscribe(1, "MERGE", "item1", "a", "LS_snapshot=true")
        self.world.data.update("item1", {"a": "1"}, True)
        self.first.subscribe(1, "MERGE", "item1", "a", SELECTED)
        self.assertEqual(self.world.adapter.calls, [("subscribe", "item1"), ("unsubscribe", "item1")])
