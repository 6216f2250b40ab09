"""
The floor of an interpreter: as C{cserver.c}, in Python, with nothing of a server that a fan-out can do without: no
reactor, no library, no sessions, nothing kept of what was sent. C{python send_server.py PORT SUBSCRIPTIONS ITEMS RATE
BURST SIZE}.
"""

import base64
import hashlib
import re
import select
import socket
import sys
from collections.abc import Callable

from feeding import Feed

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
SUBOK = b"\x81\x05SUBOK"
KEY = re.compile(rb"Sec-WebSocket-Key: (\S+)")
SUBSCRIBE = re.compile(rb"SUB (\d+)")

port, expected, items = (int(float(text)) for text in sys.argv[1:4])
rate, burst, size = float(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6])
subscribers: list[list[Callable[[bytes], int]]] = [[] for _ in range(items)]


def frame(text: str) -> bytes:
    """A text frame."""
    data = text.encode()
    length = len(data)
    return (bytes((0x81, length)) if length < 126 else b"\x81\x7e" + length.to_bytes(2)) + data


def answer(connection: socket.socket, data: bytes) -> int:
    """Do what a client asks for; how many subscriptions there are more. Frames of clients are masked with zeros."""
    key = KEY.search(data)
    if key is not None:
        accept = base64.b64encode(hashlib.sha1(key[1] + MAGIC).digest())
        connection.send(UPGRADED + accept + b"\r\n\r\n")
    found = SUBSCRIBE.findall(data)
    for number in found:
        subscribers[int(number) % items].append(connection.send)
        connection.send(SUBOK)
    return len(found)


def main() -> None:
    """Take everybody in, then publish."""
    listening = socket.create_server(("127.0.0.1", port), backlog=4096)
    listening.setblocking(False)
    poll = select.epoll()
    poll.register(listening, select.EPOLLIN)
    connections: dict[int, socket.socket] = {}
    count = 0
    feed: Feed | None = None
    print("listening", flush=True)
    while True:
        # In whole milliseconds, as the other floor and every reactor.
        wait = 0.1 if feed is None else feed.wait()
        for number, _ in poll.poll(wait):
            if number == listening.fileno():
                connection, _ = listening.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[connection.fileno()] = connection
                poll.register(connection, select.EPOLLIN)
                continue
            data = connections[number].recv(65_536)
            if data:
                count += answer(connections[number], data)
            else:
                poll.unregister(number)
        if feed is None:
            if count < expected:
                continue
            feed = Feed(items, rate, burst, size)
        for item, text in feed.messages():
            ready = frame(text)
            for send in subscribers[item]:
                try:
                    send(ready)
                except BlockingIOError:
                    print("a client is slow", file=sys.stderr)


main()
