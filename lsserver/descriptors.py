"""Room for connections: the process's limit of open files."""

from __future__ import annotations

from twisted.logger import Logger

try:
    import resource
except ImportError:  # pragma: no cover
    resource = None  # type: ignore[assignment]

_log = Logger(namespace="LightstreamerLogger.init")


def raise_limit() -> int | None:
    """
    As many open files as the system lets the process have, since each connection is one.

    @return: how many these are; C{None} where there is no such limit, or it cannot be known.
    """
    if resource is None:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError) as error:
            _log.warn("the limit of open files stays {soft}: {error}", soft=soft, error=error)
    return None if soft == resource.RLIM_INFINITY else soft
