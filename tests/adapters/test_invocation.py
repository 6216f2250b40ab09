"""What the log says about slow calls."""

from itertools import count
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, LogLevel, globalLogPublisher

from lsserver.adapters import invocation
from lsserver.adapters.adapter_set import SetOptions
from lsserver.adapters.errors import AccessError
from lsserver.adapters.invocation import CallSettings
from lsserver.adapters.pools import PoolSettings
from tests.adapters.doubles import Answers, SetCase, started


class LogTests(SetCase):
    def setUp(self) -> None:
        super().setUp()
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def lines(self, *levels: LogLevel) -> list[str]:
        chosen = [event for event in self.events if event["log_level"] in levels]
        return [event["log_format"].format(**event) for event in chosen]

    def login(self, answer: Any, **more: Any) -> Deferred[None]:
        metadata = self.make(Answers(notify_user=answer), **more).metadata
        return started(metadata.notify_user("u", "", {}, None, False))

    def test_an_answer_that_does_not_come(self) -> None:
        login = self.login(lambda *_: Deferred(), unexpected_wait_threshold_millis=500)
        self.clock.advance(0.4)
        self.assertEqual(self.lines(LogLevel.warn), [])
        self.clock.advance(0.1)
        self.assertEqual(
            self.lines(LogLevel.warn), ["SET/metadata: notify_user has not answered for 500 ms (pool none)"]
        )
        self.assertNoResult(login)

    def test_the_pool_is_named(self) -> None:
        pool = PoolSettings(max_pending_requests=1)
        self.login(lambda *_: Deferred(), options=SetOptions(authentication_pool=pool))
        self.clock.advance(1)
        self.assertIn("(pool SET.AUTHENTICATION)", self.lines(LogLevel.warn)[0])

    def test_a_call_that_blocks_the_reactor(self) -> None:
        times = count(step=1.5)
        self.patch(invocation, "perf_counter", lambda: next(times))
        self.successResultOf(self.login(None))
        self.assertIn("notify_user has blocked the server for 1500 ms", self.lines(LogLevel.warn)[-1])

    def test_no_threshold_no_warning(self) -> None:
        self.login(lambda *_: Deferred(), unexpected_wait_threshold_millis=0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_comes_too_late(self) -> None:
        answers: list[Deferred[None]] = [Deferred(), Deferred()]
        for answer in answers:
            self.login(lambda *_, a=answer: a, adapter_call_timeout_millis=1).addErrback(lambda _: None)
            # A login is cancelled with its caller; this adapter does not care.
            answer._canceller = lambda _: None
        self.clock.advance(1)
        self.assertEqual(self.lines(LogLevel.error), ["SET/metadata: notify_user has not answered within 1 ms"] * 2)

    def test_refusals_are_no_errors(self) -> None:
        self.failureResultOf(self.login(AccessError("wrong password")), AccessError)
        self.assertEqual(self.lines(LogLevel.warn, LogLevel.error, LogLevel.critical), [])
        self.assertIn("SET/metadata: notify_user: AccessError: wrong password", self.lines(LogLevel.info))

    def test_failures_tell_what_they_were_about_and_no_password(self) -> None:
        one = self.make(Answers(notify_user=ValueError("oops"), get_items=ValueError("oops")), start=False)
        self.error(one.metadata.notify_user("u", "secret", {"cookie": "secret"}, None, False), ValueError)
        self.error(one.metadata.get_items("u", "S1", "a b", "DEFAULT"), ValueError)
        self.assertEqual(
            self.lines(LogLevel.critical),
            [
                "SET/metadata: notify_user has failed, user='u'",
                "SET/metadata: get_items has failed, user='u', session_id='S1', group='a b'",
            ],
        )
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)

    def test_settings_may_change_before_the_start(self) -> None:
        one = self.make(start=False)
        settings = CallSettings(adapter_call_timeout_millis=7)
        one.calls = settings
        self.assertIs(one.metadata.invoker.settings, settings)
        self.assertIs(one.data["DEFAULT"].invoker.settings, settings)
        self.assertIs(one.calls, settings)
