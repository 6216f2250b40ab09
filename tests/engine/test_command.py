"""COMMAND: a table of rows (tlcp.md 8.1, 7.4; adapters-api.md 14, 18)."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from lsserver.engine.update import MAX_STEPS
from tests.engine.world import FakeClient, World

SUBSCRIBED = ["SUBCMD,1,1,3,1,2", "CONF,1,unlimited,filtered"]
UNFILTERED = "LS_snapshot=true&LS_requested_max_frequency=unfiltered"


class CommandCase(SynchronousTestCase):
    """A client of the item C{pf}, fields key, command, qty."""

    def setUp(self) -> None:
        self.world = World(max_buffer_size=4)
        self.client = self.world.session()

    def event(self, key: str | None, command: str | None, snapshot: bool = False, **fields: Any) -> None:
        event: dict[str, str | bytes | None] = {**fields}
        if key is not None:
            event["key"] = key
        if command is not None:
            event["command"] = command
        self.world.data.update("pf", event, snapshot)

    def subscribe(self, more: str = "LS_snapshot=true", schema: str = "key command qty") -> None:
        self.assertEqual(self.client.subscribe(1, "COMMAND", "pf", schema, more), "REQOK,1")

    def started(self, *keys: str, more: str = "LS_snapshot=true") -> None:
        self.subscribe(more)
        for key in keys:
            self.event(key, "ADD", True, qty="0")
        self.world.data.end_of_snapshot("pf")
        self.client.read()

    def late(self, more: str = "LS_snapshot=true") -> FakeClient:
        client = self.world.session()
        client.subscribe(1, "COMMAND", "pf", "key command qty", more)
        return client


class Snapshots(CommandCase):
    """The table as it is when the subscription starts."""

    def test_transcript(self) -> None:
        """tlcp.md 11.6: the base of unchanged markers is the item's last update, whatever its key."""
        self.subscribe()
        self.event("k1", "ADD", True, qty="10")
        self.event("k2", "ADD", True, qty="20")
        self.world.data.end_of_snapshot("pf")
        lines = self.client.read()
        for event in ("k1 UPDATE 11", "k1 UPDATE 12", "k2 DELETE", "k3 ADD"):
            key, command, *qty = event.split()
            self.event(key, command, False, **dict(zip(["qty"], qty, strict=False)))
            lines += self.client.read()
        self.assertEqual(
            lines,
            [
                *SUBSCRIBED,
                "U,1,1,k1|ADD|10",
                "U,1,1,k2||20",
                "EOS,1,1",
                "U,1,1,k1|UPDATE|11",
                "U,1,1,||12",
                "U,1,1,k2|DELETE|#",
                "U,1,1,k3|ADD|",
            ],
        )

    def test_positions_of_key_and_command(self) -> None:
        """tlcp.md 6.3: 1-based."""
        self.subscribe(schema="qty command x key")
        self.assertEqual(self.client.read()[0], "SUBCMD,1,1,4,4,2")

    def test_empty(self) -> None:
        """tlcp.md 11.6: EOS at once."""
        self.subscribe()
        self.assertEqual(self.client.read(), SUBSCRIBED)
        self.world.data.end_of_snapshot("pf")
        self.assertEqual(self.client.read(), ["EOS,1,1"])

    def test_no_snapshot_from_the_adapter(self) -> None:
        """tlcp.md 6.5: EOS at once."""
        self.world.adapter.snapshot_available = False
        self.subscribe()
        self.assertEqual(self.client.read(), [*SUBSCRIBED, "EOS,1,1"])

    def test_without_end_of_snapshot(self) -> None:
        """Checklist 14: it appears with the first real-time event."""
        self.subscribe()
        self.event("k1", "ADD", True, qty="1")
        self.assertEqual(self.client.read(), SUBSCRIBED)
        self.event("k2", "ADD", qty="2")
        self.assertEqual(self.client.read(), ["U,1,1,k1|ADD|1", "EOS,1,1", "U,1,1,k2||2"])

    def test_not_requested(self) -> None:
        self.subscribe("")
        self.event("k1", "ADD", True, qty="1")
        self.world.data.end_of_snapshot("pf")
        self.assertEqual(self.client.read(), SUBSCRIBED)
        self.event("k1", "UPDATE", qty="2")
        self.assertEqual(self.client.read(), ["U,1,1,k1|UPDATE|2"])

    def test_late_subscriber(self) -> None:
        """adapters-api.md 14: served from the state; also UPDATEs are shown as ADD."""
        self.world.adapter.snapshot_available = False
        self.subscribe()
        self.event("k1", "UPDATE", qty="1")
        self.event("k2", "ADD", qty="2")
        self.event("k1", "UPDATE", qty="3")
        late = self.late()
        self.assertEqual(late.read()[2:], ["U,1,1,k1|ADD|3", "U,1,1,k2||2", "EOS,1,1"])
        again = self.late()
        self.assertEqual(again.read()[2:], ["U,1,1,k1|ADD|3", "U,1,1,k2||2", "EOS,1,1"])

    def test_newcomers_leave_nothing_behind(self) -> None:
        """
        One row never changes, the one before it always does: each newcomer is led to the former from
        another state.
        """
        self.started("k1", "k2")
        for number in range(1, MAX_STEPS + 3):
            self.event("k1", "UPDATE", qty=str(number))
            late = self.late()
            self.assertEqual(late.read()[2:], [f"U,1,1,k1|ADD|{number}", "U,1,1,k2||0", "EOS,1,1"])
            late.control("LS_reqId=1&LS_op=delete&LS_subId=1")
        (item,) = self.world.data.items
        (view,) = item.main.all_views
        self.assertLessEqual(len(view.rows["k2"].steps), MAX_STEPS)

    def test_late_subscriber_without_snapshot(self) -> None:
        self.started("k1")
        late = self.late("")
        self.assertEqual(late.read(), SUBSCRIBED)
        self.event("k1", "UPDATE", qty="1")
        self.assertEqual(late.read(), ["U,1,1,k1|UPDATE|1"])

    def test_snapshot_then_pending_updates(self) -> None:
        """What happens while the snapshot waits for the socket comes after it."""
        self.started("k1")
        late = self.late()
        late.read()
        late.stall()
        late.control("LS_reqId=2&LS_op=delete&LS_subId=1")
        late.subscribe(2, "COMMAND", "pf", "key command qty")
        self.event("k1", "UPDATE", qty="1")
        self.event("k1", "DELETE")
        late.resume()
        self.assertEqual(late.read()[3:], ["U,2,1,k1|ADD|0", "EOS,2,1", "U,2,1,|DELETE|#"])


class Events(CommandCase):
    """What the kernel makes of events (adapters-api.md 18, state rules)."""

    def test_update_of_an_unknown_key_is_an_add(self) -> None:
        """Checklist 16."""
        self.started()
        self.event("k1", "UPDATE", qty="1")
        self.assertEqual(self.client.read(), ["U,1,1,k1|ADD|1"])

    def test_add_of_a_known_key_is_an_update_with_nulls(self) -> None:
        self.started("k1")
        self.event("k1", "ADD")
        self.assertEqual(self.client.read(), ["U,1,1,|UPDATE|#"])

    def test_delete_of_an_unknown_key_is_dropped(self) -> None:
        self.started("k1")
        self.event("k2", "DELETE")
        self.assertEqual(self.client.read(), [])

    def test_update_keeps_the_fields_it_does_not_carry(self) -> None:
        """tlcp.md 7.5: unchanged for that key, whatever the base is."""
        self.started("k1", "k2")
        self.event("k1", "UPDATE", qty="7")
        self.assertEqual(self.client.read(), ["U,1,1,k1|UPDATE|7"])
        self.event("k2", "UPDATE")
        self.assertEqual(self.client.read(), ["U,1,1,k2||0"])

    def test_delete_has_nulls_whatever_the_adapter_says(self) -> None:
        """Checklist 16."""
        self.started("k1")
        self.event("k1", "DELETE", qty="99")
        self.assertEqual(self.client.read(), ["U,1,1,|DELETE|#"])

    def test_add_after_delete_starts_from_nulls(self) -> None:
        self.started("k1")
        self.event("k1", "DELETE")
        self.client.read()
        self.event("k1", "ADD")
        self.assertEqual(self.client.read(), ["U,1,1,|ADD|"])

    def test_event_without_key_or_command_is_dropped(self) -> None:
        self.started()
        self.event(None, "ADD", qty="1")
        self.event("k1", None, qty="1")
        self.event("k1", "DESTROY", qty="1")
        self.assertEqual(self.client.read(), [])

    def test_raw_subscribers_get_it_all_the_same(self) -> None:
        self.started()
        raw = self.world.session()
        raw.subscribe(1, "RAW", "pf", "command qty")
        self.event(None, "DESTROY", qty="1")
        self.event("k1", "DELETE", qty="2")
        self.assertEqual(raw.read()[2:], ["U,1,1,DESTROY|1", "U,1,1,DELETE|2"])

    def test_bytes_as_key_and_command(self) -> None:
        self.started()
        self.world.data.update("pf", {"key": b"k1", "command": b"ADD", "qty": b"1"}, False)
        self.assertEqual(self.client.read(), ["U,1,1,k1|ADD|1"])

    def test_two_schemas(self) -> None:
        self.started("k1")
        other = self.world.session()
        other.subscribe(1, "COMMAND", "pf", "command key")
        self.assertEqual(other.read()[2:], ["U,1,1,ADD|k1", "EOS,1,1"])
        self.event("k1", "UPDATE", qty="1")
        self.assertEqual(other.read(), ["U,1,1,UPDATE|"])
        self.assertEqual(self.client.lines(), ["U,1,1,|UPDATE|1"])


class Buffer(CommandCase):
    """The table of adapters-api.md 18, row by row (checklist 16)."""

    def pending(self, *events: str) -> list[str]:
        """What a client that stopped reading gets for C{key command qty}, after it reads again."""
        self.client.stall()
        for event in events:
            key, command, *qty = event.split()
            self.event(key, command, False, **dict(zip(["qty"], qty, strict=False)))
            self.assertEqual(self.client.read(), [])
        self.client.resume()
        return self.client.read()

    def test_nothing_pending(self) -> None:
        self.started("k1")
        self.assertEqual(self.pending("k1 UPDATE 5"), ["U,1,1,|UPDATE|5"])

    def test_add_then_update(self) -> None:
        self.started()
        self.assertEqual(self.pending("k1 ADD 1", "k1 UPDATE 2"), ["U,1,1,k1|ADD|2"])

    def test_update_then_update(self) -> None:
        self.started("k1")
        self.assertEqual(self.pending("k1 UPDATE 1", "k1 UPDATE 2"), ["U,1,1,|UPDATE|2"])

    def test_add_then_delete(self) -> None:
        """The client never hears of the key."""
        self.started()
        self.assertEqual(self.pending("k1 ADD 1", "k1 DELETE"), [])

    def test_update_then_delete(self) -> None:
        self.started("k1")
        self.assertEqual(self.pending("k1 UPDATE 1", "k1 DELETE"), ["U,1,1,|DELETE|#"])

    def test_delete_then_add(self) -> None:
        """An UPDATE with the new values; fields that are not supplied become null."""
        self.started("k1")
        self.assertEqual(self.pending("k1 DELETE", "k1 ADD"), ["U,1,1,|UPDATE|#"])

    def test_delete_then_add_then_delete(self) -> None:
        self.started("k1")
        self.assertEqual(self.pending("k1 DELETE", "k1 ADD 3", "k1 DELETE"), ["U,1,1,|DELETE|#"])

    def test_add_then_delete_then_add(self) -> None:
        self.started()
        self.assertEqual(self.pending("k1 ADD 1", "k1 DELETE", "k1 ADD 2"), ["U,1,1,k1|ADD|2"])

    def test_anything_then_clear(self) -> None:
        """All are removed; CS."""
        self.started("k1")
        self.client.stall()
        self.event("k1", "UPDATE", qty="1")
        self.event("k2", "ADD", qty="1")
        self.world.data.clear_snapshot("pf")
        self.client.resume()
        self.assertEqual(self.client.read(), ["CS,1,1"])

    def test_keys_keep_their_order(self) -> None:
        self.started("k1")
        self.assertEqual(self.pending("k2 ADD 1", "k1 UPDATE 1", "k2 UPDATE 2"), ["U,1,1,k2||2", "U,1,1,k1|UPDATE|1"])

    def test_overflow_drops_updates_silently(self) -> None:
        """adapters-api.md 6.3: UPDATEs go first."""
        self.started("k1", "k2")
        lines = self.pending("a ADD 1", "k1 UPDATE 1", "k2 UPDATE 2", "b ADD 1", "c ADD 1")
        self.assertEqual(lines, ["U,1,1,a||1", "U,1,1,k2|UPDATE|2", "U,1,1,b|ADD|1", "U,1,1,c||"])

    def test_overflow_of_adds_is_told(self) -> None:
        """tlcp.md 6.7."""
        self.started()
        lines = self.pending("a ADD 1", "b ADD 1", "c ADD 1", "d ADD 1", "e ADD 1", "f ADD 1")
        self.assertEqual(lines, ["OV,1,1,2", "U,1,1,c|ADD|1", "U,1,1,d||", "U,1,1,e||", "U,1,1,f||"])

    def test_nothing_is_kept_of_keys_whose_end_was_lost(self) -> None:
        self.started(more="LS_snapshot=true&LS_requested_max_frequency=1")
        for key in "abcdef":
            self.event(key, "ADD")
            self.client.read()
        self.assertEqual(self.pending(*[f"{key} DELETE" for key in "abcdef"])[0], "OV,1,1,2")
        (item,) = self.world.data.items
        (view,) = item.main.all_views
        (slot,) = view.slots
        self.assertEqual(slot.keys_due, {})

    def test_fewer_keys_than_the_buffer_never_overflow(self) -> None:
        """adapters-api.md 6.3."""
        self.started("a", "b", "c", "d")
        updates = [f"{key} UPDATE {number}" for number in range(9) for key in "abcd"]
        self.assertEqual(self.pending(*updates), ["U,1,1,a|UPDATE|8", "U,1,1,b||", "U,1,1,c||", "U,1,1,d||"])

    def test_many_rows_take_more_than_one_turn(self) -> None:
        self.world = World()
        self.client = self.world.session()
        self.started()
        self.client.stall()
        for number in range(600):
            self.event(f"k{number}", "ADD", qty="1")
        self.client.resume()
        lines = self.client.read()
        self.assertEqual(lines, ["U,1,1,k0|ADD|1", *(f"U,1,1,k{number}||" for number in range(1, 600))])

    def test_long_snapshot_takes_more_than_one_turn(self) -> None:
        self.world = World()
        self.client = self.world.session()
        self.subscribe()
        for number in range(600):
            self.event(f"k{number}", "ADD", True, qty="1")
        self.world.data.end_of_snapshot("pf")
        self.event("k0", "UPDATE", qty="2")
        lines = self.client.read()
        self.assertEqual(len(lines), 2 + 600 + 2)
        self.assertEqual(lines[-2:], ["EOS,1,1", "U,1,1,k0|UPDATE|2"])


class Unfiltered(CommandCase):
    """Every event, in order (tlcp.md 8.2)."""

    def test_nothing_is_merged(self) -> None:
        self.started("k1", more=UNFILTERED)
        self.client.stall()
        self.event("k2", "ADD", qty="1")
        self.event("k2", "UPDATE", qty="2")
        self.event("k2", "DELETE")
        self.client.resume()
        self.assertEqual(self.client.read(), ["U,1,1,k2||1", "U,1,1,|UPDATE|2", "U,1,1,|DELETE|#"])

    def test_confirmed_as_unfiltered(self) -> None:
        self.subscribe(UNFILTERED)
        self.assertEqual(self.client.read()[1], "CONF,1,unlimited,unfiltered")

    def test_overflow_of_any_event_is_told(self) -> None:
        self.started("k1", more=UNFILTERED)
        self.client.stall()
        for number in range(6):
            self.event("k1", "UPDATE", qty=str(number))
        self.client.resume()
        self.assertEqual(self.client.read(), ["OV,1,1,2", "U,1,1,|UPDATE|2", "U,1,1,||3", "U,1,1,||4", "U,1,1,||5"])

    def test_clear_keeps_what_precedes_it(self) -> None:
        """tlcp.md 6.6."""
        self.started("k1", more=UNFILTERED)
        self.client.stall()
        self.event("k1", "UPDATE", qty="1")
        self.world.data.clear_snapshot("pf")
        self.event("k1", "ADD", qty="2")
        self.client.resume()
        self.assertEqual(self.client.read(), ["U,1,1,|UPDATE|1", "CS,1,1", "U,1,1,|ADD|2"])

    def test_losses_are_told_before_a_clear(self) -> None:
        self.started("k1", more=UNFILTERED)
        self.client.stall()
        for number in range(6):
            self.event("k1", "UPDATE", qty=str(number))
        self.world.data.clear_snapshot("pf")
        self.client.resume()
        lines = self.client.read()
        self.assertEqual((lines[0], lines[-1]), ("OV,1,1,2", "CS,1,1"))


class Clearing(CommandCase):
    """C{clear_snapshot} (adapters-api.md 14.1, tlcp.md 6.6)."""

    def test_one_line_and_an_empty_table(self) -> None:
        """Checklist 17: the next unchanged marker refers to the last update before CS."""
        self.started("k1", "k2")
        self.world.data.clear_snapshot("pf")
        self.assertEqual(self.client.read(), ["CS,1,1"])
        self.event("k2", "UPDATE", qty="0")
        self.assertEqual(self.client.read(), ["U,1,1,^3"])

    def test_late_subscriber_gets_an_empty_snapshot(self) -> None:
        self.started("k1")
        self.world.data.clear_snapshot("pf")
        self.assertEqual(self.late().read()[2:], ["EOS,1,1"])

    def test_clear_during_the_snapshot_completes_it(self) -> None:
        """EOS, then CS."""
        self.subscribe()
        self.event("k1", "ADD", True, qty="1")
        self.world.data.clear_snapshot("pf")
        self.assertEqual(self.client.read(), [*SUBSCRIBED, "EOS,1,1", "CS,1,1"])

    def test_clear_while_the_snapshot_waits_for_the_socket(self) -> None:
        """What it replaces is not sent, but its end is."""
        self.subscribe()
        self.client.read()
        self.client.stall()
        self.event("k1", "ADD", True, qty="1")
        self.world.data.end_of_snapshot("pf")
        self.world.data.clear_snapshot("pf")
        self.client.resume()
        self.assertEqual(self.client.read(), ["EOS,1,1", "CS,1,1"])

    def test_who_asked_for_no_snapshot_gets_it_too(self) -> None:
        self.started("k1", more="")
        self.world.data.clear_snapshot("pf")
        self.assertEqual(self.client.read(), ["CS,1,1"])

    def test_add_after_clear_is_an_add(self) -> None:
        self.started("k1")
        self.client.stall()
        self.world.data.clear_snapshot("pf")
        self.event("k1", "ADD", qty="9")
        self.client.resume()
        self.assertEqual(self.client.read(), ["CS,1,1", "U,1,1,||9"])
