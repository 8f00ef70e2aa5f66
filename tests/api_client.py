"""Speaks ASGI to the daemon's application, without sockets: what a client sends, and what it gets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.types import ASGIApp, Message

from dlm.api.application import Application
from dlm.api.reading import House as ApiHouse
from dlm.api.scope import Scope
from dlm.api.tokens import Tokens
from dlm.model.settings import Settings
from tests.house import House

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


async def ask(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    token: str | None = None,
    headers: Headers = (),
    body: bytes | None = None,
    host: str | None = "127.0.0.1:8840",
    query: str = "",
    peer: str = "192.0.2.7",
    unfinished: bool = False,
) -> Reply:
    """One request, and its whole reply. An `unfinished` one promises more than ever comes."""
    sent = [(b"host", host.encode())] if host is not None else []
    sent += [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    if token is not None:
        sent.append((b"authorization", f"Bearer {token}".encode("latin-1")))
    if body is not None and not any(name == b"content-type" for name, _ in sent):
        sent.append((b"content-type", b"application/json"))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": quote(path, errors="replace").encode(),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": sent,
        "client": (peer, 4711),
        "server": ("127.0.0.1", 8840),
        "state": {},
    }
    got: list[Message] = []
    coming: list[Message] = [{"type": "http.request", "body": body or b"", "more_body": unfinished}]

    async def receive() -> Message:
        if coming:
            return coming.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        got.append(message)

    await app(scope, receive, send)
    told = {name.decode().lower(): value.decode("latin-1") for name, value in got[0]["headers"]}
    return Reply(got[0]["status"], told, b"".join(message.get("body", b"") for message in got[1:]))


def said(value: object) -> bytes:
    """A body."""
    return json.dumps(value).encode()


class Served:
    """The application over a house's downloads, with a token for each scope."""

    def __init__(self, house: House, folder: str, jobs: int = 3, root: str = "/d") -> None:
        self.house = house
        self.downloads = house.process("daemon", jobs=jobs)
        self.tokens = Tokens(folder)
        self.token = {scope: self.tokens.make(scope.value, scope, 0.0) for scope in Scope}
        kept = ApiHouse(Settings(directory=root, state=f"{folder}/dlm.db"), (root,))
        self.application = Application(self.downloads, kept, self.tokens, house.clock, ["nas.example.org"])

    async def ask(self, method: str, path: str, **facts: Any) -> Reply:
        """As `ask`, with the owner's token unless another, or none, is given."""
        facts.setdefault("token", self.token[Scope.ADMIN])
        return await ask(self.application.remote, method, path, **facts)


class Idle:
    """Works no queue: for a server whose queue others work."""

    async def run(self, *, stay: bool) -> None:
        """See `ports.Downloads`."""
        await asyncio.Event().wait()
