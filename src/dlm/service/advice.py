"""What a failed download tells its user to do: a sentence on its error, where another address could complete what is kept."""

from __future__ import annotations

from dataclasses import replace

from dlm.model.download import Checkpoint, Download, Fault
from dlm.model.error import DlmError, Verdict
from dlm.model.units import format_size
from dlm.policy.continuity import may_continue
from dlm.service.means import fault_of


def advised(download: Download, checkpoint: Checkpoint | None, error: DlmError) -> Fault:
    """The error as it is stored and shown. Where the address gives nothing any more, such as a link that has expired, and the
    bytes that came can be gone on with, it says how."""
    fault = fault_of(error)
    if error.verdict is not Verdict.NEXT_MIRROR or checkpoint is None or not may_continue(checkpoint):
        return fault
    size = checkpoint.resource.part.size
    kept = f"{format_size(checkpoint.downloaded)} of {format_size(size or 0)} are kept"
    return replace(fault, message=f"{fault.message}; {kept}: dlm edit {download.id[:8]} --url NEW goes on from another address")
