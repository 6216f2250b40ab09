"""
Model clients by the thousand, in one thread: each keeps count of what it is told and notices
whatever is missing, doubled or out of order.

A member has a WebSocket and a session. It counts data notifications as a client must, and when its
connection breaks it comes back with that count (C{LS_recovery_from}).
"""

from __future__ import annotations

import base64
import heapq
import itertools
import os
import random
import resource
import select
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

PROTOCOL = "TLCP-2.5.0.lightstreamer.com"
COUNTED = ("SUBOK", "SUBCMD", "UNSUB", "CS", "CONF", "MSGDONE", "MSGFAIL")
CREATE = "LS_adapter_set=SOAK&LS_cid=soak&LS_send_sync=false&LS_cause=api"

PATIENCE = 6.0
"""Seconds that an attempt to connect and to bind may take."""

LONG_STALL = 10
"""Seconds without reading, after which a server may have closed the connection or forgotten what is missing."""


def raise_limit() -> None:
    """As many sockets as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Member:
    """
    One client.

    @ivar adds: the subscriptions: mode, item, further parameters.
    @ivar up: the session is bound.
    @ivar count: data notifications of the session so far.
    @ivar newest: the last number of each subscription.
    @ivar unread: seconds of the longest stall since the session was last bound.
    """

    def __init__(self, swarm: Swarm, adds: Iterable[tuple[str, str, str]]) -> None:
        self.swarm = swarm
        self.adds = tuple(adds)
        self.session = ""
        self.old_session = ""
        self.up = False
        self.closing = False
        self.deaf = False
        self.unread = 0.0
        self.count = 0
        self.skip = 0
        self.attempts = 0
        self.newest: dict[str, int] = {}
        self.lost: Counter[str] = Counter()
        self.complete: set[str] = set()
        self.updates = 0
        self.since = 0.0
        self._deaf_since = 0.0
        self._socket: socket.socket | None = None
        self._data = bytearray()
        self._lines = bytearray()
        self._open = False

    # Connections

    def connect(self) -> None:
        """Open a WebSocket and create a session on it, or bind the one there is."""
        if self._socket is not None or self.closing:
            return
        self._open = False
        self._data.clear()
        self._lines.clear()
        one = self._socket = socket.socket()
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.attempts += 1
        if self.attempts == 1:
            self.since = time.monotonic()
        one.connect_ex(self.swarm.address)
        self.swarm.watch(self, one, select.EPOLLOUT)
        self.swarm.later(PATIENCE, self._give_up, one)

    def _give_up(self, one: socket.socket) -> None:
        if self._socket is one and not self.up and not self.closing:
            self.swarm.counts["attempts given up"] += 1
            self._drop()
            self._again(0.0)

    def writable(self) -> None:
        """The connection is there."""
        assert self._socket is not None
        self.swarm.poll.modify(self._socket, select.EPOLLIN)
        key = base64.b64encode(os.urandom(16)).decode()
        self._send(
            f"GET /lightstreamer HTTP/1.1\r\nHost: swarm\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n".encode()
        )

    def cut(self) -> None:
        """Reset the connection, without a word, and come back as clients do: soon, but not all at once."""
        if self._socket is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._drop()
            self._again(0.0)

    def stall(self, seconds: float) -> None:
        """Read nothing for a while."""
        if self._socket is not None and self.up and not self.deaf:
            self.deaf = True
            self._deaf_since = time.monotonic()
            one = self._socket
            self.swarm.poll.unregister(one)
            self.swarm.later(seconds, self._hear, one)

    def _hear(self, one: socket.socket) -> None:
        if self._socket is one:
            self._hears()
            self.swarm.poll.register(one, select.EPOLLIN)

    def _hears(self) -> None:
        if self.deaf:
            self.deaf = False
            self.unread = max(self.unread, time.monotonic() - self._deaf_since)

    def leave(self) -> None:
        """End the session for good; no matter how often that is wanted."""
        if self.closing:
            return
        self.closing = True
        if self.up and not self.deaf:
            self.request("control", "LS_reqId=9&LS_op=destroy&LS_close_socket=true")
        else:
            self._drop()
            self.swarm.gone(self)

    def readable(self) -> None:
        """Something has come."""
        assert self._socket is not None
        try:
            data = self._socket.recv(262_144)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop()
            if self.closing:
                self.swarm.gone(self)
            else:
                self.swarm.counts["closed by the server " + self._stalled()] += 1
                self._again(0.0)
            return
        self.swarm.bytes += len(data)
        self._data += data
        if not self._open:
            self._handshake()
        if self._open:
            self._frames()

    def _again(self, least: float) -> None:
        """The SDKs' way: the first attempt within 100 ms, later ones further and further apart."""
        pause = (
            random.uniform(0, 0.1)
            if self.attempts < 1
            else min(0.5 * 2 ** (self.attempts - 1), 8) * random.uniform(0.5, 1)
        )
        self.swarm.later(max(least, pause), self.connect)

    def _drop(self) -> None:
        one, self._socket = self._socket, None
        self._hears()
        self.up = False
        if one is not None:
            self.swarm.forget(one)
            one.close()

    def _send(self, data: bytes) -> None:
        if self._socket is None:
            return
        try:
            self._socket.send(data)
        except OSError:
            self.swarm.counts["sends failed"] += 1

    def request(self, name: str, *lines: str) -> None:
        """A text message, masked with zeros."""
        payload = "\r\n".join((name, *lines)).encode()
        size = len(payload)
        head = struct.pack("!BB", 0x81, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x81, 0xFE, size)
        self._send(head + bytes(4) + payload)

    def _handshake(self) -> None:
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return
        if not self._data.startswith(b"HTTP/1.1 101"):
            self.swarm.counts["handshakes refused"] += 1
            self._drop()
            self._again(0.5)
            return
        del self._data[: end + 4]
        self._open = True
        if self.session:
            self.request("bind_session", f"LS_session={self.session}&LS_recovery_from={self.count}&LS_send_sync=false")
        else:
            old = f"&LS_old_session={self.old_session}" if self.old_session else ""
            self.request("create_session", CREATE + old)

    def _frames(self) -> None:
        data, start, end = self._data, 0, len(self._data)
        while end - start >= 2:
            size, head = data[start + 1], 2
            if size == 126:
                head = 4
            elif size == 127:
                head = 10
            if end - start < head:
                break
            if head > 2:
                size = int.from_bytes(data[start + 2 : start + head], "big")
            if end - start < head + size:
                break
            if data[start] & 0x0F <= 1:
                self._lines += data[start + head : start + head + size]
            start += head + size
        del data[:start]
        *lines, rest = bytes(self._lines).split(b"\r\n")
        self._lines[:] = rest
        for line in lines:
            self._line(line.decode())

    # Lines

    def _line(self, line: str) -> None:
        tag, _, rest = line.partition(",")
        if tag == "U":
            if self._new():
                self._update(rest)
        elif tag in COUNTED:
            self._new()
        elif tag == "EOS":
            if self._new():
                self.complete.add(rest)
        elif tag == "OV":
            if self._new():
                sub, _, count = rest.rpartition(",")
                self.lost[sub] += int(count)
                self.swarm.counts["updates lost (told)"] += int(count)
        elif tag == "CONOK":
            self._bound(rest.partition(",")[0])
        elif tag == "PROG":
            self.skip = self.count - int(rest)
            if self.skip < 0:
                self.swarm.wrong(f"PROG,{rest} but {self.count} counted")
        elif tag == "CONERR":
            self._refused(rest)
        elif tag == "LOOP":
            self.request("bind_session", f"LS_session={self.session}&LS_send_sync=false")
        elif tag == "END":
            self.swarm.counts["ended " + rest.partition(",")[0]] += 1
        elif tag in ("REQERR", "ERROR"):
            self.swarm.wrong(line)

    def _bound(self, session: str) -> None:
        if session == self.session:
            self.swarm.counts["recovered"] += 1
        else:
            self.swarm.counts["created"] += 1
            self.session = session
            self.request(
                "control",
                *(
                    f"LS_reqId={number}&LS_op=add&LS_subId={number}&LS_mode={mode}&LS_group={item}&LS_ack=false"
                    f"&LS_schema={'n%20key%20command' if mode == 'COMMAND' else 'n%20text'}{more}"
                    for number, (mode, item, more) in enumerate(self.adds, 1)
                ),
            )
        self.up = True
        self.unread = 0.0
        self.swarm.bound(self, time.monotonic() - self.since)
        self.attempts = 0

    def _refused(self, rest: str) -> None:
        code = int(rest.partition(",")[0])
        self.swarm.counts[f"refused {code} {self._stalled()}" if code in (4, 20) else f"refused {code}"] += 1
        if code in (4, 20):
            self.old_session, self.session = self.session, ""
            self.count = self.skip = 0
            self.newest.clear()
            self.lost.clear()
            self.complete.clear()
        self._drop()
        self._again(0.0)

    def _stalled(self) -> str:
        return f"after a stall of {LONG_STALL} s or more" if self.unread >= LONG_STALL else "without a long stall"

    def _new(self) -> bool:
        """Count a data notification; False if the client has it already."""
        if self.skip:
            self.skip -= 1
            return False
        self.count += 1
        return True

    def _update(self, rest: str) -> None:
        sub, item, values = rest.split(",", 2)
        key = f"{sub},{item}"
        number = int(values.partition("|")[0])
        before = self.newest.get(key)
        self.newest[key] = number
        self.updates += 1
        self.swarm.updates += 1
        lost = self.lost.pop(key, 0)
        mode, name, more = self.adds[int(sub) - 1]
        if before is None:
            return
        if mode == "COMMAND" and key not in self.complete:
            # The rows of a snapshot, in any order.
            self.newest[key] = max(number, before)
            return
        filtered = mode == "MERGE" and "unfiltered" not in more
        fine = number > before if filtered else number == before + 1 + lost
        if not fine:
            self.swarm.wrong(f"{self.session} {mode} {name}: {number} after {before}, {lost} lost, count {self.count}")


class Swarm:
    """
    All members, and what became of them.

    @ivar counts: by what happened.
    @ivar problems: what must not happen; the first hundred.
    """

    def __init__(self, port: int) -> None:
        self.address = ("127.0.0.1", port)
        self.poll = select.epoll()
        self.members: set[Member] = set()
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self.updates = 0
        self.bytes = 0
        self.times: list[float] = []
        self._files: dict[int, Member] = {}
        self._timers: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._serial = itertools.count()

    def add(self, *adds: tuple[str, str, str]) -> Member:
        """One more, which connects at once."""
        member = Member(self, adds)
        self.members.add(member)
        member.connect()
        return member

    def later(self, seconds: float, call: Callable[..., object], *arguments: Any) -> None:
        """Call in a while."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._serial), call, arguments))

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Live for a while, or until something is true; whether it was."""
        end = time.monotonic() + seconds
        while not until():
            now = time.monotonic()
            if now >= end:
                return False
            while self._timers and self._timers[0][0] <= now:
                _, _, call, arguments = heapq.heappop(self._timers)
                call(*arguments)
            due = min(end, self._timers[0][0]) if self._timers else end
            for file, event in self.poll.poll(min(0.05, max(0.0, due - time.monotonic())), 512):
                member = self._files.get(file)
                if member is None:
                    continue
                if event & select.EPOLLOUT and not event & (select.EPOLLERR | select.EPOLLHUP):
                    member.writable()
                else:
                    member.readable()
        return True

    def watch(self, member: Member, one: socket.socket, events: int) -> None:
        """Tell the member when its socket is ready."""
        self._files[one.fileno()] = member
        self.poll.register(one, events)

    def forget(self, one: socket.socket) -> None:
        """The socket is about to be closed, which takes it out of the poll as well."""
        self._files.pop(one.fileno(), None)

    def bound(self, member: Member, seconds: float) -> None:
        """A session is there, or there again, so long after the first attempt."""
        self.times.append(seconds)

    def gone(self, member: Member) -> None:
        """A member has left."""
        self.members.discard(member)

    def wrong(self, what: str) -> None:
        """Must not happen."""
        self.counts["inconsistencies"] += 1
        if len(self.problems) < 100:
            self.problems.append(what)

    @property
    def up(self) -> int:
        """Members with a bound session."""
        return sum(member.up for member in self.members)
