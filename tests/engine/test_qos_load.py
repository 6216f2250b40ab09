"""Overload: who comes in, who waits, who goes (configuration C{max_reactor_lag_millis} and the like)."""

from __future__ import annotations

import math
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from lsserver.engine.load import ADMITTED_PER_LOOK, LATE_LOOKS, PATIENCE
from lsserver.tlcp.versions import Version
from tests.engine.world import NEWEST, FakeClient, World

BUSY = "CONERR,5,Server overloaded%2C please retry later"
PATIENT = "LS_ttl_millis=unlimited"


class LoadCase(SynchronousTestCase):
    """A server that can be made busy."""

    def setUp(self) -> None:
        self.use()

    def use(self, **settings: Any) -> None:
        self.world = World(**settings)
        self.load = self.world.kernel.load

    def lag(self, *seconds: float) -> None:
        """Long turns of the reactor, one after the other."""
        for long in seconds:
            self.world.clock.advance(0.1 + long)

    def overload(self) -> None:
        self.lag(*[1.5] * LATE_LOOKS)
        self.assertTrue(self.load.overloaded)

    def create(self, parameters: str = "", version: Version = NEWEST, websocket: bool = True) -> FakeClient:
        return self.world.client(version, websocket).create(parameters)

    def refused(self, client: FakeClient) -> bool:
        return client.connection.state == "refused" and client.lines() == [BUSY]


class Lag(LoadCase):
    """The reactor is late."""

    def test_refused_and_over_again(self) -> None:
        before = self.world.session()
        self.overload()
        self.assertTrue(self.refused(self.create()))
        self.assertFalse(before.session is None or before.session.closed)
        self.world.advance(2)
        self.assertFalse(self.load.overloaded)
        self.assertIsNotNone(self.create().session)

    def test_existing_sessions_go_on(self) -> None:
        """They subscribe, send and are bound again as ever."""
        client = self.world.session()
        self.overload()
        self.assertEqual(client.subscribe(1, "MERGE", "item", "a"), "REQOK,1")
        client.lose()
        client.bind("LS_recovery_from=0")
        self.assertEqual(client.connection.state, "open")
        self.assertEqual(client.message("LS_reqId=2&LS_message=x"), "REQOK,2")

    def test_long_turns_are_none(self) -> None:
        """Ten thousand clients that come at once make two of them."""
        self.lag(3)
        self.lag(0, 3, 3, 0, 3, 3)
        self.assertFalse(self.load.overloaded)

    def test_it_must_be_well_for_a_second(self) -> None:
        self.overload()
        for _ in range(3):
            self.lag(*[0] * 9, 0.6)
            self.assertTrue(self.load.overloaded)
        self.lag(*[0] * 9, 1.2, *[0] * 9)
        self.assertTrue(self.load.overloaded)
        self.lag(0)
        self.assertFalse(self.load.overloaded)

    def test_no_limit(self) -> None:
        self.use(max_reactor_lag_millis=0)
        self.lag(50, 50, 50)
        self.assertFalse(self.load.overloaded)
        self.assertIsNotNone(self.create().session)

    def test_no_limit_and_another_reason(self) -> None:
        """What is not looked at does not prevent the end."""
        self.use(max_reactor_lag_millis=0)
        self.world.set.waiting_calls = 101
        self.lag(0)
        self.assertTrue(self.load.overloaded)
        self.world.set.waiting_calls = 0
        self.lag(*[9] * 10)
        self.assertFalse(self.load.overloaded)

    def test_those_who_look_after_the_server(self) -> None:
        """C{PRIORITY} ports."""
        self.use(max_sessions=1)
        self.overload()
        for _ in range(2):
            client = self.world.client()
            client.client.priority = True
            self.assertIsNotNone(client.create().session)
        self.assertTrue(self.load.overloaded)

    def test_old_clients(self) -> None:
        """tlcp.md 1.3: they would take the code for final."""
        self.overload()
        for version in (Version(2, 0), Version(2, 1)):
            client = self.create(version=version)
            self.assertEqual((client.connection.state, client.lines()), ("unavailable", []))


class Stretched(LoadCase):
    """Writes are fewer and larger meanwhile."""

    def updates(self, client: FakeClient, seconds: float) -> int:
        before = client.connection.writes
        for number in range(round(seconds * 100)):
            self.world.data.update("item", {"a": str(number)}, False)
            self.world.clock.advance(0.01)
        return client.connection.writes - before

    def test_flushes(self) -> None:
        client = self.world.session()
        client.subscribe(1, "MERGE", "item", "a", "")
        client.read()
        self.assertEqual(self.updates(client, 1), 100)
        self.overload()
        self.assertLess(self.updates(client, 1), 12)
        self.updates(client, 1)
        self.assertEqual(self.updates(client, 1), 100)
        self.world.turn()
        self.assertEqual(client.lines()[-1], "U,1,1,99")

    def test_not_because_of_an_adapter(self) -> None:
        """Who has his session does not wait for his updates since an adapter is slow."""
        client = self.world.session()
        client.subscribe(1, "MERGE", "item", "a", "")
        client.read()
        self.world.set.waiting_calls = 101
        self.lag(0)
        self.assertTrue(self.load.overloaded)
        self.assertEqual(self.updates(client, 1), 100)
        self.lag(*[1.5] * LATE_LOOKS)
        self.assertLess(self.updates(client, 1), 12, "now the reactor is late as well")
        self.world.set.waiting_calls = 0
        self.updates(client, 1.5)
        self.assertFalse(self.load.overloaded)
        self.assertEqual(self.updates(client, 1), 100)

    def test_never_less_than_usual(self) -> None:
        self.use(max_delay_millis=200)
        client = self.world.session()
        client.subscribe(1, "MERGE", "item", "a", "")
        self.overload()
        self.assertLess(self.updates(client, 1), 7)


class Queues(LoadCase):
    """Calls of adapters, and sessions that nobody uses."""

    def test_calls(self) -> None:
        self.world.set.waiting_calls = 100
        self.assertIsNotNone(self.create().session)
        self.world.set.waiting_calls = 101
        self.assertTrue(self.refused(self.create()))
        self.world.advance(3)
        self.assertTrue(self.refused(self.create()))
        self.world.set.waiting_calls = 0
        self.world.advance(2)
        self.assertIsNotNone(self.create().session)

    def test_calls_without_limit(self) -> None:
        self.use(server_pool_max_queue=-1)
        self.world.set.waiting_calls = 10_000
        self.world.advance(1)
        self.assertIsNotNone(self.create().session)

    def test_a_pool_with_its_own_limit(self) -> None:
        """It counts whatever the limit of the others is."""
        for most in (-1, 100):
            self.use(server_pool_max_queue=most)
            self.world.set.waiting_calls = math.inf
            self.assertTrue(self.refused(self.create()))
            self.world.set.waiting_calls = 0
            self.world.advance(2)
            self.assertIsNotNone(self.create().session)

    def test_unused_sessions(self) -> None:
        self.use(prestarted_max_queue=2)
        clients = [self.world.session() for _ in range(3)]
        self.assertTrue(self.refused(self.create()))
        clients[0].subscribe(1, "MERGE", "item", "a")
        self.world.advance(2)
        self.assertIsNotNone(self.create().session)
        self.assertTrue(self.refused(self.create()))
        clients[1].bind()
        clients[2].control("LS_reqId=1&LS_op=destroy")
        self.world.advance(2)
        self.assertIsNotNone(self.create().session)


class AtTheDoor(LoadCase):
    """Clients that have time (C{LS_ttl_millis=unlimited}, tlcp.md 10.8 code 5)."""

    def test_let_in_when_it_is_over(self) -> None:
        self.overload()
        client = self.create(PATIENT)
        self.assertEqual((client.connection.state, client.lines()), ("open", []))
        self.world.advance(2)
        self.assertIsNotNone(client.session)
        self.assertTrue(client.lines()[0].startswith("CONOK,"))

    def test_little_by_little(self) -> None:
        self.overload()
        clients = [self.create(PATIENT) for _ in range(2 * ADMITTED_PER_LOOK + 1)]
        counts = []
        for _ in range(12):
            self.lag(0)
            counts.append(sum(client.session is not None for client in clients))
        self.assertEqual(counts[8:], [0, ADMITTED_PER_LOOK, 2 * ADMITTED_PER_LOOK, len(clients)])
        self.assertFalse(self.load.overloaded)

    def test_in_vain(self) -> None:
        """Before the client loses its patience, it is told."""
        self.overload()
        client = self.create(PATIENT)
        while self.world.clock.seconds() < PATIENCE + 10:
            self.lag(1.5)
        self.assertTrue(self.refused(client))

    def test_too_many(self) -> None:
        self.use(max_waiting_creations=2)
        self.overload()
        clients = [self.create(PATIENT) for _ in range(3)]
        self.assertEqual([self.refused(client) for client in clients], [False, False, True])

    def test_gone_meanwhile(self) -> None:
        self.overload()
        clients = [self.create(PATIENT) for _ in range(2)]
        creation: Deferred[Any] | None = clients[0].creation
        assert creation is not None
        creation.cancel()
        self.lag(1.5)
        self.world.advance(2)
        self.assertIsNone(clients[0].session)
        self.assertIsNotNone(clients[1].session)
        self.assertEqual(len(self.world.kernel.sessions), 1)

    def test_gone_at_the_last_moment(self) -> None:
        self.overload()
        client = self.create(PATIENT)
        self.lag(*[0] * 9)
        assert client.creation is not None
        client.creation.cancel()
        self.lag(0)
        self.assertFalse(self.load.overloaded)
        self.assertEqual(self.world.kernel.sessions, {})

    def test_no_room_when_it_is_over(self) -> None:
        """The limit of sessions is looked at again."""
        self.use(max_sessions=1)
        self.overload()
        clients = [self.create(PATIENT) for _ in range(1)]
        self.world.advance(2)
        self.assertIsNotNone(clients[0].session)
        self.overload()
        client = self.create(PATIENT)
        self.assertEqual(client.lines(), ["CONERR,8,Session count limit reached"])

    def test_server_stops(self) -> None:
        self.overload()
        clients = [self.create(PATIENT) for _ in range(2)]
        assert clients[0].creation is not None
        clients[0].creation.cancel()
        self.successResultOf(Deferred.fromCoroutine(self.world.kernel.stop()))
        self.assertTrue(self.refused(clients[1]))
        self.world.advance(5)

    def test_never_started(self) -> None:
        self.load.stop()
        self.load.stop()
