"""docs/adapter-sets.md: its examples run as the page says."""

from __future__ import annotations

import importlib.util
import inspect
import re

from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters import xmlfile
from lsserver.adapters.literal import LiteralBasedProvider
from tests.docs.client import Refused
from tests.docs.pages import DOCS, sections
from tests.docs.reader import Reader, need

PAGE = sections("adapter-sets.md")
NO_SDK = None if importlib.util.find_spec("lightstreamer_adapter") else "needs lightstreamer-adapter: pip install it"


class PageTests(SynchronousTestCase):
    def test_every_element_is_told(self) -> None:
        text = (DOCS / "adapter-sets.md").read_text()
        known = {name for part, value in vars(xmlfile).items() if part.endswith("_ELEMENTS") for name in value}
        # There is no mobile push.
        told = {name for name in known - {"mpn_pool"} if f"`{name}`" in text}
        self.assertEqual(known - told, {"mpn_pool"})

    def test_every_parameter_is_told(self) -> None:
        text = (DOCS / "adapter-sets.md").read_text()
        source = inspect.getsource(inspect.getmodule(LiteralBasedProvider))  # type: ignore[arg-type]
        for name in re.findall(r'parameters(?:\.get\(|, )"(\w+)"', source):
            self.assertIn(f"| `{name}` |", text)


class SetTests(Reader):
    async def test_a_folder(self) -> None:
        self.follow(PAGE["adapters.xml"])
        for degrees, env in (("220", {}), ("180", {"BAKERY_DEGREES": "180"})):
            server = self.serve(env=env)
            session = await self.connect(server, adapter_set="BAKERY")
            await session.subscribe(1, "oven7", "degrees", "MERGE", data_adapter="OVENS")
            self.assertEqual(await session.values(), [degrees])
            self.assertNotIn("unknown element", server.text)
            with self.assertRaises(Refused) as refused:
                await session.subscribe(2, "oven7", "degrees", "DISTINCT", data_adapter="OVENS")
            self.assertEqual(refused.exception.code, 24)

    async def test_one_line(self) -> None:
        self.follow(PAGE["In one line"])
        session = await self.connect(self.serve(), adapter_set="TIME")
        await session.subscribe(1, "clock", "time", "MERGE", data_adapter="CLOCK")
        await session.seen(r"U,1,1,\d\d minutes")
        with self.assertRaises(Refused) as refused:
            await session.subscribe(2, "watch", "time", "MERGE", data_adapter="CLOCK")
        self.assertEqual(refused.exception.code, 24)

    async def test_a_plugin(self) -> None:
        printed = self.follow(PAGE["As a Twisted plugin"])
        self.assertIn("adapter set TEA: data adapters KETTLE", printed)
        session = await self.connect(self.serve(env={"PYTHONPATH": str(self.folder)}), adapter_set="TEA")
        await session.subscribe(1, "any", "state", "MERGE", data_adapter="KETTLE")
        self.assertEqual(await session.values(), ["boils"])

    async def test_adapters_of_the_sdk(self) -> None:
        need(NO_SDK)
        self.follow(PAGE["Adapters of the official Python SDK"])
        server = self.serve()
        with self.assertRaises(Refused) as refused:
            await self.connect(server, adapter_set="WEATHER")
        self.assertEqual(refused.exception.code, 1)
        session = await self.connect(server, adapter_set="WEATHER", user="ada")
        await session.subscribe(1, "outside", "degrees", "MERGE", data_adapter="OUTSIDE")
        self.assertEqual(await session.values(), ["7"])
        with self.assertRaises(Refused) as refused:
            await session.subscribe(2, "outside", "degrees", "DISTINCT", data_adapter="OUTSIDE")
        self.assertEqual(refused.exception.code, 24)
