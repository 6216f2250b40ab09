"""
A server and its clients in network namespaces of their own, and the cable between them is pulled:
C{unshare -n python -m tests.faults.dead_peers}, as root.

Prints, as JSON, after how many seconds the server had given up the session on each transport.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.transport.fakes import SUBPROTOCOL, VERSION, frame, http

CLIENTS, SERVER, PORT = "10.77.0.1", "10.77.0.2", 8080
CONFIGURATION = """
write_timeout_millis = 1000
session_recovery_millis = 500
min_keepalive_millis = 200
"""
CREATE = "LS_adapter_set=FAULTS&LS_cid=x&LS_send_sync=false&LS_keepalive_millis=200&LS_user="
SECONDS = 60


def start(folder: str) -> subprocess.Popen[str]:
    """The server, with a cable to this namespace."""
    file = Path(folder) / "lsserver.toml"
    file.write_text(CONFIGURATION)
    twistd = Path(sys.executable).with_name("twistd")
    sets = Path(__file__).parent / "sets"
    line = f"read ready; exec {twistd} -n lsserver --port {PORT} --no-demo --config {file} --adapters-dir {sets}"
    server = subprocess.Popen(
        ["unshare", "-n", "sh", "-c", line],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    )
    inside = ["nsenter", "-t", str(server.pid), "-n"]
    while Path(f"/proc/{server.pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink():
        time.sleep(0.01)
    for command in (
        ["ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", str(server.pid)],
        ["ip", "address", "add", f"{CLIENTS}/24", "dev", "near"],
        ["ip", "link", "set", "near", "up"],
        [*inside, "ip", "address", "add", f"{SERVER}/24", "dev", "far"],
        [*inside, "ip", "link", "set", "far", "up"],
    ):
        subprocess.run(command, check=True)
    assert server.stdin is not None
    server.stdin.write("\n")
    wait_for(server, "listening on")
    return server


def wait_for(server: subprocess.Popen[str], pattern: str) -> str:
    """The next line of the server's log that matches."""
    assert server.stdout is not None
    for line in server.stdout:
        if re.search(pattern, line):
            return line
    raise SystemExit("the server has ended")


def streaming(websocket: bool) -> socket.socket:
    """A client that has a session."""
    one = socket.create_connection((SERVER, PORT), SECONDS)
    if websocket:
        lines = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", f"Sec-WebSocket-Protocol: {SUBPROTOCOL}"]
        one.sendall(http("GET", "/lightstreamer", None, *lines))
        while b"\r\n\r\n" not in one.recv(65_536):
            pass
        one.sendall(frame(1, f"create_session\r\n{CREATE}websocket".encode()))
    else:
        body = f"{CREATE}http".encode()
        one.sendall(http("POST", f"/lightstreamer/create_session.txt?{VERSION}", body))
    while b"PROBE" not in one.recv(65_536):
        pass
    return one


def main() -> None:
    """Pull the cable and wait."""
    with tempfile.TemporaryDirectory() as folder:
        server = start(folder)
        try:
            clients = [streaming(websocket) for websocket in (True, False)]
            subprocess.run(["ip", "link", "set", "near", "down"], check=True)
            pulled = time.monotonic()
            found = {}
            for _ in clients:
                line = wait_for(server, r"session \S+ of '\w+' closed")
                match = re.search(r"of '(\w+)' closed: (.*)", line)
                assert match is not None
                found[match[1]] = [round(time.monotonic() - pulled, 2), match[2].strip()]
            print(json.dumps(found))
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
