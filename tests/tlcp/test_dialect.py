"""TLCP as a wire language."""

import math

from twisted.trial.unittest import SynchronousTestCase

from lsserver.tlcp.dialect import TLCP_VALUES, TlcpDialect, dialect_for
from lsserver.tlcp.versions import Version


class DialectTests(SynchronousTestCase):
    def test_flags(self) -> None:
        old, new = dialect_for(Version(2, 0)), dialect_for(Version(2, 5))
        self.assertEqual(
            (old.version, old.recovery, old.diffs, old.temporary_refusals), ("TLCP-2.0.0", False, False, False)
        )
        self.assertEqual(
            (new.version, new.recovery, new.diffs, new.temporary_refusals), ("TLCP-2.5.0", True, True, True)
        )

    def test_message_response(self) -> None:
        """Two arguments below 2.5, three from there on: either is fatal on the other side."""
        for minor in range(6):
            dialect = dialect_for(Version(2, minor))
            self.assertEqual(
                dialect.msgdone("seq", 3, "x"), b"MSGDONE,seq,3,x\r\n" if minor == 5 else b"MSGDONE,seq,3\r\n"
            )

    def test_one_of_each(self) -> None:
        self.assertIs(dialect_for(Version(2, 4)), dialect_for(Version(2, 4)))
        self.assertIsInstance(dialect_for(Version(2, 4)), TlcpDialect)

    def test_shared_values(self) -> None:
        """Versions write values alike, so that sessions share what is encoded."""
        self.assertIs(dialect_for(Version(2, 0)).values, TLCP_VALUES)
        self.assertIs(dialect_for(Version(2, 5)).values, TLCP_VALUES)

    def test_whole_update(self) -> None:
        values = TLCP_VALUES
        vector = (values.token("ACME"), values.token(None))
        self.assertEqual(
            values.prefix(1, 2) + values.body(None, vector) + values.terminator,
            b"U,1,2,ACME|#\r\n",
        )
        self.assertEqual(values.text(vector[0]), "ACME")
        self.assertEqual(values.diff_body(vector, vector, [[], []], None, 50), (b"|", vector))

    def test_lines(self) -> None:
        """The methods of the dialect are the lines of the notifications."""
        d = dialect_for(Version(2, 5))
        self.assertEqual(
            b"".join(
                [
                    d.wsok(),
                    d.conok("S1", 50000, 5000, "*"),
                    d.servname("n"),
                    d.clientip("::1"),
                    d.noop("x"),
                    d.cons(math.inf),
                    d.prog(4),
                    d.reqok("1"),
                    d.reqerr("2", 19, "no"),
                    d.error(67, "bad"),
                    d.subok(1, 1, 2),
                    d.subcmd(2, 1, 3, 1, 2),
                    d.conf(1, math.inf, False),
                    d.eos(2, 1),
                    d.cs(2, 1),
                    d.ov(2, 1, 3),
                    d.unsub(2),
                    d.msgfail(None, 1, 34, "no"),
                    d.probe(),
                    d.sync(20),
                    d.loop(0),
                    d.end(31, "bye"),
                    d.conerr(4, "gone"),
                ]
            ).splitlines(),
            [
                b"WSOK",
                b"CONOK,S1,50000,5000,*",
                b"SERVNAME,n",
                b"CLIENTIP,::1",
                b"NOOP,x",
                b"CONS,unlimited",
                b"PROG,4",
                b"REQOK,1",
                b"REQERR,2,19,no",
                b"ERROR,67,bad",
                b"SUBOK,1,1,2",
                b"SUBCMD,2,1,3,1,2",
                b"CONF,1,unlimited,filtered",
                b"EOS,2,1",
                b"CS,2,1",
                b"OV,2,1,3",
                b"UNSUB,2",
                b"MSGFAIL,*,1,34,no",
                b"PROBE",
                b"SYNC,20",
                b"LOOP,0",
                b"END,31,bye",
                b"CONERR,4,gone",
            ],
        )
