"""Whether another address gives the same file, as far as that can be told before its bytes are taken.

What it says of itself comes first: another size, or another digest by the same algorithm, is another file; an equal strong
digest is the same one. Where neither decides, blocks of what is on disk are fetched from it and compared. Which ones is
drawn at random, so that nobody can know beforehand where to be honest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dlm.model.resource import Resource
from dlm.model.span import Span, total

BLOCK = 16 * 1024
"""Bytes of a sample: as much as one reply brings before its connection is up to speed."""
BLOCKS = 6
"""Samples before the first byte is taken. Somebody who lies in a third of what there is passes one time in eleven, and the
later samples find him."""
LEAST = 64 * 1024
"""Bytes that must be there to compare with, or the whole file: with less nothing would be proved."""
ENOUGH = 128 * 1024
"""Bytes that are waited for, as long as somebody brings them."""
FIRST_AUDIT = 1024 * 1024
"""Bytes that a mirror has brought when a block of them is compared with another mirror's; again when they have doubled."""
LAST_AUDIT = 8
"""Blocks of each mirror's bytes that are compared at the end, where no digest can tell."""
THOROUGH = 48
"""The same where a digest has told that something is wrong."""


def blocks(done: Sequence[Span], count: int, draw: Callable[[], float]) -> list[Span]:
    """At most `count` blocks of `done`, which is sorted and disjoint: its first, its last, and others spread between, in order.

    Where there is no more than that, all of it. `draw` gives random numbers from 0 up to 1.
    """
    whole = [Span(at, min(at + BLOCK, span.stop)) for span in done for at in range(span.start, span.stop, BLOCK)]
    if len(whole) <= count:
        return whole
    if count == 1:
        return [_at(done, int(total(done) * draw()))]
    between, size = count - 2, total(done)
    drawn = [_at(done, int(size * (each + draw()) / between)) for each in range(between)]
    last = done[-1]
    return [whole[0], *drawn, Span(max(last.start, last.stop - BLOCK), last.stop)]


def _at(done: Sequence[Span], offset: int) -> Span:
    """The block at so many bytes from the beginning of `done`, gaps not counted."""
    for span in done:
        if offset < span.size:
            return Span(span.start + offset, min(span.start + offset + BLOCK, span.stop))
        offset -= span.size
    raise ValueError("the offset lies behind the last byte")


def objection(known: Resource, size: int, other: Resource) -> str | None:
    """Why `other` cannot help with a file of `size` bytes that began as `known`, as a clause; `None` when nothing is said
    against it."""
    if other.encoded or other.part.size is None:
        return "it does not say how long the file is"
    if other.part.size != size:
        return f"its file has {other.part.size} bytes, not {size}"
    if not other.ranged:
        return "it gives no parts of the file"
    stated = {digest.algorithm: digest.value for digest in known.part.digests}
    for digest in other.part.digests:
        if stated.get(digest.algorithm, digest.value) != digest.value:
            return f"it states another {digest.algorithm} of the file"
    return None


def states_the_same(known: Resource, other: Resource) -> bool:
    """Whether both state the same digest, by an algorithm whose match proves the content."""
    strong = {digest for digest in known.part.digests if digest.proves}
    return not strong.isdisjoint(other.part.digests)
