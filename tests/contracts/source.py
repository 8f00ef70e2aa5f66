"""The contract of `dlm.ports.Source` and `dlm.ports.Opening`.

Every scenario is also held to its end: when the Source is closed, no task, no socket and no complaint of the event
loop is left.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any, Protocol

import pytest

from dlm.model.download import DownloadSpec
from dlm.model.error import DiskFull, NotFound, Refused, ResourceChanged, Verdict
from dlm.model.span import Span
from dlm.policy.segments import UNBOUNDED
from dlm.ports import Outlet, Source
from tests.contracts.outlets import Broken, Hesitant, Impatient, Pail, Shut

PATIENCE = 60.0
SETTLING = 0.05
"""Seconds in which a transfer that was ended badly would still write."""


class Ground(Protocol):
    """A server, and its files. Each of them that has any content has `content`."""

    content: bytes

    async def source(self) -> Source:
        """A new Source, bound to the running loop."""

    def uri(self, kind: str) -> str:
        """The address of `whole`, `empty`, `missing` or `changing`."""

    def spellings(self) -> Sequence[str]:
        """Addresses of the content whose names and queries have characters beyond ASCII, escaped and not."""

    def spec(self, uri: str) -> DownloadSpec:
        """What a user would ask for to get it."""

    def change(self) -> None:
        """From now on, what is at `changing` is another file of the same size."""


def play(ground: Ground, scenario: Callable[[Source], Awaitable[None]]) -> None:
    """Run the scenario with a Source, close that twice, and see that nothing is left of it."""
    before, complaints = _sockets(), list[dict[str, Any]]()

    async def played() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
        source = await ground.source()
        try:
            async with asyncio.timeout(PATIENCE):
                await scenario(source)
        finally:
            await source.close()
            await source.close()
        for _ in range(3):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        gc.collect()

    gc.freeze()  # so that only what the scenario has made is looked at afterwards: a fiftieth of all
    try:
        asyncio.run(played())
    finally:
        gc.unfreeze()
    assert complaints == []
    deadline = time.monotonic() + PATIENCE
    while _sockets() > before and time.monotonic() < deadline:  # a server in this process has ends to close, too
        time.sleep(0.01)
    assert _sockets() <= before


def _sockets() -> int:
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except FileNotFoundError:
            continue
    return count


async def poured(ground: Ground, source: Source, outlet: Outlet, uri: str, spec: DownloadSpec | None = None) -> None:
    """Open the address, and pour the whole of it."""
    opening = await source.open(uri, spec or ground.spec(uri))
    await opening.pour(outlet)


async def fetched(ground: Ground, source: Source, outlet: Outlet, span: Span, *, kind: str = "whole") -> None:
    """Open the file, give that reply up, and fetch a span of it."""
    uri = ground.uri(kind)
    spec = ground.spec(uri)
    opening = await source.open(uri, spec)
    await opening.close()
    await source.fetch(opening.resource, opening.resource.mirrors[0], span, outlet, spec)


Transfer = Callable[[Ground, Source, Outlet], Awaitable[None]]


async def pour_whole(ground: Ground, source: Source, outlet: Outlet) -> None:
    """By the first reply."""
    await poured(ground, source, outlet, ground.uri("whole"))


async def fetch_whole(ground: Ground, source: Source, outlet: Outlet) -> None:
    """By a request for all of it."""
    await fetched(ground, source, outlet, Span(0, len(ground.content)))


both_ways = pytest.mark.parametrize("transfer", [pour_whole, fetch_whole])


def spans_of(size: int) -> list[Span]:
    """Spans at the edges of the file and of the usual chunks, and some anywhere."""
    spans = [Span(0, 1), Span(0, size), Span(size - 1, size), Span(16_383, 16_385), Span(1, 16_384), Span(0, UNBOUNDED)]
    random = Random(1)
    for _ in range(8):
        start = random.randrange(size)
        spans.append(Span(start, random.randint(start + 1, size)))
    return spans


class SourceContract:
    """A subclass says in the fixture `ground` what is served, and how."""

    @pytest.fixture
    def ground(self) -> Ground:
        raise NotImplementedError

    def test_an_opening_tells_what_the_address_is_and_pours_it(self, ground: Ground) -> None:
        """One Part of the right size, ranges, the address itself as the mirror; then every byte. Closing changes nothing."""

        async def scenario(source: Source) -> None:
            uri, pail = ground.uri("whole"), Pail()
            opening = await source.open(uri, ground.spec(uri))
            resource = opening.resource
            assert (resource.part.size, resource.ranged, resource.encoded) == (len(ground.content), True, False)
            assert [mirror.uri for mirror in resource.mirrors] == [uri]
            await opening.pour(pail)
            await opening.close()
            assert pail.taken == ground.content

        play(ground, scenario)

    def test_an_opening_may_be_given_up(self, ground: Ground) -> None:
        """Any number of times, and the Source goes on as before."""

        async def scenario(source: Source) -> None:
            uri, pail = ground.uri("whole"), Pail()
            for _ in range(3):
                opening = await source.open(uri, ground.spec(uri))
                await opening.close()
                await opening.close()
            await poured(ground, source, pail, uri)
            assert pail.taken == ground.content

        play(ground, scenario)

    def test_a_source_may_be_closed_with_replies_open(self, ground: Ground) -> None:
        """Nothing is left of them."""

        async def scenario(source: Source) -> None:
            uri = ground.uri("whole")
            for _ in range(2):
                await source.open(uri, ground.spec(uri))

        play(ground, scenario)

    def test_any_span_is_exact(self, ground: Ground) -> None:
        """From its first byte to its last, none more; without an end, to the end of the file."""

        async def scenario(source: Source) -> None:
            for span in spans_of(len(ground.content)):
                pail = Pail(span.size if span.stop < UNBOUNDED else UNBOUNDED)
                await fetched(ground, source, pail, span)
                assert pail.taken == ground.content[span.start : span.stop], span

        play(ground, scenario)

    def test_many_spans_at_once(self, ground: Ground) -> None:
        """Fetches that run together do not meet."""

        async def scenario(source: Source) -> None:
            spans = spans_of(len(ground.content)) * 3
            pails = [Pail() for _ in spans]
            await asyncio.gather(*(fetched(ground, source, pail, span) for pail, span in zip(pails, spans, strict=True)))
            assert all(pail.taken == ground.content[span.start : span.stop] for pail, span in zip(pails, spans, strict=True))

        play(ground, scenario)

    @both_ways
    def test_stop_ends_a_transfer_well(self, ground: Ground, transfer: Transfer) -> None:
        """Also in the middle of a chunk: it returns, nothing more is offered, and the next transfer is a fresh one."""

        async def scenario(source: Source) -> None:
            for room in (1, 1, 1000, 1000, 16_384, 16_384, 100_000, 100_000):
                pail = Pail(room)
                await transfer(ground, source, pail)
                await asyncio.sleep(SETTLING / 5)
                assert (bytes(pail.taken), pail.late) == (ground.content[:room], 0), room

        play(ground, scenario)

    @both_ways
    def test_what_was_put_off_is_offered_again(self, ground: Ground, transfer: Transfer) -> None:
        """However often an Outlet says PAUSE, the bytes are the same."""

        async def scenario(source: Source) -> None:
            hesitant, stopping = Hesitant(), Hesitant(70_000)
            await transfer(ground, source, hesitant)
            await transfer(ground, source, stopping)
            assert hesitant.taken == ground.content
            assert (bytes(stopping.taken), stopping.late) == (ground.content[:70_000], 0)

        play(ground, scenario)

    @both_ways
    def test_an_error_of_the_outlet_comes_out_as_it_is(self, ground: Ground, transfer: Transfer) -> None:
        """Not wrapped, not translated, and nothing is offered afterwards."""

        async def scenario(source: Source) -> None:
            broken = Broken()
            with pytest.raises(DiskFull) as caught:
                await transfer(ground, source, broken)
            assert caught.value is broken.error
            await asyncio.sleep(SETTLING / 5)
            assert broken.offers == 1

        play(ground, scenario)

    @both_ways
    def test_silence_after_a_cancellation_while_it_waits(self, ground: Ground, transfer: Transfer) -> None:
        """A transfer that was put off, then cancelled, offers nothing when the Outlet is ready again."""

        async def scenario(source: Source) -> None:
            for opens_later in (True, False):
                shut = Shut()
                running = asyncio.ensure_future(transfer(ground, source, shut))
                await shut.offered.wait()
                running.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await running
                offers = shut.offers
                if opens_later:
                    shut.opened.set()
                await asyncio.sleep(SETTLING)
                assert (shut.offers, bytes(shut.taken)) == (offers, b"")

        play(ground, scenario)

    @both_ways
    def test_silence_after_a_cancellation_while_bytes_come(self, ground: Ground, transfer: Transfer) -> None:
        """When the cancelled transfer has ended, no byte comes any more, and those before are the right ones."""

        async def scenario(source: Source) -> None:
            impatient = Impatient()
            impatient.transfer = asyncio.ensure_future(transfer(ground, source, impatient))
            await asyncio.wait([impatient.transfer])
            offers = impatient.offers
            await asyncio.sleep(SETTLING)
            assert impatient.offers == offers > 0
            assert ground.content.startswith(impatient.taken)

        play(ground, scenario)

    def test_another_version_is_noticed_before_its_first_byte(self, ground: Ground) -> None:
        """What was opened as one file is not gone on with as another one of the same size."""

        async def scenario(source: Source) -> None:
            uri, pail = ground.uri("changing"), Pail()
            opening = await source.open(uri, ground.spec(uri))
            await opening.close()
            ground.change()
            for start in (0, 1000):
                span = Span(start, len(ground.content))
                with pytest.raises(ResourceChanged):
                    await source.fetch(opening.resource, opening.resource.mirrors[0], span, pail, ground.spec(uri))
            assert pail.offers == 0

        play(ground, scenario)

    def test_what_is_not_there_is_not_found(self, ground: Ground) -> None:
        """With an error that names the address, and that another mirror may make good."""

        async def scenario(source: Source) -> None:
            uri = ground.uri("missing")
            with pytest.raises(NotFound) as caught:
                await source.open(uri, ground.spec(uri))
            assert uri in str(caught.value)
            assert (caught.value.uri, caught.value.verdict) == (uri, Verdict.NEXT_MIRROR)

        play(ground, scenario)

    def test_an_empty_file_is_empty(self, ground: Ground) -> None:
        """Its size is known to be 0, and pouring it returns."""

        async def scenario(source: Source) -> None:
            uri, pail = ground.uri("empty"), Pail()
            opening = await source.open(uri, ground.spec(uri))
            assert opening.resource.part.size == 0
            await opening.pour(pail)
            assert pail.taken == b""

        play(ground, scenario)

    def test_names_may_have_any_characters(self, ground: Ground) -> None:
        """Escaped or not, in the path and in the query: it is the same file, and the mirror is as it was written."""

        async def scenario(source: Source) -> None:
            for uri in ground.spellings():
                spec = ground.spec(uri)
                opening = await source.open(uri, spec)
                await opening.close()
                assert opening.resource.mirrors[0].uri == uri
                whole, part = Pail(), Pail()
                await poured(ground, source, whole, uri)
                await source.fetch(opening.resource, opening.resource.mirrors[0], Span(5, 10), part, spec)
                assert (bytes(whole.taken), bytes(part.taken)) == (ground.content, ground.content[5:10])

        play(ground, scenario)

    def test_a_part_of_the_file_is_a_file_of_its_own(self, ground: Ground) -> None:
        """With `range`, the size is that of the part, and spans count from its start; what lies outside is refused."""

        async def scenario(source: Source) -> None:
            uri, size = ground.uri("whole"), len(ground.content)
            for asked in (Span(1000, 2000), Span(0, 10), Span(size - 10, size + 100)):
                spec = replace(ground.spec(uri), range=asked)
                opening = await source.open(uri, spec)
                wanted = ground.content[asked.start : asked.stop]
                assert opening.resource.part.size == len(wanted)
                whole, middle = Pail(), Pail()
                await opening.pour(whole)
                await source.fetch(opening.resource, opening.resource.mirrors[0], Span(3, 7), middle, spec)
                assert (bytes(whole.taken), bytes(middle.taken)) == (wanted, wanted[3:7])
            with pytest.raises(Refused):
                await source.open(uri, replace(ground.spec(uri), range=Span(size, size + 1)))

        play(ground, scenario)
