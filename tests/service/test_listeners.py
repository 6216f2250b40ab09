"""Listening sockets and what may be wrong with them."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from lsserver.listeners import HttpServer, HttpsServer, ListenerError, problems_of, url_of, with_names
from lsserver.tls import Keystore
from tests.service import certificates


class BindTests(SynchronousTestCase):
    def folder(self) -> Path:
        path = Path(self.mktemp())
        path.mkdir()
        return path.absolute()

    def wrong(self, server: HttpServer) -> str:
        return str(self.assertRaises(ListenerError, server.bind, MemoryReactor()))

    def https(self, **keystore: object) -> HttpsServer:
        return HttpsServer(port=1, keystore=Keystore(**keystore))  # type: ignore[arg-type]

    def test_a_port(self) -> None:
        self.assertIsInstance(HttpServer(port=8080).bind(MemoryReactor()), TCP4ServerEndpoint)

    def test_endpoint_strings(self) -> None:
        files = certificates.make(self.folder())
        text = f"ssl:8443:privateKey={files.key}:certKey={files.certificate}"
        self.assertIsInstance(HttpServer(endpoint=text).bind(MemoryReactor()), SSL4ServerEndpoint)
        self.assertIsInstance(HttpServer(endpoint="tcp:8080").bind(MemoryReactor()), TCP4ServerEndpoint)

    def test_wrong_endpoint_strings(self) -> None:
        examples = "examples: tcp:8080, tcp:8080:interface=127.0.0.1, ssl:8443:privateKey=key.pem:certKey=cert.pem"
        for text, told in [
            ("8080", "Unknown endpoint type: '8080'"),
            ("tcp", "missing or unknown argument"),
            ("tcp:x", "invalid literal for int() with base 10: 'x'"),
            ("tcp:1:inteface=a", "missing or unknown argument"),
            ("nonsense:1", "Unknown endpoint type: 'nonsense'"),
        ]:
            self.assertEqual(self.wrong(HttpServer(endpoint=text)), f"not an endpoint ({told}); {examples}")

    def test_old_tls_cannot_be_asked_for(self) -> None:
        self.assertIn("TLS 1.2", self.wrong(HttpServer(endpoint="ssl:1:sslmethod=TLSv1_METHOD")))

    def test_missing_files_of_an_endpoint_string(self) -> None:
        self.assertEqual(
            self.wrong(HttpServer(endpoint="ssl:1:privateKey=/no.pem")),
            "cannot read '/no.pem': No such file or directory",
        )

    def test_keystores(self) -> None:
        folder = self.folder()
        files = certificates.make(folder)
        both = folder / "both.pem"
        both.write_bytes(files.chain.read_bytes() + files.key.read_bytes())
        locked = folder / "locked"
        locked.mkdir()
        secret = certificates.make(locked, "secret")
        for server in [
            self.https(keystore_file=files.chain, private_key_file=files.key),
            self.https(keystore_file=both),
            self.https(keystore_file=secret.chain, private_key_file=secret.key, keystore_password="secret"),
            HttpsServer(endpoint="tcp:1"),
        ]:
            self.assertEqual(problems_of(with_names([server]), MemoryReactor()), [])

    def test_wrong_keystores(self) -> None:
        files = certificates.make(self.folder())
        locked = certificates.make(self.folder(), "secret")
        self.assertEqual(self.wrong(HttpsServer(port=1)), "there is no keystore_file")
        self.assertEqual(
            self.wrong(self.https(keystore_file=Path("no.pem"))), "cannot read 'no.pem': No such file or directory"
        )
        self.assertEqual(self.wrong(self.https(keystore_file=files.key)), f"{str(files.key)!r} has no certificate")
        for server in [
            self.https(keystore_file=files.chain),
            self.https(keystore_file=files.chain, private_key_file=locked.key),
            self.https(keystore_file=locked.chain, private_key_file=locked.key),
            self.https(keystore_file=locked.chain, private_key_file=locked.key, keystore_password="wrong"),
        ]:
            told = self.wrong(server)
            self.assertIn("do not work: ", told)
            self.assertEqual(len(told.splitlines()), 1)

    def test_wrong_ciphers(self) -> None:
        files = certificates.make(self.folder())
        keystore = Keystore(keystore_file=files.chain, private_key_file=files.key)
        self.assertIn("do not work", self.wrong(HttpsServer(port=1, keystore=keystore, allow_cipher_suite="nonsense")))


class ProblemTests(SynchronousTestCase):
    def problems(self, *servers: HttpServer) -> list[str]:
        return problems_of(with_names(servers), MemoryReactor())

    def test_names_differ(self) -> None:
        self.assertEqual(
            self.problems(HttpServer(name="a", port=1), HttpServer(name="a", port=2)),
            ["two listeners are called 'a'; names must differ"],
        )

    def test_names_are_readable(self) -> None:
        for name in ("ä", "a\nb", "a,b", "50%"):
            self.assertEqual(
                self.problems(HttpServer(name=name, port=1)),
                [f"listener name {name!r}: must be ASCII without control characters, commas and %"],
            )

    def test_ports_differ(self) -> None:
        self.assertEqual(
            self.problems(HttpServer(name="a", port=1), HttpServer(name="b", port=1)),
            ["two listeners are on port 1 (b)"],
        )
        self.assertEqual(
            self.problems(
                HttpServer(port=1, listening_interface="127.0.0.1"), HttpServer(port=1, listening_interface="127.0.0.2")
            ),
            [],
        )
        self.assertEqual(self.problems(HttpServer(port=0), HttpServer(port=0)), [])

    def test_what_cannot_be_bound(self) -> None:
        (problem,) = self.problems(HttpServer(name="a", endpoint="tcp:x"))
        self.assertTrue(problem.startswith("listener tcp:x (a): not an endpoint"), problem)

    def test_a_missing_certificate_names_the_socket(self) -> None:
        self.assertEqual(
            self.problems(HttpsServer(name="a", port=1, listening_interface="::1")),
            ["listener port 1 of ::1 (a): there is no keystore_file"],
        )


class UrlTests(SynchronousTestCase):
    def url(self, address: object) -> str:
        class Port:
            factory = Factory()

            def getHost(self) -> object:
                return address

        return url_of(Port())  # type: ignore[arg-type]

    def test_urls(self) -> None:
        for address, url in [
            (IPv4Address("TCP", "0.0.0.0", 8080), "http://localhost:8080/"),
            (IPv4Address("TCP", "10.1.2.3", 80), "http://10.1.2.3:80/"),
            (IPv6Address("TCP", "::", 8080), "http://localhost:8080/"),
            (IPv6Address("TCP", "::1", 8080), "http://[::1]:8080/"),
            (UNIXAddress(b"/run/ls"), "http+unix:/run/ls"),
            ("somewhere", "http on somewhere"),
        ]:
            self.assertEqual(self.url(address), url)
