"""Sessions whose connection broke: tlcp.md 11.8."""

from __future__ import annotations

from typing import Any

from tests.interop.transcripts.play import (
    CID,
    CREATED,
    HTTP_BIND,
    HTTP_CREATE,
    NAMES,
    RECOVERY,
    SENSED,
    WS_CREATE,
    bound,
    created,
    transcript,
)
from tests.interop.wire import Conversation


@transcript
def t08_recovery(c: Conversation) -> None:
    ws = c.websocket()
    c.send(ws, "wsok")
    c.send(ws, "create_session", "LS_keepalive_millis=5000&" + WS_CREATE)
    c.see(ws, "WSOK", *CREATED)
    c.send(ws, "control", "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=RAW&LS_group=rec&LS_schema=f&LS_ack=false")
    c.see(ws, "SUBOK,1,1,1", "CONF,1,unlimited,unfiltered")
    c.data("publish", item="rec", events=[{"f": "first"}, {"f": "second"}, {"f": "third"}, {"f": "fourth"}])
    c.see(ws, "U,1,1,first", "U,1,1,second")
    ws.drop()
    for cause in ("ws.error", "recovery.error"):  # the first answer may be lost
        answer = c.ask("bind_session.txt", f"LS_session=S1&LS_recovery_from=4&{RECOVERY}&LS_cause={cause}")
        _replayed(answer, 0, 4, "U,1,1,third", "U,1,1,fourth", "LOOP,0")
    ws = c.websocket()
    c.send(ws, "wsok")
    c.send(ws, "bind_session", "LS_session=S1&LS_keepalive_millis=5000&LS_send_sync=false&LS_cause=recovery.loop")
    c.see(ws, "WSOK")
    c.head(ws, 5000, "CONS,unlimited")
    c.data("publish", item="rec", events=[{"f": "fifth"}])
    c.see(ws, "U,1,1,fifth")


def _replayed(lines: list[str], keepalive: int, progressive: int, *data: str) -> None:
    """The answer to a recovery: PROG before any data, and no more than was asked for."""
    assert lines[0] == f"CONOK,S1,50000,{keepalive},*", lines
    at = lines.index(f"PROG,{progressive}")
    assert set(lines[1:at]) <= {*NAMES, "CONS,unlimited"}, lines
    assert lines[at + 1 :] == list(data), lines


@transcript
def t08_recovery_of_http_streaming(c: Conversation) -> None:
    c.see(c.post("create_session.txt", HTTP_CREATE), *SENSED)
    stream = c.post("bind_session.txt", HTTP_BIND)
    c.head(stream, 5000, "CONS,unlimited")
    add = "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=RAW&LS_group=rec2&LS_schema=f"
    assert c.ask("control.txt?LS_session=S1", add) == ["REQOK,1"]
    c.see(stream, "SUBOK,1,1,1", "CONF,1,unlimited,unfiltered")
    c.data("publish", item="rec2", events=[{"f": "a"}])
    c.see(stream, "U,1,1,a")
    stream.drop()
    c.data("publish", item="rec2", events=[{"f": "b"}])
    answer = c.ask("bind_session.txt", f"LS_session=S1&LS_recovery_from=2&{RECOVERY}&LS_cause=http.error")
    _replayed(answer, 0, 2, "U,1,1,a", "U,1,1,b", "LOOP,0")
    again = (
        "LS_session=S1&LS_content_length=50000000&LS_keepalive_millis=5000&LS_send_sync=false&LS_cause=recovery.loop"
    )
    stream = c.post("bind_session.txt", again)
    c.head(stream, 5000, "CONS,unlimited")


@transcript
def t08_recovery_by_streaming(c: Conversation) -> None:
    """As the Kotlin client does it, while the server still believes in the old connection."""
    ws = created(c)
    c.send(ws, "control", "LS_reqId=s1&LS_op=add&LS_subId=1&LS_mode=RAW&LS_group=rec3&LS_schema=f&LS_ack=false")
    c.see(ws, "SUBOK,1,1,1", "CONF,1,unlimited,unfiltered")
    c.data("publish", item="rec3", events=[{"f": "a"}])
    new = c.websocket()
    c.send(
        new, "bind_session", "LS_session=S1&LS_recovery_from=2&LS_keepalive_millis=5000&LS_send_sync=false", end="\r\n"
    )
    c.send(new, "control", "LS_reqId=s2&LS_op=add&LS_subId=2&LS_mode=RAW&LS_group=rec3&LS_schema=f", end="\r\n")
    lines = [c.line(new)]
    while lines[-1] != "CONF,2,unlimited,unfiltered":
        lines.append(c.line(new))
    assert lines[-1:] and "REQOK,s2" in lines, lines
    lines.remove("REQOK,s2")
    _replayed(lines, 5000, 2, "U,1,1,a", "SUBOK,2,1,1", "CONF,2,unlimited,unfiltered")
    rest = c.rest(ws)
    assert rest in (["U,1,1,a"], []), rest


@transcript
def t08_recovery_fails(c: Conversation) -> None:
    ws = created(c)
    ws.drop()
    answer = c.ask("bind_session.txt", f"LS_session=S1&LS_recovery_from=7&{RECOVERY}&LS_cause=ws.error")
    assert answer == ["CONERR,4,Requested progressive not available"], answer
    old, c.session = c.session, ""
    ws = c.websocket()
    ws.send("create_session", f"LS_keepalive_millis=5000&LS_adapter_set=TEST&{CID}&LS_old_session={old}"
            "&LS_send_sync=false&LS_cause=recovery.conerr.4")  # fmt: skip
    c.see(ws, *CREATED)
    assert c.session != old


@transcript
def t08_what_is_counted(c: Conversation) -> None:
    c.data("prepare", item="count", snapshot=[{"f": "a"}])
    c.adapter("answer", text="counted", answers=["ok"])
    ws = created(c)
    c.nothing(ws, 1)
    c.send(ws, "control", "LS_reqId=2&LS_op=constrain&LS_requested_max_bandwidth=unlimited")
    c.see(ws, "REQOK,2", "CONS,unlimited")
    _recover_nothing(c, ws, 0)
    ws = bound(c)
    c.send(
        ws,
        "control",
        "LS_reqId=3&LS_op=add&LS_subId=1&LS_mode=DISTINCT&LS_group=count&LS_schema=f&LS_snapshot=true&LS_ack=false",
    )
    c.see(ws, "SUBOK,1,1,1", "CONF,1,unlimited,filtered", "U,1,1,a", "EOS,1,1")
    c.data("clear", item="count")
    c.see(ws, "CS,1,1")
    c.send(ws, "control", "LS_reqId=4&LS_subId=1&LS_op=delete&LS_ack=false")
    c.see(ws, "UNSUB,1")
    c.send(ws, "msg", "LS_reqId=5&LS_message=counted&LS_msg_prog=1")
    c.see(ws, "REQOK,5", "MSGDONE,*,1,")
    _recover_nothing(c, ws, 7)


def _recover_nothing(c: Conversation, ws: Any, count: int) -> None:
    ws.drop()
    answer = c.ask("bind_session.txt", f"LS_session=S1&LS_recovery_from={count}&{RECOVERY}&LS_cause=ws.error")
    _replayed(answer, 0, count, "LOOP,0")
