"""
The SDKs over TLS, HTTPS and WSS, with a certificate that the test makes and tells
them to trust.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import tempfile
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.interop.drivers import DRIVERS
from tests.interop.scenarios import SCENARIOS
from tests.interop.server import Server

PLAYED = (
    "merge_with_snapshot",
    "values_in_merge",
    "values_in_distinct",
    "command_with_snapshot",
    "raw_at_high_rate",
    "many_updates_in_one_go",
    "messages_in_sequence",
    "many_messages",
    "subscriptions_refused",
    "user_unknown",
    "closed_and_opened_again",
)
"""Enough to see that bytes come through in both directions, many at a time."""

SECONDS = 240
"""After which a test is given up."""


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a self-signed certificate for this machine, and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    with open(os.open(key_file, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    return certificate_file, key_file


@cache
def secure() -> tuple[Server, Path]:
    """A server that listens with TLS only, and its certificate."""
    folder = tempfile.TemporaryDirectory(prefix="lsserver-interop-tls-")
    certificate, key = make_certificate(Path(folder.name))
    endpoint = f"ssl:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}"
    server = Server("--listen", endpoint, port=False)
    server.keep(folder)
    return server, certificate


class TlsTests(TestCase):
    """One test for each SDK and transport."""

    timeout = SECONDS + 60

    async def play(self, name: str, transport: str | None) -> None:
        """Play some scenarios; all problems make one failure."""
        driver = DRIVERS[name]
        driver.arguments(), driver.folder(), driver.environment()  # skip before anything starts
        server, certificate = secure()
        if not server.urls[0].startswith("https:"):
            self.fail(f"listens on {server.urls}")
        runs = {f"Tls{name}{transport}{number}": SCENARIOS[played] for number, played in enumerate(PLAYED)}
        jobs = [scenario.job(run, f"https://localhost:{server.port}/", transport) for run, scenario in runs.items()]
        trust = {"NODE_EXTRA_CA_CERTS": str(certificate), "CA_FILE": str(certificate)}
        seen = await driver.play(reactor, jobs, lambda run, what: None, 6, SECONDS, **trust)
        problems = [
            f"{scenario.name}: {problem}"
            for run, scenario in runs.items()
            for problem in scenario.problems(run, seen[run])
        ]
        if problems:
            self.fail("\n".join(problems))

    def test_node_websocket(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.play("Node9", "WS-STREAMING"))

    def test_node_http_streaming(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.play("Node9", "HTTP-STREAMING"))

    def test_node_http_polling(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.play("Node9", "HTTP-POLLING"))

    def test_older_node_websocket(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.play("Node8", "WS-STREAMING"))

    def test_older_node_http_streaming(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.play("Node8", "HTTP-STREAMING"))

    def test_web_websocket(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.play("Web9", "WS-STREAMING"))

    def test_web_http_streaming(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.play("Web9", "HTTP-STREAMING"))

    def test_web_http_polling(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.play("Web9", "HTTP-POLLING"))

    def test_older_python_websocket(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.play("Python1", "WS-STREAMING"))

    def test_python_websocket(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.play("Python2", "WS-STREAMING"))

    def test_python_http_streaming(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.play("Python2", "HTTP-STREAMING"))

    # Python2 and HTTP-POLLING is left out: the SDK ends one TLS connection for each poll in another thread than
    # the one that uses it, and what comes of this is up to chance.

    def test_untrusted(self) -> Deferred[None]:
        """Without the certificate no SDK comes in, so that the tests above say something."""

        async def play() -> None:
            driver = DRIVERS["Node9"]
            driver.arguments(), driver.folder()
            server, _ = secure()
            job = SCENARIOS["user_with_password"].job("TlsUntrusted", f"https://localhost:{server.port}/", None)
            job["steps"][-1:] = []
            job["steps"][1] = {"do": "until", "event": ["client", "status", "DISCONNECTED:WILL-RETRY"], "count": 1}
            seen = await driver.play(reactor, [job], lambda run, what: None, 1, SECONDS)
            statuses = [event[0] for event in seen["TlsUntrusted"].of("client", "status")]
            connected = any(status.startswith("CONNECTED:") for status in statuses)
            if connected or "DISCONNECTED:WILL-RETRY" not in statuses:
                self.fail(f"{statuses}")

        return Deferred.fromCoroutine(play())
