"""Pieces are judged while the rest still comes: what is wrong is fetched again, alone.

complete, and no lease writes to it  →  read back and hashed, in a thread  →  good, for ever
                                                                           └→ free again, and blamed on who brought it

What was on disk before is judged like everything else, so a disk that has changed a byte is found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from dlm.model.checksums import growing
from dlm.model.error import DigestMismatch, PartLost
from dlm.model.resource import Pieces
from dlm.model.span import Span, subtract, total
from dlm.policy.pieces import Judgement, demand_fitting
from dlm.policy.segments import SegmentMap
from dlm.ports import Sink
from dlm.transfer.hashing import BLOCK
from dlm.transfer.thread_step import ThreadStep

BATCH = 16 * BLOCK
"""Bytes that are hashed before their verdicts are heard."""

Blame = Callable[[Span], Sequence[str]]
"""Tells whoever moves the bytes that these came wrong. It answers with the addresses that have brought them."""
Tell = Callable[[str], None]


class Piecewise:
    """Judges the pieces of a Part that is being fetched into `sink`, and tells of each that is fetched again, in a sentence.

    What stood there already is `inherited`: nobody is blamed for it. Where the server has no `ranged` replies a wrong piece
    cannot be fetched alone, and ends the transfer.
    """

    def __init__(
        self, pieces: Pieces, segments: SegmentMap, sink: Sink, blame: Blame, tell: Tell, *, uri: str, ranged: bool
    ) -> None:
        self._pieces = pieces
        self._tell = tell
        self._segments = segments
        self._sink = sink
        self._blame = blame
        self._uri = uri
        self._ranged = ranged
        self._inherited = segments.done()
        self._judgement: Judgement | None = None
        self._stopped = False
        self._one = asyncio.Lock()
        self._step = ThreadStep()

    def prefix(self) -> int:
        """How many bytes from offset 0 on are known to be right. It only grows."""
        return self._judgement.prefix if self._judgement is not None else 0

    async def follow(self, pause: float) -> None:
        """Judge what is there, look again after `pause` seconds, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(pause)

    async def look(self) -> None:
        """Judge all that can be judged now. What is wrong is free in the SegmentMap afterwards.

        Raises `Refused` for a file that cannot have these pieces, `DigestMismatch` for a piece that is to be given up.
        """
        async with self._one:
            judgement = self._judgement or self._begin()
            while judgement is not None and (numbers := judgement.next(self._segments.kept(), BATCH)) and not self._stopped:
                found: list[tuple[int, str]] = []
                await self._step.run(self._hash, judgement, numbers, found)
                self._settle(judgement, found)

    def stop(self) -> None:
        """Read no further than the block under way, so that whoever ends the transfer need not wait for the rest."""
        self._stopped = True

    async def close(self) -> None:
        """Return when the file is no longer read."""
        await self._step.drain()

    def _begin(self) -> Judgement | None:
        """`None` as long as nobody knows how large the file is."""
        size = self._segments.size
        if size is None:
            return None
        demand_fitting(self._pieces, size, self._uri)
        self._judgement = Judgement(self._pieces, size)
        return self._judgement

    def _hash(self, judgement: Judgement, numbers: Sequence[int], found: list[tuple[int, str]]) -> None:
        for number in numbers:
            digest = growing(self._pieces.algorithm)
            position, stop = judgement.span(number)
            while position < stop:
                if self._stopped:
                    return
                block = self._sink.read(position, min(BLOCK, stop - position))
                if not block:
                    raise PartLost("the partial file was cut while it was read back", path=self._sink.place.part)
                digest.update(block)
                position += len(block)
            found.append((number, digest.hexdigest()))

    def _settle(self, judgement: Judgement, found: Sequence[tuple[int, str]]) -> None:
        wrong = [(number, digest) for number, digest in found if digest != self._pieces.digests[number].hex()]
        judgement.passed({number for number, _ in found} - {number for number, _ in wrong})
        for number, digest in wrong:
            self._reject(judgement, number, digest)

    def _reject(self, judgement: Judgement, number: int, digest: str) -> None:
        span = judgement.span(number)
        fresh = total(subtract(span, self._inherited)) == span.size
        bringers = tuple(self._blame(span)) if fresh else ()
        self._inherited = [rest for each in self._inherited for rest in subtract(each, [span])]
        self._segments.spoil(span)
        named = f"piece {number + 1} of {len(self._pieces.digests)} (bytes {span.start} to {span.stop - 1})"
        if judgement.failed(number, bringers) or not self._ranged:
            raise DigestMismatch(self._sentence(named, number, digest, bringers), [span])
        self._tell(f"{named} {_origin(bringers, fresh=fresh)}: it is fetched again")

    def _sentence(self, named: str, number: int, digest: str, bringers: Sequence[str]) -> str:
        again = "all else is kept: dlm retry tries again, and dlm edit --url gives another address"
        return (
            f"{named} of {self._sink.place.name} {_origin(bringers or [self._uri], fresh=True)}: "
            f"its {self._pieces.algorithm} is {digest} and should be {self._pieces.digests[number].hex()}; "
            f"{again if self._ranged else '--no-resume fetches it anew'}"
        )


def _origin(bringers: Sequence[str], *, fresh: bool) -> str:
    return f"came wrong from {' and '.join(bringers)}" if fresh else "is wrong on the disk"
