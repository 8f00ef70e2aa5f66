"""Digests that services state: only those count that cover every byte of the object, and nothing else."""

from __future__ import annotations

import base64
import hashlib

import pytest

from dlm.model.checksums import growing
from dlm.protocols.http.fields import Fields
from dlm.protocols.s3.digests import object_digests

MD5 = hashlib.md5(b"x").hexdigest()
SHA256 = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
SHA1 = base64.b64encode(hashlib.sha1(b"x").digest()).decode()
CRC32, CRC32C, CRC64 = "jNwWgw==", "qTxfkw==", "Lb1nAmRU5LE="
ETAG = f'"{MD5}"'


@pytest.mark.parametrize(
    ("fields", "algorithms"),
    [
        ({"ETag": ETAG}, ["md5"]),
        ({"ETag": ETAG, "x-amz-server-side-encryption": "AES256"}, ["md5"]),
        ({"ETag": ETAG, "x-amz-checksum-sha256": SHA256}, ["sha-256", "md5"]),
        ({"x-amz-checksum-sha1": SHA1, "x-amz-checksum-type": "FULL_OBJECT"}, ["sha-1"]),
        ({"ETag": f'"{MD5}-4"'}, []),
        ({"ETag": f'W/"{MD5}"'}, []),
        ({"ETag": '"1234"'}, []),
        ({"ETag": ETAG, "x-amz-server-side-encryption": "aws:kms"}, []),
        ({"ETag": ETAG, "x-amz-server-side-encryption": "aws:kms:dsse"}, []),
        ({"ETag": ETAG, "x-amz-server-side-encryption-customer-algorithm": "AES256"}, []),
        ({"x-amz-checksum-sha256": f"{SHA256}-4"}, []),
        ({"x-amz-checksum-sha256": SHA256, "x-amz-checksum-type": "COMPOSITE"}, []),
        ({"x-amz-checksum-sha256": SHA1}, []),
        ({"x-amz-checksum-sha256": "!"}, []),
        ({"x-amz-checksum-crc32": CRC32}, ["crc32"]),
        ({"x-amz-checksum-crc32c": CRC32C}, ["crc32c"]),
        ({"ETag": f'"{MD5}-4"', "x-amz-checksum-crc64nvme": CRC64, "x-amz-checksum-type": "FULL_OBJECT"}, ["crc64nvme"]),
        ({"x-amz-checksum-crc32": f"{CRC32}-4", "x-amz-checksum-type": "COMPOSITE"}, []),
        ({"x-amz-checksum-crc32": f"{CRC32}-4"}, []),
        ({"ETag": f'"{MD5}-4"', "x-amz-checksum-crc32": CRC32}, []),
        ({"x-amz-checksum-crc32": CRC64}, []),
        ({}, []),
    ],
)
def test_only_digests_of_the_whole_object_count(fields: dict[str, str], algorithms: list[str]) -> None:
    """Not those of parts put together, nor ETags of objects that are encrypted by another's key."""
    found = object_digests(Fields(fields.items()), "bkt")
    assert [digest.algorithm for digest in found] == algorithms
    for digest in found:
        expected = growing(digest.algorithm)
        expected.update(b"x")
        assert digest.value == expected.digest()


def test_directory_buckets_have_no_md5() -> None:
    """Their ETags only look like it."""
    assert object_digests(Fields([("ETag", ETAG)]), "bkt--use1-az4--x-s3") == ()


def test_what_cannot_be_computed_here_is_not_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library that computes it, such a checksum is no digest; nothing of the download fails for that."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    stated = {"x-amz-checksum-crc64nvme": CRC64, "x-amz-checksum-crc32c": CRC32C, "x-amz-checksum-crc32": CRC32}
    assert [digest.algorithm for digest in object_digests(Fields(stated.items()), "bkt")] == ["crc32"]
