"""Tables of downloads: CSV, TSV, JSON Lines."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.intake.entry import Entry, Skipped
from dlm.intake.options import fields_of, parted
from dlm.intake.tables import read_csv, read_jsonl, read_tsv
from dlm.model.error import InvalidRequest
from dlm.model.rank import Priority
from dlm.model.resource import Digest


def rows(text: str) -> list[tuple[tuple[str, ...], dict[str, str]]]:
    found = list(read_csv([text], "t"))
    assert all(isinstance(each, Entry) for each in found)
    return [(each.uris, {name: value for _, name, value in each.options}) for each in found if isinstance(each, Entry)]


@pytest.mark.parametrize(
    ("column", "cell", "option"),
    [
        ("name", "a.iso", ("out", "a.iso")),
        ("Output", " a.iso ", ("out", "a.iso")),
        ("out", "a b.iso", ("out", "a b.iso")),
        ("file_name", "a", ("out", "a")),
        ("Directory", "/x", ("dir", "/x")),
        ("dir", "/x", ("dir", "/x")),
        ("checksum", "md5=00", ("checksum", "md5=00")),
        ("sha256", "00", ("checksum", "sha-256=00")),
        ("SHA-256", "sha-256:00", ("checksum", "sha-256:00")),
        ("md5", "00", ("checksum", "md5=00")),
        ("Referrer", "https://r/", ("referer", "https://r/")),
        ("header", "A: b", ("header", "A: b")),
        ("header:X-Key", "b", ("header", "X-Key: b")),
        ("cookie", "a=b", ("header", "Cookie: a=b")),
        ("User Agent", "me", ("user-agent", "me")),
        ("limit_rate", "1M", ("limit-rate", "1M")),
        ("max-download-limit", "1M", ("max-download-limit", "1M")),
        ("priority", "high", ("priority", "high")),
        ("start", "22:30", ("start", "22:30")),
        ("start_at", "22:30", ("start-at", "22:30")),
        ("group", "films", ("group", "films")),
        ("paused", "yes", ("paused", "yes")),
    ],
)
def test_columns_become_options(column: str, cell: str, option: tuple[str, str]) -> None:
    """The names of columns are read generously, in tables and in JSON alike."""
    assert rows(f"url,{column}\nhttps://h/a,{cell}\n") == [(("https://h/a",), dict([option]))]
    (entry,) = read_jsonl([json.dumps({"URL": "https://h/a", column: cell})], "t")
    assert entry == Entry(1, ("https://h/a",), ((1, *option),))


@pytest.mark.parametrize(
    ("text", "uris"),
    [
        ("uri\nhttps://h/a\n", [("https://h/a",)]),
        ("urls,mirror\nhttps://h/a https://i/a,https://j/a\n", [("https://h/a", "https://i/a", "https://j/a")]),
        ('"url"\r\n"https://h/a\r\nhttps://i/a"\r\n', [("https://h/a", "https://i/a")]),
        ("url;name\nhttps://h/a;x\n", [("https://h/a",)]),
        ("url,,name\n\nhttps://h/a,ignored,x\n\nhttps://h/b\n", [("https://h/a",), ("https://h/b",)]),
        ('name,url\n"a,""b""",https://h/a,,\n', [("https://h/a",)]),
    ],
)
def test_a_table_is_read(text: str, uris: list[tuple[str, ...]]) -> None:
    """Quotes, line breaks within them, semicolons, blank rows, short rows, empty cells."""
    assert [found for found, _ in rows(text)] == uris


def test_lines_are_told_where_rows_begin() -> None:
    """A row over several lines counts from its first."""
    found = list(read_csv(['url,name\n"https://h/a\n",x\nhttps://h/b\n,y\n'], "t"))
    assert [each.line for each in found] == [2, 4, 5]
    assert isinstance(found[2], Skipped)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "t:1: the first row must name the columns"),
        ("https://u:SECRET@h/a\n", "t:1: the first row must name the columns"),
        ("url,sah256\nhttps://h/a,0\n", "t:1: there is no column 'sah256' for a download: did you mean 'sha256'"),
        ("url,https://u:SECRET@h/a\n", "t:1: there is no column this"),
        ("url,header:\n", "t:1: there is no column"),
        ("url\nhttps://h/a,SECRET\n", "t:2: this row has 2 cells"),
        ('url\n"https://h/SECRET\n', "t:2: the cells of this row cannot be told apart"),
        ('url\n"https://h/SECRET"x\n', "t:2: the cells of this row cannot be told apart"),
        ("url\n" + "a" * 200_000, "t:2: the cells of this row cannot be told apart"),
    ],
)
def test_a_wrong_table_is_refused(text: str, sentence: str) -> None:
    """One sentence names the line, and repeats no cell."""
    with pytest.raises(InvalidRequest) as caught:
        list(read_csv([text], "t"))
    assert str(caught.value).startswith(sentence)
    assert "SECRET" not in str(caught.value)


def test_unknown_columns_may_be_passed_over() -> None:
    """With `ignore_unknown` their cells mean nothing."""
    entry = Entry(2, ("https://h/a",), ((2, "out", "y"),))
    assert list(read_csv(["url,note,name\nhttps://h/a,x,y\n"], "t", ignore_unknown=True)) == [entry]
    assert list(read_tsv(["url\tnote\tname\nhttps://h/a\tx\ty\n"], "t", ignore_unknown=True)) == [entry]
    row = {"url": "https://h/a", "note": {"x": [1]}, "name": "y"}
    assert list(read_jsonl(["\n", json.dumps(row)], "t", ignore_unknown=True)) == [entry]


def test_json_has_types() -> None:
    """Numbers, switches, lists and objects mean what they would in a cell."""
    row = {
        "urls": ["https://h/a", "https://i/a"],
        "connections": 3,
        "timeout": 1.5,
        "overwrite": True,
        "paused": False,
        "headers": {"A": "b", "C": "d"},
        "name": None,
        "sha256": "ab" * 32,
        "priority": "low",
    }
    (entry,) = read_jsonl([json.dumps(row)], "t")
    assert isinstance(entry, Entry)
    assert entry.uris == ("https://h/a", "https://i/a")
    entry, wishes = parted(entry, "t")
    assert (wishes.paused, wishes.priority) == (False, Priority.LOW)
    assert fields_of(entry, "t") == {
        "connections": 3,
        "timeout": 1.5,
        "overwrite": True,
        "headers": ("A: b", "C: d"),
        "checksum": Digest("sha-256", b"\xab" * 32),
    }


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("{", "not JSON"),
        ('{"url": "SECRET', "not JSON"),
        ('["https://h/SECRET"]', "an object on each line"),
        ('"SECRET"', "an object on each line"),
        ('{"url": {"a": "SECRET"}}', "'url' holds neither"),
        ('{"url": "https://h/a", "name": ["SECRET", 1]}', "'name' holds neither"),
        ('{"url": "https://h/a", "nmae": "SECRET"}', "did you mean 'name'"),
        ("[" * 100_000, "deep"),
        ('{"url":' * 100_000, "deep"),
        ('{"connections": ' + "9" * 5000 + "}", "long"),
    ],
)
def test_wrong_json_is_refused(line: str, word: str) -> None:
    """Neither depth nor length breaks the reader; the sentence names the line and repeats no value."""
    with pytest.raises(InvalidRequest, match=r"^t:2: ") as caught:
        list(read_jsonl(['{"url": "https://h/x"}\n', line], "t"))
    assert word in str(caught.value)
    assert "SECRET" not in str(caught.value)


cells = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(
    lambda text: text == text.strip()
)
tables = st.lists(
    st.tuples(st.from_regex(r"https://[a-z]{1,5}/[!-~]{0,20}", fullmatch=True), cells, cells), min_size=1, max_size=5
)


@given(tables, st.sampled_from([",", ";", "\t"]), st.sampled_from(["\n", "\r\n"]), st.integers(1, 40))
def test_what_is_written_is_read(table: list[tuple[str, str, str]], delimiter: str, end: str, size: int) -> None:
    """Entries written as a table or as JSON Lines are read back the same, in whatever pieces the text comes."""
    expected = [((uri,), [("out", name), ("header", f"X: {value}")]) for uri, name, value in table]
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator=end).writerows([("url", "name", "header:X"), *table])
    text = file.getvalue()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    objects = "".join(json.dumps({"url": uri, "name": name, "header:X": value}) + end for uri, name, value in table)
    for found in (read_tsv if delimiter == "\t" else read_csv)(pieces, "t"), read_jsonl([objects], "t"):
        entries = [each for each in found if isinstance(each, Entry)]
        assert [(each.uris, [(name, value) for _, name, value in each.options]) for each in entries] == expected
