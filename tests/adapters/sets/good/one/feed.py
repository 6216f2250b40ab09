"""Has the same name as a module of the other set."""

import colorsys
import json
import logging.handlers
from typing import Any

import everybodys
from library.inner import where
from parts import piece

from lsserver.adapters.providers import DataProvider

ORIGIN = "one"


class Feed(DataProvider):
    origin = ORIGIN
    library = where()
    shared = everybodys
    public = (json, logging.handlers, colorsys)
    size = piece.SIZE

    def subscribe(self, item_name: str) -> Any:
        import lazily

        return lazily.ORIGIN

    def unsubscribe(self, item_name: str) -> None: ...
