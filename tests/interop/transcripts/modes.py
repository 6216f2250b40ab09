"""What the modes look like: tlcp.md 11.6."""

from __future__ import annotations

from typing import Any

from tests.interop.transcripts.play import created, transcript
from tests.interop.wire import Conversation


@transcript
def t06_raw(c: Conversation) -> None:
    ws = created(c)
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
    ws = created(c)
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
    ws = created(c)
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
    ws = created(c)
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
    ws = created(c)
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
