"""Messages of the client, in sequences and outside of them, with every outcome that an SDK can bring about."""

from __future__ import annotations

from tests.interop.scenario import ANY, Event, OneOf, Script, Seen, assert_equal, scenario

ODD_TEXTS = (
    "a & b=c%", "+", "100%25", "%", "line\r\nbreak", "x\ny\rz", "è€😀", "&LS_session=none", "", " ", "|#$^,;", "ok:",
    "1" * 5000, "\u2028\x85\x00\x7f", "LS_message=LS_unq=4&", "\t",
)  # fmt: skip


@scenario()
def messages_without_sequence(s: Script) -> None:
    s.connect()
    s.send("ok", "plain")
    s.see("plain", ["processed", ""])
    s.send("ok:id 7, thanks | 100%", "answered")
    s.see("answered", ["processed", "id 7, thanks | 100%"])
    s.send("deny:-3:Not allowed, sorry: 100% désolé\r\n!", "denied")
    s.see("denied", ["denied", -3, "Not allowed, sorry: 100% désolé\r\n!"])
    s.send("deny:0:", "denied without text")
    s.see("denied without text", ["denied", 0, ""])
    s.send("refuse", "refused")
    s.see("refused", ["error"])
    s.send("fail", "broken")
    s.see("broken", ["error"])
    # One that is not answered yet does not hold others.
    s.send("held:{run}:late", "slow")
    s.send("ok:soon", "quick")
    s.see("quick", ["processed", "soon"])
    s.send("release:{run}", "release")
    s.see("release", ["processed", ""])
    s.see("slow", ["processed", "late"])


@scenario()
def messages_in_sequence(s: Script) -> None:
    """The next is handed over when the outcome of the one before is known."""
    s.connect()
    texts: dict[str, tuple[str, Event]] = {
        "1": ("slow:200:one", ["processed", "one"]),
        "2": ("deny:-4:no", ["denied", -4, "no"]),
        "3": ("fail", ["error"]),
        "4": ("slow:100:four", ["processed", "four"]),
        "5": ("refuse", ["error"]),
        "6": ("ok:six", ["processed", "six"]),
    }
    for name, (text, _) in texts.items():
        s.send(text, name, sequence="one", wait=5000)
    s.send("ok:other", "other", sequence="two")
    for name, (_, outcome) in texts.items():
        s.see(name, outcome)
    s.see("other", ["processed", "other"])

    @s.check
    def in_order(seen: Seen) -> None:
        order = [event[0] for event in seen.events if event[0] in texts]
        assert_equal(order, list(texts))


@scenario(lambda sdk, transport: transport == "WS-STREAMING", network="losing")
def message_lost(s: Script) -> None:
    """The server gives it up when the next has waited long enough for it."""
    s.connect()
    s.send("ok:zero", "zero", sequence="one", wait=500)
    s.until("zero")
    s.send("ok:LOST", "lost", sequence="one", wait=500)
    s.send("ok:other", "other")
    s.until("other")
    s.send("ok:next", "next", sequence="one", wait=500)
    s.see("zero", ["processed", "zero"])
    s.see("other", ["processed", "other"])
    s.see("lost", ["discarded"])
    s.see("next", ["processed", "next"])

    @s.check
    def in_order(seen: Seen) -> None:
        order = [event[0] for event in seen.events if event[0] in ("lost", "next")]
        assert_equal(order, ["lost", "next"])


@scenario()
def many_messages(s: Script) -> None:
    """More than fit into one batch, in three sequences and none."""
    s.connect()
    sequences = ("a", "b", "c_3", None)
    for n in range(100):
        sequence = sequences[n % 4]
        arguments = {} if sequence is None else {"sequence": sequence}
        s.send(f"ok:{n}" + "." * 300, f"m{n}", **arguments)
    for n in range(100):
        s.see(f"m{n}", ["processed", f"{n}" + "." * 300])


@scenario()
def odd_texts(s: Script) -> None:
    """The text arrives as it was sent, whatever it is made of."""
    s.connect()
    for number, text in enumerate(ODD_TEXTS):
        s.send("ok:" + text, f"m{number}", **({"sequence": "odd"} if number % 2 else {}))
    for number, text in enumerate(ODD_TEXTS):
        s.see(f"m{number}", ["processed", text])


@scenario()
def texts_seen_by_the_adapter(s: Script) -> None:
    """As above, for protocols that have no response: the adapter publishes what it got."""
    item = "distinct.{run}"
    s.connect()
    s.subscribe("s", "DISTINCT", item, "text", snapshot="no")
    s.until("s", "subscribed")
    for text in ODD_TEXTS:
        s.send(f"echo:{item}:{text}", sequence="echo")
    s.until("s", "update", count=len(ODD_TEXTS))
    s.leave_out("s")

    @s.check
    def same(seen: Seen) -> None:
        assert_equal(seen.values("s", 0), list(ODD_TEXTS))


@scenario()
def messages_without_listener(s: Script) -> None:
    """Nothing comes back, but the adapter gets them."""
    item = "raw.{run}"
    s.connect()
    s.subscribe("s", "RAW", item, "text")
    s.until("s", "subscribed")
    for n in range(20):
        s.send(f"echo:{item}:{n}", **({"sequence": "quiet"} if n % 2 else {}))
    for n in range(3):
        s.send(("refuse", "fail", "deny:-1:x")[n])
    s.until("s", "update", count=20)
    s.leave_out("s")

    @s.check
    def all_came(seen: Seen) -> None:
        assert_equal(sorted(seen.values("s", 0), key=int), [str(n) for n in range(20)])


@scenario()
def messages_while_disconnected(s: Script) -> None:
    """Those that may be queued go out with the session, the others are given up."""
    s.connect()
    s.disconnect()
    s.send("ok:lost", "given up")
    s.see("given up", ["aborted", False])
    s.send("ok:kept", "queued", queue=True)
    s.step("reconnect")
    s.see("queued", ["processed", "kept"])


@scenario()
def message_aborted(s: Script) -> None:
    """The session ends before the outcome is known."""
    s.connect()
    s.send("slow:60000:never", "m", sequence="slow")
    s.send("slow:60000:never", "second", sequence="slow")
    s.send("ok", "barrier")
    s.until("barrier", "processed")
    s.leave_out("barrier")
    s.disconnect(wait=False)
    s.see("m", ["aborted", OneOf(True, False)])
    s.see("second", ["aborted", ANY])
