"""Addresses become what HTTP takes, and give their secrets away only where they belong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.address import check_uri
from dlm.model.error import InvalidRequest
from dlm.protocols.http.address import split_credentials

TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#?"), max_size=20)


@pytest.mark.parametrize(
    ("uri", "address", "credentials"),
    [
        ("http://host", "http://host/", None),
        ("http://host/a#section", "http://host/a", None),
        ("http://host/a%20b?c=%2F&d", "http://host/a%20b?c=%2F&d", None),
        ("http://host/größe", "http://host/gr%C3%B6%C3%9Fe", None),
        ("http://host/a?größe=[ü]", "http://host/a?gr%C3%B6%C3%9Fe=[%C3%BC]", None),
        ("http://host/😀", "http://host/%F0%9F%98%80", None),
        ("http://bücher.example:81/", "http://xn--bcher-kva.example:81/", None),
        ("http://BÜCHER.example/", "http://xn--bcher-kva.example/", None),
        ("http://１２７.0.0.1/", "http://127.0.0.1/", None),
        ("http://[::1]:81/a", "http://[::1]:81/a", None),
        ("http://me:pass@host/", "http://host/", "me:pass"),
        ("http://me@host/", "http://host/", "me:"),
        ("http://m%40e:p%3Ass@host/", "http://host/", "m@e:p:ss"),
        ("http://né:ü@host/", "http://host/", "né:ü"),
        ("http://a@b@host/", "http://host/", "a@b:"),
    ],
)
def test_addresses_as_they_are_asked(uri: str, address: str, credentials: str | None) -> None:
    """In ASCII, without user information and fragment; what was escaped stays as it is."""
    assert split_credentials(uri) == (address, credentials)


@pytest.mark.parametrize(
    "uri",
    [
        "http://fa\u00df.example/",
        "http://\u03c2.example/",
        "http://a\u200db.example/",
        "http://é..example/",
        "http://" + "é" * 64 + "/",
        "http://xn--ü/",
        "http://a%0d%0aX:b@host/",
        "http://a:b%00@host/",
    ],
)
def test_addresses_that_cannot_be_asked(uri: str) -> None:
    """Host names without one meaning, and control characters in disguise, are the user's error; no secret is in it."""
    with pytest.raises(InvalidRequest, match="cannot be asked for") as caught:
        split_credentials(uri.replace("http://", "http://secret:", 1) if "@" in uri else uri)
    assert "secret" not in str(caught.value)


@given(st.text(max_size=30), st.text(max_size=30))
def test_what_was_checked_is_asked_in_printable_ascii(path: str, query: str) -> None:
    """Whatever passes as an address, nothing in the request could end its line."""
    uri = f"http://host/{path}?{query}"
    try:
        check_uri(uri)
    except InvalidRequest:
        return
    address, _ = split_credentials(uri)
    assert all("!" <= char <= "~" for char in address)


@given(st.sampled_from(["http", "https"]), st.from_regex(r"[a-zA-Z0-9.-]{1,20}(:[0-9]{1,5})?", fullmatch=True), TEXT, TEXT)
def test_what_is_plain_is_asked_as_it_is_written(scheme: str, host: str, path: str, query: str) -> None:
    """The short way for plain addresses leads where the long way leads."""
    uri = f"{scheme}://{host}/{path}" + (f"?{query}" if query else "")
    assert split_credentials(uri) == split_credentials(f"{uri}#") == (uri, None)
