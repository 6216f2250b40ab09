"""Those who mean harm, many at once, and a server that is started as a user starts it."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, TestCase

from tests.service import certificates
from tests.service.running import SECONDS, Running, adapters, folder, start
from tests.service.test_limits import CODE as DATA
from tests.service.test_limits import Client
from tests.transport.fakes import frame

CODE = (
    DATA
    + """

class Metadata(Metadata):
    blocking = True

    def initialize(self, parameters, config_file=None):
        self.gate = parameters["gate"]

    def notify_user(self, user, password, http_headers):
        # A database that does not answer, until there is a file.
        import os
        import time

        while user == "slow" and not os.path.exists(self.gate):
            time.sleep(0.01)
"""
)

XML = """
<metadata_provider>
  <adapter_class>mine.Metadata</adapter_class>
  <param name="gate">{gate}</param>
  <authentication_pool><max_size>1</max_size><max_queue>2</max_queue></authentication_pool>
</metadata_provider>
<data_provider name="DEFAULT"><adapter_class>mine.Data</adapter_class></data_provider>
"""

HEAD = b"POST /lightstreamer/heartbeat.txt?LS_protocol=TLCP-2.5.0 HTTP/1.1\r\nHost: x\r\n"

WEBSOCKET = (
    b"GET /lightstreamer HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: TLCP-2.5.0.lightstreamer.com\r\n\r\n"
)


def hello(authority: Path) -> bytes:
    """What a TLS client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=str(authority))
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


class Dribble:
    """
    A connection on which a byte comes now and then.

    @param first: what is sent at once.
    @param answer: what is waited for before the rest.
    """

    def __init__(self, name: str, port: int, first: bytes, rest: Iterator[int], answer: bytes = b"") -> None:
        self.name = name
        self.rest = rest
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self.socket.sendall(first)
        self.got = b""
        while answer not in self.got:
            data = self.socket.recv(10_000)
            if not data:
                # A machine that is very busy: its time is over already.
                break
            self.got += data

    def over(self) -> bool:
        """Send a byte, and read what has come; whether the server has closed the connection."""
        try:
            for byte in self.rest:
                self.socket.sendall(bytes([byte]))
                break
            if not select.select([self.socket], [], [], 0)[0]:
                return False
            data = self.socket.recv(10_000)
        except (ConnectionResetError, BrokenPipeError):
            return True
        self.got += data
        return not data


def forever(data: bytes) -> Iterator[int]:
    while True:
        yield from data


class Hostile(TestCase):
    timeout = 300

    def setUp(self) -> None:
        self.files = certificates.make(folder(self))
        self.gate = folder(self) / "gate"

    def server(self, text: str, *options: str) -> Running:
        config = folder(self) / "ls.toml"
        sets = adapters(self, CODE, XML.format(gate=self.gate))
        config.write_text(f"adapters_dir = '{sets}'\n{text}")
        return start(self, "-n", "lsserver", "--config", str(config), *options, cwd=config.parent)

    def tls(self) -> str:
        return f"ssl:0:interface=127.0.0.1:privateKey={self.files.key}:certKey={self.files.chain}"

    async def ports(self, server: Running, *names: str) -> list[int]:
        found = []
        for name in names:
            match = await server.printed(rf"{name} listening on (\S+)$")
            found.append(urlsplit(match[1]).port or 0)
        return found

    async def test_all_at_once(self) -> None:
        """
        Heads, bodies, messages, handshakes and PROXY headers that come a byte at a time, and connections
        on which nothing comes: all are closed in time, and whoever else comes meanwhile is served.
        """
        server = self.server(
            f"""
            read_timeout_millis = 1000
            handshake_timeout_millis = 1000
            [[http_server]]
            name = "Plain"
            endpoint = "tcp:0:interface=127.0.0.1"
            [[http_server]]
            name = "Proxied"
            endpoint = "haproxy:tcp:0:interface=127.0.0.1"
            [[http_server]]
            name = "Secret"
            endpoint = "{self.tls()}"
            """
        )
        plain, proxied, secret = await self.ports(server, "Plain", "Proxied", "Secret")
        await deferToThread(self.all_at_once, plain, proxied, secret)
        self.assertNotIn("Traceback", server.text)
        self.assertNotRegex(server.text, "#(error|critical)")

    def all_at_once(self, plain: int, proxied: int, secret: int) -> None:
        greeting = hello(self.files.authority)
        kinds: list[Callable[[], Dribble]] = [
            lambda: Dribble("head", plain, HEAD[:10], iter(HEAD[10:] + b"X: " + b"x" * 30_000)),
            lambda: Dribble("many headers", plain, HEAD, forever(b"a:b\r\n")),
            lambda: Dribble("body", plain, HEAD + b"Content-Length: 40000\r\n\r\n", forever(b"x")),
            lambda: Dribble("chunks", plain, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", forever(b"1\r\nx\r\n")),
            lambda: Dribble("message", plain, WEBSOCKET, iter(b"\x81\xfe\x70\x00" + b"x" * 30_000), b"\r\n\r\n"),
            lambda: Dribble("fragments", plain, WEBSOCKET, forever(b"\x01\x81aaaax"), b"\r\n\r\n"),
            lambda: Dribble("handshake", secret, greeting[:9], iter(greeting[9:])),
            lambda: Dribble("no end of a handshake", secret, greeting, iter(())),
            lambda: Dribble("PROXY", proxied, b"PROXY ", iter(b"TCP4 " + b"1" * 90)),
            lambda: Dribble("PROXY 2", proxied, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x0f\x00", forever(b"x")),
            lambda: Dribble("nothing", plain, b"", iter(())),
            lambda: Dribble("nothing to be proxied", proxied, b"", iter(())),
            lambda: Dribble("no handshake", secret, b"", iter(())),
        ]
        open_ = [make() for _ in range(5) for make in kinds]
        good = Client(plain)
        end = time.monotonic() + SECONDS
        while open_:
            self.assertLess(time.monotonic(), end, [one.name for one in open_])
            for one in list(open_):
                if one.over():
                    one.socket.close()
                    open_.remove(one)
            good.ask("heartbeat", "\r\n")
            good.until("REQOK")
            select.select([], [], [], 0.02)
        good.socket.close()

    async def test_handshakes_that_stall(self) -> None:
        """Further connections wait until there are less; none is refused."""
        server = self.server(
            f"""
            handshake_timeout_millis = 1000
            handshake_pool_max_queue = 2
            [[http_server]]
            endpoint = "{self.tls()}"
            """
        )
        (port,) = await self.ports(server, "Server")
        await deferToThread(self.handshakes, port)

    def handshakes(self, port: int) -> None:
        greeting = hello(self.files.authority)
        # The server has answered, so it counts them.
        stalled = [Dribble("handshake", port, greeting, iter(()), b"\x16\x03\x03") for _ in range(3)]
        context = ssl.create_default_context(cafile=str(self.files.authority))
        with (
            socket.create_connection(("127.0.0.1", port), SECONDS) as plain,
            context.wrap_socket(plain, server_hostname="localhost"),
        ):
            self.assertTrue(any(one.over() for one in stalled), "it had to wait for the end of one of them")
        for one in stalled:
            one.socket.close()

    async def test_adapters_that_do_not_answer(self) -> None:
        """
        When more calls wait than C{max_queue} of their pool, new sessions are refused, as old clients
        and new ones understand it; afterwards all is as before. Sessions that there are go on.
        """
        for limit in ("", "server_pool_max_queue = -1"):
            server = self.server(f"{limit}\n[[http_server]]\nendpoint = 'tcp:0:interface=127.0.0.1'")
            (port,) = await self.ports(server, "Server")
            await deferToThread(self.overload, port)
            await server.printed("no longer overloaded")
            await deferToThread(self.recovered, port)
            self.assertEqual(server.text.count("overloaded, new sessions have to wait"), 1, server.text)
            self.assertIn("more calls of adapters wait than the max_queue of their pool", server.text)
            self.gate.unlink()

    def overload(self, port: int) -> None:
        before = Client(port)
        session = before.session("fine")
        slow = [Client(port) for _ in range(4)]
        for client in slow:
            client.ask("create_session", "LS_adapter_set=TEST&LS_cid=x&LS_user=slow")
        with Client(port) as control:
            # One waits in its thread; the others are in the queue when the server says so.
            while True:
                with Client(port) as new:
                    new.ask("create_session", "LS_adapter_set=TEST&LS_cid=x&LS_user=slow&LS_ttl_millis=1")
                    if select.select([new.socket], [], [], 0.05)[0]:
                        self.assertIn("CONERR,5,Server overloaded%2C please retry later", new.until("later"))
                        break
            with Client(port) as old:
                body = "LS_adapter_set=TEST&LS_cid=x&LS_user=fine"
                old.socket.sendall(
                    "POST /lightstreamer/create_session.txt?LS_protocol=TLCP-2.1.0 HTTP/1.1\r\nHost: x\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
                )
                self.assertIn("HTTP/1.1 503 ", old.until("\r\n\r\n"))
            with Client(port) as old:
                old.socket.sendall(WEBSOCKET.replace(b"2.5.0", b"2.1.0"))
                old.until("\r\n\r\n")
                old.socket.sendall(frame(1, f"create_session\r\n{body}".encode()))
                self.assertNotIn("CONOK", old.until(""))
            patient = Client(port)
            patient.ask("create_session", "LS_adapter_set=TEST&LS_cid=x&LS_user=fine&LS_ttl_millis=unlimited")
            control.ask("control", f"LS_session={session}&LS_reqId=1&LS_op=constrain&LS_requested_max_bandwidth=9")
            control.until("REQOK,1")
            before.until("CONS,9.0")
            self.gate.touch()
            for client in (*slow, patient):
                client.until("CONOK,")
        for client in (before, patient, *slow):
            client.socket.close()

    def recovered(self, port: int) -> None:
        with Client(port) as client:
            client.session("fine")

    async def test_answers_that_nobody_reads(self) -> None:
        """However many requests come for however large a page: next to nothing of the answers is in memory."""
        pages = folder(self)
        (pages / "large.txt").write_bytes(b"x" * 100_000)
        server = self.server("[[http_server]]\nendpoint = 'tcp:0:interface=127.0.0.1'", "--pages", str(pages))
        (port,) = await self.ports(server, "Server")
        assert server.transport is not None
        status = Path(f"/proc/{server.transport.pid}/status")
        if not status.exists():
            raise SkipTest("memory is looked up in /proc")
        await deferToThread(self.unread, port, status)

    def unread(self, port: int, status: Path) -> None:
        def memory() -> int:
            return int(re.findall(r"VmRSS:\s+(\d+)", status.read_text())[0])

        def page(client: Client) -> None:
            client.socket.sendall(b"GET /large.txt HTTP/1.1\r\nHost: x\r\n\r\n")
            client.until("x" * 1_000)

        with Client(port) as good:
            page(good)
            before = memory()
            greedy = [Client(port) for _ in range(3)]
            for client in greedy:
                client.socket.settimeout(1)
                with contextlib.suppress(TimeoutError):
                    client.socket.sendall(b"GET /large.txt HTTP/1.1\r\nHost: x\r\n\r\n" * 20_000)
            with Client(port) as another:
                page(another)
            self.assertLess(memory() - before, 20_000, "kB")
            for client in greedy:
                client.socket.close()

    async def test_the_log_is_not_theirs(self) -> None:
        """Who breaks the rules of WebSockets has no line, or one of ours if that is wished."""
        for level, lines in (("warn", 0), ("info", 20)):
            server = self.server(
                "log_level = 'warn'\n[[http_server]]\nendpoint = 'tcp:0:interface=127.0.0.1'\n"
                "[websocket]\nmax_closing_wait_millis = 10\n[log_config]\n"
                f"'LightstreamerLogger.init' = 'info'\n'LightstreamerLogger.connections.WS' = '{level}'\n"
            )
            (port,) = await self.ports(server, "Server")
            await deferToThread(self.rules, port)
            await server.printed(rf"(?s)listening on(?:.*?WebSocket closed){{{lines}}}")
            self.assertEqual(server.text.count("WebSocket closed"), lines, server.text)
            self.assertNotIn("autobahn", server.text)

    def rules(self, port: int) -> None:
        for wrong in [b"\x81\x02hi", frame(1, b"\xff"), b"\xf1\x80aaaa", frame(3, b"")] * 5:
            with Client(port) as client:
                client.socket.sendall(WEBSOCKET)
                client.until("\r\n\r\n")
                client.socket.sendall(wrong)
                with contextlib.suppress(ConnectionResetError):
                    while client.socket.recv(1_000):
                        pass

    async def test_who_may_ask(self) -> None:
        """Pages of other sites get nothing, over HTTP and WebSocket, and no answer says more than it must."""
        server = self.server(
            """
            [cross_domain_policy]
            allow_access_from = [{ scheme = "https", host = "*.example.com" }]
            [[http_server]]
            endpoint = "tcp:0:interface=127.0.0.1"
            """
        )
        (port,) = await self.ports(server, "Server")
        await deferToThread(self.origins, port)

    def origins(self, port: int) -> None:
        for origin, allowed in (
            ("https://www.example.com", True),
            ("http://www.example.com", False),
            ("https://example.com.evil.org", False),
            ("https://evilexample.com", False),
            ("https://www.example.com:444@evil.org", False),
            ("null", False),
            ("", False),
            ("<script>", False),
            ("x", True),
        ):
            # A page of the server itself needs no permission.
            header = f"Origin: {origin}" if origin != "x" else "Origin: http://localhost"
            with Client(port) as client:
                client.ask("create_session", "LS_adapter_set=TEST&LS_cid=x&LS_user=fine", header)
                answer = client.until("CONOK" if allowed else "0\r\n\r\n")
                self.assertEqual("CONOK" in answer, allowed, origin)
                self.assertEqual("Access-Control-Allow-Origin" in answer, allowed, origin)
                self.assertNotIn("script", answer)
            with Client(port) as client:
                head = WEBSOCKET[:-2].replace(b"Host: x", b"Host: localhost") + header.encode() + b"\r\n\r\n"
                client.socket.sendall(head)
                answer = client.until("\r\n\r\n")
                self.assertEqual(answer.startswith("HTTP/1.1 101 "), allowed, origin)
                self.assertNotIn("script", answer)
            with Client(port) as client:
                client.socket.sendall(
                    f"OPTIONS /lightstreamer/control.txt HTTP/1.1\r\nHost: localhost\r\n{header}\r\n"
                    "Access-Control-Request-Method: POST\r\n\r\n".encode()
                )
                answer = client.until("\r\n\r\n")
                self.assertEqual("Access-Control-Allow-Origin" in answer, allowed, origin)

    async def test_what_is_told_of_the_server(self) -> None:
        """Its name, and its version only if that is wished."""
        for tokens, told in (("MINIMAL", "lsserver"), ("FULL", r"lsserver/[0-9.]+\S*")):
            server = self.server(
                f"server_tokens = '{tokens}'\nrequest_limit = 2000\n"
                "[[http_server]]\nendpoint = 'tcp:0:interface=127.0.0.1'"
            )
            (port,) = await self.ports(server, "Server")
            await deferToThread(self.tokens, port, told)

    def tokens(self, port: int, told: str) -> None:
        for request in (
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /lightstreamer HTTP/1.1\r\nHost: x\r\n\r\n",
            b"PUT / HTTP/1.1\r\nHost: x\r\n\r\n",
            HEAD + b"Content-Length: 2\r\n\r\n\r\n",
            WEBSOCKET,
            WEBSOCKET.replace(b"Version: 13", b"Version: 12"),
            WEBSOCKET.replace(b"TLCP-2.5.0", b"TLCP-9.9.9"),
            WEBSOCKET.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"<script>twisted</script>"),
            b"GET /" + b"x" * 3_000,
        ):
            with Client(port) as client:
                client.socket.sendall(request)
                answer = client.until("\r\n\r\n")
                servers = re.findall(r"(?im)^(?:server|x-powered-by): *(.*)\r$", answer)
                self.assertEqual(len(servers), 1, answer)
                self.assertRegex(servers[0], f"^{told}$")
                self.assertNotIn("twisted", answer.lower())
                self.assertNotIn("autobahn", answer.lower())
                self.assertNotIn("python", answer.lower())
