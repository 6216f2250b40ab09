"""create_session and bind_session."""

import math

from twisted.trial.unittest import SynchronousTestCase

from lsserver.tlcp.parsing import parse_http, parse_websocket
from lsserver.tlcp.requests import (
    BindSession,
    ConnectionParameters,
    Constrain,
    CreateSession,
    Message,
    Mode,
    RequestError,
    Subscribe,
)

QUERY = b"LS_protocol=TLCP-2.5.0"


def create(body: str) -> CreateSession | RequestError:
    (request,) = parse_http("create_session", QUERY, body.encode())
    assert isinstance(request, (CreateSession, RequestError))
    return request


def bind(body: str) -> BindSession | RequestError:
    (request,) = parse_http("bind_session", QUERY, body.encode())
    assert isinstance(request, (BindSession, RequestError))
    return request


class SessionTestCase(SynchronousTestCase):
    def created(self, body: str) -> CreateSession:
        request = create(body)
        assert isinstance(request, CreateSession), request
        return request

    def bound(self, body: str) -> BindSession:
        request = bind(body)
        assert isinstance(request, BindSession), request
        return request

    def refused(self, request: object, code: int, text: str) -> None:
        assert isinstance(request, RequestError), request
        self.assertEqual((request.code, request.text, request.req_id), (code, text, None))


class CreateTests(SessionTestCase):
    def test_defaults(self) -> None:
        """A creation that says nothing is complete."""
        self.assertEqual(create("\r\n"), CreateSession())
        self.assertEqual(create(""), CreateSession())

    def test_everything(self) -> None:
        self.assertEqual(
            create(
                "LS_cid=x&LS_user=u&LS_password=p%20q&LS_adapter_set=TEST&LS_requested_max_bandwidth=40.5&"
                "LS_content_length=10000&LS_supported_diffs=P&LS_keepalive_millis=3000&LS_inactivity_millis=10000&"
                "LS_send_sync=false&LS_reduce_head=true&LS_ttl_millis=5000&LS_old_session=S0&LS_cause=api&LS_phase=3"
            ),
            CreateSession(
                client_id="x",
                user="u",
                password="p q",
                adapter_set="TEST",
                requested_max_bandwidth=40.5,
                supported_diffs=frozenset("P"),
                connection=ConnectionParameters(
                    content_length=10000,
                    keepalive_millis=3000,
                    inactivity_millis=10000,
                    send_sync=False,
                    reduce_head=True,
                ),
                ttl_millis=5000,
                old_session="S0",
                cause="api",
            ),
        )

    def test_password_is_not_shown(self) -> None:
        self.assertNotIn("secret", repr(create("LS_password=secret")))

    def test_empty_is_not_missing(self) -> None:
        request = self.created("LS_user=&LS_password=&LS_adapter_set=")
        self.assertEqual((request.user, request.password, request.adapter_set), ("", "", ""))
        self.assertIsNone(self.created("LS_old_session=").old_session)

    def test_bandwidth(self) -> None:
        self.assertEqual(self.created("LS_requested_max_bandwidth=unlimited").requested_max_bandwidth, math.inf)
        for value in ("0", "-1", "x", ""):
            self.refused(
                create(f"LS_requested_max_bandwidth={value}"), 65, "Invalid value of LS_requested_max_bandwidth"
            )

    def test_supported_diffs(self) -> None:
        """Missing means all, empty means none."""
        self.assertIsNone(self.created("").supported_diffs)
        for value, tags in (("", ""), ("T", "T"), ("P, T", "PT"), ("T,X", "T"), (" P ,", "P"), ("p", "")):
            self.assertEqual(self.created(f"LS_supported_diffs={value}").supported_diffs, frozenset(tags))

    def test_time_to_live(self) -> None:
        for value, expected in (("unknown", None), ("UNKNOWN", None), ("unlimited", math.inf), ("100", 100)):
            self.assertEqual(self.created(f"LS_ttl_millis={value}").ttl_millis, expected)
        self.assertIsNone(self.created("LS_ttl=100").ttl_millis)
        for value in ("x", "0", ""):
            self.refused(create(f"LS_ttl_millis={value}"), 65, "Invalid value of LS_ttl_millis")

    def test_streaming(self) -> None:
        """What belongs to polling is ignored, even when it is wrong."""
        self.assertEqual(
            self.created("LS_polling=no&LS_polling_millis=x&LS_idle_millis=x").connection, ConnectionParameters()
        )
        for name in ("LS_keepalive_millis", "LS_inactivity_millis", "LS_content_length"):
            self.refused(create(f"{name}=x"), 65, f"Invalid value of {name}")

    def test_polling(self) -> None:
        """What belongs to streaming is ignored, even when it is wrong."""
        self.assertEqual(
            self.created(
                "LS_polling=TRUE&LS_polling_millis=1&LS_idle_millis=2&LS_content_length=3&LS_reduce_head=true&"
                "LS_keepalive_millis=x&LS_inactivity_millis=x&LS_send_sync=false"
            ).connection,
            ConnectionParameters(polling=True, polling_millis=1, idle_millis=2, content_length=3, reduce_head=True),
        )
        self.assertEqual(self.created("LS_polling=true").connection, ConnectionParameters(polling=True))
        for name in ("LS_polling_millis", "LS_idle_millis", "LS_content_length"):
            self.refused(create(f"LS_polling=true&{name}=-1"), 65, f"Invalid value of {name}")

    def test_zero_is_the_choice_of_the_server(self) -> None:
        connection = self.created("LS_keepalive_millis=0&LS_inactivity_millis=0").connection
        self.assertEqual((connection.keepalive_millis, connection.inactivity_millis), (None, None))

    def test_not_utf8(self) -> None:
        self.refused(create("LS_user=%FF"), 67, "Malformed request: not valid UTF-8")


class ComboTests(SessionTestCase):
    ADD = "LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=g&LS_schema=s"
    FAILED = "Unexpected error while initializing the session: "

    def test_same_line(self) -> None:
        request = self.created(f"LS_user=u&{self.ADD}")
        self.assertEqual(request.user, "u")
        self.assertEqual(request.combo, (Subscribe(sub_id=1, mode=Mode.MERGE, group="g", schema="s"),))

    def test_further_lines(self) -> None:
        """Without identifier and session, in order, after the one in the first line."""
        request = self.created(f"LS_user=u&LS_op=constrain\r\n{self.ADD}&LS_reqId=7&LS_session=S9&LS_ack=false\r\n")
        self.assertEqual(request.combo, (Constrain(), Subscribe(sub_id=1, mode=Mode.MERGE, group="g", schema="s")))

    def test_messages(self) -> None:
        """Lines without an operation but with a message, as one client sends them."""
        request = self.created(
            "LS_user=u\r\nLS_message=hi&LS_outcome=false\r\nLS_message=ho&LS_sequence=s&LS_msg_prog=1"
        )
        self.assertEqual(
            request.combo,
            (Message(message="hi", outcome=False), Message(message="ho", sequence="s", progressive=1)),
        )
        self.assertEqual(self.created("LS_message=hi").combo, (Message(message="hi", outcome=False),))

    def test_operation_before_message(self) -> None:
        self.assertEqual(self.created("LS_op=constrain&LS_message=x").combo, (Constrain(),))

    def test_query_is_for_the_first_line(self) -> None:
        """Parameters in the query are not those of further lines."""
        (request,) = parse_http("create_session", b"LS_user=u&LS_op=constrain", b"\r\nLS_message=m")
        self.assertEqual(request, CreateSession(user="u", combo=(Constrain(), Message(message="m", outcome=False))))

    def test_get(self) -> None:
        (request,) = parse_http("create_session", b"LS_user=u&LS_op=constrain", None)
        self.assertEqual(request, CreateSession(user="u", combo=(Constrain(),)))

    def test_failures(self) -> None:
        """Any line that fails is the failure of the creation."""
        for lines, reason in (
            ("LS_user=u\r\nLS_op=add", "Malformed request: LS_subId is missing"),
            ("LS_user=u&LS_op=bogus", "Malformed request: unknown LS_op"),
            (f"LS_user=u\r\n{self.ADD}\r\n{self.ADD}&LS_mode=x", "Invalid value of LS_mode"),
            ("LS_user=u\r\nLS_foo=bar", "Malformed request: LS_op is missing"),
            ("LS_user=u\r\nLS_message=%FF", "Malformed request: not valid UTF-8"),
        ):
            self.refused(create(lines), 64, self.FAILED + reason)

    def test_own_failure_first(self) -> None:
        self.refused(create("LS_content_length=x&LS_op=bogus"), 65, "Invalid value of LS_content_length")


class BindTests(SessionTestCase):
    def test_defaults(self) -> None:
        self.assertEqual(bind("LS_session=S1"), BindSession(session="S1"))

    def test_everything(self) -> None:
        self.assertEqual(
            bind(
                "LS_session=S1&LS_recovery_from=4&LS_requested_max_bandwidth=3&LS_polling=true&LS_polling_millis=0&"
                "LS_idle_millis=19000&LS_cause=ws.error&LS_phase=3&LS_reduce_head=true"
            ),
            BindSession(
                session="S1",
                recovery_from=4,
                requested_max_bandwidth=3,
                connection=ConnectionParameters(polling=True, idle_millis=19000, reduce_head=True),
                cause="ws.error",
            ),
        )

    def test_session(self) -> None:
        """Over HTTP nothing implies it; the query may give it."""
        self.refused(bind("LS_polling=true"), 65, "LS_session is missing")
        self.refused(bind("LS_session="), 65, "LS_session is missing")
        self.assertEqual(parse_http("bind_session", b"LS_session=S1", b"\r\n"), [BindSession(session="S1")])
        self.assertEqual(parse_http("bind_session", b"LS_session=S1", b"LS_session=S2"), [BindSession(session="S2")])
        self.assertEqual(parse_http("bind_session", b"LS_session=S1", None), [BindSession(session="S1")])
        self.assertEqual(parse_websocket(b"bind_session\r\n\r\n"), [BindSession()])

    def test_values(self) -> None:
        self.assertEqual(self.bound("LS_session=S1&LS_recovery_from=0").recovery_from, 0)
        for parameter in ("LS_recovery_from=-1", "LS_recovery_from=x", "LS_requested_max_bandwidth=0"):
            name = parameter.partition("=")[0]
            self.refused(bind(f"LS_session=S1&{parameter}"), 65, f"Invalid value of {name}")

    def test_not_utf8(self) -> None:
        self.refused(bind("LS_session=%FF"), 67, "Malformed request: not valid UTF-8")

    def test_one_line(self) -> None:
        self.refused(bind("LS_session=S1\r\nLS_session=S2"), 67, "Malformed request: bind_session has one line")
