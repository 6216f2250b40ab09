# ruff: noqa: E501
"""
What unmodified SDKs have sent on real sockets, replayed byte by byte, and what
the server must send for it. C{P>} is a line of the proxy, C{R>} of the remote;
ids are mapped, the proxy's strings are compared after decoding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from lsserver.adapters.errors import CreditsError
from lsserver.adapters.mpn import MpnDeviceInfo, MpnPlatformType, MpnSubscriptionInfo
from lsserver.adapters.tables import SubscriptionStatistics, TableInfo
from lsserver.remote.codec import LETTER_MODES, decode_smart, encode
from lsserver.remote.data import RemoteDataProvider
from lsserver.remote.metadata import RemoteMetadataProvider
from tests.remote.doubles import FakeRemote, RemoteCase, cut

LONG = "S8f3da29cfc463220T5454537"
PLATFORMS = {"A": MpnPlatformType.APPLE, "G": MpnPlatformType.GOOGLE}


def strings(tokens: list[str]) -> list[Any]:
    """The values of a flat list of arguments."""
    return [decode_smart(token) for token in tokens[1::2]]


def comparable(line: str) -> list[str]:
    """The tokens without the id, each as the encoder would write it, and without C{REQUEST_ID}."""
    tokens = [token if token in ("#", "$") else encode(decode_smart(token)) for token in cut(line)[1:]]
    return tokens[:-4] if tokens[-3:-2] == ["REQUEST_ID"] else tokens


def described(outcome: Any) -> str:
    """The result, or the exception in short."""
    if isinstance(outcome, CreditsError):
        session = getattr(outcome, "conflicting_session_id", "")
        return f"{type(outcome).__name__} {outcome.client_error_code} {outcome.client_user_msg!r} {session}".strip()
    if isinstance(outcome, Exception):
        return f"{type(outcome).__name__} {outcome}"
    return repr(outcome)


class Replay(RemoteCase):
    """Plays a transcript."""

    adapter: Any
    remote: FakeRemote

    def play(self, transcript: str, end: bytes = b"\r\n") -> list[str]:
        """
        @param end: how the remote ends its lines.
        @return: what the calls came to that stand for the proxy's requests.
        """
        self.remote = self.connect()
        ids: dict[str, str] = {}
        outcomes: list[Any] = []
        rows = [row for line in transcript.strip().splitlines() for row in line.replace("   R> ", "\nR> ").split("\n")]
        for row in rows:
            side, _, line = row.partition(" ")
            if side == "P>":
                if cut(line)[1] not in ("MPI", "DPI"):
                    outcome: list[Any] = []
                    Deferred.fromCoroutine(self._settled(self.call(cut(line)))).addBoth(outcome.append)
                    outcomes.append(outcome)
                (sent,) = self.remote.taken()
                if cut(line)[1] not in ("MPI", "DPI"):
                    self.assertEqual(comparable(sent), comparable(line))
                ids[cut(line)[0]] = cut(sent)[0]
            elif side == "R>":
                tokens = cut(line)
                tokens = [ids.get(token, token) if at in (0, 5) else token for at, token in enumerate(tokens)]
                self.remote.protocol.dataReceived("|".join(tokens).replace("<NUL>", "\0").encode() + end)
        found = [outcome[0] if outcome else "?" for outcome in outcomes]
        return [described(getattr(one, "value", one)) for one in found]

    async def _settled(self, result: Any) -> Any:
        return await result

    def call(self, tokens: list[str]) -> Any:
        """What the server does that makes the proxy send this."""
        raise NotImplementedError


class DataReplay(Replay):
    def play_data(self, transcript: str, end: bytes = b"\r\n", **parameters: str) -> list[str]:
        self.adapter = self.data(**parameters)
        return self.play(transcript, end)

    def call(self, tokens: list[str]) -> Any:
        adapter: RemoteDataProvider = self.adapter
        method: Callable[[str], Deferred[None]] = {"SUB": adapter.subscribe, "USB": adapter.unsubscribe}[tokens[1]]
        return method(strings(tokens[2:])[0])

    def test_python_1_3_1(self) -> None:
        outcomes = self.play_data(
            """
R> 1|RAC|S|enableClosePacket|S|true|S|SDK|S|Python+Adapter+SDK
P> 10000010c3e4d0462|DPI|S|ARI.version|S|1.9.1
R> 10000010c3e4d0462|DPI|S|ARI.version|S|1.8.3
P> 2000010c3e4d0462|SUB|S|merge1
R> 1795477961723|UD3|S|merge1|S|2000010c3e4d0462|B|1|S|last|S|10.5|S|empty|S|$|S|nul|S|#|S|sp|S|a+b|S|pipe|S|a%7Cb%2Bc%25|S|uni|S|%C3%A9%E2%82%AC%F0%A9%A5%AA|S|hash|S|%23|S|dollar|S|%24|S|hash2|S|%23x
R> 1795477961723|UD3|S|merge1|S|2000010c3e4d0462|B|0|S|last|S|10.6
R> 2000010c3e4d0462|SUB|V
P> 4000010c3e4d0462|SUB|S|command1
R> 1795477962528|UD3|S|command1|S|4000010c3e4d0462|B|1|S|key|S|k1|S|command|S|ADD|S|v|S|1
R> 1795477962528|EOS|S|command1|S|4000010c3e4d0462
R> 1795477962528|UD3|S|command1|S|4000010c3e4d0462|B|0|S|key|S|k2|S|command|S|DELETE
R> 1795477962528|CLS|S|command1|S|4000010c3e4d0462
R> 4000010c3e4d0462|SUB|V
P> 5000010c3e4d0462|SUB|S|nosnap_raw1
R> 1795477962929|EOS|S|nosnap_raw1|S|5000010c3e4d0462
R> 5000010c3e4d0462|SUB|V
P> 6000010c3e4d0462|SUB|S|bytes1
R> 1795477963331|UD3|S|bytes1|S|6000010c3e4d0462|B|0|S|b|Y|6QB8|S|e|Y|
R> 6000010c3e4d0462|SUB|V
P> 7000010c3e4d0462|SUB|S|nofields
R> 1795477963732|UD3|S|nofields|S|7000010c3e4d0462|B|0
R> 7000010c3e4d0462|SUB|V
P> b000010c3e4d0462|SUB|S|a%20b%7C%2B%C3%A9   R> b000010c3e4d0462|SUB|V
P> c000010c3e4d0462|USB|S|merge1   R> c000010c3e4d0462|USB|V
P> f000010c3e4d0462|SUB|S|late   R> f000010c3e4d0462|SUB|V
P> f100010c3e4d0462|USB|S|late
R> 1795477970768|UD3|S|late|S|f000010c3e4d0462|B|0|S|x|S|after-usb
R> f100010c3e4d0462|USB|V
"""
        )
        self.assertEqual(outcomes, ["None"] * 9)
        values = {"last": "10.5", "empty": "", "nul": None, "sp": "a b", "pipe": "a|b+c%"}
        values |= {"uni": "é€𩥪", "hash": "#", "dollar": "$", "hash2": "#x"}
        self.assertEqual(
            self.listener.taken(),
            [
                ("update", "merge1", values, True),
                ("update", "merge1", {"last": "10.6"}, False),
                ("update", "command1", {"key": "k1", "command": "ADD", "v": "1"}, True),
                ("eos", "command1"),
                ("update", "command1", {"key": "k2", "command": "DELETE"}, False),
                ("clear", "command1"),
                ("eos", "nosnap_raw1"),
                ("update", "bytes1", {"b": b"\xe9\x00|", "e": b""}, False),
                ("update", "nofields", {}, False),
            ],
        )

    def test_python_1_3_1_errors(self) -> None:
        for request, answer, outcome in (
            ("SUB|S|snaperr", "SUB|EU|snap%3F", "item snaperr is refused: snap?"),
            ("SUB|S|err_sub", "SUB|EU|Unexisting+item", "item err_sub is refused: Unexisting item"),
            ("SUB|S|err_fail", "SUB|EF|feed+broken", "the adapter has failed: feed broken"),
            ("SUB|S|err_gen", "SUB|E|oops", "item err_gen is refused: oops"),
        ):
            self.setUp()
            outcomes = self.play_data(
                f"""
R> 1|RAC|S|enableClosePacket|S|true|S|SDK|S|Python+Adapter+SDK
P> 1|DPI|S|ARI.version|S|1.9.1   R> 1|DPI|S|ARI.version|S|1.8.3
P> 9000010c3e4d0462|{request}   R> 9000010c3e4d0462|{answer}
"""
            )
            self.assertEqual(outcomes, ["None"])
            self.assertTrue(self.logs("error")[0].endswith(outcome))
        self.setUp()
        self.play_data(
            """
R> 1|RAC|S|enableClosePacket|S|true|S|SDK|S|Python+Adapter+SDK
P> 1|DPI|S|ARI.version|S|1.9.1   R> 1|DPI|S|ARI.version|S|1.8.3
P> 7100010c3e4d0462|SUB|S|badval
R> 1795477964140|FAL|E|Found+value+%275%27+of+an+unsupported+type+while+building+a+UD3+request
R> 7100010c3e4d0462|SUB|V
"""
        )
        self.assertIn("Found value '5' of an unsupported type", self.logs("error")[0])
        self.assertFalse(self.remote.connected)

    def test_node_1_8_1(self) -> None:
        outcomes = self.play_data(
            """
R> 1|RAC|S|enableClosePacket|S|true|S|SDK|S|Node.js+Adapter+SDK
P> 10000010c3e4d0462|DPI|S|ARI.version|S|1.9.1   R> 10000010c3e4d0462|DPI|S|ARI.version|S|1.9.1
R> KEEPALIVE
P> 2000010c3e4d0462|SUB|S|merge1   R> 2000010c3e4d0462|SUB|V
R> 1795478083571|UD3|S|merge1|S|2000010c3e4d0462|B|1|S|last|S|10.5|S|empty|S|$|S|nul|S|#|S|sp|S|a b|S|pipe|S|a%7Cb%2Bc%25|S|uni|S|é€𩥪|S|hash|S|%23|S|dollar|S|%24|S|hash2|S|#x|S|crlf|S|l1%0D%0Al2|S|num|S|1.5
P> 2100010c3e4d0462|SUB|S|diff1   R> 2100010c3e4d0462|SUB|V
R> 1795478083973|DFD|S|diff1|S|2100010c3e4d0462|S|js|F|JM|S|tx|F|M|S|no|F|$|S|un|F|#
R> 1795478083973|UD3|S|diff1|S|2100010c3e4d0462|B|1|S|js|S|{"a":1}
P> 7000010c3e4d0462|SUB|S|nofields   R> 7000010c3e4d0462|SUB|V
R> 1795478085580|UD3|S|nofields|S|7000010c3e4d0462|B|0|
P> 8000010c3e4d0462|SUB|S|err_sub   R> 8000010c3e4d0462|SUB|EU|Unexisting item
""",
            b"\n",
        )
        self.assertEqual(outcomes, ["None"] * 4)
        values = {"last": "10.5", "empty": "", "nul": None, "sp": "a b", "pipe": "a|b+c%", "uni": "é€𩥪"}
        values |= {"hash": "#", "dollar": "$", "hash2": "#x", "crlf": "l1\r\nl2", "num": "1.5"}
        orders = {"js": ("JSONPATCH", "DIFF_MATCH_PATCH"), "tx": ("DIFF_MATCH_PATCH",), "no": (), "un": None}
        self.assertEqual(
            self.listener.taken(),
            [
                ("update", "merge1", values, True),
                ("diffs", "diff1", orders),
                ("update", "diff1", {"js": '{"a":1}'}, True),
                ("update", "nofields", {}, False),
                ("eos", "err_sub"),
            ],
        )

    JAVA = """
R> 1|RAC|S|SDK|S|{sdk}|S|enableClosePacket|S|true
P> 10000010c3e4d0462|DPI|S|ARI.version|S|1.9.1
R> KEEPALIVE
R> 10000010c3e4d0462|DPI|S|ARI.version|S|1.9.1
P> 2000010c3e4d0462|SUB|S|merge1
R> 1795478278456|UD3|S|merge1|S|2000010c3e4d0462|B|1|S|last|S|10.5|S|pipe|S|a%7Cb%2Bc%25 d|S|uni|S|é€𩥪|S|crlf|S|l1%0D%0Al2|S|bytes|S|é<NUL>%7C
R> 2000010c3e4d0462|SUB|V
P> 3000010c3e4d0462|SUB|S|distinct1   R> 3000010c3e4d0462|SUB|V
R> 1795478278860|UD3|S|distinct1|S|3000010c3e4d0462|B|1|S|m|S|one
R> 1795478278860|EOS|S|distinct1|S|3000010c3e4d0462
R> 1795478278860|CLS|S|distinct1|S|3000010c3e4d0462
P> 3300010c3e4d0462|SUB|S|indexed1   R> 3300010c3e4d0462|SUB|V
R> 1795478280070|UD3|S|indexed1|S|3300010c3e4d0462|B|0|I|0|S|a|S|v0|I|1|S|b|S|v1
R> KEEPALIVE
"""

    def test_java_1_7_0_and_dotnet_1_15(self) -> None:
        # .NET on Windows ends lines with CR LF, elsewhere with LF, and writes escapes in lower case.
        for sdk, end, lower in (
            ("Java+Remote+Adapter+SDK", b"\r\n", False),
            (".Net+Standard+Adapter+SDK", b"\r\n", True),
            (".Net+Standard+Adapter+SDK", b"\n", True),
        ):
            self.setUp()
            text = self.JAVA.replace("{sdk}", sdk)
            for escape in ("%7C", "%2B", "%0D%0A") if lower else ():
                text = text.replace(escape, escape.lower())
            self.assertEqual(self.play_data(text, end), ["None"] * 3)
            values = {"last": "10.5", "pipe": "a|b+c% d", "uni": "é€𩥪", "crlf": "l1\r\nl2", "bytes": "é\0|"}
            self.assertEqual(
                self.listener.taken(),
                [
                    ("update", "merge1", values, True),
                    ("update", "distinct1", {"m": "one"}, True),
                    ("eos", "distinct1"),
                    ("clear", "distinct1"),
                    ("update", "indexed1", {"a": "v0", "b": "v1"}, False),
                ],
            )

    def test_the_official_server_with_a_remote_without_credentials(self) -> None:
        self.adapter = self.data(notify_port="6662")
        remote, notify = self.connect(), self.connect(notify=True)
        self.reactor.advance(1)
        remote.answer("S|ARI.version|S|1.9.0")
        deferred = self.adapter.subscribe("greetings")
        sub_id = remote.answer("V")[0]
        self.now(deferred)
        notify.send(f"0|UD3|S|greetings|S|{sub_id}|B|0|S|timestamp|S|Now is the time|S|message|S|Hello socket world!")
        self.assertEqual(
            self.listener.taken(),
            [("update", "greetings", {"timestamp": "Now is the time", "message": "Hello socket world!"}, False)],
        )


class MetadataReplay(Replay):
    data_adapter = True
    lists = False

    def play_metadata(self, transcript: str, end: bytes = b"\r\n") -> list[str]:
        self.adapter = self.metadata()
        return self.play(transcript, end)

    def call(self, tokens: list[str]) -> Any:
        adapter: RemoteMetadataProvider = self.adapter
        method, values = tokens[1], strings(tokens[2:])
        pairs = dict(zip(values[-2::-2], values[::-2], strict=False))
        if method == "NUS":
            return adapter.notify_user(values[0], values[1], dict(zip(values[2:-2:2], values[3:-2:2], strict=True)))
        if method == "NUA":
            return adapter.notify_user_with_principal(values[0], values[1], {}, values[2])
        if method == "NNS":
            context: dict[str, Any] = dict(zip(values[2:-2:2], values[3:-2:2], strict=True))
            context["HTTP_HEADERS"] = {"REQUEST_ID": pairs["REQUEST_ID"]}
            return adapter.notify_new_session(values[0], values[1], context)
        simple: dict[str, Callable[[], Any]] = {
            "NSC": lambda: adapter.notify_session_close(values[0]),
            "GIS": lambda: adapter.get_items(values[0], values[2], values[1]),
            "GSC": lambda: adapter.get_schema(values[0], values[3], values[1], values[2]),
            "GIT": lambda: adapter._ask_items(values),
            "GUI": lambda: adapter._ask_user_items(values[0], values[1:]),
            "NUM": lambda: adapter.notify_user_message(values[0], values[1], values[2]),
            "NNT": lambda: adapter.notify_new_tables(values[0], values[1], [self.table(tokens[6:])]),
            "NTC": lambda: adapter.notify_tables_close(values[0], [self.table(tokens[4:])]),
            "MDA": lambda: adapter.notify_mpn_device_access(values[0], values[1], self.device(tokens[6:])),
            "MSA": lambda: adapter.notify_mpn_subscription_activation(
                values[0],
                values[1],
                self.table([*tokens[6:-10], "S", "#"] if not self.lists else tokens[6:-10]),
                MpnSubscriptionInfo(self.device(tokens[-10:]), values[-1], values[-2]),
            ),
            "MDC": lambda: adapter.notify_mpn_device_token_change(
                values[0], values[1], self.device(tokens[6:]), values[-1]
            ),
        }
        return simple[method]()

    def device(self, tokens: list[str]) -> MpnDeviceInfo:
        return MpnDeviceInfo(PLATFORMS[tokens[1]], tokens[3], tokens[5])

    def table(self, tokens: list[str]) -> TableInfo:
        values = strings(tokens)
        if not self.data_adapter:
            values.insert(3, "")
        items: list[str] = []
        statistics = None
        if self.lists:
            at = tokens.index("I", 14)
            count = int(tokens[at + 1])
            items = strings(tokens[at + 2 : at + 2 + 2 * count])
            rest = tokens[at + 4 + 2 * count :]
            numbers = [int(token) for token in rest[1::2]]
            statistics = [SubscriptionStatistics(*numbers[n : n + 3]) for n in range(0, len(numbers), 3)]
        return TableInfo(
            win_index=int(values[0]),
            mode=LETTER_MODES[values[1]],
            group=values[2],
            data_adapter=values[3],
            schema=values[4],
            min=int(values[5]),
            max=int(values[6]),
            selector=values[7] if len(values) > 7 and not self.lists else None,
            subscribed_items=items,
            subscription_statistics=statistics,
        )

    def test_python_1_3_1(self) -> None:
        self.data_adapter = False
        outcomes = self.play_metadata(
            f"""
R> 1|RAC|S|enableClosePacket|S|true|S|SDK|S|Python+Adapter+SDK
P> 10000010c3e4d0462|MPI|S|ARI.version|S|1.9.1   R> 10000010c3e4d0462|MPI|S|ARI.version|S|1.8.3
P> 20000010c3e4d0462|NUS|S|u1|S|p%20wd|S|host|S|localhost:8080|S|user-agent|S|Mozilla%2F5.0|S|REQUEST_ID|S|1   R> 20000010c3e4d0462|NUS|D|12.5|B|1
P> 30000010c3e4d0462|NUS|S|denied|S|#|S|REQUEST_ID|S|2   R> 30000010c3e4d0462|NUS|EA|Wrong+password%2C+bye
P> 40000010c3e4d0462|NUS|S|nocredit|S|$|S|REQUEST_ID|S|3   R> 40000010c3e4d0462|NUS|EC|internal%3A+no+credit|-7|No+more+credit+%26+thanks
P> 41000010c3e4d0462|NUS|S|nocredit2|S|$|S|REQUEST_ID|S|3   R> 41000010c3e4d0462|NUS|EC|internal%3A+no+credit|-7|#
P> 60000010c3e4d0462|NUA|S|#|S|#|S|CN%3Djoe|S|REQUEST_ID|S|5   R> 60000010c3e4d0462|NUA|D|0.0|B|1
P> 70000010c3e4d0462|NNS|S|u1|S|{LONG}|S|USER_AGENT|S|Mozilla%2F5.0|S|REMOTE_IP|S|127.0.0.1|S|REMOTE_PORT|S|51000|S|LOCAL_SERVER|S|My%20HTTP|S|CLIENT_TYPE|S|javascript|S|CLIENT_VERSION|S|9.2.0|S|FORWARDING_INFO|S|#|S|REQUEST_ID|S|1
R> 70000010c3e4d0462|NNS|V
P> 90000010c3e4d0462|NNS|S|nn|S|S223|S|REQUEST_ID|S|1   R> 90000010c3e4d0462|NNS|EN|dup+session
P> 80000010c3e4d0462|NNS|S|conflict|S|S222|S|REQUEST_ID|S|1   R> 80000010c3e4d0462|NNS|EX|too+many|-5|Too+many+sessions|S111
P> 81|NNS|S|conflict2|S|S223|S|REQUEST_ID|S|1   R> 81|NNS|EX|too+many|-5|#|S111
P> a0000010c3e4d0462|GIS|S|u1|S|item1%20item2|S|{LONG}   R> a0000010c3e4d0462|GIS|S|item1|S|item2
P> a1000010c3e4d0462|GIS|S|u1|S|bad|S|{LONG}   R> a1000010c3e4d0462|GIS|EI|unknown+group
P> a2000010c3e4d0462|GIS|S|u1|S|empty|S|{LONG}   R> a2000010c3e4d0462|GIS
P> b0000010c3e4d0462|GSC|S|u1|S|item1%20item2|S|last%20time|S|{LONG}   R> b0000010c3e4d0462|GSC|S|last|S|time
P> b1000010c3e4d0462|GSC|S|u1|S|item1|S|bad|S|{LONG}   R> b1000010c3e4d0462|GSC|ES|unknown+schema
P> c0000010c3e4d0462|GIT|S|item1|S|item2|S|nomode|S|tiny|S|huge   R> c0000010c3e4d0462|GIT|I|10|D|2.5|M|RM|I|10|D|2.5|M|RM|I|10|D|2.5|M|$|I|10|D|1e-07|M|RM|I|10|D|1e+22|M|RM
P> d0000010c3e4d0462|GUI|S|u1|S|item1|S|item2   R> d0000010c3e4d0462|GUI|I|30|D|3.0|M|M|I|30|D|3.0|M|M
P> e0000010c3e4d0462|NNT|S|u1|S|{LONG}|I|1|M|M|S|item1%20item2|S|last%20time|I|1|I|2|S|#   R> e0000010c3e4d0462|NNT|V
P> e1000010c3e4d0462|NNT|S|nocredit|S|{LONG}|I|2|M|D|S|g|S|s|I|1|I|1|S|sel   R> e1000010c3e4d0462|NNT|EC|tbl|-9|table+refused
P> f0000010c3e4d0462|NUM|S|u1|S|{LONG}|S|hello%20world%20%7C%20%2B%20%C3%A9   R> f0000010c3e4d0462|NUM|V
P> f1000010c3e4d0462|NUM|S|u1|S|{LONG}|S|credits   R> f1000010c3e4d0462|NUM|EC|msg+refused|-3|refused+for+you
P> f2000010c3e4d0462|NUM|S|u1|S|{LONG}|S|notif   R> f2000010c3e4d0462|NUM|EN|no+such+session
P> f3000010c3e4d0462|NUM|S|u1|S|{LONG}|S|crash   R> f3000010c3e4d0462|NUM|E|unexpected
P> 110000010c3e4d0462|NTC|S|{LONG}|I|1|M|M|S|item1%20item2|S|last%20time|I|1|I|2|S|#   R> 110000010c3e4d0462|NTC|V
P> 120000010c3e4d0462|NSC|S|{LONG}   R> 120000010c3e4d0462|NSC|V
P> 130000010c3e4d0462|MDA|S|u1|S|{LONG}|P|A|S|com.app|S|tok1   R> 130000010c3e4d0462|MDA|V
P> 140000010c3e4d0462|MSA|S|u1|S|{LONG}|I|1|M|M|S|item1|S|last|I|1|I|1|P|G|S|com.app|S|tok1|S|#|S|%7B%7D   R> 140000010c3e4d0462|MSA|V
P> 150000010c3e4d0462|MDC|S|u1|S|{LONG}|P|A|S|com.app|S|tok1|S|tok2   R> 150000010c3e4d0462|MDC|V
"""
        )
        self.assertEqual(
            outcomes,
            [
                "None",
                "AccessError Wrong password, bye",
                "CreditsError -7 'No more credit & thanks'",
                "CreditsError -7 ''",
                "None",
                "None",
                "NotificationError dup session",
                "ConflictingSessionError -5 'Too many sessions' S111",
                "ConflictingSessionError -5 '' S111",
                "['item1', 'item2']",
                "ItemsError unknown group",
                "[]",
                "['last', 'time']",
                "SchemaError unknown schema",
                "None",
                "None",
                "None",
                "CreditsError -9 'table refused'",
                "None",
                "CreditsError -3 'refused for you'",
                "NotificationError no such session",
                "RemoteMetadataError unexpected",
                *["None"] * 5,
            ],
        )
        self.assertEqual(self.adapter.get_allowed_max_bandwidth("u1"), 12.5)
        self.assertEqual(self.adapter.get_min_source_frequency("tiny"), 1e-07)
        self.assertEqual(self.adapter.get_min_source_frequency("huge"), 1e22)
        self.assertFalse(self.adapter.mode_may_be_allowed("nomode", "MERGE"))
        self.assertTrue(self.adapter.ismode_allowed("u1", "item1", "MERGE"))

    def test_node_1_8_1(self) -> None:
        outcomes = self.play_metadata(
            f"""
R> 1|RAC|S|enableClosePacket|S|true|S|SDK|S|Node.js+Adapter+SDK
P> 10000010c3e4d0462|MPI|S|ARI.version|S|1.9.1   R> 10000010c3e4d0462|MPI|S|ARI.version|S|1.9.1
R> KEEPALIVE
P> 20000010c3e4d0462|NUS|S|u1|S|p wd|S|host|S|localhost:8080|S|user-agent|S|Mozilla/5.0|S|REQUEST_ID|S|1   R> 20000010c3e4d0462|NUS|D|12.5|B|1
P> 40000010c3e4d0462|NUS|S|nocredit|S|$|S|REQUEST_ID|S|3   R> 40000010c3e4d0462|NUS|EC|internal: no credit|-7|No more credit & thanks
P> 51000010c3e4d0462|NUS|S|nullmsg|S|x|S|REQUEST_ID|S|4   R> 51000010c3e4d0462|NUS|E|#
P> 80000010c3e4d0462|NNS|S|conflict|S|S222|S|REQUEST_ID|S|1   R> 80000010c3e4d0462|NNS|EX|too many|-5|Too many sessions|S111
P> a0000010c3e4d0462|GIS|S|u1|S|item1 item2|S|{LONG}   R> a0000010c3e4d0462|GIS|S|item1|S|item2
P> a2000010c3e4d0462|GIS|S|u1|S|empty|S|{LONG}   R> a2000010c3e4d0462|GIS|
P> c0000010c3e4d0462|GIT|S|item1|S|item2   R> c0000010c3e4d0462|GIT|I|10|D|2.5|M|RMDC|I|10|D|2.5|M|RMDC
P> e0000010c3e4d0462|NNT|S|u1|S|{LONG}|I|1|M|M|S|item1 item2|S|QUOTES|S|last time|I|1|I|2|S|#   R> e0000010c3e4d0462|NNT|V
R> KEEPALIVE
P> e2000010c3e4d0462|NNT|S|nocredit|S|{LONG}|I|3|M|D|S|g|S|QUOTES|S|s|I|1|I|1|S|sel   R> e2000010c3e4d0462|NNT|EC|tbl|-9|table refused
P> f0000010c3e4d0462|NUM|S|u1|S|{LONG}|S|hello world %7C %2B é   R> f0000010c3e4d0462|NUM|V
P> f1000010c3e4d0462|NUM|S|u1|S|{LONG}|S|credits   R> f1000010c3e4d0462|NUM|EC|msg refused|-3|refused%7Cfor you
P> 110000010c3e4d0462|NTC|S|{LONG}|I|1|M|M|S|item1 item2|S|QUOTES|S|last time|I|1|I|2|S|#   R> 110000010c3e4d0462|NTC|V
P> 140000010c3e4d0462|MSA|S|u1|S|{LONG}|I|1|M|M|S|item1|S|QUOTES|S|last|I|1|I|1|P|G|S|com.app|S|tok1|S|#|S|%7B%7D   R> 140000010c3e4d0462|MSA|V
""",
            b"\n",
        )
        self.assertEqual(
            outcomes,
            [
                "None",
                "CreditsError -7 'No more credit & thanks'",
                "RemoteMetadataError an error without a message",
                "ConflictingSessionError -5 'Too many sessions' S111",
                "['item1', 'item2']",
                "[]",
                "None",
                "None",
                "CreditsError -9 'table refused'",
                "None",
                "CreditsError -3 'refused|for you'",
                "None",
                "None",
            ],
        )

    def test_java_1_7_0_and_dotnet_1_15(self) -> None:
        self.lists = True
        for sdk, end in (
            ("Java+Remote+Adapter+SDK", b"\r\n"),
            (".Net+Standard+Adapter+SDK", b"\r\n"),
            (".Net+Standard+Adapter+SDK", b"\n"),
        ):
            self.setUp()
            outcomes = self.play_metadata(
                f"""
R> 1|RAC|S|password|S|p+w%7Cd|S|SDK|S|{sdk}|S|enableClosePacket|S|true|S|user|S|user1
P> 10000010c3e4d0462|MPI|S|ARI.version|S|1.9.1   R> 10000010c3e4d0462|MPI|S|ARI.version|S|1.9.1
P> 31000x|NUS|S|busy|S|#|S|REQUEST_ID|S|2   R> 31000x|NUS|ER|auth db down
P> 41000x|NUS|S|nullmsg|S|$|S|REQUEST_ID|S|3   R> 41000x|NUS|EC|#|-7|#
P> 70000x|NNS|S|u1|S|{LONG}|S|REMOTE_IP|S|127.0.0.1|S|REQUEST_ID|S|1   R> 70000x|NNS|I|0
P> 71000x|NNS|S|ttl|S|S9|S|REQUEST_ID|S|1   R> 71000x|NNS|I|60
P> c0000x|GIT|S|item1|S|tiny   R> c0000x|GIT|I|10|D|2.5|M|RMDC|I|10|D|1.0E-7|M|RMDC
P> e0000x|NNT|S|u1|S|{LONG}|I|1|M|M|S|item1 item2|S|QUOTES|S|last time|I|1|I|2|S|#|I|2|S|item1|S|item2   R> e0000x|NNT|B|1|B|1
P> 110000x|NTC|S|{LONG}|I|1|M|M|S|item1 item2|S|QUOTES|S|last time|I|1|I|2|S|#|I|2|S|item1|S|item2|I|2|L|10|L|0|L|3|L|7|L|0|L|1   R> 110000x|NTC|V
P> 140000x|MSA|S|u1|S|{LONG}|I|1|M|M|S|item1|S|QUOTES|S|last|I|1|I|1|I|1|S|item1|P|G|S|com.app|S|tok1|S|#|S|%7B%7D   R> 140000x|MSA|V
""",
                end,
            )
            self.assertEqual(
                outcomes,
                ["ResourceUnavailableError auth db down", "CreditsError -7 ''", *["None"] * 6],
            )
            self.assertEqual(self.adapter.get_session_time_to_live("ttl", "S9"), 60)
            self.assertEqual(self.adapter.get_min_source_frequency("tiny"), 1e-07)
            self.remote.taken()
            self.remote.send("64|FST|S|S9|V", "65|FST|S|S9|I|-13|S|go away %7C now", f"66|FUS|S|{LONG}|I|1")
            self.assertEqual(self.remote.taken(), ["64|FST|V", "65|FST|V", "66|FUS|B|1"])
            self.remote.send("2|FAL|E|meta broken")
            self.assertFalse(self.remote.connected)

    def test_node_1_5_3(self) -> None:
        self.data_adapter = False
        outcomes = self.play_metadata(
            """
R> 1|RAC|S|enableClosePacket|S|true
P> 10000010c3e4d0462|MPI|S|ARI.version|S|1.9.1   R> 10000010c3e4d0462|MPI|S|ARI.version|S|1.8.3
P> 30000x|NNT|S|u1|S|S1|I|1|M|M|S|item1%20item2|S|last%20time|I|1|I|2|S|#   R> 30000x|NNT|V
""",
            b"\n",
        )
        self.assertEqual(outcomes, ["None"])
