"""The short way of checking an address: it passes nothing that the long way would not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model import address
from dlm.model.address import check_uri
from dlm.model.error import InvalidRequest

PIECES = [
    "http:",
    "a+b:",
    "9:",
    "//",
    "/",
    "host",
    "h.example",
    "user:p@",
    ":80",
    ":0",
    ":70000",
    "[::1]",
    "[",
    " ",
    "\n",
    "é",
    "?q",
    "#f",
    "%20",
    "@",
]


@given(st.lists(st.sampled_from(PIECES), max_size=6).map("".join))
def test_what_is_ordinary_has_no_fault(text: str) -> None:
    """Whatever the pattern takes, the full check takes as well."""
    if address._ORDINARY.fullmatch(text):
        assert address._fault_of(text) is None
        assert not address._CONTROL.search(text)


@pytest.mark.parametrize("text", ["http://h/x", "https://h.example:8080/a/b?c=d#e", "s3://bucket/key", "ftp://h"])
def test_common_addresses_are_ordinary(text: str) -> None:
    """They are checked in one step."""
    assert address._ORDINARY.fullmatch(text)
    check_uri(text)


@pytest.mark.parametrize(
    "text", ["http://h:0/", "http://h /", "http:///x", "h/x", "name:password@host", "http://h:99999/", "http://h/\n"]
)
def test_what_is_wrong_is_still_said(text: str) -> None:
    """The sentences are those of the full check."""
    with pytest.raises(InvalidRequest):
        check_uri(text)
