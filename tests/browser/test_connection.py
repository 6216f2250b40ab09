"""The client of the demo page: transports, and what happens when connections are cut or blocked."""

from __future__ import annotations

import re
from functools import partial

from tests.browser.driver import BrowserCase, in_browser
from tests.browser.running import Server

TRANSPORTS = ("ws-streaming", "ws-polling", "http-streaming", "http-polling")


class SwitchTests(BrowserCase):
    @in_browser
    def test_every_transport(self) -> None:
        """From each transport to each other: data goes on, and the sessions stay the same."""
        page = self.open()
        before = self.sessions(page)
        order = "ws-polling http-streaming http-polling ws-streaming http-streaming ws-polling http-polling "
        order += "ws-polling ws-streaming http-polling http-streaming ws-streaming"
        for transport in order.split():
            page.locator(f"#transports [value={transport}]").check()
            self.wait_for_transport(page, transport)
            self.wait_for_price(page)
            self.assertEqual(self.sessions(page), before)
        page.locator("#transports [value=http-polling]").check()
        page.locator("#transports [value=auto]").check()
        self.wait_for_transport(page, "ws-streaming")
        self.assertEqual(self.sessions(page), before)
        self.assertEqual(self.complaints, [])

    @in_browser
    def test_messages_over_every_transport(self) -> None:
        page = self.open()
        for transport in TRANSPORTS:
            page.locator(f"#transports [value={transport}]").check()
            self.wait_for_transport(page, transport)
            page.locator("#message").fill(f"over {transport}")
            page.locator("#message").press("Enter")
            page.locator("#messages .text", has_text=f"over {transport}").wait_for()

    @in_browser
    def test_in_quick_succession(self) -> None:
        """The last choice counts."""
        page = self.open()
        before = self.sessions(page)
        for transport in (*TRANSPORTS, *reversed(TRANSPORTS), "http-streaming"):
            page.locator(f"#transports [value={transport}]").check()
        self.wait_for_transport(page, "http-streaming")
        self.wait_for_price(page)
        self.assertEqual(self.sessions(page), before)


class CutTests(BrowserCase):
    @in_browser
    def test_a_cut_is_recovered(self) -> None:
        """Over every transport: the session survives that all connections are reset."""
        proxy = self.proxy()
        page = self.open(proxy.port)
        before = self.sessions(page)
        for transport in TRANSPORTS:
            page.locator(f"#transports [value={transport}]").check()
            self.wait_for_transport(page, transport)
            proxy.cut()
            self.wait_for_price(page)
            self.wait_for_transport(page, transport)
            self.assertEqual(self.sessions(page), before, transport)

    @in_browser
    def test_an_outage_is_recovered(self) -> None:
        """No network for a moment: the page says so, and goes on with the same sessions over the same transport."""
        proxy = self.proxy()
        page = self.open(proxy.port)
        before = self.sessions(page)
        proxy.refusing = True
        proxy.cut()
        page.locator("#state[data-state=recovering]").wait_for()
        page.wait_for_timeout(1500)  # several attempts fail
        proxy.refusing = False
        self.wait_for_transport(page, "ws-streaming")
        self.wait_for_price(page)
        self.assertEqual(self.sessions(page), before)

    @in_browser
    def test_silence_is_noticed(self) -> None:
        """Connections that die without a word, as when a cable is pulled: the page says so, and recovers."""
        proxy = self.proxy()
        page = self.open(proxy.port)
        before = self.sessions(page)
        proxy.freeze()
        page.locator("#state[data-state=stalled]").wait_for()
        page.locator("#state[data-state=connected]").wait_for()
        self.wait_for_price(page)
        self.assertEqual(self.sessions(page), before)

    @in_browser
    def test_another_server(self) -> None:
        """The server was restarted and knows no sessions: the page gets new ones, and its data, by itself."""
        proxy = self.proxy()
        page = self.open(proxy.port)
        before = self.sessions(page)
        other = Server()
        self.opened.append(other.stop)
        proxy.target = other.port
        proxy.cut()
        self.eventually(page, lambda: not set(self.sessions(page)) & {*before, ""}, "new sessions")
        self.wait_for_price(page)
        page.locator("#portfolio tr[data-key=item1]").wait_for()

    @in_browser
    def test_good_bye(self) -> None:
        """A page that is closed ends its sessions at once, whatever the transport."""
        other = self.open()
        for transport in TRANSPORTS:
            page = self.open()
            page.locator(f"#transports [value={transport}]").check()
            self.wait_for_transport(page, transport)
            session = self.sessions(page)[0]
            page.close(run_before_unload=True)
            self.eventually(other, partial(self._is_over, session), f"the end of the session ({transport})")
            self.assertEqual(self._end(session), "31 Destroy invoked by client", transport)

    def _is_over(self, session: str) -> bool:
        return self._end(session) is not None

    def _end(self, session: str) -> str | None:
        """Why the server has ended a session; it says something else if that was because nobody was connected."""
        found = re.search(rf"session {session} of .* closed: (.*)$", self.server().said, re.MULTILINE)
        return found[1] if found else None


class BlockedTests(BrowserCase):
    @in_browser
    def test_no_websocket(self) -> None:
        """Where WebSockets do not come through, streaming over HTTP does."""
        proxy = self.proxy()
        proxy.without_websocket = True
        page = self.open(proxy.port)
        self.wait_for_transport(page, "http-streaming")
        self.wait_for_price(page)

    @in_browser
    def test_responses_held_back(self) -> None:
        """Where something keeps back responses until they are complete, polling is left."""
        proxy = self.proxy()
        proxy.without_websocket = proxy.holding_streams = True
        page = self.open(proxy.port)
        self.wait_for_transport(page, "http-polling")
        self.wait_for_price(page)
