"""What strangers try at the daemon's doors, as a table: attacks down, surfaces across. Tests are made for every pair.

A further surface (another protocol) joins with one row of `SURFACES`: its doors, and how a `Knock` is said in its words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from starlette.types import Message

from dlm.api.commands import COMMANDS
from dlm.api.page import MANIFEST
from dlm.api.rest import ROOT
from dlm.api.scope import Scope
from tests.api_client import Headers, Served, ask

HOST = "127.0.0.1:8840"
ROWS = {
    "D1": "DNS rebinding",
    "D2": "forms and scripts of other pages",
    "D3": "WebSockets of other pages",
    "D4": "no secret, or none that is worth the name",
    "D5": "a right that is checked in one place and forgotten in another",
    "D6": "programs, files and ways out that a client chooses",
    "D7": "what is refused by name and comes by another",
    "D8": "files of the page, and others",
    "D9": "markup in what strangers write",
    "D10": "SQL in what strangers write",
    "D11": "lines of a log that nobody wrote",
    "D12": "secrets that outlive their change, forwarded headers, redirections",
    "D13": "who asks, decided by what is said",
    "D14": "code of strangers in this process",
    "D15": "bodies, heads, batches and connections without end",
    "D16": "trying tokens",
    "D17": "the Unix socket",
    "D18": "secrets in addresses, answers and logs",
    "D19": "listeners that do not read",
    "D20": "other protocols with defaults of their own",
    "D21": "the page in somebody's frame",
}


@dataclass(frozen=True)
class Knock:
    """What a client says before it says what it wants."""

    host: str | None = HOST
    token: str | None = None
    headers: Headers = ()
    query: str = ""
    peer: str = "192.0.2.7"


@dataclass(frozen=True)
class Door:
    """One address of a surface. `needs` is the scope that a token has to have, `None` where it may be anybody."""

    method: str
    path: str
    needs: Scope | None
    body: bytes | None = None
    query: str = ""


@dataclass(frozen=True)
class Answer:
    """The status, or what stands for it, and all that was said beside it."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Surface:
    """Doors that are knocked at in the same way. `refusal` is what its clients get for a status of the table."""

    name: str
    doors: tuple[Door, ...]
    knock: Callable[[Served, Door, Knock], Awaitable[Answer]]
    refusal: Callable[[int], int] = lambda status: status


@dataclass(frozen=True)
class Attack:
    """`made` says what is sent to a door, `None` where it does not apply; `status` is the only good answer."""

    row: str
    name: str
    status: int
    made: Callable[[Served, Door], Knock | None]


# --- surfaces ---------------------------------------------------------------------------------------------------------


async def by_http(served: Served, door: Door, knock: Knock) -> Answer:
    """A plain request."""
    query = "&".join(filter(None, (door.query, knock.query)))
    facts = {"token": knock.token, "headers": knock.headers, "body": door.body, "host": knock.host}
    app = served.application.remote
    reply = await ask(app, door.method, door.path, query=query, peer=knock.peer, **facts)  # type: ignore[arg-type]
    return Answer(reply.status, reply.headers, reply.body)


async def by_socket(served: Served, door: Door, knock: Knock) -> Answer:
    """A WebSocket: 101 when it is opened, and then closed at once; 403 when it never was, as servers say it (ASGI)."""
    headers = [(b"host", knock.host.encode())] if knock.host is not None else []
    headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in knock.headers]
    if knock.token is not None:
        headers.append((b"authorization", f"Bearer {knock.token}".encode()))
    scope = {
        **{"type": "websocket", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "ws", "path": door.path},
        **{"raw_path": door.path.encode(), "query_string": knock.query.encode("latin-1"), "root_path": "", "headers": headers},
        **{"client": (knock.peer, 4711), "server": ("127.0.0.1", 8840), "subprotocols": [], "state": {}},
    }
    sent: list[Message] = []
    answered = asyncio.Event()
    coming: list[Message] = [{"type": "websocket.connect"}]

    async def receive() -> Message:
        if coming:
            return coming.pop()
        await answered.wait()
        return {"type": "websocket.disconnect", "code": 1000}

    async def send(message: Message) -> None:
        sent.append(message)
        answered.set()

    await served.application.remote(scope, receive, send)
    opened = sent[0]["type"] == "websocket.accept"
    return Answer(101 if opened else 403, {}, repr(sent[1:] if opened else sent[0].get("reason")).encode())


def _command_doors() -> tuple[Door, ...]:
    return tuple(
        Door(each.method, ROOT + each.path.replace("{id}", "f" * 16), each.scope, None if each.body is None else b"{}")
        for each in COMMANDS
    )


SURFACES = (
    Surface("rest", _command_doors(), by_http),
    Surface("websocket", (Door("GET", f"{ROOT}/events", Scope.READ),), by_socket, lambda _status: 403),
    Surface("sse", (Door("GET", f"{ROOT}/events/stream", Scope.READ, query="follow=false"),), by_http),
    Surface("metrics", (Door("GET", "/metrics", Scope.READ),), by_http),
    Surface("schema", (Door("GET", "/openapi.json", Scope.READ),), by_http),
    Surface("health", (Door("GET", "/health", None),), by_http),
    Surface("page", tuple(Door("GET", path, None) for path in MANIFEST), by_http),
    Surface("nowhere", (Door("GET", "/nowhere", None), Door("POST", f"{ROOT}/nowhere", None, b"{}")), by_http),
)


# --- attacks at the head of a request ---------------------------------------------------------------------------------


def owner(served: Served, **facts: object) -> Knock:
    """The best token there is: what is refused, is refused for what comes with it."""
    return replace(Knock(token=served.token[Scope.ADMIN]), **facts)  # type: ignore[arg-type]


def _with(*headers: tuple[str, str]) -> Callable[[Served, Door], Knock]:
    return lambda served, _: owner(served, headers=headers)


def _at(host: str | None, *headers: tuple[str, str]) -> Callable[[Served, Door], Knock]:
    return lambda served, _: owner(served, host=host, headers=headers)


def _stranger(token: str | None, *headers: tuple[str, str]) -> Callable[[Served, Door], Knock | None]:
    """Who has no token is shown the page; who has a wrong one is not."""
    return lambda _, door: None if token is None and door.needs is None else Knock(token=token, headers=headers)


def _below(served: Served, door: Door) -> Knock | None:
    lower = [scope for scope in Scope if door.needs is not None and not scope.allows(door.needs)]
    return Knock(token=served.token[lower[-1]]) if lower else None


def _revoked(served: Served, _door: Door) -> Knock:
    if any(each.name == "old" for each in served.tokens.all()):
        served.tokens.revoke("old")
    old = served.tokens.make("old", Scope.ADMIN, 0.0)
    served.tokens.revoke("old")
    return Knock(token=old)


def _asking(query: Callable[[str], str]) -> Callable[[Served, Door], Knock]:
    return lambda served, _: owner(served, query=query(served.token[Scope.ADMIN]))


ATTACKS: Sequence[Attack] = (
    Attack("D1", "foreign-host", 421, _at("evil.test")),
    Attack("D1", "host-that-begins-like-an-address", 421, _at("127.0.0.1.evil.test:8840")),
    Attack("D1", "number-of-another-notation", 421, _at("0x7f.1:8840")),
    Attack("D1", "no-host", 421, _at(None)),
    Attack("D1", "two-hosts", 421, _at(None, ("Host", HOST), ("Host", "evil.test"))),
    Attack("D2", "foreign-page", 403, _with(("Origin", "https://evil.test"))),
    Attack("D2", "page-without-a-name", 403, _with(("Origin", "null"))),
    Attack("D2", "cross-site", 403, _with(("Sec-Fetch-Site", "cross-site"))),
    Attack("D2", "neighbour-site", 403, _with(("Sec-Fetch-Site", "same-site"))),
    Attack("D2", "cross-site-told-twice", 403, _with(("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "cross-site"))),
    Attack("D3", "page-whose-name-begins-like-ours", 403, _with(("Origin", f"http://{HOST}.evil.test"))),
    Attack("D3", "page-at-another-port", 403, _with(("Origin", "http://127.0.0.1:8841"))),
    Attack("D3", "two-origins", 403, _with(("Origin", f"http://{HOST}"), ("Origin", "https://evil.test"))),
    Attack("D4", "no-token", 401, _stranger(None)),
    Attack("D4", "wrong-token", 401, _stranger("dlm_wrong")),
    Attack("D4", "empty-token", 401, _stranger("")),
    Attack("D4", "name-and-password", 401, _stranger(None, ("Authorization", "Basic YWRtaW46YWRtaW4="))),
    Attack("D4", "cookie", 401, _stranger(None, ("Cookie", "token=admin; session=admin"))),
    Attack("D5", "token-of-a-lower-scope", 403, _below),
    Attack("D12", "token-that-was-revoked", 401, _revoked),
    Attack("D12", "https-that-a-header-claims", 403, _with(("Origin", f"https://{HOST}"), ("X-Forwarded-Proto", "https"))),
    Attack("D13", "this-machine-by-a-header", 401, _stranger(None, ("X-Forwarded-For", "127.0.0.1"), ("X-Real-IP", "::1"))),
    Attack("D13", "our-name-by-a-header", 421, _at("evil.test", ("X-Forwarded-Host", HOST), ("Forwarded", f"host={HOST}"))),
    Attack("D15", "endless-head", 431, _with(*((f"X-{n}", "a" * 1000) for n in range(40)))),
    Attack("D15", "two-lengths", 411, _with(("Content-Length", "2"), ("Transfer-Encoding", "chunked"))),
    Attack("D18", "token-in-the-address", 400, _asking("token={}".format)),
    Attack("D18", "token-in-the-address-encoded", 400, _asking("x=1&%74oken={}".format)),
    Attack("D18", "token-in-the-address-by-its-long-name", 400, _asking("Access_Token={}".format)),
)
