"""What goes over gRPC says the same as what goes over REST: by the types, member for member."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from google.protobuf.descriptor import FieldDescriptor
from grpc import StatusCode
from hypothesis import given
from hypothesis import strategies as st

from dlm.api import answers, asks, events
from dlm.api.grpc.generated import downloads_pb2 as pb
from dlm.api.grpc.messages import checked, members, message_of, parsed
from dlm.api.grpc.methods import METHODS
from dlm.api.grpc.servicer import EventsIn
from dlm.api.grpc.statuses import CODES
from dlm.api.problem import STATUSES, TITLES
from dlm.api.streams import InterestIn
from dlm.model.error import InvalidRequest

ROOT = Path(__file__).resolve().parents[2]
TWINS: dict[Any, Any] = {
    pb.NewDownload: asks.AddIn,
    pb.AddRequest: asks.BulkIn,
    pb.OrderRequest: asks.OrderIn,
    pb.RemoveRequest: asks.RemoveIn,
    pb.ProgressRequest: InterestIn,
    pb.EventsRequest: EventsIn,
    pb.Fault: answers.FaultOut,
    pb.Download: answers.DownloadOut,
    pb.AddReply: answers.BulkOut,
    pb.Checkpoint: answers.CheckpointOut,
    pb.Transition: answers.TransitionOut,
    pb.Story: answers.StoryOut,
    pb.Page: answers.PageOut,
    pb.Ordered: answers.OrderedOut,
    pb.OrderReply: answers.OrdersOut,
    pb.Connection: events.ConnectionOut,
    pb.Progress: events.ProgressEvent,
    pb.DownloadChanged: events.AddedEvent,
    pb.StatusChanged: events.StatusEvent,
    pb.ConnectionClosed: events.ConnectionEvent,
    pb.Metrics: events.MetricsEvent,
    pb.RuntimeWarning: events.WarningEvent,
    pb.Lagged: events.LaggedEvent,
}


def test_the_stubs_are_what_the_proto_file_gives(tmp_path: Path) -> None:
    """Nobody has changed one of them alone."""
    subprocess.run([sys.executable, str(ROOT / "scripts" / "grpc-stubs"), str(tmp_path)], check=True, timeout=100)
    committed = ROOT / "src" / "dlm" / "api" / "grpc" / "generated"
    made = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert made == {name: (committed / name).read_text() for name in made}
    assert made.keys() | {"__init__.py"} == {file.name for file in committed.iterdir() if file.is_file()}


@pytest.mark.parametrize("message", TWINS, ids=lambda kind: kind.DESCRIPTOR.name)
def test_a_message_has_the_members_of_its_twin(message: Any) -> None:
    """A member that is forgotten on one side fails here. Which order is meant is said by the method."""
    twin = {field.name for field in msgspec.structs.fields(TWINS[message])}
    spelt = {"from_phase": "origin", "to_phase": "target"}
    ours = {spelt.get(field.name, field.name) for field in message.DESCRIPTOR.fields}
    assert ours - {"left_out"} == twin - ({"order"} if message is pb.OrderRequest else set())


@pytest.mark.parametrize(
    ("kind", "words"), [(pb.Phase, asks.PhaseName), (pb.Priority, asks.PriorityName), (pb.Lane, asks.LaneName)]
)
def test_enumerations_have_the_same_words(kind: Any, words: Any) -> None:
    """And one more, for what a later version may add."""
    prefix = kind.DESCRIPTOR.name.upper() + "_"
    assert {name.removeprefix(prefix).lower() for name in kind.DESCRIPTOR.values_by_name} == {*get_args(words), "unspecified"}


def test_every_event_has_its_place() -> None:
    """An event that is new has to be told here as well."""
    tags = {kind.__struct_config__.tag for kind in get_args(events.EventOut)}
    assert {field.name for field in pb.Event.DESCRIPTOR.fields} == tags


def test_every_method_of_the_service_is_served() -> None:
    """Unary ones are rows of the table."""
    described = pb.DESCRIPTOR.services_by_name["Downloads"].methods_by_name
    assert set(described) == {*METHODS, "StreamProgress", "StreamEvents", "Control"}
    for name, method in METHODS.items():
        assert described[name].input_type is method.request.DESCRIPTOR
        assert described[name].output_type is method.reply.DESCRIPTOR


def test_control_knows_every_method() -> None:
    """By its name in small letters."""
    commands = {field.name for field in pb.Command.DESCRIPTOR.oneofs_by_name["command"].fields}
    assert commands == {name.lower() for name in METHODS} | {"watch"}


def test_every_problem_has_a_status() -> None:
    """One table, and nothing falls through it; nothing is OK that went wrong."""
    assert CODES.keys() == TITLES.keys()
    assert set(STATUSES.values()) <= CODES.keys()
    assert StatusCode.OK not in CODES.values()


SHOWN = st.builds(
    answers.DownloadOut,
    download_id=st.just("0123456789abcdef"),
    status=st.text(),
    phase=st.sampled_from(get_args(asks.PhaseName)),
    uri=st.text(),
    uris=st.lists(st.text(), max_size=3),
    name=st.none() | st.text(),
    size=st.none() | st.integers(0, 2**63),
    downloaded=st.integers(0, 2**63),
    speed=st.none() | st.floats(0, 1e12),
    priority=st.sampled_from(get_args(asks.PriorityName)),
    lane=st.sampled_from(get_args(asks.LaneName)),
    group=st.none() | st.text(),
    due=st.none() | st.floats(0, 1e12),
    attempts=st.integers(0, 2**31),
    directory=st.text(),
    path=st.none() | st.text(),
    verification=st.none() | st.text(),
    verified_by=st.none() | st.text(),
    limit_rate=st.none() | st.integers(0, 2**53),
    added=st.floats(0, 1e12),
    finished=st.none() | st.floats(0, 1e12),
    error=st.none() | st.builds(answers.FaultOut, kind=st.text(min_size=1), message=st.text(min_size=1)),
)


@given(SHOWN)
def test_nothing_is_lost_on_the_way(shown: answers.DownloadOut) -> None:
    """A download comes back from its message as it was; what is not known is not set."""
    message = parsed(pb.Download, message_of(pb.Download, shown).SerializeToString())
    unset = {field.name: None if field.has_presence else _zero(field) for field in pb.Download.DESCRIPTOR.fields}
    assert msgspec.convert({**unset, **members(message)}, answers.DownloadOut) == shown


def _zero(field: FieldDescriptor) -> Any:
    return [] if field.is_repeated else field.default_value


def test_what_is_not_unicode_gets_question_marks() -> None:
    """Names of files may be any bytes; messages may not."""
    assert message_of(pb.Fault, {"kind": "x", "message": "a\udcffb"}).message == "a?b"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(content: bytes) -> None:
    """Nothing else is raised."""
    for kind in (pb.AddRequest, pb.OrderRequest, pb.ListRequest, pb.Command):
        try:
            members(parsed(kind, content))
        except InvalidRequest:
            continue


@pytest.mark.parametrize(
    "said",
    [
        {"uris": []},
        {"uris": ["http://a/"], "priority": 9},
        {"uris": ["http://a/"], "priority": pb.PRIORITY_UNSPECIFIED},
        {"uris": ["http://a/"], "start_at": float("nan")},
        {"uris": ["http://a/"], "timeout": float("inf")},
        {"uris": ["http://a/"], "connections": 0},
        {"uris": ["http://a/"], "connections": 257},
        {"uris": ["http://a/"], "limit_rate": 2**60},
        {"uris": ["http://a/"], "group": "x" * 5000},
    ],
)
def test_limits_are_those_of_rest(said: dict[str, Any]) -> None:
    """They are read by the same types."""
    with pytest.raises(InvalidRequest):
        checked(members(pb.NewDownload(**said)), asks.AddIn)
