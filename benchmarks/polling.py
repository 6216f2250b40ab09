"""
Long polling: CPU time for each poll, beside a bare resource of twisted.web that answers as much::

    python -m benchmarks.polling                      # 1000 clients, a poll a second each
    python -m benchmarks.polling --quick              # one short round, less than 15 seconds
    python -m benchmarks.polling --kind prompt        # polls that are answered at once

A poll is a C{POST} as a browser sends it, on a connection that stays. Polls of the kind C{held} wait for an update of
an item of their own, of which there is one a second; the resource holds a request for a second. Those of the kind
C{prompt} come once a second and get what there is. Both servers run in turn, round after round, on one core with the
load on another; the figure to quote is the median of the ratios of the same round.
"""

from __future__ import annotations

import argparse
import os
import select
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks import machine
from benchmarks.server import Program, Server
from benchmarks.talking import Talk

KINDS = ("held", "prompt")
HELD_MILLIS = 19_000

HEADERS = (
    "Host: push.example.com\r\n"
    "Connection: keep-alive\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
    " Safari/537.36\r\n"
    "Content-Type: text/plain;charset=UTF-8\r\n"
    "Accept: */*\r\n"
    "Origin: https://www.example.com\r\n"
    "Referer: https://www.example.com/\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-US,en;q=0.9\r\n"
)


def post(name: str, body: str) -> bytes:
    """A request of the protocol."""
    head = f"POST /lightstreamer/{name}.txt?LS_protocol=TLCP-2.5.0 HTTP/1.1\r\n{HEADERS}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def body_of(response: bytes) -> bytes | None:
    """The body, C{None} as long as the response is not complete."""
    head, end, rest = response.partition(b"\r\n\r\n")
    if not end:
        return None
    if not head.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(f"unexpected answer: {response[:300]!r}")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    if length:
        return rest if len(rest) >= int(length) else None
    # The last line of a body says nothing of the end: it may be C{LOOP,0}.
    if not rest.endswith(b"\r\n0\r\n\r\n"):
        return None
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


class Client:
    """
    One connection and what is asked on it.

    @ivar poll: the request to repeat.
    @ivar asked: when it was sent last.
    """

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.poll = b""
        self.asked = 0.0
        self._received = b""

    def receive(self) -> bytes | None:
        """Read what has come; the body, if the response is complete."""
        data = self.socket.recv(65_536)
        if not data:
            raise SystemExit("the server has closed a connection")
        self._received += data
        body = body_of(self._received)
        if body is not None:
            self._received = b""
        return body


def ask_all(clients: list[Client], requests: Iterable[bytes]) -> list[bytes]:
    """Send a request on each connection, and wait for all answers."""
    for client, request in zip(clients, requests, strict=True):
        client.socket.sendall(request)
    answers = []
    for client in clients:
        while (body := client.receive()) is None:
            pass
        answers.append(body)
    return answers


@dataclass(frozen=True)
class Result:
    """
    @ivar us: CPU time of the server for each poll, microseconds.
    @ivar body: bytes of the answers' bodies, on average.
    @ivar rate: polls a second.
    @ivar late: milliseconds within which 99 of 100 polls were answered.
    """

    us: float
    rate: float
    body: float
    late: float


class Load:
    """Clients that poll, all in this process."""

    def __init__(self, clients: list[Client], kind: str) -> None:
        self._clients = clients
        self._held = kind == "held"
        self._epoll = select.epoll()
        self._by_file = {client.socket.fileno(): client for client in clients}
        self._due: list[Client] = []

    def run(self, seconds: float, cpu: Callable[[], float]) -> Result:
        """Poll for a while, after a second for warming up."""
        begin = time.monotonic()
        for client in self._clients:
            client.socket.setblocking(False)
            self._epoll.register(client.socket, select.EPOLLIN)
        count = len(self._clients)
        if self._held:
            for client in self._clients:
                self._send(client, begin)
        else:
            # Spread over the second.
            for number, client in enumerate(self._clients):
                client.asked = begin - 1 + number / count
            self._due = list(self._clients)
        self._until(begin + 1.5)
        before, begin = cpu(), time.monotonic()
        polls, size, waits = self._until(begin + seconds)
        used, lasted = cpu() - before, time.monotonic() - begin
        self._epoll.close()
        if not polls:
            raise SystemExit("no poll was answered")
        waits.sort()
        return Result(used / polls * 1e6, polls / lasted, size / polls, waits[len(waits) * 99 // 100] * 1e3)

    def _send(self, client: Client, now: float) -> None:
        client.asked = now
        client.socket.send(client.poll)

    def _until(self, end: float) -> tuple[int, int, list[float]]:
        polls = size = 0
        waits: list[float] = []
        while (now := time.monotonic()) < end:
            timeout = end - now
            if not self._held:
                # Those that wait for their time, in the order in which it comes.
                while self._due and self._due[0].asked + 1 <= now:
                    client = self._due.pop(0)
                    self._send(client, max(client.asked + 1, now - 0.5))
                if self._due:
                    timeout = min(timeout, max(0.0, self._due[0].asked + 1 - now))
            for file, _ in self._epoll.poll(timeout):
                client = self._by_file[file]
                body = client.receive()
                if body is None:
                    continue
                now = time.monotonic()
                polls += 1
                size += len(body)
                waits.append(now - client.asked)
                if self._held:
                    self._send(client, now)
                else:
                    self._due.append(client)
        return polls, size, waits


@contextmanager
def lsserver(options: argparse.Namespace) -> Iterator[tuple[Program, list[Client]]]:
    """The server with a session for each client."""
    with Server("max_polling_millis = 60000", core=machine.SERVER_CORE) as server:
        clients = [Client(server.port) for _ in range(options.clients)]
        create = "LS_adapter_set=BENCH&LS_cid=bench&LS_polling=true&LS_polling_millis=60000&LS_idle_millis=0"
        answers = ask_all(clients, [post("create_session", create)] * len(clients))
        sessions = [f"LS_session={answer.decode().split(',')[1]}" for answer in answers]
        add = "&LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_schema=bid%20ask%20text"
        add += "&LS_requested_max_frequency=unlimited&LS_group=item"
        ask_all(clients, [post("control", f"{session}{add}{number:04}") for number, session in enumerate(sessions)])
        poll = "&LS_polling=true&LS_polling_millis=60000&LS_idle_millis="
        # What every session is told once.
        ask_all(clients, [post("bind_session", f"{session}{poll}0") for session in sessions])
        idle = HELD_MILLIS if options.kind == "held" else 0
        for client, session in zip(clients, sessions, strict=True):
            client.poll = post("bind_session", f"{session}{poll}{idle}")
        talk = Talk(server.port)
        talk.say(f"!feed%20{options.clients}%201%20{options.clients}%20{options.size}%20plain")
        yield server, clients
        for client in clients:
            client.socket.close()
        talk.close()


RESOURCE = """\
import sys, time
from twisted.internet import reactor
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

port, held, size = int(sys.argv[1]), sys.argv[2] == "held", int(sys.argv[3])
body = b"x" * size
waiting = []


class Polls(Resource):
    isLeaf = True

    def render_POST(self, request):
        request.content.read()
        if not held:
            return body
        waiting.append((time.monotonic() + 1, request))
        return NOT_DONE_YET


def answer():
    now = time.monotonic()
    while waiting and waiting[0][0] <= now:
        _, request = waiting.pop(0)
        request.write(body)
        request.finish()
    reactor.callLater(0.001, answer)


if held:
    answer()
reactor.listenTCP(port, Site(Polls()), 4096, "127.0.0.1")
reactor.callWhenRunning(print, "listening", flush=True)
reactor.run()
"""


@contextmanager
def resource(options: argparse.Namespace, size: int) -> Iterator[tuple[Program, list[Client]]]:
    """A resource of twisted.web whose answers have so many bytes."""
    port = machine.free_port()
    command = [sys.executable, "resource.py", str(port), options.kind, str(size)]
    with Program(command, "listening", files={"resource.py": RESOURCE}) as server:
        clients = [Client(port) for _ in range(options.clients)]
        for client in clients:
            client.poll = post("bind_session", "LS_session=S0123456789abcdef&LS_polling=true&LS_polling_millis=60000")
        yield server, clients
        for client in clients:
            client.socket.close()


def measure(options: argparse.Namespace) -> float:
    """Rounds of one kind; the median of the ratios."""
    ratios, size = [], 0.0
    for number in range(1, options.rounds + 1):
        with lsserver(options) as (server, clients):
            ours = Load(clients, options.kind).run(options.seconds, server.cpu)
        with resource(options, round(ours.body)) as (server, clients):
            bare = Load(clients, options.kind).run(options.seconds, server.cpu)
        ratios.append(ours.us / bare.us)
        size = ours.body
        print(
            f"round {number}, {options.kind}: lsserver {ours.us:.0f} us/poll ({ours.rate:.0f}/s), bare resource"
            f" {bare.us:.0f} ({bare.rate:.0f}/s), ratio {ratios[-1]:.2f}; 99 of 100 answered within"
            f" {ours.late:.1f}/{bare.late:.1f} ms"
        )
    print(f"median of {options.kind} polls: {statistics.median(ratios):.2f} ({size:.0f} bytes an answer)")
    return statistics.median(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--clients", type=int, default=1000, help="clients with a poll a second each (default %(default)s)"
    )
    parser.add_argument("--size", type=int, default=64, help="bytes of an update's line (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=5, help="measured seconds a round (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default %(default)s)")
    parser.add_argument("--kind", choices=KINDS, help="only polls of this kind (default: both)")
    parser.add_argument("--quick", action="store_true", help="one short round of held polls")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.kind = 1, min(options.seconds, 1.0), options.kind or "held"
    machine.raise_limit()
    if machine.LOAD_CORE.isdigit() and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {int(machine.LOAD_CORE)})
    for kind in [options.kind] if options.kind else KINDS:
        options.kind = kind
        measure(options)


if __name__ == "__main__":
    main()
