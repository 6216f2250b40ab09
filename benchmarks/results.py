"""
Figures that are kept: C{results.json} has the newest of each work, RESULTS.md shows them between two marks, and
C{plots} has the pictures. What other people write into RESULTS.md stays as it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.plots import svg
from benchmarks.programs import HERE
from benchmarks.table import Row, as_markdown
from benchmarks.works.work import Outcome

BEGIN = "<!-- begin: written by `python -m benchmarks --save`, do not edit -->"
END = "<!-- end -->"


class ResultsError(Exception):
    """The page cannot take the figures. The text says why."""


def save(
    outcomes: dict[str, Outcome], order: list[str], date: str, machine: dict[str, str], folder: Path = HERE
) -> None:
    """
    Replace the figures of these works, and leave those of the others.

    @param order: all works, as they are to be shown.
    @raise ResultsError: the page has no place for them.
    """
    file, page, plots = folder / "results.json", folder / "RESULTS.md", folder / "plots"
    kept: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    for letter, outcome in outcomes.items():
        kept[letter] = {
            "date": date,
            "machine": machine,
            "rows": [row.to_json() for row in outcome.rows],
            "notes": outcome.notes,
            "plots": {plot.name: plot.title for plot in outcome.plots},
        }
        for plot in outcome.plots:
            plots.mkdir(exist_ok=True)
            (plots / f"{plot.name}.svg").write_text(svg(plot))
    kept = {letter: kept[letter] for letter in order if letter in kept}
    changed = between(page.read_text(), shown(kept))
    file.write_text(json.dumps(kept, indent=1) + "\n")
    page.write_text(changed)


def between(page: str, content: str) -> str:
    """
    A page with other text between the marks.

    @raise ResultsError: they are not there, once each and in that order.
    """
    before, begin, rest = page.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ResultsError(f"RESULTS.md needs one line {BEGIN!r} and after it one {END!r}")
    return f"{before}{BEGIN}\n{content}\n{END}{after}"


def shown(kept: dict[str, Any]) -> str:
    """The table, what it was measured with, and the pictures."""
    rows = [Row(**row) for work in kept.values() for row in work["rows"]]
    aims = [row for row in rows if row.met is not None]
    parts = [f"{sum(1 for row in aims if row.met)} of {len(aims)} rows with an aim meet it.", as_markdown(rows)]
    notes = list(dict.fromkeys(note for work in kept.values() for note in work["notes"]))
    if notes:
        parts.append("\n".join(f"* {note}" for note in notes))
    conditions: dict[str, list[str]] = {}
    for letter, work in kept.items():
        machine = ", ".join(f"{name} {value}" for name, value in work["machine"].items())
        conditions.setdefault(f"{work['date']}: {machine}", []).append(letter)
    parts.append("\n".join(f"* {', '.join(letters)}: {text}" for text, letters in conditions.items()))
    for work in kept.values():
        parts += [f"![{title}](plots/{name}.svg)" for name, title in work["plots"].items()]
    return "\n\n".join(["", *parts, ""]).rstrip("\n") + "\n"
