"""Digests that a service states of an object. Only those that cover all of its bytes as they come."""

from __future__ import annotations

import binascii
import re

from dlm.model.checksums import can_compute
from dlm.model.resource import ALGORITHMS, Digest
from dlm.protocols.http.fields import Fields

_CHECKSUMS = {
    "x-amz-checksum-sha256": "sha-256",
    "x-amz-checksum-sha1": "sha-1",
    "x-amz-checksum-crc64nvme": "crc64nvme",
    "x-amz-checksum-crc32c": "crc32c",
    "x-amz-checksum-crc32": "crc32",
}
_MD5 = re.compile(r'"?([0-9a-f]{32})"?')
_IN_PARTS = re.compile(r'"?[0-9a-f]{32}-[0-9]+"?')
_EXPRESS = "--x-s3"
"""How the names of directory buckets end, whose ETags only look like MD5."""


def object_digests(fields: Fields, bucket: str) -> tuple[Digest, ...]:
    """The digests of the whole object. Never raises.

    A checksum `VALUE-N` is one of the checksums of N parts, and proves nothing without them. Of an object in parts, one that
    does not say what it covers does not count either. CRCs count where they can be computed here. An ETag is the MD5 of an
    object that was uploaded in one piece, unless it is encrypted with a key of the user's or of the key service.
    """
    found = [digest for name, algorithm in _CHECKSUMS.items() if (digest := _checksum(fields, name, algorithm))]
    etag = _MD5.fullmatch(fields.get("etag") or "")
    if etag is not None and not bucket.endswith(_EXPRESS) and _is_plain(fields):
        found.append(Digest("md5", bytes.fromhex(etag[1])))
    return tuple(found)


def _checksum(fields: Fields, name: str, algorithm: str) -> Digest | None:
    covered = fields.get("x-amz-checksum-type") or ("" if _IN_PARTS.fullmatch(fields.get("etag") or "") else "FULL_OBJECT")
    if covered.upper() != "FULL_OBJECT":
        return None
    try:
        value = binascii.a2b_base64((fields.get(name) or "").encode("latin-1"), strict_mode=True)
    except ValueError:
        return None
    fits = len(value) == ALGORITHMS[algorithm][1] and can_compute(algorithm)
    return Digest(algorithm, value) if fits else None


def _is_plain(fields: Fields) -> bool:
    own_key = fields.get("x-amz-server-side-encryption-customer-algorithm")
    return own_key is None and (fields.get("x-amz-server-side-encryption") or "AES256") == "AES256"
