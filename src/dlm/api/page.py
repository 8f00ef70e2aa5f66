"""The page for browsers: packaged files, each at one exact address of a fixed table.

There is no folder that is looked into: what is not in the table does not exist, however its address is written. The page
holds no data, so it needs no token; what it shows, it asks for with one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import blake2b
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_HTML, _SCRIPT, _STYLE = "text/html; charset=utf-8", "text/javascript; charset=utf-8", "text/css; charset=utf-8"
_SCRIPTS = (
    "actions", "adding", "client", "details", "dialogs", "documents", "dom", "drawing", "entry", "heads", "keys", "limits",
    "list", "live", "main", "notices", "queue", "rows", "settings", "theme", "words",
)  # fmt: skip
MANIFEST: dict[str, tuple[str, str]] = {
    "/": ("index.html", _HTML),
    "/favicon.svg": ("favicon.svg", "image/svg+xml"),
    "/web/base.css": ("base.css", _STYLE),
    "/web/list.css": ("list.css", _STYLE),
    "/web/panels.css": ("panels.css", _STYLE),
    **{f"/web/{name}.js": (f"{name}.js", _SCRIPT) for name in _SCRIPTS},
}
"""Addresses, with the file of dlm/web and the media type of each."""


def routes() -> list[Route]:
    """A route for each file. Each is read once, when the daemon starts."""
    return [Route(path, _answering(name, media_type), methods=["GET"]) for path, (name, media_type) in MANIFEST.items()]


def _answering(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    content = files("dlm").joinpath("web", name).read_bytes()
    tag = f'"{blake2b(content, digest_size=12).hexdigest()}"'
    # Asked again each time and answered 304: after an update no browser runs old scripts beside new ones.
    headers = {"ETag": tag, "Cache-Control": "no-cache"}

    async def answer(request: Request) -> Response:
        told = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
        if tag in told:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=media_type)

    return answer
