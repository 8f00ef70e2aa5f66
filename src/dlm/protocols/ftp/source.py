"""FtpSource: FTP and FTPS behind `ports.Source`.

a control connection → MDTM, SIZE: what is there, and is it still the same? → RETR → pour
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from dlm.model.address import without_credentials
from dlm.model.download import DownloadSpec
from dlm.model.error import RangeIgnored, Refused, ResourceChanged, ServerBusy, TimedOut, Unreachable
from dlm.model.listing import Entry
from dlm.model.resource import Mirror, Part, Resource, Validator
from dlm.model.span import Span
from dlm.policy.segments import UNBOUNDED
from dlm.ports import Clock, Delays, Outlet
from dlm.protocols.ftp.address import Target, child, parse
from dlm.protocols.ftp.control import Control, Login
from dlm.protocols.ftp.credentials import login_of
from dlm.protocols.ftp.errors import translated
from dlm.protocols.ftp.judgement import Facts, judge_announced
from dlm.protocols.ftp.pool import Pool
from dlm.protocols.ftp.replies import announced_size
from dlm.protocols.ftp.retrieval import Retrieval
from dlm.protocols.ftp.transfer import Manners, begin, facts_of, prove_ranges


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: where, as whom, and how errors name it."""

    target: Target
    login: Login
    spec: DownloadSpec
    shown: str


class FtpOpening:
    """See `ports.Opening`."""

    def __init__(self, resource: Resource, retrieval: Retrieval) -> None:
        self.resource = resource
        self.delays: Delays | None = None
        self._retrieval = retrieval

    async def pour(self, outlet: Outlet) -> None:
        """See `ports.Opening`."""
        await self._retrieval.pour(outlet)

    async def close(self) -> None:
        """See `ports.Opening`."""
        self._retrieval.close()


class FtpSource:
    """See `ports.Source` and `ports.Folders`. Bound to the event loop on which it is first used."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pool = Pool()
        self._manners: defaultdict[Login, Manners] = defaultdict(Manners)
        self._retrievals: set[Retrieval] = set()

    async def open(self, uri: str, spec: DownloadSpec) -> FtpOpening:
        """See `ports.Source`. The server is also asked whether it takes a place to begin at."""
        wanted = _wanted(uri, spec)
        if wanted.target.is_folder:
            raise Refused(f"{wanted.shown} is a folder: write -r to fetch what is in it", uri=wanted.shown)
        try:
            async with _within(wanted):
                return await self._opened(uri, wanted)
        except RangeIgnored as error:
            raise Refused(str(error), uri=error.uri) from error

    async def fetch(self, resource: Resource, mirror: Mirror, span: Span, outlet: Outlet, spec: DownloadSpec) -> None:
        """See `ports.Source`. The version is compared before the first byte, the size also after the last one."""
        wanted = _wanted(mirror.uri, spec)
        offset = 0 if spec.range is None else spec.range.start
        absolute = Span(span.start + offset, span.stop if span.stop == UNBOUNDED else span.stop + offset)
        if absolute.start and not resource.ranged:
            raise RangeIgnored(f"{wanted.shown} can only be had from its beginning", uri=wanted.shown)
        async with _within(wanted):
            control, facts = await self._asked(wanted, resource.validator)
            retrieval = await self._begun(control, wanted, facts, absolute)
        await retrieval.pour(outlet)

    def is_folder(self, uri: str) -> bool:
        """See `ports.Folders`."""
        return parse(uri, tls=False).is_folder

    def child(self, folder: str, entry: Entry) -> str:
        """See `ports.Folders`."""
        return child(folder, entry)

    async def entries(self, uri: str, spec: DownloadSpec) -> AsyncGenerator[Entry]:
        """What the folder at `uri` holds, in the server's order, and nothing of what lies deeper. Raises `TransferError`s.

        Names that are no single component, or that no file can have, are left out.
        """
        from dlm.protocols.ftp.folder import Folder  # its patterns take milliseconds to prepare

        wanted = _wanted(uri, spec)
        async with _within(wanted):
            control = await self._pool.take(wanted.login, spec, wanted.shown)
        try:
            with translated(wanted.shown):
                folder = Folder(control, self._manners[wanted.login], active=spec.ftp_active, now=self._clock.wall())
                # What is left in the middle has to be closed before the connection is given back.
                async with aclosing(folder.entries(wanted.target.path)) as entries:
                    async for entry in entries:
                        yield entry
        finally:
            self._pool.give_back(control)

    async def close(self) -> None:
        """See `ports.Source`."""
        for retrieval in list(self._retrievals):
            retrieval.close()
        await self._pool.close()

    # -----------------------------------------------------------------------------------------------------------------

    async def _opened(self, uri: str, wanted: Wanted) -> FtpOpening:
        manners, part = self._manners[wanted.login], wanted.spec.range
        control, facts = await self._asked(wanted)
        try:
            if manners.ranges is None:
                with translated(wanted.shown):
                    manners.ranges = (await control.command("REST 0")).code == 350
            if part is not None and facts.size is None:
                raise Refused(f"{wanted.shown} cannot be had in parts: the server does not tell its size", uri=wanted.shown)
        except BaseException:
            self._pool.give_back(control)
            raise
        retrieval = await self._begun(control, wanted, facts, part or Span(0, UNBOUNDED))
        resource = Resource(
            mirrors=(Mirror(uri),),
            parts=(Part(wanted.target.name, size=retrieval.remaining, modified=facts.modified_at),),
            validator=facts.validator,
            ranged=manners.ranges and facts.size is not None,
        )
        return FtpOpening(resource, retrieval)

    async def _asked(self, wanted: Wanted, expected: Validator | None = None) -> tuple[Control, Facts]:
        """A connection, and what the server says there of the file: another version than `expected` is an error.

        A connection that was kept may have died meanwhile, so it is no failure if it has.
        """
        path = wanted.target.path
        while True:
            control = await self._pool.take(wanted.login, wanted.spec, wanted.shown)
            try:
                with translated(wanted.shown):
                    await control.speak_of(path)
                    facts = await facts_of(control, path)
                if expected is not None and expected.contradicts(facts.validator):
                    sentence = f"{wanted.shown} has changed on the server since the download began"
                    raise ResourceChanged(sentence, uri=wanted.shown)
            except (Unreachable, ServerBusy):
                self._pool.give_back(control)
                if not control.used:
                    raise
            except BaseException:
                self._pool.give_back(control)
                raise
            else:
                return control, facts

    async def _begun(self, control: Control, wanted: Wanted, facts: Facts, span: Span) -> Retrieval:
        """Have the server send the file from `span.start` on. The connection is given back with the retrieval, or now."""
        path, manners, shown = wanted.target.path, self._manners[wanted.login], wanted.shown
        start, size = span.start, facts.size
        try:
            if start and size is None:
                raise RangeIgnored(f"{shown} can only be had from its beginning: its size is not told", uri=shown)
            if start and size is not None and start >= size:
                raise Refused(f"{shown} has no bytes from {start} on: it has {size}", uri=shown)
            with translated(shown):
                if start and size is not None and not manners.proven:
                    await prove_ranges(control, path, size, manners)
                begun = await begin(control, "RETR", path, manners, start=start, active=wanted.spec.ftp_active)
            announced = announced_size(begun.reply)
            total = announced if size is None else size
            stop = None if total is None else min(span.stop, total)
            retrieval = Retrieval(control, begun, start=start, stop=stop, total=total, release=self._release)
        except BaseException:
            self._pool.give_back(control)
            raise
        self._retrievals.add(retrieval)
        try:
            judge_announced(announced, facts, start, shown)
        except BaseException:
            retrieval.close()
            raise
        return retrieval

    def _release(self, retrieval: Retrieval) -> None:
        self._retrievals.discard(retrieval)
        self._pool.give_back(retrieval.control)


def _wanted(uri: str, spec: DownloadSpec) -> Wanted:
    target = parse(uri, tls=spec.ftp_tls)
    return Wanted(target, login_of(target, spec), spec, without_credentials(uri))


@asynccontextmanager
async def _within(wanted: Wanted) -> AsyncIterator[None]:
    """All that comes before the first byte, within twice the time-out: each reply may take the whole of that."""
    limit = 2 * wanted.spec.timeout
    try:
        async with asyncio.timeout(limit):
            yield
    except TimeoutError as error:
        raise TimedOut(f"{wanted.shown} did not answer within {limit:g} s", uri=wanted.shown) from error
