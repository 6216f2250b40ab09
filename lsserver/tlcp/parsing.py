"""
From what a client sent to typed requests, over HTTP and WebSocket (tlcp.md 2.2-2.5, 3.2).

The content type of a body says nothing: bodies are lines, whatever it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from lsserver.tlcp.codes import ControlCode
from lsserver.tlcp.control_requests import Parser, parse_identified, parse_message, parse_operation
from lsserver.tlcp.lines import CutLine, parse_line, split_lines
from lsserver.tlcp.parameters import Parameters
from lsserver.tlcp.requests import Heartbeat, Request, RequestError, SendLog, WsOk
from lsserver.tlcp.session_requests import parse_bind, parse_create

MAX_WRONG = 100
"""
Requests of one message that do not even say their C{LS_reqId}, after which the rest of it is not looked at:
50 000 line ends would be as many requests, each of which is answered.
"""

Parsed = list[Request | RequestError]
_Lines = Sequence[Mapping[str, str]]


def query_version(query: bytes) -> str | None:
    """The value of C{LS_protocol} in a raw query string."""
    return parse_line(query).get("LS_protocol")


def parse_http(name: str, query: bytes, body: bytes | None) -> Parsed:
    """
    The requests of an HTTP request, in order; one for each line of C{control} and
    C{msg}, exactly one otherwise. Whatever cannot be understood is a L{RequestError}
    in its place.

    @param name: such as C{create_session}.
    @param query: raw, defaults for what the body lines do not say.
    @param body: C{None} for a GET.
    @raise KeyError: there is no such request.
    """
    parser = _PARSERS[name]
    defaults = parse_line(query)
    if body is None:
        return parser([defaults], False)
    lines = [parse_line(line) for line in split_lines(body)]
    if name == "create_session":
        # The further lines of a combo are requests of their own.
        return parser([{**defaults, **lines[0]}, *lines[1:]], False)
    return parser([{**defaults, **line} for line in lines], False)


def parse_websocket(payload: bytes) -> Parsed:
    """
    The requests of a WebSocket message, as L{parse_http}; an unknown name is one
    L{RequestError}.
    """
    first, _, rest = payload.partition(b"\n")
    name = first.removesuffix(b"\r").decode("utf-8", "replace")
    if name == "wsok":
        return [WsOk()]
    parser = _PARSERS.get(name)
    if parser is None:
        return [_malformed("unknown request")]
    return parser(_websocket_lines(rest), True)


def _malformed(reason: str) -> RequestError:
    return RequestError(ControlCode.MALFORMED_REQUEST, f"{ControlCode.MALFORMED_REQUEST.text}: {reason}")


def _create(lines: _Lines, session_implied: bool) -> Parsed:
    return [parse_create(lines)]


def _bind(lines: _Lines, session_implied: bool) -> Parsed:
    if len(lines) > 1:
        return [_malformed("bind_session has one line")]
    return [parse_bind(lines[0], session_implied=session_implied)]


def _control(lines: _Lines, session_implied: bool) -> Parsed:
    return _each(lines, parse_operation)


def _msg(lines: _Lines, session_implied: bool) -> Parsed:
    return _each(lines, parse_message)


def _each(lines: _Lines, parse: Parser) -> Parsed:
    requests: Parsed = []
    wrong = 0
    for line in lines:
        request = parse_identified(line, parse)
        requests.append(request)
        if isinstance(request, RequestError) and request.req_id is None:
            wrong += 1
            if wrong >= MAX_WRONG:
                break
    return requests


def _heartbeat(lines: _Lines, session_implied: bool) -> Parsed:
    # A heartbeat never fails, whatever it says (tlcp.md 5.9).
    return [Heartbeat(session=Parameters(lines[0]).session())]


_LOG_LINE = re.compile("LS_log([0-9]{1,9})")


def _send_log(lines: _Lines, session_implied: bool) -> Parsed:
    numbered = [
        (int(match[1]), value) for name, value in lines[0].items() if (match := _LOG_LINE.fullmatch(name)) is not None
    ]
    numbered.sort()
    return [SendLog(session=Parameters(lines[0]).session(), lines=tuple([line for _, line in numbered]))]


_PARSERS: dict[str, Callable[[_Lines, bool], Parsed]] = {
    "create_session": _create,
    "bind_session": _bind,
    "control": _control,
    "msg": _msg,
    "heartbeat": _heartbeat,
    "send_log": _send_log,
}


_COUNTED = re.compile(rb"LS_unq=([0-9]{1,9})&")
_MESSAGE = re.compile(rb"(?:\A|&)LS_message=")
_LINE_END = re.compile(rb"\r?\n")


def _websocket_lines(rest: bytes) -> _Lines:
    """
    The parameters of each line, those of js8 included, which states the length of a
    line in front of it and does not encode the message at its end (tlcp.md 3.2).
    """
    if b"LS_unq=" not in rest:
        return [parse_line(line) for line in split_lines(rest)]
    lines: list[Mapping[str, str]] = []
    # What has been read is passed by, not cut off: that would copy the rest for every line.
    at = 0
    last = len(rest.rstrip(b"\r\n"))
    while at < len(rest):
        match = _COUNTED.match(rest, at)
        if match is None:
            end = rest.find(b"\n", at)
            end = len(rest) if end < 0 else end
            line = rest[at:end].removesuffix(b"\r")
            at = end + 1
            if line or at < last:
                lines.append(parse_line(line))
            continue
        at = match.end()
        size = _size(rest, at, int(match[1]))
        if size is None:
            # Nothing tells where the next line would start.
            lines.append(CutLine(_counted_line(rest[at:])))
            break
        lines.append(_counted_line(rest[at : at + size]))
        at += size
        line_end = _LINE_END.match(rest, at)
        at = at if line_end is None else line_end.end()
    return lines


def _size(raw: bytes, start: int, units: int) -> int | None:
    """
    Bytes that the first L{units} UTF-16 code units from L{start} of UTF-8 text take,
    C{None} where it has no such number.
    """
    if raw[start : start + units].isascii():
        return units if units <= len(raw) - start else None
    # A unit is at most three bytes.
    wide = raw[start : start + units * 3].decode("utf-8", "surrogateescape").encode("utf-16-le", "surrogatepass")
    head = wide[: units * 2]
    if len(head) < units * 2:
        return None
    try:
        # An escaped bad byte must come back as one, so that only half a pair is refused.
        text = head.decode("utf-16-le", "surrogatepass")
        return len(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return None


def _counted_line(line: bytes) -> dict[str, str]:
    match = _MESSAGE.search(line)
    if match is None:
        return parse_line(line)
    parameters = parse_line(line[: match.start()])
    parameters["LS_message"] = line[match.end() :].decode("utf-8", "surrogateescape")
    return parameters
