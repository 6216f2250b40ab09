"""From the text that names an adapter class to an adapter."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from lsserver.adapters.errors import LoadError

_OURS = Path(__file__).parent
"""What happens in these modules is not where an adapter is wrong."""

BuiltIn: TypeAlias = Callable[[bool], Any]
"""Makes a built-in adapter, given whether it is to be a Metadata Adapter."""

BUILT_IN = ("MONITOR", "PROXY_FOR_REMOTE_ADAPTER", "ROBUST_PROXY_FOR_REMOTE_ADAPTER")
"""Keywords that the official server takes for a class."""

_JAVA_CLASSES = {
    "com.lightstreamer.adapters.metadata.LiteralBasedProvider": "lsserver.adapters.literal:LiteralBasedProvider",
}


def new_adapter(text: str, import_module: Callable[[str], ModuleType] = importlib.import_module) -> Any:
    """
    An adapter of the class that C{text} names.

    @param text: C{package.module:Class} or C{package.module.Class}.
    @param import_module: where to look.
    @raise LoadError: there is no such class, or it cannot be created without arguments.
    """
    if text in BUILT_IN:
        raise LoadError(f"the built-in adapter {text} does not exist in this server")
    module_name, colon, path = _JAVA_CLASSES.get(text, text).partition(":")
    if not colon:
        module_name, _, path = module_name.rpartition(".")
    if not module_name or not path:
        raise LoadError(f"adapter class {text!r} must be written package.module:Class")
    try:
        found: Any = import_module(module_name)
    except Exception as error:
        raise LoadError(f"module {module_name} cannot be imported: {described(error)}") from error
    for name in path.split("."):
        if not hasattr(found, name):
            raise LoadError(f"module {module_name} has no class {path}")
        found = getattr(found, name)
    if not callable(found):
        raise LoadError(f"{text} is not a class")
    try:
        return found()
    except Exception as error:
        raise LoadError(f"{path} cannot be created: {described(error)}") from error


def described(error: BaseException) -> str:
    """What went wrong and where, in one line."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if "importlib" not in frame.filename and Path(frame.filename).parent != _OURS]
    where = f" ({inside[-1].filename}, line {inside[-1].lineno})" if inside else ""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}{where}"
