"""The demo adapter sets as a whole."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.loader import scan
from tests.demos.opened import ADAPTERS, open_set

SETS = {
    "CHAT": {"CHAT_ROOM"},
    "DEMO": {"QUOTE_ADAPTER", "STOCKS"},
    "FULLPORTFOLIODEMO": {"PORTFOLIO_ADAPTER", "QUOTE_ADAPTER"},
    "MESSENGER": {"SIMPLE_MESSENGER"},
    "ROUNDTRIPDEMO": {"ROUNDTRIP_ADAPTER"},
    "WELCOME": {"QUOTE_ADAPTER", "STOCKS"},
}


class SetTests(SynchronousTestCase):
    def test_all_are_found_under_the_names_that_clients_use(self) -> None:
        found = scan(ADAPTERS, reactor=Clock())
        self.assertEqual({one.id: set(one.data) for one in found}, SETS)

    def test_nothing_runs_before_somebody_subscribes(self) -> None:
        for entry in sorted(ADAPTERS.iterdir()):
            if (entry / "adapters.xml").exists():
                opened = open_set(entry.name)
                self.assertEqual(opened.clock.getDelayedCalls(), [], entry.name)
                for recorder in opened.recorders.values():
                    self.assertEqual(recorder.calls, [], entry.name)

    def test_anybody_may_come(self) -> None:
        for entry in sorted(ADAPTERS.iterdir()):
            if (entry / "adapters.xml").exists():
                metadata = open_set(entry.name).metadata
                metadata.notify_user(None, None, {})
                metadata.notify_new_session(None, "S1", {"REMOTE_IP": "192.0.2.1", "USER_AGENT": None})
                metadata.notify_session_close("S1")
