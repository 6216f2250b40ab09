"""What failed, in few lines: the end of the output is all that may be kept of a run."""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST = 14
"""Lines, so that they and what follows fit on one screen."""

WIDTH = 400
"""Characters of a line."""

_BLOCK = re.compile(r"^={70,}\n\[(?:FAIL|ERROR)\]\n(.*?)(?=^={70,}$|^-{70,}$)", re.MULTILINE | re.DOTALL)
_TEST = re.compile(r"[\w.]+\.[\w.]+")


def of_trial(output: str) -> list[str]:
    """One line for each different failure that trial has printed: the test, or how many, and the reason."""
    return [_of_block(block.rstrip("\n").split("\n")) for block in _BLOCK.findall(output)]


def _of_block(lines: list[str]) -> str:
    """Trial writes a traceback, an empty line and the tests to which just this has happened."""
    tests: list[str] = []
    while lines and _TEST.fullmatch(lines[-1]):
        tests.insert(0, lines.pop())
    name = tests[0] if tests else "some test"
    if len(tests) > 1:
        name += f" and {len(tests) - 1} more"
    return f"{name}: {_reason(lines)}"


def _reason(lines: list[str]) -> str:
    """The exception and the beginning of its text; of one without a text, the code that raised it."""
    start = next(
        (at for at, line in enumerate(lines) if line and line[0] != " " and not line.startswith("Traceback (")), None
    )
    if start is None:
        return "no reason was given"
    first, *more = (line for line in lines[start:] if line)
    kind, _, text = first.removeprefix("Failure: ").partition(": ")
    kind = kind.rstrip(":").rpartition(".")[2]
    if not text:
        text = lines[start - 1].strip() if start else ""
    return " / ".join([f"{kind}: {text}".strip(), *more[:2]])


def of_command(name: str, status: int, output: str) -> str:
    """The same for a command that is not trial: what it said last."""
    said = [line.strip() for line in output.splitlines() if line.strip()]
    return f"{name}: exit status {status}: " + " / ".join(said[-2:])


def shown(failures: Sequence[str]) -> list[str]:
    """No more of them, and no longer, than can be seen at a glance."""
    lines = [line if len(line) <= WIDTH else line[: WIDTH - 4] + " ..." for line in failures[:MOST]]
    if len(failures) > MOST:
        lines.append(f"... and {len(failures) - MOST} others, see above")
    return lines
