"""Proxies by the names that they have in files and on the command line."""

from pathlib import Path

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from lsserver import adapter_sets
from lsserver.adapters import loader
from lsserver.adapters.adapter_set import AdapterSet
from lsserver.adapters.errors import LoadError
from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.config import Configuration, General
from lsserver.reading import ConfigError
from lsserver.remote import sets
from lsserver.remote.data import RemoteDataProvider
from lsserver.remote.metadata import RemoteMetadataProvider

PROXY = "<adapter_class>{}PROXY_FOR_REMOTE_ADAPTER</adapter_class><param name='request_reply_port'>{}</param>"


class FileTests(SynchronousTestCase):
    def load(self, content: str) -> AdapterSet:
        folder = Path(self.mktemp()) / "one"
        folder.mkdir(parents=True)
        (folder / "adapters.xml").write_text(f"<adapters_conf id='DEMO'>{content}</adapters_conf>")
        (one,) = loader.scan(folder.parent, built_in=sets.BUILT_IN, reactor=MemoryReactorClock())
        self.assertEqual(loader.load_folder(folder, built_in=sets.BUILT_IN, reactor=MemoryReactorClock()).id, one.id)
        return one

    def test_both_kinds(self) -> None:
        one = self.load(
            f"<metadata_provider>{PROXY.format('ROBUST_', 6663)}</metadata_provider>"
            f"<data_provider name='QUOTES'>{PROXY.format('', 6661)}</data_provider>"
        )
        metadata, data = one.metadata.adapter, one.data["QUOTES"].adapter
        self.assertIsInstance(metadata, RemoteMetadataProvider)
        self.assertIsInstance(data, RemoteDataProvider)
        self.assertEqual((metadata.robust, data.robust), (True, False))
        self.assertEqual(one.options.metadata.parameters["request_reply_port"], "6663")

    def test_the_order_of_the_start(self) -> None:
        data = f"<data_provider>{PROXY.format('', 6661)}</data_provider>"
        remote = f"<metadata_provider>{PROXY.format('', 6663)}</metadata_provider>"
        first = "<metadata_adapter_initialised_first>{}</metadata_adapter_initialised_first>"
        for content, wanted in (
            (data, True),
            (remote + data, False),
            (first.format("Y") + remote + data, True),
            (first.format("N") + data, False),
        ):
            self.assertEqual(self.load(content).options.metadata_adapter_initialised_first, wanted)


class ConfigurationTests(SynchronousTestCase):
    def test_the_option(self) -> None:
        general = General(remote=("DEMO,data=6661", "OTHER,data=6662,metadata=6663"), demo=False)
        found = adapter_sets.load(Configuration(general=general), MemoryReactorClock())
        self.assertEqual([one.id for one in found], ["DEMO", "OTHER"])
        wrong = Configuration(general=General(remote=("DEMO,data=x",), demo=False))
        error = self.assertRaises(ConfigError, adapter_sets.load, wrong, MemoryReactorClock())
        (problem,) = error.problems
        self.assertEqual(problem, "remote 'DEMO,data=x': DEFAULT: request_reply_port must be a whole number, not 'x'")


class LineTests(SynchronousTestCase):
    def line(self, text: str) -> AdapterSet:
        return sets.from_option(text, reactor=MemoryReactorClock())

    def test_the_shortest(self) -> None:
        one = self.line("DEMO,data=6661")
        self.assertEqual((one.id, list(one.data)), ("DEMO", ["DEFAULT"]))
        self.assertIsInstance(one.metadata.adapter, LiteralBasedProvider)
        parameters = one.options.data["DEFAULT"].parameters
        self.assertEqual(parameters["request_reply_port"], "6661")
        self.assertEqual(parameters["events_recovery"], "use_snapshot")
        self.assertNotIn("notify_port", parameters)
        self.assertTrue(one.data["DEFAULT"].adapter.robust)

    def test_everything(self) -> None:
        one = self.line(
            "DEMO,data=6661+6662:QUOTES,data=6665:NEWS,metadata=6663,param.auth=N,QUOTES.auth=Y,"
            r"QUOTES.auth.credentials.1.user=u,QUOTES.auth.credentials.1.password=a\,b,metadata.timeout=5"
        )
        quotes, news = (one.options.data[name].parameters for name in ("QUOTES", "NEWS"))
        self.assertEqual((quotes["request_reply_port"], quotes["notify_port"], quotes["auth"]), ("6661", "6662", "Y"))
        self.assertEqual(quotes["auth.credentials.1.password"], "a,b")
        self.assertEqual((news["request_reply_port"], news["auth"]), ("6665", "N"))
        self.assertEqual(one.options.metadata.parameters["timeout"], "5")
        self.assertIsInstance(one.metadata.adapter, RemoteMetadataProvider)
        self.assertFalse(one.options.metadata_adapter_initialised_first)

    def test_parameters_of_the_built_in_metadata_adapter(self) -> None:
        one = self.line("DEMO,data=6661,metadata.allowed_users=joe")
        self.assertEqual(one.options.metadata.parameters, {"allowed_users": "joe"})

    def test_what_is_wrong(self) -> None:
        for text, complaint in (
            ("", "an adapter set begins with its id: ID,data=PORT"),
            ("data=6661", "an adapter set begins with its id: ID,data=PORT"),
            ("DEMO", "adapter set DEMO has no data=PORT"),
            ("DEMO,metadata=6663", "adapter set DEMO has no data=PORT"),
            ("DEMO,6661", "'6661' must be written name=value"),
            ("DEMO,data=x", "DEFAULT: request_reply_port must be a whole number, not 'x'"),
            ("DEMO,data=", "DEFAULT: request_reply_port is missing"),
            ("DEMO,data=70000", "DEFAULT: request_reply_port must be a port number, not 70000"),
            ("DEMO,data=1,data=2", "data=2: Data Adapter DEFAULT is there twice"),
            ("DEMO,data=1:param", "data=1:param: Data Adapter param is a reserved name"),
            ("DEMO,data=1,metadata=2,metadata=3", "metadata=3: there is a metadata port already"),
            ("DEMO,data=1,X.y=z", "X.y: there is no Data Adapter X"),
            ("DEMO,data=1,x=z", "'x' must be data, metadata, param.NAME, metadata.NAME or ADAPTER.NAME"),
            ("DEMO,data=1+1", "DEFAULT: notify_port must not be the request_reply_port"),
        ):
            self.assertEqual(str(self.assertRaises(LoadError, self.line, text)), complaint)
