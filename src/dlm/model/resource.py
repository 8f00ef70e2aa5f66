"""What a URI turned out to be: Resource, its Parts, its Mirrors, how versions are told apart, and digests."""

from __future__ import annotations

import re
from dataclasses import field, replace
from enum import Enum

from dlm.model.address import visible
from dlm.model.error import InvalidRequest
from dlm.model.value import dataclass

ALGORITHMS: dict[str, tuple[str, int]] = {
    # name as in RFC 9530 where it has one: (name in hashlib, bytes of the digest)
    "md5": ("md5", 16),
    "sha-1": ("sha1", 20),
    "sha-224": ("sha224", 28),
    "sha-256": ("sha256", 32),
    "sha-384": ("sha384", 48),
    "sha-512": ("sha512", 64),
    "sha3-224": ("sha3_224", 28),
    "sha3-256": ("sha3_256", 32),
    "sha3-384": ("sha3_384", 48),
    "sha3-512": ("sha3_512", 64),
    "blake2b": ("blake2b", 64),
    "blake2s": ("blake2s", 32),
    # not in hashlib: see `model.checksums`
    "crc64nvme": ("crc64nvme", 8),
    "crc32c": ("crc32c", 4),
    "crc32": ("crc32", 4),
}
STRENGTH = ("blake2b", "sha3-512", "sha-512", "sha3-384", "sha-384", "sha3-256", "sha-256", "blake2s", "sha3-224", "sha-224")
"""Algorithms whose match proves the content, best first. MD5, SHA-1 and CRCs still find accidents."""
CRCS = ("crc64nvme", "crc32c", "crc32")
"""Checksums that are no digests in the sense of cryptography: anybody can make a file that has a given one. Best first."""


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest of a whole file: the algorithm's name as in `ALGORITHMS`, and the raw digest."""

    algorithm: str
    value: bytes

    @classmethod
    def parse(cls, text: str) -> Digest:
        """`sha-256=HEX`, `sha256:HEX` and their like. Raises `InvalidRequest` that says what was expected."""
        match = re.fullmatch(r"\s*([A-Za-z0-9_/-]+?)\s*[=:]\s*([0-9A-Fa-f]*)\s*", text)
        name = _canonical(match[1]) if match else None
        if match is None or name is None:
            known = ", ".join(ALGORITHMS)
            raise InvalidRequest(f"'{visible(text)}' is not a checksum: write ALGORITHM=HEX, with one of {known}")
        size = ALGORITHMS[name][1]
        if len(match[2]) != 2 * size:
            raise InvalidRequest(f"a {name} checksum has {2 * size} hexadecimal digits, '{match[2]}' has {len(match[2])}")
        return cls(name, bytes.fromhex(match[2]))

    @property
    def proves(self) -> bool:
        """Whether a file that matches it is the right one, whoever sent it; else it only finds accidents."""
        return self.algorithm in STRENGTH

    def __str__(self) -> str:
        return f"{self.algorithm}={self.value.hex()}"


def _canonical(name: str) -> str | None:
    squeezed = re.sub(r"[^a-z0-9]", "", name.lower())
    for known in ALGORITHMS:
        if squeezed == known.replace("-", ""):
            return known
    return {"sha": "sha-1", "blake2": "blake2b"}.get(squeezed)


def strongest(digests: tuple[Digest, ...]) -> Digest | None:
    """The digest that proves most, or `None` when there is none."""
    ranks = {name: rank for rank, name in enumerate((*STRENGTH, "sha-1", "md5", *CRCS))}
    return min(digests, key=lambda digest: ranks[digest.algorithm], default=None)


@dataclass(frozen=True, slots=True)
class Pieces:
    """Digests of the pieces of a file, in order (RFC 5854, 4.1.3). Each piece has `length` bytes, the last one what is left.

    `algorithm` is a name of `ALGORITHMS`, `digests` are raw.
    """

    algorithm: str
    length: int
    digests: tuple[bytes, ...]

    @property
    def prove(self) -> bool:
        """Whether a file all of whose pieces match is proved to be the right one."""
        return self.algorithm in STRENGTH

    def check(self) -> Pieces:
        """Itself. Raises `InvalidRequest` when no file can have such pieces."""
        if self.algorithm not in ALGORITHMS:
            raise InvalidRequest(f"pieces cannot be checked by '{self.algorithm}': dlm knows {', '.join(ALGORITHMS)}")
        if self.length <= 0:
            raise InvalidRequest(f"a piece cannot have {self.length} bytes")
        size = ALGORITHMS[self.algorithm][1]
        for number, digest in enumerate(self.digests, 1):
            if len(digest) != size:
                raise InvalidRequest(f"a {self.algorithm} digest has {size} bytes, that of piece {number} has {len(digest)}")
        return self


@dataclass(frozen=True, slots=True)
class Validator:
    """How two replies are known to carry the same version (RFC 9110 section 8.8).

    `strong_date` says that `last_modified` was at least 60 s older than the reply's `Date`, which makes it a strong
    validator (RFC 9110 section 8.8.2.2).
    """

    etag: str | None = None
    last_modified: str | None = None
    strong_date: bool = False

    @property
    def condition(self) -> str | None:
        """The value for `If-Range`: only a strong validator may stand there; `None` when there is none."""
        if self.etag is not None and not self.etag.startswith("W/"):
            return self.etag
        if self.last_modified is not None and self.strong_date:
            return self.last_modified
        return None

    def contradicts(self, other: Validator) -> bool:
        """Whether `other` proves another version. Absence proves nothing; a differing ETag or date proves it.

        ETags are compared weakly (RFC 9110, 8.8.3.2): servers whose clocks count seconds call the tag of a file weak for
        a moment after it was written, and strong from then on. What does not contradict proves nothing by that alone.
        """
        if self.etag is not None and other.etag is not None:
            return self.etag.removeprefix("W/") != other.etag.removeprefix("W/")
        if self.last_modified is not None and other.last_modified is not None:
            return self.last_modified != other.last_modified
        return False


@dataclass(frozen=True, slots=True)
class Mirror:
    """One address that gives the whole Resource."""

    uri: str
    resolved: str | None = None
    """Where redirects led this time; good for this run only, since such addresses often expire."""
    home: bool = True
    """Whether redirects never left the origin of `uri`: only then may the user's secrets go to `resolved`."""
    stranger: bool = False
    """Whether a server named it, not the user: none of the user's secrets go there."""
    joined: bool = False
    """Whether bytes of it may stand in the file beside those of another."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a Resource. `name` is the server's suggestion: data, not yet a file name."""

    name: str | None = None
    size: int | None = None
    digests: tuple[Digest, ...] = ()
    modified: float | None = None
    """The server's modification time, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What a URI turned out to be."""

    mirrors: tuple[Mirror, ...]
    parts: tuple[Part, ...]
    validator: Validator = Validator()
    ranged: bool = False
    """Whether a span can be asked for: the server has shown it, not only said it."""
    encoded: bool = False
    """Whether the bytes come through a content coding, so that offsets on the wire mean nothing."""
    media_type: str | None = None
    version: str | None = field(default=None, compare=False)
    """The version of HTTP that it came by, such as `1.1`. Says nothing about the Resource, and is not kept."""

    @property
    def part(self) -> Part:
        """The only Part, of a Resource that is one file."""
        (part,) = self.parts
        return part

    def with_size(self, size: int) -> Resource:
        """The same Resource with its size known at last."""
        return replace(self, parts=(replace(self.part, size=size),))


class Verification(Enum):
    """How sure dlm is that a finished file is the right one."""

    VERIFIED = "verified"  # a digest matches
    CONSISTENT = "consistent"  # the length is the stated one, and all bytes came under one strong validator or in one reply
    UNVERIFIED = "unverified"  # nothing stood there to compare with


@dataclass(frozen=True, slots=True)
class Verified:
    """The outcome of verification: how, and by which digest."""

    how: Verification
    by: str | None = None

    def __str__(self) -> str:
        return f"{self.how.value} by {self.by}" if self.by else self.how.value
