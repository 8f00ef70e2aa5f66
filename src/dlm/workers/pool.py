"""WorkerPool: `ports.Worker` in child processes.

Why processes: libcurl's callback needs the interpreter for each 16 KiB. What else runs in the same interpreter, such as the
API, slows a transfer down to a hundredth; and a transfer that crashes would take everything else with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dlm.model.address import host_of
from dlm.model.download import DownloadId
from dlm.model.error import Conflict, InvalidRequest, WorkerLost
from dlm.model.message import Progressed, Start
from dlm.model.queue import CarrierView, Rates
from dlm.ports import Clock, Reporter
from dlm.workers.dealing import Stream, is_noticeable, portions
from dlm.workers.member import Member
from dlm.workers.placement import NEW, placement
from dlm.workers.process import Spawn, spawn_child

IDLE = 60.0
"""Seconds after which a child without work is let go."""
DEALING = 0.2
"""Seconds between two dealings, while a limit has to be shared; samples of progress come as often."""


@dataclass(slots=True)
class Carried:
    """A download under way."""

    member: Member
    hosts: frozenset[str]
    sample: Progressed | None = None


class WorkerPool:
    """At most `most` children, started when they are needed. Belongs to one event loop."""

    def __init__(self, most: int, clock: Clock, spawn: Spawn = spawn_child) -> None:
        self._most = most
        self._clock = clock
        self._spawn = spawn
        self._members: list[Member] = []
        self._carried: dict[DownloadId, Carried] = {}
        self._retiring: dict[Member, asyncio.Task[None]] = {}
        self._rates = Rates()
        self._own: Mapping[DownloadId, int | None] = {}
        self._dealing: asyncio.Task[None] | None = None
        self._closed = False

    # carrying ----------------------------------------------------------------------------------------------------------

    async def carry(self, start: Start, reporter: Reporter) -> None:
        """See `ports.Worker`. Raises `InvalidRequest` for what goes to standard output, which no child has."""
        id, spec = start.download.id, start.download.spec
        if spec.streams_out:
            raise InvalidRequest("what goes to standard output is not carried by another process")
        if self._closed:
            raise WorkerLost("the processes that carry downloads have been ended")
        if id in self._carried:
            raise Conflict(f"download {id} is being carried already")
        member = self._place()
        self._carried[id] = Carried(member, frozenset(map(host_of, spec.uris)))
        try:
            self._deal()
            await member.carry(start, reporter)
        finally:
            del self._carried[id]
            self._deal()
            if member.living and member not in {carried.member for carried in self._carried.values()}:
                self._retiring[member] = asyncio.ensure_future(self._retire(member))

    def _place(self) -> Member:
        living = [member for member in self._members if member.living]
        chosen = placement([member.burden for member in living], self._most)
        if chosen == NEW:
            member = Member(self._spawn, self._clock, self._sampled, self._gone)
            self._members.append(member)
            return member
        member = living[chosen]
        if (retiring := self._retiring.pop(member, None)) is not None:
            retiring.cancel()
        return member

    async def _retire(self, member: Member) -> None:
        await self._clock.sleep(IDLE)
        del self._retiring[member]
        await member.end()

    def _gone(self, member: Member) -> None:
        self._members.remove(member)
        if (retiring := self._retiring.pop(member, None)) is not None:
            retiring.cancel()

    def offer(self, id: DownloadId, uris: Sequence[str]) -> None:
        """See `ports.Worker`."""
        carried = self._carried.get(id)
        if carried is not None:
            carried.hosts |= set(map(host_of, uris))
            carried.member.offer(id, uris)

    # limits ------------------------------------------------------------------------------------------------------------

    def limit(self, rates: Rates, downloads: Mapping[DownloadId, int | None]) -> None:
        """See `ports.Worker`. The rates hold for all children together."""
        self._rates, self._own = rates, dict(downloads)
        self._deal(changed=True)

    def _deal(self, *, changed: bool = False) -> None:
        """Give every child that works its portion, and go on doing so while that may have to change."""
        working = dict.fromkeys(carried.member for carried in self._carried.values())
        numbers = {member: number for number, member in enumerate(working)}
        streams = [_stream(numbers[carried.member], carried) for carried in self._carried.values()]
        dealt = portions(self._rates, streams)
        for member, number in numbers.items():
            own = {id: self._own[id] for id, carried in self._carried.items() if carried.member is member and id in self._own}
            if changed or own != member.told.downloads or is_noticeable(member.told.rates, dealt[number]):
                member.limit(dealt[number], own)
        shared = len(working) > 1 and (self._rates.total is not None or self._rates.hosts)
        if not shared and self._dealing is not None:
            self._dealing.cancel()
            self._dealing = None
        elif shared and self._dealing is None:
            self._dealing = asyncio.ensure_future(self._deal_again())

    async def _deal_again(self) -> None:
        while True:
            await self._clock.sleep(DEALING)
            self._deal()

    def _sampled(self, progress: Progressed) -> None:
        self._carried[progress.id].sample = progress

    # all of them -------------------------------------------------------------------------------------------------------

    @property
    def carriers(self) -> int:
        """See `ports.Worker`."""
        return sum(member.living for member in self._members)

    @property
    def crew(self) -> tuple[CarrierView, ...]:
        """See `ports.Worker`."""
        living = [member for member in self._members if member.living]
        return tuple(CarrierView(each.pid, each.burden.active, round(each.burden.busy, 3)) for each in living)

    async def close(self) -> None:
        """See `ports.Worker`. What is still being carried is stopped cleanly, and raises `WorkerLost`."""
        self._closed = True
        for task in (*self._retiring.values(), *filter(None, [self._dealing])):
            task.cancel()
        await asyncio.gather(*(member.end() for member in self._members))


def _stream(number: int, carried: Carried) -> Stream:
    sample = carried.sample
    if sample is None:
        return Stream(number, carried.hosts)
    return Stream(number, carried.hosts, sample.instantaneous_speed, sample.limited, known=True)
