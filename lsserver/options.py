"""
The command line of C{twistd lsserver}.

What is wrong with it is told in one line each on standard error, with exit
status 1, in place of Twisted's usage page.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from twisted.python import usage

import twisted
from lsserver import __version__, listeners
from lsserver.config import Configuration, General, WebServer, read_file
from lsserver.elements import LEVELS
from lsserver.listeners import HttpServer, ListenerError
from lsserver.reading import ConfigError


def refuse(problems: Iterable[str]) -> NoReturn:
    """End the process with status 1, each problem on one line of standard error."""
    for problem in problems:
        print(f"lsserver: {problem}", file=sys.stderr)
    raise SystemExit(1)


class Options(usage.Options):
    """
    The options, and after parsing the L{Configuration} they make together with
    the file of C{--config}: an option wins over the file.

    @ivar configuration: what to run with.
    """

    optFlags = [
        ["no-demo", None, "Do not load the demo adapter sets [default: load them]"],
        ["no-pages", None, "Serve no pages at / [default: serve them]"],
        ["check", None, "Load and check everything, print a summary, exit [default: run]"],
    ]

    configuration: Configuration

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._listeners: list[HttpServer] = []
        self._adapters_dir: list[Path] = []
        self._adapters: list[str] = []
        self._remotes: list[str] = []
        self._general: dict[str, Any] = {}
        self._config: Path | None = None
        self._problems: list[str] = []

    def getSynopsis(self) -> str:
        return "Usage: twistd -n lsserver [options]"

    def opt_port(self, value: str) -> None:
        """TCP port of HTTP and WebSocket; short for --listen tcp:PORT [default: 8080]"""
        if re.fullmatch("[0-9]{1,5}", value) and int(value) <= 65535:
            self._listeners.append(HttpServer(port=int(value)))
        else:
            self._wrong("port", value, "must be a port number from 1 to 65535, or 0 for any free one")

    def opt_listen(self, value: str) -> None:
        """[NAME@]ENDPOINT, again for more, like ssl:443:privateKey=a.pem:certKey=b.pem [default: none]"""
        try:
            self._listeners.append(listeners.from_option(value))
        except ListenerError as wrong:
            self._wrong("listen", value, f"must be {wrong}")

    def opt_config(self, value: str) -> None:
        """TOML file; options win over it [default: none]"""
        self._config = Path(value)

    def opt_adapters_dir(self, value: str) -> None:
        """Folder of adapter sets, again for more [default: none]"""
        if Path(value).is_dir():
            self._adapters_dir.append(Path(value).absolute())
        else:
            self._wrong("adapters-dir", value, "must be a folder")

    def opt_adapter(self, value: str) -> None:
        """Adapter set in one line, again for more, like ID,data=module:Class,param.name=value [default: none]"""
        self._adapters.append(value)

    def opt_remote(self, value: str) -> None:
        """Remote adapter set in one line, again for more, like ID,data=6661:NAME,metadata=6663 [default: none]"""
        self._remotes.append(value)

    def opt_pages(self, value: str) -> None:
        """Folder to serve at / [default: the demo pages]"""
        if Path(value).is_dir():
            self._general["web_server"] = WebServer(pages_dir=Path(value).absolute())
        else:
            self._wrong("pages", value, "must be a folder")

    def opt_log_level(self, value: str) -> None:
        """debug, info, warn, error or critical [default: info]"""
        if value.lower() in LEVELS:
            self._general["log_level"] = value.lower()
        else:
            self._wrong("log-level", value, "must be one of " + ", ".join(LEVELS))

    def opt_version(self) -> None:
        """Show the version and exit."""
        print(versions())
        sys.exit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """As the base class, but a mistake ends the process with its one line."""
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except usage.UsageError as error:
            refuse([self._explained(str(error))])

    def parseArgs(self, *args: str) -> None:
        if args:
            refuse([f"unexpected argument {args[0]!r}; see twistd lsserver --help"])

    def postOptions(self) -> None:
        """Make the configuration out of the file and the options."""
        if self._problems:
            refuse(self._problems)
        try:
            configuration = read_file(self._config) if self._config else Configuration()
        except ConfigError as wrong:
            refuse(wrong.problems)
        except OSError as error:
            refuse([f"--config: cannot read {str(self._config)!r}: {error.strerror}"])
        self.configuration = replace(configuration, general=self._over(configuration.general))
        self._keep_the_folder_clean()

    def _over(self, general: General) -> General:
        """What the options say in place of the file."""
        changes = dict(self._general)
        if self._listeners:
            changes |= {"http_server": tuple(self._listeners), "https_server": ()}
        if self._adapters_dir:
            changes["adapters_dir"] = tuple(self._adapters_dir)
        if self._adapters:
            changes["adapter"] = tuple(self._adapters)
        if self._remotes:
            changes["remote"] = tuple(self._remotes)
        if self["no-demo"]:
            changes["demo"] = False
        if self["no-pages"]:
            changes["web_server"] = WebServer(enabled=False)
        return replace(general, **changes)

    def _keep_the_folder_clean(self) -> None:
        """
        In the foreground there is no use for C{twistd.pid}, which C{twistd} writes
        into the current folder unless told otherwise. A daemon needs it.
        """
        twistd = self.parent
        if twistd is not None and twistd.get("nodaemon") and twistd.get("pidfile") == twistd.defaults.get("pidfile"):
            twistd["pidfile"] = ""

    def _wrong(self, option: str, value: str, allowed: str) -> None:
        self._problems.append(f"--{option} {value!r}: {allowed}")

    def _explained(self, error: str) -> str:
        """An error of the option parser, with the option that was probably meant."""
        unknown = re.search(r"option --(\S+) not recognized", error)
        if unknown:
            known = [name.rstrip("=") for name in self.longOpt]
            nearest = difflib.get_close_matches(unknown[1], known, 1, 0.0)[0]
            return f"there is no option --{unknown[1]}; the nearest is --{nearest}; see twistd lsserver --help"
        return f"{error}; see twistd lsserver --help"


def versions() -> str:
    """Versions of the server and of what it stands on, in one line."""
    return f"lsserver {__version__} (Twisted {twisted.__version__}, Python {sys.version.split()[0]})"
