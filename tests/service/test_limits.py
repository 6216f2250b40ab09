"""Limits of the configuration file, as clients of a server meet them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.service.running import SECONDS, adapters, folder, start

CODE = """
from lsserver.adapters.providers import DataProvider, MetadataProvider as Metadata


class Data(DataProvider):
    def subscribe(self, item_name):
        pass

    def unsubscribe(self, item_name):
        pass
"""

XML = """
<metadata_provider><adapter_class>mine.Metadata</adapter_class></metadata_provider>
<data_provider name="DEFAULT"><adapter_class>mine.Data</adapter_class></data_provider>
"""

LIMITS = """
max_connections = 6
max_requests_per_second = 2
max_headers = 10
request_limit = 2000
max_sessions_per_ip = 2
max_sessions_per_user = 1
max_subscriptions_per_session = 1
max_items_per_subscription = 2
max_message_length = 3
"""

IMPATIENT = """
read_timeout_millis = 200
"""

LISTENER = """
[[http_server]]
endpoint = "tcp:0:interface=127.0.0.1"
"""

MANY = 1_000
"""Requests that nobody can send in a row without there being more than two in a second."""


class Client:
    """A connection on which one answer follows the other."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, name: str, body: str, *headers: str) -> None:
        head = [f"POST /lightstreamer/{name}.txt?LS_protocol=TLCP-2.5.0 HTTP/1.1", "Host: localhost", *headers]
        self.socket.sendall("\r\n".join([*head, f"Content-Length: {len(body)}", "", body]).encode())

    def until(self, wanted: str) -> str:
        """What comes, up to a text, or to the end of the connection if that is empty."""
        data = ""
        while not wanted or wanted not in data:
            try:
                part = self.socket.recv(10_000).decode()
            except ConnectionResetError:
                part = ""
            if not part:
                assert not wanted, f"{wanted!r} did not come, but {data!r}"
                break
            data += part
        return data

    def session(self, user: str) -> str:
        """The id of a new session."""
        self.ask("create_session", f"LS_adapter_set=TEST&LS_user={user}&LS_cid=x")
        answer = self.until("\r\nCONOK,")
        if "SERVNAME" not in answer:
            answer += self.until("SERVNAME")
        return answer.partition("CONOK,")[2].split(",")[0]


class LimitTests(TestCase):
    timeout = 300

    async def serve(self, text: str) -> int:
        config = folder(self) / "ls.toml"
        config.write_text(f"adapters_dir = '{adapters(self, CODE, XML)}'\n{text}{LISTENER}")
        server = start(self, "-n", "lsserver", "--config", str(config), cwd=config.parent)
        return urlsplit(await server.url()).port or 0

    async def test_limits(self) -> None:
        port = await self.serve(LIMITS)
        checks: list[Callable[[int], None]] = [
            self.headers,
            self.lengths,
            self.sessions,
            self.subscriptions_and_messages,
            self.requests,
            self.connections,
        ]
        for check in checks:
            await deferToThread(check, port)

    async def test_slow(self) -> None:
        await deferToThread(self.slow, await self.serve(IMPATIENT))

    def headers(self, port: int) -> None:
        with Client(port) as client:
            client.ask("heartbeat", "\r\n", *[f"X-{number}: x" for number in range(20)])
            self.assertIn("431 Request Header Fields Too Large", client.until(""))

    def lengths(self, port: int) -> None:
        with Client(port) as client:
            client.ask("control", "x" * 2_001)
            self.assertIn(" 413 ", client.until("too long"))
        with Client(port) as client:
            client.socket.sendall(b"GET /" + b"x" * 2_100)
            self.assertIn("414 ", client.until(""))

    def sessions(self, port: int) -> None:
        with Client(port) as first, Client(port) as second, Client(port) as third:
            session = first.session("a")
            second.ask("create_session", "LS_adapter_set=TEST&LS_user=a&LS_cid=x")
            self.assertIn("CONERR,8,Too many sessions of this user", second.until("CONERR,8"))
            other = second.session("b")
            third.ask("create_session", "LS_adapter_set=TEST&LS_user=c&LS_cid=x")
            self.assertIn("CONERR,8,Too many sessions from this address", third.until("CONERR,8"))
            for one in (session, other):
                third.ask("control", f"LS_reqId=1&LS_op=destroy&LS_session={one}")
                third.until("REQOK,1")

    def subscriptions_and_messages(self, port: int) -> None:
        with Client(port) as stream, Client(port) as control:
            session = stream.session("a")
            control.ask(
                "control",
                f"LS_session={session}&LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=RAW&LS_group=a%20b%20c&LS_schema=x\r\n"
                f"LS_session={session}&LS_reqId=2&LS_op=add&LS_subId=2&LS_mode=MERGE&LS_group=tick&LS_schema=x\r\n"
                f"LS_session={session}&LS_reqId=3&LS_op=add&LS_subId=3&LS_mode=MERGE&LS_group=tick&LS_schema=x",
            )
            answer = control.until("REQERR,3")
            self.assertIn("REQERR,1,21,Too many items in the group", answer)
            self.assertIn("REQERR,3,30,Too many subscriptions", answer)
            control.ask("msg", f"LS_session={session}&LS_reqId=4&LS_message=long&LS_msg_prog=1")
            control.until("REQOK,4")
            stream.until("MSGFAIL,*,1,34,")
            control.ask("control", f"LS_reqId=1&LS_op=destroy&LS_session={session}")
            control.until("REQOK,1")

    def requests(self, port: int) -> None:
        """Twenty at once, and not many more."""
        with Client(port) as client:
            answered = 0
            while self.beats(client):
                answered += 1
                self.assertLess(answered, MANY)
            self.assertGreaterEqual(answered, 20)

    def beats(self, client: Client) -> bool:
        """Whether a request is answered, and not refused."""
        client.ask("heartbeat", "\r\n")
        answer = client.until("\r\n\r\n")
        refused = "429 Too Many Requests" in answer
        rest = "Too many requests." if refused else "REQOK"
        if rest not in answer:
            client.until(rest)
        return not refused

    def slow(self, port: int) -> None:
        with Client(port) as client:
            client.socket.sendall(b"POST /lightstreamer/heartbeat.txt HTTP/1.1\r\n")
            self.assertEqual(client.until(""), "")

    def connections(self, port: int) -> None:
        clients = [Client(port) for _ in range(6)]
        try:
            with Client(port) as one_more:
                self.assertEqual(one_more.until(""), "")
            clients[0].ask("heartbeat", "\r\n")
            clients[0].until("REQOK")
        finally:
            for client in clients:
                client.socket.close()
