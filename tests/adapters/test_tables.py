from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from lsserver.adapters.interfaces import ISubscriptionStatistics, ITableInfo
from lsserver.adapters.modes import Mode
from lsserver.adapters.tables import SubscriptionStatistics, TableInfo


def table(**changes: object) -> TableInfo:
    values = {
        "win_index": 3,
        "mode": "MERGE",
        "group": "a b",
        "data_adapter": "DEFAULT",
        "schema": "f",
        "min": 1,
        "max": 2,
        "subscribed_items": ["a", "b"],
    }
    return TableInfo(**{**values, **changes})  # type: ignore[arg-type]


class TableInfoTests(SynchronousTestCase):
    def test_it_keeps_the_contract(self) -> None:
        self.assertTrue(verifyObject(ITableInfo, table()))
        self.assertTrue(verifyObject(ISubscriptionStatistics, SubscriptionStatistics(1, 2, 3)))

    def test_the_mode_may_be_given_as_text(self) -> None:
        self.assertIs(table(mode="RAW").mode, Mode.RAW)

    def test_there_is_nothing_to_unsubscribe_by_default(self) -> None:
        self.assertIsNone(self.successResultOf(table().force_unsubscription()))
