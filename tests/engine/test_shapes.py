"""Events in two parts, names and values, are events as any others."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.grants import ItemGrant
from lsserver.adapters.shapes import Shape
from lsserver.engine.modes.merge import MAX_SHAPES
from tests.engine.world import FakeClient, World


class ShapeCase(SynchronousTestCase):
    """One item; events whose names are the same have the same shape."""

    def setUp(self) -> None:
        self.world = World()
        self.shapes: dict[tuple[str, ...], Shape] = {}

    def event(self, snapshot: bool = False, /, **values: Any) -> None:
        names = tuple(values)
        shape = self.shapes.setdefault(names, Shape(names))
        self.world.data.receiver("item1")(shape, list(values.values()), snapshot)

    def subscribed(self, fields: str, mode: str = "MERGE", more: str = "LS_snapshot=true") -> FakeClient:
        """A client that has read what is there."""
        client = self.world.session()
        client.subscribe(1, mode, "item1", fields, more)
        client.read()
        return client

    def late(self, fields: str, mode: str = "MERGE") -> list[str]:
        """The snapshot that a newcomer gets."""
        client = self.world.session()
        client.subscribe(1, mode, "item1", fields)
        return client.read()[2:]


class Merge(ShapeCase):
    def setUp(self) -> None:
        super().setUp()
        self.client = self.subscribed("a b")

    def test_from_the_snapshot_on(self) -> None:
        self.event(True, a="1", b="2")
        self.event(a="1", b="3")
        self.event(a="1", b="3")
        self.event(b=None)
        self.event(a=b"\xe9", b="|")
        self.assertEqual(self.client.read(), ["U,1,1,é|%7C"])

    def test_each_is_a_step(self) -> None:
        for values, line in (
            ({"a": "1", "b": "2"}, "U,1,1,1|2"),
            ({"a": "1", "b": "3"}, "U,1,1,|3"),
            ({"b": "4"}, "U,1,1,|4"),
            ({"a": "1", "b": "3"}, "U,1,1,|3"),
            ({"a": "5", "b": "3"}, "U,1,1,5|"),
            ({"a": "5", "b": None}, "U,1,1,|#"),
        ):
            self.event(**values)
            self.assertEqual(self.client.read(), [line])
        self.event(a="5", b=None)
        self.event(c="6")
        self.assertEqual(self.client.read(), [])
        self.assertEqual(self.late("a b c"), ["U,1,1,5|#|6"])

    def test_shapes_that_alternate(self) -> None:
        """The newest value of a field is the one that counts, whatever came with it."""
        self.event(a="1", b="1")
        self.event(b="2", c="2")
        self.event(a="3", b="3")
        self.assertEqual(self.late("a b c"), ["U,1,1,3|3|2"])
        self.event(b="4", c="4")
        self.assertEqual(self.late("a b c"), ["U,1,1,3|4|4"])

    def test_beside_whole_events(self) -> None:
        self.event(a="1", b="1")
        self.world.data.update("item1", {"b": "2"}, False)
        self.assertEqual(self.client.read(), ["U,1,1,1|2"])
        self.event(a="1", b="1")
        self.assertEqual(self.client.read(), ["U,1,1,|1"])
        self.assertEqual(self.late("a b"), ["U,1,1,1|1"])

    def test_many_shapes(self) -> None:
        """What is not merged yet is no more than so many events, and nothing of it is lost."""
        fields = [f"f{number}" for number in range(3 * MAX_SHAPES)]
        client = self.subscribed(" ".join(fields))
        for number, field in enumerate(fields):
            self.event(**{"a": str(number), field: "x"})
        channel = self.world.kernel.adapter_sets["TEST"].feeds["DEFAULT"].item("item1").main
        self.assertLessEqual(len(channel._unmerged), MAX_SHAPES)
        self.assertEqual(client.read(), ["U,1,1," + "|".join(["x"] * len(fields))])
        self.assertEqual(self.late("a f0 f1 f40"), [f"U,1,1,{len(fields) - 1}|x|x|x"])

    def test_cleared(self) -> None:
        self.event(a="1", b="1")
        self.client.read()
        self.world.data.clear_snapshot("item1")
        self.assertEqual(self.client.read(), ["U,1,1,#|#"])
        self.event(a="1", b="1")
        self.assertEqual(self.client.read(), ["U,1,1,1|1"])

    def test_a_field_twice_in_the_schema(self) -> None:
        client = self.subscribed("a b a")
        self.event(a="1", b="2")
        self.event(a="3", b="2")
        self.assertEqual(client.read(), ["U,1,1,3|2|3"])

    def test_selectors_see_the_whole_state(self) -> None:
        seen = []
        self.world.metadata.answers["is_selected"] = lambda event: (
            seen.append((event.get_value("a"), event.get_value("b"))) or True
        )
        client = self.subscribed("a b", more="LS_snapshot=true&LS_selector=s")
        self.event(a="1")
        self.event(b="2")
        self.event(b="3")
        self.assertEqual(seen, [(None, None), ("1", None), ("1", "2"), ("1", "3")])
        self.assertEqual(client.read()[-1], "U,1,1,1|3")

    def test_after_the_end(self) -> None:
        """A receiver that outlives its subscription takes nothing."""
        receive = self.world.data.receiver("item1")
        self.client.control("LS_reqId=2&LS_op=delete&LS_subId=1")
        receive(Shape(("a",)), ["1"], False)
        self.event(a="1")
        self.assertEqual(self.late("a b"), [])

    def test_while_the_adapter_lets_go(self) -> None:
        self.event(a="1")
        self.world.adapter.on_unsubscribe = stuck = Deferred[None]()
        self.client.control("LS_reqId=2&LS_op=delete&LS_subId=1")
        late = self.subscribed("a b")
        self.event(a="2")
        self.assertEqual(late.read(), [])
        stuck.callback(None)
        self.event(a="3")
        self.assertEqual(late.read(), ["U,1,1,3|#"])


class Unwatched(ShapeCase):
    def test_the_state_is_kept(self) -> None:
        """Subscribed since the adapter wants it, with nobody who looks."""
        self.world.metadata.answers["fixed_mode"] = "MERGE"
        self.world.data.force_subscription("item1")
        self.event(True, a="1", b="1")
        self.event(b="2")
        self.event(b="3")
        self.assertEqual(self.late("a b"), ["U,1,1,1|3"])


class OtherModes(ShapeCase):
    def test_raw(self) -> None:
        client = self.subscribed("a b", "RAW", "")
        self.event(a="1", b="2")
        self.event(b="2")
        self.assertEqual(client.read(), ["U,1,1,1|2", "U,1,1,#|"])

    def test_raw_beside_merge(self) -> None:
        raw, merge = self.subscribed("a b", "RAW", ""), self.subscribed("a b")
        self.event(True, a="1", b="2")
        self.event(b="3")
        self.assertEqual((raw.read(), merge.read()), (["U,1,1,#|3"], ["U,1,1,1|3"]))

    def test_distinct(self) -> None:
        client = self.subscribed("a b", "DISTINCT", "")
        self.event(a="1", b="2")
        self.event(a="1", b="3")
        self.assertEqual(client.read(), ["U,1,1,1|2", "U,1,1,|3"])

    def test_command(self) -> None:
        client = self.subscribed("key command a", "COMMAND")
        self.event(True, key="k", command="ADD", a="1")
        self.world.data.end_of_snapshot("item1")
        self.event(key="k", command="UPDATE", a="2")
        self.assertEqual(client.read(), ["U,1,1,k|ADD|1", "EOS,1,1", "U,1,1,|UPDATE|2"])

    def test_prefiltered(self) -> None:
        self.world.metadata.answers["grant_items"] = ItemGrant(min_source_frequency=1)
        client = self.subscribed("a b", more="")
        for number in range(10):
            self.event(a=str(number))
        self.event(b="x")
        self.assertEqual(client.read(), ["U,1,1,0|#"])
        self.world.advance(1.1)
        self.assertEqual(client.lines(), ["U,1,1,9|x"])


class DiffOrders(ShapeCase):
    """A field that was used before it is declared keeps the default, however its events came."""

    def declared(self) -> set[str]:
        """Which of the fields a, b and c can still be declared."""
        fields = ("a", "b", "c")
        self.world.data.declare_field_diff_order("item1", dict.fromkeys(fields, ("DIFF_MATCH_PATCH",)))
        item = self.world.kernel.adapter_sets["TEST"].feeds["DEFAULT"].item("item1")
        return {field for field in fields if item.diff_order(field)}

    def test_every_mode(self) -> None:
        for mode in ("MERGE", "DISTINCT", "RAW", "COMMAND"):
            self.setUp()
            self.subscribed("key command a b c" if mode == "COMMAND" else "a b c", mode, "")
            self.event(key="k", command="ADD", a="1")
            self.event(key="k", command="DELETE")
            self.assertEqual(self.declared(), {"b", "c"}, mode)

    def test_what_only_a_schema_names_is_not_used(self) -> None:
        self.subscribed("a b c", more="")
        self.event(a="1")
        self.world.data.clear_snapshot("item1")
        self.assertEqual(self.declared(), {"b", "c"})

    def test_what_the_prefilter_holds_back_is_used(self) -> None:
        self.world.metadata.answers["grant_items"] = ItemGrant(min_source_frequency=1)
        self.subscribed("a b c", more="")
        self.event(a="1")
        self.event(b="1")
        self.assertEqual(self.declared(), {"c"})

    def test_before_the_mode_was_known(self) -> None:
        self.subscribed("a b c", "RAW", "")
        self.event(a="1")
        self.subscribed("a b c", more="")
        self.event(b="1")
        self.assertEqual(self.declared(), {"c"})

    def test_the_mode_was_another_one(self) -> None:
        self.world.metadata.answers["fixed_mode"] = "MERGE"
        self.world.data.force_subscription("item1")
        self.event(a="1")
        self.subscribed("a b c", "DISTINCT", "")
        self.event(b="1")
        self.assertEqual(self.declared(), {"c"})
