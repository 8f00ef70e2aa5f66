"""The contract of `dlm.ports.Queue`: who is next, what becomes due, and what orders do. The line: `queue_line`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dlm.model.download import Download, DownloadId
from dlm.model.error import DownloadNotFound
from dlm.model.phase import ANSWERS, CLAIMED_PHASES, Cause, Intent, Order, Phase
from dlm.model.queue import Rates, Selection
from dlm.model.rank import Lane
from dlm.ports import HostPolicy
from tests.contracts.repository import FAULT, State, StateSuite, Wall, a_download, causes

StateScenario = Callable[[State], Awaitable[None]]
PlayState = Callable[[StateScenario], None]


def in_phase(phase: Phase, **given: object) -> Download:
    """A download as it may stand in that phase."""
    claimed = {"owner": "me", "lease_until": 99.0} if phase in CLAIMED_PHASES else {}
    waiting = {"due": 50.0} if phase is Phase.WAITING else {}
    return a_download(phase=phase, **{**claimed, **waiting, **given})


class QueueSuite(StateSuite):
    """Gives scenarios both sides of the state."""

    @pytest.fixture
    def play_state(self, tmp_path: Path, wall: Wall) -> PlayState:
        def play(scenario: StateScenario) -> None:
            async def opened() -> None:
                state = await self.open(tmp_path, wall)
                try:
                    await scenario(state)
                finally:
                    await state.close()

            asyncio.run(opened())

        return play


class OwnersContract(QueueSuite):
    """Who holds what, and how it comes back."""

    def test_what_an_owner_holds_is_found(self, play_state: PlayState) -> None:
        """Only what is held now, in the order of addition; an owner without anything is none."""
        known = [a_download() for _ in range(4)]

        async def scenario(state: State) -> None:
            await state.repository.add(known)
            await state.repository.claim([known[2].id, known[0].id], "me", 1.0, 30.0)
            await state.repository.claim([known[3].id], "you", 1.0, 30.0)
            assert [each.id for each in await state.queue.held("me")] == [known[0].id, known[2].id]
            assert await state.queue.held("nobody") == []
            assert await state.queue.owners() == ["me", "you"]
            await state.repository.advance(known[3].id, Cause.HALTED, 2.0, owner="you")
            assert await state.queue.owners() == ["me"]

        play_state(scenario)

    @pytest.mark.parametrize(
        ("intent", "ends"), [(Intent.RUN, Phase.PENDING), (Intent.PAUSE, Phase.PAUSED), (Intent.CANCEL, Phase.CANCELLED)]
    )
    def test_what_a_dead_owner_held_goes_where_the_user_wanted_it(
        self, play_state: PlayState, intent: Intent, ends: Phase
    ) -> None:
        """Everything is yielded in every phase, with the reason; then the intent is followed. Nobody else is touched."""
        mine = [in_phase(phase, intent=intent) for phase in sorted(CLAIMED_PHASES, key=str)]
        yours = in_phase(Phase.RUNNING, owner="you", intent=intent)

        async def scenario(state: State) -> None:
            await state.repository.add([*mine, yours])
            moves = await state.queue.abandon("me", 7.0, "it died")
            for download in mine:
                found, story = await state.repository.get(download.id), await state.repository.story(download.id)
                assert (found.phase, found.owner, found.lease_until, found.intent) == (ends, None, None, intent)
                assert (story[0].cause, story[0].detail) == (Cause.YIELDED, "it died")
                assert len(story) == (1 if intent is Intent.RUN else 2)
                assert [move for move in moves if move[1] in story][-1] == (found, story[-1])
            assert len(moves) == len(mine) * (1 if intent is Intent.RUN else 2)
            assert await state.repository.get(yours.id) == yours
            assert await state.queue.abandon("me", 8.0, "again") == []

        play_state(scenario)


class TimeContract(QueueSuite):
    """What waits becomes pending when its time has come."""

    def test_only_what_is_due_is_roused(self, play_state: PlayState) -> None:
        """At its time, not before; the answer says when the next one's comes; what waits for the network waits on."""
        early, later, offline = (in_phase(Phase.WAITING, due=due) for due in (10.0, 20.0, None))

        async def scenario(state: State) -> None:
            await state.repository.add([later, early, offline])
            before = await state.queue.rouse(9.9, online=False)
            assert (before.moves, before.next_due) == ((), 10.0)
            roused = await state.queue.rouse(10.0, online=False)
            ((download, transition),) = roused.moves
            assert (download.id, download.phase, download.due, download.ready) == (early.id, Phase.PENDING, None, 10.0)
            assert (transition.cause, roused.next_due) == (Cause.DUE, 20.0)
            assert [transition] == await state.repository.story(early.id)
            online = await state.queue.rouse(11.0, online=True)
            assert [move[0].id for move in online.moves] == [offline.id]
            last = await state.queue.rouse(20.0, online=False)
            assert ([move[0].id for move in last.moves], last.next_due) == ([later.id], None)

        play_state(scenario)

    def test_only_what_failed_comes_back_by_the_retry_lane(self, play_state: PlayState) -> None:
        """What was put off or cut off keeps its lane, and NOW stays NOW."""
        lanes = {Lane.AUTOMATIC: (0, Lane.AUTOMATIC), Lane.INTERACTIVE: (2, Lane.RETRY), Lane.NOW: (2, Lane.NOW)}
        known = [in_phase(Phase.WAITING, lane=lane, attempts=attempts) for lane, (attempts, _) in lanes.items()]

        async def scenario(state: State) -> None:
            await state.repository.add(known)
            roused = await state.queue.rouse(50.0, online=False)
            assert [move[0].lane for move in roused.moves] == [after for _, after in lanes.values()]

        play_state(scenario)

    def test_phases_are_counted(self, play_state: PlayState) -> None:
        """Those without any are left out."""

        async def scenario(state: State) -> None:
            assert await state.queue.counts() == {}
            known = [a_download(), a_download(), in_phase(Phase.FAILED)]
            await state.repository.add(known)
            assert await state.queue.counts() == {Phase.PENDING: 2, Phase.FAILED: 1}

        play_state(scenario)


class OrderContract(QueueSuite):
    """Orders are answered by the table, and by nothing else."""

    @pytest.mark.parametrize("order", Order)
    def test_every_order_is_answered_by_the_table(self, play_state: PlayState, order: Order) -> None:
        """It moves, or only the intent changes, or nothing does, or it is refused in a sentence and left as it was."""
        known = {phase: in_phase(phase, fault=FAULT, attempts=3) for phase in Phase}
        wanted = {Order.PAUSE: Intent.PAUSE, Order.CANCEL: Intent.CANCEL}.get(order, Intent.RUN)

        async def scenario(state: State) -> None:
            await state.repository.add(list(known.values()))
            answers = await state.queue.order([each.id for each in known.values()], order, 9.0)
            for (phase, before), ordered in zip(known.items(), answers, strict=True):
                answer = ANSWERS.get((order, phase), "refused")
                after, story = await state.repository.get(before.id), await state.repository.story(before.id)
                assert ordered.download == after
                if answer == "refused":
                    assert after == before
                    assert ordered.refusal is not None
                    assert story == []
                    continue
                assert ordered.refusal is None
                assert after.intent is wanted
                assert story == ([] if ordered.transition is None else [ordered.transition])
                assert (ordered.transition is not None) is isinstance(answer, Cause)
                assert ordered.transition is None or ordered.transition.cause is answer
                if after.phase is Phase.PENDING:
                    assert after.lane is Lane.INTERACTIVE
                if ordered.transition is not None and after.phase is Phase.PENDING:
                    assert (after.fault, after.attempts, after.ready) == (None, 0, 9.0)

        play_state(scenario)

    def test_what_is_resumed_goes_to_the_lane_that_was_named(self, play_state: PlayState) -> None:
        """What is pending already changes lanes too, whatever was wanted of it before, and is told to nobody's harm."""
        known = [in_phase(Phase.PAUSED), a_download(), a_download(intent=Intent.PAUSE, lane=Lane.NOW), in_phase(Phase.RUNNING)]

        async def scenario(state: State) -> None:
            await state.repository.add(known)
            await state.queue.order([each.id for each in known], Order.RESUME, 1.0, lane=Lane.NOW)
            found = [await state.repository.get(each.id) for each in known]
            assert [each.lane for each in found] == [Lane.NOW, Lane.NOW, Lane.NOW, Lane.AUTOMATIC]
            assert {each.intent for each in found} == {Intent.RUN}
            assert await causes(state.repository, known[1].id) == []
            await state.queue.order([known[0].id], Order.RETRY, 2.0)
            assert (await state.repository.get(known[0].id)).lane is Lane.INTERACTIVE

        play_state(scenario)

    def test_ids_that_are_gone_are_left_out(self, play_state: PlayState) -> None:
        """The others are answered, in order."""
        gone, here = a_download(), a_download()

        async def scenario(state: State) -> None:
            await state.repository.add([here])
            answers = await state.queue.order([gone.id, here.id, here.id], Order.PAUSE, 1.0)
            assert [(each.download.id, each.transition is not None) for each in answers] == [(here.id, True), (here.id, False)]

        play_state(scenario)

    def test_a_selection_is_named_or_described(self, play_state: PlayState) -> None:
        """References give their order and each id once; phases and group together narrow everything; one unknown fails all."""
        known = [
            a_download(id=DownloadId(f"{n}" * 16), group=(None, "g", "h")[n % 3], phase=(Phase.PENDING, Phase.PAUSED)[n % 2])
            for n in range(6)
        ]
        ids = [each.id for each in known]

        async def scenario(state: State) -> None:
            await state.repository.add(known)
            select = state.queue.select
            assert await select(Selection()) == ids
            assert await select(Selection(references=("3", "111", "3333"))) == [ids[3], ids[1]]
            assert await select(Selection(phases=frozenset({Phase.PAUSED}))) == ids[1::2]
            assert await select(Selection(group="g")) == [ids[1], ids[4]]
            assert await select(Selection(group="g", phases=frozenset({Phase.PENDING}))) == [ids[4]]
            assert await select(Selection(phases=frozenset())) == []
            for unknown in (("3", "9"), ("",), ("x",)):
                with pytest.raises(DownloadNotFound):
                    await select(Selection(references=unknown))

        play_state(scenario)


class LimitContract(QueueSuite):
    """Rates that users set, and what hosts tolerated."""

    def test_rates_are_set_replaced_and_lifted(self, play_state: PlayState) -> None:
        """Of all together and of each host, independently; lifting what is not set does nothing."""

        async def scenario(state: State) -> None:
            queue = state.queue
            assert await queue.rates() == Rates()
            assert await queue.set_rate(None, 500) == Rates(500)
            assert await queue.set_rate("h:443", 7) == Rates(500, {"h:443": 7})
            assert await queue.set_rate("h:443", 8) == Rates(500, {"h:443": 8})
            assert await queue.set_rate(None, None) == Rates(None, {"h:443": 8})
            assert await queue.set_rate("i:80", None) == await queue.rates() == Rates(None, {"h:443": 8})

        play_state(scenario)

    def test_what_a_host_tolerated_is_replaced_by_what_is_newer(self, play_state: PlayState) -> None:
        """One row a host; an unknown host has none; no limit met is not a limit of nothing."""
        old = HostPolicy("h:443", 4, True, 1.5)
        new = HostPolicy("h:443", None, False, 2.5, version="2", busy_until=77.5)
        other = replace(old, host="i:443")

        async def scenario(state: State) -> None:
            queue = state.queue
            assert await queue.host_policy("h:443") is None
            for policy in (old, new, other):
                await queue.learn(policy)
                assert await queue.host_policy(policy.host) == policy
            assert await queue.host_policy("h:80") is None
            assert await queue.host_policies(["i:443", "h:443", "h:80"]) == {"i:443": other, "h:443": new}
            assert await queue.host_policies([]) == {}

        play_state(scenario)
