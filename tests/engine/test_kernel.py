"""The kernel: adapter sets, start and stop, sessions by name (DESIGN 5; tlcp.md 10.8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from lsserver.engine.dialect import IDialect
from lsserver.engine.kernel import Kernel
from lsserver.engine.settings import EngineSettings
from lsserver.tlcp.dialect import TlcpDialect, TlcpValues
from lsserver.tlcp.requests import Heartbeat
from lsserver.tlcp.versions import Version
from tests.engine.world import FakeClient, FakeSet, World


class OtherLanguage(TlcpDialect):
    """A dialect that writes values in a way of its own."""

    values = TlcpValues()


class Sets(SynchronousTestCase):
    """Adapter sets."""

    def test_identifiers_are_unique(self) -> None:
        world = World()
        self.assertRaises(ValueError, world.kernel.add_adapter_set, FakeSet("TEST"))

    def test_start_fails(self) -> None:
        """The first failure is raised, whatever becomes of the others."""
        kernel = Kernel(EngineSettings(), Clock())
        broken = FakeSet("A")
        broken.start = lambda *_: self.fail_later()  # type: ignore[method-assign]
        fine = FakeSet("B")
        kernel.add_adapter_set(broken)  # type: ignore[arg-type]
        kernel.add_adapter_set(fine)  # type: ignore[arg-type]
        self.failureResultOf(Deferred.fromCoroutine(kernel.start()), ZeroDivisionError)
        self.assertIsNotNone(fine.control)

    async def fail_later(self) -> None:
        raise ZeroDivisionError

    def test_failed_adapter_and_nobody_to_tell(self) -> None:
        kernel = Kernel(EngineSettings(), Clock())
        hosted = kernel.add_adapter_set(FakeSet("A", "D"))  # type: ignore[arg-type]
        hosted.failure(RuntimeError("broken"))

    def test_stop(self) -> None:
        """Connections are dropped without END, which makes clients come back; adapters are told and stopped."""
        world = World()
        client = world.session()
        assert client.session is not None
        self.successResultOf(Deferred.fromCoroutine(world.kernel.stop()))
        self.assertEqual((client.connection.state, client.lines()), ("aborted", []))
        self.assertEqual(world.metadata.called("notify_session_close"), [[client.session.id]])
        self.assertTrue(world.set.stopped)

    def test_stop_during_creations(self) -> None:
        """Those that the adapter knows of are waited for, and told to it as closed."""
        world = World()
        checked: Deferred[None] = Deferred()
        world.metadata.answers["notify_user"] = checked
        first = world.client().create()
        world.metadata.answers["notify_user"] = None
        announced: Deferred[None] = Deferred()
        closed: Deferred[None] = Deferred()
        world.metadata.answers["notify_new_session"] = announced
        world.metadata.answers["notify_session_close"] = closed
        second = world.client().create()
        stopping = Deferred.fromCoroutine(world.kernel.stop())
        self.assertFalse(world.set.stopped)
        announced.callback(None)
        self.assertEqual(len(world.metadata.called("notify_session_close")), 1)
        self.assertFalse(world.set.stopped)
        closed.callback(None)
        self.successResultOf(stopping)
        self.assertTrue(world.set.stopped)
        for client in (first, second):
            self.assertIsNone(client.session)
            self.assertEqual(client.lines(), [])

    def test_creation_after_the_stop(self) -> None:
        """On a connection that is still open: dropped, so that the client comes back."""
        world = World()
        self.successResultOf(Deferred.fromCoroutine(world.kernel.stop()))
        client = world.client().create()
        self.assertEqual((client.connection.state, client.lines()), ("aborted", []))
        self.assertEqual(world.metadata.called("notify_user"), [])

    def test_stop_without_recovery(self) -> None:
        """Nothing ages then."""
        world = World(session_recovery_millis=0)
        self.successResultOf(Deferred.fromCoroutine(world.kernel.stop()))
        self.assertEqual(world.clock.getDelayedCalls(), [])

    def test_stop_waits_for_the_adapter(self) -> None:
        world = World()
        waiting: Deferred[None] = Deferred()
        world.metadata.answers["notify_session_close"] = waiting
        world.session()
        world.session().control("LS_reqId=1&LS_op=destroy")
        world.turn()
        stopping = Deferred.fromCoroutine(world.kernel.stop())
        self.assertFalse(world.set.stopped)
        waiting.callback(None)
        self.successResultOf(stopping)
        self.assertTrue(world.set.stopped)


class Languages(SynchronousTestCase):
    """Sessions speak one wire language (tlcp.md 10.8, code 3)."""

    def setUp(self) -> None:
        self.world = World()
        self.client = self.world.session()
        self.other = FakeClient(self.world, Version(2, 5), True)
        self.other.client.dialect = cast(IDialect, OtherLanguage(Version(2, 5)))
        self.other.session = self.client.session

    def test_bind(self) -> None:
        self.assertIsNone(self.other.bind())
        self.assertTrue(self.other.lines()[0].startswith("CONERR,3,"))

    def test_control(self) -> None:
        self.assertTrue(self.other.control("LS_reqId=1&LS_op=constrain").startswith("REQERR,1,3,"))

    def test_they_share_items_but_not_views(self) -> None:
        other = FakeClient(self.world, Version(2, 5), True)
        other.client.dialect = self.other.client.dialect
        other.create()
        for client in (self.client, other):
            client.subscribe(1, "MERGE", "item1", "a", "")
        self.world.data.update("item1", {"a": "1"}, False)
        for client in (self.client, other):
            self.assertEqual(client.read()[-1], "U,1,1,1")
        item = self.world.kernel.adapter_sets["TEST"].feeds["DEFAULT"].find("item1")
        assert item is not None and item.main is not None
        self.assertEqual(len(item.main.all_views), 2)

    def test_versions_share_views(self) -> None:
        old = self.world.session(version=Version(2, 0))
        for client in (self.client, old):
            client.subscribe(1, "MERGE", "item1", "a", "")
        item = self.world.kernel.adapter_sets["TEST"].feeds["DEFAULT"].find("item1")
        assert item is not None and item.main is not None
        self.assertEqual(len(item.main.all_views), 1)

    def test_version_of_a_bind_does_not_matter(self) -> None:
        """The session keeps its own."""
        self.client.lose()
        self.client.client = replace(self.client.client, dialect=self.world.client(Version(2, 1)).client.dialect)
        self.client.bind()
        self.client.message("LS_reqId=1&LS_message=m&LS_msg_prog=1")
        self.assertEqual(self.client.read()[-1], "MSGDONE,*,1,")


class Names(SynchronousTestCase):
    """Which session a request is about (tlcp.md 3.7)."""

    def setUp(self) -> None:
        self.world = World()
        self.client = self.world.session()

    def test_named(self) -> None:
        """A name counts more than what the connection implies."""
        other = self.world.session()
        assert other.session is not None
        answer = self.client.control(f"LS_reqId=1&LS_op=destroy&LS_session={other.session.id}")
        self.assertEqual(answer, "REQOK,1")
        self.world.turn()
        self.assertTrue(other.session.closed)
        assert self.client.session is not None
        self.assertFalse(self.client.session.closed)

    def test_unknown(self) -> None:
        self.assertEqual(self.client.control("LS_reqId=1&LS_op=destroy&LS_session=S0"), "REQERR,1,20,Session not found")

    def test_none(self) -> None:
        self.client.session = None
        self.assertEqual(self.client.control("LS_reqId=1&LS_op=destroy"), "REQERR,1,20,Session not found")

    def test_heartbeat_of_an_unknown_session(self) -> None:
        """No error (tlcp.md 5.9)."""
        self.world.kernel.heartbeat(Heartbeat(session="S0"))
        self.world.kernel.heartbeat(Heartbeat())

    def test_identifiers_are_echoed(self) -> None:
        for identifier in ("1", "s17", "destroy"):
            self.assertEqual(self.client.control(f"LS_reqId={identifier}&LS_op=constrain"), f"REQOK,{identifier}")


class Closing(SynchronousTestCase):
    """Sessions that end by themselves."""

    def test_ends_only_once(self) -> None:
        world = World()
        client = world.session()
        session: Any = client.session
        for _ in range(2):
            session.close(32, "x")
            session.vanish("x")
            session.failed()
            session.overflowed()
        self.assertEqual(len(world.metadata.called("notify_session_close")), 1)
        self.assertEqual(client.lines(), ["END,32,x"])

    def test_lines_for_a_session_that_is_over_are_dropped(self) -> None:
        world = World()
        session: Any = world.session().session
        session.vanish("x")
        session.notify(b"UNSUB,1\r\n")
        session.unbound(0)
        self.assertEqual(session.stream.pending, [])
