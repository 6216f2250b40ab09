"""
Lists in which a value may be a diff against the one before (tlcp.md 7.6-7.8).
"""

from __future__ import annotations

from collections.abc import Sequence

from lsserver.tlcp import json_patch, tlcp_diff
from lsserver.tlcp.values import JsonToken, Vector, body, escape, text

JSON_PATCH = "JSONPATCH"
TLCP_DIFF = "DIFF_MATCH_PATCH"
_TAGS = {JSON_PATCH: "P", TLCP_DIFF: "T"}


def diff_body(
    base: Vector,
    target: Vector,
    orders: Sequence[Sequence[str]],
    supported: frozenset[str] | None,
    jsonpatch_min_length: int | None,
) -> tuple[bytes, Vector]:
    """
    The list that takes a client from L{base} to L{target}, in which changed fields
    are diffs where that is allowed and shorter.

    @param orders: per field, the algorithms to try, in order; none for C{key} and
        C{command} of a COMMAND subscription.
    @param supported: tags that the client knows, C{None} = all.
    @param jsonpatch_min_length: JSON Patch only between values of that many
        characters at least, and only when shorter; C{None} = whenever it can be made.
    @return: the list, and what the client holds afterwards: L{target} itself unless
        some field is now held as a document.
    """
    written = list(target)
    documents: dict[int, JsonToken] = {}
    for index, (old, new, order) in enumerate(zip(base, target, orders, strict=True)):
        if new is old or new == old:
            if isinstance(old, JsonToken):
                documents[index] = old
        elif order:
            diff = _diff(old, new, order, supported, jsonpatch_min_length)
            if diff is not None:
                written[index] = diff
                if diff.startswith(b"^P"):
                    documents[index] = JsonToken(new)
    if documents:
        target = tuple([documents.get(index, new) for index, new in enumerate(target)])
    # No token of a value starts like a diff, so that none of these seems unchanged.
    return body(base, tuple(written)), target


def _diff(
    old: bytes, new: bytes, order: Sequence[str], supported: frozenset[str] | None, min_length: int | None
) -> bytes | None:
    before, after = text(old), text(new)
    if before is None or after is None:
        return None
    for algorithm in order:
        if supported is not None and _TAGS[algorithm] not in supported:
            continue
        if algorithm == JSON_PATCH:
            diff = _json_patch(before, after, len(new), min_length)
        elif isinstance(old, JsonToken):
            # A text diff cannot apply to what the client holds as a document (tlcp.md 7.6).
            continue
        else:
            diff = _tlcp_diff(before, after, len(new))
        if diff is not None:
            return diff
    return None


def _json_patch(before: str, after: str, full_length: int, min_length: int | None) -> bytes | None:
    if min_length is not None and min(len(before), len(after)) < min_length:
        return None
    patch = json_patch.make(before, after)
    if patch is None:
        return None
    diff = b"^P" + escape(patch).encode()
    return diff if min_length is None or len(diff) < full_length else None


def _tlcp_diff(before: str, after: str, full_length: int) -> bytes | None:
    edits = tlcp_diff.make(before, after)
    if edits is None:
        return None
    diff = b"^T" + escape(edits).encode()
    return diff if len(diff) < full_length else None
