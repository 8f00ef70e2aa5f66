"""Digests that follow the growing prefix of a file, so that they are ready when its last byte is.

Bytes are read back from the page cache by a thread, outside the transfer loop: hashing costs the transfer nothing but
memory bandwidth, and bytes that come out of order need no buffer.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence

from dlm.model.error import PartLost
from dlm.model.resource import ALGORITHMS, Digest
from dlm.ports import Sink
from dlm.transfer.thread_step import ThreadStep

BLOCK = 1024 * 1024


class PrefixHasher:
    """Hashes a Part from its first byte on, as far as `prefix()` says that it is done."""

    def __init__(self, sink: Sink, wanted: Sequence[Digest], prefix: Callable[[], int]) -> None:
        self._sink = sink
        self._prefix = prefix
        self._hashes = {
            digest.algorithm: hashlib.new(ALGORITHMS[digest.algorithm][0], usedforsecurity=False) for digest in wanted
        }
        self._wanted = tuple(wanted)
        self._position = 0
        self._step = ThreadStep()

    async def follow(self, pause: float) -> None:
        """Hash what is there, look again after `pause` seconds, until cancelled."""
        while True:
            await self.catch_up()
            await asyncio.sleep(pause)

    async def catch_up(self) -> None:
        """Hash up to the prefix as it is now. After a cancellation the next call goes on."""
        while self._wanted and self._position < (end := self._prefix()):
            await self._step.run(self._advance, min(end, self._position + 16 * BLOCK))

    async def close(self) -> None:
        """Return when the file is no longer read."""
        await self._step.drain()

    def mismatch(self) -> tuple[Digest, str] | None:
        """The first digest that does not match, with what was found instead, in hexadecimal."""
        for digest in self._wanted:
            found = self._hashes[digest.algorithm]
            if found.digest() != digest.value:
                return digest, found.hexdigest()
        return None

    def _advance(self, end: int) -> None:
        while self._position < end:
            block = self._sink.read(self._position, min(BLOCK, end - self._position))
            if not block:
                raise PartLost("the partial file was cut while it was read back", path=self._sink.place.part)
            for running in self._hashes.values():
                running.update(block)
            self._position += len(block)
