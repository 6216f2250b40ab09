"""
Adapters of every Remote Adapter SDK, each with Data and Metadata Adapter and some
mixed, as a client SDK sees them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any, ClassVar

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from tests.interop.drivers import DRIVERS
from tests.interop.playing import Playing, scenario_test
from tests.interop.remote.processes import AdapterProcess, RemoteServer
from tests.interop.remote.scenarios import SCENARIOS, SET
from tests.interop.remote.sdks import SDKS, RemoteSdk
from tests.interop.scenario import Scenario

DRIVER = DRIVERS["Python2"]
TRANSPORT = "WS-STREAMING"
SECONDS = 240
SESSIONS = len(SCENARIOS) - 2
"""Two scenarios get none."""

PAIRS = {
    **{name: (name, name) for name in SDKS},
    "Python131Java170": ("Python131", "Java170"),
    "Java170Node153": ("Java170", "Node153"),
    "Node153Python123": ("Node153", "Python123"),
}
"""By the id of the set: the SDK of the Data Adapter, and that of the Metadata Adapter."""


@cache
def server() -> RemoteServer:
    """All sets at once."""
    return RemoteServer([f"{name},data=0+0:REMOTE,metadata=0" for name in PAIRS])


def started(name: str) -> list[AdapterProcess]:
    """The processes of a set, connected."""
    data, metadata = (SDKS[sdk] for sdk in PAIRS[name])
    ports = server().ports(f"{name}/REMOTE")
    data_job: dict[str, Any] = {"data": ports if data.two_connections else ports[:1]}
    metadata_job = {"metadata": server().ports(f"{name}/metadata")}
    if data is metadata:
        processes = [AdapterProcess(data, metadata_job | data_job)]
    else:
        processes = [AdapterProcess(data, data_job), AdapterProcess(metadata, metadata_job)]
    server().wait_until_ready(f"{name}/REMOTE")
    server().wait_until_ready(f"{name}/metadata")
    return processes


class Pair(Playing):
    """What the classes share."""

    timeout = SECONDS + 60
    name: ClassVar[str]
    processes: ClassVar[list[AdapterProcess]]
    sessions: ClassVar[list[re.Match[str]]]
    closed: ClassVar[list[re.Match[str]]]
    unsubscribed: ClassVar[list[re.Match[str]]]

    @classmethod
    async def play(cls) -> None:
        """Play all scenarios of the class."""
        for sdk in cls.sdks():
            sdk.command({})  # skip before anything starts
        DRIVER.arguments(), DRIVER.environment()
        cls.processes = started(cls.name)
        address = server().urls[0]
        jobs = [one.job(cls.run_of(one), address, TRANSPORT) for one in SCENARIOS.values()]
        runs = json.loads(json.dumps(jobs).replace(SET, cls.name))
        try:
            cls.results = await DRIVER.play(reactor, runs, lambda run, what: None, len(runs), SECONDS)
            cls.sessions = cls.processes[-1].printed("^session ", SESSIONS)
            cls.closed = cls.processes[-1].printed("^session closed ", SESSIONS)
            cls.unsubscribed = cls.processes[0].printed("^unsubscribe merge")
        finally:
            for process in cls.processes:
                process.kill()
        server().wait_for_lines(rf"\] {cls.name}/metadata: remote \S+ is lost")

    @classmethod
    def sdks(cls) -> Iterable[RemoteSdk]:
        """Of Data and Metadata Adapter."""
        return [SDKS[sdk] for sdk in PAIRS[cls.name]]

    @classmethod
    def run_of(cls, scenario: Scenario) -> str:
        """A name for the run that is unique on the server."""
        return f"{cls.name}x{list(SCENARIOS).index(scenario.name)}"


def _class(name: str) -> type[TestCase]:
    body: dict[str, Any] = {f"test_{one.name}": scenario_test(one) for one in SCENARIOS.values()}
    return type(name, (Pair, TestCase), {"name": name, "__module__": __name__, "__doc__": None, **body})


for _name in PAIRS:
    globals()[_name] = _class(_name)
