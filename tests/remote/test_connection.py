"""One connection: how fast it is read and written."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from lsserver.remote.connection import CLOSE_SECONDS, LINES_AT_ONCE, TURN_SECONDS, RemoteConnection
from tests.remote.doubles import Wire


class Owner:
    """Takes a while for each batch of lines."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.seconds = 0.0
        self.lines: list[str] = []
        self.batches = 0
        self.events: list[str] = []

    def connected(self, connection: RemoteConnection) -> None:
        self.events.append("connected")

    def lines_received(self, connection: RemoteConnection, lines: list[str]) -> None:
        self.lines += lines
        self.batches += 1
        self.clock.rightNow += self.seconds

    def silent(self, connection: RemoteConnection) -> None:
        self.events.append("silent")

    def broken(self, connection: RemoteConnection, why: str) -> None:
        self.events.append(why)

    def disconnected(self, connection: RemoteConnection, why: str) -> None:
        self.events.append(why)


class ConnectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.owner = Owner(self.clock)

    def open(self, keepalive: int | None = None, max_unsent: int = 100) -> tuple[RemoteConnection, Wire]:
        connection = RemoteConnection(self.owner, self.clock, keepalive, max_line=100, max_unsent=max_unsent)
        wire = Wire()
        wire.protocol = connection
        connection.makeConnection(wire)
        return connection, wire

    def test_lines_that_are_handled_at_once(self) -> None:
        connection, wire = self.open()
        connection.dataReceived(b"x\n" * 1_000)
        self.assertEqual((len(self.owner.lines), wire.producerState), (1_000, "producing"))

    def test_lines_that_take_long_stop_the_reading(self) -> None:
        connection, wire = self.open()
        self.owner.seconds = TURN_SECONDS * 0.6
        connection.dataReceived(b"x\n" * LINES_AT_ONCE * 5)
        self.assertEqual((self.owner.batches, wire.producerState), (2, "paused"))
        # What a transport has read already is kept.
        connection.dataReceived(b"y\n")
        self.assertEqual(self.owner.batches, 2)
        # A turn of this clock includes what is put off to the next ones.
        self.clock.advance(0)
        self.assertEqual((self.owner.lines[-1], wire.producerState), ("y", "producing"))
        self.assertEqual(len(self.owner.lines), LINES_AT_ONCE * 5 + 1)
        connection.dataReceived(b"z\n")
        self.assertEqual(self.owner.lines[-1], "z")

    def test_a_reactor_that_lags(self) -> None:
        """
        Whatever keeps the reactor busy, and however much the remote has to say: in a
        turn a connection gets what is left of one chunk and the beginning of the next,
        for a limited time each; nothing is read while something is left.
        """
        connection, wire = self.open()
        self.owner.seconds = TURN_SECONDS
        chunk = b"x\n" * LINES_AT_ONCE * 8
        sent = most = 0
        for turn in range(100):
            begun, batches = self.clock.seconds(), self.owner.batches
            self.run_what_is_due()
            # A socket is read once in a turn, if at all.
            if wire.producerState == "producing":
                connection.dataReceived(chunk)
                sent += 1
            self.assertLessEqual(self.owner.batches - batches, 4, turn)
            self.assertLessEqual(self.clock.seconds() - begun, 4.5 * TURN_SECONDS)
            most = max(most, len(connection._lines))
            # And then all the others.
            self.clock.rightNow += 0.5
        self.assertEqual(most, LINES_AT_ONCE * 8)
        self.assertLess(sent, 50)
        self.owner.seconds = 0
        self.clock.advance(0)
        self.assertEqual((len(self.owner.lines), wire.producerState), (sent * LINES_AT_ONCE * 8, "producing"))

    def run_what_is_due(self) -> None:
        """One turn: what is put off in it has to wait for the next."""
        now = self.clock.seconds()
        for call in [call for call in self.clock.getDelayedCalls() if call.getTime() <= now]:
            self.clock.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)

    def test_what_waits_at_the_end_counts(self) -> None:
        connection, wire = self.open()
        self.owner.seconds = 1
        connection.dataReceived(b"x\n" * LINES_AT_ONCE * 3)
        self.assertEqual(self.owner.batches, 1)
        wire.loseConnection()
        self.assertEqual(len(self.owner.lines), LINES_AT_ONCE * 3)
        self.assertEqual(len(self.owner.events), 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nothing_counts_after_a_close(self) -> None:
        connection, wire = self.open()
        self.owner.seconds = 1
        connection.dataReceived(b"x\n" * LINES_AT_ONCE * 3)
        wire.loseConnection, lose = lambda: None, wire.loseConnection  # type: ignore[method-assign]
        connection.close("enough", "bye")
        connection.close("again")
        connection.send("more")
        connection.dataReceived(b"y\n")
        self.clock.advance(0)
        self.assertEqual((self.owner.batches, wire.value()), (1, b"bye\r\n"))
        lose()
        self.assertEqual(self.owner.events[-1], "enough")

    def test_a_remote_that_does_not_let_go(self) -> None:
        connection, wire = self.open()
        wire.loseConnection, lose = lambda: None, wire.loseConnection  # type: ignore[method-assign]
        wire.abortConnection = lose  # type: ignore[method-assign]
        connection.close("enough")
        self.clock.advance(CLOSE_SECONDS)
        self.assertEqual(self.owner.events, ["connected", "enough"])

    def test_congestion(self) -> None:
        connection, wire = self.open()
        connection.send("x" * 1_000)
        self.assertFalse(connection.congested)
        wire.producer.pauseProducing()
        connection.send("x" * 100)
        self.assertFalse(connection.congested)
        connection.send("x")
        self.assertTrue(connection.congested)
        wire.producer.resumeProducing()
        self.assertFalse(connection.congested)
        wire.producer.stopProducing()

    def test_silence(self) -> None:
        connection, _ = self.open(1_000)
        self.clock.advance(0.9)
        connection.dataReceived(b"half a line")
        self.clock.advance(0.1)
        self.assertEqual(self.owner.events, ["connected", "silent"])
        connection.dataReceived(b" and the rest\n")
        self.clock.advance(0.9)
        self.assertEqual(len(self.owner.events), 2)
        self.clock.advance(1)
        self.assertEqual(len(self.owner.events), 3)

    def test_a_reactor_that_lags_is_no_silence(self) -> None:
        connection, _ = self.open(1_000)
        self.owner.seconds = 2
        connection.dataReceived(b"x\n" * LINES_AT_ONCE * 2)
        self.owner.seconds = 0
        connection._listen()
        self.assertEqual(self.owner.events, ["connected"])

    def test_lines_that_are_too_long(self) -> None:
        connection, _ = self.open()
        connection.dataReceived(b"x" * 101)
        self.assertEqual(self.owner.events[-1], "a line is longer than 100 bytes")
