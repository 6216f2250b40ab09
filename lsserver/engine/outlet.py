"""What the fan-out touches of each stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsserver.engine.binding import Binding
    from lsserver.engine.connection import Framing
    from lsserver.engine.convoy import Convoy
    from lsserver.engine.delivery import Batch
    from lsserver.engine.recovery import RecoveryLog


class Outlet:
    """
    It is a class of its own so that these attributes are neighbours in memory: slots are laid out by
    class, and within one by name.

    @ivar batch: what this turn's L{Delivery<lsserver.engine.delivery.Delivery>} has gathered.
    @ivar convoy: those with whom the stream is written to, C{None} if that is done for itself.
    @ivar dirty: the flusher has the stream in its list.
    @ivar framing: makes what C{send} takes.
    @ivar groups: how many of the session's slots are members of a group.
    @ivar joined: data notifications that the convoy had sent when the stream came, or was last settled.
    @ivar metered: the connection, if its length is limited.
    @ivar own_log: what was sent, except with the convoy.
    @ivar send: the short way to the socket, see L{IStreamConnection<lsserver.engine.connection.IStreamConnection>};
        C{None} while there is none, or what is written must be looked at one by one (polls, bandwidth).
    @ivar written_at: when anything was written, except with the convoy, in seconds.
    """

    __slots__ = (
        "batch",
        "convoy",
        "dirty",
        "framing",
        "groups",
        "joined",
        "metered",
        "own_log",
        "send",
        "written_at",
    )

    batch: Batch | None
    convoy: Convoy | None
    dirty: bool
    framing: Framing | None
    groups: int
    joined: int
    metered: Binding | None
    own_log: RecoveryLog
    send: Callable[[bytes], int] | None
    written_at: float

    @property
    def steady(self) -> bool:
        """Whether the one group that it is in can have it in a convoy: nothing is to be written but what that has."""
        return (
            self.groups == 1
            and self.send is not None
            and not self.dirty
            and self.metered is None
            and self.batch is None
        )

    @property
    def log(self) -> RecoveryLog:
        """What was sent, all of it."""
        if self.convoy is not None:
            self.convoy.settle(self)
        return self.own_log

    @property
    def last_write(self) -> float:
        """When anything was written, in seconds."""
        if self.convoy is not None:
            self.convoy.settle(self)
        return self.written_at
