"""Whether bytes from different replies may stand in one file, and what proves that they belong together.

A strong validator proves it, with every request. So does a digest of the whole file, at the end. Without either, one
stream is read from the start; if it breaks, it goes on only where the bytes around the joint are compared, and the
result is not called consistent. All of this is about one mirror; what several have brought only a digest proves.
"""

from __future__ import annotations

from dlm.model.download import Checkpoint
from dlm.model.resource import Resource, Verification, Verified

OVERLAP = 64 * 1024
"""Bytes that are fetched again and compared where nothing better proves that the file is the same."""


def may_split(resource: Resource, *, digest_known: bool) -> bool:
    """Whether several connections may fetch parts of it at once."""
    return joins(resource) and (resource.validator.condition is not None or digest_known)


def may_continue(checkpoint: Checkpoint) -> bool:
    """Whether a later run may go on from a checkpoint instead of beginning anew."""
    return checkpoint.downloaded > 0 and joins(checkpoint.resource)


def overlap_at(resource: Resource, position: int, *, digest_known: bool) -> int:
    """How many bytes before `position` must be fetched again and compared before any new byte is taken."""
    if resource.validator.condition is not None or digest_known:
        return 0
    return min(OVERLAP, position)


def confidence(resource: Resource, *, matched: str | None, joined: bool) -> Verified:
    """How sure the finished file is. `matched` names a digest that matched; `joined` says that several replies made it.

    What several mirrors have brought is never called consistent: no validator reaches from one to another, and samples that
    were equal are a good reason to believe in the rest, but no proof.
    """
    if matched is not None:
        return Verified(Verification.VERIFIED, matched)
    if resource.part.size is None or resource.encoded:
        return Verified(Verification.UNVERIFIED)
    if joined and (resource.validator.condition is None or any(mirror.joined for mirror in resource.mirrors)):
        return Verified(Verification.UNVERIFIED)
    return Verified(Verification.CONSISTENT)


def joins(resource: Resource) -> bool:
    """Whether parts of it can be fetched for themselves at all, whatever proves that they belong together."""
    return resource.ranged and resource.part.size is not None and not resource.encoded
