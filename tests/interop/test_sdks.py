"""
Every client SDK, forced to each of the transports and to none, plays every
scenario against a server that was started as a user starts it.

A test class is one SDK on one transport, as C{Node9HttpPolling}; a test is one
scenario, as C{test_merge_with_snapshot}. All scenarios of a class are played
together when the first of its tests runs; the environment variable
C{INTEROP_SCENARIOS} (names, separated by commas) leaves only some of them.
"""

from __future__ import annotations

import os
import re
from typing import Any, ClassVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.interop.drivers import DRIVERS, Driver
from tests.interop.playing import Playing, scenario_test
from tests.interop.proxy import NETWORKS, Proxy
from tests.interop.scenario import TRANSPORTS, Scenario
from tests.interop.scenarios import SCENARIOS
from tests.interop.server import shared

WIDTH = 12
"""Scenarios that are played at a time."""


SECONDS = 400
"""After which a class is given up."""


class Matrix(Playing):
    """What the classes share."""

    timeout = SECONDS + 60
    driver: ClassVar[Driver]
    transport: ClassVar[str | None]
    faults: ClassVar[list[str]]

    def test_without_faults_of_the_server(self) -> Deferred[None]:
        """What was played has left no traceback in the log of the server."""

        async def run() -> None:
            await self.played()
            if self.faults:
                raise AssertionError("\n".join(self.faults))

        return Deferred.fromCoroutine(run())

    @classmethod
    async def play(cls) -> None:
        cls.driver.arguments(), cls.driver.folder(), cls.driver.environment()  # skip before anything starts
        server = shared()
        before = len(server.lines)
        proxies: dict[str, Proxy] = {}
        runs = []
        for scenario in cls.scenarios():
            run = cls.run_of(scenario)
            address = server.urls[0]
            if scenario.network:
                # In Node.js, the older SDK takes the stack trace of the error for the rest of a poll that is cut.
                whole_polls = not cls.driver.sdk.unified
                proxies[run] = await NETWORKS[scenario.network](reactor, server.port, whole_polls).start()
                address = proxies[run].address
            runs.append(scenario.job(run, address, cls.transport))
        try:
            cls.results = await cls.driver.play(reactor, runs, lambda run, what: proxies[run].cut(what), WIDTH, SECONDS)
            cls.faults = server.faults(before)
        finally:
            for proxy in proxies.values():
                await proxy.stop()

    @classmethod
    def scenarios(cls) -> list[Scenario]:
        """Those that make sense here; those that take long first."""
        applying = [one for one in SCENARIOS.values() if _applies(one, cls.driver, cls.transport)]
        return sorted(applying, key=lambda one: not (one.network or one.name in SLOW))

    @classmethod
    def run_of(cls, scenario: Scenario) -> str:
        """A name for the run that is unique on the server."""
        return f"{cls.__name__}{list(SCENARIOS).index(scenario.name)}"


ONLY = set(filter(None, os.environ.get("INTEROP_SCENARIOS", "").split(",")))

SLOW = {"transport_changed", "transport_changed_otherwise", "silence", "raw_overflow"}


def _applies(scenario: Scenario, driver: Driver, transport: str | None) -> bool:
    return scenario.applies(driver.sdk, transport) and (not ONLY or scenario.name in ONLY)


def _class(driver: Driver, transport: str | None) -> type[TestCase]:
    words = re.findall("[A-Z]+", transport or "AUTO")
    name = driver.sdk.name + "".join(word.capitalize() for word in words)
    body: dict[str, Any] = {"driver": driver, "transport": transport, "__module__": __name__, "__doc__": None}
    for scenario in SCENARIOS.values():
        if _applies(scenario, driver, transport):
            body[f"test_{scenario.name}"] = scenario_test(scenario)
    return type(name, (Matrix, TestCase), body)


for _driver in DRIVERS.values():
    for _transport in TRANSPORTS:
        _made = _class(_driver, _transport)
        globals()[_made.__name__] = _made
del _made
