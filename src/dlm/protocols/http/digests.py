"""Digests that a reply states of the whole representation: RFC 9530, RFC 3230, Content-MD5, and Google's field.

A digest that does not cover exactly the bytes of the finished file would condemn a good one, so what is doubtful is ignored.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator

from dlm.model.resource import ALGORITHMS, Digest
from dlm.protocols.http.fields import Fields

_MODERN = {"sha-256": "sha-256", "sha-512": "sha-512", "md5": "md5", "sha": "sha-1"}
_STATING = frozenset({"repr-digest", "content-digest", "digest", "content-md5", "x-goog-hash"})
_OLD = {**_MODERN, "sha-1": "sha-1", "sha-224": "sha-224", "sha-384": "sha-384"}


def stated_digests(fields: Fields, status: int, encoded: bool) -> tuple[Digest, ...]:
    """The digests of the whole file, one an algorithm, the modern fields before the old ones. Never raises.

    `encoded` says that the bytes come through a content coding: then no digest covers the file. A 206 states by
    `Content-Digest` and `Content-MD5` only its own piece, so there they do not count.
    """
    if encoded or status not in {200, 206} or fields.lacks(_STATING):
        return ()
    found: dict[str, Digest] = {}
    for digest in _stated(fields, whole=status == 200):
        found.setdefault(digest.algorithm, digest)
    return tuple(found.values())


def _stated(fields: Fields, *, whole: bool) -> Iterator[Digest]:
    yield from _dictionary(fields.all("repr-digest"))
    if whole:
        yield from _dictionary(fields.all("content-digest"))
    for name, value in _members(fields.all("digest")):
        yield from _digest(_OLD.get(name.lower()), value)
    if whole:
        for value in fields.all("content-md5"):
            yield from _digest("md5", value)
    # Google states the hash of what is stored. Where that is compressed and comes unpacked, it is another file's.
    if (fields.get("x-goog-stored-content-encoding") or "identity").lower() == "identity":
        for name, value in _members(fields.all("x-goog-hash")):
            yield from _digest("md5" if name.lower() == "md5" else None, value)


def _dictionary(values: Iterable[str]) -> Iterator[Digest]:
    """The byte sequences of a structured dictionary (RFC 9651, section 3.2), where a later member replaces an earlier."""
    latest: dict[str, str] = {}
    for name, value in _members(values):
        latest[name] = value.partition(";")[0].rstrip(" ")
    for name, value in latest.items():
        if len(value) > 2 and value[0] == value[-1] == ":":
            yield from _digest(_MODERN.get(name), value[1:-1])


def _members(values: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The `name=value` of comma-separated lists. No value that matters here holds a comma."""
    for value in values:
        for member in value.split(","):
            name, equals, rest = member.strip(" \t").partition("=")
            if equals:
                yield name.rstrip(" "), rest


def _digest(algorithm: str | None, text: str) -> Iterator[Digest]:
    """The digest that `text` holds in base64, or nothing when it has not the length that its algorithm has."""
    if algorithm is None:
        return
    written = text.strip(" \t").rstrip("=")
    try:
        value = binascii.a2b_base64(written.encode("latin-1") + b"=" * (-len(written) % 4), strict_mode=True)
    except ValueError:
        return
    if len(value) == ALGORITHMS[algorithm][1]:
        yield Digest(algorithm, value)
