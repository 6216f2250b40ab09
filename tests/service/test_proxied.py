"""Sockets behind a proxy that speaks the PROXY protocol."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from lsserver.config import read_file
from lsserver.listeners import HttpServer, HttpsServer, ListenerError, url_of
from lsserver.reading import ConfigError
from lsserver.tls import Keystore
from lsserver.transport.proxy import ProxiedEndpoint, ProxyFactory
from tests.service import certificates
from tests.service.running import SECONDS, Running, folder, start

HEADER = b"PROXY TCP4 198.51.100.7 192.0.2.9 40000 443\r\n"
CREATE = b"POST /lightstreamer/create_session.txt?LS_protocol=TLCP-2.5.0 HTTP/1.1\r\nHost: localhost\r\n"


def create(adapter_set: bytes) -> bytes:
    body = b"LS_adapter_set=%b&LS_user=u" % adapter_set
    return CREATE + b"Content-Length: %d\r\n\r\n" % len(body) + body


class Endpoints(SynchronousTestCase):
    def files(self) -> certificates.Certificates:
        path = Path(self.mktemp())
        path.mkdir()
        return certificates.make(path)

    def test_which(self) -> None:
        for server in (
            HttpServer(port=1, proxy_protocol_enabled=True),
            HttpServer(endpoint="haproxy:tcp:1"),
            HttpServer(endpoint="tcp:1", proxy_protocol_enabled=True),
            HttpServer(endpoint="haproxy:unix:/x", proxy_protocol_enabled=True),
        ):
            self.assertIsInstance(server.bind(MemoryReactor()), ProxiedEndpoint)
        self.assertIsInstance(HttpServer(port=1).bind(MemoryReactor()), TCP4ServerEndpoint)

    def test_tls(self) -> None:
        """It begins behind the header."""
        files = self.files()
        keystore = Keystore(keystore_file=files.chain, private_key_file=files.key)
        memory = MemoryReactor()
        endpoint = HttpsServer(port=1, keystore=keystore, proxy_protocol_enabled=True).bind(memory)
        port = self.successResultOf(endpoint.listen(Factory()))
        (listening,) = memory.tcpServers
        self.assertIsInstance(listening[1], ProxyFactory)
        port.factory = listening[1]
        self.assertTrue(url_of(port).startswith("https:"), url_of(port))

    def test_tls_of_an_endpoint_string(self) -> None:
        files = self.files()
        text = f"ssl:1:privateKey={files.key}:certKey={files.certificate}"
        self.assertIsInstance(HttpServer(endpoint=text).bind(MemoryReactor()), SSL4ServerEndpoint)
        for server in (HttpServer(endpoint="haproxy:" + text), HttpServer(endpoint=text, proxy_protocol_enabled=True)):
            error = self.assertRaises(ListenerError, server.bind, MemoryReactor())
            self.assertIn("https_server", str(error))

    def test_one_tells_the_client(self) -> None:
        """X-Forwarded-For or the PROXY protocol, on each socket."""
        path = Path(self.mktemp()).absolute()
        for text, wrong in (
            ("skip_local_forwards = 1\n[[http_server]]\nport = 1\nproxy_protocol_enabled = true", True),
            ("[[http_server]]\nport = 1\nproxy_protocol_enabled = true\nskip_local_forwards = 1", True),
            ("[[http_server]]\nport = 1\nproxy_protocol_enabled = true\n[[http_server]]\nport = 2", False),
            (
                "skip_local_forwards = 1\n[[http_server]]\nport = 1\nskip_local_forwards = 0\n"
                "proxy_protocol_enabled = true",
                False,
            ),
        ):
            path.write_text(text)
            if wrong:
                error = self.assertRaises(ConfigError, read_file, path)
                self.assertIn("has both proxy_protocol_enabled and skip_local_forwards", str(error))
            else:
                read_file(path)


class ServerTests(TestCase):
    timeout = 300

    def server(self, *lines: str) -> tuple[Running, certificates.Certificates]:
        place = folder(self)
        files = certificates.make(place)
        keystore = f"keystore = {{ keystore_file = '{files.chain}', private_key_file = '{files.key}' }}"
        config = place / "ls.toml"
        config.write_text(
            "\n".join(
                ("[[https_server]]", "port = 0", 'listening_interface = "127.0.0.1"', keystore)
                + ("proxy_protocol_enabled = true", *lines)
            )
        )
        return start(self, "-n", "lsserver", "--config", str(config), cwd=place), files

    async def test_tls(self) -> None:
        """The address in the header is that of the session, with TLS behind it."""
        server, files = self.server()
        url = urlsplit(await server.url())
        self.assertEqual(url.scheme, "https")
        context = ssl.create_default_context(cafile=str(files.authority))
        answer = await deferToThread(self.ask, url.port or 0, context)
        self.assertIn(b"CONOK", answer)
        self.assertIn(b"CLIENTIP,198.51.100.7", answer)
        await server.printed("created from 198.51.100.7")

    def ask(self, port: int, context: ssl.SSLContext) -> bytes:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as plain:
            plain.sendall(HEADER)
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                secure.sendall(create(b"WELCOME"))
                answer = b""
                while b"CLIENTIP" not in answer:
                    part = secure.recv(1000)
                    assert part, answer
                    answer += part
                return answer

    async def test_no_header(self) -> None:
        """A client that comes past the proxy is not served, and one that says nothing is not waited for."""
        server, files = self.server()
        port = urlsplit(await server.url()).port or 0
        context = ssl.create_default_context(cafile=str(files.authority))
        await self.assertFailure(deferToThread(self._past, port, context), OSError)
        await server.printed("PROXY header of .*: it does not begin with a PROXY header; connection closed")
        server, _ = self.server("proxy_protocol_timeout_millis = 200")
        port = urlsplit(await server.url()).port or 0
        self.assertEqual(await deferToThread(self._silent, port), b"")
        await server.printed("PROXY header of .*: there is none in time; connection closed")

    def _past(self, port: int, context: ssl.SSLContext) -> None:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as plain:
            context.wrap_socket(plain, server_hostname="localhost").close()

    def _silent(self, port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as plain:
            try:
                return plain.recv(100)
            except ConnectionResetError:
                return b""
