"""
The Python modules of an adapter set, apart from everybody else's.

Two sets may have modules of the same name, and a set may carry another version
of a library: its modules are registered under a private name. In them an
import looks in the set's folders first, then in the folder that all sets share,
then where imports look otherwise. This holds for C{import} statements at any
time; C{importlib.import_module} with an absolute name does not know the set.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

_PREFIX = "lsserver_adapter_set_"
_numbers = count(1)


class Namespace:
    """
    @ivar name: the private package that holds the modules.
    """

    def __init__(self, folders: Sequence[Path], parent: Namespace | None = None) -> None:
        """
        @param folders: where to look, in this order.
        @param parent: where to look next.
        """
        self.name = f"{_PREFIX}{next(_numbers)}"
        self._folders = [str(folder) for folder in folders]
        self._parent = parent
        package = ModuleType(self.name, "Modules of an adapter set.")
        package.__path__ = self._folders
        sys.modules[self.name] = package
        self.builtins: dict[str, Any] = {**vars(builtins), "__import__": self._import}
        _finder.namespaces[self.name] = self

    def import_module(self, name: str) -> ModuleType:
        """
        @raise ImportError: it is nowhere; whatever else the module raises.
        """
        owner = self._owner(name)
        return importlib.import_module(name if owner is None else f"{owner.name}.{name}")

    def _owner(self, name: str) -> Namespace | None:
        """The namespace that has the top-level package of a module, if it is not a public one."""
        top = name.partition(".")[0]
        namespace: Namespace | None = self
        while namespace is not None:
            if f"{namespace.name}.{top}" in sys.modules:
                return namespace
            spec = PathFinder.find_spec(top, namespace._folders)
            # A folder without __init__.py is a package only if nothing else is meant.
            if spec is not None and (spec.origin is not None or _find_public(top) is None):
                return namespace
            namespace = namespace._parent
        return None

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        owner = self._owner(name) if level == 0 else None
        if owner is None:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        private = f"{owner.name}.{name}"
        if fromlist:
            return builtins.__import__(private, globals, locals, fromlist, 0)
        importlib.import_module(private)
        return sys.modules[f"{owner.name}.{name.partition('.')[0]}"]


class _PrivateLoader(SourceFileLoader):
    """Gives a module the imports of its namespace."""

    namespace: Namespace

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = self.namespace.builtins
        super().exec_module(module)


class _Finder(MetaPathFinder):
    """Finds modules by their private names."""

    def __init__(self) -> None:
        self.namespaces: dict[str, Namespace] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        namespace = self.namespaces.get(fullname.partition(".")[0])
        if namespace is None or path is None:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            loader = _PrivateLoader(spec.loader.name, spec.loader.path)
            loader.namespace = namespace
            spec.loader = loader
        return spec


def _find_public(top: str) -> object:
    """What a top-level name means outside of all adapter sets."""
    if top in sys.modules:
        return sys.modules[top]
    return importlib.util.find_spec(top)


_finder = _Finder()
sys.meta_path.insert(0, _finder)
