"""Messages from the client: sequences, progressives, outcomes (tlcp.md 9, 11.11; adapters-api.md 9)."""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.errors import CreditsError, NotificationError
from lsserver.engine.messages import MAX_REMEMBERED, Skipped
from lsserver.tlcp.versions import Version
from tests.engine.world import NEWEST, World


class MessageCase(SynchronousTestCase):
    """A client that sends messages; C{texts} are those that the adapter got."""

    def setUp(self) -> None:
        self.use()

    def use(self, version: Version = NEWEST, **settings: Any) -> None:
        self.world = World(**settings)
        self.client = self.world.session("LS_user=u", version)
        self.request = 0

    def outcome(self, answer: Any) -> None:
        self.world.metadata.answers["notify_user_message"] = answer

    @property
    def texts(self) -> list[str]:
        return [text for *_, text in self.world.metadata.called("notify_user_message")]

    def send(self, text: str, progressive: int | None = None, sequence: str | None = None, more: str = "") -> str:
        """The answer to the request, without its id."""
        self.request += 1
        body = f"LS_reqId={self.request}&LS_message={text}{more}"
        if sequence is not None:
            body += f"&LS_sequence={sequence}"
        if progressive is not None:
            body += f"&LS_msg_prog={progressive}"
        return self.client.message(body).replace(f",{self.request}", "", 1)


class Outcomes(MessageCase):
    """tlcp.md 9.5."""

    def test_transcript(self) -> None:
        """tlcp.md 11.11."""
        self.assertEqual(self.send("foo", 1, "seq"), "REQOK")
        self.assertEqual(self.client.read(), ["MSGDONE,seq,1,"])
        self.outcome("ok, id 7")
        self.assertEqual(self.send("foo", 1), "REQOK")
        self.assertEqual(self.client.read(), ["MSGDONE,*,1,ok%2C id 7"])
        self.outcome(None)
        self.assertEqual(self.send("foo", more="&LS_outcome=false"), "REQOK")
        self.assertEqual(self.client.read(), [])
        self.assertEqual(self.send("c", 4, "seq", "&LS_max_wait=1000"), "REQOK")
        self.world.advance(0.9)
        self.assertEqual(self.client.read(), [])
        self.world.advance(0.2)
        self.assertEqual(self.client.read(), ["MSGFAIL,seq,3,39,2", "MSGDONE,seq,4,"])
        self.assertEqual(self.send("late", 2, "seq"), "REQERR,32,Message progressive number too low")
        self.outcome(CreditsError(-3, "log", "Not allowed, sorry"))
        self.assertEqual(self.send("x", 5, "seq"), "REQOK")
        self.assertEqual(self.client.read(), ["MSGFAIL,seq,5,-3,Not allowed%2C sorry"])
        self.assertEqual(self.texts, ["foo", "foo", "foo", "c", "x"])

    def test_before_version_2_5(self) -> None:
        """tlcp.md 9.6: two arguments."""
        self.use(Version(2, 4))
        self.outcome("ignored")
        self.send("foo", 1, "seq")
        self.assertEqual(self.client.read(), ["MSGDONE,seq,1"])

    def test_arguments(self) -> None:
        self.send("a%26b")
        assert self.client.session is not None
        self.assertEqual(self.world.metadata.called("notify_user_message"), [["u", self.client.session.id, "a&b"]])

    def test_rejected(self) -> None:
        self.outcome(NotificationError("secret"))
        self.send("foo", 1)
        self.assertEqual(self.client.read(), ["MSGFAIL,*,1,34,The message has been rejected"])

    def test_unexpected_exception(self) -> None:
        self.outcome(ZeroDivisionError("secret"))
        self.send("foo", 1)
        self.assertEqual(self.client.read(), ["MSGFAIL,*,1,35,Unexpected exception while processing the message"])

    def test_refused_without_text(self) -> None:
        self.outcome(CreditsError(5, "log"))
        self.send("foo", 1)
        self.assertEqual(self.client.read(), ["MSGFAIL,*,1,0,"])

    def test_outcome_not_wanted(self) -> None:
        """Suppressed, not the call."""
        for answer in (None, CreditsError(-1, "no"), NotificationError("no"), ZeroDivisionError()):
            self.outcome(answer)
            self.assertEqual(self.send("foo", more="&LS_outcome=false"), "REQOK")
            self.assertEqual(self.client.read(), [])
        self.assertEqual(len(self.texts), 4)

    def test_no_progressive_and_no_sequence(self) -> None:
        """tlcp.md 9.1: the lenient alternative."""
        self.assertEqual(self.send("foo"), "REQOK")
        self.assertEqual(self.client.read(), [])

    def test_answered_before_the_outcome_is_known(self) -> None:
        """tlcp.md 9.2."""
        self.outcome(Deferred())
        self.assertEqual(self.send("foo", 1), "REQOK")

    def test_after_the_session_closed(self) -> None:
        """Checklist 20: never crashes."""
        waiting: Deferred[str] = Deferred()
        self.outcome(waiting)
        self.send("foo", 1)
        self.client.control("LS_reqId=1&LS_op=destroy")
        self.world.turn()
        waiting.callback("late")
        self.assertEqual(self.client.read()[-1], "END,31,Destroy invoked by client")


class Sequences(MessageCase):
    """tlcp.md 9.3."""

    def test_one_after_the_other(self) -> None:
        """Checklist 20: the next starts when the outcome is known."""
        waiting = [Deferred[str](), Deferred[str]()]
        pending = list(waiting)
        self.outcome(lambda *_: pending.pop(0) if pending else None)
        for number, text in enumerate("abc", 1):
            self.send(text, number, "seq")
        self.assertEqual(self.texts, ["a"])
        waiting[0].callback("")
        self.assertEqual(self.texts, ["a", "b"])
        self.assertEqual(self.client.read(), ["MSGDONE,seq,1,"])
        waiting[1].callback("")
        self.assertEqual(self.client.read(), ["MSGDONE,seq,2,", "MSGDONE,seq,3,"])

    def test_others_do_not_wait(self) -> None:
        self.outcome(lambda user, session_id, text: Deferred() if text == "slow" else None)
        self.send("slow", 1, "a")
        self.send("fast", 1, "b")
        self.send("free", 1)
        self.assertEqual(self.client.read(), ["MSGDONE,b,1,", "MSGDONE,*,1,"])

    def test_order_of_the_numbers(self) -> None:
        for number, text in ((3, "c"), (1, "a"), (2, "b")):
            self.assertEqual(self.send(text, number, "seq"), "REQOK")
        self.assertEqual(self.texts, ["a", "b", "c"])
        self.assertEqual(self.client.read(), [f"MSGDONE,seq,{number}," for number in (1, 2, 3)])
        self.world.advance(60)
        self.assertNotIn("MSGFAIL", self.client.connection.data.decode())

    def test_one_missing(self) -> None:
        """38, after the server's 30 s."""
        self.send("b", 2, "seq")
        self.world.advance(29)
        self.assertEqual(self.texts, [])
        self.world.advance(2)
        self.assertEqual(
            [line for line in self.client.lines() if line.startswith("MSG")],
            ["MSGFAIL,seq,1,38,The specified progressive number has been skipped by timeout", "MSGDONE,seq,2,"],
        )

    def test_client_may_wait_less_but_not_more(self) -> None:
        self.send("b", 2, "x", "&LS_max_wait=99000")
        self.world.advance(31)
        self.assertEqual(self.texts, ["b"])

    def test_not_at_all(self) -> None:
        self.send("b", 2, "x", "&LS_max_wait=0")
        self.world.advance(0.1)
        self.assertEqual(self.texts, ["b"])

    def test_several_gaps(self) -> None:
        """Each run is reported by itself."""
        self.send("c", 3, "s", "&LS_max_wait=2000")
        self.send("e", 5, "s", "&LS_max_wait=1000")
        self.world.advance(1.1)
        self.assertEqual(
            self.client.read(),
            [
                "MSGFAIL,s,2,39,2",
                "MSGDONE,s,3,",
                "MSGFAIL,s,4,38,The specified progressive number has been skipped by timeout",
                "MSGDONE,s,5,",
            ],
        )

    def test_gap_is_given_up_while_another_message_is_on_its_way(self) -> None:
        """It is told in turn."""
        waiting: Deferred[str] = Deferred()
        self.outcome(lambda user, session_id, text: waiting if text == "a" else None)
        self.send("a", 1, "s")
        self.send("c", 3, "s", "&LS_max_wait=1000")
        self.world.advance(2)
        self.assertEqual(self.client.read(), [])
        waiting.callback("")
        lines = self.client.read()
        self.assertEqual(
            [line.split(",")[:3] for line in lines],
            [["MSGDONE", "s", "1"], ["MSGFAIL", "s", "2"], ["MSGDONE", "s", "3"]],
        )

    def test_missing_one_before_very_many(self) -> None:
        """They do not pile up on the stack."""
        for number in range(2, 1_001):
            self.send("x", number, "s")
        self.send("x", 1, "s")
        self.assertEqual(self.client.read(), [f"MSGDONE,s,{number}," for number in range(1, 1_001)])

    def test_session_ends_while_a_gap_is_to_be_given_up(self) -> None:
        waiting: Deferred[str] = Deferred()
        self.outcome(waiting)
        self.send("a", 1, "s")
        self.send("c", 3, "s", "&LS_max_wait=10")
        self.world.advance(1)
        assert self.client.session is not None
        self.client.session.vanish("x")
        waiting.callback("")
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(self.texts, ["a"])

    def test_missing_one_comes_in_time(self) -> None:
        self.send("b", 2, "s", "&LS_max_wait=1000")
        self.world.advance(0.5)
        self.send("a", 1, "s")
        self.world.advance(2)
        self.assertEqual(self.client.read(), ["MSGDONE,s,1,", "MSGDONE,s,2,"])

    def test_repeated(self) -> None:
        """tlcp.md 9.7: REQOK, and processed once; its outcome is on the stream."""
        self.send("a", 1, "s")
        self.assertEqual(self.send("a", 1, "s"), "REQOK")
        self.send("c", 3, "s")
        self.assertEqual(self.send("c", 3, "s"), "REQOK")
        self.send("b", 2, "s")
        self.assertEqual(self.texts, ["a", "b", "c"])
        self.assertEqual(len(self.client.read()), 3)

    def test_repeated_while_pending(self) -> None:
        waiting: Deferred[str] = Deferred()
        self.outcome(waiting)
        self.send("a", 1, "s")
        self.assertEqual(self.send("a", 1, "s"), "REQOK")
        waiting.callback("")
        self.assertEqual(self.client.read(), ["MSGDONE,s,1,"])

    def test_skipped_comes_late(self) -> None:
        self.send("b", 2, "s", "&LS_max_wait=10")
        self.world.advance(1)
        self.assertEqual(self.send("a", 1, "s"), "REQERR,32,Message progressive number too low")
        self.assertEqual(self.texts, ["b"])

    def test_bounded(self) -> None:
        """tlcp.md 9.8."""
        self.use(max_pending_messages=3)
        for number in (2, 3, 4):
            self.assertEqual(self.send("x", number, "s"), "REQOK")
        self.assertEqual(self.send("x", 5, "s"), "REQERR,68,Too many messages are waiting")
        self.assertEqual(self.send("x", 1, "s"), "REQOK")
        self.assertEqual(self.send("x", 5, "s"), "REQOK")
        self.assertEqual(len(self.texts), 5)

    def test_number_of_sequences_is_bounded(self) -> None:
        self.use(max_pending_messages=3)
        for name in "abc":
            self.assertEqual(self.send("x", 1, name), "REQOK")
        self.assertEqual(self.send("x", 1, "d"), "REQERR,68,Too many message sequences")
        self.assertEqual(self.send("x", 2, "a"), "REQOK")

    def test_session_that_ends(self) -> None:
        """What waits is dropped, with its timers."""
        self.send("b", 2, "s")
        self.send("b", 2)
        self.client.control("LS_reqId=1&LS_op=destroy")
        self.world.advance(60)
        self.assertEqual(self.texts, ["b"])

    def test_session_that_ends_during_a_message(self) -> None:
        """The next is not started."""
        waiting: Deferred[str] = Deferred()
        self.outcome(waiting)
        self.send("a", 1, "s")
        self.send("b", 2, "s")
        self.client.control("LS_reqId=1&LS_op=destroy")
        self.world.turn()
        waiting.callback("")
        self.assertEqual(self.texts, ["a"])

    def test_huge_gap(self) -> None:
        """Remembered as far as is reasonable, and cheap."""
        self.send("z", 2_000_000_000, "s", "&LS_max_wait=10")
        self.world.advance(1)
        self.assertEqual(self.client.read(), ["MSGFAIL,s,1999999999,39,1999999999", "MSGDONE,s,2000000000,"])
        self.assertTrue(self.send("y", 1_999_999_999, "s").startswith("REQERR,32"))


class Unordered(MessageCase):
    """tlcp.md 9.4."""

    def test_at_once(self) -> None:
        """In the order of their arrival, whatever their numbers, and overlapping."""
        self.outcome(lambda *_: Deferred())
        for number in (3, 1, 2):
            self.send(str(number), number)
        self.assertEqual(self.texts, ["3", "1", "2"])

    def test_gap(self) -> None:
        """Reported after the server's 30 s."""
        self.send("c", 3)
        self.assertEqual(self.client.read(), ["MSGDONE,*,3,"])
        self.world.advance(31)
        self.assertIn("MSGFAIL,*,2,39,2", self.client.lines())

    def test_single_gap(self) -> None:
        self.send("b", 2)
        self.world.advance(31)
        self.assertIn(
            "MSGFAIL,*,1,38,The specified progressive number has been skipped by timeout", self.client.lines()
        )

    def test_several_gaps(self) -> None:
        self.send("b", 2)
        self.world.advance(1)
        self.send("d", 4)
        self.world.advance(31)
        self.assertEqual(
            [line.split(",")[:4] for line in self.client.lines() if line.startswith("MSGFAIL")],
            [["MSGFAIL", "*", "1", "38"], ["MSGFAIL", "*", "3", "38"]],
        )

    def test_no_gap_after_all(self) -> None:
        self.send("b", 2)
        self.world.advance(10)
        self.send("a", 1)
        self.world.advance(60)
        self.assertNotIn("MSGFAIL", self.client.connection.data.decode())

    def test_earlier_gap_covers_the_later(self) -> None:
        """One timer reports all that precedes its number."""
        self.send("d", 4)
        self.world.advance(1)
        self.send("b", 2)
        self.world.advance(60)
        fails = [line.split(",")[:4] for line in self.client.lines() if line.startswith("MSGFAIL")]
        self.assertEqual(fails, [["MSGFAIL", "*", "1", "38"], ["MSGFAIL", "*", "3", "38"]])

    def test_repeated(self) -> None:
        self.send("a", 1)
        self.send("c", 3)
        self.assertEqual(self.send("a", 1), "REQOK")
        self.assertEqual(self.send("c", 3), "REQOK")
        self.assertEqual(self.texts, ["a", "c"])

    def test_skipped_comes_late(self) -> None:
        self.send("b", 2)
        self.world.advance(31)
        self.assertEqual(self.send("a", 1), "REQERR,32,Message progressive number too low")

    def test_without_number_nothing_is_watched(self) -> None:
        for _ in range(3):
            self.send("a")
        self.world.advance(60)
        self.assertEqual(self.texts, ["a"] * 3)

    def test_bounded(self) -> None:
        self.use(max_pending_messages=3)
        for number in (2, 4, 6):
            self.assertEqual(self.send("x", number), "REQOK")
        self.assertEqual(self.send("x", 8), "REQERR,68,Too many messages are waiting")


class Memory(SynchronousTestCase):
    """What is remembered of given up progressives."""

    def test_bounded(self) -> None:
        skipped = Skipped()
        for start in range(0, 10 * (MAX_REMEMBERED + 1), 10):
            skipped.add(start, start + 5)
        skipped.add(7, 6)
        for number, remembered in ((0, False), (5, False), (10, True), (15, True), (16, False)):
            self.assertEqual(number in skipped, remembered, number)
