"""How much one user, one address and one session may have."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.errors import AccessError
from lsserver.engine.budget import Budget
from lsserver.engine.quotas import Places, Quota, network_of
from lsserver.tlcp.versions import Version
from tests.engine.world import NEWEST, FakeClient, World

FULL_USER = ["CONERR,8,Too many sessions of this user"]
FULL_ADDRESS = ["CONERR,8,Too many sessions from this address"]


class Networks(SynchronousTestCase):
    def test_addresses(self) -> None:
        for address, network in (
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"),
            ("::1", "::/64"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("fe80::1%eth0", "fe80::/64"),
            ("", ""),
            ("unknown", ""),
        ):
            self.assertEqual(network_of(address), network)


class Sessions(SynchronousTestCase):
    def client(self, world: World, user: str, address: str = "192.0.2.1", more: str = "") -> FakeClient:
        client = world.client()
        client.client.remote_ip = address
        return client.create((f"LS_user={user}" if user else "") + more)

    def refused(self, client: FakeClient, lines: list[str]) -> None:
        self.assertEqual((client.connection.state, client.lines()), ("refused", lines))

    def test_of_one_user(self) -> None:
        world = World(max_sessions_per_user=2)
        first, _ = self.client(world, "u"), self.client(world, "u")
        self.refused(self.client(world, "u"), FULL_USER)
        self.assertEqual(len(world.kernel.sessions), 2)
        self.assertTrue(self.client(world, "v").session)
        assert first.session is not None
        first.session.destroy(31, "", False)
        self.assertTrue(self.client(world, "u").session)

    def test_nobody_is_no_user(self) -> None:
        world = World(max_sessions_per_user=1)
        for _ in range(3):
            self.assertTrue(self.client(world, "").session)

    def test_from_one_address(self) -> None:
        world = World(max_sessions_per_ip=1)
        first = self.client(world, "u")
        self.refused(self.client(world, "v"), FULL_ADDRESS)
        self.assertEqual(len(world.metadata.called("notify_user")), 1, "no adapter is asked")
        self.assertTrue(self.client(world, "v", "192.0.2.2").session)
        assert first.session is not None
        first.session.vanish("test")
        self.assertTrue(self.client(world, "v").session)

    def test_without_an_address(self) -> None:
        """Clients on a Unix socket have none."""
        world = World(max_sessions_per_ip=1)
        for _ in range(2):
            self.assertTrue(self.client(world, "u", "").session)

    def test_who_gives_one_up(self) -> None:
        """A client that comes back need not wait for the end of the session that it has lost."""
        world = World(max_sessions_per_ip=1, max_sessions_per_user=1)
        first = self.client(world, "u")
        assert first.session is not None
        second = self.client(world, "u", more=f"&LS_old_session={first.session.id}")
        assert second.session is not None
        self.assertEqual(list(world.kernel.sessions), [second.session.id])
        self.refused(self.client(world, "u"), FULL_ADDRESS)
        self.refused(self.client(world, "u", "192.0.2.2", f"&LS_old_session={first.session.id}"), FULL_USER)

    def test_who_gives_up_that_of_another(self) -> None:
        world = World(max_sessions_per_user=1)
        other, _ = self.client(world, "v"), self.client(world, "u")
        assert other.session is not None
        self.refused(self.client(world, "u", more=f"&LS_old_session={other.session.id}"), FULL_USER)

    def test_while_others_are_on_their_way(self) -> None:
        """What is being created counts, once the user is known; what comes to nothing does not."""
        world = World(max_sessions_per_user=1, max_sessions_per_ip=3)
        checks: list[Deferred[None]] = [Deferred() for _ in range(3)]
        waiting = iter(checks)
        world.metadata.answers["notify_user"] = lambda *_: next(waiting)
        stranger, first, second = (self.client(world, "u") for _ in range(3))
        self.refused(self.client(world, "w"), FULL_ADDRESS)
        checks[0].callback(AccessError("no"))  # type: ignore[arg-type]
        self.refused(stranger, ["CONERR,1,User/password check failed"])
        created: Deferred[None] = Deferred()
        world.metadata.answers["notify_new_session"] = created
        checks[1].callback(None)
        checks[2].callback(None)
        self.refused(second, FULL_USER)
        created.callback(None)
        self.assertTrue(first.session)
        world.metadata.answers.clear()
        self.assertTrue(self.client(world, "v").session)

    def test_who_leaves_early(self) -> None:
        world = World(max_sessions_per_user=1, max_sessions_per_ip=1)
        late: Deferred[float] = Deferred()
        world.metadata.answers["get_session_time_to_live"] = late
        client = self.client(world, "u")
        assert client.creation is not None
        client.creation.addErrback(lambda failure: failure.trap(CancelledError))
        client.creation.cancel()
        late.callback(0.0)
        world.metadata.answers.clear()
        self.assertTrue(self.client(world, "u").session)

    def test_places_are_given_back_once(self) -> None:
        quota = Quota(2)
        places = Places("a")
        places.take(quota, "a", 0, "full")
        places.leave()
        places.leave()
        self.assertTrue(quota.take("a") and quota.take("a"))
        self.assertFalse(quota.take("a"))


class Ids(SynchronousTestCase):
    def test_not_to_be_guessed(self) -> None:
        """80 bits of the system's randomness in each, and nothing in common but the time."""
        world = World()
        for _ in range(100):
            world.session()
        ids = list(world.kernel.sessions)
        for session_id in ids:
            self.assertRegex(session_id, r"^S[0-9a-f]{20}T[0-9]+$")
        for start in range(1, 21, 4):
            self.assertGreater(len({session_id[start : start + 4] for session_id in ids}), 90)


class Subscriptions(SynchronousTestCase):
    def use(self, **settings: Any) -> FakeClient:
        self.world = World(**settings)
        return self.world.session()

    def test_how_many(self) -> None:
        client = self.use(max_subscriptions_per_session=2)
        text = "REQERR,{},30,Too many subscriptions in this session"
        for number in (1, 2):
            self.assertEqual(client.subscribe(number, "MERGE", "i", "f"), f"REQOK,{number}")
        self.assertEqual(client.subscribe(3, "MERGE", "i", "f"), text.format(3))
        self.assertEqual(client.subscribe(2, "MERGE", "i", "f"), "REQOK,2", "a repetition")
        self.assertEqual(client.control("LS_reqId=9&LS_op=delete&LS_subId=1"), "REQOK,9")
        self.assertEqual(client.subscribe(4, "MERGE", "i", "f"), "REQOK,4")
        self.assertEqual(client.subscribe(5, "MERGE", "i", "f"), text.format(5))

    def test_those_on_their_way_count(self) -> None:
        client = self.use(max_subscriptions_per_session=1)
        items: Deferred[list[str]] = Deferred()
        self.world.metadata.answers["get_items"] = items
        client.send("LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=i&LS_schema=f")
        self.assertIn("30", client.subscribe(2, "MERGE", "i", "f"))
        items.errback(RuntimeError("no"))
        self.world.metadata.answers.clear()
        self.assertEqual(client.subscribe(3, "MERGE", "i", "f"), "REQOK,3")

    def test_items(self) -> None:
        client = self.use(max_items_per_session=3, max_items_per_subscription=2)
        self.assertEqual(client.subscribe(1, "MERGE", "a b c", "f"), "REQERR,1,21,Too many items in the group")
        self.assertEqual(client.subscribe(2, "MERGE", "a b", "f"), "REQOK,2")
        self.assertEqual(client.subscribe(3, "MERGE", "a b", "f"), "REQERR,3,30,Too many items in this session")
        self.assertEqual(client.subscribe(4, "MERGE", "a", "f"), "REQOK,4")
        self.assertEqual(client.control("LS_reqId=5&LS_op=delete&LS_subId=2"), "REQOK,5")
        self.assertEqual(client.subscribe(6, "MERGE", "b c", "f"), "REQOK,6")

    def test_fields(self) -> None:
        client = self.use(max_fields_per_subscription=2)
        self.assertEqual(client.subscribe(1, "MERGE", "a", "f g h"), "REQERR,1,23,Too many fields in the schema")
        self.assertEqual(client.subscribe(2, "MERGE", "a", "f g"), "REQOK,2")

    def test_no_limits(self) -> None:
        client = self.use(max_items_per_subscription=None, max_fields_per_subscription=None)
        many = " ".join(map(str, range(1_001)))
        self.assertEqual(client.subscribe(1, "MERGE", many, many), "REQOK,1")
        assert client.session is not None
        self.assertEqual(len(client.session.subscriptions[1].places), 1_001)


class Requests(SynchronousTestCase):
    def test_too_many(self) -> None:
        """Ten seconds' worth at once, then so many per second; but the session can always be closed."""
        world = World(max_session_requests_per_second=2)
        client = world.session()
        answers = [client.control(f"LS_reqId={number}&LS_op=constrain") for number in range(21)]
        self.assertEqual(answers[:20], [f"REQOK,{number}" for number in range(20)])
        self.assertEqual(answers[20], "REQERR,20,68,Too many requests")
        self.assertEqual(client.message("LS_reqId=1&LS_message=x"), "REQERR,1,68,Too many requests")
        other = world.session()
        self.assertEqual(other.control("LS_reqId=1&LS_op=constrain"), "REQOK,1")
        world.advance(0.5)
        self.assertEqual(client.control("LS_reqId=1&LS_op=constrain"), "REQOK,1")
        self.assertIn("REQERR,2,68", client.control("LS_reqId=2&LS_op=constrain"))
        self.assertEqual(client.control("LS_reqId=3&LS_op=destroy"), "REQOK,3")

    def test_debt(self) -> None:
        clock = Clock()
        budget = Budget(10, clock.seconds)
        self.assertEqual([budget.owe() for _ in range(100)], [0] * 100)
        self.assertAlmostEqual(budget.owe(), 0.1)
        self.assertAlmostEqual(budget.owe(), 0.2)
        self.assertFalse(budget.take())
        self.assertAlmostEqual(budget.debt(), 0.2)
        clock.advance(0.4)
        self.assertEqual(budget.debt(), 0)
        self.assertTrue(budget.take())
        clock.advance(1_000)
        self.assertEqual([budget.take() for _ in range(101)], [True] * 100 + [False])


class WrongEvents(SynchronousTestCase):
    def test_told_together(self) -> None:
        """An adapter that sends events which mean nothing does not fill the log."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        world = World()
        client = world.session()
        client.subscribe(1, "COMMAND", "i", "key command")
        for _ in range(100):
            world.data.update("i", {"key": "k"}, False)
        world.advance(60)
        world.data.update("i", {"command": "ADD"}, False)
        told = [event for event in events if event["log_level"] is LogLevel.warn]
        self.assertEqual([(event["adapter"], event["count"]) for event in told], [("DEFAULT", 1), ("DEFAULT", 100)])


class Messages(SynchronousTestCase):
    def test_length(self) -> None:
        """A long one fails, and the next one of its sequence does not wait for it."""
        for version, outcome in ((NEWEST, "MSGDONE,s,2,"), (Version(2, 4), "MSGDONE,s,2")):
            world = World(max_message_length=3)
            client = world.session("", version)
            for number, text in ((1, "abcd"), (2, "äöü")):
                body = f"LS_reqId={number}&LS_message={text}&LS_sequence=s&LS_msg_prog={number}"
                self.assertEqual(client.message(body), f"REQOK,{number}")
            lines = client.read()
            self.assertEqual([lines[0].split(",")[:4], lines[1]], [["MSGFAIL", "s", "1", "34"], outcome])
            self.assertEqual([text for *_, text in world.metadata.called("notify_user_message")], ["äöü"])

    def test_many_wait_for_the_adapter(self) -> None:
        """Those without a number too."""
        world = World(max_pending_messages=3)
        client = world.session()
        slow: Deferred[str | None] = Deferred()
        world.metadata.answers["notify_user_message"] = slow
        answers = [client.message(f"LS_reqId={number}&LS_message=x") for number in range(5)]
        self.assertEqual(answers[:3], ["REQOK,0", "REQOK,1", "REQOK,2"])
        self.assertEqual(answers[3:], [f"REQERR,{number},68,Too many messages are waiting" for number in (3, 4)])
        slow.callback(None)
        world.metadata.answers.clear()
        self.assertEqual(client.message("LS_reqId=9&LS_message=x"), "REQOK,9")

    def test_sequences_share_the_room(self) -> None:
        """But the message that a sequence waits for is let in."""
        world = World(max_pending_messages=3)
        client = world.session()
        for sequence, number in (("a", 2), ("a", 3), ("b", 2)):
            body = f"LS_reqId=2&LS_message=x&LS_sequence={sequence}&LS_msg_prog={number}"
            self.assertEqual(client.message(body), "REQOK,2")
        full = "REQERR,1,68,Too many messages are waiting"
        self.assertEqual(client.message("LS_reqId=1&LS_message=x&LS_sequence=c&LS_msg_prog=2"), full)
        self.assertEqual(client.message("LS_reqId=1&LS_message=x"), full)
        self.assertEqual(client.message("LS_reqId=1&LS_message=x&LS_sequence=a&LS_msg_prog=1"), "REQOK,1")
        self.assertEqual(client.read(), ["MSGDONE,a,1,", "MSGDONE,a,2,", "MSGDONE,a,3,"])
        self.assertEqual(client.message("LS_reqId=1&LS_message=x&LS_sequence=c&LS_msg_prog=2"), "REQOK,1")
