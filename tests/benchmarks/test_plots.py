"""Plots as SVG."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from benchmarks.plots import HEIGHT, WIDTH, Axis, Line, Plot, label, svg, tick_step

SVG = "{http://www.w3.org/2000/svg}"
values = st.floats(min_value=1e-3, max_value=1e7, allow_nan=False)


def plot(*lines: Line, log_x: bool = False, log_y: bool = False) -> Plot:
    """One with these."""
    return Plot("name", "Costs & gains", "x", "y", lines, log_x, log_y)


class PlotTests(SynchronousTestCase):
    """C{svg}."""

    def test_parts(self) -> None:
        """A line and a name for each, a mark for each point, and text that is escaped."""
        found = ElementTree.fromstring(svg(plot(Line("a < b", [(1, 1), (2, 3)]), Line("c", [(1, 2)]))))
        self.assertEqual(len(found.findall(f"{SVG}polyline")), 2)
        self.assertEqual(len(found.findall(f"{SVG}circle")), 3)
        texts = [element.text for element in found.iter() if element.text]
        self.assertIn("Costs & gains", texts)
        self.assertIn("a < b", texts)

    def test_nothing(self) -> None:
        """Cannot be drawn."""
        self.assertRaises(ValueError, svg, plot())

    def test_no_logarithm(self) -> None:
        """Of 0."""
        self.assertRaises(ValueError, svg, plot(Line("a", [(0, 1)]), log_x=True))

    @given(st.lists(st.tuples(values, values), min_size=1, max_size=20), st.booleans(), st.booleans())
    def test_points_are_within(self, points: list[tuple[float, float]], log_x: bool, log_y: bool) -> None:
        """Whatever the figures are."""
        found = ElementTree.fromstring(svg(plot(Line("a", points), log_x=log_x, log_y=log_y)))
        for circle in found.findall(f"{SVG}circle"):
            self.assertTrue(0 <= float(circle.attrib["cx"]) <= WIDTH)
            self.assertTrue(0 <= float(circle.attrib["cy"]) <= HEIGHT)

    @given(values)
    def test_ticks(self, highest: float) -> None:
        """Few enough to be read, and the last is not below the highest value."""
        ticks = Axis([highest], False, 0, 100).ticks()
        self.assertTrue(2 <= len(ticks) <= 8)
        self.assertGreaterEqual(ticks[-1], highest * 0.999)

    def test_ticks_of_a_logarithmic_axis(self) -> None:
        """Powers of ten around the values."""
        self.assertEqual(Axis([3, 500], True, 0, 100).ticks(), [1, 10, 100, 1000])
        self.assertEqual(Axis([10], True, 0, 100).ticks(), [10, 100])

    def test_labels(self) -> None:
        """Short."""
        self.assertEqual([label(value) for value in (0, 0.25, 2.5, 10, 100_000)], ["0", "0.25", "2.5", "10", "100,000"])

    def test_steps(self) -> None:
        """Round."""
        self.assertEqual([tick_step(highest) for highest in (0, 5, 11, 50, 0.9)], [1.0, 1.0, 2.5, 10.0, 0.2])
