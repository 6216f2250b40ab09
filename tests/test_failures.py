"""That what failed can be seen at the end of a run."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests import failures
from tests.__main__ import count, trial

BAD = """
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

class Bad(SynchronousTestCase):
    def test_good(self): pass
    def test_lines(self): self.fail("one\\ntwo\\nthree\\nfour")
    def test_equal(self): self.assertEqual({"a": 1}, {"a": 2})
    def test_error(self): raise ValueError("broken")
    def test_silent(self):
        assert 1 == 2

class SetUp(SynchronousTestCase):
    def setUp(self): raise RuntimeError("no server")
    def test_a(self): pass
    def test_b(self): pass

class Async(TestCase):
    timeout = 0.01
    def test_never(self): return Deferred()
    async def test_in(self): self.assertIn("a", "b")
"""

EXPECTED = {
    "bad.Bad.test_lines: FailTest: one / two / three",
    "bad.Bad.test_equal: FailTest: {'a': 1} != {'a': 2} / - {'a': 1} / ?       ^",
    "bad.Bad.test_error: ValueError: broken",
    "bad.Bad.test_silent: AssertionError: assert 1 == 2",
    "bad.SetUp.test_a and 1 more: RuntimeError: no server",
    "bad.Async.test_in: FailTest: 'a' not in 'b'",
    "bad.Async.test_never: TimeoutError: <bad.Async testMethod=test_never> (test_never) still running at 0.01 secs",
}


class TrialTests(TestCase):
    timeout = 120

    async def test_failures_of_trial(self) -> None:
        """In one process and in several: every failure with its reason, and counted."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "bad.py").write_text(BAD)
        for options in ([], ["-j2"]):
            command = trial(*options, "bad")
            output, _, status = await getProcessOutputAndValue(
                command[0], command[1:], env={"PYTHONPATH": str(folder)}, path=str(folder)
            )
            text = output.decode()
            self.assertEqual(status, 1, text)
            self.assertEqual(count(text), (1, 8, 0), text)
            self.assertEqual(set(failures.of_trial(text)), EXPECTED, text)


class ShownTests(SynchronousTestCase):
    def test_few(self) -> None:
        self.assertEqual(failures.shown([]), [])
        self.assertEqual(failures.shown(["a: b"]), ["a: b"])

    def test_many_and_long(self) -> None:
        shown = failures.shown([f"t{number}: " + "x" * 1000 for number in range(30)])
        self.assertEqual(len(shown), failures.MOST + 1)
        self.assertEqual(shown[-1], f"... and {30 - failures.MOST} others, see above")
        self.assertEqual({len(line) for line in shown[:-1]}, {failures.WIDTH})

    def test_commands(self) -> None:
        self.assertEqual(
            failures.of_command("mypy", 1, "a\nb.py:1: error: no\n\nFound 1 error\n"),
            "mypy: exit status 1: b.py:1: error: no / Found 1 error",
        )
