"""How a format is known, what all of them share, and what none of them lets through."""

from __future__ import annotations

import json
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.intake.choice import url_choice
from dlm.intake.entry import Entry, Skipped, shown
from dlm.intake.formats import Format, Reading, read, sniff
from dlm.intake.options import fields_of, parted
from dlm.model.error import InvalidRequest


@pytest.mark.parametrize(
    ("name", "head", "format"),
    [
        ("page.har", "anything", Format.HAR),
        ("a.CSV", "", Format.CSV),
        ("a.tsv", "", Format.TSV),
        ("a.jsonl", "", Format.JSONL),
        ("a.ndjson", "", Format.JSONL),
        ("aria2.session", "", Format.SESSION),
        ("x.curl", "", Format.CURL),
        ("x", '{"log":{"entries"', Format.HAR),
        ("x.json", '\n{\n  "log": {', Format.HAR),
        ("x", '{"url":"https://h/a"}\n', Format.JSONL),
        ("x", "curl 'https://h/a' \\\n", Format.CURL),
        ("x", "# mine\n\n$ curl -O https://h/a", Format.CURL),
        ("x.sh", "/usr/bin/curl https://h/a", Format.CURL),
        ("x.bat", 'curl.exe ^"https://h/a^"', Format.CURL),
        ("x", "name,url\na,https://h/a\n", Format.CSV),
        ("x", '"URL";"Name"\n', Format.CSV),
        ("x", "url\nhttps://h/a\n", Format.CSV),
        ("x", "name\turl\n", Format.TSV),
        ("x", "https://h/a\t\n gid=0123456789abcdef\n", Format.SESSION),
        ("x", "https://h/a\n  out=x\n", Format.ARIA2),
        ("x", "https://h/a\thttps://i/a\n", Format.ARIA2),
        ("x", "https://h/a\n\tout = x\n", Format.LIST),
        ("x", "https://h/a\tout=x\n", Format.LIST),
        ("x", "https://h/a  out=x\n", Format.LIST),
        ("x", "# a\nhttps://h/a\nhttps://h/b\n", Format.LIST),
        ("urls.txt", "https://h/curl \n", Format.LIST),
        ("x", "", Format.LIST),
    ],
)
def test_a_format_is_known(name: str, head: str, format: Format) -> None:
    """By the end of the name, else by the beginning of the text."""
    assert sniff(name, head) is format


@pytest.mark.parametrize("head", ["<?xml version='1.0'?><rss>", "<!doctype html>", '[{"url": "https://h/a"}]'])
def test_what_is_not_read_is_refused(head: str) -> None:
    """One sentence says what the file is instead."""
    with pytest.raises(InvalidRequest, match=r"^x is "):
        sniff("x", head)


SAME = {
    Format.ARIA2: "https://h/a\n out=x\n priority=high\nhttps://h/b\n",
    Format.SESSION: "https://h/a\t\n gid=0000000000000001\n out=x\n priority=high\nhttps://h/b\t\n gid=0000000000000002\n",
    Format.LIST: "https://h/a  out=x  priority=high\nhttps://h/b\n",
    Format.CSV: "url,name,priority\nhttps://h/a,x,high\nhttps://h/b\n",
    Format.TSV: "url\tname\tpriority\nhttps://h/a\tx\thigh\nhttps://h/b\n",
    Format.JSONL: '{"url":"https://h/a","name":"x","priority":"high"}\n{"url":"https://h/b"}\n',
}


@pytest.mark.parametrize("format", SAME)
def test_lists_say_the_same_in_each_format(format: Format) -> None:
    """The same two downloads, however they are written."""
    found = [each for each in read(format, [SAME[format]], "x", Reading()) if isinstance(each, Entry)]
    assert [each.uris for each in found] == [("https://h/a",), ("https://h/b",)]
    assert [[(name, value) for _, name, value in each.options] for each in found] == [[("out", "x"), ("priority", "high")], []]


WRITTEN = {
    **SAME,
    Format.HAR: json.dumps(
        {
            "log": {
                "entries": [
                    {"request": {"method": "GET", "url": f"https://h/{name}"}, "response": {"status": 200}} for name in "ab"
                ]
            }
        }
    ),
    Format.CURL: "curl https://h/a -o x\ncurl https://h/b\n",
    Format.METALINK: '<metalink xmlns="urn:ietf:params:xml:ns:metalink">'
    '<file name="x"><url>https://h/a</url></file><file name="y"><url>https://h/b</url></file></metalink>',
}


@pytest.mark.parametrize("format", Format)
def test_a_filter_is_for_each_format(format: Format) -> None:
    """What it does not take is told."""
    one, other = read(format, [WRITTEN[format]], "x", Reading(chosen=url_choice(["*/B"])))
    skipped, entry = (one, other) if isinstance(one, Skipped) else (other, one)
    assert isinstance(skipped, Skipped)
    assert isinstance(entry, Entry)
    assert (skipped.what, skipped.why, entry.uris) == ("https://h/a", "--filter does not take it", ("https://h/b",))


def test_patterns_expand_before_the_filter() -> None:
    """Lists and tables expand on demand; a recording is literal."""
    reading = Reading(expand=True, chosen=url_choice(["*2"]))
    for format, text in {
        Format.LIST: "https://h/[1-3]\n",
        Format.CSV: "url\nhttps://h/[1-3]\n",
        Format.CURL: "curl 'https://h/[1-3]'",
    }.items():
        found = [each for each in read(format, [text], "x", reading) if isinstance(each, Entry)]
        assert [each.uris for each in found] == [("https://h/2",)]
    assert [each.uris for each in read(Format.LIST, ["https://h/[1-3]\n"], "x", Reading()) if isinstance(each, Entry)] == [
        ("https://h/[1-3]",)
    ]
    text = WRITTEN[Format.HAR].replace("https://h/a", "https://h/[1-3]")
    assert len(list(read(Format.HAR, [text], "x", Reading(expand=True)))) == 2


def test_too_many_are_refused() -> None:
    """A list without end stops being read."""
    assert len(list(read(Format.LIST, ["https://h/a\n" * 3], "x", Reading(), most=3))) == 3
    with pytest.raises(InvalidRequest, match="in parts"):
        list(read(Format.LIST, repeat("https://h/a\n"), "x", Reading(), most=3))


CANARY = "SECRET"
BROKEN = [
    f"https://me:{CANARY}@h/a?token={CANARY}  x",
    f"https://me:{CANARY}@h/a\n Authorization: Bearer {CANARY}==\n",
    f"https://me:{CANARY}@h/a\n header={CANARY}\n http-passwd={CANARY}\n timeout=x\n",
    f"url,{CANARY}: {CANARY}\n",
    f'{{"url": "https://me:{CANARY}@h/a", "bearer": ["{CANARY}", {{}}]}}',
    f"curl https://h/a -H 'Authorization: {CANARY}' -u {CANARY}",
    f"curl 'https://me:{CANARY}@h/a' -b '{CANARY}=x' --nonsense={CANARY}",
    f'{{"log":{{"entries":[{{"request":{{"url":"https://me:{CANARY}@h/a?sig={CANARY}"}}}},{{"a":{CANARY}}}]}}}}',
]


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize("format", Format)
def test_no_message_holds_a_secret(format: Format, text: str) -> None:
    """Whatever is read as whatever, neither errors nor notes repeat a password, a token or a header."""
    notes = [shown(f"https://me:{CANARY}@h/a?token={CANARY}#{CANARY}")]
    try:
        for each in read(format, [text], "x", Reading()):
            if isinstance(each, Skipped):
                notes += [each.what, each.why]
            else:
                entry, _ = parted(each, "x")
                fields_of(entry, "x")
    except InvalidRequest as error:
        notes.append(str(error))
    assert CANARY not in "\n".join(notes)


@given(st.sampled_from(Format), st.text(max_size=120), st.integers(1, 20), st.booleans())
def test_no_text_breaks_a_reader(format: Format, text: str, size: int, flag: bool) -> None:
    """Whatever stands in a file, there are entries with addresses, notes, or one sentence that names the file."""
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    sentence = "x "
    try:
        for each in read(format, pieces, "x", Reading(expand=flag, ignore_unknown=flag)):
            assert isinstance(each, Skipped) or all(each.uris)
    except InvalidRequest as error:
        sentence = str(error)
    assert sentence.startswith(("x:", "x "))
