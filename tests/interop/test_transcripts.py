"""
The end-to-end transcripts of the protocol (TLCP specification, and what clients
send in their own tests), byte by byte: tlcp.md 11.1 to 11.16.

Some of them last up to 25 seconds because silence is a part of them, so all are
started, in threads, when the first is looked at.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import quote

from twisted.trial.unittest import SynchronousTestCase

from tests.interop.server import shared
from tests.interop.wire import Conversation, Gone, Http, Stream, patched

CID = "LS_cid=mgQkwtwdysogQz2BJ4Ji%20kOj2Bg"
WS_CREATE = f"LS_adapter_set=TEST&{CID}&LS_send_sync=false&LS_cause=api"
HTTP_CREATE = f"LS_polling=true&LS_polling_millis=0&LS_idle_millis=0&LS_adapter_set=TEST&{CID}&LS_cause=api"
HTTP_BIND = "LS_session=S1&LS_content_length=50000000&LS_send_sync=false&LS_cause=http.loop"
HTTP_POLL = "LS_session=S1&LS_polling=true&LS_polling_millis=0&LS_idle_millis=19000&LS_cause=http.loop"
RECOVERY = "LS_polling=true&LS_polling_millis=0&LS_idle_millis=0"
NAMES = ("SERVNAME,Lightstreamer HTTP Server", "CLIENTIP,127.0.0.1")
CREATED = ("CONOK,S1,50000,5000,*", *NAMES, "CONS,unlimited")
SENSED = ("CONOK,S1,50000,0,*", *NAMES, "CONS,unlimited", "LOOP,0")

Transcript = Callable[[Conversation], None]
_transcripts: dict[str, Transcript] = {}
_problems: dict[str, BaseException] = {}
_threads: dict[str, threading.Thread] = {}


def transcript(function: Transcript) -> Transcript:
    """Marks a function that plays a transcript."""
    _transcripts[function.__name__] = function
    return function


def _create(c: Conversation, **version: str) -> Any:
    """A WebSocket with a session."""
    ws = c.websocket(**version)
    c.send(ws, "wsok")
    c.send(ws, "create_session", WS_CREATE)
    c.see(ws, "WSOK", *CREATED)
    return ws


@transcript
def t01_websocket_streaming_merge(c: Conversation) -> None:
    c.data("prepare", item="item1", snapshot=[{"name": "ACME", "price": "3.04"}])
    c.data("prepare", item="item2", snapshot=[{"name": "Foo|Bar", "price": None}])
    ws = _create(c)
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
    c.see(poll, "LOOP,0", seconds=25)
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
    c.see(ws, "LOOP,0", seconds=25)
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
def t06_raw(c: Conversation) -> None:
    ws = _create(c)
    c.send(ws, "control", "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=RAW&LS_group=log&LS_schema=lev%20txt&LS_ack=false")
    c.see(ws, "SUBOK,1,1,2", "CONF,1,unlimited,unfiltered")
    c.data("publish", item="log", events=[{"lev": "INFO", "txt": "start"}, {"lev": "INFO", "txt": "stop"}])
    c.see(ws, "U,1,1,INFO|start", "U,1,1,|stop")
    _overflow(c, ws, "log", [{"lev": "INFO", "txt": "stop"}] * 1002 + [{"lev": "WARN"}])
    c.see(ws, "OV,1,1,3", *["U,1,1,|"] * 999, "U,1,1,WARN|#")


def _overflow(c: Conversation, ws: Any, item: str, events: list[dict[str, Any]]) -> None:
    """Unbind the session while the adapter sends more than is kept, then bind it again."""
    c.send(ws, "control", "LS_reqId=2&LS_op=force_rebind&LS_cause=api")
    c.see(ws, "REQOK,2", "LOOP,0")
    for start in range(0, len(events), 300):
        c.data("publish", item=item, events=events[start : start + 300])
    c.send(ws, "bind_session", "LS_session=S1&LS_send_sync=false&LS_cause=ws.loop")
    c.head(ws, 5000, "CONS,unlimited")


@transcript
def t06_distinct(c: Conversation) -> None:
    c.data("prepare", item="n", snapshot=[{"f": "n-2"}, {"f": "n-1"}, {"f": "n"}])
    ws = _create(c)
    c.send(
        ws,
        "control",
        "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=DISTINCT&LS_group=n&LS_schema=f&LS_snapshot=2&LS_ack=false",
    )
    c.see(ws, "SUBOK,1,1,1", "CONF,1,unlimited,filtered", "U,1,1,n-1", "U,1,1,n", "EOS,1,1")
    c.data("publish", item="n", events=[{"f": "n+1"}])
    c.see(ws, "U,1,1,n+1")
    c.data("clear", item="n")
    c.see(ws, "CS,1,1")
    c.data("publish", item="n", events=[{"f": "n+1"}])
    c.see(ws, "U,1,1,")


@transcript
def t06_command(c: Conversation) -> None:
    c.data(
        "prepare",
        item="pf",
        snapshot=[{"key": "k1", "command": "ADD", "qty": "10"}, {"key": "k2", "command": "ADD", "qty": "20"}],
    )
    ws = _create(c)
    c.send(
        ws,
        "control",
        "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=COMMAND&LS_group=pf&LS_schema=key%20command%20qty"
        "&LS_snapshot=true&LS_ack=false",
    )
    c.see(ws, "SUBCMD,1,1,3,1,2", "CONF,1,unlimited,filtered", "U,1,1,k1|ADD|10", "U,1,1,k2||20", "EOS,1,1")
    for event, line in (
        ({"key": "k1", "command": "UPDATE", "qty": "11"}, "U,1,1,k1|UPDATE|11"),
        ({"key": "k1", "command": "UPDATE", "qty": "12"}, "U,1,1,||12"),
        ({"key": "k2", "command": "DELETE"}, "U,1,1,k2|DELETE|#"),
        ({"key": "k3", "command": "ADD"}, "U,1,1,k3|ADD|"),
    ):
        c.data("publish", item="pf", events=[event])
        c.see(ws, line)
    c.data("prepare", item="empty", snapshot=[])
    c.send(
        ws,
        "control",
        "LS_reqId=2&LS_op=add&LS_subId=2&LS_mode=COMMAND&LS_group=empty&LS_schema=command%20key"
        "&LS_snapshot=true&LS_ack=false",
    )
    c.see(ws, "SUBCMD,2,1,2,2,1", "CONF,2,unlimited,filtered", "EOS,2,1")


@transcript
def t06_merge(c: Conversation) -> None:
    """Without snapshot; then unfiltered, with a loss."""
    c.data("prepare", item="q", snapshot=[{"f": "1", "g": "x"}])
    ws = _create(c)
    c.send(ws, "control", "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=q&LS_schema=f%20g%20h&LS_ack=false")
    c.see(ws, "SUBOK,1,1,3", "CONF,1,unlimited,filtered")
    c.data("publish", item="q", events=[{"f": "2"}])
    c.see(ws, "U,1,1,2|x|#")
    c.send(
        ws,
        "control",
        "LS_reqId=3&LS_op=add&LS_subId=2&LS_mode=MERGE&LS_group=r&LS_schema=f%20g"
        "&LS_requested_max_frequency=unfiltered&LS_ack=false",
    )
    c.see(ws, "SUBOK,2,1,2", "CONF,2,unlimited,unfiltered")
    c.data("publish", item="r", events=[{"f": "a", "g": "b"}])
    c.see(ws, "U,2,1,a|b")
    _overflow(c, ws, "r", [{"f": str(n), "g": "b"} for n in range(1005)])
    c.see(ws, "OV,2,1,5", *(f"U,2,1,{n}|" for n in range(5, 1005)))


@transcript
def t06_second_level(c: Conversation) -> None:
    """For the server, an ordinary subscription to the item that is called like the key."""
    c.data("prepare", item="pf2", snapshot=[{"key": "item7", "command": "ADD"}])
    c.data("prepare", item="merge.item7", snapshot=[{"f": "v"}])
    ws = _create(c)
    c.send(
        ws,
        "control",
        "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=COMMAND&LS_group=pf2&LS_schema=key%20command&LS_snapshot=true&LS_ack=false",
    )
    c.see(ws, "SUBCMD,1,1,2,1,2", "CONF,1,unlimited,filtered", "U,1,1,item7|ADD", "EOS,1,1")
    c.send(
        ws,
        "control",
        "LS_reqId=2&LS_op=add&LS_subId=2&LS_mode=MERGE&LS_group=merge.item7&LS_schema=f&LS_snapshot=true&LS_ack=false",
    )
    c.see(ws, "SUBOK,2,1,1", "CONF,2,unlimited,filtered", "U,2,1,v")
    c.data("publish", item="pf2", events=[{"key": "item7", "command": "DELETE"}])
    c.see(ws, "U,1,1,|DELETE")
    c.send(ws, "control", "LS_reqId=3&LS_op=delete&LS_subId=2&LS_ack=false")
    c.see(ws, "UNSUB,2")


@transcript
def t07_text_differences(c: Conversation) -> None:
    """What the examples of the specification do, with values long enough for a difference to be shorter."""
    fox = "The quick brown fox jumps over the lazy dog"
    texts = [fox, fox.replace("brown", "red"), fox.replace("brown", "red") + " again", fox[10:], fox[10:], None, fox]
    c.data("prepare", item="diff", snapshot=[{"f": texts[0]}], diffs={"f": ["DIFF_MATCH_PATCH"]})
    ws = _create(c)
    c.send(
        ws,
        "control",
        "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=diff&LS_schema=f%20n&LS_snapshot=true&LS_ack=false",
    )
    c.see(ws, "SUBOK,1,1,2", "CONF,1,unlimited,filtered", f"U,1,1,{fox}|#")
    base: str | None = fox
    for number, text in enumerate(texts[1:]):
        c.data("publish", item="diff", events=[{"f": text, "n": str(number)}])
        token = c.line(ws).removeprefix("U,1,1,").removesuffix(f"|{number}")
        if text is None or base is None:
            assert token == (text or "#"), token
        elif text == base:
            assert token == "", token
        else:
            assert token.startswith("^T") and patched(base, token[2:]) == text, token
        base = text
    assert patched("foobar", "bdzapcd") == "fzapbar"
    _differences_in_command(c, ws, fox)


def _differences_in_command(c: Conversation, ws: Any, fox: str) -> None:
    """The base is the row before, whatever its key."""
    c.data(
        "prepare",
        item="cdiff",
        snapshot=[{"key": "k1", "command": "ADD", "f": fox}, {"key": "k2", "command": "ADD", "f": fox[:-1]}],
        diffs={"f": ["DIFF_MATCH_PATCH"]},
    )
    c.send(
        ws,
        "control",
        "LS_reqId=2&LS_op=add&LS_subId=2&LS_mode=COMMAND&LS_group=cdiff&LS_schema=key%20command%20f"
        "&LS_snapshot=true&LS_ack=false",
    )
    # Bp is 41: all of the text but the last two characters.
    c.see(ws, "SUBCMD,2,1,3,1,2", "CONF,2,unlimited,filtered", f"U,2,1,k1|ADD|{fox}", "U,2,1,k2||^TBq", "EOS,2,1")
    c.data("publish", item="cdiff", events=[{"key": "k2", "command": "UPDATE", "f": fox[:-2]}])
    c.see(ws, "U,2,1,|UPDATE|^TBp")


@transcript
def t07_json_patches(c: Conversation) -> None:
    filling = ", ".join(f'"field{n}": "a value that does not change"' for n in range(8))
    before = f'{{ "text": "aa|bb", {filling}, "attributes": [ {{ "font": "courier" }}, "..." ] }}'
    after = f'{{ "text": "aa|bb|cc", {filling}, "attributes": [ {{ "font": "courier" }}, "bold", "..." ] }}'
    c.data("prepare", item="json", snapshot=[{"t": "20:00:33", "f": before}], diffs={"f": ["JSONPATCH"]})
    ws = _create(c)
    c.send(
        ws,
        "control",
        "LS_reqId=1&LS_op=add&LS_subId=5&LS_mode=MERGE&LS_group=json&LS_schema=t%20f&LS_snapshot=true&LS_ack=false",
    )
    c.see(ws, "SUBOK,5,1,2", "CONF,5,unlimited,filtered", "U,5,1,20:00:33|" + before.replace("|", "%7C"))
    c.data("publish", item="json", events=[{"t": "20:00:54", "f": after}])
    line = c.line(ws)
    assert line.startswith("U,5,1,20:00:54|^P["), line
    operations = json.loads(line.partition("^P")[2].replace("%7C", "|").replace("%25", "%"))
    assert {"op": "replace", "path": "/text", "value": "aa|bb|cc"} in operations, operations
    assert {"op": "add", "path": "/attributes/1", "value": "bold"} in operations, operations
    assert len(operations) == 2, operations
    c.data("publish", item="json", events=[{"t": "20:04:16", "f": after}])
    c.see(ws, "U,5,1,20:04:16|")


@transcript
def t07_no_differences(c: Conversation) -> None:
    """Below 2.4, and for a client that says that it knows none."""
    fox = "The quick brown fox jumps over the lazy dog"
    add = (
        "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=merge.nodiff&LS_schema=f&LS_snapshot=true&LS_ack=false"
    )
    c.data("prepare", item="merge.nodiff", snapshot=[{"f": fox}], diffs={"f": ["DIFF_MATCH_PATCH"]})
    old = _create(c, version="2.3.0")
    other = Conversation(c.port)
    new = other.websocket()
    other.send(new, "create_session", f"{WS_CREATE}&LS_supported_diffs=")
    other.see(new, *CREATED)
    for conversation, ws in ((c, old), (other, new)):
        conversation.send(ws, "control", add)
        conversation.see(ws, "SUBOK,1,1,1", "CONF,1,unlimited,filtered", f"U,1,1,{fox}")
    c.data("publish", item="merge.nodiff", events=[{"f": fox + "!"}])
    c.see(old, f"U,1,1,{fox}!")
    other.see(new, f"U,1,1,{fox}!")
    other.close()


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
    ws = _create(c)
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
    ws = _create(c)
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
    ws = _create(c)
    c.nothing(ws, 1)
    c.send(ws, "control", "LS_reqId=2&LS_op=constrain&LS_requested_max_bandwidth=unlimited")
    c.see(ws, "REQOK,2", "CONS,unlimited")
    _recover_nothing(c, ws, 0)
    ws = _bind(c)
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


def _bind(c: Conversation) -> Any:
    """A new WebSocket for the session."""
    ws = c.websocket()
    c.send(ws, "bind_session", "LS_session=S1&LS_send_sync=false&LS_cause=recovery.loop")
    c.head(ws, 5000, "CONS,unlimited")
    return ws


@transcript
def t09_session_control(c: Conversation) -> None:
    ws = _create(c)
    c.send(ws, "control", "LS_reqId=5&LS_op=constrain&LS_requested_max_bandwidth=40.5")
    c.see(ws, "REQOK,5", "CONS,40.5")
    c.send(ws, "control", "LS_reqId=6&LS_op=constrain&LS_requested_max_bandwidth=unlimited")
    c.see(ws, "REQOK,6", "CONS,unlimited")
    c.send(ws, "control", "LS_reqId=7&LS_op=force_rebind&LS_close_socket=true&LS_cause=api")
    c.see(ws, "REQOK,7", "LOOP,0")
    c.ended(ws)
    assert ws.closed == 1000, ws.closed
    ws = _bind(c)
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
    ws = _create(c)
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
    ws = _create(c, version="2.1.0")
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
    ws = _create(c)
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
    lines = c.rest(stream, 25)
    assert set(lines[:-1]) == {"PROBE"} and lines[-1] == "LOOP,0" and 3 <= len(lines) <= 5, lines


@transcript
def t14_takeover(c: Conversation) -> None:
    old = _create(c)
    c.send(old, "control", "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=RAW&LS_group=raw.takeover&LS_schema=f&LS_ack=false")
    c.see(old, "SUBOK,1,1,1", "CONF,1,unlimited,unfiltered")
    new = _bind(c)
    c.data("publish", item="raw.takeover", events=[{"f": "x"}])
    c.see(new, "U,1,1,x")
    c.ended(old)
    stream = c.post("bind_session.txt", "LS_session=S1&LS_send_sync=false")
    c.head(stream, 5000, "CONS,unlimited")
    c.data("publish", item="raw.takeover", events=[{"f": "y"}])
    c.see(stream, "U,1,1,y")
    c.ended(new)


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
    lines = [c.line(ws)]
    while not lines[-1].startswith("SYNC,"):
        lines.append(c.line(ws))
    assert set(lines[:-1]) <= {"PROBE"} and lines[-1] == "SYNC,20", lines


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


def _run(name: str, function: Transcript, port: int) -> None:
    conversation = Conversation(port)
    try:
        function(conversation)
    except (Exception, Gone) as problem:
        _problems[name] = problem
    finally:
        conversation.close()


class TranscriptTests(SynchronousTestCase):
    """One test for each transcript; the number is the section."""

    def finish(self, name: str) -> None:
        """Wait until a transcript has been played; all of them are started by the first call."""
        if not _threads:
            port = shared().port
            for other, function in _transcripts.items():
                _threads[other] = threading.Thread(target=_run, args=(other, function, port), daemon=True)
                _threads[other].start()
        _threads[name].join(60)
        if name in _problems:
            raise _problems[name]
        if _threads[name].is_alive():
            self.fail("not finished after 60 s")


def _test(name: str) -> Callable[[TranscriptTests], None]:
    def test(self: TranscriptTests) -> None:
        self.finish(name)

    test.__doc__ = _transcripts[name].__doc__
    return test


for _name in _transcripts:
    setattr(TranscriptTests, f"test_{_name[1:]}", _test(_name))
