"""
What the official clients really send, flavour by flavour: each line of the
specification's transcripts and parameter tables, parsed.
"""

import math
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from lsserver.tlcp.parsing import parse_http, parse_websocket, query_version
from lsserver.tlcp.requests import (
    BindSession,
    ConnectionParameters,
    Constrain,
    CreateSession,
    Destroy,
    ForceRebind,
    Heartbeat,
    Message,
    Mode,
    Reconfigure,
    Request,
    RequestError,
    SendLog,
    Subscribe,
    Unsubscribe,
    WsOk,
)

CID = "mgQkwtwdysogQz2BJ4Ji kOj2Bg"
ENCODED_CID = CID.replace(" ", "%20")
POLL = ConnectionParameters(polling=True)
LONG_POLL = ConnectionParameters(polling=True, idle_millis=19000)
NO_SYNC = ConnectionParameters(send_sync=False)


class TranscriptTestCase(SynchronousTestCase):
    def ws(self, payload: str, *requests: Request) -> None:
        """One WebSocket message, lines parted by C{/}."""
        self.assertEqual(parse_websocket(payload.replace(" / ", "\r\n").encode()), list(requests))

    def http(self, name: str, query: str, body: str, *requests: Request) -> None:
        """One HTTP request, lines of the body parted by C{/}."""
        self.assertEqual(
            parse_http(name, query.encode(), body.replace(" / ", "\r\n").encode() + b"\r\n"), list(requests)
        )


class UnifiedTests(TranscriptTestCase):
    """web/node from 9, python, Java/Android from 5, .NET from 6, C++; swift."""

    query = "LS_protocol=TLCP-2.5.0"
    in_session = "LS_protocol=TLCP-2.5.0&LS_session=S1"

    def test_version(self) -> None:
        self.assertEqual(query_version(self.in_session.encode()), "TLCP-2.5.0")

    def test_websocket_streaming(self) -> None:
        self.ws("wsok", WsOk())
        self.ws(
            f"create_session / LS_adapter_set=TEST&LS_cid={ENCODED_CID}&LS_send_sync=false&LS_cause=api",
            CreateSession(adapter_set="TEST", client_id=CID, connection=NO_SYNC, cause="api"),
        )
        self.ws(
            "control / LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=item1%20item2&LS_schema=name%20price"
            "&LS_snapshot=true&LS_ack=false",
            Subscribe(
                req_id="1",
                ack=False,
                sub_id=1,
                mode=Mode.MERGE,
                group="item1 item2",
                schema="name price",
                snapshot=True,
            ),
        )
        self.ws(
            "control / LS_reqId=2&LS_subId=1&LS_op=reconf&LS_requested_max_frequency=2.5",
            Reconfigure(req_id="2", sub_id=1, requested_max_frequency=2.5),
        )
        self.ws(
            "control / LS_reqId=3&LS_subId=1&LS_op=delete&LS_ack=false", Unsubscribe(req_id="3", ack=False, sub_id=1)
        )
        self.ws(
            "control / LS_reqId=4&LS_op=destroy&LS_close_socket=true&LS_cause=api",
            Destroy(req_id="4", close_socket=True),
        )

    def test_websocket_creation_with_everything(self) -> None:
        """In the order of the client."""
        self.ws(
            "create_session / LS_keepalive_millis=5000&LS_inactivity_millis=10000&LS_requested_max_bandwidth=40.5"
            f"&LS_adapter_set=TEST&LS_user=u&LS_cid={ENCODED_CID}&LS_old_session=S1&LS_send_sync=false"
            "&LS_cause=recovery.conerr.4&LS_password=p",
            CreateSession(
                connection=ConnectionParameters(keepalive_millis=5000, inactivity_millis=10000, send_sync=False),
                requested_max_bandwidth=40.5,
                adapter_set="TEST",
                user="u",
                password="p",
                client_id=CID,
                old_session="S1",
                cause="recovery.conerr.4",
            ),
        )

    def test_fallback_to_polling(self) -> None:
        self.http(
            "create_session",
            self.query,
            f"LS_polling=true&LS_polling_millis=0&LS_idle_millis=0&LS_adapter_set=TEST&LS_cid={ENCODED_CID}"
            "&LS_cause=ws.unavailable",
            CreateSession(connection=POLL, adapter_set="TEST", client_id=CID, cause="ws.unavailable"),
        )
        self.http(
            "bind_session",
            self.query,
            "LS_session=S1&LS_content_length=50000000&LS_send_sync=false&LS_cause=ws.unavailable",
            BindSession(session="S1", connection=replace(NO_SYNC, content_length=50_000_000), cause="ws.unavailable"),
        )
        self.http(
            "control",
            self.in_session,
            "LS_reqId=1&LS_op=force_rebind&LS_cause=http.streaming.unavailable",
            ForceRebind(session="S1", req_id="1"),
        )
        self.http(
            "bind_session",
            self.query,
            "LS_session=S1&LS_polling=true&LS_polling_millis=0&LS_idle_millis=19000&LS_cause=http.loop",
            BindSession(session="S1", connection=LONG_POLL, cause="http.loop"),
        )

    def test_overload(self) -> None:
        self.http(
            "create_session",
            self.query,
            "LS_ttl_millis=unlimited&LS_polling=true&LS_polling_millis=0&LS_idle_millis=0&LS_cid=x&LS_cause=api",
            CreateSession(ttl_millis=math.inf, connection=POLL, client_id="x", cause="api"),
        )

    def test_http_streaming(self) -> None:
        self.http(
            "control",
            self.in_session,
            "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=DISTINCT&LS_group=news&LS_schema=title%20body&LS_snapshot=true",
            Subscribe(
                session="S1",
                req_id="1",
                sub_id=1,
                mode=Mode.DISTINCT,
                group="news",
                schema="title body",
                snapshot=True,
            ),
        )
        self.http(
            "control",
            self.query,
            "LS_session=S1&LS_reqId=1&LS_op=add&LS_subId=1&LS_group=item1&LS_schema=last_price"
            "&LS_data_adapter=QUOTES&LS_mode=MERGE",
            Subscribe(
                session="S1",
                req_id="1",
                sub_id=1,
                mode=Mode.MERGE,
                group="item1",
                schema="last_price",
                data_adapter="QUOTES",
            ),
        )

    def test_websocket_polling(self) -> None:
        line = "LS_polling=true&LS_polling_millis=0&LS_idle_millis=19000"
        self.ws(
            f"bind_session / LS_session=S1&{line}&LS_cause=http.loop",
            BindSession(session="S1", connection=LONG_POLL, cause="http.loop"),
        )
        self.ws(f"bind_session / {line}&LS_cause=ws.loop", BindSession(connection=LONG_POLL, cause="ws.loop"))

    def test_websocket_bind(self) -> None:
        self.ws(
            "bind_session / LS_session=S1&LS_keepalive_millis=5000&LS_inactivity_millis=9000&LS_send_sync=false"
            "&LS_cause=recovery.loop",
            BindSession(
                session="S1",
                connection=ConnectionParameters(keepalive_millis=5000, inactivity_millis=9000, send_sync=False),
                cause="recovery.loop",
            ),
        )

    def test_recovery(self) -> None:
        for cause in ("ws.error", "recovery.error", "http.error"):
            self.http(
                "bind_session",
                self.query,
                "LS_session=S1&LS_recovery_from=4&LS_polling=true&LS_polling_millis=0&LS_idle_millis=0"
                f"&LS_cause={cause}",
                BindSession(session="S1", recovery_from=4, connection=POLL, cause=cause),
            )

    def test_modes(self) -> None:
        self.ws(
            "control / LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=RAW&LS_group=log&LS_schema=lev%20txt&LS_ack=false",
            Subscribe(req_id="1", ack=False, sub_id=1, mode=Mode.RAW, group="log", schema="lev txt"),
        )
        self.ws(
            "control / LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=COMMAND&LS_group=pf&LS_schema=key%20command%20qty"
            "&LS_snapshot=true&LS_ack=false",
            Subscribe(
                req_id="1",
                ack=False,
                sub_id=1,
                mode=Mode.COMMAND,
                group="pf",
                schema="key command qty",
                snapshot=True,
            ),
        )
        self.ws(
            "control / LS_reqId=2&LS_op=add&LS_subId=2&LS_mode=MERGE&LS_group=k1&LS_schema=f"
            "&LS_requested_max_frequency=unfiltered",
            Subscribe(req_id="2", sub_id=2, mode=Mode.MERGE, group="k1", schema="f", unfiltered=True),
        )

    def test_session_control(self) -> None:
        for line, request in (
            ("LS_reqId=5&LS_op=constrain&LS_requested_max_bandwidth=40.5", Constrain(requested_max_bandwidth=40.5)),
            (
                "LS_reqId=5&LS_op=constrain&LS_requested_max_bandwidth=unlimited",
                Constrain(requested_max_bandwidth=math.inf),
            ),
            ("LS_reqId=5&LS_op=force_rebind&LS_close_socket=true&LS_cause=api", ForceRebind(close_socket=True)),
            (
                "LS_reqId=5&LS_op=destroy&LS_cause_code=-5&LS_cause_message=bye",
                Destroy(cause_code=-5, cause_message="bye"),
            ),
            ("LS_reqId=5&LS_op=destroy&LS_cause_code=7", Destroy(cause_code=0, cause_message="null")),
            ("LS_reqId=5&LS_op=destroy", Destroy()),
        ):
            self.ws(f"control / {line}", replace(request, req_id="5"))
        self.ws("heartbeat / ", Heartbeat())
        self.http("heartbeat", "LS_protocol=TLCP-2.5.0&LS_session=nope", "", Heartbeat(session="nope"))

    def test_batch(self) -> None:
        self.http(
            "control",
            self.in_session,
            "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=a&LS_schema=f / "
            "LS_reqId=2&LS_op=add&LS_subId=2&LS_mode=MERGE&LS_group=b&LS_schema=f / "
            "LS_reqId=3&LS_op=delete&LS_subId=9",
            Subscribe(session="S1", req_id="1", sub_id=1, mode=Mode.MERGE, group="a", schema="f"),
            Subscribe(session="S1", req_id="2", sub_id=2, mode=Mode.MERGE, group="b", schema="f"),
            Unsubscribe(session="S1", req_id="3", sub_id=9),
        )

    def test_messages(self) -> None:
        for line, request in (
            ("LS_message=foo&LS_sequence=seq&LS_msg_prog=1", Message(message="foo", sequence="seq", progressive=1)),
            ("LS_message=foo&LS_msg_prog=1", Message(message="foo", progressive=1)),
            ("LS_message=foo&LS_outcome=false&LS_ack=false", Message(message="foo", outcome=False, ack=False)),
            (
                "LS_message=c&LS_sequence=seq&LS_msg_prog=4&LS_max_wait=1000",
                Message(message="c", sequence="seq", progressive=4, max_wait_millis=1000),
            ),
        ):
            self.ws(f"msg / LS_reqId=1&{line}", replace(request, req_id="1"))

    def test_no_identifier(self) -> None:
        (error,) = parse_websocket(b"control\r\nLS_op=destroy")
        assert isinstance(error, RequestError)
        self.assertEqual((error.code, error.text, error.req_id), (67, "Malformed request", None))

    def test_combo(self) -> None:
        add = "LS_op=add&LS_subId={0}&LS_group=item{0}&LS_schema=last_price&LS_data_adapter=QUOTES&LS_mode=MERGE"
        self.ws(
            f"create_session / LS_user=&LS_adapter_set=DEMO&LS_cid={ENCODED_CID} / {add.format(1)} / {add.format(2)}",
            CreateSession(
                user="",
                adapter_set="DEMO",
                client_id=CID,
                combo=tuple(
                    [
                        Subscribe(
                            sub_id=number,
                            group=f"item{number}",
                            schema="last_price",
                            data_adapter="QUOTES",
                            mode=Mode.MERGE,
                        )
                        for number in (1, 2)
                    ]
                ),
            ),
        )

    def test_swift_encoding(self) -> None:
        """Many reserved characters raw, plus encoded."""
        self.ws(
            "msg / LS_reqId=1&LS_message=/?:@!$'()*,;%2B%20%26&LS_outcome=false",
            Message(req_id="1", message="/?:@!$'()*,;+ &", outcome=False),
        )


class Java4Tests(TranscriptTestCase):
    """Java SE and Android 4.x, .NET Standard 5.x: raw text, a trailing ampersand, the session in each line."""

    query = "LS_protocol=TLCP-2.1.0"

    def test_creation(self) -> None:
        """The client identification is encoded twice."""
        self.http(
            "create_session",
            self.query,
            "LS_polling=true&LS_polling_millis=0&LS_idle_millis=0&LS_cid=mgQkwtwdysogQz2BJ4Ji%2520kOj2Bg"
            "&LS_adapter_set=TEST&LS_user=José Müller&",
            CreateSession(connection=POLL, client_id=ENCODED_CID, adapter_set="TEST", user="José Müller"),
        )

    def test_subscription(self) -> None:
        self.http(
            "control",
            self.query,
            "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=a b&LS_schema=f g&LS_session=S1&",
            Subscribe(session="S1", req_id="1", sub_id=1, mode=Mode.MERGE, group="a b", schema="f g"),
        )

    def test_message(self) -> None:
        """Only what must be encoded is."""
        self.ws(
            "msg / LS_reqId=2&LS_message=caffè %26 100%25 a%2Bb=%3D%0D%0A&LS_msg_prog=1&LS_session=S1&",
            Message(session="S1", req_id="2", message="caffè & 100% a+b==\r\n", progressive=1),
        )

    def test_bind(self) -> None:
        self.ws(
            "bind_session / LS_session=S1&LS_cause=loop1&",
            BindSession(session="S1", cause="loop1"),
        )
        self.http(
            "bind_session",
            self.query,
            "LS_session=S1&LS_recovery_from=3&LS_requested_max_bandwidth=unlimited&LS_polling=true"
            "&LS_polling_millis=0&LS_idle_millis=0&LS_cause=network.error&",
            BindSession(
                session="S1",
                recovery_from=3,
                requested_max_bandwidth=math.inf,
                connection=POLL,
                cause="network.error",
            ),
        )

    def test_heartbeat(self) -> None:
        self.ws("heartbeat / ", Heartbeat())
        self.http("heartbeat", self.query, "", Heartbeat())
        self.assertEqual(parse_websocket(b"heartbeat\r\n"), [Heartbeat()])


class Js8Tests(TranscriptTestCase):
    """web/node 8.x: phases, a trailing ampersand, messages of stated length."""

    query = "LS_protocol=TLCP-2.1.0"

    def test_creation(self) -> None:
        self.http(
            "create_session",
            self.query,
            "LS_phase=101&LS_cause=api&LS_polling=true&LS_polling_millis=0&LS_idle_millis=0"
            f"&LS_cid={ENCODED_CID}&LS_adapter_set=TEST&",
            CreateSession(cause="api", connection=POLL, client_id=CID, adapter_set="TEST"),
        )

    def test_bind(self) -> None:
        self.ws("bind_session / LS_session=S1&LS_phase=103&LS_cause=loop1&", BindSession(session="S1", cause="loop1"))
        self.http(
            "bind_session",
            self.query,
            "LS_session=S1&LS_phase=103&LS_cause=loop1&LS_keepalive_millis=5000&LS_content_length=4000000&",
            BindSession(
                session="S1",
                cause="loop1",
                connection=ConnectionParameters(keepalive_millis=5000, content_length=4_000_000),
            ),
        )

    def test_recovery(self) -> None:
        self.http(
            "bind_session",
            self.query,
            "LS_phase=1&LS_cause=network.error&LS_polling=true&LS_polling_millis=0&LS_idle_millis=0&LS_session=S1"
            "&LS_recovery_from=7&",
            BindSession(session="S1", recovery_from=7, connection=POLL, cause="network.error"),
        )

    def test_subscription(self) -> None:
        self.ws(
            "control / LS_mode=MERGE&LS_group=a&LS_schema=f&LS_snapshot=true&LS_subId=1&LS_op=add&LS_reqId=1&",
            Subscribe(req_id="1", sub_id=1, mode=Mode.MERGE, group="a", schema="f", snapshot=True),
        )

    def test_message(self) -> None:
        self.ws(
            "msg / LS_unq=60&LS_reqId=5&LS_outcome=false&LS_ack=false&LS_message=a & b=c%",
            Message(req_id="5", outcome=False, ack=False, message="a & b=c%"),
        )
        self.http(
            "msg",
            self.query,
            "LS_reqId=5&LS_message=a%20%26%20b&LS_outcome=false&LS_session=S1&",
            Message(session="S1", req_id="5", outcome=False, message="a & b"),
        )

    def test_heartbeat_and_log(self) -> None:
        self.assertEqual(parse_http("heartbeat", self.query.encode(), b"\n"), [Heartbeat()])
        self.assertEqual(parse_websocket(b"heartbeat\r\n\n"), [Heartbeat()])
        self.http(
            "send_log",
            self.query,
            "LS_build=1800&LS_phase=1&LS_log1=a%20b&LS_log2=c&LS_unique=1&",
            SendLog(lines=("a b", "c")),
        )


class KotlinTests(TranscriptTestCase):
    """The small Kotlin client: raw text, identifiers that are no numbers, reduced heads."""

    def test_websocket(self) -> None:
        self.ws(
            f"create_session / LS_adapter_set=TEST&LS_cid={CID}&LS_keepalive_millis=5000&LS_supported_diffs=T"
            "&LS_reduce_head=true&LS_send_sync=false / ",
            CreateSession(
                adapter_set="TEST",
                client_id=CID,
                supported_diffs=frozenset("T"),
                connection=ConnectionParameters(keepalive_millis=5000, reduce_head=True, send_sync=False),
            ),
        )
        self.ws(
            "control / LS_reqId=s1&LS_subId=1&LS_op=add&LS_data_adapter=QUOTES&LS_mode=MERGE&LS_group=item1"
            "&LS_schema=f g&LS_snapshot=true&LS_ack=false / ",
            Subscribe(
                req_id="s1",
                ack=False,
                sub_id=1,
                data_adapter="QUOTES",
                mode=Mode.MERGE,
                group="item1",
                schema="f g",
                snapshot=True,
            ),
        )
        self.ws(
            "bind_session / LS_session=S1&LS_keepalive_millis=5000&LS_send_sync=false / ",
            BindSession(session="S1", connection=ConnectionParameters(keepalive_millis=5000, send_sync=False)),
        )
        self.ws(
            "msg / LS_reqId=m1&LS_message=hi&LS_ack=false&LS_msg_prog=1 / ",
            Message(req_id="m1", message="hi", ack=False, progressive=1),
        )
        self.ws(
            "control / LS_op=destroy&LS_reqId=destroy&LS_close_socket=true / ",
            Destroy(req_id="destroy", close_socket=True),
        )

    def test_no_diffs(self) -> None:
        self.ws(
            "create_session / LS_cid=x&LS_user=u&LS_password=p&LS_polling=true&LS_polling_millis=0"
            "&LS_supported_diffs=&LS_reduce_head=true&LS_ttl_millis=unknown&LS_send_sync=false",
            CreateSession(
                client_id="x",
                user="u",
                password="p",
                supported_diffs=frozenset(),
                connection=replace(POLL, reduce_head=True),
            ),
        )

    def test_create_and_send(self) -> None:
        """Messages after the creation, over HTTP."""
        self.http(
            "create_session",
            "LS_protocol=TLCP-2.5.0",
            f"LS_cid={CID}&LS_polling=true&LS_polling_millis=0 / LS_message=one&LS_outcome=false / "
            "LS_message=two%26&LS_outcome=false",
            CreateSession(
                client_id=CID,
                connection=POLL,
                combo=(Message(message="one", outcome=False), Message(message="two&", outcome=False)),
            ),
        )


class LoadTestTests(TranscriptTestCase):
    """The load-test toolkit: form encoding."""

    def test_lines(self) -> None:
        self.http(
            "create_session",
            "LS_protocol=TLCP-2.0.0",
            "LS_cid=mgQkwtwdysogQz2BJ4Ji+kOj2Bg&LS_adapter_set=LOAD+TEST&LS_user=u%40x&",
            CreateSession(client_id=CID, adapter_set="LOAD TEST", user="u@x"),
        )
        self.http(
            "control",
            "LS_protocol=TLCP-2.0.0",
            "LS_session=S1&LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=a+b&LS_schema=f%2Bg&",
            Subscribe(session="S1", req_id="1", sub_id=1, mode=Mode.MERGE, group="a b", schema="f+g"),
        )


class OtherClientsTests(TranscriptTestCase):
    def test_line_feeds_and_odd_snapshot(self) -> None:
        """A client in Rust."""
        self.assertEqual(
            parse_websocket(
                b"control\nLS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=a+b&LS_schema=f+g&LS_snapshot=none"
            ),
            [Subscribe(req_id="1", sub_id=1, mode=Mode.MERGE, group="a b", schema="f g")],
        )
