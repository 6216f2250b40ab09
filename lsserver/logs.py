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


OF_TWISTED = frozenset({"log_failure", "log_flattened", "log_system"})
"""What an event may have that makes more of its line than a time, a category, a level and a text."""

_time_of_second = lru_cache(maxsize=1)(formatTime)


def _time(when: float | None) -> str:
    # Times are rounded to microseconds there.
    return formatTime(when) if when is None else _time_of_second(int(round(when, 6)))


def as_text(event: LogEvent) -> str | None:
    """
    A line as Twisted's logs have it. Where there are a thousand of them a second, since sessions come, Twisted's own
    way to one is an eighth of what a session costs: for the time of day, and for a formatter of fields in Python.
    """
    if OF_TWISTED.isdisjoint(event):
        try:
            text = event["log_format"].format_map(event).replace("\n", "\n\t")
            when = _time(event["log_time"])
            return f"{when} [{event['log_namespace']}#{event['log_level'].name}] {text}\n" if text else None
        except Exception:
            # Twisted can do more, such as to call what is in a field, and says what is wrong with an event.
            pass
    return formatEventAsClassicLogText(event, _time)


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
