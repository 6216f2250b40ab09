"""docs/clients.md: the official clients do what the page says, and so does curl."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from twisted.internet import reactor, ssl
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, readBody

from tests.docs.client import Refused
from tests.docs.pages import Snippet, sections
from tests.docs.reader import Reader, in_chromium, need
from tests.interop import tools
from tests.service.running import Running, start

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGE = sections("clients.md")
ADDRESS = "http://localhost:8080"
PRICE = r"^.+: \d+(\.\d+)?$"
"""What each of the examples shows for an update."""


class Clients(Reader):
    async def example(self, heading: str) -> tuple[Running, Path]:
        """A server, and the file of an example with the address of that server."""
        server = self.serve()
        url = (await server.url()).rstrip("/")
        (step,) = (step for step in PAGE[heading] if isinstance(step, Snippet))
        step.apply(self.folder)
        assert step.path is not None
        file = self.folder / step.path
        self.assertIn(ADDRESS, step.text)
        file.write_text(step.text.replace(ADDRESS, url))
        return server, file

    async def prices(self, program: str, file: Path, env: dict[str, str]) -> None:
        """Wait until a program prints prices."""
        running = start(self, str(file), cwd=self.folder, program=program, env=env)
        await running.printed(rf"{PRICE}(\n.*)+{PRICE}")

    async def test_node(self) -> None:
        node = tools.need(tools.node)
        modules = tools.need(tools.node_sdks) / "node_modules"
        _, file = await self.example("Node.js")
        await self.prices(str(node), file, {"NODE_PATH": str(modules)})

    async def test_python(self) -> None:
        sdk = tools.need(tools.python_sdk_2)
        _, file = await self.example("Python")
        await self.prices(sys.executable, file, {"PYTHONPATH": str(sdk)})

    async def test_web(self) -> None:
        library = tools.need(tools.node_sdks) / "node_modules" / "lightstreamer-client-web"
        _, file = await self.example("Web")

        def look(page: Page) -> str:
            page.route(
                "https://unpkg.com/lightstreamer-client-web/*",
                lambda route: route.fulfill(path=library / route.request.url.rpartition("/")[2]),
            )
            page.goto(file.as_uri())
            page.locator("#out", has_text=re.compile(r": \d")).wait_for()
            return page.locator("#out").inner_text()

        self.assertRegex(await in_chromium("about:blank", look), re.compile(PRICE, re.MULTILINE))


class ServerTests(Reader):
    async def test_tls(self) -> None:
        steps = PAGE["TLS"]
        if not shutil.which("openssl"):
            need("needs openssl: apt-get install openssl")
        self.follow(steps)
        self.command = [word.replace(":8443:", ":0:") for word in self.command]
        server = start(self, "-n", "lsserver", *self.command, cwd=self.folder)
        url = await server.url()
        self.assertRegex(url, "https://localhost:")
        authority = ssl.Certificate.loadPEM((self.folder / "cert.pem").read_bytes())
        response = await Agent(reactor, BrowserLikePolicyForHTTPS(authority)).request(b"GET", url.encode())
        self.assertEqual(response.code, 200)
        await readBody(response)

    async def test_mobile_push(self) -> None:
        session = await self.connect(self.serve(), adapter_set="DEMO")
        with self.assertRaises(Refused) as refused:
            await session.control("register", PN_type="Apple", PN_appId="com.example", PN_deviceToken="1234")
        self.assertEqual((refused.exception.code, refused.exception.text), (40, "The MPN Module is disabled"))

    async def test_by_hand(self) -> None:
        if not shutil.which("curl"):
            need("needs curl: apt-get install curl")
        command, answer = (step for step in PAGE["The protocol, by hand"] if isinstance(step, Snippet))
        url = await self.serve().url()
        words = shlex.split(command.text.replace(f"{ADDRESS}/", url).replace("\\\n", " "))
        program = shutil.which(words[0]) or words[0]
        curl = start(self, *words[1:], cwd=self.folder, program=program, env=dict(os.environ))
        self.assertEqual(await curl.ended, 0, curl.text)
        shape = [re.sub(r"^(CONOK),\w+", r"\1,", line) for line in curl.output[1].splitlines()]
        self.assertEqual(shape, [re.sub(r"^(CONOK),\w+", r"\1,", line) for line in answer.text.splitlines()])
