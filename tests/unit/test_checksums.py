"""Digests as they grow: CRCs are those that everybody means by these names, in whatever pieces the bytes come."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.checksums import can_compute, growing
from dlm.model.download import DownloadSpec
from dlm.model.error import InvalidRequest
from dlm.model.resource import ALGORITHMS, CRCS, Digest, strongest


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [("crc32", "cbf43926"), ("crc32c", "e3069283"), ("crc64nvme", "ae8b14860a799888")],
)
def test_the_check_values_of_the_catalogue(algorithm: str, expected: str) -> None:
    """What the nine digits give is what identifies a CRC."""
    found = growing(algorithm)
    found.update(b"123456789")
    assert (found.hexdigest(), found.digest().hex()) == (expected, expected)


@given(st.sampled_from(sorted(ALGORITHMS)), st.lists(st.binary(max_size=40)))
def test_pieces_make_the_same_digest_as_the_whole(algorithm: str, pieces: list[bytes]) -> None:
    """Given as bytes or as a view of them."""
    whole, parts = growing(algorithm), growing(algorithm)
    whole.update(b"".join(pieces))
    for number, piece in enumerate(pieces):
        parts.update(memoryview(bytearray(piece)) if number % 2 else piece)
    assert whole.digest() == parts.digest()


def test_a_crc_is_the_weakest_proof() -> None:
    """Anything else that is stated goes before it, the longer one before the shorter."""
    digests = tuple(Digest(name, bytes(ALGORITHMS[name][1])) for name in ("crc32", "crc64nvme", "crc32c", "md5"))
    assert [each.algorithm for each in digests if each == strongest(digests)] == ["md5"]
    best = strongest(digests[:3])
    assert best is not None
    assert best.algorithm == "crc64nvme"


def test_what_is_not_installed_is_told_before_anything_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it. CRC32 is Python's own."""
    monkeypatch.setitem(sys.modules, "awscrt", None)
    for name in CRCS:
        spec = DownloadSpec(uris=("https://h/x",), directory="/", checksum=Digest(name, bytes(ALGORITHMS[name][1])))
        if name == "crc32":
            assert spec.check() is spec
            continue
        with pytest.raises(InvalidRequest, match=rf"{name} checksums need .*: pip install 'dlm\[s3\]'"):
            spec.check()
    assert can_compute("sha-256")
