from decimal import Decimal
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from lsserver.adapters.adapter_set import SetOptions
from lsserver.adapters.errors import ModeError, SelectorError, UnfilteredError
from lsserver.adapters.grants import ItemGrant
from lsserver.adapters.pools import PoolSettings
from lsserver.adapters.providers import MetadataProvider
from tests.adapters.doubles import Answers, SetCase, started


async def _three() -> int:
    return 3


class GrantTests(SetCase):
    def ask(
        self,
        adapter: MetadataProvider,
        mode: str = "MERGE",
        items: tuple[str, ...] = ("a",),
        selector: str | None = None,
        unfiltered: bool = False,
    ) -> Any:
        return self.make(adapter).metadata.grant_items("u", items, "DEFAULT", mode, selector, unfiltered)

    def limits(self, **more: Any) -> Answers:
        return Answers(
            get_allowed_max_item_frequency=2.5,
            get_min_source_frequency=3,
            get_allowed_buffer_size=4,
            get_distinct_snapshot_length=5,
            enable_update_customization=True,
            **more,
        )

    def test_what_matters_in_each_mode(self) -> None:
        grants = {mode: self.now(self.ask(self.limits(), mode))[0] for mode in ("RAW", "MERGE", "DISTINCT", "COMMAND")}
        self.assertEqual(grants["RAW"], ItemGrant(customized=True))
        self.assertEqual(
            grants["MERGE"], ItemGrant(max_frequency=2.5, min_source_frequency=3, buffer_size=4, customized=True)
        )
        self.assertEqual(
            grants["DISTINCT"],
            ItemGrant(
                max_frequency=2.5, min_source_frequency=3, buffer_size=4, distinct_snapshot_length=5, customized=True
            ),
        )
        self.assertEqual(grants["COMMAND"], ItemGrant(max_frequency=2.5, customized=True))

    def test_answers_that_come_later(self) -> None:
        for answer in (lambda *_: succeed(3), lambda *_: _three()):
            (grant,) = self.now(self.ask(Answers(get_allowed_max_item_frequency=answer)))
            self.assertEqual(grant.max_frequency, 3.0)

    def test_answers_that_fail(self) -> None:
        for answer in (ValueError("oops"), lambda *_: fail(ValueError("oops"))):
            self.error(self.ask(Answers(get_allowed_buffer_size=answer)), ValueError)
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_pool_that_lets_one_question_in(self) -> None:
        waiting: list[Deferred[int]] = []

        def later(*_: object) -> Deferred[int]:
            waiting.append(Deferred())
            return waiting[-1]

        pool = PoolSettings(max_pending_requests=1)
        one = self.make(Answers(get_allowed_max_item_frequency=later), options=SetOptions(data_pools={"DEFAULT": pool}))
        asked = [started(one.metadata.grant_items("u", ("a",), "DEFAULT", "MERGE", None, False)) for _ in range(2)]
        for _ in asked:
            self.assertEqual(len(waiting), 1)
            waiting.pop().callback(2)
        self.assertEqual([self.successResultOf(one)[0].max_frequency for one in asked], [2.0, 2.0])

    def test_the_order_of_the_questions(self) -> None:
        adapter = self.limits(mode_may_be_allowed=True, ismode_allowed=True, isselector_allowed=True)
        self.now(self.ask(adapter, "DISTINCT", ("a", "b"), "s"))
        self.assertEqual(
            [told[:1] + told[-1:] if told[0] == "isselector_allowed" else told[:1] for told in adapter.told][:6],
            [
                ("mode_may_be_allowed",),
                ("ismode_allowed",),
                ("mode_may_be_allowed",),
                ("ismode_allowed",),
                ("isselector_allowed", "s"),
                ("isselector_allowed", "s"),
            ],
        )
        self.assertEqual(adapter.told[0], ("mode_may_be_allowed", "a", "DISTINCT"))
        self.assertEqual(adapter.told[1], ("ismode_allowed", "u", "a", "DISTINCT"))

    def test_all_items_are_announced_first(self) -> None:
        adapter = self.limits(prepare_items=lambda user, items: items.clear())
        self.assertEqual(len(self.now(self.ask(adapter, items=("a", "b")))), 2)
        self.assertEqual(adapter.told[0][:2], ("prepare_items", "u"))
        self.error(self.ask(Answers(prepare_items=KeyError("a"))), KeyError)
        self.flushLoggedErrors(KeyError)

    def test_one_item_refuses_all(self) -> None:
        self.error(self.ask(Answers(mode_may_be_allowed=lambda item, mode: item == "a"), items=("a", "b")), ModeError)
        self.error(self.ask(Answers(ismode_allowed=lambda u, item, mode: item == "a"), items=("a", "b")), ModeError)
        refusing = Answers(isselector_allowed=lambda u, item, selector: item == "a")
        self.error(self.ask(refusing, items=("a", "b"), selector="s"), SelectorError)
        self.now(self.ask(refusing, items=("a", "b")))

    def test_unfiltered_with_a_frequency_limit(self) -> None:
        for mode in ("MERGE", "DISTINCT", "COMMAND"):
            error = self.error(self.ask(self.limits(), mode, unfiltered=True), UnfilteredError)
            self.assertFalse(error.prefiltered)
        self.now(self.ask(self.limits(), "RAW", unfiltered=True))

    def test_unfiltered_with_a_prefilter(self) -> None:
        for mode in ("MERGE", "DISTINCT"):
            error = self.error(self.ask(Answers(get_min_source_frequency=1), mode, unfiltered=True), UnfilteredError)
            self.assertTrue(error.prefiltered)
        for mode in ("RAW", "COMMAND"):
            self.now(self.ask(Answers(get_min_source_frequency=1), mode, unfiltered=True))

    def test_the_buffer_is_not_asked_for_unfiltered(self) -> None:
        adapter = Answers(get_allowed_buffer_size=3)
        self.assertEqual(self.now(self.ask(adapter, unfiltered=True)), [ItemGrant()])
        self.assertEqual(adapter.told, [])

    def test_zero_negative_and_infinite_are_no_limit(self) -> None:
        for none in (0, -1, -0.5, float("inf"), Decimal(-3)):
            adapter = Answers(get_allowed_max_item_frequency=none, get_min_source_frequency=none)
            self.assertEqual(self.now(self.ask(adapter)), [ItemGrant()])
        adapter = Answers(get_allowed_buffer_size=-1, get_distinct_snapshot_length=-1)
        self.assertEqual(self.now(self.ask(adapter, "DISTINCT")), [ItemGrant()])

    def test_what_is_no_limit_at_all(self) -> None:
        self.error(self.ask(Answers(get_allowed_max_item_frequency=None)), TypeError)
        self.error(self.ask(Answers(get_allowed_buffer_size=1.5)), TypeError)

    def test_what_holds_for_everybody(self) -> None:
        metadata = self.make(self.limits()).metadata
        self.assertEqual(
            [self.now(metadata.item_limits("a", "DEFAULT", mode)) for mode in ("MERGE", "DISTINCT", "COMMAND")],
            [
                ItemGrant(min_source_frequency=3),
                ItemGrant(min_source_frequency=3, distinct_snapshot_length=5),
                ItemGrant(),
            ],
        )

    def test_answers_may_be_asynchronous(self) -> None:
        async def possible(*_: Any) -> bool:
            return True

        adapter = Answers(mode_may_be_allowed=possible, get_allowed_max_item_frequency=lambda *_: succeed(2))
        self.assertEqual(self.now(self.ask(adapter)), [ItemGrant(max_frequency=2)])
        self.error(self.ask(Answers(mode_may_be_allowed=lambda *_: succeed(False))), ModeError)

    def test_other_exceptions_are_unexpected(self) -> None:
        self.error(self.ask(Answers(ismode_allowed=ValueError("oops"))), ValueError)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
