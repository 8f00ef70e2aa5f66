"""The durable Repository and its twin in memory cannot be told apart, and the durable one remembers."""

from __future__ import annotations

import asyncio
import os.path
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from dlm.model.download import Download, DownloadId, DownloadSpec, Fault
from dlm.model.error import DlmError
from dlm.model.event import Transition
from dlm.model.phase import CLAIMED_PHASES, FINAL_PHASES, Cause, Intent, Order, Phase
from dlm.model.query import DownloadQuery
from dlm.model.queue import Change, Selection, Standing
from dlm.model.rank import Lane, Priority
from dlm.model.resource import Pieces, Verification, Verified
from dlm.model.span import Span
from dlm.ports import HostPolicy
from dlm.storage.memory import MemoryState
from dlm.storage.repository import SqliteState
from tests.contracts.repository import State, Wall, a_checkpoint, a_download
from tests.examples import examples

owners = st.sampled_from(["me", "you"])
maybe_owners = st.none() | owners
directories = st.sampled_from(["/d", "/e", "/\udcff"])
uris = st.sampled_from(["https://h/f", "https://h/G", "http://i/f", "https://j:1/f"])
outputs = st.sampled_from([None, None, "x", "-"])
groups = st.sampled_from([None, "g", "h", "\udcff"])
ranks = st.fixed_dictionaries(
    {
        "lane": st.sampled_from(Lane),
        "priority": st.sampled_from(Priority),
        "position": st.none() | st.integers(-2, 2).map(float),
        "ready": st.integers(0, 3).map(float),
        "group": groups,
    }
)
whens = st.none() | st.integers(900, 1200).map(float)
spans = st.tuples(st.integers(0, 900), st.integers(1, 100)).map(lambda pair: Span(pair[0], pair[0] + pair[1]))
pieces = st.none() | st.builds(
    Pieces,
    st.just("md5"),
    st.integers(1, 2**40),
    st.lists(st.binary(min_size=16, max_size=16), max_size=3).map(tuple),
)
phase_sets = st.none() | st.frozensets(st.sampled_from(Phase), max_size=4)


class Twins(RuleBasedStateMachine):
    """Every command goes to both; both must answer alike, errors included."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.wall = Wall()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.memory: State = MemoryState(wall=self.wall)
        self.added = 0
        self.reopened = False

    @initialize()
    def open(self) -> None:
        path = os.path.join(self.folder.name, "dlm.db")
        self.sqlite: State = self.runner.run(SqliteState.open(path, wall=self.wall))

    def teardown(self) -> None:
        self.runner.run(self.sqlite.close())
        self.runner.close()
        self.folder.cleanup()

    def both(self, command: Callable[[State], Awaitable[Any]]) -> Any:
        """What both answer."""

        async def answer(state: State) -> Any:
            try:
                return await command(state)
            except DlmError as error:
                return (type(error), str(error))

        from_memory, from_sqlite = (self.runner.run(answer(each)) for each in (self.memory, self.sqlite))
        assert from_memory == from_sqlite
        return from_memory

    @rule(
        target=ids,
        directory=directories,
        uri=uris,
        output=outputs,
        phase=st.sampled_from([Phase.PENDING, Phase.WAITING, Phase.PAUSED]),
        due=whens,
        rank=ranks,
        pieces=pieces,
    )
    def add(self, due: float | None, rank: dict[str, Any], pieces: Pieces | None, **given: Any) -> DownloadId:
        self.added += 1
        given |= rank
        if given["phase"] is Phase.WAITING:
            given["due"] = due
        # Two ids of three begin alike, so that prefixes are sometimes ambiguous.
        download = a_download(id=DownloadId(f"{self.added % 3 // 2}{self.added:015x}"), **given)
        self.both(lambda each: each.repository.add([download], pieces={download.id: pieces} if pieces else None))
        return download.id

    @rule(id=ids)
    def add_again(self, id: DownloadId) -> None:
        self.both(lambda each: each.repository.add([a_download(id=DownloadId("f" * 16)), a_download(id=id)]))

    @rule(given=st.lists(st.tuples(uris, outputs), max_size=4))
    def add_unless_known(self, given: list[tuple[str, str | None]]) -> None:
        self.added += len(given)
        new = [
            a_download(id=DownloadId(f"{self.added - n:016x}"), uri=uri, output=output) for n, (uri, output) in enumerate(given)
        ]
        there = self.both(lambda each: each.repository.add(new, unless_known=True))
        assert [each.spec.uris for each in there] == [each.spec.uris for each in new]

    @rule(given=st.lists(st.tuples(uris, outputs), max_size=4), owner=owners, lease=st.integers(1, 50))
    def add_claimed(self, given: list[tuple[str, str | None]], owner: str, lease: int) -> None:
        self.added += len(given)
        new = [
            a_download(id=DownloadId(f"{self.added - n:016x}"), uri=uri, output=output) for n, (uri, output) in enumerate(given)
        ]
        pieces = {each.id: Pieces("sha-1", 7, (bytes(20),)) for each in new[:2]}
        there = self.both(lambda each: each.repository.add_claimed(new, owner, self.wall.now, lease, pieces=pieces))
        self.both(lambda each: each.repository.with_pieces([each.id for each in new]))
        for download, transition in there:
            assert transition is None or (download.owner, download.phase) == (owner, Phase.SCHEDULED)

    @rule(some=st.lists(ids, max_size=3), owner=owners, lease=st.integers(1, 50))
    def claim(self, some: list[DownloadId], owner: str, lease: int) -> None:
        for download, transition in self.both(lambda each: each.repository.claim(some, owner, self.wall.now, lease)):
            assert (download.owner, download.phase, transition.cause) == (owner, Phase.SCHEDULED, Cause.CLAIMED)

    @rule(seconds=st.integers(1, 40))
    def let_time_pass(self, seconds: int) -> None:
        self.wall.now += seconds

    @rule(owner=owners)
    def renew(self, owner: str) -> None:
        self.both(lambda each: each.repository.renew(owner, self.wall.now + 30))

    @rule(
        id=ids,
        cause=st.sampled_from(Cause),
        owner=maybe_owners,
        path=st.none() | st.just("/d/f"),
        verified=st.none() | st.just(Verified(Verification.CONSISTENT)),
        fault=st.none() | st.just(Fault("NotFound", "gone", 3)),
        detail=st.none() | st.just("because"),
        due=whens,
        attempts=st.none() | st.integers(0, 2),
    )
    def advance(self, id: DownloadId, cause: Cause, **given: Any) -> None:
        self.both(lambda each: each.repository.advance(id, cause, self.wall.now, **given))

    @rule(id=ids, cause=st.sampled_from([Cause.STARTED, Cause.TRANSFERRED, Cause.PUBLISHED, Cause.HALTED, Cause.RESUMED]))
    def step_on(self, id: DownloadId, cause: Cause) -> None:
        self.both(lambda each: each.repository.advance(id, cause, self.wall.now))

    @rule(id=ids, directory=directories, uri=uris, output=outputs)
    def respecify(self, id: DownloadId, directory: str, uri: str, output: str | None) -> None:
        spec = replace(a_download(directory=directory, uri=uri, output=output).spec, retries=9)
        self.both(lambda each: each.repository.respecify(id, spec))

    @rule(id=ids, intent=st.sampled_from(Intent))
    def intend(self, id: DownloadId, intent: Intent) -> None:
        self.both(lambda each: each.repository.intend(id, intent))

    @rule(id=ids, done=st.lists(spans, max_size=4), part=st.integers(0, 1), owner=maybe_owners)
    def checkpoint(self, id: DownloadId, done: list[Span], part: int, owner: str | None) -> None:
        name = ("f.iso", "É%_.iso", "\\\udcff")[len(done) % 3]
        self.both(lambda each: each.repository.checkpoint(id, a_checkpoint(*done, part=part, name=name), owner=owner))

    @rule(id=ids)
    def forget_checkpoint(self, id: DownloadId) -> None:
        self.both(lambda each: each.repository.forget_checkpoint(id))

    @rule(id=ids)
    def remove(self, id: DownloadId) -> None:
        self.both(lambda each: each.repository.remove(id))

    @rule(id=ids, digits=st.integers(0, 16))
    def identify(self, id: DownloadId, digits: int) -> None:
        self.both(lambda each: each.repository.identify(id[:digits]))

    @rule(
        phases=phase_sets,
        directory=st.none() | directories,
        group=groups,
        text=st.sampled_from([None, None, "", "g", "G", "é", "É", "%", "_", "h/F", "\\", "\udcff"]),
        before=st.none() | ids,
        limit=st.integers(-1, 4),
    )
    def find(self, **given: Any) -> None:
        self.both(lambda each: each.repository.find(DownloadQuery(**given)))

    @rule(
        host=st.sampled_from(["h:1", "h:2"]),
        connections=st.none() | st.integers(1, 9),
        ranges=st.booleans(),
        version=st.none() | st.just("2"),
        busy_until=whens,
    )
    def learn(self, **given: Any) -> None:
        self.both(lambda each: each.queue.learn(HostPolicy(**given, learned=self.wall.now)))
        self.both(lambda each: each.queue.host_policies(["h:1", "h:2", "h:3"]))

    @rule(host=st.none() | st.sampled_from(["h:1", "h:2"]), rate=st.none() | st.integers(1, 9))
    def set_rate(self, host: str | None, rate: int | None) -> None:
        self.both(lambda each: each.queue.set_rate(host, rate))

    @rule(online=st.booleans())
    def rouse(self, online: bool) -> None:
        roused = self.both(lambda each: each.queue.rouse(self.wall.now, online=online))
        assert roused.next_due is None or roused.next_due > self.wall.now

    @rule(owner=owners)
    def abandon(self, owner: str) -> None:
        self.both(lambda each: each.queue.abandon(owner, self.wall.now, "gone"))
        assert self.both(lambda each: each.queue.held(owner)) == []

    @rule(some=st.lists(ids, max_size=3), order=st.sampled_from(Order), lane=st.none() | st.sampled_from(Lane))
    def order(self, some: list[DownloadId], order: Order, lane: Lane | None) -> None:
        self.both(lambda each: each.queue.order(some, order, self.wall.now, lane=lane))

    @rule(id=ids, position=st.integers(0, 6))
    def move(self, id: DownloadId, position: int) -> None:
        before = self.line()
        answer = self.both(lambda each: each.queue.move(id, position))
        if id in before:
            before.remove(id)
            before.insert(max(position, 1) - 1, id)
            assert self.line() == before
            assert answer.position == before.index(id) + 1

    @rule(
        id=ids,
        fields=st.sampled_from([{}, {"limit_rate": 5}, {"retries": 2}, {"uris": ("http://i/n",)}, {"retries": -1}, {"x": 1}]),
        priority=st.none() | st.sampled_from(Priority),
        start_at=whens,
        group=groups,
    )
    def amend(self, id: DownloadId, **given: Any) -> None:
        self.both(lambda each: each.repository.amend(id, Change(**given), self.wall.now))

    @rule(phases=phase_sets, group=groups, uri=uris, output=outputs, seq=st.integers(0, 40), limit=st.integers(-1, 9))
    def read(
        self, phases: frozenset[Phase] | None, group: str | None, uri: str, output: str | None, seq: int, limit: int
    ) -> None:
        self.both(lambda each: each.queue.select(Selection(phases=phases, group=group)))
        specs = [DownloadSpec(uris=(uri,), directory="/d", output=each) for each in (output, None)]
        self.both(lambda each: each.repository.same(specs))
        events = self.both(lambda each: each.repository.events_since(seq, limit))
        assert [each.seq for each in events] == sorted({each.seq for each in events if each.seq > seq})

    @rule(each_lot=st.integers(1, 3), most=st.integers(1, 4))
    def look(self, each_lot: int, most: int) -> None:
        """As sets: their order is not promised."""

        async def candidates(state: State) -> Any:
            found = await state.queue.candidates(each_lot, most)
            assert len({each.id for each in found}) == len(found)
            return {each.id: each for each in found}

        seen = self.both(candidates)
        assert bool(seen) is bool(self.line())

    @precondition(lambda self: not self.reopened)
    @rule()
    def reopen(self) -> None:
        self.reopened = True
        self.runner.run(self.sqlite.close())
        self.open()

    @invariant()
    def everything_is_equal_and_makes_sense(self) -> None:
        downloads = self.both(lambda each: each.repository.find(DownloadQuery()))
        for download in downloads:
            story = self.story_of(download.id)
            assert (download.owner is not None) is (download.phase in CLAIMED_PHASES)
            assert (download.lease_until is not None) is (download.phase in CLAIMED_PHASES)
            assert (download.finished is not None) is (download.phase in FINAL_PHASES)
            assert download.due is None or download.phase is Phase.WAITING
            assert [after.origin for after in story[1:]] == [before.target for before in story[:-1]]
            assert not story or story[-1].target is download.phase
        counts = self.both(lambda each: each.queue.counts())
        assert sum(counts.values()) == len(downloads)
        everybody: list[str] = self.both(lambda each: each.queue.owners())
        held = [self.held_by(owner) for owner in everybody]
        assert sorted(each.id for some in held for each in some) == sorted(d.id for d in downloads if d.owner is not None)

    @invariant()
    def nothing_is_in_two_places_of_the_line(self) -> None:
        self.line()

    def line(self) -> list[DownloadId]:
        """What stands in the line, in order, by what each is told of its place."""
        places: dict[int, DownloadId] = {}
        for download in self.both(lambda each: each.repository.find(DownloadQuery())):
            standing = self.standing_of(download.id)
            in_line = download.phase is Phase.PENDING and download.intent is Intent.RUN and not download.spec.streams_out
            assert (standing is not None) is in_line
            if standing is not None:
                assert standing.position not in places
                places[standing.position] = download.id
                of = standing.of
        assert sorted(places) == list(range(1, len(places) + 1))
        assert not places or of == len(places)
        return [places[place] for place in sorted(places)]

    def standing_of(self, id: DownloadId) -> Standing | None:
        standing: Standing | None = self.both(lambda each: each.queue.standing(id))
        return standing

    def held_by(self, owner: str) -> list[Download]:
        held: list[Download] = self.both(lambda each: each.queue.held(owner))
        return held

    def story_of(self, id: DownloadId) -> list[Transition]:
        self.both(lambda each: each.repository.checkpoint_of(id))
        self.both(lambda each: each.repository.pieces_of(id))
        story: list[Transition] = self.both(lambda each: each.repository.story(id))
        return story


Twins.TestCase.settings = settings(
    max_examples=examples(30), stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestTwins = Twins.TestCase
