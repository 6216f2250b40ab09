"""python-socketio on aiohttp, clients in rooms: python socketio_server.py PORT SUBSCRIPTIONS ITEMS RATE BURST SIZE."""

import asyncio
import sys

import socketio
from aiohttp import web
from feeding import Feed

port, expected, items = (int(float(text)) for text in sys.argv[1:4])
rate, burst, size = float(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6])


async def main() -> None:
    server = socketio.AsyncServer(async_mode="aiohttp")
    complete = asyncio.Event()
    count = 0

    @server.on("sub")
    async def subscribe(sid: str, item: str) -> None:
        nonlocal count
        await server.enter_room(sid, f"room{int(item)}")
        await server.emit("ok", "SUBOK", to=sid)
        count += 1
        if count == expected:
            complete.set()

    application = web.Application()
    server.attach(application)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
    print("listening", flush=True)
    await complete.wait()
    feed = Feed(items, rate, burst, size)
    while True:
        for item, text in feed.messages():
            await server.emit("u", text, room=f"room{item}")
        await asyncio.sleep(feed.wait())


asyncio.run(main())
