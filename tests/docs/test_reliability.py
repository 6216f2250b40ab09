"""docs/reliability.md: the elements, their defaults and the tests that it names are there."""

from __future__ import annotations

import importlib
import re
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from lsserver.config import GROUPS, NESTED
from lsserver.listeners import HttpServer
from lsserver.reading import slots_of
from tests.docs.pages import DOCS

PAGE = (DOCS / "reliability.md").read_text()
ROW = re.compile(r"^\| .* \|$", re.MULTILINE)


def defaults() -> dict[str, str]:
    """What each element of the configuration is by default, as the page writes it."""
    found = {}
    for cls, elements in GROUPS.items():
        found |= {slot.path: slot.default for slot in slots_of(cls, elements)}
    found |= {f"http_server.{slot.path}": slot.default for slot in slots_of(HttpServer, NESTED[HttpServer])}
    return {path: "none" if value is None else f"`{value}`" for path, value in found.items()}


def named(path: str) -> Any:
    """
    What a dotted name stands for.

    @raise AttributeError: there is no such thing.
    """
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise AttributeError(path)


class ReliabilityTests(SynchronousTestCase):
    def test_tests(self) -> None:
        names = re.findall(r"`(tests\.[\w.]+)`", PAGE)
        self.assertGreater(len(names), 40)
        missing = []
        for name in names:
            try:
                named(name)
            except AttributeError:
                missing.append(name)
        self.assertEqual(missing, [])

    def test_defaults(self) -> None:
        known = defaults()
        told = 0
        for row in ROW.findall(PAGE):
            cells = [cell.strip() for cell in row.strip("|").split("|")]
            if len(cells) == 5 and re.fullmatch("`[a-z_.]+`", cells[1]):
                told += 1
                self.assertEqual((cells[1], cells[2]), (cells[1], known.get(cells[1].strip("`"))))
        self.assertGreater(told, 15)

    def test_elements(self) -> None:
        """Those in the text too."""
        known = {path.rpartition(".")[2] for path in defaults()}
        for name in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", PAGE):
            self.assertIn(name, known)
