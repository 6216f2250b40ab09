"""
The contract of a wire language.

The engine holds bytes that a dialect made and never asks which dialect it is.
A session has one dialect; views are kept per value codec, so that sessions whose
languages write values alike share every encoded list.
"""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import Attribute, Interface

Vector = tuple[bytes, ...]
"""One encoded token for each field of a schema, as a client holds them."""


class IValueCodec(Interface):
    """Field values and lists of them; stateless and shared by many sessions."""

    def token(value: str | bytes | None) -> bytes:
        """The encoded form of one full value. C{bytes} are ISO-8859-1 text."""

    def text(token: bytes) -> str | None:
        """The value that L{token} encoded."""

    def body(base: Vector | None, target: Vector) -> bytes:
        """
        The list that takes a client from C{base} to C{target}, without diffs;
        C{base} C{None} = first update of the item, every field explicit.
        """

    def diff_body(
        base: Vector,
        target: Vector,
        orders: Sequence[Sequence[str]],
        supported: frozenset[str] | None,
        jsonpatch_min_length: int | None,
    ) -> tuple[bytes, Vector]:
        """
        As L{body}, with diffs where C{orders} (one list of C{"JSONPATCH"} and
        C{"DIFF_MATCH_PATCH"} per field) and C{supported} (C{P}, C{T}; C{None} =
        all) allow them. Second: the vector the client holds afterwards, which
        remembers fields that it now holds as a JSON document (tlcp.md 7.6).
        """

    def prefix(sub_id: int, item: int) -> bytes:
        """What precedes a list in an update line."""

    terminator: bytes = Attribute("What follows a list in an update line.")


class IDialect(Interface):
    """
    Notifications and responses of one wire language in one version. Every method
    gives one complete line with its terminator. Section numbers: tlcp.md.
    """

    version: str = Attribute("For logs and management, such as C{TLCP-2.5.0}.")
    values: IValueCodec = Attribute("The value codec.")
    recovery: bool = Attribute("Clients of this version recover sessions (1.3).")
    diffs: bool = Attribute("Values may be diffs (1.3).")
    temporary_refusals: bool = Attribute("C{CONERR} 5, 6 and 70 may be sent (1.3).")

    def conok(session_id: str, request_limit: int, keepalive_millis: int, control_link: str) -> bytes: ...
    def conerr(code: int, message: str) -> bytes: ...
    def end(code: int, message: str) -> bytes: ...
    def loop(millis: int) -> bytes: ...
    def servname(name: str) -> bytes: ...
    def clientip(address: str) -> bytes: ...
    def cons(bandwidth: float | None) -> bytes:
        """kbit/s, C{math.inf} = unlimited, C{None} = unmanaged."""

    def prog(progressive: int) -> bytes: ...
    def noop(text: str) -> bytes: ...
    def probe() -> bytes: ...
    def sync(seconds: int) -> bytes: ...
    def wsok() -> bytes: ...
    def reqok(req_id: str | None) -> bytes: ...
    def reqerr(req_id: str, code: int, message: str) -> bytes: ...
    def error(code: int, message: str) -> bytes: ...
    def subok(sub_id: int, items: int, fields: int) -> bytes: ...
    def subcmd(sub_id: int, items: int, fields: int, key: int, command: int) -> bytes:
        """C{key} and C{command}: 1-based positions."""

    def conf(sub_id: int, frequency: float, unfiltered: bool) -> bytes: ...
    def eos(sub_id: int, item: int) -> bytes: ...
    def cs(sub_id: int, item: int) -> bytes: ...
    def ov(sub_id: int, item: int, lost: int) -> bytes: ...
    def unsub(sub_id: int) -> bytes: ...
    def msgdone(sequence: str | None, progressive: int, response: str) -> bytes: ...
    def msgfail(sequence: str | None, progressive: int, code: int, message: str) -> bytes: ...
