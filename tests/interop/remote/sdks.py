"""
The Remote Adapter SDKs, from the public registries, and how to run the adapters
of C{adapters.md} with them. Installed once, into C{tests/interop/.cache}; what is
missing skips tests, see C{tests.interop.tools}.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.interop import tools

HERE = Path(__file__).parent

Job = dict[str, Any]


@dataclass(frozen=True)
class RemoteSdk:
    """
    One version of one SDK.

    @ivar command: the program and its arguments, given C{data}, C{metadata} (lists of
        ports), C{user}, C{password}, C{ca}, each optional.
    @ivar two_connections: Data Adapters use the notify port.
    @ivar secure: the program can speak TLS.
    @ivar credentials: the SDK can say who it is.
    """

    name: str
    command: Callable[[Job], list[str]]
    two_connections: bool = False
    secure: bool = True
    credentials: bool = True


def _python(version: str, job: Job) -> list[str]:
    folder = tools.need(_PYTHON[version])
    return [str(folder / "bin" / "python"), str(HERE / "python" / "adapters.py"), json.dumps(job)]


def _python_environment(version: str) -> Path:
    """A virtual environment with one version of the Python SDK."""

    def fill(folder: Path) -> None:
        tools._run([sys.executable, "-m", "venv", str(folder)], HERE, "a virtual environment")
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        tools._run([*pip, f"lightstreamer-adapter=={version}"], HERE, f"the Python Remote Adapter SDK {version}")

    return tools._filled(f"remote-python-{sys.version_info.major}.{sys.version_info.minor}-{version}", [], fill)


def _node(version: str, job: Job) -> list[str]:
    node, folder = tools.need(tools.node), tools.need(_NODE[version])
    return [str(node), str(HERE / "node" / "adapters.js"), str(folder), json.dumps(job)]


def _node_folder(version: str) -> Path:
    """A folder whose C{node_modules} has one version of the Node.js SDK."""

    def fill(folder: Path) -> None:
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--prefix", str(folder)]
        command = [str(tools._found(tools.npm)), "install", *options, f"lightstreamer-adapter@{version}"]
        tools._run(command, folder, f"the Node.js Remote Adapter SDK {version}")

    return tools._filled(f"remote-node-{version}", [], fill)


def _java(job: Job) -> list[str]:
    folder = tools.need(_java_folder)
    words = [f"{name}={value[0] if isinstance(value, list) else value}" for name, value in job.items()]
    path = os.pathsep.join([str(folder / "classes"), str(folder / "libs" / "*")])
    small = ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    return [str(tools.need(java)), *small, "-cp", path, "Adapters", *words]


def java() -> Path:
    """The Java runtime."""
    return tools._program("java", hint="install a JDK, 11 or newer (Debian: apt-get install default-jdk-headless)")


def javac() -> Path:
    """The Java compiler."""
    return tools._program("javac", hint="install a JDK, 11 or newer (Debian: apt-get install default-jdk-headless)")


def maven() -> Path:
    """Maven."""
    return tools._program("mvn", hint="install Maven (Debian: apt-get install maven)")


def _java_folder() -> Path:
    """A folder with the Java SDK in C{libs} and our adapters in C{classes}."""
    sources = [HERE / "java" / "pom.xml", HERE / "java" / "Adapters.java"]

    def fill(folder: Path) -> None:
        for source in sources:
            shutil.copy(source, folder)
        copy = ["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libs", "-DincludeScope=runtime"]
        tools._run([str(tools._found(maven)), *copy], folder, "the Java Remote Adapter SDK")
        compile_them = ["-encoding", "UTF-8", "-d", "classes", "-cp", str(folder / "libs" / "*"), "Adapters.java"]
        tools._run([str(tools._found(javac)), *compile_them], folder, "the Java adapters")

    return tools._filled("remote-java", sources, fill)


_PYTHON = {version: partial(_python_environment, version) for version in ("1.3.1", "1.2.3", "1.1.4")}
_NODE = {version: partial(_node_folder, version) for version in ("1.5.3", "1.4.1")}

SDKS: Mapping[str, RemoteSdk] = {
    sdk.name: sdk
    for sdk in (
        RemoteSdk("Python131", partial(_python, "1.3.1")),
        RemoteSdk("Python123", partial(_python, "1.2.3"), two_connections=True),
        RemoteSdk("Python114", partial(_python, "1.1.4"), two_connections=True, secure=False, credentials=False),
        RemoteSdk("Node153", partial(_node, "1.5.3"), two_connections=True),
        RemoteSdk("Node141", partial(_node, "1.4.1"), two_connections=True, credentials=False),
        RemoteSdk("Java170", _java),
    )
}


def python_environment(version: str) -> Callable[[], Path]:
    """Finds a virtual environment with a version of the Python SDK, for C{tools.need}."""
    return _PYTHON[version]


def node_folder(version: str) -> Callable[[], Path]:
    """Finds a folder with a version of the Node.js SDK, for C{tools.need}."""
    return _NODE[version]
