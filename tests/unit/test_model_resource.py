"""Digests, validators and resources."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlm.model.checksums import growing
from dlm.model.error import InvalidRequest
from dlm.model.resource import (
    ALGORITHMS,
    CRCS,
    STRENGTH,
    Digest,
    Mirror,
    Part,
    Pieces,
    Resource,
    Validator,
    Verification,
    Verified,
    strongest,
)
from tests.examples import examples

relaxed = settings(deadline=None, max_examples=examples(300))

any_digest = st.sampled_from(sorted(ALGORITHMS)).flatmap(
    lambda name: st.binary(min_size=ALGORITHMS[name][1], max_size=ALGORITHMS[name][1]).map(lambda value: Digest(name, value)),
)


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_the_table_of_algorithms_tells_the_truth(name: str) -> None:
    """Each algorithm exists in hashlib under the name given, or is a CRC, and its digest has the length given."""
    known_as, size = ALGORITHMS[name]
    assert len(growing(name).digest()) == size
    assert name in CRCS or hashlib.new(known_as).digest_size == size
    assert name in (*STRENGTH, "sha-1", "md5", *CRCS)


@relaxed
@given(any_digest)
def test_digests_are_read_back(digest: Digest) -> None:
    """What is written is read again, in either case, with either mark."""
    assert Digest.parse(str(digest)) == digest
    assert Digest.parse(str(digest).upper()) == digest
    assert Digest.parse(f" {str(digest).replace('=', ' : ')} ") == digest


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("sha256", "sha-256"),
        ("SHA-256", "sha-256"),
        ("sha_256", "sha-256"),
        ("sha", "sha-1"),
        ("sha1", "sha-1"),
        ("MD5", "md5"),
        ("sha3_256", "sha3-256"),
        ("blake2", "blake2b"),
        ("BLAKE2s", "blake2s"),
    ],
)
def test_algorithms_go_by_many_names(written: str, name: str) -> None:
    """The usual spellings of an algorithm are understood."""
    assert Digest.parse(f"{written}={'0' * 2 * ALGORITHMS[name][1]}").algorithm == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        "sha-256",
        "sha-256=",
        f"sha-256={'0' * 63}",
        f"sha-256={'0' * 65}",
        f"sha-256={'g' * 64}",
        f"md5={'0' * 64}",
        f"sha512/256={'0' * 64}",
        f"crc32={'0' * 16}",
        f"crc16={'0' * 4}",
        f"sha-256={'٠' * 64}",
        "0" * 64,
    ],
)
def test_what_is_no_checksum_is_refused(text: str) -> None:
    """Unknown algorithms, wrong lengths and what is not hexadecimal are invalid requests."""
    with pytest.raises(InvalidRequest):
        Digest.parse(text)


@relaxed
@given(st.lists(any_digest))
def test_the_strongest_digest_is_chosen(digests: list[Digest]) -> None:
    """No other digest is stronger than the one chosen; of none there is none."""
    ranks = (*STRENGTH, "sha-1", "md5", *CRCS)
    chosen = strongest(tuple(digests))
    if chosen is None:
        assert not digests
    else:
        assert chosen in digests
        assert all(ranks.index(chosen.algorithm) <= ranks.index(digest.algorithm) for digest in digests)


DATE, LATER = "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT"


@pytest.mark.parametrize(
    ("validator", "condition"),
    [
        (Validator(), None),
        (Validator(etag='"a"'), '"a"'),
        (Validator(etag='W/"a"'), None),
        (Validator(last_modified=DATE), None),
        (Validator(last_modified=DATE, strong_date=True), DATE),
        (Validator(etag='"a"', last_modified=DATE, strong_date=True), '"a"'),
        (Validator(etag='W/"a"', last_modified=DATE, strong_date=True), DATE),
        (Validator(etag='W/"a"', last_modified=DATE), None),
        (Validator(strong_date=True), None),
    ],
)
def test_only_strong_validators_are_conditions(validator: Validator, condition: str | None) -> None:
    """`If-Range` gets the strong ETag, else a strong date, else nothing."""
    assert validator.condition == condition


@pytest.mark.parametrize(
    ("one", "other", "contradicts"),
    [
        (Validator(), Validator(), False),
        (Validator(etag='"a"'), Validator(), False),
        (Validator(etag='"a"'), Validator(etag='"a"'), False),
        (Validator(etag='"a"'), Validator(etag='"b"'), True),
        (Validator(etag='W/"a"'), Validator(etag='W/"b"'), True),
        (Validator(etag='W/"a"'), Validator(etag='"a"'), False),
        (Validator(etag='W/"a"'), Validator(etag='"b"'), True),
        (Validator(etag='W/"a"', last_modified=DATE), Validator(etag='"a"', last_modified=LATER), False),
        (Validator(last_modified=DATE), Validator(last_modified=LATER), True),
        (Validator(last_modified=DATE), Validator(last_modified=DATE, strong_date=True), False),
        (Validator(etag='"a"', last_modified=DATE), Validator(etag='"a"', last_modified=LATER), False),
        (Validator(etag='"a"', last_modified=DATE), Validator(last_modified=LATER), True),
        (Validator(etag='"a"', last_modified=DATE), Validator(last_modified=DATE), False),
        (Validator(etag='"a"'), Validator(last_modified=DATE), False),
    ],
)
def test_only_what_differs_contradicts(one: Validator, other: Validator, contradicts: bool) -> None:
    """A differing ETag, or without ETags a differing date, proves another version, whichever came first."""
    assert one.contradicts(other) is contradicts
    assert other.contradicts(one) is contradicts


def test_a_resource_of_one_file() -> None:
    """The only Part is at hand, and its size can be learned later; the resource before is unchanged."""
    unknown = Resource(mirrors=(Mirror("https://h/x"),), parts=(Part(name="x"),))
    known = unknown.with_size(5)
    assert (unknown.part.size, known.part.size, known.part.name) == (None, 5, "x")
    with pytest.raises(ValueError, match="unpack"):
        _ = Resource(mirrors=(), parts=(Part(), Part())).part


def test_verification_reads_as_a_phrase() -> None:
    """What was found is said in words."""
    assert str(Verified(Verification.VERIFIED, "sha-256")) == "verified by sha-256"
    assert str(Verified(Verification.CONSISTENT)) == "consistent"


def test_pieces_that_no_file_can_have_are_refused() -> None:
    """An unknown algorithm, no length, a digest of another size; each said in words. What is right is given back."""
    right = Pieces("sha-1", 5, (bytes(20), bytes(20)))
    assert right.check() is right
    for wrong, words in (
        (Pieces("sha", 5, ()), "by 'sha': dlm knows md5"),
        (Pieces("md5", 0, ()), "have 0 bytes"),
        (Pieces("sha-1", 5, (bytes(20), bytes(16))), "20 bytes, that of piece 2 has 16"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            wrong.check()


def test_only_pieces_of_strong_algorithms_prove() -> None:
    """MD5 and SHA-1 find accidents, and no more."""
    assert {name for name in ALGORITHMS if Pieces(name, 1, ()).prove} == set(STRENGTH)
