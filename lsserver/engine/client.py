"""What the engine knows about the client side of one request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lsserver.engine.dialect import IDialect


class Speaker(Protocol):
    """Whoever sends a request for a session that exists: only his language matters."""

    @property
    def dialect(self) -> IDialect:
        """The wire language and version the client announced."""


@dataclass(slots=True, kw_only=True)
class Client:
    """
    The peer of a request, as the transport determined it.

    @ivar dialect: the wire language and version the client announced.
    @ivar remote_ip: textual address after X-Forwarded-For processing.
    @ivar server_name: name of the listening socket (C{SERVNAME}).
    @ivar headers: request headers, names in lower case, repeated ones joined
        with a comma. This very dict goes to the Metadata Adapter, which may
        change it (adapters-api.md 3.1).
    @ivar principal: identification name from the client's TLS certificate.
    @ivar use_client_auth: the port gives principals to the adapter.
    @ivar show_ip: whether C{CLIENTIP} is sent.
    @ivar control_only: the port refuses new sessions (C{CONERR,70}).
    @ivar priority: the port is for those who look after the server: neither an overload nor
        C{max_sessions} keeps them out.
    """

    dialect: IDialect
    remote_ip: str
    remote_port: int = 0
    user_agent: str = ""
    forwarding_info: str = ""
    server_name: str = "Lightstreamer HTTP Server"
    headers: dict[str, str] = field(default_factory=dict)
    principal: str | None = None
    use_client_auth: bool = False
    show_ip: bool = True
    control_only: bool = False
    priority: bool = False
