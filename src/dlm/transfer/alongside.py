"""How pieces of work run together: one with companions that live as long as it does, or one that must not be torn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


async def alongside(
    work: Coroutine[Any, Any, None], *companions: Coroutine[Any, Any, None], ending: Callable[[], None]
) -> None:
    """Run `work` with `companions`, and end all of them when it ends, or when one of them fails.

    Raises what failed first. When it returns or raises, however that came, none of them runs any more. `ending` is called
    as soon as it is clear that they are to end: that they have, takes some more turns of the event loop.
    """
    leading = asyncio.ensure_future(work)
    running = [leading, *(asyncio.ensure_future(each) for each in companions)]
    try:
        ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for each in ended:
            each.result()
    finally:
        ending()
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def uninterrupted(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end even when cancelled meanwhile; the cancellation follows then. For what is short only."""
    running = asyncio.ensure_future(work)
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        if not running.cancelled() and (error := running.exception()) is not None:
            raise error from None
        raise
