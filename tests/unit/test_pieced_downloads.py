"""Downloads that were added with pieces: what is kept of these, and who gets to see them."""

from __future__ import annotations

import hashlib

import pytest

from dlm.model.error import DigestMismatch, InvalidRequest
from dlm.model.event import PIECE_SPOILT, RuntimeWarned
from dlm.model.resource import Digest, Pieces, Verification
from dlm.model.span import Span
from tests.fakes import pieces_of
from tests.house import CONTENT, House, play, spec, wish

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


def wrong_at_first(house: House, uri: str, content: bytes) -> None:
    """A file whose first byte is wrong in the first reply."""
    file = house.serve(uri, b"\0" + content[1:])

    def request(number: int, _span: Span) -> None:
        if number:
            file.content = content

    file.fault = request


@pytest.mark.parametrize("foreground", [True, False])
def test_small_files_with_pieces_are_judged_too(foreground: bool) -> None:
    """Also where many small files are fetched beside each other; what came wrong is told, and fetched again."""
    uris = [f"mem://host/{number}" for number in range(12)]
    small = b"\1" + CONTENT[:5000]

    async def story(house: House) -> None:
        process = house.process()
        told = process.events()
        for uri in uris:
            wrong_at_first(house, uri, small)
        await process.add([wish(uri, pieces=pieces_of(small, 4096)) for uri in uris])
        if foreground:
            await process.fetch([spec(uri) for uri in uris], None)
        else:
            await process.run(stay=False)
        for download in await house.all():
            assert str(download.verified) == "verified by pieces sha-256"
            assert download.path is not None
            assert house.store.files[download.path].content == small
        await process.close()
        warnings = [each async for each in told if isinstance(each, RuntimeWarned)]
        assert [each.code for each in warnings] == [PIECE_SPOILT] * 12
        assert {each.id for each in warnings} == {download.id for download in await house.all()}

    play(story)


def test_verify_reads_the_pieces_of_a_finished_file_again() -> None:
    """Each is compared; those that have changed since are named."""

    async def story(house: House) -> None:
        process = house.process()
        (added,) = await process.add([wish(pieces=pieces_of(CONTENT, LENGTH))])
        await process.run(stay=False)
        id = added.download.id
        assert str(await process.verify(id)) == "verified by pieces sha-256"
        held = house.store.files["/d/file.bin"].content
        held[LENGTH] ^= 0xFF
        with pytest.raises(DigestMismatch, match=r"piece 2 of 4 \(bytes 65536 to 131071\) changed") as raised:
            await process.verify(id)
        assert raised.value.spans == (Span(LENGTH, 2 * LENGTH),)
        held[-1] ^= 0xFF
        with pytest.raises(DigestMismatch, match=r"piece 2 of 4 .* and 1 more changed"):
            await process.verify(id)

    play(story)


def test_verify_takes_a_strong_digest_of_the_whole_file_rather_than_pieces() -> None:
    """And weak pieces beside nothing prove nothing, though they are compared."""

    async def story(house: House) -> None:
        process = house.process()
        weak = pieces_of(CONTENT, LENGTH, "sha-1")
        (added,) = await process.add([wish(pieces=weak)])
        await process.run(stay=False)
        assert (await process.verify(added.download.id)).how is Verification.CONSISTENT
        house.store.files["/d/file.bin"].content[0] ^= 0xFF
        with pytest.raises(DigestMismatch, match="piece 1 of 4"):
            await process.verify(added.download.id)
        house.serve("mem://host/strong")
        right = Digest("sha-512", hashlib.sha512(CONTENT).digest())
        (strong,) = await process.add([wish("mem://host/strong", changes={"checksum": right}, pieces=weak)])
        await process.run(stay=False)
        assert (await process.verify(strong.download.id)).by == "sha-512"
        house.serve("mem://host/other")
        proving, md5 = pieces_of(CONTENT, LENGTH), Digest("md5", hashlib.md5(CONTENT).digest())
        (both,) = await process.add([wish("mem://host/other", changes={"checksum": md5}, pieces=proving)])
        await process.run(stay=False)
        assert (await process.verify(both.download.id)).by == "pieces sha-256"

    play(story)
