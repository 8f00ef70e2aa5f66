"""What the hostile server serves: bytes that cannot be compressed, and the other versions that they turn into."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from enum import Enum
from functools import cache, cached_property

_FLIPPED = bytes(byte ^ 0xFF for byte in range(256))
_SCRAMBLED = bytes(byte ^ 0x55 for byte in range(256))
CHANGED_LATER = 86400.0
"""Seconds between the modification of the content and of the version that takes its place."""


class Whole(Enum):
    """Which whole file a client may end with."""

    ORIGINAL = "original"  # the content that the server was given
    CHANGED = "changed"  # as long, but every block of it differs
    GROWN = "grown"  # twice as long, and nothing of it is the original
    FLIPPED = "flipped"  # one byte in the middle is wrong
    DECOY = "decoy"  # as long, but a file that nobody asked for
    EMPTY = "empty"  # no byte
    GZIPPED = "gzipped"  # the original as it went over the wire, not decoded
    BOMB = "bomb"  # the bomb as it went over the wire, not decoded


def content(size: int, seed: int = 0) -> bytes:
    """`size` bytes that look random; the same for the same `seed`, and a prefix of what a larger `size` gives."""
    return hashlib.shake_128(b"dlm %d" % seed).digest(size)


@dataclass(frozen=True)
class Content:
    """One version of a file: its bytes and what a server says of them. `modified` is in seconds since the epoch."""

    data: bytes
    modified: float = 1_600_000_000.0
    media_type: str = "application/octet-stream"

    @cached_property
    def etag(self) -> str:
        """A strong entity tag that follows from the bytes."""
        return f'"{hashlib.sha256(self.data).hexdigest()[:16]}"'

    @property
    def last_modified(self) -> str:
        """`modified` as an HTTP date."""
        return formatdate(self.modified, usegmt=True)

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self.data)

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def changed(self) -> Content:
        """The next version: as long, but different in every byte, and modified later."""
        return Content(_flipped(self.data), self.modified + CHANGED_LATER, self.media_type)

    @cached_property
    def grown(self) -> Content:
        """The next version: twice as long, and different from the first byte on."""
        return Content(_flipped(self.data) + self.data, self.modified + CHANGED_LATER, self.media_type)

    @cached_property
    def decoy(self) -> Content:
        """Another file of the same size, that nobody asked for."""
        return Content(_scrambled(self.data), self.modified - CHANGED_LATER, self.media_type)

    @cached_property
    def flipped(self) -> bytes:
        """The bytes with one in the middle flipped, as bad memory on the way leaves them."""
        middle = self.size // 2
        return self.data[:middle] + _flipped(self.data[middle : middle + 1]) + self.data[middle + 1 :]

    @cached_property
    def gzipped(self) -> bytes:
        """The bytes in gzip's format, always the same for the same bytes."""
        squeeze = zlib.compressobj(1, zlib.DEFLATED, 31)
        return squeeze.compress(self.data) + squeeze.flush()

    def version(self, whole: Whole, *, bomb_size: int = 0) -> bytes:
        """The bytes of the version that `whole` names."""
        versions: dict[Whole, Callable[[], bytes]] = {
            Whole.ORIGINAL: lambda: self.data,
            Whole.CHANGED: lambda: self.changed.data,
            Whole.GROWN: lambda: self.grown.data,
            Whole.FLIPPED: lambda: self.flipped,
            Whole.DECOY: lambda: self.decoy.data,
            Whole.EMPTY: lambda: b"",
            Whole.GZIPPED: lambda: self.gzipped,
            Whole.BOMB: lambda: bomb(bomb_size),
        }
        return versions[whole]()

    def digest(self, algorithm: str) -> str:
        """The digest by one of `hashlib`'s algorithms, in base64 as headers carry it."""
        return base64.b64encode(hashlib.new(algorithm, self.data).digest()).decode()


@cache
def bomb(size: int) -> bytes:
    """A gzip stream about a thousandth of `size` long that unpacks to `size` zeros (in whole MiB)."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = bytes(1 << 20)
    start = squeeze.compress(block) + squeeze.flush(zlib.Z_FULL_FLUSH)
    blocks = max(1, size >> 20)
    checksum = 0
    for _ in range(blocks):
        checksum = zlib.crc32(block, checksum)
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    trailer = checksum.to_bytes(4, "little") + ((blocks << 20) & 0xFFFFFFFF).to_bytes(4, "little")
    # A full flush forgets the window, so one compressed block can stand any number of times.
    return header + start * blocks + squeeze.flush(zlib.Z_FINISH) + trailer


def _flipped(data: bytes) -> bytes:
    return data.translate(_FLIPPED)


def _scrambled(data: bytes) -> bytes:
    return data.translate(_SCRAMBLED)
