"""Somebody who does what a page says, in a new folder."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, TestCase

from tests.browser import driver
from tests.docs.client import Session
from tests.docs.pages import Replace, Snippet, Step
from tests.service.running import Running, folder, start, twistd

if TYPE_CHECKING:
    from playwright.sync_api import Page

T = TypeVar("T")
COMMAND_SECONDS = 300


class Reader(TestCase):
    """
    @ivar folder: where it happens.
    @ivar command: the options of the last C{twistd} command that starts a server.
    """

    timeout = 600

    def setUp(self) -> None:
        self.folder = folder(self)
        self.command: list[str] = []

    def follow(self, steps: Iterable[Step], **environment: str) -> str:
        """
        Write the files and run the commands. A command that starts the server is kept in C{command}.

        @return: what the commands printed.
        """
        printed = ""
        for step in steps:
            if isinstance(step, Replace) or step.path is not None:
                step.apply(self.folder)
            elif step.language == "sh":
                printed += self._shell(step, environment)
        return printed

    def _shell(self, step: Snippet, environment: Mapping[str, str]) -> str:
        words = shlex.split(step.text, comments=True)
        if words[:3] == ["twistd", "-n", "lsserver"] and "--check" not in words:
            self.command = words[3:]
            return ""
        done = subprocess.run(
            ["/bin/sh", "-ec", step.text],
            cwd=self.folder,
            env={**os.environ, "PATH": f"{Path(twistd()).parent}{os.pathsep}{os.environ['PATH']}", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        self.assertEqual(done.returncode, 0, f"{step.text}\n{done.stdout}")
        return done.stdout

    def serve(self, *options: str, env: dict[str, str] | None = None, program: str | None = None) -> Running:
        """Start the server with the options of the page, on a free port."""
        return start(self, "-n", "lsserver", "--port", "0", *self.command, *options,
                     cwd=self.folder, env=env, program=program)  # fmt: skip

    async def connect(self, server: Running, **parameters: str) -> Session:
        """
        A new session.

        @raise Refused: by the server.
        """
        session = await Session.create(await server.url(), **parameters)
        self.addCleanup(session.close)
        return session


def need(missing: str | None) -> None:
    """
    @param missing: what is not installed, C{None} = nothing.
    @raise SkipTest: something, outside of continuous integration.
    """
    if missing is not None:
        if os.environ.get("CI") == "true":
            raise AssertionError(missing)
        raise SkipTest(missing)


def in_chromium(url: str, look: Callable[[Page], T]) -> Deferred[T]:
    """
    What C{look} sees of a page, in a thread and in a browser of its own.

    @raise SkipTest: no browser, outside of continuous integration.
    """
    need(driver.missing())

    def work() -> T:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=driver.CHROMIUM, args=driver.ARGUMENTS, timeout=2 * driver.WAIT_MILLIS
            )
            page = browser.new_page()
            page.set_default_timeout(driver.WAIT_MILLIS)
            page.goto(url)
            return look(page)

    return deferToThread(work)


def copy_of_the_project(to: Path) -> None:
    """What somebody who has just cloned the project has, as far as it is installed."""
    root = Path(__file__).resolve().parents[2]
    for name in ("lsserver", "twisted", "adapters"):
        shutil.copytree(root / name, to / name, ignore=shutil.ignore_patterns("__pycache__", "*dropin.cache*"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, to)
