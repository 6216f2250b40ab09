"""docs/architecture.md names what is there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "architecture.md"
NAME = re.compile(r"`((?:adapters|engine|tlcp|transport)\.[\w.]+)`")
FILE = re.compile(r"`((?:adapters|engine|tlcp|transport|tests|docs)/[\w./]+\.\w+)`")


def resolves(name: str) -> bool:
    """Whether there is a module, class, method or annotated attribute of that name below the package."""
    parts = ["lsserver", *name.split(".")]
    for length in range(len(parts), 1, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            # Instance attributes are no attributes of the class, but they are written down in its docstring.
            if not hasattr(found, attribute) and f"@ivar {attribute}:" in (getattr(found, "__doc__", "") or ""):
                return True
            found = getattr(found, attribute, None)
            if found is None:
                return False
        return True
    return False


class ArchitectureTests(SynchronousTestCase):
    """The page can be trusted."""

    def test_every_name_exists(self) -> None:
        names = NAME.findall(PAGE.read_text())
        self.assertGreater(len(names), 40)
        self.assertEqual([name for name in names if not resolves(name)], [])

    def test_every_file_exists(self) -> None:
        text = PAGE.read_text()
        missing = [
            path
            for path in FILE.findall(text)
            if not (ROOT / path).exists() and not (ROOT / "lsserver" / path).exists()
        ]
        self.assertEqual(missing, [])

    def test_a_wrong_name_is_found(self) -> None:
        self.assertFalse(resolves("engine.view.View.no_such_method"))
        self.assertFalse(resolves("engine.no_such_module"))
