"""
The checks of one subscription, in the order that the official server documents
(tlcp.md 5.2, adapters-api.md 4). No partial subscription: one refused item refuses all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from lsserver.adapters.errors import (
    CreditsError,
    ItemsError,
    ModeError,
    NotificationError,
    SchemaError,
    SelectorError,
    UnfilteredError,
)
from lsserver.adapters.tables import TableInfo
from lsserver.engine.large import LARGE
from lsserver.engine.refusal import Refusal
from lsserver.engine.subscription import Place, Subscription
from lsserver.tlcp.codes import ControlCode
from lsserver.tlcp.requests import Mode, Subscribe

if TYPE_CHECKING:
    from lsserver.adapters.grants import ItemGrant
    from lsserver.engine.feed import Feed
    from lsserver.engine.session import Session

_log = Logger(namespace="LightstreamerLogger.subscriptions")


def refuse(code: ControlCode) -> Refusal:
    """With the standard text, which tells nothing of what the adapter thinks (adapters-api.md 4)."""
    return Refusal(code, code.text)


async def prepare(session: Session, request: Subscribe) -> Subscription:
    """
    Everything up to the point where the subscription can be opened.

    @raise Refusal: it can't.
    """
    feed = session.hosted.feeds.get(request.data_adapter)
    if feed is None:
        raise refuse(ControlCode.BAD_DATA_ADAPTER)
    try:
        items, fields = await _resolve(session, request, feed)
        session.allotment.size(request.sub_id, len(items), len(fields))
        if len(items) >= LARGE:
            await session.large.turn()
            if session.closed:
                raise refuse(ControlCode.SESSION_NOT_FOUND)
        grants = await _grant(session, request, feed, items)
    except Refusal:
        raise
    except Exception as error:
        raise _unexpected(session, error) from error
    if session.closed:
        raise refuse(ControlCode.SESSION_NOT_FOUND)
    places = [Place(name, grant) for name, grant in zip(items, grants, strict=True)]
    subscription = Subscription(session, request, feed, tuple(fields), places)
    if not subscription.possible:
        raise refuse(ControlCode.MODE_NOT_ALLOWED)
    if session.wants_tables:
        await _notify(session, request, subscription, items)
        if not subscription.possible:
            # Somebody was faster and has fixed another mode.
            session.tell_closed(subscription)
            raise refuse(ControlCode.MODE_NOT_ALLOWED)
    return subscription


async def _resolve(session: Session, request: Subscribe, feed: Feed) -> tuple[list[str], list[str]]:
    metadata, adapter = feed.metadata, feed.adapter.name
    try:
        items = await metadata.get_items(session.user, session.id, request.group, adapter)
    except ItemsError as error:
        raise refuse(ControlCode.BAD_GROUP) from error
    try:
        fields = await metadata.get_schema(session.user, session.id, request.group, adapter, request.schema)
    except ItemsError as error:
        raise refuse(ControlCode.BAD_GROUP_FOR_SCHEMA) from error
    except SchemaError as error:
        raise refuse(ControlCode.BAD_SCHEMA) from error
    if request.mode is Mode.COMMAND:
        if "key" not in fields:
            raise refuse(ControlCode.NO_KEY_FIELD)
        if "command" not in fields:
            raise refuse(ControlCode.NO_COMMAND_FIELD)
    return items, fields


async def _grant(session: Session, request: Subscribe, feed: Feed, items: list[str]) -> list[ItemGrant]:
    try:
        return await feed.metadata.grant_items(
            session.user, items, feed.adapter.name, request.mode.value, request.selector, request.unfiltered
        )
    except ModeError as error:
        raise refuse(ControlCode.MODE_NOT_ALLOWED) from error
    except SelectorError as error:
        raise refuse(ControlCode.BAD_SELECTOR) from error
    except UnfilteredError as error:
        code = ControlCode.UNFILTERED_PREFILTERED if error.prefiltered else ControlCode.UNFILTERED_LIMITED
        raise refuse(code) from error


async def _notify(session: Session, request: Subscribe, subscription: Subscription, items: list[str]) -> None:
    table = TableInfo(
        win_index=request.sub_id,
        mode=request.mode.value,  # type: ignore[arg-type]
        group=request.group,
        data_adapter=request.data_adapter,
        schema=request.schema,
        selector=request.selector,
        min=1,
        max=len(items),
        subscribed_items=items,
        force_unsubscription=lambda: session.force_unsubscription(request.sub_id),
    )
    try:
        opened = await session.tables.opened(table)
    except CreditsError as error:
        raise Refusal.of_credits(error) from error
    except NotificationError as error:
        raise refuse(ControlCode.INTERNAL_ERROR) from error
    except Exception as error:
        raise _unexpected(session, error) from error
    if not opened:
        raise refuse(ControlCode.SESSION_NOT_FOUND)
    subscription.table = table


def _unexpected(session: Session, error: BaseException) -> Refusal:
    _log.error("session {session}: Metadata Adapter failed: {error!r}", session=session.id, error=error)
    return refuse(ControlCode.METADATA_ADAPTER_EXCEPTION)
