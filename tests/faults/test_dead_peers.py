"""Clients that vanish without a word: no packet of theirs comes any more, and nothing that is sent is acknowledged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

ROOT = Path(__file__).resolve().parents[2]
GIVEN_UP_SECONDS = 30
"""By default it takes two minutes; with the configuration of the script, less than two seconds on an idle machine."""


def able() -> bool:
    """Whether this process may make network namespaces."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "ip"))):
        return False
    script = "ip link add near type veth peer name far"
    return subprocess.run(["unshare", "-n", "sh", "-c", script], capture_output=True).returncode == 0


class DeadPeers(TestCase):
    """The cable is pulled out."""

    timeout = 200

    async def test_found_on_every_transport(self) -> None:
        """
        A keepalive is written every 0.2 s; after a second without an acknowledgement (C{write_timeout_millis})
        the connection is given up, after another half (C{session_recovery_millis}) the session.
        """
        if not able():
            raise SkipTest("network namespaces need root and the tools unshare, nsenter and ip")
        command = ["unshare", "-n", sys.executable, "-m", "tests.faults.dead_peers"]
        played = await deferToThread(
            lambda: subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180)
        )
        self.assertEqual(played.returncode, 0, played.stderr)
        found = json.loads(played.stdout)
        self.assertEqual(set(found), {"websocket", "http"})
        for transport, (seconds, why) in found.items():
            self.assertLess(seconds, GIVEN_UP_SECONDS, transport)
            self.assertEqual(why, "not bound again in time")
