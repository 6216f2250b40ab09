"""The command line."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from typing import Any

from twisted.python.usage import Options as UsageOptions
from twisted.trial.unittest import SynchronousTestCase

from lsserver import __version__
from lsserver.config import Configuration, WebServer
from lsserver.listeners import HttpServer
from lsserver.options import Options


class OptionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.error = io.StringIO()
        self.output = io.StringIO()
        self.patch(sys, "stderr", self.error)
        self.patch(sys, "stdout", self.output)

    def parse(self, *arguments: str) -> Configuration:
        options = Options()
        options.parseOptions(list(arguments))
        return options.configuration

    def refused(self, *arguments: str) -> list[str]:
        stop = self.assertRaises(SystemExit, self.parse, *arguments)
        self.assertEqual(stop.code, 1)
        self.assertEqual(self.output.getvalue(), "")
        lines = self.error.getvalue().splitlines()
        self.error.truncate(0)
        self.error.seek(0)
        return lines

    def folder(self) -> Path:
        path = Path(self.mktemp())
        path.mkdir()
        return path

    def test_without_options_there_are_the_defaults(self) -> None:
        self.assertEqual(self.parse(), Configuration())

    def test_sockets(self) -> None:
        general = self.parse(
            "--port", "8081", "--listen", "tcp:8082", "--listen=Secret one@ssl:8443:privateKey=a@b:certKey=c"
        ).general
        self.assertEqual(
            general.listeners(),
            (
                HttpServer(name="Lightstreamer HTTP Server", port=8081),
                HttpServer(name="Lightstreamer HTTP Server 2", endpoint="tcp:8082"),
                HttpServer(name="Secret one", endpoint="ssl:8443:privateKey=a@b:certKey=c"),
            ),
        )

    def test_adapters_pages_and_levels(self) -> None:
        folder = str(self.folder())
        general = self.parse(
            *("--adapters-dir", folder, "--adapter", "A,data=m:D", "--adapter", "B,data=m:D"),
            *("--no-demo", "--pages", folder, "--log-level", "WARN"),
        ).general
        self.assertEqual(general.adapters_dir, (Path(folder).absolute(),))
        self.assertEqual(general.adapter, ("A,data=m:D", "B,data=m:D"))
        self.assertEqual(general.web_server, WebServer(pages_dir=Path(folder).absolute()))
        self.assertEqual((general.demo, general.log_level), (False, "warn"))

    def test_no_pages(self) -> None:
        self.assertFalse(self.parse("--no-pages").general.web_server.enabled)

    def test_an_option_wins_over_the_file(self) -> None:
        file = self.folder() / "a.toml"
        file.write_text('log_level = "error"\nmax_sessions = 4\n[[http_server]]\nport = 1\n')
        configuration = self.parse("--config", str(file), "--port", "2")
        self.assertEqual(configuration.general.listeners()[0].port, 2)
        self.assertEqual(configuration.general.log_level, "error")
        self.assertEqual(configuration.engine.max_sessions, 4)

    def test_wrong_values_are_told_in_one_line(self) -> None:
        for arguments, told in [
            (["--port", "x"], "--port 'x': must be a port number from 1 to 65535, or 0 for any free one"),
            (["--port", "65536"], "--port '65536': must be a port number from 1 to 65535, or 0 for any free one"),
            (["--listen", "name@"], "--listen 'name@': must be [NAME@]ENDPOINT, such as tcp:8080"),
            (["--listen", ""], "--listen '': must be [NAME@]ENDPOINT, such as tcp:8080"),
            (["--adapters-dir", "nowhere"], "--adapters-dir 'nowhere': must be a folder"),
            (["--pages", "nowhere"], "--pages 'nowhere': must be a folder"),
            (["--log-level", "a"], "--log-level 'a': must be one of debug, info, warn, error, critical"),
            (["--config", "nowhere"], "--config: cannot read 'nowhere': No such file or directory"),
            (["--prt=1"], "there is no option --prt; the nearest is --port; see twistd lsserver --help"),
            (["--port"], "option --port requires argument; see twistd lsserver --help"),
            (["demo"], "unexpected argument 'demo'; see twistd lsserver --help"),
        ]:
            self.assertEqual(self.refused(*arguments), [f"lsserver: {told}"])

    def test_all_wrong_values_are_told(self) -> None:
        self.assertEqual(len(self.refused("--port", "x", "--log-level", "y")), 2)

    def test_problems_of_the_file_are_told(self) -> None:
        file = self.folder() / "a.toml"
        file.write_text("max_sessions = -1\nmin_sessions = 1\n")
        self.assertEqual(
            self.refused("--config", str(file)),
            [
                f'lsserver: {file}: max_sessions = -1: must be a whole number, 0 or more (sessions), or "none"',
                f"lsserver: {file}: unknown key 'min_sessions'; the nearest known one is 'max_sessions'",
            ],
        )

    def test_help_fits_a_screen_and_tells_every_default(self) -> None:
        lines = str(Options()).rstrip().splitlines()
        self.assertLessEqual(len(lines), 24)
        self.assertLessEqual(max(map(len, lines)), 80)
        described = re.split(r"^ +--", "\n".join(lines[2:]), flags=re.MULTILINE)[1:]
        self.assertEqual(len(described), 13)
        for option in described:
            if not option.startswith(("help", "version")):
                self.assertIn("[default: ", " ".join(option.split()))

    def test_version(self) -> None:
        stop = self.assertRaises(SystemExit, self.parse, "--version")
        self.assertEqual(stop.code, 0)
        self.assertTrue(self.output.getvalue().startswith(f"lsserver {__version__} (Twisted "))


class PidfileTests(SynchronousTestCase):
    def pidfile(self, **given: Any) -> str:
        twistd = UsageOptions()
        twistd.defaults = {"pidfile": "twistd.pid"}
        twistd.update({"pidfile": "twistd.pid", "nodaemon": 1} | given)
        options = Options()
        options.parent = twistd
        options.parseOptions([])
        return str(twistd["pidfile"])

    def test_none_in_the_foreground(self) -> None:
        self.assertEqual(self.pidfile(), "")

    def test_as_asked(self) -> None:
        self.assertEqual(self.pidfile(pidfile="/run/lsserver.pid"), "/run/lsserver.pid")

    def test_a_daemon_has_one(self) -> None:
        self.assertEqual(self.pidfile(nodaemon=0), "twistd.pid")
