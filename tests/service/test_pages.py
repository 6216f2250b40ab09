"""A folder of one's own pages, as a user serves it."""

from __future__ import annotations

import urllib.error
import urllib.request
from http.client import HTTPMessage

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.service.running import SECONDS, folder, start


class PagesTests(TestCase):
    timeout = 300

    async def test_own_pages(self) -> None:
        """With scripts where they like; the client module is there as well, unless they bring their own."""
        pages = folder(self)
        (pages / "index.html").write_text("<script>alert(1)</script>")
        server = start(
            self, "-n", "lsserver", "--listen", "tcp:0:interface=127.0.0.1", "--pages", str(pages), cwd=folder(self)
        )
        url = await server.url()
        headers, body = await deferToThread(get, url)
        self.assertEqual(body, b"<script>alert(1)</script>")
        self.assertNotIn("content-security-policy", headers)
        self.assertEqual(headers["x-content-type-options"], "nosniff")
        headers, body = await deferToThread(get, url + "client/lsclient.js")
        self.assertIn(b"export", body)
        self.assertIn("default-src 'self'", headers["content-security-policy"] or "")
        (pages / "client").mkdir()
        (pages / "client" / "lsclient.js").write_text("mine")
        _, body = await deferToThread(get, url + "client/lsclient.js")
        self.assertEqual(body, b"mine")

    async def test_nothing_is_reflected(self) -> None:
        """What a request says is not in any answer, and no answer but a page is HTML."""
        server = start(self, "-n", "lsserver", "--listen", "tcp:0:interface=127.0.0.1", cwd=folder(self))
        url = await server.url()
        for path in (
            "%3Cscript%3E",
            "lightstreamer/%3Cscript%3E",
            "lightstreamer/control.txt?LS_reqId=%3Cscript%3E&LS_op=%3Cscript%3E",
            "lightstreamer/control.txt?LS_op=%3Cscript%3E",
            "lightstreamer/create_session.txt?LS_protocol=%3Cscript%3E",
            "lightstreamer/create_session.txt?LS_protocol=TLCP-2.5.0&LS_adapter_set=%3Cscript%3E",
            "client?%3Cscript%3E",
        ):
            headers, body = await deferToThread(get, url + path)
            kind = headers.get_content_type()
            if "LS_reqId" in path:
                # The id of a request is in its answer, which no browser takes for a page.
                self.assertEqual(kind, "text/plain")
            else:
                self.assertNotIn(b"script", body, path)
            self.assertNotEqual(kind, "text/html", path)


def get(url: str) -> tuple[HTTPMessage, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            return answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.headers, error.read()
