"""What proves that the file which comes is the right one: the digest of all of it, digests of its pieces, both, or neither."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dlm.model.address import without_credentials
from dlm.model.download import DownloadSpec
from dlm.model.message import PieceSpoilt, Start
from dlm.model.resource import Verification, Verified, strongest
from dlm.ports import Reporter, Sink
from dlm.transfer.ending import judge
from dlm.transfer.hashing import HashingSink, PrefixHasher, RunningDigest
from dlm.transfer.work import Work

if TYPE_CHECKING:
    from dlm.transfer.piecewise import Blame, Piecewise

PAUSE = 0.1


class Proof:
    """The proof of one transfer. The digest of all follows what the pieces, where there are any, have shown to be right.

    What goes to standard output cannot be read back, so its pieces are not looked at.
    """

    def __init__(self, work: Work, spec: DownloadSpec, start: Start, reporter: Reporter, blame: Blame) -> None:
        self._work = work
        self._users = spec.checksum is not None
        wanted = spec.checksum or strongest(work.resource.part.digests)
        self._digest = RunningDigest(wanted) if wanted is not None else None
        self._pieces = start.pieces if not spec.streams_out else None
        self._piecewise: Piecewise | None = None
        self.hasher: PrefixHasher | None = None
        """What follows the digest of all of it, where one is known."""
        self.sink: Sink = work.sink
        """Where the bytes are to go."""
        if self._pieces is not None:
            from dlm.transfer.piecewise import Piecewise  # which few downloads need

            def tell(sentence: str) -> None:
                reporter.post(PieceSpoilt(start.download.id, sentence))

            shown, ranged = without_credentials(work.resource.mirrors[0].uri), work.resource.ranged
            self._piecewise = Piecewise(self._pieces, work.segments, work.sink, blame, tell, uri=shown, ranged=ranged)
        if self._digest is not None and spec.streams_out:
            self.sink = HashingSink(work.sink, self._digest)
        elif self._digest is not None:
            prefix = self._piecewise.prefix if self._piecewise is not None else work.segments.prefix
            self.hasher = PrefixHasher(work.sink, self._digest, prefix)

    @property
    def pieced(self) -> bool:
        """Whether each piece is judged by a digest of its own."""
        return self._piecewise is not None

    @property
    def known(self) -> bool:
        """Whether there is anything to compare with."""
        return self._digest is not None or self._piecewise is not None

    def companions(self) -> list[Coroutine[Any, Any, None]]:
        """What runs beside the transfer."""
        return [each.follow(PAUSE) for each in (self._piecewise, self.hasher) if each is not None]

    async def approve(self) -> bool:
        """Judge what has come: wrong pieces are free afterwards. Whether there were none, and all is there.

        Raises `DigestMismatch` for one that is to be given up.
        """
        if self._piecewise is not None:
            await self._piecewise.look()
        return self._work.segments.complete

    async def verdict(self, *, joined: bool) -> Verified:
        """How sure the finished file is; `joined`: several replies made it. Raises `DigestMismatch`."""
        if self.hasher is not None:
            await self.hasher.catch_up()
        work, digest, pieces = self._work, self._digest, self._pieces
        verified = judge(work.resource, work.sink.place.name, work.segments.done(), digest, users=self._users, joined=joined)
        if pieces is not None and pieces.prove and (digest is None or not digest.wanted.proves):
            return replace(verified, how=Verification.VERIFIED, by=f"pieces {pieces.algorithm}")
        return verified

    def stop(self) -> None:
        """Read no further: the transfer has ended otherwise."""
        for each in (self._piecewise, self.hasher):
            if each is not None:
                each.stop()

    async def close(self) -> None:
        """Return when the file is no longer read."""
        for each in (self._piecewise, self.hasher):
            if each is not None:
                await each.close()
