"""Adapters for one-line descriptions."""

from typing import Any

from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.adapters.providers import DataProvider


class Feed(DataProvider):
    def subscribe(self, item_name: str) -> None: ...
    def unsubscribe(self, item_name: str) -> None: ...


class Rules(LiteralBasedProvider):
    pass


def made_by_a_function() -> Any:
    return Feed()


NOT_A_CLASS = 3
