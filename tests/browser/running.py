"""A server started as a user starts it, and a proxy with which tests cut and block its connections."""

from __future__ import annotations

import os
import re
import selectors
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0
STOP_SECONDS = 60.0


class Server:
    """
    A server with the demos in a process of its own, on a free port of the loopback.

    @ivar port: where it listens.
    """

    def __init__(self) -> None:
        command = [sys.executable, "-m", "twisted", "--log-format=text", "lsserver"]
        self._process = subprocess.Popen(
            [*command, "--listen", "tcp:0:interface=127.0.0.1"],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._said: list[str] = []
        self._listening = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        self._listening.wait(START_SECONDS)
        found = re.search(r" listening on http://[^\s:]+:(\d+)/", self.said)
        if not found:
            self.stop()
            raise RuntimeError(f"the server did not start:\n{self.said}")
        self.port = int(found[1])

    @property
    def said(self) -> str:
        """What it has logged so far."""
        return "".join(self._said)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.append(line)
            if " listening on " in line:
                self._listening.set()
        self._listening.set()

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Proxy:
    """
    Passes TCP connections on to a server, until it is told to do something worse.

    @ivar target: the port to pass on to.
    @ivar refusing: close every new connection at once.
    @ivar without_websocket: close connections that ask for a WebSocket.
    @ivar holding_streams: keep back every chunked response until it is complete, as some proxies do.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.refusing = False
        self.without_websocket = False
        self.holding_streams = False
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._frozen: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Reset all connections."""
        with self._lock:
            victims, self._open = self._open, set()
        for victim in victims:
            reset(victim)

    def freeze(self) -> None:
        """Let nothing more through on the connections that there are, without closing them."""
        with self._lock:
            self._frozen |= self._open

    def close(self) -> None:
        """End."""
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refusing:
                reset(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                reset(client)
                continue
            with self._lock:
                self._open |= {client, server}
            threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        held = b""
        with selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            try:
                while True:
                    for key, _ in ready.select():
                        source = key.fileobj
                        assert isinstance(source, socket.socket)
                        data = source.recv(65536)
                        if not data or (source is client and self.without_websocket and b"Upgrade: websocket" in data):
                            return
                        if source in self._frozen:
                            continue
                        if source is server and self.holding_streams:
                            held += data
                            if b"chunked" in held and not held.endswith(b"\r\n0\r\n\r\n"):
                                continue
                            data, held = held, b""
                        key.data.sendall(data)
            except (OSError, ValueError):
                return  # cut while we were waiting
            finally:
                with self._lock:
                    self._open -= {client, server}
                    self._frozen -= {client, server}
                client.close()
                server.close()


def reset(victim: socket.socket) -> None:
    """Close a connection with RST, as when a cable is pulled: the other side sees an error, not an end."""
    try:
        victim.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        victim.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # closed already
    victim.close()
