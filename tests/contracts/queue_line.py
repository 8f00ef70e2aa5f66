"""The contract of `dlm.ports.Queue`: the line of what may be admitted, and how users move in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dlm.model.download import Download
from dlm.model.error import Conflict, DownloadNotFound
from dlm.model.phase import Intent, Order, Phase
from dlm.model.rank import Lane, Priority
from tests.contracts.queue import PlayState, QueueSuite, in_phase
from tests.contracts.repository import State, a_download

ALL = 1_000_000


async def line(state: State) -> list[str]:
    """The names (outputs) of what stands in the line, by the places that the Queue tells."""
    places = {}
    for candidate in await state.queue.candidates(ALL, ALL):
        standing = await state.queue.standing(candidate.id)
        assert standing is not None
        download = await state.repository.get(candidate.id)
        places[standing.position] = download.spec.output or ""
    assert sorted(places) == list(range(1, len(places) + 1))
    return [places[place] for place in sorted(places)]


def named(names: str, **given: object) -> list[Download]:
    """A download for each letter, with it for its output."""
    return [a_download(output=name, **given) for name in names]


class CandidatesContract(QueueSuite):
    """The scheduler sees the first of every host and group, and whatever has waited longest."""

    def test_a_candidate_is_what_the_download_says(self, play_state: PlayState) -> None:
        """Each field is the download's, and `seq` grows with the order of addition."""
        known = [a_download(group=None), a_download(group="g", lane=Lane.NOW, priority=Priority.LOW, position=1.5, ready=3.0)]

        async def scenario(state: State) -> None:
            await state.repository.add(known)
            first, second = sorted(await state.queue.candidates(5, 5), key=lambda each: each.seq)
            for candidate, download in ((first, known[0]), (second, known[1])):
                for name in ("id", "host", "lane", "priority", "position", "ready", "group"):
                    assert getattr(candidate, name) == getattr(download, name)

        play_state(scenario)

    def test_only_what_may_be_admitted_is_a_candidate(self, play_state: PlayState) -> None:
        """Neither what is not pending, nor what the user wants stopped, nor what streams to standard output."""
        others = [in_phase(phase) for phase in Phase if phase is not Phase.PENDING]
        others += [a_download(intent=intent) for intent in (Intent.PAUSE, Intent.CANCEL)]
        others.append(a_download(output="-"))
        known = a_download(output="x")

        async def scenario(state: State) -> None:
            await state.repository.add([*others, known])
            assert [each.id for each in await state.queue.candidates(9, 9)] == [known.id]
            for other in others:
                assert await state.queue.standing(other.id) is None
                with pytest.raises(Conflict):
                    await state.queue.move(other.id, 1)

        play_state(scenario)

    def test_of_each_host_and_group_the_first_are_seen_and_the_one_ready_longest(self, play_state: PlayState) -> None:
        """However many stand before them elsewhere."""
        crowd = named("abcdef", uri="https://crowd/x", ready=9.0)
        patient = named("p", uri="https://crowd/x", priority=Priority.LOW, ready=1.0)
        grouped = named("gh", uri="https://crowd/x", group="g", lane=Lane.RETRY, ready=8.0)
        elsewhere = named("yz", uri="https://else/x", ready=8.0)
        waiting = named("w", uri="https://else/x", lane=Lane.RETRY, ready=2.0)

        async def scenario(state: State) -> None:
            await state.repository.add([*crowd, *patient, *grouped, *elsewhere, *waiting])
            found = {each.id for each in await state.queue.candidates(2, 9)}
            assert found == {each.id for each in (*crowd[:2], *patient, *grouped, *elsewhere, *waiting)}
            found = {each.id for each in await state.queue.candidates(1, 9)}
            assert found == {each.id for each in (crowd[0], *patient, grouped[0], elsewhere[0], *waiting)}

        play_state(scenario)

    def test_where_there_are_too_many_groups_each_host_is_seen_first(self, play_state: PlayState) -> None:
        """A host with many groups hides no other host; the one that has been ready longest is seen wherever it is."""
        crowd = [a_download(output=f"{n}", uri="https://crowd/x", group=f"{n}", ready=5.0) for n in range(9)]
        others = [a_download(uri=f"https://host{n}/x", lane=Lane.RETRY, ready=5.0) for n in range(2)]
        patient = a_download(uri="https://crowd/x", group="z", lane=Lane.RETRY, ready=1.0)

        async def scenario(state: State) -> None:
            await state.repository.add([*crowd, *others, patient])
            found = {each.id for each in await state.queue.candidates(1, 4)}
            assert found == {each.id for each in (*crowd[:2], *others, patient)}
            found = {each.id for each in await state.queue.candidates(1, 1)}
            assert found == {crowd[0].id, patient.id}

        play_state(scenario)


class StandingContract(QueueSuite):
    """A pending download has one place, and can be given another."""

    def test_the_line_is_by_lane_priority_position_and_age(self, play_state: PlayState) -> None:
        """In this order; a position counts among equals only, and goes before having none."""
        known = [
            *named("z", lane=Lane.RETRY),
            *named("no"),
            *named("l", position=2.0),
            *named("k", position=-1.0),
            *named("y", priority=Priority.LOW, position=-9.0),
            *named("b", priority=Priority.HIGH),
            *named("a", lane=Lane.NOW, priority=Priority.LOW),
        ]

        async def scenario(state: State) -> None:
            await state.repository.add(known)
            assert "".join(await line(state)) == "abklnoyz"

        play_state(scenario)

    def test_a_place_is_told_with_those_ahead(self, play_state: PlayState) -> None:
        """Of how many, and the nearest ahead first."""
        known = named("abcdefgh")

        async def scenario(state: State) -> None:
            await state.repository.add(known)
            standing = await state.queue.standing(known[6].id)
            assert standing is not None
            assert (standing.position, standing.of) == (7, 8)
            assert standing.ahead == tuple(each.id for each in known[5:0:-1])
            first = await state.queue.standing(known[0].id)
            assert first is not None
            assert (first.position, first.of, first.ahead) == (1, 8, ())
            await state.queue.order([known[0].id], Order.PAUSE, 1.0)
            assert await state.queue.standing(known[0].id) is None

        play_state(scenario)

    @pytest.mark.parametrize("ranks", ["plain", "some with positions", "of several classes"])
    def test_any_one_can_be_moved_to_any_place(self, play_state: PlayState, ranks: str) -> None:
        """It stands there then, and the order of the others is what it was."""
        changes: list[dict[str, object]] = [{}] * 6
        if ranks == "some with positions":
            changes = [{"position": 1.0}, {"position": 2.0}, {"position": 2.5}, {}, {}, {}]
        elif ranks == "of several classes":
            kinds = (Lane.NOW, Lane.INTERACTIVE, Lane.INTERACTIVE, Lane.AUTOMATIC, Lane.AUTOMATIC, Lane.RETRY)
            changes = [{"lane": lane} for lane in kinds]
        known = [named(name, **change)[0] for name, change in zip("abcdef", changes, strict=True)]

        async def scenario(state: State) -> None:
            await state.repository.add(known)
            order = list("abcdef")
            ids = {download.spec.output: download.id for download in known}
            for name in "afcbdeafa":
                for position in (1, 4, 6, 2, 99, 3, 5):
                    standing = await state.queue.move(ids[name], position)
                    order.remove(name)
                    order.insert(position - 1, name)
                    assert standing.position == order.index(name) + 1
                    assert await line(state) == order

        play_state(scenario)

    def test_moving_between_the_same_two_again_and_again_never_wears_out(self, play_state: PlayState) -> None:
        """There is always room between two: those ahead are counted anew when no number is left."""
        known = named("abcd")

        async def scenario(state: State) -> None:
            await state.repository.add(known)
            await state.queue.move(known[3].id, 3)
            for step in range(150):
                mover = known[step % 2]
                await state.queue.move(mover.id, 2)
                standing = await state.queue.standing(mover.id)
                assert standing is not None
                assert standing.position == 2
            assert sorted(await line(state)) == list("abcd")

        play_state(scenario)

    def test_the_moved_one_joins_its_new_neighbours(self, play_state: PlayState) -> None:
        """It takes their lane and priority; where the two differ, those of the one behind; nothing else of it changes."""
        now, low, last = named("n", lane=Lane.NOW)[0], named("l", priority=Priority.LOW)[0], named("z", lane=Lane.RETRY)[0]

        async def scenario(state: State) -> None:
            await state.repository.add([now, low, last])
            await state.queue.move(last.id, 2)
            found = await state.repository.get(last.id)
            assert (found.lane, found.priority) == (Lane.AUTOMATIC, Priority.LOW)
            assert replace(found, position=None) == replace(last, lane=Lane.AUTOMATIC, priority=Priority.LOW)
            await state.queue.move(last.id, 1)
            assert (await state.repository.get(last.id)).lane is Lane.NOW
            assert await state.repository.get(now.id) == now
            with pytest.raises(DownloadNotFound):
                await state.queue.move(a_download().id, 1)

        play_state(scenario)
