"""Framing of requests over HTTP and WebSocket."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.tlcp.lines import format_line
from lsserver.tlcp.parsing import MAX_WRONG, parse_http, parse_websocket, query_version
from lsserver.tlcp.requests import (
    Constrain,
    CreateSession,
    Destroy,
    Heartbeat,
    Message,
    Request,
    RequestError,
    SendLog,
    WsOk,
)

NAMES = ("create_session", "bind_session", "control", "msg", "heartbeat", "send_log")


class NamelessTests(SynchronousTestCase):
    """Requests without an id, which nobody can tell apart."""

    def test_many(self) -> None:
        """They are not answered without end."""
        for name in ("control", "msg"):
            lines = b"\n" * 5_000 + b"LS_reqId=1&LS_message=x"
            self.assertEqual(len(parse_websocket(name.encode() + b"\r\n" + lines)), MAX_WRONG)
            self.assertEqual(len(parse_http(name, b"", lines)), MAX_WRONG)

    def test_wrong_ones_with_ids(self) -> None:
        """Each is answered."""
        found = parse_http("control", b"", b"LS_reqId=1&LS_op=nonsense\r\n" * 1_000)
        self.assertEqual(len(found), 1_000)


class HttpTests(SynchronousTestCase):
    def test_unknown_name(self) -> None:
        for name in ("wsok", "create_session.txt", ""):
            self.assertRaises(KeyError, parse_http, name, b"", b"")

    def test_version(self) -> None:
        self.assertEqual(query_version(b"LS_protocol=TLCP-2.5.0&LS_session=S1"), "TLCP-2.5.0")
        self.assertEqual(query_version(b"LS_session=S1&LS_protocol=TLCP%2D2.1.0"), "TLCP-2.1.0")
        self.assertIsNone(query_version(b""))

    def test_body_wins(self) -> None:
        self.assertEqual(
            parse_http("control", b"LS_session=S1&LS_reqId=1&LS_op=destroy", b"LS_reqId=2&LS_session=S2"),
            [Destroy(session="S2", req_id="2")],
        )

    def test_get(self) -> None:
        self.assertEqual(
            parse_http("control", b"LS_session=S1&LS_reqId=1&LS_op=constrain", None),
            [Constrain(session="S1", req_id="1")],
        )

    def test_heartbeat(self) -> None:
        """Never fails and is always one."""
        for body in (b"", b"\r\n", b"\n", b"LS_session=S1", b"LS_session=S1&\r\n", None):
            self.assertEqual(parse_http("heartbeat", b"LS_session=S1", body), [Heartbeat(session="S1")])
        self.assertEqual(parse_http("heartbeat", b"", b"LS_session=S2\r\nLS_session=S3"), [Heartbeat(session="S2")])
        self.assertEqual(parse_http("heartbeat", b"", b"%FF=%FF"), [Heartbeat()])

    def test_log(self) -> None:
        """The lines in the order of their numbers."""
        self.assertEqual(
            parse_http(
                "send_log",
                b"LS_protocol=TLCP-2.1.0",
                b"LS_build=1&LS_log10=c&LS_log2=b%20b&LS_log1=a&LS_logx=d&LS_session=S1&",
            ),
            [SendLog(session="S1", lines=("a", "b b", "c"))],
        )
        self.assertEqual(parse_http("send_log", b"", b"\n"), [SendLog()])


class WebSocketTests(SynchronousTestCase):
    def error(self, payload: bytes) -> tuple[int, str, str | None]:
        (error,) = parse_websocket(payload)
        assert isinstance(error, RequestError), error
        return error.code, error.text, error.req_id

    def test_wsok(self) -> None:
        for payload in (b"wsok", b"wsok\r\n", b"wsok\n"):
            self.assertEqual(parse_websocket(payload), [WsOk()])

    def test_heartbeat(self) -> None:
        """Every form seen on the wire."""
        for payload in (b"heartbeat\r\n\r\n", b"heartbeat\r\n", b"heartbeat\r\n\n", b"heartbeat"):
            self.assertEqual(parse_websocket(payload), [Heartbeat()])
        self.assertEqual(parse_websocket(b"heartbeat\r\nLS_session=S1\r\n"), [Heartbeat(session="S1")])

    def test_unknown_name(self) -> None:
        for payload in (b"", b"\r\n", b"bogus\r\nLS_reqId=1", b"control.txt\r\n", b"\xff\xfe"):
            self.assertEqual(self.error(payload), (67, "Malformed request: unknown request", None))

    def test_no_line(self) -> None:
        for payload in (b"control", b"control\r\n", b"msg\r\n\r\n"):
            self.assertEqual(self.error(payload), (67, "Malformed request", None))

    def test_batch(self) -> None:
        self.assertEqual(
            parse_websocket(
                b"msg\r\nLS_reqId=1&LS_message=a&LS_msg_prog=1\r\nLS_reqId=2&LS_message=b&LS_msg_prog=2\r\n"
            ),
            [Message(req_id="1", message="a", progressive=1), Message(req_id="2", message="b", progressive=2)],
        )

    def test_line_feeds(self) -> None:
        """One client ends its lines with LF alone."""
        self.assertEqual(parse_websocket(b"control\nLS_reqId=1&LS_op=constrain\n"), [Constrain(req_id="1")])

    def test_creation(self) -> None:
        self.assertEqual(parse_websocket(b"create_session\r\nLS_user=u"), [CreateSession(user="u")])
        self.assertEqual(parse_websocket(b"create_session\r\n\r\n"), [CreateSession()])

    @given(st.sampled_from([*NAMES, "wsok", ""]), st.binary())
    def test_any_bytes(self, name: str, rest: bytes) -> None:
        """Whatever comes is answered by something."""
        self.assertTrue(parse_websocket(name.encode() + b"\r\n" + rest))
        self.assertTrue(parse_websocket(name.encode() + b"\r\nLS_unq=" + rest))
        if name in NAMES:
            self.assertTrue(parse_http(name, rest, rest))
            self.assertTrue(parse_http(name, rest, None))

    @given(st.lists(st.text(), min_size=1))
    def test_encoded_messages(self, texts: list[str]) -> None:
        lines = [format_line({"LS_reqId": str(number), "LS_message": text}) for number, text in enumerate(texts)]
        self.assertEqual(
            parse_websocket(b"msg\r\n" + b"\r\n".join(lines)),
            [Message(req_id=str(number), message=text, outcome=False) for number, text in enumerate(texts)],
        )


def counted(text: str, req_id: str = "5") -> bytes:
    line = f"LS_reqId={req_id}&LS_outcome=false&LS_message={text}"
    return f"LS_unq={len(line.encode('utf-16-le')) // 2}&{line}".encode()


def message(text: str, req_id: str = "5") -> Request:
    return Message(req_id=req_id, message=text, outcome=False)


class CountedLineTests(SynchronousTestCase):
    """Lines that say how long they are, with a message that is not encoded."""

    def test_verbatim(self) -> None:
        for text in ("", "a & b=c%", "100%25+1", "a\r\nb\n", "é漢", "\U0001f600&LS_message=x\r\nLS_unq=3&", "LS_unq="):
            self.assertEqual(parse_websocket(b"msg\r\n" + counted(text)), [message(text)])
            self.assertEqual(parse_websocket(b"msg\r\n" + counted(text) + b"\r\n"), [message(text)])

    def test_batch(self) -> None:
        """After one line comes the next, counted or not."""
        self.assertEqual(
            parse_websocket(
                b"msg\r\n"
                + counted("a\r\n\U0001f600", "1")
                + b"\r\n"
                + counted("b", "2")
                + b"\nLS_reqId=3&LS_message=x+y&LS_outcome=false\r\n"
                + counted("%", "4")
                + b"\r\n\r\n"
            ),
            [message("a\r\n\U0001f600", "1"), message("b", "2"), message("x y", "3"), message("%", "4")],
        )

    def test_no_line_end(self) -> None:
        """The line end is optional where the length tells."""
        self.assertEqual(
            parse_websocket(b"msg\r\n" + counted("a", "1") + counted("b", "2")), [message("a", "1"), message("b", "2")]
        )

    def test_empty_line_between(self) -> None:
        requests = parse_websocket(b"msg\r\n" + counted("a", "1") + b"\r\n\r\n" + counted("b", "2"))
        self.assertEqual((requests[0], requests[2]), (message("a", "1"), message("b", "2")))
        self.assertIsInstance(requests[1], RequestError)

    def test_without_message(self) -> None:
        """Other parameters are decoded as ever."""
        self.assertEqual(
            parse_websocket(b"control\r\nLS_unq=29&LS_reqId=%31&LS_op=constrain&\r\n"), [Constrain(req_id="1")]
        )

    def test_message_first(self) -> None:
        self.assertEqual(
            parse_websocket(b"create_session\r\n\r\nLS_unq=14&LS_message=a&b"),
            [CreateSession(combo=(Message(message="a&b", outcome=False),))],
        )

    def test_name_inside_another(self) -> None:
        """Only a whole name starts the message."""
        self.assertEqual(
            parse_websocket(b"msg\r\nLS_unq=46&LS_reqId=5&XLS_message=%41&LS_message=%&LS_x=1"), [message("%&LS_x=1")]
        )

    def test_bad_count(self) -> None:
        """Longer than the text, or the end amid a character: told, with the identifier."""
        line = "LS_reqId=5&LS_message=\U0001f600"
        units = len(line) + 1
        for count in (units - 1, units + 1, 999999999):
            (error,) = parse_websocket(f"msg\r\nLS_unq={count}&{line}".encode())
            assert isinstance(error, RequestError)
            self.assertEqual(
                (error.code, error.text, error.req_id), (67, "Malformed request: not as long as LS_unq says", "5")
            )
        (error,) = parse_websocket(b"msg\r\nLS_unq=99&LS_reqId=5&LS_message=x")
        assert isinstance(error, RequestError)
        self.assertEqual(error.req_id, "5")

    def test_no_count(self) -> None:
        """A count that is none is a parameter like any unknown one."""
        for line in (
            b"LS_unq=x&LS_reqId=5&LS_message=%41",
            b"LS_unq=&LS_reqId=5&LS_message=A",
            b"LS_reqId=5&LS_message=A&LS_unq=9",
        ):
            self.assertEqual(parse_websocket(b"msg\r\n" + line), [message("A")])

    def test_not_utf8(self) -> None:
        (error,) = parse_websocket(b"msg\r\nLS_unq=23&LS_reqId=5&LS_message=\xff")
        assert isinstance(error, RequestError)
        self.assertEqual((error.code, error.text, error.req_id), (67, "Malformed request: not valid UTF-8", "5"))

    @given(st.lists(st.text() | st.text(alphabet="&=%+\r\n\U0001f600é"), min_size=1))
    def test_round_trip(self, texts: list[str]) -> None:
        lines = [counted(text, str(number)) for number, text in enumerate(texts)]
        self.assertEqual(
            parse_websocket(b"msg\r\n" + b"\r\n".join(lines)),
            [message(text, str(number)) for number, text in enumerate(texts)],
        )
