"""The wire language fulfils what the engine asks of one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import classImplements
from zope.interface.verify import verifyObject

from lsserver.engine.connection import IStreamConnection
from lsserver.engine.dialect import IDialect, IValueCodec
from lsserver.tlcp.dialect import TLCP_VALUES, TlcpDialect, TlcpValues, dialect_for
from lsserver.tlcp.versions import Version
from tests.engine.world import FakeConnection

# The languages may not import the engine, so that the promise is made here.
classImplements(TlcpDialect, IDialect)
classImplements(TlcpValues, IValueCodec)


class Contracts(SynchronousTestCase):
    """Every method is there with the arguments that are passed."""

    def test_dialect(self) -> None:
        for minor in range(6):
            verifyObject(IDialect, dialect_for(Version(2, minor)))

    def test_values(self) -> None:
        verifyObject(IValueCodec, TLCP_VALUES)

    def test_all_versions_share_the_values(self) -> None:
        """So that their sessions share every encoded list."""
        self.assertEqual({id(dialect_for(Version(2, minor)).values) for minor in range(6)}, {id(TLCP_VALUES)})

    def test_connection_of_the_tests(self) -> None:
        verifyObject(IStreamConnection, FakeConnection(True))
