"""Proof by samples: blocks that are on disk are fetched from a mirror, and compared.

A mirror that gives other bytes is not always the one that is wrong. Before it has brought anything it is simply not used:
the first mirror that answered is the reference. Of bytes that two others disagree about a third one decides; without a
third neither is believed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from random import Random
from typing import Any, TypeVar

from dlm.model.address import without_credentials
from dlm.model.error import TransferError, Truncated
from dlm.model.resource import Mirror
from dlm.model.span import Span
from dlm.policy.sampling import blocks
from dlm.ports import Flow, Opening, Sink
from dlm.transfer.gate import Gate
from dlm.transfer.segmented import SegmentedDriver
from dlm.transfer.supplier import Supplier

AT_ONCE = 8
"""Blocks that are asked for together, as far as the number of connections allows it."""
T = TypeVar("T")


class Sample:
    """`ports.Outlet` that keeps the bytes of one block in memory. They count for the rate limits, as all do."""

    def __init__(self, size: int, gate: Gate) -> None:
        self.data = bytearray()
        self._size = size
        self._gate = gate

    def write(self, data: memoryview) -> Flow:
        """See `ports.Outlet`."""
        if self._gate.shut:
            return Flow.PAUSE
        taken = data[: self._size - len(self.data)]
        self.data += taken
        if self._gate.limited:
            self._gate.received(len(taken))
        return Flow.STOP if len(self.data) >= self._size else Flow.MORE

    async def wait_ready(self) -> None:
        """See `ports.Outlet`."""
        await self._gate.wait_open()


class Prover:
    """Compares what mirrors give with what one download has on disk."""

    def __init__(self, sink: Sink, gate: Gate, driver: SegmentedDriver, random: Random) -> None:
        self._sink = sink
        self._gate = gate
        self._driver = driver
        self._random = random

    def choose(self, done: Sequence[Span], count: int) -> list[Span]:
        """Blocks to compare."""
        return blocks(done, count, self._random.random)

    async def differing(self, supplier: Supplier, chosen: Sequence[Span]) -> Span | None:
        """The first of these blocks that the mirror has other bytes in than the disk. Raises what fetching raises."""
        found = await together([self._agree(supplier, block) for block in chosen])
        return next((block for block, agrees in zip(chosen, found, strict=True) if not agrees), None)

    async def _agree(self, supplier: Supplier, block: Span) -> bool:
        sample = Sample(block.size, self._gate)
        async with self._driver.place():
            await supplier.source.fetch(supplier.resource, supplier.mirror, block, sample, supplier.spec)
        return self._agrees(sample, block, supplier.mirror)

    async def opening_differs(self, opening: Opening, block: Span, mirror: Mirror) -> bool:
        """The same for a reply that begins with that block."""
        sample = Sample(block.size, self._gate)
        await opening.pour(sample)
        return not self._agrees(sample, block, mirror)

    async def audit(
        self, accused: Supplier | None, brought: Sequence[Span], witnesses: Sequence[Supplier], count: int
    ) -> list[Supplier | None]:
        """Compare blocks that `accused` has brought (`None`: somebody in an earlier run) with what others give.

        Gives who is not to be believed any more: nobody where all agree, or where no other answers; two where nobody can
        tell which of them is wrong. The first witness is the reference if `witnesses[0]` is, whom everybody else was
        compared with.
        """
        chosen = self.choose(brought, count)
        for at in range(0, len(chosen), AT_ONCE):
            for guilty in await together([self._guilty(accused, each, witnesses) for each in chosen[at : at + AT_ONCE]]):
                if guilty:
                    return guilty
        return []

    async def _guilty(self, accused: Supplier | None, block: Span, witnesses: Sequence[Supplier]) -> list[Supplier | None]:
        opposed: Supplier | None = None
        for witness in witnesses:
            agrees = await self._asked(witness, block)
            if agrees is None:
                continue
            if agrees:
                # A witness against it stands alone now.
                return [opposed] if opposed is not None else []
            if opposed is not None or witness.reference:
                return [accused]
            opposed = witness
        return [accused, opposed] if opposed is not None else []

    async def _asked(self, witness: Supplier, block: Span) -> bool | None:
        """Whether the witness has the same bytes there as the disk; `None` when it does not answer."""
        with suppress(TransferError):
            return await self._agree(witness, block)
        return None

    def _agrees(self, sample: Sample, block: Span, mirror: Mirror) -> bool:
        if len(sample.data) < block.size:
            shown = without_credentials(mirror.uri)
            raise Truncated(f"{shown} ended its reply before the bytes that were asked for", uri=shown)
        return sample.data == self._sink.read(block.start, block.size)


async def together(works: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """What all of them come to. When one fails, the others are ended, and its error is raised."""
    running = [asyncio.ensure_future(each) for each in works]
    try:
        return await asyncio.gather(*running)
    finally:
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
