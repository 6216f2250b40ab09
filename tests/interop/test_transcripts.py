"""
The end-to-end transcripts of the protocol (TLCP specification, and what clients
send in their own tests), byte by byte: tlcp.md 11.1 to 11.16.

Some of them last up to 25 seconds because silence is a part of them, so all are
started, in threads, when the first is looked at.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.interop.server import shared
from tests.interop.transcripts import TRANSCRIPTS
from tests.interop.transcripts.play import Transcript
from tests.interop.wire import Conversation, Gone

SECONDS = 240
"""After which a transcript is given up."""

_problems: dict[str, BaseException] = {}
_threads: dict[str, threading.Thread] = {}


def _run(name: str, function: Transcript, port: int) -> None:
    conversation = Conversation(port)
    try:
        function(conversation)
    except (Exception, Gone) as problem:
        _problems[name] = problem
    finally:
        conversation.close()


class TranscriptTests(SynchronousTestCase):
    """One test for each transcript; the number is the section."""

    def finish(self, name: str) -> None:
        """Wait until a transcript has been played; all of them are started by the first call."""
        if not _threads:
            port = shared().port
            for other, function in TRANSCRIPTS.items():
                _threads[other] = threading.Thread(target=_run, args=(other, function, port), daemon=True)
                _threads[other].start()
        _threads[name].join(SECONDS)
        if name in _problems:
            raise _problems[name]
        if _threads[name].is_alive():
            self.fail(f"not finished after {SECONDS} s")


def _test(name: str) -> Callable[[TranscriptTests], None]:
    def test(self: TranscriptTests) -> None:
        self.finish(name)

    test.__doc__ = TRANSCRIPTS[name].__doc__
    return test


for _name in TRANSCRIPTS:
    setattr(TranscriptTests, f"test_{_name[1:]}", _test(_name))
