"""The cross-domain policy, and what browsers are told (tlcp.md 2.10)."""

from twisted.trial.unittest import SynchronousTestCase

from lsserver.transport.cors import NATIVE, OriginCheck
from lsserver.transport.settings import AllowAccessFrom, CrossDomainPolicy, TransportSettings
from tests.transport.fakes import VERSION, Response, World, http, post


def check(*rules: AllowAccessFrom) -> OriginCheck:
    return OriginCheck(CrossDomainPolicy(allow_access_from=rules))


class Rules(SynchronousTestCase):
    def assertAllows(self, checker: OriginCheck, *origins: str, host: str | None = None) -> None:
        for origin in origins:
            self.assertTrue(checker.check(origin, host).allowed, origin)

    def assertRefuses(self, checker: OriginCheck, *origins: str, host: str | None = None) -> None:
        for origin in origins:
            self.assertFalse(checker.check(origin, host).allowed, origin)

    def test_no_origin(self) -> None:
        """Native clients are always accepted."""
        self.assertIs(check().check(None, "h"), NATIVE)

    def test_default_is_everything(self) -> None:
        self.assertAllows(OriginCheck(CrossDomainPolicy()), "https://x.example", "null", "app://local", "file://")

    def test_none(self) -> None:
        self.assertRefuses(check(), "https://x.example", "null")

    def test_own_origin(self) -> None:
        """Pages of this very server, whatever proxy does its TLS."""
        self.assertAllows(check(), "https://push.example", host="push.example")
        self.assertAllows(check(), "https://push.example", host="push.example:443")
        self.assertAllows(check(), "http://localhost:8080", host="localhost:8080")
        self.assertAllows(check(), "HTTP://LocalHost:8080", host="LOCALHOST:8080")
        self.assertAllows(check(), "http://[::1]:8080", host="[::1]:8080")
        self.assertRefuses(check(), "http://localhost:8081", host="localhost:8080")
        self.assertRefuses(check(), "https://push.example", host="push.example:80")
        self.assertRefuses(check(), "https://push.example.evil", "null", host="push.example")

    def test_scheme(self) -> None:
        """A star is http or https and nothing else."""
        any_scheme = check(AllowAccessFrom(host="a.example"))
        self.assertAllows(any_scheme, "http://a.example", "https://a.example")
        self.assertRefuses(any_scheme, "ftp://a.example")
        self.assertAllows(check(AllowAccessFrom(scheme="app", host="*", port="*")), "app://a.example")
        self.assertRefuses(check(AllowAccessFrom(scheme="https", host="a.example")), "http://a.example")

    def test_host(self) -> None:
        subdomains = check(AllowAccessFrom(host="*.a.example"))
        self.assertAllows(subdomains, "https://www.a.example", "https://x.y.A.example")
        self.assertRefuses(subdomains, "https://a.example", "https://xa.example", "https://a.example.evil")
        self.assertAllows(check(AllowAccessFrom(host="2001:db8::1")), "http://[2001:db8::1]:80")
        self.assertAllows(check(AllowAccessFrom(host="[2001:db8::1]")), "http://[2001:db8::1]")

    def test_port(self) -> None:
        """Without one in the origin it is that of the scheme."""
        secure = check(AllowAccessFrom(host="a.example", port="443"))
        self.assertAllows(secure, "https://a.example", "https://a.example:443", "http://a.example:443")
        self.assertRefuses(secure, "http://a.example", "https://a.example:8443")

    def test_nonsense(self) -> None:
        rule = check(AllowAccessFrom(scheme="https"))
        self.assertRefuses(rule, "", "https://", "://a", "https://a/b", "https://u@a", "a.example")

    def test_bad_rules(self) -> None:
        for values in (
            {"host": "*.com"},
            {"host": "a*"},
            {"host": ""},
            {"host": "*.*.a.com"},
            {"host": "a b"},
            {"port": "0"},
            {"port": "65536"},
            {"port": "x"},
            {"scheme": "*s"},
            {"scheme": ""},
        ):
            self.assertRaises(ValueError, AllowAccessFrom, **values)
        self.assertRaises(ValueError, CrossDomainPolicy, accept_extra_headers="a: b")


ORIGIN = "Origin: https://page.example"


class Http(SynchronousTestCase):
    def world(self, **policy: object) -> World:
        return World(TransportSettings(cross_domain_policy=CrossDomainPolicy(**policy)))  # type: ignore[arg-type]

    def test_simple_request(self) -> None:
        """The origin is told back, since credentials may come along."""
        response = Response(self.world().ask(post("heartbeat", b"\r\n", VERSION, ORIGIN)))
        self.assertEqual(response.body, b"REQOK\r\n")
        self.assertEqual(response.headers["access-control-allow-origin"], "https://page.example")
        self.assertEqual(response.headers["access-control-allow-credentials"], "true")
        self.assertEqual(response.headers["vary"], "Origin")

    def test_without_credentials(self) -> None:
        response = Response(self.world(accept_credentials=False).ask(post("heartbeat", b"\r\n", VERSION, ORIGIN)))
        self.assertNotIn("access-control-allow-credentials", response.headers)

    def test_native_client(self) -> None:
        response = Response(self.world().ask(post("heartbeat", b"\r\n")))
        self.assertNotIn("access-control-allow-origin", response.headers)
        self.assertNotIn("vary", response.headers)

    def test_stream(self) -> None:
        response = Response(self.world().ask(post("create_session", b"", VERSION, ORIGIN)))
        self.assertEqual(response.headers["access-control-allow-origin"], "https://page.example")

    def test_not_allowed(self) -> None:
        """Answered with 200 and nothing, and not executed."""
        world = self.world(allow_access_from=())
        for name in ("create_session", "bind_session", "control", "heartbeat"):
            response = Response(world.ask(post(name, b"LS_reqId=1", VERSION, ORIGIN)))
            self.assertEqual((response.code, response.body), (200, b""))
            self.assertNotIn("access-control-allow-origin", response.headers)
        self.assertFalse(world.kernel.created or world.kernel.controls or world.kernel.heartbeats)

    def test_preflight(self) -> None:
        """No session comes of it."""
        world = self.world(accept_extra_headers="X-One,X-Two", options_max_age=77)
        response = Response(
            world.ask(
                http(
                    "OPTIONS",
                    f"/lightstreamer/create_session.txt?{VERSION}",
                    None,
                    ORIGIN,
                    "Access-Control-Request-Method: POST",
                    "Access-Control-Request-Headers: x-one",
                )
            )
        )
        self.assertEqual((response.code, response.body), (200, b""))
        self.assertEqual(response.headers["access-control-allow-origin"], "https://page.example")
        self.assertEqual(response.headers["access-control-allow-methods"], "POST, GET, OPTIONS")
        self.assertEqual(response.headers["access-control-allow-headers"], "X-One, X-Two")
        self.assertEqual(response.headers["access-control-max-age"], "77")
        self.assertEqual(response.headers["vary"], "Origin")
        self.assertEqual(world.kernel.created, [])

    def test_preflight_not_allowed(self) -> None:
        world = self.world(allow_access_from=())
        response = Response(world.ask(http("OPTIONS", "/lightstreamer/control.txt", None, ORIGIN)))
        self.assertEqual((response.code, response.body), (200, b""))
        self.assertNotIn("access-control-allow-methods", response.headers)

    def test_options_of_others(self) -> None:
        response = Response(self.world().ask(http("OPTIONS", "/lightstreamer/control.txt")))
        self.assertEqual((response.code, response.headers["allow"]), (200, "GET, HEAD, OPTIONS, POST"))
        response = Response(self.world().ask(http("OPTIONS", "*")))
        self.assertEqual(response.code, 200)


class WebSocket(SynchronousTestCase):
    def test_not_allowed(self) -> None:
        world = World(TransportSettings(cross_domain_policy=CrossDomainPolicy(allow_access_from=())))
        response = world.websocket(headers=[ORIGIN]).response
        assert response is not None
        self.assertEqual(response.code, 403)
        own = world.websocket(headers=["Origin: https://push.example.com"]).response
        assert own is not None
        self.assertEqual(own.code, 101)

    def test_null_origin(self) -> None:
        """Autobahn's own idea of origins plays no part."""
        for origin in ("null", "https://page.example", "nonsense"):
            response = World().websocket(headers=[f"Origin: {origin}"]).response
            assert response is not None
            self.assertEqual(response.code, 101)
