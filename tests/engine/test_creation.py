"""How a session comes into being: every outcome (adapters-api.md 3, 12; tlcp.md 4.9, 4.10)."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.errors import (
    AccessError,
    ConflictingSessionError,
    CreditsError,
    ItemsError,
    NotificationError,
    ResourceUnavailableError,
)
from lsserver.engine.binding import Binding
from lsserver.engine.stream import Stream
from lsserver.tlcp.versions import Version
from tests.engine.world import NEWEST, FakeClient, FakeSet, World

UNEXPECTED = "CONERR,66,Unexpected exception in the Metadata Adapter"


class CreationCase(SynchronousTestCase):
    """A world, and what became of a creation."""

    def setUp(self) -> None:
        self.use()

    def use(self, **settings: Any) -> None:
        self.world = World(**settings)
        self.metadata = self.world.metadata

    def answer(self, method: str, answer: Any) -> None:
        self.metadata.answers[method] = answer

    def closed(self) -> list[str]:
        """Sessions whose end the adapter was told."""
        return [session_id for (session_id,) in self.metadata.called("notify_session_close")]

    def announced(self) -> list[str]:
        """Sessions that the adapter was told of."""
        return [arguments[1] for arguments in self.metadata.called("notify_new_session")]

    def refused(self, parameters: str = "", *lines: str, version: Version = NEWEST) -> str:
        client = self.world.client(version).create(parameters, *lines)
        self.assertEqual(client.connection.state, "refused")
        self.assertIsNone(client.session)
        self.assertEqual(self.world.kernel.sessions, {})
        (line,) = client.lines()
        return line


class Order(CreationCase):
    """The calls to the adapter (adapters-api.md 3)."""

    def test_calls(self) -> None:
        client = self.world.client().create("LS_user=u&LS_password=p")
        self.assertEqual(
            [name for name, *_ in self.metadata.calls],
            [
                "notify_user",
                "get_allowed_max_bandwidth",
                "wants_tables_notification",
                "notify_new_session",
                "get_session_time_to_live",
            ],
        )
        assert client.session is not None
        self.assertEqual(self.metadata.called("get_session_time_to_live"), [["u", client.session.id]])
        self.assertEqual(self.world.kernel.sessions, {client.session.id: client.session})

    def test_headers_are_one_object(self) -> None:
        """Checklist 1."""
        self.answer("notify_user", lambda user, password, headers, *_: headers.update(role="admin"))
        client = self.world.client()
        client.client.headers["host"] = "h"
        client.create()
        (arguments,) = self.metadata.called("notify_new_session")
        self.assertIs(arguments[2]["HTTP_HEADERS"], client.client.headers)
        self.assertEqual(client.client.headers, {"host": "h", "role": "admin"})

    def test_client_context(self) -> None:
        """adapters-api.md 3.2."""
        client = self.world.client()
        client.client.remote_port = 99
        client.client.user_agent = "agent"
        client.client.forwarding_info = "1.2.3.4"
        client.create()
        context = dict(self.metadata.called("notify_new_session")[0][2])
        del context["HTTP_HEADERS"]
        self.assertEqual(
            context,
            {
                "REMOTE_IP": "127.0.0.1",
                "REMOTE_PORT": "99",
                "USER_AGENT": "agent",
                "FORWARDING_INFO": "1.2.3.4",
                "LOCAL_SERVER": "Lightstreamer HTTP Server",
                "CLIENT_TYPE": None,
                "CLIENT_VERSION": "x",
            },
        )

    def test_user_as_sent(self) -> None:
        """A missing one is None, an empty one empty; both are authenticated."""
        self.world.client().create()
        self.world.client().create("LS_user=&LS_password=")
        self.assertEqual([call[:2] for call in self.metadata.called("notify_user")], [[None, None], ["", ""]])

    def test_principal(self) -> None:
        client = self.world.client()
        client.client.principal = "cn"
        client.client.use_client_auth = True
        client.create()
        self.assertEqual(self.metadata.called("notify_user")[0][3:], ["cn", True])

    def test_end_of_session(self) -> None:
        """Checklist 2: exactly one notify_session_close."""
        client = self.world.session()
        assert client.session is not None
        client.lose()
        self.world.advance(20)
        self.assertEqual(self.closed(), [client.session.id])
        self.assertEqual(self.world.kernel.sessions, {})

    def test_close_call_that_raises_is_only_logged(self) -> None:
        self.answer("notify_session_close", NotificationError("no"))
        client = self.world.session()
        client.control("LS_reqId=1&LS_op=destroy")
        self.world.turn()
        self.assertEqual(len(self.flushLoggedErrors(NotificationError)), 1)
        assert client.session is not None
        self.successResultOf(client.session.over)


class Refusals(CreationCase):
    """What the client is told (adapters-api.md 12)."""

    def test_unknown_adapter_set(self) -> None:
        client = self.world.client()
        request = client._parse("create_session", "LS_adapter_set=NOPE")
        client.world.kernel.create_session(request, client.connection, client.client)
        self.assertEqual(client.lines(), ["CONERR,2,Requested Adapter Set not available"])
        self.assertEqual(self.metadata.calls, [])

    def test_default_adapter_set(self) -> None:
        self.world.kernel.add_adapter_set(FakeSet("DEFAULT"))  # type: ignore[arg-type]
        client = self.world.client()
        request = client._parse("create_session", "LS_cid=x")
        client.world.kernel.create_session(request, client.connection, client.client)
        self.assertTrue(client.lines()[0].startswith("CONOK,"))

    def test_access_refused(self) -> None:
        self.answer("notify_user", AccessError("secret"))
        self.assertEqual(self.refused(), "CONERR,1,User/password check failed")
        self.assertEqual(self.announced(), [])

    def test_resource_not_available(self) -> None:
        self.answer("notify_user", ResourceUnavailableError("database"))
        self.assertTrue(self.refused().startswith("CONERR,6,"))

    def test_credits(self) -> None:
        self.answer("notify_user", CreditsError(-7, "log", "Pay, please"))
        self.assertEqual(self.refused(), "CONERR,-7,Pay%2C please")

    def test_credits_with_a_positive_code_and_no_text(self) -> None:
        """Checklist 4."""
        self.answer("notify_user", CreditsError(7, "log"))
        self.assertEqual(self.refused(), "CONERR,0,")

    def test_unexpected_exceptions(self) -> None:
        """Checklist 4: 66, and nothing of the exception's text."""
        for method in ("notify_user", "get_allowed_max_bandwidth", "wants_tables_notification", "notify_new_session"):
            self.use()
            self.answer(method, ZeroDivisionError("secret"))
            self.assertEqual(self.refused(), UNEXPECTED)
            self.assertEqual(self.closed(), [])

    def test_unexpected_exception_after_the_announcement(self) -> None:
        """adapters-api.md 3, step 7: the adapter hears the end of the session."""
        self.answer("get_session_time_to_live", ZeroDivisionError("secret"))
        self.assertEqual(self.refused(), UNEXPECTED)
        self.assertEqual(self.closed(), self.announced())
        self.assertEqual(len(self.closed()), 1)

    def test_adapter_that_cancels_itself(self) -> None:
        """As any other exception: the client did not go away."""
        self.answer("notify_user", CancelledError())
        self.assertEqual(self.refused(), UNEXPECTED)

    def test_new_session_refused(self) -> None:
        for error, expected in (
            (CreditsError(-3, "log", "Too many"), "CONERR,-3,Too many"),
            (NotificationError("log"), "CONERR,68,Internal error during request processing"),
        ):
            self.use()
            self.answer("notify_new_session", error)
            self.assertEqual(self.refused(), expected)
            self.assertEqual(self.closed(), [])
            (hosted,) = self.world.kernel.adapter_sets.values()
            self.assertEqual(hosted.announced, {})

    def test_session_count(self) -> None:
        self.use(max_sessions=1)
        self.world.session()
        client = self.world.client().create()
        self.assertEqual(client.lines(), ["CONERR,8,Session count limit reached"])

    def test_session_count_includes_those_on_their_way(self) -> None:
        self.use(max_sessions=1)
        self.answer("notify_user", Deferred())
        self.world.client().create()
        self.assertEqual(self.world.client().create().lines(), ["CONERR,8,Session count limit reached"])

    def test_control_only_port(self) -> None:
        client = self.world.client()
        client.client.control_only = True
        client.create()
        self.assertEqual(client.lines(), ["CONERR,70,Session creation not allowed on this port"])

    def test_old_clients_take_temporary_refusals_for_final(self) -> None:
        """tlcp.md 1.3: the connection is dropped instead."""
        self.answer("notify_user", ResourceUnavailableError("database"))
        client = self.world.client(Version(2, 1)).create()
        self.assertEqual((client.connection.state, client.lines()), ("unavailable", []))

    def test_old_clients_are_told_of_final_refusals(self) -> None:
        self.answer("notify_user", AccessError("no"))
        self.assertEqual(self.refused(version=Version(2, 0)), "CONERR,1,User/password check failed")

    def test_faults_of_the_server(self) -> None:
        """68, and the log has the rest."""
        self.world.kernel._replace = None  # type: ignore[assignment,method-assign]
        client = self.world.client().create()
        self.assertEqual(client.lines(), ["CONERR,68,Internal error during request processing"])
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        self.assertEqual(self.closed(), self.announced())

    def test_faults_of_the_server_after_the_head(self) -> None:
        def bind(stream: Stream, binding: Binding, *_: Any) -> None:
            stream.binding = binding
            raise ZeroDivisionError

        self.patch(Stream, "bind", bind)
        client = self.world.client().create()
        self.assertEqual((client.connection.state, client.lines()), ("aborted", []))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.closed(), self.announced())


class Conflicts(CreationCase):
    """adapters-api.md 3.2, checklist 3."""

    def conflicting(self, *answers: Any) -> None:
        """One answer of notify_new_session after the other."""
        waiting = list(answers)
        self.answer("notify_new_session", lambda *_: waiting.pop(0) if waiting else None)

    def conflict(self, client: FakeClient, code: int = -9, text: str | None = "Busy") -> ConflictingSessionError:
        assert client.session is not None
        return ConflictingSessionError(code, "log", client.session.id, text)

    def test_solved(self) -> None:
        old = self.world.session()
        assert old.session is not None
        self.conflicting(self.conflict(old))
        new = self.world.client().create()
        assert new.session is not None
        self.assertEqual(old.lines(), ["END,35,Another session of the same user has been opened"])
        self.assertEqual(self.closed(), [old.session.id])
        ids = self.announced()
        self.assertEqual(len(set(ids)), 3)
        self.assertEqual(ids[-1], new.session.id)
        names = [name for name, *_ in self.metadata.calls]
        self.assertLess(names.index("notify_session_close"), len(names) - 2)

    def test_same_headers(self) -> None:
        old = self.world.session()
        self.conflicting(self.conflict(old))
        self.world.client().create()
        contexts = [arguments[2] for arguments in self.metadata.called("notify_new_session")][1:]
        self.assertIs(contexts[0]["HTTP_HEADERS"], contexts[1]["HTTP_HEADERS"])

    def test_waits_for_the_close_call(self) -> None:
        closing: Deferred[None] = Deferred()
        old = self.world.session()
        self.conflicting(self.conflict(old))
        self.answer("notify_session_close", closing)
        new = self.world.client().create()
        self.assertEqual(len(self.announced()), 2)
        closing.callback(None)
        self.assertEqual(len(self.announced()), 3)
        self.assertIsNotNone(new.session)

    def test_client_gone_while_the_other_closes(self) -> None:
        """Nothing more is announced."""
        closing: Deferred[None] = Deferred()
        old = self.world.session()
        self.conflicting(self.conflict(old))
        self.answer("notify_session_close", closing)
        new = self.world.client().create()
        assert new.creation is not None
        new.creation.cancel()
        self.failureResultOf(new.creation, CancelledError)
        closing.callback(None)
        self.assertEqual(len(self.announced()), 2)

    def test_unknown_session(self) -> None:
        """The code and message of the exception."""
        self.answer("notify_new_session", ConflictingSessionError(-9, "log", "S0", "Busy"))
        self.assertEqual(self.refused(), "CONERR,-9,Busy")
        self.assertEqual(len(self.announced()), 1)

    def test_session_of_another_set(self) -> None:
        other = FakeSet("OTHERSET")
        self.world.kernel.add_adapter_set(other)  # type: ignore[arg-type]
        client = self.world.client()
        request = client._parse("create_session", "LS_adapter_set=OTHERSET")
        session = self.successResultOf(self.world.kernel.create_session(request, client.connection, client.client))
        assert session is not None
        self.answer("notify_new_session", ConflictingSessionError(-9, "log", session.id, "Busy"))
        new = self.world.client().create()
        self.assertEqual(new.lines(), ["CONERR,-9,Busy"])
        self.assertFalse(session.closed)

    def test_bounded(self) -> None:
        """An adapter that always finds another conflict."""
        others = [self.world.session() for _ in range(20)]
        self.conflicting(*[self.conflict(other) for other in others])
        new = self.world.client().create()
        self.assertEqual(new.lines(), ["CONERR,-9,Busy"])
        self.assertEqual(sum(other.session.closed for other in others if other.session), 8)


class Abandoned(CreationCase):
    """The client goes away before its session is there (adapters-api.md 3)."""

    def abandoned(self, parameters: str = "") -> FakeClient:
        """A client that has asked for a session, and has gone."""
        client = self.world.client().create(parameters)
        assert client.creation is not None
        client.creation.cancel()
        return client

    def test_during_the_user_check(self) -> None:
        """It is cut short; nothing is announced."""
        cancelled: list[Any] = []
        self.answer("notify_user", Deferred(cancelled.append))
        client = self.abandoned()
        self.assertEqual(len(cancelled), 1)
        self.assertIsNone(self.successResultOf(client.creation))
        self.assertEqual([name for name, *_ in self.metadata.calls], ["notify_user"])

    def test_user_check_that_cannot_be_cut_short(self) -> None:
        """An adapter that goes on all the same."""
        self.answer("notify_user", Deferred(lambda waiting: waiting.callback(None)))
        client = self.abandoned()
        self.assertIsNone(self.successResultOf(client.creation))
        self.assertEqual([name for name, *_ in self.metadata.calls], ["notify_user"])

    def test_before_the_announcement(self) -> None:
        waiting: Deferred[float] = Deferred()
        self.answer("get_allowed_max_bandwidth", waiting)
        client = self.abandoned()
        waiting.callback(0.0)
        self.assertEqual(self.announced(), [])
        self.failureResultOf(client.creation, CancelledError)

    def test_during_the_announcement(self) -> None:
        """Checklist 2: it is waited for, then the end is told."""
        waiting: Deferred[None] = Deferred()
        self.answer("notify_new_session", waiting)
        client = self.abandoned()
        self.failureResultOf(client.creation, CancelledError)
        self.assertEqual(self.closed(), [])
        waiting.callback(None)
        self.assertEqual(self.closed(), self.announced())
        self.assertEqual(len(self.closed()), 1)
        self.assertEqual((client.connection.state, client.lines()), ("open", []))

    def test_announcement_refused_after_all(self) -> None:
        waiting: Deferred[None] = Deferred()
        self.answer("notify_new_session", waiting)
        client = self.abandoned()
        self.failureResultOf(client.creation, CancelledError)
        waiting.errback(CreditsError(-1, "no"))
        self.assertEqual(self.closed(), [])

    def test_after_the_announcement(self) -> None:
        waiting: Deferred[float] = Deferred()
        self.answer("get_session_time_to_live", waiting)
        client = self.abandoned()
        self.failureResultOf(client.creation, CancelledError)
        waiting.callback(0.0)
        self.assertEqual(self.closed(), self.announced())
        self.assertEqual(self.world.kernel.sessions, {})

    def test_with_a_combo(self) -> None:
        """What it subscribed is given back."""
        waiting: Deferred[list[str]] = Deferred()
        self.answer("get_items", waiting)
        client = self.abandoned("LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=item1&LS_schema=a")
        self.failureResultOf(client.creation, CancelledError)
        waiting.callback(["item1"])
        self.world.advance(10)
        self.assertEqual(self.world.adapter.calls, [("subscribe", "item1"), ("unsubscribe", "item1")])

    def test_after_all_is_done(self) -> None:
        client = self.world.session()
        assert client.creation is not None and client.session is not None
        client.creation.cancel()
        self.assertFalse(client.session.closed)

    def test_before_anything(self) -> None:
        """Refused at once: there is nothing to cut short."""
        self.use(max_sessions=0)
        client = self.abandoned()
        self.assertEqual(client.lines(), ["CONERR,8,Session count limit reached"])


class Termination(CreationCase):
    """C{force_session_termination} (adapters-api.md 10, checklist 27)."""

    def terminate(self, session_id: str, *cause: Any) -> None:
        self.successResultOf(self.world.set.control.force_session_termination(session_id, *cause))

    def end(self, *cause: Any) -> list[str]:
        client = self.world.session()
        assert client.session is not None
        self.terminate(client.session.id, *cause)
        self.assertEqual(self.closed(), [client.session.id])
        return client.lines()

    def test_default(self) -> None:
        self.assertEqual(self.end(), ["END,32,Session closed by the server"])

    def test_custom(self) -> None:
        self.assertEqual(self.end(-4, "Go, away"), ["END,-4,Go%2C away"])

    def test_positive(self) -> None:
        self.assertEqual(self.end(4, None), ["END,0,"])

    def test_unknown(self) -> None:
        self.terminate("S0")

    def test_of_another_set(self) -> None:
        other = FakeSet("OTHERSET")
        hosted = self.world.kernel.add_adapter_set(other)  # type: ignore[arg-type]
        client = self.world.session()
        assert client.session is not None
        self.successResultOf(hosted.force_session_termination(client.session.id))
        self.assertFalse(client.session.closed)

    def test_while_it_is_announced(self) -> None:
        """Held, and the creation fails."""
        self.answer("notify_new_session", lambda user, session_id, context: self.terminate(session_id, -5, "no"))
        self.assertEqual(self.refused(), "CONERR,-5,no")
        self.assertEqual(self.closed(), self.announced())

    def test_while_it_is_completed(self) -> None:
        def time_to_live(user: str, session_id: str) -> float:
            self.terminate(session_id)
            return 0

        self.answer("get_session_time_to_live", time_to_live)
        self.assertEqual(self.refused(), "CONERR,32,Session closed by the server")
        self.assertEqual(len(self.closed()), 1)

    def test_fatal_fault_of_the_adapter(self) -> None:
        """Checklist 25: whoever runs the server is told."""
        fault = RuntimeError("broken")
        self.world.set.control.failure(fault)
        self.world.data.failure(fault)
        self.assertEqual(self.world.failures, [fault, fault])


class Combo(CreationCase):
    """Creation and control in one request (tlcp.md 4.10, 11.13)."""

    ADD = "LS_op=add&LS_subId={0}&LS_group=item{0}&LS_schema=last_price&LS_mode=MERGE"

    def test_transcript(self) -> None:
        client = self.world.client().create("", self.ADD.format(1), self.ADD.format(2))
        self.assertEqual(
            client.read()[3:],
            ["SUBOK,1,1,1", "CONF,1,unlimited,filtered", "SUBOK,2,1,1", "CONF,2,unlimited,filtered"],
        )

    def test_in_the_same_line(self) -> None:
        client = self.world.client().create(self.ADD.format(1))
        self.assertEqual(client.read()[3:], ["SUBOK,1,1,1", "CONF,1,unlimited,filtered"])

    def test_failure(self) -> None:
        """Atomic: nothing of it remains."""
        self.answer("get_items", lambda user, session_id, group, adapter: ItemsError("no") if "2" in group else [group])
        self.assertEqual(
            self.refused("", self.ADD.format(1), self.ADD.format(2)),
            "CONERR,64,Unexpected error while initializing the session: Invalid item group",
        )
        self.assertEqual(self.closed(), self.announced())
        self.world.advance(10)
        self.assertEqual(self.world.adapter.calls, [("subscribe", "item1"), ("unsubscribe", "item1")])

    def test_messages_are_fire_and_forget(self) -> None:
        client = self.world.client().create("", "LS_message=hello&LS_outcome=false")
        self.assertEqual(len(client.read()), 3)
        self.assertEqual([message for *_, message in self.metadata.called("notify_user_message")], ["hello"])

    def test_several_operations(self) -> None:
        client = self.world.client().create(
            "", self.ADD.format(1), "LS_op=reconf&LS_subId=1&LS_requested_max_frequency=3", "LS_op=delete&LS_subId=1"
        )
        self.assertEqual(
            client.read()[3:], ["SUBOK,1,1,1", "CONF,1,unlimited,filtered", "CONF,1,3.0,filtered", "UNSUB,1"]
        )

    def test_constrain(self) -> None:
        """The head says what is in force."""
        client = self.world.client().create("", "LS_op=constrain&LS_requested_max_bandwidth=5")
        self.assertEqual(client.read()[2:], ["CONS,5.0"])

    def test_fault_of_the_server(self) -> None:
        """Even then the adapter hears the end."""
        self.world.kernel._perform = None  # type: ignore[assignment,method-assign]
        self.assertEqual(self.refused("", self.ADD.format(1)), "CONERR,68,Internal error during request processing")
        self.flushLoggedErrors(TypeError)
        self.assertEqual(self.closed(), self.announced())

    def test_too_much_to_tell(self) -> None:
        """A session that has ended by itself is not bound, and not kept."""
        self.use(max_pending_notifications=2)
        code = self.refused("", self.ADD.format(1), "LS_op=reconf&LS_subId=1&LS_requested_max_frequency=3")
        self.assertEqual(code, "CONERR,68,Internal error during request processing")
        self.assertEqual(self.closed(), self.announced())

    def test_destroy(self) -> None:
        """A session that ends as it begins."""
        client = self.world.client().create("", "LS_op=destroy")
        self.assertEqual(client.read()[-1], "END,31,Destroy invoked by client")
        self.assertEqual(self.closed(), self.announced())


class Replaced(CreationCase):
    """C{LS_old_session} (tlcp.md 4.1)."""

    def replace(self, user: str, old_user: str = "u") -> tuple[FakeClient, FakeClient]:
        old = self.world.session(f"LS_user={old_user}")
        assert old.session is not None
        new = self.world.session(f"LS_user={user}&LS_old_session={old.session.id}")
        return old, new

    def test_of_the_same_user(self) -> None:
        """Closed silently."""
        old, new = self.replace("u")
        assert old.session is not None and new.session is not None
        self.assertTrue(old.session.closed)
        self.assertEqual((old.connection.state, old.lines()), ("aborted", []))
        self.assertEqual(list(self.world.kernel.sessions), [new.session.id])

    def test_of_another_user(self) -> None:
        old, _ = self.replace("v")
        assert old.session is not None
        self.assertFalse(old.session.closed)

    def test_unknown(self) -> None:
        self.assertIsNotNone(self.world.session("LS_old_session=S0").session)
