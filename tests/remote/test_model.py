"""
Any story of subscriptions, answers, losses and returns: what the remote is asked
makes sense to it at any time, and in the end it has what the server wants.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from lsserver.remote.data import RemoteDataProvider
from tests.remote.doubles import FakeRemote, RemoteCase, cut

ITEMS = "abc"
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["subscribe", "unsubscribe", "answer", "refuse", "event", "lose", "timeout"]),
        st.integers(0, 5),
    ),
    max_size=40,
)


class Model:
    """
    A remote that answers when it is told to.

    @ivar subscribed: item by subscription id.
    @ivar pending: requests without an answer.
    """

    def __init__(self, case: RemoteCase, remote: FakeRemote, seen: set[str]) -> None:
        self.case = case
        self.remote = remote
        self.asked: dict[str, str] = {}
        self.pending: list[list[str]] = []
        self.seen = seen

    def read(self) -> None:
        for line in self.remote.taken():
            request_id, method, _, item = cut(line)
            assert request_id not in self.seen, "ids are used once"
            self.seen.add(request_id)
            assert all(tokens[3] != item for tokens in self.pending), "one operation of an item at a time"
            if method == "SUB":
                assert item not in self.asked, "subscribed twice"
                self.asked[item] = request_id
            else:
                assert item in self.asked, "unsubscribed, but never subscribed"
                del self.asked[item]
            self.pending.append([request_id, method, "S", item])

    def answer(self, at: int, text: str) -> None:
        if self.pending:
            tokens = self.pending.pop(at % len(self.pending))
            self.remote.send(f"{tokens[0]}|{tokens[1]}|{text}")
            self.read()


class ModelTests(RemoteCase):
    @given(STEPS)
    @settings(deadline=None, max_examples=200)
    def test_any_story(self, steps: list[tuple[str, int]]) -> None:
        RemoteCase.setUp(self)
        proxy: RemoteDataProvider = self.data(events_recovery="use_snapshot", timeout="1000")
        seen: set[str] = set()
        model: Model | None = Model(self, self.ready(), seen)
        wanted: dict[str, bool] = dict.fromkeys(ITEMS, False)
        busy: set[str] = set()

        def begin(item: str, deferred: Deferred[None], success: bool) -> None:
            busy.add(item)

            def ended(outcome: Any) -> None:
                busy.discard(item)
                wanted[item] = success and not isinstance(outcome, BaseException) and outcome is None

            deferred.addErrback(lambda failure: failure.value).addCallback(ended)

        for step, number in steps:
            item = ITEMS[number % len(ITEMS)]
            if step == "subscribe" and item not in busy and not wanted[item]:
                begin(item, proxy.subscribe(item), True)
            elif step == "unsubscribe" and item not in busy and wanted[item]:
                begin(item, proxy.unsubscribe(item), False)
            elif step == "lose":
                if model is None:
                    model = Model(self, self.ready(), seen)
                else:
                    model.remote.leave()
                    model = None
            elif step == "timeout" and model is not None:
                # Late answers mean nothing.
                self.reactor.advance(1)
                model.pending.clear()
            elif model is not None and step in ("answer", "refuse"):
                model.answer(number, "V" if step == "answer" else "EU|no")
            elif step == "event" and model is not None:
                model.read()
                self.listener.taken()
                sub_id = model.asked.get(item, "gone")
                model.remote.send(f"0|UD3|S|{item}|S|{sub_id}|B|0|S|x|S|1")
                events = self.listener.taken()
                assert len(events) == (1 if item in proxy.items and sub_id != "gone" else 0), (item, events)
            if model is not None:
                model.read()
        if model is None:
            model = Model(self, self.ready(), seen)
        model.read()
        while model.pending:
            model.answer(0, "V")
        self.assertEqual(busy, set())
        want = {item for item, wish in wanted.items() if wish}
        self.assertEqual(set(proxy.items), want)
        self.assertEqual(set(model.asked), want)
