"""
What a page of the documentation tells its reader to do, as steps that a test can
carry out.

Conventions that the pages follow, all of them visible to a reader:

  - A fenced block after a paragraph whose last bold name is a path, such as
    C{**`adapters/a/adapters.xml`**}, is the content of that file; if the paragraph
    says "At the end of" before the path it is added there, if it says C{class
    `Name`} after it, its methods replace those of the class or are added to it.
  - C{In **`path`**, replace `one text` with `another`} in a paragraph means that.
  - C{sh} blocks are commands.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_REPLACE = re.compile(r"[Ii]n \*\*`([^`]+)`\*\*,\s+replace\s+`([^`]+)`\s+with\s+`([^`]+)`")
_TARGET = re.compile(r"\*\*`([\w./-]+\.\w+)`\*\*(?:, class `(\w+)`)?:?$")


@dataclass(frozen=True)
class Replace:
    """Replace one text in a file."""

    path: str
    old: str
    new: str

    def apply(self, folder: Path) -> None:
        """
        @raise AssertionError: the text is not there, or not unique.
        """
        file = folder / self.path
        text = file.read_text()
        assert text.count(self.old) == 1, f"{self.path} has {self.old!r} {text.count(self.old)} times"
        file.write_text(text.replace(self.old, self.new))


@dataclass(frozen=True)
class Snippet:
    """
    A fenced block.

    @ivar path: the file that it belongs to, if any.
    @ivar cls: the class in that file that it is about, if any.
    @ivar at_end: it is added to the file.
    """

    language: str
    text: str
    path: str | None = None
    cls: str | None = None
    at_end: bool = False

    def apply(self, folder: Path) -> None:
        """Do to the file what the page says."""
        assert self.path is not None
        file = folder / self.path
        if self.cls is not None:
            file.write_text(_with_methods(file.read_text(), self.cls, self.text))
        elif self.at_end:
            file.write_text(f"{file.read_text()}\n{self.text}")
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.text)


Step = Replace | Snippet


def sections(page: str) -> dict[str, list[Step]]:
    """The steps of a page by the heading that they stand under."""
    text = (DOCS / page).read_text()
    parts = re.split(r"^## (.*)$", "## \n" + text, flags=re.MULTILINE)[1:]
    return {heading: list(_steps(body)) for heading, body in zip(parts[::2], parts[1::2], strict=True)}


def _steps(body: str) -> Iterator[Step]:
    end = 0
    for fence in _FENCE.finditer(body):
        before = body[end : fence.start()].strip()
        yield from _replacements(before)
        paragraph = before.rpartition("\n\n")[2]
        target = _TARGET.search(paragraph)
        if target:
            at_end = paragraph[: target.start()].rstrip().endswith("At the end of")
            yield Snippet(fence[1], fence[2], target[1], target[2], at_end)
        else:
            yield Snippet(fence[1], fence[2])
        end = fence.end()
    yield from _replacements(body[end:])


def _replacements(prose: str) -> Iterator[Replace]:
    for found in _REPLACE.finditer(prose):
        yield Replace(found[1], found[2], found[3])


def _with_methods(source: str, cls: str, methods: str) -> str:
    """A module with methods of one class replaced or added."""
    for new in ast.parse(textwrap.dedent(methods)).body:
        assert isinstance(new, ast.FunctionDef | ast.AsyncFunctionDef)
        code = textwrap.indent(
            "\n".join(textwrap.dedent(methods).splitlines()[new.lineno - 1 : new.end_lineno]), "    "
        )
        lines = source.splitlines()
        found = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == cls]
        assert found, f"there is no class {cls}"
        old = [node for node in found[0].body if isinstance(node, ast.FunctionDef) and node.name == new.name]
        if old:
            lines[old[0].lineno - 1 : old[0].end_lineno] = code.splitlines()
        else:
            assert found[0].end_lineno is not None
            lines[found[0].end_lineno : found[0].end_lineno] = ["", *code.splitlines()]
        source = "\n".join(lines) + "\n"
    return source
