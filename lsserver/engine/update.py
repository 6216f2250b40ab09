"""
One state of one item as the clients of a view are to have it.

What is per update may be rich, what is per subscriber must be almost nothing:
an L{Update} is made once, and the list that takes a client from the vector it
holds to this one is made once for each such vector, then shared as bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lsserver.engine.dialect import Vector

MAX_SHARED_LINES = 256
"""
Lines kept for one step. Subscription ids of long lived clients differ, and a
state that never changes would gather a line for each of them.
"""

MAX_STEPS = 256
"""
Steps kept to one state. A row that never changes, behind one that always does, would gather
a step for each newcomer.
"""


class Receiver(Protocol):
    """What L{lsserver.engine.view.View.line} needs to know of a slot."""

    sent: Vector | None
    prefix: bytes
    diffs: int


class Step:
    """How to get from one vector to another: the list, and the lines made of it."""

    __slots__ = ("base", "body", "lines", "redundant", "result")

    def __init__(self, base: Vector | None, target: Vector, body: bytes, result: Vector) -> None:
        # The base is kept so that its id, which is the key of the step, stays its own.
        self.base = base
        self.body = body
        self.result = result
        self.redundant = base == target
        self.lines: dict[bytes, bytes] = {}


class Update:
    """
    A vector on its way to clients.

    @ivar vector: one token for each field of the view's schema.
    @ivar steps: by C{id(base) * 4 + diffs}, see L{lsserver.engine.view.View.line}; C{None} if there are none.
    @ivar key: COMMAND only, the key of the row.
    @ivar command: COMMAND only, C{ADD}, C{UPDATE} or C{DELETE}.
    """

    __slots__ = ("_variant", "command", "key", "steps", "vector")

    def __init__(self, vector: Vector, key: str = "", command: str = "") -> None:
        self.vector = vector
        self.steps: dict[int, Step] | None = None
        self.key = key
        self.command = command
        self._variant: Update | None = None

    def variant(self, command: str, token: bytes, position: int) -> Update:
        """The same row under another command; C{position} is where the view has the command."""
        if self.command == command:
            return self
        if self._variant is None or self._variant.command != command:
            vector = self.vector
            self._variant = Update((*vector[:position], token, *vector[position + 1 :]), self.key, command)
        return self._variant
