"""From a connection to a remote that is ready, and to the end of it."""

from typing import Any

from twisted.internet.error import CannotListenError

from lsserver.adapters.errors import DataProviderError, MetadataProviderError
from lsserver.remote.counterpart import GREETING_SECONDS, REFUSAL_SECONDS
from lsserver.remote.proxy import SERVER_INSTANCE
from tests.remote.doubles import OLD_RAC, RAC, FakeRemote, RemoteCase, plain

AUTH = {"auth": "Y", "auth__credentials__1__user": "u", "auth__credentials__1__password": "p w"}
GOOD = "1|RAC|S|user|S|u|S|password|S|p+w|S|enableClosePacket|S|true"


class InitTests(RemoteCase):
    def test_what_the_remote_is_told(self) -> None:
        self.data(remote_params_prefix="remote:", **{"remote:par": "a value"})
        remote = self.connect()
        self.assertEqual(remote.lines, [])
        remote.send(RAC)
        (line,) = remote.taken()
        self.assertEqual(
            plain(line)[:9],
            ["DPI", "S", "ARI.version", "S", "1.9.1", "S", "keepalive_hint.millis", "S", "10000"],
        )
        told = dict(zip(plain(line)[2::4], plain(line)[4::4], strict=True))
        self.assertEqual(told["adapters_conf.id"], "DEMO")
        self.assertEqual(told["data_provider.name"], "QUOTES")
        self.assertEqual(told["server.instance_id"], SERVER_INSTANCE)
        self.assertEqual(told["remote:par"], "a value")
        self.assertTrue(told["proxy.instance_id"])

    def test_metadata(self) -> None:
        self.metadata(False, keepalive_timeout_millis="10000")
        remote = self.connect()
        remote.send(RAC)
        (line,) = remote.taken()
        told = dict(zip(plain(line)[2::4], plain(line)[4::4], strict=True))
        self.assertEqual(plain(line)[0], "MPI")
        self.assertEqual(told["keepalive_hint.millis"], "8000")
        self.assertNotIn("data_provider.name", told)
        self.assertNotIn("proxy.instance_id", told)

    def test_ids(self) -> None:
        self.metadata()
        remote = self.connect()
        remote.send(RAC)
        self.assertRegex(remote.last()[0], "^1[0-9a-f]{16}$")

    def test_the_server_waits_for_the_remote(self) -> None:
        self.data()
        self.assertNoResult(self.started)
        remote = self.connect()
        remote.send(RAC)
        self.assertNoResult(self.started)
        remote.answer("S|ARI.version|S|1.9.1")
        self.assertEqual(self.ended, [None])

    def test_every_version(self) -> None:
        for version, smart, may_close in (
            (None, False, False),
            ("1.8.2", False, False),
            ("1.8.3", False, True),
            ("1.9.0", True, True),
            ("1.9.1", True, True),
        ):
            self.setUp()
            proxy = self.metadata()
            self.ready(version)
            assert proxy.remote is not None
            dialect = proxy.remote.dialect
            self.assertEqual((dialect.smart, dialect.may_close, dialect.new_tables), (smart, may_close, smart))

    def test_versions_that_were_not_offered(self) -> None:
        for version in ("1.8.1", "1.9.2", "2.0.0", "x", "#"):
            self.setUp()
            self.data(False)
            remote = self.ready(version if version != "#" else "%23")
            self.assertFalse(remote.connected)
            (failure,) = self.ended
            self.assertIsInstance(failure.value, DataProviderError)
            self.assertIn("the remote speaks protocol version", str(failure.value))

    def test_a_remote_without_credentials(self) -> None:
        self.metadata()
        remote = self.connect()
        self.reactor.advance(GREETING_SECONDS)
        remote.answer("V")
        self.assertEqual(self.ended, [None])

    def test_credentials_that_come_late(self) -> None:
        self.metadata()
        remote = self.connect()
        self.reactor.advance(GREETING_SECONDS)
        remote.send(RAC)
        remote.answer("S|ARI.version|S|1.9.1")
        self.assertEqual(self.ended, [None])

    def test_keepalives_before_the_answer(self) -> None:
        self.data()
        remote = self.connect()
        remote.send("KEEPALIVE", RAC, "KEEPALIVE")
        tokens = remote.last()
        remote.send("KEEPALIVE", f"{tokens[0]}|DPI|S|ARI.version|S|1.9.1", "KEEPALIVE")
        self.assertEqual(self.ended, [None])

    def test_nothing_is_sent_before_the_answer(self) -> None:
        proxy = self.data(first_connection_timeout_millis="0")
        self.reactor.advance(0)
        remote = self.connect()
        remote.send(RAC)
        proxy.subscribe("a")
        self.assertEqual(len(remote.lines), 1)

    def test_lines_right_after_the_answer(self) -> None:
        self.data(False)
        remote = self.connect()
        remote.send(RAC)
        tokens = remote.last()
        remote.send(f"{tokens[0]}|DPI|S|ARI.version|S|1.9.1", "0|FAL|E|broken")
        self.assertIn("broken", self.logs("error")[0])

    def test_an_adapter_that_refuses(self) -> None:
        for kind, answer, text in (
            ("data", "ED|feed+offline", "feed offline"),
            ("metadata", "EM|cannot+init%2C+%C3%A7a+va%3F", "cannot init, ça va?"),
            ("metadata", "E|boom", "boom"),
            ("data", "E|#", "an error without a message"),
            ("data", "X", "DPI: there is 'X' where the type S is expected"),
        ):
            self.setUp()
            (self.data if kind == "data" else self.metadata)(False)
            remote = self.connect()
            remote.send(RAC)
            remote.answer(answer)
            self.assertFalse(remote.connected)
            (failure,) = self.ended
            self.assertIn(text.partition(": ")[2] or text, str(failure.value))
            self.assertIsInstance(failure.value, DataProviderError if kind == "data" else MetadataProviderError)

    def test_an_init_that_takes_too_long(self) -> None:
        self.data(init_timeout_millis="5000", connection_recovery_timeout_millis="0", timeout="1000")
        remote = self.connect()
        remote.send(RAC)
        self.reactor.advance(4.9)
        self.assertTrue(remote.connected)
        self.reactor.advance(0.1)
        self.assertFalse(remote.connected)
        self.reactor.advance(0)
        self.ready()
        self.assertEqual(self.ended, [None])

    def test_a_port_that_is_taken(self) -> None:
        def listen(*args: Any, **kwargs: Any) -> None:
            raise CannotListenError("", 6661, OSError(98, "Address already in use"))

        self.reactor.listenTCP = listen  # type: ignore[method-assign,assignment]
        self.data()
        self.assertEqual(str(self.ended[0].value), "cannot listen on port 6661: Address already in use")

    def test_a_wrong_parameter(self) -> None:
        error = self.assertRaises(DataProviderError, self.data, request_reply_port="x")
        self.assertEqual(str(error), "request_reply_port must be a whole number, not 'x'")


class CredentialTests(RemoteCase):
    def refused(self, remote: FakeRemote, *lines: str) -> None:
        self.reactor.advance(REFUSAL_SECONDS)
        self.assertEqual(remote.lines, list(lines))
        self.assertFalse(remote.connected)
        self.assertNoResult(self.started)
        self.assertIn("wrong credentials of user", self.logs("error")[-1])
        self.assertNotIn("secret", "".join(self.logs("error")))

    def test_right_ones(self) -> None:
        self.metadata(**AUTH)
        remote = self.connect()
        remote.send(GOOD)
        self.assertEqual(remote.last()[1], "MPI")

    def test_wrong_ones(self) -> None:
        for given, closing in (
            ("S|user|S|u|S|password|S|secret|S|enableClosePacket|S|true", True),
            ("S|user|S|u|S|password|S|secret", False),
            ("S|user|S|x|S|password|S|p+w", False),
            ("S|user|S|u", False),
            ("S|enableClosePacket|S|true", True),
            ("S|user|S|#|S|password|S|#", False),
        ):
            self.setUp()
            self.metadata(**AUTH)
            remote = self.connect()
            remote.send(f"1|RAC|{given}")
            self.assertEqual(remote.lines, [])
            self.refused(remote, *(["0|CLOSE|S|reason|S|wrong%20credentials"] if closing else []))

    def test_one_line_tells_of_it(self) -> None:
        self.metadata(**AUTH)
        remote = self.connect()
        remote.send("1|RAC|S|user|S|u|S|password|S|secret")
        self.refused(remote)
        self.assertEqual((len(self.logs("error")), self.logs("warn")), (1, []))
        impatient = self.connect()
        impatient.send("1|RAC|S|user|S|u|S|password|S|secret")
        impatient.leave()
        self.assertEqual((len(self.logs("error")), self.logs("warn")), (2, []))

    def test_without_the_close_packet(self) -> None:
        self.metadata(close_packet="N", **AUTH)
        remote = self.connect()
        remote.send("1|RAC|S|user|S|u|S|password|S|secret|S|enableClosePacket|S|true")
        self.refused(remote)

    def test_any_of_several_pairs(self) -> None:
        self.metadata(
            auth="Y",
            **{f"auth__credentials__{n}__{part}": f"{part}{n}" for n in (1, 2) for part in ("user", "password")},
        )
        remote = self.connect()
        remote.send("1|RAC|S|user|S|user2|S|password|S|password1")
        self.refused(remote)
        remote = self.connect()
        remote.send("1|RAC|S|user|S|user2|S|password|S|password2")
        self.assertEqual(remote.last()[1], "MPI")

    def test_none_at_all(self) -> None:
        self.metadata(timeout="3000", **AUTH)
        remote = self.connect()
        self.reactor.advance(2.9)
        self.assertTrue(remote.connected)
        self.reactor.advance(0.1)
        self.assertFalse(remote.connected)
        self.assertEqual(remote.lines, [])
        (line,) = self.logs("warn")
        self.assertEqual(
            line, "DEMO/metadata: remote 127.0.0.1:50000: the connection has ended: it has not sent its credentials"
        )

    def test_another_line_first(self) -> None:
        for line in ("KEEPALIVE", "1|NUS|V", "GET / HTTP/1.1"):
            self.setUp()
            self.metadata(**AUTH)
            remote = self.connect()
            remote.send(line)
            self.assertFalse(remote.connected)
            (warning,) = self.logs("warn")
            self.assertIn("DEMO/metadata: remote 127.0.0.1:50000", warning)
            self.assertEqual(self.logs("error"), [])


class TwoConnectionTests(RemoteCase):
    notify_rac = "1795478182855|RAC|S|user|S|u|S|password|S|p+w|S|enableClosePacket|S|true"

    def test_both_in_any_order(self) -> None:
        for first in (True, False):
            self.setUp()
            proxy = self.data(notify_port="6662")
            self.assertEqual([server[0] for server in self.reactor.tcpServers], [6661, 6662])
            one = self.connect(notify=first)
            one.send(self.notify_rac if first else OLD_RAC)
            other = self.connect(notify=not first)
            self.assertEqual(one.lines + other.lines, [])
            other.send(OLD_RAC if first else self.notify_rac)
            main, notify = (other, one) if first else (one, other)
            main.answer("S|ARI.version|S|1.8.3")
            self.assertEqual(notify.lines, [])
            subscribed = proxy.subscribe("item1")
            sub_id = main.answer("V")[0]
            self.now(subscribed)
            notify.send("KEEPALIVE", f"0|UD3|S|item1|S|{sub_id}|B|0|S|x|S|1|S|b|Y|YWI=")
            self.assertEqual(self.listener.taken(), [("update", "item1", {"x": "1", "b": b"ab"}, False)])

    def test_an_sdk_with_one_connection(self) -> None:
        self.data(notify_port="6662")
        self.ready()
        self.assertEqual(self.ended, [None])

    def test_credentials_of_each(self) -> None:
        self.data(notify_port="6662", **AUTH)
        main = self.connect()
        main.send(GOOD)
        notify = self.connect(notify=True)
        notify.send("17|RAC|S|user|S|u|S|password|S|secret|S|enableClosePacket|S|true")
        self.reactor.advance(REFUSAL_SECONDS)
        self.assertFalse(main.connected or notify.connected)
        main = self.connect()
        main.send(GOOD)
        self.connect(notify=True).send(self.notify_rac)
        self.assertEqual(main.last()[1], "DPI")

    def test_without_any_credentials(self) -> None:
        self.data(notify_port="6662")
        main, notify = self.connect(), self.connect(notify=True)
        notify.send("0|UD3|S|a|S|1|B|0")
        self.assertFalse(main.connected)
        main, notify = self.connect(), self.connect(notify=True)
        self.reactor.advance(GREETING_SECONDS)
        notify.send("0|UD3|S|a|S|1|B|0")
        self.assertTrue(notify.connected)
        main.answer("V")
        self.assertEqual(self.ended, [None])

    def test_the_loss_of_one_is_the_loss_of_both(self) -> None:
        for lost in (True, False):
            self.setUp()
            self.data(False, notify_port="6662")
            notify = self.connect(notify=True)
            notify.send(self.notify_rac)
            main = self.connect()
            main.send(OLD_RAC)
            main.answer("S|ARI.version|S|1.8.3")
            (notify if lost else main).leave()
            self.assertFalse(main.connected or notify.connected)
            self.assertEqual(len(self.listener.failures), 1)

    def test_from_different_hosts(self) -> None:
        self.data(notify_port="6662")
        main, notify = self.connect(), self.connect(notify=True, host="10.0.0.1")
        self.assertFalse(main.connected or notify.connected)
        self.assertNoResult(self.started)


class AdmissionTests(RemoteCase):
    def test_a_second_remote(self) -> None:
        self.data()
        self.connect()
        self.assertRaises(ConnectionRefusedError, self.connect, port=50_001)
        self.assertEqual(
            self.logs("warn"), ["DEMO/QUOTES: a connection from 127.0.0.1 is refused: another remote is connected"]
        )

    def test_two_remotes_at_once(self) -> None:
        self.data()
        factory = self.reactor.tcpServers[0][1]
        address = self.connect().wire.getPeer()
        proxy = factory._proxy
        proxy._counterpart, counterpart = None, proxy._counterpart
        protocol = factory.buildProtocol(address)
        proxy._counterpart = counterpart
        late = FakeRemote.__new__(FakeRemote)
        from tests.remote.doubles import Wire

        late.wire = Wire(peerAddress=address)
        late.wire.protocol = late.protocol = protocol
        protocol.makeConnection(late.wire)
        self.assertFalse(late.connected)
        self.assertTrue(counterpart.main.transport.connected)

    def test_the_whitelist(self) -> None:
        self.data(remote_address_whitelist="127.0.0.1, 10.0.0.1")
        self.assertRaises(ConnectionRefusedError, self.connect, host="10.0.0.2")
        self.assertIn("it is not in the whitelist", self.logs("warn")[0])
        self.connect(host="::ffff:10.0.0.1")

    def test_names_in_the_whitelist(self) -> None:
        self.names({"feeds": ["10.0.0.1", "10.0.0.2"]})
        self.data(remote_address_whitelist="feeds")
        self.assertRaises(ConnectionRefusedError, self.connect, host="10.0.0.3")
        self.connect(host="10.0.0.2")

    def test_a_name_in_the_whitelist_that_does_not_exist(self) -> None:
        self.names({})
        self.data(remote_address_whitelist="nowhere.invalid")
        self.assertEqual(str(self.ended[0].value), "remote_address_whitelist: there is no host 'nowhere.invalid'")

    def test_another_remote_after_the_first(self) -> None:
        self.data()
        self.connect().leave()
        self.ready()
        self.assertEqual(self.ended, [None])


class EndTests(RemoteCase):
    def test_stop(self) -> None:
        proxy = self.data()
        remote = self.ready()
        self.successResultOf(proxy.stop())
        self.assertFalse(remote.connected)
        self.assertEqual((remote.lines, self.listener.failures), ([], []))

    def test_stop_while_it_waits(self) -> None:
        proxy = self.data()
        self.successResultOf(proxy.stop())
        self.assertIn("the server stops", str(self.ended[0].value))

    def test_silence(self) -> None:
        self.data(keepalive_timeout_millis="3000", timeout="1000")
        remote = self.ready()
        self.reactor.advance(2.9)
        remote.send("KEEPALIVE")
        self.reactor.advance(2.9)
        self.assertTrue(remote.connected)
        self.reactor.advance(0.1)
        self.assertEqual(remote.lines, ["0|CLOSE|S|reason|S|keepalive%20timeout"])
        self.assertFalse(remote.connected)
        self.assertEqual(self.logs("warn"), [])
        self.assertEqual(
            self.logs("error"), ["DEMO/QUOTES: remote 127.0.0.1:50000 is lost: nothing has come for 3000 ms"]
        )

    def test_half_a_line_and_silence(self) -> None:
        self.data(keepalive_timeout_millis="3000")
        remote = self.ready("1.8.2")
        for _ in range(3):
            remote.protocol.dataReceived(b"0|UD3|S|a")
            self.reactor.advance(1)
        self.assertFalse(remote.connected)
        self.assertEqual(remote.lines, [])

    def test_silence_of_the_oldest_remotes(self) -> None:
        self.data(keepalive_timeout_millis="3000")
        remote = self.ready(None, "1|RAC|S|x|S|y")
        self.reactor.advance(10)
        self.assertTrue(remote.connected)
        remote.send("KEEPALIVE")
        self.reactor.advance(6)
        self.assertFalse(remote.connected)

    def test_a_plain_proxy_ends_the_server(self) -> None:
        self.data(False)
        self.ready().leave()
        (failure,) = self.listener.failures
        self.assertIn("DEMO/QUOTES: the remote is lost", str(failure))

    def test_a_plain_proxy_whose_remote_goes_at_once(self) -> None:
        proxy = self.metadata(False)
        proxy.set_listener = lambda listener: None  # type: ignore[method-assign,assignment]
        self.ready().leave()
        del proxy.set_listener
        self.assertEqual(self.listener.failures, [])
        proxy.set_listener(self.listener)
        self.assertEqual(len(self.listener.failures), 1)

    def test_what_an_adapter_says_that_fails(self) -> None:
        for line, text in (("2|FAL|E|meta+broken", "meta+broken"), ("17|FAL|E|#", "no reason given")):
            self.setUp()
            self.metadata(False)
            remote = self.ready()
            remote.send(line)
            self.assertFalse(remote.connected)
            self.assertIn(text, str(self.listener.failures[0]))
            self.assertEqual(
                self.logs("error"),
                [f"DEMO/metadata: remote 127.0.0.1:50000 is lost: the adapter has failed: {text}"],
            )


class BadInputTests(RemoteCase):
    def test_a_line_that_is_too_long(self) -> None:
        self.data()
        remote = self.ready()
        for _ in range(17):
            if remote.connected:
                remote.protocol.dataReceived(b"x" * 1024 * 1024)
        self.assertFalse(remote.connected)
        self.assertEqual(
            self.logs("error"),
            [
                "DEMO/QUOTES: remote 127.0.0.1:50000 is lost: a line is longer than 16777216 bytes",
            ],
        )

    def test_garbage_at_the_beginning(self) -> None:
        self.data()
        for garbage in (b"\x16\x03\x01\x02\x00\x01\n", b"GET / HTTP/1.1\r\n", b"\xff\xff\n", b"||||\n", b"1|RAC|S|a\n"):
            remote = self.connect()
            remote.protocol.dataReceived(garbage)
            self.assertFalse(remote.connected)
        self.assertEqual((len(self.logs("warn")), self.logs("error")), (5, []))
        self.ready()
        self.assertEqual(self.ended, [None])

    def test_garbage_later(self) -> None:
        self.data()
        remote = self.ready()
        for line in ("hello", "||||", "1|XYZ|S|u1", "x|FST|S|a|V"):
            remote.send(line)
        self.assertTrue(remote.connected)
        self.assertEqual(len(self.logs("warn")), 4)
        self.assertIn("DEMO/QUOTES: remote 127.0.0.1:50000: an unknown kind of line: 'hello'", self.logs("warn")[0])
        remote.send(*["x"] * 90)
        self.assertEqual(len(self.logs("warn")), 5)
        remote.send(*["x"] * 1000)
        self.assertFalse(remote.connected)
        self.assertEqual(len(self.logs("warn")), 5)
        self.assertEqual(
            self.logs("error"), ["DEMO/QUOTES: remote 127.0.0.1:50000 is lost: more than 100 lines make no sense"]
        )

    def test_answers_that_nobody_waits_for(self) -> None:
        self.metadata()
        remote = self.ready()
        remote.send("abc|NUS|V", "1|RAC|S|a|S|b", "1|SUB|V")
        self.assertTrue(remote.connected)
        self.assertEqual(self.logs("warn"), [])

    def test_an_answer_to_another_method(self) -> None:
        self.metadata()
        remote = self.connect()
        remote.send(RAC)
        request_id = remote.last()[0]
        remote.send(f"{request_id}|DPI|S|ARI.version|S|1.9.1")
        self.assertFalse(remote.connected)
        remote = self.connect()
        remote.send(RAC)
        remote.send("zz|MPI|S|ARI.version|S|1.9.1")
        self.assertIn("an answer that nobody waits for", self.logs("warn")[-1])
