"""Idempotency keys: a POST that is sent again, because its answer was lost, is answered as it was the first time.

The key is chosen by the client; the same key with another request is an error. Answers are kept in memory, for a while: a
daemon that was restarted in between carries the request out again, which adding downloads bears, because what is unfinished
and the same is not added twice.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import blake2b

from starlette.requests import Request
from starlette.responses import Response

from dlm.api.problem import problem
from dlm.api.refused import Refused
from dlm.api.writing import encoded

KEPT = 1_000
LONGEST_KEY = 255
LARGEST_KEPT = 64 * 1024
"""Bytes of an answer that is kept. What is larger is answered anew."""


class Answers:
    """What was answered to which key."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[bytes, asyncio.Task[Response]]] = OrderedDict()

    async def once(self, request: Request, body: object, run: Callable[[], Awaitable[Response]]) -> Response:
        """The answer of `run`, or the one that the same request with the same key has had. Raises what `run` raises."""
        key = request.headers.get("idempotency-key")
        if key is None or request.method != "POST":
            return await run()
        if not 1 <= len(key) <= LONGEST_KEY:
            raise Refused(problem(400, f"an idempotency key has 1 to {LONGEST_KEY} characters"))
        asked = _fingerprint(request, body)
        before, answering = self._kept.get(key, (asked, None))
        if before != asked:
            raise Refused(problem(422, "this idempotency key was used for another request"))
        if answering is None:
            # A task of its own: it goes on when this client hangs up, and the next one has its answer.
            answering = asyncio.create_task(_carried(run))
            self._kept[key] = (asked, answering)
            answering.add_done_callback(lambda ended: self._ended(key, ended))
        return await asyncio.shield(answering)

    def _ended(self, key: str, ended: asyncio.Task[Response]) -> None:
        if ended.cancelled() or ended.exception() is not None or len(ended.result().body) > LARGEST_KEPT:
            self._kept.pop(key, None)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)


async def _carried(run: Callable[[], Awaitable[Response]]) -> Response:
    return await run()


def _fingerprint(request: Request, body: object) -> bytes:
    parts = (request.method, request.url.path, request.url.query, request.headers.get("authorization", ""))
    return blake2b(encoded(parts) + encoded(body), digest_size=16).digest()
