"""The names of fields in events, decoded once for all events that have the same."""

from __future__ import annotations

from lsserver.adapters.shapes import Shape
from lsserver.remote.codec import Decoder

MAX_SHAPES = 1000
"""How many are known at a time; feeds with more pay for it with time, not with memory."""

MAX_LENGTH = 16 * 1024
"""Characters of names that are remembered."""


class Shapes:
    """The shapes that one remote uses."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], Shape] = {}

    def of(self, raw: list[str], decode: Decoder) -> Shape | None:
        """
        @param raw: names as the remote writes them, which nobody has looked at.
        @return: C{None} if an event with these needs a closer look: a name is null, is
            there twice, or is more than a name, such as a name and a value of another type.
        """
        key = tuple(raw)
        shape = self._known.get(key)
        if shape is None:
            text = "".join(key)
            if "|" in text or len(text) > MAX_LENGTH:
                return None
            names = tuple([name for name in map(decode, key) if name is not None])
            if len(set(names)) < len(key):
                return None
            if len(self._known) >= MAX_SHAPES:
                self._known.clear()
            shape = self._known[key] = Shape(names)
        return shape
