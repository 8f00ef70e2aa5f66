"""The life of one download, as one coroutine.

published before a crash?  → say so, done                                                     [1]
go on from the checkpoint, or open an address; what is small is published at once             [2]
name, reserve, commit
transfer, with checkpoints and digests alongside                                              [3]
verify → sync → commit the name → publish → commit                                            [4]
what failed decides: the same again, anew, the next mirror, or the end                        [5]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from dlm.model.address import host_of, without_credentials
from dlm.model.download import DownloadId, DownloadSpec
from dlm.model.error import DlmError, NotSmall, PartLost, Verdict
from dlm.model.message import Start
from dlm.model.queue import CarrierView, Rates
from dlm.model.resource import Mirror, Resource
from dlm.policy.continuity import may_continue
from dlm.policy.described import is_description
from dlm.policy.segments import SegmentMap
from dlm.ports import Opening, Reporter
from dlm.transfer.alongside import uninterrupted
from dlm.transfer.ending import publish, was_published
from dlm.transfer.haul import Haul
from dlm.transfer.limits import Tap
from dlm.transfer.patience import Patience
from dlm.transfer.reserving import Reserving, target
from dlm.transfer.small import SmallFiles
from dlm.transfer.supplier import Supplier
from dlm.transfer.work import Tools, Work

SYNCS = 32
"""Files that are synced at once, at most."""


class InlineWorker:
    """`ports.Worker` in this very process and event loop."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        # Syncs only wait for the disk, which serves many at once better than one after another.
        self._disk = ThreadPoolExecutor(SYNCS, "sync")
        self._small = SmallFiles(self._disk)
        self._lives: dict[DownloadId, Life] = {}

    async def carry(self, start: Start, reporter: Reporter) -> None:
        """See `ports.Worker`."""
        limiter, download = self._tools.limiter, start.download
        if download.spec.recursive is not None:
            from dlm.transfer.expanding import Expanding

            await Expanding(self._tools, start, reporter).live()
            return
        with limiter.tap(download.id, download.host, download.spec.limit_rate) as tap:
            life = self._lives[download.id] = Life(self._tools, start, reporter, tap, self._small)
            try:
                await life.live()
            finally:
                del self._lives[download.id]

    def limit(self, rates: Rates, downloads: Mapping[DownloadId, int | None]) -> None:
        """See `ports.Worker`."""
        self._tools.limiter.limit(rates, downloads)

    def offer(self, id: DownloadId, uris: Sequence[str]) -> None:
        """See `ports.Worker`."""
        if (life := self._lives.get(id)) is not None:
            life.offer(uris)

    @property
    def carriers(self) -> int:
        """See `ports.Worker`. This process is the only one."""
        return 1

    @property
    def crew(self) -> tuple[CarrierView, ...]:
        """See `ports.Worker`. There is none."""
        return ()

    async def close(self) -> None:
        """See `ports.Worker`. What lives have opened they have closed themselves."""
        self._disk.shutdown(wait=False)


class Life:
    """One run of one download."""

    def __init__(self, tools: Tools, start: Start, reporter: Reporter, tap: Tap, small: SmallFiles) -> None:
        self._tools = tools
        self._start = start
        self._small = small
        self._reporter = reporter
        self._tap = tap
        self._patience = Patience(start, tools.clock, tools.random, reporter)
        self._download = start.download
        self._checkpoint = start.checkpoint
        self._spec = start.download.spec
        self._store = tools.store_for(self._spec)
        self._reserving = Reserving(start.download.id, self._spec, self._store, reporter)
        self._uris = list(self._spec.uris)
        self._failures = 0
        self._restarted = False
        self._single = False
        self._work: Work | None = None
        self._haul: Haul | None = None

    def offer(self, uris: Sequence[str]) -> None:
        """Further addresses of the same file, named by the user."""
        self._uris += [uri for uri in uris if uri not in self._uris]
        if self._haul is not None:
            self._haul.offer(Mirror(uri) for uri in uris)

    async def live(self) -> None:
        """Carry it through. Raises the error that ended it."""
        if await was_published(self._download, self._checkpoint, self._store, self._reporter):  # [1]
            return
        if not self._spec.resume:
            self._anew()
        while True:
            try:
                await self._once()
            except DlmError as error:
                await self._recover(error)
            else:
                return

    # [2] ---------------------------------------------------------------------------------------------------------------

    async def _once(self) -> None:
        self._work = None
        work = self._continue()
        if work is None:
            opening = await self._open()
            if opening is None:
                return
            work = await self._begin(opening)
        self._work = work
        self._haul = Haul(self._tools, self._start, self._spec, reporter=self._reporter, patience=self._patience)
        try:
            verified = await self._haul.bring(work, self._tap, self._small)
            await uninterrupted(publish(self._download, work, verified, self._store, self._reporter))
        except BaseException:
            self._checkpoint = self._haul.saved or self._checkpoint
            if not may_continue(work.checkpoint()):
                work.sink.discard()
            raise
        finally:
            work.sink.close()

    def _continue(self) -> Work | None:
        checkpoint = self._checkpoint
        if checkpoint is None:
            return None
        place = checkpoint.place
        if not place.inode:
            self._anew()
            return None
        try:
            sink = self._store.reopen(place, max((span.stop for span in checkpoint.done), default=0))
        except PartLost:
            return None
        if not may_continue(checkpoint):
            sink.discard()
            sink.close()
            return None
        resource, segments = checkpoint.resource, SegmentMap(checkpoint.resource.part.size, checkpoint.done)
        uri = next((mirror.uri for mirror in resource.mirrors[:1] if mirror.uri in self._uris), None)
        if uri is None:
            # The user has put another address in its place, or it has failed: whoever gives the same file goes on.
            return Work(resource, None, sink, segments, self._candidates(resource))
        supplier = Supplier(self._tools.sources.pick(uri), Mirror(uri), resource, self._first_spec(uri))
        return Work(resource, supplier, sink, segments, self._candidates(resource))

    async def _open(self) -> Opening | None:
        """The first reply, to be gone on with; `None` when the file was small, and is published by now."""
        uri, light = self._uris[0], self._start.light
        target(self._spec, self._store)
        if light and self._tap.bound:
            raise NotSmall("while a rate is to be kept, nothing is fetched beside others")
        source = self._tools.sources.pick(uri)
        opening: Opening | None
        opening = await (source.open(uri, self._spec) if light else self._patience.open(source, uri, self._spec))
        assert opening is not None
        if is_description(self._spec, opening.resource):
            from dlm.transfer.following import follow

            await follow(opening, self._download, self._reporter, light=light)
            return None
        if not self._tap.bound and self._start.pieces is None and self._small.takes(opening.resource, self._spec):
            opening = await self._small.publish(opening, self._download, self._store, self._reporter)
        if opening is not None and light:
            await opening.close()
            raise NotSmall(f"{without_credentials(uri)} is too large, or too slow, to be fetched beside others")
        return opening

    async def _begin(self, opening: Opening) -> Work:
        uri = self._uris[0]
        try:
            resource = replace(opening.resource, ranged=False) if self._single else opening.resource
            if self._start.pieces is not None and resource.part.size is not None:
                from dlm.policy.pieces import demand_fitting

                demand_fitting(self._start.pieces, resource.part.size, without_credentials(uri))
            kept = replace(resource, mirrors=resource.mirrors[:1])
            sink, self._checkpoint = await self._reserving.reserve(kept, uri)
        except BaseException:
            await opening.close()
            raise
        supplier = Supplier(
            self._tools.sources.pick(uri), resource.mirrors[0], resource, self._first_spec(uri), opening=opening
        )
        return Work(kept, supplier, sink, SegmentMap(resource.part.size), self._candidates(resource))

    def _first_spec(self, uri: str) -> DownloadSpec:
        """With no more connections than the host of the first address is known to tolerate."""
        spec, ceiling = self._spec, self._start.ceiling
        if ceiling is None or host_of(uri) != self._download.host:
            return spec
        return replace(spec, connections=min(spec.connections, ceiling))

    def _candidates(self, resource: Resource) -> tuple[Mirror, ...]:
        """Who else may have the file: the user's other addresses, then those that the server names."""
        named = tuple(mirror for mirror in resource.mirrors[1:] if mirror.stranger)
        return (*(Mirror(uri) for uri in self._uris), *named)

    # [5] ---------------------------------------------------------------------------------------------------------------

    async def _recover(self, error: DlmError) -> None:
        """Prepare another round, or raise `error`."""
        work, verdict = self._work, error.verdict
        spent = self._haul.spent if work is not None and self._haul is not None else set()
        others = [uri for uri in self._uris[1:] if uri not in spent]
        if self._spec.streams_out and work is not None and work.segments.downloaded():
            raise error
        if verdict is Verdict.RESTART and not self._restarted:
            self._restarted = True
        elif verdict is Verdict.DEGRADE and not self._single:
            self._single = True
        elif verdict is Verdict.NEXT_MIRROR and others:
            self._uris = others
        elif verdict is Verdict.REPAIR and self._haul is not None and (left := self._untried(self._haul)):
            self._uris = left
            if self._start.pieces is not None:
                return  # what is there was judged, piece by piece
        elif work is not None and not work.resource.ranged and await self._rested(error):
            # The driver could not try again, because such a server only ever begins at byte 0.
            pass
        elif verdict in {Verdict.RETRY, Verdict.WAIT} and others:
            # All tries are used up here, and another mirror may do better.
            self._uris, self._failures = others, 0
        else:
            raise error
        self._anew()

    def _untried(self, haul: Haul) -> list[str]:
        """The addresses that are not to blame for a wrong file; those that did not fit what the others gave may be right."""
        return [uri for uri in self._uris if uri not in haul.tried]

    async def _rested(self, error: DlmError) -> bool:
        self._failures += 1
        return await self._patience.rest(error, self._failures)

    def _anew(self) -> None:
        """Forget what is on disk: it belongs to another version, or cannot be added to."""
        checkpoint, self._checkpoint = self._checkpoint, None
        if checkpoint is None:
            return
        place = checkpoint.place
        with suppress(DlmError):
            if not place.inode:
                self._store.sweep(place.directory, place.name, checkpoint.resource.part.size)
                return
            sink = self._store.reopen(place, 0)
            sink.discard()
            sink.close()
