"""
Those of a group who get the very same bytes.

Most sessions of a large fan-out have nothing to write but what their groups have for them. What they were sent is
noted once for each group (L{lsserver.engine.journal}), so that of such a session nothing needs to be touched when it
is written to, but what sends: it rides. When something else comes up for it (a line of its own, a full socket)
it walks: it leaves the convoys of all its groups, its own log is brought up to date
(L{lsserver.engine.outlet}), and it is written to like any other; it rides again after some writes of that kind.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from twisted.logger import Logger

if TYPE_CHECKING:
    from lsserver.engine.connection import Framing, Sender
    from lsserver.engine.slots.base import Slot
    from lsserver.engine.stream import Stream

Fallen = tuple["Stream", bytes, int]
"""Who has not taken all of a frame, the frame, and how much it has taken; -1 = it could not be tried."""

_log = Logger(namespace="LightstreamerLogger.pump")


class Convoy:
    """
    @ivar framing: what is put around the lines.
    @ivar prefix: what the lines begin with.
    @ivar riders: the members of the group, by what sends to them.
    @ivar sent: bytes of lines so far, counted while the group has riders with responses of limited length.
    """

    __slots__ = ("_least", "_limits", "framing", "prefix", "riders", "sent")

    def __init__(self, prefix: bytes, framing: Framing) -> None:
        self.prefix = prefix
        self.framing = framing
        self.riders: dict[Sender, Slot] = {}
        self.sent = 0
        # Of those with limits: what had been sent when that was last asked, and what may have been at most.
        self._limits: dict[Slot, tuple[int, int]] = {}
        self._least: float = math.inf

    def send(self, lists: list[bytes], fallen: list[Fallen]) -> None:
        """
        Write the same lines to all.

        @param lists: those lines without their beginnings.
        @param fallen: gets the streams that have not taken all of it.
        """
        prefix = self.prefix
        data = prefix + (lists[0] if len(lists) == 1 else prefix.join(lists))
        send_all(self.riders, self.framing.encode(data), fallen)

    # Responses of limited length

    def size(self, lists: list[bytes]) -> int:
        """Of the lines, bytes."""
        return sum(map(len, lists)) + len(self.prefix) * len(lists)

    def limit(self, slot: Slot, allowance: int) -> None:
        """A rider may be sent so many bytes from now on."""
        most = self.sent + allowance
        self._limits[slot] = self.sent, most
        self._least = min(self._least, most)

    def spent(self, slot: Slot) -> int:
        """Bytes that a rider with a limit was sent since this was last asked."""
        before, most = self._limits[slot]
        self._limits[slot] = self.sent, most
        return self.sent - before

    def unlimit(self, slot: Slot) -> None:
        """A rider leaves."""
        self._limits.pop(slot, None)

    def full(self, size: int) -> list[Slot]:
        """Those who may not be sent so many bytes."""
        after = self.sent + size
        if after <= self._least:
            return []
        self._least = min([most for _, most in self._limits.values() if most >= after], default=math.inf)
        return [slot for slot, (_, most) in self._limits.items() if most < after]


class Load:
    """
    What is to be sent in one write to each of some riders.

    @ivar lines: complete ones; the list is its own.
    @ivar framing: what is put around them.
    @ivar riders: any one of their slots, by what sends to them.
    """

    __slots__ = ("framing", "lines", "riders")

    def __init__(self, lines: list[bytes], framing: Framing, riders: dict[Sender, Slot]) -> None:
        self.lines = lines
        self.framing = framing
        self.riders = riders

    def send(self, fallen: list[Fallen]) -> None:
        """As L{Convoy.send}."""
        send_all(self.riders, self.framing.encode(b"".join(self.lines)), fallen)


LOOK_BACK = 4
"""
Loads among which one is looked for that has the same riders: a group has one for each kind of line and connection.
"""


def joined(loads: list[Load]) -> list[Load]:
    """
    The same lines in the same order for everybody, in fewer loads where several have the same riders: nearly always
    those of all items of a page, which its sessions have all subscribed to.
    """
    fewer: list[Load] = []
    for load in loads:
        riders = load.riders.keys()
        for before in fewer[: -LOOK_BACK - 1 : -1]:
            if before.riders.keys() == riders:
                before.lines += load.lines
                break
            if not riders.isdisjoint(before.riders):
                fewer.append(load)
                break
        else:
            fewer.append(load)
    return fewer


def together(loads: list[Load]) -> list[Load]:
    """The same lines in the same order for everybody, but one load only for each."""
    loads = joined(loads)
    everybody: set[Sender] = set()
    everybody.update(*[load.riders for load in loads])
    if len(everybody) == sum(len(load.riders) for load in loads):
        return loads
    # A way is what somebody gets of them: the numbers of some, the first being nothing at all.
    ways: list[tuple[int, ...]] = [()]
    way_of: dict[Sender, int] = {}
    for number, load in enumerate(loads):
        longer: dict[int, int] = {}
        for sender in load.riders:
            before = way_of.get(sender, 0)
            way = longer.get(before)
            if way is None:
                way = longer[before] = len(ways)
                ways.append((*ways[before], number))
            way_of[sender] = way
    riders: list[dict[Sender, Slot]] = [{} for _ in ways]
    for sender, way in way_of.items():
        riders[way][sender] = loads[ways[way][0]].riders[sender]
    return [
        Load([line for number in way for line in loads[number].lines], loads[way[0]].framing, those)
        for way, those in zip(ways, riders, strict=True)
        if those
    ]


def send_all(riders: dict[Sender, Slot], frame: bytes, fallen: list[Fallen]) -> None:
    """
    Send the same to many. The memory of a thousand sessions is in no cache, so nothing is touched but what sends.
    """
    length = len(frame)
    for sender in riders:
        try:
            taken = sender.send(frame)
        except OSError:
            # No room in the socket; or it is broken, which the reactor finds out by itself.
            taken = 0
        except Exception:
            _log.failure("writing to a session failed")
            taken = -1
        if taken != length:
            fallen.append((riders[sender].stream, frame, taken))
