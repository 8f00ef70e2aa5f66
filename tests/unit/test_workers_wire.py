"""Frames: whatever is sent comes out the same, however it was cut; nothing else comes out at all."""

from __future__ import annotations

import os
import pickle
import struct
from binascii import crc32
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dlm.model import error as errors
from dlm.model.download import Checkpoint, Download, DownloadId, DownloadSpec, Place, new_id
from dlm.model.error import DigestMismatch, DiskFull, DlmError, NotFound, ServerBusy
from dlm.model.message import (
    Checkpointed,
    Child,
    Completing,
    ConnectionEnded,
    ConnectionView,
    Expanded,
    Listed,
    MirrorDropped,
    Observed,
    PieceSpoilt,
    Progressed,
    Published,
    Start,
)
from dlm.model.phase import Intent, Phase
from dlm.model.queue import Rates
from dlm.model.recursion import Folder, Found, Frontier, Tally
from dlm.model.resource import Digest, Mirror, Part, Pieces, Resource, Validator, Verification, Verified
from dlm.model.span import Span
from dlm.workers import wire
from dlm.workers.wire import (
    Acknowledge,
    Carry,
    Commit,
    Decoder,
    Defect,
    Ended,
    Failure,
    Frame,
    Halt,
    Limit,
    Load,
    Offer,
    Post,
    Reject,
    encode,
)

ID = new_id()
CHECKPOINT = Checkpoint(
    Resource((Mirror("https://h/f"),), (Part("f", 9, (Digest("sha-256", bytes(32)),)),), Validator('"v"', None, True), True),
    Place("/d\udcff", "f", "f.part", 7, 42),
    (Span(0, 4), Span(6, 9)),
)
SPEC = DownloadSpec(uris=("https://u:p@h/f",), directory="/d", headers=(("X", "é"),), range=Span(0, 9))
DOWNLOAD = Download(id=ID, spec=SPEC, added=1.5, phase=Phase.RUNNING, intent=Intent.PAUSE)
PROGRESSED = Progressed(
    id=ID,
    total=9,
    downloaded=4,
    instantaneous_speed=1.5,
    smoothed_speed=float("inf"),
    eta=None,
    connections=(ConnectionView(1, Span(0, 4), 2, 3.0),),
    limited="total",
)
FOLDER = Folder("https://h/d/\udcff/", "\udcff", 3)
FOUND = Found("https://h/d/f", "sub", "f", 5, 6.5, "v")
FRAMES: list[Frame] = [
    Carry(Start(DOWNLOAD, CHECKPOINT, 4, pieces=Pieces("sha-1", 5, (bytes(20), bytes(range(20)))))),
    Carry(Start(DOWNLOAD, None, frontier=Frontier((FOLDER,), Tally(1)))),
    Halt(ID),
    Limit(Rates(5, {"h:443": 2}), {ID: None, DownloadId("b"): 7}),
    Offer(ID, ("https://h/g", "ftp://i/f")),
    Acknowledge(1),
    Reject(2, Failure.of(ServerBusy("later", uri="https://h/f", retry_after=3.5))),
    Commit(3, Checkpointed(ID, CHECKPOINT)),
    Commit(4, Completing(ID, CHECKPOINT, "/d/f", Verified(Verification.VERIFIED, "sha-256"))),
    Commit(5, Published(ID, "/d/f")),
    Commit(6, Observed(ID, "h:443", None, True, "1.1", 3.0)),
    Commit(7, Expanded(ID, (Child(DOWNLOAD.spec, FOUND),), FOLDER, (FOLDER,), Tally(1, 2, 3, 4))),
    Commit(8, Listed(ID, "/d/sub", Tally(1, 2, 3, 4), "why")),
    Post(
        (
            PROGRESSED,
            ConnectionEnded(ID, 1, "h:443", 5, 0.5, "Truncated"),
            MirrorDropped(ID, "https://h/f", "it is not there", lied=True),
            PieceSpoilt(ID, "piece 1 of 2 came wrong"),
        )
    ),
    Ended(ID),
    Ended(ID, Failure.of(DigestMismatch("wrong", [Span(0, 9)]))),
    Load(0.25, 3),
]
KINDS = sorted(
    (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DlmError)),
    key=lambda kind: kind.__name__,
)


def decoded(chunks: Sequence[bytes]) -> list[Frame]:
    """All frames in these chunks."""
    decoder = Decoder()
    return [frame for chunk in chunks for frame in decoder.feed(chunk)]


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_every_kind_of_frame_comes_out_as_it_went_in(frame: Frame) -> None:
    """Values, nested ones included, survive; so do names that are no valid Unicode."""
    assert decoded([encode(frame)]) == [frame]


@given(st.lists(st.sampled_from(FRAMES), max_size=6), st.data())
def test_a_stream_may_be_cut_anywhere(frames: list[Frame], data: st.DataObject) -> None:
    """The same frames come out in the same order, in however small pieces the stream arrives."""
    stream = b"".join(map(encode, frames))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    assert decoded([stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]) == frames


@given(st.sampled_from(FRAMES), st.data())
def test_damage_is_a_defect_and_is_never_read(frame: Frame, data: st.DataObject) -> None:
    """A frame with damaged bytes ends the channel; where the length was damaged, the stream may wait for more instead."""
    sound = encode(frame)
    stream = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 3))):
        stream[data.draw(st.integers(0, len(stream) - 1))] ^= data.draw(st.integers(1, 255))
    assume(stream != sound)
    if stream[:4] == sound[:4]:
        with pytest.raises(Defect, match="damaged"):
            decoded([bytes(stream)])
        return
    with suppress(Defect):
        assert decoded([bytes(stream)]) == []


class Order:
    """Whoever reads this runs a command."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


@pytest.mark.parametrize(
    "foreign",
    [Order(), os.path.join, pickle.Pickler, DlmError, wire.encode, {"a": 1}, DOWNLOAD],
    ids=["a command", "a function", "a class", "an error", "ours", "a dictionary", "a download"],
)
def test_nothing_but_frames_comes_through(foreign: object) -> None:
    """Functions, classes of others, and values that are no frame end the channel; nothing is called."""
    body = pickle.dumps(foreign)
    with pytest.raises(Defect, match="defect of its own"):
        decoded([struct.pack(">II", len(body), crc32(body)) + body])


def test_a_name_that_leads_out_of_our_modules_is_refused() -> None:
    """What a module of ours has imported is not ours: `dlm.model.download:os.system` is not reached."""
    body = b"\x80\x04\x8c\x12dlm.model.download\x8c\tos.system\x93."
    with pytest.raises(Defect, match="has no business"):
        decoded([struct.pack(">II", len(body), crc32(body)) + body])


def test_a_length_that_cannot_be_is_refused_before_it_is_waited_for() -> None:
    """A frame has at most `LARGEST` bytes, on the way out and on the way in."""
    with pytest.raises(Defect, match="a message of"):
        Decoder().feed(struct.pack(">II", wire.LARGEST + 1, 0))
    with pytest.raises(Defect, match="a message of"):
        encode(Reject(1, Failure(DlmError, "x" * wire.LARGEST)))


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_of_ours_travels_as_what_it_is(kind: type[DlmError]) -> None:
    """Class and sentence stay, and with them verdict and exit code."""
    (frame,) = decoded([encode(Ended(ID, Failure.of(kind("it went wrong"))))])
    assert isinstance(frame, Ended)
    assert frame.failure is not None
    error = frame.failure.error()
    assert (type(error), str(error), error.verdict) == (kind, "it went wrong", kind.verdict)


@pytest.mark.parametrize(
    ("error", "attributes"),
    [
        (ServerBusy("later", uri="https://h/f", retry_after=3.5), {"uri": "https://h/f", "retry_after": 3.5}),
        (DiskFull("full", path="/d/f"), {"path": "/d/f"}),
        (DigestMismatch("wrong", (Span(0, 9),)), {"spans": (Span(0, 9),)}),
    ],
    ids=lambda each: type(each).__name__,
)
def test_attributes_travel_and_tracebacks_do_not(error: DlmError, attributes: dict[str, object]) -> None:
    """What the policy reads of an error is there; where and why it was raised stays behind."""
    try:
        raise error from OSError("a cause")
    except DlmError as caught:
        arrived = Failure.of(caught).error()
    assert vars(arrived) == attributes
    assert arrived.__traceback__ is None
    assert arrived.__cause__ is None


def test_an_error_of_an_adapter_of_its_own_becomes_our_nearest() -> None:
    """A class that the other process may not have is not named to it; what else it holds stays behind."""

    class Gone(NotFound):
        """Of a plug-in."""

    error = Gone("gone", uri="https://h/f")
    error.lock = object()  # type: ignore[attr-defined]
    arrived = Failure.of(error).error()
    assert type(arrived) is NotFound
    assert vars(arrived) == {"uri": "https://h/f"}


def test_a_foreign_error_is_a_defect_with_its_repr() -> None:
    """What nobody has named is dlm's own fault, and is told as one."""
    error = Failure.of(ZeroDivisionError("by zero")).error()
    assert error.kind == "Defect"
    assert str(error) == "dlm met a defect of its own: ZeroDivisionError('by zero')"


def test_enumerations_travel_by_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """However this version of Python would write them: 3.11.2 names `getattr`, which no frame may."""
    monkeypatch.setattr(Phase, "__reduce_ex__", lambda self, _protocol: (getattr, (Phase, self.name)))
    (decoded,) = wire.Decoder().feed(wire.encode(FRAMES[0]))
    assert decoded == FRAMES[0]
