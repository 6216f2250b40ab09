import asyncio
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.errors import AccessError
from lsserver.adapters.results import Results


class ResultsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.results = Results()

    def test_one_refusal_for_two_logins_refuses_both(self) -> None:
        lookup: Deferred[None] = Deferred()
        first, second = (self.results.deferred(lookup, True) for _ in range(2))
        lookup.errback(AccessError("no"))
        third = self.results.deferred(lookup, True)
        for answer in (first, second, third):
            self.failureResultOf(answer, AccessError)

    def test_one_result_for_all(self) -> None:
        lookup: Deferred[int] = succeed(3)
        answers = [self.results.deferred(lookup, True) for _ in range(2)]
        self.assertEqual([self.successResultOf(answer) for answer in answers], [3, 3])

    def test_a_failure_that_is_there_already(self) -> None:
        self.failureResultOf(self.results.deferred(fail(AccessError("no")), True), AccessError)

    def test_cancelling_reaches_the_adapter_when_nobody_else_waits(self) -> None:
        cancelled: list[Any] = []
        lookup: Deferred[None] = Deferred(cancelled.append)
        first, second = (self.results.deferred(lookup, True) for _ in range(2))
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(cancelled, [])
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.assertEqual(cancelled, [lookup])

    def test_cancelling_does_not_reach_what_must_go_on(self) -> None:
        cancelled: list[Any] = []
        first = self.results.deferred(Deferred(cancelled.append), False)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(cancelled, [])

    def test_one_caller_may_cancel_another_while_both_are_told(self) -> None:
        lookup: Deferred[int] = Deferred()
        first, second = (self.results.deferred(lookup, True) for _ in range(2))
        first.addCallback(lambda _: second.cancel())
        lookup.callback(3)
        self.successResultOf(first)
        self.failureResultOf(second, CancelledError)

    def test_coroutines_and_other_awaitables(self) -> None:
        async def three() -> int:
            return await succeed(3)

        class Awaitable:
            def __await__(self) -> Any:
                return three().__await__()

        self.assertEqual(self.successResultOf(self.results.deferred(three(), True)), 3)
        self.assertEqual(self.successResultOf(self.results.deferred(Awaitable(), True)), 3)

    def test_futures(self) -> None:
        loop = asyncio.new_event_loop()
        self.addCleanup(loop.close)
        future = loop.create_future()
        answer = self.results.deferred(future, True)
        future.set_result(3)
        loop.run_until_complete(asyncio.sleep(0))
        self.assertEqual(self.successResultOf(answer), 3)
