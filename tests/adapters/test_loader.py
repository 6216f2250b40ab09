import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from lsserver.adapters import loader
from lsserver.adapters.errors import LoadError
from lsserver.adapters.interfaces import IAdapterSetPlugin
from lsserver.adapters.literal import LiteralBasedProvider
from tests.adapters.doubles import SetCase
from tests.adapters.sets import plain

SETS = Path(__file__).with_name("sets")


class Observing(SetCase):
    def setUp(self) -> None:
        super().setUp()
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    @property
    def warned(self) -> bool:
        return any(event["log_level"] is LogLevel.warn for event in self.events)


class FolderTests(Observing):
    def scan(self) -> list[Any]:
        return loader.scan(SETS / "good", reactor=self.clock)

    def test_all_sets_of_a_folder(self) -> None:
        self.assertEqual(
            [(one.id, list(one.data)) for one in self.scan()], [("ONE", ["DEFAULT", "SECOND"]), ("TWO", ["A", "B"])]
        )

    def test_a_set_and_a_folder_of_sets(self) -> None:
        [one] = loader.scan(SETS / "good" / "one", reactor=self.clock)
        self.assertEqual(one.id, "ONE")

    def test_modules_of_the_same_name_do_not_meet(self) -> None:
        one, two = self.scan()
        self.assertEqual(
            [handle.adapter.origin for handle in (*one.data.values(), *two.data.values())],
            ["one", "one", "two/classes", "two/own"],
        )
        self.assertIs(type(one.data["DEFAULT"].adapter), type(one.data["SECOND"].adapter))

    def test_a_set_finds_its_libraries_at_any_time(self) -> None:
        feed = self.scan()[0].data["DEFAULT"].adapter
        self.assertEqual(feed.library, "lib")
        self.assertEqual(feed.subscribe("i"), "one")

    def test_a_folder_of_data_hides_no_module(self) -> None:
        import json
        import logging.handlers

        sys.modules.pop("colorsys", None)
        feed = self.scan()[0].data["DEFAULT"].adapter
        self.assertEqual(feed.public, (json, logging.handlers, sys.modules["colorsys"]))
        self.assertEqual(feed.size, 3)

    def test_shared_modules_are_loaded_once(self) -> None:
        one, two = self.scan()
        again = loader.load_folder(SETS / "good" / "one", reactor=self.clock)
        feeds = [handle.adapter for some in (one, two, again) for handle in some.data.values()]
        self.assertEqual(len({id(feed.shared) for feed in feeds}), 1)
        self.assertIsNot(type(feeds[0]), type(feeds[-1]))

    def test_options_reach_the_set(self) -> None:
        one = loader.load_folder(SETS / "good" / "one", reactor=self.clock)
        self.assertTrue(one.sequentialize_table_notifications)
        self.assertTrue(one.data["SECOND"].invoker.blocking)
        self.assertFalse(one.data["DEFAULT"].invoker.blocking)
        self.assertEqual(one.lanes[0].settings.max_size, 3)
        self.assertEqual(
            [lane.name for lane in one.lanes], ["ONE.AUTHENTICATION", "ONE.MSG", "ONE.SET", "ONE.DATA.SECOND"]
        )
        self.assertIsInstance(one.metadata.adapter, LiteralBasedProvider)
        self.start(one)
        self.assertIs(
            self.now(one.metadata.grant_items("u", ["i"], "DEFAULT", "MERGE", None, False))[0].customized, False
        )

    def test_a_set_without_metadata_adapter_gets_one_and_a_warning(self) -> None:
        two = loader.load_folder(SETS / "good" / "two", reactor=self.clock)
        self.assertIsInstance(two.metadata.adapter, LiteralBasedProvider)
        self.assertTrue(self.warned)

    def test_variables_come_from_the_environment(self) -> None:
        import os

        self.patch(os, "environ", {"FEED_HOME": "/x"})
        one = loader.load_folder(SETS / "good" / "one", variables=loader.environment(), reactor=self.clock)
        self.assertEqual(one.options.data["SECOND"].parameters["home"], "/x")
        self.assertEqual(loader.environment("$"), {"$FEED_HOME": "/x"})

    def test_everything_that_is_wrong_is_told(self) -> None:
        text = str(self.assertRaises(LoadError, loader.scan, SETS / "bad"))
        bad = f"{SETS / 'bad'}"
        self.assertEqual(
            text.split("; "),
            [
                f"{bad}/class/adapters.xml: data_provider DEFAULT: "
                "the built-in adapter MONITOR does not exist in this server",
                f"{bad}/creation/adapters.xml: data_provider X: Feed cannot be created: "
                f"ValueError: no licence ({bad}/creation/feed.py, line 3)",
                f"{bad}/import/adapters.xml: data_provider DEFAULT: module feed cannot be imported: "
                "ModuleNotFoundError: No module named 'no_such_module_anywhere' "
                f"({bad}/import/feed.py, line 1)",
            ],
        )

    def test_a_folder_that_is_not_there(self) -> None:
        error = self.assertRaises(LoadError, loader.scan, Path("no/such/folder"))
        self.assertIn("no/such/folder: No such file", str(error))

    def test_an_id_that_is_there_twice(self) -> None:
        folder = Path(self.mktemp())
        for name in "ab":
            (folder / name).mkdir(parents=True)
            (folder / name / "adapters.xml").write_text(
                '<adapters_conf id="A"><data_provider><adapter_class>tests.adapters.sets.plain:Feed</adapter_class>'
                "</data_provider></adapters_conf>"
            )
        error = self.assertRaises(LoadError, loader.scan, folder)
        self.assertIn("b/adapters.xml: another adapter set here has the id A", str(error))


class OptionTests(Observing):
    def load(self, text: str) -> Any:
        return loader.from_option(text, reactor=self.clock)

    def test_the_shortest(self) -> None:
        one = self.load("HELLO,data=tests.adapters.sets.plain:Feed")
        self.assertEqual((one.id, list(one.data)), ("HELLO", ["DEFAULT"]))
        self.assertIsInstance(one.data["DEFAULT"].adapter, plain.Feed)
        self.assertIsInstance(one.metadata.adapter, LiteralBasedProvider)
        self.assertTrue(self.warned)

    def test_everything(self) -> None:
        one = self.load(
            "SET,data=tests.adapters.sets.plain:Feed:A,metadata=tests.adapters.sets.plain.Rules,"
            "data=tests.adapters.sets.plain.Feed,A.speed=2,param.speed=1,param.list=a\\,b=c,metadata.max_bandwidth=5,"
            "data=tests.adapters.sets.plain:made_by_a_function:B,blocking=yes,param.regex=\\d+"
        )
        self.assertEqual(list(one.data), ["A", "DEFAULT", "B"])
        self.assertIsInstance(one.metadata.adapter, plain.Rules)
        common = {"speed": "1", "list": "a,b=c", "regex": "\\d+"}
        self.assertEqual(one.options.metadata.parameters, {**common, "max_bandwidth": "5"})
        self.assertEqual(one.options.data["A"].parameters, {**common, "speed": "2"})
        self.assertEqual(one.options.data["B"].parameters, common)
        self.assertTrue(one.metadata.invoker.blocking)
        self.assertFalse(self.warned)

    def test_blocking(self) -> None:
        """As people say it."""
        for value in ("yes", "Y", "true", "no", "N", "False"):
            one = self.load(f"SET,data=tests.adapters.sets.plain:Feed,blocking={value}")
            self.assertEqual(one.metadata.invoker.blocking, value.lower() in ("yes", "y", "true"), value)

    def test_a_module_that_is_not_there(self) -> None:
        """No line of the server's own is where the adapter is wrong."""
        error = self.assertRaises(LoadError, self.load, "SET,data=no_such_module_anywhere:Feed")
        self.assertEqual(
            str(error),
            "module no_such_module_anywhere cannot be imported: "
            "ModuleNotFoundError: No module named 'no_such_module_anywhere'",
        )

    def test_a_family_makes_the_default_metadata_adapter_good(self) -> None:
        self.load("SET,data=tests.adapters.sets.plain:Feed,metadata.item_family_1=.*,blocking=no")
        self.assertFalse(self.warned)

    def test_modules_of_the_current_folder(self) -> None:
        import os

        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "just_here.py").write_text("from tests.adapters.sets.plain import Feed\n")
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(folder)
        one = self.load("SET,data=just_here:Feed")
        self.assertIsInstance(one.data["DEFAULT"].adapter, plain.Feed)

    def test_a_module_made_at_run_time(self) -> None:
        module = ModuleType("made_at_run_time")
        module.Feed = plain.Feed  # type: ignore[attr-defined]
        self.patch(sys, "modules", {**sys.modules, "made_at_run_time": module})
        self.assertIsInstance(self.load("SET,data=made_at_run_time:Feed").data["DEFAULT"].adapter, plain.Feed)

    def test_what_is_wrong_is_named(self) -> None:
        feed = "data=tests.adapters.sets.plain:Feed"
        for text, complaint in (
            ("", "an adapter set begins with its id: ID,data=module:Class"),
            (feed, "an adapter set begins with its id: ID,data=module:Class"),
            ("A", "adapter set A has no data=module:Class"),
            ("A,data", "'data' must be written name=value"),
            (f"A,{feed},{feed}", "Data Adapter DEFAULT is there twice"),
            (f"A,{feed}:param", "Data Adapter param is a reserved name"),
            (
                f"A,{feed},speed=1",
                "'speed' must be data, metadata, blocking, param.NAME, metadata.NAME or ADAPTER.NAME",
            ),
            (f"A,{feed},B.speed=1", "B.speed: there is no Data Adapter B"),
            (f"A,{feed},blocking=1", "blocking must be yes or no, not '1'"),
            (f"A,{feed},blocking=maybe", "blocking must be yes or no, not 'maybe'"),
            ("A,data=Feed", "adapter class 'Feed' must be written package.module:Class"),
            ("A,data=tests.adapters.sets.plain:", "must be written package.module:Class"),
            ("A,data=tests.adapters.sets.plain:Fed", "module tests.adapters.sets.plain has no class Fed"),
            ("A,data=tests.adapters.sets.plain:NOT_A_CLASS", "tests.adapters.sets.plain:NOT_A_CLASS is not a class"),
            (
                "A,data=no.such.module:Feed",
                "module no.such.module cannot be imported: ModuleNotFoundError: No module named 'no'",
            ),
            ("A,data=PROXY_FOR_REMOTE_ADAPTER", "the built-in adapter PROXY_FOR_REMOTE_ADAPTER does not exist"),
            ("A,data=tests.adapters.doubles:Sink", "A/DEFAULT: Sink: "),
        ):
            error = self.assertRaises(LoadError, self.load, text)
            self.assertIn(complaint, str(error))
            self.assertNotIn("\n", str(error))

    def test_a_module_with_a_wrong_syntax(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "feed.py").write_text("class Feed\n")
        (folder / "adapters.xml").write_text(
            '<adapters_conf id="A"><data_provider><adapter_class>feed.Feed</adapter_class></data_provider>'
            "</adapters_conf>"
        )
        error = self.assertRaises(LoadError, loader.load_folder, folder)
        self.assertIn("SyntaxError: expected ':' (feed.py, line 1)", str(error))


class PluginTests(SynchronousTestCase):
    def plugins(self, *plugins: Any) -> None:
        self.patch(loader, "getPlugins", lambda interface: plugins)

    def plugin(self, make: Any) -> Any:
        @implementer(IAdapterSetPlugin)
        class Plugin:
            def adapter_set(self) -> Any:
                return make()

        return Plugin()

    def test_none_is_installed_with_the_server(self) -> None:
        self.assertEqual(loader.from_plugins(), [])

    def test_plugins(self) -> None:
        self.plugins(self.plugin(lambda: loader.from_option("A,data=tests.adapters.sets.plain:Feed")))
        self.assertEqual([one.id for one in loader.from_plugins()], ["A"])

    def test_plugins_that_fail(self) -> None:
        self.plugins(self.plugin(lambda: 3))
        self.assertIn("adapter_set has returned a int", str(self.assertRaises(LoadError, loader.from_plugins)))
        self.plugins(self.plugin(lambda: 1 / 0))
        self.assertIn("ZeroDivisionError", str(self.assertRaises(LoadError, loader.from_plugins)))
