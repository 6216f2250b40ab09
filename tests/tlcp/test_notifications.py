"""The lines that a server says."""

import math
import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.tlcp import notifications as n
from lsserver.tlcp.lines import split_notification


class LineTests(SynchronousTestCase):
    def test_session(self) -> None:
        self.assertEqual(n.conok("S1", 50000, 5000, "*"), b"CONOK,S1,50000,5000,*\r\n")
        self.assertEqual(n.conok("S1", 50000, 0, "host:90/p"), b"CONOK,S1,50000,0,host:90/p\r\n")
        self.assertEqual(n.conerr(1, "User/password check failed"), b"CONERR,1,User/password check failed\r\n")
        self.assertEqual(n.conerr(-3, ""), b"CONERR,-3,\r\n")
        self.assertEqual(n.end(31, "Destroy invoked by client"), b"END,31,Destroy invoked by client\r\n")
        self.assertEqual(n.end(-5, "bye, 100%"), b"END,-5,bye%2C 100%25\r\n")
        self.assertEqual(n.loop(0), b"LOOP,0\r\n")
        self.assertEqual(n.prog(11), b"PROG,11\r\n")

    def test_head(self) -> None:
        self.assertEqual(n.servname("Lightstreamer HTTP Server"), b"SERVNAME,Lightstreamer HTTP Server\r\n")
        self.assertEqual(n.clientip("127.0.0.1"), b"CLIENTIP,127.0.0.1\r\n")
        self.assertEqual(n.clientip("fe80::1%eth0"), b"CLIENTIP,fe80::1\r\n")
        self.assertEqual(n.noop("sending placeholder data"), b"NOOP,sending placeholder data\r\n")
        self.assertEqual(n.probe(), b"PROBE\r\n")
        self.assertEqual(n.sync(20), b"SYNC,20\r\n")
        self.assertEqual(n.wsok(), b"WSOK\r\n")

    def test_bandwidth(self) -> None:
        self.assertEqual(n.cons(40.0), b"CONS,40.0\r\n")
        self.assertEqual(n.cons(40.5), b"CONS,40.5\r\n")
        self.assertEqual(n.cons(50), b"CONS,50.0\r\n")
        self.assertEqual(n.cons(math.inf), b"CONS,unlimited\r\n")
        self.assertEqual(n.cons(None), b"CONS,unmanaged\r\n")

    def test_responses(self) -> None:
        self.assertEqual(n.reqok("s1"), b"REQOK,s1\r\n")
        self.assertEqual(n.reqok(None), b"REQOK\r\n")
        self.assertEqual(
            n.reqerr("3", 19, "Specified subscription not found"), b"REQERR,3,19,Specified subscription not found\r\n"
        )
        self.assertEqual(n.error(67, "Malformed request"), b"ERROR,67,Malformed request\r\n")

    def test_hostile_identifier(self) -> None:
        """An identifier cannot make lines or arguments of its own."""
        self.assertEqual(n.reqok("1\r\nEND,1,"), b"REQOK,1%0D%0AEND%2C1%2C\r\n")
        self.assertEqual(n.reqerr("1,2", 65, "x"), b"REQERR,1%2C2,65,x\r\n")

    def test_subscription(self) -> None:
        self.assertEqual(n.subok(1, 2, 3), b"SUBOK,1,2,3\r\n")
        self.assertEqual(n.subcmd(1, 1, 3, 1, 2), b"SUBCMD,1,1,3,1,2\r\n")
        self.assertEqual(n.conf(1, math.inf, False), b"CONF,1,unlimited,filtered\r\n")
        self.assertEqual(n.conf(1, math.inf, True), b"CONF,1,unlimited,unfiltered\r\n")
        self.assertEqual(n.conf(1, 2.5, False), b"CONF,1,2.5,filtered\r\n")
        self.assertEqual(n.conf(1, 3, False), b"CONF,1,3.0,filtered\r\n")
        self.assertEqual(n.eos(1, 2), b"EOS,1,2\r\n")
        self.assertEqual(n.cs(1, 2), b"CS,1,2\r\n")
        self.assertEqual(n.ov(1, 2, 3), b"OV,1,2,3\r\n")
        self.assertEqual(n.unsub(1), b"UNSUB,1\r\n")

    def test_messages(self) -> None:
        self.assertEqual(n.msgdone("seq", 3), b"MSGDONE,seq,3\r\n")
        self.assertEqual(n.msgdone(None, 3), b"MSGDONE,*,3\r\n")
        self.assertEqual(n.msgdone_with_response("seq", 3, ""), b"MSGDONE,seq,3,\r\n")
        self.assertEqual(n.msgdone_with_response(None, 1, "ok, id 7"), b"MSGDONE,*,1,ok%2C id 7\r\n")
        self.assertEqual(n.msgfail("seq", 3, 39, "2"), b"MSGFAIL,seq,3,39,2\r\n")
        self.assertEqual(n.msgfail(None, 5, -3, "Not allowed, sorry"), b"MSGFAIL,*,5,-3,Not allowed%2C sorry\r\n")


class DecimalTests(SynchronousTestCase):
    def test_forms(self) -> None:
        for value, written in (
            (20.1, b"20.1"),
            (1 / 3, b"0.333333"),
            (1e7, b"10000000.0"),
            (1e-9, b"0.000001"),
            (0.5, b"0.5"),
        ):
            self.assertEqual(n.decimal(value), written)

    @given(st.floats(min_value=0, exclude_min=True, allow_nan=False, allow_infinity=False))
    def test_strict_clients(self, value: float) -> None:
        """The narrowest pattern of a client matches, and zero is never said."""
        written = n.decimal(value).decode()
        self.assertIsNotNone(re.fullmatch(r"\d+(\.\d{1,6})?", written))
        self.assertGreater(float(written), 0)


class TextTests(SynchronousTestCase):
    @given(st.text())
    def test_any_text(self, text: str) -> None:
        """Every text arrives whole, in one line."""
        for line in (
            n.conerr(1, text),
            n.end(1, text),
            n.error(1, text),
            n.reqerr("1", 1, text),
            n.msgfail("s", 1, 1, text),
            n.msgdone_with_response("s", 1, text),
        ):
            self.assertTrue(line.endswith(b"\r\n"))
            self.assertEqual(len(line.decode().splitlines()), 1)
            self.assertEqual(split_notification(line)[-1], text)
