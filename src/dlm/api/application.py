"""The ASGI application: routes behind the guard, and what runs beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dlm.api import metrics, page, rest, streams
from dlm.api.durations import Durations
from dlm.api.feed import Feed
from dlm.api.guard import Guard
from dlm.api.metrics import Metrics
from dlm.api.problem import problem_of
from dlm.api.reading import House
from dlm.api.refused import Refused
from dlm.api.runtime import Runtime
from dlm.api.scope import Scope
from dlm.api.tokens import Tokens
from dlm.api.writing import encoded
from dlm.model.error import DlmError
from dlm.ports import Clock, Downloads


class Application:
    """What the daemon answers. `names` are host names, beside addresses and `localhost`, by which it may be asked; `durations`
    hold what is measured elsewhere."""

    def __init__(
        self,
        downloads: Downloads,
        house: House,
        tokens: Tokens,
        clock: Clock,
        names: Collection[str] = (),
        *,
        durations: Durations | None = None,
    ) -> None:
        durations = durations or Durations()
        self._metrics = Metrics(downloads, clock, durations)
        self.feed = Feed(downloads, clock, self._metrics.observe)
        """What happens, for all who read it."""
        self.runtime = Runtime(house, clock, durations, lambda: self.feed.readers)
        app = Starlette(
            routes=[
                *rest.routes(downloads, house, self.runtime, self._metrics),
                *streams.routes(self.feed),
                *page.routes(),
                Route("/openapi.json", _openapi, methods=["GET"]),
                metrics.route(self._metrics, self.feed),
                Route("/health", _health(downloads, self.runtime), methods=["GET"]),
            ],
            exception_handlers={HTTPException: rest.unmatched, Exception: rest.unmatched},
        )
        app.router.redirect_slashes = False  # a redirection repeats what the client said its host is
        self.local = Guard(app, tokens, names, clock, local=True)
        """For Unix sockets that only the owner reaches."""
        self.remote = Guard(app, tokens, names, clock, local=False)
        """For all others."""

    def listens(self, addresses: Sequence[str]) -> None:
        """It is reached there from now on."""
        self.runtime.listening = tuple(addresses)

    def end(self) -> None:
        """Let those go who listen to what happens: dlm is stopping."""
        self.feed.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What goes on beside the answers: following and counting what happens."""
        beside = [asyncio.create_task(self.feed.run()), asyncio.create_task(self._metrics.run())]
        try:
            yield
        finally:
            for each in beside:
                each.cancel()
            await asyncio.gather(*beside, return_exceptions=True)


async def _openapi(request: Request) -> Response:
    from dlm.api.openapi import document

    try:
        rest.require(request, Scope.READ)
    except Refused as refused:
        return rest.problem_response(refused.problem)
    return Response(encoded(document()), media_type="application/json")


def _health(downloads: Downloads, runtime: Runtime) -> rest.Answering:
    async def health(request: Request) -> Response:
        """Whether it works; with a token, how the queue, the workers, the database and the disks stand."""
        try:
            stats = await downloads.stats()
        except DlmError as error:
            return rest.problem_response(problem_of(error))
        told: dict[str, object] = {"status": "ok"}
        granted: Scope | None = request.state.granted
        if granted is not None and granted.allows(Scope.READ):
            told["queue"] = {phase.value: count for phase, count in stats.phases.items()}
            told |= {"active": stats.active, "carriers": stats.carriers}
            told |= {"database": runtime.database(), "disks": await runtime.disks()}
        return Response(encoded(told), media_type="application/json")

    return health
