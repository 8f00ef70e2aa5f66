"""The in-memory twin of the durable Queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dlm.model.download import Download, DownloadId
from dlm.model.error import Conflict
from dlm.model.phase import Cause, Order, Phase
from dlm.model.queue import Candidate, Ordered, Rates, Roused, Selection, Standing
from dlm.model.rank import Lane
from dlm.ports import HostPolicy
from dlm.storage import changes, orders
from dlm.storage.changes import Move
from dlm.storage.line import NEXT_AHEAD, not_in_line, rearranged, standpoint
from dlm.storage.lots import chosen_lots, host_of_lot, lot_of
from dlm.storage.memory_records import Records


class MemoryQueue:
    """`dlm.ports.Queue` in dictionaries, for one event loop."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def candidates(self, each: int, most: int) -> list[Candidate]:
        line = [download for _, download in self._records.line()]
        lots: dict[str, list[Download]] = {}
        for download in line:
            lots.setdefault(lot_of(download.host, download.group), []).append(download)
        chosen = list(lots) if len(lots) <= most else _lots_among_many(list(lots), most)
        found = {one.id: one for lot in chosen for one in [*lots[lot][:each], min(lots[lot], key=self._age)]}
        if line:
            longest = min(line, key=self._age)
            found.setdefault(longest.id, longest)
        return [self._candidate(download) for download in found.values()]

    async def rouse(self, now: float, *, online: bool) -> Roused:
        waiting = [each for each in self._records.downloads.values() if each.phase is Phase.WAITING]
        moves: list[Move] = []
        for download in waiting:
            if online if download.due is None else download.due <= now:
                moves += self._records.record([changes.advanced(download, Cause.DUE, now)])
        later = [each.due for each in waiting if each.due is not None and each.due > now]
        return Roused(tuple(moves), min(later, default=None))

    async def held(self, owner: str) -> list[Download]:
        return [each for each in self._records.downloads.values() if each.owner == owner]

    async def owners(self) -> list[str]:
        return sorted({each.owner for each in self._records.downloads.values() if each.owner is not None})

    async def abandon(self, owner: str, now: float, detail: str) -> list[Move]:
        moves: list[Move] = []
        for download in await self.held(owner):
            moves += self._records.record(changes.abandoned(download, now, detail))
        return moves

    async def order(self, ids: Sequence[DownloadId], order: Order, now: float, *, lane: Lane | None = None) -> list[Ordered]:
        answers: list[Ordered] = []
        for id in ids:
            if id not in self._records.downloads:
                continue
            answer = orders.ordered(self._records.downloads[id], order, now, lane)
            self._records.downloads[id] = answer.download
            if answer.transition is not None:
                ((download, transition),) = self._records.record([(answer.download, answer.transition)])
                answer = Ordered(download, transition)
            answers.append(answer)
        return answers

    async def select(self, selection: Selection) -> list[DownloadId]:
        if selection.references:
            return list(dict.fromkeys(map(self._records.identify, selection.references)))
        return [
            each.id
            for each in self._records.downloads.values()
            if (selection.phases is None or each.phase in selection.phases)
            and (selection.group is None or each.group == selection.group)
        ]

    async def move(self, id: DownloadId, position: int) -> Standing:
        mover = self._records.get(id)
        line = self._records.line()
        rest = [point for point, download in line if download.id != id]
        if len(rest) == len(line):
            raise Conflict(not_in_line(mover))
        ahead, behind = rest[: max(position, 1) - 1], rest[max(position, 1) - 1 :]
        plan = rearranged(standpoint(mover, self._records.seqs[id]), ahead, behind[0] if behind else None)
        ids = {point.seq: download.id for point, download in line}
        for seq, given in plan.others:
            self._records.downloads[ids[seq]] = replace(self._records.downloads[ids[seq]], position=given)
        moved = plan.moved
        self._records.downloads[id] = replace(mover, lane=moved.lane, priority=moved.priority, position=moved.position)
        return self._stand([download.id for _, download in self._records.line()], id)

    async def standing(self, id: DownloadId) -> Standing | None:
        line = [download.id for _, download in self._records.line()]
        return self._stand(line, id) if id in line else None

    async def counts(self) -> dict[Phase, int]:
        phases = [each.phase for each in self._records.downloads.values()]
        return {phase: phases.count(phase) for phase in Phase if phase in phases}

    async def rates(self) -> Rates:
        rates = dict(self._records.rates)
        return Rates(rates.pop("", None), rates)

    async def set_rate(self, host: str | None, rate: int | None) -> Rates:
        if rate is None:
            self._records.rates.pop(host or "", None)
        else:
            self._records.rates[host or ""] = rate
        return await self.rates()

    async def host_policy(self, host: str) -> HostPolicy | None:
        return self._records.policies.get(host)

    async def host_policies(self, hosts: Sequence[str]) -> dict[str, HostPolicy]:
        return {host: self._records.policies[host] for host in hosts if host in self._records.policies}

    async def learn(self, policy: HostPolicy) -> None:
        self._records.policies[policy.host] = policy

    def _age(self, download: Download) -> tuple[float, int]:
        return download.ready, self._records.seqs[download.id]

    def _candidate(self, download: Download) -> Candidate:
        return Candidate(
            id=download.id,
            seq=self._records.seqs[download.id],
            host=download.host,
            lane=download.lane,
            priority=download.priority,
            ready=download.ready,
            position=download.position,
            group=download.group,
        )

    @staticmethod
    def _stand(line: list[DownloadId], id: DownloadId) -> Standing:
        place = line.index(id)
        return Standing(place + 1, len(line), tuple(reversed(line[max(0, place - NEXT_AHEAD) : place])))


def _lots_among_many(line: list[str], most: int) -> list[str]:
    """`line` is all lots in the order in which they first stand in the line."""
    first = line[:most]
    seen = {host_of_lot(lot) for lot in first}
    hosts = list(dict.fromkeys(map(host_of_lot, line)))[:most]
    unseen = [min(lot for lot in line if host_of_lot(lot) == host) for host in hosts if host not in seen]
    return chosen_lots(first, unseen, most)
