"""docs/getting-started.md, done step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.docs.client import Refused
from tests.docs.pages import Replace, Snippet, sections
from tests.docs.reader import Reader, copy_of_the_project, in_chromium
from tests.service.running import Running

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGE = sections("getting-started.md")
HEADINGS = [heading for heading in PAGE if heading[:1].isdigit()]
FIELDS = "temperature humidity time"


class GettingStarted(Reader):
    """Each test does everything up to one section, from the second on."""

    def up_to(self, number: int) -> str:
        printed = ""
        for heading in HEADINGS[1:number]:
            printed += self.follow(PAGE[heading])
        return printed

    async def humidity(self, server: Running, **user: str) -> int:
        """Of the first bed, as a new client sees it."""
        session = await self.connect(server, adapter_set="GREENHOUSE", **user)
        await session.subscribe(1, "bed1", FIELDS, "MERGE", data_adapter="SENSORS")
        return int((await session.values())[1])


class InstallTests(GettingStarted):
    def test_every_block_is_used(self) -> None:
        kinds = {step.language for steps in PAGE.values() for step in steps if isinstance(step, Snippet)}
        self.assertEqual(kinds, {"sh", "text", "xml", "python", "html", "js"})
        for heading, steps in PAGE.items():
            for step in steps:
                if isinstance(step, Snippet) and step.language not in ("sh", "text"):
                    self.assertIsNotNone(step.path, heading)

    async def test_install_and_start(self) -> None:
        copy_of_the_project(self.folder)
        output = self.follow(PAGE["1. Install and start"], PYTHONPATH="")
        venv = self.folder / ".venv" / "bin"
        self.assertTrue((venv / "twistd").is_file(), output)
        server = self.serve(program=str(venv / "twistd"), env={"PYTHONPATH": ""})
        (expected,) = (
            step for step in PAGE["1. Install and start"] if isinstance(step, Snippet) and step.language == "text"
        )
        url = await server.url()
        self.assertIn(expected.text.strip().replace("http://localhost:8080/", url), server.text)


class DataTests(GettingStarted):
    async def test_the_set_is_checked(self) -> None:
        printed = self.up_to(2)
        self.assertIn("adapter set GREENHOUSE: data adapters SENSORS", printed)
        self.assertIn("the configuration is fine", printed)

    async def test_a_client_gets_data(self) -> None:
        self.up_to(3)
        server = self.serve()
        session = await self.connect(server, adapter_set="GREENHOUSE")
        await session.subscribe(1, "bed1 bed2", FIELDS, "MERGE", data_adapter="SENSORS")
        for item, humidity in ((1, "60"), (2, "55")):
            temperature, second, time = await session.values(item=item)
            self.assertTrue(18 <= float(temperature) <= 24)
            self.assertEqual(second, humidity)
            self.assertRegex(time, r"\d\d:\d\d:\d\d")
        await session.values(after=len(session.lines))
        for number, (name, mode) in enumerate((("bed4", "MERGE"), ("bed1", "DISTINCT")), 2):
            with self.assertRaises(Refused) as refused:
                await session.subscribe(number, name, FIELDS, mode, data_adapter="SENSORS")
            self.assertEqual(refused.exception.code, 24)

    async def test_the_page_shows_it(self) -> None:
        self.up_to(3)
        server = self.serve()
        beds, status, complaints = await in_chromium(await server.url(), look)
        self.assertEqual(sorted(beds), ["bed1", "bed2", "bed3"])
        self.assertRegex(status, "connected .+")
        self.assertEqual(complaints, [])


class MessageTests(GettingStarted):
    async def test_a_message_is_answered(self) -> None:
        self.up_to(4)
        server = self.serve()
        session = await self.connect(server, adapter_set="GREENHOUSE")
        self.assertEqual(await session.send("water bed1"), "bed1 has been watered")
        self.assertEqual(await self.humidity(server), 70)
        with self.assertRaises(Refused) as refused:
            await session.send("dance")
        self.assertEqual((refused.exception.code, refused.exception.text), (-1, "Say: water bed1"))

    async def test_the_button_waters(self) -> None:
        self.up_to(4)
        server = self.serve()

        def press(page: Page) -> str:
            page.locator("#beds tr").nth(2).wait_for()
            page.locator("#water").click()
            page.locator("#answer:not(:empty)").wait_for()
            page.locator("#beds tr", has_text="bed1").locator("td:nth-child(3)", has_text="70").wait_for()
            return page.locator("#answer").inner_text()

        self.assertEqual(await in_chromium(await server.url(), press), "bed1 has been watered")


class SnapshotTests(GettingStarted):
    async def test_those_who_come_later_see_the_state_at_once(self) -> None:
        self.up_to(5)
        Replace("adapters/greenhouse/adapters.xml", ">0.5<", ">6000<").apply(self.folder)
        server = self.serve()
        first, later = [await self.connect(server, adapter_set="GREENHOUSE") for _ in range(2)]
        seen = []
        for session in (first, later):
            await session.subscribe(1, "bed1", FIELDS, "MERGE", data_adapter="SENSORS", snapshot="true")
            seen.append(await session.values())
        self.assertEqual(*seen)


class UserTests(GettingStarted):
    async def test_rights(self) -> None:
        self.up_to(6)
        server = self.serve()
        for user in ({}, {"user": "ada", "password": "x"}, {"user": "eve", "password": "x"}):
            with self.assertRaises(Refused) as refused:
                await self.connect(server, adapter_set="GREENHOUSE", **user)
            self.assertEqual((refused.exception.code, refused.exception.text), (1, "User/password check failed"))
        guest = await self.connect(server, adapter_set="GREENHOUSE", user="guest", password="guest")
        await guest.subscribe(1, "bed1 bed2", FIELDS, "MERGE", data_adapter="SENSORS")
        with self.assertRaises(Refused) as refused:
            await guest.subscribe(2, "bed1 bed2 bed3", FIELDS, "MERGE", data_adapter="SENSORS")
        self.assertEqual(refused.exception.code, 24)
        with self.assertRaises(Refused) as refused:
            await guest.send("water bed1")
        self.assertEqual((refused.exception.code, refused.exception.text), (-2, "Only Ada may water"))
        ada = await self.connect(server, adapter_set="GREENHOUSE", user="ada", password="lovelace")
        await ada.subscribe(1, "bed1 bed2 bed3", FIELDS, "MERGE", data_adapter="SENSORS")
        self.assertEqual(await ada.send("water bed1"), "bed1 has been watered")

    async def test_the_page_without_and_with_a_user(self) -> None:
        self.up_to(5)
        page = PAGE[HEADINGS[5]]
        self.follow(step for step in page if isinstance(step, Snippet))
        url = await self.serve().url()

        def refused(page: Page) -> str:
            page.locator("#status", has_text="disconnected: ").wait_for()
            return page.locator("#status").inner_text()

        self.assertEqual(await in_chromium(url, refused), "disconnected: User/password check failed")
        self.follow(step for step in page if isinstance(step, Replace))
        self.assertEqual(sorted((await in_chromium(url, look))[0]), ["bed1", "bed2", "bed3"])


def look(page: Page) -> tuple[list[str], str, list[str]]:
    """The beds, the status, and what the browser complained of."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.locator("#beds tr").nth(2).wait_for()
    return page.locator("#beds tr td:first-child").all_inner_texts(), page.locator("#status").inner_text(), complaints
