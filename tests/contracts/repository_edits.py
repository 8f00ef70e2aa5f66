"""The contract of `dlm.ports.Repository`: what repeats, what is edited, what a step does to rank and time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest

from dlm.model.error import Conflict, InvalidRequest
from dlm.model.phase import CLAIMED_PHASES, FINAL_PHASES, TRANSITIONS, Cause, Intent, Phase
from dlm.model.query import DownloadQuery
from dlm.model.queue import Change
from dlm.model.rank import Lane, Priority
from dlm.model.resource import Digest
from dlm.model.span import Span
from dlm.ports import Repository
from tests.contracts.queue import in_phase
from tests.contracts.repository import FAULT, VERIFIED, Play, StateSuite, Wall, a_checkpoint, a_download, causes


class RepeatContract(StateSuite):
    """The same is not queued twice while it is unfinished."""

    def test_what_is_known_and_unfinished_takes_the_place_of_a_repetition(self, play: Play) -> None:
        """In the answer and in the database; of several known ones the oldest; what is finished does not count."""
        oldest, younger = a_download(phase=Phase.PAUSED), a_download()
        finished = [a_download(uri=f"https://h/{phase.value}", phase=phase) for phase in sorted(FINAL_PHASES, key=str)]
        again = [replace(each, id=a_download().id, phase=Phase.PENDING) for each in finished]

        async def scenario(repository: Repository) -> None:
            await repository.add([oldest, younger, *finished])
            assert await repository.add([a_download(), *again], unless_known=True) == [oldest, *again]
            assert len(await repository.find(DownloadQuery())) == 2 + 2 * len(finished)

        play(scenario)

    def test_whatever_differs_is_another_download(self, play: Play) -> None:
        """Address, directory, output and range must all be the same; mirrors and other wishes need not."""
        known = a_download()
        others = [a_download(uri="https://h/g"), a_download(directory="/e"), a_download(output="o")]
        ranged = replace(known, id=a_download().id, spec=replace(known.spec, range=Span(0, 5)))
        wordy = replace(known.spec, uris=("https://h/f", "https://m/f"), retries=1)

        async def scenario(repository: Repository) -> None:
            await repository.add([known])
            new = [*others, ranged, a_download()]
            assert await repository.add(new, unless_known=True) == [*others, ranged, known]
            assert await repository.add([replace(a_download(), spec=wordy)], unless_known=True) == [known]
            plain = a_download()
            assert await repository.add([plain]) == [plain]

        play(scenario)

    def test_a_call_that_repeats_itself_adds_one(self, play: Play) -> None:
        """The first of the equal ones is added and stands for all; none is, if the call fails."""
        first, second, other = a_download(), a_download(), a_download(uri="https://h/g")

        async def scenario(repository: Repository) -> None:
            with pytest.raises(Conflict):
                await repository.add(
                    [first, second, other, replace(first, spec=a_download(output="x").spec)], unless_known=True
                )
            assert await repository.find(DownloadQuery()) == []
            assert await repository.add([first, second, other, first], unless_known=True) == [first, first, other, first]
            assert await repository.find(DownloadQuery()) == [other, first]

        play(scenario)

    def test_what_is_new_is_added_and_claimed_in_one_step(self, play: Play) -> None:
        """As one call after the other: recorded once, held, with the claim in its story; what is known is left as it stands."""
        known, new, again = a_download(), a_download(uri="https://h/g"), a_download(uri="https://h/g")
        held = replace(new, phase=Phase.SCHEDULED, owner="me", lease_until=35.0)

        async def scenario(repository: Repository) -> None:
            await repository.add([known])
            answers = await repository.add_claimed([a_download(), new, again], "me", 5.0, 30.0)
            assert [there for there, _ in answers] == [known, held, held]
            assert [each for _, each in answers] == [None, *await repository.story(new.id), None]
            assert await causes(repository, new.id) == [Cause.CLAIMED]
            assert await repository.find(DownloadQuery()) == [held, known]
            assert await repository.claim([new.id], "you", 6.0, 30.0) == []
            with pytest.raises(Conflict):
                await repository.add_claimed(
                    [a_download(uri="https://h/x"), replace(again, id=new.id, spec=a_download(uri="https://h/y").spec)],
                    "me",
                    5.0,
                    30.0,
                )
            assert await repository.find(DownloadQuery()) == [held, known]
            assert await repository.add_claimed([], "me", 5.0, 30.0) == []

        play(scenario)

    def test_several_are_claimed_at_once(self, play: Play) -> None:
        """Those that can be had, in the order that was asked; the rest is passed over, and what runs is not had twice."""
        free = [a_download() for _ in range(3)]
        taken = in_phase(Phase.RUNNING, owner="you", lease_until=50.0)
        unwanted = [a_download(intent=Intent.PAUSE), a_download(intent=Intent.CANCEL), in_phase(Phase.PAUSED)]

        async def scenario(repository: Repository) -> None:
            await repository.add([*free, taken, *unwanted])
            asked = [free[2].id, taken.id, *(each.id for each in unwanted), a_download().id, free[0].id, free[2].id]
            gained = await repository.claim(asked, "me", 9.0, 30.0)
            assert [download.id for download, _ in gained] == [free[2].id, free[0].id]
            assert [transition for _, transition in gained] == [
                (await repository.story(download.id))[-1] for download, _ in gained
            ]
            assert await repository.find(DownloadQuery(phases=frozenset({Phase.PENDING}))) == [
                unwanted[1],
                unwanted[0],
                free[1],
            ]

        play(scenario)

    def test_what_its_dead_owner_was_to_stop_is_stopped_instead(self, play: Play) -> None:
        """A lease that has run out is yielded; what the user wanted paused or cancelled goes there and is not gained."""
        known = [in_phase(Phase.RUNNING, intent=intent, lease_until=5.0) for intent in Intent]

        async def scenario(repository: Repository) -> None:
            await repository.add(known)
            gained = await repository.claim([each.id for each in known], "me", 5.0, 30.0)
            assert [download.id for download, _ in gained] == [known[0].id]
            phases = [(await repository.get(each.id)).phase for each in known]
            assert phases == [Phase.SCHEDULED, Phase.PAUSED, Phase.CANCELLED]
            assert await causes(repository, known[1].id) == [Cause.YIELDED, Cause.HALTED]

        play(scenario)


LANES: Mapping[Cause, Lane] = {
    Cause.PREEMPTED: Lane.RETURNING,
    Cause.YIELDED: Lane.RETURNING,
    Cause.RESUMED: Lane.INTERACTIVE,
    Cause.RETRIED: Lane.INTERACTIVE,
    Cause.DUE: Lane.RETRY,
}


class StepContract(StateSuite):
    """What each step of the table does to owner, time, rank and facts."""

    @pytest.mark.parametrize("lane", [Lane.AUTOMATIC, Lane.NOW])
    def test_every_step_leaves_what_the_phase_allows(self, play: Play, lane: Lane) -> None:
        """Owner and lease only while claimed, `due` only while waiting, a lane by the cause where it becomes pending."""
        steps = [step for step in TRANSITIONS if step[1] is not Cause.CLAIMED]
        facts = {"path": "/d/f", "verified": VERIFIED, "fault": FAULT, "attempts": 4, "ready": 1.0, "lane": lane}
        known = [in_phase(phase, intent=Intent.PAUSE, **facts) for phase, _ in steps]

        async def scenario(repository: Repository) -> None:
            await repository.add(known)
            for before, (phase, cause) in zip(known, steps, strict=True):
                after, _ = await repository.advance(before.id, cause, 9.0, due=70.0)
                assert after == await repository.get(before.id)
                target = TRANSITIONS[phase, cause]
                claimed = target in CLAIMED_PHASES
                assert (after.owner, after.lease_until) == ((before.owner, before.lease_until) if claimed else (None, None))
                timed = target is Phase.WAITING and cause is not Cause.DISCONNECTED
                assert after.due == (70.0 if timed else None)
                assert after.ready == (9.0 if target is Phase.PENDING else 1.0)
                by_user = cause in {Cause.RESUMED, Cause.RETRIED}
                stays = target is not Phase.PENDING or (lane is Lane.NOW and not by_user)
                assert after.lane is (lane if stays else LANES[cause])
                assert after.intent is (Intent.RUN if by_user else Intent.PAUSE)
                kept = cause not in {Cause.RESUMED, Cause.RETRIED, Cause.PUBLISHED}
                assert (after.fault, after.attempts) == ((FAULT, 4) if kept else (None, 0))
                anew = cause is Cause.RETRIED
                assert (after.path, after.verified) == ((None, None) if anew else ("/d/f", VERIFIED))

        play(scenario)

    def test_attempts_are_counted_by_who_knows(self, play: Play) -> None:
        """What is given is kept, 0 included."""
        download = in_phase(Phase.RUNNING, attempts=1)

        async def scenario(repository: Repository) -> None:
            await repository.add([download])
            waiting, _ = await repository.advance(download.id, Cause.BACKED_OFF, 1.0, due=9.0, attempts=2, fault=FAULT)
            assert (waiting.due, waiting.attempts, waiting.fault) == (9.0, 2, FAULT)
            due, _ = await repository.advance(download.id, Cause.DUE, 9.0)
            assert (due.due, due.attempts, due.lane) == (None, 2, Lane.RETRY)
            await repository.claim([download.id], "me", 9.0, 9.0)
            await repository.advance(download.id, Cause.STARTED, 9.0)
            again, _ = await repository.advance(download.id, Cause.BACKED_OFF, 9.0, due=10.0, attempts=0)
            assert again.attempts == 0

        play(scenario)

    def test_transitions_are_read_on_from_a_number(self, play: Play) -> None:
        """Of all downloads, in the order in which they were recorded, so many at most."""
        known = [a_download(), a_download()]

        async def scenario(repository: Repository) -> None:
            await repository.add(known)
            made = []
            for cause in (Cause.HALTED, Cause.RESUMED, Cause.HALTED):
                made += [(await repository.advance(each.id, cause, 1.0))[1] for each in known]
            assert await repository.events_since(0, 99) == made
            assert await repository.events_since(made[2].seq, 2) == made[3:5]
            assert await repository.events_since(made[-1].seq, 9) == []
            assert await repository.events_since(0, 0) == []

        play(scenario)


class EditContract(StateSuite):
    """What was asked for can be changed, as far as that makes sense."""

    def test_an_edit_changes_what_it_names(self, play: Play) -> None:
        """Fields of the spec, priority and group; and what is found by them."""
        download = a_download(group="g")
        fields = {
            "uris": ("https://i:1/x",),
            "directory": "/e",
            "retries": 9,
            "limit_rate": None,
            "checksum": Digest("md5", bytes(16)),
        }

        async def scenario(repository: Repository) -> None:
            await repository.add([download])
            change = Change(fields=fields, priority=Priority.HIGH, group="h")
            changed = await repository.amend(download.id, change, 1.0)
            spec = replace(download.spec, **fields)  # type: ignore[arg-type]  # they are its fields
            assert changed == replace(download, spec=spec, priority=Priority.HIGH, group="h")
            assert changed == await repository.get(download.id)
            assert await repository.same([spec]) == [[changed]]
            assert await repository.find(DownloadQuery(group="h")) == [changed]
            assert await repository.amend(download.id, Change(), 2.0) == changed
            assert await repository.story(download.id) == []

        play(scenario)

    def test_while_a_worker_holds_it_only_addresses_rate_retries_and_priority_change(self, play: Play) -> None:
        """Everything else is a Conflict, and changes nothing; when the lease has run out it may change."""
        held = in_phase(Phase.RUNNING, lease_until=50.0)

        async def scenario(repository: Repository) -> None:
            await repository.add([held])
            free = Change(fields={"limit_rate": 5, "retries": 0}, mirrors=("https://i/f",), priority=Priority.LOW)
            changed = await repository.amend(held.id, free, 1.0)
            assert (changed.spec.limit_rate, changed.spec.retries, changed.priority) == (5, 0, Priority.LOW)
            assert changed.spec.uris == ("https://h/f", "https://i/f")
            assert (changed.phase, changed.owner) == (Phase.RUNNING, held.owner)
            for change in (Change(fields={"limit_rate": 6, "output": "x"}), Change(group="g"), Change(start_at=99.0)):
                with pytest.raises(Conflict):
                    await repository.amend(held.id, change, 1.0)
            assert await repository.get(held.id) == changed
            assert (await repository.amend(held.id, Change(group="g"), 50.0)).group == "g"

        play(scenario)

    def test_addresses_are_replaced_or_added(self, play: Play) -> None:
        """Further ones go behind the others, each once; the checkpoint stays, and the host is that of the first."""
        download = a_download()

        async def scenario(repository: Repository) -> None:
            await repository.add([download])
            await repository.checkpoint(download.id, a_checkpoint(Span(0, 9)))
            for change, uris in (
                (Change(mirrors=("https://i/f", "https://h/f", "https://i/f")), ("https://h/f", "https://i/f")),
                (Change(fields={"uris": ("https://j/f",)}, mirrors=("https://i/f",)), ("https://j/f", "https://i/f")),
                (Change(fields={"uris": ("https://k/f", "https://l/f")}), ("https://k/f", "https://l/f")),
            ):
                changed = await repository.amend(download.id, change, 1.0)
                assert changed.spec.uris == uris
            assert changed.host == "k:443"
            assert await repository.same([replace(download.spec, uris=("https://k/f",))]) == [[changed]]
            assert await repository.checkpoint_of(download.id) == a_checkpoint(Span(0, 9))
            for wrong in (Change(mirrors=("nonsense",)), Change(fields={"uris": 5}, mirrors=("https://i/f",))):
                with pytest.raises(InvalidRequest):
                    await repository.amend(download.id, wrong, 1.0)

        play(scenario)

    def test_other_addresses_put_what_has_failed_back_to_work(self, play: Play) -> None:
        """Failed, or waiting because it has failed; not what the user has stopped, put off, or given the same addresses."""
        failed = in_phase(Phase.FAILED, fault=FAULT, attempts=3)
        waiting = in_phase(Phase.WAITING, fault=FAULT, attempts=3, due=90.0)
        others = [in_phase(phase, fault=FAULT) for phase in (Phase.PAUSED, Phase.CANCELLED, Phase.COMPLETED)]
        put_off = in_phase(Phase.WAITING, due=90.0)
        change = Change(fields={"uris": ("https://i/f",)})

        async def scenario(repository: Repository) -> None:
            await repository.add([failed, waiting, *others, put_off])
            for download, cause in ((failed, Cause.RETRIED), (waiting, Cause.RESUMED)):
                same = Change(fields={"uris": download.spec.uris}, mirrors=download.spec.uris)
                assert await repository.amend(download.id, same, 5.0) == download
                tried = await repository.amend(download.id, change, 5.0)
                assert tried == await repository.get(download.id)
                assert (tried.phase, tried.fault, tried.attempts, tried.lane) == (Phase.PENDING, None, 0, Lane.INTERACTIVE)
                assert await causes(repository, download.id) == [cause]
            for download in (*others, put_off):
                assert (await repository.amend(download.id, change, 5.0)).phase is download.phase
                assert await causes(repository, download.id) == []

        play(scenario)

    @pytest.mark.parametrize(
        "fields",
        [
            {"colour": 1},
            {"retries": -1},
            {"retries": "5"},
            {"retries": True},
            {"resume": "yes"},
            {"follow": "no"},
            {"uris": ()},
            {"uris": "https://h/f"},
            {"uris": ["https://h/f"]},
            {"uris": 5},
            {"headers": {"a": "b"}},
            {"headers": (("a b", "c"),)},
            {"range": (5, 6)},
            {"checksum": "md5=00"},
            {"timeout": math.nan},
            {"directory": None},
            {"output": "a\0b"},
        ],
    )
    def test_what_no_download_can_have_is_refused(self, play: Play, fields: Mapping[str, object]) -> None:
        """Unknown names, wrong kinds and wrong values; nothing has changed then."""
        download = a_download()

        async def scenario(repository: Repository) -> None:
            await repository.add([download])
            with pytest.raises(InvalidRequest):
                await repository.amend(download.id, Change(fields=fields, priority=Priority.LOW), 1.0)
            assert await repository.get(download.id) == download

        play(scenario)

    def test_a_start_in_the_future_puts_it_off(self, play: Play) -> None:
        """What is pending waits until then; what waits, waits until the new time, even one that has passed."""
        pending, waiting = a_download(), in_phase(Phase.WAITING, due=None)

        async def scenario(repository: Repository) -> None:
            await repository.add([pending, waiting])
            for download in (pending, waiting):
                put_off = await repository.amend(download.id, Change(start_at=90.0), 10.0)
                assert put_off == await repository.get(download.id)
                assert (put_off.phase, put_off.due) == (Phase.WAITING, 90.0)
                assert await causes(repository, download.id) == [Cause.DEFERRED]
            assert (await repository.amend(waiting.id, Change(start_at=5.0), 10.0)).due == 5.0

        play(scenario)

    def test_what_does_not_wait_for_a_start_is_not_put_off(self, play: Play) -> None:
        """A time that has passed leaves a pending one pending; in other phases, and for no time, it is refused."""
        pending, paused = a_download(), in_phase(Phase.PAUSED)

        async def scenario(repository: Repository) -> None:
            await repository.add([pending, paused])
            assert await repository.amend(pending.id, Change(start_at=10.0), 10.0) == pending
            for id, start in ((paused.id, 99.0), (pending.id, math.inf), (pending.id, math.nan)):
                with pytest.raises(InvalidRequest):
                    await repository.amend(id, Change(start_at=start, priority=Priority.LOW), 10.0)
            assert await repository.get(paused.id) == paused

        play(scenario)


class FindContract(StateSuite):
    """A listing is narrowed by text and by group."""

    def test_text_is_looked_for_in_name_and_address(self, play: Play, wall: Wall) -> None:
        """Whatever the case, beyond ASCII too; signs that mean something to a pattern mean themselves."""
        named = {"Ärger 100%.iso": a_download(uri="https://h/one"), "a_b\\c": a_download(uri="https://h/TWO")}

        async def scenario(repository: Repository) -> None:
            await repository.add(list(named.values()))
            for name, download in named.items():
                await repository.checkpoint(download.id, a_checkpoint(name=name))
            one, two = [await repository.get(each.id) for each in named.values()]
            for text, found in (
                ("ärger", [one]),
                ("ÄRGER 1", [one]),
                ("%", [one]),
                ("0%.", [one]),
                ("1%o", []),
                ("_", [two]),
                ("A_B\\", [two]),
                ("a.b", []),
                ("https://H/two", [two]),
                ("h/", [two, one]),
                ("", [two, one]),
                ("three", []),
            ):
                assert await repository.find(DownloadQuery(text=text)) == found, text
            assert await repository.find(DownloadQuery(text="h/", limit=1)) == [two]
            assert await repository.find(DownloadQuery(text="h/", before=two.id, limit=1)) == [one]

        play(scenario)

    def test_a_group_is_found_with_all_other_conditions(self, play: Play) -> None:
        """Together they narrow it, and a page goes on after its cursor."""
        known = [a_download(group=("g", "h")[n % 2], phase=(Phase.PENDING, Phase.PAUSED)[n // 4]) for n in range(8)]

        async def scenario(repository: Repository) -> None:
            await repository.add(known)
            find = repository.find
            assert await find(DownloadQuery(group="g")) == known[6::-2]
            paused = frozenset({Phase.PAUSED})
            assert await find(DownloadQuery(group="g", phases=paused)) == [known[6], known[4]]
            assert await find(DownloadQuery(group="g", before=known[6].id, limit=2)) == [known[4], known[2]]
            assert await find(DownloadQuery(group="g", text="h/f", directory="/d", phases=paused, limit=1)) == [known[6]]
            assert await find(DownloadQuery(group="x")) == []

        play(scenario)
