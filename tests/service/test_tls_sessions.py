"""TLS as sessions see it: certificates that change under them, and principals."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
from urllib.parse import urlsplit

from twisted.internet.threads import deferToThread
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SkipTest, TestCase

from tests.service import certificates
from tests.service.running import SECONDS, Running, adapters, folder, start

ADAPTERS = """
from lsserver.adapters.providers import DataProvider, MetadataProvider


class Data(DataProvider):
    pass


class Metadata(MetadataProvider):
    def notify_user(self, user, password, http_headers):
        print("NOBODY", user, flush=True)

    def notify_user_with_principal(self, user, password, http_headers, client_principal):
        print("PRINCIPAL", user, client_principal, flush=True)
"""

XML = """
<metadata_provider><adapter_class>mine.Metadata</adapter_class></metadata_provider>
<data_provider name="DEFAULT"><adapter_class>mine.Data</adapter_class></data_provider>
"""


class Sessions(TestCase):
    timeout = 300

    def setUp(self) -> None:
        self.files = certificates.make(folder(self))

    def server(self, *lines: str) -> Running:
        config = folder(self) / "ls.toml"
        keystore = f"keystore = {{ keystore_file = '{self.files.chain}', private_key_file = '{self.files.key}' }}"
        config.write_text(
            "\n".join(
                (
                    "demo = false",
                    f"adapters_dir = '{adapters(self, ADAPTERS, XML)}'",
                    "[[https_server]]",
                    "port = 0",
                    'listening_interface = "127.0.0.1"',
                    keystore,
                    *lines,
                )
            )
        )
        return start(self, "-n", "lsserver", "--config", str(config), cwd=config.parent)

    async def port(self, server: Running) -> int:
        return urlsplit(await server.url()).port or 0

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.files.authority))

    def stream(self, port: int, context: ssl.SSLContext, user: str = "u") -> ssl.SSLSocket:
        """A session, whose C{CONOK} has been read."""
        plain = socket.create_connection(("127.0.0.1", port), SECONDS)
        secure = context.wrap_socket(plain, server_hostname="localhost")
        self.addCleanup(secure.close)
        body = f"LS_adapter_set=TEST&LS_user={user}&LS_keepalive_millis=1000".encode()
        secure.sendall(
            b"POST /lightstreamer/create_session.txt?LS_protocol=TLCP-2.5.0 HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        self.read_until(secure, b"CONOK")
        return secure

    def read_until(self, secure: ssl.SSLSocket, wanted: bytes) -> bytes:
        data = b""
        while wanted not in data:
            part = secure.recv(10_000)
            assert part, data
            data += part
        return data

    def by_option(self, *more: str) -> Running:
        """A server whose files are named in an endpoint string."""
        parts = ("ssl:0", "interface=127.0.0.1", f"privateKey={self.files.key}", f"certKey={self.files.chain}", *more)
        sets = adapters(self, ADAPTERS, XML)
        listen = ("--listen", ":".join(parts))
        return start(self, "-n", "lsserver", "--no-demo", "--adapters-dir", str(sets), *listen, cwd=folder(self))

    async def test_certificates_change_under_sessions(self) -> None:
        """They go on; new connections get the new certificate, or the old one if the new one is no good."""
        await self.change(self.server())

    async def test_certificates_of_an_endpoint_string_change(self) -> None:
        await self.change(self.by_option(f"extraCertChain={self.files.authority}"))

    async def change(self, server: Running) -> None:
        port = await self.port(server)
        first = await deferToThread(self.stream, port, self.context())
        before = first.getpeercert(True)
        certificates.make(self.files.chain.parent)
        second = await deferToThread(self.stream, port, self.context())
        after = second.getpeercert(True)
        self.assertNotEqual(before, after)
        self.files.chain.write_text("nonsense")
        for _ in range(3):
            third = await deferToThread(self.stream, port, self.context())
            self.assertEqual(third.getpeercert(True), after)
        self.files.key.unlink()
        await deferToThread(self.stream, port, self.context())
        for session in (first, second, third):
            await deferToThread(self.read_until, session, b"PROBE")
        told = [line for line in server.text.splitlines() if "stays in use" in line]
        self.assertEqual(len(told), 2, "one line for each change, not for each connection:\n" + server.text)
        self.assertNotIn("Traceback", server.text)

    async def test_principal(self) -> None:
        """It goes to the Metadata Adapter; a client may have none."""
        trust = f"truststore = {{ truststore_file = '{self.files.authority}' }}"
        server = self.server("use_client_auth = true", trust)
        port = await self.port(server)
        known = self.context()
        known.load_cert_chain(self.files.client)
        await deferToThread(self.stream, port, known, "known")
        await server.printed("PRINCIPAL known CN=someone")
        await deferToThread(self.stream, port, self.context(), "unknown")
        await server.printed("PRINCIPAL unknown None")

    async def test_required(self) -> None:
        """By a certificate of one of our authorities, not of any."""
        trust = f"truststore = {{ truststore_file = '{self.files.authority}' }}"
        server = self.server("force_client_auth = true", trust)
        port = await self.port(server)
        stranger = self.context()
        stranger.load_cert_chain(certificates.make(folder(self)).client)
        for context in (self.context(), stranger):
            # In TLS 1.3 the client learns of it only with the answer.
            await self.assertFailure(deferToThread(self.stream, port, context), OSError, AssertionError)
        known = self.context()
        known.load_cert_chain(self.files.client)
        await deferToThread(self.stream, port, known, "known")
        await server.printed("PRINCIPAL known CN=someone")

    async def test_no_principals_without_asking(self) -> None:
        server = self.server()
        await deferToThread(self.stream, await self.port(server), self.context())
        await server.printed("NOBODY u")

    async def test_no_renegotiation(self) -> None:
        """With an endpoint string and with the file."""
        openssl = shutil.which("openssl")
        if openssl is None:
            raise SkipTest("openssl is not installed: apt-get install openssl")
        listen = f"ssl:0:interface=127.0.0.1:privateKey={self.files.key}:certKey={self.files.certificate}"
        by_option = start(self, "-n", "lsserver", "--no-demo", "--listen", listen, cwd=folder(self))
        for server in (self.server(), by_option):
            port = await self.port(server)
            output, error, status = await getProcessOutputAndValue(
                openssl,
                ["s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2", "-CAfile", str(self.files.authority)],
                env=os.environ,
                stdinBytes=b"R\n",
            )
            self.assertIn(b"RENEGOTIATING", output + error)
            self.assertIn(b"no renegotiation", error, (output, error))
            self.assertEqual(status, 1)

    async def test_old_versions(self) -> None:
        """It is the server that refuses them, not the client that does not offer them."""
        openssl = shutil.which("openssl")
        if openssl is None:
            raise SkipTest("openssl is not installed: apt-get install openssl")
        listen = f"ssl:0:interface=127.0.0.1:privateKey={self.files.key}:certKey={self.files.certificate}"
        by_option = start(self, "-n", "lsserver", "--no-demo", "--listen", listen, cwd=folder(self))
        for server in (self.server(), by_option):
            port = await self.port(server)
            for version in ("-tls1", "-tls1_1"):
                _, error, status = await getProcessOutputAndValue(
                    openssl,
                    ["s_client", "-connect", f"127.0.0.1:{port}", version, "-cipher", "ALL:@SECLEVEL=0"],
                    env=os.environ,
                    stdinBytes=b"",
                )
                self.assertIn(b"alert protocol version", error)
                self.assertEqual(status, 1)
