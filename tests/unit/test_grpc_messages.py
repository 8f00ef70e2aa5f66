"""What becomes of values on their way into a message and out of one."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from google.protobuf.descriptor import FieldDescriptor
from grpc import StatusCode
from hypothesis import given
from hypothesis import strategies as st

from dlm.api import answers, asks
from dlm.api.grpc.generated import downloads_pb2 as pb
from dlm.api.grpc.messages import checked, members, message_of, parsed
from dlm.api.grpc.statuses import CODES
from dlm.api.problem import STATUSES, TITLES
from dlm.model.error import InvalidRequest


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
    position=st.none() | st.floats(-1e9, 1e9),
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
