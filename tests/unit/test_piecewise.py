"""Pieces in the life of a download, on in-memory twins: what is wrong is fetched again, alone, or ends it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlm.model.download import Checkpoint
from dlm.model.error import DigestMismatch, Refused, Unreachable
from dlm.model.message import Checkpointed, Completing, PieceSpoilt
from dlm.model.resource import Digest, Pieces, Verification
from dlm.model.span import Span, total
from dlm.policy.segments import SegmentMap
from dlm.protocols.memory import Fault, MemoryFile
from dlm.transfer.life import InlineWorker
from dlm.transfer.limits import Limiter
from dlm.transfer.proof import Proof
from dlm.transfer.work import Tools, Work
from tests.fakes import pieces_of, some_bytes, start_of
from tests.unit.test_life import URI, Bench, OneSource

LENGTH = 65_536
CONTENT = some_bytes(20 * LENGTH + 1_234)
PIECES = pieces_of(CONTENT, LENGTH)
Damage = Callable[[int, Span], bytes]


def damaged(content: bytes, *at: int) -> bytes:
    """With these bytes flipped."""
    changed = bytearray(content)
    for each in at:
        changed[each] ^= 0xFF
    return bytes(changed)


class Pieced(Bench):
    """The server has the content that `damage` gives at each request."""

    def __init__(self, damage: Damage = lambda _number, _span: CONTENT, **facts: object) -> None:
        super().__init__(MemoryFile(CONTENT, **facts))  # type: ignore[arg-type]  # fields of a MemoryFile
        self.file.fault = self._request
        self._damage = damage

    def _request(self, number: int, span: Span) -> Fault | None:
        self.file.content = self._damage(number, span)
        return None

    def carry(self, pieces: Pieces = PIECES, checkpoint: Checkpoint | None = None, **changes: object) -> None:
        """Carry it through with one connection, unless said otherwise."""

        async def carried() -> None:
            tools = Tools(OneSource(self.source), lambda _: self.store, self.clock, Random(1), Limiter(self.clock))
            spec = self.spec(**{"connections": 1, **changes})
            await InlineWorker(tools).carry(start_of(spec, checkpoint, pieces), self.reporter)

        asyncio.run(carried())

    def verified(self) -> str:
        """How sure it was in the end."""
        return str(next(each for each in self.reporter.commitments if isinstance(each, Completing)).verified)

    def told(self) -> list[str]:
        """What was said of its pieces."""
        return [each.sentence for each in self.reporter.news if isinstance(each, PieceSpoilt)]

    def fetched(self) -> int:
        """Bytes that were asked for after the first request."""
        return total(self.file.requests[1:])


def test_pieces_prove_a_file() -> None:
    """All right at once: one request, and verified by them."""
    bench = Pieced()
    bench.carry()
    assert bench.finished() == CONTENT
    assert bench.verified() == "verified by pieces sha-256"
    assert len(bench.file.requests) == 1


def test_pieces_of_a_weak_algorithm_find_accidents_and_prove_nothing() -> None:
    """They are looked at all the same."""
    bench = Pieced(lambda number, _: damaged(CONTENT, 0) if number == 0 else CONTENT)
    bench.carry(pieces_of(CONTENT, LENGTH, "sha-1"))
    assert bench.finished() == CONTENT
    assert bench.verified() == Verification.CONSISTENT.value


@pytest.mark.parametrize("at", [0, LENGTH - 1, 7 * LENGTH + 5, len(CONTENT) - 1])
def test_a_wrong_piece_is_fetched_again_alone(at: int) -> None:
    """The first, one in the middle, the last and short one: no other byte comes twice."""
    bench = Pieced(lambda number, _: damaged(CONTENT, at) if number == 0 else CONTENT)
    bench.carry()
    assert bench.finished() == CONTENT
    assert bench.verified() == "verified by pieces sha-256"
    start = at // LENGTH * LENGTH
    stop = min(start + LENGTH, len(CONTENT))
    assert bench.file.requests[1:] == [Span(start, stop)]
    named = f"piece {at // LENGTH + 1} of 21 (bytes {start} to {stop - 1})"
    assert bench.told() == [f"{named} came wrong from {URI}: it is fetched again"]


def test_a_piece_that_comes_wrong_twice_from_one_address_ends_it() -> None:
    """The sentence names the piece and the address; what is right is kept, and the piece is not claimed to be there."""
    at = 7 * LENGTH + 5
    bench = Pieced(lambda _number, _: damaged(CONTENT, at))
    with pytest.raises(DigestMismatch, match=rf"piece 8 of 21 .*of file\.bin came wrong from {URI}: its sha-256") as raised:
        bench.carry()
    assert raised.value.spans == (Span(7 * LENGTH, 8 * LENGTH),)
    assert bench.fetched() == LENGTH
    last = [each for each in bench.reporter.commitments if isinstance(each, Checkpointed)][-1].checkpoint
    assert last.done == (Span(0, 7 * LENGTH), Span(8 * LENGTH, len(CONTENT)))


def test_the_next_run_goes_on_from_what_was_right() -> None:
    """After such an end only the wrong piece is fetched."""
    at = 7 * LENGTH + 5
    bench = Pieced(lambda _number, _: damaged(CONTENT, at))
    with pytest.raises(DigestMismatch):
        bench.carry()
    last = [each for each in bench.reporter.commitments if isinstance(each, Checkpointed)][-1].checkpoint
    bench.file.requests.clear()
    bench.file.fault = lambda _number, _span: None
    bench.file.content = CONTENT
    bench.carry(checkpoint=last)
    assert bench.finished() == CONTENT
    assert bench.file.requests == [Span(7 * LENGTH, 8 * LENGTH)]


def test_a_disk_that_has_changed_a_byte_is_found_and_nobody_is_blamed() -> None:
    """What was there before the run is judged again; the address may bring the piece, and once more."""
    bench = Pieced()
    bench.file.fault = lambda number, _: Fault(15 * LENGTH) if number == 0 else None
    place = interrupted(bench)
    held = bench.store.at("/d/file.bin.part")
    assert held is not None
    held.content[3 * LENGTH] ^= 0xFF
    served: list[Span] = []

    def once_wrong(_number: int, span: Span) -> Fault | None:
        served.append(span)
        wrong = span.start == 3 * LENGTH and len([each for each in served if each.start == 3 * LENGTH]) == 1
        bench.file.content = damaged(CONTENT, 3 * LENGTH + 9) if wrong else CONTENT
        return None

    bench.file.fault = once_wrong
    bench.file.requests.clear()
    bench.carry(checkpoint=place)
    assert bench.finished() == CONTENT
    assert bench.verified() == "verified by pieces sha-256"
    assert [each.start for each in served].count(3 * LENGTH) == 2
    assert "piece 4 of 21 (bytes 196608 to 262143) is wrong on the disk: it is fetched again" in bench.told()
    assert total(bench.file.requests) <= len(CONTENT) - total(place.done) + 2 * LENGTH


def interrupted(bench: Pieced) -> Checkpoint:
    """Run until the server falls silent, and give what was recorded."""

    async def cut() -> None:
        tools = Tools(OneSource(bench.source), lambda _: bench.store, bench.clock, Random(1), Limiter(bench.clock))
        start = start_of(bench.spec(connections=1), None, PIECES)
        running = asyncio.ensure_future(InlineWorker(tools).carry(start, bench.reporter))
        for _ in range(400):
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cut())
    return [each for each in bench.reporter.commitments if isinstance(each, Checkpointed)][-1].checkpoint


def test_a_digest_of_the_whole_file_is_looked_at_as_well() -> None:
    """It is taken of the right bytes, not of those that were replaced; it proves more than pieces, and may contradict them."""
    right = Digest("sha-512", hashlib.sha512(CONTENT).digest())
    bench = Pieced(lambda number, _: damaged(CONTENT, 3) if number == 0 else CONTENT)
    bench.carry(checksum=right)
    assert bench.verified() == "verified by sha-512"
    weak = Digest("md5", hashlib.md5(CONTENT).digest())
    bench = Pieced()
    bench.carry(checksum=weak)
    assert bench.verified() == "verified by pieces sha-256"
    bench = Pieced()
    with pytest.raises(DigestMismatch, match="sha-512"):
        bench.carry(checksum=Digest("sha-512", bytes(64)))


def test_the_digest_of_all_never_reads_what_is_not_known_to_be_right() -> None:
    """It could not be told to forget a wrong byte: so it follows the pieces."""

    async def played() -> None:
        bench = Pieced()
        sink = bench.store.create("/d", "file.bin", len(CONTENT))
        sink.write(0, memoryview(damaged(CONTENT, 5)))
        segments = SegmentMap(len(CONTENT), [Span(0, len(CONTENT))])
        resource = (await bench.source.open(URI, bench.spec())).resource
        work = Work(resource, None, sink, segments)
        wanted = Digest("sha-512", hashlib.sha512(CONTENT).digest())
        spec = bench.spec(checksum=wanted)
        proof = Proof(work, spec, start_of(spec, None, PIECES), bench.reporter, lambda _: (URI,))
        beside = [asyncio.ensure_future(each) for each in reversed(proof.companions())]
        while segments.complete:
            await asyncio.sleep(0.01)
        for each in beside:
            each.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        lease = segments.claim()
        assert lease is not None
        sink.write(0, memoryview(CONTENT)[:LENGTH])
        lease.position = lease.stop
        segments.release(lease)
        assert await proof.approve()
        assert str(await proof.verdict(joined=True)) == "verified by sha-512"
        await proof.close()
        sink.close()

    asyncio.run(played())


def test_another_file_is_refused_before_a_byte_of_it_is_kept() -> None:
    """The number of pieces is wrong for its size."""
    bench = Pieced()
    with pytest.raises(Refused, match=rf"{URI} gives a file of {len(CONTENT)} bytes.*20 pieces of {LENGTH} bytes"):
        bench.carry(Pieces("sha-256", LENGTH, PIECES.digests[1:]))
    assert bench.store.at("/d/file.bin.part") is None


def test_a_file_of_unknown_size_is_judged_at_its_end() -> None:
    """What has the wrong size then is refused, what is right is proved."""
    bench = Pieced(states_size=False, ranged=False)
    bench.carry()
    assert bench.verified() == "verified by pieces sha-256"
    bench = Pieced(states_size=False, ranged=False)
    with pytest.raises(Refused, match="pieces"):
        bench.carry(Pieces("sha-256", LENGTH, PIECES.digests[1:]))


def test_without_ranges_a_wrong_piece_ends_it() -> None:
    """There it cannot be fetched alone."""
    bench = Pieced(lambda _number, _: damaged(CONTENT, 0), ranged=False)
    with pytest.raises(DigestMismatch, match="piece 1 of 21"):
        bench.carry()
    assert bench.finished() is None


def test_a_small_file_with_pieces_goes_the_ordinary_way() -> None:
    """There its pieces are looked at."""
    small = CONTENT[:5000]
    bench = Pieced(lambda number, _: damaged(small, 4500) if number == 0 else small)
    bench.carry(pieces_of(small, 4096))
    assert bench.finished() == small
    assert bench.file.requests[1:] == [Span(4096, 5000)]


@settings(max_examples=30, deadline=None)
@given(
    wrong=st.lists(st.integers(0, len(CONTENT) - 1), max_size=6),
    breaks=st.lists(st.none() | st.integers(0, 800_000), max_size=4),
    connections=st.integers(1, 4),
    etag=st.sampled_from(['"1"', None]),
)
def test_whatever_comes_wrong_once_is_right_in_the_end(
    wrong: list[int], breaks: list[int | None], connections: int, etag: str | None
) -> None:
    """Wrong bytes anywhere in what the first request brings, connections that break, any number of them: the file is right."""
    bench = Pieced(etag=etag)
    bad = damaged(CONTENT, *set(wrong))

    def request(number: int, _span: Span) -> Fault | None:
        bench.file.content = bad if number == 0 else CONTENT
        after = breaks[number] if number < len(breaks) else None
        return None if after is None else Fault(after, Unreachable("gone"))

    bench.file.fault = request
    bench.carry(connections=connections, retries=10)
    assert bench.finished() == CONTENT
    assert bench.verified() == "verified by pieces sha-256"


def test_what_is_on_disk_is_not_believed_even_if_all_of_it_is_there() -> None:
    """A checkpoint that says that nothing is missing does not make it right."""
    bench = Pieced()
    sink = bench.store.create("/d", "file.bin", len(CONTENT))
    sink.write(0, memoryview(damaged(CONTENT, 2 * LENGTH)))
    opening = asyncio.run(bench.source.open(URI, bench.spec()))
    whole = Checkpoint(opening.resource, sink.place, (Span(0, len(CONTENT)),))
    sink.close()
    bench.file.requests.clear()
    bench.carry(checkpoint=whole)
    assert bench.finished() == CONTENT
    assert bench.file.requests == [Span(2 * LENGTH, 3 * LENGTH)]
