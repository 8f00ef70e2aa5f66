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

from dlm.model.download import DownloadId, Fault
from dlm.model.error import DlmError
from dlm.model.event import Transition
from dlm.model.phase import CLAIMED_PHASES, FINAL_PHASES, Cause, Intent, Phase
from dlm.model.resource import Verification, Verified
from dlm.model.span import Span
from dlm.ports import DownloadQuery, HostPolicy, Repository
from dlm.storage.memory import MemoryRepository
from dlm.storage.repository import SqliteRepository
from tests.contracts.repository import Wall, a_checkpoint, a_download

owners = st.sampled_from(["me", "you"])
maybe_owners = st.none() | owners
directories = st.sampled_from(["/d", "/e", "/\udcff"])
uris = st.sampled_from(["https://h/f", "https://h/g"])
outputs = st.sampled_from([None, "x"])
spans = st.tuples(st.integers(0, 900), st.integers(1, 100)).map(lambda pair: Span(pair[0], pair[0] + pair[1]))
phase_sets = st.none() | st.frozensets(st.sampled_from(Phase), max_size=4)


class Twins(RuleBasedStateMachine):
    """Every command goes to both; both must answer alike, errors included."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.wall = Wall()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.memory: Repository = MemoryRepository(wall=self.wall)
        self.added = 0
        self.reopened = False

    @initialize()
    def open(self) -> None:
        path = os.path.join(self.folder.name, "dlm.db")
        self.sqlite: Repository = self.runner.run(SqliteRepository.open(path, wall=self.wall))

    def teardown(self) -> None:
        self.runner.run(self.sqlite.close())
        self.runner.close()
        self.folder.cleanup()

    def both(self, command: Callable[[Repository], Awaitable[Any]]) -> Any:
        """What both answer."""

        async def answer(repository: Repository) -> Any:
            try:
                return await command(repository)
            except DlmError as error:
                return (type(error), str(error))

        from_memory, from_sqlite = (self.runner.run(answer(each)) for each in (self.memory, self.sqlite))
        assert from_memory == from_sqlite
        return from_memory

    @rule(target=ids, directory=directories, uri=uris, output=outputs, phase=st.sampled_from([Phase.PENDING, Phase.PAUSED]))
    def add(self, **given: Any) -> DownloadId:
        self.added += 1
        # Two ids of three begin alike, so that prefixes are sometimes ambiguous.
        download = a_download(id=DownloadId(f"{self.added % 3 // 2}{self.added:015x}"), **given)
        self.both(lambda each: each.add([download]))
        return download.id

    @rule(id=ids)
    def add_again(self, id: DownloadId) -> None:
        self.both(lambda each: each.add([a_download(id=DownloadId("f" * 16)), a_download(id=id)]))

    @rule(id=ids, owner=owners, lease=st.integers(1, 50))
    def claim(self, id: DownloadId, owner: str, lease: int) -> None:
        self.both(lambda each: each.claim(id, owner, self.wall.now, lease))

    @rule(seconds=st.integers(1, 40))
    def let_time_pass(self, seconds: int) -> None:
        self.wall.now += seconds

    @rule(owner=owners)
    def renew(self, owner: str) -> None:
        self.both(lambda each: each.renew(owner, self.wall.now + 30))

    @rule(
        id=ids,
        cause=st.sampled_from(Cause),
        owner=maybe_owners,
        path=st.none() | st.just("/d/f"),
        verified=st.none() | st.just(Verified(Verification.CONSISTENT)),
        fault=st.none() | st.just(Fault("NotFound", "gone", 3)),
        detail=st.none() | st.just("because"),
    )
    def advance(self, id: DownloadId, cause: Cause, **given: Any) -> None:
        self.both(lambda each: each.advance(id, cause, self.wall.now, **given))

    @rule(id=ids, cause=st.sampled_from([Cause.STARTED, Cause.TRANSFERRED, Cause.PUBLISHED, Cause.HALTED, Cause.RESUMED]))
    def step_on(self, id: DownloadId, cause: Cause) -> None:
        self.both(lambda each: each.advance(id, cause, self.wall.now))

    @rule(id=ids, directory=directories, uri=uris, output=outputs)
    def respecify(self, id: DownloadId, directory: str, uri: str, output: str | None) -> None:
        spec = replace(a_download(directory=directory, uri=uri, output=output).spec, retries=9)
        self.both(lambda each: each.respecify(id, spec))

    @rule(id=ids, intent=st.sampled_from(Intent))
    def intend(self, id: DownloadId, intent: Intent) -> None:
        self.both(lambda each: each.intend(id, intent))

    @rule(id=ids, done=st.lists(spans, max_size=4), part=st.integers(0, 1), owner=maybe_owners)
    def checkpoint(self, id: DownloadId, done: list[Span], part: int, owner: str | None) -> None:
        self.both(lambda each: each.checkpoint(id, a_checkpoint(*done, part=part), owner=owner))

    @rule(id=ids)
    def forget_checkpoint(self, id: DownloadId) -> None:
        self.both(lambda each: each.forget_checkpoint(id))

    @rule(id=ids)
    def remove(self, id: DownloadId) -> None:
        self.both(lambda each: each.remove(id))

    @rule(id=ids, digits=st.integers(0, 16))
    def identify(self, id: DownloadId, digits: int) -> None:
        self.both(lambda each: each.identify(id[:digits]))

    @rule(phases=phase_sets, directory=st.none() | directories, before=st.none() | ids, limit=st.integers(-1, 4))
    def find(self, **given: Any) -> None:
        self.both(lambda each: each.find(DownloadQuery(**given)))

    @rule(directory=directories, uri=uris, output=outputs)
    def same(self, directory: str, uri: str, output: str | None) -> None:
        self.both(lambda each: each.same(uri, directory, output))

    @rule(host=st.sampled_from(["h:1", "h:2"]), connections=st.integers(1, 9), ranges=st.booleans())
    def learn(self, host: str, connections: int, ranges: bool) -> None:
        self.both(lambda each: each.learn(HostPolicy(host, connections, ranges, self.wall.now)))
        self.both(lambda each: each.host_policy(host))

    @precondition(lambda self: not self.reopened)
    @rule()
    def reopen(self) -> None:
        self.reopened = True
        self.runner.run(self.sqlite.close())
        self.open()

    @invariant()
    def everything_is_equal_and_makes_sense(self) -> None:
        for download in self.both(lambda each: each.find(DownloadQuery())):
            story = self.story_of(download.id)
            assert (download.owner is not None) is (download.phase in CLAIMED_PHASES)
            assert (download.finished is not None) is (download.phase in FINAL_PHASES)
            assert [after.origin for after in story[1:]] == [before.target for before in story[:-1]]
            assert not story or story[-1].target is download.phase

    def story_of(self, id: DownloadId) -> list[Transition]:
        self.both(lambda each: each.checkpoint_of(id))
        story: list[Transition] = self.both(lambda each: each.story(id))
        return story


Twins.TestCase.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestTwins = Twins.TestCase
