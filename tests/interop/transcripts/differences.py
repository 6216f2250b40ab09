"""Differences in place of values: tlcp.md 11.7."""

from __future__ import annotations

import json
from typing import Any

from tests.interop.transcripts.play import CREATED, WS_CREATE, created, transcript
from tests.interop.wire import Conversation, patched


@transcript
def t07_text_differences(c: Conversation) -> None:
    """What the examples of the specification do, with values long enough for a difference to be shorter."""
    fox = "The quick brown fox jumps over the lazy dog"
    texts = [fox, fox.replace("brown", "red"), fox.replace("brown", "red") + " again", fox[10:], fox[10:], None, fox]
    c.data("prepare", item="diff", snapshot=[{"f": texts[0]}], diffs={"f": ["DIFF_MATCH_PATCH"]})
    ws = created(c)
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
    ws = created(c)
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
    old = created(c, version="2.3.0")
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
