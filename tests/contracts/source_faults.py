"""What else a Source does where its server fails: the contract goes on, for grounds whose servers can be told to."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from dlm.model.error import Denied, RangeIgnored, Refused, TransferError, Verdict
from dlm.model.span import Span
from dlm.ports import Outlet, Source
from tests.contracts.outlets import Hesitant, Pail
from tests.contracts.source import SETTLING, Ground, SourceContract, Transfer, fetched, play, poured


async def pour_cut(ground: Ground, source: Source, outlet: Outlet) -> None:
    """A first reply that is cut."""
    await poured(ground, source, outlet, ground.uri("cut"))


async def fetch_cut(ground: Ground, source: Source, outlet: Outlet) -> None:
    """A later reply that is cut."""
    await fetched(ground, source, outlet, Span(0, len(ground.content)), kind="cut")


class FaultySourceContract(SourceContract):
    """For grounds that have also `denied`, `unsized`, `unranged`, `cut`, `crumbled`, and
    `silent` (after some bytes)."""

    def test_a_refusal_is_denied(self, ground: Ground) -> None:
        """Another mirror may let us in."""

        async def scenario(source: Source) -> None:
            uri = ground.uri("denied")
            with pytest.raises(Denied) as caught:
                await source.open(uri, ground.spec(uri))
            assert caught.value.verdict is Verdict.NEXT_MIRROR

        play(ground, scenario)

    @pytest.mark.parametrize("transfer", [pour_cut, fetch_cut])
    def test_a_lost_connection_may_be_tried_again(self, ground: Ground, transfer: Transfer) -> None:
        """What came before is right; that it was not all is an error that a retry may mend."""

        async def scenario(source: Source) -> None:
            pail = Pail()
            with pytest.raises(TransferError) as caught:
                await transfer(ground, source, pail)
            assert caught.value.verdict is Verdict.RETRY
            assert 0 < len(pail.taken) < len(ground.content)
            assert ground.content.startswith(pail.taken)

        play(ground, scenario)

    def test_a_size_that_is_not_told_is_not_known(self, ground: Ground) -> None:
        """`None`, and the bytes come all the same, to their end."""

        async def scenario(source: Source) -> None:
            uri, pail = ground.uri("unsized"), Pail()
            opening = await source.open(uri, ground.spec(uri))
            assert opening.resource.part.size is None
            await opening.pour(pail)
            assert pail.taken == ground.content

        play(ground, scenario)

    def test_a_range_that_is_ignored_is_not_taken(self, ground: Ground) -> None:
        """Not a byte of the wrong place: neither for a span, nor for a part of the file."""

        async def scenario(source: Source) -> None:
            pail, uri = Pail(), ground.uri("unranged")
            with pytest.raises(RangeIgnored):
                await fetched(ground, source, pail, Span(1000, 2000), kind="unranged")
            with pytest.raises(Refused):
                await poured(ground, source, pail, uri, replace(ground.spec(uri), range=Span(1000, 2000)))
            assert pail.offers == 0

        play(ground, scenario)

    def test_crumbs_make_a_loaf(self, ground: Ground) -> None:
        """Bytes that come in small pieces are the same bytes, put off or not."""

        async def scenario(source: Source) -> None:
            for pail in (Pail(300), Hesitant(300)):
                await poured(ground, source, pail, ground.uri("crumbled"))
                assert pail.taken == ground.content[:300]
                assert pail.offers > 4

        play(ground, scenario)

    def test_waiting_for_a_silent_server_can_be_cancelled(self, ground: Ground) -> None:
        """Also in the middle of its reply."""

        async def scenario(source: Source) -> None:
            for work in (
                poured(ground, source, Pail(), ground.uri("silent")),
                fetched(ground, source, Pail(), Span(0, len(ground.content)), kind="silent"),
            ):
                waiting = asyncio.ensure_future(work)
                await asyncio.sleep(SETTLING)
                assert not waiting.done()
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting

        play(ground, scenario)
