"""The adapters of docs/remote-adapters.md, pasted and run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from lsserver.remote import sets, settings
from tests.interop.drivers import DRIVERS
from tests.interop.remote.processes import AdapterProcess, RemoteServer
from tests.interop.remote.sdks import RemoteSdk, node_folder, python_environment
from tests.interop.scenario import Scenario, Script
from tests.interop.tools import need, node

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "remote-adapters.md").read_text()
DRIVER = DRIVERS["Python2"]
SECONDS = 240


def fenced(name: str) -> str:
    """The content of a file on the page."""
    (text,) = re.findall(rf"\*\*`{re.escape(name)}`\*\*\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


def lines() -> list[str]:
    """The values of --remote on the page."""
    return re.findall(r"--remote (\S+)$", PAGE, re.MULTILINE)


def story() -> Scenario:
    """What a client does with the rooms."""
    s = Script()
    s.connect(adapter_set="ROOMS", user="burglar", wait=False)
    s.until("client", "error", 1)
    s.connect("friend", adapter_set="ROOMS", user="friend")
    s.subscribe(
        "s", "MERGE", "kitchen cellar", "name temperature", client="friend", snapshot="yes", data_adapter="SENSORS"
    )
    s.until("s", "update", "kitchen", True)
    s.until("s", "update", "cellar", True)
    s.until("s", "update", "kitchen", False)
    s.send("warmer", "ok", client="friend")
    s.until("ok", "processed")
    s.send("louder", "no", client="friend")
    s.until("no", "error")
    s.leave_out("client", "client:error", "s", "ok", "no", "no:error")
    return Scenario("rooms", s.steps, s.expected, s.checks, s.loose, lambda sdk, transport: True, False)


class DocsTests(TestCase):
    timeout = 2 * SECONDS

    async def run_it(self, line: str, name: str, command: Any, folder: Path) -> None:
        """The server of the page, with free ports, its adapter, and a client."""
        DRIVER.arguments(), DRIVER.environment()
        server = RemoteServer([re.sub(r"\b666[0-9]\b", "0", line)])
        self.addCleanup(server.stop)
        text = fenced(name)
        (metadata,), data = server.ports("ROOMS/metadata"), server.ports("ROOMS/SENSORS")
        for old, new in {"6663": metadata, **dict(zip(("6661", "6662"), data, strict=False))}.items():
            text = text.replace(old, str(new))
        (folder / name).write_text(text)
        process = AdapterProcess(RemoteSdk("docs", lambda job: [*command, str(folder / name)]), {})
        self.addCleanup(process.kill)
        process.printed("^connected")
        server.wait_until_ready("ROOMS/SENSORS")
        server.wait_until_ready("ROOMS/metadata")
        scenario = story()
        run = scenario.job("docs", server.urls[0], "WS-STREAMING")
        results = await DRIVER.play(reactor, [run], lambda run, what: None, 1, SECONDS)
        self.assertEqual(scenario.problems("docs", results["docs"]), [])
        process.kill()
        server.wait_for_lines(r"ROOMS/SENSORS: remote \S+ is lost")

    def folder(self) -> Path:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        return folder

    async def test_python(self) -> None:
        python = need(python_environment("1.3.1")) / "bin" / "python"
        await self.run_it(lines()[0], "rooms.py", [str(python)], self.folder())

    async def test_node(self) -> None:
        folder = self.folder()
        (folder / "node_modules").symlink_to(need(node_folder("1.5.3")) / "node_modules")
        await self.run_it(lines()[1], "rooms.js", [str(need(node))], folder)

    def test_every_line_of_the_page_is_right(self) -> None:
        for line in lines():
            self.assertEqual(sets.from_option(line).id, "ROOMS")

    def test_every_parameter_is_on_the_page(self) -> None:
        source = Path(settings.__file__).read_text()
        names = re.findall(r'found\.(?:text|millis|limit|port|flag|choice|names|integer)\(\s*"([a-z_.]+)"', source)
        self.assertGreater(len(names), 20)
        for name in names:
            self.assertIn(f"`{name}", PAGE)
