"""C{twistd -n lsserver} as a process: start, what it prints, and every way in which it ends."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, readBody

from tests.service.running import Running, adapters, folder, start

QUIET = """
from lsserver.adapters.providers import DataProvider

class Data(DataProvider):
    def subscribe(self, item_name): pass
    def unsubscribe(self, item_name): pass
"""

LISTENING = """
def listening():
    from twisted.internet import reactor, tcp
    return sum(isinstance(reader, tcp.Port) for reader in reactor.getReaders())
"""
"""How many sockets the process listens on."""


class Twistd(TestCase):
    """The server as a child process."""

    timeout = 300

    def setUp(self) -> None:
        self.cwd = folder(self)

    def server(self, *arguments: str, sets: Path | None = None, env: dict[str, str] | None = None) -> Running:
        own = ("--no-demo", "--adapters-dir", str(sets)) if sets else ()
        return start(self, "-n", "lsserver", *own, *arguments, cwd=self.cwd, env=env)

    async def get(self, url: str) -> tuple[int, bytes]:
        response = await Agent(reactor).request(b"GET", url.encode())
        return response.code, await readBody(response)

    def assertClean(self) -> None:
        self.assertEqual(list(self.cwd.iterdir()), [])


class StartTests(Twistd):
    async def test_it_serves_demos_and_pages_and_says_where(self) -> None:
        server = self.server("--port", "0")
        url = await server.url()
        for line in (
            r"lsserver \S+ \(Twisted \S+, Python \S+\)",
            "adapter set DEMO: data adapters QUOTE_ADAPTER, STOCKS",
            "adapter set WELCOME: data adapters QUOTE_ADAPTER, STOCKS",
            "adapter set CHAT: data adapters CHAT_ROOM",
            "adapter set MESSENGER: data adapters SIMPLE_MESSENGER",
            "adapter set FULLPORTFOLIODEMO: data adapters .*PORTFOLIO_ADAPTER",
            "adapter set ROUNDTRIPDEMO: data adapters ROUNDTRIP_ADAPTER",
            "Lightstreamer HTTP Server listening on http://localhost:",
        ):
            self.assertRegex(server.text, line)
        status, page = await self.get(url)
        self.assertEqual(status, 200)
        self.assertIn(b"<html", page)
        server.signal("TERM")
        self.assertEqual(await server.ended, -signal.SIGTERM)
        self.assertNotIn("Traceback", server.text)
        self.assertClean()

    async def test_a_set_of_ones_own_replaces_the_demo_of_its_name(self) -> None:
        sets = adapters(self, QUIET)
        file = sets / "one" / "adapters.xml"
        file.write_text(file.read_text().replace("TEST", "DEMO"))
        server = self.server("--port", "0", "--adapters-dir", str(sets))
        await server.url()
        self.assertIn("adapter set DEMO: data adapters DATA\n", server.text)
        self.assertIn(f"adapters-dir '{sets}' replaces the demo DEMO", server.text)
        self.assertIn("adapter set WELCOME", server.text)

    async def test_several_sockets(self) -> None:
        server = self.server("--listen", "One@tcp:0:interface=127.0.0.1", "--port", "0", sets=adapters(self, QUIET))
        await server.printed(r"One listening on http://127.0.0.1:\d+/$")
        await server.printed(r"Lightstreamer HTTP Server listening on http://localhost:\d+/$")

    async def test_no_pages(self) -> None:
        server = self.server("--port", "0", "--no-pages", sets=adapters(self, QUIET))
        status, _ = await self.get(await server.url())
        self.assertGreaterEqual(status, 400)

    async def test_pages_of_ones_own(self) -> None:
        pages = folder(self)
        (pages / "index.html").write_text("mine")
        server = self.server("--port", "0", "--pages", str(pages), sets=adapters(self, QUIET))
        self.assertEqual(await self.get(await server.url()), (200, b"mine"))

    async def test_sockets_open_only_when_the_adapters_are_ready(self) -> None:
        code = QUIET + (
            "    async def initialize(self, parameters, config_file=None):\n"
            "        print('now', listening(), flush=True)\n"
            "        from twisted.internet import reactor, task\n"
            "        reactor.callLater(0, self.later)\n"
            "        await task.deferLater(reactor, 0.1)\n"
            "        print('at the end', listening(), flush=True)\n"
            "    def later(self):\n"
            "        print('meanwhile', listening(), flush=True)\n"
        )
        server = self.server("--port", "0", sets=adapters(self, LISTENING + code))
        await server.url()
        for when in ("now", "meanwhile", "at the end"):
            self.assertIn(f"{when} 0\n", server.text)

    async def test_an_adapter_set_in_one_line(self) -> None:
        modules = folder(self)
        (modules / "feed.py").write_text(
            QUIET + "    def initialize(self, parameters, config_file=None):\n"
            "        print('speed', parameters['speed'])\n"
        )
        server = self.server(
            "--no-demo",
            "--port",
            "0",
            "--adapter",
            "MINE,data=feed:Data:QUOTES,param.speed=3",
            env={"PYTHONPATH": str(modules)},
        )
        await server.url()
        self.assertIn("adapter set MINE: data adapters QUOTES", server.text)
        self.assertIn("speed 3", server.text)

    async def test_log_levels(self) -> None:
        config = folder(self) / "a.toml"
        config.write_text('log_level = "warn"\n[log_config]\n"LightstreamerLogger.init" = "info"\n')
        server = self.server("--config", str(config), "--port", "0", sets=adapters(self, QUIET))
        await server.url()
        self.assertNotIn("starting up", server.text)

    async def test_a_log_file(self) -> None:
        logs = folder(self) / "ls.log"
        server = start(
            self, "-n", "-l", str(logs), "lsserver", "--port", "0", "--no-demo", "--log-level", "error", cwd=self.cwd
        )
        config_error = self.server("--port", "x")
        self.assertEqual(await config_error.ended, 1)
        server.signal("TERM")
        await server.ended
        self.assertNotIn("starting up", logs.read_text() if logs.exists() else "")
        self.assertClean()


class StopTests(Twistd):
    async def test_ctrl_c(self) -> None:
        server = self.server("--port", "0", sets=adapters(self, QUIET))
        await server.url()
        server.signal("INT")
        self.assertEqual(await server.ended, -signal.SIGINT)

    async def test_adapters_are_told_after_the_sockets_have_closed(self) -> None:
        code = QUIET + "    async def stop(self):\n        print('told', flush=True)\n"
        server = self.server("--port", "0", sets=adapters(self, code))
        await server.url()
        server.signal("TERM")
        self.assertEqual(await server.ended, -signal.SIGTERM)
        closed, told = server.text.index("Closed)"), server.text.index("told")
        self.assertLess(closed, told)

    async def hanging(self, code: str) -> None:
        server = self.server("--port", "0", sets=adapters(self, QUIET + code))
        await server.url()
        server.signal("TERM")
        status = await server.ended
        # Of a process that a signal ended, a shell says 128 and the signal.
        self.assertIn(status, (-signal.SIGTERM, 128 + signal.SIGTERM))
        forced = "the end took longer than 5 s and was forced" in server.text
        self.assertEqual(forced, status > 0, server.text)
        self.assertTrue(forced or "an adapter has not stopped within 3.0 s" in server.text, server.text)

    async def test_an_adapter_that_waits_for_ever(self) -> None:
        await self.hanging(
            "    def stop(self):\n        from twisted.internet.defer import Deferred\n        return Deferred()\n"
        )

    async def test_an_adapter_that_hangs_in_its_thread(self) -> None:
        await self.hanging("    blocking = True\n    def stop(self):\n        import time\n        time.sleep(600)\n")

    async def test_an_adapter_that_hangs_in_the_reactor(self) -> None:
        await self.hanging("    def stop(self):\n        import time\n        time.sleep(600)\n")

    async def test_an_adapter_that_hangs_in_a_thread_of_the_reactor(self) -> None:
        await self.hanging(
            "    def stop(self):\n        import time\n        from twisted.internet import reactor\n"
            "        reactor.callInThread(time.sleep, 600)\n"
        )

    async def test_an_adapter_that_hangs_before_the_stop(self) -> None:
        server = self.server(
            "--port",
            "0",
            sets=adapters(
                self,
                QUIET
                + (
                    "    def initialize(self, parameters, config_file=None):\n"
                    "        from twisted.internet import reactor\n        import time\n"
                    "        reactor.callLater(0.1, lambda: (print('hangs', flush=True), time.sleep(600)))\n"
                ),
            ),
        )
        await server.printed("hangs")
        server.signal("TERM")
        self.assertEqual(await server.ended, 128 + signal.SIGTERM)

    async def test_a_second_ctrl_c_ends_at_once(self) -> None:
        code = "    def stop(self):\n        import time\n        print('hangs', flush=True)\n        time.sleep(600)\n"
        server = self.server("--port", "0", sets=adapters(self, QUIET + "    blocking = True\n" + code))
        await server.url()
        server.signal("INT")
        await server.printed("hangs")
        server.signal("INT")
        self.assertEqual(await server.ended, 128 + signal.SIGINT)

    async def test_a_stop_while_the_adapters_start(self) -> None:
        code = QUIET + (
            "    def initialize(self, parameters, config_file=None):\n"
            "        from twisted.internet.defer import Deferred\n"
            "        print('waits', flush=True)\n        return Deferred()\n"
        )
        server = self.server("--port", "0", sets=adapters(self, code))
        await server.printed("waits")
        server.signal("TERM")
        self.assertEqual(await server.ended, -signal.SIGTERM)
        self.assertNotIn("Traceback", server.text)
        self.assertNotIn("listening", server.text)


class FailureTests(Twistd):
    async def refused(self, *arguments: str, sets: Path | None = None) -> list[str]:
        """The lines on standard error of a start that is refused before there is a log."""
        server = self.server(*arguments, sets=sets)
        self.assertEqual(await server.ended, 1)
        self.assertEqual(server.output[1], "")
        self.assertClean()
        return server.output[2].splitlines()

    async def given_up(self, server: Running) -> str:
        """The critical line of a server that has ended with status 1."""
        self.assertEqual(await server.ended, 1)
        critical = [line for line in server.text.splitlines() if "LightstreamerLogger.init#critical" in line]
        self.assertEqual(len(critical), 1, server.text)
        self.assertNotIn("Traceback", server.text)
        self.assertClean()
        why = critical[0].partition("] ")[2]
        # The last line of what is on the terminal, where both go.
        self.assertEqual(server.output[2], f"lsserver: {why}\n")
        return why

    async def test_a_wrong_option(self) -> None:
        self.assertEqual(
            await self.refused("--port", "x"),
            ["lsserver: --port 'x': must be a port number from 1 to 65535, or 0 for any free one"],
        )

    async def test_an_unknown_option(self) -> None:
        self.assertEqual(
            await self.refused("--prot", "x"),
            ["lsserver: there is no option --prot; the nearest is --port; see twistd lsserver --help"],
        )

    async def test_a_wrong_endpoint(self) -> None:
        (line,) = await self.refused("--listen", "tpc:8080")
        self.assertTrue(line.startswith("lsserver: listener tpc:8080 (Lightstreamer HTTP Server): not an endpoint"))

    async def test_an_adapter_set_that_cannot_be_loaded(self) -> None:
        sets = adapters(self, "import nowhere\n")
        (line,) = await self.refused("--port", "0", sets=sets)
        self.assertTrue(line.startswith(f"lsserver: adapters-dir '{sets}': {sets}/one/adapters.xml: "), line)
        self.assertIn("nowhere", line)

    async def test_an_adapter_option_that_cannot_be_loaded(self) -> None:
        (line,) = await self.refused("--no-demo", "--adapter", "A,data=nowhere:Data")
        self.assertTrue(line.startswith("lsserver: adapter 'A,data=nowhere:Data': "), line)

    async def test_two_sets_of_one_id(self) -> None:
        sets, others = adapters(self, QUIET), adapters(self, QUIET)
        lines = await self.refused("--adapters-dir", str(others), sets=sets)
        self.assertEqual(
            lines, [f"lsserver: adapter set 'TEST' is there twice: adapters-dir '{sets}' and adapters-dir '{others}'"]
        )

    async def test_a_port_in_use(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            server = self.server("--listen", f"tcp:{port}:interface=127.0.0.1", sets=adapters(self, QUIET))
            self.assertEqual(
                await self.given_up(server),
                f"cannot listen on tcp:{port}:interface=127.0.0.1 (Lightstreamer HTTP Server): Address already in use",
            )

    async def test_an_adapter_that_cannot_be_initialised(self) -> None:
        for kind in ("", "async ", "blocking = True\n    "):
            code = QUIET + (
                f"    {kind}def initialize(self, parameters, config_file=None):\n"
                "        from lsserver.adapters.errors import DataProviderError\n"
                "        raise DataProviderError('no feed')\n"
            )
            self.assertEqual(
                await self.given_up(self.server("--port", "0", sets=adapters(self, code))),
                "adapter set TEST: Data Adapter DATA cannot be initialised: no feed",
            )

    async def test_a_failure_of_an_adapter_later(self) -> None:
        code = QUIET + (
            "    def set_listener(self, listener):\n"
            "        from twisted.internet import reactor\n"
            "        reactor.callLater(0.2, listener.failure, RuntimeError('feed lost'))\n"
        )
        server = self.server("--port", "0", sets=adapters(self, code))
        self.assertEqual(await self.given_up(server), "an adapter has failed, so the server ends: feed lost")

    async def test_a_failure_is_on_standard_error_too_if_the_log_is_a_file(self) -> None:
        code = QUIET + "    def initialize(self, parameters, config_file=None):\n        raise ValueError('broken')\n"
        logs = folder(self) / "ls.log"
        server = start(
            self,
            "-n",
            "-l",
            str(logs),
            "lsserver",
            "--port",
            "0",
            "--no-demo",
            "--adapters-dir",
            str(adapters(self, code)),
            cwd=self.cwd,
        )
        self.assertEqual(await server.ended, 1)
        self.assertEqual(
            server.output[2],
            "lsserver: adapter set TEST: Data Adapter DATA cannot be initialised: ValueError('broken')\n",
        )
        self.assertIn("cannot be initialised", logs.read_text())


class CheckTests(Twistd):
    async def test_a_configuration_that_is_fine(self) -> None:
        server = self.server("--check", "--port", "8080", sets=adapters(self, QUIET))
        self.assertEqual(await server.ended, 0, server.text)
        lines = server.output[1].splitlines()
        self.assertTrue(lines[0].startswith("lsserver "))
        self.assertIn("adapter set TEST: data adapters DATA", lines)
        self.assertIn("listener port 8080 (Lightstreamer HTTP Server)", lines)
        self.assertEqual(lines[-1], "the configuration is fine")
        self.assertClean()

    async def test_one_that_is_not(self) -> None:
        server = self.server("--check", "--listen", "tpc:1", sets=adapters(self, "import nowhere"))
        self.assertEqual(await server.ended, 1)
        self.assertEqual(len(server.output[2].splitlines()), 2)

    async def test_help(self) -> None:
        server = self.server("--help")
        self.assertEqual(await server.ended, 0)
        self.assertLessEqual(len(server.output[1].splitlines()), 24)

    async def test_version(self) -> None:
        server = self.server("--version")
        self.assertEqual(await server.ended, 0)
        self.assertRegex(server.output[1], r"^lsserver \S+ \(Twisted ")
