from pathlib import Path

from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters import xmlfile
from lsserver.adapters.errors import LoadError
from lsserver.adapters.pools import PoolSettings

SETS = Path(__file__).with_name("sets")
DATA = "<data_provider><adapter_class>m.C</adapter_class></data_provider>"


class ReadTests(SynchronousTestCase):
    def read(self, text: str, variables: dict[str, str] | None = None) -> xmlfile.SetElement:
        path = Path(self.mktemp())
        path.write_text(text)
        return xmlfile.read(path, variables)

    def wrong(self, text: str) -> str:
        error = self.assertRaises(LoadError, self.read, text)
        self.assertNotIn("\n", str(error))
        return str(error).partition(": ")[2]

    def test_a_file_with_everything(self) -> None:
        conf = xmlfile.read(SETS / "good" / "one" / "adapters.xml", {"env.FEED_HOME": "/home/feed"})
        assert conf.metadata is not None
        self.assertEqual(conf.id, "ONE")
        self.assertEqual(conf.metadata.adapter_class, "com.lightstreamer.adapters.metadata.LiteralBasedProvider")
        self.assertEqual(conf.metadata.parameters, {"item_family_1": ".*", "modes_for_item_family_1": "MERGE"})
        self.assertEqual(conf.adapter_set_pool, PoolSettings(max_size=20, max_free=2))
        self.assertEqual(conf.authentication_pool, PoolSettings(max_size=3, max_pending_requests=7, max_queue=9))
        self.assertEqual(conf.messages_pool, PoolSettings(max_size=4))
        self.assertEqual(conf.data_pools, {"SECOND": PoolSettings(max_size=6)})
        self.assertTrue(conf.sequentialize_table_notifications)
        self.assertFalse(conf.metadata_adapter_initialised_first)
        self.assertEqual(list(conf.data), ["DEFAULT", "SECOND"])
        self.assertEqual([provider.blocking for provider in conf.data.values()], [None, True])
        self.assertEqual(conf.data["SECOND"].parameters, {"home": "/home/feed", "price": "$5"})

    def test_the_smallest_file(self) -> None:
        conf = self.read(f'<adapters_conf id="A">{DATA}</adapters_conf>')
        self.assertEqual((conf.id, conf.metadata, list(conf.data)), ("A", None, ["DEFAULT"]))
        self.assertIsNone(conf.metadata_adapter_initialised_first)
        self.assertFalse(conf.sequentialize_table_notifications)

    def test_variables(self) -> None:
        text = f'<adapters_conf id="$id">{DATA}</adapters_conf>'
        self.assertEqual(self.read(text).id, "$id")
        self.assertEqual(self.read(text, {"id": "A"}).id, "A")
        self.assertRaises(LoadError, self.read, text, {})
        plain = f'<adapters_conf id="$id" id_prop_prefix="">{DATA}</adapters_conf>'
        self.assertEqual(self.read(plain, {"id": "A"}).id, "$id")

    def test_unknown_elements_are_logged(self) -> None:
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.read(f'<adapters_conf id="A"><licence/>{DATA}</adapters_conf>')
        self.assertEqual([event["tag"] for event in events if "tag" in event], ["licence"])

    def test_comments_and_empty_pools(self) -> None:
        conf = self.read(
            f'<adapters_conf id="A"><!-- x --><messages_pool><max_size/></messages_pool>{DATA}</adapters_conf>'
        )
        self.assertIsNone(conf.messages_pool)

    def test_the_pools_of_remote_adapters(self) -> None:
        pool = "<messages_pool><max_pending_remote_requests>5</max_pending_remote_requests></messages_pool>"
        conf = self.read(f'<adapters_conf id="A">{pool}{DATA}</adapters_conf>')
        self.assertEqual(conf.messages_pool, PoolSettings(max_pending_requests=5))

    def test_what_is_wrong_is_named(self) -> None:
        for text, complaint in (
            ("<adapters_conf", "unclosed token: line 1, column 0"),
            ("<adapters/>", "the root element must be adapters_conf, not adapters"),
            (f"<adapters_conf>{DATA}</adapters_conf>", "adapters_conf has no id"),
            (f'<adapters_conf id="">{DATA}</adapters_conf>', "adapters_conf has no id"),
            ('<adapters_conf id="A"/>', "there is no data_provider"),
            (f'<adapters_conf id="A">{DATA}{DATA}</adapters_conf>', "there is more than one data_provider DEFAULT"),
            (
                '<adapters_conf id="A"><data_provider name="X"/></adapters_conf>',
                "data_provider X: there is no adapter_class",
            ),
            (
                f'<adapters_conf id="A">{DATA}'
                "<metadata_provider><adapter_class>a.B</adapter_class></metadata_provider>"
                "<metadata_provider><adapter_class>a.B</adapter_class></metadata_provider></adapters_conf>",
                "there is more than one metadata_provider",
            ),
            (
                '<adapters_conf id="A"><data_provider><adapter_class>a.B</adapter_class><param>x</param>'
                "</data_provider></adapters_conf>",
                "data_provider DEFAULT: a param has no name",
            ),
            (
                '<adapters_conf id="A"><data_provider><adapter_class>a.B</adapter_class><blocking>yes</blocking>'
                "</data_provider></adapters_conf>",
                "data_provider DEFAULT: blocking must be Y or N, not 'yes'",
            ),
            (
                f'<adapters_conf id="A">{DATA}<adapter_set_pool><max_size>x</max_size></adapter_set_pool>'
                "</adapters_conf>",
                "adapter_set_pool: max_size must be a whole number, not 'x'",
            ),
            (
                f'<adapters_conf id="A">{DATA}<adapter_set_pool><max_size>-1</max_size></adapter_set_pool>'
                "</adapters_conf>",
                "adapter_set_pool: max_size must not be negative",
            ),
            (
                f'<adapters_conf id="A">{DATA}<messages_pool/><messages_pool/></adapters_conf>',
                "there is more than one messages_pool in adapters_conf",
            ),
        ):
            self.assertEqual(self.wrong(text), complaint)

    def test_entities_cannot_be_declared(self) -> None:
        bomb = (
            '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>'
            f'<adapters_conf id="&b;&c;">{DATA}</adapters_conf>'
        )
        self.assertEqual(self.wrong(bomb), "a document type declaration is not allowed")

    def test_a_file_that_is_not_there(self) -> None:
        self.assertRaises(LoadError, xmlfile.read, Path("no/such/adapters.xml"))
