"""SegmentMap: who fetches which bytes of one Part.

Invariant: the done spans, the rest of each lease, and the free spans are a disjoint cover of the Part. No byte is
ever lost or owned twice, whatever the order of claims, steals, movements and releases. The one exception is deliberate: a
lease and its twin (`hedge`) own the same end, and either may bring it.

Rules
-----
* Only the Outlet that pours into a lease moves its `position`, and only forward, after the bytes are written.
* A steal shortens the victim's `stop`, never below its `position`. The victim learns of it by its next chunk being clipped.
* Of a lease and its twin the first to finish wins. When one is released, the other has no rest any more if it was behind,
  and goes on alone if it was ahead. A pair is neither stolen from nor extended nor hedged again. What both have written is
  counted once, because done spans are merged.
* What was found to be wrong is spoiled, and free again: only done bytes that no lease may still write to.
* A Part of unknown size is one span to `UNBOUNDED`, until `settle` says where it ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dlm.model.span import Span, merge, subtract, total

UNBOUNDED = 2**63 - 1
"""The end of a Part whose size is not known: more than any file system holds."""


class Lease:
    """A span that one connection owns: `start` to `position` is written, `position` to `stop` is still to come."""

    __slots__ = ("position", "start", "stop", "twin")

    def __init__(self, start: int, stop: int) -> None:
        self.start = start
        self.position = start
        self.stop = stop
        self.twin: Lease | None = None
        """The other lease on the same end, while both are out."""

    @property
    def remaining(self) -> int:
        """Bytes still to come."""
        return self.stop - self.position

    def __repr__(self) -> str:
        return f"<Lease {self.start}-[{self.position}]-{self.stop}>"


class SegmentMap:
    """The spans of one Part: done, leased, free."""

    def __init__(self, size: int | None, done: Iterable[Span] = ()) -> None:
        self.size = size
        self._whole = Span(0, UNBOUNDED if size is None else size)
        self._done = merge(done)
        self._leases: list[Lease] = []
        if self._done and (self._done[0].start < 0 or self._done[-1].stop > self._whole.stop):
            raise ValueError(f"done spans {self._done} lie outside {self._whole}")

    @property
    def leases(self) -> Sequence[Lease]:
        """The leases that are out, oldest first."""
        return self._leases

    @property
    def complete(self) -> bool:
        """Whether every byte is done and no lease is out."""
        return not self._leases and not self.free()

    def done(self) -> list[Span]:
        """What is written, sorted and merged: the part of each lease before its position counts."""
        return merge([*self._done, *(Span(lease.start, lease.position) for lease in self._leases)])

    def free(self) -> list[Span]:
        """What nobody has and nobody fetches."""
        return subtract(self._whole, merge([*self._done, *(Span(lease.start, lease.stop) for lease in self._leases)]))

    def kept(self) -> list[Span]:
        """What is written and no lease writes to any more: of a lease and its twin the one behind still may."""
        rests = merge(Span(lease.position, lease.stop) for lease in self._leases)
        return [rest for span in self.done() for rest in subtract(span, rests)]

    def downloaded(self) -> int:
        """How many bytes are done."""
        return total(self.done())

    def prefix(self) -> int:
        """How many bytes from offset 0 on are done without a gap."""
        first = next(iter(self.done()), None)
        return first.stop if first is not None and first.start == 0 else 0

    def claim(self) -> Lease | None:
        """A lease on the whole of the first free span, `None` when nothing is free."""
        gaps = self.free()
        return self._lease(gaps[0]) if gaps else None

    def steal(self, victim: Lease, at: int) -> Lease:
        """A lease on `[at, victim.stop)`, which the victim loses. `at` lies in the victim's rest."""
        if victim not in self._leases or victim.twin is not None or not victim.position <= at < victim.stop:
            raise ValueError(f"nothing to steal at {at} from {victim}")
        stop, victim.stop = victim.stop, at
        return self._lease(Span(at, stop))

    def hedge(self, lease: Lease) -> Lease:
        """A second lease on the rest of `lease`: whichever of the two comes to the end first has fetched it."""
        if lease not in self._leases or lease.twin is not None or not lease.remaining or lease.stop == UNBOUNDED:
            raise ValueError(f"nothing to fetch twice of {lease}")
        twin = self._lease(Span(lease.position, lease.stop))
        twin.twin, lease.twin = lease, twin
        return twin

    def release(self, lease: Lease) -> None:
        """Take a lease back: what it wrote is done, the rest is free, or its twin's. A twin that was behind has none then."""
        self._leases.remove(lease)
        self._done = merge([*self._done, Span(lease.start, lease.position)])
        twin, lease.twin = lease.twin, None
        if twin is not None:
            twin.twin = None
            if twin.position < lease.position:
                twin.stop = twin.position

    def extend(self, lease: Lease, reach: int) -> None:
        """Let `lease` go on over the free span behind it, up to `reach` at most: its reply brings those bytes anyhow."""
        gap = next((span for span in self.free() if span.start == lease.stop), None)
        if gap is not None and lease.twin is None and reach > lease.stop:
            lease.stop = min(gap.stop, reach)

    def spoil(self, span: Span) -> None:
        """What was written there is worth nothing: it is free again. Raises `ValueError` unless all of it is `kept`."""
        if not any(kept.start <= span.start and span.stop <= kept.stop for kept in self.kept()):
            raise ValueError(f"{span} is not done, or is being written to")
        for lease in self._leases:
            if lease.start < span.stop and lease.position > span.start:
                # Its own part of the past would count as done again.
                self._done = merge([*self._done, Span(lease.start, lease.position)])
                lease.start = lease.position
        self.forget([span])

    def forget(self, spans: Iterable[Span]) -> None:
        """These bytes are wrong: what of them is done is free again. What a lease has written is not touched."""
        for wrong in merge(spans):
            self._done = [rest for span in self._done for rest in subtract(span, [wrong])]

    def settle(self, size: int) -> None:
        """The Part of unknown size turned out to have `size` bytes; whatever lies behind is forgotten."""
        if self.size is not None:
            raise ValueError(f"the size is known to be {self.size} already")
        self.size = size
        self._whole = Span(0, size)
        self._done = [span for span in (Span(s.start, min(s.stop, size)) for s in self._done) if span.size > 0]
        for lease in self._leases:
            lease.stop = max(lease.position, min(lease.stop, size))

    def _lease(self, span: Span) -> Lease:
        lease = Lease(span.start, span.stop)
        self._leases.append(lease)
        return lease

    def __repr__(self) -> str:
        return f"<SegmentMap {self.downloaded()} of {self.size}, {len(self._leases)} leased>"
