"""Recovery of a session whose connection broke (tlcp.md 10.5, 11.8)."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from lsserver.engine.recovery import RecoveryLog
from lsserver.tlcp.versions import Version
from tests.engine.world import World

POLL = "LS_polling=true&LS_polling_millis=0&LS_idle_millis=0"


class Recovery(SynchronousTestCase):
    """A client that counts."""

    def setUp(self) -> None:
        self.use()

    def use(self, **settings: Any) -> None:
        self.world = World(**settings)
        self.client = self.world.session()
        self.client.subscribe(1, "RAW", "item1", "a", "")
        self.events("first", "second")
        self.assertEqual(len(self.client.read()), 4)

    def events(self, *values: str) -> None:
        for value in values:
            self.world.data.update("item1", {"a": value}, False)

    def recover(self, count: int, parameters: str = POLL) -> list[str]:
        self.client.bind(f"LS_recovery_from={count}&{parameters}")
        return self.client.read()

    def conok(self, third: int) -> str:
        assert self.client.session is not None
        return f"CONOK,{self.client.session.id},50000,{third},*"

    def test_transcript(self) -> None:
        """tlcp.md 11.8: a poll that replays, then an ordinary bind."""
        self.events("third", "fourth")
        self.client.read()
        self.client.lose()
        self.assertEqual(self.recover(4), [self.conok(0), "PROG,4", "U,1,1,third", "U,1,1,fourth", "LOOP,0"])
        self.client.bind("LS_keepalive_millis=5000&LS_send_sync=false")
        self.events("fifth")
        self.assertEqual(self.client.read(), [self.conok(5000), "CONS,unlimited", "U,1,1,fifth"])

    def test_nothing_was_lost(self) -> None:
        self.client.lose()
        self.assertEqual(self.recover(4), [self.conok(0), "PROG,4", "LOOP,0"])

    def test_everything_was_lost(self) -> None:
        self.client.lose()
        self.assertEqual(
            self.recover(0)[2:-1], ["SUBOK,1,1,1", "CONF,1,unlimited,unfiltered", "U,1,1,first", "U,1,1,second"]
        )

    def test_replay_is_identical(self) -> None:
        """Not encoded again: unchanged markers depend on what was sent before."""
        self.events("x", "x")
        sent = self.client.read()
        self.client.lose()
        self.events("y")
        self.assertEqual(self.recover(4)[2:-1], [*sent, "U,1,1,y"])

    def test_what_came_meanwhile_follows_the_replay(self) -> None:
        self.events("third")
        self.client.read()
        self.client.lose()
        self.events("fourth")
        self.assertEqual(self.recover(4)[2:], ["U,1,1,third", "U,1,1,fourth", "LOOP,0"])

    def test_answer_lost_too(self) -> None:
        """tlcp.md 11.8: the identical request comes again."""
        self.events("third")
        self.client.read()
        self.client.lose()
        first = self.recover(4)
        self.assertEqual(self.recover(4), first)

    def test_answer_lost_in_part(self) -> None:
        """A second recovery with a larger number."""
        self.events("third", "fourth")
        self.client.read()
        self.client.lose()
        self.recover(4)
        self.assertEqual(self.recover(5)[2:], ["U,1,1,fourth", "LOOP,0"])

    def test_streaming_recovery(self) -> None:
        """As kotlin does it."""
        self.events("third")
        self.client.read()
        self.client.lose()
        self.assertEqual(self.recover(4, ""), [self.conok(5000), "CONS,unlimited", "PROG,4", "U,1,1,third"])
        self.events("fourth")
        self.assertEqual(self.client.read(), ["U,1,1,fourth"])

    def test_while_still_bound(self) -> None:
        """tlcp.md 10.6: the old connection is dropped without a line."""
        old = self.client.connection
        data = old.data
        self.assertEqual(self.recover(4), [self.conok(0), "PROG,4", "LOOP,0"])
        self.assertEqual((old.state, old.data), ("aborted", data))

    def test_count_too_high(self) -> None:
        """CONERR 4, and the session is over."""
        self.client.lose()
        self.assertEqual(self.recover(5), ["CONERR,4,Requested progressive not available"])
        self.assertEqual(self.client.connection.state, "refused")
        assert self.client.session is not None
        self.assertTrue(self.client.session.closed)
        self.assertEqual(len(self.world.metadata.called("notify_session_close")), 1)

    def test_count_too_low(self) -> None:
        self.use(max_recovery_length=100)
        self.events(*(f"{number:0>40}" for number in range(10)))
        self.client.read()
        self.client.lose()
        self.assertEqual(self.recover(4), ["CONERR,4,Requested progressive not available"])

    def test_as_much_as_is_kept(self) -> None:
        self.use(max_recovery_length=100)
        self.events(*(f"{number:0>40}" for number in range(10)))
        self.client.read()
        self.client.lose()
        self.assertEqual(self.recover(13)[2:-1], ["U,1,1," + f"{9:0>40}"])

    def test_switched_off(self) -> None:
        self.use(session_recovery_millis=0)
        self.assertEqual(self.recover(4), ["CONERR,4,Requested progressive not available"])

    def test_old_client(self) -> None:
        """tlcp.md 1.3."""
        self.client = self.world.session(version=Version(2, 0))
        self.assertEqual(self.recover(0), ["CONERR,4,Requested progressive not available"])

    def test_plain_bind_proves_reception(self) -> None:
        """tlcp.md 10.4: what was sent before is not kept, and the count goes on."""
        self.client.lose()
        self.client.bind()
        self.events("third")
        self.client.read()
        self.client.lose()
        self.assertEqual(self.recover(4)[2:-1], ["U,1,1,third"])
        self.client.lose()

    def test_plain_bind_forgets(self) -> None:
        self.client.lose()
        self.client.bind()
        self.client.lose()
        self.assertEqual(self.recover(3), ["CONERR,4,Requested progressive not available"])

    def test_poll_answer_lost(self) -> None:
        """tlcp.md 10.5: the whole last response is kept, whatever its size."""
        self.use(max_recovery_length=10)
        self.client.lose()
        self.client.bind(f"{POLL}")
        self.events(*(f"{number:0>40}" for number in range(10)))
        self.client.bind(f"{POLL}")
        self.assertEqual(len(self.recover(4)[2:-1]), 10)

    def test_poll_answers_may_be_limited(self) -> None:
        self.use(max_recovery_poll_length=100)
        self.client.lose()
        self.client.bind(POLL)
        self.events(*(f"{number:0>40}" for number in range(10)))
        self.client.bind(POLL)
        self.assertEqual(self.recover(4), ["CONERR,4,Requested progressive not available"])

    def test_what_counts(self) -> None:
        """tlcp.md 11.8: the count fixture."""
        self.client = self.world.session()
        self.client.subscribe(
            1, "COMMAND", "pf", "key command", "LS_requested_max_frequency=unfiltered&LS_snapshot=true"
        )
        self.world.data.update("pf", {"key": "k", "command": "ADD"}, True)
        self.world.data.clear_snapshot("pf")
        self.client.message("LS_reqId=1&LS_message=m&LS_msg_prog=1")
        self.client.control("LS_reqId=2&LS_op=constrain")
        lines = self.client.read()
        self.client.control("LS_reqId=3&LS_op=delete&LS_subId=1")
        lines = [line.partition(",")[0] for line in lines + self.client.read()]
        self.assertEqual(lines, ["CONS", "SUBCMD", "CONF", "EOS", "CS", "MSGDONE", "UNSUB"])
        self.world.advance(5.1)
        self.assertEqual(self.client.lines(), ["PROBE"])
        self.client.lose()
        self.assertEqual(self.recover(6), [self.conok(0), "PROG,6", "LOOP,0"])

    def test_limits_of_the_response_hold(self) -> None:
        """A replay that is longer than the response goes on in the next."""
        values = [f"{number:0>90}" for number in range(100)]
        self.events(*values)
        self.client.read()
        self.client.lose()
        self.client.websocket = False
        count = 4
        got: list[str] = []
        while len(got) < 100:
            lines = self.recover(count, f"{POLL}&LS_content_length=3000&LS_reduce_head=true")
            self.assertLessEqual(len(self.client.connection.data), 3000)
            self.assertEqual((lines[0], lines[-1]), (f"PROG,{count}", "LOOP,0"))
            got += lines[1:-1]
            count += len(lines) - 2
        self.assertEqual(got, [f"U,1,1,{value}" for value in values])

    def test_rest_of_a_replay_comes_with_an_ordinary_bind(self) -> None:
        """After the LOOP of a recovery clients bind as always."""
        values = [f"{number:0>90}" for number in range(100)]
        self.events(*values)
        self.client.read()
        self.client.lose()
        self.client.websocket = False
        got = self.recover(4, f"{POLL}&LS_content_length=3000&LS_reduce_head=true")[1:-1]
        self.client.bind("LS_reduce_head=true", websocket=True)
        self.events("last")
        got += self.client.read()[1:]
        self.assertEqual(got, [f"U,1,1,{value}" for value in [*values, "last"]])

    def test_endless_recovery_does_not_pile_up(self) -> None:
        """Memory is bounded: what the client says it has is not kept."""
        count = 4
        assert self.client.session is not None
        for number in range(100):
            self.client.lose()
            self.events(f"{number:0>90}")
            count += len(self.recover(count)) - 3
        self.assertEqual(count, 104)
        self.assertLess(self.client.session.stream.log.sent - self.client.session.stream.log.oldest, 5)


def remember(log: RecoveryLog, *lines: bytes) -> None:
    """What was written at once."""
    log.append(lines[0] if len(lines) == 1 else lines, len(lines), sum(map(len, lines)))


class Log(SynchronousTestCase):
    """The log by itself."""

    def test_sizes_start_over_when_nothing_is_kept(self) -> None:
        """Limits differ between polls and streams (C{max_recovery_poll_length} may be 0)."""
        log = RecoveryLog(100)
        remember(log, b"x" * 90)
        log.limit = 0
        remember(log, b"y")
        log.limit = 100
        remember(log, b"z" * 50)
        self.assertEqual(log.rewind(2), [b"z" * 50])
        self.assertIsNone(log.rewind(1))
        self.assertEqual(log.sent, 2)

    def test_age_after_a_recovery(self) -> None:
        """What is sent again is young again."""
        log = RecoveryLog(100)
        remember(log, b"a", b"b", b"c")
        log.age(10, 5)
        log.rewind(1)
        log.age(20, 5)
        remember(log, b"b", b"c")
        log.age(22, 5)
        self.assertEqual(log.oldest, 1)
        log.age(25, 5)
        log.age(30, 5)
        self.assertEqual(log.rewind(3), [])

    def test_lowered_limit(self) -> None:
        log = RecoveryLog(-1)
        remember(log, b"x" * 90, b"y" * 90)
        log.limit = 100
        remember(log, b"z" * 5)
        self.assertIsNone(log.rewind(0))
        self.assertEqual(log.rewind(1), [b"y" * 90, b"z" * 5])

    def test_line_longer_than_the_limit(self) -> None:
        log = RecoveryLog(10)
        remember(log, b"x" * 90)
        self.assertEqual((log.sent, log.oldest), (1, 1))
