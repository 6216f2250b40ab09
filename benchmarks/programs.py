"""The programs in C: the load client and the floor, compiled when they are needed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE / "build"
OPENSSL = ["-DTLS", "-lssl", "-lcrypto"]
ZLIB = ["-DZLIB", "-lz"]


def build(name: str) -> Path:
    """
    Compile one of them, unless that has been done. The load client speaks TLS where OpenSSL can be compiled with, and
    takes compressed messages where zlib can.

    @raise SystemExit: there is no compiler, or it does not like the source.
    """
    source, program = HERE / f"{name}.c", BUILD / name
    if program.exists() and program.stat().st_mtime >= source.stat().st_mtime:
        return program
    BUILD.mkdir(exist_ok=True)
    # Another process may be running the old one, or compiling as well.
    fresh = program.with_suffix(f".{os.getpid()}")
    command = [os.environ.get("CC", "cc"), "-O2", "-w", "-o", str(fresh), str(source)]
    options = [[*OPENSSL, *ZLIB], OPENSSL, ZLIB, []] if name == "wsload" else [[]]
    try:
        for extra in options:
            done = subprocess.run([*command, *extra], capture_output=True, text=True)
            if done.returncode == 0:
                fresh.replace(program)
                return program
    except FileNotFoundError:
        raise SystemExit(f"a C compiler is needed: {command[0]} is not there") from None
    raise SystemExit(f"{source.name} does not compile:\n{done.stderr}")
