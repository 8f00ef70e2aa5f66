"""Speaks gRPC to the daemon's service over loopback, with a house behind it, in real time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc

from dlm.api.grpc.doors import Doors
from dlm.api.grpc.generated import downloads_pb2 as pb
from dlm.api.grpc.generated import downloads_pb2_grpc as stubs
from dlm.api.grpc.servicer import Servicer
from dlm.api.grpc.serving import serving
from dlm.api.reading import House as ApiHouse
from dlm.api.scope import Scope
from dlm.api.serving import Listening
from dlm.model.settings import Settings
from tests.api_client import Served
from tests.house import URI, House

Metadata = Sequence[tuple[str, str]]


class Called:
    """A daemon's service, clients of it, and its house."""

    def __init__(self, house: House, folder: str) -> None:
        self.served = Served(house, folder)
        self.house = house
        self.downloads = self.served.downloads
        self.tokens = self.served.tokens
        self.feed = self.served.application.feed
        kept = ApiHouse(Settings(directory="/d", state=f"{folder}/dlm.db"), ("/d",))
        doors = Doors(self.tokens, ["nas.example.org"], house.clock)
        self.servicer = Servicer(self.downloads, kept, self.served.application.runtime, self.feed, doors)
        self.address = ""
        self._stack = AsyncExitStack()

    async def start(self, listening: Listening | None = None) -> str:
        """Serve, and say where: HOST:PORT."""
        where = listening or Listening("", ("127.0.0.1", 0))
        await self._stack.enter_async_context(self.served.application.running())
        uri = await self._stack.enter_async_context(serving(self.servicer, where))
        self.address = uri.partition("//")[2].rstrip("/")
        return uri

    async def channel(self, **options: object) -> grpc.aio.Channel:
        """A client of its own. Options are gRPC's, with `_` for the dots after `grpc`."""
        named = [("grpc." + name, value) for name, value in options.items()]
        # Otherwise all channels of a process to one address share a connection.
        made = grpc.aio.insecure_channel(self.address, options=[*named, ("grpc.use_local_subchannel_pool", 1)])
        return await self._stack.enter_async_context(made)

    async def stub(self, **options: object) -> Any:
        """The stub of a client of its own."""
        return stubs.DownloadsStub(await self.channel(**options))

    def pass_for(self, scope: Scope = Scope.ADMIN) -> Metadata:
        """The metadata of a caller with such a token."""
        return bearer(self.served.token[scope])

    async def stop(self) -> None:
        """End it all."""
        await self._stack.aclose()
        await self.downloads.close()


def bearer(token: str) -> Metadata:
    """A token as metadata."""
    return (("authorization", f"Bearer {token}"),)


def call(folder: Path, story: Callable[[Called], Awaitable[None]]) -> None:
    """Run a story with a served house, for a minute at most."""

    async def told() -> None:
        called = Called(House(), str(folder))
        await called.start()
        try:
            async with asyncio.timeout(60):
                await story(called)
        finally:
            await called.stop()

    asyncio.run(told())


def new(uri: str = URI, **members: Any) -> pb.AddRequest:
    """A request for one download."""
    return pb.AddRequest(downloads=[pb.NewDownload(uris=[uri], **members)])


async def refused(calling: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    """How a call ends that fails."""
    try:
        await calling
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    raise AssertionError("it was answered")


async def first(stream: Any) -> Any:
    """The first message of a stream, which raises where it fails."""
    async for message in stream:
        return message
    raise AssertionError("it has ended without a message")


async def event(stream: Any, kind: str) -> Any:
    """The next event of that kind; numbers come once a second between others."""
    while (told := await stream.read()).WhichOneof("event") != kind:
        assert told.WhichOneof("event") == "download_metrics", told
    return getattr(told, kind)


async def drained(stream: Any) -> None:
    """Read what still comes, to the end, which raises where the call fails."""
    while await stream.read() is not grpc.aio.EOF:
        pass
