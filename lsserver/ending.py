"""
How the process ends when C{twistd} alone would not end it as it should.

C{twistd} has status 0 for a service that gave up, waits for ever for a stop that
hangs, and does not listen to a second Ctrl-C. None of this can be had from
inside the reactor: a call that blocks the reactor's thread must not keep the
process alive, so a thread of its own watches.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

STOP_SECONDS = 5.0
"""Longest time from the wish to stop to the end of the process."""


def _flush_and_exit(status: int) -> None:
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()
    os._exit(status)


class Ending:
    """
    The end of this process.

    @ivar stopping: somebody wants the process to end.
    """

    def __init__(self, say: Callable[[str], None], exit_now: Callable[[int], None] = _flush_and_exit) -> None:
        """
        @param say: logs a line; called in any thread.
        @param exit_now: ends the process at once with a status.
        """
        self._say = say
        self._exit_now = exit_now
        self._status: int | None = None
        self.stopping = False

    def watch_signals(self) -> None:
        """
        Take note of SIGINT and SIGTERM before the reactor does: the time to stop
        counts from there, and the second one ends the process at once. Call it
        when the reactor has installed its handlers, in the main thread.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            previous = signal.getsignal(number)
            if callable(previous):
                signal.signal(number, self._noting(previous))

    def _noting(self, previous: Callable[[int, FrameType | None], Any]) -> Callable[[int, FrameType | None], Any]:
        signalled = False

        def handler(number: int, frame: FrameType | None) -> None:
            nonlocal signalled
            if signalled:
                self._exit_now(128 + number)
            signalled = True
            self._status = self._status or 128 + number
            self.begin()
            previous(number, frame)

        return handler

    def fail(self) -> None:
        """The process has to end with status 1, once C{twistd} has cleaned up."""
        if self._status != 1:
            self._status = 1
            atexit.register(self._exit_now, 1)
        self.begin()

    def begin(self) -> None:
        """The end begins; after L{STOP_SECONDS} the process is gone whatever still runs."""
        if not self.stopping:
            self.stopping = True
            watch = threading.Timer(STOP_SECONDS, self._by_force)
            watch.name = "lsserver end"
            watch.daemon = True
            watch.start()

    def _by_force(self) -> None:
        self._say(f"the end took longer than {STOP_SECONDS:g} s and was forced")
        self._exit_now(self._status or 0)
