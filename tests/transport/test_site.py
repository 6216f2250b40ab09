"""Which path leads where (tlcp.md 2.1, 2.12)."""

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.static import Data

from lsserver.tlcp.requests import CreateSession
from lsserver.transport.settings import TransportSettings
from tests.transport.fakes import VERSION, Response, WebSocketClient, World, http


class Paths(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(TransportSettings(service_url_prefix=("/push", "/My/prefix")))

    def get(self, path: str, method: str = "GET") -> Response:
        return Response(self.world.ask(http(method, path)))

    def test_endpoints(self) -> None:
        for name in ("create_session", "bind_session", "control", "msg", "heartbeat", "send_log"):
            response = self.get(f"/lightstreamer/{name}.txt?{VERSION}")
            self.assertEqual(response.code, 200)
            self.assertTrue(response.body)

    def test_prefixes(self) -> None:
        """Those that are configured, and none; case matters."""
        for prefix in ("", "/push", "/My/prefix"):
            self.assertEqual(self.get(f"{prefix}/lightstreamer/heartbeat.txt?{VERSION}").body, b"REQOK\r\n")
        for prefix in ("/other", "/my/prefix", "/My", "/prefix", "/Push", "/push/push"):
            self.assertEqual(self.get(f"{prefix}/lightstreamer/heartbeat.txt?{VERSION}").code, 404)

    def test_prefixes_of_websockets(self) -> None:
        for path in ("/push/lightstreamer", "/My/prefix/lightstreamer/", "//lightstreamer"):
            client = WebSocketClient(self.world.connect())
            client.handshake("TLCP-2.5.0.lightstreamer.com", path=path)
            assert client.response is not None
            self.assertEqual(client.response.code, 101)

    def test_double_slashes(self) -> None:
        for path in (
            "//lightstreamer/heartbeat.txt",
            "/lightstreamer//heartbeat.txt",
            "//push//lightstreamer//heartbeat.txt",
        ):
            self.assertEqual(self.get(f"{path}?{VERSION}").body, b"REQOK\r\n")

    def test_unknown(self) -> None:
        for path in (
            "/",
            "/x",
            "/lightstreamer/x",
            "/lightstreamer/control",
            "/lightstreamer/control.txt/",
            "/lightstreamer/control.txt/x",
            "/Lightstreamer/control.txt",
            "/lightstreamer/CONTROL.TXT",
            "/lightstreamer/x/control.txt",
        ):
            self.assertEqual(self.get(path).code, 404, path)

    def test_methods(self) -> None:
        for method in ("PUT", "DELETE", "PATCH", "TRACE", "POST2"):
            response = self.get("/lightstreamer/control.txt", method)
            self.assertEqual((response.code, response.headers["allow"]), (405, "GET, HEAD, OPTIONS, POST"))

    def test_health_check(self) -> None:
        for path in ("/lightstreamer/healthcheck", "/push/lightstreamer/healthcheck"):
            response = self.get(path)
            self.assertEqual((response.code, response.body), (200, b"OK\r\n"))
        self.world = World(healthcheck=False)
        self.assertEqual(self.get("/lightstreamer/healthcheck").code, 404)

    def test_further_resources(self) -> None:
        """Others may put something beside the service, but not in its place."""
        self.world.site.resource.putChild(b"metrics", Data(b"numbers", "text/plain"))
        self.assertEqual(self.get("/metrics").body, b"numbers")

    def test_body_wins(self) -> None:
        """Over the query (2.2)."""
        data = http("POST", f"/lightstreamer/create_session.txt?{VERSION}&LS_user=q&LS_adapter_set=Q", b"LS_user=b")
        self.world.ask(data)
        request = self.world.kernel.created[0][0]
        assert isinstance(request, CreateSession)
        self.assertEqual((request.user, request.adapter_set), ("b", "Q"))
