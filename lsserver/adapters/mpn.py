"""What the mobile push hooks of a Metadata Adapter are given (adapters-api.md 11)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class MpnPlatformType(Enum):
    """Who delivers the notification."""

    APPLE = "Apple"
    GOOGLE = "Google"


@dataclass(frozen=True, slots=True)
class MpnDeviceInfo:
    """One application on one device."""

    mpn_platform_type: MpnPlatformType
    application_id: str
    device_token: str

    def __str__(self) -> str:
        return f"{self.mpn_platform_type.value}/{self.application_id}/{self.device_token}"


@dataclass(frozen=True, slots=True)
class MpnSubscriptionInfo:
    """
    @ivar notification_format: JSON text.
    @ivar trigger: expression, C{None} = every update.
    """

    device: MpnDeviceInfo
    notification_format: str
    trigger: str | None = None
