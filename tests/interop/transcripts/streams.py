"""Streams and polls, over WebSocket and HTTP, and how they end: tlcp.md 11.1 to 11.5 and 11.14."""

from __future__ import annotations

from random import Random

from tests.interop.transcripts.play import CID, HTTP_BIND, HTTP_CREATE, HTTP_POLL, SENSED, bound, created, transcript
from tests.interop.wire import Conversation, Http, Stream


@transcript
def t01_websocket_streaming_merge(c: Conversation) -> None:
    c.data("prepare", item="item1", snapshot=[{"name": "ACME", "price": "3.04"}])
    c.data("prepare", item="item2", snapshot=[{"name": "Foo|Bar", "price": None}])
    ws = created(c)
    c.send(
        ws,
        "control",
        "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=item1%20item2&LS_schema=name%20price"
        "&LS_snapshot=true&LS_ack=false",
    )
    c.see(ws, "SUBOK,1,2,2", "CONF,1,unlimited,filtered", "U,1,1,ACME|3.04", "U,1,2,Foo%7CBar|#")
    c.data("publish", item="item1", events=[{"price": "3.05"}])
    c.see(ws, "U,1,1,|3.05")
    c.see(ws, "PROBE")
    c.send(ws, "control", "LS_reqId=2&LS_subId=1&LS_op=reconf&LS_requested_max_frequency=2.5")
    c.see(ws, "REQOK,2", "CONF,1,2.5,filtered")
    c.send(ws, "control", "LS_reqId=3&LS_subId=1&LS_op=delete&LS_ack=false")
    c.see(ws, "UNSUB,1")
    c.send(ws, "control", "LS_reqId=4&LS_op=destroy&LS_close_socket=true&LS_cause=api")
    c.see(ws, "REQOK,4", "END,31,Destroy invoked by client")
    c.ended(ws)
    assert ws.closed == 1000, ws.closed


@transcript
def t02_stream_sense(c: Conversation) -> None:
    create = f"LS_polling=true&LS_polling_millis=0&LS_idle_millis=0&LS_adapter_set=TEST&{CID}&LS_cause=ws.unavailable"
    response = c.post("create_session.txt", create)
    c.see(response, *SENSED)
    c.ended(response)
    stream = c.post(
        "bind_session.txt", "LS_session=S1&LS_content_length=50000000&LS_send_sync=false&LS_cause=ws.unavailable"
    )
    answer = c.ask("control.txt?LS_session=S1", "LS_reqId=1&LS_op=force_rebind&LS_cause=http.streaming.unavailable")
    assert answer == ["REQOK,1"], answer
    c.head(stream, 5000, "CONS,unlimited")
    c.see(stream, "LOOP,0")
    c.ended(stream)
    poll = c.post(
        "bind_session.txt", "LS_session=S1&LS_polling=true&LS_polling_millis=0&LS_idle_millis=19000&LS_cause=http.loop"
    )
    c.see(poll, "CONOK,S1,50000,19000,*")


@transcript
def t03_http_streaming(c: Conversation) -> None:
    c.data("prepare", item="news", snapshot=[{"title": "t1", "body": "b1"}, {"title": "t2", "body": "b1"}])
    response = c.post("create_session.txt", HTTP_CREATE)
    c.see(response, *SENSED)
    c.ended(response)
    stream = c.post("bind_session.txt", HTTP_BIND)
    c.head(stream, 5000, "CONS,unlimited")
    answer = c.ask(
        "control.txt?LS_session=S1",
        "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=DISTINCT&LS_group=news&LS_schema=title%20body&LS_snapshot=true",
    )
    assert answer == ["REQOK,1"], answer
    c.see(stream, "SUBOK,1,1,2", "CONF,1,unlimited,filtered", "U,1,1,t1|b1", "U,1,1,t2|", "EOS,1,1")
    c.data("publish", item="news", events=[{"title": "t3", "body": "b3"}])
    c.see(stream, "U,1,1,t3|b3", "PROBE")
    _stream_headers(stream)
    control = c.post(
        "control.txt",
        "LS_session=S1&LS_reqId=1&LS_op=add&LS_subId=2&LS_group=item1&LS_schema=last_price"
        "&LS_data_adapter=QUOTES&LS_mode=MERGE",
    )
    c.see(control, "REQOK,1")
    c.ended(control)
    assert control.headers["content-type"] == ["text/plain; charset=utf-8"], control.headers
    assert control.headers["content-length"] == ["9"], control.headers
    c.see(stream, "SUBOK,2,1,1", "CONF,2,unlimited,filtered")


def _stream_headers(stream: Http) -> None:
    assert stream.headers["content-type"][0].endswith("charset=utf-8"), stream.headers
    assert stream.headers["cache-control"] == ["no-store", "no-transform", "no-cache"], stream.headers
    assert stream.headers["pragma"] == ["no-cache"], stream.headers
    assert stream.headers["expires"] == ["Thu, 1 Jan 1970 00:00:00 GMT"], stream.headers
    assert "content-encoding" not in stream.headers, stream.headers


@transcript
def t04_http_long_polling(c: Conversation) -> None:
    response = c.post("create_session.txt", HTTP_CREATE)
    c.see(response, *SENSED)
    c.ended(response)
    poll = c.post("bind_session.txt", HTTP_POLL)
    c.head(poll, 19000, "CONS,unlimited")
    c.see(poll, "LOOP,0")
    c.ended(poll)
    poll = c.post("bind_session.txt", HTTP_POLL)
    c.see(poll, "CONOK,S1,50000,19000,*")
    c.data("prepare", item="x", snapshot=[{"f": "x"}])
    answer = c.ask(
        "control.txt?LS_session=S1",
        "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=x&LS_schema=f&LS_snapshot=true",
    )
    assert answer == ["REQOK,1"], answer
    lines = [line for line in c.rest(poll) if line != "CONS,unlimited"]
    assert lines[:1] == ["SUBOK,1,1,1"] and lines[-1:] == ["LOOP,0"], lines
    while "U,1,1,x" not in lines:
        lines[-1:] = [line for line in c.ask("bind_session.txt", HTTP_POLL) if not line.startswith("CON")]
    assert lines == ["SUBOK,1,1,1", "CONF,1,unlimited,filtered", "U,1,1,x", "LOOP,0"], lines


@transcript
def t05_websocket_polling(c: Conversation) -> None:
    response = c.post("create_session.txt", HTTP_CREATE)
    c.see(response, *SENSED)
    ws = c.websocket()
    c.send(ws, "wsok")
    c.see(ws, "WSOK")
    c.send(ws, "bind_session", HTTP_POLL)
    c.head(ws, 19000, "CONS,unlimited")
    c.see(ws, "LOOP,0")
    c.send(ws, "control", "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=y&LS_schema=f&LS_ack=false")
    c.send(ws, "control", "LS_reqId=2&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=y&LS_schema=f")
    c.see(ws, "REQOK,2")
    again = "LS_polling=true&LS_polling_millis=0&LS_idle_millis=19000&LS_cause=ws.loop"
    c.send(ws, "bind_session", again)
    assert _poll(c, ws, "CONOK,S1,50000,19000,*") == ["SUBOK,1,1,1", "CONF,1,unlimited,filtered"]
    c.send(ws, "bind_session", again)
    c.see(ws, "CONOK,S1,50000,19000,*")
    c.data("publish", item="y", events=[{"f": "y"}])
    assert _poll(c, ws) == ["U,1,1,y"]


def _poll(c: Conversation, stream: Stream, *first: str) -> list[str]:
    """What a poll brings, without the head."""
    c.see(stream, *first)
    lines = []
    while (line := c.line(stream)) != "LOOP,0":
        if line != "CONS,unlimited":
            lines.append(line)
    return lines


@transcript
def t14_content_length(c: Conversation) -> None:
    c.see(c.post("create_session.txt", HTTP_CREATE), *SENSED)
    stream = c.post("bind_session.txt", "LS_session=S1&LS_content_length=10000&LS_send_sync=false")
    c.head(stream, 5000, "CONS,unlimited")
    add = "LS_reqId=1&LS_op=add&LS_subId=2&LS_mode=RAW&LS_group=raw.length&LS_schema=n%20text"
    assert c.ask("control.txt?LS_session=S1", add) == ["REQOK,1"]
    c.data("random", item="raw.length", upto=200, rate=1_000_000, length=70)
    lines: list[str] = []
    while len(lines) < 202:
        line = c.line(stream)
        if line == "LOOP,0":
            c.ended(stream)
            assert 9_900 < stream.size <= 10_000, stream.size
            stream = c.post("bind_session.txt", "LS_session=S1&LS_content_length=10000&LS_send_sync=false")
            c.head(stream, 5000, "CONS,unlimited")
        else:
            lines.append(line)
    texts = ("".join(Random(n).choices("abcdefghijklmnopqrstuvwxyz", k=70)) for n in range(1, 201))
    updates = [f"U,2,1,{number}|{text}" for number, text in enumerate(texts, 1)]
    assert lines == ["SUBOK,2,1,2", "CONF,2,unlimited,unfiltered", *updates], lines


@transcript
def t14_inactivity(c: Conversation) -> None:
    """10 s without a heartbeat and 10 s of grace."""
    c.see(c.post("create_session.txt", HTTP_CREATE), *SENSED)
    stream = c.post("bind_session.txt", "LS_session=S1&LS_send_sync=false&LS_inactivity_millis=10000")
    c.head(stream, 5000, "CONS,unlimited")
    lines = c.rest(stream, probes=True)
    assert set(lines[:-1]) == {"PROBE"} and lines[-1] == "LOOP,0" and 3 <= len(lines) <= 5, lines


@transcript
def t14_takeover(c: Conversation) -> None:
    old = created(c)
    c.send(old, "control", "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=RAW&LS_group=raw.takeover&LS_schema=f&LS_ack=false")
    c.see(old, "SUBOK,1,1,1", "CONF,1,unlimited,unfiltered")
    new = bound(c)
    c.data("publish", item="raw.takeover", events=[{"f": "x"}])
    c.see(new, "U,1,1,x")
    c.ended(old)
    stream = c.post("bind_session.txt", "LS_session=S1&LS_send_sync=false")
    c.head(stream, 5000, "CONS,unlimited")
    c.data("publish", item="raw.takeover", events=[{"f": "y"}])
    c.see(stream, "U,1,1,y")
    c.ended(new)
