"""Lists of URLs, and URLs that stand for many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.intake.entry import Entry
from dlm.intake.expansion import MOST_EXPANDED, expanded, has_pattern
from dlm.intake.url_list import read_list
from dlm.model.error import InvalidRequest


@pytest.mark.parametrize(
    ("line", "uri", "options"),
    [
        ("https://h/a", "https://h/a", {}),
        ("  https://h/a \t", "https://h/a", {}),
        ("https://h/a#top", "https://h/a#top", {}),
        ("https://h/a  out=b.iso", "https://h/a", {"out": "b.iso"}),
        ("https://h/a\tout=b c.iso  checksum=md5=00", "https://h/a", {"out": "b c.iso", "checksum": "md5=00"}),
        ("https://h/a \t out = b ", "https://h/a", {"out": "b"}),
        ("https://h/a  header=X: a=b   # for later  out=x", "https://h/a", {"header": "X: a=b"}),
        ("https://h/a  # note", "https://h/a", {}),
        ("https://h/a b", "https://h/a b", {}),
    ],
)
def test_a_line_is_a_url_and_options(line: str, uri: str, options: dict[str, str]) -> None:
    """Two spaces or a tab part the pieces; one space belongs to the value."""
    assert list(read_list([f"{line}\n"], "l")) == [Entry(1, (uri,), tuple((1, *row) for row in options.items()))]


@pytest.mark.parametrize("line", ["", "  ", "# https://h/a", "\t# x", "#"])
def test_comments_are_nothing(line: str) -> None:
    """Comments and blank lines name no download."""
    assert list(read_list([f"{line}\r\n"], "l")) == []


def test_a_piece_that_is_no_option_is_refused() -> None:
    """A piece without '=' is an error with its line, and is not repeated when it may be a secret."""
    with pytest.raises(InvalidRequest, match=r"^l:2: this is not an option") as caught:
        list(read_list(["https://h/a\nhttps://h/b  Bearer SECRET\n"], "l"))
    assert "SECRET" not in str(caught.value)


values = st.from_regex(r"[!-~é]{1,6}( [!-~é]{1,6})?", fullmatch=True)
downloads = st.lists(
    st.tuples(
        st.from_regex(r"https://[a-z]{1,5}/[!-~]{0,20}", fullmatch=True),
        st.lists(st.tuples(st.sampled_from(["out", "dir", "header"]), values), max_size=3),
    ),
    max_size=5,
)


@given(downloads, st.sampled_from(["  ", "\t", " \t ", "     "]), st.sampled_from(["\n", "\r\n"]))
def test_what_is_written_is_read(downloads: list[tuple[str, list[tuple[str, str]]]], gap: str, end: str) -> None:
    """Entries written as a list are read back the same."""
    text = "".join(gap.join([uri, *(f"{name}={value}" for name, value in options)]) + end for uri, options in downloads)
    read = [(entry.uris[0], [(name, value) for _, name, value in entry.options]) for entry in read_list([text], "l")]
    assert read == downloads


# --- URLs that stand for many -----------------------------------------------------------------------------------------


def expansion(uri: str, out: str = "") -> list[tuple[str, str]]:
    entry = Entry(3, (uri,), ((3, "out", out), (3, "dir", "#1")))
    found = list(expanded(entry, "l"))
    assert all(each.line == 3 and each.options[1] == (3, "dir", "#1") for each in found)
    return [(each.uris[0], each.options[0][2]) for each in found]


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://h/[1-3]", ["https://h/1", "https://h/2", "https://h/3"]),
        ("https://h/[08-10]x", ["https://h/08x", "https://h/09x", "https://h/10x"]),
        ("https://h/[0-2]", ["https://h/0", "https://h/1", "https://h/2"]),
        ("https://h/[0-9:4]", ["https://h/0", "https://h/4", "https://h/8"]),
        ("https://h/[a-c]", ["https://h/a", "https://h/b", "https://h/c"]),
        ("https://h/{a,,b}", ["https://h/a", "https://h/", "https://h/b"]),
        ("https://h/[1-2]/{a,b}", ["https://h/1/a", "https://h/1/b", "https://h/2/a", "https://h/2/b"]),
        ("https://[::1]/[x]{y}[b-A]", ["https://[::1]/[x]{y}[b-A]"]),
    ],
)
def test_patterns_stand_for_urls(uri: str, expected: list[str]) -> None:
    """Numbers keep their width, the last pattern changes fastest, what is no pattern stays."""
    assert [uri for uri, _ in expansion(uri)] == expected
    assert has_pattern(uri) == (expected != [uri])


def test_the_name_may_say_what_the_pattern_stands_for() -> None:
    """`#1` in `out` is the first pattern's choice; a number without a pattern stays."""
    found = expansion("https://h/[1-2]/{a,b}", "#2-#1-#3")
    assert [out for _, out in found] == ["a-1-#3", "b-1-#3", "a-2-#3", "b-2-#3"]


@pytest.mark.parametrize(
    "uri",
    ["https://h/[3-1]", "https://h/[1-3:0]", "https://h/[c-a]", "https://h/[0-999999999999]", "https://h/[0-999]/[0-999]"],
)
def test_a_pattern_for_nothing_or_too_much_is_refused(uri: str) -> None:
    """The sentence names the line, and nothing is expanded before it is said."""
    with pytest.raises(InvalidRequest, match=r"^l:3: 'https://h/"):
        expansion(uri)


def test_mirrors_cannot_be_expanded() -> None:
    """Which of the mirrors would belong together cannot be said."""
    with pytest.raises(InvalidRequest, match=r"^l:1: .*mirrors"):
        list(expanded(Entry(1, ("https://h/[1-2]", "https://i/a")), "l"))


@given(st.integers(0, 2000), st.integers(0, 300), st.integers(1, 50), st.integers(1, 6))
def test_numbers_count(first: int, more: int, step: int, width: int) -> None:
    """A range stands for each of its numbers, once and in order."""
    text = f"{first:0{width}}"
    found = [uri for uri, _ in expansion(f"https://h/[{text}-{first + more}:{step}]")]
    assert [int(uri.rpartition("/")[2]) for uri in found] == list(range(first, first + more + 1, step))
    assert len(found) <= MOST_EXPANDED
    if text.startswith("0"):
        assert all(len(uri.rpartition("/")[2]) >= len(text) for uri in found)
