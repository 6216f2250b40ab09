"""The demo page: what a user sees and does."""

from __future__ import annotations

from tests.browser.driver import PHONE, BrowserCase, in_browser

STRICT = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"


class PanelTests(BrowserCase):
    @in_browser
    def test_panels_are_live(self) -> None:
        """All panels get data, over the best transport, and nothing complains."""
        page = self.open()
        prices = page.locator("#stocks tbody .last")
        self.eventually(page, lambda: all(prices.all_text_contents()), "thirty prices")
        self.assertEqual(prices.count(), 30)
        self.wait_for_price(page)
        names = page.locator("#stocks tbody th").all_text_contents()
        self.assertNotIn("\u2026", names)
        page.locator("#portfolio tbody tr").first.wait_for()
        self.eventually(page, lambda: page.locator("#total").inner_text() != "0.00", "a total")
        self.assertIn(page.locator("#portfolio tbody tr th").first.inner_text(), names)
        self.assertEqual(page.locator("#state").inner_text(), "Connected \u00b7 WebSocket streaming")
        self.assertEqual(len(set(self.sessions(page))), 3)
        self.eventually(page, lambda: int(page.locator("#rate").inner_text()) > 0, "updates per second")
        self.assertEqual(self.complaints, [])

    @in_browser
    def test_changes_light_up(self) -> None:
        """A price that rises is marked, so is one that falls, and the marks go again."""
        page = self.open()
        page.locator("#stocks .last.rose").first.wait_for()
        page.locator("#stocks .last.fell").first.wait_for()
        marked = page.locator("#stocks .last.rose, #stocks .last.fell").first.evaluate_handle("cell => cell")
        self.eventually(page, lambda: marked.evaluate("cell => cell.className") == "live last", "the end of the mark")

    @in_browser
    def test_nothing_moves(self) -> None:
        """Numbers change in place: once the first data is there the browser sees no shift of the layout."""
        page = self.open()
        self.wait_for_price(page)
        page.evaluate(
            "() => { window.shifts = []; new PerformanceObserver((list) => list.getEntries().forEach("
            "(entry) => window.shifts.push(entry.value))).observe({ type: 'layout-shift' }); }"
        )
        self.wait_for_price(page, 10)
        self.assertEqual(page.evaluate("() => window.shifts"), [])

    @in_browser
    def test_strict_policy(self) -> None:
        """The page needs no inline script and no inline style."""
        page = self.open(connected=False)
        page.route("**/", lambda route: self._with_policy(route))
        page.reload()
        page.locator("#state[data-state=connected]").wait_for()
        self.wait_for_price(page)
        page.locator("#theme").click()
        self.assertEqual(self.complaints, [])

    def _with_policy(self, route: object) -> None:
        response = route.fetch()  # type: ignore[attr-defined]
        route.fulfill(  # type: ignore[attr-defined]
            response=response, headers={**response.headers, "content-security-policy": STRICT}
        )


class ChatTests(BrowserCase):
    @in_browser
    def test_a_message_reaches_everybody(self) -> None:
        page, other = self.open(), self.open()
        text = "Grüße, 100% | a,b & c <b>"
        page.locator("#message").fill(text)
        page.locator("#message").press("Enter")
        for reader in (page, other):
            reader.locator("#messages .text", has_text=text).wait_for()
        self.assertEqual(page.locator("#message").input_value(), "")
        self.assertEqual(other.locator("#messages .text").last.inner_text(), text)
        self.assertIn("Chrome on Linux", other.locator("#messages .who").last.inner_text())

    @in_browser
    def test_the_history_is_there(self) -> None:
        page = self.open()
        page.locator("#message").fill("before you came")
        page.locator("#write button").click()
        page.locator("#messages .text", has_text="before you came").wait_for()
        late = self.open()
        late.locator("#messages .text", has_text="before you came").wait_for()

    @in_browser
    def test_a_message_that_cannot_be_sent_waits(self) -> None:
        """What one writes while there is no connection is sent when there is one again."""
        proxy = self.proxy()
        page, other = self.open(proxy.port), self.open()
        proxy.refusing = True
        proxy.cut()
        page.locator("#chat .link[data-state=recovering]").wait_for()
        page.locator("#message").fill("written in a tunnel")
        page.locator("#message").press("Enter")
        proxy.refusing = False
        other.locator("#messages .text", has_text="written in a tunnel").wait_for()
        self.wait_for_transport(page, "ws-streaming")
        self.assertEqual(other.locator("#messages .text", has_text="written in a tunnel").count(), 1)


class PortfolioTests(BrowserCase):
    @in_browser
    def test_buy_and_sell(self) -> None:
        page, other = self.open(), self.open()
        quantity = page.locator("#portfolio tr[data-key=item2] td").nth(1)
        quantity.wait_for()
        before = int(quantity.inner_text())
        page.locator("#order-quantity").fill("7")
        page.locator("#portfolio tr[data-key=item2] button", has_text="+").click()
        for reader in (page, other):
            self.wait_for_text(reader, reader.locator("#portfolio tr[data-key=item2] td").nth(1), str(before + 7))
        self.wait_for_text(page, page.locator("#order-outcome"), "Buy 7 . .+: submitted")
        page.locator("#portfolio tr[data-key=item2] button", has_text="\u2212").click()
        self.wait_for_text(page, quantity, str(before))

    @in_browser
    def test_a_new_row_and_its_end(self) -> None:
        """A stock that is bought gets a row, with its name and price; when all of it is sold the row goes."""
        page = self.open()
        page.locator("#order-item").select_option("item17")
        page.locator("#order-quantity").fill("3")
        page.locator("#order button.buy").click()
        row = page.locator("#portfolio tr[data-key=item17]")
        name = page.locator("#stocks tr[data-item=item17] th").inner_text()
        row.locator("th", has_text=name).wait_for()
        self.assertEqual(row.locator("td").nth(1).inner_text(), "3")
        self.wait_for_text(page, row.locator("td").nth(0), r"\d+\.\d\d")
        page.locator("#order button.sell").click()
        row.wait_for(state="detached")

    @in_browser
    def test_a_wrong_quantity_is_not_sent(self) -> None:
        page = self.open()
        page.locator("#order-quantity").fill("-1")
        page.locator("#order button.buy").click()
        self.assertEqual(page.locator("#order-outcome").inner_text(), "")


class AppearanceTests(BrowserCase):
    @in_browser
    def test_desk(self) -> None:
        page = self.open()
        self.wait_for_price(page, 5)
        self.screenshot(page, "desk-light")

    @in_browser
    def test_dark(self) -> None:
        """The page follows the system until the user chooses, and remembers the choice."""
        page = self.open(color_scheme="dark")
        ground = "() => getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(ground)
        self.assertEqual(page.locator("#theme").get_attribute("aria-pressed"), "true")
        self.wait_for_price(page, 5)
        self.screenshot(page, "desk-dark")
        page.locator("#theme").click()
        light = page.evaluate(ground)
        self.assertNotEqual(light, dark)
        page.reload()
        self.assertEqual(page.evaluate(ground), light)
        page.locator("#theme").click()
        self.assertEqual(page.evaluate(ground), dark)

    @in_browser
    def test_phone(self) -> None:
        """One panel at a time, and nothing wider than the screen."""
        page = self.open(**PHONE)
        self.wait_for_price(page)
        self.screenshot(page, "phone-stocks")
        for view in ("portfolio", "chat", "stocks"):
            page.locator(f".views [data-view={view}]").tap()
            self.assertTrue(page.locator(f"#{view}").is_visible())
            self.assertEqual(page.locator("main > .panel:visible").count(), 1)
            self.assertEqual(page.evaluate("() => document.documentElement.scrollWidth"), 390)
            self.screenshot(page, f"phone-{view}")

    @in_browser
    def test_small_and_large(self) -> None:
        """No width makes the page scroll sideways."""
        page = self.open()
        self.wait_for_price(page)
        for width, height in ((320, 640), (600, 960), (834, 1112), (1024, 768), (1180, 820), (1920, 1080)):
            page.set_viewport_size({"width": width, "height": height})
            self.assertLessEqual(page.evaluate("() => document.documentElement.scrollWidth"), width)
            self.screenshot(page, f"width-{width}")

    @in_browser
    def test_keyboard_and_names(self) -> None:
        """Everything can be reached with the keyboard and has a name for who cannot see it."""
        page = self.open()
        page.keyboard.press("Tab")
        self.assertEqual(page.evaluate("() => document.activeElement.value"), "auto")
        page.keyboard.press("ArrowRight")
        self.wait_for_transport(page, "ws-streaming")
        self.assertTrue(page.locator("#transports [value=ws-streaming]").is_checked())
        reached = set()
        for _ in range(40):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("() => document.activeElement.id || document.activeElement.className"))
        self.assertLessEqual({"theme", "scroll", "order-item", "order-quantity", "buy", "sell", "message"}, reached)
        for role, name in (
            ("heading", "Stock list"), ("region", "Portfolio"), ("log", "Chat"), ("textbox", "Message"),
            ("combobox", "Stock"), ("spinbutton", "Quantity"), ("group", "Transport"), ("button", "Dark colours"),
        ):  # fmt: skip
            self.assertGreater(page.get_by_role(role, name=name).count(), 0, (role, name))  # type: ignore[arg-type]
        row = page.locator("#portfolio tbody tr").first
        label = row.locator("button").first.get_attribute("aria-label")
        self.assertEqual(label, f"Buy {row.locator('th').inner_text()}")
