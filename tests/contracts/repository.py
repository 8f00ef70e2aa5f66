"""The contract of `dlm.ports.Repository`: what is recorded and found again. Its leases and phases: `repository_life`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from dlm.model.download import Checkpoint, Download, DownloadId, DownloadSpec, Fault, Place, new_id
from dlm.model.error import Conflict, DownloadNotFound
from dlm.model.phase import Cause, Intent, Phase
from dlm.model.query import DownloadQuery
from dlm.model.queue import Change
from dlm.model.rank import Lane, Priority
from dlm.model.resource import Digest, Mirror, Part, Pieces, Resource, Validator, Verification, Verified
from dlm.model.span import Span
from dlm.ports import Queue, Repository

Scenario = Callable[[Repository], Awaitable[None]]
Play = Callable[[Scenario], None]

FAULT = Fault("NotFound", "https://h/f is not there", 3)
VERIFIED = Verified(Verification.VERIFIED, "sha-256")


class State(Protocol):
    """One set of records, as a Repository and as a Queue."""

    @property
    def repository(self) -> Repository:
        """The Repository."""

    @property
    def queue(self) -> Queue:
        """The Queue."""

    async def close(self) -> None:
        """Release it."""


class Wall:
    """A clock on the wall that tests turn."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def a_download(**given: Any) -> Download:
    """A new download; `uri`, `directory` and `output` go into its spec."""
    spec = {"directory": given.pop("directory", "/d"), "output": given.pop("output", None)}
    uris = (given.pop("uri", "https://h/f"),)
    return Download(**{"id": new_id(), "spec": DownloadSpec(uris=uris, **spec), "added": 1.0, **given})


def a_checkpoint(*done: Span, name: str = "f.iso", size: int | None = 1000, part: int = 0) -> Checkpoint:
    """A checkpoint with these spans done."""
    parts = tuple(Part(f"suggested{n}", size) for n in range(part + 1))
    resource = Resource((Mirror("https://h/f", "https://cdn/f?token"),), parts, Validator('"v1"', "a date", True), True)
    return Checkpoint(resource, Place("/d", name, name + ".part", 7, 42), done, part)


async def causes(repository: Repository, id: DownloadId) -> list[Cause]:
    """The causes in the story of a download."""
    return [transition.cause for transition in await repository.story(id)]


async def claim(repository: Repository, id: DownloadId, owner: str, now: float, lease: float) -> Download | None:
    """The download, if it could be claimed."""
    gained = await repository.claim([id], owner, now, lease)
    return gained[0][0] if gained else None


class StateSuite:
    """A subclass says in `open` how the state is made."""

    async def open(self, directory: Path, wall: Wall) -> State:
        raise NotImplementedError

    @pytest.fixture
    def wall(self) -> Wall:
        return Wall()

    @pytest.fixture
    def play(self, tmp_path: Path, wall: Wall) -> Play:
        def play(scenario: Scenario) -> None:
            async def opened() -> None:
                state = await self.open(tmp_path, wall)
                try:
                    await scenario(state.repository)
                finally:
                    await state.close()

            asyncio.run(opened())

        return play


class RecordContract(StateSuite):
    """What is recorded comes back, and is found."""

    def test_what_was_added_comes_back_whole(self, play: Play) -> None:
        """Every field of a Download survives, names that are no valid Unicode and long stories included."""
        spec = DownloadSpec(
            uris=("https://h/f?q=1", "ftp://m/f"),
            directory="/d/\udcff\udc80",
            output="n\udcffame",
            checksum=Digest("md5", bytes(16)),
            headers=(("X", "é"), ("X", "2")),
            range=Span(3, 9),
            timeout=1.5,
        )
        download = Download(
            id=new_id(),
            spec=spec,
            added=5.25,
            phase=Phase.COMPLETING,
            intent=Intent.PAUSE,
            name="a\udcffb",
            size=2**62,
            downloaded=2**61,
            path="/d/\udcff/x",
            verified=VERIFIED,
            fault=FAULT,
            finished=6.5,
            owner="me",
            lease_until=7.5,
            group="g\udcff",
            lane=Lane.RETRY,
            priority=Priority.LOW,
            position=2.5,
            ready=3.5,
            due=4.5,
            attempts=7,
        )

        async def scenario(repository: Repository) -> None:
            await repository.add([download])
            assert await repository.get(download.id) == download
            assert await repository.find(DownloadQuery(directory=spec.directory)) == [download]
            assert await repository.same([spec]) == [[download]]

        play(scenario)

    def test_adding_is_all_or_none(self, play: Play) -> None:
        """When one id is taken, in the Repository or in the batch, none of the batch is added."""
        old, new = a_download(), a_download()

        async def scenario(repository: Repository) -> None:
            await repository.add([old])
            for batch in ([new, replace(old, added=9.0)], [new, new]):
                with pytest.raises(Conflict):
                    await repository.add(batch)
            assert await repository.find(DownloadQuery()) == [old]

        play(scenario)

    def test_an_unknown_id_is_said_to_be_unknown(self, play: Play) -> None:
        """Every command about one download raises DownloadNotFound; questions without an answer give none."""
        id = new_id()

        async def scenario(repository: Repository) -> None:
            for command in (
                repository.get(id),
                repository.advance(id, Cause.STARTED, 1),
                repository.respecify(id, a_download().spec),
                repository.intend(id, Intent.RUN),
                repository.amend(id, Change(priority=Priority.LOW), 1),
                repository.checkpoint(id, a_checkpoint()),
                repository.remove(id),
                repository.find(DownloadQuery(before=id)),
            ):
                with pytest.raises(DownloadNotFound):
                    await command
            await repository.forget_checkpoint(id)
            assert await repository.checkpoint_of(id) is None
            assert await repository.pieces_of(id) is None
            assert await repository.story(id) == []
            assert await repository.claim([id], "me", 1, 1) == []

        play(scenario)

    def test_pieces_stand_beside_their_download(self, play: Play) -> None:
        """They come back as they were given, with what was added only, and go with their download."""
        plain, pieced, claimed = a_download(), a_download(uri="https://h/g"), a_download(uri="https://h/h")
        again = a_download(uri="https://h/g")
        several = Pieces("sha-256", 2**18, tuple(bytes([n]) * 32 for n in range(256)))
        none, other = Pieces("sha-1", 2**40, ()), Pieces("md5", 1, (bytes(16),))

        async def scenario(repository: Repository) -> None:
            await repository.add([plain, pieced], pieces={pieced.id: several})
            await repository.add([again], unless_known=True, pieces={again.id: other})
            await repository.add_claimed([claimed], "me", 5.0, 30.0, pieces={claimed.id: none, plain.id: other})
            known = [plain.id, pieced.id, again.id, claimed.id]
            assert [await repository.pieces_of(id) for id in known] == [None, several, None, none]
            assert await repository.with_pieces(known) == {pieced.id, claimed.id}
            assert await repository.with_pieces([]) == set()
            await repository.remove(pieced.id)
            assert await repository.pieces_of(pieced.id) is None
            await repository.add([pieced])
            assert await repository.pieces_of(pieced.id) is None

        play(scenario)

    def test_a_prefix_means_the_one_id_that_begins_with_it(self, play: Play) -> None:
        """Any unique prefix is enough, in either case; none and several are refused with a word about which."""
        ids = [DownloadId("ab00" + "0" * 12), DownloadId("ab01" + "0" * 12), DownloadId("ff" * 8)]

        async def scenario(repository: Repository) -> None:
            await repository.add([a_download(id=id) for id in ids])
            for prefix, id in (("ab00", ids[0]), (ids[1], ids[1]), ("f", ids[2]), (" FF ", ids[2])):
                assert await repository.identify(prefix) == id
            with pytest.raises(DownloadNotFound, match=r"more than one.*ab000.*ab010"):
                await repository.identify("ab0")
            for prefix in ("", " ", "1", "zz", "%", "_", "*", "ab00" + "0" * 13, "\udcff", "f~"):
                with pytest.raises(DownloadNotFound):
                    await repository.identify(prefix)

        play(scenario)

    def test_a_listing_is_newest_first_and_filtered(self, play: Play) -> None:
        """The order is that of addition whatever the clock said; each condition narrows it; a cursor goes on after itself."""
        known = [
            a_download(directory=f"/{n % 2}", added=-float(n), phase=(Phase.PENDING, Phase.PAUSED, Phase.FAILED)[n % 3])
            for n in range(9)
        ]
        newest = known[::-1]

        async def scenario(repository: Repository) -> None:
            await repository.add(known[:4])
            await repository.add(known[4:])
            find = repository.find
            assert await find(DownloadQuery()) == newest
            assert await find(DownloadQuery(directory="/1")) == [d for d in newest if d.spec.directory == "/1"]
            wanted = frozenset({Phase.PAUSED, Phase.FAILED})
            assert await find(DownloadQuery(phases=wanted)) == [d for d in newest if d.phase in wanted]
            assert await find(DownloadQuery(phases=frozenset())) == []
            assert await find(DownloadQuery(limit=0)) == []
            assert await find(DownloadQuery(limit=-1)) == []
            pages = [await find(DownloadQuery(limit=4))]
            while pages[-1]:
                pages.append(await find(DownloadQuery(limit=4, before=pages[-1][-1].id)))
            assert [d for page in pages for d in page] == newest
            last = await find(DownloadQuery(phases=wanted, directory="/0", before=known[5].id, limit=1))
            assert last == [known[4]]

        play(scenario)

    def test_the_same_request_is_recognised(self, play: Play) -> None:
        """First URI, directory and output must all be equal; no output is not any output."""
        plain, named, elsewhere = a_download(), a_download(output="x"), a_download(directory="/e")
        mirror = replace(plain, id=new_id(), spec=replace(plain.spec, uris=("https://h/f", "https://m/f")))

        async def scenario(repository: Repository) -> None:
            await repository.add([plain, named, elsewhere, mirror])
            unknown = replace(plain.spec, uris=("https://m/f",))
            wanted = [plain.spec, named.spec, unknown, mirror.spec]
            assert await repository.same(wanted) == [[mirror, plain], [named], [], [mirror, plain]]
            assert await repository.same([]) == []

        play(scenario)

    def test_a_later_command_words_the_request_anew(self, play: Play, wall: Wall) -> None:
        """The new spec is found by its own address, and is not put under a live worker."""
        download = a_download()
        spec = replace(download.spec, uris=("https://h/g",), directory="/e", output="o", retries=0)

        async def scenario(repository: Repository) -> None:
            await repository.add([download])
            await repository.claim([download.id], "me", wall.now, 30.0)
            with pytest.raises(Conflict):
                await repository.respecify(download.id, spec)
            wall.now += 30.0
            changed = await repository.respecify(download.id, spec)
            assert changed == await repository.get(download.id)
            assert changed.spec == spec
            assert await repository.same([spec, download.spec]) == [[changed], []]
            assert await repository.find(DownloadQuery(directory="/d")) == []

        play(scenario)

    def test_intent_is_set_at_once_in_every_phase(self, play: Play) -> None:
        """What the user wants is stored beside the phase, which stays."""
        known = [a_download(phase=phase) for phase in Phase]

        async def scenario(repository: Repository) -> None:
            await repository.add(known)
            for download in known:
                assert await repository.intend(download.id, Intent.CANCEL) == replace(download, intent=Intent.CANCEL)
                assert (await repository.get(download.id)).intent is Intent.CANCEL

        play(scenario)

    def test_closing_twice_is_closing_once(self, play: Play) -> None:
        """`close` may be called by everybody who is done."""

        async def scenario(repository: Repository) -> None:
            await repository.close()
            await repository.close()

        play(scenario)
