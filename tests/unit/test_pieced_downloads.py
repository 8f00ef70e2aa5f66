"""Downloads that were added with pieces: what is kept of these, and who gets to see them."""

from __future__ import annotations

import pytest

from dlm.model.error import InvalidRequest
from dlm.model.resource import Pieces
from dlm.model.span import Span
from tests.fakes import pieces_of
from tests.house import CONTENT, House, play, wish

LENGTH = 65_536


def test_pieces_are_recorded_with_what_is_added() -> None:
    """Those of new downloads; what is known already keeps what it has."""

    async def story(house: House) -> None:
        downloads = house.process()
        plain, pieced = await downloads.add([wish(), wish("mem://host/other", pieces=pieces_of(CONTENT, LENGTH))])
        await downloads.add([wish(pieces=pieces_of(b"else", LENGTH))])
        repository = house.state.repository
        assert await repository.pieces_of(plain.download.id) is None
        assert await repository.pieces_of(pieced.download.id) == pieces_of(CONTENT, LENGTH)

    play(story)


def test_pieces_that_cannot_be_meant_are_refused_and_nothing_is_added() -> None:
    """Pieces that no file can have, and pieces of a whole file with a part of it."""

    async def story(house: House) -> None:
        downloads = house.process()
        with pytest.raises(InvalidRequest, match="0 bytes"):
            await downloads.add([wish(), wish("mem://host/other", pieces=Pieces("md5", 0, ()))])
        with pytest.raises(InvalidRequest, match="fetch all of it"):
            await downloads.add([wish(changes={"range": Span(0, 5)}, pieces=pieces_of(CONTENT, LENGTH))])
        assert await house.all() == []

    play(story)


def test_pieces_are_recorded_with_what_is_fetched() -> None:
    """Those of new downloads, and only of those that they are stated for."""

    async def story(house: House) -> None:
        plain, pieced = wish().spec, wish("mem://host/other").spec
        outcomes = await house.process().fetch([plain, pieced], 1, pieces={pieced: pieces_of(CONTENT, LENGTH)})
        repository = house.state.repository
        assert [await repository.pieces_of(each.download.id) for each in outcomes] == [None, pieces_of(CONTENT, LENGTH)]
        with pytest.raises(InvalidRequest, match="0 bytes"):
            await house.process().fetch([plain], 1, pieces={plain: Pieces("md5", 0, ())})

    play(story)
