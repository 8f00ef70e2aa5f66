"""The contract of `dlm.ports.Repository`: leases, phases, checkpoints, and removal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dlm.model.download import new_id
from dlm.model.error import Conflict, DlmError, DownloadNotFound, IllegalTransition
from dlm.model.phase import CLAIMED_PHASES, Cause, Phase
from dlm.model.query import DownloadQuery
from dlm.model.rank import Lane
from dlm.model.span import Span
from dlm.ports import Repository, Step
from tests.contracts.repository import FAULT, VERIFIED, Play, StateSuite, Wall, a_checkpoint, a_download, causes, claim


class LifeContract(StateSuite):
    """A download is held by one owner at a time, moves by the table, and keeps what was synced."""

    def test_a_pending_download_is_claimed_once(self, play: Play) -> None:
        """A claim names owner and lease and is part of the story; while it lasts nobody can claim, its owner included."""
        pending = a_download()

        async def scenario(repository: Repository) -> None:
            await repository.add([pending])
            ((claimed, transition),) = await repository.claim([pending.id], "me", 100.0, 30.0)
            assert claimed == replace(pending, phase=Phase.SCHEDULED, owner="me", lease_until=130.0)
            assert [transition] == await repository.story(pending.id)
            for owner, now in (("you", 101.0), ("me", 101.0), ("you", 129.9)):
                assert await repository.claim([pending.id], owner, now, 30.0) == []
            assert await repository.get(pending.id) == claimed
            assert await causes(repository, pending.id) == [Cause.CLAIMED]

        play(scenario)

    def test_only_pending_downloads_are_claimed(self, play: Play) -> None:
        """A download that waits, rests or has ended is not started behind the user's back."""
        resting = [a_download(phase=phase) for phase in Phase if phase not in CLAIMED_PHASES | {Phase.PENDING}]

        async def scenario(repository: Repository) -> None:
            await repository.add(resting)
            for download in resting:
                assert await repository.claim([download.id], "me", 1.0, 1.0) == []
                assert await repository.story(download.id) == []

        play(scenario)

    def test_what_a_dead_owner_left_is_yielded_and_claimed(self, play: Play) -> None:
        """From the moment its lease has run out anybody may claim it, in whatever phase it was left, facts kept."""
        left = [a_download(phase=p, owner="dead", lease_until=50.0, path="/d/f") for p in sorted(CLAIMED_PHASES, key=str)]

        async def scenario(repository: Repository) -> None:
            await repository.add(left)
            for download in left:
                claimed = await claim(repository, download.id, "me", 50.0, 30.0)
                held = replace(download, phase=Phase.SCHEDULED, owner="me", lease_until=80.0)
                assert claimed == replace(held, lane=Lane.RETURNING, ready=50.0)
                story = await repository.story(download.id)
                assert [(each.origin, each.cause) for each in story] == [
                    (download.phase, Cause.YIELDED),
                    (Phase.PENDING, Cause.CLAIMED),
                ]

        play(scenario)

    def test_a_renewed_lease_holds_longer(self, play: Play) -> None:
        """All that an owner holds is renewed, and nothing of anybody else."""
        mine, mine_too, yours = a_download(), a_download(), a_download()

        async def scenario(repository: Repository) -> None:
            await repository.add([mine, mine_too, yours])
            for download, owner in ((mine, "me"), (mine_too, "me"), (yours, "you")):
                await repository.claim([download.id], owner, 0.0, 10.0)
            await repository.renew("me", 99.0)
            leases = [(await repository.get(download.id)).lease_until for download in (mine, mine_too, yours)]
            assert leases == [99.0, 99.0, 10.0]

        play(scenario)

    def test_phases_move_by_the_table_and_are_recorded(self, play: Play) -> None:
        """Each step returns what is stored, with its event; the lease ends with the work, and the end is dated."""
        download = a_download()

        async def scenario(repository: Repository) -> None:
            await repository.add([download])
            await repository.claim([download.id], "me", 1.0, 30.0)
            for now, cause, phase in (
                (2.0, Cause.STARTED, Phase.RUNNING),
                (3.0, Cause.TRANSFERRED, Phase.COMPLETING),
                (4.0, Cause.PUBLISHED, Phase.COMPLETED),
            ):
                moved, transition = await repository.advance(download.id, cause, now, owner="me", detail=f"at {now}")
                assert moved == await repository.get(download.id)
                assert (moved.phase, transition.target, transition.cause) == (phase, phase, cause)
                assert (transition.at, transition.detail) == (now, f"at {now}")
                assert (moved.owner == "me") is (phase in CLAIMED_PHASES)
                assert transition == (await repository.story(download.id))[-1]
            assert (moved.lease_until, moved.finished) == (None, 4.0)
            again, _ = await repository.advance(download.id, Cause.RETRIED, 5.0)
            assert again.finished is None

        play(scenario)

    def test_a_refused_step_changes_nothing(self, play: Play) -> None:
        """A step that the table lacks, of an owner who lost the lease, or a claim without owner leaves all as it was."""
        download = a_download()

        async def scenario(repository: Repository) -> None:
            await repository.add([download])
            with pytest.raises(IllegalTransition):
                await repository.advance(download.id, Cause.CLAIMED, 1.0)
            with pytest.raises(Conflict):
                await repository.advance(download.id, Cause.HALTED, 1.0, owner="me")
            claimed = await claim(repository, download.id, "me", 1.0, 30.0)
            with pytest.raises(Conflict):
                await repository.advance(download.id, Cause.STARTED, 1.0, owner="you")
            with pytest.raises(IllegalTransition):
                await repository.advance(download.id, Cause.PUBLISHED, 1.0, owner="me", path="/x")
            assert await repository.get(download.id) == claimed
            assert await causes(repository, download.id) == [Cause.CLAIMED]

        play(scenario)

    def test_facts_stay_until_another_try(self, play: Play) -> None:
        """Path, verification and fault are kept from step to step, and cleared when it is tried again."""
        download = a_download(phase=Phase.RUNNING)

        async def scenario(repository: Repository) -> None:
            await repository.add([download])
            await repository.advance(download.id, Cause.TRANSFERRED, 1.0, path="/d/f", verified=VERIFIED)
            failed, _ = await repository.advance(download.id, Cause.ERRED, 2.0, fault=FAULT)
            assert (failed.path, failed.verified, failed.fault) == ("/d/f", VERIFIED, FAULT)
            retried, _ = await repository.advance(download.id, Cause.RETRIED, 3.0)
            assert (retried.path, retried.verified, retried.fault) == (None, None, None)

        play(scenario)

    def test_a_checkpoint_replaces_the_one_before(self, play: Play) -> None:
        """The latest comes back as it was, its spans merged, and name, size and count of the download follow it."""
        download = a_download()

        async def scenario(repository: Repository) -> None:
            await repository.add([download])
            assert await repository.checkpoint_of(download.id) is None
            for checkpoint in (a_checkpoint(size=None), a_checkpoint(Span(0, 10), Span(500, 1000), name="g"), a_checkpoint()):
                await repository.checkpoint(download.id, checkpoint)
                assert await repository.checkpoint_of(download.id) == checkpoint
                stored = await repository.get(download.id)
                implied = (checkpoint.place.name, checkpoint.resource.parts[0].size, checkpoint.downloaded)
                assert (stored.name, stored.size, stored.downloaded) == implied
            await repository.checkpoint(download.id, a_checkpoint(Span(5, 9), Span(0, 5), Span(7, 7)))
            assert await repository.checkpoint_of(download.id) == a_checkpoint(Span(0, 9))

        play(scenario)

    def test_what_many_have_come_to_is_recorded_together(self, play: Play) -> None:
        """Each as its checkpoint and its moves would be, numbered in order; one that had not begun began when it is said to."""
        light, heavy = a_download(), a_download()
        checkpoint = a_checkpoint(Span(0, 1000))

        async def scenario(repository: Repository) -> None:
            await repository.add([light, heavy])
            for each in (light, heavy):
                await claim(repository, each.id, "me", 100.0, 30.0)
            await repository.advance(heavy.id, Cause.STARTED, 101.0, owner="me")
            steps = [
                Step(
                    id=each.id,
                    owner="me",
                    cause=Cause.TRANSFERRED,
                    checkpoint=checkpoint,
                    path="/d/f.iso",
                    verified=VERIFIED,
                    began=102.0,
                )
                for each in (light, heavy)
            ]
            first, second = await repository.record(steps, 103.0)
            assert not isinstance(first, DlmError)
            assert not isinstance(second, DlmError)
            assert [(move[1].cause, move[1].at) for move in first] == [(Cause.STARTED, 102.0), (Cause.TRANSFERRED, 103.0)]
            assert [(move[1].cause, move[1].at) for move in second] == [(Cause.TRANSFERRED, 103.0)]
            for moves in (first, second):
                id = moves[-1][0].id
                assert moves[-1][0] == await repository.get(id)
                assert [each for _, each in moves] == (await repository.story(id))[-len(moves) :]
                assert await repository.checkpoint_of(id) == checkpoint
                assert (moves[-1][0].name, moves[-1][0].downloaded, moves[-1][0].path) == ("f.iso", 1000, "/d/f.iso")
            both = [Step(id=light.id, owner="me", cause=cause) for cause in (Cause.PUBLISHED, Cause.RETRIED)]
            published, retried = await repository.record(both, 104.0)
            assert not isinstance(published, DlmError)
            assert published[-1][0].finished == 104.0
            assert isinstance(retried, Conflict)

        play(scenario)

    def test_a_step_that_is_refused_does_not_touch_the_others(self, play: Play) -> None:
        """Of three, the one that somebody else holds and the one that is gone are answered with their errors."""
        mine, theirs = a_download(), a_download()

        async def scenario(repository: Repository) -> None:
            await repository.add([mine, theirs])
            await claim(repository, mine.id, "me", 100.0, 30.0)
            await claim(repository, theirs.id, "you", 100.0, 30.0)
            ids = (theirs.id, new_id(), mine.id)
            steps = [Step(id=id, owner="me", cause=Cause.TRANSFERRED, checkpoint=a_checkpoint()) for id in ids]
            refused, unknown, done = await repository.record(steps, 101.0)
            assert isinstance(refused, Conflict)
            assert isinstance(unknown, DownloadNotFound)
            assert not isinstance(done, DlmError)
            assert done[-1][0].phase is Phase.COMPLETING
            assert await causes(repository, theirs.id) == [Cause.CLAIMED]
            assert await repository.checkpoint_of(theirs.id) is None

        play(scenario)

    def test_each_part_has_its_checkpoint(self, play: Play) -> None:
        """Of several parts the one that was saved last comes back; forgetting drops them all."""
        download = a_download()
        first, second = a_checkpoint(Span(0, 1)), a_checkpoint(Span(0, 2), part=1)

        async def scenario(repository: Repository) -> None:
            await repository.add([download])
            for checkpoint in (first, second, first):
                await repository.checkpoint(download.id, checkpoint)
                assert await repository.checkpoint_of(download.id) == checkpoint
            await repository.forget_checkpoint(download.id)
            assert await repository.checkpoint_of(download.id) is None

        play(scenario)

    def test_a_worker_that_lost_its_lease_saves_nothing(self, play: Play) -> None:
        """A checkpoint in the name of an owner is refused once another one holds the download."""
        download = a_download()

        async def scenario(repository: Repository) -> None:
            await repository.add([download])
            await repository.claim([download.id], "slow", 0.0, 1.0)
            await repository.checkpoint(download.id, a_checkpoint(Span(0, 5)), owner="slow")
            await repository.claim([download.id], "next", 2.0, 30.0)
            with pytest.raises(Conflict):
                await repository.checkpoint(download.id, a_checkpoint(Span(0, 9)), owner="slow")
            assert await repository.checkpoint_of(download.id) == a_checkpoint(Span(0, 5))
            assert (await repository.get(download.id)).downloaded == 5

        play(scenario)

    def test_removal_forgets_everything_but_waits_for_the_worker(self, play: Play, wall: Wall) -> None:
        """While the lease lasts it is refused; then download, checkpoint and story are gone, and numbers are not reused."""
        download, other = a_download(), a_download()

        async def scenario(repository: Repository) -> None:
            await repository.add([download, other])
            await repository.claim([download.id], "me", wall.now, 30.0)
            await repository.checkpoint(download.id, a_checkpoint(Span(0, 5)))
            with pytest.raises(Conflict):
                await repository.remove(download.id)
            wall.now += 30.0
            (last,) = await repository.story(download.id)
            await repository.remove(download.id)
            assert await repository.find(DownloadQuery()) == [other]
            assert await repository.checkpoint_of(download.id) is None
            assert await repository.story(download.id) == []
            _, later = await repository.advance(other.id, Cause.HALTED, 1.0)
            assert later.seq > last.seq
            await repository.add([download])
            assert await repository.checkpoint_of(download.id) is None

        play(scenario)
