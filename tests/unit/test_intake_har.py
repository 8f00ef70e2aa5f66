"""Browsers' recordings, and the reader that lets them pass by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain, islice, repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.intake.choice import Wanted, url_choice
from dlm.intake.entry import Entry, Skipped
from dlm.intake.har import read_har
from dlm.intake.json_stream import DEEPEST, LONGEST_STRING, elements
from dlm.model.error import InvalidRequest


def exchange(uri: str = "https://h/a.iso", *, headers: dict[str, str] | None = None, **facts: Any) -> dict[str, Any]:
    """One entry as browsers record it."""
    reply = [{"name": name, "value": value} for name, value in facts.get("reply", {}).items()]
    return {
        "request": {
            "method": facts.get("method", "GET"),
            "url": uri,
            "headers": [{"name": name, "value": value} for name, value in (headers or {}).items()],
            "cookies": [{"name": name, "value": value} for name, value in facts.get("cookies", {}).items()],
        },
        "response": {
            "status": facts.get("status", 200),
            "headers": reply,
            "content": {"size": facts.get("size", 0), "mimeType": facts.get("type", ""), "text": facts.get("body", "")},
            "bodySize": -1,
        },
    }


def recording(*exchanges: Any) -> str:
    return json.dumps({"log": {"version": "1.2", "pages": [{"x": [1, "]}"]}], "entries": list(exchanges)}, "z": None})


def found(*exchanges: Any, wanted: Wanted = Wanted(), filters: tuple[str, ...] = ()) -> list[Entry]:  # noqa: B008 (frozen)
    rows = list(read_har([recording(*exchanges)], "x.har", wanted, url_choice(filters)))
    return [each for each in rows if isinstance(each, Entry)]


def skipped(*exchanges: Any, wanted: Wanted = Wanted(), filters: tuple[str, ...] = ()) -> list[str]:  # noqa: B008 (frozen)
    rows = list(read_har([recording(*exchanges)], "x.har", wanted, url_choice(filters)))
    return [each.why for each in rows if isinstance(each, Skipped)]


def options(*exchanges: Any) -> list[tuple[str, str]]:
    (entry,) = found(*exchanges)
    return [(name, value) for _, name, value in entry.options]


def test_headers_go_along_but_those_of_the_exchange() -> None:
    """Identity and everything unknown goes along; what belongs to that one request does not."""
    headers = {
        ":authority": "h",
        "Host": "h",
        "User-Agent": "Browser/1",
        "referer": "https://r/",
        "Cookie": "a=b; c=d",
        "Authorization": "Bearer t",
        "Sec-Fetch-Mode": "navigate",
        "Range": "bytes=0-",
        "If-Range": '"x"',
        "If-None-Match": '"x"',
        "If-Modified-Since": "now",
        "Accept-Encoding": "br",
        "Connection": "keep-alive, X-Hop",
        "X-Hop": "1",
        "Keep-Alive": "1",
        "TE": "trailers",
        "Transfer-Encoding": "chunked",
        "Upgrade": "h2c",
        "Proxy-Authorization": "Basic x",
        "Content-Length": "0",
    }
    assert options(exchange(headers=headers, cookies={"a": "b"})) == [
        ("user-agent", "Browser/1"),
        ("referer", "https://r/"),
        ("header", "Authorization: Bearer t"),
        ("header", "Sec-Fetch-Mode: navigate"),
        ("header", "Cookie: a=b; c=d"),
    ]


def test_cookies_of_the_list_become_a_header() -> None:
    """Where only the recording's own list has them."""
    assert options(exchange(cookies={"a": "b", "c": "d=e"})) == [("header", "Cookie: a=b; c=d=e")]


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"method": "POST"}, "it is not a GET request"),
        ({"method": "HEAD"}, "it is not a GET request"),
        ({"status": 404}, "it was not answered with success"),
        ({"status": 0}, "it was not answered with success"),
        ({"status": 302}, "it was not answered with success"),
        ({"status": "200"}, "it was not answered with success"),
        ({"uri": "data:text/plain,x"}, "it is not an HTTP address"),
        ({"uri": "blob:https://h/x"}, "it is not an HTTP address"),
        ({"uri": "ws://h/x"}, "it is not an HTTP address"),
        ({"uri": "https://h/a b"}, "it cannot be asked for as it was recorded"),
        ({"uri": "https:///x"}, "it cannot be asked for as it was recorded"),
        ({"headers": {"X": "a\r\nY: b"}}, "it cannot be asked for as it was recorded"),
        ({"headers": {"X y": "a"}}, "it cannot be asked for as it was recorded"),
    ],
)
def test_what_is_no_file_is_counted(facts: dict[str, Any], why: str) -> None:
    """Everything that is left out has a reason; the others are found nevertheless."""
    assert skipped(exchange(**facts), exchange("https://h/b")) == [why]
    assert len(found(exchange(**facts), exchange("https://h/b"))) == 1


@pytest.mark.parametrize("status", [200, 203, 206, 304])
def test_success_is_found(status: int) -> None:
    """Also a part of a file, and what the browser had already."""
    assert len(found(exchange(status=status))) == 1


def test_any_status_may_be_wanted() -> None:
    """A link that did not answer the browser may answer now."""
    assert len(found(exchange(status=503), wanted=Wanted(any_status=True))) == 1


@pytest.mark.parametrize(
    "shape", [{}, [], None, 5, "x", {"request": []}, {"request": {"method": "GET", "url": 5, "headers": 1}}]
)
def test_an_entry_of_another_shape_is_skipped(shape: Any) -> None:
    """A recording is written by programs that differ; one odd entry does not spoil the rest."""
    assert len(skipped(shape, exchange())) == 1
    assert len(found(shape, exchange())) == 1


def test_each_address_is_taken_once() -> None:
    """The request with most headers counts, the later one of equals; the fragment does not."""
    rows = [
        exchange("https://h/a#1", headers={"Cookie": "old"}),
        exchange("https://h/b"),
        exchange("https://h/a", headers={"Cookie": "new"}),
        exchange("https://h/a#2"),
    ]
    first, second = found(*rows)
    assert (first.uris, first.options) == (("https://h/a",), ((3, "header", "Cookie: new"),))
    assert second.uris == ("https://h/b",)
    assert skipped(*rows) == ["it is there already"] * 2


@pytest.mark.parametrize(
    ("wanted", "filters", "uris"),
    [
        (Wanted(), (), ["v.mp4", "p.html?v=1", "i.PNG"]),
        (Wanted(types=("video/*",)), (), ["v.mp4"]),
        (Wanted(types=("VIDEO/mp4", "image/*")), (), ["v.mp4", "i.PNG"]),
        (Wanted(types=("text/html",)), (), ["p.html?v=1"]),
        (Wanted(least=5000), (), ["v.mp4", "i.PNG"]),
        (Wanted(least=5001), (), ["i.PNG"]),
        (Wanted(), ("*.png",), ["i.PNG"]),
        (Wanted(), ("*.html",), ["p.html?v=1"]),
        (Wanted(), (r"re:v=\d$", "*.mp4"), ["v.mp4", "p.html?v=1"]),
        (Wanted(), ("https://h/?.mp4",), ["v.mp4"]),
        (Wanted(types=("video/*",)), ("*.png",), []),
    ],
)
def test_files_are_chosen(wanted: Wanted, filters: tuple[str, ...], uris: list[str]) -> None:
    """By address, media type and size: that of the whole, when a part was fetched."""
    rows = [
        exchange("https://h/v.mp4", status=206, type="video/mp4", reply={"Content-Range": "bytes 0-99/5000"}, size=100),
        exchange("https://h/p.html?v=1", type="text/html; charset=utf-8", size=300),
        exchange("https://h/i.PNG", reply={"content-type": "image/png", "content-length": "9000"}),
    ]
    assert [each.uris[0].removeprefix("https://h/") for each in found(*rows, wanted=wanted, filters=filters)] == uris


def test_a_bad_pattern_is_refused() -> None:
    """A regular expression that is none is an error of the flag."""
    with pytest.raises(InvalidRequest, match=r"^--filter: "):
        url_choice(["re:("])


tokens = st.from_regex(r"X-[A-Za-z]{1,8}", fullmatch=True)
values = st.from_regex(r"[!-~]{1,10}", fullmatch=True)
uris = st.from_regex(r"https://[a-z]{1,5}/[A-Za-z0-9/._~%-]{0,20}", fullmatch=True)
requests = st.lists(st.tuples(uris, st.dictionaries(tokens, values, max_size=4)), max_size=5, unique_by=lambda row: row[0])


@given(requests, st.integers(1, 100), st.sampled_from([None, 1]))
def test_what_is_written_is_read(requests: list[tuple[str, dict[str, str]]], size: int, indent: int | None) -> None:
    """Requests written as a recording are read back the same, in whatever pieces the text comes."""
    text = json.dumps(
        {"log": {"entries": [exchange(uri, headers=headers, body='"]}{\\') for uri, headers in requests]}}, indent=indent
    )
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    entries = [each for each in read_har(pieces, "x", Wanted(), url_choice([])) if isinstance(each, Entry)]
    expected = [(uri, [f"{name}: {value}" for name, value in headers.items()]) for uri, headers in requests]
    assert [(each.uris[0], [value for _, _, value in each.options]) for each in entries] == expected


# --- the reader -------------------------------------------------------------------------------------------------------


def read(text: str, size: int = 1 << 20) -> list[Any]:
    return list(elements([text[at : at + size] for at in range(0, len(text), size)], ("log", "entries"), "x"))


simple = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(simple, max_size=5), simple, st.integers(1, 60), st.booleans(), st.sampled_from([None, 2]))
def test_elements_are_those_of_the_whole(entries: list[Any], other: Any, size: int, ascii: bool, indent: int | None) -> None:
    """Read piece by piece, an array has the elements that it has when the whole document is read at once."""
    text = json.dumps({"a": other, "log": {"b": other, "entries": entries, "c": other}}, ensure_ascii=ascii, indent=indent)
    assert read(text, size) == entries


@given(st.text(st.sampled_from('{}[]",:\\ 0tnul\nlogentris'), max_size=60), st.integers(1, 9))
def test_no_text_breaks_the_reader(text: str, size: int) -> None:
    """Whatever stands in a file, there are elements or one sentence."""
    sentence = "x "
    try:
        read('{"log":{"entries":[' + text, size)
    except InvalidRequest as error:
        sentence = str(error)
    assert sentence.startswith("x ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"log":{}}',
        '{"log":[]}',
        '{"log":{"entries":{}}}',
        '{"log":{"entries":[{}',
        '{"log":{"entries":[{},]}}',
        '{"log":{"entries":[{} {}]}}',
        '{"log":{"entries":[{"a":tru}]}}',
        '{"log":{"entries":[{"a":"\n"}]}}',
        '{"log":{"entries":[]}} x',
        '{"log":{"entries":[]}',
        '{"log" {"entries":[]}}',
        '{log:{"entries":[]}}',
        '{"log":{"entries":[' + "9" * 5000 + "]}}",
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_malformed_json_is_one_sentence(text: str, size: int) -> None:
    """What is broken, cut short or something else is told."""
    with pytest.raises(InvalidRequest, match=r"^x (is not JSON|has no 'log\.entries')"):
        read(text, size)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("within", ['{"log":{"entries":[', '{"log":{"entries":[{"a":', '{"b":'])
def test_depth_does_not_break_the_reader(opening: str, within: str) -> None:
    """A million brackets are an error like any other."""
    with pytest.raises(InvalidRequest, match="deep"):
        read(within + opening * 1_000_000, 4096)
    assert DEEPEST < 1000


def test_long_strings_pass_by() -> None:
    """A body of any length costs no memory: what is too long is empty, and the rest of the entry is there."""

    def pieces() -> Iterator[str]:
        yield '{"log":{"entries":[{"url":"https://h/a","text":"'
        yield from repeat('x\\"]}' * 4096, 1000)  # 20 million characters
        yield '","size":7},{"text":"' + "y" * (LONGEST_STRING // 2) + '"}]}}'

    first, second = elements(pieces(), ("log", "entries"), "x")
    assert first == {"url": "https://h/a", "text": "", "size": 7}
    assert len(second["text"]) == LONGEST_STRING // 2


def test_an_endless_entry_is_refused() -> None:
    """What never ends is given up before memory is full."""
    endless = chain(['{"log":{"entries":[{"a":['], repeat("1," * 32768))
    with pytest.raises(InvalidRequest, match="too large"):
        list(islice(elements(endless, ("log", "entries"), "x"), 1))
