"""Digests in replies: only what covers the very bytes of the file counts."""

from __future__ import annotations

import hashlib
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlm.model.resource import ALGORITHMS, Digest
from dlm.protocols.http.digests import stated_digests
from dlm.protocols.http.fields import Fields
from tests.examples import examples

relaxed = settings(deadline=None, max_examples=examples(300))

BODY = b"the whole file"
MD5, SHA1, SHA256, SHA512 = (hashlib.new(name, BODY).digest() for name in ("md5", "sha1", "sha256", "sha512"))
M, S1, S256, S512 = (b64encode(digest).decode() for digest in (MD5, SHA1, SHA256, SHA512))
OTHER = b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("Repr-Digest", f"sha-256=:{S256}:")], [Digest("sha-256", SHA256)]),
        ([("Repr-Digest", f"sha-512=:{S512}:, sha-256=:{S256}:")], [Digest("sha-512", SHA512), Digest("sha-256", SHA256)]),
        (
            [("Repr-Digest", f"sha-512=:{S512}:"), ("Repr-Digest", f"sha-256=:{S256}:")],
            [Digest("sha-512", SHA512), Digest("sha-256", SHA256)],
        ),
        ([("Repr-Digest", f"sha=:{S1}:,md5=:{M}:")], [Digest("sha-1", SHA1), Digest("md5", MD5)]),
        ([("Repr-Digest", f"sha-256=:{S256.rstrip('=')}:")], [Digest("sha-256", SHA256)]),
        ([("Repr-Digest", f"sha-256=:{S256}:;x=1")], [Digest("sha-256", SHA256)]),
        ([("Repr-Digest", f"sha-256=:{OTHER}:, sha-256=:{S256}:")], [Digest("sha-256", SHA256)]),
        ([("Digest", f"SHA-256={S256}")], [Digest("sha-256", SHA256)]),
        (
            [("Digest", f"sha-512={S512}, md5={M},sha={S1}, unixsum=30637")],
            [Digest("sha-512", SHA512), Digest("md5", MD5), Digest("sha-1", SHA1)],
        ),
        ([("x-goog-hash", "crc32c=n03x6A=="), ("x-goog-hash", f"md5={M}")], [Digest("md5", MD5)]),
        ([("x-goog-hash", f"crc32c=n03x6A==,md5={M}")], [Digest("md5", MD5)]),
        ([("x-goog-hash", f"md5={M}"), ("x-goog-stored-content-encoding", "identity")], [Digest("md5", MD5)]),
        # the modern field wins
        ([("Digest", f"sha-256={OTHER}"), ("Repr-Digest", f"sha-256=:{S256}:")], [Digest("sha-256", SHA256)]),
        # what is wrong or unknown counts for nothing
        ([], []),
        ([("x-goog-hash", f"md5={M}"), ("x-goog-stored-content-encoding", "gzip")], []),
        ([("x-goog-hash", "crc32c=n03x6A==")], []),
        ([("Repr-Digest", f"sha-256={S256}")], []),
        ([("Repr-Digest", f"SHA-256=:{S256}:")], []),
        ([("Repr-Digest", f"sha-512=:{S256}:")], []),
        ([("Repr-Digest", f"sha-256=:{SHA256.hex()}:")], []),
        ([("Repr-Digest", "sha-256=::")], []),
        ([("Repr-Digest", "sha-256=:")], []),
        ([("Repr-Digest", "sha-256=:!!!!:")], []),
        ([("Repr-Digest", f"crc32c=:{M}:")], []),
        ([("Digest", f"id-sha-256={S256}")], []),
        ([("Digest", f"MD5={MD5.hex()}")], []),
        ([("Digest", "=,,==,sha-256,sha-256=")], []),
    ],
)
def test_digests_of_the_whole(pairs: list[tuple[str, str]], expected: list[Digest]) -> None:
    """Fields that speak of the whole representation are read in a 200 and in a 206."""
    for status in (200, 206):
        assert list(stated_digests(Fields(pairs), status, False)) == expected


@pytest.mark.parametrize("pair", [("Content-MD5", M), ("Content-Digest", f"md5=:{M}:")])
def test_digests_of_the_body_count_only_for_a_whole_body(pair: tuple[str, str]) -> None:
    """What a 206 says of its own body says nothing about the file."""
    assert stated_digests(Fields([pair]), 200, False) == (Digest("md5", MD5),)
    assert stated_digests(Fields([pair]), 206, False) == ()


ALL_OF_THEM = [("Repr-Digest", f"sha-256=:{S256}:"), ("Digest", f"sha={S1}"), ("Content-MD5", M), ("x-goog-hash", f"md5={M}")]


def test_nothing_is_believed_of_encoded_bytes_or_of_errors() -> None:
    """Under a content coding, and in any reply that is not the file, no digest counts."""
    assert len(stated_digests(Fields(ALL_OF_THEM), 200, False)) == 3
    assert stated_digests(Fields(ALL_OF_THEM), 200, True) == ()
    assert stated_digests(Fields(ALL_OF_THEM), 206, True) == ()
    for status in (204, 302, 404, 416, 500):
        assert stated_digests(Fields(ALL_OF_THEM), status, False) == ()


pieces = st.sampled_from(["sha-256", "md5", "sha", "=", ":", ",", ";", " ", M, S256, S1, "ä", "名", "\ud800", "=="])


@relaxed
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Repr-Digest", "Content-Digest", "Digest", "Content-MD5", "x-goog-hash"]),
            st.one_of(st.text(), st.lists(pieces).map("".join)),
        ),
    ),
)
def test_any_field_is_read_or_ignored(pairs: list[tuple[str, str]]) -> None:
    """No text raises; whatever is read has the length of its algorithm, and each algorithm comes once."""
    digests = stated_digests(Fields(pairs), 200, False)
    assert all(len(digest.value) == ALGORITHMS[digest.algorithm][1] for digest in digests)
    assert len({digest.algorithm for digest in digests}) == len(digests)


@relaxed
@given(st.binary(min_size=32, max_size=32))
def test_every_digest_is_read_back(value: bytes) -> None:
    """What a good server states comes back byte for byte, in both forms."""
    text = b64encode(value).decode()
    expected = (Digest("sha-256", value),)
    assert stated_digests(Fields([("Repr-Digest", f"sha-256=:{text}:")]), 206, False) == expected
    assert stated_digests(Fields([("Digest", f"sha-256={text}")]), 206, False) == expected
