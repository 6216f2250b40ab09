"""
Streams that are written to together and keep one account (L{lsserver.engine.convoy}): who is
in one, and that nobody can tell from what is recovered.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.engine import convoy, group
from lsserver.engine.group import LOOK_EVERY
from lsserver.engine.recovery import RecoveryLog
from tests.engine.world import FakeClient, World

POLL = "LS_polling=true&LS_polling_millis=0&LS_idle_millis=0"


class Base(SynchronousTestCase):
    def use(self, clients: int = 3, **settings: Any) -> None:
        self.world = World(**settings)
        self.clients = [self.world.session() for _ in range(clients)]
        for client in self.clients:
            client.subscribe(1, "RAW", "item", "a", "")
        self.say("0")
        for client in self.clients:
            client.read()

    def say(self, *values: str, item: str = "item") -> None:
        for value in values:
            self.world.data.update(item, {"a": value}, False)
        self.world.turn()

    def riding(self) -> list[bool]:
        return [self.stream(client).convoy is not None for client in self.clients]

    def stream(self, client: FakeClient) -> Any:
        assert client.session is not None
        return client.session.stream

    def group(self) -> Any:
        assert self.clients[0].session is not None
        return self.clients[0].session.subscriptions[1].places[0].slot.group

    def assert_got(self, *expected: list[str]) -> None:
        lines = [[line.rpartition(",")[2] for line in client.lines()] for client in self.clients]
        self.assertEqual(lines, list(expected))


class Membership(Base):
    """Those that have nothing to write but what one group has."""

    def test_all(self) -> None:
        self.use()
        self.assertEqual(self.riding(), [True] * 3)
        self.assertEqual(len(list(self.group().members())), 3)
        self.say("1", "2")
        self.assert_got(*[["1", "2"]] * 3)
        self.assertEqual(self.riding(), [True] * 3)

    def test_a_line_of_its_own(self) -> None:
        """Who has one leaves, and is back some turns later."""
        self.use()
        self.clients[1].message("LS_reqId=1&LS_message=x&LS_msg_prog=1")
        self.assertEqual(self.riding(), [True, False, True])
        self.assertEqual(self.clients[1].read(), ["MSGDONE,*,1,"])
        for number in range(1, LOOK_EVERY):
            self.assertEqual(self.riding(), [True, False, True])
            self.say(str(number))
            self.assert_got(*[[str(number)]] * 3)
        self.say("and more")
        self.assert_got(*[["and more"]] * 3)
        self.assertEqual(self.riding(), [True] * 3)
        self.say("last")
        self.assert_got(*[["last"]] * 3)

    def test_nobody_comes_back_too_early(self) -> None:
        """When it is looked, one has a line waiting, one has two groups, and one a full response."""
        self.use()
        self.clients.append(self.world.session(websocket=False))
        for client in self.clients[2:]:
            client.subscribe(1, "RAW", "item", "a", "")
        for client in self.clients[1:3]:
            client.subscribe(2, "RAW", "other", "a", "")
        self.say("0", item="other")
        self.say("1")
        for number in range(LOOK_EVERY):
            self.say(str(number))
        for client in self.clients:
            client.lines()
        self.assertEqual(self.riding(), [True, False, False, False])
        self.clients[0].message("LS_reqId=1&LS_message=x&LS_msg_prog=1")
        for _ in range(LOOK_EVERY):
            self.world.data.update("item", {"a": "x"}, False)
        self.assertEqual(self.riding(), [False] * 4)

    def test_a_second_group(self) -> None:
        """Who is in two is in no convoy, and who has left one of them can be in one."""
        self.use()
        for client in self.clients[:2]:
            client.subscribe(2, "RAW", "other", "a", "")
        self.say("0", item="other")
        self.say("1", item="other")
        self.assertEqual(self.riding(), [False, False, True])
        self.clients[0].control("LS_reqId=2&LS_op=delete&LS_subId=2")
        for number in range(LOOK_EVERY):
            self.say(str(number))
        self.assertEqual(self.riding(), [True, False, True])
        self.assertEqual([self.stream(client).groups for client in self.clients], [1, 2, 1])

    def test_the_same_item_twice(self) -> None:
        """That is two members of one group."""
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
        self.assertEqual(self.riding(), [True] * 3)

    def test_broken_socket(self) -> None:
        self.use()
        self.clients[1].connection.most = None
        self.say("1")
        self.assertEqual(self.riding(), [True, False, True])
        self.clients[1].lose()
        self.clients[1].bind("LS_recovery_from=3")
        self.assertEqual(self.clients[1].read()[-1:], ["U,1,1,1"])

    def test_connection_that_fails(self) -> None:
        """Its session ends, and no other."""
        for where in ("send", "unsent"):
            self.use()
            connection = self.clients[1].connection

            def fail(data: bytes) -> int:
                raise ZeroDivisionError

            stream = self.stream(self.clients[1])
            if where == "send":
                stream.convoy.leave(stream)
                stream.send = fail
                self.group()._gather()
                self.assertEqual(self.riding(), [True] * 3)
            else:
                connection.most = 1
                self.patch(connection, "unsent", fail)
            self.say("1")
            self.assertEqual(self.clients[1].lines()[-1][:6], "END,33")
            self.assertEqual([client.lines() for client in self.clients[::2]], [["U,1,1,1"]] * 2)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_gone(self) -> None:
        """Nothing is left of them."""
        self.use(2)
        group = self.group()
        for client in self.clients:
            client.control("LS_reqId=2&LS_op=delete&LS_subId=1")
        self.assertTrue(group.empty)
        self.assertEqual((group.convoys, group.walkers, self.riding()), ({}, {}, [False, False]))

    def test_nothing_is_kept_of_who_has_left(self) -> None:
        """Also if the item says nothing more."""
        self.use()
        self.say("1")
        stream = self.stream(self.clients[1])
        convoy = stream.convoy
        self.assertIn(stream, convoy._streams)
        self.clients[1].lose()
        self.assertNotIn(stream, [*convoy._streams, *convoy.slots])

    def test_takeover(self) -> None:
        """Another connection begins outside."""
        self.use()
        self.say("1")
        self.clients[1].bind("LS_recovery_from=3")
        self.assertEqual(self.riding(), [True, False, True])
        self.say("2")
        self.assertEqual(self.clients[1].lines()[-2:], ["U,1,1,1", "U,1,1,2"])

    def test_keepalive(self) -> None:
        """Silence begins with what the convoy has sent."""
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
        """Everybody leaves, and gets it in parts."""
        self.use(max_recovery_length=400)
        values = [letter * 50 for letter in "xyz"]
        self.say(*values)
        self.world.advance(1)
        self.assert_got(*[values] * 3)


class Recovery(Base):
    """The account of a member is as good as a log of its own."""

    def test_counts(self) -> None:
        self.use()
        for number in range(1, 200):
            self.say(str(number))
        late = self.world.session()
        late.subscribe(1, "RAW", "item", "a", "")
        self.clients.append(late)
        for number in range(100):
            self.say(str(number))
        self.assertEqual(self.riding(), [True] * 4)
        self.assertEqual([self.stream(client).log.sent for client in self.clients], [302, 302, 302, 102])
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
        self.world.advance(6)
        for number in range(10):
            self.say(str(number))
            self.world.advance(0.1)
        stream = self.stream(self.clients[0])
        self.assertEqual((stream.log.sent, stream.log.oldest), (14, 4))
        self.world.advance(6)
        self.assertEqual((stream.log.sent, stream.log.oldest, stream.log.size), (14, 14, 0))
        self.assertEqual(self.riding(), [True] * 3)

    def test_memory(self) -> None:
        self.use(max_session_memory=1_000)
        self.say("x" * 100)
        self.world.advance(2)
        self.assertGreater(self.stream(self.clients[0]).memory, 150)

    def test_older_lines_are_of_no_use_after_a_gap(self) -> None:
        """What was sent with others is not kept any more, so that what was sent before need not be."""
        shared, own = RecoveryLog(100), RecoveryLog(100)
        own.append(b"x" * 10, 1, 10)
        for _ in range(10):
            shared.append(b"y" * 30, 1, 30)
        own.follow(shared, 0)
        self.assertEqual((own.sent, own.oldest, own.size), (11, 8, 90))

    def test_a_part_of_an_entry(self) -> None:
        shared, own = RecoveryLog(-1), RecoveryLog(-1)
        shared.append((b"1", b"2", b"3"), 3, 3)
        shared.append((b"4", b"5"), 2, 2)
        own.follow(shared, 1)
        self.assertEqual((own.sent, own.rewind(0)), (4, [b"2", b"3", b"4", b"5"]))

    @settings(deadline=None, max_examples=150)
    @given(
        st.lists(
            st.one_of(
                st.tuples(st.just("say"), st.integers(1, 6), st.sampled_from([1, 30, 200])),
                st.tuples(st.just("own"), st.integers(0, 2), st.none()),
                st.tuples(st.just("settle"), st.integers(0, 2), st.none()),
                st.tuples(st.just("stall"), st.integers(0, 2), st.none()),
                st.tuples(st.just("recover"), st.integers(0, 2), st.integers(0, 100)),
                st.tuples(st.just("wait"), st.integers(0, 30), st.none()),
            ),
            max_size=40,
        ),
        st.sampled_from([1, 3, 64]),
        st.sampled_from([300, 2_000, -1]),
    )
    def test_nobody_can_tell(self, steps: list[tuple[str, int, Any]], part: int, limit: int) -> None:
        """Whatever happens to it, a client gets back exactly what it says it has not got, if that is still kept."""
        self.patch(convoy, "PART_LINES", part)
        self.patch(group, "LOOK_EVERY", 3)
        self.use(max_recovery_length=limit, session_recovery_millis=4_000, max_buffer_size=10_000)
        got = [Received() for _ in self.clients]
        number = messages = 0
        for what, count, more in steps:
            one = count % len(self.clients)
            client = self.clients[one]
            if what == "say":
                self.say(*(f"{number + add:0>{more}}" for add in range(count)))
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

    def __init__(self, known: int = 3) -> None:
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
