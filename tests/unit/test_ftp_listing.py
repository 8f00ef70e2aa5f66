"""Listings of folders as servers write them, and as malicious ones do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.listing import Entry, Kind
from dlm.protocols.ftp.listing import LINE_LIMIT, Listing, Style, is_component, read_facts, read_people
from dlm.protocols.ftp.replies import Garbled

NOW = 1_784_635_200.0  # 2026-07-21 12:00 UTC
JANUARY = 1_577_836_800.0  # 2020-01-01
HALF = '"20200101000000.5-12"'


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ("type=file;size=12;modify=20200101000000; a b", Entry("a b", Kind.FILE, 12, JANUARY, '"20200101000000-12"')),
        ("Type=FILE;Size=12;Modify=20200101000000.5;UNIX.mode=0644;  a", Entry(" a", Kind.FILE, 12, JANUARY + 0.5, HALF)),
        ("type=file;size=x; a", Entry("a", Kind.FILE, None, None)),
        ("type=dir;size=4096;modify=20200101000000; a", Entry("a", Kind.FOLDER, None, JANUARY)),
        ("type=OS.unix=slink:/b;size=1; a", Entry("a", Kind.LINK, None, None)),
        ("type=OS.unix=symlink; a", Entry("a", Kind.LINK, None, None)),
        ("type=OS.unix=chr-1/3; a", Entry("a", Kind.OTHER, None, None)),
        ("type=cdir; .", None),
        ("type=pdir; ..", None),
        ("size=12; a", None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_lines_of_facts(line: str, entry: Entry | None) -> None:
    """As RFC 3659 has them."""
    assert read_facts(line) == entry


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ("-rw-r--r--    1 0        0              12 Jan 01  2020 a b", Entry("a b", Kind.FILE, 12, JANUARY)),
        ("-rw-r--r--   1 owner    group          12 Jan  1  2020  a", Entry(" a", Kind.FILE, 12, JANUARY)),
        ("-rw-r--r--+  1 owner                   12 Jan  1  2020 a", Entry("a", Kind.FILE, 12, JANUARY)),
        ("drwxrwxrwt   2 owner    group        4096 Jan  1  2020 a", Entry("a", Kind.FOLDER, None, JANUARY)),
        ("lrwxrwxrwx   1 owner    group           3 Jan  1  2020 a -> ../b", Entry("a", Kind.LINK, None, JANUARY)),
        ("crw-rw-rw-   1 root     root       1,   3 Jan  1  2020 a", Entry("a", Kind.OTHER, None, JANUARY)),
        ("-rw-r--r--   1 o g 12 Jul 20 12:00 a", Entry("a", Kind.FILE, 12, NOW - 86400)),
        ("-rw-r--r--   1 o g 12 Aug 21 12:00 a", Entry("a", Kind.FILE, 12, NOW + 31 * 86400 - 365 * 86400)),
        ("-rw-r--r--   1 o g 12 Feb 30  2020 a", Entry("a", Kind.FILE, 12, None)),
        ("-rw-r--r--   1 o g 12 Foo  1  2020 a", None),
        ("01-01-20  12:00AM                   12 a b", Entry("a b", Kind.FILE, 12, JANUARY)),
        ("01-01-2020  00:00                1,012 a", Entry("a", Kind.FILE, 1012, JANUARY)),
        ("01-01-20  12:00PM       <DIR>          a", Entry("a", Kind.FOLDER, None, JANUARY + 43200)),
        ("01-01-20  12:00PM       <JUNCTION>     a", Entry("a", Kind.LINK, None, JANUARY + 43200)),
        ("total 12", None),
        ("", None),
    ],
)
def test_lines_for_people(line: str, entry: Entry | None) -> None:
    """In the styles of Unix and of DOS."""
    assert read_people(line, NOW) == entry


HOSTILE = ["../x", "a/b", "/etc/passwd", "..", ".", "a\\b", "a\x01", "a\x7f", "a\tb", "a\rb", "a\0b"]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_lead_elsewhere_are_left_out(name: str) -> None:
    """In each style; those beside them are not."""
    for style, form in ((Style.FACTS, "type=file;size=1; {}"), (Style.PEOPLE, "-rw-r--r-- 1 o g 1 Jan  1  2020 {}")):
        listing = Listing(style, NOW)
        lines = "".join(form.format(each) + "\r\n" for each in ("before", name, "after"))
        assert [entry.name for entry in listing.feed(lines.encode())] == ["before", "after"]


def test_what_is_left_out_is_counted() -> None:
    """But not what belongs to every listing."""
    listing = Listing(Style.FACTS, NOW)
    list(listing.feed(b"type=cdir; .\r\ntype=pdir; ..\r\ntype=file; a/b\r\nnonsense\r\n"))
    assert listing.skipped == 2
    listing = Listing(Style.PEOPLE, NOW)
    list(listing.feed(b"total 3\ndrwxr-xr-x 1 o g 1 Jan  1  2020 .\ndrwxr-xr-x 1 o g 1 Jan  1  2020 ..\nnonsense\n"))
    assert listing.skipped == 1


def test_a_line_without_an_end_is_refused() -> None:
    """Before it fills the memory."""
    listing = Listing(Style.FACTS, NOW)
    assert list(listing.feed(b"x" * LINE_LIMIT)) == []
    with pytest.raises(Garbled):
        list(listing.feed(b"x"))


NAMES = st.text(st.characters(exclude_characters="/\\\x7f", exclude_categories=("Cc", "Cs")), min_size=1, max_size=20).filter(
    lambda name: name not in {".", ".."}
)


@given(st.lists(st.tuples(NAMES, st.integers(0, 10**12))), st.integers(1, 100))
def test_any_names_and_sizes_come_back(files: list[tuple[str, int]], piece: int) -> None:
    """In whatever pieces a listing comes, and whether its last line is ended or not."""
    text = "\r\n".join(f"type=file;size={size};modify=20200101000000; {name}" for name, size in files).encode()
    entries: list[Entry] = []
    listing = Listing(Style.FACTS, NOW)
    for start in range(0, len(text), piece):
        entries += listing.feed(text[start : start + piece])
    entries += listing.end()
    assert [(entry.name, entry.size) for entry in entries] == files
    assert listing.skipped == 0


@given(st.binary(max_size=300), st.sampled_from(Style), st.integers(1, 50))
def test_a_server_may_list_anything(text: bytes, style: Style, piece: int) -> None:
    """What comes out has names of one component, sizes that are numbers, and can be asked for again."""
    entries: list[Entry] = []
    listing = Listing(style, NOW)
    for start in range(0, len(text), piece):
        entries += listing.feed(text[start : start + piece])
    entries += listing.end()
    for entry in entries:
        assert is_component(entry.name)
        assert entry.size is None or entry.size >= 0
        entry.name.encode("utf-8", "surrogateescape")


def test_names_that_are_not_utf8_can_be_asked_for_again() -> None:
    """Their bytes are kept."""
    listing = Listing(Style.FACTS, NOW)
    (entry,) = listing.feed(b"type=file;size=1; gr\xfc\xdfe\r\n")
    assert entry.name.encode("utf-8", "surrogateescape") == b"gr\xfc\xdfe"
