"""What pages of folders hold: only direct children, only exact hints, and nothing that a hostile page could do with them."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.error import DlmError, ProtocolViolation, Refused, Untrusted
from dlm.model.listing import Entry, Kind, is_component
from dlm.protocols.http import index
from dlm.protocols.http.index import LARGEST_PAGE, LONGEST_TAG, MOST_ENTRIES, index_of

PAGE = "http://host.example/a%20b/c/"


def read(body: bytes | str, page: str = PAGE, media_type: str | None = "text/html; c=x", size: int = 1 << 20) -> list[Entry]:
    """The entries of a page that comes in pieces of this size."""
    raw = body if isinstance(body, bytes) else body.encode("utf-8", "surrogateescape")
    reading = index_of(page, media_type)
    found = [entry for start in range(0, len(raw), size) for entry in reading.feed(raw[start : start + size])]
    return [*found, *reading.end()]


def named(*hrefs: str, page: str = PAGE) -> list[str]:
    """The names of what these links lead to, folders with a slash."""
    entries = read("".join(f'<a href="{href}">x</a>\n' for href in hrefs), page)
    return [entry.name + ("/" if entry.kind is Kind.FOLDER else "") for entry in entries]


@pytest.mark.parametrize(
    "href",
    [
        *(
            "",
            "../",
            "..",
            "/",
            ".",
            "./",
            "?C=N;O=D",
            "file?x",
            "#top",
            "file#top",
            "/a%20b/",
            "/a%20b/c",
            "/other/file",
            "sub/file",
        ),
        *("javascript:alert(1)", "mailto:me@host", "data:text/html,x", "file:///etc/passwd", "ftp://host.example/a%20b/c/x"),
        *(
            "//evil.example/a%20b/c/x",
            "http://evil.example/a%20b/c/x",
            "https://host.example/a%20b/c/x",
            "http://[::1/a%20b/c/x",
        ),
        *(
            "http://host.example:81/a%20b/c/x",
            "../../x",
            "%2e%2e/",
            "%2e%2e",
            "%2E",
            "..%2f..%2fetc",
            "x%2Fy",
            "a%00b",
            "sub/x/",
        ),
        *("/a%2520b/c/x", "http://host.example:x/a%20b/c/x", "/", "///etc/passwd", "/etc/passwd", "\\..\\x/y/z"),
    ],
)
def test_what_is_no_direct_child_is_no_entry(href: str) -> None:
    """Parents, others, queries, fragments, scripts, and names that are no single one."""
    assert named(href) == []


@pytest.mark.parametrize(
    ("href", "name"),
    [
        *(("x", "x"), ("./x", "x"), ("x/", "x/"), ("./x/", "x/"), ("/a%20b/c/x", "x"), ("/a b/c/x", "x"), ("../c/x", "x")),
        *(
            ("http://host.example/a%20b/c/x", "x"),
            ("http://HOST.example:80/a%20b/c/x/", "x/"),
            ("//host.example/a%20b/c/x", "x"),
        ),
        *(("%41&amp;%3F%23%25.txt", "A&?#%.txt"), ("caf%C3%A9", "café"), ("café", "café"), ("gr%FC", "gr\udcfc"), (" x ", "x")),
        *(("gr\udcfc", "gr\udcfc"), ("a;type=b", "a;type=b"), ("./http:x", "http:x"), ("a%0Ab", "a\nb"), ("...", "...")),
    ],
)
def test_direct_children_are_entries(href: str, name: str) -> None:
    """However the link is written; the bytes of a name stay what they are."""
    assert named(href) == [name]


def test_a_base_counts() -> None:
    """As it does in a browser: a page cannot pass off what is elsewhere as its own."""
    assert [entry.name for entry in read('<base href="/a%20b/"><a href="c/x">x</a><a href="y">y</a>')] == ["x"]
    assert [entry.name for entry in read('<base href="http://evil.example/a%20b/c/"><a href="x">x</a>')] == []
    assert [entry.name for entry in read('<base href="http://[x"><a href="x">x</a>')] == ["x"]


def test_each_is_told_once() -> None:
    """Though its icon is a link, too."""
    row = '<td><a href="x"><img src="i"></a></td><td><a href="./x">x</a></td>'
    assert [entry.name for entry in read(row + '<a href="y">y</a>' + row)] == ["x", "y"]


NGINX = (
    '<pre><a href="../">../</a>\n<a href="sub/">sub/</a>     21-Nov-2026 13:53     -\n'
    '<a href="a">a</a>    21-Nov-2026 13:53    {}\n</pre>'
)
APACHE = '<pre><img src="i"> <a href="a">a</a>                   2026-11-21 13:53  {}  \n<hr></pre>'
CADDY = (
    '<tr><td><a href="./sub/"><span>sub</span></a></td><td><time datetime="2026-11-21T13:53:35Z">x</time></td></tr>'
    '<tr><td><a href="./a">a</a></td><td data-size="{}"></td><td><time datetime="2026-11-21T13:53:35Z">x</time></td></tr>'
)


@pytest.mark.parametrize("page", [NGINX, APACHE, CADDY])
@pytest.mark.parametrize(
    ("said", "size"), [("300001", 300001), ("7", 7), ("293K", None), ("1.2M", None), ("-", None), ("9" * 19, None)]
)
@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_only_exact_sizes_are_taken(page: str, said: str, size: int | None, piece: int) -> None:
    """What is rounded for people tells nothing, and it makes no difference in what pieces a page comes."""
    *_, entry = read(page.format(said), size=piece)
    assert (entry.name, entry.kind, entry.size) == ("a", Kind.FILE, size)


def test_only_times_with_a_zone_are_taken() -> None:
    """The local time of a server that does not say where it is would be hours off."""
    sub, entry = read(CADDY.format(1))
    assert (sub.kind, sub.size, sub.modified, entry.modified) == (Kind.FOLDER, None, 1795269215.0, 1795269215.0)
    for page in (NGINX, APACHE):
        assert [each.modified for each in read(page.format(1))][-1] is None
    assert read(CADDY.format(1).replace("11-21T", "13-41T"))[1].modified is None


def test_the_list_of_nginx() -> None:
    """Names as they are, sizes and times exact; pipes and devices as such."""
    said = [
        {"name": "sub", "type": "directory", "mtime": "Sat, 21 Nov 2026 13:53:35 GMT"},
        {"name": "a/../b", "type": "file", "mtime": "Sat, 21 Nov 2026 13:53:35 GMT", "size": 7},
        {"name": "pipe", "type": "other", "mtime": 5, "size": -1},
        {"name": 5, "type": "file"},
    ]
    assert read(json.dumps(said), media_type="application/json") == [
        Entry("sub", Kind.FOLDER, None, 1795269215.0),
        Entry("a/../b", Kind.FILE, 7, 1795269215.0),
        Entry("pipe", Kind.OTHER, None, None),
    ]
    assert read(b'[{"name":"\xff","type":"file"}]', media_type="application/json")[0].name == "\udcff"


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"{}", Refused, "is no index page"),
        (b"[1]", Refused, "is no index page"),
        (b"[{}]", Refused, "is no index page"),
        (b"no", ProtocolViolation, "cannot be read"),
        (b"[" * 100_000, ProtocolViolation, "cannot be read"),
        (b'[{"name":"a","type":"file","size":' + b"9" * 10_000 + b"}]", ProtocolViolation, "cannot be read"),
    ],
)
def test_other_json_is_no_list(body: bytes, kind: type[DlmError], words: str) -> None:
    """It says so in one sentence."""
    with pytest.raises(kind, match=words):
        read(body, media_type="application/json")


@pytest.mark.parametrize("media_type", ["application/pdf", "text/plain", None, "", "image/svg+xml"])
def test_what_is_no_page_is_refused(media_type: str | None) -> None:
    """Before a byte of it is read."""
    with pytest.raises(Refused, match=r"http://host.example/a%20b/c/ is no index page: "):
        index_of(PAGE, media_type)


def test_a_page_that_is_no_folder_is_refused() -> None:
    """Its links would lead beside it."""
    with pytest.raises(Refused, match="the address of a folder ends with a slash"):
        index_of("http://host.example/page", "text/html")


def pieces(begin: bytes, block: bytes) -> Iterator[bytes]:
    """Without end."""
    yield begin
    while True:
        yield block


@pytest.mark.parametrize(
    ("begin", "block", "words"),
    [
        (b"", b"<p>" * 10_000, "more than 1 MiB"),
        (b"", b" " * 65_536, "more than 1 MiB"),
        (b"<!--", b"x" * 65_536, "a tag of more than 64 KiB"),
        (b'<a href="', b"x" * 65_536, "a tag of more than 64 KiB"),
        (b"<a ", b"b='c' " * 10_000, "a tag of more than 64 KiB"),
        (b"<script>", b"x" * 65_536, "more than"),
        (b"<![CDATA[", b"<" * 65_536, "a tag of more than 64 KiB"),
        (b"</", b"x" * 65_536, "a tag of more than 64 KiB"),
        (b"", b"<<<<&&&&" * 8192, "more than 1 MiB"),
        (b"", b"&#" * 32_768, "more than"),
    ],
)
def test_a_page_without_end_comes_to_one(begin: bytes, block: bytes, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In bounded time and memory."""
    assert (LARGEST_PAGE, LONGEST_TAG) == (16 * 2**20, 2**16)
    monkeypatch.setattr(index, "LARGEST_PAGE", 2**20)
    reading = index_of(PAGE, "text/html")
    with pytest.raises(Untrusted, match=words):
        deque((list(reading.feed(piece)) for piece in pieces(begin, block)), maxlen=1)


def test_more_entries_than_any_folder_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """On pages and in lists."""
    assert MOST_ENTRIES == 200_000
    monkeypatch.setattr(index, "MOST_ENTRIES", 100)
    links = [f'<a href="{number}">x</a>' for number in range(101)]
    assert len(read("".join(links[:100]))) == 100
    with pytest.raises(Untrusted, match="more than 100 entries"):
        read("".join(links))
    with pytest.raises(Untrusted, match="more than 100 entries"):
        read(json.dumps([{"name": str(number), "type": "file"} for number in range(101)]), media_type="application/json")


@given(
    st.binary(max_size=300) | st.text(alphabet="<>a href='\"=/.%2eF?#:&;\\", max_size=200).map(str.encode), st.integers(1, 50)
)
def test_no_page_makes_a_name_of_more_than_one_component(body: bytes, size: int) -> None:
    """Whatever the bytes are, and in whatever pieces they come."""
    whole = b'<a href="x">x</a> <a href="' + body + b'">y</a><a href=' + body + b">" + body
    entries = read(whole, size=size)
    assert all(is_component(entry.name) for entry in entries)
    assert [entry.name for entry in entries] == [entry.name for entry in read(whole)]
