"""Downloads as JSON: what every verb's `--json` prints. No secret leaves here."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from dlm.model.address import without_credentials
from dlm.model.download import Checkpoint, Download, DownloadSpec, redacted
from dlm.model.error import ExitCode
from dlm.model.message import Progressed
from dlm.model.phase import FINAL_PHASES, Cause, Phase, status
from dlm.model.recursion import Recursion
from dlm.ports import Story

REASONS: dict[Cause, tuple[str, str]] = {
    Cause.CLAIMED: ("queue", "it was given a slot"),
    Cause.STARTED: ("worker", "the transfer began"),
    Cause.TRANSFERRED: ("worker", "every byte is there and checked"),
    Cause.PUBLISHED: ("worker", "the file has its name"),
    Cause.DEFERRED: ("user", "it is not to start before a time"),
    Cause.BACKED_OFF: ("queue", "it failed, and is tried again later"),
    Cause.DISCONNECTED: ("queue", "this machine lost its network"),
    Cause.DUE: ("queue", "its time has come"),
    Cause.PREEMPTED: ("queue", "it gave up its slot"),
    Cause.HALTED: ("user", "a pause was asked for"),
    Cause.RESUMED: ("user", "it was told to go on"),
    Cause.CANCELLED: ("user", "it was given up"),
    Cause.ERRED: ("worker", "it failed for good"),
    Cause.RETRIED: ("user", "another try was asked for"),
    Cause.YIELDED: ("queue", "its process let go of it"),
}
"""Who brings a transition about, and what it means."""

_REASONS_OF_FOLDERS: dict[Cause, tuple[str, str]] = {
    Cause.STARTED: ("worker", "the listing began"),
    Cause.TRANSFERRED: ("worker", "all of it is listed"),
    Cause.PUBLISHED: ("worker", "its files are downloads of their own"),
}


def reason(download: Download, cause: Cause) -> tuple[str, str]:
    """Who brought a transition of this download about, and what it means."""
    return (_REASONS_OF_FOLDERS if download.stands_for_others else {}).get(cause) or REASONS[cause]


def json_line(facts: object) -> str:
    """One line of ASCII JSON with its line break; numbers that JSON lacks (NaN, infinities) must not be in it."""
    return json.dumps(facts, allow_nan=False, ensure_ascii=True) + "\n"


def result_code(download: Download) -> int:
    """The exit code that this download alone would give."""
    if download.phase is Phase.COMPLETED:
        return ExitCode.DONE
    if download.fault is not None:
        return download.fault.code
    return ExitCode.FAILED if download.phase in FINAL_PHASES else ExitCode.INTERRUPTED


def error_facts(download: Download) -> dict[str, Any]:
    """`{"error": {kind, message}}`, or nothing."""
    fault = download.fault
    return {} if fault is None else {"error": {"kind": fault.kind, "message": fault.message}}


def download_facts(download: Download, sample: Progressed | None = None) -> dict[str, Any]:
    """What `list` tells; with a live sample, what moves too. Times are in seconds since the epoch."""
    return {
        "download_id": download.id,
        "status": status(download.phase, download.intent),
        "uri": download.uri,
        "name": download.name,
        "size": download.size,
        "downloaded": sample.downloaded if sample else download.downloaded,
        "speed": round(sample.smoothed_speed, 1) if sample else None,
        "priority": download.priority.name.lower(),
        "lane": download.lane.name.lower(),
        "group": download.group,
        "due": download.due,
        "attempts": download.attempts,
        "directory": download.spec.directory,
        "path": download.path,
        "verification": download.verified.how.value if download.verified else None,
        "verified_by": download.verified.by if download.verified else None,
        "added": download.added,
        "finished": download.finished,
        **error_facts(download),
    }


def story_facts(story: Story) -> dict[str, Any]:
    """What `show` tells: the download, what was asked for, the checkpoint, the transitions in order."""
    return {
        **download_facts(story.download),
        "spec": spec_facts(story.download.spec),
        "checkpoint": checkpoint_facts(story.checkpoint) if story.checkpoint else None,
        "transitions": [
            {
                "seq": step.seq,
                "at": step.at,
                "by": reason(story.download, step.cause)[0],
                "sentence": reason(story.download, step.cause)[1],
                "from": step.origin.value,
                "to": step.target.value,
                "cause": step.cause.value,
                "detail": step.detail,
            }
            for step in story.transitions
        ],
    }


def spec_facts(spec: DownloadSpec) -> dict[str, Any]:
    """Every field of the spec, secrets made unreadable."""
    safe = redacted(spec)
    values = {field.name: getattr(safe, field.name) for field in fields(safe)}
    values["checksum"] = None if safe.checksum is None else str(safe.checksum)
    values["range"] = None if safe.range is None else f"{safe.range.start}-{safe.range.stop - 1}"
    values["headers"] = [name for name, _ in safe.headers]
    values["recursive"] = None if safe.recursive is None else recursion_facts(safe.recursive)
    values["referer"] = None if safe.referer is None else without_credentials(safe.referer)
    return values


def recursion_facts(recursion: Recursion) -> dict[str, Any]:
    """How much of a folder is wanted."""
    return {
        "depth": recursion.depth,
        "include": list(recursion.include),
        "exclude": list(recursion.exclude),
        "newer": recursion.newer,
    }


def checkpoint_facts(checkpoint: Checkpoint) -> dict[str, Any]:
    """What is on stable storage, and under which validator."""
    resource = checkpoint.resource
    return {
        "part_file": f"{checkpoint.place.directory}/{checkpoint.place.part}",
        "downloaded": checkpoint.downloaded,
        "size": resource.parts[checkpoint.part].size if checkpoint.part < len(resource.parts) else None,
        "done": [[span.start, span.stop] for span in checkpoint.done],
        "ranged": resource.ranged,
        "etag": resource.validator.etag,
        "last_modified": resource.validator.last_modified,
        "mirrors": [without_credentials(mirror.uri) for mirror in resource.mirrors],
    }
