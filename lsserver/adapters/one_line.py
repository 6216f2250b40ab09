r"""
The form in which one line describes an adapter set, C{ID,name=value,…}, whatever its
adapters are made of. C{\,} is a comma in a value.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any

from lsserver.adapters.errors import LoadError

DEFAULT = "DEFAULT"
ALL = "param"
METADATA = "metadata"


class OneLine(ABC):
    """
    The parts of a line.

    @cvar example: the shortest line that says something.
    @cvar keys: what may stand before the equals sign, besides C{data} and parameters.
    @ivar data: by the name of the Data Adapter, whatever C{data=} says of it.
    @ivar parameters: owner, name and value of each, in their order.
    """

    example: str
    keys: str

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.parameters: list[tuple[str, str, str]] = []

    def read(self, text: str) -> str:
        """
        Take a line apart.

        @return: the id of the set.
        @raise LoadError: says which part is wrong.
        """
        set_id, *parts = [part.replace("\\,", ",") for part in re.split(r"(?<!\\),", text)]
        if not set_id.strip() or "=" in set_id:
            raise LoadError(f"an adapter set begins with its id: {self.example}")
        for part in parts:
            key, equals, value = part.partition("=")
            if not equals:
                raise LoadError(f"{part!r} must be written name=value")
            self._part(key.strip(), value)
        if not self.data:
            raise LoadError(f"adapter set {set_id.strip()} has no {self.example.partition(',')[2]}")
        for owner, name, _ in self.parameters:
            if owner not in (ALL, METADATA) and owner not in self.data:
                raise LoadError(f"{owner}.{name}: there is no Data Adapter {owner}")
        return set_id.strip()

    def _part(self, key: str, value: str) -> None:
        owner, dot, name = key.partition(".")
        if dot and owner and name:
            self.parameters.append((owner, name, value))
        elif not self.take(key, value):
            raise LoadError(f"{key!r} must be data, {self.keys}, param.NAME, metadata.NAME or ADAPTER.NAME")

    @abstractmethod
    def take(self, key: str, value: str) -> bool:
        """
        Take a part that is no parameter.

        @return: False if C{key} means nothing.
        """

    def add_data(self, value: str, adapter: str, content: Any) -> None:
        """A Data Adapter that C{data=value} describes; without a name it is the default one."""
        adapter = adapter or DEFAULT
        if adapter in self.data or adapter in (ALL, METADATA):
            taken = "is there twice" if adapter in self.data else "is a reserved name"
            raise LoadError(f"data={value}: Data Adapter {adapter} {taken}")
        self.data[adapter] = content

    def chosen(self, adapter: str) -> dict[str, str]:
        """The parameters of one adapter; its own win over those of all."""
        chosen = [parameter for parameter in self.parameters if parameter[0] in (ALL, adapter)]
        chosen.sort(key=lambda parameter: parameter[0] == adapter)
        return {name: value for _, name, value in chosen}
