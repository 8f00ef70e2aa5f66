"""The contract of `dlm.ports.Downloads`, for whoever asks: in this process, or a daemon from afar.

The house is the same for both: its files and its database are in memory. The time is real, for sockets know no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

import pytest

from dlm.clock import SystemClock
from dlm.model.download import Download, DownloadId
from dlm.model.error import Conflict, DigestMismatch, DlmError, DownloadNotFound, InvalidRequest, NotFound, StorageError
from dlm.model.event import DownloadAdded, DownloadRemoved, Event, PhaseChanged, ProgressMade
from dlm.model.phase import Intent, Order, Phase
from dlm.model.query import DownloadQuery
from dlm.model.queue import Change, Rates, Selection
from dlm.model.rank import Lane, Priority
from dlm.model.resource import Digest, Verification
from dlm.model.sorting import Cursor, Sort, SortKey
from dlm.ports import Downloads
from tests.contracts.repository_sorting import ordered
from tests.house import CONTENT, URI, House, spec, wish

Scenario = Callable[[Downloads, House], Awaitable[None]]
PlayDownloads = Callable[[Scenario], None]
PATIENCE = 60.0


class DownloadsSuite:
    """Gives scenarios the facade, and the house behind it."""

    def open(self, house: House, folder: Path) -> AbstractAsyncContextManager[Downloads]:
        """The facade under test."""
        raise NotImplementedError

    @pytest.fixture
    def play(self, tmp_path: Path) -> PlayDownloads:
        def play(scenario: Scenario) -> None:
            async def opened() -> None:
                house = House(SystemClock())
                async with asyncio.timeout(2 * PATIENCE), self.open(house, tmp_path) as downloads:
                    await scenario(downloads, house)

            asyncio.run(opened())

        return play


async def added(downloads: Downloads, uri: str = URI, **facts: object) -> Download:
    """One that was added, paused unless said otherwise."""
    facts.setdefault("paused", True)
    (answer,) = await downloads.add([wish(uri, **facts)])  # type: ignore[arg-type]
    return answer.download


async def worked(downloads: Downloads, house: House, *facts: Download) -> list[Download]:
    """These as they stand when a dlm in the house has worked the queue."""
    await house.process("worker").run(stay=False)
    return [(await downloads.show(each.id)).download for each in facts]


async def error_of(asked: Awaitable[object]) -> tuple[type[DlmError], str]:
    """Its kind and its sentence."""
    try:
        await asked
    except DlmError as error:
        return type(error), str(error)
    raise AssertionError("no error")


class AddingContract(DownloadsSuite):
    """Adding and seeing."""

    def test_what_is_added_is_as_it_was_asked_for(self, play: PlayDownloads) -> None:
        """Address, place, priority, group, lane, time; and what is in the queue already is told, not added."""

        async def scenario(downloads: Downloads, house: House) -> None:
            one = wish(priority=Priority.HIGH, group="g", lane=Lane.NOW, changes={"limit_rate": 5000, "output": "mine.bin"})
            later = wish("mem://host/later.bin", start_at=house.clock.wall() + 3600)
            first, second = await downloads.add([one, later])
            found = first.download
            assert (found.phase, found.priority, found.group, found.lane) == (Phase.PENDING, Priority.HIGH, "g", Lane.NOW)
            assert (found.uri, found.spec.directory, found.spec.limit_rate, first.known) == (URI, "/d", 5000, False)
            assert found.label == "mine.bin"
            assert (second.download.phase, second.download.due) == (Phase.WAITING, later.start_at)
            (again,) = await downloads.add([wish(changes={"output": "mine.bin"})])
            assert (again.known, again.download.id) == (True, found.id)

        play(scenario)

    def test_all_of_a_spec_arrives(self, play: PlayDownloads) -> None:
        """What can be chosen from afar is recorded as it was chosen, in secret where it is secret."""

        async def scenario(downloads: Downloads, house: House) -> None:
            wanted = {
                "output": "mine.bin", "connections": 7, "checksum": Digest.parse("md5=" + "0" * 32), "limit_rate": 9,
                "headers": (("X-One", "1"),), "user_agent": "me", "referer": "http://r.example/", "user": "n:p",
                "hostkey": "SHA256:" + "A" * 43, "overwrite": True, "resume": False, "retries": 2, "timeout": 4.5,
                "http3": True, "endpoint_url": "https://s3.example", "region": "r", "anonymous": True,
                "requester_pays": True, "ftp_tls": True, "ftp_active": True,
            }  # fmt: skip
            uris = (URI, "mem://host/mirror.bin")
            await downloads.add([wish(changes={**wanted, "uris": uris})])
            (recorded,) = await house.all()
            assert {name: getattr(recorded.spec, name) for name in wanted} == wanted
            assert recorded.spec.uris == uris

        play(scenario)

    def test_all_are_added_or_none(self, play: PlayDownloads) -> None:
        """One that cannot be carried out keeps the others out, and is told in the same words."""

        async def scenario(downloads: Downloads, house: House) -> None:
            refused = await error_of(downloads.add([wish(), wish("nowhere://x")]))
            assert refused[1] == "nowhere://x is not served"
            assert issubclass(refused[0], InvalidRequest)
            streaming = await error_of(downloads.add([wish(changes={"output": "-"})]))
            assert streaming[0] is InvalidRequest
            assert await house.all() == []

        play(scenario)

    def test_pages_have_no_gaps(self, play: PlayDownloads) -> None:
        """More than a page of the wire, newest first, each once; and the cursor goes on anywhere."""

        async def scenario(downloads: Downloads, house: House) -> None:
            new = await downloads.add([wish(f"mem://host/{n}.bin") for n in range(2_300)])
            ids = [each.download.id for each in new][::-1]
            assert [each.id for each in await downloads.list(DownloadQuery(limit=5_000))] == ids
            assert [each.id for each in await downloads.list(DownloadQuery(limit=1_200))] == ids[:1_200]
            assert [each.id for each in await downloads.list(DownloadQuery(before=ids[99], limit=3))] == ids[100:103]
            assert [each.id for each in await downloads.list(DownloadQuery())] == ids[:1_000]

        play(scenario)

    def test_a_list_is_in_the_order_that_was_asked_for(self, play: PlayDownloads) -> None:
        """By every key, both ways, across the pages of the wire; and a page goes on where the last one ended."""

        async def scenario(downloads: Downloads, house: House) -> None:
            new = await downloads.add([wish(f"mem://host/{n * 7 % 1100}.bin") for n in range(1_100)])
            for each in new[:3]:
                await downloads.order(Order.CANCEL, Selection(references=(each.download.id,)))
            known = [(await downloads.show(each.download.id)).download for each in new[:3]]
            known += [each.download for each in new[3:]]
            for key in SortKey:
                for descending in (False, True):
                    sort = Sort(key, descending)
                    wanted = [each.id for each in ordered(known, sort)]
                    assert [each.id for each in await downloads.list(DownloadQuery(sort=sort, limit=2_000))] == wanted
                    last = (await downloads.show(wanted[4])).download
                    for before in (last.id, Cursor(last.id, sort.mark(last))):
                        page = await downloads.list(DownloadQuery(sort=sort, before=before, limit=3))
                        assert [each.id for each in page] == wanted[5:8]
            with pytest.raises(DownloadNotFound):
                await downloads.list(DownloadQuery(sort=Sort(SortKey.SIZE), before=Cursor(DownloadId("0" * 16), 5)))

        play(scenario)

    def test_every_condition_of_a_list_holds(self, play: PlayDownloads) -> None:
        """Phases, group, directory, text, and all of them together."""

        async def scenario(downloads: Downloads, house: House) -> None:
            a = await added(downloads, "mem://host/a&b+c.bin", group="ü&?")
            b = await added(downloads, "mem://host/b.bin", paused=False)
            c = await added(downloads, "mem://host/c.bin", changes={"directory": "/d/sub"}, group="ü&?")

            async def ids(**facts: object) -> list[str]:
                return [each.id for each in await downloads.list(DownloadQuery(**facts))]  # type: ignore[arg-type]

            assert await ids(phases=frozenset({Phase.PAUSED})) == [c.id, a.id]
            assert await ids(phases=frozenset({Phase.PENDING, Phase.FAILED})) == [b.id]
            assert await ids(phases=frozenset()) == []
            assert await ids(group="ü&?") == [c.id, a.id]
            assert await ids(directory="/d/sub") == [c.id]
            assert await ids(text="A&B+c") == [a.id]
            assert await ids(group="ü&?", directory="/d") == [a.id]
            assert await ids(text="nothing like it") == []

        play(scenario)

    def test_a_download_is_found_by_the_start_of_its_id(self, play: PlayDownloads) -> None:
        """Any unique prefix, whatever its case; what means none or several is told in the same words."""

        async def scenario(downloads: Downloads, house: House) -> None:
            download = await added(downloads)
            for reference in (download.id, download.id[:9], download.id[:9].upper(), f" {download.id} "):
                assert (await downloads.show(reference)).download.id == download.id
            other = "0" if download.id[0] != "0" else "1"
            begin = f"no download has an id that begins with '{other}'"
            for reference, sentence in (
                ("", "an empty id means no download"),
                ("../x", "'../x' is not an id"),
                ("a b?c#d", "'a b?c#d' is not an id"),
                ("0" * 17, f"'{'0' * 17}' is not an id"),
                (other, begin),
            ):
                everywhere = Selection(references=(download.id, reference))
                for asked in (
                    downloads.show(reference), downloads.standing(reference), downloads.explain(reference),
                    downloads.verify(reference), downloads.move(reference, 1),
                    downloads.edit(reference, Change(priority=Priority.LOW)), downloads.order(Order.CANCEL, everywhere),
                    downloads.remove(everywhere, delete_files=False),
                ):  # fmt: skip
                    kind, told = await error_of(asked)
                    assert (kind, told.startswith(sentence)) == (DownloadNotFound, True), told
            assert (await downloads.show(download.id)).download.phase is Phase.PAUSED

        play(scenario)

    def test_the_story_is_told(self, play: PlayDownloads) -> None:
        """Every transition with its number, time and cause, and the checkpoint."""

        async def scenario(downloads: Downloads, house: House) -> None:
            download = await added(downloads, paused=False)
            (done,) = await worked(downloads, house, download)
            story = await downloads.show(done.id)
            assert [step.cause.value for step in story.transitions] == await house.causes(done)
            assert list(story.transitions) == await house.state.repository.story(done.id)
            assert (done.phase, done.path, done.size, done.downloaded) == (
                Phase.COMPLETED, "/d/file.bin", len(CONTENT), len(CONTENT)
            )  # fmt: skip
            assert story.checkpoint is not None
            assert story.checkpoint.downloaded == len(CONTENT)
            assert story.checkpoint.resource.validator.etag == '"1"'

        play(scenario)

    def test_a_failure_is_told_as_it_was(self, play: PlayDownloads) -> None:
        """Its kind, its sentence and its exit code."""

        async def scenario(downloads: Downloads, house: House) -> None:
            (failed,) = await worked(downloads, house, await added(downloads, "mem://host/none", paused=False))
            (recorded,) = await house.all()
            assert failed.phase is Phase.FAILED
            assert failed.fault == recorded.fault
            assert recorded.fault is not None

        play(scenario)


class OrderingContract(DownloadsSuite):
    """Changing what is in the queue."""

    def test_orders_do_what_the_table_says(self, play: PlayDownloads) -> None:
        """They move it, or are refused with a sentence; by name, by phase and by group, and all there are."""

        async def scenario(downloads: Downloads, house: House) -> None:
            a = await added(downloads, "mem://host/a", paused=False, group="g")
            b = await added(downloads, "mem://host/b", paused=False)
            (paused,) = await downloads.order(Order.PAUSE, Selection(references=(a.id[:8],)))
            assert (paused.download.phase, paused.refusal) == (Phase.PAUSED, None)
            assert paused.transition is not None
            assert paused.transition in await house.state.repository.story(a.id)
            (resumed,) = await downloads.order(Order.RESUME, Selection(group="g"), lane=Lane.NOW)
            assert (resumed.download.phase, resumed.download.lane) == (Phase.PENDING, Lane.NOW)
            assert len(await downloads.order(Order.CANCEL, Selection(phases=frozenset({Phase.PENDING})))) == 2
            (refused,) = await downloads.order(Order.PAUSE, Selection(references=(b.id,)))
            assert (refused.refusal or "", refused.transition) == (
                "it was cancelled and does not run: `dlm retry` begins it again", None
            )  # fmt: skip
            assert len(await downloads.order(Order.RETRY, Selection())) == 2
            assert await downloads.order(Order.RETRY, Selection(phases=frozenset())) == []
            assert await house.phases() == [Phase.PENDING] * 2

        play(scenario)

    def test_what_is_removed_is_gone(self, play: PlayDownloads) -> None:
        """The record goes; the finished file only when that is asked for."""

        async def scenario(downloads: Downloads, house: House) -> None:
            for delete_files in (False, True):
                house.serve(f"mem://host/{delete_files}")
                download = await added(downloads, f"mem://host/{delete_files}", paused=False)
                (done,) = await worked(downloads, house, download)
                assert done.path is not None
                (removed,) = await downloads.remove(Selection(references=(done.id,)), delete_files=delete_files)
                assert (removed.download.id, removed.refusal) == (done.id, None)
                assert (house.store.describe(done.path) is None) is delete_files
                assert (await error_of(downloads.show(done.id)))[0] is DownloadNotFound

        play(scenario)

    def test_places_can_be_asked_for_and_changed(self, play: PlayDownloads) -> None:
        """Where each stands, and who is ahead; what is not pending has no place."""

        async def scenario(downloads: Downloads, house: House) -> None:
            a, b, c = [await added(downloads, f"mem://host/{n}", paused=False) for n in "abc"]
            standing = await downloads.standing(c.id)
            assert standing is not None
            assert (standing.position, standing.of, standing.ahead) == (3, 3, (b.id, a.id))
            assert (await downloads.move(c.id, 1)).position == 1
            assert (await downloads.move(c.id, 10**9)).position == 3
            kind, told = await error_of(downloads.move(c.id, 0))
            assert (kind, told) == (InvalidRequest, "the places of the queue are counted from 1")
            idle = await added(downloads, "mem://host/idle")
            assert await downloads.standing(idle.id) is None
            assert (await error_of(downloads.move(idle.id, 1)))[0] is Conflict

        play(scenario)

    def test_edits_change_what_they_name(self, play: PlayDownloads) -> None:
        """And nothing else; what may be absent can be taken away again; nonsense is refused in the same words."""

        async def scenario(downloads: Downloads, house: House) -> None:
            download = await added(downloads, changes={"user_agent": "me", "limit_rate": 5, "headers": (("A", "b"),)})
            more = {"limit_rate": 7000, "checksum": Digest.parse("md5=" + "0" * 32), "directory": "/d/e", "retries": 3}
            edited = await downloads.edit(download.id, Change(fields=more, priority=Priority.LOW, group="g"))
            assert (edited.spec.limit_rate, edited.priority, edited.group) == (7000, Priority.LOW, "g")
            (recorded,) = await house.all()
            assert {name: getattr(recorded.spec, name) for name in more} == more
            assert (recorded.spec.user_agent, recorded.spec.headers) == ("me", (("A", "b"),))
            none: dict[str, object] = {"limit_rate": None, "checksum": None, "user_agent": None}
            assert (await downloads.edit(download.id, Change(fields=none))).spec.limit_rate is None
            (recorded,) = await house.all()
            assert {name: getattr(recorded.spec, name) for name in none} == none
            assert recorded.spec.retries == 3
            kind, told = await error_of(downloads.edit(download.id, Change(fields={"limit_rate": -5})))
            assert (kind, told) == (InvalidRequest, "the rate limit must be more than 0 bytes a second")
            kind, told = await error_of(downloads.edit(download.id, Change(start_at=house.clock.wall() + 60)))
            assert kind is InvalidRequest

        play(scenario)

    def test_what_runs_cannot_be_moved_to_another_place(self, play: PlayDownloads) -> None:
        """A conflict, in the same words."""

        async def scenario(downloads: Downloads, house: House) -> None:
            download = await added(downloads, paused=False)
            house.alive.add("other")
            await house.state.repository.claim([download.id], "other", house.clock.wall(), 60.0)
            change = Change(fields={"directory": "/d/e"})
            kind, told = await error_of(downloads.edit(download.id, change))
            assert kind is Conflict
            with pytest.raises(Conflict) as raised:
                await house.state.repository.amend(download.id, change, 1.0)
            assert told == str(raised.value)
            (ordered,) = await downloads.order(Order.PAUSE, Selection(references=(download.id,)))
            assert (ordered.download.phase, ordered.download.intent) == (Phase.SCHEDULED, Intent.PAUSE)

        play(scenario)

    def test_limits_hold_for_all_and_for_hosts(self, play: PlayDownloads) -> None:
        """They are set, told and lifted; a rate at which nothing comes is none."""

        async def scenario(downloads: Downloads, house: House) -> None:
            assert await downloads.limits() == Rates()
            assert await downloads.limit(5_000) == Rates(5_000)
            assert await downloads.limit(700, host="host:443") == Rates(5_000, {"host:443": 700})
            assert await downloads.limits() == await house.state.queue.rates() == Rates(5_000, {"host:443": 700})
            assert await downloads.limit(None) == Rates(None, {"host:443": 700})
            assert await downloads.limit(None, host="host:443") == Rates()
            for rate in (0, -1):
                kind, told = await error_of(downloads.limit(rate))
                assert (kind, told) == (InvalidRequest, "the rate limit must be more than 0 bytes a second")

        play(scenario)


class AnswersContract(DownloadsSuite):
    """What is known of it all."""

    def test_explanations_and_numbers_are_told(self, play: PlayDownloads) -> None:
        """What binds a download, with figures, and how many stand where."""

        async def scenario(downloads: Downloads, house: House) -> None:
            later = await added(downloads, paused=False, start_at=house.clock.wall() + 3600)
            explanation = await downloads.explain(later.id)
            assert (explanation.download.id, explanation.constraints[0].kind) == (later.id, "start_at")
            assert explanation.constraints[0].sentence
            stats = await downloads.stats()
            assert (dict(stats.phases), stats.active, stats.speed) == ({Phase.WAITING: 1}, 0, 0.0)
            assert await downloads.samples() == {}
            assert list(await downloads.examine()) == []

        play(scenario)

    def test_an_address_is_looked_at(self, play: PlayDownloads) -> None:
        """Name, size and ranges; what is not there is not found, in the same words. Nothing is added."""

        async def scenario(downloads: Downloads, house: House) -> None:
            house.file.digests = (Digest.parse("md5=" + "0" * 32),)
            found = await downloads.preview(spec())
            assert (found.part.name, found.part.size, found.ranged) == ("file.bin", len(CONTENT), True)
            assert (found.part.digests, found.mirrors[0].uri) == (house.file.digests, URI)
            assert await error_of(downloads.preview(spec("mem://host/none"))) == (NotFound, "mem://host/none is not there")
            assert (await error_of(downloads.preview(spec("nowhere://x"))))[1] == "nowhere://x is not served"
            assert await house.all() == []

        play(scenario)

    def test_a_finished_file_is_verified(self, play: PlayDownloads) -> None:
        """Right, damaged, gone, not there yet."""

        async def scenario(downloads: Downloads, house: House) -> None:
            from hashlib import sha256

            idle = await added(downloads, "mem://host/idle")
            kind, told = await error_of(downloads.verify(idle.id))
            assert (kind, "is not complete (paused)" in told) == (InvalidRequest, True)
            house.file.digests = (Digest("sha-256", sha256(CONTENT).digest()),)
            download = await added(downloads, paused=False)
            (done,) = await worked(downloads, house, download)
            verified = await downloads.verify(done.id)
            assert (verified.how, verified.by) == (Verification.VERIFIED, "sha-256")
            assert done.verified == verified
            await house.state.repository.respecify(done.id, spec(checksum=Digest("md5", bytes(16))))
            kind, told = await error_of(downloads.verify(done.id))
            assert (kind, "is damaged" in told) == (DigestMismatch, True)
            assert done.path is not None
            checkpoint = await house.state.repository.checkpoint_of(done.id)
            assert checkpoint is not None
            house.store.erase(done.path, checkpoint.place)
            assert (await error_of(downloads.verify(done.id)))[0] is StorageError

        play(scenario)

    def test_what_moves_is_sampled(self, play: PlayDownloads) -> None:
        """Of a download that another process carries, while it does."""

        async def scenario(downloads: Downloads, house: House) -> None:
            download = await added(downloads, paused=False, changes={"limit_rate": 40_000, "connections": 2})
            async with running(house):
                await until(lambda: _moving(downloads))
                sample = (await downloads.samples())[download.id]
                assert 0 < sample.downloaded < len(CONTENT)
                assert (sample.total, bool(sample.done)) == (len(CONTENT), True)
                stats = await downloads.stats()
                assert (stats.active, stats.phases) == (1, {Phase.RUNNING: 1})

        play(scenario)


async def _moving(downloads: Downloads) -> bool:
    return any(each.downloaded > 0 and each.done for each in (await downloads.samples()).values())


class EventsContract(DownloadsSuite):
    """What is told of what happens."""

    def test_what_was_recorded_is_read_again(self, play: PlayDownloads) -> None:
        """All of it, or what came after a number; then it ends."""

        async def scenario(downloads: Downloads, house: House) -> None:
            await worked(downloads, house, await added(downloads, paused=False))
            recorded = [each async for each in downloads.events(0, follow=False)]
            steps = [each.transition for each in recorded if isinstance(each, PhaseChanged)]
            assert steps == await house.state.repository.events_since(0, 100)
            assert len(steps) == len(recorded) > 3
            rest = [each async for each in downloads.events(steps[1].seq, follow=False)]
            assert [each.transition for each in rest if isinstance(each, PhaseChanged)] == steps[2:]
            assert [each async for each in downloads.events(steps[-1].seq, follow=False)] == []

        play(scenario)

    def test_what_happens_is_told_as_it_happens(self, play: PlayDownloads) -> None:
        """From the addition to the removal, in order, with samples in between that only grow."""

        async def scenario(downloads: Downloads, house: House) -> None:
            heard: list[Event] = []
            listening = asyncio.create_task(_hear(downloads, -1, heard))
            await asyncio.sleep(0.5)
            download = await added(downloads, paused=False, changes={"limit_rate": 200_000})
            await worked(downloads, house, download)
            last = (await house.state.repository.events_since(0, 100))[-1].seq
            await until(lambda: _heard_up_to(heard, last))
            await downloads.remove(Selection(references=(download.id,)), delete_files=True)
            await until(lambda: _told(heard, DownloadRemoved))
            listening.cancel()
            steps = [each.transition.target for each in heard if isinstance(each, PhaseChanged)]
            assert (steps[0], steps[-1]) == (Phase.SCHEDULED, Phase.COMPLETED)
            assert any(isinstance(each, DownloadAdded) and each.download.id == download.id for each in heard)
            come = [each.progress.downloaded for each in heard if isinstance(each, ProgressMade)]
            assert come == sorted(come)
            assert come

        play(scenario)

    def test_nothing_is_missed_between_the_record_and_the_present(self, play: PlayDownloads) -> None:
        """With a number to begin after, every transition is told once, whenever it happens."""

        async def scenario(downloads: Downloads, house: House) -> None:
            first = await added(downloads, "mem://host/0")
            heard: list[Event] = []

            async def restless() -> None:
                for _ in range(60):
                    await downloads.order(Order.RESUME, Selection(references=(first.id,)))
                    await downloads.order(Order.PAUSE, Selection(references=(first.id,)))

            moving = asyncio.create_task(restless())
            await asyncio.sleep(0.02)
            listening = asyncio.create_task(_hear(downloads, 0, heard))
            await moving
            recorded = [each.seq for each in await house.state.repository.events_since(0, 1000)]
            await until(lambda: _heard_up_to(heard, recorded[-1]))
            listening.cancel()
            assert [each.transition.seq for each in heard if isinstance(each, PhaseChanged)] == recorded

        play(scenario)

    def test_closing_ends_it(self, play: PlayDownloads) -> None:
        """Who listens is let go."""

        async def scenario(downloads: Downloads, house: House) -> None:
            heard: list[Event] = []
            listening = asyncio.create_task(_hear(downloads, None, heard))
            await asyncio.sleep(0.3)
            await downloads.close()
            await asyncio.wait_for(listening, PATIENCE)

        play(scenario)


class running:
    """A dlm in the house that works the queue meanwhile."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def __aenter__(self) -> None:
        self._working = asyncio.create_task(self._house.process("worker").run(stay=True))

    async def __aexit__(self, *_: object) -> None:
        self._working.cancel()
        with suppress(asyncio.CancelledError):
            await self._working


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Return when it does. Fails when that takes too long."""
    async with asyncio.timeout(PATIENCE):
        while not await holds():
            await asyncio.sleep(0.02)


async def _hear(downloads: Downloads, since: int | None, heard: list[Event]) -> None:
    async for event in downloads.events(since):
        heard.append(event)


async def _told(heard: list[Event], kind: type[Event]) -> bool:
    return any(isinstance(each, kind) for each in heard)


async def _heard_up_to(heard: list[Event], seq: int) -> bool:
    return any(isinstance(each, PhaseChanged) and each.transition.seq >= seq for each in heard)
