"""How the process ends; with real threads, but without a real end."""

from __future__ import annotations

import atexit
import signal
import threading
from types import FrameType
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from lsserver import ending
from lsserver.ending import Ending
from tests.service.running import SECONDS


class EndingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.said: list[str] = []
        self.ended: list[int] = []
        self.over = threading.Event()
        self.registered: list[tuple[Any, ...]] = []
        self.patch(atexit, "register", lambda *call: self.registered.append(call))
        self.ending = Ending(self.said.append, self.exit)

    def exit(self, status: int) -> None:
        self.ended.append(status)
        self.over.set()

    def handle_signals(self) -> list[int]:
        """Watch signals in front of a handler that notes them."""
        noted: list[int] = []

        def handler(number: int, frame: FrameType | None) -> None:
            noted.append(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            self.addCleanup(signal.signal, number, signal.signal(number, handler))
        self.ending.watch_signals()
        return noted

    def test_the_time_to_stop_is_limited(self) -> None:
        self.patch(ending, "STOP_SECONDS", 0.001)
        self.ending.begin()
        self.assertTrue(self.over.wait(SECONDS))
        self.assertEqual((self.ended, self.said), ([0], ["the end took longer than 0.001 s and was forced"]))

    def test_a_signal_starts_the_time_and_reaches_the_reactor(self) -> None:
        self.patch(ending, "STOP_SECONDS", 0.001)
        noted = self.handle_signals()
        signal.raise_signal(signal.SIGTERM)
        self.assertTrue(self.over.wait(SECONDS))
        self.assertEqual((noted, self.ended), ([signal.SIGTERM], [128 + signal.SIGTERM]))

    def test_the_second_signal_ends_at_once(self) -> None:
        self.handle_signals()
        signal.raise_signal(signal.SIGINT)
        self.assertEqual(self.ended, [])
        signal.raise_signal(signal.SIGINT)
        self.assertEqual(self.ended, [128 + signal.SIGINT])

    def test_an_ignored_signal_stays_ignored(self) -> None:
        self.handle_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.ending.watch_signals()
        signal.raise_signal(signal.SIGINT)
        self.assertFalse(self.ending.stopping)

    def test_failure_is_status_1_after_the_others_have_cleaned_up(self) -> None:
        self.ending.fail()
        self.ending.fail()
        self.assertEqual((self.registered, self.ended), ([(self.exit, 1)], []))

    def test_failure_is_status_1_by_force_too(self) -> None:
        self.patch(ending, "STOP_SECONDS", 0.001)
        self.ending.fail()
        self.assertTrue(self.over.wait(SECONDS))
        self.assertEqual(self.ended, [1])
