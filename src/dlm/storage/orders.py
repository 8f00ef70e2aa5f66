"""What users' orders and edits make of a download. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite

from dlm.model.download import Download, DownloadSpec
from dlm.model.error import InvalidRequest
from dlm.model.phase import ANSWERS, Cause, Intent, Order, Phase
from dlm.model.queue import Change, Ordered
from dlm.model.rank import Lane
from dlm.storage.changes import Move, advanced, demand_free
from dlm.storage.encoding import decode_spec, encode_spec

_WANTED: dict[Order, Intent] = {
    Order.PAUSE: Intent.PAUSE,
    Order.RESUME: Intent.RUN,
    Order.RETRY: Intent.RUN,
    Order.CANCEL: Intent.CANCEL,
}
"""What an order says that the user wants from now on, wherever it is answered."""

_REFUSALS: dict[tuple[Order, Phase], str] = {
    (Order.PAUSE, Phase.COMPLETED): "it is complete: there is nothing to pause",
    (Order.PAUSE, Phase.FAILED): "it has failed and does not run: `dlm retry` tries it again",
    (Order.PAUSE, Phase.CANCELLED): "it was cancelled and does not run: `dlm retry` begins it again",
    (Order.RESUME, Phase.COMPLETED): "it is complete: `dlm retry` fetches it anew",
    (Order.RESUME, Phase.CANCELLED): "it was cancelled: `dlm retry` begins it again",
    (Order.CANCEL, Phase.COMPLETED): "it is complete: `dlm remove` forgets it",
}

_ALWAYS = frozenset({"limit_rate", "retries", "uris"})
"""Fields that may change while a worker holds the download."""

_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(
        ("netrc", "insecure", "overwrite", "resume", "http3", "anonymous", "requester_pays", "ftp_tls", "ftp_active", "follow"),
        (bool,),
    ),
    **dict.fromkeys(("connections", "retries"), (int,)),
    "limit_rate": (int, type(None)),
    "timeout": (int, float),
    "directory": (str,),
    **dict.fromkeys(
        (
            "output",
            "user_agent",
            "referer",
            "cookies",
            "user",
            "bearer",
            "proxy",
            "cacert",
            "cert",
            "key",
            "hostkey",
            "endpoint_url",
            "region",
            "profile",
        ),
        (str, type(None)),
    ),
}
"""What may stand in the plain fields of a spec."""


def ordered(download: Download, order: Order, now: float, lane: Lane | None) -> Ordered:
    """The answer to an order, by the table `ANSWERS`; see `ports.Queue.order`. Its transition is not numbered yet."""
    if (order, download.phase) not in ANSWERS:
        return Ordered(download, refusal=_REFUSALS[order, download.phase])
    answer, transition = ANSWERS[order, download.phase], None
    if isinstance(answer, Cause):
        download, transition = advanced(download, answer, now)
    intent, lane = _WANTED[order], Lane.INTERACTIVE if lane is None else lane
    if download.phase is not Phase.PENDING or intent is not Intent.RUN:
        lane = download.lane
    if (download.intent, download.lane) != (intent, lane):
        download = replace(download, intent=intent, lane=lane)
    return Ordered(download, transition)


def amended(download: Download, change: Change, now: float) -> tuple[Download, Move | None]:
    """The download after an edit, and the step if the edit moves it; see `ports.Repository.amend`."""
    if set(change.fields) - _ALWAYS or change.start_at is not None or change.group is not None:
        demand_free(download, now, "pause it before it is changed")
    changed = replace(
        download,
        spec=_reworded(download.spec, _fields(download.spec, change)),
        priority=download.priority if change.priority is None else change.priority,
        group=download.group if change.group is None else change.group,
    )
    if change.start_at is None:
        move = _roused(changed, now) if changed.spec.uris != download.spec.uris else None
        return (changed, None) if move is None else (move[0], move)
    if not isfinite(change.start_at):
        raise InvalidRequest("the time to start at is no time")
    if changed.phase not in {Phase.PENDING, Phase.WAITING}:
        raise InvalidRequest(
            f"download {changed.id} is {changed.phase.value}, so it cannot be put off: resume or retry it first"
        )
    if changed.phase is Phase.PENDING and change.start_at <= now:
        return changed, None
    move = advanced(changed, Cause.DEFERRED, now, due=change.start_at)
    return move[0], move


def _fields(spec: DownloadSpec, change: Change) -> Mapping[str, object]:
    """The fields of an edit, with the further addresses behind the others, each once."""
    if not change.mirrors:
        return change.fields
    before = change.fields.get("uris", spec.uris)
    if not isinstance(before, tuple):
        raise InvalidRequest(f"{before!r} are not the addresses of a file")
    return {**change.fields, "uris": tuple(dict.fromkeys((*before, *change.mirrors)))}


def _roused(download: Download, now: float) -> Move | None:
    """What other addresses do to what had no luck with the old ones: it is tried again at once."""
    if download.phase is Phase.FAILED:
        return advanced(download, Cause.RETRIED, now)
    if download.phase is Phase.WAITING and download.fault is not None:
        return advanced(download, Cause.RESUMED, now)
    return None


def _reworded(spec: DownloadSpec, fields: Mapping[str, object]) -> DownloadSpec:
    """The spec with other values. Raises `InvalidRequest` for names that it has not and values that it cannot have."""
    if not fields:
        return spec
    for name, value in fields.items():
        kinds = _KINDS.get(name)
        # A switch is a whole number to Python, and no count to anybody else.
        if kinds is not None and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
            raise InvalidRequest(f"{value!r} is not what {name.replace('_', ' ')} can be")
    try:
        changed = replace(spec, **fields).check()  # type: ignore[arg-type]  # names and values are what is checked here
        # What cannot be written down and read again as the same has a shape that no spec has.
        if decode_spec(encode_spec(changed)) == changed:
            return changed
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidRequest(f"a download cannot have {', '.join(sorted(fields))} like that: {error}") from error
    raise InvalidRequest(f"a download cannot have {', '.join(sorted(fields))} like that")
