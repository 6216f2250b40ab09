"""COMMAND: a table of rows; an event adds, updates or deletes the row of its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from lsserver.engine.modes.base import Event
from lsserver.engine.modes.buffered import BufferedView, HeldChannel
from lsserver.engine.slots.buffered import BufferedSlot
from lsserver.engine.slots.command import ADD, DELETE, UPDATE
from lsserver.engine.update import Update
from lsserver.engine.view import Value

if TYPE_CHECKING:
    from lsserver.engine.dialect import IValueCodec
    from lsserver.engine.item import Item

_log = Logger(namespace="LightstreamerLogger.preprocessor")

KEY = "key"
COMMAND = "command"
TELL_SECONDS = 60
"""How often an item tells of events that it has dropped."""

DELETE_ALL = "DELETEALL"
"""What selectors and customizers are shown when the table is cleared."""


def text(value: Value) -> str | None:
    """C{key} and C{command} are text; bytes are taken as ISO-8859-1."""
    return value.decode("iso-8859-1") if isinstance(value, bytes) else value


class CommandView(BufferedView):
    """
    @ivar rows: the ADD of each key, for newcomers; made when somebody needs it.
    """

    __slots__ = ("_tokens", "command_position", "rows")

    def __init__(self, item: Item, fields: tuple[str, ...], codec: IValueCodec) -> None:
        super().__init__(item, fields, codec)
        self.command_position = fields.index(COMMAND)
        self.rows: dict[str, Update] = {}
        self._tokens = {command: codec.token(command) for command in (ADD, UPDATE, DELETE)}

    def order_diffs(self) -> None:
        """Never on key and command (tlcp.md 7.4)."""
        super().order_diffs()
        if self._orders is not None:
            self._orders = tuple(
                () if field in (KEY, COMMAND) else order for field, order in zip(self.fields, self._orders, strict=True)
            )

    def make(self, values: Event, key: str, command: str) -> Update:
        """A row under a command, whatever the values say."""
        return Update(self.vector({**values, KEY: key, COMMAND: command}), key, command)

    def variant(self, update: Update, command: str) -> Update:
        """The same row under another command."""
        return update.variant(command, self._tokens[command], self.command_position)


class CommandChannel(HeldChannel[CommandView]):
    """
    @ivar table: the fields of each active key.
    """

    __slots__ = ("_dropped", "_told", "table")

    mode = "COMMAND"

    def __init__(self, item: Item) -> None:
        super().__init__(item)
        self.table: dict[str, dict[str, Value]] = {}
        self._dropped = 0
        self._told: float | None = None

    def make_view(self, fields: tuple[str, ...], codec: IValueCodec) -> CommandView:
        return CommandView(self.item, fields, codec)

    def snapshot(self, view: CommandView, slot: BufferedSlot) -> list[Update]:
        """One ADD for each active key."""
        updates = []
        for key, values in self.table.items():
            if slot.hooks is None:
                update = view.rows.get(key)
                if update is None:
                    update = view.rows[key] = view.make(values, key, ADD)
                updates.append(update)
            else:
                seen = slot.hooks.apply({**values, KEY: key, COMMAND: ADD}, True)
                if seen is not None:
                    updates.append(view.make(seen, key, ADD))
        return updates

    def publish(self, event: Event, is_snapshot: bool) -> None:
        key = text(event.get(KEY))
        command = text(event.get(COMMAND))
        if key is None or command not in (ADD, UPDATE, DELETE):
            self._drop(key, command)
            return
        known = self.table.get(key)
        if command == DELETE:
            if known is None:
                return
            del self.table[key]
            values: dict[str, Value] = {}
        elif command == UPDATE and known is not None:
            known.update(event)
            values = known
        else:
            # ADD on an active key is an UPDATE whose missing fields are null;
            # UPDATE on an unknown one is an ADD.
            command = ADD if known is None else UPDATE
            values = self.table[key] = dict(event)
        for view in self.all_views:
            view.rows.pop(key, None)
            if not is_snapshot:
                self._publish(view, values, event, key, command)

    def _drop(self, key: str | None, command: str | None) -> None:
        """An event that means nothing; an adapter that sends one sends many, so they are told together."""
        self._dropped += 1
        now = self.item.now()
        if self._told is None or now - self._told >= TELL_SECONDS:
            self._told = now
            _log.warn(
                "item {item} of {adapter}: {count} events dropped, the last with key {key!r}, command {command!r}",
                item=self.item.name,
                adapter=self.item.feed.adapter.name,
                count=self._dropped,
                key=key,
                command=command,
            )
            self._dropped = 0

    def _publish(self, view: CommandView, values: Event, event: Event, key: str, command: str) -> None:
        now = self.item.now()
        if view.slots:
            view.push(view.make(values, key, command), now)
        # Hooks may see what an adapter says of a row that it deletes; clients get nulls.
        deleted = command == DELETE
        state = {**(event if deleted else values), KEY: key, COMMAND: command}
        view.push_private(state, lambda seen: view.make({} if deleted else seen, key, command), now)

    def clear(self) -> None:
        """All keys are gone; clients get one C{CS} rather than a DELETE for each."""
        self.table.clear()
        self.item.end_snapshot()
        for view in self.all_views:
            view.rows.clear()
            view.part_all()
            for slot in view.all_slots():
                if slot.hooks is not None:
                    slot.hooks.apply({KEY: None, COMMAND: DELETE_ALL}, False)
                slot.clear()
