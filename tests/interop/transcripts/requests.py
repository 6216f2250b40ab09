"""Session control, batches, messages, errors, combos: tlcp.md 11.9 to 11.13."""

from __future__ import annotations

from tests.interop.transcripts.play import (
    CID,
    CREATED,
    HTTP_CREATE,
    RECOVERY,
    SENSED,
    WS_CREATE,
    bound,
    created,
    transcript,
)
from tests.interop.wire import Conversation


@transcript
def t09_session_control(c: Conversation) -> None:
    ws = created(c)
    c.send(ws, "control", "LS_reqId=5&LS_op=constrain&LS_requested_max_bandwidth=40.5")
    c.see(ws, "REQOK,5", "CONS,40.5")
    c.send(ws, "control", "LS_reqId=6&LS_op=constrain&LS_requested_max_bandwidth=unlimited")
    c.see(ws, "REQOK,6", "CONS,unlimited")
    c.send(ws, "control", "LS_reqId=7&LS_op=force_rebind&LS_close_socket=true&LS_cause=api")
    c.see(ws, "REQOK,7", "LOOP,0")
    c.ended(ws)
    assert ws.closed == 1000, ws.closed
    ws = bound(c)
    c.send(ws, "heartbeat", "", "")
    c.send(ws, "heartbeat", "", end="\n")
    c.send(ws, "heartbeat", "")
    c.nothing(ws, 70)
    c.send(ws, "control", "LS_reqId=8&LS_op=destroy&LS_cause_code=-5&LS_cause_message=bye")
    c.see(ws, "REQOK,8", "END,-5,bye")
    for number, (destroy, end) in enumerate(
        (("LS_op=destroy&LS_cause_code=7", "END,0,null"), ("LS_op=destroy", "END,31,Destroy invoked by client"))
    ):
        c.session = ""
        c.send(ws, "create_session", WS_CREATE)
        c.see(ws, *CREATED)
        c.send(ws, "control", f"LS_reqId={number}&{destroy}")
        c.see(ws, f"REQOK,{number}", end)
    assert c.ask("heartbeat.txt?LS_session=nope", end="\r\n") == ["REQOK"]


@transcript
def t10_batches(c: Conversation) -> None:
    c.see(c.post("create_session.txt", HTTP_CREATE), *SENSED)
    answer = c.ask(
        "control.txt?LS_session=S1",
        "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=a&LS_schema=f",
        "LS_reqId=2&LS_op=add&LS_subId=2&LS_mode=MERGE&LS_group=b&LS_schema=f",
        "LS_reqId=3&LS_op=delete&LS_subId=9",
    )
    assert answer == ["REQOK,1", "REQOK,2", "REQERR,3,19,Specified subscription not found"], answer
    java = "LS_reqId=1&LS_op=add&LS_subId=3&LS_mode=MERGE&LS_group=a b&LS_schema=f g&LS_session=S1&"
    assert c.ask("control.txt", java, end="\r\n") == ["REQOK,1"]
    poll = c.ask("bind_session.txt", f"LS_session=S1&{RECOVERY}")
    subscribed = [line for line in poll if line.startswith(("SUBOK", "CONF"))]
    assert subscribed == [
        "SUBOK,1,1,1", "CONF,1,unlimited,filtered", "SUBOK,2,1,1", "CONF,2,unlimited,filtered",
        "SUBOK,3,2,2", "CONF,3,unlimited,filtered",
    ], poll  # fmt: skip
    assert poll[-1] == "LOOP,0", poll


@transcript
def t11_messages(c: Conversation) -> None:
    _answers(c, "t11")
    ws = created(c)
    c.send(ws, "msg", "LS_reqId=1&LS_message=t11foo&LS_sequence=seq&LS_msg_prog=1")
    c.see(ws, "REQOK,1", "MSGDONE,seq,1,")
    c.send(ws, "msg", "LS_reqId=2&LS_message=t11foo&LS_msg_prog=1")
    c.see(ws, "REQOK,2", "MSGDONE,*,1,ok%2C id 7")
    c.send(ws, "msg", "LS_reqId=3&LS_message=t11foo&LS_outcome=false&LS_ack=false")
    c.nothing(ws, 33)
    c.send(ws, "msg", "LS_reqId=4&LS_message=t11c&LS_sequence=seq&LS_msg_prog=4&LS_max_wait=1000")
    c.see(ws, "REQOK,4", "MSGFAIL,seq,3,39,2", "MSGDONE,seq,4,")
    c.send(ws, "msg", "LS_reqId=5&LS_message=late&LS_sequence=seq&LS_msg_prog=2")
    c.see(ws, "REQERR,5,32,Message progressive number too low")
    c.send(ws, "msg", "LS_reqId=6&LS_message=t11x&LS_sequence=seq&LS_msg_prog=5")
    c.see(ws, "REQOK,6", "MSGFAIL,seq,5,-3,Not allowed%2C sorry")
    c.send(
        ws,
        "msg",
        "LS_reqId=7&LS_message=t11c&LS_sequence=seq&LS_msg_prog=7&LS_max_wait=500",
        "LS_reqId=8&LS_message=t11c&LS_sequence=seq&LS_msg_prog=8",
    )
    c.see(ws, "REQOK,7", "REQOK,8")
    c.see(ws, "MSGFAIL,seq,6,38,The specified progressive number has been skipped by timeout")
    c.see(ws, "MSGDONE,seq,7,", "MSGDONE,seq,8,")


def _answers(c: Conversation, name: str) -> None:
    c.adapter("answer", text=f"{name}foo", answers=["ok", "ok:ok, id 7"])
    c.adapter("answer", text=f"{name}c", answers=["ok"])
    c.adapter("answer", text=f"{name}x", answers=["deny:-3:Not allowed, sorry"])


@transcript
def t11_messages_before_2_5(c: Conversation) -> None:
    _answers(c, "old")
    ws = created(c, version="2.1.0")
    c.send(ws, "msg", "LS_reqId=1&LS_message=oldfoo&LS_sequence=seq&LS_msg_prog=1")
    c.see(ws, "REQOK,1", "MSGDONE,seq,1")
    c.send(ws, "msg", "LS_reqId=2&LS_message=oldfoo&LS_msg_prog=1")
    c.see(ws, "REQOK,2", "MSGDONE,*,1")
    c.send(ws, "msg", "LS_reqId=3&LS_message=fail&LS_sequence=seq&LS_msg_prog=2")
    lines = [c.line(ws), c.line(ws)]
    assert lines[0] == "REQOK,3" and lines[1].startswith("MSGFAIL,seq,2,35,") and lines[1].count(",") == 4, lines


@transcript
def t12_errors(c: Conversation) -> None:
    def create(parameters: str, version: str = "2.5.0") -> list[str]:
        return c.ask("create_session.txt", f"{CID}&{parameters}", version=version)

    assert create("LS_adapter_set=NONE") == ["CONERR,2,Requested Adapter Set not available"]
    assert create("LS_adapter_set=TEST&LS_user=denied") == ["CONERR,1,User/password check failed"]
    assert create("LS_adapter_set=TEST", "2.9.0") == ["CONERR,65,Unsupported protocol version: 2.9.0"]
    assert c.ask("bind_session.txt", "LS_session=Snone") == ["CONERR,20,Session not found"]
    assert c.ask("control.txt", "LS_session=Snone&LS_reqId=4&LS_op=destroy") == ["REQERR,4,20,Session not found"]
    assert c.ask("control.txt", "LS_session=Snone&LS_op=destroy") == ["ERROR,67,Malformed request"]
    for reserved in c.ask(
        "msg.txt", "LS_session=Snone&LS_reqId=9&LS_message=x&LS_sequence=UNORDERED_MESSAGES&LS_msg_prog=1"
    ):
        assert reserved.startswith("REQERR,9,"), reserved
    ws = c.websocket("2.9.0")
    c.send(ws, "wsok")
    c.send(ws, "create_session", WS_CREATE)
    c.see(ws, "WSOK", "CONERR,65,Unsupported protocol version: 2.9.0")
    ws = created(c)
    c.send(ws, "bind_session", "LS_session=S1")
    assert c.line(ws).startswith("CONERR,69,")
    c.send(ws, "control", "LS_reqId=4&LS_op=add&LS_subId=1&LS_mode=DISTINCT&LS_group=item1&LS_schema=f")
    c.see(ws, "REQERR,4,24,Invalid mode for these items")
    c.send(ws, "control", "LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=item1&LS_schema=f")
    c.see(ws, "ERROR,67,Malformed request")


@transcript
def t13_combo(c: Conversation) -> None:
    add = "LS_op=add&LS_subId={0}&LS_group=item{0}&LS_schema=last_price&LS_data_adapter=QUOTES&LS_mode={1}"
    head = f"LS_user=&LS_adapter_set=DEMO&{CID}"
    subscribed = ("SUBOK,1,1,1", "CONF,1,unlimited,filtered", "SUBOK,2,1,1", "CONF,2,unlimited,filtered")
    ws = c.websocket()
    c.send(ws, "create_session", head, add.format(1, "MERGE"), add.format(2, "MERGE"))
    c.see(ws, *CREATED, *subscribed)
    c.data("publish", "DEMO", adapter="QUOTES", item="item2", events=[{"last_price": "1"}])
    c.see(ws, "U,2,1,1")
    failed = "CONERR,64,Unexpected error while initializing the session: "
    answer = c.ask("create_session.txt", head, add.format(1, "MERGE"), add.format(2, "COMMAND"))
    assert len(answer) == 1 and answer[0].startswith(failed) and answer[0] != failed, answer
    other = Conversation(c.port)
    stream = other.post("create_session.txt", f"LS_adapter_set=DEMO&{CID}&" + add.format(1, "MERGE"))
    other.head(stream, 5000, "CONS,unlimited")
    other.see(stream, *subscribed[:2])
    other.close()
