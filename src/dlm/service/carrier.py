"""Carries claimed downloads, one coroutine each: from its claim to the phase in which this process lets go of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from dlm.model.download import Download, DownloadId, Fault
from dlm.model.error import Conflict, DlmError, DownloadNotFound, NotSmall, Verdict
from dlm.model.message import PATIENCE, Progressed, Start
from dlm.model.phase import CLAIMED_PHASES, Cause, Intent, Phase
from dlm.policy.host import connections_for, remembered_ceiling
from dlm.policy.retry import Again, after_failure
from dlm.ports import Outcome, Worker
from dlm.service.advice import advised
from dlm.service.ledger import Ledger
from dlm.service.means import Means, fault_of
from dlm.service.parts import discard_part

QUEUE_PATIENCE = 2.0
"""Seconds that a download of the queue may sleep in its slot; then it waits outside."""


@dataclass(slots=True)
class Carried:
    """A download that holds a slot here. `stopping` says why it is being stopped, once it is."""

    download: Download
    started: float
    gathered: Callable[[], None] | None = None
    expanded: Callable[[Sequence[Outcome]], None] = lambda _outcomes: None
    stopping: Cause | None = None

    @property
    def light(self) -> bool:
        """Whether it is tried once, beside the others."""
        return self.gathered is not None


class Carrier:
    """Runs downloads that this process has claimed.

    With `retries`, what failed and may pass goes to the retry lane; without, it is carried to its end here, and only a
    dead network is waited for. A carry that is cancelled from outside ends by `leaving`: HALTED keeps the download
    paused, YIELDED gives it back to the queue.
    """

    def __init__(self, means: Means, worker: Worker, *, retries: bool, leaving: Cause) -> None:
        self._means = means
        self._worker = worker
        self._retries = retries
        self._leaving = leaving
        self._ledger = Ledger(means, self._was_gathered, self._has_expanded, claims=not retries)
        self._carried: dict[DownloadId, tuple[Carried, asyncio.Task[Download]]] = {}
        self.withdrawn: set[DownloadId] = set()
        """What was claimed, and taken back by its user before it began."""

    @property
    def carried(self) -> Mapping[DownloadId, Carried]:
        """What holds a slot now."""
        return {id: carried for id, (carried, _) in self._carried.items()}

    def start(
        self,
        download: Download,
        ended: Callable[[], None] = lambda: None,
        *,
        gathered: Callable[[], None] | None = None,
        expanded: Callable[[Sequence[Outcome]], None] = lambda _outcomes: None,
    ) -> asyncio.Task[Download]:
        """Carry a download that was claimed. The task gives it as it stands when this process lets go of it.

        With `gathered` it is light: tried once, as a small file that nothing is there of yet. `gathered` is called when
        nothing of it is fetched any more. Where a try is not enough, the task raises the error that says why, and the
        download stays claimed. `expanded` is told of what a folder was found to hold, bit by bit.
        """
        carried = Carried(download, self._means.clock.wall(), gathered, expanded)
        task = asyncio.ensure_future(self._carry(carried))
        self._carried[download.id] = carried, task

        def over(_task: asyncio.Task[Download]) -> None:
            del self._carried[download.id]
            ended()

        task.add_done_callback(over)
        return task

    def stop(self, id: DownloadId, cause: Cause) -> None:
        """Begin to stop it; the phase follows by `cause` when no byte moves any more. Once only; later words are lost."""
        carried, task = self._carried[id]
        if carried.stopping is None:
            carried.stopping = cause
            task.cancel()

    def offer(self, download: Download) -> None:
        """Let what is carried use the addresses that it has by now, beside those with which it was begun."""
        carried, _ = self._carried.get(download.id, (None, None))
        if carried is None:
            return
        spec = carried.download.spec
        new = tuple(uri for uri in download.spec.uris if uri not in spec.uris)
        if new:
            carried.download = replace(carried.download, spec=replace(spec, uris=(*spec.uris, *new)))
            self._worker.offer(download.id, new)

    async def drain(self) -> None:
        """Stop everything by `leaving`, and return when all of it has ended."""
        for id in list(self._carried):
            self.stop(id, self._leaving)
        await asyncio.gather(*(task for _, task in self._carried.values()), return_exceptions=True)

    # one of them -------------------------------------------------------------------------------------------------------

    async def _carry(self, carried: Carried) -> Download:
        id = carried.download.id
        try:
            await self._transfer(carried)
        except asyncio.CancelledError:
            if carried.stopping is None:
                await self._leave(id, self._leaving)
                raise
            await self._leave(id, carried.stopping)
        except DlmError as error:
            if carried.light and carried.stopping is None and _needs_a_place(carried.download, error):
                raise
            await self._fail(carried, error)
        except Exception as error:  # noqa: BLE001 - a unit of work ends here: no defect may leave a download claimed
            await self._leave(id, Cause.ERRED, Fault("Defect", f"dlm met a defect of its own: {error!r}", 1))
        finally:
            self._means.samples.forget(id)
        return self._ledger.ended.pop(id, None) or await self._standing(carried)

    async def _standing(self, carried: Carried) -> Download:
        """How it stands in the end. One that its user has removed by now counts as cancelled."""
        try:
            return await self._means.repository.get(carried.download.id)
        except DownloadNotFound:
            return replace(carried.download, phase=Phase.CANCELLED, owner=None, lease_until=None)

    async def _transfer(self, carried: Carried) -> None:
        means, download = self._means, carried.download
        if carried.light:
            await self._try_lightly(carried)
            return
        carried.download = download = await means.advance(download, Cause.STARTED)
        patience = QUEUE_PATIENCE if self._retries else PATIENCE
        pieces = await means.repository.pieces_of(download.id)
        while True:
            checkpoint = await means.repository.checkpoint_of(download.id)
            frontier = await means.repository.frontier_of(download.id) if download.spec.recursive is not None else None
            ceiling = await self._ceiling(download)
            # With the addresses that have come meanwhile: they could not be offered to a transfer that had not begun.
            named = replace(download, spec=carried.download.spec)
            start = Start(named, checkpoint, ceiling, patience, pieces=pieces, frontier=frontier)
            try:
                await self._worker.carry(start, self._ledger)
            except DlmError as error:
                if self._retries or not self._is_cut_off(download, error):
                    raise
                await self._wait_for_network(download)
            else:
                return

    async def _try_lightly(self, carried: Carried) -> None:
        id = carried.download.id
        self._ledger.began[id] = carried.started
        try:
            await self._worker.carry(Start(carried.download, None, light=True), self._ledger)
        finally:
            del self._ledger.began[id]

    def _was_gathered(self, id: DownloadId) -> None:
        carried, _ = self._carried.get(id, (None, None))
        if carried is not None and carried.gathered is not None:
            carried.gathered()

    def _has_expanded(self, id: DownloadId, outcomes: Sequence[Outcome]) -> None:
        carried, _ = self._carried.get(id, (None, None))
        if carried is not None:
            carried.expanded(outcomes)

    async def _ceiling(self, download: Download) -> int | None:
        """How many connections the host will bear, as far as is known, shared with what else runs of it here."""
        known = await self._means.queue.host_policy(download.host)
        if known is None:
            return None
        remembered = remembered_ceiling(known.connections, known.learned, self._means.clock.wall())
        sharing = sum(carried.download.host == download.host for carried, _ in self._carried.values())
        return connections_for(download.spec.connections, remembered, sharing)

    def _is_cut_off(self, download: Download, error: DlmError) -> bool:
        again = self._again(download, error, progressed=False)
        return again is not None and again.cause is Cause.DISCONNECTED

    async def _wait_for_network(self, download: Download) -> None:
        note = "this machine has no network: waiting for it"
        self._ledger.post(
            Progressed(
                id=download.id,
                total=download.size,
                downloaded=download.downloaded,
                instantaneous_speed=0.0,
                smoothed_speed=0.0,
                eta=None,
                note=note,
            )
        )
        while not self._means.network.is_up():
            await self._means.network.wait_change()

    # how it ends -------------------------------------------------------------------------------------------------------

    async def _fail(self, carried: Carried, error: DlmError) -> None:
        download = await self._standing(carried)
        progressed = download.downloaded > carried.download.downloaded
        again = self._again(download, error, progressed=progressed) if self._retries else None
        if again is None or carried.stopping is not None:
            fault = advised(download, await self._means.repository.checkpoint_of(download.id), error)
            await self._leave(download.id, carried.stopping or Cause.ERRED, fault)
            return
        with suppress(Conflict, DownloadNotFound):
            await self._means.advance(
                self._held(download), again.cause, fault=fault_of(error), due=again.due, attempts=again.attempts
            )

    def _again(self, download: Download, error: DlmError, *, progressed: bool) -> Again | None:
        means = self._means
        return after_failure(
            error,
            attempts=download.attempts,
            retries=download.spec.retries,
            progressed=progressed,
            online=means.network.is_up(),
            needs_network=means.needs_network(download.spec.uris[0]),
            now=means.clock.wall(),
            roll=means.random.random(),
        )

    def _held(self, download: Download) -> Download:
        if download.phase not in CLAIMED_PHASES or download.owner != self._means.owner:
            raise Conflict(f"download {download.id} is no longer carried here")
        return download

    async def _leave(self, id: DownloadId, cause: Cause, fault: Fault | None = None) -> None:
        """End our hold on a download, unless it has ended by itself or is somebody else's by now."""
        means = self._means
        with suppress(Conflict, DownloadNotFound):
            download = self._held(await means.repository.get(id))
            if cause is Cause.HALTED:
                await means.repository.intend(id, Intent.PAUSE)
            await means.advance(download, cause, fault=fault)
            if cause is Cause.CANCELLED:
                await discard_part(means, id)


def _needs_a_place(download: Download, error: DlmError) -> bool:
    """Whether more than one try may still bring it."""
    final = Verdict.FATAL if len(download.spec.uris) > 1 else Verdict.NEXT_MIRROR
    return isinstance(error, NotSmall) or error.verdict not in {Verdict.FATAL, final}
