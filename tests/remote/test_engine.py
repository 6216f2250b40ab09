"""Both proxies under the engine, as clients see them."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

import lsserver.remote
from lsserver.adapters.adapter_set import AdapterOptions, AdapterSet, SetOptions
from lsserver.engine.kernel import Kernel
from lsserver.engine.settings import EngineSettings
from lsserver.remote.data import RemoteDataProvider
from lsserver.remote.metadata import RemoteMetadataProvider
from tests.engine.world import NEWEST, FakeClient
from tests.remote.doubles import RAC, FakeRemote, cut


class LayerTests(SynchronousTestCase):
    def test_imports(self) -> None:
        assert lsserver.remote.__file__ is not None
        for file in Path(lsserver.remote.__file__).parent.glob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                for name in names:
                    if name.startswith("lsserver"):
                        allowed = name.startswith(("lsserver.adapters", "lsserver.remote"))
                        self.assertTrue(allowed, f"{file.name} imports {name}")


class EngineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.clock = self.reactor
        options = SetOptions(
            metadata=AdapterOptions(parameters={"request_reply_port": "6663"}),
            data={"DEFAULT": AdapterOptions(parameters={"request_reply_port": "6661"})},
            metadata_adapter_initialised_first=False,
        )
        self.set = AdapterSet(
            "TEST", RemoteMetadataProvider(), {"DEFAULT": RemoteDataProvider()}, options=options, reactor=self.reactor
        )
        self.failures: list[BaseException] = []
        self.kernel = Kernel(EngineSettings(), self.reactor, self.failures.append)
        self.kernel.add_adapter_set(self.set)
        started = Deferred.fromCoroutine(self.kernel.start())
        self.metadata, self.data = (FakeRemote(server[1]) for server in self.reactor.tcpServers)
        for remote in (self.metadata, self.data):
            self.assertNoResult(started)
            remote.send(RAC)
            remote.answer("S|ARI.version|S|1.9.1")
        self.successResultOf(started)

    def turn(self) -> None:
        self.reactor.advance(0)

    def client(self, user: str = "u") -> FakeClient:
        client = FakeClient(self, NEWEST, True)  # type: ignore[arg-type]
        client.create(f"LS_user={user}")
        self.assertEqual(self.metadata.answer("D|0|B|1")[1:4], ["NUS", "S", user])
        return client

    def session(self) -> FakeClient:
        client = self.client()
        self.metadata.answer("V")
        self.assertIsNotNone(client.session)
        return client

    def add(self, client: FakeClient, items: list[str]) -> list[bytes]:
        """The response to a subscription, once it is there."""
        answers: list[bytes] = []
        body = "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=g&LS_schema=s&LS_snapshot=true"
        client.send(body).addCallback(answers.append)
        self.assertEqual(self.metadata.answer("".join(f"|S|{item}" for item in items)[1:])[1], "GIS")
        self.assertEqual(self.metadata.answer("S|a|S|b")[1], "GSC")
        return answers

    def test_a_thousand_items(self) -> None:
        client = self.session()
        items = [f"item{n}" for n in range(1_000)]
        answers = self.add(client, items)
        first, second = (cut(line) for line in self.metadata.taken())
        self.assertEqual((first[1], second[1]), ("GIT", "GUI"))
        self.metadata.send(f"{first[0]}|GIT" + "|I|0|D|0|M|M" * 1_000, f"{second[0]}|GUI" + "|I|0|D|0|M|M" * 1_000)
        self.assertEqual(self.data.lines, [])
        tokens = self.metadata.answer("V")
        self.assertEqual((tokens[1], tokens.count("item7")), ("NNT", 1))
        self.turn()
        lines = [cut(line) for line in self.data.taken()]
        self.assertEqual([line[1:] for line in lines], [["SUB", "S", item] for item in items])
        self.assertEqual(answers, [b"REQOK,1\r\n"])
        client.read()
        sub_id = lines[7][0]
        self.data.send(f"0|UD3|S|item7|S|{sub_id}|B|1|S|a|S|1|S|b|S|x y", f"{sub_id}|SUB|V")
        self.assertEqual(client.read(), ["U,1,8,1|x y"])

    def test_a_conflict(self) -> None:
        old = self.session()
        assert old.session is not None
        client = self.client("again")
        tokens = self.metadata.answer(f"EX|too many|-5|Too many sessions|{old.session.id}")
        self.assertEqual(self.metadata.answer("V")[1:], ["NSC", "S", old.session.id])
        again = self.metadata.answer("V")
        self.assertEqual((tokens[1], again[1]), ("NNS", "NNS"))
        self.assertNotEqual(tokens[5], again[5])
        self.assertEqual(tokens[-1], again[-1])
        self.assertIsNotNone(client.session)
        self.assertIn("END,35", old.lines()[-1])

    def test_refusals(self) -> None:
        for answer, line in (
            ("EA|no", "CONERR,1,"),
            ("ER|not now", "CONERR,6,"),
            ("EC|x|-7|No more", "CONERR,-7,No more"),
            ("E|boom", "CONERR,66,"),
        ):
            client = FakeClient(self, NEWEST, True).create("LS_user=u")  # type: ignore[arg-type]
            self.metadata.answer(answer)
            self.assertTrue(client.connection.data.decode().startswith(line), client.connection.data)

    def test_subscriptions_refused(self) -> None:
        for git, gui, nnt, line in (
            ("I|0|D|0|M|R", "I|0|D|0|M|M", None, "REQERR,1,24,"),
            ("I|0|D|0|M|M", "I|0|D|0|M|$", None, "REQERR,1,24,"),
            ("I|0|D|0|M|M", "E|boom", None, "REQERR,1,66,"),
            ("I|0|D|0|M|M", "I|0|D|0|M|M", "EC|x|-9|table refused", "REQERR,1,-9,table refused"),
            ("I|0|D|0|M|M", "I|0|D|0|M|M", "E|boom", "REQERR,1,66,"),
        ):
            self.setUp()
            answers = self.add(self.session(), ["item"])
            first, second = (cut(one)[0] for one in self.metadata.taken())
            self.metadata.send(f"{first}|GIT|{git}", f"{second}|GUI|{gui}")
            if nnt is not None:
                self.assertEqual(self.metadata.answer(nnt)[1], "NNT")
            self.assertTrue(answers[0].decode().startswith(line), answers)
            self.assertEqual(self.data.lines, [])

    def test_messages(self) -> None:
        client = self.session()
        client.lines()
        for number, (answer, line) in enumerate(
            (
                ("V", "MSGDONE,S,1,"),
                ("EC|x|-3|refused%7Cfor you", "MSGFAIL,S,2,-3,refused|for you"),
                ("EN|x", "MSGFAIL,S,3,34,"),
                ("E|x", "MSGFAIL,S,4,35,"),
            ),
            1,
        ):
            client.message(f"LS_reqId={number}&LS_message=m{number}&LS_sequence=S&LS_msg_prog={number}")
            self.assertEqual(self.metadata.answer(answer)[1], "NUM")
            self.assertTrue(client.read()[-1].startswith(line))

    def test_the_loss_of_both(self) -> None:
        client = self.session()
        answers = self.add(client, ["item"])
        first, second = (cut(one)[0] for one in self.metadata.taken())
        self.metadata.send(f"{first}|GIT|I|0|D|0|M|M", f"{second}|GUI|I|0|D|0|M|M")
        self.metadata.answer("V")
        old = self.data.answer("V")[0]
        self.assertEqual(answers, [b"REQOK,1\r\n"])
        self.data.send(f"0|UD3|S|item|S|{old}|B|1|S|a|S|1|S|b|S|2")
        client.read()
        self.data.leave()
        self.metadata.leave()
        self.assertEqual(client.read(), [])
        self.data = FakeRemote(self.reactor.tcpServers[1][1])
        self.data.send(RAC)
        self.data.answer("S|ARI.version|S|1.9.1")
        new = self.data.answer("V")[0]
        self.data.send(f"0|UD3|S|item|S|{old}|B|0|S|a|S|x", f"0|UD3|S|item|S|{new}|B|0|S|a|S|3")
        self.assertEqual(client.read(), ["U,1,1,3|"])
        self.assertEqual(self.failures, [])

    def test_the_end_of_a_session(self) -> None:
        client = self.session()
        self.add(client, ["item"])
        first, second = (cut(one)[0] for one in self.metadata.taken())
        self.metadata.send(f"{first}|GIT|I|0|D|0|M|M", f"{second}|GUI|I|0|D|0|M|M")
        self.metadata.answer("B|1|B|1")
        self.data.answer("V")
        client.send("LS_reqId=2&LS_op=destroy")
        self.turn()
        tokens: Any = self.metadata.answer("V")
        self.assertEqual((tokens[1], tokens[-8:-6], len(tokens)), ("NTC", ["I", "1"], 32))
        self.assertEqual(self.metadata.answer("V")[1], "NSC")
