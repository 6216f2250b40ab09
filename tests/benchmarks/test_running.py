"""The harness as it is used, with so few clients that its figures mean nothing."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
from dataclasses import replace

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from benchmarks.__main__ import measured
from benchmarks.client import Load, LoadError, run
from benchmarks.contenders import Contender, Floor, Lsserver
from benchmarks.machine import free_port
from benchmarks.peers import FANOUT, ITEMS
from benchmarks.peers.brokers import connect, publish, subscribe
from benchmarks.peers.feeding import Feed
from benchmarks.programs import HERE, build
from benchmarks.server import Program, ServerError
from benchmarks.works import Outcome, Settings, Work
from benchmarks.works.compression import OURS, PEERS, PLAIN

FEW = Load(clients=4, rate=50, seconds=0.2, warm=0.0)


def need_compiler() -> None:
    """Skip where the load client cannot be compiled."""
    if shutil.which(os.environ.get("CC", "cc")) is None:
        raise SkipTest("there is no C compiler")


class CommandTests(SynchronousTestCase):
    """C{python -m benchmarks}."""

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it."""
        command = [sys.executable, "-m", "benchmarks", *arguments]
        return subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, timeout=120)

    def test_table(self) -> None:
        """Servers are started and measured, and a table comes out."""
        need_compiler()
        done = self.command("--quick", "--no-peers", "--scale", "0.01", "A", "H", "K")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("C floor", done.stdout)
        self.assertNotIn("failed", done.stdout)
        works = [line.split("  ")[0] for line in done.stdout.splitlines()[2:6]]
        self.assertEqual(works, ["A", "H", "H", "K"])

    def test_wrong_words(self) -> None:
        """Are told, with what would be right."""
        self.assertIn("there is no work 'Y'; there are A, A10, B", self.command("Y").stderr)
        self.assertIn("--scale", self.command("--scale", "0").stderr)


class FailingTests(SynchronousTestCase):
    """A work that breaks off."""

    def test_row(self) -> None:
        """Says why, and the traceback is where progress is told."""

        def broken(settings: Settings) -> Outcome:
            raise ZeroDivisionError("by zero")

        told = io.StringIO()
        with contextlib.redirect_stderr(told):
            (row,) = measured(Work("X", "broken", broken), Settings()).rows
        self.assertEqual((row.work, row.figure, row.met), ("X", "failed: ZeroDivisionError: by zero", False))
        self.assertIn("in broken", told.getvalue())


class ContenderTests(SynchronousTestCase):
    """lsserver in its forms."""

    def test_forms(self) -> None:
        """Each kind of session is made, subscribed and counted by the load client."""
        need_compiler()
        several = replace(FEW, items=6, per_client=3)
        forms: tuple[tuple[Contender, Load], ...] = (
            (Lsserver(streaming=True, mode="RAW"), several),
            (Lsserver(each=True, mode="COMMAND"), several),
            (Lsserver(limit=20.0), replace(FEW, every=0.05)),
            (Lsserver(), replace(FEW, seconds=0.7, nap=0.001)),
            (Floor(), replace(FEW, calm=True)),
        )
        for contender, load in forms:
            figures = contender.measure(load)
            self.assertGreater(figures.us, 0)
            self.assertEqual(figures.lost, 0)
            self.assertEqual(len(figures.slices), 3 if load.nap else len(figures.slices))

    def test_compression(self) -> None:
        """Whoever offers it sends less, and each message is counted."""
        need_compiler()
        if "libz" not in libraries():
            raise SkipTest("there is no zlib to compile with")
        load = replace(FEW, size=300)
        plain = PLAIN.measure(load)
        self.assertTrue(300 <= plain.octets <= 310, plain.octets)
        for contender in (OURS, *PEERS):
            if contender.missing() is None:
                figures = contender.measure(load)
                self.assertLess(figures.octets, 200, contender.name)
                self.assertGreater(figures.rate, 0.5 * plain.rate, contender.name)

    def test_tls_and_memory(self) -> None:
        """Sessions over TLS, which are only held."""
        need_compiler()
        if shutil.which("openssl") is None or "libssl" not in libraries():
            raise SkipTest("there is no OpenSSL to compile with")
        figures = Lsserver(tls=True).measure(replace(FEW, idle=True))
        self.assertGreater(figures.setup_us, 0)
        self.assertEqual(figures.lost, 0)

    def test_calm(self) -> None:
        """What a process still does when the clients have subscribed is waited for, and not measured."""
        need_compiler()
        work = "import time\nwhile time.process_time() < 1.0: pass\nprint('done')\ntime.sleep(60)"
        port = free_port()
        floor = Program([str(build("cserver")), "--port", str(port), "--expect", "4", "--rate", "50"], "listening")
        self.addCleanup(floor.stop)
        busy = Program([sys.executable, "-uc", "print('ready')\n" + work], "ready")
        self.addCleanup(busy.stop)
        script = ["--step=S:SUB {item}", "--step=w:SUBOK"]
        self.assertLess(run(replace(FEW, calm=True), port, [busy.pid], script).us, 1000)
        self.assertIn("done", busy.log)

    def test_nobody_there(self) -> None:
        """The load client says so."""
        need_compiler()
        self.assertRaises(LoadError, run, FEW, 1, [os.getpid()], ["--step=s:SUB 0"])


def libraries() -> str:
    """That the load client was linked with."""
    return subprocess.run(["ldd", str(build("wsload"))], capture_output=True, text=True).stdout


class ProgramTests(SynchronousTestCase):
    """Servers as processes."""

    def test_one_that_ends(self) -> None:
        """What it said last is told."""
        command = [sys.executable, "-c", "print('no port')"]
        self.assertIn("no port", str(self.assertRaises(ServerError, Program, command, "ready")))

    def test_one_that_is_ready(self) -> None:
        """Its lines are kept, and it ends when asked."""
        program = Program(
            [
                sys.executable,
                "-uc",
                "import signal; print('a session'); print('ready'); print('later 5'); signal.pause()",
            ],
            "ready",
            drop="session",
        )
        self.assertEqual(program.wait_for(r"later (\d)", 20)[1], "5")
        self.assertEqual(program.log, ["ready", "later 5"])
        self.assertIn(program.pid, program.pids())
        folder = program.folder
        program.stop()
        self.assertFalse(folder.exists())


class PeerTests(SynchronousTestCase):
    """What is said to other servers."""

    def test_mqtt(self) -> None:
        """Packets of MQTT 3.1.1, with the length of what follows."""
        self.assertEqual(connect(), r"\x10\x0c\x00\x04\x4d\x51\x54\x54\x04\x02\x00\x00\x00\x00")
        self.assertEqual(subscribe(), r"\x82\x09\x00\x01\x00\x04{item}\x00")
        self.assertTrue(publish(Load(size=64)).startswith(r"\x30\x46\x00\x04{item}"))
        self.assertTrue(publish(Load(size=200)).startswith(r"\x30\xce\x01\x00\x04{item}"))

    def test_each_that_is_installed(self) -> None:
        """Is started, spoken to and counted."""
        need_compiler()
        several = replace(FEW, items=4, per_client=2)
        for peer in (*FANOUT, *ITEMS):
            # Not all of them are a matter of some items.
            load = several if peer in ITEMS else FEW
            if peer.missing() is None:
                figures = peer.measure(load)
                self.assertGreater(figures.us, 0, peer.name)
                self.assertGreater(figures.rate, 50, peer.name)
                self.assertEqual(figures.lost, 0, peer.name)

    def test_no_more_than_it_is_up_to(self) -> None:
        """A slow one gets fewer updates."""
        load = Load(clients=1000, rate=40)
        self.assertEqual(load.eased(10_000).deliveries(), 10_000)
        self.assertEqual(load.eased(50_000), load)

    def test_feed(self) -> None:
        """Bursts of lines as long as asked, of one item after the other."""
        feed = Feed(4, 1000.0, 3, 64)
        feed.due -= 0.0005
        first = list(feed.messages())
        self.assertEqual([item for item, _ in first[:3]], [0, 3, 2])
        self.assertEqual(len(first) % 3, 0)
        self.assertEqual({len(text) for _, text in first}, {64})
        self.assertGreaterEqual(feed.wait(), 0.0)
