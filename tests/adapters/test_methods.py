from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from lsserver.adapters.errors import AccessError, LoadError
from lsserver.adapters.interfaces import (
    IDataProvider,
    IMetadataProvider,
    IMpnHooks,
    ISmartDataProvider,
)
from lsserver.adapters.methods import DataMethods, MetadataMethods
from lsserver.adapters.providers import DataProvider, MetadataProvider


class Minimal:
    """All that a Metadata Adapter must have, and nothing else."""

    def initialize(self, parameters: Any, config_file: Any = None) -> None: ...
    def notify_user(self, user: Any, password: Any, http_headers: Any) -> None:
        raise AccessError("no")

    def get_items(self, user: Any, session_id: Any, group: Any) -> Any: ...
    def get_schema(self, user: Any, session_id: Any, group: Any, schema: Any) -> Any: ...
    def get_allowed_max_bandwidth(self, user: Any) -> Any: ...
    def wants_tables_notification(self, user: Any) -> Any: ...
    def notify_new_session(self, user: Any, session_id: Any, client_context: Any) -> Any: ...
    def notify_session_close(self, session_id: Any) -> Any: ...
    def ismode_allowed(self, user: Any, item: Any, mode: Any) -> Any: ...
    def mode_may_be_allowed(self, item: Any, mode: Any) -> Any: ...
    def get_allowed_max_item_frequency(self, user: Any, item: Any) -> Any: ...
    def get_allowed_buffer_size(self, user: Any, item: Any) -> Any: ...
    def get_min_source_frequency(self, item: Any) -> Any: ...
    def get_distinct_snapshot_length(self, item: Any) -> Any: ...
    def notify_new_tables(self, user: Any, session_id: Any, tables: Any) -> Any: ...
    def notify_tables_close(self, session_id: Any, tables: Any) -> Any: ...
    def notify_user_message(self, user: Any, session_id: Any, message: Any) -> Any: ...


class MetadataMethodTests(SynchronousTestCase):
    def test_the_base_class_has_all(self) -> None:
        methods = MetadataMethods(MetadataProvider(), "X")
        for name in (*IMetadataProvider, *IMpnHooks):
            self.assertTrue(callable(getattr(methods, name)), name)

    def test_what_may_be_missing(self) -> None:
        methods = MetadataMethods(Minimal(), "X")
        self.assertTrue(methods.isselected("u", "i", "s", None, "D"))
        self.assertEqual(methods.get_session_time_to_live("u", "S"), 0)
        self.assertRaises(AccessError, methods.notify_user_with_principal, "u", "p", {}, "CN")
        self.assertRaises(AttributeError, getattr, methods, "anything_else")

    def test_what_is_missing_or_wrong_is_named(self) -> None:
        class Wrong(MetadataProvider):
            get_items = None  # type: ignore[assignment]
            get_schema = 3  # type: ignore[assignment]

            def notify_new_session(self, user: Any) -> None:  # type: ignore[override]
                ...

        error = self.assertRaises(LoadError, MetadataMethods, Wrong(), "SET/metadata")
        self.assertEqual(
            str(error),
            "SET/metadata: Wrong: notify_new_session must take (user, session_id, client_context); "
            "get_items is missing; get_schema is not a method",
        )

    def test_callables_that_do_not_tell_their_arguments(self) -> None:
        class Odd(MetadataProvider):
            notify_session_close = dict.fromkeys  # type: ignore[assignment]
            get_min_source_frequency = type  # type: ignore[assignment]

        MetadataMethods(Odd(), "X")


class DataMethodTests(SynchronousTestCase):
    def test_a_plain_one(self) -> None:
        self.assertFalse(DataMethods(DataProvider(), "X").smart)

    def test_a_smart_one(self) -> None:
        class Smart(DataProvider):
            def subscribe(self, item_name: str, publisher: Any) -> None:  # type: ignore[override]
                ...

        @implementer(ISmartDataProvider)
        class Declared(DataProvider):
            def subscribe(self, item_name: str, handle: Any) -> None:  # type: ignore[override]
                ...

        self.assertTrue(DataMethods(Smart(), "X").smart)
        self.assertTrue(DataMethods(Declared(), "X").smart)

    def test_what_is_missing_is_named(self) -> None:
        error = self.assertRaises(LoadError, DataMethods, object(), "SET/D")
        for name in IDataProvider.names(all=True):
            self.assertIn(f"{name} is missing", str(error))
