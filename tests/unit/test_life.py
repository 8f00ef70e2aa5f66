"""The life of a download, on in-memory twins: resolve, transfer, recover, verify, publish."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlm.model.download import Checkpoint, DownloadSpec
from dlm.model.error import (
    Conflict,
    DigestMismatch,
    DiskFull,
    NameTaken,
    NotFound,
    RangeIgnored,
    ResourceChanged,
    ServerBusy,
    TimedOut,
    TransferError,
    Truncated,
    Unreachable,
)
from dlm.model.message import Checkpointed, Commitment, Completing, Observed, Published
from dlm.model.resource import Digest, Verification
from dlm.model.span import Span
from dlm.policy.continuity import OVERLAP
from dlm.policy.naming import numbered
from dlm.ports import Folders, Source
from dlm.protocols.memory import Fault, MemoryFile, MemorySource
from dlm.protocols.registry import folders_of
from dlm.storage.memory_files import MemoryStore
from dlm.transfer.life import InlineWorker
from dlm.transfer.limits import Limiter
from dlm.transfer.work import Tools
from tests.examples import examples
from tests.fakes import LoopClock, RememberingReporter, TurningClock, some_bytes, start_of

URI = "mem://host/file.bin"
CONTENT = some_bytes(3_000_000)


def broken_off(number: int, _span: Span) -> Fault | None:
    """The first connection breaks after a million bytes, and the second brings none."""
    return {0: Fault(1_000_000, Unreachable("gone")), 1: Fault(0, Unreachable("still gone"))}.get(number)


class OneSource:
    """A registry of one Source."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def pick(self, uri: str) -> Source:
        """See `ports.Sources`."""
        return self.source

    def folders(self, uri: str) -> Folders:
        """See `ports.Sources`."""
        return folders_of(self.source, uri)


class Bench:
    """A MemorySource, a MemoryStore and a worker on them."""

    def __init__(self, file: MemoryFile | None = None, *, capacity: int | None = None, **others: MemoryFile) -> None:
        self.file = file or MemoryFile(CONTENT)
        self.source = MemorySource({URI: self.file, **{f"mem://host/{name}": other for name, other in others.items()}})
        self.store = MemoryStore(numbered, capacity=capacity)
        self.clock = TurningClock()
        self.reporter = RememberingReporter()

    def spec(self, **changes: object) -> DownloadSpec:
        """A spec for the file."""
        return replace(DownloadSpec(uris=(URI,), directory="/d"), **changes)  # type: ignore[arg-type]

    def run(self, spec: DownloadSpec | None = None, checkpoint: Checkpoint | None = None, cancel_after: int = 0) -> None:
        """Carry it through; with `cancel_after`, cancel after so many turns of the event loop."""

        async def carry() -> None:
            worker = InlineWorker(
                Tools(OneSource(self.source), lambda _: self.store, self.clock, Random(1), Limiter(self.clock))
            )
            running = asyncio.ensure_future(worker.carry(start_of(spec or self.spec(), checkpoint), self.reporter))
            for _ in range(cancel_after):
                await asyncio.sleep(0)
            if cancel_after:
                running.cancel()
            await running

        asyncio.run(carry())

    def finished(self, name: str = "file.bin") -> bytes | None:
        """The content of a finished file."""
        found = self.store.at(f"/d/{name}")
        return None if found is None else bytes(found.content)

    def kinds(self) -> list[str]:
        """The commitments, in order, without repeated checkpoints."""
        names = [type(each).__name__ for each in self.reporter.commitments]
        return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]


def test_a_file_arrives_whole_and_every_step_is_committed_in_order() -> None:
    """Resolved, checkpoints, completing, published: the order on which crash recovery relies."""
    bench = Bench()
    bench.run()
    assert bench.finished() == CONTENT
    assert bench.finished("file.bin.part") is None
    assert [kind for kind in bench.kinds() if kind != "Checkpointed"] == ["Resolved", "Observed", "Completing", "Published"]
    completing = next(each for each in bench.reporter.commitments if isinstance(each, Completing))
    assert completing.verified.how is Verification.CONSISTENT


def test_an_empty_file_is_a_file() -> None:
    """Zero bytes are fetched, published and called consistent."""
    bench = Bench(MemoryFile(b""))
    bench.run()
    assert bench.finished() == b""


def test_an_unknown_size_is_settled_at_the_end_and_not_called_consistent() -> None:
    """Where nothing states a length, nothing proves that it is whole."""
    bench = Bench(MemoryFile(CONTENT, states_size=False))
    bench.run()
    assert bench.finished() == CONTENT
    completing = next(each for each in bench.reporter.commitments if isinstance(each, Completing))
    assert completing.verified.how is Verification.UNVERIFIED
    assert completing.checkpoint.resource.part.size == len(CONTENT)


def test_a_range_of_the_file_is_a_file_of_its_own() -> None:
    """`--range` gives exactly those bytes."""
    bench = Bench()
    bench.run(bench.spec(range=Span(1000, 50_000)))
    assert bench.finished() == CONTENT[1000:50_000]


@settings(max_examples=examples(40), deadline=None)
@given(
    faults=st.lists(st.one_of(st.none(), st.integers(0, 1_500_000)), max_size=12),
    etag=st.sampled_from(['"1"', 'W/"1"', None]),
    ranged=st.booleans(),
    connections=st.integers(1, 4),
)
def test_connections_that_break_anywhere_never_cost_a_byte(
    faults: list[int | None], etag: str | None, ranged: bool, connections: int
) -> None:
    """Whatever breaks where, the file is right in the end, or there is none and an error says so."""

    def fault(number: int, span: Span) -> Fault | None:
        after = faults[number] if number < len(faults) else None
        return None if after is None else Fault(after, Truncated("cut"))

    bench = Bench(MemoryFile(CONTENT, etag=etag, ranged=ranged, fault=fault, chunk=128 * 1024))
    try:
        bench.run(bench.spec(connections=connections, retries=4))
    except TransferError:
        assert bench.finished() is None
    else:
        assert bench.finished() == CONTENT


@settings(max_examples=examples(40), deadline=None)
@given(turns=st.lists(st.integers(1, 60), min_size=1, max_size=4), etag=st.sampled_from(['"1"', None]))
def test_cancelled_anywhere_it_goes_on_from_the_checkpoint(turns: list[int], etag: str | None) -> None:
    """However often it is stopped, the next run goes on from what was durable, and the file is right."""
    bench = Bench(MemoryFile(CONTENT, etag=etag, chunk=128 * 1024))
    for cancel_after in turns:
        try:
            bench.run(checkpoint=bench.reporter.durable, cancel_after=cancel_after)
        except asyncio.CancelledError:
            continue
        break
    if bench.finished() is None:
        bench.run(checkpoint=bench.reporter.durable)
    assert bench.finished() == CONTENT


def test_a_resumed_run_asks_only_for_what_is_missing() -> None:
    """Bytes that were durable are not fetched again."""
    bench = Bench(MemoryFile(CONTENT, fault=broken_off))
    with pytest.raises(Unreachable):
        bench.run(bench.spec(retries=0))
    assert bench.reporter.durable is not None
    assert bench.reporter.durable.downloaded == 1_000_000
    bench.run(checkpoint=bench.reporter.durable)
    assert bench.file.requests[2:] == [Span(1_000_000, len(CONTENT))]
    assert bench.finished() == CONTENT


def test_a_changed_file_is_begun_anew_and_never_spliced() -> None:
    """Another version on the server: what was there is thrown away, the result is all new."""
    bench = Bench(MemoryFile(CONTENT, fault=broken_off))
    with pytest.raises(Unreachable):
        bench.run(bench.spec(retries=0))
    changed = some_bytes(len(CONTENT), seed=2)
    bench.file.content, bench.file.etag = changed, '"2"'
    bench.run(checkpoint=bench.reporter.durable)
    assert bench.finished() == changed


def test_without_validators_the_joint_is_compared() -> None:
    """No ETag, and the file changed between two runs: the overlap differs, so it is begun anew."""
    bench = Bench(MemoryFile(CONTENT, etag=None, fault=broken_off))
    with pytest.raises(Unreachable):
        bench.run(bench.spec(retries=0))
    changed = some_bytes(len(CONTENT), seed=2)
    bench.file.content = changed
    bench.run(checkpoint=bench.reporter.durable)
    assert bench.finished() == changed
    completing = next(each for each in bench.reporter.commitments if isinstance(each, Completing))
    assert completing.verified.how is Verification.CONSISTENT
    assert bench.file.requests[2].start == 1_000_000 - OVERLAP


def test_a_file_that_changes_all_the_time_is_given_up() -> None:
    """One fresh start is enough to see that it is hopeless."""
    bench = Bench(MemoryFile(CONTENT, fault=lambda _n, _s: Fault(10, ResourceChanged("it changed"))))
    with pytest.raises(ResourceChanged):
        bench.run()
    assert bench.finished() is None


def test_a_server_without_ranges_is_asked_for_the_whole_again() -> None:
    """It breaks once, and begins at byte 0; the file is right."""
    bench = Bench(MemoryFile(CONTENT, ranged=False, fault=lambda n, _: Fault(500_000, Truncated("cut")) if n == 0 else None))
    bench.run()
    assert bench.finished() == CONTENT
    assert bench.file.requests == [Span(0, 2**63 - 1)] * 2


def test_a_server_that_stops_serving_ranges_is_read_in_one_stream() -> None:
    """Ranges were promised and are ignored: one stream from the start."""
    bench = Bench(MemoryFile(CONTENT))

    def fault(number: int, span: Span) -> Fault | None:
        if number == 0:
            return Fault(500_000, Truncated("cut"))
        return Fault(0, RangeIgnored("whole")) if span.start else None

    bench.file.fault = fault
    bench.run()
    assert bench.finished() == CONTENT


def test_a_busy_server_is_waited_for_as_it_asks() -> None:
    """503 with Retry-After: the wait is the server's, and a note says so."""
    bench = Bench(MemoryFile(CONTENT, fault=lambda n, _: Fault(0, ServerBusy("busy", retry_after=7)) if n < 2 else None))
    bench.run()
    assert bench.finished() == CONTENT
    assert sum(bench.clock.slept) >= 14
    assert any(sample.note for sample in bench.reporter.samples)


def test_a_busy_server_that_asks_for_hours_is_not_waited_for() -> None:
    """The foreground gives up, with the server's own words."""
    bench = Bench(MemoryFile(CONTENT, fault=lambda _n, _s: Fault(0, ServerBusy("busy for an hour", retry_after=3600))))
    with pytest.raises(ServerBusy, match="busy for an hour"):
        bench.run()
    assert bench.clock.slept == []


def test_what_is_not_there_is_not_tried_again() -> None:
    """404 is final, and nothing is left behind."""
    bench = Bench()
    with pytest.raises(NotFound):
        bench.run(bench.spec(uris=("mem://host/other",)))
    assert bench.reporter.commitments == []


def test_the_next_mirror_is_asked_when_one_has_not_got_it() -> None:
    """`--mirror`: the first answers 404, the second gives the file."""
    bench = Bench()
    bench.run(bench.spec(uris=("mem://host/missing", URI), output="file.bin"))
    assert bench.finished() == CONTENT


def test_silence_is_noticed_and_replaced() -> None:
    """A connection that stops giving bytes is given up, and another goes on where it was."""
    bench = Bench(MemoryFile(CONTENT, fault=lambda n, _: Fault(100_000) if n == 0 else None))

    bench.clock = LoopClock()
    bench.run(bench.spec(timeout=0.3))
    assert bench.finished() == CONTENT
    assert min(span.start for span in bench.file.requests[1:]) == 100_000


def test_silence_for_ever_is_an_error() -> None:
    """When no connection gives a byte, it ends as timed out."""
    bench = Bench(MemoryFile(CONTENT, fault=lambda _n, _s: Fault(0)))

    bench.clock = LoopClock()
    with pytest.raises(TimedOut):
        bench.run(bench.spec(timeout=0.2, retries=1))


# --- verification -----------------------------------------------------------------------------------------------------


def digest_of(content: bytes) -> Digest:
    """Its SHA-256."""
    return Digest("sha-256", hashlib.sha256(content).digest())


def test_a_right_checksum_verifies() -> None:
    """The user's digest matches: verified, and by which."""
    bench = Bench()
    bench.run(bench.spec(checksum=digest_of(CONTENT)))
    completing = next(each for each in bench.reporter.commitments if isinstance(each, Completing))
    assert str(completing.verified) == "verified by sha-256"


def test_a_wrong_checksum_gives_no_file_and_loses_nothing() -> None:
    """The name never appears; with the right checksum the same bytes are published without another request."""
    bench = Bench()
    with pytest.raises(DigestMismatch, match="you gave"):
        bench.run(bench.spec(checksum=digest_of(b"other")))
    assert bench.finished() is None
    asked = len(bench.file.requests)
    bench.run(bench.spec(checksum=digest_of(CONTENT)), checkpoint=bench.reporter.durable)
    assert bench.finished() == CONTENT
    assert len(bench.file.requests) == asked


def test_a_digest_that_the_server_states_is_held_against_it() -> None:
    """What the server says of itself must be true."""
    bench = Bench(MemoryFile(CONTENT, digests=(digest_of(b"other"),)))
    with pytest.raises(DigestMismatch, match="the server states"):
        bench.run()
    bench = Bench(MemoryFile(CONTENT, digests=(digest_of(CONTENT),)))
    bench.run()
    assert bench.finished() == CONTENT


# --- names ------------------------------------------------------------------------------------------------------------


def test_an_existing_file_is_never_replaced_unasked() -> None:
    """The server's name is taken: another number is used."""
    bench = Bench()
    bench.store.put("/d/file.bin", b"mine")
    bench.run()
    assert bench.finished() == b"mine"
    assert bench.finished("file (1).bin") == CONTENT


def test_a_name_that_the_user_chose_and_that_is_taken_is_refused_before_asking() -> None:
    """No request is made for what could not be stored."""
    bench = Bench()
    bench.store.put("/d/mine.bin", b"mine")
    with pytest.raises(NameTaken, match="--overwrite"):
        bench.run(bench.spec(output="mine.bin"))
    assert bench.file.requests == []


def test_overwrite_replaces_at_the_very_end() -> None:
    """With leave, the old file stands until the new one is whole."""
    bench = Bench()
    bench.store.put("/d/file.bin", b"old")
    bench.run(bench.spec(overwrite=True))
    assert bench.finished() == CONTENT


def test_a_name_taken_meanwhile_costs_nothing() -> None:
    """Somebody made a file of that name during the transfer: ours gets another number."""
    bench = Bench()

    def meanwhile(_number: int, _span: Span) -> None:
        bench.store.put("/d/file.bin", b"theirs")

    bench.file.fault = meanwhile
    bench.run()
    assert bench.finished() == b"theirs"
    assert bench.finished("file (1).bin") == CONTENT


def test_a_full_disk_is_said_before_the_first_byte() -> None:
    """The space is reserved first; nothing half-made is left."""
    bench = Bench(capacity=1_000_000)
    with pytest.raises(DiskFull):
        bench.run()
    assert bench.finished("file.bin.part") is None


# --- crashes ----------------------------------------------------------------------------------------------------------


def test_a_crash_after_the_rename_is_recognised() -> None:
    """The file has its name, but `published` was never recorded: nothing is fetched again."""
    bench = Bench()
    bench.run()
    completing = next(each for each in bench.reporter.commitments if isinstance(each, Completing))
    asked = len(bench.file.requests)
    start = start_of(bench.spec(), completing.checkpoint)
    start = replace(start, download=replace(start.download, path=completing.path, verified=completing.verified))
    worker = InlineWorker(Tools(OneSource(bench.source), lambda _: bench.store, bench.clock, Random(1), Limiter(bench.clock)))
    reporter = RememberingReporter()
    asyncio.run(worker.carry(start, reporter))
    assert [type(each) for each in reporter.commitments] == [Completing, Published]
    assert len(bench.file.requests) == asked


def test_a_crash_before_the_rename_publishes_without_fetching() -> None:
    """Everything was there and synced: the rest of the ending is done."""
    bench = Bench()

    class Dying(RememberingReporter):
        async def commit(self, message: Commitment) -> None:
            await super().commit(message)
            if isinstance(message, Completing):
                raise Conflict("killed here")

    bench.reporter = Dying()
    with pytest.raises(Conflict):
        bench.run()
    completing = bench.reporter.commitments[-1]
    assert isinstance(completing, Completing)
    assert bench.finished() is None
    asked = len(bench.file.requests)
    bench.reporter = RememberingReporter()
    bench.run(checkpoint=completing.checkpoint)
    assert bench.finished() == CONTENT
    assert len(bench.file.requests) == asked


def test_a_crash_while_the_partial_file_is_made_leaves_nothing_in_the_way() -> None:
    """Recorded, made, and killed before it was recorded again: the next run uses the same name."""
    bench = Bench()

    class Dying(RememberingReporter):
        async def commit(self, message: Commitment) -> None:
            if len(self.commitments) == 1:
                raise asyncio.CancelledError
            await super().commit(message)

    dying = bench.reporter = Dying()
    with pytest.raises(asyncio.CancelledError):
        bench.run()
    bench.store.create("/d", "file.bin", len(CONTENT))
    bench.reporter = RememberingReporter()
    bench.run(checkpoint=dying.durable)
    assert bench.finished() == CONTENT
    assert list(bench.store.files) == ["/d/file.bin"]


def test_no_checkpoint_claims_what_was_not_written() -> None:
    """At every commitment, the bytes that it claims are in the partial file."""
    bench = Bench(MemoryFile(CONTENT, chunk=100_000))
    honest = []

    class Suspicious(RememberingReporter):
        async def commit(self, message: Commitment) -> None:
            if isinstance(message, Checkpointed):
                part = bench.store.at(f"/d/{message.checkpoint.place.part}")
                assert part is not None
                honest.append(all(part.content[a:b] == CONTENT[a:b] for a, b in message.checkpoint.done))

    bench.reporter = Suspicious()
    bench.clock = LoopClock()
    bench.run(bench.spec(limit_rate=2_000_000))
    assert honest
    assert all(honest)


def test_what_a_host_would_not_serve_is_reported() -> None:
    """The host refuses a second connection: one goes on, and the lesson is passed on."""
    bench = Bench(MemoryFile(some_bytes(40_000_000), chunk=4096))

    bench.clock = LoopClock()
    bench.file.fault = lambda n, _: Fault(0, ServerBusy("one only")) if n else None
    bench.run(bench.spec(limit_rate=None))
    assert bench.finished() == bench.file.content
    observed = [each for each in bench.reporter.commitments if isinstance(each, Observed)]
    if len(bench.file.requests) > 1:
        assert observed[0].connections == 1
