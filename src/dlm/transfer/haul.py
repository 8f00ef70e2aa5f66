"""One haul: the bytes of a Work are fetched, with checkpoints, digests and the search for further mirrors alongside."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from dlm.model.address import host_of
from dlm.model.download import Checkpoint, DownloadSpec
from dlm.model.error import DlmError, TransferError
from dlm.model.message import Start
from dlm.model.resource import Mirror, Verified
from dlm.model.span import Span
from dlm.ports import Reporter
from dlm.transfer.alongside import alongside
from dlm.transfer.checkpoints import Checkpointer
from dlm.transfer.gate import Gate
from dlm.transfer.inquest import Inquest
from dlm.transfer.limits import Tap
from dlm.transfer.patience import Patience
from dlm.transfer.proof import Proof
from dlm.transfer.proving import Prover
from dlm.transfer.recruiting import Recruiter
from dlm.transfer.segmented import SegmentedDriver
from dlm.transfer.small import SmallFiles
from dlm.transfer.supplier import TransferContext
from dlm.transfer.work import Tools, Work


class Haul:
    """Used once."""

    def __init__(self, tools: Tools, start: Start, spec: DownloadSpec, *, reporter: Reporter, patience: Patience) -> None:
        self._tools = tools
        self._start = start
        self._download = start.download
        self._spec = spec
        self._reporter = reporter
        self._patience = patience
        self._recruiter: Recruiter | None = None
        self._inquest: Inquest | None = None
        self.saved: Checkpoint | None = None
        """The last checkpoint that was written when it failed."""

    @property
    def spent(self) -> set[str]:
        """Addresses that nothing more is expected of."""
        return set() if self._recruiter is None else self._recruiter.spent

    @property
    def tried(self) -> set[str]:
        """The addresses that bytes were taken from."""
        return set() if self._inquest is None else self._inquest.tried

    def offer(self, mirrors: Iterable[Mirror]) -> None:
        """Further addresses of the same file."""
        if self._recruiter is not None:
            self._recruiter.offer(mirrors)

    async def bring(self, work: Work, tap: Tap, small: SmallFiles) -> Verified:
        """Every byte, verified as far as it can be. Raises what ended it; what has come is recorded then."""
        if work.supplier is not None:
            tap.aim(host_of(work.supplier.mirror.uri))
        gate = Gate(self._tools.clock, tap)
        checkpointer = Checkpointer(self._download.id, work, gate=gate, reporter=self._reporter, disk=small.disk)
        driver = SegmentedDriver(work.supplier)
        proof = Proof(work, self._spec, self._start, self._reporter, self._blame)
        context = self._context(gate, proof)
        self._recruiter = self._recruit(work, driver, context, proof)
        companions = [checkpointer.keep(), *proof.companions(), self._recruiter.recruit()]
        try:
            await alongside(driver.run(work.segments, proof.sink, context), *companions, ending=gate.halt)
            await self._learn(driver)
            return await proof.verdict(joined=driver.joined)
        except BaseException as error:
            proof.stop()
            await self._save(checkpointer)
            if isinstance(error, TransferError):
                if self.spent:
                    error.args = (f"{error}; no other mirror is left, {len(self.spent)} had failed before",)
                with suppress(DlmError):
                    await self._learn(driver)
            raise
        finally:
            gate.close()
            await checkpointer.close()
            await proof.close()

    def _blame(self, span: Span) -> list[str]:
        return [] if self._inquest is None else self._inquest.blame(span)

    def _recruit(self, work: Work, driver: SegmentedDriver, context: TransferContext, proof: Proof) -> Recruiter:
        prover = Prover(work.sink, context.gate, driver, self._tools.random)
        inquest = self._inquest = Inquest(work, driver, context, prover, proof.hasher, pieced=proof.pieced)
        driver.backing = recruiter = Recruiter(work, driver, context, sources=self._tools.sources, inquest=inquest)
        return recruiter

    def _context(self, gate: Gate, proof: Proof) -> TransferContext:
        return TransferContext(
            spec=self._spec,
            gate=gate,
            clock=self._tools.clock,
            patience=self._patience,
            digest_known=proof.known,
            report=self._reporter.post,
            approve=proof.approve,
            id=self._download.id,
        )

    async def _save(self, checkpointer: Checkpointer) -> None:
        """Keep what has come, whatever ended the transfer; that a full disk may refuse even this changes nothing."""
        with suppress(DlmError):
            self.saved = await checkpointer.write()

    async def _learn(self, driver: SegmentedDriver) -> None:
        """Tell what was learned of the hosts, once for each transfer. Errors of this machine's own teach nothing."""
        now, id = self._tools.clock.monotonic(), self._download.id
        for supplier in driver.veterans:
            host, resource = host_of(supplier.mirror.uri), supplier.resource
            told = supplier.lessons.told(id, host, resource.version, now, ranges=resource.ranged)
            await self._reporter.commit(told)
