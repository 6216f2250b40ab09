"""
The names of the fields of an event, apart from the values.

Most feeds name the same fields in event after event. Where the names are the same
object, nobody needs to look at them again: no hashing, no comparing, no copying.
"""

from __future__ import annotations


class Shape:
    """
    Names that many events have in common, in their order and each of them once.
    A shape equals itself only; whoever makes shapes makes one for many events.
    """

    __slots__ = ("names",)

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
