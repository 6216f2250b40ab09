"""Adapters know neither the wire nor the engine."""

import ast
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import lsserver.adapters


class LayerTests(SynchronousTestCase):
    def test_imports(self) -> None:
        assert lsserver.adapters.__file__ is not None
        for file in Path(lsserver.adapters.__file__).parent.glob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                for name in names:
                    if name.startswith("lsserver"):
                        self.assertTrue(name.startswith("lsserver.adapters"), f"{file.name} imports {name}")
                    self.assertFalse(name.startswith("lightstreamer"), f"{file.name} imports {name}")
