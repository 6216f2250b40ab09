"""
RFC 6455, case by case: the cases of the Autobahn test suite, run by kosoku against
our receiving and sending halves on an echo protocol. Slow, and only where kosoku
is installed.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.procutils import which
from twisted.trial.unittest import SkipTest, TestCase
from twisted.web import server
from twisted.web.resource import Resource

from lsserver.transport.channel import Channel, Request
from lsserver.transport.compression import TEXT, DeflatingFramer
from lsserver.transport.settings import TransportSettings
from lsserver.transport.site import Site
from lsserver.transport.websocket_frames import FrameFactory, FrameProtocol

reactor: Any = _reactor

BINARY = 0x42

WITHOUT_COMPRESSION = ["-x", "12.*", "-x", "13.*"]

SOME_COMPRESSED: list[str] = []
for _family in ("12.*", "13.*"):
    # Each is a thousand messages; those left out are longer, up to 128 KB.
    for _number in ("2", "3", "4", "6", "11"):
        SOME_COMPRESSED += ["-i", f"{_family}.{_number}"]


class Echo(FrameProtocol):
    """Sends back what it gets."""

    _message: bytes = b""

    def messageReceived(self, payload: bytes) -> None:
        self._echo(TEXT, payload)

    def _echo(self, first: int, payload: bytes) -> None:
        framer = self.framer
        if isinstance(framer, DeflatingFramer):
            # What does not become shorter too: where the extension is in use, the suite
            # cannot read what is not compressed. But of text, what the framer has chosen.
            frame = framer.encode(payload) if first == TEXT else b"\0"
            self.writer.write(frame if frame[0] & 0x40 else framer.deflated(first, payload))
        elif first == TEXT:
            self.send_text(payload)
        else:
            self.sendMessage(payload, isBinary=True)

    def messageTooLong(self, head: bytes) -> None:
        raise AssertionError("no case is that long")

    def binaryReceived(self) -> None:
        raise AssertionError("replaced below")

    def onMessageEnd(self) -> None:
        """Our own protocol has no use for binary messages, the suite has."""
        if not self._binary:
            super().onMessageEnd()
        elif self.state == self.STATE_OPEN and not self.failedByMe:
            self._echo(BINARY, b"".join(self._parts))

    def onMessageFrameData(self, payload: bytes) -> None:
        self._size += len(payload)
        self._parts.append(payload)


class EchoResource(Resource):
    """Upgrades whatever comes."""

    isLeaf = True

    def __init__(self, factory: FrameFactory) -> None:
        super().__init__()
        self._factory = factory

    def render(self, request: Request) -> int:  # type: ignore[override]
        protocol = Echo()
        protocol.factory = self._factory
        lines = [b"GET / HTTP/1.1"]
        for name, values in request.requestHeaders.getAllRawHeaders():
            if name.lower() == b"sec-websocket-extensions":
                protocol.agreement = self._factory.agree(value.decode() for value in values)
            elif name.lower() != b"origin":
                lines.append(name + b": " + b",".join(values))
        channel: Channel = request.channel
        channel.upgrade(protocol, b"\r\n".join(lines) + b"\r\n\r\n")
        return server.NOT_DONE_YET


class Cases(TestCase):
    timeout = 600

    async def run_cases(self, settings: TransportSettings, *chosen: str) -> int:
        """Have kosoku play cases; how many there were."""
        runner = shutil.which("kosoku", path=os.path.dirname(sys.executable)) or next(iter(which("kosoku")), None)
        if runner is None:
            raise SkipTest("kosoku is not installed")
        self.factory = FrameFactory(settings, reactor, b"lsserver")
        site = Site(EchoResource(self.factory), settings, reactor)
        port = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(site)
        self.addCleanup(port.stopListening)
        reports = Path(self.mktemp())
        arguments = ["-m", "fuzzingclient", "-p", "4", *chosen, "-o", str(reports)]
        output, errors, status = await getProcessOutputAndValue(
            runner, [*arguments, f"ws://127.0.0.1:{port.getHost().port}"], env=os.environ
        )
        results = json.loads((reports / "index.json").read_text())
        (cases,) = results.values()
        bad = {
            case: (result["behavior"], result["behaviorClose"])
            for case, result in cases.items()
            if not {result["behavior"], result["behaviorClose"]} <= {"OK", "NON-STRICT", "INFORMATIONAL"}
        }
        self.assertEqual((bad, status), ({}, 0), output + errors)
        return len(cases)

    async def test_all_but_compression(self) -> None:
        self.assertGreater(await self.run_cases(TransportSettings(request_limit=32 << 20), *WITHOUT_COMPRESSION), 290)

    async def test_compression(self) -> None:
        settings = TransportSettings(
            request_limit=32 << 20, websocket_use_compression=True, websocket_compression_threshold=0
        )
        self.assertGreater(await self.run_cases(settings, *SOME_COMPRESSED), 55)
        self.assertEqual(sorted(self.factory.deflating), [9, 12])
        for framer in self.factory.deflating.values():
            self.assertGreater(framer.compressed, 1000)
