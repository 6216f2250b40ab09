"""Plots of lines, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 190, 44, 56
COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#57606a")
NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Line:
    """One of a plot: points from left to right."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Plot:
    """
    Lines with axes.

    @ivar name: of the file, without its ending.
    @ivar log_x: the axis is logarithmic; then nothing on it may be 0.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    log_x: bool = False
    log_y: bool = False


class Axis:
    """Values to places: C{low} is at C{start}, C{high} at C{end}."""

    def __init__(self, values: Sequence[float], logarithmic: bool, start: float, end: float) -> None:
        """@raise ValueError: there is nothing to show, or a logarithm does not exist."""
        if not values:
            raise ValueError("a plot without points")
        self._log = logarithmic
        self._start = start
        self._end = end
        if logarithmic:
            if min(values) <= 0:
                raise ValueError("a logarithmic axis shows nothing below 0")
            self.low = 10 ** math.floor(math.log10(min(values)))
            self.high = max(10 ** math.ceil(math.log10(max(values))), self.low * 10)
        else:
            self.low = 0.0
            step = tick_step(max(values))
            self.high = step * math.ceil(max(values) / step) if max(values) > 0 else 1.0

    def place(self, value: float) -> float:
        """Where it is."""
        if self._log:
            part = math.log10(value / self.low) / math.log10(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return self._start + part * (self._end - self._start)

    def ticks(self) -> list[float]:
        """Values to write down."""
        if self._log:
            first, last = round(math.log10(self.low)), round(math.log10(self.high))
            return [10.0**power for power in range(first, last + 1)]
        step = tick_step(self.high)
        return [step * number for number in range(round(self.high / step) + 1)]


def tick_step(highest: float) -> float:
    """A round distance, of which about five make up the highest value."""
    if highest <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(highest / 5))
    return next(nice * power for nice in NICE if nice * power * 5 >= highest * 0.999)


def label(value: float) -> str:
    """For a tick."""
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:g}"


def svg(plot: Plot) -> str:
    """
    The picture, its own background included, as the page that shows it may be dark.

    @raise ValueError: it has no points.
    """
    xs = [x for line in plot.lines for x, _ in line.points]
    ys = [y for line in plot.lines for _, y in line.points]
    across = Axis(xs, plot.log_x, LEFT, WIDTH - RIGHT)
    up = Axis(ys, plot.log_y, HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="system-ui, sans-serif" font-size="12" role="img">',
        f"<title>{escape(plot.title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="15" font-weight="600" fill="#1f2328">{escape(plot.title)}</text>',
    ]
    for value in across.ticks():
        x = across.place(value)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#eaeef2"/>')
        parts.append(text(x, HEIGHT - BOTTOM + 18, label(value), "middle"))
    for value in up.ticks():
        y = up.place(value)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#eaeef2"/>')
        parts.append(text(LEFT - 8, y + 4, label(value), "end"))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, plot.x_label, "middle"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    turned = text(16, middle, plot.y_label, "middle").replace(
        "<text", f'<text transform="rotate(-90 16 {middle:.1f})"', 1
    )
    parts.append(turned)
    for number, line in enumerate(plot.lines):
        colour = COLOURS[number % len(COLOURS)]
        places = [(across.place(x), up.place(y)) for x, y in line.points]
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        y = TOP + 10 + 20 * number
        parts.append(f'<rect x="{WIDTH - RIGHT + 16}" y="{y - 6}" width="14" height="4" fill="{colour}"/>')
        parts.append(text(WIDTH - RIGHT + 36, y, line.name, "start"))
    return "\n".join([*parts, "</svg>", ""])


def text(x: float, y: float, content: str, anchor: str) -> str:
    """One."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#424a53">{escape(content)}</text>'
