"""
Whatever comes from where a remote should be: no exception escapes, nothing piles up, and
nothing is left of a connection that is gone.
"""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from lsserver.remote.counterpart import MAX_STRAY_LINES
from lsserver.remote.splitting import LineTooLongError, Splitter
from tests.remote.doubles import RAC, FakeRemote, RemoteCase
from tests.transport.test_fuzz import cuts, pieces

METHODS = (
    *("RAC", "KEEPALIVE", "FAL", "CLOSE", "DPI", "MPI", "SUB", "USB", "UD3", "EOS", "CLS", "DFD", "NUS", "NUA", "NNS"),
    *("NSC", "GIS", "GSC", "GIT", "GUI", "NUM", "NNT", "NTC", "FST", "X", ""),
)
TOKENS = (
    "REQUEST",
    *("S", "B", "I", "D", "M", "V", "E", "EC", "EA", "EU", "EX", "EN", "EI", "ES", "#", "$", "0", "1", "-1", "9" * 30),
    *("a", "ID", "ARI.version", "1.9.1", "%", "%4", "%ff", "+", "true", "enableClosePacket", "unlimited", "\u20ac"),
)
line = st.builds(
    lambda head, method, tokens: "|".join([head, method, *tokens]).encode(),
    st.sampled_from(["0", "1", "REQUEST", "", "-1", "x", "9" * 20]),
    st.sampled_from(METHODS),
    st.lists(st.sampled_from(TOKENS), max_size=12),
)
lines = (
    st.lists(st.one_of(line, line, st.binary(max_size=40)), max_size=12).map(b"\n".join).map(lambda text: text + b"\n")
)


class Lines(RemoteCase):
    def fed(self, remote: FakeRemote, data: bytes, where: list[int], waiting: str) -> None:
        """
        Send it, with the ids of requests that wait in it.

        @param waiting: what stands for C{REQUEST}.
        """
        for piece in pieces(data.replace(b"REQUEST", waiting.encode()), where):
            if not remote.connected:
                break
            remote.protocol.dataReceived(piece)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertLessEqual(len(self.logs("warn")), MAX_STRAY_LINES)
        remote.leave()
        self.reactor.advance(60)
        self.assertEqual(self.flushLoggedErrors(), [])

    def comes_back(self) -> None:
        """The server has got over it: the next remote is taken."""
        remote = self.ready()
        self.assertTrue(remote.connected)

    def over(self, deferreds: list[Deferred[Any]]) -> None:
        """Nobody waits for an answer that cannot come."""
        for deferred in deferreds:
            deferred.addErrback(lambda _: None)

    @settings(deadline=None, max_examples=200)
    @given(lines, cuts)
    @example(b"0|CLOSE|S|reason|S|x\n", [])
    @example(b"0|FAL|E|broken\n", [])
    def test_before_it_is_ready(self, data: bytes, where: list[int]) -> None:
        RemoteCase.setUp(self)
        self.data()
        self.fed(self.connect(), data, where, "1")
        self.comes_back()

    @settings(deadline=None, max_examples=200)
    @given(lines, cuts)
    @example(b"REQUEST|SUB|E|x\nREQUEST|SUB|V\n", [])
    @example(b"0|UD3|S|a|S|REQUEST|B|0|S|key|S|$|S|command|S|ADD\n", [])
    def test_data(self, data: bytes, where: list[int]) -> None:
        RemoteCase.setUp(self)
        proxy = self.data(events_recovery="use_snapshot")
        remote = self.ready()
        self.over([proxy.subscribe("a")])
        self.fed(remote, data, where, remote.last()[0])
        self.comes_back()

    @settings(deadline=None, max_examples=200)
    @given(lines, cuts)
    @example(b"REQUEST|NUS|D|x|B|M\n", [])
    def test_metadata(self, data: bytes, where: list[int]) -> None:
        RemoteCase.setUp(self)
        proxy = self.metadata()
        remote = self.ready()
        self.over([Deferred.fromCoroutine(_of(proxy.notify_user("u", "p", {})))])
        self.fed(remote, data, where, remote.last()[0])
        self.comes_back()

    def test_greeting(self) -> None:
        """What makes the other tests mean something."""
        self.data()
        remote = self.connect()
        remote.send(RAC)
        self.assertEqual(remote.last()[1], "DPI")


async def _of(answer: Any) -> Any:
    return await answer


class Sizes(RemoteCase):
    """What is kept of a line that does not end."""

    @given(st.lists(st.binary(max_size=40), max_size=30))
    def test_bounded(self, parts: list[bytes]) -> None:
        splitter = Splitter(limit=100)
        fed = 0
        for part in parts:
            fed = len(part.rpartition(b"\n")[2]) + (0 if b"\n" in part else fed)
            try:
                splitter.feed(part)
            except LineTooLongError:
                break
            self.assertEqual(splitter.pending, fed)
            self.assertLessEqual(splitter.pending, 100)
