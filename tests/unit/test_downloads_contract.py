"""Both Downloads keep the contract: the one in this process, and a daemon's from afar."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from dlm.api.calling import Daemon
from dlm.api.remote import RemoteDownloads
from dlm.api.serving import Listening, serve
from dlm.ports import Downloads
from tests.api_client import Idle, Served
from tests.contracts.downloads import AddingContract, AnswersContract, EventsContract, OrderingContract
from tests.house import House


class Local:
    @asynccontextmanager
    async def open(self, house: House, folder: Path) -> AsyncIterator[Downloads]:
        downloads = house.process("daemon")
        yield downloads
        await downloads.close()


class Remote:
    @asynccontextmanager
    async def open(self, house: House, folder: Path) -> AsyncIterator[Downloads]:
        folder.chmod(0o700)
        served = Served(house, str(folder))
        path = str(folder / "dlm.sock")
        ready = asyncio.Event()
        async with served.application.running():
            serving = asyncio.create_task(
                serve(
                    Idle(),
                    served.application.local,
                    served.application.remote,
                    Listening(path),
                    ready=lambda _: ready.set(),
                    environment={},
                )
            )
            await ready.wait()
            downloads = RemoteDownloads(Daemon(f"unix:{path}"))
            try:
                yield downloads
            finally:
                await downloads.close()
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)
        await served.downloads.close()


class TestLocalAdding(Local, AddingContract): ...


class TestLocalOrdering(Local, OrderingContract): ...


class TestLocalAnswers(Local, AnswersContract): ...


class TestLocalEvents(Local, EventsContract): ...


class TestRemoteAdding(Remote, AddingContract): ...


class TestRemoteOrdering(Remote, OrderingContract): ...


class TestRemoteAnswers(Remote, AnswersContract): ...


class TestRemoteEvents(Remote, EventsContract): ...
