"""Autobahn on Twisted: python autobahn_server.py PORT SUBSCRIPTIONS ITEMS RATE BURST SIZE."""

import sys
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from feeding import Feed
from twisted.internet import reactor

port, expected, items = (int(float(text)) for text in sys.argv[1:4])
rate, burst, size = float(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6])
subscribers: list[list[Any]] = [[] for _ in range(items)]
loop: Any = reactor


class Client(WebSocketServerProtocol):  # type: ignore[misc]
    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        subscribers[int(payload.split()[1])].append(self)
        self.sendMessage(b"SUBOK")
        if sum(map(len, subscribers)) == expected:
            go_on(Feed(items, rate, burst, size))


def go_on(feed: Feed) -> None:
    for item, text in feed.messages():
        message = factory.prepareMessage(text.encode())
        for client in subscribers[item]:
            client.sendPreparedMessage(message)
    loop.callLater(feed.wait(), go_on, feed)


factory = WebSocketServerFactory()
factory.protocol = Client
factory.setProtocolOptions(tcpNoDelay=True)
loop.listenTCP(port, factory, backlog=4096, interface="127.0.0.1")
print("listening", flush=True)
loop.run()
