"""Certificates for tests: an authority, and a server certificate that it has signed."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificates:
    """PEM files: the authority, the server's certificate, its key, its chain; a client's certificate and key in one."""

    authority: Path
    certificate: Path
    key: Path
    chain: Path
    client: Path


def make(folder: Path, password: str = "") -> Certificates:
    """Files in C{folder} for C{localhost} and 127.0.0.1; the key is encrypted with C{password} if there is one."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate("Test authority", authority_key.public_key(), "Test authority", authority_key, True)
    certificate = _certificate("localhost", key.public_key(), "Test authority", authority_key, False)
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password.encode())
    files = Certificates(
        *(folder / name for name in ("authority.pem", "server.pem", "key.pem", "chain.pem", "client.pem"))
    )
    pem = serialization.Encoding.PEM
    files.authority.write_bytes(authority.public_bytes(pem))
    files.certificate.write_bytes(certificate.public_bytes(pem))
    files.chain.write_bytes(certificate.public_bytes(pem) + authority.public_bytes(pem))
    files.key.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, encryption))
    client_key = ec.generate_private_key(ec.SECP256R1())
    client = _certificate("someone", client_key.public_key(), "Test authority", authority_key, False)
    files.client.write_bytes(
        client.public_bytes(pem)
        + client_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def _certificate(
    name: str,
    public: ec.EllipticCurvePublicKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    is_authority: bool,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    addresses = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
