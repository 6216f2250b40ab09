"""TLS on real sockets, with Python's C{ssl} and with C{openssl}."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from twisted.internet.threads import deferToThread
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from lsserver.tls import CertificateError, Certificates, Keystore, TlsSettings, Truststore
from tests.service import certificates
from tests.service.running import SECONDS, Running, folder, start


class TlsTests(TestCase):
    """A server with a certificate, and clients that look at it."""

    timeout = 300

    def setUp(self) -> None:
        self.files = certificates.make(folder(self))

    def option(self) -> Running:
        listen = f"Secret@ssl:0:interface=127.0.0.1:privateKey={self.files.key}:certKey={self.files.certificate}"
        return start(self, "-n", "lsserver", "--no-demo", "--listen", listen, cwd=folder(self))

    def file(self, *lines: str) -> Running:
        """A server with an C{https_server} of the file."""
        config = folder(self) / "ls.toml"
        keystore = f"keystore = {{ keystore_file = '{self.files.chain}', private_key_file = '{self.files.key}' }}"
        place = ("[[https_server]]", "port = 0", 'listening_interface = "127.0.0.1"')
        config.write_text("\n".join(("demo = false", *place, keystore, *lines)))
        return start(self, "-n", "lsserver", "--config", str(config), cwd=folder(self))

    def context(self, **changes: object) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.files.authority))
        for name, value in changes.items():
            setattr(context, name, value)
        return context

    async def ask(self, url: str, context: ssl.SSLContext) -> tuple[str, bytes, bytes]:
        """The TLS version, the server's certificate and its answer to a request."""
        return await deferToThread(_ask, urlsplit(url).port or 0, context)  # type: ignore[no-any-return]

    async def test_an_endpoint_string(self) -> None:
        server = self.option()
        await server.printed("Secret listening on https://127.0.0.1:")
        version, _, answer = await self.ask(await server.url(), self.context())
        self.assertEqual(version, "TLSv1.3")
        self.assertTrue(answer.startswith(b"HTTP/1.1 "), answer)

    async def test_an_https_server_of_the_file(self) -> None:
        server = self.file()
        version, _, answer = await self.ask(await server.url(), self.context())
        self.assertEqual(version, "TLSv1.3")
        self.assertTrue(answer.startswith(b"HTTP/1.1 "), answer)

    async def test_versions(self) -> None:
        """TLS 1.2 is spoken, nothing older."""
        for server in (self.option(), self.file()):
            url = await server.url()
            version, _, _ = await self.ask(url, self.context(maximum_version=ssl.TLSVersion.TLSv1_2))
            self.assertEqual(version, "TLSv1.2")
            old = self.context(minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
            old.set_ciphers("ALL:@SECLEVEL=0")
            await self.assertFailure(self._deferred(url, old), ssl.SSLError)

    def _deferred(self, url: str, context: ssl.SSLContext) -> object:
        return deferToThread(_ask, urlsplit(url).port or 0, context)

    async def test_only_tls_1_3(self) -> None:
        server = self.file('minimum_tls = "1.3"')
        url = await server.url()
        await self.assertFailure(
            self._deferred(url, self.context(maximum_version=ssl.TLSVersion.TLSv1_2)), ssl.SSLError, OSError
        )
        version, _, _ = await self.ask(url, self.context())
        self.assertEqual(version, "TLSv1.3")

    async def test_openssl(self) -> None:
        openssl = shutil.which("openssl")
        if openssl is None:
            raise SkipTest("openssl is not installed: apt-get install openssl")
        server = self.file()
        port = urlsplit(await server.url()).port
        command = ["s_client", "-connect", f"127.0.0.1:{port}", "-verify_return_error", "-CAfile"]
        for version, status in (("-tls1_2", 0), ("-tls1_3", 0), ("-tls1_1", 1)):
            output, error, code = await getProcessOutputAndValue(
                openssl, [*command, str(self.files.authority), version], env=os.environ, stdinBytes=b""
            )
            self.assertEqual(code, status, (version, output, error))
            if not status:
                self.assertIn(b"Verify return code: 0 (ok)", output)

    async def test_client_certificates(self) -> None:
        trust = f"truststore = {{ truststore_file = '{self.files.authority}' }}"
        server = self.file("force_client_auth = true", trust)
        url = await server.url()
        await self.assertFailure(self._deferred(url, self.context()), ssl.SSLError, OSError)
        context = self.context()
        context.load_cert_chain(self.files.client)
        _, _, answer = await self.ask(url, context)
        self.assertTrue(answer.startswith(b"HTTP/1.1 "), answer)

    async def test_client_certificates_as_one_likes(self) -> None:
        trust = f"truststore = {{ truststore_file = '{self.files.authority}' }}"
        server = self.file("use_client_auth = true", trust)
        _, _, answer = await self.ask(await server.url(), self.context())
        self.assertTrue(answer.startswith(b"HTTP/1.1 "), answer)

    async def test_a_new_certificate_needs_no_restart(self) -> None:
        server = self.file()
        url = await server.url()
        _, before, _ = await self.ask(url, self.context())
        certificates.make(self.files.chain.parent)
        _, after, _ = await self.ask(url, self.context())
        self.assertNotEqual(serial(before), serial(after))
        self.files.chain.write_text("nonsense")
        _, still, _ = await self.ask(url, self.context())
        self.assertEqual(still, after)
        await server.printed("has no certificate; the certificate from before stays in use")

    async def test_a_certificate_that_cannot_be_used(self) -> None:
        self.files.key.write_text("nonsense")
        for server in (self.option(), self.file()):
            self.assertEqual(await server.ended, 1)
            self.assertEqual(len(server.text.splitlines()), 1, server.text)
            self.assertTrue(server.text.startswith("lsserver: listener "), server.text)


class CertificateTests(SynchronousTestCase):
    def test_client_certificates_need_authorities(self) -> None:
        path = Path(self.mktemp())
        path.mkdir()
        files = certificates.make(path)
        keystore = Keystore(keystore_file=files.chain, private_key_file=files.key)
        for settings in (
            TlsSettings(keystore=keystore, ask=True),
            TlsSettings(keystore=keystore, force=True, truststore=Truststore()),
        ):
            error = self.assertRaises(CertificateError, Certificates, settings)
            self.assertEqual(str(error), "there is no truststore_file to check clients' certificates with")


def _ask(port: int, context: ssl.SSLContext) -> tuple[str, bytes, bytes]:
    with (
        socket.create_connection(("127.0.0.1", port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        secure.sendall(b"GET /lightstreamer/healthcheck HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = secure.recv(1000)
        if not answer:
            raise OSError("closed")
        return secure.version() or "", secure.getpeercert(True) or b"", answer


def serial(certificate: bytes) -> int:
    """The serial number of a certificate in DER."""
    return x509.load_der_x509_certificate(certificate).serial_number
