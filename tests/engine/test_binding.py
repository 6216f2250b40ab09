"""Connections of a session: heads, polls, limits of a response, timers, takeover (tlcp.md 4, 10)."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from lsserver.engine import binding, causes
from lsserver.tlcp.versions import Version
from tests.engine.world import FakeClient, World

POLL = "LS_polling=true"
NAME = "SERVNAME,Lightstreamer HTTP Server"


class BindingCase(SynchronousTestCase):
    """A world and its one client."""

    def setUp(self) -> None:
        self.use()

    def use(self, **settings: Any) -> None:
        self.world = World(**settings)
        self.client = self.world.client()

    def conok(self, third: int = 5000) -> str:
        assert self.client.session is not None
        return f"CONOK,{self.client.session.id},50000,{third},*"

    def event(self, value: str, item: str = "item1") -> None:
        self.world.data.update(item, {"a": value}, False)

    def expired(self, seconds: float) -> tuple[bool, bool]:
        """Whether the session is over shortly before and shortly after."""
        assert self.client.session is not None
        self.world.advance(seconds - 0.1)
        before = self.client.session.closed
        self.world.advance(0.2)
        return before, self.client.session.closed


class Head(BindingCase):
    """The lines that begin a connection (tlcp.md 4.5, 4.6, 4.8)."""

    def test_websocket(self) -> None:
        self.client.client.show_ip = True
        self.client.create()
        self.assertEqual(self.client.lines(), [self.conok(), NAME, "CLIENTIP,127.0.0.1", "CONS,unlimited"])

    def test_address_may_be_kept_secret(self) -> None:
        """tlcp.md 6.9."""
        self.client.create()
        self.assertEqual(self.client.lines(), [self.conok(), NAME, "CONS,unlimited"])

    def test_http_streaming_is_padded(self) -> None:
        """tlcp.md 4.6, 6.12: about 2 KB before CONS."""
        self.client.websocket = False
        self.client.create()
        lines = self.client.lines()
        self.assertEqual(lines[:2] + lines[-1:], [self.conok(), NAME, "CONS,unlimited"])
        self.assertEqual(lines[2:-1], ["NOOP,sending placeholder data"] * 66)

    def test_short_responses_are_not_padded(self) -> None:
        self.client.websocket = False
        self.client.create("LS_content_length=5000")
        self.assertEqual(self.client.lines(), [self.conok(), NAME, "CONS,unlimited"])

    def test_identifier_stays(self) -> None:
        self.client.create()
        self.client.lose()
        self.client.bind()
        self.assertEqual(self.client.lines()[0], self.conok())

    def test_unchanged_identity_is_not_repeated(self) -> None:
        """tlcp.md 4.6: CONS comes on each bind."""
        self.client.create()
        self.client.lose()
        self.client.bind()
        self.assertEqual(self.client.lines(), [self.conok(), "CONS,unlimited"])

    def test_changed_address_is_told(self) -> None:
        """tlcp.md 6.9."""
        self.client.client.show_ip = True
        self.client.create()
        self.client.lose()
        self.client.client.remote_ip = "10.0.0.1"
        self.client.bind()
        self.assertIn("CLIENTIP,10.0.0.1", self.client.lines())

    def test_reduced_creation(self) -> None:
        """tlcp.md 4.8, 11.16: no SERVNAME there, no CONS for the whole session."""
        self.client.create("LS_reduce_head=true")
        self.assertEqual(self.client.lines(), [self.conok()])
        self.client.lose()
        self.client.bind()
        self.assertEqual(self.client.lines(), [self.conok(), NAME])

    def test_reduced_bind(self) -> None:
        """tlcp.md 4.8: no CONOK, no SERVNAME, but CONS."""
        self.client.create()
        self.client.lose()
        self.client.bind("LS_reduce_head=true")
        self.assertEqual(self.client.lines(), ["CONS,unlimited"])

    def test_reduced_bind_with_nothing_to_say(self) -> None:
        self.client.create("LS_reduce_head=true")
        self.client.lose()
        self.client.bind("LS_reduce_head=true")
        self.assertEqual(self.client.connection.writes, 0)

    def test_control_link(self) -> None:
        self.use(control_link_address="push.example.com:8080")
        self.client.create()
        self.assertTrue(self.client.lines()[0].endswith(",push.example.com:8080"))

    def test_request_limit(self) -> None:
        self.use(request_limit=1234)
        self.client.create()
        self.assertIn(",1234,5000,*", self.client.lines()[0])

    def test_keepalive_is_clamped(self) -> None:
        """tlcp.md 4.4."""
        for asked, given in (("", 5000), ("7000", 7000), ("10", 1000), ("99999", 30000), ("0", 5000)):
            self.client = self.world.client()
            self.client.create(f"LS_keepalive_millis={asked}" if asked else "")
            self.assertEqual(self.client.lines()[0], self.conok(given))

    def test_idle_time_is_clamped(self) -> None:
        for asked, given in (("", 0), ("7000", 7000), ("99999", 30000)):
            self.client = self.world.client()
            self.client.create(f"{POLL}&LS_idle_millis={asked}" if asked else POLL)
            self.assertEqual(self.client.lines()[0], self.conok(given))

    def test_identifiers_differ_and_need_no_encoding(self) -> None:
        ids = set()
        for _ in range(20):
            client = self.world.session()
            assert client.session is not None
            self.assertRegex(client.session.id, "^[A-Za-z0-9]{20,}$")
            ids.add(client.session.id)
        self.assertEqual(len(ids), 20)


class Polls(BindingCase):
    """tlcp.md 4.7."""

    def test_creation_that_polls(self) -> None:
        """tlcp.md 11.2."""
        self.client.websocket = False
        self.client.create(f"{POLL}&LS_polling_millis=0&LS_idle_millis=0")
        self.assertEqual(self.client.lines(), [self.conok(0), NAME, "CONS,unlimited", "LOOP,0"])
        self.assertEqual(self.client.connection.state, "ended")

    def test_held_until_idle(self) -> None:
        """tlcp.md 11.4."""
        self.client.create(POLL)
        self.client.bind(f"{POLL}&LS_idle_millis=19000")
        self.assertEqual(self.client.lines(), [self.conok(19000), "CONS,unlimited"])
        self.world.advance(18.9)
        self.assertEqual(self.client.lines(), [])
        self.world.advance(0.2)
        self.assertEqual(self.client.lines(), ["LOOP,0"])
        self.client.bind(f"{POLL}&LS_idle_millis=19000")
        self.assertEqual(self.client.lines(), [self.conok(19000)])
        self.client.subscribe(1, "MERGE", "item1", "a", "")
        self.event("x")
        self.assertEqual(self.client.read(), ["SUBOK,1,1,1", "CONF,1,unlimited,filtered", "U,1,1,x", "LOOP,0"])

    def test_answered_at_once_if_something_waits(self) -> None:
        self.client.create(POLL)
        self.client.subscribe(1, "MERGE", "item1", "a", "")
        self.event("x")
        self.client.bind(f"{POLL}&LS_idle_millis=19000&LS_reduce_head=true")
        self.assertEqual(
            self.client.read(),
            ["CONS,unlimited", "SUBOK,1,1,1", "CONF,1,unlimited,filtered", "U,1,1,x", "LOOP,0"],
        )

    def test_all_that_waits(self) -> None:
        """Nothing is left for the next poll."""
        self.client.create(POLL)
        self.client.subscribe(1, "RAW", "item1", "a", "")
        for number in range(1000):
            self.event(str(number))
        self.client.bind(f"{POLL}&LS_reduce_head=true")
        self.assertEqual(len(self.client.lines()), 1 + 2 + 1000 + 1)

    def test_loop_has_the_polling_time(self) -> None:
        """min(requested, 15000)."""
        for asked, given in (("100", 100), ("99999", 15000)):
            self.client = self.world.client().create(f"{POLL}&LS_polling_millis={asked}")
            self.assertEqual(self.client.lines()[-1], f"LOOP,{given}")

    def test_survives_polling_time_and_session_timeout(self) -> None:
        self.client.create(f"{POLL}&LS_polling_millis=3000")
        self.assertEqual(self.expired(13), (False, True))

    def test_on_websocket_it_stays_open(self) -> None:
        """tlcp.md 11.5: C{end} without closing the socket."""
        self.client.create(POLL)
        self.assertEqual(self.client.connection.state, "ended")

    def test_that_of_a_creation_is_never_held(self) -> None:
        """Clients of version 8 that are forced to poll give up a session whose creation is held."""
        self.client.create(f"{POLL}&LS_idle_millis=19000")
        lines = self.client.lines()
        self.assertEqual(lines[0].split(",")[3], "19000")
        self.assertEqual(lines[-1], "LOOP,0")
        self.assertEqual(self.client.connection.state, "ended")

    def test_no_probe_nor_sync(self) -> None:
        self.client.create(POLL)
        self.client.bind(f"{POLL}&LS_idle_millis=30000")
        self.client.lines()
        self.world.advance(29)
        self.assertEqual(self.client.lines(), [])

    def test_events_that_say_nothing_do_not_answer(self) -> None:
        self.client.create(POLL)
        self.client.subscribe(1, "MERGE", "item1", "a", "")
        self.event("x")
        self.client.bind(POLL)
        self.client.bind(f"{POLL}&LS_idle_millis=10000&LS_reduce_head=true")
        self.event("y")
        self.event("x")
        self.assertEqual(self.client.read(), [])

    def test_socket_that_was_full(self) -> None:
        """A poll on a socket that still has to take what was written before."""
        self.client.create(POLL)
        assert self.client.session is not None
        connection = type(self.client.connection)(True)
        connection.writable = False
        request = self.client._parse("bind_session", f"LS_session={self.client.session.id}&{POLL}")
        self.world.kernel.bind_session(request, connection, self.client.client)
        self.client.connection = connection
        self.client._read = 0
        self.world.advance(1)
        self.assertEqual(self.client.lines(), [self.conok(0), "CONS,unlimited"])
        self.client.resume()
        self.assertEqual(self.client.read(), ["LOOP,0"])

    def test_minimum_interval(self) -> None:
        """C{min_interpoll_millis}: the new poll is held."""
        self.use(min_interpoll_millis=1000)
        self.client.create(POLL)
        self.client.bind(POLL)
        self.assertEqual(self.client.read(), [self.conok(0), "CONS,unlimited"])
        self.world.advance(1.1)
        self.assertEqual(self.client.lines(), ["LOOP,0"])
        self.client.subscribe(1, "MERGE", "item1", "a", "")
        self.client.bind(f"{POLL}&LS_reduce_head=true")
        self.world.advance(0.5)
        self.assertEqual(self.client.lines(), [])
        self.world.advance(0.6)
        self.assertEqual(self.client.lines(), ["SUBOK,1,1,1", "CONF,1,unlimited,filtered", "LOOP,0"])

    def test_minimum_interval_and_a_takeover(self) -> None:
        self.use(min_interpoll_millis=1000)
        self.client.create(POLL)
        self.client.bind(POLL)
        self.client.bind()
        self.client.lines()
        self.world.advance(2)
        self.assertEqual(self.client.lines(), [])
        self.assertEqual(self.client.connection.state, "open")


class ContentLength(BindingCase):
    """The limit of an HTTP response (tlcp.md 4.4, 11.14)."""

    def setUp(self) -> None:
        super().setUp()
        self.client.websocket = False

    def lines_of(self, parameters: str, values: int, mode: str = "RAW") -> list[str]:
        self.client.create(parameters)
        self.client.subscribe(1, mode, "item1", "a", "")
        self.client.lines()
        for number in range(values):
            self.event(f"{number:0>90}")
        return self.client.read()

    def test_full_response_ends_with_loop(self) -> None:
        lines = self.lines_of("LS_content_length=10000", 200)
        self.assertEqual(lines[-1], "LOOP,0")
        size = len(self.client.connection.data)
        self.assertLessEqual(size, 10000)
        self.assertGreater(size, 9800)
        self.assertEqual(self.client.connection.state, "ended")

    def test_rest_comes_on_the_next(self) -> None:
        """Nothing is lost or doubled."""
        lines = self.lines_of("LS_content_length=10000", 200)
        while lines[-1] == "LOOP,0":
            self.client.bind("LS_content_length=8000&LS_reduce_head=true")
            lines = [*lines[:-1], *self.client.read()[1:]]
        self.assertEqual(lines[2:], [f"U,1,1,{number:0>90}" for number in range(200)])

    def test_the_server_has_a_minimum(self) -> None:
        self.lines_of("LS_content_length=1", 100)
        self.assertGreater(len(self.client.connection.data), 2800)
        self.assertLessEqual(len(self.client.connection.data), 3000)

    def test_default(self) -> None:
        self.use(content_length=5000)
        self.client.websocket = False
        self.lines_of("", 100)
        self.assertLessEqual(len(self.client.connection.data), 5000)
        self.assertEqual(self.client.connection.state, "ended")

    def test_line_larger_than_any_response(self) -> None:
        """It is delivered all the same, alone."""
        self.client.create("LS_content_length=3000")
        self.client.subscribe(1, "RAW", "item1", "a", "")
        self.client.read()
        self.event("x" * 5000)
        self.assertEqual(self.client.read(), ["LOOP,0"])
        self.client.bind("LS_content_length=3000")
        self.assertEqual(self.client.read()[2:], ["U,1,1," + "x" * 5000, "LOOP,0"])

    def test_polls_have_the_limit_too(self) -> None:
        """tlcp.md 4.7: the rest waits for the next poll."""
        self.client.create(POLL)
        self.client.subscribe(1, "RAW", "item1", "a", "")
        for number in range(100):
            self.event(f"{number:0>90}")
        got: list[str] = []
        polls = 0
        while len(got) < 102:
            self.client.bind(f"{POLL}&LS_content_length=3000&LS_polling_millis=5&LS_reduce_head=true")
            self.assertLessEqual(len(self.client.connection.data), 3000)
            lines = self.client.lines()
            self.assertEqual(lines[-1], "LOOP,5")
            got += [line for line in lines[:-1] if not line.startswith("CONS")]
            polls += 1
        self.assertEqual(got[2:], [f"U,1,1,{number:0>90}" for number in range(100)])
        self.assertGreater(polls, 3)

    def test_keepalives_count(self) -> None:
        self.client.create("LS_content_length=3000&LS_keepalive_millis=1000&LS_send_sync=false")
        self.world.advance(500)
        self.assertEqual(self.client.lines()[-1], "LOOP,0")
        self.assertLessEqual(len(self.client.connection.data), 3000)

    def test_never_on_websocket(self) -> None:
        self.client.websocket = True
        lines = self.lines_of("LS_content_length=3000", 1000)
        self.assertNotIn("LOOP,0", lines)

    def test_survives_the_session_timeout(self) -> None:
        self.lines_of("LS_content_length=10000", 200)
        self.assertEqual(self.expired(10), (False, True))


class Timers(BindingCase):
    """PROBE, SYNC, inactivity, durations (tlcp.md 6.10, 6.11, 10.2, 10.7)."""

    def test_probe_after_silence(self) -> None:
        self.client.create("LS_send_sync=false").lines()
        self.world.advance(4.9)
        self.assertEqual(self.client.lines(), [])
        self.world.advance(0.2)
        self.assertEqual(self.client.lines(), ["PROBE"])
        self.world.advance(5)
        self.assertEqual(self.client.lines(), ["PROBE"])

    def test_any_line_puts_it_off(self) -> None:
        self.client.create("LS_send_sync=false")
        self.client.subscribe(1, "MERGE", "item1", "a", "")
        for number in range(20):
            self.world.advance(1)
            self.event(str(number))
            self.assertNotIn("PROBE", self.client.read())
        self.world.advance(5.1)
        self.assertEqual(self.client.lines(), ["PROBE"])

    def test_no_probe_into_a_full_socket(self) -> None:
        self.client.create("LS_send_sync=false").lines()
        self.client.stall()
        self.world.advance(20)
        self.assertEqual(self.client.lines(), [])
        self.client.resume()
        self.world.advance(5.1)
        self.assertEqual(self.client.lines(), ["PROBE"])

    def test_keepalives_by_chance(self) -> None:
        """C{default_keepalive_randomize}: sooner after data, but not sooner than after half of the time."""
        self.patch(binding, "random", lambda: 0.5)
        self.world = World(default_keepalive_randomize=True)
        self.client = self.world.client()
        self.client.create("LS_send_sync=false")
        self.client.subscribe(1, "MERGE", "item1", "a", "")
        self.world.advance(4)
        self.event("1")
        self.world.advance(1)
        self.client.lines()
        self.world.advance(2.7)
        self.assertEqual(self.client.lines(), [])
        self.world.advance(0.1)
        self.assertEqual(self.client.lines(), ["PROBE"])
        self.world.advance(4.9)
        self.assertEqual(self.client.lines(), [])
        self.world.advance(0.2)
        self.assertEqual(self.client.lines(), ["PROBE"])

    def test_sync(self) -> None:
        """Seconds since the connection was bound."""
        self.client.create("LS_keepalive_millis=30000").lines()
        self.world.advance(65)
        self.assertEqual(self.client.lines(), ["SYNC,20", "SYNC,40", "SYNC,60"])
        self.client.lose()
        self.client.bind("LS_keepalive_millis=30000")
        self.client.lines()
        self.world.advance(21)
        self.assertEqual(self.client.lines(), ["SYNC,20"])

    def test_sync_is_independent_of_data(self) -> None:
        self.client.create("LS_keepalive_millis=30000")
        self.client.subscribe(1, "MERGE", "item1", "a", "")
        got: list[str] = []
        for number in range(45):
            self.world.advance(1)
            self.event(str(number))
            got += [line for line in self.client.read() if line.startswith("SYNC")]
        self.assertEqual(got, ["SYNC,20", "SYNC,40"])

    def test_no_sync_if_not_wanted(self) -> None:
        self.client.create("LS_send_sync=false&LS_keepalive_millis=30000").lines()
        self.world.advance(29)
        self.assertEqual(self.client.lines(), [])

    def test_no_sync_into_a_full_socket(self) -> None:
        self.client.create("LS_keepalive_millis=30000").lines()
        self.client.stall()
        self.world.advance(21)
        self.client.resume()
        self.world.advance(20)
        self.assertEqual(self.client.lines(), ["PROBE", "SYNC,40"])

    def test_sync_at_the_end_of_a_response(self) -> None:
        self.client.websocket = False
        self.client.create("LS_content_length=3000&LS_keepalive_millis=30000")
        assert self.client.session is not None and self.client.session.stream.binding is not None
        self.client.session.stream.binding.room = 15
        self.client.lines()
        self.world.advance(45)
        self.assertEqual(self.client.lines(), ["LOOP,0"])

    def test_inactivity(self) -> None:
        """tlcp.md 10.7: the promised interval, the session timeout as grace, LOOP."""
        self.client.create("LS_inactivity_millis=10000&LS_send_sync=false&LS_keepalive_millis=30000").lines()
        self.world.advance(19.9)
        self.assertEqual(self.client.lines(), [])
        self.world.advance(0.2)
        self.assertEqual(self.client.lines(), ["LOOP,0"])
        self.assertEqual(self.expired(9.9), (False, True))

    def test_heartbeats_are_activity(self) -> None:
        self.client.create("LS_inactivity_millis=10000")
        for _ in range(10):
            self.world.advance(15)
            self.client.heartbeat()
        self.assertEqual(self.client.connection.state, "open")

    def test_requests_are_activity(self) -> None:
        self.client.create("LS_inactivity_millis=10000")
        for _ in range(10):
            self.world.advance(15)
            self.client.control("LS_reqId=1&LS_op=constrain")
        self.assertEqual(self.client.connection.state, "open")
        self.world.advance(20)
        self.assertEqual(self.client.connection.state, "ended")

    def test_heartbeat_while_unbound(self) -> None:
        self.client.create()
        self.client.lose()
        self.client.heartbeat()

    def test_streaming_duration(self) -> None:
        """HTTP only."""
        self.use(max_streaming_millis=60_000)
        self.client.websocket = False
        self.client.create("LS_send_sync=false")
        self.world.advance(59)
        self.assertEqual(self.client.connection.state, "open")
        self.world.advance(2)
        self.assertEqual(self.client.lines()[-1], "LOOP,0")

    def test_streaming_duration_does_not_concern_websockets(self) -> None:
        self.use(max_streaming_millis=60_000)
        self.client.create()
        self.world.advance(100)
        self.assertEqual(self.client.connection.state, "open")

    def test_session_duration(self) -> None:
        """tlcp.md 10.8: END 48, after which clients come back by themselves."""
        self.use(max_session_duration_minutes=2)
        self.client.create()
        self.world.advance(119)
        self.assertEqual(self.client.connection.state, "open")
        self.world.advance(2)
        self.assertEqual(self.client.lines()[-1], "END,48,Maximum session duration reached")
        self.assertEqual(self.client.connection.state, "ended")

    def test_session_time_to_live(self) -> None:
        """adapters-api.md 3.3: the smaller of the two counts."""
        self.use(max_session_duration_minutes=2)
        self.world.metadata.answers["get_session_time_to_live"] = 30
        self.client.create()
        self.world.advance(29)
        self.assertEqual(self.client.connection.state, "open")
        self.world.advance(2)
        self.assertTrue(self.client.lines()[-1].startswith("END,48,"))

    def test_session_duration_while_unbound(self) -> None:
        self.use(max_session_duration_minutes=1, session_recovery_millis=100_000)
        self.client.create()
        self.client.lose()
        self.assertEqual(self.expired(60), (False, True))

    def test_timers_end_with_the_connection(self) -> None:
        self.client.create("LS_inactivity_millis=1000")
        first = self.client.connection
        self.client.lose()
        self.client.bind(POLL + "&LS_idle_millis=30000")
        first.state = "dead"
        self.client.lines()
        self.world.advance(29)
        self.assertEqual(self.client.lines(), [])


class Losing(BindingCase):
    """Connections that break, and takeover (tlcp.md 10.3, 10.4, 10.6)."""

    def test_waits_for_recovery(self) -> None:
        self.client.create()
        self.client.lose()
        self.assertEqual(self.expired(13), (False, True))

    def test_bind_stops_the_clock(self) -> None:
        self.client.create()
        self.client.lose()
        self.world.advance(12)
        self.client.bind()
        self.assertEqual(self.expired(20), (False, False))

    def test_old_clients_do_not_recover(self) -> None:
        """tlcp.md 1.3: a session of TLCP-2.0 ends at once."""
        self.client = self.world.session(version=Version(2, 0))
        assert self.client.session is not None
        self.client.lose()
        self.assertTrue(self.client.session.closed)

    def test_recovery_switched_off(self) -> None:
        self.use(session_recovery_millis=0)
        self.client.create()
        assert self.client.session is not None
        self.client.lose()
        self.assertTrue(self.client.session.closed)

    def test_takeover_from_elsewhere(self) -> None:
        """The new connection wins; the old one gets nothing more, not even END."""
        self.client.create()
        old = self.client.connection
        data = old.data
        self.client.bind()
        self.assertEqual((old.state, old.data), ("aborted", data))
        self.assertEqual(self.client.lines(), [self.conok(), "CONS,unlimited"])

    def test_news_of_the_old_connection_are_ignored(self) -> None:
        self.client.create()
        old = self.client.connection
        self.client.bind()
        assert self.client.session is not None
        self.client.session.stream_lost(old)
        self.client.session.stream_writable(old)
        self.assertFalse(self.client.session.stream_bound(old))
        self.assertTrue(self.client.session.stream_bound(self.client.connection))

    def test_ordered_lines_wait_while_unbound(self) -> None:
        """tlcp.md 10.3: queued in order, without loss."""
        self.client.create()
        self.client.subscribe(1, "RAW", "item1", "a", "")
        self.client.read()
        self.client.lose()
        self.client.control("LS_reqId=2&LS_op=reconf&LS_subId=1")
        self.event("x")
        self.client.message("LS_reqId=3&LS_message=m&LS_msg_prog=1")
        self.client.control("LS_reqId=4&LS_op=delete&LS_subId=1")
        self.client.bind()
        self.assertEqual(self.client.read()[2:], ["CONF,1,unlimited,unfiltered", "MSGDONE,*,1,", "UNSUB,1"])

    def test_lines_that_pile_up_without_bound_end_the_session(self) -> None:
        """Memory is bounded whatever the client does."""
        self.use(max_pending_notifications=50)
        self.client.create()
        self.client.lose()
        for number in range(1, 100):
            self.client.subscribe(number, "MERGE", "item1", "a")
            assert self.client.session is not None
            if self.client.session.closed:
                break
        self.assertEqual(number, 26)

    def test_slots_do_not_count_as_lines(self) -> None:
        self.use(max_pending_notifications=50)
        self.client.create()
        self.client.subscribe(1, "RAW", " ".join(f"i{number}" for number in range(100)), "a")
        self.client.read()
        self.client.lose()
        for number in range(100):
            self.event("x", f"i{number}")
        self.client.control("LS_reqId=2&LS_op=reconf&LS_subId=1")
        assert self.client.session is not None
        self.assertFalse(self.client.session.closed)

    def test_long_backlog_is_written_in_parts(self) -> None:
        """So that the others need not wait."""
        self.client.create()
        self.client.lose()
        for number in range(1, 1001):
            self.client.subscribe(number, "MERGE", "item1", "a")
        self.client.bind()
        lines = self.client.read()
        self.assertEqual(len(lines), 2 + 2000)
        self.assertGreater(self.client.connection.writes, 2)


class Rebinding(BindingCase):
    """C{force_rebind} (tlcp.md 5.6)."""

    def rebind(self, more: str = "") -> list[str]:
        self.assertEqual(self.client.control(f"LS_reqId=7&LS_op=force_rebind{more}"), "REQOK,7")
        return self.client.read()

    def test_transcript(self) -> None:
        """tlcp.md 11.9."""
        self.client.create().lines()
        self.assertEqual(self.rebind("&LS_close_socket=true"), ["LOOP,0"])
        self.assertEqual(self.client.connection.state, "closed")

    def test_socket_stays_open(self) -> None:
        self.client.create().lines()
        self.assertEqual(self.rebind(), ["LOOP,0"])
        self.assertEqual(self.client.connection.state, "ended")

    def test_poll(self) -> None:
        """The delay is that of the poll."""
        self.client.create(POLL)
        self.client.bind(f"{POLL}&LS_idle_millis=9000&LS_polling_millis=300")
        self.client.lines()
        self.assertEqual(self.rebind(), ["LOOP,300"])

    def test_unbound(self) -> None:
        """REQOK, nothing else."""
        self.client.create()
        self.client.lose()
        self.client.lines()
        self.assertEqual(self.rebind(), [])

    def test_answer_comes_before_the_loop(self) -> None:
        self.client.create().lines()
        self.client.control("LS_reqId=7&LS_op=force_rebind")
        self.assertEqual(self.client.lines(), [])

    def test_bound_again_meanwhile(self) -> None:
        """The new connection is not asked."""
        self.client.create()
        self.client.control("LS_reqId=7&LS_op=force_rebind")
        self.client.bind()
        self.world.turn()
        self.assertEqual(self.client.connection.state, "open")

    def test_nothing_is_lost(self) -> None:
        self.client.create()
        self.client.subscribe(1, "RAW", "item1", "a", "")
        self.client.read()
        self.client.control("LS_reqId=7&LS_op=force_rebind")
        self.event("x")
        lines = self.client.read()
        self.client.bind()
        self.assertEqual([line for line in lines + self.client.read() if line.startswith("U")], ["U,1,1,x"])


class Destroying(BindingCase):
    """C{destroy} (tlcp.md 5.7, 11.9)."""

    def destroy(self, more: str = "") -> list[str]:
        self.client.create().lines()
        self.assertEqual(self.client.control(f"LS_reqId=8&LS_op=destroy{more}"), "REQOK,8")
        self.assertEqual(self.client.lines(), [])
        return self.client.read()

    def test_default_cause(self) -> None:
        self.assertEqual(self.destroy(), ["END,31,Destroy invoked by client"])
        self.assertEqual(self.client.connection.state, "ended")

    def test_cause(self) -> None:
        self.assertEqual(self.destroy("&LS_cause_code=-5&LS_cause_message=bye"), ["END,-5,bye"])

    def test_positive_cause(self) -> None:
        self.assertEqual(self.destroy("&LS_cause_code=7"), ["END,0,null"])

    def test_closes_the_socket_if_asked(self) -> None:
        self.destroy("&LS_close_socket=true")
        self.assertEqual(self.client.connection.state, "closed")

    def test_nobody_finds_the_session_any_more(self) -> None:
        self.client.create()
        self.client.control("LS_reqId=8&LS_op=destroy")
        self.assertEqual(self.client.control("LS_reqId=9&LS_op=constrain"), "REQERR,9,20,Session not found")
        self.assertIsNone(self.client.bind())
        self.assertEqual(self.client.lines(), ["CONERR,20,Session not found"])
        self.world.turn()

    def test_unbound(self) -> None:
        """Only REQOK."""
        self.client.create()
        self.client.lose()
        self.client.lines()
        self.assertEqual(self.client.control("LS_reqId=8&LS_op=destroy"), "REQOK,8")
        self.assertEqual(self.client.read(), [])
        assert self.client.session is not None
        self.assertTrue(self.client.session.closed)

    def test_pending_updates_are_not_sent(self) -> None:
        self.client.create()
        self.client.subscribe(1, "RAW", "item1", "a", "")
        self.client.read()
        self.client.control("LS_reqId=8&LS_op=destroy")
        self.event("x")
        self.assertEqual(self.client.read()[-1], "END,31,Destroy invoked by client")
        self.event("y")
        self.world.advance(1)
        self.assertEqual(self.client.lines(), [])

    def test_adapter_is_told_once(self) -> None:
        self.destroy()
        assert self.client.session is not None
        self.world.advance(60)
        self.assertEqual(self.world.metadata.called("notify_session_close"), [[self.client.session.id]])

    def test_connection_that_breaks_at_the_same_time(self) -> None:
        """tlcp.md 5.7: clients on WebSocket close at once."""
        self.client.create()
        self.client.control("LS_reqId=8&LS_op=destroy&LS_close_socket=true")
        self.client.lose()
        self.world.turn()
        assert self.client.session is not None
        self.assertTrue(self.client.session.closed)


class Binds(BindingCase):
    """Binds that are refused, and sessions that are named (tlcp.md 4.2, 3.7)."""

    def bind(self, client: FakeClient, body: str, implicit: bool) -> list[str]:
        request = client._parse("bind_session", body) if body else None
        assert request is not None
        client._connect(None)
        self.world.kernel.bind_session(request, client.connection, client.client, client.session if implicit else None)
        return client.lines()

    def test_unknown_session(self) -> None:
        self.assertEqual(self.bind(self.client, "LS_session=S0", False), ["CONERR,20,Session not found"])
        self.assertEqual(self.client.connection.state, "refused")

    def test_expired_session(self) -> None:
        self.client.create()
        self.client.lose()
        self.world.advance(14)
        self.client.bind()
        self.assertEqual(self.client.lines(), ["CONERR,20,Session not found"])

    def test_implied_session(self) -> None:
        from lsserver.tlcp.requests import BindSession

        self.client.create(POLL)
        self.client._connect(None)
        session = self.world.kernel.bind_session(
            BindSession(), self.client.connection, self.client.client, self.client.session
        )
        self.assertIs(session, self.client.session)

    def test_implied_session_that_is_gone(self) -> None:
        from lsserver.tlcp.requests import BindSession

        self.client.create()
        self.client.control("LS_reqId=8&LS_op=destroy")
        self.world.turn()
        self.client._connect(None)
        self.assertIsNone(
            self.world.kernel.bind_session(
                BindSession(), self.client.connection, self.client.client, self.client.session
            )
        )
        self.assertEqual(self.client.lines(), ["END,31,Destroy invoked by client"])

    def test_closed_while_the_client_was_away(self) -> None:
        """It must not take the session for lost and open another (tlcp.md 4.9)."""
        for lost in (False, True):
            client = self.world.client().create(POLL)
            client.bind(f"{POLL}&LS_polling_millis=15000&LS_idle_millis={'1000' if lost else '0'}")
            if lost:
                client.lose()
            client.lines()
            assert client.session is not None
            client.session.close(35, "another")
            self.world.advance(24)
            client.bind(POLL)
            self.assertEqual(client.lines(), ["END,35,another"])
            self.assertEqual(client.connection.state, "refused")
            self.world.advance(2)
            client.bind(POLL)
            self.assertEqual(client.lines(), ["CONERR,20,Session not found"])

    def test_end_that_was_lost_with_its_connection(self) -> None:
        self.client.create()
        assert self.client.session is not None
        self.client.session.close(48, "duration")
        self.client.bind("LS_recovery_from=0")
        self.assertEqual(self.client.lines()[-1], "END,48,duration")

    def test_causes_are_not_kept_without_bound(self) -> None:
        self.patch(causes, "MAX_CAUSES", 2)
        clients = [self.world.client().create() for _ in range(3)]
        for client in clients:
            assert client.session is not None
            client.session.close(-1, "bye")
            client.bind()
            self.assertEqual(client.lines(), ["END,-1,bye"])
        for client in clients:
            client.bind()
        self.assertEqual(
            [client.lines() for client in clients],
            [["CONERR,20,Session not found"], ["END,-1,bye"], ["END,-1,bye"]],
        )

    def test_absurd_numbers(self) -> None:
        """As large as the parser lets them be."""
        huge = "9" * 18
        self.client.create(
            f"LS_inactivity_millis={huge}&LS_keepalive_millis={huge}&LS_content_length={huge}", websocket=False
        )
        self.client.bind(f"{POLL}&LS_idle_millis={huge}&LS_polling_millis={huge}")
        self.assertEqual(self.client.lines()[0], self.conok(30000))
