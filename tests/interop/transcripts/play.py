"""
What the transcripts share: how they begin, and the list of them.

A transcript is a function that is given a L{tests.interop.wire.Conversation}; its
name is C{t}, the number of the section, and what it is about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.interop.wire import Conversation

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

TRANSCRIPTS: dict[str, Transcript] = {}
"""All of them, by name."""


def transcript(function: Transcript) -> Transcript:
    """Marks a transcript."""
    TRANSCRIPTS[function.__name__] = function
    return function


def created(c: Conversation, **version: str) -> Any:
    """A WebSocket with a new session."""
    ws = c.websocket(**version)
    c.send(ws, "wsok")
    c.send(ws, "create_session", WS_CREATE)
    c.see(ws, "WSOK", *CREATED)
    return ws


def bound(c: Conversation) -> Any:
    """A new WebSocket for the session."""
    ws = c.websocket()
    c.send(ws, "bind_session", "LS_session=S1&LS_send_sync=false&LS_cause=recovery.loop")
    c.head(ws, 5000, "CONS,unlimited")
    return ws
