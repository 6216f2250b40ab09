"""
Slots that go through the same together (L{lsserver.engine.group}), and the writes that they
share (L{lsserver.engine.delivery}).
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from lsserver.engine.delivery import MAX_LINES
from lsserver.engine.group import Group
from lsserver.engine.modes.merge import MergeView
from lsserver.engine.slots.base import Slot
from lsserver.engine.stream import Stream
from tests.engine.world import FakeClient, World

MODES = ("MERGE", "DISTINCT", "COMMAND", "RAW")
UNFILTERED = "LS_requested_max_frequency=unfiltered"


class Base(SynchronousTestCase):
    def use(self, clients: int = 3, **settings: Any) -> None:
        self.world = World(**settings)
        self.clients = [self.world.session() for _ in range(clients)]

    def subscribe(self, mode: str, more: str = "", sub_id: int = 1) -> None:
        for client in self.clients:
            client.subscribe(sub_id, mode, "item", "key command a" if mode == "COMMAND" else "a", more)
        self.say("0")
        for client in self.clients:
            client.read()

    def subscribe_another(self) -> None:
        """A second item, so that streams are written to for themselves."""
        for client in self.clients:
            client.subscribe(2, "RAW", "another", "a", "")
        self.say("0", item="another")
        for client in self.clients:
            client.read()

    def say(self, *values: str, item: str = "item") -> None:
        for value in values:
            self.world.data.update(item, {"a": value, "key": "k" + value[:1], "command": "UPDATE"}, False)

    def slot(self, client: FakeClient) -> Any:
        assert client.session is not None
        return client.session.subscriptions[1].places[0].slot

    def groups(self) -> list[Group | None]:
        return [self.slot(client).group for client in self.clients]

    def stream(self, client: FakeClient) -> Stream:
        assert client.session is not None
        return client.session.stream

    def updates(self) -> list[list[str]]:
        """Of each client, without what all of them begin with."""
        self.world.turn()
        return [[line.split(",", 3)[3].split("|")[-1] for line in client.lines()] for client in self.clients]


class Membership(Base):
    """Who goes with whom."""

    def test_in_step(self) -> None:
        """In every mode, filtered or not."""
        for mode in MODES:
            for more in ("", UNFILTERED):
                self.use()
                self.subscribe(mode, more)
                group, *others = self.groups()
                self.assertIsNotNone(group)
                self.assertEqual(others, [group, group])
                self.say("1", "2")
                whole = [["2"]] if (mode, more) == ("MERGE", "") else [["1", "2"]]
                self.assertEqual(self.updates(), whole * 3, mode)

    def test_alone(self) -> None:
        """No group for one; but when others come, it goes with them."""
        self.use(1)
        self.subscribe("MERGE")
        self.assertEqual(self.groups(), [None])
        self.clients.append(self.world.session())
        self.subscribe("MERGE", sub_id=1)
        self.say("1")
        self.updates()
        self.assertEqual(self.groups()[0], self.groups()[1])
        self.assertIsNotNone(self.groups()[0])

    def test_only_slots_of_a_kind(self) -> None:
        """Diffs, buffers and frequencies may differ."""
        self.use(0)
        wishes = ["LS_requested_buffer_size=2", "LS_requested_buffer_size=3", "", UNFILTERED]
        for more in [*wishes, *wishes, "LS_requested_max_frequency=1"]:
            client = self.world.session()
            client.subscribe(1, "MERGE", "item", "a", more)
            self.clients.append(client)
        self.say("0")
        self.updates()
        *groups, limited = self.groups()
        self.assertIsNone(limited)
        self.assertEqual(len(set(groups)), 4)
        self.assertEqual(groups[:4], groups[4:])
        self.world.advance(1)
        self.say("1", "2")
        self.assertEqual(self.updates(), [["1", "2"], ["1", "2"], ["2"], ["1", "2"]] * 2 + [["2"]])

    def test_lines_differ_by_their_subscription(self) -> None:
        """The group is the same."""
        self.use(2)
        self.clients[0].subscribe(7, "MERGE", "other", "b", "")
        self.clients[0].subscribe(1, "MERGE", "item", "a", "")
        self.clients[1].subscribe(9, "MERGE", "x item", "a", "")
        self.say("0")
        for client in self.clients:
            client.read()
        self.say("1")
        self.assertEqual([client.read() for client in self.clients], [["U,1,1,1"], ["U,9,2,1"]])

    def test_held_back(self) -> None:
        """A client that does not read leaves the group, conflates for itself, and comes back."""
        for mode in MODES:
            self.use(max_buffer_size=2)
            self.subscribe(mode)
            slow = self.clients[1]
            slow.stall()
            for value in ("1", "2", "3"):
                self.say(value)
                self.assertEqual(self.updates(), [[value], [], [value]], mode)
            self.assertIsNone(self.groups()[1])
            slow.resume()
            self.say("4")
            rest = {
                "MERGE": ["U,1,1,4"],
                "DISTINCT": ["U,1,1,3", "U,1,1,4"],
                "COMMAND": ["OV,1,1,2", "U,1,1,k3||3", "U,1,1,k4||4"],
                "RAW": ["OV,1,1,2", "U,1,1,3", "U,1,1,4"],
            }
            self.assertEqual(slow.read(), rest[mode])
            self.assertEqual(self.groups()[1], self.groups()[0], mode)
            for client in self.clients:
                client.lines()
            self.say("5")
            self.assertEqual(self.updates(), [["5"]] * 3, mode)

    def test_all_held_back(self) -> None:
        """Nothing is left of the group."""
        self.use()
        self.subscribe("MERGE")
        view = self.slot(self.clients[0]).view
        for client in self.clients:
            client.stall()
        self.say("1")
        self.assertEqual(self.updates(), [[], [], []])
        self.say("2")
        self.assertEqual((view.groups, view.idle), ({}, {}))
        for client in self.clients:
            client.resume()
        self.assertEqual(self.updates(), [["2"]] * 3)
        self.assertEqual(len(view.groups), 1)

    def test_rows_that_wait_are_shared(self) -> None:
        """Also those that are something else to clients who have not seen the one before."""
        self.use()
        self.subscribe("COMMAND")
        for client in self.clients[1:]:
            client.stall()
        self.world.data.update("item", {"key": "new", "command": "ADD", "a": "1"}, False)
        self.world.turn()
        self.world.data.update("item", {"key": "new", "command": "UPDATE", "a": "2"}, False)
        first, second = [self.slot(client).rows["new"] for client in self.clients[1:]]
        self.assertIs(first, second)
        self.assertEqual(first.command, "ADD")

    def test_gone(self) -> None:
        """The last one takes the group along, also in a turn in which it has something."""
        self.use(2)
        self.subscribe("MERGE")
        view = self.slot(self.clients[0]).view
        self.say("1")
        for client in self.clients:
            client.control("LS_reqId=2&LS_op=delete&LS_subId=1")
        self.assertEqual([client.read() for client in self.clients], [["UNSUB,1"]] * 2)
        self.assertEqual((view.groups, view.idle, view.slots), ({}, {}, {}))

    def test_another_frequency(self) -> None:
        """In the middle of a turn: what is pending is not lost."""
        for mode in ("MERGE", "DISTINCT", "COMMAND"):
            self.use()
            self.subscribe(mode)
            self.say("1")
            self.clients[1].control("LS_reqId=2&LS_op=reconf&LS_subId=1&LS_requested_max_frequency=2")
            self.world.turn()
            self.assertEqual(len(self.clients[1].lines()), 2, mode)
            for client in self.clients:
                client.lines()
            self.say("2")
            self.world.turn()
            self.say("3")
            self.world.turn()
            self.assertEqual([len(client.lines()) for client in self.clients], [2, 0 if mode != "COMMAND" else 2, 2])

    def test_bandwidth(self) -> None:
        """A limited session is written to by itself."""
        self.use()
        self.subscribe("MERGE")
        self.clients[1].control("LS_reqId=2&LS_op=constrain&LS_requested_max_bandwidth=100")
        self.world.advance(1)
        self.clients[1].read()
        self.say("1")
        self.assertEqual(self.updates(), [["1"]] * 3)
        self.assertIsNone(self.groups()[1])
        self.clients[1].control("LS_reqId=2&LS_op=constrain&LS_requested_max_bandwidth=unlimited")
        self.clients[1].read()
        self.say("2")
        self.updates()
        self.assertEqual(self.groups()[1], self.groups()[0])

    def test_poll(self) -> None:
        """One that is answered at once gets what its group has in this turn."""
        self.use()
        self.subscribe("MERGE")
        self.say("1")
        self.clients[1].lose()
        self.clients[1].bind("LS_polling=true&LS_polling_millis=0&LS_idle_millis=0")
        self.assertEqual(self.clients[1].lines()[-2:], ["U,1,1,1", "LOOP,0"])
        self.assertEqual([self.clients[0].read(), self.clients[2].read()], [["U,1,1,1"]] * 2)

    def test_cleared(self) -> None:
        """What is told under the subscription's own number."""
        for mode, lines in (("DISTINCT", []), ("COMMAND", []), ("MERGE", ["U,1,1,#"])):
            self.use()
            self.subscribe(mode)
            self.say("1")
            self.world.data.clear_snapshot("item")
            self.assertEqual([client.read() for client in self.clients], [lines or ["CS,1,1"]] * 3)
            self.say("2")
            self.assertEqual(self.updates(), [["2"]] * 3)

    def test_lost(self) -> None:
        """More events in one turn than a buffer holds."""
        self.use(max_buffer_size=2)
        self.subscribe("RAW")
        self.say("1", "2", "3", "4")
        self.assertEqual([client.read() for client in self.clients], [["OV,1,1,2", "U,1,1,3", "U,1,1,4"]] * 3)
        self.assertIsNotNone(self.groups()[0])

    def test_statistics(self) -> None:
        """Everybody has his own, whoever has counted."""
        self.use()
        self.subscribe("MERGE")
        self.say("1", "2")
        self.updates()
        self.clients[1].stall()
        self.say("3")
        self.updates()
        late = self.world.session()
        late.subscribe(1, "MERGE", "item", "a", "")
        self.clients.append(late)
        self.say("4")
        self.world.turn()
        self.say("5")
        self.world.turn()
        for client, sent, filtered in zip(self.clients, (5, 2, 5, 2), (1, 4, 1, 0), strict=True):
            assert client.session is not None
            subscription = client.session.subscriptions[1]
            subscription.close()
            (statistics,) = subscription.statistics()
            self.assertEqual((statistics.total_real_time, statistics.total_filtered), (sent, filtered))

    def test_sleepers_cost_nothing(self) -> None:
        """A limited slot hears of the first update that it cannot send, and of no other before its time."""
        self.use()
        self.subscribe("MERGE", "LS_requested_max_frequency=1")
        offers: list[Slot] = []
        real = type(self.slot(self.clients[0])).offer
        self.patch(type(self.slot(self.clients[0])), "offer", lambda slot, now: (offers.append(slot), real(slot, now)))
        for number in range(1, 100):
            self.say(str(number))
            self.world.turn()
        self.assertEqual(len(offers), 3)
        self.world.advance(1)
        self.assertEqual(self.updates(), [["99"]] * 3)


class Writes(Base):
    """What goes to the sockets."""

    def test_one_write(self) -> None:
        """For all items, and all subscriptions to one."""
        self.use()
        for client in self.clients:
            for sub_id, items in ((1, "item"), (2, "item"), (3, "other third")):
                client.subscribe(sub_id, "MERGE", items, "a", "")
        for _ in range(2):
            for item in ("item", "other", "third"):
                self.say("0", item=item)
            self.updates()
        for names, count in ((("item",), 2), (("other", "third"), 2), (("item", "other", "third"), 4)):
            writes = [client.connection.writes for client in self.clients]
            for name in names:
                self.say(str(self.world.clock.seconds()), item=name)
            self.world.advance(1)
            self.assertEqual([len(client.lines()) for client in self.clients], [count] * 3)
            self.assertEqual([client.connection.writes for client in self.clients], [one + 1 for one in writes])

    def test_nothing_after_all(self) -> None:
        """An item that is again as it was, at the end of the turn."""
        self.use()
        self.subscribe("MERGE")
        self.say("1", "0")
        self.assertEqual(self.updates(), [[]] * 3)
        self.say("2")
        self.assertEqual(self.updates(), [["2"]] * 3)

    def test_one_of_many_is_held_back(self) -> None:
        """While several items have something."""
        self.use()
        for client in self.clients:
            client.subscribe(1, "MERGE", "item other", "a", "")
        for number in range(2):
            self.say(str(number))
            self.say(str(number), item="other")
            self.updates()
        self.clients[1].stall()
        for number in range(3):
            self.say(f"x{number}")
            self.say(f"y{number}", item="other")
            self.assertEqual(self.updates(), [[f"x{number}", f"y{number}"], [], [f"x{number}", f"y{number}"]])
        self.clients[1].resume()
        self.assertEqual(self.updates(), [[], ["x2", "y2"], []])

    def test_order(self) -> None:
        """Nothing that waits is overtaken."""
        self.use()
        self.subscribe("RAW")
        self.say("1")
        self.clients[0].message("LS_reqId=1&LS_message=x&LS_msg_prog=1")
        self.assertEqual(self.clients[0].read(), ["MSGDONE,*,1,", "U,1,1,1"])
        self.assertEqual(self.clients[1].lines(), ["U,1,1,1"])

    def test_one_slot_leaves_its_group_in_the_turn_in_which_another_stays(self) -> None:
        """What was gathered for the session before goes first."""
        self.use(2, max_buffer_size=10)
        self.subscribe("MERGE")
        self.subscribe("MERGE", UNFILTERED, sub_id=2)
        self.say(*map(str, range(1, 16)))
        self.world.turn()
        news = ["U,1,1,15", "OV,2,1,5", *(f"U,2,1,{number}" for number in range(6, 16))]
        self.assertEqual([client.lines() for client in self.clients], [news] * 2)

    def test_a_part(self) -> None:
        """The transport gets the rest, and the session waits for it."""
        self.use()
        self.subscribe("RAW")
        self.clients[1].connection.most = 3
        for value in "12":
            self.say(value)
            self.world.turn()
        self.assertEqual([len(client.lines()) for client in self.clients], [2, 1, 2])
        self.assertEqual(self.clients[1].connection.queued, b",1,1\r\n"[-6:])
        self.assertEqual(self.stream(self.clients[1]).log.sent, 4)
        self.clients[1].resume()
        self.assertEqual(self.clients[1].read(), ["U,1,1,2"])

    def test_broken(self) -> None:
        """What a broken socket was to send is in the log when the client comes back."""
        for others in (False, True):
            self.use()
            self.subscribe("RAW")
            if others:
                self.subscribe_another()
            client = self.clients[1]
            client.connection.most = None
            self.say("1")
            self.assertEqual(self.updates()[::2], [["1"], ["1"]])
            self.assertEqual(client.connection.queued, b"U,1,1,1\r\n")
            assert client.session is not None
            count = client.session.stream.log.sent - 1
            client.lose()
            client.bind(f"LS_recovery_from={count}")
            self.assertEqual(client.read()[-1:], ["U,1,1,1"])

    def test_full_response(self) -> None:
        """On HTTP, what does not fit comes in the next one."""
        self.world = World(min_content_length=400)
        self.clients = [self.world.session("LS_content_length=400", websocket=False) for _ in range(2)]
        self.subscribe("RAW")
        self.say("x" * 40)
        self.assertEqual(self.updates(), [["x" * 40]] * 2)
        self.assertIsNotNone(self.groups()[0])
        self.say("y" * 190)
        for client in self.clients:
            self.assertEqual(client.read(), ["LOOP,0"])
            client.bind()
            self.assertEqual(client.read()[-1:], ["U,1,1," + "y" * 190])
        self.say("z")
        self.assertEqual(self.updates(), [["z"]] * 2)

    def test_too_much_at_once(self) -> None:
        """Long lines and many of them go in parts, with others between them."""
        for length, count, settings in ((200, 5, {"max_recovery_length": 1_000}), (1, MAX_LINES + 5, {})):
            self.use(max_buffer_size=2_000, **settings)
            self.subscribe("RAW")
            writes = self.clients[0].connection.writes
            values = [f"{number:0>{length}}" for number in range(1, count + 1)]
            self.say(*values)
            self.world.advance(1)
            self.assertEqual(self.updates(), [values] * 3)
            self.assertGreater(self.clients[0].connection.writes, writes + 1)
            self.assertIsNotNone(self.groups()[0])

    def test_two_kinds_of_transport(self) -> None:
        self.world = World()
        self.clients = [self.world.session(websocket=number % 2 == 0) for number in range(4)]
        self.subscribe("MERGE")
        self.say("1")
        self.assertEqual(self.updates(), [["1"]] * 4)


class Failures(Base):
    """Something is wrong on our side."""

    def test_of_a_group(self) -> None:
        """The sessions that have to do with it end, and no others."""
        self.use()
        self.subscribe("MERGE")
        other = self.world.session()
        other.subscribe(1, "MERGE", "other", "a", "")
        self.say("0", item="other")
        other.read()
        view = self.slot(self.clients[0]).view
        for name in ("line_if_news", "line_for_one"):
            line = getattr(MergeView, name)
            self.patch(
                MergeView,
                name,
                lambda seen, update, slot, line=line: 1 / 0 if seen is view else line(seen, update, slot),
            )
        self.say("1")
        self.say("1", item="other")
        self.assertEqual(other.read(), ["U,1,1,1"])
        self.assertEqual(
            [client.read() for client in self.clients],
            [["END,33,Unexpected error on the server while the session was in progress"]] * 3,
        )
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 4)
        self.say("2", item="other")
        self.assertEqual(other.read(), ["U,1,1,2"])

    def test_of_the_flush(self) -> None:
        """What nobody has thought of does not keep later turns from writing."""
        self.use()
        self.subscribe("MERGE")
        patch = self.patch(Group, "flush", lambda group, delivery, alone: 1 / 0)
        self.say("1")
        self.assertRaises(ZeroDivisionError, self.world.turn)
        patch.restore()
        for client in self.clients:
            client.message("LS_reqId=1&LS_message=x&LS_msg_prog=1")
        self.assertEqual([client.read() for client in self.clients], [["MSGDONE,*,1,"]] * 3)

    def test_of_one_connection(self) -> None:
        class Broken:
            def send(self, frame: bytes) -> int:
                raise ZeroDivisionError

        for others in (False, True):
            self.use()
            self.subscribe("MERGE")
            if others:
                self.subscribe_another()
            self.stream(self.clients[1]).schedule()
            self.world.turn()
            self.stream(self.clients[1]).sender = Broken()
            self.say("1")
            self.world.turn()
            self.assertEqual(
                [client.lines() for client in self.clients],
                [["U,1,1,1"], ["END,33,Unexpected error on the server while the session was in progress"], ["U,1,1,1"]],
            )
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
