"""What two other clients do: tlcp.md 11.15 and 11.16."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

from tests.interop.transcripts.play import CID, NAMES, SENSED, transcript
from tests.interop.wire import Conversation


@transcript
def t15_js8(c: Conversation) -> None:
    create = (
        f"LS_phase=101&LS_cause=api&LS_polling=true&LS_polling_millis=0&LS_idle_millis=0&{CID}&LS_adapter_set=TEST&"
    )
    c.see(c.post("create_session.txt", create, version="2.1.0"), *SENSED)
    ws = c.websocket("2.1.0")
    c.send(ws, "bind_session", "LS_session=S1&LS_phase=103&LS_cause=loop1&")
    c.head(ws, 5000, "CONS,unlimited")
    c.send(
        ws,
        "control",
        "LS_mode=MERGE&LS_group=js8&LS_schema=f&LS_snapshot=true&LS_subId=1&LS_op=add&LS_reqId=1&LS_session=S1&",
    )
    c.see(ws, "REQOK,1", "SUBOK,1,1,1", "CONF,1,unlimited,filtered")
    c.send(ws, "control", "LS_mode=RAW&LS_group=unq&LS_schema=text&LS_subId=2&LS_op=add&LS_reqId=2&")
    c.see(ws, "REQOK,2", "SUBOK,2,1,1", "CONF,2,unlimited,unfiltered")
    c.adapter("answer", text="a & b=c%", answers=["echo:unq:got it"])
    c.adapter("answer", text="x\r\ny+&LS_reqId=7", answers=["echo:unq:and that"])
    first = "LS_unq=60&LS_reqId=5&LS_outcome=false&LS_ack=false&LS_message=a & b=c%"
    second = "LS_reqId=6&LS_outcome=false&LS_ack=false&LS_message=x\r\ny+&LS_reqId=7"
    ws.send("msg", first)
    c.see(ws, "U,2,1,got it")
    ws.send("msg", first, f"LS_unq={len(second)}&{second}", first)
    c.see(ws, "U,2,1,", "U,2,1,and that", "U,2,1,got it")
    c.send(ws, "heartbeat", "", end="\n")
    line = c.line(ws)
    assert re.fullmatch("SYNC,2[0-9]", line), line  # after twenty seconds, or as soon as the server gets to it


@transcript
def t16_kotlin(c: Conversation) -> None:
    c.adapter("answer", text="hi", answers=["ok"])
    ws = c.websocket()
    create = (
        "LS_adapter_set=TEST&LS_cid=mgQkwtwdysogQz2BJ4Ji kOj2Bg&LS_keepalive_millis=5000&LS_supported_diffs=T"
        "&LS_reduce_head=true&LS_send_sync=false"
    )
    c.send(ws, "create_session", create, end="\r\n")
    c.see(ws, "CONOK,S1,50000,5000,*")
    add = (
        "LS_reqId=s1&LS_subId=1&LS_op=add&LS_data_adapter=QUOTES&LS_mode=MERGE&LS_group=item1&LS_schema=f g"
        "&LS_snapshot=true&LS_ack=false"
    )
    c.send(ws, "control", add, end="\r\n")
    c.see(ws, "SUBOK,1,1,2", "CONF,1,unlimited,filtered")
    rebind = Conversation(c.port)
    rebind.session = c.session
    assert rebind.ask("control.txt", "LS_session=S1&LS_reqId=1&LS_op=force_rebind") == ["REQOK,1"]
    c.see(ws, "LOOP,0")
    c.send(ws, "bind_session", "LS_session=S1&LS_keepalive_millis=5000&LS_send_sync=false", end="\r\n")
    c.see(ws, "CONOK,S1,50000,5000,*")
    c.send(ws, "msg", "LS_reqId=m1&LS_message=hi&LS_ack=false&LS_msg_prog=1", end="\r\n")
    line = c.line(ws)
    while line in NAMES:
        line = c.line(ws)
    assert line == "MSGDONE,*,1,", line
    c.send(ws, "control", "LS_op=destroy&LS_reqId=destroy&LS_close_socket=true", end="\r\n")
    c.see(ws, "REQOK,destroy", "END,31,Destroy invoked by client")
    c.ended(ws)
    c.session = ""  # and its other way: a session for the sake of some messages
    polling = "LS_polling=true&LS_polling_millis=0&LS_idle_millis=0"
    text = quote(json.dumps({"do": "answer", "text": "from kotlin", "answers": ["ok:it came"]}))
    http = c.ask("create_session.txt", f"LS_adapter_set=TEST&{CID}&{polling}", f"LS_message={text}&LS_outcome=false")
    assert http[0] == "CONOK,S1,50000,0,*" and http[-1] == "LOOP,0", http
    assert c.ask("msg.txt", "LS_session=S1&LS_reqId=m1&LS_message=from kotlin&LS_msg_prog=1") == ["REQOK,m1"]
    lines = c.ask("bind_session.txt", f"LS_session=S1&{polling}")
    assert "MSGDONE,*,1,it came" in lines, lines
