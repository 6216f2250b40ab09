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
from lsserver.transport.settings import TransportSettings
from lsserver.transport.site import Site
from lsserver.transport.websocket_frames import FrameFactory, FrameProtocol

reactor: Any = _reactor

WITHOUT_COMPRESSION = ["-x", "12.*", "-x", "13.*"]


class Echo(FrameProtocol):
    """Sends back what it gets."""

    _message: bytes = b""

    def messageReceived(self, payload: bytes) -> None:
        self.send_text(payload)

    def messageTooLong(self, head: bytes) -> None:
        raise AssertionError("no case is that long")

    def binaryReceived(self) -> None:
        raise AssertionError("replaced below")

    def onMessageEnd(self) -> None:
        """Our own protocol has no use for binary messages, the suite has."""
        if not self._binary:
            super().onMessageEnd()
        elif self.state == self.STATE_OPEN and not self.failedByMe:
            self.sendMessage(b"".join(self._parts), isBinary=True)

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
            if name.lower() not in (b"origin", b"sec-websocket-extensions"):
                lines.append(name + b": " + b",".join(values))
        channel: Channel = request.channel
        channel.upgrade(protocol, b"\r\n".join(lines) + b"\r\n\r\n")
        return server.NOT_DONE_YET


class Cases(TestCase):
    timeout = 600

    async def test_all_but_compression(self) -> None:
        runner = shutil.which("kosoku", path=os.path.dirname(sys.executable)) or next(iter(which("kosoku")), None)
        if runner is None:
            raise SkipTest("kosoku is not installed")
        settings = TransportSettings(request_limit=32 << 20)
        site = Site(EchoResource(FrameFactory(settings, reactor, b"lsserver")), settings, reactor)
        port = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(site)
        self.addCleanup(port.stopListening)
        reports = Path(self.mktemp())
        arguments = ["-m", "fuzzingclient", "-p", "4", *WITHOUT_COMPRESSION, "-o", str(reports)]
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
        self.assertGreater(len(cases), 290)
