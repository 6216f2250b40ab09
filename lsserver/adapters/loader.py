"""
Where adapter sets come from: folders with an C{adapters.xml}, one-line
descriptions, Twisted plugins (adapters-api.md 20).
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from twisted.logger import Logger
from twisted.plugin import getPlugins

from lsserver.adapters import xmlfile
from lsserver.adapters.adapter_set import AdapterOptions, AdapterSet, SetOptions
from lsserver.adapters.errors import LoadError
from lsserver.adapters.interfaces import IAdapterSetPlugin
from lsserver.adapters.invocation import CallSettings
from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.adapters.namespace import Namespace
from lsserver.adapters.one_line import OneLine
from lsserver.adapters.resolving import BuiltIn, described, new_adapter

CONFIGURATION = "adapters.xml"
"""The file that makes a folder an adapter set."""

SHARED = "shared"
"""The folder, beside those of the sets, with modules that all of them may import."""

YES = ("yes", "y", "true")
NO = ("no", "n", "false")

_log = Logger(namespace="LightstreamerLogger.init")
_NO_BUILT_IN: Mapping[str, BuiltIn] = {}
_shared: dict[Path, Namespace] = {}


def environment(prefix: str = "env.") -> dict[str, str]:
    """The variables for L{load_folder} which make C{$env.NAME} stand for the environment's C{NAME}."""
    return {f"{prefix}{name}": value for name, value in os.environ.items()}


def load_folder(
    path: Path,
    *,
    variables: Mapping[str, str] | None = None,
    shared: Path | None = None,
    built_in: Mapping[str, BuiltIn] = _NO_BUILT_IN,
    calls: CallSettings | None = None,
    reactor: Any = None,
) -> AdapterSet:
    """
    The adapter set of a folder.

    C{adapter_class} is C{package.module:Class} or C{package.module.Class}; modules
    are looked for in C{install_dir}, the folder itself, its C{lib} and C{classes},
    the shared folder, and where Python looks. Without C{metadata_provider} the
    set gets a L{LiteralBasedProvider}.

    @param variables: see L{xmlfile.read}.
    @param shared: the shared folder; C{None} = C{shared} beside the set, if it is there.
    @param built_in: adapters that C{adapter_class} may name by a keyword.
    @raise LoadError: one line that names the file and what is wrong with it.
    """
    file = path / CONFIGURATION
    conf = xmlfile.read(file, variables)
    try:
        common = shared or path.absolute().parent / SHARED
        return _load(path, conf, _namespace_of(common) if common.is_dir() else None, built_in, calls, reactor)
    except LoadError as error:
        raise LoadError(f"{file}: {error}") from error


def scan(
    directory: Path,
    *,
    variables: Mapping[str, str] | None = None,
    shared: Path | None = None,
    built_in: Mapping[str, BuiltIn] = _NO_BUILT_IN,
    calls: CallSettings | None = None,
    reactor: Any = None,
) -> list[AdapterSet]:
    """
    The adapter sets in the folders of a folder, by name of the folder. One that
    has an C{adapters.xml} itself is a set too.

    @param shared: as for L{load_folder}; also C{built_in}.
    @raise LoadError: says everything that is wrong.
    """
    try:
        folders = [directory, *sorted(entry for entry in directory.iterdir() if entry.is_dir())]
    except OSError as error:
        raise LoadError(f"{directory}: {error.strerror}") from error
    found: dict[str, AdapterSet] = {}
    wrong: list[str] = []
    for folder in folders:
        if not (folder / CONFIGURATION).is_file():
            continue
        try:
            one = load_folder(
                folder, variables=variables, shared=shared, built_in=built_in, calls=calls, reactor=reactor
            )
        except LoadError as error:
            wrong.append(str(error))
            continue
        if one.id in found:
            wrong.append(f"{folder / CONFIGURATION}: another adapter set here has the id {one.id}")
        found[one.id] = one
    if wrong:
        raise LoadError("; ".join(wrong))
    return list(found.values())


def from_plugins() -> list[AdapterSet]:
    """
    The adapter sets of all L{IAdapterSetPlugin}s in C{twisted.plugins}.

    @raise LoadError: a plugin fails, or makes something else.
    """
    found = []
    for plugin in getPlugins(IAdapterSetPlugin):
        name = type(plugin).__qualname__
        try:
            one = plugin.adapter_set()
        except Exception as error:
            raise LoadError(f"plugin {name}: {described(error)}") from error
        if not isinstance(one, AdapterSet):
            raise LoadError(f"plugin {name}: adapter_set has returned a {type(one).__name__}")
        found.append(one)
    return found


def from_option(text: str, *, calls: CallSettings | None = None, reactor: Any = None) -> AdapterSet:
    r"""
    The adapter set that one line describes, such as::

        DEMO,data=feed:Quotes:QUOTES,metadata=feed:Rules,QUOTES.speed=2,param.debug=yes

    First the id, then in any order, separated by commas:

      - C{data=module:Class} is the Data Adapter C{DEFAULT},
        C{data=module:Class:NAME} one with a name; at least one.
      - C{metadata=module:Class}; a L{LiteralBasedProvider} if it is missing.
      - C{param.x=y}: parameter C{x} of all adapters of the set.
      - C{metadata.x=y} and C{NAME.x=y}: of one of them.
      - C{blocking=yes}: call all of them in threads, C{blocking=no}: none.

    C{\,} is a comma in a value. Modules are looked for where Python looks, then in
    the current folder.

    @raise LoadError: says which part is wrong.
    """
    line = _Line()
    set_id = line.read(text)
    return line.adapter_set(set_id, calls, reactor)


class _Line(OneLine):
    """Adapters that are classes."""

    example = "ID,data=module:Class"
    keys = "metadata, blocking"

    def __init__(self) -> None:
        super().__init__()
        self._metadata: str | None = None
        self._blocking: bool | None = None

    def take(self, key: str, value: str) -> bool:
        if key == "data":
            module, colon, rest = value.strip().partition(":")
            path, _, adapter = rest.partition(":")
            self.add_data(value, adapter, f"{module}:{path}" if colon else module)
        elif key == "metadata":
            self._metadata = value.strip()
        elif key == "blocking":
            answer = value.strip().lower()
            if answer not in YES + NO:
                raise LoadError(f"blocking must be yes or no, not {value!r}")
            self._blocking = answer in YES
        else:
            return False
        return True

    def adapter_set(self, set_id: str, calls: CallSettings | None, reactor: Any) -> AdapterSet:
        metadata: Any = (
            LiteralBasedProvider() if self._metadata is None else new_adapter(self._metadata, _import_from_here)
        )
        options = SetOptions(metadata=self._options("metadata"), data={name: self._options(name) for name in self.data})
        if self._metadata is None:
            _warn_of_default(set_id, options.metadata.parameters)
        data = {name: new_adapter(text, _import_from_here) for name, text in self.data.items()}
        return AdapterSet(set_id, metadata, data, options=options, calls=calls, reactor=reactor)

    def _options(self, adapter: str) -> AdapterOptions:
        return AdapterOptions(parameters=self.chosen(adapter), blocking=self._blocking)


def _import_from_here(name: str) -> ModuleType:
    top = name.partition(".")[0]
    try:
        public = importlib.util.find_spec(top) is not None
    except ValueError:
        # A module without a spec, such as __main__.
        public = True
    return importlib.import_module(name) if public else _namespace_of(Path.cwd()).import_module(name)


def _load(
    folder: Path,
    conf: xmlfile.SetElement,
    shared: Namespace | None,
    built_in: Mapping[str, BuiltIn],
    calls: CallSettings | None,
    reactor: Any,
) -> AdapterSet:
    providers = [] if conf.metadata is None else [conf.metadata]
    providers.extend(conf.data.values())
    own = [_folder(folder, provider) for provider in providers if not provider.dedicated]
    common = Namespace(_code_folders(*own, folder), shared)

    def made(provider: xmlfile.ProviderElement, where: str) -> Any:
        if provider.adapter_class in built_in:
            return built_in[provider.adapter_class](provider is conf.metadata)
        namespace = (
            Namespace(_code_folders(_folder(folder, provider), folder), shared) if provider.dedicated else common
        )
        try:
            return new_adapter(provider.adapter_class, namespace.import_module)
        except LoadError as error:
            raise LoadError(f"{where}: {error}") from error

    def options(provider: xmlfile.ProviderElement) -> AdapterOptions:
        return AdapterOptions(
            parameters=provider.parameters, folder=_folder(folder, provider), blocking=provider.blocking
        )

    if conf.metadata is None:
        metadata: Any = LiteralBasedProvider()
        metadata_options = AdapterOptions(folder=folder)
        _warn_of_default(conf.id, {})
    else:
        metadata = made(conf.metadata, "metadata_provider")
        metadata_options = options(conf.metadata)
    return AdapterSet(
        conf.id,
        metadata,
        {name: made(provider, f"data_provider {name}") for name, provider in conf.data.items()},
        options=SetOptions(
            metadata=metadata_options,
            data={name: options(provider) for name, provider in conf.data.items()},
            metadata_adapter_initialised_first=_metadata_first(conf, built_in),
            sequentialize_table_notifications=conf.sequentialize_table_notifications,
            adapter_set_pool=conf.adapter_set_pool,
            authentication_pool=conf.authentication_pool,
            messages_pool=conf.messages_pool,
            data_pools=conf.data_pools,
        ),
        calls=calls,
        reactor=reactor,
    )


def _metadata_first(conf: xmlfile.SetElement, built_in: Mapping[str, BuiltIn]) -> bool:
    """
    Unless the file says it: yes, but not where the Metadata Adapter waits for
    another process, which may want to reach the Data Adapters too.
    """
    if conf.metadata_adapter_initialised_first is not None:
        return conf.metadata_adapter_initialised_first
    return conf.metadata is None or conf.metadata.adapter_class not in built_in


def _folder(folder: Path, provider: xmlfile.ProviderElement) -> Path:
    return (folder if provider.install_dir is None else folder / provider.install_dir).absolute()


def _code_folders(*folders: Path) -> list[Path]:
    all_of_them = [part for folder in folders for part in (folder, folder / "lib", folder / "classes")]
    return list(dict.fromkeys(part.absolute() for part in all_of_them))


def _namespace_of(folder: Path) -> Namespace:
    """The one namespace of a folder whose modules are loaded once for all sets."""
    folder = folder.resolve()
    if folder not in _shared:
        _shared[folder] = Namespace([folder])
    return _shared[folder]


def _warn_of_default(set_id: str, parameters: Mapping[str, str]) -> None:
    if not any(name.startswith("item_family_") for name in parameters):
        _log.warn(
            "adapter set {id}: neither a Metadata Adapter nor item families are configured; "
            "every item may be subscribed in every mode",
            id=set_id,
        )
