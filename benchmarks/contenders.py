"""Whatever can be measured under the same load: lsserver, the floor, and (L{benchmarks.peers}) other servers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from benchmarks import machine
from benchmarks.certificate import certificate
from benchmarks.client import Figures, Load, run
from benchmarks.programs import build
from benchmarks.server import Program, Server

PROTOCOL = "TLCP-2.5.0.lightstreamer.com"
CREATE = r"create_session\r\nLS_adapter_set=BENCH&LS_cid=bench&LS_send_sync=false&LS_keepalive_millis=30000"
SCHEMA = {"plain": "bid%20ask%20text", "keyed": "key%20command%20bid%20ask%20text", "text": "text"}


class Contender(Protocol):
    """One server."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    def missing(self) -> str | None:
        """What is to be installed for it, C{None} if nothing is."""

    def measure(self, load: Load) -> Figures:
        """
        Start it, put the load on it, stop it.

        @raise LoadError: it was not up to that.
        """


def frequency(mode: str, limit: float) -> str:
    """The parameter of a subscription."""
    if limit:
        return f"&LS_requested_max_frequency={limit:g}"
    return "" if mode == "RAW" else "&LS_requested_max_frequency=unlimited"


@dataclass(frozen=True)
class Lsserver:
    """
    lsserver.

    @ivar mode: of the subscriptions.
    @ivar unfiltered: no update may be left out.
    @ivar limit: updates a second of an item, 0 for no limit.
    @ivar streaming: over HTTP, in place of WebSockets.
    @ivar deflate: clients ask for compression.
    @ivar each: a subscription for each item, in place of one for all of them.
    """

    name: str = "lsserver"
    mode: str = "MERGE"
    unfiltered: bool = False
    limit: float = 0.0
    streaming: bool = False
    tls: bool = False
    deflate: bool = False
    each: bool = False
    configuration: str = ""

    def missing(self) -> str | None:
        """Nothing."""
        return None

    def measure(self, load: Load) -> Figures:
        """As L{Contender}."""
        files = certificate() if self.tls else None
        with Server(self.configuration, core=machine.SERVER_CORE, tls=self.tls, files=files) as server:
            return run(load, server.port, server.pids(), self.script(load))

    def script(self, load: Load) -> list[str]:
        """
        What the clients say, and then the one that starts the feed. If there is to be none, their item has a snapshot
        that they wait for.
        """
        post = "h" if self.streaming else "s"
        options = ["--path=/lightstreamer", f"--proto={PROTOCOL}"]
        if self.tls:
            options.append("--tls")
        if self.deflate:
            options.append("--deflate")
        if self.streaming:
            body = CREATE.partition(r"\r\n")[2] + "&LS_content_length=1000000000"
            options += ["--stream", "--request=" + http_request("create_session", body), "--step=c:CONOK,"]
        else:
            options += [f"--step=s:{CREATE}", "--step=c:CONOK,"]
        keyed = "keyed" if self.mode == "COMMAND" else "plain"
        add = r"control\r\nLS_session={cap}&LS_reqId={j}&LS_op=add&LS_ack=false&LS_subId={j}&LS_mode=" + self.mode
        add += f"&LS_schema={'text' if load.idle else SCHEMA[keyed]}"
        add += "&LS_requested_max_frequency=unfiltered" if self.unfiltered else frequency(self.mode, self.limit)
        if load.idle:
            options += [f"--step={post}:{add}&LS_group=ready&LS_snapshot=true", "--step=w:U,1,1,"]
            return options
        add += "&LS_snapshot=false"
        if self.each:
            options.append(f"--step={post.upper()}:{add}&LS_group=item{{item}}")
        else:
            options.append(f"--step={post}:{add.replace('{j}', '1')}&LS_group={{group}}")
        options.append("--step=w:SUBCMD," if self.mode == "COMMAND" else "--step=w:SUBOK,")
        options += [f"--pub-step=s:{CREATE}", "--pub-step=c:CONOK,"]
        kind = "apart" if load.apart else keyed
        feed = f"!feed%20{load.rate:g}%20{load.burst}%20{load.items}%20{load.size}%20{kind}"
        options.append(rf"--pub-step=s:msg\r\nLS_session={{cap}}&LS_reqId=1&LS_outcome=false&LS_message={feed}")
        return options


def http_request(name: str, body: str) -> str:
    """A POST as the load client takes it, with its escapes."""
    head = rf"POST /lightstreamer/{name}.txt?LS_protocol=TLCP-2.5.0 HTTP/1.1\r\nHost: bench\r\n"
    return rf"{head}Content-Length: {len(body)}\r\n\r\n{body}"


@dataclass(frozen=True)
class Floor:
    """C{cserver.c}: an epoll loop in C that does nothing but send ready frames, those of a burst with one call."""

    name: str = "C floor"

    def missing(self) -> str | None:
        """Nothing; there has to be a compiler for the load client anyway."""
        return None

    def measure(self, load: Load) -> Figures:
        """As L{Contender}."""
        port = machine.free_port()
        # A burst is of as many items as it has updates, all of which every client has: to the floor, one item.
        burst = load.burst
        items, per_client = (1, 1) if burst > 1 else (load.items, load.per_client)
        options = {"port": port, "items": items, "expect": load.clients * per_client, "rate": load.rate}
        options |= {"size": load.size, "burst": burst}
        command = [
            str(build("cserver")),
            *(text for name, value in options.items() for text in (f"--{name}", f"{value}")),
        ]
        if burst > 1:
            command += ["--variant", "coal", "-k", str(burst)]
        with Program(command, "listening") as server:
            return run(
                # It begins as soon as the last has come.
                replace(load, items=items, per_client=per_client, calm=False),
                port,
                server.pids(),
                ["--step=S:SUB {item}", "--step=w:SUBOK"],
            )
