"""The durable Queue: what the scheduler asks of the same SQLite file, by index, one transaction a call."""

from __future__ import annotations

import json
from collections.abc import Sequence

from dlm.model.download import Download, DownloadId
from dlm.model.error import Conflict
from dlm.model.phase import Cause, Order, Phase
from dlm.model.queue import Candidate, Ordered, Rates, Roused, Selection, Standing
from dlm.model.rank import Lane
from dlm.ports import HostPolicy
from dlm.storage import access, changes, orders, rows
from dlm.storage.changes import Move
from dlm.storage.database import Statements
from dlm.storage.encoding import decode_text, encode_text
from dlm.storage.line import NEXT_AHEAD, not_in_line, rearranged
from dlm.storage.lots import chosen_lots, host_of_lot
from dlm.storage.state_thread import StateThread


class SqliteQueue:
    """`dlm.ports.Queue` on one SQLite file."""

    def __init__(self, thread: StateThread) -> None:
        self._thread = thread

    async def candidates(self, each: int, most: int) -> list[Candidate]:
        return await self._thread.read(lambda statements: _candidates(statements, each, most))

    async def rouse(self, now: float, *, online: bool) -> Roused:
        wanted = {"now": now, "online": online}

        def look(statements: Statements) -> Roused | None:
            found = statements.one("is_any_due", **wanted)
            return None if found is None or found["found"] else Roused((), _next_due(statements, now))

        def work(statements: Statements) -> Roused:
            moves: list[Move] = []
            for row in statements.all("due_downloads", **wanted):
                moves += access.record(statements, [changes.advanced(rows.download_of(row), Cause.DUE, now)])
            return Roused(tuple(moves), _next_due(statements, now))

        # Nothing is due at most looks, and a look takes no lock.
        idle = await self._thread.read(look)
        return idle if idle is not None else await self._thread.write(work)

    async def held(self, owner: str) -> list[Download]:
        return await self._thread.read(lambda statements: _held(statements, owner))

    async def owners(self) -> list[str]:
        found = await self._thread.read(lambda statements: statements.all("owners"))
        return [decode_text(row["owner"]) or "" for row in found]

    async def abandon(self, owner: str, now: float, detail: str) -> list[Move]:
        def work(statements: Statements) -> list[Move]:
            moves: list[Move] = []
            for download in _held(statements, owner):
                moves += access.record(statements, changes.abandoned(download, now, detail))
            return moves

        return await self._thread.write(work)

    async def order(self, ids: Sequence[DownloadId], order: Order, now: float, *, lane: Lane | None = None) -> list[Ordered]:
        def work(statements: Statements) -> list[Ordered]:
            known = (access.seek(statements, id) for id in ids)
            return [_order(statements, each, order, now, lane) for each in known if each is not None]

        return await self._thread.write(work)

    async def select(self, selection: Selection) -> list[DownloadId]:
        return await self._thread.read(lambda statements: _select(statements, selection))

    async def move(self, id: DownloadId, position: int) -> Standing:
        return await self._thread.write(lambda statements: _move(statements, id, position))

    async def standing(self, id: DownloadId) -> Standing | None:
        return await self._thread.read(lambda statements: _standing(statements, id))

    async def counts(self) -> dict[Phase, int]:
        found = await self._thread.read(lambda statements: statements.all("count_phases"))
        return {Phase(row["phase"]): row["number"] for row in found}

    async def rates(self) -> Rates:
        return await self._thread.read(_rates)

    async def set_rate(self, host: str | None, rate: int | None) -> Rates:
        def work(statements: Statements) -> Rates:
            if rate is None:
                statements.run("delete_rate", host=encode_text(host or ""))
            else:
                statements.run("save_rate", host=encode_text(host or ""), rate=rate)
            return _rates(statements)

        return await self._thread.write(work)

    async def host_policy(self, host: str) -> HostPolicy | None:
        return (await self.host_policies([host])).get(host)

    async def host_policies(self, hosts: Sequence[str]) -> dict[str, HostPolicy]:
        def work(statements: Statements) -> dict[str, HostPolicy]:
            found = (statements.one("get_host", host=encode_text(host)) for host in hosts)
            policies = [rows.policy_of(row) for row in found if row is not None]
            return {policy.host: policy for policy in policies}

        return await self._thread.read(work)

    async def learn(self, policy: HostPolicy) -> None:
        await self._thread.write(lambda statements: statements.run("save_host", **rows.policy_columns(policy)))


def _candidates(statements: Statements, each: int, most: int) -> list[Candidate]:
    lots = [row["lot"] for row in statements.all("some_lots", most=most + 1)]
    if len(lots) > most:
        lots = _lots_among_many(statements, most)
    found = {row["seq"]: row for row in statements.all("candidates", lots=json.dumps(lots), each=each)}
    longest = statements.one("longest_ready")
    if longest is not None:
        found.setdefault(longest["seq"], longest)
    return [rows.candidate_of(row) for row in found.values()]


def _lots_among_many(statements: Statements, most: int) -> list[str]:
    lots = [row["lot"] for row in statements.all("first_lots", most=most)]
    hosts = [row["host"] for row in statements.all("first_hosts", most=most)]
    seen = {host_of_lot(lot) for lot in lots}
    unseen = [statements.one("lot_of_host", host=host) for host in hosts if host not in seen]
    return chosen_lots(lots, [row["lot"] for row in unseen if row is not None], most)


def _next_due(statements: Statements, now: float) -> float | None:
    row = statements.one("next_due", now=now)
    return None if row is None else row["due"]


def _held(statements: Statements, owner: str) -> list[Download]:
    return [rows.download_of(row) for row in statements.all("held_downloads", owner=encode_text(owner))]


def _order(statements: Statements, download: Download, order: Order, now: float, lane: Lane | None) -> Ordered:
    answer = orders.ordered(download, order, now, lane)
    if answer.transition is not None:
        ((_, transition),) = access.record(statements, [(answer.download, answer.transition)])
        return Ordered(answer.download, transition)
    if answer.download is not download:
        statements.run("save_life", **rows.life_columns(answer.download))
    return answer


def _select(statements: Statements, selection: Selection) -> list[DownloadId]:
    if selection.references:
        meant = (access.identify(statements, reference) for reference in selection.references)
        return list(dict.fromkeys(meant))
    wanted = frozenset(Phase) if selection.phases is None else selection.phases
    phases = json.dumps(sorted(phase.value for phase in wanted))
    if selection.group is None:
        found = statements.all("ids_in_phases", phases=phases)
    else:
        found = statements.all("ids_in_group", group=encode_text(selection.group), phases=phases)
    return [row["id"] for row in found]


def _move(statements: Statements, id: DownloadId, position: int) -> Standing:
    row = statements.one("standpoint", id=id)
    if row is None:
        raise Conflict(not_in_line(access.get(statements, id)))
    mover, place = rows.standpoint_of(row), max(position, 1)
    found = statements.all("line_without", seq=mover.seq, limit=place)
    line = [rows.standpoint_of(each) for each in found]
    ahead, behind = line[: place - 1], line[place - 1 :]
    plan = rearranged(mover, ahead, behind[0] if behind else None)
    statements.run_each("save_position", [{"seq": seq, "position": given} for seq, given in plan.others])
    statements.run("save_standpoint", **rows.standpoint_columns(plan.moved))
    standing = _standing(statements, id)
    if standing is None:
        raise Conflict(not_in_line(access.get(statements, id)))
    return standing


def _standing(statements: Statements, id: DownloadId) -> Standing | None:
    row = statements.one("standpoint", id=id)
    if row is None:
        return None
    place = {name: row[name] for name in ("lane", "priority", "position", "seq")}
    return Standing(
        position=_count(statements.one("count_ahead", **place)) + 1,
        of=_count(statements.one("count_line")),
        ahead=tuple(each["id"] for each in statements.all("next_ahead", limit=NEXT_AHEAD, **place)),
    )


def _count(row: rows.SqliteRow | None) -> int:
    return 0 if row is None else row["number"]


def _rates(statements: Statements) -> Rates:
    rates = {decode_text(row["host"]) or "": row["rate"] for row in statements.all("all_rates")}
    return Rates(rates.pop("", None), rates)
