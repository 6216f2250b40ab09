"""
Which log lines are written: a level for all of them, and levels for categories.

A category is the namespace of a L{Logger<twisted.logger.Logger>}, such as
C{LightstreamerLogger.requests}; a level for C{LightstreamerLogger} holds for all
below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.logger import FilteringLogObserver, ILogObserver, LogLevel, LogLevelFilterPredicate
from twisted.scripts.twistd import _SomeApplicationRunner


def predicate(level: str, categories: Mapping[str, str]) -> LogLevelFilterPredicate:
    """
    What decides about each line; its levels can be changed while the server runs.
    Levels are the names of L{elements.LEVELS<lsserver.elements.LEVELS>}.
    """
    decision = LogLevelFilterPredicate(defaultLogLevel=LogLevel.levelWithName(level))
    for category, least in categories.items():
        decision.setLogLevelForNamespace(category, LogLevel.levelWithName(least))
    return decision


def filtered_observer(twistd_options: Mapping[str, Any], decision: LogLevelFilterPredicate) -> ILogObserver:
    """The observer that C{twistd} would log to (standard output, a file or syslog), behind C{decision}."""

    class FilteredLogger(_SomeApplicationRunner.loggerFactory):  # type: ignore[misc,name-defined]
        def observer(self) -> ILogObserver:
            return FilteringLogObserver(self._getLogObserver(), [decision])

    observer: ILogObserver = FilteredLogger(twistd_options).observer()
    return observer
