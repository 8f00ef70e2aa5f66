"""Every seam of dlm on one page. No logic.

Adapters implement these; `transfer` and `service` know nothing else of them; `app.py` joins them. Each docstring is
the contract that the suites in `tests/contracts` hold every implementation to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Container, Mapping, Sequence
from enum import Enum
from typing import Protocol, runtime_checkable

from dlm.model.download import Checkpoint, Download, DownloadId, DownloadSpec, Fault, Place
from dlm.model.error import DlmError, StorageError
from dlm.model.event import Event, Transition
from dlm.model.listing import Entry
from dlm.model.message import Commitment, Completing, Expanded, News, Progressed, Published, Start
from dlm.model.phase import Cause, Intent, Order, Phase
from dlm.model.query import DownloadQuery
from dlm.model.queue import (
    Added,
    AddRequest,
    Candidate,
    CarrierView,
    Change,
    Explanation,
    Finding,
    Ordered,
    Question,
    Rates,
    Roused,
    Selection,
    Standing,
    Stats,
    Trial,
)
from dlm.model.rank import Lane
from dlm.model.recursion import Frontier
from dlm.model.resource import Mirror, Pieces, Resource, Verified
from dlm.model.span import Span
from dlm.model.value import dataclass


class Clock(Protocol):
    """Time, so that tests can turn it."""

    def wall(self) -> float:
        """Seconds since the epoch; may jump. For display and for records only."""

    def monotonic(self) -> float:
        """Seconds that never go back. For everything that is measured or waited for."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of `monotonic` time."""


# --- bytes come in ----------------------------------------------------------------------------------------------------


class Flow(Enum):
    """What an Outlet answers to a Source."""

    MORE = "more"
    PAUSE = "pause"  # nothing of this chunk was taken: offer it again after `wait_ready`
    STOP = "stop"  # the span is full: end, without error


class Outlet(Protocol):
    """Where a Source pours one span. Clips at the end of the span, counts, limits, keeps the order."""

    def write(self, data: memoryview) -> Flow:
        """Take the next bytes. Sync: it runs inside libcurl's callback. After STOP nothing more is taken.

        Raises `StorageError` when the Sink fails; the Source must then end with that very error.
        """

    async def wait_ready(self) -> None:
        """Return when bytes will be taken again after PAUSE."""


@dataclass(frozen=True, slots=True)
class Delays:
    """What one had to wait for with a reply. Seconds."""

    trip: float
    """A round trip to the host."""
    connecting: float
    """Until there was a connection, encrypted where it is."""
    reply: float
    """From the request to the first byte."""


class Opening(Protocol):
    """The first reply of an address: its headers read, its body not yet."""

    @property
    def resource(self) -> Resource:
        """What the address turned out to be."""

    @property
    def delays(self) -> Delays | None:
        """What it took. `None` where that was not measured, or where the connection had been there before."""

    async def pour(self, outlet: Outlet) -> None:
        """Go on with this very reply from its first byte, as `Source.fetch` would. Once only."""

    async def close(self) -> None:
        """Give the connection up. Idempotent; after `pour` it does nothing."""


class Source(Protocol):
    """A thin protocol adapter. Segments, retries, limits, resume and verification are not its business."""

    async def open(self, uri: str, spec: DownloadSpec) -> Opening:
        """Ask for the whole of `uri`, and return when the reply's headers are there.

        One round trip, none wasted: the reply goes on in `pour`. An unknown size is `None`. Raises `TransferError`s.
        """

    async def fetch(self, resource: Resource, mirror: Mirror, span: Span, outlet: Outlet, spec: DownloadSpec) -> None:
        """Pour exactly the bytes from `span.start` on, in order, until `span.stop` or STOP.

        Raises `RangeIgnored` when the server gives another range, `ResourceChanged` when the reply's validator or
        total length contradicts the Resource, `Truncated` when it ends early; in the first two cases before the first
        byte is poured. After it has returned, raised or been cancelled, no further `write` happens.
        """

    async def close(self) -> None:
        """Give up all connections. Idempotent."""


@runtime_checkable
class Folders(Protocol):
    """What a Source may be beside: one that tells what remote folders hold. Names and entries are data; nothing is written."""

    def is_folder(self, uri: str) -> bool:
        """Whether `uri` is worded as a folder's address is, by this protocol's rules. Pure: nobody is asked."""

    def child(self, folder: str, entry: Entry) -> str:
        """The address of `entry` of the folder at `folder`, quoted by this protocol's rules; of a folder, as one. Pure."""

    def entries(self, uri: str, spec: DownloadSpec) -> AsyncIterator[Entry]:
        """What the folder at `uri` holds, no deeper, page by page. Names are the server's. Raises `TransferError`s."""


class Sources(Protocol):
    """The registry of protocols."""

    def pick(self, uri: str) -> Source:
        """The Source for `uri`. Raises `UnsupportedUri` that says which schemes are served, or what to install."""

    def folders(self, uri: str) -> Folders:
        """Who tells what the folder at `uri` holds. Raises `UnsupportedUri`, also where the protocol cannot list folders."""


# --- bytes are kept ---------------------------------------------------------------------------------------------------


class Sink(Protocol):
    """An open partial file. Positional, sync, thread-safe; promises no order."""

    @property
    def place(self) -> Place:
        """Where it is, and how it is known again."""

    def write(self, offset: int, data: memoryview) -> None:
        """All of `data` at `offset`, or a `StorageError`."""

    def read(self, offset: int, size: int) -> bytes:
        """The bytes at `offset`; fewer than `size` only at the end of the file."""

    def sync(self) -> None:
        """Return when everything written so far would survive a power cut.

        Raises `PartLost` when the partial file was deleted, replaced or cut while it was open.
        """

    def settle(self, size: int, modified: float | None) -> None:
        """Cut to the final `size`, set the modification time, then sync file and metadata."""

    def publish(self, name: str, *, replace: bool) -> str:
        """Give the file its final name, atomically and durably, and return the absolute path.

        Never replaces an existing file unless `replace`: raises `NameTaken` then, and nothing has changed.
        May be repeated after a crash: if `name` is this very file already, the rest is done and the path returned.
        """

    def discard(self) -> None:
        """Delete the partial file, if it is still the one that was created here. Idempotent."""

    def close(self) -> None:
        """Close it, keeping the partial file. Idempotent."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A small file that is in memory as a whole. `modified` is in seconds since the epoch."""

    directory: str
    name: str
    data: bytes | bytearray
    modified: float | None = None


class Unnamed(Protocol):
    """A durable file that has no name yet. Unless it gets one, it is gone when it is closed, or its process ends."""

    @property
    def place(self) -> Place:
        """Its directory, its intended name, and how it is known again. No partial file of that name was ever made."""

    def close(self) -> None:
        """Let go of it. Idempotent."""


class Store(Protocol):
    """Makes, reserves and finds partial files."""

    def free_name(self, directory: str, name: str, others: Container[str] = ()) -> str:
        """`name`, or the first of `name (1).ext`, `name (2).ext`… for which neither file nor partial file exists, and that
        is none of the `others`."""

    def exists(self, directory: str, name: str) -> bool:
        """Whether something of that name stands in the directory (links count, whatever they point to)."""

    def create(self, directory: str, name: str, size: int | None) -> Sink:
        """A new partial file for `name`, with `size` bytes reserved where it is known.

        The directory is made if need be. Raises `NameTaken` when a partial file of that name stands there, `DiskFull`
        when the space cannot be had, `ReadOnly` and other `StorageError`s; then nothing is left behind.
        """

    def lay(self, wholes: Sequence[Whole]) -> list[Unnamed | StorageError | None]:
        """Files with these bytes that would survive a power cut, but have no name yet; or for each what kept it from being.

        `None` where the file system knows no such files: a partial file must be made. Directories are made if need be.
        Blocks.
        """

    def give_names(self, named: Sequence[tuple[Unnamed, str]]) -> list[str | StorageError]:
        """Name files that were laid here, durably, and give their absolute paths; or for each what kept it from that.

        Never replaces an existing file: that is `NameTaken`. Blocks.
        """

    def sweep(self, directory: str, name: str, size: int | None) -> None:
        """Delete the partial file of `name` if it was created and never written to, as a crash right after `create` leaves it.

        Anything else is left alone: another size than 0 or `size`, another owner or mode, any byte that is not blank.
        """

    def reopen(self, place: Place, least: int) -> Sink:
        """The partial file at `place`. Raises `PartLost` unless it is the same regular file, with `least` bytes or more."""

    def confirm(self, path: str, place: Place) -> bool:
        """Whether `path` is the very file that was at `place`: then it was published, and its name is durable now."""

    def erase(self, path: str, place: Place) -> bool:
        """Delete the finished file at `path` if it is still the very file that was at `place`. Says whether it was."""

    def digest(self, path: str, algorithm: str, span: Span | None = None) -> bytes:
        """The digest of a finished file, or of these bytes of it; `algorithm` as in `model.resource.ALGORITHMS`. Blocks for as
        long as reading takes."""

    def stays_within(self, directory: str, root: str) -> bool:
        """Whether `directory`, as far as it is there, lies in `root` or is it once links are followed in both."""

    def describe(self, path: str) -> tuple[int, int, int] | None:
        """`(file system, inode, size)` of a finished regular file, `None` when there is none."""


# --- the planes meet --------------------------------------------------------------------------------------------------


class Reporter(Protocol):
    """What a running transfer says to the control plane."""

    async def commit(self, message: Commitment) -> None:
        """Return when the message is durable. Raises `Conflict` when the download is no longer this worker's."""

    async def commit_all(self, messages: Sequence[Completing | Published]) -> list[DlmError | None]:
        """Commit them together, each for itself: what kept one from becoming durable is its answer, and does not touch
        the others."""

    def post(self, message: News) -> None:
        """Pass news on. Never blocks, never raises; may be coalesced."""


class Worker(Protocol):
    """What carries downloads through: inline here, or in child processes."""

    async def carry(self, start: Start, reporter: Reporter) -> None:
        """From the address to the published file. Raises the `DlmError` that ended it.

        Cancelling it stops cleanly: what has come is checkpointed, nothing is written afterwards. Raises `WorkerLost`
        when the process that carried it has died.
        """

    def limit(self, rates: Rates, downloads: Mapping[DownloadId, int | None]) -> None:
        """Keep to these rates from now on, all together and by host; and to those of the downloads that are named.

        Others keep the rate that their spec names.
        """

    def offer(self, id: DownloadId, uris: Sequence[str]) -> None:
        """Further addresses, by the user's own word, of the file that the download `id` is fetching.

        Each is proved to be the same file before a byte of it is taken, and named when it is not (`MirrorDropped`). One that
        it has already is no news, one that was dropped is tried again. Nothing happens when it is not being carried. Never
        blocks, never raises, records nothing.
        """

    @property
    def carriers(self) -> int:
        """Processes at work."""

    @property
    def crew(self) -> tuple[CarrierView, ...]:
        """Those of them that are child processes."""

    async def close(self) -> None:
        """Release all processes and connections. Idempotent."""


class Control(Protocol):
    """The other dlm processes on the same database, and how they reach this one. Nothing durable goes through it."""

    async def open(self, answer: Callable[[Question], AsyncIterator[bytes]], nudged: Callable[[], None]) -> None:
        """Listen from now on: `nudged` is called when another has changed the database. Idempotent."""

    def nudge(self) -> None:
        """Tell the others that the database has changed. Never blocks, never raises; many in a row are coalesced."""

    async def ask(self, owner: str, question: Question) -> list[bytes]:
        """The answer of the process that `owner` names; nothing when it is gone or silent for 1 s."""

    async def present(self) -> list[str]:
        """The owners' names of the other processes that listen now."""

    def follow(self, question: Question) -> AsyncIterator[bytes]:
        """Lines of all processes that listen now or later, until it is closed."""

    async def close(self) -> None:
        """Deliver the last nudge, and listen no more. Idempotent."""


class Network(Protocol):
    """Whether this machine has a network at all."""

    def is_up(self) -> bool:
        """Whether anything but this machine itself can be reached. Cheap."""

    async def wait_change(self) -> None:
        """Return when that may have changed."""


# --- state is kept ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HostPolicy:
    """What a host tolerated, and when that was learned (seconds since the epoch).

    `connections` is `None` when no limit was met. Until `busy_until` the host wants to be left in peace.
    """

    host: str
    connections: int | None
    ranges: bool
    learned: float
    version: str | None = None
    busy_until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a claimed download has come to: a checkpoint, if there is one, then `cause`, with the facts given.

    One that is still SCHEDULED, from where that cause does not lead, has STARTED at `began` first.
    """

    id: DownloadId
    owner: str
    cause: Cause
    checkpoint: Checkpoint | None = None
    path: str | None = None
    verified: Verified | None = None
    began: float | None = None


class Repository(Protocol):
    """Downloads and their stories, durable. One call is one transaction: when it has returned, it survives a power cut."""

    async def add(
        self,
        downloads: Sequence[Download],
        *,
        unless_known: bool = False,
        pieces: Mapping[DownloadId, Pieces] | None = None,
    ) -> list[Download]:
        """Record new downloads, all or none, in order. Raises `Conflict` when an id exists.

        With `unless_known` an unfinished download of the same first URI, directory, output and range takes the place
        of one that would repeat it, in the database and in the answer. `pieces` are those of the new ones, checked; what
        is known keeps its own.
        """

    async def add_claimed(
        self,
        downloads: Sequence[Download],
        owner: str,
        now: float,
        lease: float,
        *,
        pieces: Mapping[DownloadId, Pieces] | None = None,
    ) -> list[tuple[Download, Transition | None]]:
        """As `add` with `unless_known` and then `claim` would do, in one transaction, of new downloads that are PENDING.

        Each is answered as it stands, with the transition by which it was claimed. An unfinished download that takes the
        place of one is not claimed, and is answered without a transition.
        """

    async def expand(
        self,
        found: Expanded,
        children: Sequence[Download],
        owner: str,
        now: float,
        *,
        lease: float | None = None,
        pieces: Mapping[DownloadId, Pieces] | None = None,
    ) -> list[tuple[Download, Transition | None]]:
        """Add what an expansion has found, and note how far it has come, in one transaction.

        The children are added as by `add` with `unless_known` and `pieces`, with a `lease` as by `add_claimed`, and answered
        as there. A folder that was read is none of its frontier any more, and those in it are. Raises `Conflict` when the
        expansion is no longer the owner's.
        """

    async def frontier_of(self, id: DownloadId) -> Frontier | None:
        """How far an expansion has come, `None` when it has not begun, or has nothing left to read."""

    async def get(self, id: DownloadId) -> Download:
        """Raises `DownloadNotFound`."""

    async def identify(self, prefix: str) -> DownloadId:
        """The one id with this prefix. Raises `DownloadNotFound` for none or several, and says which."""

    async def find(self, query: DownloadQuery) -> list[Download]:
        """Matching downloads, sorted as the query says. Raises `DownloadNotFound` when `before` is gone."""

    async def same(self, specs: Sequence[DownloadSpec]) -> list[list[Download]]:
        """For each of these the downloads with its first URI, its directory and its output, newest first."""

    async def claim(self, ids: Sequence[DownloadId], owner: str, now: float, lease: float) -> list[tuple[Download, Transition]]:
        """Make them SCHEDULED for `owner` until `now + lease`, and give those of which that was possible, in order.

        Not possible: what another owner holds by a live lease (one that has run out is abandoned first, see
        `Queue.abandon`), what does not exist, what is in another phase than PENDING, and what the user wants paused or
        cancelled.
        """

    async def renew(self, owner: str, until: float) -> None:
        """Extend the leases of everything that `owner` holds."""

    async def advance(
        self,
        id: DownloadId,
        cause: Cause,
        now: float,
        *,
        owner: str | None = None,
        detail: str | None = None,
        path: str | None = None,
        verified: Verified | None = None,
        fault: Fault | None = None,
        due: float | None = None,
        attempts: int | None = None,
    ) -> tuple[Download, Transition]:
        """Move the phase by the table and append the event, with the facts given.

        A phase outside `CLAIMED_PHASES` drops owner and lease; one other than WAITING drops `due`. RETRIED clears path,
        verification, fault and attempts; RESUMED and PUBLISHED clear fault and attempts. RESUMED and RETRIED set the
        intent to RUN. Becoming PENDING sets `ready`, and the lane: INTERACTIVE by RESUMED and RETRIED, RETURNING by
        PREEMPTED and YIELDED, RETRY by DUE after an attempt; but the lane NOW stays, except by RESUMED and RETRIED.
        With `owner`, raises `Conflict` when the lease is not that owner's any more. Raises `IllegalTransition`.
        """

    async def amend(self, id: DownloadId, change: Change, now: float) -> Download:
        """Apply an edit. Raises `InvalidRequest` for fields that make no sense, and `Conflict` while an owner holds it.

        The addresses, the rate limit, the number of retries and the priority may change at any time. `start_at` in the future
        moves a pending or waiting download to WAITING until then (DEFERRED); in other phases it makes no sense. Without it,
        other addresses put what has failed back to work (RETRIED), and what waits because it has failed (RESUMED). The
        checkpoint stays.
        """

    async def respecify(self, id: DownloadId, spec: DownloadSpec) -> Download:
        """Replace what the user asked for, as a later command words it. Raises `Conflict` while an owner holds it."""

    async def intend(self, id: DownloadId, intent: Intent) -> Download:
        """Set what the user wants."""

    async def checkpoint(self, id: DownloadId, checkpoint: Checkpoint, *, owner: str | None = None) -> None:
        """Replace the checkpoint, and the name, size and downloaded count that it implies. `owner` as in `advance`."""

    async def record(self, steps: Sequence[Step], now: float) -> list[list[tuple[Download, Transition]] | DlmError]:
        """What several downloads have come to, in one transaction; for each its transitions, as `checkpoint` and then
        `advance` would make them.

        Each step stands for itself: one that is refused is answered with its error, and nothing of it happens.
        """

    async def checkpoint_of(self, id: DownloadId) -> Checkpoint | None:
        """The latest checkpoint, `None` when there is none."""

    async def forget_checkpoint(self, id: DownloadId) -> None:
        """Drop the checkpoint, or the frontier: the next run begins anew."""

    async def pieces_of(self, id: DownloadId) -> Pieces | None:
        """The digests of its pieces, `None` when there are none."""

    async def with_pieces(self, ids: Sequence[DownloadId]) -> set[DownloadId]:
        """Those of these ids that have pieces."""

    async def remove(self, id: DownloadId) -> None:
        """Forget the download and its story. Raises `DownloadNotFound`, and `Conflict` while a live owner holds it."""

    async def story(self, id: DownloadId) -> list[Transition]:
        """Its transitions, oldest first."""

    async def events_since(self, seq: int, limit: int) -> list[Transition]:
        """Transitions of all downloads with a greater `seq`, oldest first."""

    async def close(self) -> None:
        """Release it. Idempotent."""


class Queue(Protocol):
    """The same database as the scheduler sees it. One call is one transaction. Nothing here loads the whole queue."""

    async def candidates(self, each: int, most: int) -> list[Candidate]:
        """Pending downloads that may be admitted: of every host and group the first `each` by lane, priority, position
        (none goes last) and age, and the one that has been ready longest; of `most` hosts and groups at most, each host
        before any second group of another, and beyond them the one that has been ready longest of all.

        Left out: what the user wants paused or cancelled, and what streams to standard output.
        """

    async def rouse(self, now: float, *, online: bool) -> Roused:
        """Make everything PENDING whose `due` has come, and with `online` what waits for the network."""

    async def held(self, owner: str) -> list[Download]:
        """What `owner` holds."""

    async def owners(self) -> list[str]:
        """Everybody who holds something, dead or alive."""

    async def abandon(self, owner: str, now: float, detail: str) -> list[tuple[Download, Transition]]:
        """Yield everything that `owner` holds, then follow the intent: what was to be paused or cancelled is."""

    async def order(self, ids: Sequence[DownloadId], order: Order, now: float, *, lane: Lane | None = None) -> list[Ordered]:
        """Answer an order by the table `ANSWERS`, for each of the downloads, in one transaction.

        The intent becomes what the order wants. RESUME and RETRY put what is or becomes pending in the `lane`,
        INTERACTIVE unless said otherwise. Refused is what the table does not have, in a sentence; an id that is gone is
        left out.
        """

    async def select(self, selection: Selection) -> list[DownloadId]:
        """The ids that it means, in the order of the references or of addition. Raises `DownloadNotFound`."""

    async def move(self, id: DownloadId, position: int) -> Standing:
        """Put a pending download at this place (from 1; behind the end is the end), by giving positions to those ahead.

        It takes the lane and priority of its new neighbours; where they differ, of the one behind. Raises `Conflict`
        unless it may be admitted.
        """

    async def standing(self, id: DownloadId) -> Standing | None:
        """Where a pending download stands, `None` for any other and for what `candidates` leaves out."""

    async def counts(self) -> dict[Phase, int]:
        """How many downloads stand in each phase; phases without any are left out."""

    async def rates(self) -> Rates:
        """The limits that users have set for all dlm processes on this database."""

    async def set_rate(self, host: str | None, rate: int | None) -> Rates:
        """Set or lift the limit of a host, or of all together, and give the limits that hold now."""

    async def host_policy(self, host: str) -> HostPolicy | None:
        """What was learned about `host` (`name:port`)."""

    async def host_policies(self, hosts: Sequence[str]) -> dict[str, HostPolicy]:
        """What was learned about these hosts; unknown ones are left out."""

    async def learn(self, policy: HostPolicy) -> None:
        """Replace what is known about its host."""


# --- users ask --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a foreground fetch ended. `already` says that the file was complete before."""

    download: Download
    already: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """A download with everything that is recorded of it."""

    download: Download
    checkpoint: Checkpoint | None
    transitions: tuple[Transition, ...]


class Downloads(Protocol):
    """The verbs. Every face of dlm, the command line first, knows this and nothing below it."""

    async def fetch(
        self, specs: Sequence[DownloadSpec], jobs: int | None, *, pieces: Mapping[DownloadSpec, Pieces] | None = None
    ) -> list[Outcome]:
        """Add or resume these, carry them through here, at most `jobs` at once, and return their ends in order.

        Without `jobs` there are places for a few, and small files are fetched beside them, as many as their hosts bear.
        `pieces` are the digests of pieces of those that are new; what is known keeps its own.

        Raises `InvalidRequest` for the first that cannot be carried out as it is written; then nothing has been added.
        Cancelling it stops cleanly: every checkpoint is written, every download left as one that can be resumed.
        """

    async def add(self, requests: Sequence[AddRequest]) -> list[Added]:
        """Queue these, all or none. Raises `InvalidRequest` for the first that cannot be carried out as it is written."""

    async def run(self, *, stay: bool) -> None:
        """Work the queue here until nothing is pending, waiting or running any more; with `stay` until cancelled.

        Cancelling it stops cleanly, and gives everything back to the queue.
        """

    async def list(self, query: DownloadQuery) -> list[Download]:
        """Downloads as they stand."""

    async def show(self, reference: str) -> Story:
        """One download; `reference` is any unique prefix of its id."""

    async def order(self, order: Order, selection: Selection, *, lane: Lane | None = None) -> Sequence[Ordered]:
        """Pause, resume, retry or cancel. What another process carries is reached there within a second."""

    async def remove(self, selection: Selection, *, delete_files: bool) -> Sequence[Ordered]:
        """Forget them. Partial files go with them; finished files only with `delete_files`. What runs is cancelled first."""

    async def move(self, reference: str, position: int) -> Standing:
        """Put a pending download at this place of the queue (from 1)."""

    async def standing(self, reference: str) -> Standing | None:
        """Where a pending download stands in the queue, `None` for any other."""

    async def edit(self, reference: str, change: Change) -> Download:
        """Change what was asked for. Addresses, rate, retries and priority change while it runs; the rest while it does not.

        New addresses are offered to the transfer that runs, and put back to work what has failed.
        """

    async def preview(self, spec: DownloadSpec) -> Resource:
        """What the address turns out to be, with the name that the file would get. Nothing is added or written."""

    async def limits(self) -> Rates:
        """The limits that were set for the queue."""

    async def limit(self, rate: int | None, *, host: str | None = None) -> Rates:
        """Limit a host (`name:port`), or all together, in every process at once; `None` lifts the limit."""

    async def explain(self, reference: str) -> Explanation:
        """What binds a download now, from measured samples."""

    def bench(self, spec: DownloadSpec, counts: Sequence[int], seconds: float) -> AsyncIterator[Trial]:
        """Measure what so many connections bring, each for `seconds` at most, and remember the best for the host."""

    async def samples(self) -> Mapping[DownloadId, Progressed]:
        """The latest sample of everything that moves, here and in the other processes on this database."""

    async def verify(self, reference: str) -> Verified:
        """Read a finished file again. Raises `DigestMismatch`, or `StorageError` when it is not there."""

    async def stats(self) -> Stats:
        """The queue in numbers."""

    async def examine(self) -> Sequence[Finding]:
        """Whether everything that dlm relies on is in order here."""

    def events(self, since: int | None = None, *, follow: bool = True) -> AsyncIterator[Event]:
        """What happens from now on in this process, until `close`.

        With `since`, first the transitions recorded after that `seq` (none, when it is negative), then what happens in any
        process; without `follow` it ends before that.
        """

    async def close(self) -> None:
        """Release everything. Idempotent."""
