"""A certificate for localhost, made once."""

from __future__ import annotations

import subprocess
from functools import cache

from benchmarks.programs import BUILD
from benchmarks.server import ServerError


@cache
def certificate() -> dict[str, str]:
    """
    The texts of C{cert.pem} and C{key.pem}, of the kind that is cheapest (ECDSA, P-256).

    @raise ServerError: there is nothing to make one with.
    """
    files = {name: BUILD / name for name in ("cert.pem", "key.pem")}
    if not all(file.exists() for file in files.values()):
        BUILD.mkdir(exist_ok=True)
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-keyout", str(files["key.pem"]), "-out", str(files["cert.pem"]), "-days", "3650"]
        try:
            subprocess.run([*command, "-subj", "/CN=localhost"], check=True, capture_output=True)
        except FileNotFoundError:
            raise ServerError("the command openssl is needed to make a certificate") from None
    return {name: file.read_text() for name, file in files.items()}
