"""
Static pages: files of one or several folders, of which the first that has a file
wins.
"""

# Much of twisted.web and Autobahn has no types.
# mypy: disallow-untyped-calls=False
from __future__ import annotations

import mimetypes
from collections.abc import Collection, Iterable
from pathlib import Path

from twisted.web import http, static
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from lsserver.transport.channel import Request

INDEX = "index.html"

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""The tables of the system differ from machine to machine; browsers refuse scripts of a wrong type."""

AT_ONCE = 262_144
"""Files up to this size, in bytes, are sent in one piece."""

POLICY = "; ".join(
    (
        "default-src 'self'",
        "connect-src 'self' ws: wss: http: https:",
        "img-src 'self' data:",
        "style-src 'self' 'unsafe-inline'",
        "object-src 'none'",
        "base-uri 'self'",
        "frame-ancestors 'self'",
    )
)

HEADERS = (
    (b"X-Content-Type-Options", b"nosniff"),
    (b"X-Frame-Options", b"SAMEORIGIN"),
    (b"Referrer-Policy", b"strict-origin-when-cross-origin"),
)


class Pages(Resource):
    """
    @param folders: where the files are. A file that is reached through a link out
        of its folder is not served, nor one whose name or whose folder's name begins with a dot.
    @param strict: those of C{folders} whose pages must do with scripts in files of
        their own; which scripts other people's pages have is their business.
    """

    isLeaf = True

    def __init__(self, folders: Iterable[Path], strict: Collection[Path] = ()) -> None:
        super().__init__()
        self._folders = [(folder.resolve(), folder in strict) for folder in map(Path, folders)]

    def render(self, request: Request) -> int:
        """Send a file, or say why not."""
        for name, value in HEADERS:
            request.setHeader(name, value)
        parts = _parts(request.postpath)
        found, strict = (None, True) if parts is None else self._find(parts)
        if strict:
            request.setHeader(b"Content-Security-Policy", POLICY.encode())
        if found is None:
            request.respond_with(http.NOT_FOUND, b"There is no such page.\r\n")
        elif request.method not in (b"GET", b"HEAD"):
            request.setHeader(b"Allow", b"GET, HEAD")
            request.respond_with(http.NOT_ALLOWED, b"Pages can only be read.\r\n")
        elif found.is_dir():
            # Relative, so that neither a proxy's prefix nor a double slash leads astray.
            request.setHeader(b"Location", b"./" + request.path.rpartition(b"/")[2] + b"/")
            request.respond_with(http.MOVED_PERMANENTLY, b"")
        else:
            _send(found, request)
        return NOT_DONE_YET

    def _find(self, parts: list[str]) -> tuple[Path | None, bool]:
        """
        A file, or a folder that has an index and was asked for without a slash at the
        end; and whether it must be strict.
        """
        for folder, strict in self._folders:
            path = folder.joinpath(*parts)
            if not parts[-1]:
                path = path / INDEX
            try:
                resolved = path.resolve()
                if not resolved.is_relative_to(folder):
                    continue
                if resolved.is_file() or (parts[-1] and (resolved / INDEX).is_file()):
                    return resolved, strict
            except OSError:
                # A name that the file system cannot have, such as one that is too long.
                continue
        return None, True


def _parts(path: list[bytes]) -> list[str] | None:
    """The parts of a path that is harmless, C{None} for any other."""
    parts = []
    for number, raw in enumerate(path):
        try:
            part = raw.decode("utf-8")
        except UnicodeDecodeError:
            return None
        last = number == len(path) - 1
        if part.startswith(".") or not (part or last) or any(bad in part for bad in "/\\\0:"):
            return None
        parts.append(part)
    return parts


def _send(path: Path, request: Request) -> None:
    state = path.stat()
    # Browsers keep pages but ask each time, so that a new version is seen at once.
    request.setHeader(b"Cache-Control", b"no-cache")
    if request.setETag(b'"%x-%x"' % (state.st_mtime_ns, state.st_size)) is http.CACHED:
        request.finish()
        return
    if request.header("if-none-match") is not None:
        # An entity tag that differs decides; the date is too coarse to be asked as well.
        request.requestHeaders.removeHeader(b"if-modified-since")
    if b"," in (request.requestHeaders.getRawHeaders(b"range") or [b""])[-1]:
        # Thousands of ranges in one header would be thousands of times the file.
        request.requestHeaders.removeHeader(b"range")
    if request.setLastModified(state.st_mtime) is http.CACHED:
        request.finish()
    elif state.st_size <= AT_ONCE and request.header("range") is None:
        request.setHeader(b"Accept-Ranges", b"bytes")
        request.setHeader(b"Content-Type", type_of(path).encode())
        request.respond(path.read_bytes())
    else:
        file = static.File(str(path))
        file.type, file.encoding = type_of(path), None
        if file.render(request) is not NOT_DONE_YET:
            # A HEAD: the headers are set.
            request.write(b"")
            request.finish()


def type_of(path: Path) -> str:
    """The content type of a file."""
    return TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path)[0] or "application/octet-stream"
