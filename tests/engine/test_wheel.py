"""The timer wheel, and the turn of the reactor at whose end streams write."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from lsserver.engine.wheel import HORIZON, TICK, Wheel
from tests.engine.world import World


class Timers(SynchronousTestCase):
    """At most one tick late and never early."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000.3)
        self.wheel = Wheel(self.clock)
        self.fired: list[tuple[Any, float]] = []

    def note(self, name: Any) -> None:
        self.fired.append((name, self.clock.seconds()))

    def advance(self, seconds: float) -> None:
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(min(0.001, end - self.clock.seconds()))

    def test_due(self) -> None:
        for millis in (1, 10, 250, 1000, 333):
            self.wheel.after(millis, self.note, millis)
        self.advance(2)
        self.assertEqual([name for name, _ in self.fired], [1, 10, 250, 333, 1000])
        for millis, when in self.fired:
            self.assertGreaterEqual(when, 1000.3 + millis / 1000 - 1e-9)
            self.assertLess(when, 1000.3 + millis / 1000 + TICK + 0.002)

    def test_one_call_of_the_clock(self) -> None:
        for millis in range(1000):
            self.wheel.after(millis, self.note, millis)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_earlier_one_comes_later(self) -> None:
        self.wheel.after(1000, self.note, "late")
        self.wheel.after(100, self.note, "early")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.advance(2)
        self.assertEqual([name for name, _ in self.fired], ["early", "late"])

    def test_cancelled(self) -> None:
        timer = self.wheel.after(10, self.note, "x")
        self.assertTrue(timer.active)
        timer.cancel()
        timer.cancel()
        self.assertFalse(timer.active)
        self.advance(1)
        self.assertEqual(self.fired, [])

    def test_cancelled_after_it_fired(self) -> None:
        timer = self.wheel.after(10, self.note, "x")
        self.advance(1)
        self.assertFalse(timer.active)
        timer.cancel()
        self.assertEqual(len(self.fired), 1)

    def test_past(self) -> None:
        """In the next tick."""
        self.wheel.at(5, self.note, "x")
        self.advance(2 * TICK)
        self.assertEqual(len(self.fired), 1)

    def test_timer_that_sets_itself_again_for_the_past(self) -> None:
        """Does not keep the turn going."""

        def again() -> None:
            self.note("again")
            self.wheel.at(0, again)

        again()
        self.clock.advance(TICK)
        self.assertLess(len(self.fired), 5)

    def test_timers_set_by_timers(self) -> None:
        self.wheel.after(10, lambda: self.wheel.after(10, self.note, "x"))
        self.wheel.after(500, self.note, "y")
        self.advance(0.1)
        self.assertEqual([name for name, _ in self.fired], ["x"])
        self.advance(1)
        self.assertEqual([name for name, _ in self.fired], ["x", "y"])

    def test_timer_set_far_ahead_by_a_timer(self) -> None:
        self.wheel.after(10, lambda: self.wheel.after(1000, self.note, "z"))
        self.wheel.after(500, self.note, "y")
        self.advance(2)
        self.assertEqual([name for name, _ in self.fired], ["y", "z"])

    def test_failure_harms_no_other(self) -> None:
        self.wheel.after(10, lambda: 1 / 0)
        self.wheel.after(10, self.note, "x")
        self.advance(1)
        self.assertEqual(len(self.fired), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_late_clock(self) -> None:
        """All that is due comes in one turn, in order."""
        for millis in (300, 100, 200):
            self.wheel.after(millis, self.note, millis)
        self.clock.advance(10)
        self.assertEqual([name for name, _ in self.fired], [100, 200, 300])

    def test_stopped(self) -> None:
        """Nothing keeps the clock busy; once is enough."""
        self.wheel.after(10, self.note, "x")
        for _ in range(2):
            self.wheel.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.advance(1)
        self.assertEqual(self.fired, [])

    def test_never(self) -> None:
        self.wheel.after(float("inf"), self.note, "x")
        for _ in range(3):
            self.clock.advance(HORIZON + TICK)
        self.assertEqual(self.fired, [])

    def test_beyond_the_horizon(self) -> None:
        """Looked at again and again, but on time."""
        self.wheel.after(1000 * 2.5 * HORIZON, self.note, "x")
        for _ in range(2):
            self.clock.advance(HORIZON + TICK)
        self.assertEqual(self.fired, [])
        self.clock.advance(HORIZON / 2)
        self.assertEqual([name for name, _ in self.fired], ["x"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelled_beyond_the_horizon(self) -> None:
        """Not kept until then: who sets such times again and again would fill the memory."""
        self.wheel.after(1e9, self.note, "x").cancel()
        self.clock.advance(HORIZON + TICK)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Turns(SynchronousTestCase):
    """Whatever happens in a turn is written once, at its end (C{max_delay_millis})."""

    def test_one_write(self) -> None:
        world = World()
        client = world.session()
        client.subscribe(1, "MERGE", "a b", "x", "")
        world.turn()
        writes = client.connection.writes
        for number in range(10):
            world.data.update("a", {"x": str(number)}, False)
            world.data.update("b", {"x": str(number)}, False)
        world.turn()
        self.assertEqual(client.connection.writes, writes + 1)

    def test_max_delay(self) -> None:
        world = World(max_delay_millis=50)
        client = world.session()
        client.subscribe(1, "MERGE", "a", "x", "")
        world.advance(0.1)
        client.lines()
        world.data.update("a", {"x": "1"}, False)
        self.assertEqual(client.read(), [])
        world.data.update("a", {"x": "2"}, False)
        world.advance(0.06)
        self.assertEqual(client.lines(), ["U,1,1,2"])

    def test_fault_of_one_session_harms_no_other(self) -> None:
        """END 33 for the one."""
        world = World()
        clients = [world.session() for _ in range(3)]
        for client in clients:
            client.subscribe(1, "MERGE", "a", "x", "")
            client.read()
        session = clients[1].session
        assert session is not None
        session.subscriptions[1].places[0].slot.sent = 5  # type: ignore[assignment]
        world.data.update("a", {"x": "1"}, False)
        world.turn()
        world.data.update("a", {"x": "2"}, False)
        self.assertEqual([client.read()[-1] for client in clients[::2]], ["U,1,1,2"] * 2)
        self.assertTrue(clients[1].lines()[-1].startswith("END,33,"))
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_fault_of_one_connection_harms_no_other(self) -> None:
        """Not even if it cannot be told the end."""
        world = World()
        clients = [world.session() for _ in range(3)]
        for client in clients:
            client.subscribe(1, "MERGE", "a", "x", "")
            client.read()
        clients[1].connection.write = lambda data: 1 / 0  # type: ignore[method-assign, assignment, return-value]
        for value in "12":
            world.data.update("a", {"x": value}, False)
            world.turn()
        self.assertEqual([client.lines()[-1] for client in clients[::2]], ["U,1,1,2"] * 2)
        self.assertEqual(len(world.kernel.sessions), 2)
        self.assertEqual(len(world.metadata.called("notify_session_close")), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
