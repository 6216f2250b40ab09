"""
Adapters that do what clients tell them to do in messages, so that a test holds
both what an item sends and what the client must see.

The first part of an item's name, before a dot, is its mode: C{merge.a},
C{distinct.a}, C{command.a} and C{raw.a}; all of them may be had in RAW too.
Further parts set limits: see L{ScriptedMetadata}.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from lsserver.adapters.errors import (
    AccessError,
    ConflictingSessionError,
    CreditsError,
    ItemsError,
    NotificationError,
    ResourceUnavailableError,
    SchemaError,
    SubscribeError,
)
from lsserver.adapters.interfaces import IAdapterContext, IMetadataControlListener, ITableInfo
from lsserver.adapters.providers import DataProvider, MetadataProvider

Event = dict[str, str | bytes | None]

HELD_UP = 0.03
"""A process that does something so many seconds later than it wanted to is being held up."""


class ScriptedData(DataProvider):
    """
    The Data Adapter. What L{prepare} was told about an item is what C{subscribe}
    sends; items that nobody prepared have no snapshot.
    """

    def set_context(self, context: IAdapterContext) -> None:
        """Called first, by the server."""
        self._clock: IReactorTime = context.reactor
        self._prepared: dict[str, dict[str, Any]] = {}
        self._active: set[str] = set()

    def issnapshot_available(self, item_name: str) -> bool:
        """Only when one was prepared."""
        return self._prepared.get(item_name, {}).get("snapshot") is not None

    def subscribe(self, item_name: str) -> None:
        """Send what was prepared: differences wanted, snapshot, end of snapshot."""
        prepared = self._prepared.get(item_name, {})
        if prepared.get("fails"):
            raise SubscribeError(f"{item_name} was prepared to fail")
        self._active.add(item_name)
        if "diffs" in prepared:
            self.listener.declare_field_diff_order(item_name, prepared["diffs"])
        if prepared.get("snapshot") is not None:
            for event in prepared["snapshot"]:
                if prepared.get("as_bytes"):
                    event = {name: value.encode("latin-1") for name, value in event.items()}
                self.listener.update(item_name, event, True)
            self.listener.end_of_snapshot(item_name)

    def unsubscribe(self, item_name: str) -> None:
        """Stop."""
        self._active.remove(item_name)

    def prepare(self, item: str, **what: Any) -> None:
        """
        C{snapshot}: list of events, sent C{as_bytes} if so; C{diffs}: algorithms by
        field; C{fails}: C{subscribe} raises.
        """
        self._prepared[item] = what

    def publish(self, item: str, events: list[Event]) -> None:
        """Send the events at once."""
        for event in events:
            self.listener.update(item, event)

    def clear(self, item: str) -> None:
        """Clear the snapshot."""
        self.listener.clear_snapshot(item)

    def count(self, items: list[str], upto: int, rate: float, first: int = 1, padding: int = 0) -> Deferred[None]:
        """
        Send C{n} from C{first} to C{upto} in the field C{n} of every item, C{rate}
        a second; the field C{text} is C{padding} characters long. In items of
        mode COMMAND the key is C{k} and two digits that repeat after ten. See L{_paced}.
        """

        def one(n: int, times: Event) -> None:
            event: Event = {"n": str(n), "text": "x" * padding, **times}
            for item in items:
                if item.startswith("command."):
                    command = "ADD" if n - first < 10 else "UPDATE"
                    self.listener.update(item, {"key": f"k{n % 10}", "command": command, **event})
                else:
                    self.listener.update(item, event)

        return self._paced(first, upto, rate, one)

    def random(self, item: str, upto: int, rate: float, length: int, first: int = 1) -> None:
        """As L{count}, with another text of C{length} characters each time."""

        def one(n: int, times: Event) -> None:
            text = "".join(Random(n).choices("abcdefghijklmnopqrstuvwxyz", k=length))
            self.listener.update(item, {"n": str(n), "text": text, **times})

        self._paced(first, upto, rate, one)

    def _paced(self, first: int, upto: int, rate: float, one: Callable[[int, Event], None]) -> Deferred[None]:
        """
        Numbers at a rate; those that are due when the process was held up come all at
        once. Two fields tell the times of this clock in milliseconds, so that nobody has to
        assume them: C{at}, since the first number, and C{held}, how much of it the process
        was held up.
        """
        started = self._clock.seconds()
        held = 0.0
        finished: Deferred[None] = Deferred()

        def due(n: int) -> None:
            nonlocal held
            late = self._clock.seconds() - started - (n - first) / rate
            if late > HELD_UP:
                held += late
            while n <= upto and started + (n - first) / rate <= self._clock.seconds():
                at = self._clock.seconds() - started
                one(n, {"at": f"{at * 1000:.0f}", "held": f"{held * 1000:.0f}"})
                n += 1
            if n > upto:
                finished.callback(None)
            else:
                self._clock.callLater(max(0.0, started + (n - first) / rate - self._clock.seconds()), due, n)

        due(first)
        return finished


class ScriptedMetadata(MetadataProvider):
    """
    The Metadata Adapter.

    Parts of an item name, separated by dots: C{max2} allows at most 2 updates a
    second, C{prefilter5} resamples to 5 a second, C{buffer3} allows a buffer of 3,
    C{keep4} keeps 4 events as DISTINCT snapshot (10 otherwise), C{private} may be
    had by no user.

    Users: see L{notify_user}. Messages: see L{notify_user_message}.
    """

    def set_context(self, context: IAdapterContext) -> None:
        """Called first, by the server."""
        self._clock: IReactorTime = context.reactor
        self._context = context
        self._tables: dict[tuple[str, int], ITableInfo] = {}
        self._once: set[str] = set()
        self._sessions: dict[str, str] = {}
        self._held: dict[str, Callable[[], None]] = {}

    def initialize(self, parameters: dict[str, str], config_file: str | None = None) -> None:
        """Parameters called after a mode have the names of items that do not tell it themselves."""
        self._modes = {item: mode for mode, items in parameters.items() for item in items.split()}
        self._answers: dict[str, list[str]] = {}

    def set_listener(self, listener: IMetadataControlListener) -> None:
        """Keep the listener."""
        self._control = listener

    def notify_user(self, user: str | None, password: str | None, http_headers: dict[str, str]) -> None:
        """
        C{denied*}, or a wrong password for C{secret*}: not known. C{poor*}: code
        -7. C{later*}: cannot tell the first time. C{crash*}: a fault.
        """
        name = user or ""
        if name.startswith("denied") or (name.startswith("secret") and password != "open, sesame & 100%"):
            raise AccessError(f"who is {name}?")
        if name.startswith("poor"):
            raise CreditsError(-7, "no money", "No money, no data: 100% – désolé")
        if name.startswith("later") and name not in self._once:
            self._once.add(name)
            raise ResourceUnavailableError("ask again")
        if name.startswith("crash"):
            raise RuntimeError("a fault that was asked for")

    def get_allowed_max_bandwidth(self, user: str | None) -> float:
        """C{narrow*}: 100 kbit/s."""
        return 100.0 if (user or "").startswith("narrow") else 0.0

    def wants_tables_notification(self, user: str | None) -> bool:
        """Always."""
        return True

    def notify_new_session(self, user: str | None, session_id: str, client_context: dict[str, Any]) -> None:
        """C{single*}: the same user's earlier session must go."""
        name = user or ""
        if name.startswith("single"):
            earlier = self._sessions.get(name)
            if earlier is not None:
                raise ConflictingSessionError(-1, "one at a time", earlier, "One at a time")
            self._sessions[name] = session_id
        if name.startswith("unwelcome"):
            raise CreditsError(-8, "full", "Full")

    def notify_session_close(self, session_id: str) -> None:
        """Forget the session."""
        for name in [name for name, session in self._sessions.items() if session == session_id]:
            del self._sessions[name]

    def get_items(self, user: str | None, session_id: str, group: str) -> list[str]:
        """Names separated by spaces; C{pair.x} is C{merge.x.1} and C{merge.x.2}."""
        if "refused" in group:
            raise ItemsError("refused")
        if "broken" in group:
            raise RuntimeError("a fault that was asked for")
        if group.startswith("pair."):
            return [f"merge.{group[5:]}.{number}" for number in (1, 2)]
        return group.split(" ")

    def get_schema(self, user: str | None, session_id: str, group: str, schema: str) -> list[str]:
        """Names separated by spaces; C{numbers} is C{n} and C{text}."""
        if "refused" in schema:
            raise SchemaError("refused")
        if "unfit" in schema:
            raise ItemsError("does not go with the group")
        return ["n", "text"] if schema == "numbers" else schema.split(" ")

    def mode_may_be_allowed(self, item: str, mode: str) -> bool:
        """RAW, and the one that the item is called after."""
        return mode == "RAW" or mode == self._modes.get(item, item.partition(".")[0].upper())

    def ismode_allowed(self, user: str | None, item: str, mode: str) -> bool:
        """Unless it is private."""
        return ".private" not in item

    def isselector_allowed(self, user: str | None, item: str, selector: str) -> bool:
        """C{even} is the only one."""
        return selector == "even"

    def isselected(self, user: str | None, item: str, selector: str, event: Any) -> bool:
        """Even numbers in the field C{n}."""
        return int(event.get_value("n") or 0) % 2 == 0

    def enable_update_customization(self, user: str | None, item: str) -> bool:
        """C{shouting*} users get it."""
        return (user or "").startswith("shouting")

    def customize_update(self, user: str | None, item: str, event: Any) -> None:
        """The field C{text} in capitals."""
        text = event.get_value("text")
        if text is not None:
            event.set_value("text", text.upper())

    def get_allowed_max_item_frequency(self, user: str | None, item: str) -> float:
        """C{max}."""
        return _limit(item, "max", 0)

    def get_allowed_buffer_size(self, user: str | None, item: str) -> int:
        """C{buffer}."""
        return int(_limit(item, "buffer", 0))

    def get_min_source_frequency(self, item: str) -> float:
        """C{prefilter}."""
        return _limit(item, "prefilter", 0)

    def get_distinct_snapshot_length(self, item: str) -> int:
        """C{keep}."""
        return int(_limit(item, "keep", 10))

    def notify_new_tables(self, user: str | None, session_id: str, tables: list[Any]) -> None:
        """Groups with C{costly} in the name are refused with code -9."""
        for table in tables:
            if "costly" in table.group:
                raise CreditsError(-9, "too dear", "Too dear, sorry")
            self._tables[session_id, table.win_index] = table

    def notify_tables_close(self, session_id: str, tables: list[Any]) -> None:
        """Forget them."""
        for table in tables:
            del self._tables[session_id, table.win_index]

    def notify_user_message(self, user: str | None, session_id: str, message: str) -> Any:
        """
        A JSON object is a call of one of the methods C{do_...}, with its other
        members as arguments; any other text is one of C{ok} (with or without a colon
        and a response), C{deny:code:text}, C{refuse}, C{fail}, C{slow:millis:response},
        C{held:name:response}, which is answered when C{release:name} comes,
        C{echo:item:text}. For a text that none of this is, there is an answer that L{do_answer} was told.
        """
        if message in self._answers:
            answers = self._answers[message]
            message = answers.pop(0) if len(answers) > 1 else answers[0]
        if message.startswith("{"):
            arguments = json.loads(message)
            action: Callable[..., Any] = getattr(self, "do_" + arguments.pop("do"))
            return action(session_id, **arguments)
        word, _, rest = message.partition(":")
        if word == "ok":
            return rest or None
        if word == "deny":
            code, _, text = rest.partition(":")
            raise CreditsError(int(code), "denied", text)
        if word == "slow":
            millis, _, response = rest.partition(":")
            return deferLater(self._clock, int(millis) / 1000, lambda: response)
        if word == "held":
            name, _, response = rest.partition(":")
            held: Deferred[str] = Deferred()
            self._held[name] = lambda: held.callback(response)
            return held
        if word == "release":
            self._held.pop(rest)()
            return None
        if word == "echo":
            item, _, text = rest.partition(":")
            self._context.get_adapter("DEFAULT").publish(item, [{"text": text}])
            return None
        if word == "fail":
            raise ValueError("a fault that was asked for")
        raise NotificationError("refused")

    def do_data(self, session_id: str, method: str, adapter: str = "DEFAULT", **arguments: Any) -> None:
        """Call a method of a Data Adapter."""
        getattr(self._context.get_adapter(adapter), method)(**arguments)

    def do_answer(self, session_id: str, text: str, answers: list[str]) -> None:
        """Treat the messages with this text like these, the last one from then on."""
        self._answers[text] = answers

    def do_close(self, session_id: str, code: int | None = None, text: str | None = None) -> None:
        """Close the session, after the answer to this message is on its way."""
        self._clock.callLater(0, self._control.force_session_termination, session_id, code, text)

    def do_unsubscribe(self, session_id: str, group: str) -> None:
        """Force an unsubscription."""
        for session, number in list(self._tables):
            if session == session_id and self._tables[session, number].group == group:
                self._tables[session, number].force_unsubscription()

    def do_tables(self, session_id: str) -> str:
        """Answer with the groups that this session has subscribed."""
        return ",".join(sorted(table.group for (session, _), table in self._tables.items() if session == session_id))


def _limit(item: str, word: str, default: float) -> float:
    """The number after C{word} in a part of the item name."""
    found = re.search(rf"\.{word}([0-9]+)(\.|$)", item)
    return float(found[1]) if found else default
