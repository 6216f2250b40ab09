"""
The SDKs and npm's ws with a server that compresses what it sends on WebSockets. A
proxy between them sees what really is compressed.
"""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.interop import tools
from tests.interop.drivers import DRIVERS
from tests.interop.proxy import Link, Proxy
from tests.interop.scenarios import SCENARIOS
from tests.interop.server import Server
from tests.interop.test_tls import PLAYED

CONFIGURATION = """\
[websocket]
use_compression = true
compression_threshold = 20
"""


@cache
def compressing() -> Server:
    """A server that compresses nearly everything."""
    folder = tempfile.TemporaryDirectory(prefix="lsserver-interop-compression-")
    file = Path(folder.name) / "lsserver.toml"
    file.write_text(CONFIGURATION)
    server = Server("--config", str(file))
    server.keep(folder)
    return server


class Direction:
    """
    One half of a WebSocket, from the request or the response that begins it.

    @ivar head: of that, in lower case.
    @ivar compressed: how many messages were.
    """

    def __init__(self) -> None:
        self.head = ""
        self.compressed = 0
        self._rest = b""

    def take(self, data: bytes) -> None:
        """Look through some bytes."""
        self._rest += data
        if not self.head:
            head, end, rest = self._rest.partition(b"\r\n\r\n")
            if not end:
                return
            self.head, self._rest = head.decode("latin-1").lower(), rest
        while (size := self._size()) is not None:
            self.compressed += self._rest[0] & 0x4F in (0x41, 0x42)
            self._rest = self._rest[size:]

    def _size(self) -> int | None:
        data = self._rest
        if len(data) < 2:
            return None
        size, mask = data[1] & 0x7F, 4 if data[1] & 0x80 else 0
        head = {126: 4, 127: 10}.get(size, 2)
        if head > 2:
            size = int.from_bytes(data[2:head])
        whole = head + mask + size
        return whole if len(data) >= max(whole, head) else None


class Watching(Proxy):
    """Looks at WebSockets on their way; one is all that a connection carries."""

    def __init__(self, port: int) -> None:
        super().__init__(reactor, port)
        self.up: dict[Link, Direction] = {}
        self.down: dict[Link, Direction] = {}

    def passed(self, link: Link, data: bytes) -> bytes:
        self.up.setdefault(link, Direction()).take(data)
        return data

    def answer(self, link: Link, data: bytes) -> None:
        self.down.setdefault(link, Direction()).take(data)
        super().answer(link, data)

    def offered(self) -> bool:
        """Whether clients asked for compression."""
        return any("permessage-deflate" in one.head for one in self.up.values())

    def accepted(self) -> bool:
        """Whether they got it."""
        return any("permessage-deflate" in one.head for one in self.down.values())


class Compressed(TestCase):
    """One test for each client."""

    timeout = 80

    async def watched(self) -> Watching:
        proxy = Watching(compressing().port)
        await proxy.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(proxy.stop()))
        return proxy

    async def play(self, name: str, offers: bool) -> None:
        """Play some scenarios; all problems make one failure."""
        driver = DRIVERS[name]
        driver.arguments(), driver.folder(), driver.environment()  # skip before anything starts
        before = len(compressing().lines)
        proxy = await self.watched()
        runs = {f"Compressed{name}{number}": SCENARIOS[played] for number, played in enumerate(PLAYED)}
        jobs = [scenario.job(run, proxy.address, "WS-STREAMING") for run, scenario in runs.items()]
        seen = await driver.play(reactor, jobs, lambda run, what: None, 6, 60)
        problems = [
            f"{scenario.name}: {problem}"
            for run, scenario in runs.items()
            for problem in scenario.problems(run, seen[run])
        ]
        problems += compressing().faults(before)
        if problems:
            self.fail("\n".join(problems))
        self.assertEqual((proxy.offered(), proxy.accepted()), (offers, offers))
        compressed = sum(one.compressed for one in proxy.down.values())
        if offers:
            self.assertGreater(compressed, 30)
        else:
            self.assertEqual(compressed, 0)

    def test_web(self) -> Deferred[None]:
        """Chromium asks for compression by itself."""
        return Deferred.fromCoroutine(self.play("Web9", True))

    # These SDKs ask for none, and get none.

    def test_node(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.play("Node9", False))

    def test_older_node(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.play("Node8", False))

    def test_python(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.play("Python2", False))

    def test_older_python(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.play("Python1", False))

    async def talk(self, offer: dict[str, Any], answer: str) -> None:
        """With ws, whose messages are compressed as well."""
        folder = tools.need(tools.node_sdks)
        proxy = await self.watched()
        values = [f"{number} " + "über alle Maßen lang " * (number % 10) for number in range(60)]
        item = "distinct.Compressed" + "".join(filter(str.isalnum, json.dumps(offer)))
        publish = {"do": "data", "method": "publish", "item": item, "events": [{"a": value} for value in values]}
        message = json.dumps(publish).replace("%", "%25").replace("+", "%2B").replace("&", "%26")
        steps = [
            ["create_session\r\nLS_adapter_set=INTEROP&LS_cid=test", "CONOK,"],
            [f"control\r\nLS_reqId=1&LS_op=add&LS_subId=1&LS_group={item}&LS_schema=a&LS_mode=DISTINCT", "SUBOK,1,1,1"],
            [f"msg\r\nLS_reqId=2&LS_outcome=false&LS_message={message}", f"U,1,1,{values[-1]}\r\n"],
        ]
        job = {"url": proxy.address.replace("http", "ws") + "lightstreamer", "offer": offer, "steps": steps}
        script = str(tools.HERE / "node" / "compressed.mjs")
        output, errors, status = await getProcessOutputAndValue(
            str(tools.need(tools.node)), [script], path=str(folder), stdinBytes=json.dumps(job).encode()
        )
        self.assertEqual((errors.decode(), status), ("", 0))
        got = [line.removeprefix("U,1,1,") for line in output.decode().split("\r\n") if line.startswith("U,")]
        self.assertEqual(got, values)
        (up,), (down,) = proxy.up.values(), proxy.down.values()
        self.assertIn(answer, down.head)
        self.assertGreaterEqual(up.compressed, 3)
        self.assertGreaterEqual(down.compressed, 2)

    def test_ws(self) -> Deferred[None]:
        answer = "sec-websocket-extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover"
        return Deferred.fromCoroutine(self.talk({}, answer))

    def test_ws_with_a_small_window(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.talk({"serverMaxWindowBits": 9}, "server_max_window_bits=9"))
