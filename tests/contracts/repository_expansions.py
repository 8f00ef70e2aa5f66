"""The contract of `dlm.ports.Repository` for expansions: what they find is added, and how far they have come is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dlm.model.download import Download, new_id
from dlm.model.error import Conflict, DownloadNotFound
from dlm.model.message import Expanded
from dlm.model.phase import Cause, Phase
from dlm.model.query import DownloadQuery
from dlm.model.recursion import Folder, Frontier, Recursion, Tally
from dlm.ports import Repository
from tests.contracts.repository import Play, StateSuite, a_download

ROOT = Folder("https://h/d/")
BELOW = (Folder("https://h/d/a/", "a", 1), Folder("https://h/d/b/", "b", 1))
TALLY = Tally(2, 300, 1, 1)


def an_expansion() -> Download:
    """A folder that somebody is listing."""
    plain = a_download(uri=ROOT.uri)
    spec = replace(plain.spec, recursive=Recursion(2, ("*.iso",), ("tmp/",), newer=True))
    return replace(plain, spec=spec, phase=Phase.RUNNING, owner="me", lease_until=2000.0)


def children(count: int = 2) -> list[Download]:
    """Files that were found."""
    return [a_download(uri=f"https://h/d/{n}", output=str(n), group="g") for n in range(count)]


class ExpansionContract(StateSuite):
    """What a listing has found, and what is left of it."""

    def test_the_children_and_the_frontier_come_in_one_step(self, play: Play) -> None:
        """Children are added, the folder that was read is gone from the frontier, and those in it stand there, in order."""
        parent, found = an_expansion(), children()

        async def scenario(repository: Repository) -> None:
            await repository.add([parent])
            assert await repository.get(parent.id) == parent
            assert await repository.frontier_of(parent.id) is None
            answers = await repository.expand(Expanded(parent.id, (), ROOT, BELOW, TALLY), found, "me", 5.0)
            assert answers == [(each, None) for each in found]
            assert await repository.find(DownloadQuery(group="g")) == found[::-1]
            assert await repository.frontier_of(parent.id) == Frontier(BELOW, TALLY)
            deeper = Folder("https://h/d/a/c/", "a/c", 2)
            await repository.expand(Expanded(parent.id, (), BELOW[0], (deeper,), Tally(9, 9, 2, 1)), [], "me", 5.0)
            assert await repository.frontier_of(parent.id) == Frontier((BELOW[1], deeper), Tally(9, 9, 2, 1))

        play(scenario)

    def test_a_folder_in_the_middle_stays_on_the_frontier(self, play: Play) -> None:
        """Until it is read to its end, what was found adds children only."""
        parent, found = an_expansion(), children()

        async def scenario(repository: Repository) -> None:
            await repository.add([parent])
            await repository.expand(Expanded(parent.id, (), ROOT, BELOW, TALLY), [], "me", 5.0)
            await repository.expand(Expanded(parent.id, ()), found, "me", 5.0)
            assert await repository.frontier_of(parent.id) == Frontier(BELOW, TALLY)

        play(scenario)

    def test_what_is_read_to_the_end_has_no_frontier(self, play: Play) -> None:
        """Then the next walk begins at the first folder, and forgets what the last one had left."""
        parent = an_expansion()

        async def scenario(repository: Repository) -> None:
            await repository.add([parent])
            await repository.expand(Expanded(parent.id, (), ROOT, (), TALLY), [], "me", 5.0)
            assert await repository.frontier_of(parent.id) is None
            await repository.expand(Expanded(parent.id, (), ROOT, BELOW, TALLY), [], "me", 5.0)
            await repository.expand(Expanded(parent.id, (), ROOT, BELOW[1:], TALLY), [], "me", 5.0)
            assert await repository.frontier_of(parent.id) == Frontier(BELOW[1:], TALLY)

        play(scenario)

    def test_children_are_claimed_with_the_same_step(self, play: Play) -> None:
        """With a lease, new children are the owner's, and each has the transition that says so."""
        parent, found = an_expansion(), children()

        async def scenario(repository: Repository) -> None:
            await repository.add([parent])
            answers = await repository.expand(Expanded(parent.id, ()), found, "me", 5.0, lease=30.0)
            held = [replace(each, phase=Phase.SCHEDULED, owner="me", lease_until=35.0) for each in found]
            assert [download for download, _ in answers] == held
            assert [step.cause for _, step in answers if step is not None] == [Cause.CLAIMED] * 2
            assert await repository.find(DownloadQuery(group="g")) == held[::-1]

        play(scenario)

    @pytest.mark.parametrize("lease", [None, 30.0])
    def test_a_child_is_never_doubled(self, play: Play, lease: float | None) -> None:
        """A folder that is read again brings what is there already: that takes the place of the new one."""
        parent, found = an_expansion(), children()
        again = [replace(each, id=new_id()) for each in found]

        async def scenario(repository: Repository) -> None:
            await repository.add([parent])
            first = await repository.expand(Expanded(parent.id, ()), found, "me", 5.0, lease=lease)
            second = await repository.expand(Expanded(parent.id, ()), again, "me", 6.0, lease=lease)
            assert second == [(download, None) for download, _ in first]
            assert len(await repository.find(DownloadQuery(group="g"))) == 2

        play(scenario)

    def test_nothing_happens_for_who_does_not_hold_it(self, play: Play) -> None:
        """One whose expansion is another's by now adds nothing, and moves no frontier."""
        parent, found = an_expansion(), children()

        async def scenario(repository: Repository) -> None:
            await repository.add([parent])
            with pytest.raises(Conflict):
                await repository.expand(Expanded(parent.id, (), ROOT, BELOW, TALLY), found, "you", 5.0)
            with pytest.raises(DownloadNotFound):
                await repository.expand(Expanded(new_id(), (), ROOT, BELOW, TALLY), found, "me", 5.0)
            assert await repository.find(DownloadQuery()) == [parent]
            assert await repository.frontier_of(parent.id) is None

        play(scenario)

    def test_the_frontier_goes_with_the_expansion(self, play: Play) -> None:
        """Removing it forgets what it had still to read; its children stay."""
        parent, found = an_expansion(), children()

        async def scenario(repository: Repository) -> None:
            await repository.add([parent])
            await repository.expand(Expanded(parent.id, (), ROOT, BELOW, TALLY), found, "me", 5.0)
            await repository.advance(parent.id, Cause.CANCELLED, 6.0)
            await repository.remove(parent.id)
            assert await repository.frontier_of(parent.id) is None
            assert await repository.find(DownloadQuery()) == found[::-1]

        play(scenario)
