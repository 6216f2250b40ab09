"""
Which pages may use the server from a browser, and what browsers are told about it
(tlcp.md 2.10).

The check is no authentication: whatever is no browser says what it likes.
"""

from __future__ import annotations

from dataclasses import dataclass

from lsserver.transport.settings import AllowAccessFrom, CrossDomainPolicy

_DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443"}
METHODS = "POST, GET, OPTIONS"

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    @ivar allowed: the request may be answered.
    @ivar headers: to add to the answer.
    """

    allowed: bool
    headers: Headers = ()


NATIVE = Verdict(True)
"""No C{Origin}: not a page of another site."""

REFUSED = Verdict(False, (("Vary", "Origin"),))


class OriginCheck:
    """Decides by a policy."""

    def __init__(self, policy: CrossDomainPolicy) -> None:
        self._rules = policy.allow_access_from
        self._any = any(rule.scheme == rule.host == rule.port == "*" for rule in self._rules)
        self._credentials = policy.accept_credentials
        extra = ", ".join(name for name in policy.accept_extra_headers.replace(",", " ").split())
        self._preflight: Headers = (
            ("Access-Control-Allow-Methods", METHODS),
            *((("Access-Control-Allow-Headers", extra),) if extra else ()),
            ("Access-Control-Max-Age", str(policy.options_max_age)),
        )

    def check(self, origin: str | None, host: str | None) -> Verdict:
        """
        @param origin: the C{Origin} header.
        @param host: the C{Host} header: pages from there are always allowed.
        """
        if origin is None:
            return NATIVE
        if not (self._any or self._allowed(origin, host)):
            return REFUSED
        headers: Headers = (("Access-Control-Allow-Origin", origin), ("Vary", "Origin"))
        if self._credentials:
            headers += (("Access-Control-Allow-Credentials", "true"),)
        return Verdict(True, headers)

    def preflight(self, origin: str | None, host: str | None) -> Verdict:
        """As L{check}, for an C{OPTIONS} request of the browser itself."""
        verdict = self.check(origin, host)
        if not verdict.allowed or verdict is NATIVE:
            return verdict
        return Verdict(True, verdict.headers + self._preflight)

    def _allowed(self, origin: str, host: str | None) -> bool:
        parts = _split(origin)
        if parts is None:
            return False
        scheme, name, port = parts
        if host is not None and (name, port) == _authority(host.lower(), scheme):
            return True
        return any(_matches(rule, scheme, name, port) for rule in self._rules)


def _matches(rule: AllowAccessFrom, scheme: str, host: str, port: str) -> bool:
    if rule.scheme == "*":
        if scheme not in ("http", "https"):
            return False
    elif rule.scheme.lower() != scheme:
        return False
    if rule.port not in ("*", port):
        return False
    if rule.host == "*":
        return True
    wanted = rule.host.lower().strip("[]")
    return host.endswith(wanted[1:]) if wanted.startswith("*.") else host == wanted


def _split(origin: str) -> tuple[str, str, str] | None:
    """Scheme, host and port of an origin, C{None} for C{null} and nonsense."""
    scheme, separator, authority = origin.lower().partition("://")
    if not separator or not scheme or not authority or "/" in authority or "@" in authority:
        return None
    return scheme, *_authority(authority, scheme)


def _authority(text: str, scheme: str) -> tuple[str, str]:
    """Host and port; without a port, that of the scheme."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    return host, port or _DEFAULT_PORTS.get(scheme, "")
