"""Chromium, driven by playwright in a thread of its own, for tests of trial."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.browser.running import Proxy, Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCREENSHOTS = Path(__file__).parent / "screenshots"
ARGUMENTS = [
    "--no-sandbox",
    # A page that a test has rewritten on its way counts as one from elsewhere, which may not connect to the loopback.
    "--disable-features=LocalNetworkAccessChecks",
]
WAIT_MILLIS = 60_000
"""Longest wait for anything, on a machine that is busy with other things."""

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
DESK: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}


def missing() -> str | None:
    """What must be installed for these tests, or None."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "needs playwright: pip install playwright (and chromium: apt-get install chromium)"
    return None if CHROMIUM else "needs Chromium: apt-get install chromium"


class _Shared:
    """
    What all tests of a run share: one browser and one server, made when they are
    needed first. What playwright makes belongs to the thread that made it, so
    everything that touches it runs in the one thread of C{thread}.
    """

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1, "chromium")
        self._browser: Browser | None = None
        self._server: Server | None = None
        self._closing: list[Callable[[], Any]] = []

    def server(self) -> Server:
        if self._server is None:
            self._server = Server()
            self._close_at_end(self._server.stop)
        return self._server

    def browser(self) -> Browser:
        if self._browser is None:
            from playwright.sync_api import sync_playwright

            playwright = sync_playwright().start()
            self._close_at_end(playwright.stop)
            self._browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=ARGUMENTS, timeout=2 * WAIT_MILLIS
            )
            self._close_at_end(self._browser.close)
        return self._browser

    def _close_at_end(self, close: Callable[[], Any]) -> None:
        if not self._closing:
            # trial fires this after the last test.
            reactor.callFromThread(  # type: ignore[attr-defined]
                reactor.addSystemEventTrigger,
                "before",
                "shutdown",
                self._close,
            )
        self._closing.append(close)

    def _close(self) -> None:
        for close in reversed(self._closing):
            self.thread.submit(close).result()
        self.thread.shutdown()


shared = _Shared()


def in_browser(test: Callable[[Any], None]) -> Callable[[Any], Deferred[None]]:
    """Run a test, and closing what it opened, in the thread of the browser."""

    @wraps(test)
    def run(case: BrowserCase) -> Deferred[None]:
        fired: Deferred[None] = Deferred()

        def body() -> None:
            try:
                test(case)
            except Exception:
                case.on_failure()
                raise
            finally:
                while case.opened:
                    case.opened.pop()()

        def done(future: Future[None]) -> None:
            error = future.exception()
            outcome = Failure(error) if error else None
            reactor.callFromThread(fired.callback, outcome)  # type: ignore[attr-defined]

        shared.thread.submit(body).add_done_callback(done)
        return fired

    return run


class BrowserCase(TestCase):
    """
    Tests that look at the page in a browser.

    @ivar complaints: what the browser wrote to its console: errors, and violations
        of the content security policy. Tests that cut connections expect some.
    """

    timeout = 600
    skip = missing()

    def setUp(self) -> None:
        self.opened: list[Callable[[], Any]] = []
        self.complaints: list[str] = []
        self._pages: list[Page] = []

    def server(self) -> Server:
        """The server that the tests share."""
        return shared.server()

    def proxy(self) -> Proxy:
        """A proxy before that server, for this test only."""
        proxy = Proxy(self.server().port)
        self.opened.append(proxy.close)
        return proxy

    def open(self, port: int | None = None, *, connected: bool = True, **context: Any) -> Page:
        """Open the page, as a browser with these properties, and wait until all its panels are connected."""
        opened = shared.browser().new_context(**{**DESK, **context})
        self.opened.append(opened.close)
        page = opened.new_page()
        page.set_default_timeout(WAIT_MILLIS)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self._pages.append(page)
        page.goto(f"http://127.0.0.1:{port or self.server().port}/")
        if connected:
            page.locator("#state[data-state=connected]").wait_for()
        return page

    def sessions(self, page: Page) -> list[str]:
        """The ids of the sessions of the panels."""
        return [line.get_attribute("data-session") or "" for line in page.locator(".link").all()]

    def wait_for_transport(self, page: Page, transport: str) -> None:
        """Wait until all panels are connected over this transport."""
        for i in range(3):
            selector = f".link[data-state=connected][data-transport={transport}]"
            page.locator(selector).nth(i).wait_for(state="attached")

    def wait_for_price(self, page: Page, count: int = 2) -> None:
        """Wait until prices change."""
        prices = page.locator("#stocks tbody .last")
        for _ in range(count):
            self._wait_for_other(page, prices)

    def _wait_for_other(self, page: Page, texts: Locator) -> None:
        before = texts.all_text_contents()
        self.eventually(page, lambda: texts.all_text_contents() != before, "other texts")

    def wait_for_text(self, page: Page, place: Locator, pattern: str) -> None:
        """Wait until a text matches."""
        self.eventually(page, lambda: re.fullmatch(pattern, place.inner_text()) is not None, pattern)

    def eventually(self, page: Page, holds: Callable[[], bool], what: str) -> None:
        """Look every few milliseconds; the page goes on meanwhile."""
        end = time.monotonic() + WAIT_MILLIS / 1000
        while not holds():
            if time.monotonic() > end:
                self.fail(f"waited in vain for {what}")
            page.wait_for_timeout(20)

    def screenshot(self, page: Page, name: str) -> None:
        """Keep a picture for somebody to look at."""
        SCREENSHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png")

    def on_failure(self) -> None:
        """Keep pictures of what was to be seen when a test failed."""
        for i, page in enumerate(self._pages):
            if not page.is_closed():
                self.screenshot(page, f"failed-{self.id().rpartition('.')[2]}-{i}")
