"""Recruiting: further mirrors are asked, proved to give the same file, taken in, looked after, and turned out.

    wait       until nobody else of that host is at work
    ask        its first reply: does it say the same of the file?                 no: dropped, and named
    prove      equal strong digests, or, as soon as enough is there to compare
               with, blocks of what is on disk                                    other bytes: dropped, and named
    join       its bytes may go into the file, which is recorded before the first one does
    audit      now and then, and at the end, a block that it has brought is compared with another mirror's
    turn out   whoever lied: everything that it brought is fetched again

While one mirror is at work, those that may not be split (see `continuity`) wait; when none is left, they have their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from dlm.model.address import host_of, without_credentials
from dlm.model.error import AnotherFile, DlmError, InvalidRequest, TransferError
from dlm.model.message import MirrorDropped
from dlm.model.resource import Mirror, Resource
from dlm.model.span import Span
from dlm.policy.continuity import joins, may_split
from dlm.policy.hearsay import SCHEMES
from dlm.policy.sampling import BLOCKS, ENOUGH, FIRST_AUDIT, LEAST, objection, states_the_same
from dlm.ports import Sources
from dlm.transfer.inquest import Inquest
from dlm.transfer.proving import Prover
from dlm.transfer.segmented import SegmentedDriver
from dlm.transfer.supplier import Supplier, TransferContext
from dlm.transfer.work import Work

WORTH = 1024 * 1024
"""Bytes that must be left to fetch for another mirror to be asked, while there is one."""
FAR = 16 * WORTH
"""The same, to be asked before there is enough to compare with: a smaller file may be there before the reply is."""
GLANCE = 0.05
"""Seconds between two looks whether enough is there."""
HELD = 5.0
"""Seconds for which a reply is held back until there is: servers do not wait for ever."""


class Unfit(Exception):
    """A mirror cannot help; a clause says why. `lied`: it gives another file. Never leaves this module."""

    def __init__(self, reason: str, *, lied: bool) -> None:
        super().__init__(reason)
        self.lied = lied


class Early(Exception):
    """There is not enough to compare the mirror with, and will not be soon. Never leaves this module."""


class Recruiter:
    """`Backing` of one driver. `recruit` is its companion and does the asking."""

    def __init__(
        self, work: Work, driver: SegmentedDriver, context: TransferContext, sources: Sources, inquest: Inquest
    ) -> None:
        self._work = work
        self._driver = driver
        self._context = context
        self._sources = sources
        self._inquest = inquest
        self._prover: Prover = inquest.prover
        self._waiting: list[Mirror] = []
        self._running: dict[asyncio.Task[None], Mirror] = {}
        self._early: set[str] = set()
        self._too_early: set[str] = set()
        """The addresses of those that wait until there is enough to compare with; and of those that have done so in vain."""
        self._proved: list[Supplier] = []
        """Who is proved, and waits until it has the file for itself."""
        self._audits: dict[Supplier, int] = {}
        self._failure: DlmError | None = None
        self._wake = asyncio.Event()
        self.spent: set[str] = set()
        """Addresses that nothing more is expected of."""
        if work.supplier is not None:
            work.supplier.reference = True
            inquest.joined(work.supplier)
        self.offer(work.candidates)

    def offer(self, mirrors: Iterable[Mirror]) -> None:
        """Further addresses of the same file."""
        known = {each.mirror.uri for each in self._driver.living} | {each.uri for each in self._waiting}
        known |= {each.uri for each in self._running.values()} | {each.mirror.uri for each in self._proved}
        if self._work.supplier is not None and not self._work.supplier.retired:
            known.add(self._work.supplier.mirror.uri)
        for mirror in mirrors:
            scheme = mirror.uri.partition(":")[0].lower()
            if mirror.uri not in known and (not mirror.stranger or scheme in SCHEMES):
                known.add(mirror.uri)
                self.spent.discard(mirror.uri)
                self._waiting.append(mirror)
        self._wake.set()

    # Backing -----------------------------------------------------------------------------------------------------------

    @property
    def prospects(self) -> bool:
        """See `Backing`."""
        if self._inquest.closed:
            return self._inquest.alternates
        if self._proved or len(self._running) > len(self._early):
            return True
        return bool(self._early or self._waiting) and self._provable(LEAST)

    @property
    def failure(self) -> DlmError:
        """See `Backing`."""
        return self._failure or AnotherFile("no mirror is left that gives the file")

    def looked(self) -> None:
        """See `Backing`."""
        self._wake.set()

    def lost(self, supplier: Supplier, error: TransferError) -> None:
        """See `Backing`."""
        self._failure = error
        self._drop(supplier.mirror, str(error))
        self._wake.set()

    def forgot(self, spans: list[Span]) -> None:
        """See `Backing`."""
        self._inquest.forgot(spans)

    async def confirm(self) -> bool:
        """See `Backing`."""
        return await self._inquest.confirm()

    # asking ------------------------------------------------------------------------------------------------------------

    async def recruit(self) -> None:
        """Ask whoever may be asked, and audit, until cancelled. Raises what this machine itself fails with."""
        try:
            while True:
                self._wake.clear()
                self._send_out()
                waking = asyncio.ensure_future(self._wake.wait())
                try:
                    await asyncio.wait([waking, *self._running], return_when=asyncio.FIRST_COMPLETED)
                finally:
                    waking.cancel()
                for task in [each for each in self._running if each.done()]:
                    del self._running[task]
                    task.result()
                    self._driver.stir()
                await self._look_after()
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    def _send_out(self) -> None:
        living = self._driver.living
        if self._inquest.closed:
            return
        if not living and not self._running and self._proved:
            self._take_in(self._proved.pop(0))
            return
        late = self._provable(ENOUGH if living else LEAST)
        if living and (self._context.spec.connections < 2 or not self._leaves(WORTH if late else FAR)):
            return
        if not living and not late:
            return
        busy = {host_of(each.uri) for each in (*(one.mirror for one in living), *self._running.values())}
        for mirror in list(self._waiting):
            if (host := host_of(mirror.uri)) not in busy and (late or mirror.uri not in self._too_early):
                busy.add(host)
                self._waiting.remove(mirror)
                self._running[asyncio.ensure_future(self._ask(mirror))] = mirror

    @property
    def _divisible(self) -> bool:
        """Whether others could bring parts of the file."""
        return joins(self._work.resource) and not self._context.spec.streams_out

    def _provable(self, least: int) -> bool:
        """Whether what is on disk is enough to compare with, of a file that can be fetched in parts."""
        size = self._work.segments.size
        return self._divisible and size is not None and self._work.segments.downloaded() >= min(least, size)

    def _leaves(self, least: int) -> bool:
        size = self._work.segments.size
        return self._divisible and size is not None and size - self._work.segments.downloaded() >= least

    async def _ask(self, mirror: Mirror) -> None:
        """Until it has joined, or is dropped. Failing connections are retried as those of a transfer are."""
        failures, clock = 0, self._context.clock
        while True:
            began = clock.monotonic()
            try:
                self._take_in(await self._proof(mirror))
            except Unfit as unfit:
                self._failure = AnotherFile(self._another_file(mirror, str(unfit)))
                self._drop(mirror, str(unfit), lied=unfit.lied)
            except Early:
                self._too_early.add(mirror.uri)
                self._waiting.append(mirror)
            except TransferError as error:
                failures += 1
                pause = self._context.patience.pause(error, failures, clock.monotonic() - began)
                if pause is not None:
                    await clock.sleep(pause)
                    continue
                self._failure = error
                self._drop(mirror, str(error))
            except InvalidRequest as error:
                self._failure = error
                self._drop(mirror, str(error))
            return

    async def _proof(self, mirror: Mirror) -> Supplier:
        """The mirror, proved. Raises `Unfit` when it gives something else."""
        work, spec = self._work, self._context.spec
        if mirror.stranger:
            spec = spec.without_secrets()
        source = self._sources.pick(mirror.uri)
        async with self._driver.place():
            opening = await source.open(mirror.uri, spec)
            try:
                resource = opening.resource
                self._check(resource)
                found = replace(resource.mirrors[0], stranger=mirror.stranger)
                supplier = Supplier(source, found, resource, spec, delays=opening.delays)
                if self._inquest.pieced or states_the_same(work.resource, resource):
                    return supplier
                await self._enough(mirror)
                chosen = self._prover.choose(work.segments.done(), BLOCKS)
                wrong = None
                if chosen[0].start == 0 and await self._prover.opening_differs(opening, first := chosen.pop(0), found):
                    wrong = first
            finally:
                await opening.close()
        wrong = wrong or await self._prover.differing(supplier, chosen)
        if wrong is not None:
            self._inquest.contradicted(supplier)
            raise Unfit(f"its bytes {wrong.start} to {wrong.stop - 1} are not those that are there", lied=True)
        return supplier

    async def _enough(self, mirror: Mirror) -> None:
        """Return when there is enough to compare with. Raises `Early` when that takes too long, or nobody brings it."""
        clock, until = self._context.clock, self._context.clock.monotonic() + HELD
        self._early.add(mirror.uri)
        try:
            while not self._provable(ENOUGH if self._driver.living else LEAST):
                if not self._driver.living or clock.monotonic() >= until:
                    raise Early
                await clock.sleep(GLANCE)
        finally:
            self._early.remove(mirror.uri)

    def _check(self, resource: Resource) -> None:
        size = self._work.segments.size
        assert size is not None
        reason = objection(self._work.resource, size, resource)
        if reason is not None:
            raise Unfit(reason, lied=reason.startswith(("its file", "it states")))

    def _take_in(self, supplier: Supplier) -> None:
        """Record that bytes of it may be in the file from now on, and let it begin, or wait until it is alone."""
        work, mirror = self._work, supplier.mirror
        if self._driver.living and not may_split(supplier.resource, digest_known=self._context.digest_known):
            self._proved.append(supplier)
            return
        if work.supplier is None:
            # An address in the place of one that is gone: from now on the file is known by what this one says.
            work.supplier, supplier.reference = supplier, True
            others = tuple(replace(each, joined=True) for each in work.resource.mirrors if each.uri != mirror.uri)
            work.resource = replace(supplier.resource, mirrors=(mirror, *others), parts=work.resource.parts)
        elif all(each.uri != mirror.uri for each in work.resource.mirrors):
            work.resource = replace(work.resource, mirrors=(*work.resource.mirrors, replace(mirror, joined=True)))
        self._inquest.joined(supplier)
        self._driver.add(supplier)

    def _another_file(self, mirror: Mirror, reason: str) -> str:
        shown, name = without_credentials(mirror.uri), self._work.sink.place.part
        return (
            f"{shown} does not give the file that {name} was begun with: {reason}. What is there is kept; "
            "give another address, or begin anew with --no-resume"
        )

    def _drop(self, mirror: Mirror, reason: str, *, lied: bool = False) -> None:
        self.spent.add(mirror.uri)
        self._context.report(MirrorDropped(self._context.id, without_credentials(mirror.uri), reason, lied))

    # looking after -----------------------------------------------------------------------------------------------------

    async def _look_after(self) -> None:
        """Take up where everybody has gone, and compare a block of whoever has brought twice as much as the last time."""
        if not self._driver.living and self._inquest.alternates:
            self._inquest.next_alone()
        for supplier in self._driver.living:
            brought = supplier.moved
            if not supplier.reference and brought >= self._audits.get(supplier, FIRST_AUDIT) and supplier.brought:
                self._audits[supplier] = 2 * brought
                await self._inquest.audit(supplier, 1)
