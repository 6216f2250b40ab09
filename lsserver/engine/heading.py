"""The lines that begin the answer to a create or bind request, in their order (tlcp.md 4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsserver.engine.binding import Binding
from lsserver.engine.client import Client

if TYPE_CHECKING:
    from lsserver.engine.session import Session

PADDING = "sending placeholder data"
PADDING_LENGTH = 2048
"""Bytes of C{NOOP} lines on HTTP streaming, to fill the buffers of browsers and proxies."""

MIN_ROOM_FOR_PADDING = 4 * PADDING_LENGTH
"""A response that is shorter than this is better spent on data."""


class Heading:
    """
    What the client was told on earlier connections of the session, and so need not
    be told again.

    @param reduced: C{LS_reduce_head} of the creation, which silences C{CONS} for good.
    """

    __slots__ = ("_last_was_poll", "_told", "_told_bandwidth", "cons_silenced")

    def __init__(self, reduced: bool) -> None:
        self.cons_silenced = reduced
        self._told: tuple[str, str | None] | None = None
        self._told_bandwidth: float | None = None
        self._last_was_poll = False

    def lines(
        self,
        session: Session,
        binding: Binding,
        client: Client,
        *,
        created: bool,
        reduced: bool,
        recovery_from: int | None,
    ) -> bytes:
        """
        @param created: this answers the creation rather than a bind.
        @param reduced: C{LS_reduce_head} of this request.
        @param recovery_from: where the replay starts.
        """
        dialect, settings = session.dialect, session.settings
        lines = []
        if created or not reduced:
            link = settings.control_link_address or "*"
            lines.append(dialect.conok(session.id, settings.request_limit, binding.announced_millis, link))
        if not reduced:
            lines.extend(self._identity(session, client))
        if binding.room is not None and binding.room >= MIN_ROOM_FOR_PADDING and not binding.polling:
            noop = dialect.noop(PADDING)
            lines.append(noop * (PADDING_LENGTH // len(noop)))
        bandwidth = session.bandwidth.effective
        if not self.cons_silenced and self._wants_cons(binding, bandwidth, created, recovery_from):
            lines.append(dialect.cons(bandwidth))
            self._told_bandwidth = bandwidth
        if recovery_from is not None:
            lines.append(dialect.prog(recovery_from))
        self._last_was_poll = binding.polling and not created
        return b"".join(lines)

    def constrained(self, session: Session) -> bytes | None:
        """C{CONS} in answer to C{constrain}, unless the client does not want to hear it."""
        # Not taken for told, because the response may end before the line gets through;
        # the head of the next connection repeats it.
        return None if self.cons_silenced else session.dialect.cons(session.bandwidth.effective)

    def _identity(self, session: Session, client: Client) -> list[bytes]:
        """C{SERVNAME} and C{CLIENTIP}, if they are news."""
        address = client.remote_ip if client.show_ip else None
        if self._told == (client.server_name, address):
            return []
        self._told = (client.server_name, address)
        lines = [session.dialect.servname(client.server_name)]
        if address is not None:
            lines.append(session.dialect.clientip(address))
        return lines

    def _wants_cons(self, binding: Binding, bandwidth: float, created: bool, recovery_from: int | None) -> bool:
        """On each bind, but not on poll after poll, nor on the poll of a recovery, unless it has changed."""
        if bandwidth != self._told_bandwidth or created:
            return True
        return not (binding.polling and (self._last_was_poll or recovery_from is not None))
