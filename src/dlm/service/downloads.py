"""LocalDownloads: the verbs, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from dlm.model.download import Checkpoint, Download, DownloadId, DownloadSpec, Fault, new_id
from dlm.model.error import (
    Conflict,
    DigestMismatch,
    DlmError,
    IllegalTransition,
    IntegrityError,
    InvalidRequest,
    PartLost,
    StorageError,
    exit_code,
)
from dlm.model.event import DownloadAdded, Event, PhaseChanged
from dlm.model.message import Start
from dlm.model.phase import CLAIMED_PHASES, Cause, Intent, Phase
from dlm.model.resource import Verification, Verified, strongest
from dlm.policy.host import host_of, remembered_ceiling
from dlm.policy.naming import check_output
from dlm.ports import Clock, DownloadQuery, Outcome, Repository, Sources, Store, Story, Worker
from dlm.service.bus import EventBus
from dlm.service.ledger import Ledger

LEASE = 30.0
"""Seconds for which a claim holds; renewed three times in that span."""

_TO_PENDING = {
    Phase.PAUSED: Cause.RESUMED,
    Phase.WAITING: Cause.RESUMED,
    Phase.FAILED: Cause.RETRIED,
    Phase.CANCELLED: Cause.RETRIED,
    Phase.COMPLETED: Cause.RETRIED,
}


class LocalDownloads:
    """See `ports.Downloads`. `is_alive` tells whether the process of an owner's name still runs."""

    def __init__(
        self,
        *,
        repository: Repository,
        sources: Sources,
        worker: Worker,
        store: Store,
        clock: Clock,
        owner: str,
        is_alive: Callable[[str], bool],
    ) -> None:
        self._repository = repository
        self._sources = sources
        self._worker = worker
        self._store = store
        self._clock = clock
        self._owner = owner
        self._is_alive = is_alive
        self._bus = EventBus()

    # fetch -----------------------------------------------------------------------------------------------------------

    async def fetch(self, specs: Sequence[DownloadSpec], jobs: int) -> list[Outcome]:
        """See `ports.Downloads`."""
        for spec in specs:
            for uri in spec.check().uris:
                self._sources.pick(uri)
            if spec.output is not None and not spec.streams_out:
                check_output(spec.output)
        enlisted = [await self._enlist(spec) for spec in specs]
        slots = asyncio.Semaphore(jobs)

        async def carry(outcome: Outcome) -> Outcome:
            if outcome.already or outcome.download.fault is not None:
                return outcome
            async with slots:
                return await self._carry(outcome.download)

        renewing = asyncio.ensure_future(self._renew())
        carrying = [asyncio.ensure_future(carry(outcome)) for outcome in enlisted]
        try:
            return list(await asyncio.gather(*carrying))
        finally:
            for each in [renewing, *carrying]:
                each.cancel()
            await asyncio.gather(renewing, *carrying, return_exceptions=True)

    async def _enlist(self, spec: DownloadSpec) -> Outcome:
        """The download of this spec: a known one to go on with, or a new one."""
        known = None if spec.streams_out else await self._known(spec)
        if known is None:
            download = Download(id=new_id(), spec=spec, added=self._clock.wall())
            await self._repository.add([download])
            # Of processes that ask for the same at the same moment, the one that was first to write it down has it.
            known = None if spec.streams_out else await self._known(spec)
            if known is None or known.id == download.id:
                self._bus.publish(DownloadAdded(download))
                return Outcome(download)
            await self._repository.remove(download.id)
        if known.phase is Phase.COMPLETED and not spec.overwrite and self._stands(known, spec):
            return Outcome(known, already=True)
        try:
            return Outcome(await self._requeue(known, spec))
        except (Conflict, IllegalTransition) as error:
            return await self._outrun(known, error)

    async def _known(self, spec: DownloadSpec) -> Download | None:
        """The oldest download of this spec: a younger one may be about to be given up for it."""
        same = await self._repository.same(spec.uris[0], spec.directory, spec.output)
        return next((each for each in reversed(same) if each.spec.range == spec.range), None)

    async def _outrun(self, download: Download, error: DlmError) -> Outcome:
        """That another process was quicker, and which, where that can be told."""
        owner = (await self._repository.get(download.id)).owner
        if owner is not None or isinstance(error, IllegalTransition):
            error = _under_way(download, owner)
        return Outcome(replace(download, fault=_fault(error)))

    def _stands(self, download: Download, spec: DownloadSpec) -> bool:
        """Whether the finished file is still there, and is what is asked for now."""
        found = self._store.describe(download.path) if download.path else None
        asked = spec.checksum in {None, download.spec.checksum}
        return found is not None and found[2] == download.size and asked

    async def _requeue(self, download: Download, spec: DownloadSpec) -> Download:
        if download.phase in CLAIMED_PHASES:
            owner = download.owner
            if owner is not None and self._is_alive(owner):
                raise _under_way(download, owner)
            await self._advance(download, Cause.YIELDED, owner=owner)
        elif download.phase is Phase.COMPLETED:
            await self._repository.forget_checkpoint(download.id)
            await self._advance(download, Cause.RETRIED)
        elif download.phase in _TO_PENDING:
            await self._advance(download, _TO_PENDING[download.phase])
        await self._repository.intend(download.id, Intent.RUN)
        return await self._repository.respecify(download.id, spec)

    async def _carry(self, download: Download) -> Outcome:
        id, now = download.id, self._clock.wall()
        try:
            download = await self._repository.claim(id, self._owner, now, LEASE)
        except Conflict as error:
            return await self._outrun(download, error)
        self._bus.publish(PhaseChanged(download, (await self._repository.story(id))[-1]))
        try:
            download = await self._advance(download, Cause.STARTED)
            checkpoint = await self._repository.checkpoint_of(id)
            start = Start(download, checkpoint, await self._ceiling(download))
            await self._worker.carry(start, Ledger(self._repository, self._bus, self._clock, self._owner))
        except asyncio.CancelledError:
            await self._repository.intend(id, Intent.PAUSE)
            await self._leave(id, Cause.HALTED)
            raise
        except DlmError as error:
            await self._leave(id, Cause.ERRED, _fault(error))
        except Exception as error:  # noqa: BLE001 - a unit of work ends here: no defect may leave a download claimed
            await self._leave(id, Cause.ERRED, Fault("Defect", f"dlm met a defect of its own: {error!r}", 1))
        return Outcome(await self._repository.get(id))

    async def _leave(self, id: DownloadId, cause: Cause, fault: Fault | None = None) -> None:
        """End our hold on a download, unless it has ended by itself or is somebody else's by now."""
        download = await self._repository.get(id)
        if download.phase in CLAIMED_PHASES and download.owner == self._owner:
            await self._advance(download, cause, fault=fault)

    async def _ceiling(self, download: Download) -> int | None:
        known = await self._repository.host_policy(host_of(download.spec.uris[0]))
        return None if known is None else remembered_ceiling(known.connections, known.learned, self._clock.wall())

    async def _advance(
        self, download: Download, cause: Cause, *, owner: str | None = None, fault: Fault | None = None
    ) -> Download:
        holder = owner or (self._owner if download.phase in CLAIMED_PHASES else None)
        moved, transition = await self._repository.advance(
            download.id, cause, self._clock.wall(), owner=holder, detail=fault.message if fault else None, fault=fault
        )
        self._bus.publish(PhaseChanged(moved, transition))
        return moved

    async def _renew(self) -> None:
        while True:
            await self._clock.sleep(LEASE / 3)
            # A renewal that fails is made up for by the next; until then the lease still holds.
            with suppress(DlmError):
                await self._repository.renew(self._owner, self._clock.wall() + LEASE)

    # the other verbs ---------------------------------------------------------------------------------------------------

    async def list(self, query: DownloadQuery) -> list[Download]:
        """See `ports.Downloads`."""
        return await self._repository.find(query)

    async def show(self, reference: str) -> Story:
        """See `ports.Downloads`."""
        id = await self._repository.identify(reference)
        download = await self._repository.get(id)
        return Story(download, await self._repository.checkpoint_of(id), tuple(await self._repository.story(id)))

    async def remove(self, reference: str, *, delete_files: bool) -> Download:
        """See `ports.Downloads`."""
        story = await self.show(reference)
        download, checkpoint = story.download, story.checkpoint
        if download.phase in CLAIMED_PHASES and download.owner is not None and not self._is_alive(download.owner):
            await self._advance(download, Cause.YIELDED, owner=download.owner)
        await self._repository.remove(download.id)
        if checkpoint is not None:
            if download.phase is not Phase.COMPLETED:
                await asyncio.to_thread(self._discard, checkpoint)
            elif delete_files and download.path is not None:
                await asyncio.to_thread(self._store.erase, download.path, checkpoint.place)
        return download

    def _discard(self, checkpoint: Checkpoint) -> None:
        place = checkpoint.place
        if not place.inode:
            self._store.sweep(place.directory, place.name, checkpoint.resource.part.size)
            return
        with suppress(PartLost):
            sink = self._store.reopen(place, 0)
            sink.discard()
            sink.close()

    async def verify(self, reference: str) -> Verified:
        """See `ports.Downloads`."""
        story = await self.show(reference)
        download, checkpoint = story.download, story.checkpoint
        if download.phase is not Phase.COMPLETED or download.path is None or checkpoint is None:
            raise InvalidRequest(f"{download.label} is not complete ({download.phase.value}): there is no file to verify yet")
        found = self._store.describe(download.path)
        if found is None:
            raise StorageError(f"{download.path} is gone; `dlm get` fetches it again", path=download.path)
        if download.size is not None and found[2] != download.size:
            raise IntegrityError(f"{download.path} has {found[2]} bytes and should have {download.size}")
        digest = download.spec.checksum or strongest(checkpoint.resource.part.digests)
        if digest is None:
            return Verified(Verification.CONSISTENT if download.size is not None else Verification.UNVERIFIED)
        value = await asyncio.to_thread(self._store.digest, download.path, digest.algorithm)
        if value != digest.value:
            raise DigestMismatch(
                f"{download.path} is damaged: its {digest.algorithm} is {value.hex()}, not {digest.value.hex()}"
            )
        return Verified(Verification.VERIFIED, digest.algorithm)

    def events(self) -> AsyncIterator[Event]:
        """See `ports.Downloads`."""
        return self._bus.subscribe()

    async def close(self) -> None:
        """See `ports.Downloads`."""
        self._bus.close()
        await self._repository.close()


def _under_way(download: Download, owner: str | None) -> Conflict:
    process = f" (process {owner.partition(':')[0]})" if owner else ""
    return Conflict(f"another dlm{process} is fetching {download.label} right now")


def _fault(error: DlmError) -> Fault:
    return Fault(error.kind, str(error), exit_code(type(error)))
