"""Clients that do not read, or are away: what is held for them, and what they get afterwards."""

from __future__ import annotations

import gc
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from weakref import ref

from twisted.internet.defer import Deferred
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from lsserver.engine.recovery import RecoveryLog
from lsserver.engine.session import Session
from lsserver.engine.slots.command import CommandSlot
from lsserver.engine.slots.queue import QueueSlot
from lsserver.engine.update import Update
from lsserver.engine.wheel import HORIZON
from lsserver.tlcp.decoding import decode_body
from tests.engine.world import FakeClient, World

BUFFER = 20
EVENTS = 2_000
SIZE = 500
POLL = "LS_polling=true&LS_polling_millis=0&LS_idle_millis=0"


def waiting(session: Session) -> Iterator[Update | bytes]:
    """Everything that waits for a client: lines, updates and markers."""
    for entry in session.stream.pending:
        if isinstance(entry, bytes):
            yield entry
    for subscription in session.subscriptions.values():
        for place in subscription.places:
            slot = place.slot
            yield from slot.head
            if isinstance(slot, QueueSlot):
                yield from slot.queue
            elif isinstance(slot, CommandSlot):
                yield from slot.rows.values()


def held(session: Session) -> tuple[int, int]:
    """How many of these, and their bytes with what the recovery log holds."""
    entries = list(waiting(session))
    size = sum(len(one) if isinstance(one, bytes) else sum(map(len, one.vector)) for one in entries)
    return len(entries), size + session.stream.log.size


class Stalled(SynchronousTestCase):
    """
    One client stops to read while an item says 2000 times 500 bytes. In every mode it is
    owed no more than C{max_buffer_size} updates, C{max_recovery_length} bytes apart.
    """

    def setUp(self) -> None:
        self.world = World(max_buffer_size=BUFFER, max_recovery_length=4_000)
        self.client = self.world.session()

    def subscribe(self, mode: str, more: str = "") -> Session:
        fields = "key command n text" if mode == "COMMAND" else "n text"
        self.client.subscribe(1, mode, "item", fields, f"LS_snapshot=false&{more}")
        self.client.read()
        assert self.client.session is not None
        return self.client.session

    def flood(self, command: bool = False, keys: int = 5, first: int = 1) -> None:
        """Events with a number and a text; COMMAND: the first of a key adds, those after it update."""
        for number in range(first, first + EVENTS):
            event: dict[str, str | bytes | None] = {"n": str(number), "text": f"{number:0>{SIZE}}"}
            if command:
                event |= {"key": f"k{number % keys}", "command": "ADD" if number <= keys else "UPDATE"}
            self.world.data.update("item", event, False)
            if number % 10 == 0:
                self.world.clock.advance(1 / 128)

    def assert_bounded(self, session: Session, events: int = BUFFER) -> None:
        count, size = held(session)
        self.assertLessEqual(count, events)
        self.assertLessEqual(size, events * (SIZE + 30) + 4_000)

    def read(self, fields: int) -> tuple[list[tuple[str | None, ...]], int]:
        """Updates, and how many are said to be lost, once the client reads again."""
        self.client.resume()
        self.world.advance(1)
        updates: list[tuple[str | None, ...]] = []
        last, lost = self.before, 0
        for line in self.client.lines():
            if line.startswith("U,"):
                last = decode_body(last, line.split(",", 3)[3].encode(), fields)
                updates.append(last)
            elif found := re.fullmatch(r"OV,1,1,(\d+)", line):
                lost += int(found[1])
        return updates, lost

    before: tuple[str | None, ...] | None = None

    def lossless(self, mode: str, more: str) -> None:
        """What arrives and what is told to be lost are all there was; what arrives is the newest."""
        session = self.subscribe(mode, more)
        self.client.stall()
        self.flood(mode == "COMMAND")
        self.assert_bounded(session)
        updates, lost = self.read(4 if mode == "COMMAND" else 2)
        self.assertEqual(len(updates) + lost, EVENTS)
        numbers = [int(update[-2] or 0) for update in updates]
        self.assertEqual(numbers, list(range(EVENTS - BUFFER + 1, EVENTS + 1)))

    def test_raw(self) -> None:
        self.lossless("RAW", "")

    def test_merge_unfiltered(self) -> None:
        self.lossless("MERGE", "LS_requested_max_frequency=unfiltered")

    def test_distinct_unfiltered(self) -> None:
        self.lossless("DISTINCT", "LS_requested_max_frequency=unfiltered")

    def test_command_unfiltered(self) -> None:
        self.lossless("COMMAND", "LS_requested_max_frequency=unfiltered")

    def test_merge(self) -> None:
        """One reference."""
        session = self.subscribe("MERGE")
        self.client.stall()
        self.flood()
        self.assert_bounded(session, 0)
        updates, lost = self.read(2)
        self.assertEqual((len(updates), lost), (1, 0))
        self.assertEqual(updates[0][0], str(EVENTS))

    def test_merge_with_a_buffer(self) -> None:
        session = self.subscribe("MERGE", "LS_requested_buffer_size=1000000")
        self.client.stall()
        self.flood()
        self.assert_bounded(session)
        updates, lost = self.read(2)
        self.assertEqual((len(updates), lost), (BUFFER, 0))
        self.assertEqual(updates[-1][0], str(EVENTS))

    def test_distinct(self) -> None:
        session = self.subscribe("DISTINCT")
        self.client.stall()
        self.flood()
        self.assert_bounded(session)
        updates, lost = self.read(2)
        self.assertEqual((len(updates), lost), (BUFFER, 0))
        self.assertEqual(updates[-1][0], str(EVENTS))

    def test_command(self) -> None:
        """One row for each key."""
        session = self.subscribe("COMMAND")
        self.client.stall()
        self.flood(command=True)
        self.assert_bounded(session, 5)
        updates, lost = self.read(4)
        self.assertEqual((len(updates), lost), (5, 0))
        self.assertEqual({update[0]: update[1] for update in updates}, {f"k{n}": "ADD" for n in range(5)})

    def test_command_with_too_many_keys(self) -> None:
        """ADDs that had to go are told."""
        session = self.subscribe("COMMAND")
        self.client.stall()
        self.flood(command=True, keys=EVENTS)
        self.assert_bounded(session)
        updates, lost = self.read(4)
        self.assertEqual((len(updates), lost), (BUFFER, EVENTS - BUFFER))

    def test_lost_again_and_again(self) -> None:
        """The counts stay exact when the client reads now and then."""
        self.subscribe("RAW")
        seen: Counter[int] = Counter()
        for round_ in range(5):
            self.client.stall()
            self.flood(first=1 + round_ * EVENTS)
            updates, lost = self.read(2)
            self.before = updates[-1]
            seen.update(int(update[0] or 0) for update in updates)
            seen[0] += lost
        self.assertEqual(sum(seen.values()), 5 * EVENTS)
        self.assertEqual([number for number, times in seen.items() if times > 1 and number], [])

    def test_away(self) -> None:
        """As if it did not read: bounded, and exact once it is back."""
        session = self.subscribe("RAW")
        self.client.lose()
        self.flood()
        self.assert_bounded(session)
        self.client.bind()
        updates, lost = self.read(2)
        self.assertEqual(len(updates) + lost, EVENTS)

    def test_everything_at_once(self) -> None:
        """All modes in one session."""
        for number, (mode, more) in enumerate(
            [("RAW", ""), ("MERGE", ""), ("MERGE", "LS_requested_max_frequency=unfiltered")], 2
        ):
            self.client.subscribe(number, mode, "item", "n text", f"LS_snapshot=false&{more}")
        session = self.subscribe("MERGE", "LS_requested_max_frequency=2")
        self.client.stall()
        self.flood()
        self.assert_bounded(session, 2 * BUFFER)

    def test_keepalives_do_not_pile_up(self) -> None:
        """Nor do clock messages, nor the answers of C{constrain}."""
        session = self.subscribe("MERGE")
        self.client.stall()
        before = len(self.client.connection.data)
        self.world.advance(100)
        self.assertEqual((held(session)[0], len(self.client.connection.data)), (0, before))


class Told(SynchronousTestCase):
    """Lines that may not be dropped."""

    def test_sessions_end_before_memory_does(self) -> None:
        world = World(max_pending_notifications=50)
        client = world.session()
        client.stall()
        for number in range(30):
            client.subscribe(number + 1, "MERGE", "item", "a")
            if client.session is None or client.session.closed:
                break
        assert client.session is not None
        self.assertTrue(client.session.closed)
        self.assertEqual(client.connection.state, "aborted")
        self.assertEqual(list(waiting(client.session)), [])

    def test_counted_seldom(self) -> None:
        """However many items wait as well."""

        class Entries(list):  # type: ignore[type-arg]
            looks = 0

            def __iter__(self) -> Iterator[Any]:
                self.looks += 1
                return super().__iter__()

        world = World(max_pending_notifications=100)
        client = world.session()
        client.stall()
        names = [f"item{number}" for number in range(200)]
        client.subscribe(1, "MERGE", " ".join(names), "a", "")
        world.turn()
        for name in names:
            world.data.update(name, {"a": "1"}, False)
        assert client.session is not None
        stream = client.session.stream
        entries = stream.pending = Entries(stream.pending)
        for number in range(1, 91):
            client.message(f"LS_reqId=1&LS_message=x&LS_msg_prog={number}")
        self.assertEqual((len(entries), entries.looks), (292, 0))
        for number in range(91, 99):
            client.message(f"LS_reqId=1&LS_message=x&LS_msg_prog={number}")
        self.assertFalse(client.session.closed)
        client.message("LS_reqId=1&LS_message=x&LS_msg_prog=99")
        self.assertEqual((client.session.closed, entries.looks), (True, 1))


class Memory(SynchronousTestCase):
    """C{max_session_memory}, whatever is kept for a session alone."""

    def setUp(self) -> None:
        self.world = World(max_session_memory=20_000, max_recovery_length=10_000)
        self.client = self.world.session()
        assert self.client.session is not None
        self.session = self.client.session

    def closed(self) -> bool:
        # A session may come just after a round has begun, and have its turn at the end of the next.
        self.world.advance(2.1)
        return self.session.closed

    def test_lines_that_wait(self) -> None:
        self.client.stall()
        self.world.metadata.answers["notify_user_message"] = "x" * 900
        for number in range(1, 21):
            self.client.message(f"LS_reqId=1&LS_message=x&LS_msg_prog={number}")
        self.assertFalse(self.closed())
        for number in range(21, 24):
            self.client.message(f"LS_reqId=1&LS_message=x&LS_msg_prog={number}")
        self.assertGreater(self.session.memory, 20_000)
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.assertTrue(self.closed())
        told = [str(formatEvent(event)) for event in events]
        self.assertEqual(len([line for line in told if "bytes are kept for it, more than max_session_mem" in line]), 1)
        self.assertEqual(self.client.connection.state, "aborted")
        self.assertEqual(self.session.memory, 0)

    def test_messages_that_wait(self) -> None:
        for number in range(2, 22):
            self.client.message(f"LS_reqId=1&LS_message={'x' * 1_000}&LS_sequence=s&LS_msg_prog={number}")
        self.assertEqual(self.session.memory, 20_000)
        self.assertFalse(self.closed())
        self.client.message(f"LS_reqId=1&LS_message={'x' * 1_000}&LS_sequence=t&LS_msg_prog=2")
        self.assertTrue(self.closed())

    def test_what_has_been_handed_over_does_not_count(self) -> None:
        for number in range(1, 101):
            self.client.message(f"LS_reqId=1&LS_message={'x' * 1_000}&LS_sequence=s&LS_msg_prog={number}")
            self.client.message(f"LS_reqId=1&LS_message={'x' * 1_000}")
            self.client.read()
        self.assertFalse(self.closed())
        self.assertLess(self.session.memory, 10_000)

    def test_what_was_sent_counts(self) -> None:
        self.client.subscribe(1, "RAW", "item", "a", "")
        for number in range(100):
            self.world.data.update("item", {"a": f"{number:0>500}"}, False)
            self.client.read()
        self.assertGreater(self.session.memory, 9_000)
        self.assertFalse(self.closed())

    def test_updates_that_wait_do_not(self) -> None:
        """They are the other sessions' as well."""
        self.client.subscribe(1, "RAW", "item", "a", "")
        self.client.stall()
        for _ in range(100):
            self.world.data.update("item", {"a": "x" * 500}, False)
        self.assertFalse(self.closed())

    def test_no_limit(self) -> None:
        world = World()
        client = world.session()
        for number in range(2, 22):
            client.message(f"LS_reqId=1&LS_message={'x' * 50_000}&LS_sequence=s&LS_msg_prog={number}")
        world.advance(3)
        assert client.session is not None
        self.assertFalse(client.session.closed)


class Log(SynchronousTestCase):
    """C{max_recovery_length} and C{session_recovery_millis} of what was sent."""

    def use(self, **settings: Any) -> FakeClient:
        self.world = World(**settings)
        client = self.world.session()
        client.subscribe(1, "RAW", "item", "a", "")
        client.read()
        assert client.session is not None
        self.log: RecoveryLog = client.session.stream.log
        return client

    def say(self, *values: str) -> None:
        for value in values:
            self.world.data.update("item", {"a": value}, False)
        self.world.turn()

    def test_length(self) -> None:
        self.use(max_recovery_length=1_000)
        for number in range(200):
            self.say(f"{number:0>90}")
            self.assertLessEqual(self.log.size, 1_000)
        self.assertEqual(self.log.sent - self.log.oldest, 10)

    def test_the_sent_bytes_are_shared(self) -> None:
        """The log of every session holds the same objects, and those are the ones that went out."""
        world = World()
        clients = [world.session() for _ in range(3)]
        written: list[bytes] = []
        for client in clients:
            client.subscribe(1, "MERGE", "item", "a", "")
            client.read()
            connection: Any = client.connection
            connection.write = written.append
        world.data.update("item", {"a": "x" * 100}, False)
        world.turn()
        logs = [client.session.stream.log._entries[-1] for client in clients if client.session is not None]
        self.assertEqual((len(written), len(logs)), (3, 3))
        for line in (*written[1:], *logs):
            self.assertIs(line, written[0])

    def test_age(self) -> None:
        """Old lines go although nothing is written, those that a client may still ask for stay."""
        client = self.use(session_recovery_millis=4_000)
        self.world.advance(10)
        self.say("a", "b")
        self.world.advance(3)
        self.say("c")
        self.world.advance(0.9)
        # Younger than 4 s, all of it.
        self.assertGreaterEqual(self.log.sent - self.log.oldest, 3)
        self.world.advance(3)
        self.assertGreaterEqual(self.log.sent - self.log.oldest, 1)
        self.world.advance(9)
        self.assertEqual((self.log.sent, self.log.oldest, self.log.size), (5, 5, 0))
        client.lose()
        client.bind(f"LS_recovery_from=4&{POLL}")
        self.assertEqual(client.lines(), ["CONERR,4,Requested progressive not available"])

    def test_age_of_every_line(self) -> None:
        """Nothing is forgotten before its time, nor long after."""
        self.use(session_recovery_millis=4_000)
        sent: list[float] = [self.world.clock.seconds()] * self.log.sent
        for _ in range(300):
            self.say("x")
            sent.append(self.world.clock.seconds())
            self.world.advance(0.1)
            now = self.world.clock.seconds()
            self.assertTrue(all(now - when < 2.6 * 4 for when in sent[self.log.oldest :]))
            self.assertTrue(all(now - when > 4 for when in sent[: self.log.oldest]))

    def test_clients_that_do_not_read_are_given_time(self) -> None:
        client = self.use(session_recovery_millis=4_000)
        self.say("a")
        client.stall()
        self.world.advance(60)
        self.assertEqual(self.log.oldest, 0)
        client.lose()
        self.world.advance(3.9)
        client.bind(f"LS_recovery_from=2&{POLL}")
        self.assertEqual(client.lines()[-3:], ["PROG,2", "U,1,1,a", "LOOP,0"])

    def test_after_a_recovery(self) -> None:
        """What is sent again is young again."""
        client = self.use(session_recovery_millis=4_000)
        self.say("a", "b")
        self.world.advance(3)
        client.lose()
        client.bind("LS_recovery_from=1")
        self.assertEqual(client.read()[-3:], ["CONF,1,unlimited,unfiltered", "U,1,1,a", "U,1,1,b"])
        self.world.advance(3.9)
        client.lose()
        client.bind(f"LS_recovery_from=1&{POLL}")
        self.assertEqual(client.lines()[-4:-1], ["CONF,1,unlimited,unfiltered", "U,1,1,a", "U,1,1,b"])

    def test_many_sessions(self) -> None:
        """A round takes its time, and gets to everybody."""
        world = World(session_recovery_millis=4_000)
        clients = [world.session() for _ in range(100)]
        for client in clients:
            client.subscribe(1, "RAW", "item", "a", "")
        world.advance(10)
        for client in clients:
            assert client.session is not None
            self.assertEqual(client.session.stream.log.oldest, 2)

    def test_no_recovery(self) -> None:
        self.use(session_recovery_millis=0)
        self.say("a")
        self.world.advance(10)
        self.assertEqual(self.log.size, 0)


class Parts(SynchronousTestCase):
    """Large writes are made in parts, so that a part is the most that waits below the session."""

    def setUp(self) -> None:
        self.world = World(max_recovery_length=4_000, max_buffer_size=100)
        self.client = self.world.session()
        self.client.subscribe(1, "RAW", "item", "a", "")
        self.client.read()

    def say(self, count: int, size: int) -> None:
        for number in range(count):
            self.world.data.update("item", {"a": f"{number:0>{size}}"}, False)

    def written(self, client: FakeClient, stall_after: int = 1_000) -> list[int]:
        """The sizes of the writes to come; the socket is full after so many."""
        connection: Any = client.connection
        write, sizes = connection.write, []

        def noting(data: bytes) -> None:
            sizes.append(len(data))
            write(data)
            if len(sizes) == stall_after:
                client.stall()

        connection.write = noting
        return sizes

    def test_a_quarter_of_the_log_at_a_time(self) -> None:
        sizes = self.written(self.client)
        self.say(30, 290)
        self.assertEqual(self.client.read(), [f"U,1,1,{number:0>290}" for number in range(30)])
        self.assertEqual((len(sizes), max(sizes)), (10, 3 * 298))

    def test_a_line_is_never_divided(self) -> None:
        sizes = self.written(self.client)
        self.say(2, 5_000)
        self.client.read()
        self.assertEqual(sizes, [5_008, 5_008])

    def test_stalled_in_between(self) -> None:
        """What waits is sent, or recovered, in order; what was not written counts as not sent."""
        session = self.client.session
        assert session is not None
        self.written(self.client, stall_after=1)
        self.say(30, 290)
        self.world.advance(1)
        self.assertEqual(session.stream.log.sent, 5)
        self.client.lose()
        self.client.bind("LS_recovery_from=3")
        self.assertEqual(self.client.read()[-29:], [f"U,1,1,{number:0>290}" for number in range(1, 30)])

    def test_polls_are_answered_whole(self) -> None:
        self.client.bind("LS_polling=true&LS_idle_millis=0")
        self.say(30, 290)
        self.client.bind("LS_polling=true&LS_idle_millis=0")
        self.assertEqual(self.client.lines()[-31:-1], [f"U,1,1,{number:0>290}" for number in range(30)])

    def test_bandwidth_is_spent_once(self) -> None:
        client = self.world.session("LS_requested_max_bandwidth=800")
        client.subscribe(1, "RAW", "item", "a", "")
        client.read()
        assert client.session is not None
        self.world.advance(1)
        before = client.session.bandwidth._rest
        self.say(30, 290)
        self.world.turn()
        self.world.turn()
        spent = before - client.session.bandwidth._rest
        self.assertLessEqual(spent, 2 * 1_010)

    def test_no_recovery(self) -> None:
        world = World(max_recovery_length=0)
        client = world.session()
        client.subscribe(1, "RAW", "item", "a", "")
        client.read()
        for number in range(100):
            world.data.update("item", {"a": f"{number:0>1000}"}, False)
        sizes = self.written(client)
        client.read()
        self.assertEqual([size // 1_008 for size in sizes], [65, 35])


class Ended(SynchronousTestCase):
    """Nothing goes on once the server has stopped."""

    def test_nothing_waits(self) -> None:
        for settings in ({}, {"session_recovery_millis": 0}):
            world = World(**settings)  # type: ignore[arg-type]
            world.session().subscribe(1, "RAW", "item", "a", "")
            world.turn()
            self.successResultOf(Deferred.fromCoroutine(world.kernel.stop()))
            world.turn()
            self.assertEqual(world.clock.getDelayedCalls(), [])
            self.successResultOf(Deferred.fromCoroutine(world.kernel.stop()))


class Released(SynchronousTestCase):
    """However slowly a client wants its updates, nothing of its session outlives it for long."""

    def setUp(self) -> None:
        self.world = World()

    def released(self, parameters: str, more: str) -> None:
        client = self.world.session(parameters)
        client.subscribe(1, "MERGE", "item", "a", more)
        client.read()
        for value in "12":
            self.world.data.update("item", {"a": value}, False)
            self.world.turn()
        assert client.session is not None
        session = ref(client.session)
        client.lose()
        del client
        self.world.advance(HORIZON + 14)
        gc.collect()
        self.assertIsNone(session())

    def test_frequency(self) -> None:
        self.released("", "LS_requested_max_frequency=0.000001")

    def test_bandwidth(self) -> None:
        self.released("LS_requested_max_bandwidth=0.000001", "")

    def test_they_get_them_all_the_same(self) -> None:
        client = self.world.session()
        client.subscribe(1, "MERGE", "item", "a", "LS_snapshot=false&LS_requested_max_frequency=0.005")
        client.read()
        for value in "12":
            self.world.data.update("item", {"a": value}, False)
            self.world.turn()
        client.lines()
        self.world.advance(199)
        self.assertEqual([line for line in client.lines() if line[0] == "U"], [])
        self.world.advance(1 + 2 / 64)
        self.assertEqual([line for line in client.lines() if line[0] == "U"], ["U,1,1,2"])
