"""What a pool and its children say to each other: frames over a socket, each a length, a checksum and a pickled value.

Rules
-----
* The socket is one of a pair that the child inherits. It has no path and no port, and both ends are this very program:
  that is why a pickle may be trusted here, and nowhere else.
* Still, only frames come through, and only values of the model inside them. Whatever names another class or a function
  is a defect, and ends the channel.
* What is damaged is never unpickled: a few wrong bytes can ask for all the memory there is, or break CPython's unpickler
  ("deallocated bytearray object has exported buffers").
* Errors travel as the class of ours that they are, with their attributes and without their traceback.
"""

from __future__ import annotations

import io
import pickle
import struct
from binascii import crc32
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from dlm.model.download import DownloadId
from dlm.model.error import DlmError
from dlm.model.message import Commitment, News, Start
from dlm.model.queue import Rates

LARGEST = 64 * 1024 * 1024
"""Bytes of a frame at most. A checkpoint of a million spans takes 20 MiB; more than this is a length that was misread."""
_HEAD = struct.Struct(">II")
"""The length of the body, and its CRC-32."""
_UNREADABLE = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
)
"""What pickles of another version of the program may raise."""
_PLAIN = (str, int, float, tuple, type(None))


class Defect(DlmError):
    """dlm itself is wrong: an error of no kind that it knows."""


# --- errors -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that can travel."""

    kind: type[DlmError]
    message: str
    attributes: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """`error` as its own class, or as the nearest ancestor in the model; what is not ours is a `Defect`."""
        if not isinstance(error, DlmError):
            return cls(Defect, f"dlm met a defect of its own: {error!r}")
        kind = next(each for each in type(error).__mro__ if _is_ours(each))
        attributes = {name: value for name, value in vars(error).items() if isinstance(value, _PLAIN)}
        return cls(kind, str(error), attributes)

    def error(self) -> DlmError:
        """The error, anew: each who raises it gets one of his own."""
        error = self.kind(self.message)
        vars(error).update(self.attributes)
        return error


# --- to the child -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Carry:
    """Carry this download through."""

    start: Start


@dataclass(frozen=True, slots=True)
class Halt:
    """Stop this download cleanly. `Ended` follows."""

    id: DownloadId


@dataclass(frozen=True, slots=True)
class Limit:
    """As `ports.Worker.limit`: this child's portion of the rates."""

    rates: Rates
    downloads: Mapping[DownloadId, int | None]


@dataclass(frozen=True, slots=True)
class Offer:
    """As `ports.Worker.offer`."""

    id: DownloadId
    uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """The commitment of this number is durable."""

    number: int


@dataclass(frozen=True, slots=True)
class Reject:
    """The commitment of this number was refused."""

    number: int
    failure: Failure


# --- to the parent ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Commit:
    """A commitment that the transfer waits for. Numbers are never used twice."""

    number: int
    message: Commitment


@dataclass(frozen=True, slots=True)
class Post:
    """News, oldest first."""

    news: tuple[News, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing of this download runs in the child any more. Without `failure` it is complete."""

    id: DownloadId
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """CPU seconds that the child has used so far, and how many downloads it carries."""

    cpu: float
    active: int


Frame = Carry | Halt | Limit | Offer | Acknowledge | Reject | Commit | Post | Ended | Load


# --- bytes ------------------------------------------------------------------------------------------------------------


def encode(frame: Frame) -> bytes:
    """The frame as bytes. Raises `Defect` when it is too large."""
    written = io.BytesIO()
    _OurPickler(written, pickle.HIGHEST_PROTOCOL).dump(frame)
    body = written.getvalue()
    if len(body) > LARGEST:
        raise Defect(f"dlm met a defect of its own: a message of {len(body)} bytes between its processes")
    return _HEAD.pack(len(body), crc32(body)) + body


class _OurPickler(pickle.Pickler):
    def reducer_override(self, obj: object) -> Any:
        # Python 3.11.0 to 3.11.3 write members of enumerations by `getattr`, which the other side does not take.
        return (type(obj), (obj.value,)) if isinstance(obj, Enum) else NotImplemented


class Decoder:
    """Frames out of a stream of bytes that may be cut anywhere."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that are complete now. Raises `Defect` when the bytes are none of ours; the stream is lost then."""
        rest = self._rest
        rest += chunk
        frames, start = [], 0
        while len(rest) - start >= _HEAD.size:
            length, checksum = _HEAD.unpack_from(rest, start)
            if length > LARGEST:
                raise Defect(f"dlm met a defect of its own: a message of {length} bytes between its processes")
            stop = start + _HEAD.size + length
            if len(rest) < stop:
                break
            frames.append(_decode(bytes(rest[start + _HEAD.size : stop]), checksum))
            start = stop
        del rest[:start]
        return frames


class _OurUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        found = super().find_class(module, name) if module.startswith("dlm.") else None
        if not isinstance(found, type) or not _is_ours(found):
            raise pickle.UnpicklingError(f"{module}.{name} has no business in a frame")
        return found


def _decode(body: bytes, checksum: int) -> Frame:
    if crc32(body) != checksum:
        raise Defect("dlm met a defect of its own: a message between its processes was damaged")
    try:
        frame = _OurUnpickler(io.BytesIO(body)).load()
    except _UNREADABLE as error:
        raise Defect(f"dlm met a defect of its own: its processes do not understand each other ({error!r})") from error
    if not isinstance(frame, Frame):
        raise Defect(f"dlm met a defect of its own: a {type(frame).__name__} came instead of a message")
    return frame


def _is_ours(kind: type) -> bool:
    return kind.__module__ == __name__ or kind.__module__.startswith("dlm.model.")
