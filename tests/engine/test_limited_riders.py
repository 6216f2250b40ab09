"""
Streams that ride with responses of limited length (tlcp.md 4.4): what they were sent is counted by their convoys, and
none gets more than it has room for.
"""

from __future__ import annotations

from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from lsserver.engine import outlet
from lsserver.engine.binding import LOOP_ROOM
from lsserver.engine.outlet import WALKS, WORTH_WHILE, Outlet
from tests.engine.test_convoys import ITEMS, Base
from tests.engine.world import FakeClient, World

LENGTH = 6_000


class LimitedCase(Base):
    """Clients over HTTP, and the last one over a WebSocket."""

    def use(self, clients: int = 3, length: int = LENGTH, **settings: Any) -> None:
        self.world = World(content_length=length, min_content_length=1, **settings)
        self.clients = [self.world.session(websocket=number == clients - 1) for number in range(clients)]
        self.got: list[list[str]] = [[] for _ in range(clients)]
        for client in self.clients:
            client.subscribe(1, "RAW", "item", "a", "")
        self.warm_up()

    def follow(self) -> None:
        """Read, and bind again where the client was asked to."""
        for client, got in zip(self.clients, self.got, strict=True):
            lines = client.lines()
            while lines[-1:] == ["LOOP,0"]:
                self.assert_fits(client)
                got += lines[:-1]
                client.bind("LS_reduce_head=true")
                self.world.turn()
                lines = client.lines()[1:]
            got += lines

    def assert_fits(self, client: FakeClient) -> None:
        self.assertLessEqual(len(client.connection.data), self.world.kernel.settings.content_length)

    def room(self, client: FakeClient) -> Any:
        return self.stream(client).binding.room

    def values(self) -> list[list[str]]:
        """What came of items, for each client."""
        return [[line.rpartition(",")[2] for line in got if line.startswith("U,")] for got in self.got]


class Riding(LimitedCase):
    def test_all(self) -> None:
        self.use()
        self.assertEqual(self.riding(), [True] * 3)
        self.say("1", "2")
        self.assert_got(*[["1", "2"]] * 3)
        self.assertEqual(self.riding(), [True] * 3)

    def test_full(self) -> None:
        """It ends with C{LOOP} as it would if its stream had walked, and has been used to the end."""
        self.use()
        sent = [f"{number:0>40}" for number in range(500)]
        with mock.patch.object(Outlet, "walk", autospec=True, side_effect=Outlet.walk) as walk:
            for value in sent:
                self.say(value)
                for client in self.clients[:2]:
                    if client.connection.state == "ended":
                        self.assertGreater(len(client.connection.data), LENGTH - 60)
                self.follow()
        self.assertEqual(self.values(), [sent] * 3)
        # Some four times for each response of about 120 lines: more than that would cost more than it brings.
        self.assertLess(walk.call_count, 500 * 47 // LENGTH * 2 * 6)
        self.assertGreater(walk.call_count, 0)

    def test_what_is_left_is_known(self) -> None:
        """At any time, as soon as somebody asks."""
        self.use()
        for number in range(30):
            self.say(f"{number:0>20}")
            for client in self.clients[:2]:
                stream = self.stream(client)
                if stream.rides:
                    stream.reckon()
                    stream.allow()
                self.assertEqual(self.room(client), LENGTH - len(client.connection.data))

    def test_not_worth_while(self) -> None:
        """With little room each line is looked at."""
        self.use(length=2 * WORTH_WHILE)
        self.assertEqual(self.riding(), [False, False, True])

    def test_lines_of_the_connection_itself(self) -> None:
        """They take room as well, while it rides."""
        self.use(default_keepalive_millis=1_000)
        for _ in range(3):
            self.world.advance(1.1)
            self.assert_got(*[["PROBE"]] * 3)
            self.assertEqual(self.riding(), [True] * 3)
            room = LENGTH - len(self.clients[0].connection.data)
            self.assertEqual(self.room(self.clients[0]), room)

    def test_no_room_for_such_a_line(self) -> None:
        """Then the response ends, and what was sent while it rode is taken off once."""
        self.use()
        stream = self.stream(self.clients[0])
        stream.reckon()
        stream.allow()
        self.say("x" * 100)
        self.clients[0].lines()
        line = b"U,1,1," + b"x" * 100 + b"\r\n"
        binding = stream.binding
        binding.room = LOOP_ROOM + len(line) + 5
        stream.write_aside(b"PROBE\r\n")
        self.assertEqual(self.clients[0].lines(), ["LOOP,0"])
        self.assertEqual(binding.room, LOOP_ROOM + 5 - len(b"LOOP,0\r\n"))
        self.assertEqual(self.riding(), [False, True, True])

    def test_long_lines_of_the_connection_itself(self) -> None:
        """What they take is not there for the groups any more."""
        self.use()
        stream = self.stream(self.clients[0])
        for _ in range(3):
            self.assertTrue(stream.rides)
            stream.write_aside(b"x" * (LENGTH // 4) + b"\r\n")
        for number in range(200):
            self.say(f"{number:0>30}")
            self.follow()
        self.assertEqual(self.values(), [[f"{number:0>30}" for number in range(200)]] * 3)

    def test_two_groups_in_one_turn(self) -> None:
        """A line for which there is perhaps no room any more does not come before those that were to come before it."""
        self.use_both()
        for number in range(300):
            self.world.data.update("other", {"a": f"{number:0>30}"}, False)
            self.world.data.update("item", {"a": f"{number:0>25}"}, False)
            self.world.data.update("other", {"a": f"{number:0>20}"}, False)
            self.world.turn()
            self.follow()
        expected = [f"{number:0>{width}}" for number in range(300) for width in (30, 20, 25)]
        self.assertEqual(self.values(), [expected] * 3)

    def test_second_of_two_groups_is_full(self) -> None:
        """What the first has for those who walk because of it is written before they do."""
        self.use_both()
        for number in range(300):
            self.world.data.update("other", {"a": f"-{number}"}, False)
            self.world.data.update("item", {"a": f"{number:0>60}"}, False)
            self.world.turn()
            self.follow()
        expected = [value for number in range(300) for value in (f"-{number}", f"{number:0>60}")]
        self.assertEqual(self.values(), [expected] * 3)

    def test_socket_is_full_as_well(self) -> None:
        """Who walks already because of that does not begin to once more."""
        self.use_both()
        client = self.clients[0]
        client.connection.most = 1
        slot = client.session.subscriptions[1].places[0].slot  # type: ignore[union-attr]
        slot.group.convoy(slot).limit(slot, 0)
        self.world.data.update("other", {"a": "1"}, False)
        self.world.data.update("item", {"a": "2"}, False)
        self.world.turn()
        self.assertEqual(self.riding(), [False, True, True])
        client.resume()
        self.world.turn()
        self.follow()
        self.assertEqual(self.values(), [["1", "2"]] * 3)

    def use_both(self) -> None:
        """As L{use}, with two items."""
        self.use()
        for client in self.clients:
            client.subscribe(2, "RAW", "other", "a", "")
        self.say("0", item="other")
        self.warm_up()
        self.assertEqual(self.riding(), [True] * 3)

    def test_one_line_larger_than_any_response(self) -> None:
        self.use()
        self.say("x" * 2 * LENGTH)
        self.assertEqual([client.lines()[-1][:6] for client in self.clients], ["LOOP,0", "LOOP,0", "U,1,1,"])
        self.clients[0].bind()
        self.assertEqual(self.clients[0].read()[2:], ["U,1,1," + "x" * 2 * LENGTH, "LOOP,0"])

    def test_nothing_is_kept_of_who_has_left(self) -> None:
        self.use()
        self.clients[0].lose()
        self.clients[1].lose()
        group = self.group_of(self.clients[2])
        (convoy,) = group.convoys.values()
        self.assertEqual(len(convoy.riders), 1)
        counted = convoy.sent
        self.say("1")
        self.assertEqual(self.clients[2].lines(), ["U,1,1,1"])
        # Nobody needs to know it any more.
        self.assertEqual(convoy.sent, counted)

    def group_of(self, client: FakeClient) -> Any:
        assert client.session is not None
        return client.session.subscriptions[1].places[0].slot.group

    @settings(deadline=None, max_examples=150)
    @given(
        st.lists(
            st.one_of(
                st.tuples(st.sampled_from(["say", "other", "both"]), st.integers(1, 4), st.sampled_from([1, 30, 400])),
                st.tuples(st.just("own"), st.integers(0, 2), st.just(0)),
                st.tuples(st.just("aside"), st.integers(0, 1), st.sampled_from([5, 900])),
                st.tuples(st.just("many"), st.integers(WALKS, 4 * WALKS), st.sampled_from([1, 30])),
            ),
            max_size=30,
        ),
        st.sampled_from([2_500, LENGTH, 20_000]),
    )
    def test_any_way(self, steps: list[tuple[str, int, int]], length: int) -> None:
        """Everybody gets everything in order, in responses that are not too long."""
        self.patch(outlet, "WALKS", 1)
        self.use(length=length)
        for client in self.clients:
            client.subscribe(2, "RAW", "other", "a", "")
        self.say("0", item="other")
        self.warm_up()
        self.follow()
        for got in self.got:
            got.clear()
        sent = 0
        expected: list[str] = []
        for step, number, size in steps:
            if step == "own":
                self.clients[number].message("LS_reqId=1&LS_message=x")
                self.world.turn()
            elif step == "aside":
                stream = self.stream(self.clients[number])
                if stream.binding is not None:
                    stream.write_aside(b"x" * size + b"\r\n")
            else:
                for _ in range(number if step == "many" else 1):
                    for item in ITEMS["say" if step == "many" else step]:
                        for _ in range(1 if step == "many" else number):
                            sent += 1
                            value = f"{sent:0>{size}}"
                            expected.append(value)
                            self.world.data.update(item, {"a": value}, False)
                    self.world.turn()
                    self.follow()
            self.follow()
            for client in self.clients[:2]:
                stream = self.stream(client)
                if stream.rides:
                    stream.reckon()
                    stream.allow()
                self.assertGreaterEqual(self.room(client), LOOP_ROOM)
        self.world.advance(1)
        self.follow()
        for client in self.clients[:2]:
            self.assert_fits(client)
        for values in self.values():
            self.assertEqual(values, expected)
