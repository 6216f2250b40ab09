"""
On the import path of servers that tests start while coverage is measured.

C{twistd} kills itself with the signal that stopped it, and a server that gives up
leaves by C{os._exit}: either way coverage would lose what it has seen.
"""

import os
from collections.abc import Callable
from typing import Any

import coverage
from twisted.application import app


def saving(leave: Callable[..., Any]) -> Callable[..., Any]:
    """C{leave}, after the data were saved."""

    def saved(*arguments: Any) -> Any:
        current = coverage.Coverage.current()
        if current is not None:
            current.save()
        return leave(*arguments)

    return saved


os._exit = saving(os._exit)
app._exitWithSignal = saving(app._exitWithSignal)
