"""What adapters are told about clients (adapters-api.md 3)."""

from typing import Any

from twisted.internet.address import HostnameAddress, IPv6Address, UNIXAddress
from twisted.internet.ssl import Certificate
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from lsserver.engine.client import Client
from lsserver.tlcp.dialect import dialect_for
from lsserver.tlcp.versions import LATEST
from lsserver.transport.client_info import ClientInfo, by_name, origin, principal
from lsserver.transport.settings import TransportSettings
from tests.transport.fakes import VERSION, World, post
from tests.transport.sockets import certificate


def client(
    headers: dict[str, list[str]], peer: Any = None, settings: dict[str, Any] | None = None, **options: Any
) -> Client:
    info = ClientInfo(settings=TransportSettings(**settings or {}), server_name="Socket", **options)
    transport = StringTransport(peerAddress=peer) if peer is not None else StringTransport()
    return info.client(dialect_for(LATEST), by_name(Headers(headers)), transport)  # type: ignore[arg-type]


class RequestHeaders(SynchronousTestCase):
    def test_names_and_repetitions(self) -> None:
        """Names in lower case, repeated ones joined."""
        found = client({"X-One": ["1", "2"], "User-Agent": ["Agent"], "X-Text": ["Grüße"]})
        self.assertEqual(found.headers["x-one"], "1,2")
        self.assertEqual(found.headers["x-text"], "Grüße")
        self.assertEqual(found.user_agent, "Agent")
        self.assertEqual(found.server_name, "Socket")

    def test_cookies(self) -> None:
        """Only if configured."""
        self.assertNotIn("cookie", client({"Cookie": ["a=b"]}).headers)
        self.assertEqual(client({"Cookie": ["a=b"]}, settings={"forward_cookies": True}).headers["cookie"], "a=b")

    def test_options(self) -> None:
        found = client({}, control_only=True)
        self.assertTrue(found.control_only and found.show_ip and not found.priority)
        self.assertTrue(client({}, priority=True).priority)
        self.assertFalse(client({}, settings={"client_identification_private": True}).show_ip)

    def test_over_http(self) -> None:
        """Each request has a dict of its own, which the adapter may change."""
        world = World(TransportSettings(), control_only=True)
        world.ask(post("create_session", b"", VERSION, "X-A: 1"))
        world.ask(post("create_session", b"", VERSION, "X-A: 1"))
        (_, first), (_, second) = world.kernel.created
        self.assertEqual(first.headers["x-a"], "1")
        self.assertIsNot(first.headers, second.headers)
        self.assertTrue(first.control_only)
        self.assertEqual((first.remote_ip, first.remote_port, first.server_name), ("192.0.2.1", 12345, "Test"))


class Addresses(SynchronousTestCase):
    def test_peers(self) -> None:
        found = client({}, IPv6Address("TCP", "2001:db8::1", 99))
        self.assertEqual((found.remote_ip, found.remote_port), ("2001:db8::1", 99))
        self.assertEqual(client({}, IPv6Address("TCP", "::ffff:192.0.2.5", 9)).remote_ip, "192.0.2.5")
        for peer in (UNIXAddress(None), HostnameAddress(b"x", 1)):
            found = client({}, peer)
            self.assertEqual((found.remote_ip, found.remote_port, found.show_ip), ("", 0, False))

    def test_not_trusted(self) -> None:
        """Without proxies of our own the header is only passed on."""
        found = client({"X-Forwarded-For": ["10.0.0.1, 10.0.0.2"]})
        self.assertEqual(found.remote_ip, "192.168.1.1")
        self.assertEqual(found.forwarding_info, "10.0.0.1, 10.0.0.2")

    def test_behind_proxies(self) -> None:
        """The entries at the end are ours; the first of them is what our outermost proxy saw."""
        found = client(
            {"X-Forwarded-For": ["203.0.113.9", "198.51.100.7,10.0.0.1"]}, settings={"skip_local_forwards": 2}
        )
        self.assertEqual(found.remote_ip, "198.51.100.7")
        self.assertEqual(found.forwarding_info, "203.0.113.9")

    def test_origin(self) -> None:
        for entries, local, expected in (
            ([], 1, ("peer", [])),
            (["1.1.1.1"], 1, ("1.1.1.1", [])),
            (["1.1.1.1"], 3, ("1.1.1.1", [])),
            (["1.1.1.1:4711"], 1, ("1.1.1.1", [])),
            (["[2001:db8::2]:80"], 1, ("2001:db8::2", [])),
            (["[2001:db8::2]"], 1, ("2001:db8::2", [])),
            (["2001:db8::2"], 1, ("2001:db8::2", [])),
            (["fe80::1%<b>x</b>"], 1, ("fe80::1", [])),
            (["[fe80::1%eth0]:80"], 1, ("fe80::1", [])),
            (["unknown"], 1, ("peer", [])),
        ):
            self.assertEqual(origin("peer", list(entries), local), expected)


class Principals(SynchronousTestCase):
    def test_none(self) -> None:
        """Without TLS, or without a certificate, there is none."""
        found = client({}, use_client_auth=True)
        self.assertEqual((found.principal, found.use_client_auth), (None, True))
        transport = StringTransport()
        transport.getPeerCertificate = lambda: None  # type: ignore[attr-defined]
        self.assertIsNone(principal(transport))

    def test_subject(self) -> None:
        transport = StringTransport()
        transport.getPeerCertificate = lambda: Certificate.loadPEM(certificate("alice")).original  # type: ignore[attr-defined]
        self.assertEqual(principal(transport), "CN=alice")
