"""The gate before everything: an ASGI layer that looks at the head of each request and at nothing else of it.

It holds for REST, for the streams of events, for the page and for what is added later, because nothing is behind it that it
does not see. `scope["state"]["granted"]` is what the token allows, `None` without one: each route says what it needs.
`scope["state"]["still"]` tells whether it allows that still: what is open for long asks from time to time.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dlm.api import scope as granting
from dlm.api.admission import LONGEST, Head, Refusal, bearer, refusal
from dlm.api.attempts import Attempts
from dlm.api.problem import MEDIA_TYPE, Problem, problem
from dlm.api.tokens import Tokens
from dlm.api.writing import encoded
from dlm.model.error import StateUnusable
from dlm.ports import Clock

PROTOCOL = "dlm.token."
"""A browser cannot send `Authorization` with a WebSocket: there the token is the rest of a subprotocol of this name."""
_SENTENCES = {
    Refusal.WRONG_HOST: "this server is not called that: use its address, or name it in --host-name",
    Refusal.FOREIGN_ORIGIN: "another page may not speak for you here",
    Refusal.TOKEN_IN_ADDRESS: "a token does not belong in an address, where logs keep it: send 'Authorization: Bearer …'",
    Refusal.TWO_LENGTHS: "the length of a body is stated once: by Content-Length, or by Transfer-Encoding",
    Refusal.TOO_LONG: f"the headers may have {LONGEST} bytes",
}
_HEADERS = [
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


class Guard:
    """Wraps `app`. `names` are host names that lead here. A `local` one is for Unix sockets that only the owner reaches, who
    needs no token: which it is, is said by whoever made the socket, and never told from the peer."""

    def __init__(self, app: ASGIApp, tokens: Tokens, names: Collection[str], clock: Clock, *, local: bool) -> None:
        self._app = app
        self._local = local
        self._tokens = tokens
        self._names = names
        self._attempts = Attempts(clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI 3.0."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        head = _head(scope, local=self._local)
        refused = refusal(head, self._names)
        if refused is not None:
            await _refuse(scope, send, problem(refused.value, _SENTENCES[refused]))
            return
        peer = scope["client"][0] if scope.get("client") else ""
        presented = _presented(scope)
        granted = granting.Scope.ADMIN if head.local else None
        if presented is not None and not head.local:
            granted = self._tokens.scope_of(presented)
            if granted is None:
                wait = self._attempts.wait(peer)
                if wait > 0:
                    await _refuse(scope, send, problem(429, f"too many wrong tokens came from here: wait {wait:.0f} s"))
                    return
                self._attempts.failed(peer)
                await _refuse(scope, send, problem(401, "this token is not known here: 'dlm token' on the server shows one"))
                return
        scope.setdefault("state", {}).update(granted=granted, still=lambda: self._still(granted, presented))
        await self._app(scope, receive, _armoured(send))

    def _still(self, granted: granting.Scope | None, presented: str | None) -> bool:
        try:
            return self._local or presented is None or self._tokens.scope_of(presented) is granted
        except StateUnusable:
            return False


def _head(scope: Scope, *, local: bool) -> Head:
    def values(name: bytes) -> list[str]:
        return [value.decode("latin-1").strip() for key, value in scope["headers"] if key == name]

    return Head(
        hosts=values(b"host"),
        origins=values(b"origin"),
        site=", ".join(values(b"sec-fetch-site")) or None,
        query=scope.get("query_string", b"").decode("latin-1"),
        secure=scope["scheme"] in {"https", "wss"},
        local=local,
        lengths=len(values(b"content-length")) + len(values(b"transfer-encoding")),
        length=sum(len(key) + len(value) for key, value in scope["headers"]),
    )


def _presented(scope: Scope) -> str | None:
    values = [value.decode("latin-1") for key, value in scope["headers"] if key == b"authorization"]
    if values or scope["type"] != "websocket":
        # What is there and makes no sense is a wrong token, not none.
        return (bearer(values) or "") if values else None
    offered = [each.removeprefix(PROTOCOL) for each in scope.get("subprotocols", ()) if each.startswith(PROTOCOL)]
    return offered[0] if offered else None


async def _refuse(scope: Scope, send: Send, refused: Problem) -> None:
    if scope["type"] == "websocket":
        # Before it was accepted, closing is answered with 403 by the server (ASGI, websocket.close).
        await send({"type": "websocket.close", "code": 1008, "reason": refused.title})
        return
    body = encoded(refused)
    headers = [*_HEADERS, (b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    if refused.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="dlm"'))
    if refused.status in {Refusal.TWO_LENGTHS.value, Refusal.TOO_LONG.value}:
        # What follows on this connection may be meant to be taken for another request.
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _armoured(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(each for each in _HEADERS if each[0] not in there)]
        await send(message)

    return sending
