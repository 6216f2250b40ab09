"""
Streams that ride: they are written to with others, and what they were sent is noted in the journals of their groups
(L{lsserver.engine.convoy}, L{lsserver.engine.outlet}). Who does, and that nobody can tell from what is recovered.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.engine import outlet
from lsserver.engine.delivery import MAX_LINES
from lsserver.engine.outlet import WALKS
from lsserver.engine.recovery import RecoveryLog
from tests.engine.world import FakeClient, World

ITEMS = {"say": ["item"], "other": ["other"], "both": ["other", "item"]}
POLL = "LS_polling=true&LS_polling_millis=0&LS_idle_millis=0"


class Base(SynchronousTestCase):
    def use(self, clients: int = 3, **settings: Any) -> None:
        """Sessions that ride, with one item."""
        self.world = World(**settings)
        self.clients = [self.world.session() for _ in range(clients)]
        for client in self.clients:
            client.subscribe(1, "RAW", "item", "a", "")
        self.warm_up()
        self.assertEqual(self.riding(), [True] * clients)

    def use_two(self, clients: int = 3, **settings: Any) -> None:
        """As L{use}, with two items."""
        self.use(clients, **settings)
        for client in self.clients:
            client.subscribe(2, "RAW", "other", "a", "")
        self.say("0", item="other")
        self.warm_up()
        self.assertEqual(self.riding(), [True] * clients)

    def warm_up(self, turns: int = 2 * WALKS) -> None:
        """As many turns as it takes until everybody rides who may."""
        for _ in range(turns):
            self.say("warm")
        for client in self.clients:
            client.read()

    def say(self, *values: str, item: str = "item") -> None:
        for value in values:
            self.world.data.update(item, {"a": value}, False)
        self.world.turn()

    def riding(self) -> list[bool]:
        return [self.stream(client).rides for client in self.clients]

    def stream(self, client: FakeClient) -> Any:
        assert client.session is not None
        return client.session.stream

    def group(self) -> Any:
        assert self.clients[0].session is not None
        return self.clients[0].session.subscriptions[1].places[0].slot.group

    def assert_got(self, *expected: list[str]) -> None:
        lines = [[line.rpartition(",")[2] for line in client.lines()] for client in self.clients]
        self.assertEqual(lines, list(expected))

    def last(self, client: FakeClient) -> int:
        """The number of the data notification that it got last."""
        return int(self.stream(client).log.sent)


class Membership(Base):
    """Those that have nothing to write but what their groups have."""

    def test_all(self) -> None:
        self.use()
        self.assertEqual(len(list(self.group().members())), 3)
        self.assertEqual(len(self.group().convoys), 1)
        self.say("1", "2")
        self.assert_got(*[["1", "2"]] * 3)
        self.assertEqual(self.riding(), [True] * 3)

    def test_a_line_of_its_own(self) -> None:
        """Who has one walks, and rides again some writes later."""
        self.use()
        self.clients[1].message("LS_reqId=1&LS_message=x&LS_msg_prog=1")
        self.assertEqual(self.riding(), [True, False, True])
        self.assertEqual(self.clients[1].read(), ["MSGDONE,*,1,"])
        for number in range(WALKS + 1):
            self.assertEqual(self.riding(), [True, False, True])
            self.say(str(number))
            self.assert_got(*[[str(number)]] * 3)
        self.assertEqual(self.riding(), [True] * 3)
        self.say("last")
        self.assert_got(*[["last"]] * 3)

    def test_who_may_not(self) -> None:
        """One has the item twice. (For those whose responses have little room left see C{test_limited_riders}.)"""
        self.use(2)
        self.clients[1].subscribe(2, "RAW", "item", "a", "")
        self.warm_up(4 * WALKS)
        self.assertEqual(self.riding(), [True, False])

    def test_not_while_a_line_waits(self) -> None:
        """It is tried again later."""
        self.use(2)
        self.clients[1].message("LS_reqId=1&LS_message=x&LS_msg_prog=1")
        self.world.turn()
        for _ in range(WALKS):
            self.say("1")
        # This is written for it in the turn in which it may ride again, and more is coming.
        stream = self.stream(self.clients[1])
        self.assertEqual((stream.rides, stream.walks), (False, 1))
        stream.dirty = True
        stream.ride()
        self.assertFalse(stream.rides)
        self.assertEqual(stream.walks, WALKS + 1)
        stream.dirty = False

    def test_nobody_rides_without_a_group(self) -> None:
        self.use(2)
        stream = self.stream(self.clients[0])
        self.clients[0].control("LS_reqId=2&LS_op=delete&LS_subId=1")
        self.world.turn()
        stream.ride()
        self.assertEqual((stream.rides, stream.members), (False, {}))

    def test_two_groups(self) -> None:
        """Who is in two rides with both, and gets in one write what both have."""
        self.use_two()
        writes = [client.connection.writes for client in self.clients]
        self.world.data.update("other", {"a": "x"}, False)
        self.world.data.update("item", {"a": "y"}, False)
        self.world.data.update("other", {"a": "z"}, False)
        self.world.turn()
        self.assertEqual([client.lines() for client in self.clients], [["U,2,1,x", "U,2,1,z", "U,1,1,y"]] * 3)
        self.assertEqual([client.connection.writes for client in self.clients], [one + 1 for one in writes])
        self.assertEqual(self.riding(), [True] * 3)

    def test_two_groups_with_others(self) -> None:
        """Everybody gets what is his in one write, whoever else has it."""
        self.use(4)
        for number in (0, 1):
            self.clients[number].subscribe(2, "RAW", "other", "a", "")
        for number in (1, 2):
            self.clients[number].subscribe(3, "RAW", "third", "a", "")
        for item in ("other", "third"):
            self.say("0", item=item)
        self.warm_up(3 * WALKS)
        self.assertEqual(self.riding(), [True] * 4)
        writes = [client.connection.writes for client in self.clients]
        for item in ("third", "item", "other"):
            self.world.data.update(item, {"a": item}, False)
        self.world.turn()
        self.assert_got(["item", "other"], ["third", "item", "other"], ["third", "item"], ["item"])
        self.assertEqual([client.connection.writes for client in self.clients], [one + 1 for one in writes])

    def test_groups_of_different_sessions(self) -> None:
        """What nobody has both of goes its own way, in the same turn."""
        self.use(4)
        for client in self.clients[2:]:
            client.control("LS_reqId=2&LS_op=delete&LS_subId=1")
            client.subscribe(2, "RAW", "other", "a", "")
        self.say("0", item="other")
        for _ in range(2 * WALKS):
            self.say("0", item="other")
        self.warm_up()
        self.assertEqual(self.riding(), [True] * 4)
        self.world.data.update("item", {"a": "x"}, False)
        self.world.data.update("other", {"a": "y"}, False)
        self.world.turn()
        self.assert_got(["x"], ["x"], ["y"], ["y"])

    def test_a_group_that_loses_events(self) -> None:
        """Its members leave it; what they get of another group in that turn they get all the same."""
        self.use_two(2, max_buffer_size=2)
        self.world.data.update("other", {"a": "x"}, False)
        for number in range(4):
            self.world.data.update("item", {"a": str(number)}, False)
        self.world.turn()
        self.assertEqual(
            [client.lines() for client in self.clients], [["U,2,1,x", "OV,1,1,2", "U,1,1,2", "U,1,1,3"]] * 2
        )
        self.assertEqual([self.last(client) for client in self.clients], [self.last(self.clients[0])] * 2)
        self.clients[1].lose()
        self.clients[1].bind(f"LS_recovery_from={self.last(self.clients[1]) - 4}&{POLL}")
        self.assertEqual(self.clients[1].lines()[2:-1], ["U,2,1,x", "OV,1,1,2", "U,1,1,2", "U,1,1,3"])

    def test_a_group_less(self) -> None:
        """It goes on riding with the other, some writes later."""
        self.use_two()
        self.clients[0].control("LS_reqId=2&LS_op=delete&LS_subId=2")
        self.assertEqual(self.riding(), [False, True, True])
        self.warm_up()
        self.assertEqual(self.riding(), [True] * 3)
        self.assertEqual([len(self.stream(client).members) for client in self.clients], [1, 2, 2])

    def test_a_group_more(self) -> None:
        """The subscription is a line of its own."""
        self.use()
        self.clients[1].subscribe(2, "RAW", "other", "a", "")
        self.assertEqual(self.riding(), [True, False, True])

    def test_joining_a_group(self) -> None:
        """Whoever does that walks at first, however it came about."""
        self.use(2)
        stream, group = self.stream(self.clients[0]), self.group()
        (slot,) = stream.members
        memory = group.leader.memory()
        group.remove(slot, memory)
        group.add(slot)
        self.assertEqual((stream.rides, list(stream.members)), (False, [slot]))
        stream.ride()
        self.assertTrue(stream.rides)
        group.add(slot)
        self.assertFalse(stream.rides)

    def test_the_same_item_twice(self) -> None:
        """That is two members of one group, and one write."""
        self.use(2)
        self.clients[0].subscribe(2, "RAW", "item", "a", "")
        self.say("1")
        self.assertEqual(self.riding(), [False, True])
        for client in self.clients:
            client.lines()
        writes = self.clients[0].connection.writes
        self.say("2")
        self.assert_got(["2", "2"], ["2"])
        self.assertEqual(self.clients[0].connection.writes, writes + 1)

    def test_full_socket(self) -> None:
        """What it has taken is not sent again when it goes on."""
        self.use()
        self.clients[1].connection.most = 3
        self.say("1")
        self.assertEqual(self.riding(), [True, False, True])
        self.say("2")
        self.assert_got(["1", "2"], ["1"], ["1", "2"])
        self.clients[1].resume()
        self.world.turn()
        self.assert_got([], ["2"], [])
        self.warm_up()
        self.assertEqual(self.riding(), [True] * 3)

    def test_broken_socket(self) -> None:
        self.use()
        last = self.last(self.clients[1])
        self.clients[1].connection.most = None
        self.say("1")
        self.assertEqual(self.riding(), [True, False, True])
        self.clients[1].lose()
        self.clients[1].bind(f"LS_recovery_from={last}")
        self.assertEqual(self.clients[1].read()[-1:], ["U,1,1,1"])

    def test_connection_that_fails(self) -> None:
        """Its session ends, and no other."""
        for where in ("send", "unsent"):
            self.use()
            connection = self.clients[1].connection

            def fail(data: bytes) -> int:
                raise ZeroDivisionError

            class Broken:
                send = staticmethod(fail)

            stream = self.stream(self.clients[1])
            if where == "send":
                stream.walk()
                stream.sender = Broken()
                stream.ride()
                self.assertEqual(self.riding(), [True] * 3)
            else:
                connection.most = 1
                self.patch(connection, "unsent", fail)
            self.say("1")
            self.assertEqual(self.clients[1].lines()[-1][:6], "END,33")
            self.assertEqual([client.lines() for client in self.clients[::2]], [["U,1,1,1"]] * 2)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_different_beginnings(self) -> None:
        """Lines that begin with something else are other bytes, in the same journal."""
        self.use(1 + 1)
        self.clients.append(self.world.session())
        self.clients[2].subscribe(7, "RAW", "item", "a", "")
        self.warm_up()
        self.assertEqual(self.riding(), [True] * 3)
        self.assertEqual(len(self.group().convoys), 2)
        self.say("1", "2")
        self.assertEqual([client.lines()[1] for client in self.clients], ["U,1,1,2", "U,1,1,2", "U,7,1,2"])
        self.clients[2].message("LS_reqId=1&LS_message=x&LS_msg_prog=1")
        self.world.turn()
        self.assertEqual((self.riding(), len(self.group().convoys)), ([True, True, False], 1))
        last = self.last(self.clients[2])
        self.clients[2].lose()
        self.clients[2].bind(f"LS_recovery_from={last - 3}&{POLL}")
        self.assertEqual(self.clients[2].lines()[2:-1], ["U,7,1,1", "U,7,1,2", "MSGDONE,*,1,"])

    def test_gone(self) -> None:
        """Nothing is left of them."""
        self.use(2)
        group = self.group()
        for client in self.clients:
            client.control("LS_reqId=2&LS_op=delete&LS_subId=1")
        self.assertTrue(group.empty)
        self.assertEqual((group.convoys, group.walkers, group.journal), ({}, {}, None))
        self.assertEqual(self.riding(), [False, False])

    def test_nothing_is_kept_of_who_has_left(self) -> None:
        """Also if the item says nothing more."""
        self.use()
        self.say("1")
        (convoy,) = self.group().convoys.values()
        sender = self.stream(self.clients[1]).sender
        self.assertIn(sender, convoy.riders)
        self.clients[1].lose()
        self.assertNotIn(sender, convoy.riders)

    def test_takeover(self) -> None:
        """Another connection begins on foot."""
        self.use()
        last = self.last(self.clients[1])
        self.say("1")
        self.clients[1].bind(f"LS_recovery_from={last}")
        self.assertEqual(self.riding(), [True, False, True])
        self.say("2")
        self.assertEqual(self.clients[1].lines()[-2:], ["U,1,1,1", "U,1,1,2"])

    def test_keepalive(self) -> None:
        """Silence begins with what was last sent, by which group it may be."""
        self.use(default_keepalive_millis=5_000)
        for number in "1234":
            self.world.advance(3)
            self.say(number)
        self.world.advance(4.9)
        self.assert_got(*[[*"1234"]] * 3)
        self.world.advance(0.2)
        self.assert_got(*[["PROBE"]] * 3)
        self.assertEqual(self.riding(), [True] * 3)

    def test_too_much_for_a_write(self) -> None:
        """Everybody walks, and gets it in parts."""
        self.use(max_recovery_length=400)
        values = [letter * 50 for letter in "xyz"]
        self.say(*values)
        self.assertEqual(self.riding(), [False] * 3)
        self.world.advance(1)
        self.assert_got(*[values] * 3)

    def test_too_many_lines_for_a_write(self) -> None:
        self.use(max_buffer_size=2 * MAX_LINES, max_recovery_length=1_000_000)
        values = [str(number) for number in range(MAX_LINES + 1)]
        self.say(*values)
        self.assertEqual(self.riding(), [False] * 3)
        self.world.turn()
        self.assert_got(*[values] * 3)

    def test_too_much_for_a_write_together(self) -> None:
        """What two groups have; each by itself would have been carried."""
        self.use_two(max_recovery_length=800)
        for item in ("item", "other"):
            self.world.data.update(item, {"a": item * 20}, False)
        self.clients[2].control("LS_reqId=2&LS_op=delete&LS_subId=2")
        self.world.turn()
        self.world.advance(1)
        both = ["item" * 20, "other" * 20]
        lines = [[line.rpartition(",")[2] for line in client.lines()] for client in self.clients]
        self.assertEqual(lines[:2], [both] * 2)
        self.assertEqual(lines[2][-1], both[0])


class Recovery(Base):
    """The account of a member is as good as a log of its own."""

    def test_counts(self) -> None:
        self.use()
        before = self.last(self.clients[0])
        for number in range(1, 200):
            self.say(str(number))
        late = self.world.session()
        late.subscribe(1, "RAW", "item", "a", "")
        self.clients.append(late)
        for number in range(100):
            self.say(str(number))
        self.assertEqual(self.riding(), [True] * 4)
        self.assertEqual([self.last(client) for client in self.clients], [before + 299] * 3 + [102])
        late.lose()
        late.bind(f"LS_recovery_from=50&{POLL}")
        self.assertEqual(late.lines()[2:-1], [f"U,1,1,{number}" for number in range(48, 100)])

    def test_limit(self) -> None:
        """As much is kept as if it was alone, and a part more."""
        self.use(max_recovery_length=4_000)
        for number in range(500):
            self.say(f"{number:0>40}")
        log = self.stream(self.clients[0]).log
        self.assertLessEqual(log.size, 4_000)
        self.assertGreater(log.size, 3_900)

    def test_age(self) -> None:
        """What is old is forgotten, what is young is not."""
        self.use(session_recovery_millis=2_000)
        self.say("old")
        old = self.last(self.clients[0])
        self.world.advance(6)
        for number in range(10):
            self.say(str(number))
            self.world.advance(0.1)
        stream = self.stream(self.clients[0])
        self.assertEqual((stream.log.sent, stream.log.oldest), (old + 10, old))
        self.world.advance(6)
        self.assertEqual((stream.log.sent, stream.log.oldest, stream.log.size), (old + 10, old + 10, 0))
        self.assertEqual(self.riding(), [True] * 3)

    def test_memory(self) -> None:
        self.use(max_session_memory=1_000)
        self.say("x" * 100)
        self.world.advance(2)
        self.assertGreater(self.stream(self.clients[0]).memory, 150)

    def test_what_is_older_than_a_gap(self) -> None:
        """Of two groups one has written more than is kept of it; what the other wrote before that is of no use."""
        self.use_two(max_recovery_length=1_000)
        before = self.last(self.clients[0])
        self.say("old", item="other")
        for number in range(60):
            self.say(f"{number:0>20}")
        self.say("new", item="other")
        log = self.stream(self.clients[0]).log
        self.assertEqual(log.sent, before + 62)
        self.assertLessEqual(log.size, 1_000)
        lines = log.rewind(log.oldest)
        self.assertEqual(
            lines, [*(b"U,1,1,%020d\r\n" % number for number in range(61 - len(lines), 60)), b"U,2,1,new\r\n"]
        )
        self.assertGreater(len(lines), 1_000 // 28 - 2)

    def test_nothing_is_kept_without_recovery(self) -> None:
        """Lines are only counted."""
        self.use(session_recovery_millis=0)
        before = self.last(self.clients[0])
        self.say("1", "2")
        log = self.stream(self.clients[0]).log
        self.assertEqual((log.sent, log.oldest, log.size), (before + 2, before + 2, 0))
        self.assertEqual(self.group().journal.size, 0)

    def test_skipped_lines(self) -> None:
        """They count, and what is older is of no use."""
        log = RecoveryLog(-1)
        log.append(b"x", 1, 1)
        log.skip(3)
        log.append((b"y", b"z"), 2, 2)
        self.assertEqual((log.sent, log.oldest, log.rewind(4)), (6, 4, [b"y", b"z"]))

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(
            st.one_of(
                st.tuples(st.just("say"), st.integers(1, 6), st.sampled_from([1, 30, 200])),
                st.tuples(st.just("other"), st.integers(1, 6), st.sampled_from([1, 30, 200])),
                st.tuples(st.just("both"), st.integers(1, 3), st.sampled_from([1, 30, 200])),
                st.tuples(st.just("own"), st.integers(0, 2), st.none()),
                st.tuples(st.just("settle"), st.integers(0, 2), st.none()),
                st.tuples(st.just("stall"), st.integers(0, 2), st.none()),
                st.tuples(st.just("recover"), st.integers(0, 2), st.integers(0, 100)),
                st.tuples(st.just("wait"), st.integers(0, 30), st.none()),
            ),
            max_size=40,
        ),
        st.sampled_from([300, 2_000, -1]),
    )
    def test_nobody_can_tell(self, steps: list[tuple[str, int, Any]], limit: int) -> None:
        """Whatever happens to it, a client gets back exactly what it says it has not got, if that is still kept."""
        self.patch(outlet, "WALKS", 1)
        self.use_two(max_recovery_length=limit, session_recovery_millis=4_000, max_buffer_size=10_000)
        self.clients[2].control("LS_reqId=2&LS_op=delete&LS_subId=2")
        for client in self.clients:
            client.read()
        got = [Received(self.last(client)) for client in self.clients]
        number = messages = 0
        for what, count, more in steps:
            one = count % len(self.clients)
            client = self.clients[one]
            if what in ITEMS:
                for add in range(count):
                    for item in ITEMS[what]:
                        self.world.data.update(item, {"a": f"{number + add:0>{more}}"}, False)
                number += count
            elif what == "own":
                messages += 1
                client.message(f"LS_reqId=1&LS_message=x&LS_msg_prog={messages}&LS_sequence=s{messages}")
            elif what == "settle":
                self.assertEqual(self.stream(client).log.sent, self.stream(client).log.sent)
            elif what == "stall":
                (client.stall if client.connection.writable else client.resume)()
            elif what == "wait":
                self.world.advance(count / 10)
            self.world.turn()
            for each, received in zip(self.clients, got, strict=True):
                received.take(each.lines(), self.world.clock.seconds())
            if what == "recover":
                # What it has said that it has it cannot ask for again.
                known = got[one].told = max(got[one].told, len(got[one].lines) - more)
                missing = got[one].lines[known:]
                client.lose()
                client.bind(f"LS_recovery_from={known}")
                self.world.turn()
                again = Received(known=0)
                again.take(client.lines(), self.world.clock.seconds())
                if client.connection.state == "refused":
                    old = self.world.clock.seconds() - got[one].times[known] >= 4
                    kept = sum(len(line) + 2 for line in missing)
                    self.assertTrue(old or 0 <= limit < kept, steps)
                    return
                self.assertEqual(again.lines[: len(missing)], missing)
                got[one].take(again.lines[len(missing) :], self.world.clock.seconds())


class Received:
    """The data notifications that a client has got, and when."""

    def __init__(self, known: int) -> None:
        """
        @param known: how many it has got before.
        """
        self.lines = [""] * known
        self.times = [0.0] * known
        self.told = known

    def take(self, lines: list[str], now: float) -> None:
        """More of them, among other lines."""
        for line in lines:
            if line.startswith(("U,", "MSGDONE,")):
                self.lines.append(line)
                self.times.append(now)
