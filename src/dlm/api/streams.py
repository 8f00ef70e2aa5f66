"""Live events: a WebSocket at /api/v1/events, and the same as server-sent events (HTML, 9.2) at /api/v1/events/stream.

Both answer `since=SEQ` with what was recorded after it, and then what happens from now on. `ids` (with commas between) and
`group` narrow it; the second ends with what was recorded for `follow=false`. Over the WebSocket a client may say
`{"ids": [...], "group": ...}` at any time, to narrow it to the rows that it shows; `{}` means all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from dlm.api.asks import Incoming, Reference, Text
from dlm.api.feed import Feed, Interest, Line, Reader
from dlm.api.guard import PROTOCOL
from dlm.api.problem import problem
from dlm.api.refused import Refused
from dlm.api.rest import ROOT, problem_response, require
from dlm.api.scope import Scope
from dlm.model.error import DlmError

SPOKEN = "dlm.v1"
"""The subprotocol that a client offers beside its token, and that is answered."""
HEARTBEAT = 15.0
"""Seconds after which a comment is sent where nothing happens, so that proxies and clients see that it is alive."""
MOST_IDS = 2_000
LARGEST_MESSAGE = 64 * 1024
LARGEST_SEQ = 2**63 - 1
_GOING_AWAY, _POLICY, _TRY_LATER = 1001, 1008, 1013
MOST_READERS = 500


class InterestIn(Incoming, frozen=True, kw_only=True):
    """What a client wants to hear of from now on."""

    ids: Annotated[list[Reference], Meta(max_length=MOST_IDS)] | None = None
    group: Text | None = None


def routes(feed: Feed) -> list[BaseRoute]:
    """Both streams."""

    async def socket(websocket: WebSocket) -> None:
        await _talk(websocket, feed)

    async def stream(request: Request) -> Response:
        try:
            require(request, Scope.READ)
            told = {"since": request.headers["last-event-id"]} if "last-event-id" in request.headers else {}
            since, interest = _asked({**request.query_params, **told})
            follow = request.query_params.get("follow", "true") != "false"
            if feed.readers >= MOST_READERS:
                raise Refused(problem(503, f"{MOST_READERS} clients listen already"))
        except Refused as refused:
            return problem_response(refused.problem)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        begin = partial(feed.read, interest, still=request.state.still)
        return StreamingResponse(
            _sent_events(feed, since, begin, follow=follow), headers=headers, media_type="text/event-stream"
        )

    return [WebSocketRoute(f"{ROOT}/events", socket), Route(f"{ROOT}/events/stream", stream, methods=["GET"])]


def _asked(query: Mapping[str, str]) -> tuple[int | None, Interest]:
    unknown = query.keys() - {"since", "ids", "group", "follow"}
    if unknown:
        raise Refused(problem(400, f"there is no parameter '{min(unknown)[:80]}': it knows since, ids and group"))
    since = query.get("since")
    if since is not None and not (since.isascii() and since.isdigit() and len(since) < 20 and int(since) <= LARGEST_SEQ):
        raise Refused(problem(400, "since: write the seq of the last event that you have read"))
    ids = frozenset(query["ids"].split(",")) if "ids" in query else None
    if ids is not None and len(ids) > MOST_IDS:
        raise Refused(problem(400, f"ids: name {MOST_IDS} at most"))
    return None if since is None else int(since), Interest(ids, query.get("group"))


async def lines_of(feed: Feed, since: int | None, reader: Reader) -> AsyncIterator[Line]:
    """What was recorded after `since`, if that is given, then what `reader` reads; nothing of it twice."""
    if since is not None:
        async for line in feed.replay(since, reader):
            yield line
    async for line in reader:
        yield line


# --- server-sent events -----------------------------------------------------------------------------------------------


async def _sent_events(feed: Feed, since: int | None, begin: Callable[[], Reader], *, follow: bool) -> AsyncIterator[bytes]:
    reader = begin()  # here, because what is never iterated over never ends
    if not follow:
        reader.close()
    lines = lines_of(feed, since, reader)
    coming: asyncio.Future[Line] = asyncio.ensure_future(_next(lines))
    try:
        yield b": dlm\n\n"
        while True:
            done, _ = await asyncio.wait({coming}, timeout=HEARTBEAT)
            if not done:
                yield b": still here\n\n"
                continue
            line = coming.result()
            seq = b"" if line.seq is None else b"id: %d\n" % line.seq
            yield seq + b"data: " + line.json + b"\n\n"
            coming = asyncio.ensure_future(_next(lines))
    except (StopAsyncIteration, DlmError):
        return  # where the database cannot be read, the client comes again, with the last number that it had
    finally:
        coming.cancel()
        feed.leave(reader)


async def _next(lines: AsyncIterator[Line]) -> Line:
    return await anext(lines)


# --- the WebSocket ----------------------------------------------------------------------------------------------------


async def _talk(websocket: WebSocket, feed: Feed) -> None:
    granted: Scope | None = websocket.state.granted
    try:
        since, interest = _asked(websocket.query_params)
    except Refused as refused:
        await websocket.close(_POLICY, refused.problem.detail)
        return
    if granted is None or not granted.allows(Scope.READ):
        await websocket.close(_POLICY, "a token is needed")
        return
    if feed.readers >= MOST_READERS:
        await websocket.close(_TRY_LATER, "too many clients listen already")
        return
    offered = websocket.scope.get("subprotocols", ())
    spoken = SPOKEN if SPOKEN in offered else None
    if spoken is None and any(each.startswith(PROTOCOL) for each in offered):
        await websocket.close(_POLICY, f"offer the subprotocol {SPOKEN} beside the token")
        return
    reader = feed.read(interest, still=websocket.state.still)
    await websocket.accept(spoken)
    telling = asyncio.create_task(_tell(websocket, feed, since, reader))
    hearing = asyncio.create_task(_hear(websocket, reader))
    try:
        await asyncio.wait({telling, hearing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        feed.leave(reader)
        for each in (telling, hearing):
            each.cancel()
        await asyncio.gather(telling, hearing, return_exceptions=True)


async def _tell(websocket: WebSocket, feed: Feed, since: int | None, reader: Reader) -> None:
    try:
        async for line in lines_of(feed, since, reader):
            await websocket.send_text(line.json.decode())
        if reader.still():
            await websocket.close(_GOING_AWAY, "dlm is stopping")
        else:
            await websocket.close(_POLICY, "this token is not known any more")
    except (WebSocketDisconnect, RuntimeError):
        return  # it has gone away; Starlette says so in either way


async def _hear(websocket: WebSocket, reader: Reader) -> None:
    while True:
        try:
            text = await websocket.receive_text()
            said = msgspec.json.decode(text[:LARGEST_MESSAGE].encode(), type=InterestIn)
        except (WebSocketDisconnect, RuntimeError, KeyError):
            return
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            await websocket.close(_POLICY, f"that is not what can be asked here: {error}"[:120])
            return
        reader.interest = Interest(None if said.ids is None else frozenset(said.ids), said.group)
