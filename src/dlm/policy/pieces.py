"""Pieces of a file: whether they are its pieces at all, which can be judged, how far it is right, when to give one up. Pure.

Pieces have numbers from 0 on. Several in a row are a Span of numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dlm.model.error import Refused
from dlm.model.resource import Pieces
from dlm.model.span import Span, merge, subtract, total

MOST_TRIES = 4
"""Times that a piece may come wrong, whoever brings it."""


def demand_fitting(pieces: Pieces, size: int, uri: str) -> None:
    """Raises `Refused` unless a file of `size` bytes, as `uri` gives it, has just so many pieces."""
    if len(pieces.digests) != -(-size // pieces.length):
        raise Refused(
            f"{uri} gives a file of {size} bytes, which is not the file that was asked for: that one has "
            f"{len(pieces.digests)} pieces of {pieces.length} bytes",
            uri=uri,
        )


class Judgement:
    """What is known of the pieces of one file of `size` bytes."""

    def __init__(self, pieces: Pieces, size: int) -> None:
        self._pieces = pieces
        self._size = size
        self._good: list[Span] = []
        self._tries: dict[int, int] = {}
        self._culprits: dict[int, set[str]] = {}

    @property
    def complete(self) -> bool:
        """Whether every piece is good."""
        return total(self._good) == len(self._pieces.digests)

    @property
    def prefix(self) -> int:
        """How many bytes from offset 0 on are known to be right."""
        first = next(iter(self._good), None)
        return min(first.stop * self._pieces.length, self._size) if first is not None and first.start == 0 else 0

    def span(self, number: int) -> Span:
        """The bytes of a piece."""
        start = number * self._pieces.length
        return Span(start, min(start + self._pieces.length, self._size))

    def next(self, kept: Iterable[Span], most: int) -> list[int]:
        """The first pieces that lie within the `kept` spans and are not known to be good: of `most` bytes, but one at least."""
        length = self._pieces.length
        numbers: list[int] = []
        for span in kept:
            last = len(self._pieces.digests) if span.stop >= self._size else span.stop // length
            for gap in subtract(Span(-(-span.start // length), last), self._good):
                for number in range(*gap):
                    if numbers and (len(numbers) + 1) * length > most:
                        return numbers
                    numbers.append(number)
        return numbers

    def passed(self, numbers: Iterable[int]) -> None:
        """These pieces are good, and stay so."""
        self._good = merge([*self._good, *(Span(number, number + 1) for number in numbers)])

    def failed(self, number: int, bringers: Sequence[str]) -> bool:
        """A piece is wrong that these addresses brought. Whether it is to be given up.

        It is when one address alone has brought it wrong twice, or after `MOST_TRIES`.
        """
        self._tries[number] = self._tries.get(number, 0) + 1
        if len(bringers) == 1:
            culprits = self._culprits.setdefault(number, set())
            if bringers[0] in culprits:
                return True
            culprits.update(bringers)
        return self._tries[number] >= MOST_TRIES
