"""Digests that are ready when the last byte is.

Of a file, a digest follows the growing prefix: bytes are read back from the page cache by a thread, outside the
transfer loop, so that bytes which come out of order need no buffer. Of standard output, which cannot be read back and
gets its bytes in order, it is taken as they pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dlm.model.checksums import growing
from dlm.model.download import Place
from dlm.model.error import PartLost
from dlm.model.resource import Digest
from dlm.ports import Sink
from dlm.transfer.thread_step import ThreadStep

BLOCK = 1024 * 1024


class RunningDigest:
    """The digest of the bytes so far, to be compared with the one that is wanted."""

    def __init__(self, wanted: Digest) -> None:
        self.wanted = wanted
        self._hash = growing(wanted.algorithm)

    def update(self, data: bytes | memoryview) -> None:
        """Add the next bytes."""
        self._hash.update(data)

    def reset(self) -> None:
        """Begin again, with no byte."""
        self._hash = growing(self.wanted.algorithm)

    @property
    def matches(self) -> bool:
        """Whether it is the one that is wanted."""
        return self._hash.digest() == self.wanted.value

    @property
    def found(self) -> str:
        """What it is, in hexadecimal."""
        return self._hash.hexdigest()


class PrefixHasher:
    """Hashes a Part from its first byte on, as far as `prefix()` says that it is done."""

    def __init__(self, sink: Sink, digest: RunningDigest, prefix: Callable[[], int]) -> None:
        self._sink = sink
        self.digest = digest
        self._prefix = prefix
        self._position = 0
        self._stopped = False
        self._wrong_from: int | None = None
        self._step = ThreadStep()
        self._turn = asyncio.Lock()

    async def follow(self, pause: float) -> None:
        """Hash what is there, look again after `pause` seconds, until cancelled."""
        while True:
            await self.catch_up()
            await asyncio.sleep(pause)

    async def catch_up(self) -> None:
        """Hash up to the prefix as it is now. After a cancellation the next call goes on."""
        async with self._turn:
            while self._wrong_from is not None or self._position < self._prefix():
                await self._step.drain()
                self._rewind()
                await self._step.run(self._advance, min(self._prefix(), self._position + 16 * BLOCK))

    def forgot(self, start: int) -> None:
        """Bytes from `start` on have turned out to be wrong: what was hashed of them is hashed again, when they are there."""
        self._wrong_from = start if self._wrong_from is None else min(start, self._wrong_from)

    def _rewind(self) -> None:
        if self._wrong_from is not None and self._wrong_from < self._position:
            self.digest.reset()
            self._position = 0
        self._wrong_from = None

    def stop(self) -> None:
        """Read no further than the block under way, so that whoever ends the transfer need not wait for the rest."""
        self._stopped = True

    async def close(self) -> None:
        """Return when the file is no longer read."""
        await self._step.drain()

    def _advance(self, end: int) -> None:
        while self._position < end and not self._stopped:
            block = self._sink.read(self._position, min(BLOCK, end - self._position))
            if not block:
                raise PartLost("the partial file was cut while it was read back", path=self._sink.place.part)
            self.digest.update(block)
            self._position += len(block)


class HashingSink:
    """`ports.Sink` around another that is only ever written in order: hashes what passes."""

    def __init__(self, inner: Sink, digest: RunningDigest) -> None:
        self._inner = inner
        self._digest = digest

    @property
    def place(self) -> Place:
        """See `ports.Sink`."""
        return self._inner.place

    def write(self, offset: int, data: memoryview) -> None:
        """See `ports.Sink`."""
        self._inner.write(offset, data)
        self._digest.update(data)

    def read(self, offset: int, size: int) -> bytes:
        """See `ports.Sink`."""
        return self._inner.read(offset, size)

    def sync(self) -> None:
        """See `ports.Sink`."""
        self._inner.sync()

    def settle(self, size: int, modified: float | None) -> None:
        """See `ports.Sink`."""
        self._inner.settle(size, modified)

    def publish(self, name: str, *, replace: bool) -> str:
        """See `ports.Sink`."""
        return self._inner.publish(name, replace=replace)

    def discard(self) -> None:
        """See `ports.Sink`."""
        self._inner.discard()

    def close(self) -> None:
        """See `ports.Sink`."""
        self._inner.close()
