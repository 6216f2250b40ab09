"""Which package may import which, and that what is imported is declared; read from the source."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from importlib.metadata import packages_distributions
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "lsserver"

ALLOWED: dict[str, set[str]] = {
    "tlcp": set(),
    "adapters": set(),
    "web": set(),
    "engine": {"tlcp", "adapters"},
    "transport": {"engine", "tlcp"},
    "legacy": {"tlcp", "engine"},
    "remote": {"adapters"},
}
"""For a package inside C{lsserver}, the others that it may import."""

TOP = {"service", "options"}
"""Modules that only the plugin, and one another, import."""

NO_REACTOR = ("tlcp", "engine")
"""Packages without I/O: they are given a clock, and import no reactor."""


def sources(folder: Path) -> Iterator[Path]:
    """The Python files below a folder."""
    return (file for file in sorted(folder.rglob("*.py")) if "__pycache__" not in file.parts)


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """
    Line and full name of everything that a file imports; of C{from a import b}
    both C{a} and C{a.b}, since C{b} may be a module; and of C{import_module("a")}.
    """
    package = file.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(file.read_bytes(), str(file))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "import_module":
            yield from ((node.lineno, str(name.value)) for name in node.args if isinstance(name, ast.Constant))


def type_checking_lines(file: Path) -> set[int]:
    """The lines that only a type checker reads."""
    lines: set[int] = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            lines.update(range(node.lineno, (node.body[-1].end_lineno or node.lineno) + 1))
    return lines


class DirectionTests(SynchronousTestCase):
    def test_every_package_is_known(self) -> None:
        found = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
        self.assertEqual(found - set(ALLOWED), set())

    def test_packages_import_only_what_is_below_them(self) -> None:
        wrong = []
        for name, allowed in ALLOWED.items():
            for file in sources(PACKAGE / name):
                for line, imported in imports(file):
                    parts = imported.split(".")
                    if parts[0] == "lsserver" and len(parts) > 1 and parts[1] not in allowed | {name, "__version__"}:
                        wrong.append(f"{file.relative_to(ROOT)}:{line} imports {imported}")
        self.assertEqual(wrong, [])

    def test_nobody_but_the_plugin_imports_the_service(self) -> None:
        wrong = []
        for file in sources(PACKAGE):
            if file.parent == PACKAGE and file.stem in TOP:
                continue
            for line, imported in imports(file):
                if any(imported == f"lsserver.{name}" or imported.startswith(f"lsserver.{name}.") for name in TOP):
                    wrong.append(f"{file.relative_to(ROOT)}:{line} imports {imported}")
        self.assertEqual(wrong, [])

    def test_what_is_without_io_imports_no_reactor(self) -> None:
        wrong = []
        for name in NO_REACTOR:
            for file in sources(PACKAGE / name):
                ignored = type_checking_lines(file)
                for line, imported in imports(file):
                    if line not in ignored and re.match(
                        r"(twisted\.internet\.reactor|socket|asyncio|select)\b", imported
                    ):
                        wrong.append(f"{file.relative_to(ROOT)}:{line} imports {imported}")
        self.assertEqual(wrong, [])

    def test_a_wrong_import_would_be_seen(self) -> None:
        """The walk sees every form of an import."""
        file = ROOT / "lsserver" / "tlcp" / "imagined.py"
        self.patch(Path, "read_bytes", lambda _: b"import a.b\nfrom c import d\ndef f():\n from ..engine import e\n")
        self.assertEqual(
            list(imports(file)),
            [(1, "a.b"), (2, "c"), (2, "c.d"), (4, "lsserver.engine"), (4, "lsserver.engine.e")],
        )


class DeclarationTests(SynchronousTestCase):
    def test_what_is_imported_is_required(self) -> None:
        """Every distribution that the package or a demo imports is in setup.cfg, and nothing else is."""
        setup = ConfigParser()
        setup.read(ROOT / "setup.cfg")
        required = names(setup["options"]["install_requires"])
        optional = names(setup["options.extras_require"]["fast"])
        found: dict[str, str] = {}
        own = {path.stem for path in (ROOT / "adapters").rglob("*.py")}
        for folder in (PACKAGE, ROOT / "adapters"):
            for file in sources(folder):
                for line, imported in imports(file):
                    found.setdefault(imported.split(".")[0], f"{file.relative_to(ROOT)}:{line}")
        distributions = {top: {normal(one) for one in many} for top, many in packages_distributions().items()}
        used = set()
        for top, place in found.items():
            if top in sys.stdlib_module_names or top in own | {"lsserver"}:
                continue
            owners = distributions.get(top, {normal(top)})
            self.assertTrue(owners & (required | optional | TOLERATED), f"{place} imports {top} of {owners}")
            used |= owners
        self.assertEqual(required - used - {"zope-interface"}, set(), "required, but not imported")


TOLERATED = {"pyopenssl", "service-identity", "lightstreamer-adapter"}
"""What C{twisted[tls]} brings, and the SDK whose adapters are recognised when it is there."""


def names(requirements: str) -> set[str]:
    """The distributions in a list of requirements."""
    return {normal(re.split(r"[\[<>=!~; ]", line.strip())[0]) for line in requirements.splitlines() if line.strip()}


def normal(name: str) -> str:
    """The normal form of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()
