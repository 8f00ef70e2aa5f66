"""What is written down comes back; what other versions wrote is understood."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.download import DownloadSpec, Fault, Place
from dlm.model.recursion import Recursion
from dlm.model.resource import ALGORITHMS, Digest, Mirror, Part, Resource, Validator, Verification, Verified
from dlm.model.span import Span, merge
from dlm.storage import encoding

texts = st.text(st.characters(codec=None, categories=None), max_size=20)
maybe_texts = st.none() | texts
sizes = st.integers(0, 2**62)
numbers = st.floats(allow_nan=False, allow_infinity=False)
digests = st.sampled_from(sorted(ALGORITHMS)).flatmap(
    lambda name: st.binary(min_size=ALGORITHMS[name][1], max_size=ALGORITHMS[name][1]).map(lambda value: Digest(name, value))
)
spans = st.tuples(sizes, st.integers(1, 2**40)).map(lambda pair: Span(pair[0], pair[0] + pair[1]))
merged_spans = st.lists(spans, max_size=20).map(lambda many: tuple(merge(many)))
patterns = st.lists(texts, max_size=2).map(tuple)
recursions = st.builds(Recursion, st.none() | st.integers(0, 99), patterns, patterns, st.booleans())
specs = st.builds(
    DownloadSpec,
    uris=st.lists(texts, min_size=1, max_size=3).map(tuple),
    directory=texts,
    output=maybe_texts,
    connections=st.integers(1, 256),
    checksum=st.none() | digests,
    limit_rate=st.none() | sizes,
    headers=st.lists(st.tuples(texts, texts), max_size=3).map(tuple),
    user_agent=maybe_texts,
    referer=maybe_texts,
    cookies=maybe_texts,
    user=maybe_texts,
    bearer=maybe_texts,
    netrc=st.booleans(),
    proxy=maybe_texts,
    insecure=st.booleans(),
    cacert=maybe_texts,
    cert=maybe_texts,
    key=maybe_texts,
    hostkey=maybe_texts,
    range=st.none() | spans,
    overwrite=st.booleans(),
    resume=st.booleans(),
    follow=st.booleans(),
    retries=st.integers(0, 100),
    timeout=st.floats(0.1, 1e6),
    http3=st.booleans(),
    endpoint_url=maybe_texts,
    region=maybe_texts,
    profile=maybe_texts,
    anonymous=st.booleans(),
    requester_pays=st.booleans(),
    ftp_tls=st.booleans(),
    ftp_active=st.booleans(),
    recursive=st.none() | recursions,
)
parts = st.builds(Part, maybe_texts, st.none() | sizes, st.lists(digests, max_size=2).map(tuple), st.none() | numbers)
resources = st.builds(
    Resource,
    mirrors=st.lists(st.builds(Mirror, texts, maybe_texts, st.booleans()), max_size=3).map(tuple),
    parts=st.lists(parts, max_size=3).map(tuple),
    validator=st.builds(Validator, maybe_texts, maybe_texts, st.booleans()),
    ranged=st.booleans(),
    encoded=st.booleans(),
    media_type=maybe_texts,
)
places = st.builds(Place, texts, texts, texts, sizes, sizes)
verdicts = st.builds(Verified, st.sampled_from(Verification), maybe_texts)
faults = st.builds(Fault, texts, texts, st.integers(0, 255))


@given(specs)
def test_a_spec_comes_back(spec: DownloadSpec) -> None:
    """Whatever a user may ask for, whatever characters it holds."""
    assert encoding.decode_spec(encoding.encode_spec(spec)) == spec


@given(resources)
def test_a_resource_comes_back(resource: Resource) -> None:
    """Mirrors, parts, digests and validator."""
    assert encoding.decode_resource(encoding.encode_resource(resource)) == resource


@given(places, st.none() | verdicts, st.none() | faults)
def test_a_place_a_verdict_and_a_fault_come_back(place: Place, verified: Verified | None, fault: Fault | None) -> None:
    """Each of them, and nothing as nothing."""
    assert encoding.decode_place(encoding.encode_place(place)) == place
    assert encoding.decode_verified(encoding.encode_verified(verified)) == verified
    assert encoding.decode_fault(encoding.encode_fault(fault)) == fault


@given(merged_spans)
def test_merged_spans_come_back(done: tuple[Span, ...]) -> None:
    """However large their offsets and however many they are."""
    assert encoding.decode_spans(encoding.encode_spans(done)) == done


@given(maybe_texts)
def test_any_text_comes_back_from_a_column(text: str | None) -> None:
    """Valid Unicode is stored as it is, all else as bytes."""
    assert encoding.decode_text(encoding.encode_text(text)) == text


def test_every_field_of_the_model_is_written() -> None:
    """A field that is added to the model and forgotten here would be lost without a sound."""
    written = json.loads(encoding.encode_spec(DownloadSpec(uris=("https://h/f",), directory="/d")))
    assert set(written) == {field.name for field in fields(DownloadSpec)}
    flat = {field.name for field in (*fields(Resource), *fields(Validator))} - {"validator", "version"}
    assert set(json.loads(encoding.encode_resource(Resource((), ())))) == flat
    assert set(json.loads(encoding.encode_place(Place("", "", "", 0, 0)))) == {field.name for field in fields(Place)}
    part = Resource((Mirror("u"),), (Part(digests=(Digest("md5", bytes(16)),)),))
    written = json.loads(encoding.encode_resource(part))
    assert set(written["mirrors"][0]) == {field.name for field in fields(Mirror)}
    assert set(written["parts"][0]) == {field.name for field in fields(Part)}


def test_other_versions_are_understood() -> None:
    """Unknown keys are passed over, missing ones take the default."""
    spec = encoding.decode_spec('{"uris": ["https://h/f"], "directory": "/d", "colour": "red"}')
    assert spec == DownloadSpec(uris=("https://h/f",), directory="/d")
    resource = encoding.decode_resource('{"mirrors": [{"uri": "u", "rank": 1}], "parts": [{"hash": 1}], "more": []}')
    assert resource == Resource((Mirror("u"),), (Part(),))
    assert encoding.decode_verified('{"how": "consistent", "since": 1}') == Verified(Verification.CONSISTENT)


@pytest.mark.parametrize(
    ("decode", "text"),
    [
        (encoding.decode_spec, "{}"),
        (encoding.decode_spec, "[]"),
        (encoding.decode_spec, "{"),
        (encoding.decode_resource, '{"mirrors": 1, "parts": []}'),
        (encoding.decode_place, '{"name": "x"}'),
        (encoding.decode_verified, '{"how": "by magic"}'),
        (encoding.decode_fault, "null"),
        (encoding.decode_spans, "0 1 2"),
        (encoding.decode_spans, "0 0"),
        (encoding.decode_spans, "-1 5"),
        (encoding.decode_spans, "0 5 -2 9"),
        (encoding.decode_spans, "zero one"),
    ],
)
def test_what_means_nothing_is_not_guessed_at(decode: Callable[[str], object], text: str) -> None:
    """A record that makes no sense fails with one of the three errors that the caller maps."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        decode(text)
