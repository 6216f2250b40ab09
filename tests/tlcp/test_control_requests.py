"""Lines of control and msg."""

import math

from twisted.trial.unittest import SynchronousTestCase

from lsserver.tlcp.lines import parse_line
from lsserver.tlcp.parsing import parse_http, parse_websocket
from lsserver.tlcp.requests import (
    Constrain,
    Destroy,
    ForceRebind,
    Message,
    Mode,
    PushRequest,
    Reconfigure,
    Request,
    RequestError,
    Subscribe,
    Unsubscribe,
)

ADD = "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=g&LS_schema=s"


class RequestTestCase(SynchronousTestCase):
    """Lines in, requests out."""

    name = "control"

    def parse(self, line: str) -> Request | RequestError:
        (request,) = parse_websocket(f"{self.name}\r\n{line}".encode())
        return request

    def accepted(self, line: str, request: Request) -> None:
        self.assertEqual(self.parse(line), request)

    def refused(self, line: str, code: int, text: str, req_id: str | None = "1") -> None:
        error = self.parse(line)
        assert isinstance(error, RequestError), error
        self.assertEqual((error.code, error.text, error.req_id), (code, text, req_id))


class CommonTests(RequestTestCase):
    def test_request_id(self) -> None:
        """Opaque, echoed as it is; without one there is nothing to echo."""
        for req_id in ("1", "s1", "destroy", "M4"):
            self.accepted(f"LS_reqId={req_id}&LS_op=constrain", Constrain(req_id=req_id))
        for line in ("LS_op=constrain", "LS_reqId=&LS_op=constrain", "LS_reqId=%FF&LS_op=constrain", ""):
            self.refused(line, 67, "Malformed request", None)

    def test_session(self) -> None:
        self.accepted("LS_reqId=1&LS_op=constrain&LS_session=S1", Constrain(req_id="1", session="S1"))

    def test_acknowledgement(self) -> None:
        """Of any operation."""
        self.accepted("LS_reqId=1&LS_op=constrain&LS_ack=false", Constrain(req_id="1", ack=False))
        self.accepted("LS_reqId=1&LS_op=constrain&LS_ack=true", Constrain(req_id="1", ack=True))

    def test_operation(self) -> None:
        self.refused("LS_reqId=1", 67, "Malformed request: LS_op is missing")
        for operation in ("", "ADD", "subscribe"):
            self.refused(f"LS_reqId=1&LS_op={operation}", 67, "Malformed request: unknown LS_op")

    def test_not_utf8(self) -> None:
        """The identifier is readable, so it is told which request it was."""
        self.refused("LS_reqId=1&LS_op=constrain&LS_cause=%C3", 67, "Malformed request: not valid UTF-8")

    def test_unknown_parameters(self) -> None:
        self.accepted("LS_reqId=1&LS_op=constrain&LS_cause=api&LS_phase=3&foo=bar", Constrain(req_id="1"))


class SubscribeTests(RequestTestCase):
    def add(self, parameters: str) -> Subscribe:
        request = self.parse(f"{ADD}&{parameters}")
        assert isinstance(request, Subscribe), request
        return request

    def test_defaults(self) -> None:
        self.accepted(ADD, Subscribe(req_id="1", sub_id=1, mode=Mode.MERGE, group="g", schema="s"))

    def test_everything(self) -> None:
        self.accepted(
            "LS_reqId=1&LS_op=add&LS_subId=7&LS_mode=DISTINCT&LS_group=a%20b&LS_schema=f+g&LS_data_adapter=Q&"
            "LS_selector=x&LS_snapshot=10&LS_requested_max_frequency=20.1&LS_requested_buffer_size=5&LS_ack=false&"
            "LS_session=S1&LS_start=1&LS_end=2",
            Subscribe(
                session="S1",
                req_id="1",
                ack=False,
                sub_id=7,
                mode=Mode.DISTINCT,
                group="a b",
                schema="f g",
                data_adapter="Q",
                selector="x",
                snapshot=True,
                snapshot_length=10,
                requested_max_frequency=20.1,
                requested_buffer_size=5,
            ),
        )

    def test_required(self) -> None:
        pieces = ADD.split("&")
        for missing in pieces[2:]:
            name = missing.partition("=")[0]
            self.refused(
                "&".join([piece for piece in pieces if piece != missing]), 67, f"Malformed request: {name} is missing"
            )

    def test_subscription_id(self) -> None:
        for value in ("x", "0", "-1", "", "1.5"):
            self.refused(f"{ADD}&LS_subId={value}", 65, "Invalid value of LS_subId")

    def test_mode(self) -> None:
        for mode in Mode:
            self.assertIs(self.add(f"LS_mode={mode.value}").mode, mode)
        for value in ("", "merge", "BOGUS"):
            self.refused(f"{ADD}&LS_mode={value}", 65, "Invalid value of LS_mode")

    def test_for_the_adapters(self) -> None:
        """What adapters judge goes to them, even empty: their refusals are not fatal to clients."""
        request = self.add("LS_group=&LS_schema=&LS_data_adapter=&LS_selector=")
        self.assertEqual((request.group, request.schema, request.data_adapter, request.selector), ("", "", "", ""))

    def test_snapshot(self) -> None:
        for mode, value, expected in (
            ("MERGE", "true", (True, None)),
            ("MERGE", "True", (True, None)),
            ("MERGE", "false", (False, None)),
            ("MERGE", "none", (False, None)),
            ("MERGE", "-1", (False, None)),
            ("MERGE", "5", (True, None)),
            ("COMMAND", "5", (True, None)),
            ("COMMAND", "0", (False, None)),
            ("DISTINCT", "true", (True, None)),
            ("DISTINCT", "5", (True, 5)),
            ("DISTINCT", "0", (False, None)),
            ("RAW", "true", (False, None)),
            ("RAW", "5x", (False, None)),
        ):
            request = self.add(f"LS_mode={mode}&LS_snapshot={value}")
            self.assertEqual((request.snapshot, request.snapshot_length), expected, (mode, value))
        self.refused(f"{ADD}&LS_snapshot=5x", 65, "Invalid value of LS_snapshot")

    def test_frequency(self) -> None:
        for value, expected in (
            ("2", (2.0, False)),
            ("2.0", (2.0, False)),
            ("unlimited", (math.inf, False)),
            ("unfiltered", (math.inf, True)),
            ("Unfiltered", (math.inf, True)),
        ):
            for mode in ("MERGE", "DISTINCT", "COMMAND"):
                request = self.add(f"LS_mode={mode}&LS_requested_max_frequency={value}")
                self.assertEqual((request.requested_max_frequency, request.unfiltered), expected)
        for value in ("0", "-1", "x", ""):
            self.refused(f"{ADD}&LS_requested_max_frequency={value}", 65, "Invalid value of LS_requested_max_frequency")

    def test_frequency_of_raw(self) -> None:
        """There is nothing to choose."""
        for value in ("2", "unfiltered", "x"):
            request = self.add(f"LS_mode=RAW&LS_requested_max_frequency={value}")
            self.assertEqual((request.requested_max_frequency, request.unfiltered), (math.inf, False))

    def test_buffer_size(self) -> None:
        for mode in ("MERGE", "DISTINCT"):
            self.assertEqual(self.add(f"LS_mode={mode}&LS_requested_buffer_size=3").requested_buffer_size, 3)
            self.assertEqual(
                self.add(f"LS_mode={mode}&LS_requested_buffer_size=unlimited").requested_buffer_size, math.inf
            )
            self.assertIsNone(self.add(f"LS_mode={mode}").requested_buffer_size)
        for value in ("0", "x", "1.5"):
            self.refused(f"{ADD}&LS_requested_buffer_size={value}", 65, "Invalid value of LS_requested_buffer_size")

    def test_buffer_size_ignored(self) -> None:
        """In the other modes, and where nothing may be dropped."""
        for other in ("LS_mode=RAW", "LS_mode=COMMAND", "LS_requested_max_frequency=unfiltered"):
            self.assertIsNone(self.add(f"{other}&LS_requested_buffer_size=x").requested_buffer_size)


class OperationTests(RequestTestCase):
    def test_delete(self) -> None:
        self.accepted(
            "LS_reqId=3&LS_subId=1&LS_op=delete&LS_ack=false&LS_cause=zombie",
            Unsubscribe(req_id="3", sub_id=1, ack=False),
        )
        self.refused("LS_reqId=1&LS_op=delete", 67, "Malformed request: LS_subId is missing")
        self.refused("LS_reqId=1&LS_op=delete&LS_subId=x", 65, "Invalid value of LS_subId")

    def test_reconf(self) -> None:
        line = "LS_reqId=2&LS_subId=1&LS_op=reconf"
        name = "LS_requested_max_frequency"
        self.accepted(line, Reconfigure(req_id="2", sub_id=1))
        self.accepted(f"{line}&{name}=2.5", Reconfigure(req_id="2", sub_id=1, requested_max_frequency=2.5))
        self.accepted(f"{line}&{name}=unlimited", Reconfigure(req_id="2", sub_id=1, requested_max_frequency=math.inf))
        for value in ("unfiltered", "x", "0"):
            self.refused(f"{line}&{name}={value}", 65, f"Invalid value of {name}", "2")
        self.refused("LS_reqId=1&LS_op=reconf", 67, "Malformed request: LS_subId is missing")

    def test_constrain(self) -> None:
        line = "LS_reqId=5&LS_op=constrain"
        name = "LS_requested_max_bandwidth"
        self.accepted(line, Constrain(req_id="5"))
        self.accepted(f"{line}&{name}=40.5", Constrain(req_id="5", requested_max_bandwidth=40.5))
        self.accepted(f"{line}&{name}=unlimited", Constrain(req_id="5", requested_max_bandwidth=math.inf))
        self.refused(f"{line}&{name}=0", 65, f"Invalid value of {name}", "5")

    def test_force_rebind(self) -> None:
        self.accepted("LS_reqId=7&LS_op=force_rebind", ForceRebind(req_id="7"))
        self.accepted(
            "LS_reqId=7&LS_op=force_rebind&LS_polling_millis=100&LS_close_socket=true&LS_cause=api",
            ForceRebind(req_id="7", polling_millis=100, close_socket=True),
        )
        self.refused("LS_reqId=1&LS_op=force_rebind&LS_polling_millis=x", 65, "Invalid value of LS_polling_millis")

    def test_destroy(self) -> None:
        line = "LS_reqId=8&LS_op=destroy"
        self.accepted(line, Destroy(req_id="8"))
        self.accepted(f"{line}&LS_close_socket=true", Destroy(req_id="8", close_socket=True))
        self.accepted(
            f"{line}&LS_cause_code=-5&LS_cause_message=bye", Destroy(req_id="8", cause_code=-5, cause_message="bye")
        )

    def test_destroy_cause(self) -> None:
        """Codes are zero or below; a code without a text has the text null; a text without code is nothing."""
        line = "LS_reqId=8&LS_op=destroy"
        self.accepted(f"{line}&LS_cause_code=7", Destroy(req_id="8", cause_code=0, cause_message="null"))
        self.accepted(f"{line}&LS_cause_code=0&LS_cause_message=", Destroy(req_id="8", cause_code=0, cause_message=""))
        self.accepted(f"{line}&LS_cause_message=bye", Destroy(req_id="8"))
        self.refused(f"{line}&LS_cause_code=x", 65, "Invalid value of LS_cause_code", "8")

    def test_push(self) -> None:
        """Every operation of mobile push is recognised."""
        for operation in ("register", "reset_badge", "activate", "pn_reconf", "deactivate"):
            self.accepted(
                f"LS_reqId=1&LS_op={operation}&PN_deviceId=x&LS_subId=3", PushRequest(req_id="1", operation=operation)
            )


class MessageTests(RequestTestCase):
    name = "msg"

    def test_kinds(self) -> None:
        """The combinations that clients send."""
        for line, message in (
            (
                "LS_reqId=1&LS_message=foo&LS_sequence=seq&LS_msg_prog=1&LS_max_wait=1000",
                Message(req_id="1", message="foo", sequence="seq", progressive=1, max_wait_millis=1000),
            ),
            (
                "LS_reqId=1&LS_message=foo&LS_outcome=false&LS_sequence=seq&LS_msg_prog=1",
                Message(req_id="1", message="foo", sequence="seq", progressive=1, outcome=False),
            ),
            ("LS_reqId=2&LS_message=foo&LS_msg_prog=1", Message(req_id="2", message="foo", progressive=1)),
            (
                "LS_reqId=3&LS_message=foo&LS_outcome=false&LS_ack=false",
                Message(req_id="3", message="foo", outcome=False, ack=False),
            ),
        ):
            self.accepted(line, message)

    def test_message(self) -> None:
        self.accepted("LS_reqId=1&LS_message=&LS_msg_prog=1", Message(req_id="1", message="", progressive=1))
        self.refused("LS_reqId=1", 67, "Malformed request: LS_message is missing")
        self.refused("LS_message=x", 67, "Malformed request", None)

    def test_sequence(self) -> None:
        for sequence in ("", "a-b", "a b", "é", "UNORDERED_MESSAGES"):
            self.refused(
                f"LS_reqId=1&LS_message=x&LS_msg_prog=1&LS_sequence={sequence}", 65, "Invalid value of LS_sequence"
            )
        self.accepted(
            "LS_reqId=1&LS_message=x&LS_msg_prog=1&LS_sequence=aZ_09",
            Message(req_id="1", message="x", sequence="aZ_09", progressive=1),
        )

    def test_progressive(self) -> None:
        for value in ("0", "-1", "x", "", "2147483648"):
            self.refused(f"LS_reqId=1&LS_message=x&LS_msg_prog={value}", 65, "Invalid value of LS_msg_prog")
        self.accepted(
            "LS_reqId=1&LS_message=x&LS_msg_prog=2147483647", Message(req_id="1", message="x", progressive=2**31 - 1)
        )

    def test_missing_progressive(self) -> None:
        """Needed in a sequence; elsewhere it only means that no outcome can be told."""
        self.refused("LS_reqId=1&LS_message=x&LS_sequence=s", 67, "Malformed request: LS_msg_prog is missing")
        self.accepted("LS_reqId=1&LS_message=x", Message(req_id="1", message="x", outcome=False))

    def test_max_wait(self) -> None:
        """Means nothing without a sequence."""
        line = "LS_reqId=1&LS_message=x&LS_msg_prog=1"
        self.accepted(f"{line}&LS_max_wait=x", Message(req_id="1", message="x", progressive=1))
        self.refused(f"{line}&LS_sequence=s&LS_max_wait=x", 65, "Invalid value of LS_max_wait")


class BatchTests(SynchronousTestCase):
    def test_one_answer_a_line(self) -> None:
        """A bad line does not touch its neighbours."""
        requests = parse_http(
            "control",
            b"LS_protocol=TLCP-2.5.0&LS_session=S1",
            b"LS_reqId=1&LS_op=delete&LS_subId=1\r\n"
            b"LS_reqId=2&LS_op=bogus\r\n"
            b"\r\n"
            b"LS_reqId=3&LS_op=delete&LS_subId=2&LS_session=S2\r\n",
        )
        self.assertEqual(requests[0], Unsubscribe(req_id="1", session="S1", sub_id=1))
        self.assertEqual(requests[3], Unsubscribe(req_id="3", session="S2", sub_id=2))
        self.assertEqual(
            [(error.code, error.req_id) for error in requests[1:3] if isinstance(error, RequestError)],
            [(67, "2"), (67, None)],
        )

    def test_lines_of_clients_decode_alike(self) -> None:
        """The same request in the encodings of four clients."""
        encodings = (
            "LS_reqId=1&LS_message=a%20%2B%20b%26c%C3%A9",
            "LS_reqId=1&LS_message=a %2B b%26cé&",
            "LS_reqId=1&LS_message=a+%2B+b%26c%C3%A9&",
            "LS_reqId=1&LS_message=a%20%2b%20b%26cé",
        )
        for line in encodings:
            self.assertEqual(parse_line(line.encode())["LS_message"], "a + b&cé")
