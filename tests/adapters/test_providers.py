from decimal import Decimal

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from lsserver.adapters.interfaces import IDataProvider, IMetadataProvider, IMpnHooks
from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.adapters.providers import DataProvider, MetadataProvider, as_event


class ContractTests(SynchronousTestCase):
    def test_the_base_classes_keep_the_contracts(self) -> None:
        for adapter in (MetadataProvider(), LiteralBasedProvider()):
            self.assertTrue(verifyObject(IMetadataProvider, adapter))
            self.assertTrue(verifyObject(IMpnHooks, adapter))
        self.assertTrue(verifyObject(IDataProvider, DataProvider()))

    def test_push_is_accepted(self) -> None:
        one = MetadataProvider()
        self.assertIsNone(one.notify_mpn_device_access("u", "S", None))
        self.assertIsNone(one.notify_mpn_subscription_activation("u", "S", None, None))
        self.assertIsNone(one.notify_mpn_device_token_change("u", "S", None, "t"))

    def test_there_are_no_limits(self) -> None:
        one = MetadataProvider()
        self.assertEqual(one.get_allowed_max_item_frequency("u", "i"), 0)
        self.assertEqual(one.get_allowed_buffer_size("u", "i"), 0)
        self.assertEqual(one.get_min_source_frequency("i"), 0)
        self.assertEqual(one.get_distinct_snapshot_length("i"), 0)

    def test_tables_and_modes_are_accepted(self) -> None:
        one = MetadataProvider()
        self.assertIsNone(one.notify_new_tables("u", "S", []))
        self.assertIsNone(one.notify_tables_close("S", []))
        self.assertIs(one.isselector_allowed("u", "i", "s"), True)

    def test_a_data_adapter_must_say_how(self) -> None:
        self.assertRaises(NotImplementedError, DataProvider().subscribe, "i")
        self.assertRaises(NotImplementedError, DataProvider().unsubscribe, "i")


class EventTests(SynchronousTestCase):
    def test_python_values(self) -> None:
        self.assertEqual(
            as_event({"a": 1, "b": 1.5, "c": Decimal("1.50"), "d": True, "e": False, "f": None, "g": "x", "h": b"y"}),
            {"a": "1", "b": "1.5", "c": "1.50", "d": "true", "e": "false", "f": None, "g": "x", "h": b"y"},
        )
        self.assertRaises(TypeError, as_event, {"a": []})
