"""From arguments to specs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.intake.aria2 import read_entries
from dlm.intake.specs import Request, build, read_headers
from dlm.model.error import InvalidRequest
from dlm.model.resource import Digest
from dlm.model.settings import Settings
from dlm.model.span import Span

SETTINGS = Settings(directory="/base", state="/state/dlm.db")
SHA = "sha-256=" + "ab" * 32


def entries(text: str) -> Request:
    return Request(entries=tuple(read_entries(text, "list")), source="list", current="/here")


def test_each_url_is_one_download() -> None:
    """Without --mirror every URL is a download of its own, in order, and a repeated one is asked for once."""
    specs = build(Request(urls=("https://h/a", "https://h/b", "https://h/a")), SETTINGS)
    assert [spec.uris for spec in specs] == [("https://h/a",), ("https://h/b",)]
    assert {spec.directory for spec in specs} == {"/base"}


def test_mirrors_are_one_download() -> None:
    """With --mirror the URLs are one file, so a name and a checksum may be given."""
    request = Request(urls=("https://h/a", "https://i/a"), mirror=True, output="x", checksum=SHA)
    (spec,) = build(request, SETTINGS)
    assert spec.uris == ("https://h/a", "https://i/a")
    assert spec.output == "x"
    assert spec.checksum == Digest("sha-256", b"\xab" * 32)


def test_settings_reach_the_spec() -> None:
    """What governs a download is taken over by name."""
    settings = replace(
        SETTINGS, connections=3, limit_rate=1000, retries=1, timeout=2.0, resume=False, http3=True, proxy="http://p:1"
    )
    (spec,) = build(Request(urls=("https://h/a",)), settings)
    assert (spec.connections, spec.limit_rate, spec.retries, spec.timeout) == (3, 1000, 1, 2.0)
    assert (spec.resume, spec.http3, spec.proxy) == (False, True, "http://p:1")


def test_flags_of_one_download_reach_the_spec() -> None:
    """Headers, credentials and range are read."""
    request = Request(urls=("https://h/a",), headers=("A: b", "C:d:e"), user="me:p:w", range="0-9")
    (spec,) = build(request, SETTINGS)
    assert spec.headers == (("A", "b"), ("C", "d:e"))
    assert spec.user == "me:p:w"
    assert spec.range == Span(0, 10)


@pytest.mark.parametrize(
    ("output", "directory", "name"),
    [("x", "/base", "x"), ("sub/x", "/base/sub", "x"), ("../x", "/", "x"), ("/abs/x", "/abs", "x"), ("./x", "/base", "x")],
)
def test_a_path_in_output_is_directory_and_name(output: str, directory: str, name: str) -> None:
    """-o dir/name is relative to the directory."""
    (spec,) = build(Request(urls=("https://h/a",), output=output), SETTINGS)
    assert (spec.directory, spec.output) == (directory, name)


def test_a_dash_streams_out() -> None:
    """-o - is standard output, not a file."""
    (spec,) = build(Request(urls=("https://h/a",), output="-"), SETTINGS)
    assert spec.streams_out


@pytest.mark.parametrize(
    ("request_", "word"),
    [
        (Request(), "no URL was given"),
        (Request(source="list"), "list names no URL"),
        (Request(urls=("https://h/a", "https://h/b"), output="x"), "--output"),
        (Request(urls=("https://h/a", "https://h/b"), output="-"), "--output"),
        (Request(urls=("https://h/a", "https://h/b"), checksum=SHA), "--checksum"),
        (Request(urls=("https://h/a",), checksum="sha-256=12"), "--checksum"),
        (Request(urls=("https://h/a",), range="9-1"), "--range"),
        (Request(urls=("https://h/a",), headers=("no colon",)), "--header"),
        (Request(urls=("https://h/a",), headers=("Range: bytes=0-1",)), "--range"),
        (Request(urls=("https://h/a",), headers=("A: b\r\nC: d",)), "control character"),
        (Request(urls=("https://h/a",), user="me"), "--user"),
        (Request(urls=("https://h/a",), user="me:pw", bearer="t"), "--bearer"),
        (Request(urls=("https://h/a",), output="sub/"), "--output"),
        (Request(urls=("https://h/a",), output=".."), "--output"),
        (Request(urls=("https://h/a",), output=""), "--output"),
        (Request(urls=("h/a",)), "no scheme"),
        (Request(urls=("https://h/\udcff",)), "UTF-8"),
        (Request(urls=("https://h/a",), bearer="\udcff"), "UTF-8"),
    ],
)
def test_what_cannot_be_meant_is_refused(request_: Request, word: str) -> None:
    """Each contradiction is one sentence that names the flag."""
    with pytest.raises(InvalidRequest) as caught:
        build(request_, SETTINGS)
    assert word in str(caught.value)


def test_a_bad_header_is_not_repeated() -> None:
    """What looks like no header may be a token that slipped: the sentence does not hold it."""
    with pytest.raises(InvalidRequest) as caught:
        read_headers(["sometoken"], "--header")
    assert "sometoken" not in str(caught.value)


def test_entries_beat_flags() -> None:
    """What stands below a URL in the input file holds for it alone."""
    request = replace(
        entries(
            "https://h/a\thttps://i/a\n out=x\n dir=sub\n split=2\n header=B: 2\n http-user=u\n http-passwd=p\nhttps://h/b\n"
        ),
        headers=("A: 1",),
        bearer="token",
    )
    first, second = build(request, SETTINGS)
    assert first.uris == ("https://h/a", "https://i/a")
    assert (first.directory, first.output, first.connections) == ("/base/sub", "x", 2)
    assert first.headers == (("A", "1"), ("B", "2"))
    assert (first.user, first.bearer) == ("u:p", None)
    assert (second.directory, second.output, second.connections) == ("/base", None, 64)
    assert (second.headers, second.user, second.bearer) == ((("A", "1"),), None, "token")


def test_paths_in_entries_belong_to_the_current_directory() -> None:
    """A cookie file in an input file is looked for from where dlm was started."""
    (spec,) = build(entries("https://h/a\n load-cookies=jar\n"), SETTINGS)
    assert spec.cookies == "/here/jar"


@pytest.mark.parametrize(
    "text",
    [
        "https://h/a\n out=x\nhttps://h/b\n out=x\n",
        "https://h/a\n out=sub/x\nhttps://h/b\n dir=sub\n out=x\n",
    ],
)
def test_two_downloads_cannot_have_one_place(text: str) -> None:
    """Two entries with the same path are an error before anything is fetched."""
    with pytest.raises(InvalidRequest, match="2 downloads would be written to"):
        build(entries(text), SETTINGS)


@pytest.mark.parametrize(
    "text", ["https://h/a\nnot a url\n", "https://h/a\n\n \nftp\n", "https://h/a\nhttps://h/b\n http-user=u\n"]
)
def test_a_bad_entry_names_its_line(text: str) -> None:
    """A mistake in the input file is found by its line."""
    with pytest.raises(InvalidRequest, match=r"^list:"):
        build(entries(text), SETTINGS)


@given(st.text(max_size=80), st.text(max_size=20), st.text(max_size=20))
def test_no_text_breaks_the_building(url: str, output: str, header: str) -> None:
    """Whatever is written, it is a checked spec or one sentence."""
    request = Request(urls=(f"https://h/{url}",), output=output, headers=(header,) if header else ())
    try:
        (spec,) = build(request, SETTINGS)
    except InvalidRequest:
        return
    assert spec.check() is spec
    assert spec.output is not None
    assert "/" not in spec.output
