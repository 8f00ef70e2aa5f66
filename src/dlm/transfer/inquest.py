"""The inquest: who brought which bytes, and whose are wrong.

    audit             blocks of one mirror's bytes, asked of another                 who lied is turned out
    all bytes there   no digest: an audit of everybody. A digest that matches: nothing more is asked. One that does not:
                      a thorough audit; if it finds nobody, one mirror alone fetches what the others have brought; if that is
                      wrong as well, the next one fetches all of it, until none is left

What a mirror that was turned out has brought is forgotten, and fetched again from the others.
"""

from __future__ import annotations

from collections.abc import Sequence

from dlm.model.address import without_credentials
from dlm.model.message import MirrorDropped
from dlm.model.span import Span, merge, subtract, total
from dlm.policy.sampling import LAST_AUDIT, THOROUGH
from dlm.transfer.hashing import PrefixHasher
from dlm.transfer.proving import Prover, together
from dlm.transfer.segmented import SegmentedDriver
from dlm.transfer.supplier import Supplier, TransferContext
from dlm.transfer.work import Work


class Inquest:
    """Of one transfer."""

    def __init__(
        self,
        work: Work,
        driver: SegmentedDriver,
        context: TransferContext,
        prover: Prover,
        hasher: PrefixHasher | None,
        *,
        pieced: bool = False,
    ) -> None:
        """`hasher` is there if a digest of the whole file is known; `pieced`: each piece of it is judged by its own."""
        self.pieced = pieced
        """Whether nobody need be asked: the pieces tell who lied, and prove more than samples."""
        self.prover = prover
        self._work = work
        self._driver = driver
        self._context = context
        self._hasher = hasher
        self._parties: list[Supplier] = []
        self._contradicted: list[Supplier] = []
        self._alternates: list[Supplier] = []
        self._alone: Supplier | None = None
        strange = any(mirror.joined for mirror in work.resource.mirrors) or work.supplier is None
        self._inherited = tuple(work.segments.done()) if strange else ()
        """What several mirrors have brought in an earlier run, nobody knows which."""

    def joined(self, supplier: Supplier) -> None:
        """It takes part from now on."""
        self._parties.append(supplier)

    def contradicted(self, supplier: Supplier) -> None:
        """It gives other bytes than the first mirror. Only a digest could say that it is right."""
        self._contradicted.append(supplier)

    @property
    def tried(self) -> set[str]:
        """The addresses that bytes of the file came from."""
        return {each.mirror.uri for each in self._parties if each.brought}

    @property
    def closed(self) -> bool:
        """Whether one mirror is to fetch everything by itself, so that no other is taken in."""
        return self._alone is not None

    @property
    def alternates(self) -> bool:
        """Whether there are mirrors that would be asked for the whole file, since a digest says that it is wrong."""
        return bool(self._alternates)

    def forgot(self, spans: Sequence[Span]) -> None:
        """Those bytes are to be fetched again."""
        if self._hasher is not None:
            self._hasher.forgot(spans[0].start)
        for party in self._parties:
            party.brought, party.own = _without(party.brought, spans), _without(party.own, spans)
        self._inherited = tuple(_without(self._inherited, spans))

    def blame(self, span: Span) -> list[str]:
        """The addresses that have brought these bytes, which are wrong. One that has brought all of them is used no more, as
        long as there is another."""
        guilty = [each for each in self._parties if _has_written(each, span)]
        if len(guilty) == 1 and not guilty[0].retired and len(self._driver.living) > 1:
            guilty[0].retire()
            self._report(guilty[0], "a piece that it brought is wrong", lied=True)
        return [without_credentials(each.mirror.uri) for each in guilty]

    # audits ------------------------------------------------------------------------------------------------------------

    async def audit(self, accused: Supplier | None, count: int) -> bool:
        """Whether blocks of what `accused` has brought, or of what was inherited, bear comparison; else somebody is out."""
        return await self._audit_all([accused], count)

    async def _audit_all(self, suspects: Sequence[Supplier | None], count: int) -> bool:
        """The same of several, at once: nothing else moves meanwhile at the end, and each asks for round trips."""
        found = await together([self._guilty(each, count) for each in suspects])
        guilty = list(dict.fromkeys(each for some in found for each in some if each is None or not each.lied))
        for each in guilty:
            self._turn_out(each, "its bytes are not those that other mirrors give", lied=True)
        return not guilty

    async def _guilty(self, accused: Supplier | None, count: int) -> list[Supplier | None]:
        brought = self._inherited if accused is None else accused.own
        witnesses = sorted((each for each in self._driver.living if each is not accused), key=lambda each: not each.reference)
        if self.pieced or not brought or not witnesses:
            return []
        return await self.prover.audit(accused, brought, witnesses, count)

    async def confirm(self) -> bool:
        """See `Backing`."""
        if self.pieced:
            return True
        if self._hasher is not None:
            await self._hasher.catch_up()
            if self._hasher.digest.matches or not (self._contradicted or self._several or len(self._parties) > 1):
                return True
            return await self._convict()
        return not self._several or await self._audit_all(self._suspects, LAST_AUDIT)

    @property
    def _several(self) -> bool:
        return bool(self._inherited) or sum(bool(each.brought) for each in self._parties) > 1

    @property
    def _suspects(self) -> list[Supplier | None]:
        suspects: list[Supplier | None] = [each for each in self._parties if each.brought and not each.reference]
        return [*suspects, None] if self._inherited else suspects

    # the digest is wrong -----------------------------------------------------------------------------------------------

    async def _convict(self) -> bool:
        """Somebody lied, and a digest says so. `True` when nobody is left to try."""
        living = self._driver.living
        if self._alone is None and self._several and len(living) > 1 and not await self._audit_all(self._suspects, THOROUGH):
            return False
        keeper = self._alone or max(living, key=lambda each: each.moved, default=None)
        size = self._work.segments.size or 0
        if self._alone is None:
            self._alternates = [each for each in (*living, *self._contradicted) if each is not keeper and not each.lied]
            for each in living:
                if each is not keeper:
                    each.retire()
        if keeper is not None and total(keeper.own) < size:
            self._alone = keeper
            self._driver.forget(_without([Span(0, size)], keeper.own))
            return False
        return not self.next_alone()

    def next_alone(self) -> bool:
        """Let the next mirror fetch the whole file by itself. `False` when there is none."""
        if not self._alternates:
            return False
        for each in self._driver.living:
            self._turn_out(each, "the file as it gives it has another digest", lied=True)
        before = self._alternates.pop(0)
        self._alone = Supplier(before.source, before.mirror, before.resource, before.spec)
        self._alone.reference = True
        self._driver.forget([Span(0, self._work.segments.size or 0)])
        self.joined(self._alone)
        self._driver.add(self._alone)
        return True

    def _turn_out(self, supplier: Supplier | None, reason: str, *, lied: bool) -> None:
        if supplier is None:
            self._driver.forget(list(self._inherited))
            return
        self._report(supplier, reason, lied=lied)
        self._driver.turn_out(supplier)

    def _report(self, supplier: Supplier, reason: str, *, lied: bool) -> None:
        shown = without_credentials(supplier.mirror.uri)
        self._context.report(MirrorDropped(self._context.id, shown, reason, lied))


def _has_written(supplier: Supplier, span: Span) -> bool:
    past = any(each.start < span.stop and span.start < each.stop for each in supplier.brought)
    return past or any(each.has_written([span]) for each in supplier.connections.values())


def _without(spans: Sequence[Span], gone: Sequence[Span]) -> list[Span]:
    taken = merge(gone)
    return [rest for span in spans for rest in subtract(span, taken)]
