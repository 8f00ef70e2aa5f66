"""Places: who of a foreground run is carried when.

a few have places, for as long as they take            in the order in which they were asked for
folders are listed beside them                         what they hold joins the others
small files are fetched beside them, many at once      as the Crowd allows; what is not small waits for a place
a host that asks for peace has it                      others go on meanwhile
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from functools import partial

from dlm.model.download import Download, DownloadId
from dlm.model.error import DlmError, ServerBusy
from dlm.model.phase import Phase
from dlm.policy.crowd import MOST, SMALL, Crowd
from dlm.policy.host import remembered_ceiling
from dlm.ports import Outcome
from dlm.service.carrier import Carrier
from dlm.service.means import PLACES, Means

PEACE = 1.0
"""Seconds for which a host is left in peace that refuses and does not say for how long."""


class Places:
    """One run of claimed downloads. With `jobs`, never more than so many are under way; without, small ones go beside."""

    def __init__(self, means: Means, carrier: Carrier, downloads: Sequence[Download], jobs: int | None) -> None:
        self._means = means
        self._carrier = carrier
        self._places = jobs or PLACES
        self._folders = deque(each for each in downloads if each.spec.recursive is not None)
        self._crowds = jobs is None and (bool(self._folders) or len(downloads) > self._places)
        self._crowd = Crowd()
        self._waiting = deque(each for each in downloads if each.spec.recursive is None)
        self._heavy: deque[Download] = deque()
        """What is known to need a place, before all others."""
        self._pieced: set[DownloadId] = set()
        """What is judged piece by piece, which takes a place."""
        self._taken = 0
        self._listing = 0
        """How many folders are being listed."""
        self._under_way: Counter[str] = Counter()
        """By host, what has a place or is being fetched beside them."""
        self._fetching: dict[DownloadId, str] = {}
        """What is being fetched beside the places, and from where."""
        self._gathered: set[DownloadId] = set()
        """What was fetched beside the places and is being published."""
        self._resting: dict[str, list[Download]] = {}
        self._carrying: set[asyncio.Task[Download]] = set()
        self._ended: dict[DownloadId, Download] = {}
        self._left = len(downloads)
        self._found: list[Outcome] = []
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def carry_all(self) -> dict[DownloadId, Download]:
        """Carry them, and return how each stands when all have ended. Raises what is no error of a download."""
        if self._crowds:
            self._crowd = Crowd(await self._ceilings())
            self._pieced = await self._means.repository.with_pieces([each.id for each in self._waiting])
        self._fill()
        try:
            await self._over
        finally:
            self._over.cancel()
        return self._ended

    @property
    def found(self) -> Sequence[Outcome]:
        """What folders were found to hold, as it came: claimed to be carried, or complete before."""
        return self._found

    def take(self, found: Sequence[Outcome]) -> None:
        """Carry these as well."""
        self._found += found
        claimed = [each.download for each in found if not each.already]
        self._left += len(claimed)
        self._waiting += claimed
        self._fill()

    async def _ceilings(self) -> dict[str, int]:
        """What hosts are known to bear."""
        now = self._means.clock.wall()
        known = await self._means.queue.host_policies(sorted({each.host for each in (*self._folders, *self._waiting)}))
        found = {host: remembered_ceiling(policy.connections, policy.learned, now) for host, policy in known.items()}
        return {host: ceiling for host, ceiling in found.items() if ceiling is not None}

    # who is next -------------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Begin as many as there is room for."""
        if self._left == 0 and not self._over.done():
            self._over.set_result(None)
        while not self._over.done() and self._folders and self._listing < self._places:
            self._list(self._folders.popleft())
        while not self._over.done() and (self._heavy or self._waiting):
            line = self._heavy if self._heavy and self._taken < self._places else self._waiting
            if not line:
                return
            light = line is self._waiting and self._crowds and self._crowd.open and self._is_fresh(line[0])
            if not (self._is_room(line[0].host) if light else self._taken < self._places):
                return
            self._begin(line.popleft(), light=light)

    def _is_fresh(self, download: Download) -> bool:
        """Whether nothing is there of it yet, and nothing else keeps it from the short way."""
        spec = download.spec
        plain = not spec.overwrite and not spec.streams_out and spec.limit_rate is None
        return plain and download.name is None and download.id not in self._pieced

    def _is_room(self, host: str) -> bool:
        return len(self._gathered) < MOST and self._crowd.room(host, self._under_way[host], self._under_way.total())

    def _list(self, download: Download) -> None:
        self._listing += 1
        carrying = asyncio.ensure_future(self._carry(download))
        self._carrying.add(carrying)
        carrying.add_done_callback(partial(self._was_listed, download))

    def _begin(self, download: Download, *, light: bool) -> None:
        light = light and download.id not in self._carrier.withdrawn
        if download.host in self._resting:
            self._resting[download.host].append(download)
            return
        self._under_way[download.host] += 1
        if light:
            self._fetching[download.id] = download.host
            carrying = self._carrier.start(download, gathered=partial(self._was_gathered, download.id))
        else:
            self._taken += 1
            carrying = asyncio.ensure_future(self._carry(download))
        self._carrying.add(carrying)
        carrying.add_done_callback(partial(self._done, download, light))

    async def _carry(self, download: Download) -> Download:
        now = await self._means.repository.get(download.id)
        if now.phase is not Phase.SCHEDULED or now.owner != self._means.owner:
            return now  # paused or cancelled from elsewhere, while it waited for its turn
        return await asyncio.shield(self._carrier.start(now, expanded=self.take))

    def _was_gathered(self, id: DownloadId) -> None:
        host = self._fetching.pop(id, None)
        if host is not None:
            self._under_way[host] -= 1
            self._gathered.add(id)
            self._crowd.was_small(host, self._means.clock.monotonic())
            self._fill()

    # how it ended ------------------------------------------------------------------------------------------------------

    def _done(self, download: Download, light: bool, carrying: asyncio.Task[Download]) -> None:
        self._carrying.discard(carrying)
        if not light:
            self._taken -= 1
        if not light or self._fetching.pop(download.id, None) is not None:
            self._under_way[download.host] -= 1
        counted = download.id in self._gathered
        self._gathered.discard(download.id)
        error = None if carrying.cancelled() else carrying.exception()
        if light and isinstance(error, DlmError):
            self._was_not_small(download, error)
        elif error is not None or carrying.cancelled():
            self._break_off(error)
        else:
            self._settle(download, carrying.result(), counted=counted)
        self._fill()

    def _was_listed(self, download: Download, carrying: asyncio.Task[Download]) -> None:
        self._carrying.discard(carrying)
        self._listing -= 1
        if carrying.cancelled() or carrying.exception() is not None:
            self._break_off(None if carrying.cancelled() else carrying.exception())
        else:
            self._settle(download, carrying.result(), counted=True)
        self._fill()

    def _break_off(self, error: BaseException | None) -> None:
        if self._over.done():
            return
        if error is None:
            self._over.cancel()
        else:
            self._over.set_exception(error)

    def _settle(self, download: Download, ended: Download, *, counted: bool) -> None:
        self._ended[download.id] = ended
        self._left -= 1
        if counted:
            return
        if ended.phase is Phase.COMPLETED and _is_small(ended):
            self._crowd.was_small(download.host, self._means.clock.monotonic())
        elif ended.phase is Phase.COMPLETED:
            self._crowd.was_large()

    def _was_not_small(self, download: Download, error: DlmError) -> None:
        if isinstance(error, ServerBusy):
            self._crowd.was_refused(download.host, self._under_way[download.host])
            self._leave_in_peace(download.host, error.retry_after or PEACE)
        else:
            self._crowd.was_large()
        self._heavy.append(download)

    def _leave_in_peace(self, host: str, seconds: float) -> None:
        if host not in self._resting:
            self._resting[host] = []
            asyncio.get_running_loop().call_later(seconds, self._go_on, host)

    def _go_on(self, host: str) -> None:
        self._waiting.extendleft(reversed(self._resting.pop(host)))
        self._fill()


def _is_small(download: Download) -> bool:
    return download.size is not None and download.size <= SMALL
