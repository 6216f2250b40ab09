"""
Which log lines are written: a level for all of them, and levels for categories.

A category is the namespace of a L{Logger<twisted.logger.Logger>}, such as
C{LightstreamerLogger.requests}; a level for C{LightstreamerLogger} holds for all
below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    formatEventAsClassicLogText,
    formatTime,
)
from twisted.scripts import twistd

_AppLogger: Any = twistd._SomeApplicationRunner.loggerFactory  # type: ignore[attr-defined]
"""How C{twistd} logs on this operating system."""


WEBSOCKETS = "autobahn"
"""
The library for WebSockets, which has three warnings for every client that does not keep to the rules: whoever wants to
fills the log with them. Ours has one line, for those who want to know.
"""


def predicate(level: str, categories: Mapping[str, str]) -> LogLevelFilterPredicate:
    """
    What decides about each line; its levels can be changed while the server runs.
    Levels are the names of L{elements.LEVELS<lsserver.elements.LEVELS>}.
    """
    usual = LogLevel.levelWithName(level)
    decision = LogLevelFilterPredicate(defaultLogLevel=usual)
    decision.setLogLevelForNamespace(WEBSOCKETS, max(usual, LogLevel.error))
    for category, least in categories.items():
        decision.setLogLevelForNamespace(category, LogLevel.levelWithName(least))
    return decision


_time_of_second = lru_cache(maxsize=1)(formatTime)


def as_text(event: LogEvent) -> str | None:
    """
    A line as Twisted's logs have it. Of all that it takes the time of day takes longest, and there are a thousand lines
    with the same one when a thousand sessions begin.
    """
    return formatEventAsClassicLogText(
        event, lambda when: formatTime(when) if when is None else _time_of_second(int(when))
    )


def on_terminal(twistd_options: Mapping[str, Any]) -> bool:
    """Whether the log is the standard output of a server in the foreground."""
    file = twistd_options.get("logfile")
    return bool(twistd_options.get("nodaemon", True)) and file in (None, "-") and not twistd_options.get("syslog")


class FilteredLogger(_AppLogger):  # type: ignore[misc]
    """The log of C{twistd}: standard output, a file or syslog, as its options say."""

    def observer(self, decision: LogLevelFilterPredicate) -> ILogObserver:
        """The observer of that log, behind C{decision}."""
        log = self._getLogObserver()
        if isinstance(log, FileLogObserver):
            log.formatEvent = as_text
        return FilteringLogObserver(log, [decision])
