"""Start, stop, and what adapters learn of each other (adapters-api.md 2)."""

from pathlib import Path
from threading import Event
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, fail, succeed

from lsserver.adapters.adapter_set import STOP_SECONDS, AdapterOptions, AdapterSet, SetOptions
from lsserver.adapters.errors import DataProviderError, LoadError, MetadataProviderError
from lsserver.adapters.interfaces import IAdapterContext, IItemEventListener, IMetadataControlListener
from lsserver.adapters.providers import MetadataProvider
from tests.adapters.doubles import PATIENCE, Items, SetCase, started

T = TypeVar("T")


class Diary:
    """Adapters that write down their lives in one list."""

    def __init__(self) -> None:
        self.entries: list[tuple[Any, ...]] = []

    def metadata(self, **answers: Any) -> MetadataProvider:
        return _recording(MetadataProvider, self.entries, "metadata", answers)

    def data(self, name: str, **answers: Any) -> Items:
        return _recording(Items, self.entries, name, answers)


def _answer(entries: list[tuple[Any, ...]], who: str, what: str, answers: dict[str, Any]) -> Any:
    entries.append((who, what))
    answer = answers.get(what)
    if isinstance(answer, Exception):
        raise answer
    return answer() if callable(answer) else answer


def _recording(base: type[T], entries: list[tuple[Any, ...]], who: str, answers: dict[str, Any]) -> T:
    class Recording(base):  # type: ignore[valid-type,misc]
        blocking = answers.get("blocking", False)

        def initialize(self, parameters: Any, config_file: Any = None) -> Any:
            self.given = (parameters, config_file)
            return _answer(entries, who, "initialize", answers)

        def set_listener(self, listener: Any) -> Any:
            super().set_listener(listener)
            return _answer(entries, who, "set_listener", answers)

        def stop(self) -> Any:
            return _answer(entries, who, "stop", answers)

    return Recording()


class StartTests(SetCase):
    def setUp(self) -> None:
        super().setUp()
        self.diary = Diary()

    def begin(self, one: AdapterSet) -> Deferred[None]:
        return started(one.start(self.control, self.sink))

    def test_the_metadata_adapter_is_first_and_the_data_adapters_are_together(self) -> None:
        ready: Deferred[None] = Deferred()
        slow: Deferred[None] = Deferred()
        one = self.make(
            self.diary.metadata(initialize=lambda: ready),
            {"A": self.diary.data("A", initialize=lambda: slow), "B": self.diary.data("B")},
            start=False,
        )
        start = self.begin(one)
        self.assertEqual(self.diary.entries, [("metadata", "initialize")])
        ready.callback(None)
        self.assertEqual(
            self.diary.entries[1:],
            [("metadata", "set_listener"), ("A", "initialize"), ("B", "initialize"), ("B", "set_listener")],
        )
        self.assertNoResult(start)
        slow.callback(None)
        self.successResultOf(start)
        self.assertEqual(self.diary.entries[-1], ("A", "set_listener"))

    def test_all_together_if_configured(self) -> None:
        one = self.make(
            self.diary.metadata(initialize=lambda: Deferred()),
            self.diary.data("D"),
            options=SetOptions(metadata_adapter_initialised_first=False),
            start=False,
        )
        self.assertNoResult(self.begin(one))
        self.assertIn(("D", "set_listener"), self.diary.entries)

    def test_parameters(self) -> None:
        options = SetOptions(
            metadata=AdapterOptions(parameters={"a": "1", "adapters_conf.id": "wrong"}, folder=Path("/sets/x")),
            data={
                "D": AdapterOptions(
                    parameters={"config_file": "feed.ini", "data_provider.name": "wrong"}, folder=Path("/sets/x")
                ),
                "E": AdapterOptions(parameters={"config_file": "feed.ini"}),
            },
        )
        adapters: Any = (self.diary.metadata(), self.diary.data("D"), self.diary.data("E"), self.diary.data("F"))
        self.make(adapters[0], dict(zip("DEF", adapters[1:], strict=True)), options=options)
        self.assertEqual(
            [adapter.given for adapter in adapters],
            [
                ({"a": "1", "adapters_conf.id": "SET"}, "/sets/x"),
                (
                    {"config_file": "feed.ini", "adapters_conf.id": "SET", "data_provider.name": "D"},
                    "/sets/x/feed.ini",
                ),
                ({"config_file": "feed.ini", "adapters_conf.id": "SET", "data_provider.name": "E"}, "feed.ini"),
                ({"adapters_conf.id": "SET", "data_provider.name": "F"}, None),
            ],
        )

    def test_listeners(self) -> None:
        metadata, data = self.diary.metadata(), self.diary.data("D")
        self.make(metadata, {"D": data})
        self.assertTrue(IMetadataControlListener.providedBy(metadata.listener))
        self.assertTrue(IItemEventListener.providedBy(data.listener))
        assert metadata.listener is not None
        metadata.listener.force_session_termination("S1")
        data.listener.clear_snapshot("i")
        self.assertEqual(self.control.calls, [("S1", None, None)])
        self.assertEqual(self.sinks["D"].calls, [("clear_snapshot", "i")])

    def test_adapters_find_each_other(self) -> None:
        contexts: list[IAdapterContext] = []

        class Finds(MetadataProvider):
            def set_context(self, context: IAdapterContext) -> None:
                contexts.append(context)

        class FindsToo(Items):
            def set_context(self, context: IAdapterContext) -> None:
                contexts.append(context)

        metadata, data = Finds(), FindsToo()
        self.make(metadata, {"D": data})
        for context, name in zip(contexts, (None, "D"), strict=True):
            self.assertTrue(IAdapterContext.providedBy(context))
            self.assertEqual((context.set_id, context.name), ("SET", name))
            self.assertIs(context.reactor, self.clock)
            self.assertIs(context.get_adapter(None), metadata)
            self.assertIs(context.get_adapter("D"), data)
            self.assertRaises(KeyError, context.get_adapter, "E")

    def test_initialisation_has_no_time_limit(self) -> None:
        """An adapter loads what it needs there, and a proxy waits for its remote."""
        slow: Deferred[None] = Deferred()
        data = self.diary.data("D", initialize=lambda: slow)
        one = self.make(self.diary.metadata(), data, start=False, adapter_call_timeout_millis=10)
        start = self.begin(one)
        self.clock.advance(3600)
        self.assertNoResult(start)
        slow.callback(None)
        self.successResultOf(start)

    def test_a_metadata_adapter_that_cannot_start(self) -> None:
        for answer in (MetadataProviderError("no database"), lambda: fail(MetadataProviderError("no database"))):
            one = self.make(self.diary.metadata(initialize=answer), self.diary.data("D"), start=False)
            error = self.failureResultOf(self.begin(one), LoadError).value
            self.assertEqual(str(error), "adapter set SET: the Metadata Adapter cannot be initialised: no database")
        self.assertNotIn(("D", "initialize"), self.diary.entries)

    def test_a_data_adapter_that_cannot_start(self) -> None:
        slow: Deferred[None] = Deferred()
        one = self.make(
            self.diary.metadata(),
            {
                "A": self.diary.data("A", initialize=DataProviderError("no feed")),
                "B": self.diary.data("B", initialize=lambda: slow),
            },
            start=False,
        )
        start = self.begin(one)
        self.assertNoResult(start)
        slow.callback(None)
        error = self.failureResultOf(start, LoadError).value
        self.assertEqual(str(error), "adapter set SET: Data Adapter A cannot be initialised: no feed")
        self.assertEqual(self.diary.entries[-3:], [("A", "stop"), ("B", "stop"), ("metadata", "stop")])

    def test_a_start_that_is_given_up(self) -> None:
        slow: Deferred[None] = Deferred()
        one = self.make(self.diary.metadata(initialize=lambda: slow), self.diary.data("D"), start=False)
        start = self.begin(one)
        start.cancel()
        slow.callback(None)
        self.failureResultOf(start, CancelledError)

    def test_an_unexpected_error_is_described(self) -> None:
        one = self.make(data={"A": self.diary.data("A", set_listener=ValueError("oops"))}, start=False)
        error = self.failureResultOf(self.begin(one), LoadError).value
        self.assertEqual(str(error), "adapter set SET: Data Adapter A cannot be initialised: ValueError('oops')")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_there_must_be_a_data_adapter(self) -> None:
        self.assertRaises(LoadError, self.make, data={})

    def test_the_reactor_is_the_global_one_by_default(self) -> None:
        from twisted.internet import reactor

        contexts: list[Any] = []

        class Finds(Items):
            def set_context(self, context: Any) -> None:
                contexts.append(context.reactor)

        self.now(AdapterSet("X", MetadataProvider(), {"D": Finds()}).start(self.control, self.sink))
        self.assertEqual(contexts, [reactor])


class StopTests(SetCase):
    def setUp(self) -> None:
        super().setUp()
        self.diary = Diary()

    def test_data_adapters_first(self) -> None:
        ended: Deferred[None] = Deferred()
        one = self.make(self.diary.metadata(), self.diary.data("D", stop=lambda: ended))
        del self.diary.entries[:]
        stop = started(one.stop())
        self.assertEqual(self.diary.entries, [("D", "stop")])
        ended.callback(None)
        self.successResultOf(stop)
        self.assertEqual(self.diary.entries[1:], [("metadata", "stop")])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_adapters_without_a_method(self) -> None:
        self.now(self.make().stop())

    def test_errors_are_logged(self) -> None:
        one = self.make(self.diary.metadata(), self.diary.data("D", stop=ValueError("oops")))
        self.now(one.stop())
        self.assertEqual(self.diary.entries[-1], ("metadata", "stop"))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_one_that_hangs_is_not_waited_for(self) -> None:
        one = self.make(self.diary.metadata(), self.diary.data("D", stop=lambda: Deferred()))
        stop = started(one.stop())
        self.clock.advance(STOP_SECONDS)
        self.successResultOf(stop)

    def test_one_that_hangs_in_a_thread_is_not_waited_for(self) -> None:
        entered, hold = Event(), Event()
        self.addCleanup(hold.set)

        def hang() -> None:
            entered.set()
            hold.wait(PATIENCE)

        one = self.make(self.diary.metadata(), self.diary.data("D", blocking=True, stop=hang))
        stop = started(one.stop())
        entered.wait(PATIENCE)
        self.clock.advance(STOP_SECONDS)
        self.successResultOf(stop)
        self.assertEqual(self.diary.entries[-1], ("D", "stop"))

    def test_deferreds_and_coroutines(self) -> None:
        async def coroutine() -> None:
            await succeed(None)

        one = self.make(self.diary.metadata(stop=coroutine), self.diary.data("D", stop=lambda: succeed(None)))
        self.now(one.stop())
