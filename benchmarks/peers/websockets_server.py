"""C{websockets}: python websockets_server.py PORT SUBSCRIPTIONS ITEMS RATE BURST SIZE."""

import asyncio
import os
import sys

from feeding import Feed
from websockets.asyncio.server import ServerConnection, broadcast, serve

port, expected, items = (int(float(text)) for text in sys.argv[1:4])
compression = os.environ.get("BENCHMARK_COMPRESSION") or None
rate, burst, size = float(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6])


async def main() -> None:
    subscribers: list[set[ServerConnection]] = [set() for _ in range(items)]
    complete = asyncio.Event()
    count = 0

    async def client(connection: ServerConnection) -> None:
        nonlocal count
        async for message in connection:
            subscribers[int(message.split()[1])].add(connection)
            await connection.send("SUBOK")
            count += 1
            if count == expected:
                complete.set()

    async with serve(client, "127.0.0.1", port, backlog=4096, compression=compression, ping_interval=None):
        print("listening", flush=True)
        await complete.wait()
        feed = Feed(items, rate, burst, size)
        while True:
            for item, text in feed.messages():
                broadcast(subscribers[item], text)
            await asyncio.sleep(feed.wait())


asyncio.run(main())
