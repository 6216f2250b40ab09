"""
Where the client SDKs come from: the public registries, through npm and pip,
into C{tests/interop/.cache}, once. What is missing skips tests and says how to
get it; where the environment variable C{CI} is C{true}, it fails them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from unittest import SkipTest

HERE = Path(__file__).parent
CACHE = HERE / ".cache"
INSTALL_SECONDS = 300
ATTEMPTS = 3


class Missing(Exception):
    """A tool is not there; the text is one line that tells how to get it."""


def need(find: Callable[[], Path]) -> Path:
    """
    What one of the functions below finds.

    @raise SkipTest: it is missing, outside of continuous integration.
    """
    found = _tried(find)
    if isinstance(found, Path):
        return found
    if in_ci():
        raise AssertionError(found)
    raise SkipTest(found)


def in_ci() -> bool:
    """Whether this is continuous integration, where everything must be there."""
    return os.environ.get("CI") == "true"


@cache
def _tried(find: Callable[[], Path]) -> Path | str:
    """The result, or why there is none; looked for once in a process."""
    try:
        return find()
    except Missing as missing:
        return str(missing)


def node() -> Path:
    """The Node.js executable."""
    return _program("node", hint="install Node.js 18 or newer (Debian: apt-get install nodejs npm)")


def npm() -> Path:
    """The npm executable."""
    return _program("npm", hint="install npm (Debian: apt-get install npm)")


def chromium() -> Path:
    """A Chromium or Chrome executable."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return _program(*names, hint="install Chromium (Debian: apt-get install chromium)")


def node_sdks() -> Path:
    """A folder whose C{node_modules} has the JavaScript SDKs."""
    source = HERE / "node"
    files = [source / "package.json", source / "package-lock.json"]

    def fill(folder: Path) -> None:
        for file in files:
            shutil.copy(file, folder)
        command = [str(_found(npm)), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        _run(command, folder, "the JavaScript SDKs")

    _found(node)
    return _filled("node", files, fill)


def python_sdk_1() -> Path:
    """A folder for C{PYTHONPATH} that has version 1 of the Python SDK."""
    return _python_sdk("1")


def python_sdk_2() -> Path:
    """The same with version 2."""
    return _python_sdk("2")


def _python_sdk(major: str) -> Path:
    requirements = HERE / "python" / f"requirements-{major}.txt"

    def fill(folder: Path) -> None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*command, "--target", str(folder), "--requirement", str(requirements)], folder, "a Python SDK")

    return _filled(f"python-{sys.version_info.major}.{sys.version_info.minor}-sdk-{major}", [requirements], fill)


def _program(*names: str, hint: str) -> Path:
    for name in names:
        found = shutil.which(name)
        if found:
            return Path(found)
    raise Missing(f"{names[0]} is missing: {hint}")


def _found(find: Callable[[], Path]) -> Path:
    found = _tried(find)
    if isinstance(found, str):
        raise Missing(found)
    return found


def _filled(name: str, sources: list[Path], fill: Callable[[Path], None]) -> Path:
    """
    A folder of the cache, filled when it is not there. Its name depends on the
    content of C{sources}. Two processes may do this at the same time.
    """
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    final = CACHE / f"{name}-{digest}"
    if final.is_dir():
        return final
    CACHE.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=CACHE))
    try:
        fill(folder)
        try:
            folder.rename(final)
        except OSError:
            if not final.is_dir():
                raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return final


def _run(command: list[str], folder: Path, what: str) -> None:
    """
    Run a command, in continuous integration again if it fails, as it may when a
    registry or the network has a bad moment.

    @raise Missing: the command fails, as it does without a package registry.
    """
    for _ in range(ATTEMPTS - 1 if in_ci() else 0):
        with contextlib.suppress(Missing):
            return _run_once(command, folder, what)
    _run_once(command, folder, what)


def _run_once(command: list[str], folder: Path, what: str) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise Missing(
            f"{what} could not be installed within {INSTALL_SECONDS} s: is there a package registry?"
        ) from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if len(line) > len("npm error }")]
        reason = " / ".join([line for line in lines if "error" in line.lower()][:2]) or f"exit status {done.returncode}"
        raise Missing(f"{what} could not be installed; this needs a package registry, once: {reason}")
