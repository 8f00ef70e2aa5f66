"""Keeps dlm's control plane busy while a queue is worked: `python -m bench.busy`, until it is ended.

Fifteen times a second somebody reads the first page of the list, through the facade that every front end uses, and every
tenth of a second something costs 20 ms of CPU. It is a process of its own, as front ends are.
"""

from __future__ import annotations

import asyncio
import time

from dlm.app import open_downloads
from dlm.cli.configuration import load
from dlm.model.query import DownloadQuery
from dlm.ports import Downloads

READ_EVERY = 1 / 15
BURN = 0.02
BURN_EVERY = 0.1


async def read(downloads: Downloads) -> None:
    """Read the first page, again and again."""
    while True:
        await downloads.list(DownloadQuery(limit=100))
        await asyncio.sleep(READ_EVERY)


async def burn() -> None:
    """A request that computes, again and again."""
    while True:
        begin = time.monotonic()
        while time.monotonic() - begin < BURN:
            pass
        await asyncio.sleep(BURN_EVERY - BURN)


async def main() -> None:
    """Both for ever."""
    async with open_downloads(load({})) as downloads, asyncio.TaskGroup() as group:
        group.create_task(read(downloads))
        group.create_task(burn())


if __name__ == "__main__":
    asyncio.run(main())
