"""When values are sent as diffs (tlcp.md 7.6, 7.7, 11.7; adapters-api.md 19, checklist 19)."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from lsserver.tlcp.versions import Version
from tests.engine.world import NEWEST, FakeClient, World

LONG = "a value that is long enough to make a difference worth its while, number "
JSON = "JSONPATCH"
TEXT = "DIFF_MATCH_PATCH"


def document(number: int) -> str:
    """A JSON document of some length."""
    return json.dumps({"text": "x" * 80, "number": number})


class DiffCase(SynchronousTestCase):
    """Clients of C{item1}, field a."""

    def setUp(self) -> None:
        self.use()

    def use(self, **settings: Any) -> None:
        self.world = World(**settings)

    def subscribed(
        self,
        *orders: str,
        parameters: str = "",
        version: Version = NEWEST,
        mode: str = "MERGE",
    ) -> FakeClient:
        """A client that has got a first value; C{orders} are declared before."""
        client = self.world.session(parameters, version)
        client.subscribe(1, mode, "item1", "a b", "LS_snapshot=true")
        if orders:
            self.declare(a=orders)
        return client

    def declare(self, **orders: tuple[str, ...]) -> None:
        self.world.data.declare_field_diff_order("item1", orders)

    def values(self, client: FakeClient, *values: str | None) -> list[str]:
        """The lines for one value after the other."""
        client.read()
        lines: list[str] = []
        for value in values:
            self.world.data.update("item1", {"a": value}, False)
            lines += client.read()
        return [line.removeprefix("U,1,1,").removesuffix("|") for line in lines]


class Chosen(DiffCase):
    """All conditions must hold (tlcp.md 7.7)."""

    def test_none_by_default(self) -> None:
        self.assertEqual(self.values(self.subscribed(), LONG + "1", LONG + "2")[1], LONG + "2")

    def test_text(self) -> None:
        first, second = self.values(self.subscribed(TEXT), LONG + "1", LONG + "2")
        self.assertEqual(first, LONG + "1|#")
        self.assertEqual(second[:2], "^T")

    def test_json(self) -> None:
        _, second = self.values(self.subscribed(JSON), document(1), document(2))
        self.assertEqual(json.loads(second.removeprefix("^P")), [{"op": "replace", "path": "/number", "value": 2}])

    def test_declared_order(self) -> None:
        """The first that applies wins."""
        self.assertEqual(self.values(self.subscribed(TEXT, JSON), document(1), document(2))[1][:2], "^T")
        self.use()
        self.assertEqual(self.values(self.subscribed(JSON, TEXT), document(1), document(2))[1][:2], "^P")
        self.use()
        self.assertEqual(self.values(self.subscribed(JSON, TEXT), LONG + "1", LONG + "2")[1][:2], "^T")

    def test_empty_order(self) -> None:
        """No diffs for the field, even if they are the default."""
        self.use(default_diff_order=(TEXT,))
        client = self.subscribed()
        self.declare(a=())
        self.assertEqual(self.values(client, LONG + "1", LONG + "2")[1], LONG + "2")

    def test_default_order(self) -> None:
        self.use(default_diff_order=(TEXT,))
        self.assertEqual(self.values(self.subscribed(), LONG + "1", LONG + "2")[1][:2], "^T")

    def test_old_versions(self) -> None:
        """tlcp.md 1.3: never before 2.4."""
        for version, expected in ((Version(2, 3), LONG[:2]), (Version(2, 4), "^T")):
            self.use()
            client = self.subscribed(TEXT, version=version)
            self.assertEqual(self.values(client, LONG + "1", LONG + "2")[1][:2], expected)

    def test_supported_diffs(self) -> None:
        """Absent = all, empty = none."""
        for supported, expected in (("", '{"'), ("T", "^T"), ("P", "^P"), ("P,T", "^P")):
            self.use()
            client = self.subscribed(JSON, TEXT, parameters=f"LS_supported_diffs={supported}")
            self.assertEqual(self.values(client, document(1), document(2))[1][:2], expected)

    def test_clients_that_differ(self) -> None:
        """Each gets what it supports, in the same view."""
        clients = [
            self.subscribed(JSON, TEXT, parameters=parameters)
            for parameters in ("LS_supported_diffs=", "LS_supported_diffs=T", "LS_supported_diffs=P", "")
        ]
        for number in (1, 2):
            self.world.data.update("item1", {"a": document(number)}, False)
            self.world.turn()
        self.assertEqual([client.lines()[-1][6:8] for client in clients], ['{"', "^T", "^P", "^P"])

    def test_not_on_the_first_update(self) -> None:
        self.subscribed(TEXT)
        self.world.data.update("item1", {"a": LONG + "1"}, False)
        self.world.turn()
        late = self.subscribed()
        self.assertEqual(late.read()[2:], [f"U,1,1,{LONG}1|#"])
        self.assertEqual(self.values(late, LONG + "2")[0][:2], "^T")

    def test_not_after_null(self) -> None:
        self.assertEqual(self.values(self.subscribed(TEXT), LONG + "1", None, LONG + "2")[1:], ["#", LONG + "2"])

    def test_against_what_was_sent(self) -> None:
        """Not against what the client missed."""
        client = self.subscribed(TEXT)
        self.values(client, LONG + "1")
        client.stall()
        self.world.data.update("item1", {"a": "something else"}, False)
        self.world.data.update("item1", {"a": LONG + "2"}, False)
        client.resume()
        self.assertEqual(client.read()[0][:8], "U,1,1,^T")

    def test_late_declaration(self) -> None:
        """Ignored if the field was used before."""
        client = self.subscribed()
        self.values(client, LONG + "1")
        self.declare(a=(TEXT,), b=(TEXT,))
        self.assertEqual(self.values(client, LONG + "2"), [LONG + "2"])
        for number in (1, 2):
            self.world.data.update("item1", {"b": LONG + str(number)}, False)
            (line,) = client.read()
        self.assertEqual(line[:9], "U,1,1,|^T")

    def test_first_declaration_wins(self) -> None:
        client = self.subscribed(TEXT)
        self.declare(a=())
        self.assertEqual(self.values(client, LONG + "1", LONG + "2")[1][:2], "^T")

    def test_declaration_ends_with_the_item(self) -> None:
        client = self.subscribed(TEXT)
        client.control("LS_reqId=1&LS_op=delete&LS_subId=1")
        client.subscribe(2, "MERGE", "item1", "a b", "")
        lines = self.values(client, LONG + "1", LONG + "2")
        self.assertEqual(lines[1], f"U,2,1,{LONG}2")

    def test_delta_delivery_switched_off(self) -> None:
        """tlcp.md 7.5: every value is sent."""
        self.use(delta_delivery=False)
        self.assertEqual(self.values(self.subscribed(TEXT), LONG + "1", LONG + "2")[1], LONG + "2|#")

    def test_unchanged(self) -> None:
        client = self.subscribed(TEXT, mode="DISTINCT")
        self.assertEqual(self.values(client, LONG + "1", LONG + "1")[-1], "")

    def test_in_raw(self) -> None:
        client = self.subscribed(TEXT, mode="RAW")
        self.assertEqual(self.values(client, LONG + "1", LONG + "2")[1][:2], "^T")


class Documents(DiffCase):
    """What follows a JSON Patch (tlcp.md 7.6)."""

    def test_no_text_diff_after_a_patch(self) -> None:
        """Until a full value."""
        client = self.subscribed(JSON, TEXT)
        lines = self.values(client, document(1), document(2), LONG + "1", LONG + "2")
        self.assertEqual([line[:2] for line in lines], ['{"', "^P", "a ", "^T"])

    def test_patch_after_a_patch(self) -> None:
        lines = self.values(self.subscribed(JSON), document(1), document(2), document(3))
        self.assertEqual([line[:2] for line in lines], ['{"', "^P", "^P"])

    def test_unchanged_after_a_patch(self) -> None:
        """It still is a document."""
        client = self.subscribed(JSON, TEXT, mode="DISTINCT")
        lines = self.values(client, document(1), document(2), document(2), LONG + "1")
        self.assertEqual([line[:2] for line in lines], ["EO", '{"', "^P", "", "a "])

    def test_merged_after_a_patch(self) -> None:
        """Back to the value that it holds as a document: nothing to say."""
        client = self.subscribed(JSON, TEXT)
        self.values(client, document(1), document(2))
        client.stall()
        for number in (3, 2):
            self.world.data.update("item1", {"a": document(number)}, False)
        client.resume()
        self.assertEqual(client.read(), [])
        self.assertEqual(self.values(client, LONG + "1"), [LONG + "1"])

    def test_minimum_length(self) -> None:
        self.use(jsonpatch_min_length=500)
        self.assertEqual(self.values(self.subscribed(JSON), document(1), document(2))[1], document(2))
        self.use(jsonpatch_min_length=None)
        self.assertEqual(self.values(self.subscribed(JSON), '{"a":1}', '{"a":2}')[1][:2], "^P")


class Command(DiffCase):
    """The base is the item's last update, and key and command are never diffs (tlcp.md 7.4)."""

    def row(self, key: str, command: str, value: str) -> None:
        self.world.data.update("item1", {"key": key, "command": command, "a": value}, False)

    def test_base_is_another_row(self) -> None:
        client = self.world.session()
        client.subscribe(1, "COMMAND", "item1", "key command a", "")
        self.declare(a=(TEXT,), key=(TEXT,), command=(TEXT,))
        client.read()
        self.row(LONG + "k1", "ADD", LONG + "1")
        self.row(LONG + "k2", "ADD", LONG + "2")
        first, second = client.read()
        self.assertEqual(first, f"U,1,1,{LONG}k1|ADD|{LONG}1")
        key, command, value = second.removeprefix("U,1,1,").split("|")
        self.assertEqual((key, command, value[:2]), (LONG + "k2", "", "^T"))

    def test_only_key_and_command_declared(self) -> None:
        client = self.world.session()
        self.world.data.force_subscription("item1")
        client.subscribe(1, "COMMAND", "item1", "key command", "")
        self.declare(key=(TEXT,))
        client.read()
        self.row(LONG + "k1", "ADD", "")
        self.row(LONG + "k2", "ADD", "")
        self.assertEqual(client.read(), [f"U,1,1,{LONG}k1|ADD", f"U,1,1,{LONG}k2|"])
