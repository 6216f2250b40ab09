"""
An adapter set as the engine hosts it: its feeds, and what its Metadata Adapter may ask for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from lsserver.adapters.adapter_set import AdapterSet
from lsserver.adapters.interfaces import IMetadataControlListener
from lsserver.engine.feed import Feed
from lsserver.engine.refusal import Refusal
from lsserver.tlcp.codes import SessionCode

if TYPE_CHECKING:
    from lsserver.engine.flusher import Flusher
    from lsserver.engine.session import Session
    from lsserver.engine.settings import EngineSettings
    from lsserver.engine.wheel import Wheel


@implementer(IMetadataControlListener)
class HostedSet:
    """
    @ivar feeds: by the name of the Data Adapter.
    @ivar announced: ids of sessions that the adapter knows and that are not
        complete yet, with what it wants them closed for.
    @param find: the session of an id, of any set.
    @param failed: told when an adapter is beyond repair.
    """

    def __init__(
        self,
        adapter_set: AdapterSet,
        settings: EngineSettings,
        wheel: Wheel,
        flusher: Flusher,
        find: Callable[[str], Session | None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self.id = adapter_set.id
        self.adapter_set = adapter_set
        self.metadata = adapter_set.metadata
        self.sequentialize = adapter_set.sequentialize_table_notifications
        self.feeds = {
            name: Feed(handle, adapter_set.metadata, settings, wheel, flusher, failed)
            for name, handle in adapter_set.data.items()
        }
        self.announced: dict[str, list[Refusal]] = {}
        self._find = find
        self._failed = failed

    async def start(self) -> None:
        """Initialise the adapters."""
        await self.adapter_set.start(self, self.feeds.__getitem__)

    def force_session_termination(
        self, session_id: str, cause_code: int | None = None, cause_message: str | None = None
    ) -> Deferred[None]:
        """
        Close a session of this set; an unknown one is no error (adapters-api.md 10).

        @param cause_code: zero or negative; a positive one becomes zero.
        """
        if cause_code is None:
            cause = Refusal(SessionCode.CLOSED_BY_SERVER, SessionCode.CLOSED_BY_SERVER.text)
        else:
            cause = Refusal(min(cause_code, 0), cause_message or "")
        session = self._find(session_id)
        if session is not None and session.hosted is self:
            session.close(cause.code, cause.text)
        elif session_id in self.announced:
            self.announced[session_id].append(cause)
        return succeed(None)

    def failure(self, exception: BaseException) -> None:
        """The Metadata Adapter is beyond repair."""
        self._failed(exception)
