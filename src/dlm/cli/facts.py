"""Downloads as JSON: what every verb's `--json` prints. No secret leaves here."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from dlm.model.download import Checkpoint, Download, DownloadSpec, redacted, without_credentials
from dlm.model.error import ExitCode
from dlm.model.phase import FINAL_PHASES, Phase, status
from dlm.ports import Story


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


def download_facts(download: Download) -> dict[str, Any]:
    """What `list` tells. Times are in seconds since the epoch."""
    return {
        "download_id": download.id,
        "status": status(download.phase, download.intent),
        "uri": download.uri,
        "name": download.name,
        "size": download.size,
        "downloaded": download.downloaded,
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
    values["referer"] = None if safe.referer is None else without_credentials(safe.referer)
    return values


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
