"""The table of commands: what can be asked, where, by whom. REST, its schema and its help are loops over it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from dlm.api import answers, asks, cursors, events, imports, overview
from dlm.api.command import Asked, Command
from dlm.api.reading import MOST, PAGE, add_request, change_of, lane_of, query_of, selection_of, spec_of
from dlm.api.runtime import RuntimeOut
from dlm.api.scope import Scope
from dlm.api.turns import bit_by_bit
from dlm.model.address import refuse_control
from dlm.model.download import Download
from dlm.model.error import InvalidRequest
from dlm.model.phase import Order, Phase
from dlm.model.queue import Ordered, Selection
from dlm.model.sorting import NEWEST_FIRST, Cursor, SortKey

# --- adding and seeing ------------------------------------------------------------------------------------------------


async def _add(asked: Asked) -> answers.AddedOut:
    (added,) = await asked.downloads.add([add_request(asked.body, asked.house)])
    return answers.AddedOut.of(added)


async def _add_many(asked: Asked) -> answers.BulkOut:
    house = asked.house.for_one_request()
    requests = await bit_by_bit(asked.body.downloads, lambda each: add_request(each, house))
    added = await asked.downloads.add(requests)
    return answers.BulkOut(added=await bit_by_bit(added, answers.AddedOut.of))


async def _import(asked: Asked) -> imports.ImportedOut:
    said: asks.ImportIn = asked.body
    plan = await asyncio.to_thread(imports.planned, said, asked.house, time.time())
    requests = await asyncio.to_thread(imports.requests, plan, asked.house)
    if said.dry_run:
        return imports.ImportedOut.of(plan, requests, None)
    return imports.ImportedOut.of(plan, requests, await asked.downloads.add(requests) if requests else [])


async def _list(asked: Asked) -> answers.PageOut:
    query = query_of(asked.query)
    found = await asked.downloads.list(query)
    samples = await asked.downloads.samples() if any(each.phase is Phase.RUNNING for each in found) else {}
    last = Cursor(found[-1].id, query.sort.mark(found[-1])) if len(found) == query.limit else None
    following = cursors.written(last, query.sort)
    return answers.PageOut(downloads=[answers.DownloadOut.of(each, samples.get(each.id)) for each in found], next=following)


async def _show(asked: Asked) -> answers.StoryOut:
    story = await asked.downloads.show(asked.id)
    samples = await asked.downloads.samples() if story.download.phase is Phase.RUNNING else {}
    return answers.StoryOut.of(story, samples.get(story.download.id))


async def _preview(asked: Asked) -> overview.PreviewOut:
    resource = await asked.downloads.preview(spec_of(asked.body.uris, asked.body, asked.house))
    return overview.PreviewOut.of(resource)


async def _bench(asked: Asked) -> overview.TrialsOut:
    said: asks.BenchIn = asked.body
    spec = spec_of(said.uris, said, asked.house)
    return overview.TrialsOut.of([trial async for trial in asked.downloads.bench(spec, said.counts, said.seconds)])


async def _samples(asked: Asked) -> events.SamplesOut:
    return events.SamplesOut.of((await asked.downloads.samples()).values())


async def _explain(asked: Asked) -> answers.ExplanationOut:
    return answers.ExplanationOut.of(await asked.downloads.explain(asked.id))


async def _standing(asked: Asked) -> answers.StandingOut | None:
    standing = await asked.downloads.standing(asked.id)
    return None if standing is None else answers.StandingOut.told(standing)


async def _verify(asked: Asked) -> answers.VerifiedOut:
    return answers.VerifiedOut.of(await asked.downloads.verify(asked.id))


# --- changing ---------------------------------------------------------------------------------------------------------


def _one(order: Order) -> Callable[[Asked], Awaitable[answers.OrderedOut]]:
    async def run(asked: Asked) -> answers.OrderedOut:
        return answers.OrderedOut.of(_only(await asked.downloads.order(order, Selection(references=(asked.id,)))))

    return run


def _only(ordered: Any) -> Ordered:
    (one,) = ordered
    answer: Ordered = one
    return answer


async def _order(asked: Asked) -> answers.OrdersOut:
    said: asks.OrderIn = asked.body
    ordered = await asked.downloads.order(Order(said.order), selection_of(said), lane=lane_of(said))
    return answers.OrdersOut(ordered=[answers.OrderedOut.of(each) for each in ordered])


async def _remove(asked: Asked) -> answers.OrderedOut:
    wanted = asked.query.get("delete_files", "false")
    if wanted not in {"true", "false"}:
        raise InvalidRequest("delete_files: write true or false")
    selection = Selection(references=(asked.id,))
    return answers.OrderedOut.of(_only(await asked.downloads.remove(selection, delete_files=wanted == "true")))


async def _remove_many(asked: Asked) -> answers.OrdersOut:
    said: asks.RemoveIn = asked.body
    removed = await asked.downloads.remove(selection_of(said), delete_files=said.delete_files)
    return answers.OrdersOut(ordered=[answers.OrderedOut.of(each) for each in removed])


async def _edit(asked: Asked) -> answers.DownloadOut:
    edited: Download = await asked.downloads.edit(asked.id, change_of(asked.body, asked.house))
    return answers.DownloadOut.of(edited)


async def _move(asked: Asked) -> answers.StandingOut:
    return answers.StandingOut.told(await asked.downloads.move(asked.id, asked.body.position))


# --- the whole --------------------------------------------------------------------------------------------------------


async def _queue(asked: Asked) -> overview.QueueOut:
    return overview.QueueOut.of(await asked.downloads.stats())


async def _limits(asked: Asked) -> overview.LimitsOut:
    return overview.LimitsOut.of(await asked.downloads.limits())


async def _limit(asked: Asked) -> overview.LimitsOut:
    refuse_control(asked.body.host or "", "the host")
    return overview.LimitsOut.of(await asked.downloads.limit(asked.body.rate or None, host=asked.body.host))


async def _runtime(asked: Asked) -> RuntimeOut:
    return await asked.runtime.look(asked.downloads)


async def _examine(asked: Asked) -> overview.FindingsOut:
    return overview.FindingsOut.of(await asked.downloads.examine())


async def _settings(asked: Asked) -> overview.SettingsOut:
    return overview.SettingsOut.of(asked.house.settings, asked.house.roots)


_SORTS = ", ".join(f"`{each.value}`" for each in SortKey)
_PAGES = {
    "phase": "phases, with commas between them",
    "directory": "the directory that it goes to",
    "group": "the group that it belongs to",
    "text": "what the name or the address contains",
    "sort": f"{_SORTS}; with `-` before it the other way round; `{NEWEST_FIRST}` unless said otherwise",
    "before": "the `next` of the page before, of the same `sort`; or an id, to begin behind where that one stands now",
    "limit": f"downloads on a page, {PAGE} unless said otherwise, {MOST} at most",
}

COMMANDS: tuple[Command, ...] = (
    Command(
        name="add", method="POST", path="/downloads", scope=Scope.ADD, run=_add, status=201,
        body=asks.AddIn, answer=answers.AddedOut, help="Queue a download.",
    ),
    Command(
        name="add_many", method="POST", path="/downloads/bulk", scope=Scope.ADD, run=_add_many, status=201,
        body=asks.BulkIn, answer=answers.BulkOut, heavy=True, objects=4 * asks.MOST_ADDED,
        help=f"Queue up to {asks.MOST_ADDED} downloads: all, or none.",
    ),
    Command(
        name="import", method="POST", path="/imports", scope=Scope.ADD, run=_import, body=asks.ImportIn, heavy=True,
        answer=imports.ImportedOut, help="Queue what a list names that others have written: all of it, or nothing.",
    ),
    Command(
        name="list", method="GET", path="/downloads", scope=Scope.READ, run=_list,
        query=_PAGES, answer=answers.PageOut, help="Downloads as they stand, sorted, a page at a time.",
    ),
    Command(
        name="show", method="GET", path="/downloads/{id}", scope=Scope.READ, run=_show,
        answer=answers.StoryOut, help="One download, its checkpoint and its story.",
    ),
    Command(
        name="edit", method="PATCH", path="/downloads/{id}", scope=Scope.CONTROL, run=_edit,
        body=asks.ChangeIn, answer=answers.DownloadOut, help="Change what was asked for.",
    ),
    Command(
        name="remove", method="DELETE", path="/downloads/{id}", scope=Scope.CONTROL, run=_remove,
        query={"delete_files": "`true` deletes the finished file as well"},
        answer=answers.OrderedOut, help="Forget a download; its partial file goes with it.",
    ),
    *(
        Command(
            name=order.value, method="POST", path=f"/downloads/{{id}}/{order.value}", scope=Scope.CONTROL, run=_one(order),
            answer=answers.OrderedOut, help=help,
        )
        for order, help in (
            (Order.PAUSE, "Stop a download and keep what has come."),
            (Order.RESUME, "Let a paused download go on."),
            (Order.RETRY, "Try an ended download again."),
            (Order.CANCEL, "Give a download up; its partial file is deleted."),
        )
    ),
    Command(
        name="move", method="POST", path="/downloads/{id}/move", scope=Scope.CONTROL, run=_move,
        body=asks.MoveIn, answer=answers.StandingOut, help="Put a pending download at a place of the queue.",
    ),
    Command(
        name="standing", method="GET", path="/downloads/{id}/standing", scope=Scope.READ, run=_standing,
        answer=answers.StandingOut | None,
        help="Where a pending download stands in the queue; null for any other.",
    ),
    Command(
        name="explain", method="GET", path="/downloads/{id}/explain", scope=Scope.READ, run=_explain,
        answer=answers.ExplanationOut, help="What a download waits for, or is bound by.",
    ),
    Command(
        name="verify", method="POST", path="/downloads/{id}/verify", scope=Scope.CONTROL, run=_verify,
        answer=answers.VerifiedOut, help="Read a finished file again.",
    ),
    Command(
        name="preview", method="POST", path="/preview", scope=Scope.ADD, run=_preview,
        body=asks.PreviewIn, answer=overview.PreviewOut, help="What an address turns out to be. Nothing is added.",
    ),
    Command(
        name="bench", method="POST", path="/bench", scope=Scope.CONTROL, run=_bench,
        body=asks.BenchIn, answer=overview.TrialsOut, help="How many connections pay on a host.",
    ),
    Command(
        name="samples", method="GET", path="/samples", scope=Scope.READ, run=_samples,
        answer=events.SamplesOut, help="The latest sample of everything that moves.",
    ),
    Command(
        name="order", method="POST", path="/orders", scope=Scope.CONTROL, run=_order,
        body=asks.OrderIn, answer=answers.OrdersOut, help="Pause, resume, retry or cancel several.",
    ),
    Command(
        name="remove_many", method="POST", path="/removals", scope=Scope.CONTROL, run=_remove_many,
        body=asks.RemoveIn, answer=answers.OrdersOut, help="Forget several.",
    ),
    Command(
        name="queue", method="GET", path="/queue", scope=Scope.READ, run=_queue,
        answer=overview.QueueOut, help="The queue in numbers.",
    ),
    Command(
        name="limits", method="GET", path="/limits", scope=Scope.READ, run=_limits,
        answer=overview.LimitsOut, help="The rates that are kept.",
    ),
    Command(
        name="limit", method="PUT", path="/limits", scope=Scope.CONTROL, run=_limit,
        body=asks.LimitIn, answer=overview.LimitsOut, help="Limit all together, or one host.",
    ),
    Command(
        name="settings", method="GET", path="/settings", scope=Scope.READ, run=_settings,
        answer=overview.SettingsOut, help="What new downloads are fetched with, and where they may go.",
    ),
    Command(
        name="runtime", method="GET", path="/runtime", scope=Scope.READ, run=_runtime,
        answer=RuntimeOut, help="How the daemon itself is: processes, queue, database, disks, and how late it is.",
    ),
    Command(
        name="examine", method="GET", path="/doctor", scope=Scope.ADMIN, run=_examine,
        answer=overview.FindingsOut, help="Whether everything that dlm relies on is in order.",
    ),
)  # fmt: skip
"""Every command. What is streamed (events) has its own routes."""
