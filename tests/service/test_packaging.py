"""
The three ways to install, each in a new virtual environment: everything is found,
and nothing is left where it should not be.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import Agent, readBody

from lsserver import __version__, installed
from tests.service.running import ROOT, folder, start

LEFT_OUT = shutil.ignore_patterns(
    ".*", "_trial_temp*", "node_modules", "__pycache__", "*.egg-info", "build", "dist", "venv", "*dropin.cache*"
)


def files_below(path: Path) -> set[str]:
    """Relative names of the files in a folder."""
    return {
        str(file.relative_to(path))
        for file in path.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and "dropin.cache" not in file.name
    }


class InstallTests(TestCase):
    """Each test has a copy of the checkout and an environment of its own."""

    timeout = 400

    async def setUp(self) -> None:  # type: ignore[override]
        self.top = folder(self)
        self.checkout = self.top / "checkout"
        shutil.copytree(ROOT, self.checkout, ignore=LEFT_OUT)
        self.empty = self.top / "empty"
        self.empty.mkdir()
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
        await self.run_(sys.executable, "-m", "venv", str(self.top / "venv"))
        self.bin = self.top / "venv" / "bin"

    async def run_(self, *command: str, cwd: Path | None = None) -> str:
        """What a command prints; the test fails if the command does."""
        output, error, status = await getProcessOutputAndValue(
            command[0], command[1:], env=self.env, path=str(cwd or self.top)
        )
        text = output.decode() + error.decode()
        self.assertEqual(status, 0, text)
        return text

    async def pip(self, *arguments: str) -> str:
        return await self.run_(str(self.bin / "pip"), "--quiet", *arguments)

    async def python(self, code: str) -> str:
        return (await self.run_(str(self.bin / "python"), "-c", code, cwd=self.empty)).strip()

    async def assert_works(self, cwd: Path) -> None:
        """The server of the environment runs in C{cwd}, with demos and pages, and leaves nothing there."""
        before = files_below(cwd)
        self.assertIn("lsserver ", await self.run_(str(self.bin / "twistd"), "--help", cwd=cwd))
        server = start(
            self, "-n", "lsserver", "--port", "0", cwd=cwd, program=str(self.bin / "twistd"), env={"PYTHONPATH": ""}
        )
        url = await server.url()
        self.assertNotIn("plugin cache", server.text)
        for name in ("DEMO", "WELCOME", "CHAT", "MESSENGER", "FULLPORTFOLIODEMO", "ROUNDTRIPDEMO"):
            self.assertIn(f"adapter set {name}:", server.text)
        pages = self.checkout / "lsserver" / "web"
        for name in sorted(files_below(pages)):
            if not name.endswith(".py"):
                response = await Agent(reactor).request(b"GET", f"{url}{name}".encode())
                self.assertEqual(response.code, 200, name)
                self.assertEqual(await readBody(response), (pages / name).read_bytes(), name)
        server.signal("TERM")
        await server.ended
        self.assertEqual(files_below(cwd) - before, set())

    async def assert_tidy(self) -> None:
        """What was installed, and what not."""
        names = (await self.python("import importlib.metadata as m; print(*m.files('lsserver'), sep='\\n')")).split()
        tops = {name.split("/")[0] for name in names if "/" in name and not name.startswith("..")}
        self.assertEqual(tops, {"lsserver", f"lsserver-{__version__}.dist-info", "twisted"})
        self.assertIn("twisted/plugins/lsserver_plugin.py", names)
        self.assertNotIn("twisted/plugins/__init__.py", names)
        demos = Path(await self.python("from lsserver import installed; print(installed.demo_adapters())"))
        self.assertEqual(demos, self.top / "venv" / "share" / "lsserver" / "adapters")
        self.assertEqual(files_below(demos), files_below(self.checkout / "adapters"))
        package = Path(await self.python("import lsserver; print(lsserver.__path__[0])"))
        self.assertEqual(files_below(package), files_below(self.checkout / "lsserver"))

    async def test_from_the_checkout(self) -> None:
        await self.pip("install", str(self.checkout))
        await self.assert_tidy()
        await self.assert_works(self.checkout)

    async def test_from_a_wheel_in_an_empty_folder(self) -> None:
        await self.pip("wheel", "--no-deps", "-w", str(self.top / "wheels"), str(self.checkout))
        shutil.rmtree(self.checkout / "build", ignore_errors=True)
        (wheel,) = (self.top / "wheels").iterdir()
        await self.pip("install", str(wheel))
        await self.assert_tidy()
        await self.assert_works(self.empty)
        await self.pip("uninstall", "--yes", "lsserver")
        self.assertNotIn("lsserver", await self.run_(str(self.bin / "twistd"), "--help", cwd=self.empty))
        self.assertEqual(files_below(self.top / "venv" / "share" / "lsserver"), set())

    async def test_editable(self) -> None:
        await self.pip("install", "--editable", str(self.checkout))
        demos = await self.python("from lsserver import installed; print(installed.demo_adapters())")
        self.assertEqual(Path(demos), self.checkout / "adapters")
        await self.assert_works(self.empty)
        await self.assert_works(self.checkout)


class InstalledTests(SynchronousTestCase):
    def test_demos_of_a_checkout(self) -> None:
        self.assertEqual(installed.demo_adapters(), ROOT / "adapters")

    def test_pages(self) -> None:
        self.assertTrue((installed.pages() / "index.html").is_file())
