"""XML from strangers becomes small records, however it is cut into pieces, and nothing hostile becomes anything."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.error import DlmError, ProtocolViolation, Untrusted
from dlm.protocols.http.xml import Node, Records

DOCUMENT = (
    '<?xml version="1.0" encoding="utf-8"?><list xmlns:o="urn:other" xmlns:D="DAV:"><More>true</More>'
    "<row><name> ü&amp;1 </name><D:size>1</D:size><o:size>2</o:size></row><skipped><x/></skipped><row/></list>"
).encode()


def read(document: bytes, cuts: list[int]) -> list[Node]:
    """The records of the document, given in pieces."""
    records, found, start = Records(("row", "More"), "here"), list[Node](), 0
    for stop in [*sorted(cut % (len(document) + 1) for cut in cuts), len(document)]:
        found += records.feed(document[start:stop])
        start = stop
    records.end()
    return found


@given(st.lists(st.integers(0, 10_000), max_size=20))
def test_the_pieces_do_not_matter(cuts: list[int]) -> None:
    """Records, their names in known namespaces, their text; names of foreign namespaces stay foreign."""
    more, first, second = read(DOCUMENT, cuts)
    assert (more.name, more.text) == ("More", "true")
    assert (first.get("name"), first.get("size"), first.get("urn:other size")) == ("ü&1", "1", "2")
    assert (second.children, second.get("name")) == ([], None)


@given(st.binary(max_size=400))
def test_whatever_comes_is_read_or_refused(document: bytes) -> None:
    """With an error of ours, and none other."""
    try:
        read(document, [])
    except DlmError as error:
        assert isinstance(error, ProtocolViolation | Untrusted)  # noqa: PT017 - any document may do either


def fed(records: Records, document: bytes) -> None:
    """In pieces as they come from a socket."""
    for start in range(0, len(document), 65_536):
        records.feed(document[start : start + 65_536])


@pytest.mark.parametrize(
    "document",
    [
        b'<!DOCTYPE a [<!ENTITY x "' + b"x" * 1000 + b'">]><a>' + b"&x;" * 10_000,
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><row>&x;</row>',
        b"<row>" * 1_000_000,
        b"<list>" + b"<row>" + b"<x/>" * 1_000_000,
        b"<list><row x='" + b"y" * 100_000_000,
        b"<list><row>" + b"y" * 100_000_000,
        b"<list>" + b"y" * 100_000_000,
    ],
)
def test_giants_are_refused_at_once(document: bytes) -> None:
    """Whatever it is that is too large: long before all of it was looked at."""
    records, began = Records(("row",), "here"), time.process_time()
    with pytest.raises(Untrusted, match="here sends XML with"):
        fed(records, document)
    assert time.process_time() - began < 10


def test_half_a_document_is_none() -> None:
    """Records that were complete are good; that the end is missing is said."""
    records = Records(("row",), "here")
    assert len(records.feed(b"<list><row>1</row><row>")) == 1
    with pytest.raises(ProtocolViolation, match="here sends XML that cannot be read"):
        records.end()


@pytest.mark.parametrize("encoding", ["none-such", "shift_jis", "utf-7", "hex"])
def test_an_encoding_that_is_not_known_is_refused(encoding: str) -> None:
    """What Python cannot find, and what expat cannot use, is an error of ours like any other."""
    with pytest.raises(ProtocolViolation, match="here sends XML in an encoding that is not known"):
        Records(("row",), "here").feed(f"<?xml version='1.0' encoding='{encoding}'?><list/>".encode())
