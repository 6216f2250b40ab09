"""
What becomes of adapters of every Remote Adapter SDK that are killed and come back,
that give a wrong password, that speak TLS; and what only the Java SDK can ask for.
"""

from __future__ import annotations

import json
import re
import tempfile
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.interop.drivers import DRIVERS
from tests.interop.remote.processes import AdapterProcess, RemoteServer
from tests.interop.remote.scenarios import SCENARIOS, SET
from tests.interop.remote.sdks import SDKS, RemoteSdk
from tests.interop.scenario import Scenario, Script, Seen
from tests.service.certificates import Certificates, make

DRIVER = DRIVERS["Python2"]
TRANSPORT = "WS-STREAMING"
SECONDS = 240
PORTS = "data=0+0:REMOTE,metadata=0"


@cache
def certificates() -> Certificates:
    """For this process."""
    folder = Path(tempfile.mkdtemp(prefix="lsserver-interop-"))
    files = make(folder)
    (folder / "both.pem").write_bytes(files.key.read_bytes() + files.chain.read_bytes())
    return files


@cache
def server() -> RemoteServer:
    """All sets at once."""
    store = certificates().key.with_name("both.pem")
    auth = "param.auth=Y,param.auth.credentials.1.user=u é,param.auth.credentials.1.password=p +|,param.timeout=2000"
    tls = f"param.tls=Y,param.tls.keystore.type=PEM,param.tls.keystore.keystore_file={store}"
    lines = [
        f"{name}{what},{PORTS}{more}"
        for name in SDKS
        for what, more in (("Killed", ""), ("Auth", f",{auth}"), ("Tls", f",{tls}"))
    ]
    return RemoteServer(lines)


def job(sdk: RemoteSdk, set_id: str, **more: str) -> dict[str, Any]:
    """For a process with both adapters of a set."""
    ports = server().ports(f"{set_id}/REMOTE")
    data = ports if sdk.two_connections else ports[:1]
    return {"metadata": server().ports(f"{set_id}/metadata"), "data": data, **more}


def times(set_id: str, what: str) -> int:
    """How often something was logged of both remotes of a set; of the one of which it was less often."""
    return min(
        sum(bool(re.search(rf"\] {set_id}/{name}: {what}", line)) for line in server().lines)
        for name in ("REMOTE", "metadata")
    )


def wait(set_id: str, what: str, count: int = 1) -> None:
    """Until it was so often."""
    for name in ("REMOTE", "metadata"):
        server().wait_for_lines(rf"\] {set_id}/{name}: {what}", count)


READY, LOST = r"remote \S+ is ready", r"remote \S+ is lost"


async def played(set_id: str, scenario: Scenario, outside: Any = lambda run, what: None) -> Seen:
    """What a client has seen, as expected."""
    steps = scenario.job(f"{set_id}x", server().urls[0], TRANSPORT)
    run = json.loads(json.dumps(steps).replace(SET, set_id))
    results: dict[str, Seen] = await DRIVER.play(reactor, [run], outside, 1, SECONDS)
    seen = results[run["id"]]
    problems = scenario.problems(run["id"], seen)
    if problems:
        raise AssertionError("\n".join(problems))
    return seen


def written(script: Script) -> Scenario:
    """A scenario that is not one of the list."""
    return Scenario(
        "one", script.steps, script.expected, script.checks, script.loose, lambda sdk, transport: True, False
    )


class Started:
    """What the classes share."""

    timeout = 2 * SECONDS
    name: ClassVar[str]

    def start(self: Any, set_id: str, without: str = "", **more: str) -> AdapterProcess:
        """A process that ends with the test, with both adapters or C{without} one."""
        sdk = SDKS[self.name]
        sdk.command({})  # skip before anything starts
        DRIVER.arguments(), DRIVER.environment()
        process = AdapterProcess(
            sdk, {name: value for name, value in job(sdk, set_id, **more).items() if name != without}
        )
        self.addCleanup(process.kill)
        return process

    def start_and_wait(self: Any, set_id: str, **more: str) -> AdapterProcess:
        """The same, connected."""
        already = times(set_id, READY)
        process: AdapterProcess = self.start(set_id, **more)
        wait(set_id, READY, already + 1)
        return process

    def kill_and_wait(self: Any, set_id: str, process: AdapterProcess) -> None:
        """Until the server knows it."""
        already = times(set_id, LOST)
        process.kill()
        wait(set_id, LOST, already + 1)


class Faults(Started):
    """What happens to every SDK."""

    async def test_kill_and_return(self: Any) -> None:
        set_id = f"{self.name}Killed"
        processes = [self.start_and_wait(set_id)]
        s = Script()
        s.connect(adapter_set=SET)
        # Unfiltered, so that the first number is not lost in the second when both come together.
        s.subscribe("s", "MERGE", "clock.{run}", "a b", snapshot="no", data_adapter="REMOTE", frequency="unfiltered")
        s.until("s", "update", "clock.{run}", "*", ["1", "*"])
        s.step("outside", what="kill")
        s.until("s", "update", "clock.{run}", "*", ["1", "*"], count=2)
        s.subscribe("t", "MERGE", "merge.{run}", "a", snapshot="no", data_adapter="REMOTE")
        s.until("t", "update")
        s.leave_out("s", "t")

        def outside(run: str, what: str) -> None:
            self.kill_and_wait(set_id, processes[-1])
            processes.append(self.start(set_id))

        seen = await played(set_id, written(s), outside)
        self.assertEqual(len({tuple(event) for event in seen.of("client", "session")}), 1)
        values = [event[2] for event in seen.of("s", "update")]
        self.assertEqual(len({value[1] for value in values}), 2, "updates of both processes")
        first, second = (
            json.dumps(process.printed("^data initialize (.*)")[0][1]).split("proxy.instance_id")[1]
            for process in processes
        )
        self.assertEqual(first, second)
        processes[-1].printed("^subscribe clock")
        self.kill_and_wait(set_id, processes[-1])

    async def test_wrong_password(self: Any) -> None:
        set_id = f"{self.name}Auth"
        sdk = SDKS[self.name]
        # Each in a process of its own, since the end of one adapter may be the end of its process.
        processes = [self.start(set_id, without, user="u é", password="wrong") for without in ("data", "metadata")]
        if sdk.credentials:
            wait(set_id, ".*wrong credentials of user 'u é'")
            wait(set_id, ".*the connection has ended: wrong credentials")
        else:
            wait(set_id, ".*(it has not sent its credentials|not the remote's credentials)")
        for process in processes:
            process.kill()
        self.assertFalse(any(f"{set_id}/" in line and "is ready" in line for line in server().lines))
        self.assertFalse(any("wrong" in line and "password" in line for line in server().lines))
        if sdk.credentials:
            self.start_and_wait(set_id, user="u é", password="p +|")

    async def test_tls(self: Any) -> None:
        if not SDKS[self.name].secure:
            return
        set_id = f"{self.name}Tls"
        self.start_and_wait(set_id, ca=str(certificates().authority))
        await played(set_id, SCENARIOS["merge"])
        await played(set_id, SCENARIOS["messages"])


class Java170Requests(Started, TestCase):
    """What a remote may ask for."""

    name = "Java170"
    timeout = 2 * SECONDS

    async def test_a_session_is_closed(self) -> None:
        set_id = "Java170Killed"
        process = self.start_and_wait(set_id)
        s = Script()
        s.connect(adapter_set=SET)
        s.send("terminate")
        s.see("client:error", [-13, "go away | now"])
        await played(set_id, written(s))
        process.printed("^terminated")
        process.printed("^session closed")
        self.kill_and_wait(set_id, process)

    async def test_a_subscription_is_ended(self) -> None:
        for user, ended in (("u", True), ("keeps", False)):
            set_id = "Java170Killed"
            process = self.start_and_wait(set_id)
            s = Script()
            s.connect(adapter_set=SET, user=user)
            s.subscribe("s", "MERGE", "clock.{run}", "a", snapshot="no", data_adapter="REMOTE")
            s.until("s", "update", count=3)
            s.send("unsubscribe")
            if ended:
                s.until("s", "unsubscribed")
            else:
                s.until("s", "update", count=20)
            s.leave_out("s")
            await played(set_id, written(s))
            process.printed(f"^unsubscribed {str(ended).lower()}")
            (statistics,) = process.printed(r"^statistics clock\S+ ([0-9]+)$")
            self.assertGreaterEqual(int(statistics[1]), 3)
            self.kill_and_wait(set_id, process)


LONG = "This is long enough for a difference to be shorter than the whole."


class Java170Diffs(Started, TestCase):
    """
    How fields may differ is declared by adapters of the Java SDK: those for Python of any
    version, and those for Node.js that npm has, cannot say it (the protocol has it since 1.9.0).
    """

    name = "Java170"
    timeout = 2 * SECONDS

    async def test_what_goes_over_the_wire(self) -> None:
        """The first of the declared algorithms that applies; none where none is allowed, or nothing is declared."""
        set_id = "Java170Killed"
        process = self.start_and_wait(set_id)
        lines = await deferToThread(updates, server().urls[0], set_id, "diffs.wire", "json text none other", 2)
        self.assertEqual(
            [line.partition("U,1,1,")[2].split("|") for line in lines],
            [
                [f'{{"text":"{LONG}","number":1}}', f"{LONG} 1", f"{LONG} 1", f"{LONG} 1"],
                ['^P[{"op":"replace","path":"/number","value":2}]', "^TCpb2", f"{LONG} 2", f"{LONG} 2"],
            ],
        )
        self.kill_and_wait(set_id, process)

    async def test_what_a_client_sees(self) -> None:
        set_id = "Java170Killed"
        process = self.start_and_wait(set_id)
        s = Script()
        s.connect(adapter_set=SET)
        item = "diffs.{run}"
        s.subscribe("s", "MERGE", item, "text none", snapshot="no", data_adapter="REMOTE", frequency="unfiltered")
        s.until("s", "update", item, "*", [f"{LONG} 2", f"{LONG} 2"])
        s.leave_out("s")
        await played(set_id, written(s))
        self.kill_and_wait(set_id, process)


def updates(url: str, set_id: str, item: str, fields: str, count: int) -> list[str]:
    """The update lines of a subscription as they come, from a session of our own."""
    address = urlsplit(url)
    quoted = fields.replace(" ", "%20")
    subscribe = (
        f"LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group={item}&LS_schema={quoted}"
        "&LS_data_adapter=REMOTE&LS_requested_max_frequency=unfiltered"
    )
    create = f"LS_adapter_set={set_id}&LS_cid=mgQkwtwdysogQz2BJ4Ji%20kOj2Bg&LS_content_length=100000"
    stream = HTTPConnection(address.hostname or "", address.port, timeout=60)
    stream.request("POST", "/lightstreamer/create_session.txt?LS_protocol=TLCP-2.5.0", f"{create}\r\n")
    answer = stream.getresponse()
    found: list[str] = []
    try:
        session = answer.readline().decode().split(",")[1]
        control = HTTPConnection(address.hostname or "", address.port, timeout=60)
        control.request(
            "POST", "/lightstreamer/control.txt?LS_protocol=TLCP-2.5.0", f"LS_session={session}&{subscribe}\r\n"
        )
        assert control.getresponse().read() == b"REQOK,1\r\n"
        control.close()
        while len(found) < count:
            line = answer.readline().decode()
            assert line, "the stream has ended"
            if line.startswith("U,"):
                found.append(line.rstrip("\r\n"))
    finally:
        answer.close()
        stream.close()
    return found


def _class(name: str) -> type[TestCase]:
    return type(f"{name}Faults", (Faults, TestCase), {"name": name, "__module__": __name__, "__doc__": None})


for _name in SDKS:
    globals()[f"{_name}Faults"] = _class(_name)
