"""A link expires: what the user is told, and what a new address does to a download that has failed, or that runs."""

from __future__ import annotations

import asyncio

import pytest

from dlm.model.download import Download, DownloadId
from dlm.model.error import Denied, DlmError, InvalidRequest, NotFound, Unreachable, UnsupportedUri
from dlm.model.phase import Phase
from dlm.model.queue import Change
from dlm.model.span import Span
from dlm.protocols.memory import Fault
from dlm.service.advice import advised
from tests.contracts.repository import a_checkpoint
from tests.house import CONTENT, House, play, seconds, spec, wish

FRESH = "mem://host/fresh.bin"
HALF = 100_000


def expire(house: House) -> None:
    """The link brings half of the file, then nothing any more."""
    house.file.fault = lambda n, _: Fault(HALF if n == 0 else 0, Denied("mem://host/file.bin: not any more"))


def test_a_link_that_expires_is_replaced_and_what_had_come_is_not_fetched_again() -> None:
    """The error says how; the edit queues it again; the new address brings what is missing."""

    async def story(house: House) -> None:
        process = house.process()
        expire(house)
        (added,) = await process.add([wish(changes={"connections": 1})])
        await process.run(stay=False)
        (failed,) = await house.all()
        assert failed.phase is Phase.FAILED
        assert failed.fault is not None
        assert f"are kept: dlm edit {failed.id[:8]} --url NEW goes on" in failed.fault.message
        fresh = house.serve(FRESH)
        edited = await process.edit(added.download.id, Change(fields={"uris": (FRESH,)}))
        assert (edited.phase, edited.downloaded) == (Phase.PENDING, failed.downloaded)
        await house.process("another").run(stay=False)
        (done,) = await house.all()
        assert done.phase is Phase.COMPLETED
        assert house.store.files["/d/file.bin"].content == CONTENT
        missing = sum(min(each.stop, len(CONTENT)) - each.start for each in fresh.requests if each.start >= HALF)
        assert missing == len(CONTENT) - HALF

    play(story)


def test_a_mirror_that_is_added_helps_a_download_that_runs() -> None:
    """In another process: it hears of it by the nudge, and has it when its only address falls silent for good."""

    async def story(house: House) -> None:
        runner, commander = house.process("runner"), house.process("commander")
        house.file.fault = lambda n, _: Fault(HALF if n == 0 else 0, None if n == 0 else Unreachable("gone"))
        house.serve(FRESH)
        (added,) = await commander.add([wish(changes={"timeout": 30.0, "retries": 0})])
        running = asyncio.ensure_future(runner.run(stay=False))
        await seconds(5)
        assert await house.phases() == [Phase.RUNNING]
        edited = await commander.edit(added.download.id, Change(mirrors=(FRESH,)))
        assert (edited.phase, edited.spec.uris[1:]) == (Phase.RUNNING, (FRESH,))
        await running
        (done,) = await house.all()
        assert done.phase is Phase.COMPLETED
        assert done.path is not None
        assert house.store.files[done.path].content == CONTENT
        assert await house.causes(added.download) == ["claimed", "started", "transferred", "published"]

    play(story)


def test_addresses_that_nobody_serves_are_refused() -> None:
    """Before anything is changed."""

    async def story(house: House) -> None:
        process = house.process()
        (added,) = await process.add([wish()])
        for change in (Change(mirrors=("other://host/f",)), Change(fields={"uris": ("other://host/f",)})):
            with pytest.raises(UnsupportedUri):
                await process.edit(added.download.id, change)
        with pytest.raises(InvalidRequest):
            await process.edit(added.download.id, Change(mirrors=("no address",)))
        assert (await house.all())[0].spec == added.download.spec

    play(story)


@pytest.mark.parametrize(
    ("error", "done", "advice"),
    [
        (
            Denied("no"),
            (Span(0, 400),),
            "no; 400 B of 1000 B are kept: dlm edit 0123abcd --url NEW goes on from another address",
        ),
        (
            NotFound("no"),
            (Span(0, 400),),
            "no; 400 B of 1000 B are kept: dlm edit 0123abcd --url NEW goes on from another address",
        ),
        (NotFound("no"), (), "no"),
        (Unreachable("no"), (Span(0, 400),), "no"),
    ],
)
def test_only_what_another_address_could_complete_is_said_to_be_kept(
    error: DlmError, done: tuple[Span, ...], advice: str
) -> None:
    """Nothing where nothing has come, and nothing where the same address may do."""
    download = Download(id=DownloadId("0123abcd" * 2), spec=spec(), added=0.0)
    assert advised(download, a_checkpoint(*done), error).message == advice
    assert advised(download, None, error).message == "no"
