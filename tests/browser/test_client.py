"""The parts of the page's JavaScript client that need no browser, with the test runner of node."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

NODE = shutil.which("node")
TESTS = Path(__file__).parent / "js"
FIRST_VERSION = (20, 19)
"""Older ones do not see by themselves that a file is a module."""


def missing() -> str | None:
    """What must be installed for these tests, or None."""
    if NODE is None:
        return "needs node 20.19 or newer: apt-get install nodejs"
    said = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.match(r"v(\d+)\.(\d+)", said)
    if found and (int(found[1]), int(found[2])) >= FIRST_VERSION:
        return None
    return f"needs node 20.19 or newer, and this is {said.strip()}"


class ClientTests(SynchronousTestCase):
    skip = missing()

    def node(self, name: str) -> None:
        assert NODE is not None
        ran = subprocess.run([NODE, "--test", str(TESTS / name)], capture_output=True, text=True, timeout=300)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def test_diffs(self) -> None:
        self.node("diffs.test.mjs")

    def test_lines(self) -> None:
        self.node("lines.test.mjs")

    def test_requests(self) -> None:
        self.node("requests.test.mjs")

    def test_session(self) -> None:
        self.node("session.test.mjs")

    def test_subscription(self) -> None:
        self.node("subscription.test.mjs")

    def test_values(self) -> None:
        self.node("values.test.mjs")

    def test_every_file_is_run(self) -> None:
        """A new file of tests needs a method here."""
        files = {path.name.removesuffix(".test.mjs") for path in TESTS.glob("*.mjs")}
        self.assertEqual({f"test_{name}" for name in files} - set(dir(self)), set())
