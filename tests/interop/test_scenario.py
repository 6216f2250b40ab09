"""That the interop tests notice what they are there to notice."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.interop.scenario import (
    SUBSCRIBED,
    UNLIMITED,
    Json,
    Number,
    OneOf,
    Scenario,
    Script,
    Sdk,
    Seen,
    assert_equal,
    update,
)
from tests.interop.wire import patched

SDK = Sdk("Test", (2, 5))
OLD = Sdk("Old", (2, 1))


def written(s: Script) -> Scenario:
    return Scenario("test", s.steps, s.expected, s.checks, s.loose)


class ComparisonTests(SynchronousTestCase):
    """What is made of the events of a run."""

    def setUp(self) -> None:
        self.script = Script()
        self.script.connect()
        self.script.subscribe("s", "MERGE", "merge.{run}", "a")
        self.script.see("s", SUBSCRIBED, UNLIMITED, update("merge.{run}", "1", snapshot=True))

    def problems(self, *events: list[Any], sdk: Sdk = SDK, problem: str | None = None) -> list[str]:
        """Of a run called Run1."""
        seen = Seen(sdk, None, [["client", "status", "CONNECTED:WS-STREAMING"], *events], problem)
        return written(self.script).problems("Run1", seen)

    def test_as_expected(self) -> None:
        good = (["s", "subscribed"], ["s", "frequency", "unlimited"], ["s", "update", "merge.Run1", True, ["1"]])
        self.assertEqual(self.problems(*good), [])
        missing = self.problems(*good[:2])
        self.assertEqual(missing[0], "s: never saw [['update', 'merge.{run}', True, ['1']]]")
        self.assertEqual(missing[-1], "connection: CONNECTED:WS-STREAMING")
        more = self.problems(*good, ["s", "update", "merge.Run1", False, ["2"]])
        self.assertEqual(more[0], "s: then also saw [['update', 'merge.{run}', False, ['2']]]")
        other = self.problems(*good[:2], ["s", "update", "merge.Run1", True, ["2"]])
        self.assertEqual(other[0].partition(";")[0], "s, event 2: value 0: expected '1', saw '2'")
        self.assertEqual(len(self.problems(*good, ["t", "subscribed"])), 2)
        self.assertEqual(len(self.problems(*good, ["client", "error", 61, "x"])), 2)
        self.assertEqual(len(self.problems(*good, ["script", "denied", -1, "x"])), 2)

    def test_stopped(self) -> None:
        """What is missing then is not told again."""
        self.assertEqual(self.problems(problem="step 1")[:-1], ["step 1"])

    def test_checks(self) -> None:
        self.script.leave_out("s")

        @self.script.check
        def wrong(seen: Seen) -> None:
            assert_equal(seen.values("s", 0), ["1", "2"])

        self.assertEqual(self.problems()[0], "wrong:  expected ['1', '2'], saw []")
        two = [["s", "update", "i", False, [value]] for value in "12"]
        self.assertEqual(self.problems(*two), [])

    def test_responses(self) -> None:
        """Older protocols have none."""
        self.script = Script()
        self.script.see("m", ["processed", "hello"])
        self.assertEqual(self.problems(["m", "processed", "hello"]), [])
        self.assertEqual(self.problems(["m", "processed", None], sdk=OLD), [])
        self.assertEqual(len(self.problems(["m", "processed", None])), 2)

    def test_jobs(self) -> None:
        """Names of the run and the transport are filled in."""
        job = written(self.script).job("Run1", "http://x/", "HTTP-POLLING")
        self.assertEqual(job["steps"][1]["event"], ["client", "status", "CONNECTED:HTTP-POLLING"])
        self.assertEqual(job["steps"][2]["items"], ["merge.Run1"])

    def test_values(self) -> None:
        self.assertEqual(
            [Number(2) == value for value in ("2", "2.0", "3", "x", None)], [True, True, False, False, False]
        )
        self.assertEqual([Json([1]) == value for value in ("[1]", "[ 1 ]", "[2]", None)], [True, True, False, False])
        self.assertEqual([OneOf(1, None) == value for value in (1, None, 2)], [True, True, False])


class PatchTests(SynchronousTestCase):
    """The examples of the specification."""

    def test_examples(self) -> None:
        for base, diff, result in (
            ("foo", "d", "foo"),
            ("foobar", "d", "foo"),
            ("foobar", "bdzap", "fzap"),
            ("foobar", "bdzapcd", "fzapbar"),
            ("fzapbar", "aabg", "zapbar"),
            ("zapbar", "ddxyz", "zapxyz"),
            ("foobar", "baeb", "fr"),
            ("", "adfoo", "foo"),
            ("The quick brown fox jumps over the lazy dog", "kdredfBc", "The quick red fox jumps over the lazy dog"),
            ("A" * 30 + "x" + "B" * 30, "BecyzbBe", "A" * 30 + "yz" + "B" * 30),
        ):
            self.assertEqual(patched(base, diff), result)
