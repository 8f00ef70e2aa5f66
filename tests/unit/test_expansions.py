"""Folders that become downloads: listed, fetched, gone on with after stops and crashes; on in-memory twins, in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from dlm.model.download import DownloadSpec
from dlm.model.error import Denied, DlmError, InvalidRequest, NotFound, ServerFailed, StateUnusable
from dlm.model.listing import Entry, Kind
from dlm.model.phase import Order, Phase
from dlm.model.query import DownloadQuery
from dlm.model.queue import Selection
from dlm.model.recursion import Recursion
from dlm.ports import Outcome
from dlm.protocols.memory import Fault, MemoryFile, MemorySource
from dlm.service.downloads import LocalDownloads
from tests.fakes import some_bytes
from tests.house import House, play, seconds, spec, wish

ROOT = "mem://host/pub/"
TREE = ("a.iso", "b.iso", "docs/read.me", "docs/deep/er/c.txt", "empty name/-", "z.iso")
WANTED = {
    "/d/pub/a.iso",
    "/d/pub/b.iso",
    "/d/pub/docs/read.me",
    "/d/pub/docs/deep/er/c.txt",
    "/d/pub/empty name/_-",
    "/d/pub/z.iso",
}


class Site:
    """A house with a server that has folders."""

    def __init__(self, house: House, names: Sequence[str] = TREE) -> None:
        self.house = house
        self.source = MemorySource(house.files)
        house.source = lambda _files: self.source
        for name in names:
            house.files[f"{ROOT}{name.replace(' ', '%20')}"] = MemoryFile(some_bytes(1000, seed=len(name)))

    def files(self) -> dict[str, bytes]:
        """What is on the disk below the chosen directory."""
        return {path: bytes(file.content) for path, file in self.house.store.files.items()}

    async def children(self) -> list[str]:
        """The paths that downloads were made for, as often as they were."""
        return [f"{each.spec.directory}/{each.spec.output}" for each in await self.house.all() if each.group is not None]


def folder(**changes: Any) -> DownloadSpec:
    """The folder with everything below it."""
    return spec(ROOT, recursive=Recursion(**changes))


async def fetch(process: LocalDownloads, asked: DownloadSpec | None = None, jobs: int | None = None) -> list[Outcome]:
    """Fetch a folder."""
    return await process.fetch([asked or folder()], jobs)


@pytest.mark.parametrize("jobs", [None, 1, 2])
def test_a_folder_is_fetched_with_all_below_it(jobs: int | None) -> None:
    """Each file lands at its place below the folder's own name; the outcomes are the folder's, then the files'."""

    async def story(house: House) -> None:
        site = Site(house)
        outcomes = await fetch(house.process(), jobs=jobs)
        assert set(site.files()) == WANTED
        assert site.files()["/d/pub/a.iso"] == house.files[f"{ROOT}a.iso"].content
        parent, *children = [outcome.download for outcome in outcomes]
        assert (parent.phase, parent.path, parent.spec.uris) == (Phase.COMPLETED, "/d/pub", (ROOT,))
        assert {child.path for child in children} == WANTED
        assert {child.group for child in children} == {parent.id}
        assert {child.phase for child in children} == {Phase.COMPLETED}
        story = await house.state.repository.story(parent.id)
        assert story[-1].detail == "listed 6 files (5.9 KiB) in 5 folders"

    play(story)


def test_the_queue_fetches_a_folder() -> None:
    """A folder that was added is listed when its turn comes, its files take their turns after it, at its priority."""

    async def story(house: House) -> None:
        site = Site(house)
        process = house.process()
        (added,) = await process.add([wish(ROOT, changes={"recursive": Recursion()}, group="site")])
        await process.run(stay=False)
        assert set(site.files()) == WANTED
        assert {each.group for each in await house.all()} == {"site"}
        assert (await house.state.repository.get(added.download.id)).phase is Phase.COMPLETED

    play(story)


def test_what_is_wanted_is_what_the_patterns_say() -> None:
    """Depth and patterns decide what becomes a download; nothing deeper is asked for."""

    async def story(house: House) -> None:
        site = Site(house)
        await fetch(house.process(), folder(depth=1, include=("*.iso", "*.me"), exclude=("z*",)))
        assert set(site.files()) == {"/d/pub/a.iso", "/d/pub/b.iso", "/d/pub/docs/read.me"}
        assert f"{ROOT}docs/deep/" not in site.source.listed

    play(story)


def test_children_have_the_access_of_their_folder() -> None:
    """User, headers and limits are the folder's; the place is their own."""

    async def story(house: House) -> None:
        Site(house)
        asked = replace(folder(), user="me:secret", headers=(("X", "1"),), retries=2)
        _, child, *_ = await fetch(house.process(), asked)
        mine = child.download.spec
        assert (mine.user, mine.headers, mine.retries, mine.recursive) == ("me:secret", (("X", "1"),), 2, None)

    play(story)


def test_a_second_run_asks_for_no_file_again() -> None:
    """Finished files that still stand are complete already; those that are gone, and new ones, are fetched."""

    async def story(house: House) -> None:
        site = Site(house)
        await fetch(house.process())
        del house.store.files["/d/pub/b.iso"]
        house.files[f"{ROOT}new.iso"] = MemoryFile(b"new")
        asked = {uri: len(file.requests) for uri, file in house.files.items()}
        outcomes = await fetch(house.process())
        assert set(site.files()) == WANTED | {"/d/pub/new.iso"}
        more = {uri for uri, file in house.files.items() if len(file.requests) > asked[uri]}
        assert more == {f"{ROOT}b.iso", f"{ROOT}new.iso"}
        assert Counter(outcome.already for outcome in outcomes) == {True: 5, False: 3}
        assert max(Counter(await site.children()).values()) == 1

    play(story)


def test_with_newer_only_what_has_changed_is_fetched_again() -> None:
    """A file of another size or validator replaces the one that stands; the others are not asked for."""

    async def story(house: House) -> None:
        site = Site(house)
        await fetch(house.process())
        house.files[f"{ROOT}a.iso"] = MemoryFile(b"anew", etag='"2"')
        house.files[f"{ROOT}z.iso"].etag = '"3"'
        asked = {uri: len(file.requests) for uri, file in house.files.items()}
        await fetch(house.process(), folder(newer=True))
        assert site.files()["/d/pub/a.iso"] == b"anew"
        assert set(site.files()) == WANTED
        assert {uri for uri, file in house.files.items() if len(file.requests) > asked[uri]} == {f"{ROOT}z.iso"} | {
            f"{ROOT}a.iso"
        }
        outcomes = await fetch(house.process(), folder(newer=True))
        assert Counter(outcome.already for outcome in outcomes) == {True: 6, False: 1}

    play(story)


def test_without_newer_a_change_is_not_looked_for() -> None:
    """A file that was fetched stays as it is, whatever the server has by now."""

    async def story(house: House) -> None:
        site = Site(house)
        await fetch(house.process())
        house.files[f"{ROOT}a.iso"] = MemoryFile(b"anew", etag='"2"')
        await fetch(house.process())
        assert site.files()["/d/pub/a.iso"] != b"anew"

    play(story)


# --- it is stopped ----------------------------------------------------------------------------------------------------


def test_a_stopped_run_is_gone_on_with() -> None:
    """Ctrl-C in the middle: nothing is left claimed, and the same again brings the rest, each file once."""

    async def story(house: House) -> None:
        site = Site(house)
        gate = asyncio.Event()
        house.files[f"{ROOT}b.iso"].fault = lambda number, _span: Fault(10) if number == 0 else None
        site.source.trouble = lambda uri, _number: gate.set() if uri.endswith("er/") else None
        running = asyncio.ensure_future(fetch(house.process()))
        await gate.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert set(await house.phases()) <= {Phase.PAUSED, Phase.COMPLETED}
        assert Phase.PAUSED in await house.phases()
        await seconds(1)  # until its threads are done with the disk, as they are when a process has ended
        await fetch(house.process("another"))
        assert set(site.files()) == WANTED
        assert set(await house.phases()) == {Phase.COMPLETED}
        assert Counter(await site.children()) == dict.fromkeys(WANTED, 1)

    play(story)


def test_another_access_is_used_for_what_is_left() -> None:
    """What failed with a wrong password is tried with that of the second run."""

    async def story(house: House) -> None:
        Site(house)
        denied = Denied("who are you?", uri=ROOT)
        for file in house.files.values():
            file.fault = lambda number, _span: Fault(0, denied) if number == 0 else None
        first = await fetch(house.process(), replace(folder(), user="me:wrong"))
        assert Phase.FAILED in {each.download.phase for each in first}
        await fetch(house.process(), replace(folder(), user="me:right"))
        there = [each for each in await house.all() if each.group is not None]
        assert {each.spec.user for each in there} == {"me:right"}
        assert {each.phase for each in there} == {Phase.COMPLETED}

    play(story)


class Death:
    """Comes to a process after so many calls. What it asks for then does not happen, and is answered at its burial only."""

    def __init__(self, last: int) -> None:
        self._last = last
        self._calls = count()
        self._burial = asyncio.Event()

    def bury(self) -> None:
        """Let the dead process unwind."""
        self._burial.set()

    def threatens(self, inner: Any) -> Any:
        """The same, until death comes."""
        death = self

        class Mortal:
            def __getattr__(self, name: str) -> Any:
                async def call(*args: Any, **named: Any) -> Any:
                    if next(death._calls) >= death._last:
                        await death._burial.wait()
                        raise StateUnusable("nobody is there any more", path="")
                    return await getattr(inner, name)(*args, **named)

                return call

        return Mortal()


@pytest.mark.parametrize("queued", [False, True], ids=["get", "run"])
@pytest.mark.parametrize("last", range(0, 140, 4))
def test_after_a_crash_at_any_moment_each_file_is_there_once(last: int, queued: bool) -> None:
    """Killed between any two words with the database, listing and files go on in the next process; no child is doubled."""

    async def story(house: House) -> None:
        site = Site(house)
        house.process("dying")
        death, means = Death(last), house.means["dying"]
        means = replace(means, repository=death.threatens(means.repository), queue=death.threatens(means.queue))
        dying = LocalDownloads(means, lambda: means.worker, list)
        healthy = house.process("healthy")
        if queued:
            await healthy.add([wish(ROOT, changes={"recursive": Recursion()})])
        running: asyncio.Future[Any] = asyncio.ensure_future(dying.run(stay=False) if queued else fetch(dying))
        await asyncio.wait({running}, timeout=1000)
        house.alive.discard("dying")
        await (healthy.run(stay=False) if queued else fetch(healthy))
        assert set(site.files()) == WANTED
        assert Counter(await site.children()) == dict.fromkeys(WANTED, 1)
        assert set(await house.phases()) == {Phase.COMPLETED}
        death.bury()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    play(story)


def test_cancelling_the_folder_leaves_its_files() -> None:
    """The listing stops; what was found is fetched all the same."""

    async def story(house: House) -> None:
        site = Site(house)
        process = house.process()
        (added,) = await process.add([wish(ROOT, changes={"recursive": Recursion()})])

        def cancel(uri: str, _number: int) -> None:
            if uri.endswith("deep/"):
                orders.append(asyncio.ensure_future(process.order(Order.CANCEL, Selection(references=(added.download.id,)))))

        orders: list[asyncio.Future[Any]] = []
        site.source.trouble = cancel
        site.source.listings[f"{ROOT}docs/deep/"] = [Entry(f"{n}", Kind.FOLDER, None, None) for n in range(1000)]
        await process.run(stay=False)
        await asyncio.gather(*orders)
        assert (await house.state.repository.get(added.download.id)).phase is Phase.CANCELLED
        assert "/d/pub/a.iso" in site.files()

    play(story)


# --- a server that is not nice ----------------------------------------------------------------------------------------


def test_a_listing_that_breaks_is_read_again() -> None:
    """What came before the break is not lost, and no file is doubled."""

    async def story(house: House) -> None:
        site = Site(house, [f"{n}.bin" for n in range(500)])
        left = [1, 1, 1]

        def breaks(_uri: str, number: int) -> DlmError | None:
            return ServerFailed("it broke", uri=ROOT) if number == 450 and left and left.pop() else None

        site.source.trouble = breaks
        await fetch(house.process())
        assert len(site.files()) == 500
        assert max(Counter(await site.children()).values()) == 1
        assert len(site.source.listed) == 4

    play(story)


def test_what_its_user_gave_up_stays_given_up() -> None:
    """A folder that is read again takes up no child of its own that was cancelled meanwhile."""

    async def story(house: House) -> None:
        site = Site(house, [f"{n}.bin" for n in range(500)])
        process = house.process()
        given_up: list[str] = []
        orders: list[asyncio.Future[Any]] = []

        async def give_up() -> None:
            last = (await house.all())[-1]
            given_up.append(last.id)
            await process.order(Order.CANCEL, Selection(references=(last.id,)))

        def breaks(_uri: str, number: int) -> DlmError | None:
            if number != 450 or orders:
                return None
            orders.append(asyncio.ensure_future(give_up()))
            return ServerFailed("it broke", uri=ROOT)

        site.source.trouble = breaks
        await process.add([wish(ROOT, changes={"recursive": Recursion()})])
        await process.run(stay=False)
        await asyncio.gather(*orders)
        stands = {each.id: each.phase for each in await house.all()}
        assert [id for id, phase in stands.items() if phase is Phase.CANCELLED] == given_up
        assert len(site.files()) == 499

    play(story)


def test_a_folder_that_is_refused_keeps_no_other_from_being_read() -> None:
    """The rest is fetched; the folder has failed, and the same again reads what is left, and only that."""

    async def story(house: House) -> None:
        site = Site(house)
        denied = {f"{ROOT}docs/deep/"}
        site.source.trouble = lambda uri, _number: Denied("no entry", uri=uri) if uri in denied else None
        outcomes = await fetch(house.process())
        assert set(site.files()) == WANTED - {"/d/pub/docs/deep/er/c.txt"}
        fault = outcomes[0].download.fault
        assert fault is not None
        assert (fault.kind, fault.message) == (
            "Denied",
            "a folder could not be read: no entry; the same again reads what is left",
        )
        denied.clear()
        site.source.listed.clear()
        await fetch(house.process())
        assert set(site.files()) == WANTED
        assert site.source.listed == [f"{ROOT}docs/deep/", f"{ROOT}docs/deep/er/"]

    play(story)


def test_a_folder_that_is_not_there_is_a_failure() -> None:
    """The folder's own error is told."""

    async def story(house: House) -> None:
        house.source = MemorySource
        (outcome,) = await fetch(house.process())
        assert outcome.download.fault is not None
        assert outcome.download.fault.kind == NotFound.__name__

    play(story)


def test_hostile_names_stay_below_the_folder() -> None:
    """Whatever a listing says, nothing lands elsewhere, and the walk ends."""
    names = ("..", ".", "/etc/passwd", "a/../../b", "..\\..\\c", "x\0y", "-", "con", " .. ", "\n", "﹨", "a" * 300)

    async def story(house: House) -> None:
        site = Site(house, [])
        entries = [Entry(name, kind, None, None) for name in names for kind in (Kind.FILE, Kind.FOLDER, Kind.LINK)]
        site.source.listings = _Endless(entries)

        class Everywhere(dict[str, MemoryFile]):
            def __contains__(self, key: object) -> bool:
                return True

            def __missing__(self, _key: str) -> MemoryFile:
                return MemoryFile(b"x")

        site.source.files = Everywhere()
        await fetch(house.process(), folder(depth=2))
        assert site.files()
        for path in site.files():
            assert path.startswith("/d/pub/")
            assert not {"..", "."} & set(path.split("/"))

    play(story)


class _Endless(dict[str, Iterable[Entry]]):
    """Folders that all hold the same."""

    def __init__(self, entries: list[Entry]) -> None:
        super().__init__()
        self._entries = entries

    def get(self, _key: object, _default: object = None) -> Any:
        return self._entries


def test_a_folder_that_holds_itself_is_not_walked_for_ever() -> None:
    """A server that leads in a circle is left."""

    async def story(house: House) -> None:
        site = Site(house, [])
        site.source.listings = _Endless([Entry("again", Kind.FOLDER, None, None)])
        (outcome,) = await fetch(house.process())
        assert outcome.download.phase is Phase.COMPLETED
        assert len(site.source.listed) < 20

    play(story)


def test_the_address_of_a_file_is_no_folder() -> None:
    """It is said before anything is added."""

    async def story(house: House) -> None:
        with pytest.raises(InvalidRequest, match="address of a file"):
            await fetch(house.process(), spec("mem://host/file.bin", recursive=Recursion()))
        assert await house.state.repository.find(DownloadQuery()) == []

    play(story)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"output": "x"}, "--output is for one file"),
        ({"uris": (ROOT, ROOT)}, "cannot have mirrors"),
        ({"recursive": Recursion(depth=-1)}, "depth cannot be negative"),
        ({"recursive": Recursion(include=("",))}, "no pattern"),
    ],
)
def test_what_makes_no_sense_for_a_folder_is_refused(changes: dict[str, Any], words: str) -> None:
    """What is for one file cannot be asked for of a folder."""
    with pytest.raises(InvalidRequest, match=words):
        replace(folder(), **changes).check()
