"""Where fields stand."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.shapes import Shape
from lsserver.engine import layout as module
from lsserver.engine.layout import MAX_SHAPES, Layout, layout


class LayoutTests(SynchronousTestCase):
    def test_places(self) -> None:
        """A field may be there more than once."""
        self.assertEqual(Layout(("a", "b", "a")).places, {"a": (0, 2), "b": (1,)})

    def test_plan(self) -> None:
        """Values of fields that the schema does not have go nowhere."""
        found = Layout(("a", "b", "a"))
        shape = Shape(("b", "c", "a"))
        self.assertEqual(found.plan(shape), [(0, (1,)), (2, (0, 2))])
        self.assertIs(found.plan(shape), found.plan(shape))
        self.assertEqual(found.plan(Shape(("c",))), [])

    def test_bounded(self) -> None:
        """Shapes come and go."""
        found = Layout(("a",))
        for _ in range(MAX_SHAPES + 1):
            self.assertEqual(found.plan(Shape(("a",))), [(0, (0,))])
        self.assertEqual(len(found._plans), 1)

    def test_shared(self) -> None:
        """One for a schema, while anybody has it."""
        fields = ("of", "this", "test")
        first = layout(fields)
        self.assertIs(layout(("of", "this", "test")), first)
        self.assertIsNot(layout(("of", "this")), first)
        del first
        gc.collect()
        self.assertNotIn(fields, module._layouts)
