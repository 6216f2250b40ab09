"""
How a session comes into being: the calls to the Metadata Adapter in their order
(adapters-api.md 3), and what the client is told when one of them says no.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from lsserver.adapters.errors import (
    AccessError,
    ConflictingSessionError,
    CreditsError,
    NotificationError,
    ResourceUnavailableError,
)
from lsserver.engine.client import Client
from lsserver.engine.refusal import Refusal
from lsserver.engine.session import Session, Surroundings
from lsserver.tlcp.codes import COMBO_FAILED_PREFIX, SessionCode
from lsserver.tlcp.requests import CreateSession

if TYPE_CHECKING:
    from lsserver.engine.hosting import HostedSet

_log = Logger(namespace="LightstreamerLogger.requests")

MAX_CONFLICTS = 8
"""Rounds of closing a conflicting session and asking again."""

TEMPORARY = (SessionCode.OVERLOADED, SessionCode.USER_CHECK_UNAVAILABLE, SessionCode.NOT_ALLOWED_ON_PORT)
"""Codes that clients before 2.2 take for final (tlcp.md 1.3)."""


def refuse(code: SessionCode) -> Refusal:
    """With the standard text."""
    return Refusal(code, code.text)


class Admission:
    """
    One attempt to create a session. If the client goes away, L{abandon} it: nothing
    is created then, or what has been announced to the adapter is closed again.

    @param run_combo: executes the control requests that came with the creation.
    @param authenticated: called when the user is who he says; may raise a L{Refusal}.
    """

    def __init__(
        self,
        around: Surroundings,
        hosted: HostedSet,
        request: CreateSession,
        client: Client,
        new_id: Callable[[], str],
        find: Callable[[str], Session | None],
        run_combo: Callable[[Session, CreateSession], Any],
        authenticated: Callable[[], None],
    ) -> None:
        self._around = around
        self._hosted = hosted
        self._request = request
        self._client = client
        self._new_id = new_id
        self._find = find
        self._run_combo = run_combo
        self._authenticated = authenticated
        self._authentication: Deferred[Any] | None = None
        self.abandoned = False

    def abandon(self) -> None:
        """The client is gone. Only the user check may be cut short; later the adapter has to hear the end."""
        self.abandoned = True
        if self._authentication is not None:
            self._authentication.cancel()

    async def run(self) -> Session | None:
        """
        The new session, not yet bound; C{None} if the attempt was abandoned.

        @raise Refusal: what the C{CONERR} is to say.
        """
        metadata, request = self._hosted.metadata, self._request
        await self._authenticate()
        if self.abandoned:
            return None
        self._authenticated()
        try:
            bandwidth = await metadata.get_allowed_max_bandwidth(request.user)
            wants_tables = await metadata.wants_tables_notification(request.user)
        except Exception as error:
            raise self._unexpected(error) from error
        if self.abandoned:
            return None
        session_id = await self._announce()
        if session_id is None:
            return None
        try:
            return await self._build(session_id, bandwidth, wants_tables)
        finally:
            del self._hosted.announced[session_id]

    async def _build(self, session_id: str, bandwidth: float, wants_tables: bool) -> Session | None:
        """From here on the adapter has to hear the end of the session, whatever happens."""
        session = Session(
            self._around,
            self._hosted,
            session_id,
            self._request,
            self._client,
            bandwidth if bandwidth > 0 else math.inf,
            wants_tables,
        )
        try:
            await self._complete(session)
            if self._hosted.announced[session_id]:
                raise self._hosted.announced[session_id][0]
            if session.closed:
                # Its time was up, or too much waits already: nothing must bind it any more.
                raise refuse(SessionCode.INTERNAL_ERROR)
        except Exception:
            session.vanish("creation refused")
            raise
        if self.abandoned:
            session.vanish("client gone")
            return None
        return session

    async def _authenticate(self) -> None:
        request, client = self._request, self._client
        self._authentication = Deferred.fromCoroutine(self._notify_user())
        try:
            await self._authentication
        except CancelledError as error:
            if not self.abandoned:
                raise self._unexpected(error) from error
        except ResourceUnavailableError as error:
            raise refuse(SessionCode.USER_CHECK_UNAVAILABLE) from error
        except AccessError as error:
            _log.info("user {user!r} refused: {error}", user=request.user, error=error, client=client.remote_ip)
            raise refuse(SessionCode.USER_CHECK_FAILED) from error
        except CreditsError as error:
            raise Refusal.of_credits(error) from error
        except Exception as error:
            raise self._unexpected(error) from error
        finally:
            self._authentication = None

    async def _notify_user(self) -> None:
        request, client = self._request, self._client
        await self._hosted.metadata.notify_user(
            request.user, request.password, client.headers, client.principal, client.use_client_auth
        )

    async def _announce(self) -> str | None:
        """
        Tell the adapter of the session, and make room for it if the adapter says so.

        @return: its id, C{None} if the attempt was abandoned meanwhile.
        """
        for _ in range(MAX_CONFLICTS):
            session_id = self._new_id()
            self._hosted.announced[session_id] = []
            try:
                await self._notify_new_session(session_id)
                return session_id
            except ConflictingSessionError as error:
                conflict = error
                del self._hosted.announced[session_id]
                other = self._find(error.conflicting_session_id)
                if other is None or other.hosted is not self._hosted:
                    break
                other.close(SessionCode.REPLACED_BY_USER, SessionCode.REPLACED_BY_USER.text)
                await other.over
                if self.abandoned:
                    return None
            except Refusal:
                del self._hosted.announced[session_id]
                raise
        raise Refusal.of_credits(conflict)

    async def _notify_new_session(self, session_id: str) -> None:
        try:
            await self._hosted.metadata.notify_new_session(self._request.user, session_id, self._context())
        except ConflictingSessionError:
            raise
        except CreditsError as error:
            raise Refusal.of_credits(error) from error
        except NotificationError as error:
            raise refuse(SessionCode.INTERNAL_ERROR) from error
        except Exception as error:
            raise self._unexpected(error) from error

    def _context(self) -> dict[str, Any]:
        """What the adapter is told of the client (adapters-api.md 3.2)."""
        client = self._client
        return {
            "REMOTE_IP": client.remote_ip,
            "REMOTE_PORT": str(client.remote_port),
            "USER_AGENT": client.user_agent,
            "FORWARDING_INFO": client.forwarding_info,
            "LOCAL_SERVER": client.server_name,
            "CLIENT_TYPE": None,
            "CLIENT_VERSION": self._request.client_id,
            "HTTP_HEADERS": client.headers,
        }

    async def _complete(self, session: Session) -> None:
        try:
            seconds = await self._hosted.metadata.get_session_time_to_live(session.user, session.id)
        except Exception as error:
            raise self._unexpected(error) from error
        limits = [seconds * 1000] if seconds > 0 else []
        if self._around.settings.max_session_duration_minutes:
            limits.append(self._around.settings.max_session_duration_minutes * 60_000)
        if limits:
            session.limit_duration(min(limits))
        try:
            await self._run_combo(session, self._request)
        except Refusal as refusal:
            raise Refusal(SessionCode.COMBO_FAILED, COMBO_FAILED_PREFIX + refusal.text) from refusal

    def _unexpected(self, error: BaseException) -> Refusal:
        _log.error(
            "adapter set {set}: session of {user!r} failed in the Metadata Adapter: {error!r}",
            set=self._hosted.id,
            user=self._request.user,
            error=error,
        )
        return refuse(SessionCode.METADATA_ADAPTER_EXCEPTION)
