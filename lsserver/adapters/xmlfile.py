"""
C{adapters.xml} as typed values (adapters-api.md 20). Names are case-sensitive,
an empty value is one that is not given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from twisted.logger import Logger

from lsserver.adapters.errors import LoadError
from lsserver.adapters.pools import PoolSettings

_log = Logger(namespace="LightstreamerLogger.init")

_SET_ELEMENTS = frozenset({"metadata_adapter_initialised_first", "adapter_set_pool"})
_METADATA_ELEMENTS = frozenset(
    {"authentication_pool", "messages_pool", "mpn_pool", "sequentialize_table_notifications"}
)
_DATA_ELEMENTS = frozenset({"data_adapter_pool"})
_PROVIDER_ELEMENTS = frozenset({"adapter_class", "install_dir", "classloader", "blocking"})
_POOL_ELEMENTS = frozenset({"max_size", "max_free", "max_pending_requests", "max_queue"})
_REMOTE_POOL_ELEMENTS = {"max_pending_remote_requests": "max_pending_requests"}
"""What the official file calls it where adapters are remote ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderElement:
    """
    A C{metadata_provider} or C{data_provider} element.

    @ivar install_dir: relative to the folder of the set.
    @ivar dedicated: the adapter does not share its modules with the set.
    @ivar blocking: an element of ours: call the adapter in threads (Y) or not (N).
    """

    adapter_class: str
    parameters: Mapping[str, str]
    install_dir: str | None = None
    dedicated: bool = False
    blocking: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetElement:
    """
    An C{adapters_conf} element; C{metadata} and C{metadata_adapter_initialised_first}
    are C{None} when the file has none.
    """

    id: str
    metadata: ProviderElement | None
    data: Mapping[str, ProviderElement]
    metadata_adapter_initialised_first: bool | None = None
    sequentialize_table_notifications: bool = False
    adapter_set_pool: PoolSettings | None = None
    authentication_pool: PoolSettings | None = None
    messages_pool: PoolSettings | None = None
    data_pools: Mapping[str, PoolSettings]


def read(path: Path, variables: Mapping[str, str] | None = None) -> SetElement:
    """
    @param variables: what C{$name} stands for as a whole value, where an unknown
        name is a value that is not given; C{None} = C{$name} is text.
    @raise LoadError: names file and element.
    """
    try:
        root = ElementTree.fromstring(path.read_bytes(), ElementTree.XMLParser(target=_NoDoctype()))
        return _Reader(path, variables).adapters_conf(root)
    except (ElementTree.ParseError, OSError, LoadError) as error:
        raise LoadError(f"{path}: {error}") from error


class _NoDoctype(ElementTree.TreeBuilder):
    """Entities are declared in a document type; none is needed here."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise LoadError("a document type declaration is not allowed")


class _Reader:
    def __init__(self, path: Path, variables: Mapping[str, str] | None) -> None:
        self._path = path
        self._variables = variables

    def adapters_conf(self, root: Element) -> SetElement:
        if root.tag != "adapters_conf":
            raise LoadError(f"the root element must be adapters_conf, not {root.tag}")
        set_id = self._attribute(root, "id")
        if set_id is None:
            raise LoadError("adapters_conf has no id")
        providers = ("metadata_provider", "data_provider")
        # The official file has some of these in metadata_provider, older ones did not.
        inside = self._children(root, _SET_ELEMENTS | _METADATA_ELEMENTS, providers)
        elements = root.findall("metadata_provider")
        if len(elements) > 1:
            raise LoadError("there is more than one metadata_provider")
        metadata = None
        for element in elements:
            metadata = self._provider(element, "metadata_provider", _METADATA_ELEMENTS)
            inside = {**inside, **self._children(element, _METADATA_ELEMENTS | _PROVIDER_ELEMENTS, ("param",))}
        data: dict[str, ProviderElement] = {}
        pools: dict[str, PoolSettings] = {}
        for element in root.findall("data_provider"):
            name = self._attribute(element, "name") or "DEFAULT"
            if name in data:
                raise LoadError(f"there is more than one data_provider {name}")
            data[name] = self._provider(element, f"data_provider {name}", _DATA_ELEMENTS)
            pool = self._pool(element.find("data_adapter_pool"))
            if pool is not None:
                pools[name] = pool
        if not data:
            raise LoadError("there is no data_provider")
        return SetElement(
            id=set_id,
            metadata=metadata,
            data=data,
            metadata_adapter_initialised_first=self._flag(inside, "metadata_adapter_initialised_first"),
            sequentialize_table_notifications=self._flag(inside, "sequentialize_table_notifications") is True,
            adapter_set_pool=self._pool(inside.get("adapter_set_pool")),
            authentication_pool=self._pool(inside.get("authentication_pool")),
            messages_pool=self._pool(inside.get("messages_pool")),
            data_pools=pools,
        )

    def _provider(self, provider: Element, where: str, others: frozenset[str]) -> ProviderElement:
        try:
            inside = self._children(provider, _PROVIDER_ELEMENTS | others, ("param",))
            adapter_class = self._text(inside.get("adapter_class"))
            if adapter_class is None:
                raise LoadError("there is no adapter_class")
            parameters: dict[str, str] = {}
            for element in provider.findall("param"):
                name = self._attribute(element, "name")
                if name is None:
                    raise LoadError("a param has no name")
                value = self._text(element)
                if value is not None:
                    parameters[name] = value
            return ProviderElement(
                adapter_class=adapter_class,
                parameters=parameters,
                install_dir=self._text(inside.get("install_dir")),
                dedicated=self._text(inside.get("classloader")) == "dedicated",
                blocking=self._flag(inside, "blocking"),
            )
        except LoadError as error:
            raise LoadError(f"{where}: {error}") from error

    def _pool(self, element: Element | None) -> PoolSettings | None:
        if element is None:
            return None
        inside = self._children(element, _POOL_ELEMENTS | _REMOTE_POOL_ELEMENTS.keys(), ())
        values: dict[str, int] = {}
        for name, child in inside.items():
            text = self._text(child)
            if text is None:
                continue
            if not re.fullmatch("-?[0-9]+", text):
                raise LoadError(f"{element.tag}: {name} must be a whole number, not {text!r}")
            values[_REMOTE_POOL_ELEMENTS.get(name, name)] = int(text)
        for name in ("max_size", "max_free"):
            if values.get(name, 0) < 0:
                raise LoadError(f"{element.tag}: {name} must not be negative")
        return PoolSettings(**values) if values else None

    def _children(self, parent: Element, known: frozenset[str], cumulative: tuple[str, ...]) -> dict[str, Element]:
        """The elements that may be there once."""
        found: dict[str, Element] = {}
        for element in parent:
            if element.tag in cumulative:
                continue
            if element.tag not in known:
                _log.warn(
                    "{path}: unknown element {tag} in {parent}", path=self._path, tag=element.tag, parent=parent.tag
                )
            elif element.tag in found:
                raise LoadError(f"there is more than one {element.tag} in {parent.tag}")
            else:
                found[element.tag] = element
        return found

    def _flag(self, elements: Mapping[str, Element], name: str) -> bool | None:
        text = self._text(elements.get(name))
        if text not in (None, "Y", "N"):
            raise LoadError(f"{name} must be Y or N, not {text!r}")
        return None if text is None else text == "Y"

    def _text(self, element: Element | None) -> str | None:
        if element is None:
            return None
        return self._expanded((element.text or "").strip(), element.get("prop_prefix", "$"))

    def _attribute(self, element: Element, name: str) -> str | None:
        return self._expanded(element.get(name, ""), element.get(f"{name}_prop_prefix", "$"))

    def _expanded(self, text: str, prefix: str) -> str | None:
        if self._variables is not None and prefix and text.startswith(prefix):
            text = self._variables.get(text.removeprefix(prefix), "")
        return text or None
