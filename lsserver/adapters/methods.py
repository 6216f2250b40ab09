"""
The methods of an adapter, looked up and checked once, at load.

What an adapter may leave out is filled in; methods about items that have a
parameter C{data_adapter} are found by their signature.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from zope.interface.interface import InterfaceClass, Method

from lsserver.adapters.errors import LoadError
from lsserver.adapters.interfaces import (
    OPTIONAL_METADATA_METHODS,
    IDataProvider,
    IMetadataProvider,
    IMpnHooks,
    ISmartDataProvider,
)
from lsserver.adapters.providers import MetadataProvider

_ABOUT_ITEMS = frozenset(
    {
        "get_items",
        "get_schema",
        "ismode_allowed",
        "mode_may_be_allowed",
        "isselector_allowed",
        "isselected",
        "enable_update_customization",
        "customize_update",
        "get_allowed_max_item_frequency",
        "get_allowed_buffer_size",
        "get_min_source_frequency",
        "get_distinct_snapshot_length",
    }
)
_DEFAULTS = MetadataProvider()


class MetadataMethods:
    """
    Every method of L{IMetadataProvider} and L{IMpnHooks} as an attribute of its
    name; those about items take the Data Adapter's name as last argument.
    """

    def __init__(self, adapter: Any, label: str) -> None:
        """
        @raise LoadError: methods are missing or take other arguments.
        """
        optional = OPTIONAL_METADATA_METHODS | set(IMpnHooks)
        _check(adapter, label, (IMetadataProvider, IMpnHooks), optional)
        for name in (*IMetadataProvider, *IMpnHooks):
            method = getattr(adapter, name, None)
            if method is None and name == "notify_user_with_principal":
                method = _without_principal(adapter.notify_user)
            elif method is None:
                method = getattr(_DEFAULTS, name)
            if name in _ABOUT_ITEMS:
                method = _with_data_adapter(name, method)
            setattr(self, name, method)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        # All names are set above; this tells the type checker what they are.
        raise AttributeError(name)


class DataMethods:
    """
    Every method of L{IDataProvider} as an attribute of its name.

    @ivar smart: C{subscribe} takes a publisher (L{ISmartDataProvider}).
    """

    def __init__(self, adapter: Any, label: str) -> None:
        """
        @raise LoadError: methods are missing or take other arguments.
        """
        subscribe = getattr(adapter, "subscribe", None)
        signature = _signature(subscribe) if callable(subscribe) else None
        self.smart = ISmartDataProvider.providedBy(adapter) or (
            signature is not None and "publisher" in signature.parameters
        )
        contract = ISmartDataProvider if self.smart else IDataProvider
        _check(adapter, label, (contract,), frozenset())
        self.initialize: Callable[..., Any] = adapter.initialize
        self.set_listener: Callable[..., Any] = adapter.set_listener
        self.issnapshot_available: Callable[..., Any] = adapter.issnapshot_available
        self.subscribe: Callable[..., Any] = adapter.subscribe
        self.unsubscribe: Callable[..., Any] = adapter.unsubscribe


def _check(adapter: Any, label: str, contracts: Iterable[InterfaceClass], optional: Iterable[str]) -> None:
    """
    As C{verifyObject}, for classes that do not name the interface too, and
    with C{data_adapter} as an extra argument.

    @raise LoadError: says everything that is wrong.
    """
    wrong = []
    described = [pair for contract in contracts for pair in contract.namesAndDescriptions(all=True)]
    for name, description in (
        (name, description) for name, description in described if isinstance(description, Method)
    ):
        method = getattr(adapter, name, None)
        if method is None:
            if name not in optional:
                wrong.append(f"{name} is missing")
        elif not callable(method):
            wrong.append(f"{name} is not a method")
        elif not _fits(method, description, name):
            wrong.append(f"{name} must take ({', '.join(description.positional)})")
    if wrong:
        raise LoadError(f"{label}: {type(adapter).__name__}: {'; '.join(wrong)}")


def _fits(method: Callable[..., Any], description: Method, name: str) -> bool:
    signature = _signature(method)
    if signature is None:
        # The first call will tell.
        return True
    keywords = {"data_adapter": ""} if name in _ABOUT_ITEMS and "data_adapter" in signature.parameters else {}
    try:
        signature.bind(*description.positional, **keywords)
    except TypeError:
        return False
    return True


def _signature(method: Callable[..., Any]) -> inspect.Signature | None:
    """C{None} for built-in callables that do not tell."""
    try:
        return inspect.signature(method)
    except ValueError:
        return None


def _with_data_adapter(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    signature = _signature(method)
    if signature is not None and "data_adapter" in signature.parameters:

        def call(*args: Any) -> Any:
            return method(*args[:-1], data_adapter=args[-1])
    else:

        def call(*args: Any) -> Any:
            return method(*args[:-1])

    call.__name__ = name
    return call


def _without_principal(notify_user: Callable[..., Any]) -> Callable[..., Any]:
    def notify_user_with_principal(user: Any, password: Any, http_headers: Any, client_principal: Any) -> Any:
        return notify_user(user, password, http_headers)

    return notify_user_with_principal
