"""The proto file says what the types of the API say, member for member, so that nothing is forgotten on one side."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from google.protobuf.descriptor import FieldDescriptor
from msgspec import inspect

from dlm.api import answers, asks, events
from dlm.api.grpc.generated import downloads_pb2 as pb
from dlm.api.grpc.methods import METHODS, EditIn, NamedIn
from dlm.api.grpc.servicer import EventsIn
from dlm.api.streams import InterestIn

ROOT = Path(__file__).resolve().parents[2]
TWINS: dict[Any, Any] = {
    pb.NewDownload: asks.AddIn,
    pb.Recursion: asks.RecursionIn,
    pb.AddRequest: asks.BulkIn,
    pb.GetRequest: NamedIn,
    pb.EditRequest: EditIn,
    pb.Change: asks.ChangeIn,
    pb.OrderRequest: asks.OrderIn,
    pb.RemoveRequest: asks.RemoveIn,
    pb.ProgressRequest: InterestIn,
    pb.EventsRequest: EventsIn,
    pb.Fault: answers.FaultOut,
    pb.Download: answers.DownloadOut,
    pb.AddReply: answers.BulkOut,
    pb.Added: answers.AddedOut,
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
FRAMES = {"ListRequest", "Span", "Command", "Event", "Failure", "Answer", "Watching"}
"""Messages without a type: each has a test of its own."""
SPELT = {"origin": "from_phase", "target": "to_phase"}
"""Members that have a keyword of Python as their name in JSON."""
SAID_BY_THE_METHOD = {pb.OrderRequest: {"order"}, pb.Added: {"download"}}
"""Which order is meant is said by the method; of what was added the id is told, since ten thousand downloads would not fit."""
OWN = {pb.OrderReply: {"left_out"}, pb.Added: {"download_id"}}
"""What messages have beside it, since a message has a largest size."""
WORDS: dict[str, Any] = {"Phase": asks.PhaseName, "Priority": asks.PriorityName, "Lane": asks.LaneName}
"""Enumerations, and their words in JSON."""
SCALARS = {
    FieldDescriptor.TYPE_STRING: "text",
    FieldDescriptor.TYPE_BOOL: "switch",
    FieldDescriptor.TYPE_DOUBLE: "number",
    **dict.fromkeys(
        (FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_INT64),
        "count",
    ),
}
ROOM = {FieldDescriptor.TYPE_UINT32: 2**32 - 1, FieldDescriptor.TYPE_UINT64: 2**64 - 1, FieldDescriptor.TYPE_INT64: 2**63 - 1}


def test_the_stubs_are_what_the_proto_file_gives(tmp_path: Path) -> None:
    """Nobody has changed one of them alone."""
    subprocess.run([sys.executable, str(ROOT / "scripts" / "grpc-stubs"), str(tmp_path)], check=True, timeout=100)
    committed = ROOT / "src" / "dlm" / "api" / "grpc" / "generated"
    made = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert made == {name: (committed / name).read_text() for name in made}
    assert made.keys() | {"__init__.py"} == {file.name for file in committed.iterdir() if file.is_file()}


@pytest.mark.parametrize("message", TWINS, ids=lambda kind: kind.DESCRIPTOR.name)
def test_a_message_is_the_twin_of_its_type(message: Any) -> None:
    """Member for member, by name and by kind: what is forgotten on one side, or is of another kind there, fails here."""
    twin = {SPELT.get(field.name, field.name): field for field in members_of(message)}
    ours = {field.name: field for field in message.DESCRIPTOR.fields}
    assert ours.keys() - OWN.get(message, set()) == twin.keys() - SAID_BY_THE_METHOD.get(message, set())
    for name in ours.keys() & twin.keys():
        assert kind_of(ours[name]) == expected(twin[name]), name


def test_every_message_has_a_twin() -> None:
    """Or is nothing but a frame around those that have, and is compared by a test of its own."""
    named = {message.DESCRIPTOR.name for message in TWINS}
    assert set(pb.DESCRIPTOR.message_types_by_name) == named | FRAMES
    assert named.isdisjoint(FRAMES)


def test_a_list_has_the_conditions_of_its_command() -> None:
    """Those that stand in the query of its address."""
    query = METHODS["List"].command.query
    assert {{"phases": "phase"}.get(field.name, field.name) for field in pb.ListRequest.DESCRIPTOR.fields} == set(query)


def test_an_edit_has_the_numbers_of_an_addition() -> None:
    """So that who has written one has written the other."""
    added, changed = ({field.number: field.name for field in each.DESCRIPTOR.fields} for each in (pb.NewDownload, pb.Change))
    common = set(added.values()) & set(changed.values())
    assert {number: name for number, name in added.items() if number in changed} == {
        number: name for number, name in changed.items() if name in common
    }


@pytest.mark.parametrize("message", TWINS, ids=lambda kind: kind.DESCRIPTOR.name)
def test_a_count_has_room_for_what_its_twin_allows(message: Any) -> None:
    """A number that JSON may say can be said in the message too."""
    twin = {field.name: _bare(field.type)[0] for field in members_of(message)}
    for field in message.DESCRIPTOR.fields:
        kind = twin.get(field.name)
        if isinstance(kind, inspect.IntType) and kind.le is not None:
            assert kind.le <= ROOM[field.type], field.name


@pytest.mark.parametrize(("kind", "words"), [(getattr(pb, name), words) for name, words in WORDS.items()], ids=list(WORDS))
def test_enumerations_have_the_same_words(kind: Any, words: Any) -> None:
    """And one more, for what a later version may add."""
    prefix = kind.DESCRIPTOR.name.upper() + "_"
    assert {name.removeprefix(prefix).lower() for name in kind.DESCRIPTOR.values_by_name} == {*get_args(words), "unspecified"}


def test_every_event_has_its_place() -> None:
    """An event that is new has to be told here as well."""
    kinds = {kind.__struct_config__.tag: kind for kind in get_args(events.EventOut)}
    assert {field.name for field in pb.Event.DESCRIPTOR.fields} == kinds.keys()
    for field in pb.Event.DESCRIPTOR.fields:
        twin = TWINS[getattr(pb, field.message_type.name)]
        assert kinds[field.name].__annotations__ == twin.__annotations__, field.name


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


# --- kinds ------------------------------------------------------------------------------------------------------------


def kind_of(field: FieldDescriptor) -> str:
    """The kind of a member of a message, in words: `optional` where it can be told from what is empty."""
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = field.message_type.fields
        return f"map of {_one(key)} to {_one(value)}"
    if field.is_repeated:
        return f"list of {_one(field)}"
    # In proto3 what is optional is alone in a choice of its own.
    return _one(field) if field.containing_oneof is None else f"optional {_one(field)}"


def _one(field: FieldDescriptor) -> str:
    made = field.message_type or field.enum_type
    name: str = SCALARS[field.type] if made is None else made.name
    return name


def members_of(message: Any) -> tuple[inspect.Field, ...]:
    """The members of the twin."""
    described = inspect.type_info(TWINS[message])
    assert isinstance(described, inspect.StructType)
    return described.fields


def expected(field: inspect.Field) -> str:
    """The kind that the twin's member asks for. What may be left out, or null, is optional, unless nothing means the same."""
    kind, absent = _bare(field.type)
    if isinstance(kind, inspect.ListType):
        return f"list of {_word(kind.item_type)}"
    if isinstance(kind, inspect.DictType):
        return f"map of {_word(kind.key_type)} to {_word(kind.value_type)}"
    absent = absent or field.default not in (msgspec.NODEFAULT, False)
    return f"optional {_word(kind)}" if absent else _word(kind)


def _bare(kind: inspect.Type) -> tuple[inspect.Type, bool]:
    if not isinstance(kind, inspect.UnionType):
        return kind, False
    (only,) = (each for each in kind.types if not isinstance(each, inspect.NoneType))
    return only, True


def _word(kind: inspect.Type) -> str:
    match kind:
        case inspect.StructType(cls=cls):
            return next(str(message.DESCRIPTOR.name) for message, twin in TWINS.items() if twin is cls)
        case inspect.LiteralType(values=values):
            return next(name for name, words in WORDS.items() if set(values) == set(get_args(words)))
        case inspect.TupleType(item_types=(inspect.IntType(), inspect.IntType())):
            return "Span"
        case inspect.StrType():
            return "text"
        case inspect.BoolType():
            return "switch"
        case inspect.FloatType():
            return "number"
        case inspect.IntType():
            return "count"
    raise AssertionError(kind)
