"""Brokers with WebSocket listeners of their own; the load client publishes to them, as their users do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import machine
from benchmarks.certificate import certificate
from benchmarks.client import Figures, Load, run
from benchmarks.contenders import Lsserver
from benchmarks.server import Program, Server

NCHAN = (
    "/usr/lib/nginx/modules/ngx_nchan_module.so",
    "/usr/lib64/nginx/modules/ngx_nchan_module.so",
    "/usr/local/lib/nginx/modules/ngx_nchan_module.so",
)


def publisher(load: Load) -> list[str]:
    """How often, for the load client."""
    options = [f"--pub-rate={load.rate:g}", f"--pub-burst={load.burst}"]
    return [*options, f"--pub-fan={load.clients * load.per_client / load.items:g}"]


def text(load: Load) -> str:
    """What is published: as long as the lines of the others."""
    head = "U,1,1,101.25|102.25|"
    return head + "{ts}|" + "x" * (load.size - len(head) - len("T=0123456789012345|"))


@dataclass(frozen=True)
class Nats:
    """NATS: its text protocol in WebSocket frames."""

    name: str = "NATS"

    def missing(self) -> str | None:
        """As L{benchmarks.contenders.Contender}."""
        return None if shutil.which("nats-server") else "install nats-server (a package of the system)"

    def measure(self, load: Load) -> Figures:
        """As L{benchmarks.contenders.Contender}."""
        port, plain = machine.free_port(), machine.free_port()
        configuration = (
            f'listen: "127.0.0.1:{plain}"\nmax_connections: 65536\n'
            f'websocket {{ listen: "127.0.0.1:{port}", no_tls: true }}\n'
        )
        hello = r'b:CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n'
        script = [f"--step={hello}", "--step=w:PONG", r"--step=B:SUB t.{item} {j}\r\nPING\r\n", "--step=w:PONG"]
        script += [f"--pub-step={hello}", "--pub-step=w:PONG"]
        script += [rf"--pub=b:PUB t.{{item}} {load.size}\r\n{text(load)}\r\n", *publisher(load)]
        command = [str(shutil.which("nats-server")), "-c", "nats.conf"]
        with Program(command, "Server is ready", files={"nats.conf": configuration}) as server:
            return run(load, port, server.pids(), script)


@dataclass(frozen=True)
class Mosquitto:
    """Mosquitto: MQTT 3.1.1 over WebSockets, quality of service 0."""

    name: str = "mosquitto"

    def missing(self) -> str | None:
        """As L{benchmarks.contenders.Contender}."""
        return None if program("mosquitto") else "install mosquitto (a package of the system)"

    def measure(self, load: Load) -> Figures:
        """As L{benchmarks.contenders.Contender}."""
        port, plain = machine.free_port(), machine.free_port()
        # Some versions do not start with WebSocket listeners only, or where there is no IPv6 for these.
        configuration = (
            f"listener {plain} 127.0.0.1\nlistener {port}\nsocket_domain ipv4\nprotocol websockets\n"
            "allow_anonymous true\nmax_queued_messages 0\npersistence false\nlog_type information\nlog_dest stderr\n"
        )
        script = ["--proto=mqtt", "--step=b:" + connect(), r"--step=w:\x20\x02", "--step=B:" + subscribe()]
        script += [r"--step=w:\x90\x03", "--pub-step=b:" + connect(), r"--pub-step=w:\x20\x02"]
        script += ["--pub=b:" + publish(load), *publisher(load)]
        command = [str(program("mosquitto")), "-c", "mosquitto.conf"]
        with Program(command, "running", files={"mosquitto.conf": configuration}) as server:
            return run(load, port, server.pids(), script)


def program(name: str) -> str | None:
    """Where it is; servers are often in a folder that only root searches."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def escaped(data: bytes) -> str:
    """Bytes as the load client takes them."""
    return "".join(f"\\x{byte:02x}" for byte in data)


def sized(kind: int, head: bytes, length: int) -> str:
    """The head of an MQTT packet whose rest has so many bytes beside C{head}."""
    length += len(head)
    size = bytearray()
    while True:
        length, part = divmod(length, 128)
        size.append(part | (128 if length else 0))
        if not length:
            return escaped(bytes((kind, *size)) + head)


def connect() -> str:
    """A clean session without keepalive, its name chosen by the server."""
    return sized(0x10, b"\0\x04MQTT\x04\x02\0\0\0\0", 0)


def subscribe() -> str:
    """One topic, of four digits."""
    return sized(0x82, b"\0\x01\0\x04", len("0000") + 1) + r"{item}\x00"


def publish(load: Load) -> str:
    """One message."""
    return sized(0x30, b"\0\x04", len("0000") + load.size) + "{item}" + text(load)


@dataclass(frozen=True)
class Nchan:
    """nginx with the module nchan."""

    name: str = "nchan"
    tls: bool = False

    def missing(self) -> str | None:
        """As L{benchmarks.contenders.Contender}."""
        if program("nginx") and next(self._modules(), None):
            return None
        return "install nginx and its module nchan (packages of the system)"

    def _modules(self) -> Iterator[str]:
        return (name for name in NCHAN if Path(name).exists())

    def measure(self, load: Load) -> Figures:
        """As L{benchmarks.contenders.Contender}: one channel, which all have."""
        port = machine.free_port()
        locations = """
    location = /subscribe {
      nchan_subscriber websocket; nchan_channel_id all; nchan_subscriber_first_message newest;
    }
    location = /publish { nchan_publisher websocket; nchan_channel_id all; }
"""
        script = ["--path=/subscribe", "--pub-path=/publish", f"--pub=s:{text(load)}", *publisher(load)]
        with nginx(port, locations, self.tls, f"load_module {next(self._modules())};") as server:
            return run(load, port, server.pids(), [*script, "--tls"] if self.tls else script)


@dataclass(frozen=True)
class BehindNginx:
    """lsserver, with TLS made by nginx in front of it; CPU time of both."""

    name: str = "lsserver behind nginx"

    def missing(self) -> str | None:
        """As L{benchmarks.contenders.Contender}."""
        return None if program("nginx") else "install nginx (a package of the system)"

    def measure(self, load: Load) -> Figures:
        """As L{benchmarks.contenders.Contender}."""
        port = machine.free_port()
        with Server(core=machine.SERVER_CORE) as server:
            location = f"""
    location / {{
      proxy_pass http://127.0.0.1:{server.port}; proxy_http_version 1.1; proxy_set_header Host bench;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_buffering off;
    }}
"""
            with nginx(port, location, True) as front:
                return run(load, port, [*server.pids(), *front.pids()], [*Lsserver().script(load), "--tls"])


def nginx(port: int, locations: str, tls: bool, modules: str = "") -> Program:
    """One worker, on the core of the servers."""
    limit = machine.raise_limit()
    folders = "".join(f"{name}_temp_path {name};" for name in ("proxy", "fastcgi", "uwsgi", "scgi"))
    # The newest version, as all the others speak it, which older ones of nginx do only when told.
    versions = "ssl_protocols TLSv1.2 TLSv1.3;"
    secure = f"{versions} ssl_certificate cert.pem; ssl_certificate_key key.pem;" if tls else ""
    configuration = f"""
{modules}
daemon off; worker_processes 1; pid nginx.pid; error_log stderr notice; worker_rlimit_nofile {limit};
events {{ worker_connections {limit}; }}
http {{
  access_log off; client_body_temp_path body; {folders}
  server {{
    listen 127.0.0.1:{port}{" ssl" if tls else ""} backlog=4096; {secure}
    {locations}
  }}
}}
"""
    command = [str(program("nginx")), "-p", ".", "-c", "nginx.conf"]
    files = {"nginx.conf": configuration, **(certificate() if tls else {})}
    return Program(command, r"start worker process \d", files=files)
