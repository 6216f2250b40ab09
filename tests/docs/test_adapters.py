"""docs/adapters.md: its methods are those of the interfaces, its examples run, its table of errors is true."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters import errors
from tests.docs.client import Refused, Session
from tests.docs.pages import DOCS, sections
from tests.docs.reader import Reader
from tests.service.running import Running

PAGE = DOCS / "adapters.md"
ROW = re.compile(r"^\| ((?:`\w+Error`(?:, )?)+|any other) \| `(\w+)` \| (.*) \|$", re.MULTILINE)
ROWS = [(re.findall(r"\w+Error", row[1]) or [""], row[2], row[3]) for row in ROW.finditer(PAGE.read_text())]
CODED = re.compile("`(CONERR|REQERR|MSGFAIL)` (?:([0-9]+)|with its code and text)")

ADAPTERS = '''
from lsserver.adapters import errors
from lsserver.adapters.providers import DataProvider, MetadataProvider

def fail(error):
    if error == "CreditsError":
        raise errors.CreditsError(-7, "secret", "for you")
    if error == "ConflictingSessionError":
        raise errors.ConflictingSessionError(-7, "secret", "none", "for you")
    raise getattr(errors, error, ZeroDivisionError)("secret")

class Raising(MetadataProvider):
    """The name of the user says what to raise where."""
    def wants_tables_notification(self, user):
        return True
    def notify_user_message(self, user, session_id, message):
        return None
    def initialize(self, parameters, config_file=None):
        if "raise" in parameters:
            fail(parameters["raise"])

def raising(name, original):
    def method(self, *args):
        user = str(args[0])
        if user.startswith(name + ":"):
            fail(user.partition(":")[2])
        return original(self, *args)
    return method

for name in ("notify_user get_allowed_max_bandwidth notify_new_session get_session_time_to_live get_items get_schema "
             "ismode_allowed get_allowed_max_item_frequency notify_new_tables notify_user_message").split():
    method = raising(name, getattr(Raising, name))
    # The server looks at the arguments of each method.
    method.__wrapped__ = getattr(Raising, name)
    setattr(Raising, name, method)

class Single(MetadataProvider):
    """One session at a time."""
    open = None
    def notify_new_session(self, user, session_id, client_context):
        if self.open is not None:
            raise errors.ConflictingSessionError(-7, "secret", self.open, "for you")
        self.open = session_id
    def notify_session_close(self, session_id):
        self.open = None

class Data(DataProvider):
    def initialize(self, parameters, config_file=None):
        if "raise" in parameters:
            fail(parameters["raise"])
    def subscribe(self, item_name):
        if item_name != "fine":
            fail(item_name)
        self.listener.update(item_name, {"field": "value"})
    def unsubscribe(self, item_name):
        pass
'''


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_adapters", DOCS / "generate_adapters.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class PageTests(SynchronousTestCase):
    def test_the_generated_part_is_up_to_date(self) -> None:
        text = PAGE.read_text()
        self.assertEqual(text, generator().page(text), "run: python docs/generate_adapters.py")

    def test_no_markup_of_docstrings_is_left(self) -> None:
        self.assertNotRegex(PAGE.read_text(), r"[CLU]\{|@param|@raise|@ivar|MaybeAsync")

    def test_every_error_is_in_the_table(self) -> None:
        told = {name for names, _, _ in ROWS for name in names}
        kinds = {
            name
            for name, value in vars(errors).items()
            if isinstance(value, type) and issubclass(value, errors.MetadataError | errors.DataError)
        }
        # These are not raised by adapters.
        kinds -= {"MetadataError", "DataError", "ModeError", "SelectorError", "UnfilteredError"}
        self.assertEqual(kinds - told, set())


class ExampleTests(Reader):
    async def test_waiting_and_blocking(self) -> None:
        self.follow(sections("adapters.md")["Results and threads"])
        session = await self.connect(self.serve(), adapter_set="WAITING")
        await session.subscribe(1, "euro", "rate", "MERGE", data_adapter="RATES")
        await session.subscribe(2, "cake", "price", "MERGE", data_adapter="PRICES")
        self.assertEqual(await session.values(subscription=1), ["1.25"])
        self.assertEqual(await session.values(subscription=2), ["4"])


class ErrorTests(Reader):
    """Each row of the table."""

    def server(self, parameters: str = "", metadata: str = "Raising") -> Running:
        (self.folder / "failing.py").write_text(ADAPTERS)
        return self.serve(
            "--no-demo", "--adapter", f"DEFAULT,data=failing:Data,metadata=failing:{metadata}{parameters}"
        )

    async def provoke(self, server: Running, user: str) -> Session:
        """Do everything that might be refused."""
        session = await self.connect(server, user=user)
        await session.subscribe(1, "fine", "field", "MERGE")
        await session.send("message")
        return session

    async def test_codes(self) -> None:
        server = self.server()
        session = await self.provoke(server, "harmless")
        self.assertEqual(await session.values(), ["value"])
        seen = 0
        for names, method, told in ROWS:
            if (code := CODED.search(told)) is None:
                continue
            for name in names:
                with self.assertRaises(Refused, msg=f"{method} {name}") as refused:
                    await self.provoke(server, f"{method}:{name}")
                expected = (int(code[2]), refused.exception.text) if code[2] else (-7, "for you")
                self.assertEqual((refused.exception.code, refused.exception.text), expected, f"{method} {name}")
                self.assertEqual(refused.exception.tag, code[1], f"{method} {name}")
                self.assertNotIn("secret", refused.exception.text)
                seen += 1
        self.assertGreater(seen, 12)

    async def test_other_methods_are_like_those_in_the_table(self) -> None:
        server = self.server()
        for method in ("get_allowed_max_bandwidth", "get_session_time_to_live", "ismode_allowed",
                       "get_allowed_max_item_frequency"):  # fmt: skip
            with self.assertRaises(Refused) as refused:
                await self.provoke(server, f"{method}:")
            self.assertEqual(refused.exception.code, 66, method)

    async def test_a_conflict_is_solved(self) -> None:
        server = self.server(metadata="Single")
        first = await self.connect(server)
        second = await self.connect(server)
        self.assertEqual((await first.seen("END,([0-9]+),.*"))[1], "35")
        await second.subscribe(1, "fine", "field", "MERGE")
        self.assertEqual(await second.values(), ["value"])

    async def test_an_item_that_cannot_be_supplied(self) -> None:
        session = await self.connect(self.server())
        for number, item in enumerate(("SubscribeError", "other", "fine"), 1):
            await session.subscribe(number, item, "field", "MERGE")
        self.assertEqual(await session.values(subscription=3), ["value"])
        for number in (1, 2):
            await session.seen(f"SUBOK,{number},1,1")
        self.assertEqual([line for line in session.lines if line.startswith(("U,1", "U,2"))], [])

    async def test_an_adapter_that_cannot_go_on(self) -> None:
        server = self.server()
        session = await self.connect(server)
        await session.subscribe(1, "FailureError", "field", "MERGE")
        self.assertEqual(await server.ended, 1, server.text)

    async def test_an_adapter_that_cannot_start(self) -> None:
        for owner in ("metadata", "DEFAULT"):
            for error in ("MetadataProviderError", "DataProviderError", "other"):
                server = self.server(f",{owner}.raise={error}")
                self.assertEqual(await server.ended, 1, server.text)
                self.assertNotIn("listening on", server.text)
                self.assertIn("cannot be initialised", server.text)
