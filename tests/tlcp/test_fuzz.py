"""Whatever a client sends is understood or answered, and costs no more than its length."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.tlcp.parsing import parse_http, parse_websocket, query_version
from lsserver.tlcp.requests import Request, RequestError

NAMES = ("create_session", "bind_session", "control", "msg", "heartbeat", "send_log")

PARAMETERS = (
    *("LS_adapter_set", "LS_cid", "LS_user", "LS_password", "LS_old_session", "LS_polling"),
    *("LS_polling_millis", "LS_idle_millis", "LS_content_length", "LS_requested_max_bandwidth"),
    *("LS_supported_diffs", "LS_send_sync", "LS_reduce_head", "LS_inactivity_millis"),
    *("LS_keepalive_millis", "LS_ttl_millis", "LS_session", "LS_recovery_from", "LS_reqId", "LS_op"),
    *("LS_subId", "LS_mode", "LS_group", "LS_schema", "LS_data_adapter", "LS_selector"),
    *("LS_requested_max_frequency", "LS_requested_buffer_size", "LS_snapshot", "LS_ack", "LS_message"),
    *("LS_sequence", "LS_msg_prog", "LS_max_wait", "LS_outcome", "LS_unq", "LS_close_socket"),
    *("LS_cause_code", "LS_cause_message", "LS_log1", "LS_protocol", "PN_type", "x"),
)

VALUES = (
    *("", "add", "delete", "reconf", "constrain", "force_rebind", "destroy", "activate", "MERGE", "COMMAND", "RAW"),
    *("DISTINCT", "unlimited", "unfiltered", "true", "false", "TRUE", "0", "1", "-1", "1.5", "1e3", "1e999", "nan"),
    *("inf", "0x1", "9" * 18, "9" * 19, "9" * 400, "%", "%4", "%41", "%ff", "%00", "+", "é", "a b", "\u2028", "*"),
)

parameter = st.one_of(
    st.builds("{}={}".format, st.sampled_from(PARAMETERS), st.one_of(st.sampled_from(VALUES), st.text(max_size=9))).map(
        lambda text: text.encode("utf-8", "surrogatepass")
    ),
    st.integers(0, 99).map(lambda count: b"LS_unq=%d" % count),
    st.binary(max_size=9),
)
line = st.lists(parameter, max_size=7).map(b"&".join)
body = st.builds(
    lambda lines, ends: b"".join(part for pair in zip(lines, ends, strict=False) for part in pair),
    st.lists(line, max_size=4),
    st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b"\n\n", b""]), min_size=4, max_size=4),
)


class Anything(SynchronousTestCase):
    def understood(self, requests: list[Request | RequestError], least: int = 1) -> None:
        self.assertGreaterEqual(len(requests), least)
        for request in requests:
            self.assertIsInstance(request, Request | RequestError)
            if isinstance(request, RequestError):
                # All that a client is told of it is text of ours.
                self.assertTrue(request.text.isprintable())

    @given(st.sampled_from(NAMES), st.one_of(line, st.binary()), st.one_of(st.none(), body, st.binary()))
    def test_http(self, name: str, query: bytes, sent: bytes | None) -> None:
        self.understood(parse_http(name, query, sent))
        query_version(query)

    @given(st.one_of(st.sampled_from(NAMES + ("wsok", "none")), st.text(max_size=9)), st.one_of(body, st.binary()))
    @example("msg", b"LS_unq=0&")
    @example("msg", b"LS_unq=1&\xff")
    @example("msg", "LS_unq=1&\U0001f600".encode())
    @example("msg", b"LS_unq=999999999&")
    def test_websocket(self, name: str, sent: bytes) -> None:
        payload = name.encode("utf-8", "surrogatepass")
        # Messages of nothing but line ends with counted lines among them ask for nothing.
        self.understood(parse_websocket(payload + b"\r\n" + sent), 0)
        self.understood(parse_websocket(payload), 1)


SHAPES: dict[str, Callable[[int], bytes]] = {
    # The first three took two and a half seconds for 50 kB, and four times as much for twice that.
    "line ends behind a counted line": lambda n: b"msg\r\nLS_unq=0&" + b"\n" * n,
    "line ends before a counted line": lambda n: b"msg\r\n" + b"\n" * n + b"LS_unq=0&",
    "the other line ends": lambda n: b"msg\r\n" + b"\r\n" * (n // 2) + b"LS_unq=0&",
    "counted lines": lambda n: b"msg\r\n" + b"LS_unq=0&\n" * (n // 10),
    "counted characters": lambda n: b"msg\r\n" + b"LS_unq=1&\xc3\xa9\n" * (n // 12),
    "counted bytes that are none": lambda n: b"msg\r\n" + b"LS_unq=1&\xff\n" * (n // 11),
    "a counted line of messages": lambda n: b"msg\r\nLS_unq=%d&" % n + b"&LS_message=" * (n // 12),
    "lines": lambda n: b"control\r\n" + b"a\n" * (n // 2),
    "ampersands": lambda n: b"control\r\n" + b"&" * n,
    "parameters": lambda n: b"control\r\n" + b"&".join(b"%x=1" % number for number in range(n // 6)),
    "percent signs": lambda n: b"control\r\nLS_op=" + b"%" * n,
    "bad bytes": lambda n: b"control\r\nLS_op=" + b"%ff" * (n // 3),
    "digits": lambda n: b"control\r\nLS_reqId=1&LS_op=add&LS_subId=" + b"9" * n,
    "a log": lambda n: b"send_log\r\n" + b"&".join(b"LS_log%d=1" % number for number in range(n // 10)),
    "a combo": lambda n: b"create_session\r\nLS_adapter_set=x\r\n" + b"LS_op=add&LS_subId=1\r\n" * (n // 22),
}


class Costs(SynchronousTestCase):
    """
    Sixteen times the length takes about sixteen times the work, not 256 times. The work is the CPU time of
    this thread, of which other processes take nothing; the bound is as far from one as from the other.
    """

    def work(self, parse: Callable[[], object]) -> float:
        taken = []
        for _ in range(3):
            begin = time.thread_time()
            parse()
            taken.append(time.thread_time() - begin)
        return min(taken)

    def memory(self, parse: Callable[[], object]) -> int:
        """Bytes at the most."""
        tracemalloc.start()
        try:
            kept = parse()
            del kept
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def ways(self, payload: bytes) -> dict[str, Callable[[], object]]:
        """All that understands what clients send."""
        name, _, rest = payload.partition(b"\r\n")
        return {
            "a message of a WebSocket": lambda: parse_websocket(payload),
            "a body": lambda: parse_http(name.decode(), b"", rest),
            "a query": lambda: (parse_http(name.decode(), rest, b""), query_version(rest)),
        }

    def test_time(self) -> None:
        for name, shape in SHAPES.items():
            short, long = self.ways(shape(5_000)), self.ways(shape(80_000))
            for way in short:
                self.assertLess(self.work(long[way]), 64 * self.work(short[way]) + 0.005, f"{name} in {way}")

    def test_memory(self) -> None:
        for name, shape in SHAPES.items():
            payload = shape(50_000)
            for way, parse in self.ways(payload).items():
                self.assertLess(self.memory(parse), 250 * len(payload), f"{name} in {way}")
