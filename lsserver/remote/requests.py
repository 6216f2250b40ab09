"""
Lines to the remote (remote-adapters.md 2, 6.3, 9, 12). What comes out is ASCII
without the end of line, has no empty token and is right for every version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lsserver.adapters.modes import Mode
from lsserver.adapters.mpn import MpnDeviceInfo, MpnPlatformType, MpnSubscriptionInfo
from lsserver.adapters.tables import TableInfo
from lsserver.remote.codec import MODE_LETTERS, encode
from lsserver.remote.versions import Dialect

WRONG_CREDENTIALS = "wrong credentials"
KEEPALIVE_TIMEOUT = "keepalive timeout"

_PLATFORMS = {MpnPlatformType.APPLE: "A", MpnPlatformType.GOOGLE: "G"}


def line(request_id: str, method: str, *arguments: str) -> str:
    """C{arguments}: pairs of type and value, joined already."""
    return "|".join((request_id, method, *arguments))


def close(reason: str) -> str:
    """Say why the connection will be closed."""
    return line("0", "CLOSE", strings("reason", reason))


def strings(*values: str | None) -> str:
    """Arguments of type C{S}, at least one."""
    return "|".join([f"S|{encode(value)}" for value in values])


def pairs(values: Mapping[str, str | None]) -> list[str]:
    """A map, as a flat list; nothing if it is empty."""
    return [strings(name, value) for name, value in values.items()]


def notify_user(user: str | None, password: str | None, headers: Mapping[str, str]) -> list[str]:
    """Arguments of C{NUS}."""
    return [strings(user, password), *pairs(headers)]


def notify_user_with_principal(
    user: str | None, password: str | None, principal: str | None, headers: Mapping[str, str]
) -> list[str]:
    """Arguments of C{NUA}."""
    return [strings(user, password, principal), *pairs(headers)]


def notify_new_session(user: str | None, session_id: str, context: Mapping[str, str | None]) -> list[str]:
    """Arguments of C{NNS}."""
    return [strings(user, session_id), *pairs(context)]


def user_items(user: str | None, items: Iterable[str]) -> list[str]:
    """Arguments of C{GUI}."""
    return [strings(user, *items)]


def new_tables(dialect: Dialect, user: str | None, session_id: str, table: TableInfo) -> list[str]:
    """Arguments of C{NNT}."""
    return [strings(user, session_id), *_table(dialect, table)]


def tables_close(dialect: Dialect, session_id: str, table: TableInfo, wants_statistics: bool) -> list[str]:
    """Arguments of C{NTC}. Statistics go to who has asked for them only: .NET fails on others."""
    arguments = [strings(session_id), *_table(dialect, table)]
    if dialect.table_lists:
        counts = (table.subscription_statistics or ()) if wants_statistics else ()
        arguments.append(f"I|{len(counts)}")
        arguments += [f"L|{one.total_real_time}|L|{one.total_lost}|L|{one.total_filtered}" for one in counts]
    return arguments


def device_access(user: str | None, session_id: str, device: MpnDeviceInfo) -> list[str]:
    """Arguments of C{MDA}."""
    return [strings(user, session_id), *_device(device)]


def subscription_activation(
    dialect: Dialect, user: str | None, session_id: str, table: TableInfo, subscription: MpnSubscriptionInfo
) -> list[str]:
    """Arguments of C{MSA}."""
    return [
        strings(user, session_id),
        *_table(dialect, table, with_selector=False),
        *_device(subscription.device),
        strings(subscription.trigger, subscription.notification_format),
    ]


def device_token_change(user: str | None, session_id: str, device: MpnDeviceInfo, new_device_token: str) -> list[str]:
    """Arguments of C{MDC}."""
    return [strings(user, session_id), *_device(device), strings(new_device_token)]


def _device(device: MpnDeviceInfo) -> list[str]:
    platform = _PLATFORMS.get(device.mpn_platform_type, "#")
    return [f"P|{platform}", strings(device.application_id, device.device_token)]


def _table(dialect: Dialect, table: TableInfo, with_selector: bool = True) -> list[str]:
    """A descriptor, in one of the shapes of 12.3."""
    arguments = [f"I|{table.win_index}|M|{mode_letter(table.mode)}", strings(table.group)]
    if dialect.new_tables:
        arguments.append(strings(table.data_adapter))
    arguments += [strings(table.schema), f"I|{table.min}|I|{table.max}"]
    if with_selector:
        arguments.append(strings(table.selector))
    if dialect.table_lists:
        items: Sequence[str] = table.subscribed_items
        arguments.append(f"I|{len(items)}")
        if items:
            arguments.append(strings(*items))
    return arguments


def mode_letter(mode: Any) -> str:
    """The letter of a mode, given as one or as its name."""
    return MODE_LETTERS[Mode(mode)]
