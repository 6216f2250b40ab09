"""Items of a remote Data Adapter."""

from typing import Any

from lsserver.adapters.errors import FailureError
from lsserver.remote.data import RemoteDataProvider
from lsserver.remote.replies import RemoteDataError
from tests.remote.doubles import OLD_RAC, FakeRemote, RemoteCase


class DataCase(RemoteCase):
    def subscribed(self, proxy: RemoteDataProvider, remote: FakeRemote, item: str) -> str:
        """The id of a subscription that the remote has accepted."""
        deferred = proxy.subscribe(item)
        sub_id = remote.answer("V")[0]
        self.now(deferred)
        return sub_id


class EventTests(DataCase):
    def test_every_kind(self) -> None:
        proxy = self.data()
        remote = self.ready()
        sub_id = self.subscribed(proxy, remote, "a b")
        head = f"S|a b|S|{sub_id}"
        remote.send(
            f"0|DFD|{head}|S|x|F|JM|S|y|F|$|S|z|F|#",
            f"0|UD3|{head}|B|1|S|x|S|1",
            f"0|EOS|{head}",
            f"0|UD3|{head}|B|0|S|x|S|#",
            f"0|CLS|{head}",
        )
        self.assertEqual(
            self.listener.taken(),
            [
                ("diffs", "a b", {"x": ("JSONPATCH", "DIFF_MATCH_PATCH"), "y": (), "z": None}),
                ("update", "a b", {"x": "1"}, True),
                ("eos", "a b"),
                ("update", "a b", {"x": None}, False),
                ("clear", "a b"),
            ],
        )

    def test_the_old_encoding(self) -> None:
        proxy = self.data()
        remote = self.ready("1.8.3")
        sub_id = self.subscribed(proxy, remote, "a b|+é")
        remote.send(f"0|UD3|S|a+b%7C%2B%C3%A9|S|{sub_id}|B|0|S|x+y|S|1+2")
        self.assertEqual(self.listener.taken(), [("update", "a b|+é", {"x y": "1 2"}, False)])

    def test_before_the_answer(self) -> None:
        proxy = self.data()
        remote = self.ready()
        deferred = proxy.subscribe("a")
        sub_id = remote.last()[0]
        remote.send(f"0|UD3|S|a|S|{sub_id}|B|1|S|x|S|1", f"{sub_id}|SUB|V")
        self.now(deferred)
        self.assertEqual(self.listener.taken(), [("update", "a", {"x": "1"}, True)])

    def test_of_an_older_subscription(self) -> None:
        proxy = self.data()
        remote = self.ready()
        old = self.subscribed(proxy, remote, "a")
        deferred = proxy.unsubscribe("a")
        remote.send(f"0|UD3|S|a|S|{old}|B|0|S|x|S|after-usb")
        self.assertEqual(remote.answer("V")[1], "USB")
        self.now(deferred)
        new = self.subscribed(proxy, remote, "a")
        self.assertNotEqual(old, new)
        for kind in ("UD3", "EOS", "CLS", "DFD"):
            for item, sub_id in (("a", old), ("b", new), ("b", "1x")):
                remote.send(f"0|{kind}|S|{item}|S|{sub_id}|B|0|S|x|S|1")
        self.assertEqual(self.listener.taken(), [])
        self.assertEqual(self.logs("warn"), [])

    def test_malformed_ones(self) -> None:
        proxy = self.data()
        remote = self.ready()
        sub_id = self.subscribed(proxy, remote, "a")
        for line in (
            "0|UD3",
            f"0|UD3|S|a|S|{sub_id}",
            f"0|UD3|S|a|S|{sub_id}|B|2",
            f"0|UD3|S|a|S|{sub_id}|B|0|S|x",
            f"0|DFD|S|a|S|{sub_id}|S|x|F|Q",
            "0|EOS|S|a",
        ):
            remote.send(line)
            self.assertEqual(self.listener.taken(), [])
        self.assertEqual(len(self.logs("warn")), 5)
        self.assertTrue(remote.connected)
        remote.send(f"0|UD3|S|a|S|{sub_id}|B|0|S|x|S|1")
        self.assertEqual(len(self.listener.taken()), 1)


class SubscriptionTests(DataCase):
    def test_the_requests(self) -> None:
        proxy = self.data()
        remote = self.ready()
        self.assertTrue(proxy.issnapshot_available("a"))
        deferred = proxy.subscribe("a b|+é")
        tokens = remote.answer("V")
        self.assertEqual(tokens[1:], ["SUB", "S", "a%20b%7C%2B%C3%A9"])
        self.now(deferred)
        deferred = proxy.unsubscribe("a b|+é")
        self.assertEqual(remote.answer("V")[1:], ["USB", "S", "a%20b%7C%2B%C3%A9"])
        self.now(deferred)

    def test_items_wait_for_nobody_else(self) -> None:
        proxy = self.data()
        remote = self.ready()
        deferreds = [proxy.subscribe(str(n)) for n in range(3)]
        ids = [line.partition("|")[0] for line in remote.taken()]
        remote.send(*(f"{sub_id}|SUB|V" for sub_id in reversed(ids)))
        for deferred in deferreds:
            self.now(deferred)

    def test_an_item_that_is_refused(self) -> None:
        for answer, text in (
            ("EU|Unexisting item", "Unexisting item"),
            ("E|oops", "oops"),
            ("X", "there is 'X' where V is expected"),
        ):
            self.setUp()
            proxy = self.data()
            remote = self.ready()
            deferred = proxy.subscribe("a")
            remote.answer(answer)
            self.now(deferred)
            self.assertEqual(self.logs("error"), [f"DEMO/QUOTES: remote 127.0.0.1:50000: item a is refused: {text}"])
            self.assertEqual(self.listener.taken(), [("eos", "a")])
            # Remotes want to hear it all the same.
            deferred = proxy.unsubscribe("a")
            self.assertEqual(remote.answer("V")[1:], ["USB", "S", "a"])
            self.now(deferred)

    def test_another_remote_may_know_an_item_that_was_refused(self) -> None:
        proxy = self.data()
        remote = self.ready()
        deferred = proxy.subscribe("a")
        remote.answer("EU|Unexisting item")
        self.now(deferred)
        remote.leave()
        self.assertEqual(self.ready().last()[1:], ["SUB", "S", "a"])

    def test_an_end_of_snapshot_before_the_refusal(self) -> None:
        proxy = self.data()
        remote = self.ready()
        deferred = proxy.subscribe("a")
        sub_id = remote.last()[0]
        remote.send(f"0|EOS|S|a|S|{sub_id}", f"{sub_id}|SUB|EU|Unexisting item")
        self.now(deferred)
        self.assertEqual(self.listener.taken(), [("eos", "a"), ("eos", "a")])

    def test_a_subscription_without_an_answer(self) -> None:
        proxy = self.data(timeout="500")
        remote = self.ready()
        deferred = proxy.subscribe("a")
        sub_id = remote.last()[0]
        self.reactor.advance(0.5)
        self.now(deferred)
        self.assertEqual(self.listener.taken(), [("eos", "a")])
        self.assertIn("SUB has not been answered within 500 ms; item a", self.logs("error")[0])
        # It has succeeded after all.
        remote.send(f"0|UD3|S|a|S|{sub_id}|B|0|S|x|S|1", f"{sub_id}|SUB|V")
        self.assertEqual(len(self.listener.taken()), 1)
        proxy.unsubscribe("a")
        self.assertEqual(remote.last()[1], "USB")

    def test_many_without_an_answer(self) -> None:
        proxy = self.data(timeout="500")
        self.ready()
        for item in "abcd":
            proxy.subscribe(item)
        self.reactor.advance(0.5)
        self.assertEqual(sum("seems to hang" in line for line in self.logs("error")), 1)

    def test_an_unsubscription_that_fails(self) -> None:
        for answer, text in (
            ("EU|cannot unsubscribe", "cannot unsubscribe"),
            ("S|a", "USB: there is 'S' where V is expected"),
        ):
            self.setUp()
            proxy = self.data()
            remote = self.ready()
            self.subscribed(proxy, remote, "a")
            deferred = proxy.unsubscribe("a")
            remote.answer(answer)
            self.assertEqual(str(self.failureResultOf(deferred).value), text)

    def test_an_item_that_was_never_asked_for(self) -> None:
        proxy = self.data()
        remote = self.ready()
        self.now(proxy.unsubscribe("a"))
        self.assertEqual(remote.lines, [])

    def test_an_adapter_that_fails(self) -> None:
        for robust in (True, False):
            for method in ("SUB", "USB"):
                self.setUp()
                proxy = self.data(robust)
                remote = self.ready()
                deferred: Any
                if method == "USB":
                    self.subscribed(proxy, remote, "a")
                    deferred = proxy.unsubscribe("a")
                else:
                    deferred = proxy.subscribe("a")
                self.assertEqual(remote.answer("EF|feed broken")[1], method)
                if robust and method == "SUB":
                    self.now(deferred)
                else:
                    self.failureResultOf(deferred, FailureError)
                self.assertFalse(remote.connected)
                self.assertEqual(len(self.listener.failures), 0 if robust else 1)

    def test_a_plain_proxy_that_lost_its_remote(self) -> None:
        proxy = self.data(False)
        remote = self.ready()
        pending = proxy.subscribe("a")
        remote.leave()
        self.failureResultOf(pending, RemoteDataError)
        self.assertRaises(RemoteDataError, proxy.subscribe, "b")


class RecoveryTests(DataCase):
    def lost(self, **parameters: str) -> tuple[RemoteDataProvider, str]:
        """A proxy that has lost its remote with one item, and the id of that."""
        proxy = self.data(**parameters)
        remote = self.ready()
        sub_id = self.subscribed(proxy, remote, "a")
        instance = proxy.init_parameters()["proxy.instance_id"]
        remote.leave()
        self.assertEqual(proxy.init_parameters()["proxy.instance_id"], instance)
        return proxy, sub_id

    def back(self, old: str, *events: str) -> FakeRemote:
        """Another remote, and events of the item."""
        remote = self.ready()
        (line,) = remote.taken()
        sub_id = line.split("|")[0]
        self.assertEqual(line.split("|")[1:], ["SUB", "S", "a"])
        self.assertNotEqual(old, sub_id)
        remote.send(f"{sub_id}|SUB|V")
        for event in events:
            remote.send(event.format(sub_id))
        return remote

    EVENTS = ("0|UD3|S|a|S|{}|B|1|S|x|S|1", "0|EOS|S|a|S|{}", "0|UD3|S|a|S|{}|B|0|S|x|S|2")

    def test_leave_hole(self) -> None:
        _, sub_id = self.lost()
        self.assertEqual(self.listener.taken(), [("eos", "a")])
        self.back(sub_id, *self.EVENTS)
        self.assertEqual(self.listener.taken(), [("eos", "a"), ("update", "a", {"x": "2"}, False)])

    def test_use_snapshot(self) -> None:
        _, sub_id = self.lost(events_recovery="use_snapshot")
        self.assertEqual(self.listener.taken(), [("eos", "a")])
        self.back(sub_id, *self.EVENTS)
        self.assertEqual(
            self.listener.taken(),
            [("update", "a", {"x": "1"}, True), ("eos", "a"), ("update", "a", {"x": "2"}, False)],
        )

    def test_enforce_snapshot(self) -> None:
        _, sub_id = self.lost(events_recovery="enforce_snapshot")
        self.assertEqual(self.listener.taken(), [("clear", "a")])
        self.back(sub_id, *self.EVENTS)
        self.assertEqual(
            self.listener.taken(),
            [("update", "a", {"x": "1"}, True), ("eos", "a"), ("update", "a", {"x": "2"}, False)],
        )

    def test_events_of_the_new_subscription_of_an_item(self) -> None:
        proxy, sub_id = self.lost()
        remote = self.back(sub_id)
        deferred = proxy.unsubscribe("a")
        remote.answer("V")
        self.now(deferred)
        self.listener.taken()
        sub_id = self.subscribed(proxy, remote, "a")
        remote.send(f"0|UD3|S|a|S|{sub_id}|B|1|S|x|S|1")
        self.assertEqual(self.listener.taken(), [("update", "a", {"x": "1"}, True)])

    def test_items_wanted_while_it_is_away(self) -> None:
        proxy = self.data(first_connection_timeout_millis="0", events_recovery="use_snapshot")
        self.reactor.advance(0)
        self.assertEqual(self.ended, [None])
        self.now(proxy.subscribe("a"))
        self.now(proxy.subscribe("b"))
        self.now(proxy.unsubscribe("b"))
        self.assertEqual(self.listener.taken(), [("eos", "a"), ("eos", "b")])
        self.back("", *self.EVENTS)
        self.assertEqual(len(self.listener.taken()), 3)

    def test_pending_requests(self) -> None:
        proxy = self.data()
        remote = self.ready()
        self.subscribed(proxy, remote, "a")
        subscribing, unsubscribing = proxy.subscribe("b"), proxy.unsubscribe("a")
        remote.leave()
        self.now(subscribing)
        self.now(unsubscribing)
        self.assertEqual(list(proxy.items), ["b"])
        remote = self.ready()
        self.assertEqual(remote.last()[1:], ["SUB", "S", "b"])

    def test_an_item_refused_by_the_new_remote(self) -> None:
        proxy, _ = self.lost()
        remote = self.ready()
        remote.answer("EU|no more")
        self.assertIn("item a is refused: no more", self.logs("error")[-1])
        unsubscribing = proxy.unsubscribe("a")
        self.assertEqual(remote.answer("V")[1:], ["USB", "S", "a"])
        self.now(unsubscribing)

    def test_unsubscribed_while_it_is_subscribed_anew(self) -> None:
        proxy, _ = self.lost()
        remote = self.ready()
        sub_id = remote.last()[0]
        unsubscribing = proxy.unsubscribe("a")
        self.assertNoResult(unsubscribing)
        self.assertEqual(remote.lines, [])
        remote.send(f"0|UD3|S|a|S|{sub_id}|B|0|S|x|S|1", f"{sub_id}|SUB|V")
        self.assertEqual(remote.answer("V")[1:], ["USB", "S", "a"])
        self.now(unsubscribing)
        self.listener.taken()

    def test_a_refusal_that_is_final(self) -> None:
        proxy, _ = self.lost()
        remote = self.connect()
        remote.send(OLD_RAC)
        remote.answer("ED|no")
        self.assertTrue(proxy.gone_for_good)
        self.assertTrue(any("no other one is admitted" in line for line in self.logs("error")))
        self.assertRaises(ConnectionRefusedError, self.connect)

    def test_a_refusal_that_is_not(self) -> None:
        self.lost(connection_recovery_timeout_millis="2000")
        remote = self.connect()
        remote.send(OLD_RAC)
        remote.answer("ED|no")
        self.assertRaises(ConnectionRefusedError, self.connect)
        self.reactor.advance(2)
        self.ready()

    def test_a_first_refusal_that_is_final(self) -> None:
        self.data()
        remote = self.connect()
        remote.send(OLD_RAC)
        remote.answer("ED|feed offline")
        self.assertEqual(str(self.ended[0].value), "feed offline")

    def test_a_failing_adapter(self) -> None:
        proxy = self.data()
        remote = self.ready()
        sub_id = self.subscribed(proxy, remote, "a")
        remote.send("0|FAL|E|feed lost: quote source down")
        self.assertFalse(remote.connected)
        self.assertEqual((remote.lines, self.listener.failures), ([], []))
        self.assertIn("feed lost: quote source down", self.logs("error")[0])
        self.back(sub_id)


class StatusItemTests(DataCase):
    def test_its_values(self) -> None:
        proxy = self.data(status_item="QUOTES_STATUS", first_connection_timeout_millis="0")
        self.reactor.advance(0)
        self.now(proxy.subscribe("QUOTES_STATUS"))
        remote = self.ready()
        self.assertEqual(remote.lines, [])
        remote.leave()
        self.ready()
        self.assertEqual(
            self.listener.taken(),
            [
                ("update", "QUOTES_STATUS", {"status": "connecting"}, True),
                ("update", "QUOTES_STATUS", {"status": "connected"}, False),
                ("update", "QUOTES_STATUS", {"status": "reconnecting"}, False),
                ("update", "QUOTES_STATUS", {"status": "connected"}, False),
            ],
        )
        self.now(proxy.unsubscribe("QUOTES_STATUS"))

    def test_while_nobody_wants_it(self) -> None:
        proxy = self.data(status_item="S")
        self.ready().leave()
        self.assertEqual(self.listener.taken(), [])
        self.now(proxy.subscribe("S"))
        self.assertEqual(self.listener.taken(), [("update", "S", {"status": "reconnecting"}, True)])
