"""Digests as they grow, by the names of `ALGORITHMS`: those of hashlib, and the CRCs that object stores state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from dlm.model.error import InvalidRequest
from dlm.model.resource import ALGORITHMS, CRCS

_Step: TypeAlias = "Callable[[bytes | bytearray | memoryview, int], int]"


class Growing(Protocol):
    """A digest of the bytes so far, as hashlib has it."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Add the next bytes."""

    def digest(self) -> bytes:
        """What it is now."""

    def hexdigest(self) -> str:
        """The same, in hexadecimal."""


class Crc:
    """A checksum that `step` computes from bytes and the checksum before them; `size` bytes, the highest first."""

    def __init__(self, step: _Step, size: int) -> None:
        self._step, self._size, self._value = step, size, 0

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """See `Growing`."""
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        """See `Growing`."""
        return self._value.to_bytes(self._size, "big")

    def hexdigest(self) -> str:
        """See `Growing`."""
        return self.digest().hex()


def growing(algorithm: str) -> Growing:
    """The digest of nothing yet. It finds damage: whether it is strong enough for more is for others to say.

    Raises `InvalidRequest` where what computes it is not installed.
    """
    known, size = ALGORITHMS[algorithm]
    if algorithm in CRCS:
        return Crc(_step(algorithm), size)
    import hashlib  # with OpenSSL, which few downloads need

    return hashlib.new(known, usedforsecurity=False)


def can_compute(algorithm: str) -> bool:
    """Whether `growing` gives it here."""
    if algorithm not in CRCS or algorithm == "crc32":
        return True
    from importlib.util import find_spec

    return find_spec("awscrt") is not None


def _step(algorithm: str) -> _Step:
    if algorithm == "crc32":
        from zlib import crc32

        return crc32
    try:
        from awscrt import checksums
    except ImportError as error:
        raise InvalidRequest(f"{algorithm} checksums need what is not installed: pip install 'dlm[s3]'") from error
    step: _Step = getattr(checksums, algorithm)
    return step
