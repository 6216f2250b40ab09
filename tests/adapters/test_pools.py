from threading import Event, current_thread
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.pools import Job, Lane, PoolSettings
from tests.adapters.doubles import PATIENCE, ThreadClock


class ThreadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ThreadClock()
        self.hold = Event()
        self.addCleanup(self.hold.set)

    def lane(self, **settings: int) -> Lane:
        lane = Lane("SET.DATA", self.clock, PoolSettings(**settings))
        self.addCleanup(lane.stop)
        return lane

    def hang(self) -> str:
        self.hold.wait(PATIENCE)
        return "at last"

    def result(self, job: Job) -> Any:
        while not job.done.called:
            self.clock.turn()
        return self.successResultOf(job.done)

    def test_calls_are_made_in_daemon_threads_named_after_the_lane(self) -> None:
        thread = self.result(self.lane().submit(current_thread, True))
        self.assertIsNot(thread, current_thread())
        self.assertTrue(thread.daemon)
        self.assertEqual(thread.name, "lsserver SET.DATA")

    def test_what_hangs_stops_nobody_else(self) -> None:
        lane = self.lane()
        hanging = lane.submit(self.hang, True)
        self.assertEqual(self.result(lane.submit(lambda: 3, True)), 3)
        self.assertFalse(hanging.done.called)
        self.assertEqual((lane.active, lane.waiting), (1, 0))
        self.hold.set()
        self.assertEqual(self.result(hanging), "at last")

    def test_more_calls_than_threads_wait_in_order(self) -> None:
        lane = self.lane(max_size=1, max_queue=1)
        order: list[int] = []
        jobs = [lane.submit(self.hang, True), *(lane.submit(lambda n=n: order.append(n), True) for n in (1, 2))]
        self.assertEqual((lane.active, lane.waiting, lane.threads, lane.overloaded), (1, 2, 1, True))
        self.hold.set()
        for job in jobs:
            self.result(job)
        self.assertEqual(order, [1, 2])
        self.assertEqual((lane.active, lane.waiting, lane.threads, lane.overloaded), (0, 0, 1, False))

    def test_idle_threads_beyond_max_free_end(self) -> None:
        lane = self.lane(max_size=2, max_free=0)
        self.result(lane.submit(lambda: None, True))
        self.assertEqual(lane.threads, 0)

    def test_exceptions_come_out(self) -> None:
        job = self.lane().submit(lambda: 1 / 0, True)
        self.clock.turn()
        self.failureResultOf(job.done, ZeroDivisionError)

    def test_leaving_the_process_is_an_error(self) -> None:
        job = self.lane().submit(lambda: (_ for _ in ()).throw(SystemExit(3)), True)
        self.clock.turn()
        self.failureResultOf(job.done, RuntimeError)

    def test_a_call_that_was_given_up_makes_place(self) -> None:
        lane = self.lane(max_size=1)
        hanging = lane.submit(self.hang, True)
        waiting = lane.submit(lambda: 3, True)
        self.assertFalse(hanging.give_up())
        self.assertEqual(self.result(waiting), 3)
        self.hold.set()
        self.assertEqual(self.result(hanging), "at last")
        self.assertEqual(lane.active, 0)

    def test_what_has_ended_cannot_be_given_up(self) -> None:
        lane = self.lane(max_size=1)
        job = lane.submit(lambda: 3, True)
        self.result(job)
        self.assertFalse(job.give_up())
        self.assertEqual(lane.active, 0)

    def test_a_waiting_call_that_was_given_up_is_never_made(self) -> None:
        lane = self.lane(max_size=1)
        hanging = lane.submit(self.hang, True)
        made: list[int] = []
        waiting = lane.submit(lambda: made.append(1), True)
        self.assertTrue(waiting.give_up())
        self.hold.set()
        self.result(hanging)
        self.assertEqual((made, lane.waiting), ([], 0))

    def test_a_stopped_lane_calls_nobody(self) -> None:
        lane = self.lane(max_size=1)
        hanging = lane.submit(self.hang, True)
        waiting = lane.submit(lambda: None, True)
        lane.stop()
        self.failureResultOf(waiting.done, CancelledError)
        self.assertTrue(waiting.give_up())
        self.failureResultOf(lane.submit(lambda: None, True).done, CancelledError)
        self.hold.set()
        self.result(hanging)
        self.assertEqual(lane.threads, 0)


class AsynchronousTests(SynchronousTestCase):
    def lane(self, limit: int) -> Lane:
        return Lane("SET.MSG", ThreadClock(), PoolSettings(max_pending_requests=limit))

    def test_no_limit_unless_positive(self) -> None:
        self.assertFalse(self.lane(0).limits_asynchronous)
        self.assertFalse(self.lane(-1).limits_asynchronous)
        self.assertTrue(self.lane(1).limits_asynchronous)

    def test_calls_wait_for_those_that_are_unanswered(self) -> None:
        lane = self.lane(1)
        answers: list[Deferred[int]] = [Deferred(), Deferred()]
        jobs = [lane.submit(lambda a=a: a, False) for a in answers]
        self.assertEqual((lane.active, lane.waiting), (1, 1))
        answers[0].callback(1)
        self.assertEqual(self.successResultOf(jobs[0].done), 1)
        self.assertEqual((lane.active, lane.waiting), (1, 0))
        answers[1].errback(ValueError())
        self.failureResultOf(jobs[1].done, ValueError)
        self.assertEqual(lane.active, 0)

    def test_many_calls_that_answer_at_once(self) -> None:
        lane = self.lane(1)
        first: Deferred[None] = Deferred()
        lane.submit(lambda: first, False)
        jobs = [lane.submit(lambda n=n: n, False) for n in range(5000)]
        first.callback(None)
        self.assertEqual([self.successResultOf(job.done) for job in jobs], list(range(5000)))

    def test_a_call_that_raises(self) -> None:
        self.failureResultOf(self.lane(1).submit(lambda: 1 / 0, False).done, ZeroDivisionError)
