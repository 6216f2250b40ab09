"""The limit of open files."""

from __future__ import annotations

import resource
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from lsserver import descriptors


class Limit(SynchronousTestCase):
    """A process with limits of its own."""

    def limits(self, soft: int, hard: int, refuses: bool = False) -> list[tuple[int, int]]:
        """What is set."""
        seen: list[tuple[int, int]] = []

        def setrlimit(which: int, limits: Any) -> None:
            self.assertEqual(which, resource.RLIMIT_NOFILE)
            if refuses:
                raise ValueError("not permitted")
            seen.append(limits)

        self.patch(resource, "getrlimit", lambda which: (soft, hard))
        self.patch(resource, "setrlimit", setrlimit)
        return seen

    def test_raised(self) -> None:
        seen = self.limits(1024, 20_000)
        self.assertEqual(descriptors.raise_limit(), 20_000)
        self.assertEqual(seen, [(20_000, 20_000)])

    def test_as_high_as_it_may_be(self) -> None:
        seen = self.limits(20_000, 20_000)
        self.assertEqual((descriptors.raise_limit(), seen), (20_000, []))

    def test_not_permitted(self) -> None:
        """The server starts all the same."""
        self.limits(1024, 20_000, refuses=True)
        self.assertEqual(descriptors.raise_limit(), 1024)

    def test_no_limit(self) -> None:
        self.limits(resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        self.assertIsNone(descriptors.raise_limit())

    def test_other_systems(self) -> None:
        self.patch(descriptors, "resource", None)
        self.assertIsNone(descriptors.raise_limit())
