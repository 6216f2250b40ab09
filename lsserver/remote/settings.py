"""
The parameters of a proxy, by their official names (remote-adapters.md 18), and a
few of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

Choice = TypeVar("Choice", bound=StrEnum)

DEFAULT_TIMEOUT = 10_000
DEFAULT_HINT = 10_000
DEFAULT_INIT_TIMEOUT = 60_000

_FLAGS = {"Y": True, "N": False, "true": True, "false": False}


class ParameterError(Exception):
    """A parameter of a proxy is missing or wrong. The text is one readable line."""


class EventsRecovery(StrEnum):
    """What the events of items subscribed anew after a reconnection are good for (16.2)."""

    LEAVE_HOLE = "leave_hole"
    USE_SNAPSHOT = "use_snapshot"
    ENFORCE_SNAPSHOT = "enforce_snapshot"


class CloseRecovery(StrEnum):
    """Which close notifications a new remote gets (16.3)."""

    PESSIMISTIC = "pessimistic"
    OPTIMISTIC = "optimistic"
    UNNEEDED = "unneeded"


class AwayPolicy(StrEnum):
    """What users are told while the remote Metadata Adapter is away (16.3)."""

    FAIL = "fail"
    FORCE_RETRY = "force_retry"
    SEND_CODE = "send_code"


class ItemLists(StrEnum):
    """Whether table descriptors have their lists of items (12.3); ours."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A file with certificates or keys; ours is the type C{PEM}."""

    file: Path
    type: str
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """C{tls.*}; the lists are of names (allow) and of regular expressions (remove)."""

    keystore: Store | None = None
    truststore: Store | None = None
    force_client_auth: bool = False
    skip_hostname_check: bool = False
    allow_cipher_suites: tuple[str, ...] = ()
    remove_cipher_suites: tuple[str, ...] = ()
    enforce_server_cipher_order: bool = False
    allow_protocols: tuple[str, ...] = ()
    remove_protocols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySettings:
    """
    Times are milliseconds; C{None} = none. What has no official name:

    @ivar init_timeout: for the init request.
    @ivar close_packet: send C{CLOSE} where it is allowed. A Python remote that gets
        one stays alive without a connection; without it its supervisor restarts it.
    @ivar table_item_lists: see L{ItemLists}.
    """

    request_reply_port: int
    notify_port: int | None = None
    remote_host: str | None = None
    connection_retry: int = 10_000
    interface: str = ""
    whitelist: tuple[str, ...] = ()
    tls: TlsSettings | None = None
    credentials: tuple[tuple[str, str], ...] | None = field(default=None, repr=False)
    timeout: int | None = DEFAULT_TIMEOUT
    init_timeout: int | None = DEFAULT_INIT_TIMEOUT
    keepalive_timeout: int | None = None
    keepalive_hint: int = DEFAULT_HINT
    remote_params: Mapping[str, str] = field(default_factory=dict)
    close_packet: bool = True
    # Robust proxies only
    first_connection_timeout: int | None = None
    connection_recovery_timeout: int | None = None
    # Data only
    events_recovery: EventsRecovery = EventsRecovery.LEAVE_HOLE
    status_item: str | None = None
    # Metadata only
    close_notifications_recovery: CloseRecovery = CloseRecovery.PESSIMISTIC
    notify_user_on_disconnection: AwayPolicy = AwayPolicy.FAIL
    disconnection_code: int = 0
    disconnection_message: str | None = None
    clear_on_session_close: bool = True
    user_data_timeout: int = 10_000
    clear_on_new_remote: bool = False
    table_item_lists: ItemLists = ItemLists.AUTO

    @property
    def credentials_deadline(self) -> int:
        """How long a remote may take to say who it is, where that is asked."""
        return DEFAULT_TIMEOUT if self.timeout is None else self.timeout


def read(parameters: Mapping[str, str], folder: Path | None = None) -> ProxySettings:
    """
    @param folder: what names of files are relative to.
    @raise ParameterError: names the parameter.
    """
    found = _Reader(parameters, folder)
    keepalive_timeout = found.millis("keepalive_timeout_millis", None)
    remote_host = found.text("remote_host")
    notify_port = found.port("notify_port")
    if remote_host is not None and notify_port is not None:
        raise ParameterError("notify_port cannot be used with remote_host")
    request_reply_port = found.port("request_reply_port")
    if request_reply_port is None:
        raise ParameterError("request_reply_port is missing")
    if notify_port is not None and notify_port == request_reply_port != 0:
        raise ParameterError("notify_port must not be the request_reply_port")
    code = found.integer("notify_user_disconnection_code", None)
    if code is not None and code > 0:
        raise ParameterError("notify_user_disconnection_code must not be positive")
    away = AwayPolicy.FAIL if code is None else AwayPolicy.SEND_CODE
    return ProxySettings(
        request_reply_port=request_reply_port,
        notify_port=notify_port,
        remote_host=remote_host,
        connection_retry=found.millis("connection_retry_millis", 10_000) or 0,
        interface=found.text("interface") or "",
        whitelist=found.names("remote_address_whitelist"),
        tls=_tls(found, remote_host is not None),
        credentials=_credentials(found),
        timeout=found.limit("timeout", DEFAULT_TIMEOUT),
        init_timeout=found.limit("init_timeout_millis", DEFAULT_INIT_TIMEOUT),
        keepalive_timeout=keepalive_timeout,
        keepalive_hint=_hint(found, keepalive_timeout),
        remote_params=_remote_params(found),
        close_packet=found.flag("close_packet", True),
        first_connection_timeout=found.limit("first_connection_timeout_millis", None),
        connection_recovery_timeout=found.limit("connection_recovery_timeout_millis", None),
        events_recovery=found.choice("events_recovery", EventsRecovery.LEAVE_HOLE),
        status_item=found.text("status_item"),
        close_notifications_recovery=found.choice("close_notifications_recovery", CloseRecovery.PESSIMISTIC),
        notify_user_on_disconnection=found.choice("notify_user_on_disconnection", away),
        disconnection_code=code or 0,
        disconnection_message=found.text("notify_user_disconnection_msg"),
        clear_on_session_close=found.flag("clear_on_session_close", True),
        user_data_timeout=found.millis("user_data_timeout", 10_000) or 0,
        clear_on_new_remote=found.flag("clear_on_new_remote", False),
        table_item_lists=found.choice("table_item_lists", ItemLists.AUTO),
    )


class _Reader:
    """Parameters by name and type; an empty value is one that is not given."""

    def __init__(self, parameters: Mapping[str, str], folder: Path | None) -> None:
        self.parameters = parameters
        self._folder = folder

    def text(self, name: str) -> str | None:
        return self.parameters.get(name, "").strip() or None

    def integer(self, name: str, default: int | None) -> int | None:
        text = self.text(name)
        if text is None:
            return default
        if not re.fullmatch(r"[+-]?[0-9]{1,15}", text):
            raise ParameterError(f"{name} must be a whole number, not {text!r}")
        return int(text)

    def millis(self, name: str, default: int | None) -> int | None:
        """C{None} for what is not positive."""
        value = self.integer(name, default)
        return value if value is not None and value > 0 else None

    def limit(self, name: str, default: int | None) -> int | None:
        """C{None}, no limit, for what is negative."""
        value = self.integer(name, default)
        return value if value is not None and value >= 0 else None

    def port(self, name: str) -> int | None:
        value = self.integer(name, None)
        if value is not None and not 0 <= value <= 65535:
            raise ParameterError(f"{name} must be a port number, not {value}")
        return value

    def flag(self, name: str, default: bool) -> bool:
        text = self.text(name)
        if text is None:
            return default
        if text not in _FLAGS:
            raise ParameterError(f"{name} must be Y or N, not {text!r}")
        return _FLAGS[text]

    def choice(self, name: str, default: Choice) -> Choice:
        text = self.text(name)
        if text is None:
            return default
        try:
            return type(default)(text)
        except ValueError:
            known = ", ".join(type(default))
            raise ParameterError(f"{name} must be one of {known}, not {text!r}") from None

    def names(self, name: str) -> tuple[str, ...]:
        """Separated by commas."""
        return tuple(part.strip() for part in (self.text(name) or "").split(",") if part.strip())

    def numbered(self, prefix: str) -> tuple[str, ...]:
        """The values of C{prefix.1}, C{prefix.2} and so on, in the order of the numbers."""
        found: list[tuple[int, str]] = []
        for name in self.parameters:
            number = name.removeprefix(f"{prefix}.")
            value = self.text(name)
            if number != name and number.isascii() and number.isdigit() and value is not None:
                found.append((int(number), value))
        return tuple(value for _, value in sorted(found))

    def path(self, name: str) -> Path | None:
        text = self.text(name)
        return None if text is None else (self._folder or Path()) / text


def _hint(found: _Reader, keepalive_timeout: int | None) -> int:
    """
    As the official server does (8.2), except that a hint is always sent: without
    one some remotes send a line each second.
    """
    hint = found.integer("keepalive_hint_millis", None)
    if hint is not None:
        return max(0, hint)
    if keepalive_timeout is None:
        return DEFAULT_HINT
    return keepalive_timeout // 2 if keepalive_timeout < 4_000 else keepalive_timeout - 2_000


def _remote_params(found: _Reader) -> dict[str, str]:
    prefix = found.text("remote_params_prefix")
    if prefix is None:
        return {}
    if ":" not in prefix:
        raise ParameterError(f"remote_params_prefix must have a colon, unlike {prefix!r}")
    return {name: value for name, value in found.parameters.items() if name.startswith(prefix)}


def _credentials(found: _Reader) -> tuple[tuple[str, str], ...] | None:
    if not found.flag("auth", False):
        return None
    pairs = []
    for name in found.parameters:
        match = re.fullmatch(r"(auth\.credentials\.[^.]+)\.(user|password)", name)
        if match is None:
            continue
        user, password = (found.parameters.get(f"{match[1]}.{part}") for part in ("user", "password"))
        if user is None or password is None:
            raise ParameterError(f"{match[1]} must have both user and password")
        pairs.append((user, password))
    if not pairs:
        raise ParameterError("auth is Y, but there are no auth.credentials.1.user and auth.credentials.1.password")
    return tuple(dict.fromkeys(pairs))


def _tls(found: _Reader, client: bool) -> TlsSettings | None:
    if not found.flag("tls", False):
        return None
    keystore = _store(found, "tls.keystore", "keystore_file", "keystore_password")
    truststore = _store(found, "tls.truststore", "truststore_file", "truststore_password")
    if keystore is None and not client:
        raise ParameterError("tls is Y, but there is no tls.keystore.keystore_file")
    force = found.flag("tls.force_client_auth", False) and not client
    if force and truststore is None:
        raise ParameterError("tls.force_client_auth is Y, but there is no tls.truststore.truststore_file")
    if found.text("tls.allow_cipher_suite.1") and found.text("tls.remove_cipher_suites.1"):
        raise ParameterError("tls.allow_cipher_suite and tls.remove_cipher_suites exclude each other")
    if found.text("tls.allow_protocol.1") and found.text("tls.remove_protocols.1"):
        raise ParameterError("tls.allow_protocol and tls.remove_protocols exclude each other")
    return TlsSettings(
        keystore=keystore,
        truststore=truststore,
        force_client_auth=force,
        skip_hostname_check=found.flag("tls.skip_hostname_check", False),
        allow_cipher_suites=found.numbered("tls.allow_cipher_suite"),
        remove_cipher_suites=found.numbered("tls.remove_cipher_suites"),
        enforce_server_cipher_order=found.flag("tls.enforce_server_cipher_suite_preference", False),
        allow_protocols=found.numbered("tls.allow_protocol"),
        remove_protocols=found.numbered("tls.remove_protocols"),
    )


def _store(found: _Reader, prefix: str, file: str, password: str) -> Store | None:
    path = found.path(f"{prefix}.{file}")
    if path is None:
        return None
    secret = found.parameters.get(f"{prefix}.{password}", "")
    kind = found.text(f"{prefix}.{password}.type") or "text"
    if kind not in ("text", "file"):
        raise ParameterError(f"{prefix}.{password}.type must be text or file, not {kind!r}")
    if kind == "file" and secret:
        secret_file = found.path(f"{prefix}.{password}")
        try:
            secret = secret_file.read_text().strip() if secret_file is not None else ""
        except (OSError, UnicodeDecodeError) as error:
            raise ParameterError(f"{prefix}.{password}: cannot read {secret!r}: {error}") from None
    store_type = (found.text(f"{prefix}.type") or "JKS").upper()
    if store_type not in ("JKS", "PKCS12", "PEM"):
        raise ParameterError(f"{prefix}.type must be JKS, PKCS12 or PEM, not {store_type!r}")
    return Store(file=path, type=store_type, password=secret)
