"""Static pages."""

import os
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from lsserver.transport.pages import AT_ONCE
from tests.transport.fakes import Response, World, http


class Pages(SynchronousTestCase):
    def setUp(self) -> None:
        self.base = Path(self.mktemp())
        self.first, self.second = self.base / "first", self.base / "second"
        for folder in (self.first, self.second, self.first / "demo", self.second / "empty"):
            folder.mkdir(parents=True)
        (self.first / "index.html").write_text("<p>first")
        (self.second / "index.html").write_text("<p>second")
        (self.first / "demo" / "index.html").write_text("<p>demo")
        (self.second / "only.js").write_text("export {}")
        (self.second / ".hidden").write_text("secret")
        (self.base / "outside.txt").write_text("secret")
        self.world = World(pages=[self.first, self.second])

    def get(self, path: str, *headers: str, method: str = "GET") -> Response:
        return Response(self.world.ask(http(method, path, None, *headers)))

    def test_index(self) -> None:
        response = self.get("/")
        self.assertEqual((response.code, response.body), (200, b"<p>first"))
        self.assertEqual(response.headers["content-type"], "text/html; charset=utf-8")
        self.assertEqual(self.get("/demo/").body, b"<p>demo")

    def test_overlay(self) -> None:
        """What the first folder lacks comes from the second."""
        self.assertEqual(self.get("/only.js").body, b"export {}")
        self.assertEqual(self.get("/index.html").body, b"<p>first")

    def test_one_folder(self) -> None:
        self.world = World(pages=self.second)
        self.assertEqual(self.get("/").body, b"<p>second")

    def test_types(self) -> None:
        for name, kind in (
            ("a.css", "text/css; charset=utf-8"),
            ("a.JS", "text/javascript; charset=utf-8"),
            ("a.svg", "image/svg+xml"),
            ("a.webmanifest", "application/manifest+json"),
            ("a.json", "application/json"),
            ("a.png", "image/png"),
            ("a.unknown", "application/octet-stream"),
            ("a", "application/octet-stream"),
        ):
            (self.first / name).write_bytes(b"x")
            self.assertEqual(self.get(f"/{name}").headers["content-type"], kind)

    def test_folder_without_slash(self) -> None:
        """Sent on by a relative link, which no path can turn into another host."""
        for path in ("/demo", "//demo", "/%64emo"):
            response = self.get(path)
            self.assertEqual(response.code, 301 if path != "//demo" else 404)
        self.assertEqual(self.get("/demo?x=1").headers["location"], "./demo/")

    def test_no_listing(self) -> None:
        for path in ("/empty", "/empty/", "/demo/x", "/index.html/", "/index.html/x"):
            self.assertEqual(self.get(path).code, 404, path)

    def test_no_way_out(self) -> None:
        for path in (
            "/../outside.txt",
            "/demo/../../outside.txt",
            "/%2e%2e/outside.txt",
            "/%2e%2e%2foutside.txt",
            "/..%2foutside.txt",
            "/..%5coutside.txt",
            "/demo/..%2f..%2foutside.txt",
            "/%252e%252e/outside.txt",
            "/%c0%ae%c0%ae/outside.txt",
            "/./index.html",
            "/.hidden",
            "/%2ehidden",
            "/.git/config",
            f"/{self.base.resolve()}/outside.txt",
            f"/%2f{self.base.resolve()}/outside.txt",
            "/index.html%00",
            "/index.html::$DATA",
            "/" + "x" * 5000,
            "/%ff",
        ):
            response = self.get(path)
            self.assertEqual(response.code, 404, path)
            self.assertNotIn(b"secret", response.body)

    def test_links(self) -> None:
        """Out of the folder: not followed. Within it: why not."""
        os.symlink(self.base.resolve() / "outside.txt", self.first / "leak.txt")
        os.symlink(self.base.resolve(), self.first / "up")
        os.symlink("index.html", self.first / "home.html")
        self.assertEqual(self.get("/leak.txt").code, 404)
        self.assertEqual(self.get("/up/outside.txt").code, 404)
        self.assertEqual(self.get("/home.html").body, b"<p>first")

    def test_kept_by_browsers(self) -> None:
        """Asked for again each time, and sent only if changed."""
        response = self.get("/only.js")
        self.assertEqual(response.headers["cache-control"], "no-cache")
        tag, date = response.headers["etag"], response.headers["last-modified"]
        for header in (f"If-None-Match: {tag}", f"If-Modified-Since: {date}"):
            response = self.get("/only.js", header)
            self.assertEqual(response.code, 304)
            self.assertFalse(response.body)
        response = self.get("/only.js", 'If-None-Match: "other"', f"If-Modified-Since: {date}")
        self.assertEqual((response.code, response.body), (200, b"export {}"))

    def test_not_modified_leaves_the_connection_usable(self) -> None:
        tag = self.get("/only.js").headers["etag"]
        wire = self.world.connect()
        first = Response(wire.send(http("GET", "/only.js", None, f"If-None-Match: {tag}")))
        self.assertEqual(first.code, 304)
        self.assertEqual(Response(wire.send(http("GET", "/"))).body, b"<p>first")

    def test_head(self) -> None:
        (self.second / "large.bin").write_bytes(bytes(AT_ONCE + 1))
        for path, length in (("/only.js", 9), ("/large.bin", AT_ONCE + 1)):
            data = self.world.ask(http("HEAD", path))
            head, _, body = data.partition(b"\r\n\r\n")
            self.assertIn(b"Content-Length: %d" % length, head)
            self.assertEqual(body, b"")
        wire = self.world.connect()
        wire.send(http("HEAD", "/only.js"))
        self.assertEqual(Response(wire.send(http("GET", "/"))).body, b"<p>first")

    def test_security_headers(self) -> None:
        for path in ("/", "/nothing"):
            response = self.get(path)
            self.assertEqual(response.headers["x-content-type-options"], "nosniff")
            self.assertEqual(response.headers["x-frame-options"], "SAMEORIGIN")
            self.assertIn("referrer-policy", response.headers)

    def test_scripts(self) -> None:
        """Our own pages have none inside; those of others may have what they like."""
        self.world = World(pages=[self.first, self.second], strict_pages=[self.second])
        for path, strict in (("/", False), ("/only.js", True), ("/nothing", True), ("/..", True)):
            policy = self.get(path).headers.get("content-security-policy", "")
            self.assertEqual("default-src 'self'" in policy and "connect-src 'self' ws: wss:" in policy, strict, path)

    def test_methods(self) -> None:
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            response = self.get("/", method=method)
            self.assertEqual((response.code, response.headers["allow"]), (405, "GET, HEAD"))
            # Such as the protocol below a prefix that is not configured.
            self.assertEqual(self.get("/push/lightstreamer/control.txt", method=method).code, 404)

    def test_no_pages(self) -> None:
        self.world = World()
        self.assertEqual(self.get("/").code, 404)

    def test_service_first(self) -> None:
        """Files do not get in the way of the service."""
        (self.first / "lightstreamer").mkdir()
        (self.first / "lightstreamer" / "heartbeat.txt").write_text("x")
        self.assertEqual(self.get("/lightstreamer/heartbeat.txt?LS_protocol=TLCP-2.5.0").body, b"REQOK\r\n")


class Produced(TestCase):
    """What is sent piece by piece, for which the reactor must run."""

    async def finished(self, path: Path, *headers: str) -> Response:
        wire = World(pages=path.parent).connect()
        wire.send(http("GET", f"/{path.name}", None, *headers))
        done: Deferred[None] = wire.server.next.requests[0].notifyFinish()
        await done
        return Response(wire.take())

    async def test_large(self) -> None:
        path = Path(self.mktemp()).with_suffix(".js")
        path.write_bytes(os.urandom(AT_ONCE + 1))
        response = await self.finished(path)
        self.assertEqual((response.code, response.body), (200, path.read_bytes()))
        self.assertEqual(response.headers["content-type"], "text/javascript; charset=utf-8")

    async def test_many_ranges(self) -> None:
        """The whole file, once."""
        path = Path(self.mktemp())
        path.write_bytes(b"0123456789")
        wire = World(pages=path.parent).connect()
        response = Response(wire.send(http("GET", f"/{path.name}", None, "Range: bytes=" + "0-," * 1000 + "0-")))
        self.assertEqual((response.code, response.body), (200, b"0123456789"))

    async def test_range(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(b"0123456789")
        response = await self.finished(path, "Range: bytes=2-4")
        self.assertEqual((response.code, response.body), (206, b"234"))
        self.assertEqual(response.headers["content-range"], "bytes 2-4/10")
