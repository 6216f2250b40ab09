"""Test classes whose scenarios are all played together when the first of their tests runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from twisted.internet.defer import Deferred

from tests.interop.scenario import Scenario, Seen


class Playing:
    """
    What the classes share.

    @cvar results: by the names of the runs; once they have been played.
    """

    results: ClassVar[dict[str, Seen]]

    @classmethod
    async def played(cls) -> None:
        """Play all scenarios of the class, the first time."""
        if "results" not in cls.__dict__:
            await cls.play()

    @classmethod
    async def play(cls) -> None:
        """Play them, which makes C{results}."""
        raise NotImplementedError

    @classmethod
    def run_of(cls, scenario: Scenario) -> str:
        """A name for the run that is unique on the server."""
        raise NotImplementedError


def scenario_test(scenario: Scenario) -> Callable[[Any], Deferred[None]]:
    """The test method that says whether all was seen that should be."""

    async def run(self: Any) -> None:
        cls = type(self)
        await cls.played()
        run = cls.run_of(scenario)
        problems = scenario.problems(run, cls.results[run])
        if problems:
            self.fail("\n".join(problems))

    def test(self: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(run(self))

    test.__name__ = f"test_{scenario.name}"
    return test
