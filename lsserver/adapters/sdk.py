"""
Adapters written for the PyPI package C{lightstreamer-adapter}, in process.

The package is never imported here: an adapter that extends its classes has
brought it along, and its enumerations and exceptions are recognised by name.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

from lsserver.adapters import errors
from lsserver.adapters.mpn import MpnDeviceInfo, MpnSubscriptionInfo
from lsserver.adapters.tables import TableInfo

_PACKAGE = "lightstreamer_adapter.interfaces"
_PLAIN_ERRORS = (
    "AccessError",
    "ItemsError",
    "SchemaError",
    "NotificationError",
    "MetadataProviderError",
    "DataProviderError",
    "SubscribeError",
    "FailureError",
)


def _is_sdk(cls: type) -> bool:
    # An adapter set may carry the package in its own folder, under a private name.
    package = cls.__module__.rpartition(".")[0]
    return package == _PACKAGE or package.endswith("." + _PACKAGE)


def sdk_module(adapter: object) -> ModuleType | None:
    """The SDK module whose base class the adapter extends, C{None} if it extends none."""
    for cls in type(adapter).__mro__:
        if _is_sdk(cls):
            return sys.modules.get(cls.__module__)
    return None


def translated(error: BaseException) -> BaseException:
    """The exception of L{lsserver.adapters.errors} for one of the SDK, else C{error} itself."""
    for cls in type(error).__mro__:
        if not _is_sdk(cls):
            continue
        text = str(error)
        if cls.__name__ in _PLAIN_ERRORS:
            same: BaseException = getattr(errors, cls.__name__)(text)
            return same
        if cls.__name__ in ("CreditsError", "ConflictingSessionError"):
            source: Any = error
            try:
                code = int(source.client_error_code)
            except (TypeError, ValueError):
                code = 0
            user_msg = None if source.client_user_msg is None else str(source.client_user_msg)
            if cls.__name__ == "CreditsError":
                return errors.CreditsError(code, text, user_msg)
            return errors.ConflictingSessionError(code, text, source.conflicting_session_id, user_msg)
    return error


class SdkValues:
    """Turns our values into those of the SDK module that an adapter uses; C{None} = leave them."""

    def __init__(self, module: ModuleType | None) -> None:
        self._module = module if module is not None and hasattr(module, "Mode") else None

    def mode(self, mode: Any) -> Any:
        """The adapter's own constant for a mode."""
        return mode if self._module is None else self._module.Mode[mode.name]

    def table(self, table: TableInfo) -> TableInfo:
        """The same table, with the adapter's own constant as mode."""
        return table if self._module is None else replace(table, mode=self.mode(table.mode))

    def device(self, device: MpnDeviceInfo) -> Any:
        """The same device as an object of the SDK."""
        if self._module is None:
            return device
        platform = self._module.MpnPlatformType[device.mpn_platform_type.name]
        return self._module.MpnDeviceInfo(platform, device.application_id, device.device_token)

    def mpn_subscription(self, subscription: MpnSubscriptionInfo) -> Any:
        """The same subscription as an object of the SDK."""
        if self._module is None:
            return subscription
        device = self.device(subscription.device)
        return self._module.MpnSubscriptionInfo(device, subscription.notification_format, subscription.trigger)
