"""Rows of the table of aims, as text and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

LONGEST = 160
"""Characters of a cell."""

HEADINGS = ("work", "figure", "beside", "ratio", "aim", "met")


@dataclass(frozen=True)
class Row:
    """
    One line.

    @ivar work: the letter, and what was measured.
    @ivar figure: of lsserver, with its unit.
    @ivar beside: whom it is compared with, and the figure of that one.
    @ivar ratio: of the figures; C{None} when there is nobody to compare with.
    @ivar aim: in words, empty when there is none.
    @ivar met: whether the aim is; C{None} when there is none, or when it could not be measured.
    """

    work: str
    figure: str
    beside: str = ""
    ratio: float | None = None
    aim: str = ""
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """As text, in the order of L{HEADINGS}."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return (self.work, in_a_line(self.figure), in_a_line(self.beside), ratio, self.aim, verdict(self.met, self.aim))

    def to_json(self) -> dict[str, Any]:
        """For the file of results."""
        return asdict(self)


def in_a_line(text: str) -> str:
    """Reasons why something failed may be the end of a log."""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"


def verdict(met: bool | None, aim: str) -> str:
    """C{yes}, C{no}, or nothing if there is no aim."""
    if met is None:
        return "not measured" if aim else ""
    return "yes" if met else "NO"


def as_text(rows: Sequence[Row]) -> str:
    """For a terminal."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (lines[0], rule, *lines[1:])
    )


def as_markdown(rows: Sequence[Row]) -> str:
    """For a page; an aim that is missed stands out."""
    lines = [HEADINGS, ("---",) * len(HEADINGS)]
    for row in rows:
        cells = tuple(cell.replace("|", "\\|") for cell in row.cells())
        lines.append((*cells[:-1], f"**{cells[-1]}**" if cells[-1] == "NO" else cells[-1]))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
