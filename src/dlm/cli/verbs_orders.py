"""`dlm pause`, `resume`, `cancel`, `retry` and `remove`: orders for one download or for many.

Exit codes: a download that was named and could not obey makes it 1, one that does not exist 3. With --all, --status or
--group those that cannot obey are not meant; it is 1 only when all refused.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from dlm.cli.completing import complete_id
from dlm.cli.options import json_option, state_option
from dlm.cli.verbs_queue import ask, phases_of

if TYPE_CHECKING:
    from dlm.cli.replies import Result
    from dlm.model.download import Download, DownloadId
    from dlm.model.phase import Order, Phase
    from dlm.model.queue import Ordered, Selection
    from dlm.ports import Downloads

_MOST_TOLD = 20
_PATIENCE = 2.0  # seconds for workers to let go
_BEAT = 0.05

_ids = click.argument("ids", nargs=-1, metavar="ID...", shell_complete=complete_id)
_status = click.option("--status", "statuses", multiple=True, metavar="STATUS", help="All that stand so; repeatable.")
_group = click.option("--group", metavar="NAME", help="All of this group.")
_now = click.option("--now", is_flag=True, help="Take a slot at once, from another download if need be.")


def _all(help: str) -> Callable[[Any], Any]:
    return click.option("--all", "everything", is_flag=True, help=help)


@click.command("pause")
@_ids
@_all("All that run, wait or are queued.")
@_status
@_group
@state_option
@json_option
@click.pass_context
def pause(context: click.Context, /, **flags: Any) -> int:
    """Stop downloads, and keep what has come.

    dlm resume goes on with them.
    """
    return _ordered(context, "pause", flags)


@click.command("resume")
@_ids
@_all("All that are paused.")
@_status
@_group
@_now
@state_option
@json_option
@click.pass_context
def resume(context: click.Context, /, **flags: Any) -> int:
    """Go on with downloads that are paused, wait or have failed.

    They go before those that were only added.
    """
    return _ordered(context, "resume", flags)


@click.command("cancel")
@_ids
@_all("All that have not ended.")
@_status
@_group
@state_option
@json_option
@click.pass_context
def cancel(context: click.Context, /, **flags: Any) -> int:
    """Give downloads up, and delete their partial files.

    They stay in the list.
    """
    return _ordered(context, "cancel", flags)


@click.command("retry")
@_ids
@_all("All that have failed.")
@_status
@_group
@_now
@state_option
@json_option
@click.pass_context
def retry(context: click.Context, /, **flags: Any) -> int:
    """Try downloads again that have failed or were cancelled.

    Completed ones are fetched anew.
    """
    return _ordered(context, "retry", flags)


@click.command("remove", epilog="Tidy up: dlm remove --status completed")
@_ids
@_all("All there are.")
@_status
@_group
@click.option("--delete-files", is_flag=True, help="Delete finished files too.")
@state_option
@json_option
@click.pass_context
def remove(context: click.Context, /, delete_files: bool, **flags: Any) -> int:
    """Forget downloads, and delete their partial files.

    Finished files stay, unless --delete-files is given.
    """
    from dlm.cli.replies import Result, removed_line

    selection = _selection(context, flags, None)
    answers, missing = ask(
        context, flags, lambda downloads: _each(selection, lambda each: downloads.remove(each, delete_files=delete_files))
    )
    told = [(each, Result.DONE if each.refusal is None else Result.REFUSED, each.download) for each in answers]
    if flags["as_json"]:
        _write_json(told, missing, "removed")
    else:
        _write_removed([removed_line(each.download, deleted=delete_files) for each in answers if each.refusal is None])
        _write_refusals(told, missing)
    return _code(flags, [result for _, result, _ in told], missing)


def _ordered(context: click.Context, word: str, flags: dict[str, Any]) -> int:
    from dlm.model.phase import Order
    from dlm.model.rank import Lane

    order = Order(word)
    selection = _selection(context, flags, _meant(order))
    lane = Lane.NOW if flags.get("now") else None

    async def obeyed(downloads: Downloads) -> tuple[list[Ordered], dict[str, str], dict[DownloadId, Download]]:
        answers, missing = await _each(selection, lambda each: downloads.order(order, each, lane=lane))
        return answers, missing, await _awaited(downloads, answers)

    answers, missing, later = ask(context, flags, obeyed)
    _report(order, flags, answers, missing, later)
    from dlm.cli.replies import result_of

    results = [result_of(order, each, later.get(each.download.id, each.download)) for each in answers]
    return _code(flags, results, missing)


def _meant(order: Order) -> frozenset[Phase]:
    """What --all and --group stand for. What waits for its time is not resumed before it unless it is named."""
    from dlm.model.phase import CLAIMED_PHASES, FINAL_PHASES, Order, Phase

    match order:
        case Order.PAUSE:
            return CLAIMED_PHASES | {Phase.PENDING, Phase.WAITING}
        case Order.RESUME:
            return frozenset({Phase.PAUSED})
        case Order.CANCEL:
            return frozenset(Phase) - FINAL_PHASES
        case Order.RETRY:
            return frozenset({Phase.FAILED})


def _selection(context: click.Context, flags: dict[str, Any], meant: frozenset[Phase] | None) -> Selection:
    from dlm.model.queue import Selection

    by_filter = flags["everything"] or flags["statuses"] or flags["group"] is not None
    if bool(flags["ids"]) == bool(by_filter):
        verb = context.info_name
        problem = "ids and --all, --status or --group exclude each other" if by_filter else "it is not said which"
        raise click.UsageError(f"{problem}: write dlm {verb} ID, or dlm {verb} --all", context)
    if flags["ids"]:
        return Selection(references=tuple(dict.fromkeys(flags["ids"])))
    return Selection(phases=phases_of(context, flags["statuses"]) or meant, group=flags["group"])


async def _each(
    selection: Selection, order: Callable[[Selection], Awaitable[Sequence[Ordered]]]
) -> tuple[list[Ordered], dict[str, str]]:
    """The answers, and a sentence for each reference that no download has: the others are not to suffer from it."""
    from dlm.model.error import DownloadNotFound
    from dlm.model.queue import Selection

    try:
        return list(await order(selection)), {}
    except DownloadNotFound as error:
        if len(selection.references) < 2:
            return [], {selection.references[0]: str(error)}
    answers: list[Ordered] = []
    missing: dict[str, str] = {}
    for reference in selection.references:
        try:
            answers += await order(Selection(references=(reference,)))
        except DownloadNotFound as error:
            missing[reference] = str(error)
    return answers, missing


async def _awaited(downloads: Downloads, answers: Sequence[Ordered]) -> dict[DownloadId, Download]:
    """What was left to its worker to do, as it stands when that is done, or after a while."""
    import asyncio
    from time import monotonic

    from dlm.model.phase import CLAIMED_PHASES, Intent
    from dlm.model.query import DownloadQuery

    held = {
        each.download.id: each.download
        for each in answers
        if each.download.phase in CLAIMED_PHASES and each.download.intent is not Intent.RUN and each.refusal is None
    }
    waiting = set(held)
    query = DownloadQuery(phases=CLAIMED_PHASES, limit=100_000)
    deadline = monotonic() + _PATIENCE
    while waiting:
        still = {download.id for download in await downloads.list(query)}
        for id in waiting - still:
            held[id] = (await downloads.show(id)).download
        waiting &= still
        if monotonic() >= deadline:
            break
        await asyncio.sleep(_BEAT if waiting else 0)
    return held


def _report(
    order: Order,
    flags: dict[str, Any],
    answers: Sequence[Ordered],
    missing: Mapping[str, str],
    later: dict[DownloadId, Download],
) -> None:
    from dlm.cli.faces import write_text
    from dlm.cli.replies import Result, ordered_count, ordered_line, result_of

    nows = [later.get(each.download.id, each.download) for each in answers]
    told = [(each, result_of(order, each, now), now) for each, now in zip(answers, nows, strict=True)]
    if flags["as_json"]:
        _write_json(told, missing, None)
        return
    if not flags["ids"] and not told:
        write_text(sys.stdout, f"Nothing to {order.value}.\n")
    elif len(told) > _MOST_TOLD:
        write_text(sys.stdout, ordered_count(order, [result for _, result, _ in told]) + "\n")
    else:
        lines = [ordered_line(order, result, each, now) for each, result, now in told if result is not Result.REFUSED]
        write_text(sys.stdout, "".join(text + "\n" for text in lines))
    _write_refusals(told if flags["ids"] else (), missing)


def _write_removed(lines: Sequence[str]) -> None:
    from dlm.cli.faces import write_text

    shown = lines if len(lines) <= _MOST_TOLD else [f"Removed {len(lines):,} downloads."]
    write_text(sys.stdout, "".join(text + "\n" for text in shown))


def _write_refusals(told: Sequence[tuple[Ordered, Result, Download]], missing: Mapping[str, str]) -> None:
    from dlm.cli.replies import Result, titled
    from dlm.model.text import printable

    for each, result, now in told:
        if result is Result.REFUSED:
            sentence = each.refusal or f"it is {now.phase.value} by now"
            sys.stderr.write(f"dlm: {titled(now)}: {printable(sentence)}\n")
    for sentence in missing.values():
        sys.stderr.write(f"dlm: {printable(sentence)}\n")


def _write_json(told: Sequence[tuple[Ordered, Result, Download]], missing: Mapping[str, str], member: str | None) -> None:
    from dlm.cli.facts import download_facts, json_line
    from dlm.cli.replies import Result

    for each, result, now in told:
        outcome = {"result": result.name.lower()} if member is None else {member: result is Result.DONE}
        refusal = {"refusal": each.refusal} if each.refusal else {}
        sys.stdout.write(json_line({**outcome, **refusal, **download_facts(now)}))
    for reference, sentence in missing.items():
        outcome = {"result": "not_found"} if member is None else {member: False}
        sys.stdout.write(
            json_line({**outcome, "download_id": reference, "error": {"kind": "DownloadNotFound", "message": sentence}})
        )


def _code(flags: dict[str, Any], results: Sequence[Result], missing: Mapping[str, str]) -> int:
    from dlm.cli.replies import Result
    from dlm.model.error import ExitCode

    if missing:
        return ExitCode.NOT_FOUND
    refused = [result is Result.REFUSED for result in results]
    failed = any(refused) if flags["ids"] else bool(refused) and all(refused)
    return ExitCode.FAILED if failed else ExitCode.DONE
